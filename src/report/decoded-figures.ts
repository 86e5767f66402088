/**
 * The figures of decoded behavior: scores beside the baselines, recorded and decoded values over
 * time and against each other, and confusions of classes.
 */

import { type DecodedNumbers, runLengths } from '../analyze/decoded-variable.js';
import type { DecodedResults } from '../probe/results.js';
import type { WindowRef } from '../recording/windows.js';
import { confusionFigure } from './confusion.js';
import { decoderFigures } from './decoder-figures.js';
import { draw, type Figure } from './draw.js';
import {
  AXIS_WIDTH,
  equalityLayer,
  FULL_WIDTH,
  INK,
  LINE_WIDTH,
  panelWidth,
  ROLES,
  textWidth,
  withUnit,
} from './theme.js';

/** The figures of all decoded variables. */
export async function decodedFigures(decoded: DecodedResults): Promise<Figure[]> {
  const { variables } = decoded;
  const numbers = variables.filter((variable) => variable.kind !== 'class');
  const classes = variables.filter((variable) => variable.kind === 'class');
  return Promise.all([
    ...decoderFigures(decoded),
    ...(numbers.length > 0
      ? [tracesFigure(numbers, decoded), scatterFigure(numbers, decoded)]
      : []),
    ...classes.map(confusionFigure),
  ]);
}

/** The name of a variable with its unit; of angles without a known one, from their full turn. */
function describeAxis(variable: DecodedNumbers, { units }: DecodedResults): string {
  const { name, period } = variable;
  const turn = period === 360 ? 'deg' : period === 2 * Math.PI ? 'rad' : undefined;
  return withUnit(name, units[name] ?? turn);
}

const SERIES = ['recorded', 'decoded'] as const;
const source = {
  field: 'source',
  type: 'nominal',
  scale: { domain: SERIES, range: [ROLES.truth, ROLES.model] },
};
/** Seconds of a trace in which single time points can be told apart. */
const SHOWN_SECONDS = 60;
/** Time points in a row below which it is no trace. */
const MIN_TRACE = 10;
/** Windows that are drawn one by one, where they are no trace. */
const MAX_SINGLE_WINDOWS = 60;
const TRACE_HEIGHT = 110;

/** Indices of the windows to show: the start of the longest stretch without a break. */
function shownRows(refs: readonly WindowRef[]): number[] {
  const lengths = runLengths(refs);
  const longest = lengths.indexOf(Math.max(...lengths));
  const start = lengths.slice(0, longest).reduce((sum, length) => sum + length, 0);
  const rows = Array.from({ length: lengths[longest] ?? 0 }, (_, n) => start + n);
  return rows.filter((n) => refs[n]!.end - refs[start]!.end <= SHOWN_SECONDS);
}

/**
 * Recorded and decoded values over time, a panel for each variable; where trials have but a few
 * windows, values of one window after the other.
 */
function tracesFigure(
  variables: readonly DecodedNumbers[],
  decoded: DecodedResults,
): Promise<Figure> {
  const { refs } = decoded;
  const stretch = shownRows(refs);
  const isTrace = stretch.length >= MIN_TRACE;
  const shown = isTrace ? stretch : [...refs.keys()].slice(0, MAX_SINGLE_WINDOWS);
  const field = isTrace ? 'time' : 'window';
  const rows = variables.flatMap((variable) =>
    shown.flatMap((n) =>
      [variable.truth[n]!, variable.predicted[n]!].map((value, series) => ({
        variable: variable.name,
        source: SERIES[series],
        [field]: isTrace ? Number(refs[n]!.end.toFixed(3)) : n + 1,
        value,
      })),
    ),
  );
  return draw(
    {
      name: 'decoded',
      title: 'Recorded and decoded',
      caption: isTrace
        ? `The first ${SHOWN_SECONDS} s of the longest stretch without a break.`
        : `The first ${shown.length} of ${refs.length} windows, in order of time.`,
    },
    rows,
    {
      vconcat: variables.map((variable, n) => ({
        width: FULL_WIDTH - AXIS_WIDTH - 24,
        height: TRACE_HEIGHT,
        transform: [{ filter: { field: 'variable', equal: variable.name } }],
        layer: traceLayers(variable, isTrace),
        encoding: {
          x: {
            field,
            type: 'quantitative',
            scale: { zero: false, nice: false, padding: isTrace ? 0 : 6 },
            title: n === variables.length - 1 ? traceTitle(isTrace, refs) : null,
            axis: { tickCount: 8, labels: n === variables.length - 1 },
          },
          y: {
            field: 'value',
            type: 'quantitative',
            title: describeAxis(variable, decoded),
            scale: { zero: false },
            axis: { tickCount: 4 },
          },
        },
      })),
      spacing: 16,
    },
  );
}

function traceTitle(isTrace: boolean, refs: readonly WindowRef[]): string {
  if (!isTrace) return 'window';
  return refs.some(({ trialIndex }) => trialIndex > 0) ? 'time in the trial (s)' : 'time (s)';
}

function traceLayers({ kind }: DecodedNumbers, isTrace: boolean): object[] {
  const point = { type: 'point', filled: true, opacity: 0.9 };
  const encoding = { color: source };
  // Angles are points: a line would cross the whole figure wherever the angle wraps around.
  if (isTrace)
    return kind === 'angle'
      ? [{ mark: { ...point, size: 12 }, encoding }]
      : [{ mark: { type: 'line', strokeWidth: LINE_WIDTH }, encoding }];
  const difference = {
    mark: { type: 'rule', color: INK.reference },
    encoding: { y: { field: 'value', aggregate: 'min' }, y2: { field: 'value', aggregate: 'max' } },
  };
  return [
    ...(kind === 'angle' ? [] : [difference]),
    { mark: { ...point, size: 45, opacity: 1 }, encoding },
  ];
}

/** Points of a scatter plot that can be told apart. */
const MAX_SCATTER_POINTS = 3000;
/** Side of a panel at most. */
const MAX_SCATTER_SIZE = 240;

/** Decoded against recorded values, a panel for each variable. */
function scatterFigure(
  variables: readonly DecodedNumbers[],
  decoded: DecodedResults,
): Promise<Figure> {
  const count = decoded.refs.length;
  const stride = Math.max(1, Math.ceil(count / MAX_SCATTER_POINTS));
  const rows = variables.flatMap(({ name, truth, predicted }) =>
    Array.from({ length: Math.ceil(count / stride) }, (_, n) => ({
      variable: name,
      recorded: truth[n * stride]!,
      decoded: predicted[n * stride]!,
    })),
  );
  const columns = variables.length % 2 === 0 || variables.length === 1 ? 2 : 3;
  const size = Math.min(MAX_SCATTER_SIZE, panelWidth(columns));
  return draw(
    {
      name: 'scatter',
      title: 'Decoded against recorded',
      caption: `${stride > 1 ? `One in ${stride} decoded time points` : 'All decoded time points'}; the dashed line marks equal values.`,
    },
    rows,
    {
      columns,
      concat: variables.map((variable) => {
        const values = [...variable.truth, ...variable.predicted];
        const [low, high] = [Math.min(...values), Math.max(...values)];
        const axis = (field: string) => ({
          field,
          type: 'quantitative',
          title: wrappedTitle(`${field} ${describeAxis(variable, decoded)}`, size),
          scale: { domain: [low, high], zero: false, nice: false },
        });
        return {
          width: size,
          height: size,
          transform: [{ filter: { field: 'variable', equal: variable.name } }],
          layer: [
            equalityLayer(low, high),
            {
              mark: { type: 'point', filled: true, size: 14, color: ROLES.model, opacity: 0.35 },
              encoding: { x: axis('recorded'), y: axis('decoded') },
            },
          ],
        };
      }),
    },
  );
}

/** A title in two lines where it is longer than its axis. */
function wrappedTitle(title: string, length: number): string | string[] {
  const space = title.indexOf(' ');
  return textWidth(title) <= length ? title : [title.slice(0, space), title.slice(space + 1)];
}

/** Decoded behaviour in a report: what it was and what was made of it, beside the baselines. */

import { type DecodedVariable, runLengths } from '../analyze/decoded-variable.js';
import { SCORE_NAMES, type Score } from '../analyze/decoding-scores.js';
import type { DecodedResults } from '../probe/results.js';
import type { WindowRef } from '../recording/windows.js';
import { decimals, grouped } from '../text/format.js';
import { COLORS, draw, type Figure } from './draw.js';
import type { Section, Table } from './html.js';

const SERIES_NAMES = ['true', 'decoded'];
const source = {
  field: 'source',
  type: 'nominal',
  title: null,
  scale: { domain: SERIES_NAMES, range: [COLORS.recorded, COLORS.generated] },
};
/** Seconds of a trace, and points of a scatter, that can be told apart. */
const SHOWN_SECONDS = 60;
const MAX_SCATTER_POINTS = 3000;

export async function decodedSection(decoded: DecodedResults): Promise<Section> {
  const { variables, refs, part, weights, trained, notes } = decoded;
  const figures = await Promise.all(
    variables.flatMap((variable) =>
      variable.kind === 'class'
        ? [confusionFigure(variable)]
        : [tracesFigure(variable, decoded), scatterFigure(variable, decoded)],
    ),
  );
  return {
    title: 'Decoded behaviour',
    text: [
      `${grouped(refs.length)} moments of ${part === 'all' ? 'all parts' : `the ${part} part`}, decoded by ${weights}. Each method was trained on the same ${grouped(trained)} windows. ${describeIntervals(decoded)}`,
      ...notes,
    ],
    tables: decodingTables(decoded),
    figures,
  };
}

/** Fewer blocks than this are no sample. */
const MIN_BLOCKS = 10;

/** What the tables have in brackets. */
export function describeIntervals({ block, blocks }: DecodedResults): string {
  if (blocks < 2)
    return `The moments are no more than one block of ${block} s, which gives no intervals.`;
  const few = ` There are only ${blocks} such blocks here, so the intervals are too narrow.`;
  return `In brackets are 95 % intervals of a bootstrap over blocks of ${block} s; they say how much a score hangs on the stretch of time, not on the seed of training.${blocks < MIN_BLOCKS ? few : ''}`;
}

/** A table for each variable: methods and their scores. */
export function decodingTables({ variables, units, methods }: DecodedResults): Table[] {
  return variables.map((variable) => {
    const { name, kind } = variable;
    const digits = Object.fromEntries(
      SCORE_NAMES[kind].map(([key]) => {
        const column = methods.map(({ scores }) => scores[name]?.[key]?.value ?? Number.NaN);
        return [key, scoreDigits(key, kind, column)] as const;
      }),
    );
    return {
      title: units[name] && kind === 'number' ? `${name} (${units[name]})` : name,
      head: ['decoder', '', ...SCORE_NAMES[kind].map(([, title]) => title)],
      rows: methods.map(({ name: method, detail, scores }) => [
        method,
        detail,
        ...SCORE_NAMES[kind].map(([key]) => describeScore(scores[name]?.[key], digits[key]!)),
      ]),
    };
  });
}

/** Decimals of a score: in the variable's own unit, which may be any, the least has three digits in all. */
function scoreDigits(
  key: string,
  kind: DecodedVariable['kind'],
  scores: readonly number[],
): number {
  if (kind === 'angle') return 1;
  const least = Math.min(...scores.filter((score) => score > 0));
  if (key !== 'rmse' || !Number.isFinite(least)) return 3;
  return Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(least))));
}

function describeScore(score: Score | undefined, digits: number): string {
  if (!score || !Number.isFinite(score.value)) return '';
  const { value, low, high } = score;
  const own = decimals(value, digits);
  if (!Number.isFinite(low)) return own;
  return `${own} (${decimals(low, digits)} to ${decimals(high, digits)})`;
}

function title({ name }: DecodedVariable, { units }: DecodedResults): string {
  return units[name] ? `${name} (${units[name]})` : name;
}

type Numeric = Extract<DecodedVariable, { kind: 'number' | 'angle' }>;

/** The windows of the longest stretch, as many as can be told apart. */
function shownRows(refs: readonly WindowRef[]): number[] {
  const lengths = runLengths(refs);
  const longest = lengths.indexOf(Math.max(...lengths));
  const first = lengths.slice(0, longest).reduce((sum, length) => sum + length, 0);
  const rows = Array.from({ length: lengths[longest] ?? 0 }, (_, n) => first + n);
  return rows.filter((n) => refs[n]!.end - refs[first]!.end <= SHOWN_SECONDS);
}

function tracesFigure(variable: Numeric, decoded: DecodedResults): Promise<Figure> {
  const rows = shownRows(decoded.refs).flatMap((n) =>
    [variable.truth[n]!, variable.predicted[n]!].map((value, which) => ({
      source: SERIES_NAMES[which],
      time: Number(decoded.refs[n]!.end.toFixed(3)),
      value,
    })),
  );
  // A line through an angle that passes the full turn would cross the whole picture.
  const mark =
    variable.kind === 'angle'
      ? { type: 'point', filled: true, size: 8, opacity: 0.9 }
      : { type: 'line', strokeWidth: 1.4 };
  return draw(
    {
      name: `decoded-${variable.name.replace(/\W+/g, '-')}`,
      title: `${variable.name}, decoded`,
      caption: `The first ${SHOWN_SECONDS} s of the longest stretch decoded.`,
    },
    rows,
    {
      width: 720,
      height: 150,
      mark,
      encoding: {
        x: {
          field: 'time',
          type: 'quantitative',
          title: 'time in the trial (s)',
          scale: { zero: false, nice: false },
        },
        y: {
          field: 'value',
          type: 'quantitative',
          title: title(variable, decoded),
          scale: { zero: false },
        },
        color: source,
      },
    },
  );
}

function scatterFigure(variable: Numeric, decoded: DecodedResults): Promise<Figure> {
  const { truth, predicted } = variable;
  const stride = Math.max(1, Math.ceil(truth.length / MAX_SCATTER_POINTS));
  const rows = Array.from({ length: Math.ceil(truth.length / stride) }, (_, n) => ({
    true: truth[n * stride]!,
    decoded: predicted[n * stride]!,
  }));
  const both = rows.flatMap((row) => [row.true, row.decoded]);
  const [low, high] = [Math.min(...both), Math.max(...both)];
  const axis = (field: string) => ({
    field,
    type: 'quantitative',
    title: `${field} ${title(variable, decoded)}`,
    scale: { domain: [low, high], zero: false },
  });
  return draw(
    {
      name: `scatter-${variable.name.replace(/\W+/g, '-')}`,
      title: `${variable.name}, true and decoded`,
      caption: `${stride > 1 ? `One of ${stride} decoded moments` : 'Every decoded moment'}, with the line where they are equal.`,
    },
    rows,
    {
      width: 260,
      height: 260,
      layer: [
        {
          mark: { type: 'rule', color: '#bbb', strokeDash: [4, 3] },
          encoding: {
            x: { datum: low, type: 'quantitative' },
            y: { datum: low, type: 'quantitative' },
            x2: { datum: high },
            y2: { datum: high },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 9, color: COLORS.generated, opacity: 0.35 },
          encoding: { x: axis('true'), y: axis('decoded') },
        },
      ],
    },
  );
}

/** How often each class was taken for each other. */
function confusionFigure(variable: Extract<DecodedVariable, { kind: 'class' }>): Promise<Figure> {
  const { truth, predicted, name } = variable;
  const counts = new Map<string, number>();
  for (const [n, value] of truth.entries()) {
    const key = JSON.stringify([value, predicted[n]]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const rows = [...counts].map(([key, count]) => {
    const [was, decoded] = JSON.parse(key) as [unknown, unknown];
    return { true: String(was), decoded: String(decoded), windows: count };
  });
  return draw(
    {
      name: `confusion-${name.replace(/\W+/g, '-')}`,
      title: `${name}, true and decoded`,
      caption: 'Windows of each class, and what they were taken for.',
    },
    rows,
    {
      width: 240,
      height: 240,
      encoding: {
        x: { field: 'decoded', type: 'nominal' },
        y: { field: 'true', type: 'nominal' },
      },
      layer: [
        {
          mark: 'rect',
          encoding: {
            // Up to a blue that black numbers can be read on.
            color: {
              field: 'windows',
              type: 'quantitative',
              scale: { range: ['#f3f7fb', '#7fb1dc'] },
              legend: null,
            },
          },
        },
        { mark: 'text', encoding: { text: { field: 'windows', type: 'quantitative' } } },
      ],
    },
  );
}

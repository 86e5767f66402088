/**
 * The report's section on decoded behavior: recorded and decoded values, and scores beside the
 * baselines.
 */

import type { Score } from '../analyze/bootstrap.js';
import {
  type DecodedClasses,
  type DecodedVariable,
  runLengths,
} from '../analyze/decoded-variable.js';
import { SCORE_COLUMNS, type ScoreColumn, type Scores } from '../analyze/decoding-scores.js';
import type { DecodedResults, MethodScores } from '../probe/results.js';
import type { WindowRef } from '../recording/windows.js';
import { formatCount, formatDecimals, NO_SCORE } from '../text/format.js';
import { describePart } from '../train/open-run.js';
import { describeWeights } from '../train/weights.js';
import { COLORS, draw, type Figure } from './draw.js';
import type { Section, Table } from './html.js';

const SERIES_NAMES = ['true', 'decoded'];
const source = {
  field: 'source',
  type: 'nominal',
  title: null,
  scale: { domain: SERIES_NAMES, range: [COLORS.recorded, COLORS.generated] },
};
/** Seconds of a trace in which single time points can be told apart. */
const SHOWN_SECONDS = 60;
/** Points of a scatter plot that can be told apart. */
const MAX_SCATTER_POINTS = 3000;

/**
 * Renders the section: a table of scores per variable, and figures of recorded against decoded
 * values.
 */
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
    title: 'Decoded behavior',
    text: [
      `${formatCount(refs.length)} time points of ${describePart(part)}, decoded with ${describeWeights(weights)}. All methods were trained on the same ${formatCount(trained)} windows. ${describeIntervals(decoded)}`,
      ...notes,
    ],
    tables: decodingTables(decoded),
    figures,
  };
}

/** With fewer blocks than this, it shows how rough intervals are. */
const MIN_BLOCKS = 10;

/** What the intervals in the tables mean, in sentences. */
export function describeIntervals({ block, blocks }: DecodedResults): string {
  if (blocks < 2)
    return `The time points span no more than one block of ${block} s, so there are no intervals.`;
  const warning = ` There are only ${blocks} blocks, so the intervals are rough.`;
  return `Parentheses give 95% intervals of a bootstrap over blocks of ${block} s. They show how much a score depends on the stretch of time, not on the training seed.${blocks < MIN_BLOCKS ? warning : ''}`;
}

/**
 * One table per variable, with the scores of every method; where some moments are scored by
 * themselves, one more for these.
 */
export function decodingTables(results: DecodedResults): Table[] {
  const { variables, units, methods, when, refs } = results;
  return variables.flatMap((variable) => {
    const { name, kind } = variable;
    const title = units[name] && kind === 'number' ? `${name} (${units[name]})` : name;
    const all = scoresTable(title, variable, methods, ({ scores }) => scores[name]);
    if (!when) return [all];
    const share = `${formatCount(when.windows)} of ${formatCount(refs.length)} time points`;
    const some = `${title}, where ${when.condition} (${share})`;
    return [all, scoresTable(some, variable, methods, ({ conditional }) => conditional?.[name])];
  });
}

function scoresTable(
  title: string,
  { kind }: DecodedVariable,
  methods: readonly MethodScores[],
  scoresOf: (method: MethodScores) => Scores | undefined,
): Table {
  const columns = SCORE_COLUMNS[kind];
  const digits = columns.map((column) =>
    scoreDigits(
      column,
      kind,
      methods.map((method) => scoresOf(method)?.[column.key]?.value ?? Number.NaN),
    ),
  );
  return {
    title,
    head: ['decoder', '', ...columns.map((column) => column.title)],
    rows: methods.map((method) => [
      method.name,
      method.detail,
      ...columns.map(({ key }, n) => describeScore(scoresOf(method)?.[key], digits[n]!)),
    ]),
  };
}

/**
 * Decimals of a column of scores. The variable's unit may be any, so in it the smallest value gets
 * three significant digits.
 */
function scoreDigits(
  { hasUnit }: ScoreColumn,
  kind: DecodedVariable['kind'],
  scores: readonly number[],
): number {
  if (kind === 'angle') return 1;
  const smallest = Math.min(...scores.filter((score) => score > 0));
  if (!hasUnit || !Number.isFinite(smallest)) return 3;
  return Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(smallest))));
}

function describeScore(score: Score | undefined, digits: number): string {
  if (!score || !Number.isFinite(score.value)) return NO_SCORE;
  const { value, low, high } = score;
  const text = formatDecimals(value, digits);
  if (!Number.isFinite(low)) return text;
  return `${text} (${formatDecimals(low, digits)} to ${formatDecimals(high, digits)})`;
}

function axisTitle({ name }: DecodedVariable, { units }: DecodedResults): string {
  return units[name] ? `${name} (${units[name]})` : name;
}

type Numeric = Extract<DecodedVariable, { kind: 'number' | 'angle' }>;

/** Indices of the windows to show: the start of the longest stretch without a break. */
function shownRows(refs: readonly WindowRef[]): number[] {
  const lengths = runLengths(refs);
  const longest = lengths.indexOf(Math.max(...lengths));
  const start = lengths.slice(0, longest).reduce((sum, length) => sum + length, 0);
  const rows = Array.from({ length: lengths[longest] ?? 0 }, (_, n) => start + n);
  return rows.filter((n) => refs[n]!.end - refs[start]!.end <= SHOWN_SECONDS);
}

/** Recorded and decoded values over time. */
function tracesFigure(variable: Numeric, decoded: DecodedResults): Promise<Figure> {
  const rows = shownRows(decoded.refs).flatMap((n) =>
    [variable.truth[n]!, variable.predicted[n]!].map((value, series) => ({
      source: SERIES_NAMES[series],
      time: Number(decoded.refs[n]!.end.toFixed(3)),
      value,
    })),
  );
  // Angles are points: a line would cross the whole figure wherever the angle wraps around.
  const mark =
    variable.kind === 'angle'
      ? { type: 'point', filled: true, size: 8, opacity: 0.9 }
      : { type: 'line', strokeWidth: 1.4 };
  return draw(
    {
      name: `decoded-${variable.name}`,
      title: `${variable.name}, decoded`,
      caption: `The first ${SHOWN_SECONDS} s of the longest stretch without a break.`,
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
          title: axisTitle(variable, decoded),
          scale: { zero: false },
        },
        color: source,
      },
    },
  );
}

/** Decoded against recorded values. */
function scatterFigure(variable: Numeric, decoded: DecodedResults): Promise<Figure> {
  const { truth, predicted } = variable;
  const stride = Math.max(1, Math.ceil(truth.length / MAX_SCATTER_POINTS));
  const rows = Array.from({ length: Math.ceil(truth.length / stride) }, (_, n) => ({
    true: truth[n * stride]!,
    decoded: predicted[n * stride]!,
  }));
  const values = rows.flatMap((row) => [row.true, row.decoded]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const axis = (field: string) => ({
    field,
    type: 'quantitative',
    title: `${field} ${axisTitle(variable, decoded)}`,
    scale: { domain: [low, high], zero: false },
  });
  return draw(
    {
      name: `scatter-${variable.name}`,
      title: `${variable.name}, true and decoded`,
      caption: `${stride > 1 ? `One in ${stride} decoded time points` : 'All decoded time points'}; the dashed line marks equal values.`,
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

/** How often each class was decoded as each, with a row for every pair of classes. */
export function confusionRows({ truth, predicted }: DecodedClasses) {
  const numeric = [...truth, ...predicted].every((value) => typeof value === 'number');
  const classes = [...new Set([...truth, ...predicted])].sort((p, q) =>
    numeric ? Number(p) - Number(q) : String(p).localeCompare(String(q), 'en', { numeric: true }),
  );
  const indices = new Map(classes.map((value, n) => [value, n]));
  const counts = new Float64Array(classes.length ** 2);
  const totals = new Float64Array(classes.length);
  for (const [n, value] of truth.entries()) {
    const row = indices.get(value)!;
    counts[row * classes.length + indices.get(predicted[n]!)!]! += 1;
    totals[row]! += 1;
  }
  const names = classes.map(String);
  const rows = names.flatMap((actual, row) =>
    names.map((decoded, column) => {
      const windows = counts[row * classes.length + column]!;
      return { true: actual, decoded, windows, share: windows / Math.max(1, totals[row]!) };
    }),
  );
  return { classes: names, rows };
}

/** Above so many classes, numbers in the cells cannot be read. */
const MAX_NUMBERED_CLASSES = 16;

function confusionFigure(variable: DecodedClasses): Promise<Figure> {
  const { name } = variable;
  const { classes, rows } = confusionRows(variable);
  const axis = (field: string) => ({
    field,
    type: 'nominal',
    sort: classes,
    scale: { domain: classes },
    title: `${name}, ${field}`,
  });
  const size = Math.min(480, Math.max(240, 28 * classes.length));
  const numbers = {
    mark: 'text',
    encoding: { text: { field: 'windows', type: 'quantitative' } },
  };
  return draw(
    {
      name: `confusion-${name}`,
      title: `${name}, true and decoded`,
      caption:
        'How the windows of each true class were decoded: the color is their share in the row, the number how many they are.',
    },
    rows,
    {
      width: size,
      height: size,
      encoding: { x: axis('decoded'), y: axis('true') },
      layer: [
        {
          mark: 'rect',
          encoding: {
            // The darkest blue is one on which black numbers can be read.
            color: {
              field: 'share',
              type: 'quantitative',
              scale: { range: ['#f3f7fb', '#7fb1dc'], domain: [0, 1] },
              title: 'share of the true class',
            },
          },
        },
        ...(classes.length <= MAX_NUMBERED_CLASSES ? [numbers] : []),
      ],
    },
  );
}

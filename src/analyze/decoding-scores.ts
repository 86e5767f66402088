/** Scores of decoded variables with bootstrap intervals. */

import type { DecodedVariable } from './decoded-variable.js';
import {
  blockBootstrap,
  type CircularScores,
  type ClassScores,
  type RegressionScores,
  type Resampling,
  scoreCircular,
  scoreClasses,
  scoreRegression,
} from './scores.js';

/**
 * A score with its 95% interval over resamplings of the windows. NaN stands for what does not
 * exist.
 */
export interface Score {
  /** The score of all windows. */
  readonly value: number;
  /** The 2.5th percentile. */
  readonly low: number;
  /** The 97.5th percentile. */
  readonly high: number;
}

/** The scores of one variable, by the keys of `SCORE_COLUMNS`. */
export type Scores = Readonly<Record<string, Score>>;

/** How windows are resampled; see `blockBootstrap`. */
export type Blocks = Pick<Resampling, 'segments' | 'block' | 'seed'>;

const BOOTSTRAP_REPEATS = 1000;

/** What the scorer of each kind of variable returns. */
interface ScoresByKind {
  number: RegressionScores;
  angle: CircularScores;
  class: ClassScores;
}

/** A score as a column of tables. */
export interface ScoreColumn<Key extends string = string> {
  /** Its key in `Scores`. */
  readonly key: Key;
  /** Its heading. */
  readonly title: string;
  /** Whether it is in the variable's own unit. */
  readonly hasUnit?: boolean;
}

/** The scores of each kind of variable, the most telling first. Errors of angles are in degrees. */
export const SCORE_COLUMNS: {
  readonly [Kind in DecodedVariable['kind']]: readonly ScoreColumn<
    string & keyof ScoresByKind[Kind]
  >[];
} = {
  number: [
    { key: 'r', title: 'r' },
    { key: 'r2', title: 'R2' },
    { key: 'rmse', title: 'RMSE', hasUnit: true },
  ],
  angle: [
    { key: 'median', title: 'median error (deg)' },
    { key: 'mean', title: 'mean error (deg)' },
    { key: 'signed', title: 'bias (deg)' },
    { key: 'aligned', title: 'median error without bias (deg)' },
  ],
  class: [
    { key: 'accuracy', title: 'accuracy' },
    { key: 'f1', title: 'F1' },
  ],
};

/**
 * The scores of one variable with their intervals. If the windows form fewer than two blocks,
 * intervals are NaN.
 */
export function scoreWithIntervals(variable: DecodedVariable, blocks: Blocks): Scores {
  const noInterval = { low: Number.NaN, high: Number.NaN };
  const intervals =
    blockCount(blocks) < 2
      ? []
      : blockBootstrap({ repeats: BOOTSTRAP_REPEATS, ...blocks }, rowScorer(variable));
  return Object.fromEntries(
    Object.entries(scoreVariable(variable)).map(
      ([key, value], n) => [key, { value, ...(intervals[n] ?? noInterval) }] as const,
    ),
  );
}

/** The scores of one variable without intervals, by the keys of `SCORE_COLUMNS`. */
export function scoreVariable(variable: DecodedVariable): Record<string, number> {
  const rows = Array.from({ length: variable.truth.length }, (_, n) => n);
  const values = rowScorer(variable)(rows);
  return Object.fromEntries(
    SCORE_COLUMNS[variable.kind].map(({ key }, n) => [key, values[n]!] as const),
  );
}

/**
 * How many blocks the segments are long, as a fraction. A segment shorter than a block is one
 * block.
 */
export function blockCount({ segments, block }: Pick<Blocks, 'segments' | 'block'>): number {
  return segments.reduce((sum, length) => sum + length / Math.min(length, block), 0);
}

/**
 * A function that scores some rows of a variable. It returns all scores in the order of
 * `SCORE_COLUMNS`.
 */
function rowScorer(variable: DecodedVariable): (rows: readonly number[]) => number[] {
  if (variable.kind === 'class') {
    const { truth, predicted } = variable;
    // Whoever always says the only class there is would be right.
    if (truth.every((label) => label === truth[0]))
      return () => SCORE_COLUMNS.class.map(() => Number.NaN);
    return (rows) => {
      const select = <T>(values: readonly T[]) => rows.map((row) => values[row]!);
      const scores = scoreClasses(select(truth), select(predicted));
      return SCORE_COLUMNS.class.map(({ key }) => scores[key]);
    };
  }
  const { truth, predicted, period } = variable;
  return (rows) => {
    const select = (values: Float64Array, factor: number) =>
      Float64Array.from(rows, (row) => values[row]! * factor);
    if (period === undefined) {
      const scores = scoreRegression(select(truth, 1), select(predicted, 1));
      return SCORE_COLUMNS.number.map(({ key }) => scores[key]);
    }
    const degrees = 360 / period;
    const scores = scoreCircular(select(truth, degrees), select(predicted, degrees), 360);
    return SCORE_COLUMNS.angle.map(({ key }) => scores[key]);
  };
}

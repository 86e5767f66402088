/** Scores of decoded variables with bootstrap intervals. */

import type { DecodedVariable } from './decoded-variable.js';
import {
  blockBootstrap,
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

/** The scores of one variable, by the keys of `SCORE_NAMES`. */
export type Scores = Readonly<Record<string, Score>>;

/** How windows are resampled; see `blockBootstrap`. */
export type Blocks = Pick<Resampling, 'segments' | 'block' | 'seed'>;

const BOOTSTRAP_REPEATS = 1000;

/**
 * The scores of each kind of variable: their keys, and their titles in tables. Errors of angles are
 * in degrees.
 */
export const SCORE_NAMES: Readonly<
  Record<DecodedVariable['kind'], readonly [key: string, title: string][]>
> = {
  number: [
    ['r', 'r'],
    ['r2', 'R2'],
    ['rmse', 'RMSE'],
  ],
  angle: [
    ['median', 'median error (deg)'],
    ['mean', 'mean error (deg)'],
    ['signed', 'bias (deg)'],
    ['aligned', 'median error without bias (deg)'],
  ],
  class: [
    ['accuracy', 'accuracy'],
    ['f1', 'F1'],
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

/** The scores of one variable without intervals, by the keys of `SCORE_NAMES`. */
export function scoreVariable(variable: DecodedVariable): Record<string, number> {
  const rows = Array.from({ length: variable.truth.length }, (_, n) => n);
  const values = rowScorer(variable)(rows);
  return Object.fromEntries(
    SCORE_NAMES[variable.kind].map(([key], n) => [key, values[n]!] as const),
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
 * `SCORE_NAMES`.
 */
function rowScorer(variable: DecodedVariable): (rows: readonly number[]) => number[] {
  if (variable.kind === 'class') {
    const { truth, predicted } = variable;
    return (rows) => {
      const select = <T>(values: readonly T[]) => rows.map((row) => values[row]!);
      const { accuracy, f1 } = scoreClasses(select(truth), select(predicted));
      return [accuracy, f1];
    };
  }
  const { truth, predicted, period } = variable;
  return (rows) => {
    const select = (values: Float64Array, factor: number) =>
      Float64Array.from(rows, (row) => values[row]! * factor);
    if (period === undefined) {
      const { r, r2, rmse } = scoreRegression(select(truth, 1), select(predicted, 1));
      return [r, r2, rmse];
    }
    const degrees = 360 / period;
    const scores = scoreCircular(select(truth, degrees), select(predicted, degrees), 360);
    return [scores.median, scores.mean, scores.signed, scores.aligned];
  };
}

/** Scores of decoded variables, each with the interval that its own variation over time gives it. */

import type { DecodedVariable } from './decoded-variable.js';
import {
  blockBootstrap,
  type Resampling,
  scoreCircular,
  scoreClasses,
  scoreRegression,
} from './scores.js';

/** A score, and between what it lies in 95 of 100 resamplings of the time that was scored. */
export interface Score {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export type Scores = Readonly<Record<string, Score>>;

/** How the time that was scored is resampled, see `blockBootstrap`. */
export type Blocks = Pick<Resampling, 'segments' | 'block' | 'seed'>;

const BOOTSTRAP_REPEATS = 1000;

/** Names of the scores of each kind of variable, as tables have them. */
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
    ['mean', 'mean error'],
    ['signed', 'signed median'],
    ['aligned', 'median after subtracting it'],
  ],
  class: [
    ['accuracy', 'accuracy'],
    ['f1', 'F1'],
  ],
};

/** The scores of one variable with their intervals; those of an angle in degrees. One block alone has no interval. */
export function scoreWithIntervals(variable: DecodedVariable, blocks: Blocks): Scores {
  const none = { low: Number.NaN, high: Number.NaN };
  const intervals =
    blocksIn(blocks) < 2
      ? []
      : blockBootstrap({ repeats: BOOTSTRAP_REPEATS, ...blocks }, rowScorer(variable));
  return Object.fromEntries(
    Object.entries(scoreVariable(variable)).map(
      ([key, value], n) => [key, { value, ...(intervals[n] ?? none) }] as const,
    ),
  );
}

/** The scores of one variable, without intervals. */
export function scoreVariable(variable: DecodedVariable): Record<string, number> {
  const rows = Array.from({ length: variable.truth.length }, (_, n) => n);
  const values = rowScorer(variable)(rows);
  return Object.fromEntries(
    SCORE_NAMES[variable.kind].map(([key], n) => [key, values[n]!] as const),
  );
}

/** Blocks that segments hold; one shorter than a block is a block of its own. */
export function blocksIn({ segments, block }: Pick<Blocks, 'segments' | 'block'>): number {
  return segments.reduce((sum, length) => sum + length / Math.min(length, block), 0);
}

/** The values of all scores of some rows, in the order of their names. */
function rowScorer(variable: DecodedVariable): (rows: readonly number[]) => number[] {
  if (variable.kind === 'class') {
    const { truth, predicted } = variable;
    return (rows) => {
      const pick = <T>(values: readonly T[]) => rows.map((row) => values[row]!);
      const { accuracy, f1 } = scoreClasses(pick(truth), pick(predicted));
      return [accuracy, f1];
    };
  }
  const { truth, predicted, period } = variable;
  return (rows) => {
    const pick = (values: Float64Array, factor: number) =>
      Float64Array.from(rows, (row) => values[row]! * factor);
    if (period === undefined) {
      const { r, r2, rmse } = scoreRegression(pick(truth, 1), pick(predicted, 1));
      return [r, r2, rmse];
    }
    const degrees = 360 / period;
    const scores = scoreCircular(pick(truth, degrees), pick(predicted, degrees), 360);
    return [scores.median, scores.mean, scores.signed, scores.aligned];
  };
}

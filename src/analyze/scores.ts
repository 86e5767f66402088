/** Scores that compare decoded values with recorded ones, and bootstrap intervals of scores. */

import { meanDirection, wrapToHalfTurn } from '../math/angles.js';
import { HostRandom } from '../math/random.js';
import { correlation, mean, median } from '../math/statistics.js';

/** Scores of a numeric variable. */
export interface RegressionScores {
  /** Pearson's correlation. It ignores a wrong scale or offset. */
  readonly r: number;
  /**
   * 1 - squared error / squared distance from the true mean. It is below 0 where that mean would
   * predict better.
   */
  readonly r2: number;
  /** Root mean squared error, in the variable's unit. */
  readonly rmse: number;
}

/**
 * Scores a number. Scores that do not exist are NaN: r and R2 if the truth is constant, r if the
 * prediction is, and all of them without rows.
 *
 * @throws Error where the lists differ in length
 */
export function scoreRegression(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
): RegressionScores {
  const rows = sameLength(truth, predicted);
  const center = mean(truth);
  let [squaredErrors, squaredDistances] = [0, 0];
  for (let n = 0; n < rows; n++) {
    squaredErrors += (predicted[n]! - truth[n]!) ** 2;
    squaredDistances += (truth[n]! - center) ** 2;
  }
  const truthVaries = varies(truth);
  return {
    r: truthVaries && varies(predicted) ? correlation(truth, predicted) : Number.NaN,
    r2: truthVaries ? 1 - squaredErrors / squaredDistances : Number.NaN,
    rmse: Math.sqrt(squaredErrors / rows),
  };
}

/** Scores of an angle, in its unit. */
export interface CircularScores {
  /** Median absolute error. */
  readonly median: number;
  /** Mean absolute error. */
  readonly mean: number;
  /**
   * Circular median of the signed error, predicted minus true: the rotation that all predictions
   * have in common.
   */
  readonly signed: number;
  /** Median absolute error after subtracting that rotation. */
  readonly aligned: number;
}

/**
 * Scores an angle.
 *
 * The circular median is m + median(e - m), with m the circular mean of the errors e, and e - m
 * wrapped to within half a turn. It is the ordinary median as seen from where most errors are. It
 * is NaN if the errors have no mean direction.
 *
 * @param period a full turn, in the unit of the angles
 * @throws Error where the lists differ in length
 */
export function scoreCircular(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  period: number,
): CircularScores {
  const rows = sameLength(truth, predicted);
  const errors = Float64Array.from({ length: rows }, (_, n) =>
    wrapToHalfTurn(predicted[n]! - truth[n]!, period),
  );
  const signed = circularMedian(errors, period);
  return {
    median: median(errors.map(Math.abs)),
    mean: mean(errors.map(Math.abs)),
    signed,
    aligned: median(errors.map((error) => Math.abs(wrapToHalfTurn(error - signed, period)))),
  };
}

function circularMedian(errors: Float64Array, period: number): number {
  const center = meanDirection(errors, period);
  return wrapToHalfTurn(
    center + median(errors.map((error) => wrapToHalfTurn(error - center, period))),
    period,
  );
}

/** Scores of a classified variable. */
export interface ClassScores {
  /** Share of correct predictions. */
  readonly accuracy: number;
  /**
   * Macro F1: the mean of F1 = 2 TP / (2 TP + FP + FN) over the classes that are true or predicted
   * anywhere.
   */
  readonly f1: number;
}

/**
 * Scores a class. The scores are NaN without rows.
 *
 * @throws Error where the lists differ in length
 */
export function scoreClasses<T>(truth: ArrayLike<T>, predicted: ArrayLike<T>): ClassScores {
  const rows = sameLength(truth, predicted);
  // both: rows in which the class is true and predicted. occurrences: rows in which it is true +
  // those predicted.
  const classes = new Map<T, { both: number; occurrences: number }>();
  const count = (value: T, both: number) => {
    const counts = classes.get(value) ?? { both: 0, occurrences: 0 };
    classes.set(value, { both: counts.both + both, occurrences: counts.occurrences + 1 });
  };
  for (let n = 0; n < rows; n++) {
    count(truth[n]!, 0);
    count(predicted[n]!, Number(truth[n] === predicted[n]));
  }
  const counts = [...classes.values()];
  return {
    accuracy: counts.reduce((sum, { both }) => sum + both, 0) / rows,
    f1: mean(counts.map(({ both, occurrences }) => (2 * both) / occurrences)),
  };
}

/** The 95% interval of a score over resamplings. */
export interface ConfidenceInterval {
  /** The 2.5th percentile. */
  readonly low: number;
  /** The 97.5th percentile. */
  readonly high: number;
}

/** How rows are resampled. */
export interface Resampling {
  /**
   * How many rows each segment has, in the order of the rows. A segment, such as a trial, has no
   * gap.
   */
  readonly segments: readonly number[];
  /** Rows per block. */
  readonly block: number;
  /** How often rows are resampled. */
  readonly repeats: number;
  readonly seed: number;
}

/**
 * 95% intervals of scores whose rows are correlated over time, by the moving-block bootstrap
 * (Künsch 1989).
 *
 * Each resampling draws as many rows as there are, in blocks of consecutive rows. All blocks of a
 * segment are equally likely. A segment shorter than a block is drawn as one block. Segments are
 * drawn so that each contributes its share of rows. A block should be longer than the correlation
 * lasts and far shorter than all rows together; with few blocks the intervals are too narrow.
 *
 * @param scores computes one or several scores of some rows, given by index; rows may repeat. A
 *   resampling in which a score is NaN does not count for it. The interval is NaN if the score
 *   always is.
 * @throws Error where the block or the repeats are not whole numbers above 0
 */
export function blockBootstrap(
  { segments, block, repeats, seed }: Resampling,
  scores: (rows: readonly number[]) => readonly number[],
): ConfidenceInterval[] {
  if (!Number.isInteger(block) || block < 1 || !Number.isInteger(repeats) || repeats < 1)
    throw new Error(
      `A bootstrap needs whole numbers above 0, but has ${repeats} repeats of blocks of ${block} rows.`,
    );
  const drawBlock = blockDrawer(segments, block, new HostRandom(seed));
  const total = segments.reduce((sum, length) => sum + length, 0);
  const rows = Array<number>(total).fill(0);
  const samples: number[][] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (let next = 0; next < total; ) {
      const { first, count } = drawBlock();
      for (let n = 0; n < count && next < total; n++) rows[next++] = first + n;
    }
    for (const [n, value] of scores(rows).entries()) {
      samples[n] ??= [];
      if (!Number.isNaN(value)) samples[n].push(value);
    }
  }
  return samples.map((values) => {
    const sorted = Float64Array.from(values).sort();
    return { low: percentile(sorted, 0.025), high: percentile(sorted, 0.975) };
  });
}

/** A function that draws a block: its first row and how many rows it has. */
function blockDrawer(segments: readonly number[], block: number, random: HostRandom) {
  const weighted: { start: number; length: number; cumulative: number }[] = [];
  let [start, cumulative] = [0, 0];
  for (const length of segments) {
    // A segment weighs as much as the blocks it has room for, so that it is drawn in proportion to
    // its rows.
    if (length > 0) {
      cumulative += length / Math.min(length, block);
      weighted.push({ start, length, cumulative });
    }
    start += length;
  }
  return () => {
    const point = random.uniform() * cumulative;
    const segment = weighted.find((candidate) => point < candidate.cumulative) ?? weighted.at(-1)!;
    const count = Math.min(segment.length, block);
    return { first: segment.start + random.integer(segment.length - count + 1), count };
  };
}

/** A percentile of ascending numbers, interpolated between its two neighbors; NaN of none. */
function percentile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(position)], sorted[Math.ceil(position)]];
  if (below === undefined || above === undefined) return Number.NaN;
  return below === above ? below : below + (position - Math.floor(position)) * (above - below);
}

function varies(values: ArrayLike<number>): boolean {
  for (let n = 1; n < values.length; n++) if (values[n] !== values[0]) return true;
  return false;
}

function sameLength(truth: ArrayLike<unknown>, predicted: ArrayLike<unknown>): number {
  if (truth.length !== predicted.length)
    throw new Error(
      `There are ${truth.length} true values but ${predicted.length} predicted ones; there should be as many of each.`,
    );
  return truth.length;
}

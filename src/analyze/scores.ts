/** Scores that compare decoded values with recorded ones. */

import { meanDirection, wrapToHalfTurn } from '../math/angles.js';
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
  /** Median absolute error, in the variable's unit; a few bad moments do not move it. */
  readonly median: number;
}

/**
 * Scores a number. Scores that do not exist are NaN: r and R2 if the truth is constant, r if the
 * prediction is, and all of them without rows.
 *
 * @param still the standard deviation up to which the truth counts as constant. Default: 0
 * @throws Error where the lists differ in length
 */
export function scoreRegression(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  still = 0,
): RegressionScores {
  const rows = sameLength(truth, predicted);
  const center = mean(truth);
  const errors = new Float64Array(rows);
  let [squaredErrors, squaredDistances] = [0, 0];
  for (let n = 0; n < rows; n++) {
    errors[n] = Math.abs(predicted[n]! - truth[n]!);
    squaredErrors += errors[n]! ** 2;
    squaredDistances += (truth[n]! - center) ** 2;
  }
  const truthVaries = varies(truth) && squaredDistances > rows * still ** 2;
  return {
    r: truthVaries && varies(predicted) ? correlation(truth, predicted) : Number.NaN,
    r2: truthVaries ? 1 - squaredErrors / squaredDistances : Number.NaN,
    rmse: Math.sqrt(squaredErrors / rows),
    median: median(errors),
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

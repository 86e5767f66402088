/** How well decoded behaviour agrees with what was recorded, and how sure that is. */

import { meanDirection, wrapped } from '../math/angles.js';
import { HostRandom } from '../math/random.js';
import { mean, median } from '../math/statistics.js';
import { correlation } from './edges.js';

export interface RegressionScores {
  /** Pearson's correlation: blind to a wrong scale or offset. */
  readonly r: number;
  /** 1 - squared error / squared distance from the truth's mean: below 0 where that mean would do better. */
  readonly r2: number;
  /** Root of the mean squared error, in the variable's unit. */
  readonly rmse: number;
}

/** Scores of a number. What does not exist is NaN: r and R2 where the truth never varies, all of them without rows. */
export function scoreRegression(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
): RegressionScores {
  const rows = sameLength(truth, predicted);
  const centre = mean(truth);
  let [errors, spread] = [0, 0];
  for (let n = 0; n < rows; n++) {
    errors += (predicted[n]! - truth[n]!) ** 2;
    spread += (truth[n]! - centre) ** 2;
  }
  const known = varies(truth);
  return {
    r: known && varies(predicted) ? correlation(truth, predicted) : Number.NaN,
    r2: known ? 1 - errors / spread : Number.NaN,
    rmse: Math.sqrt(errors / rows),
  };
}

export interface CircularScores {
  /** Median and mean of the error's size. */
  readonly median: number;
  readonly mean: number;
  /** The circular median of the error with its sign, predicted less true: how far all of it is turned. */
  readonly signed: number;
  /** The median size of what is left when that is taken off. */
  readonly aligned: number;
}

/**
 * Scores of an angle, in the unit of `period`, a full turn.
 *
 * The circular median is m + median(e - m), with m the circular mean of the errors e and e - m wrapped to half a turn
 * either side: the plain median of the errors, seen from where most of them lie. NaN where they have no mean direction.
 */
export function scoreCircular(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  period: number,
): CircularScores {
  const rows = sameLength(truth, predicted);
  const errors = Float64Array.from({ length: rows }, (_, n) =>
    wrapped(predicted[n]! - truth[n]!, period),
  );
  const signed = circularMedian(errors, period);
  return {
    median: median(errors.map(Math.abs)),
    mean: mean(errors.map(Math.abs)),
    signed,
    aligned: median(errors.map((error) => Math.abs(wrapped(error - signed, period)))),
  };
}

function circularMedian(errors: Float64Array, period: number): number {
  const centre = meanDirection(errors, period);
  return wrapped(centre + median(errors.map((error) => wrapped(error - centre, period))), period);
}

export interface ClassScores {
  readonly accuracy: number;
  /** Macro F1: the mean F1 = 2 TP / (2 TP + FP + FN) of the classes that occur, in the truth or among the predictions. */
  readonly f1: number;
}

/** Scores of a class; NaN without rows. */
export function scoreClasses<T>(truth: ArrayLike<T>, predicted: ArrayLike<T>): ClassScores {
  const rows = sameLength(truth, predicted);
  const classes = new Map<T, { both: number; either: number }>();
  const count = (value: T, both: number) => {
    const { both: had, either } = classes.get(value) ?? { both: 0, either: 0 };
    classes.set(value, { both: had + both, either: either + 1 });
  };
  for (let n = 0; n < rows; n++) {
    count(truth[n]!, 0);
    count(predicted[n]!, Number(truth[n] === predicted[n]));
  }
  const found = [...classes.values()];
  return {
    accuracy: found.reduce((sum, { both }) => sum + both, 0) / rows,
    f1: mean(found.map(({ both, either }) => (2 * both) / either)),
  };
}

export interface Interval {
  /** The 2.5th and the 97.5th percentile of the scores of the rows drawn. */
  readonly low: number;
  readonly high: number;
}

/** How rows are drawn again and again. */
export interface Resampling {
  /** Rows of each stretch that follow one another without a break, such as a trial, in the order of the rows. */
  readonly segments: readonly number[];
  /** Rows of a block. */
  readonly block: number;
  readonly repeats: number;
  readonly seed: number;
}

/**
 * 95 % intervals of scores of rows that are alike when near in time, by the moving-block bootstrap (Künsch 1989).
 *
 * As many rows as there are are drawn as blocks of consecutive ones, of a stretch any as likely as another. One shorter
 * than a block is drawn whole, and segments are drawn so that each gives its share of rows.
 * A block should be longer than the rows are alike, and far shorter than all of them; few blocks make it too narrow.
 *
 * @param scores one or several, of rows by their number, which may repeat. Draws for which a score is NaN do not count
 *     for it; its interval is NaN if all are so.
 */
export function blockBootstrap(
  { segments, block, repeats, seed }: Resampling,
  scores: (rows: readonly number[]) => readonly number[],
): Interval[] {
  if (!Number.isInteger(block) || block < 1 || !Number.isInteger(repeats) || repeats < 1)
    throw new Error(
      `A bootstrap of ${repeats} repeats of blocks of ${block} rows cannot be drawn: both must be whole numbers above 0.`,
    );
  const draw = blockDrawer(segments, block, new HostRandom(seed));
  const total = segments.reduce((sum, length) => sum + length, 0);
  const rows = Array<number>(total).fill(0);
  const found: number[][] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (let at = 0; at < total; ) {
      const { first, count } = draw();
      for (let n = 0; n < count && at < total; n++) rows[at++] = first + n;
    }
    for (const [n, value] of scores(rows).entries()) {
      found[n] ??= [];
      if (!Number.isNaN(value)) found[n].push(value);
    }
  }
  return found.map((values) => {
    const sorted = Float64Array.from(values).sort();
    return { low: percentile(sorted, 0.025), high: percentile(sorted, 0.975) };
  });
}

/** Draws the first row and the number of rows of a block. */
function blockDrawer(segments: readonly number[], block: number, random: HostRandom) {
  const placed: { start: number; length: number; until: number }[] = [];
  let [start, until] = [0, 0];
  for (const length of segments) {
    // The blocks it holds, so that long and short segments are drawn in proportion to their rows.
    if (length > 0) until += length / Math.min(length, block);
    if (length > 0) placed.push({ start, length, until });
    start += length;
  }
  return () => {
    const at = random.uniform() * until;
    const own = placed.find((stretch) => at < stretch.until) ?? placed.at(-1)!;
    const count = Math.min(own.length, block);
    return { first: own.start + random.integer(own.length - count + 1), count };
  };
}

/** The value that a share of sorted numbers lies below, between its two neighbours in proportion; NaN of none. */
function percentile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  if (below === undefined || above === undefined) return Number.NaN;
  return below === above ? below : below + (at - Math.floor(at)) * (above - below);
}

function varies(values: ArrayLike<number>): boolean {
  for (let n = 1; n < values.length; n++) if (values[n] !== values[0]) return true;
  return false;
}

function sameLength(truth: ArrayLike<unknown>, predicted: ArrayLike<unknown>): number {
  if (truth.length !== predicted.length)
    throw new Error(
      `There are ${truth.length} true values and ${predicted.length} predicted ones: they must be as many.`,
    );
  return truth.length;
}

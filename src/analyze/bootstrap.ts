/** Intervals of scores whose rows are correlated over time, by resampling blocks of rows. */

import { normalCdf, normalQuantile, studentQuantile } from '../math/distributions.js';
import { HostRandom } from '../math/random.js';
import { mean } from '../math/statistics.js';

/** A score with its 95% interval. NaN stands for what does not exist. */
export interface Score {
  /** The score of all rows. */
  readonly value: number;
  /** Lower end of the interval. */
  readonly low: number;
  /** Upper end of the interval. */
  readonly high: number;
}

/** The rows of a score and how they are divided. */
export interface Segments {
  /**
   * How many rows each segment has, in the order of the rows. A segment, such as a trial, has no
   * gap.
   */
  readonly segments: readonly number[];
  /** Rows per block. */
  readonly block: number;
}

/** How rows are resampled. */
export interface Resampling extends Segments {
  /** How often rows are resampled. */
  readonly repeats: number;
  readonly seed: number;
}

/** At most so many blocks are left out in turn; of more, several are left out together. */
const MAX_LEFT_OUT = 200;
/** The share of an interval. */
const CONFIDENCE = 0.95;

/**
 * How many blocks the segments are long, as a fraction. A segment shorter than a block is one
 * block.
 */
export function blockCount({ segments, block }: Segments): number {
  return segments.reduce((sum, length) => sum + length / Math.max(1, Math.min(length, block)), 0);
}

/**
 * Scores with 95% intervals.
 *
 * Each resampling draws as many rows as there are in circular blocks (Politis and Romano 1992): a
 * block that starts near the end of a segment goes on at its beginning, so that every row is drawn
 * equally often, and the beginnings and ends of trials count no less than the rest. A segment
 * shorter than a block is drawn whole. Percentiles are corrected for bias and skewness (BCa, Efron
 * 1987), and expanded as Student's t is wider than the normal distribution (Hesterberg 2015),
 * without which few blocks give intervals that are too narrow.
 *
 * A block should be longer than the correlation lasts. Where scores depend on the time in a trial
 * and trials are many blocks long, intervals are rather too wide: blocks do not know what is the
 * same in each trial.
 *
 * @param scores computes one or several scores of some rows, given by index; rows may repeat. A
 *   resampling in which a score is NaN does not count for it.
 * @returns intervals that contain their score; NaN where there are fewer than two blocks, or where
 *   the score always is NaN
 * @throws Error where the block or the repeats are not whole numbers above 0
 */
export function bootstrapScores(
  { segments, block, repeats, seed }: Resampling,
  scores: (rows: readonly number[]) => readonly number[],
): Score[] {
  if (!Number.isInteger(block) || block < 1 || !Number.isInteger(repeats) || repeats < 1)
    throw new Error(
      `A bootstrap needs whole numbers above 0, but has ${repeats} repeats of blocks of ${block} rows.`,
    );
  const total = segments.reduce((sum, length) => sum + length, 0);
  const values = scores(Array.from({ length: total }, (_, row) => row));
  const blocks = blockCount({ segments, block });
  if (blocks < 2) return values.map((value) => ({ value, low: Number.NaN, high: Number.NaN }));
  const draw = blockDrawer({ segments, block }, new HostRandom(seed));
  const samples = values.map((): number[] => []);
  for (let repeat = 0; repeat < repeats; repeat++)
    for (const [n, value] of scores(draw()).entries())
      if (!Number.isNaN(value)) samples[n]!.push(value);
  const accelerations = skewness(leftOut({ segments, block }).map(scores), values.length);
  const deviations = expandedDeviations(blocks);
  return values.map((value, n) => {
    const sorted = Float64Array.from(samples[n]!).sort();
    const bias = normalQuantile(shareBelow(sorted, value));
    const end = (deviation: number) => {
      const shifted = bias + deviation;
      // Far out, where few blocks lead, the correction would turn back.
      const slowed = shifted / Math.max(1e-6, 1 - accelerations[n]! * shifted);
      return percentile(sorted, normalCdf(bias + slowed));
    };
    const [low, high] = [end(-deviations), end(deviations)];
    return { value, low: atMost(low, value), high: -atMost(-high, -value) };
  });
}

/**
 * Standard deviations from the middle of an interval to its ends. Resamplings vary less than the
 * score does, by (n - 1) / n, and their variance is itself estimated from n blocks.
 */
function expandedDeviations(count: number): number {
  const freedom = count - 1;
  const deviations = studentQuantile((1 + CONFIDENCE) / 2, Math.max(1, freedom));
  return deviations * Math.sqrt(count / freedom);
}

/** The share of resamplings below a score, of which those equal to it count half. */
function shareBelow(sorted: Float64Array, value: number): number {
  let half = 0;
  for (const sample of sorted) half += sample < value ? 2 : Number(sample === value);
  // Neither none nor all: that there are none among so many does not say that there never are.
  return Math.min(
    1 - 1 / (sorted.length + 2),
    Math.max(1 / (sorted.length + 2), half / (2 * sorted.length)),
  );
}

/** The rows that are left where each block, or each of 200 groups of them, is left out in turn. */
function leftOut({ segments, block }: Segments): number[][] {
  const spans: { start: number; stop: number }[] = [];
  let start = 0;
  for (const length of segments) {
    for (let n = 0; n < length; n += block)
      spans.push({ start: start + n, stop: start + Math.min(length, n + block) });
    start += length;
  }
  const group = Math.ceil(spans.length / MAX_LEFT_OUT);
  return Array.from({ length: Math.ceil(spans.length / group) }, (_, n) => {
    const out = {
      start: spans[n * group]!.start,
      stop: spans[Math.min(spans.length, (n + 1) * group) - 1]!.stop,
    };
    return Array.from({ length: start - (out.stop - out.start) }, (_row, row) =>
      row < out.start ? row : row + (out.stop - out.start),
    );
  });
}

/** The acceleration of each score, a sixth of the skewness of what each block does to it. */
function skewness(samples: readonly (readonly number[])[], scores: number): number[] {
  return Array.from({ length: scores }, (_, n) => {
    const values = samples.map((sample) => sample[n]!).filter((value) => !Number.isNaN(value));
    const center = mean(values);
    const moment = (power: number) => values.reduce((sum, v) => sum + (center - v) ** power, 0);
    const variance = moment(2);
    return variance > 0 ? moment(3) / (6 * variance ** 1.5) : 0;
  });
}

/** An end of an interval, moved to the value where that is beyond it. */
function atMost(end: number, value: number): number {
  return Number.isNaN(value) ? end : Math.min(end, value);
}

/** Draws as many rows as there are, in circular blocks. */
function blockDrawer({ segments, block }: Segments, random: HostRandom): () => number[] {
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
  const total = start;
  return () => {
    const rows: number[] = [];
    while (rows.length < total) {
      const point = random.uniform() * cumulative;
      const segment =
        weighted.find((candidate) => point < candidate.cumulative) ?? weighted.at(-1)!;
      const count = Math.min(segment.length, block, total - rows.length);
      const first = random.integer(segment.length);
      for (let n = 0; n < count; n++) rows.push(segment.start + ((first + n) % segment.length));
    }
    return rows;
  };
}

/** A percentile of ascending numbers, interpolated between its two neighbors; NaN of none. */
function percentile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(position)], sorted[Math.ceil(position)]];
  if (below === undefined || above === undefined) return Number.NaN;
  return below === above ? below : below + (position - Math.floor(position)) * (above - below);
}

/** The samples of variables and the video frames that belong to a window. */

import { meanDirection } from '../math/angles.js';
import { arange, roundHalfEven } from '../math/rounding.js';
import { upperMedian } from '../math/statistics.js';
import { RecordingError } from './errors.js';
import { type Interval, type Series, sampleTime, type Variable, type Video } from './recording.js';
import type { ClassVocabulary } from './vocabularies.js';

/** How windows sample one variable. */
export interface VariableSetting {
  /** Its name in the window. */
  readonly name: string;
  /** Its name in the recording. Default: the same. */
  readonly data?: string | undefined;
  /** Seconds of it in a window. */
  readonly window: number;
  /** Seconds per sample. */
  readonly dt: number;
  /** Its classes, if it is classified; samples are then class tokens. */
  readonly classes?: ClassVocabulary | undefined;
  /** For angles: a full turn, in their unit. */
  readonly period?: number | undefined;
  /** Whether the model reads it as an input, so that no sample may be known before it was taken. */
  readonly isInput?: boolean;
}

/** Samples of a variable within a window. */
export interface Samples {
  /** Numbers, or class tokens. */
  readonly values: Float64Array;
  /** When each sample was taken, in seconds from the start of the variable's window. */
  readonly times: Float64Array;
}

/**
 * The value of a variable at a time: between the samples around it or, of texts and angles, that of
 * the last one; undefined before the first sample and more than a step after the last.
 *
 * @param time seconds on the trial's clock
 */
export function valueAt(series: Variable, time: number): number | string | undefined {
  const { values } = series;
  const timeAt = (n: number) => sampleTime(series, n);
  let [first, after] = [0, values.length];
  while (first < after) {
    const middle = (first + after) >> 1;
    if (timeAt(middle) <= time + 1e-9) first = middle + 1;
    else after = middle;
  }
  const last = first - 1;
  const value = values[last];
  if (value === undefined) return undefined;
  const next = values[first];
  if (next === undefined) {
    const step = last > 0 ? timeAt(last) - timeAt(last - 1) : Number.POSITIVE_INFINITY;
    return time <= timeAt(last) + step + 1e-9 ? value : undefined;
  }
  if (typeof value === 'string' || typeof next === 'string' || series.period !== undefined)
    return value;
  const share = (time - timeAt(last)) / (timeAt(first) - timeAt(last));
  return value + Math.max(0, share) * (next - value);
}

/**
 * Resamples a variable at a fixed time step. Finer samples are averaged over each step and coarser
 * ones interpolated, on the circle for angles. Held variables, such as labels, keep each value
 * until the next sample or the end of the trial.
 *
 * @param dt seconds per sample of the result
 * @param duration of the trial, seconds
 * @param how.period for angles: a full turn; default: that of the series
 * @param how.held whether the values are classes given as numbers, which must not be averaged
 * @param how.isInput whether the model reads the variable: coarse samples are then held until the
 *   next one, because a line toward the next sample would reveal the future
 */
export function resample(
  series: Variable,
  dt: number,
  duration: number,
  how: { period?: number | undefined; held?: boolean; isInput?: boolean } = {},
): Series {
  if (!('times' in series) && Math.abs(series.dt / dt - 1) < 1e-9) return series;
  const { values } = series;
  const timeAt = (n: number) => sampleTime(series, n);
  const lastTime = timeAt(values.length - 1);
  if (how.held || typeof values[0] === 'string')
    return hold(series, dt, Math.max(lastTime, duration - dt));
  const numbers = values as ArrayLike<number>;
  const step = 'times' in series ? (upperMedian(sampleIntervals(series)) ?? dt) : series.dt;
  const weightedMean = meanFunction(how.period ?? series.period);
  if (isFiner(step, dt)) return average(numbers, timeAt, dt, lastTime + step, weightedMean);
  return how.isInput
    ? hold(series, dt, Math.max(lastTime, lastTime + step - dt))
    : interpolate(numbers, timeAt, dt, weightedMean);
}

/**
 * Whether samples are averaged in each step of `dt`. That needs 1.5 of them: with fewer, some means
 * would be of one sample and others of two.
 */
function isFiner(step: number, dt: number): boolean {
  return step * 1.5 <= dt;
}

/** Seconds from each sample to the next. */
function sampleIntervals({ times }: { readonly times: ArrayLike<number> }): Float64Array {
  return Float64Array.from(times)
    .subarray(1)
    .map((time, n) => time - times[n]!);
}

/** An interval between two samples is a gap if it is longer than this many usual ones. */
const GAP_FACTOR = 5;

/**
 * Gaps of a variable: intervals without samples, longer than 5 of its usual steps and than 2 `dt`.
 * Labels have none.
 *
 * @param dt seconds per sample in a window
 */
export function findSamplingGaps(series: Variable, dt: number): Interval[] {
  if (!('times' in series) || typeof series.values[0] === 'string') return [];
  const { before } = series;
  const times = [...(before ? [before.time] : []), ...Array.from(series.times)];
  const steps = sampleIntervals({ times });
  const usualStep = upperMedian(steps) ?? 0;
  return Array.from(steps).flatMap((step, n) =>
    step > GAP_FACTOR * usualStep && step > 2 * dt
      ? [{ start: times[n]!, stop: times[n + 1]! }]
      : [],
  );
}

/**
 * Intervals in which no window ends, as its target would be drawn across missing samples: none is
 * in the step of `dt` seconds before the end, or the one at its beginning is between two others.
 */
export function findDrawnEnds(series: Variable, dt: number): Interval[] {
  if (!('times' in series)) return [];
  const step = upperMedian(sampleIntervals(series)) ?? dt;
  const isAveraged = typeof series.values[0] !== 'string' && isFiner(step, dt);
  return (series.drawn ?? []).flatMap(({ start, stop }) => {
    const first = start + dt;
    const last = isAveraged ? stop : stop + dt;
    return last > first + 1e-9 ? [{ start: first, stop: last }] : [];
  });
}

/** The weighted mean of the samples at some indices; equal weights by default. */
export type WeightedMean = (
  values: ArrayLike<number>,
  indices: readonly number[],
  weights?: number[],
) => number;

/**
 * The function that averages samples of a variable: the arithmetic mean or, for angles, the mean on
 * the circle. Angles that cancel have no mean direction; the first of them stands in for it.
 *
 * @param period for angles: a full turn
 */
export function meanFunction(period: number | undefined): WeightedMean {
  if (period !== undefined) {
    return (values, indices, weights) => {
      const angles = indices.map((index) => values[index]!);
      const direction = meanDirection(angles, period, weights);
      return Number.isNaN(direction) ? angles[0]! : direction;
    };
  }
  return (values, indices, weights) => {
    let [sum, total] = [0, 0];
    for (const [n, index] of indices.entries()) {
      const weight = weights?.[n] ?? 1;
      sum += weight * values[index]!;
      total += weight;
    }
    return sum / total;
  };
}

/**
 * Averages the samples in each step up to `end`. A step without samples repeats the mean before it.
 */
function average(
  samples: ArrayLike<number>,
  timeAt: (n: number) => number,
  dt: number,
  end: number,
  weightedMean: WeightedMean,
): Series {
  const start = timeAt(0);
  const length = Math.max(1, Math.floor((end - start) / dt + 1e-6));
  let next = 0;
  let mean = samples[0]!;
  const values = Float64Array.from({ length }, (_, n) => {
    const indices: number[] = [];
    for (; next < samples.length && timeAt(next) < start + (n + 1) * dt - 1e-9; next++)
      indices.push(next);
    if (indices.length > 0) mean = weightedMean(samples, indices);
    return mean;
  });
  return { values, dt, start };
}

function interpolate(
  samples: ArrayLike<number>,
  timeAt: (n: number) => number,
  dt: number,
  weightedMean: WeightedMean,
): Series {
  const start = timeAt(0);
  const length = Math.floor((timeAt(samples.length - 1) - start) / dt + 1e-9) + 1;
  let left = 0;
  const values = Float64Array.from({ length }, (_, n) => {
    const time = start + n * dt;
    while (left + 1 < samples.length && timeAt(left + 1) <= time + 1e-9) left += 1;
    if (left + 1 === samples.length) return samples[left]!;
    const share = Math.max(0, (time - timeAt(left)) / (timeAt(left + 1) - timeAt(left)));
    return share === 0
      ? samples[left]!
      : weightedMean(samples, [left, left + 1], [1 - share, share]);
  });
  return { values, dt, start };
}

/** Repeats each sample until the next one. @param lastStep when the last step begins, seconds */
function hold(series: Variable, dt: number, lastStep: number): Series {
  const { values: samples, timeAt } = withBefore(series);
  const start = timeAt(0);
  let current = 0;
  const length = Math.floor((lastStep - start) / dt + 1e-9) + 1;
  const values = Array.from({ length }, (_, n) => {
    while (current + 1 < samples.length && timeAt(current + 1) <= start + n * dt + 1e-9)
      current += 1;
    return samples[current]!;
  });
  return { values: values as number[] | string[], dt, start };
}

/**
 * The samples of a held variable: the value that was current when the trial began gets the time 0.
 */
function withBefore(series: Variable): { values: Variable['values']; timeAt(n: number): number } {
  if (!('times' in series)) return { values: series.values, timeAt: (n) => sampleTime(series, n) };
  const { before, times } = series;
  if (!before) return { values: series.values, timeAt: (n) => Math.max(0, times[n]!) };
  const values = [before.value, ...Array.from(series.values as ArrayLike<number>)];
  return { values, timeAt: (n) => (n === 0 ? 0 : times[n - 1]!) };
}

/** A range of sample indices. */
export interface SampleRange {
  /** The index of the first one. */
  readonly first: number;
  /** The index after the last one. */
  readonly end: number;
}

/**
 * The samples of the seconds from `start` up to `stop`: at least one, and only samples that are
 * complete at `stop`, so that none is of the future. A sample covers the `dt` seconds from its time
 * on. Indices may be outside the series.
 *
 * @param exact false: both ends are rounded to the nearest sample, as in the original
 */
export function windowSampleRange(
  { dt, start: seriesStart = 0 }: Pick<Series, 'dt' | 'start'>,
  start: number,
  stop: number,
  exact: boolean,
): SampleRange {
  if (!exact) {
    const nearest = (time: number) => roundHalfEven((time - seriesStart) / dt);
    return { first: nearest(start), end: nearest(stop) };
  }
  const end = Math.floor((stop - seriesStart) / dt + 1e-6);
  return { first: end - Math.max(1, Math.round((stop - start) / dt)), end };
}

/**
 * The samples of a series in the seconds from `start` up to `stop`. Before the series begins and
 * after it ends, its nearest sample is repeated.
 *
 * @param exact true: sample n has the time n dt; false: values and times are cut as in the original
 * @throws RecordingError where a value is not one of the classes, or labels come without classes
 */
export function sampleSeries(
  series: Series,
  start: number,
  stop: number,
  { name, classes }: VariableSetting,
  exact: boolean,
): Samples {
  const { dt, values } = series;
  const sample = (n: number) => {
    const value = values[n]!;
    if (classes) {
      const token = classes.find(value);
      if (token !== undefined) return token;
      throw new RecordingError(
        `Variable ${name} has the value ${JSON.stringify(value)}, which is not one of its classes: ${classes.values.join(', ')}.`,
      );
    }
    if (typeof value === 'number') return value;
    throw new RecordingError(
      `Variable ${name} has labels such as "${value}". Labels can be predicted, with objective: classification, but cannot be an input.`,
    );
  };
  const range = windowSampleRange(series, start, stop, exact);
  if (!exact) return originalSamples(sample, values.length, range, start, stop, dt);
  const { first, end } = range;
  const last = values.length - 1;
  const samples = Float64Array.from({ length: end - first }, (_, n) =>
    sample(Math.min(Math.max(first + n, 0), last)),
  );
  return { values: samples, times: samples.map((_, n) => n * dt) };
}

/**
 * Samples as in the original: cut, or padded with zeros, to int((stop - start) / dt) of them.
 * Rounding may make that one too few.
 *
 * @param available how many samples the series has
 */
function originalSamples(
  sample: (n: number) => number,
  available: number,
  range: SampleRange,
  start: number,
  stop: number,
  dt: number,
): Samples {
  const first = Math.max(0, range.first);
  const end = Math.max(first, Math.min(range.end, available));
  const values = Array.from({ length: end - first }, (_, n) => sample(first + n));
  const times = [...arange(start, stop, dt)].map((time) => time - start);
  const length = Math.trunc((stop - start) / dt);
  return { values: fitToLength(values, length), times: fitToLength(times, length) };
}

/**
 * The last `length` numbers, padded with zeros at the end; all of them if `length` came out as 0.
 */
function fitToLength(numbers: readonly number[], length: number): Float64Array {
  if (length === 0) return Float64Array.from(numbers.length > 0 ? numbers : [0]);
  const fitted = new Float64Array(length);
  fitted.set(numbers.slice(-length));
  return fitted;
}

/** How many frames a video shows in so many seconds, rounded up. */
export function framesIn(seconds: number, { dt }: Pick<Video, 'dt'>): number {
  return Math.ceil(seconds / dt - 1e-9);
}

/** How many frames of a video are over at `end`, rounded to the nearest. */
export function framesBefore({ start = 0, dt }: Pick<Video, 'start' | 'dt'>, end: number): number {
  return roundHalfEven((end - start) / dt);
}

/**
 * The frames of the `seconds` before `end`, [frames, height, width].
 *
 * @param trialId passed to a video that selects its frames itself
 * @param repeatsFirst true: until the video has run for `seconds`, its first frame fills the
 *   window; false: the window shows frames of the future instead, as in the original
 */
export function framesUpTo(
  video: Video,
  end: number,
  seconds: number,
  trialId: number,
  repeatsFirst: boolean,
): Float32Array {
  const { data, count: frameCount, height, width, choose } = video;
  const count = framesIn(seconds, video);
  const size = height * width;
  let frameEnd = framesBefore(video, end);
  if (choose) return choose(video, frameEnd, count, trialId);
  frameEnd = Math.min(frameEnd, frameCount);
  if (!repeatsFirst) frameEnd = Math.max(frameEnd, count);
  const frames = new Float32Array(count * size);
  for (let n = 0; n < count; n++) {
    const frame = Math.max(0, frameEnd - count + n);
    frames.set(data.subarray(frame * size, (frame + 1) * size), n * size);
  }
  return frames;
}

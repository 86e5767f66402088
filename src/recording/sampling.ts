/** What a window takes of a trial's variables and its video. */

import { meanDirection } from '../math/angles.js';
import { arange, roundHalfEven } from '../math/rounding.js';
import { usual } from '../math/statistics.js';
import { RecordingError } from './errors.js';
import { type Interval, type Series, sampleTime, type Variable, type Video } from './recording.js';
import type { ClassVocabulary } from './vocabularies.js';

/** A variable a window samples. */
export interface VariableSetting {
  /** What the window calls it. */
  readonly name: string;
  /** What the recording calls it; default: the same. */
  readonly data?: string | undefined;
  /** Seconds of it that a window holds, and seconds per sample. */
  readonly window: number;
  readonly dt: number;
  readonly classes?: ClassVocabulary | undefined;
  /** Of an angle: a full turn. */
  readonly period?: number | undefined;
  /** Whether the model reads it, and so may know no sample before it was taken. */
  readonly read?: boolean;
}

/** Samples of a variable within a window, and their times from the window's start. */
export interface Samples {
  /** Numbers, or class tokens. */
  readonly values: Float64Array;
  /** Seconds. */
  readonly times: Float64Array;
}

/**
 * A series of the step wanted. Finer samples are averaged over each step, coarser ones interpolated, on the circle where
 * they are angles; what is held, as labels are, holds until the next sample, or the trial's end.
 *
 * @param how.period of angles: a full turn; default: the series' own.
 * @param how.held classes that are numbers, which have no mean.
 * @param how.read what a model reads: coarse samples hold until the next, as a line to that one would tell the future.
 */
export function regular(
  series: Variable,
  dt: number,
  duration: number,
  how: { period?: number | undefined; held?: boolean; read?: boolean } = {},
): Series {
  if (!('times' in series) && Math.abs(series.dt / dt - 1) < 1e-9) return series;
  const { values } = series;
  const timeAt = (n: number) => sampleTime(series, n);
  const last = timeAt(values.length - 1);
  if (how.held || typeof values[0] === 'string')
    return held(series, dt, Math.max(last, duration - dt));
  const numbers = values as ArrayLike<number>;
  const step = 'times' in series ? (usual(sampleIntervals(series)) ?? dt) : series.dt;
  const join = joining(how.period ?? series.period);
  // A mean needs a step and a half of samples; with fewer it would follow now one and now two of them.
  if (step * 1.5 <= dt) return averaged(numbers, timeAt, dt, last + step, join);
  return how.read
    ? held(series, dt, Math.max(last, last + step - dt))
    : interpolated(numbers, timeAt, dt, join);
}

/** Seconds from each sample to the next. */
function sampleIntervals({ times }: { readonly times: ArrayLike<number> }): Float64Array {
  return Float64Array.from(times)
    .subarray(1)
    .map((time, n) => time - times[n]!);
}

/** Samples this much farther apart than usual have a hole between them. */
const GAP_FACTOR = 5;

/** Stretches of a trial in which nothing of a series was sampled, far longer than its usual step and than `dt`. */
export function findSamplingGaps(series: Variable, dt: number): Interval[] {
  if (!('times' in series) || typeof series.values[0] === 'string') return [];
  const { before } = series;
  const times = [...(before ? [before.time] : []), ...Array.from(series.times)];
  const steps = sampleIntervals({ times });
  const step = usual(steps) ?? 0;
  return Array.from(steps).flatMap((own, n) =>
    own > GAP_FACTOR * step && own > 2 * dt ? [{ start: times[n]!, stop: times[n + 1]! }] : [],
  );
}

/** The weighted mean of some samples, by their places. */
export type Join = (
  values: ArrayLike<number>,
  places: readonly number[],
  weights?: number[],
) => number;

/** How samples become their mean: plainly, or of angles on their circle. The first stands for angles that cancel. */
export function joining(period: number | undefined): Join {
  if (period !== undefined) {
    return (values, places, weights) => {
      const angles = places.map((place) => values[place]!);
      const direction = meanDirection(angles, period, weights);
      return Number.isNaN(direction) ? angles[0]! : direction;
    };
  }
  return (values, places, weights) => {
    let [sum, total] = [0, 0];
    for (const [n, place] of places.entries()) {
      const weight = weights?.[n] ?? 1;
      sum += weight * values[place]!;
      total += weight;
    }
    return sum / total;
  };
}

/** Each step's mean; a step without a sample has the one before it. */
function averaged(
  values: ArrayLike<number>,
  timeAt: (n: number) => number,
  dt: number,
  end: number,
  join: Join,
): Series {
  const start = timeAt(0);
  const length = Math.max(1, Math.floor((end - start) / dt + 1e-6));
  let next = 0;
  let before = values[0]!;
  const found = Float64Array.from({ length }, (_, n) => {
    const places: number[] = [];
    for (; next < values.length && timeAt(next) < start + (n + 1) * dt - 1e-9; next++)
      places.push(next);
    if (places.length > 0) before = join(values, places);
    return before;
  });
  return { values: found, dt, start };
}

function interpolated(
  values: ArrayLike<number>,
  timeAt: (n: number) => number,
  dt: number,
  join: Join,
): Series {
  const start = timeAt(0);
  const length = Math.floor((timeAt(values.length - 1) - start) / dt + 1e-9) + 1;
  let at = 0;
  const found = Float64Array.from({ length }, (_, n) => {
    const time = start + n * dt;
    while (at + 1 < values.length && timeAt(at + 1) <= time + 1e-9) at += 1;
    if (at + 1 === values.length) return values[at]!;
    const share = Math.max(0, (time - timeAt(at)) / (timeAt(at + 1) - timeAt(at)));
    return share === 0 ? values[at]! : join(values, [at, at + 1], [1 - share, share]);
  });
  return { values: found, dt, start };
}

/** @param until when the last step begins. */
function held(series: Variable, dt: number, until: number): Series {
  const { values, timeAt } = withBefore(series);
  const start = timeAt(0);
  let at = 0;
  const found = Array.from({ length: Math.floor((until - start) / dt + 1e-9) + 1 }, (_, n) => {
    while (at + 1 < values.length && timeAt(at + 1) <= start + n * dt + 1e-9) at += 1;
    return values[at]!;
  });
  return { values: found as number[] | string[], dt, start };
}

/** What held before the trial begins with it. */
function withBefore(series: Variable): { values: Variable['values']; timeAt(n: number): number } {
  if (!('times' in series)) return { values: series.values, timeAt: (n) => sampleTime(series, n) };
  const { before, times } = series;
  if (!before) return { values: series.values, timeAt: (n) => Math.max(0, times[n]!) };
  const values = [before.value, ...Array.from(series.values as ArrayLike<number>)];
  return { values, timeAt: (n) => (n === 0 ? 0 : times[n - 1]!) };
}

/** The samples a window takes, by their places: from `first` up to `end`. */
export interface SampleRange {
  readonly first: number;
  readonly end: number;
}

/**
 * The samples of the seconds from `from` up to `to`, at least one, all of which are over at `to`: none is of the future.
 *
 * @param exact otherwise the nearest, as in the original.
 */
export function samplesBetween(
  { dt, start = 0 }: Pick<Series, 'dt' | 'start'>,
  from: number,
  to: number,
  exact: boolean,
): SampleRange {
  if (!exact)
    return { first: roundHalfEven((from - start) / dt), end: roundHalfEven((to - start) / dt) };
  const end = Math.floor((to - start) / dt + 1e-6);
  return { first: end - Math.max(1, Math.round((to - from) / dt)), end };
}

/**
 * Samples from `from` up to `to`; where the series has not begun or has ended, its nearest sample.
 *
 * @param exact a sample's time is its place in the window; otherwise samples and times are cut as in the original.
 */
export function sampleSeries(
  series: Series,
  from: number,
  to: number,
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
        `Variable ${name} is ${JSON.stringify(value)}, which is none of its classes: ${classes.values.join(', ')}.`,
      );
    }
    if (typeof value === 'number') return value;
    throw new RecordingError(
      `Variable ${name} holds labels such as "${value}": labels can be predicted, with objective: classification, but not read.`,
    );
  };
  const { first, end } = samplesBetween(series, from, to, exact);
  if (!exact) return originalSamples(sample, values.length, first, end, from, to, dt);
  const last = values.length - 1;
  const found = Float64Array.from({ length: end - first }, (_, n) =>
    sample(Math.min(Math.max(first + n, 0), last)),
  );
  return { values: found, times: found.map((_, n) => n * dt) };
}

/** As the original has it: cut or filled with zeros to int((to - from) / dt), which rounding may make one too few. */
function originalSamples(
  sample: (n: number) => number,
  available: number,
  from: number,
  to: number,
  start: number,
  stop: number,
  dt: number,
): Samples {
  const first = Math.max(0, from);
  const end = Math.max(first, Math.min(to, available));
  const found = Array.from({ length: end - first }, (_, n) => sample(first + n));
  const times = [...arange(start, stop, dt)].map((time) => time - start);
  const length = Math.trunc((stop - start) / dt);
  return { values: fitTo(found, length), times: fitTo(times, length) };
}

/** The last `length` numbers, zeros after them where there are fewer; all of them where the length came out as 0. */
function fitTo(numbers: readonly number[], length: number): Float64Array {
  if (length === 0) return Float64Array.from(numbers.length > 0 ? numbers : [0]);
  const fitted = new Float64Array(length);
  fitted.set(numbers.slice(-length));
  return fitted;
}

/** How many frames so many seconds of a video are. */
export function framesIn(seconds: number, { dt }: Pick<Video, 'dt'>): number {
  return Math.ceil(seconds / dt - 1e-9);
}

/** How many frames have begun nearest to a time. */
export function framesBefore({ start = 0, dt }: Pick<Video, 'start' | 'dt'>, end: number): number {
  return roundHalfEven((end - start) / dt);
}

/**
 * The frames of `seconds` that end at `end`.
 *
 * @param trialId its number, for a video that chooses its frames by it.
 * @param waits before the video has run so long its first frame stands still; otherwise it reads on into the future, as
 *   the original does.
 */
export function framesUpTo(
  video: Video,
  end: number,
  seconds: number,
  trialId: number,
  waits: boolean,
): Float32Array {
  const { data, count: frameCount, height, width, choose } = video;
  const count = framesIn(seconds, video);
  const size = height * width;
  let last = framesBefore(video, end);
  if (choose) return choose(video, last, count, trialId);
  last = Math.min(last, frameCount);
  if (!waits) last = Math.max(last, count);
  const frames = new Float32Array(count * size);
  for (let n = 0; n < count; n++) {
    const frame = Math.max(0, last - count + n);
    frames.set(data.subarray(frame * size, (frame + 1) * size), n * size);
  }
  return frames;
}

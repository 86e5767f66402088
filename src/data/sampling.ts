/** What a window takes of a trial's variables and its film. */

import { RecordingError } from './errors.js';
import type { Film, Series, Variable } from './recording.js';
import { arange, roundHalfEven } from './rounding.js';
import type { ClassVocabulary } from './tokens.js';

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
}

/** Samples of a variable within a window, and their times from the window's start. */
export interface Samples {
  /** Numbers, or class tokens. */
  readonly values: Float64Array;
  /** Seconds. */
  readonly times: Float64Array;
}

/** A series of the step wanted: numbers interpolated between samples, labels held until the next or the trial's end. */
export function regular(series: Variable, dt: number, duration: number): Series {
  if (!('times' in series)) {
    if (Math.abs(series.dt / dt - 1) < 1e-9) return series;
    const { start = 0, values } = series;
    const times = Float64Array.from({ length: values.length }, (_, n) => start + n * series.dt);
    return regular({ values, times }, dt, duration);
  }
  const { times, values } = series;
  const first = times[0]!;
  const last = times[times.length - 1]!;
  const until = typeof values[0] === 'string' ? Math.max(last, duration - dt) : last;
  const length = Math.floor((until - first) / dt + 1e-9) + 1;
  let at = 0;
  const found = Array.from({ length }, (_, n) => {
    const time = first + n * dt;
    while (at + 1 < times.length && times[at + 1]! <= time + 1e-9) at += 1;
    const [here, next] = [values[at]!, values[at + 1]];
    if (typeof here === 'string' || typeof next !== 'number') return here;
    const share = (time - times[at]!) / (times[at + 1]! - times[at]!);
    return here + Math.max(0, share) * (next - here);
  });
  return { values: found as number[] | string[], dt, start: first };
}

/**
 * Samples from `from` up to `to`; where the series has not begun or has ended, its nearest sample.
 *
 * @param exact a sample's time is its place in the window; otherwise samples and times are cut as in the original.
 */
export function sampleSeries(
  { dt, values, start = 0 }: Series,
  from: number,
  to: number,
  { name, classes }: VariableSetting,
  exact: boolean,
): Samples {
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
      `Variable ${name} holds labels such as "${value}": set its objective to classification.`,
    );
  };
  const first = roundHalfEven((from - start) / dt);
  const end = roundHalfEven((to - start) / dt);
  if (!exact) return originalSamples(sample, values.length, first, end, from, to, dt);
  const last = values.length - 1;
  const length = Math.max(1, end - first);
  const found = Float64Array.from({ length }, (_, n) =>
    sample(Math.min(Math.max(end - length + n, 0), last)),
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

/** How many frames so many seconds of a film are. */
export function framesIn(seconds: number, { dt }: Pick<Film, 'dt'>): number {
  return Math.ceil(seconds / dt - 1e-9);
}

/**
 * The frames of `seconds` that end at `end`.
 *
 * @param trial its number, for a film that chooses its frames by it.
 * @param waits before the film has run so long its first frame stands still; otherwise it reads on into the future, as
 *   the original does.
 */
export function framesUpTo(
  film: Film,
  end: number,
  seconds: number,
  trial: number,
  waits: boolean,
): Float32Array {
  const { data, dt, count: frameCount, height, width, start = 0, choose } = film;
  const count = framesIn(seconds, film);
  const size = height * width;
  let last = roundHalfEven((end - start) / dt);
  if (choose) return choose(film, last, count, trial);
  last = Math.min(last, frameCount);
  if (!waits) last = Math.max(last, count);
  const frames = new Float32Array(count * size);
  for (let n = 0; n < count; n++) {
    const frame = Math.max(0, last - count + n);
    frames.set(data.subarray(frame * size, (frame + 1) * size), n * size);
  }
  return frames;
}

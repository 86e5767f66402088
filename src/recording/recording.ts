/** Recordings in memory: trials, each with its spikes, its video and its variables on clocks of their own. */

import { RecordingError } from './errors.js';
import { cutSpikes, firstNotBefore, neuronCount, type Spikes, spikesEnd } from './spikes.js';

/** A video: `count` frames of height x width, row-major. */
export interface Video {
  readonly data: Float32Array | Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** Seconds per frame. */
  readonly dt: number;
  /** When its first frame begins, seconds on the trial's clock. Default 0. */
  readonly start?: number;
  /**
   * Chooses the frames of a window instead of the ones that end with it: `count` frames before frame number `end`.
   * The original's name for it is the callback.
   */
  readonly choose?: (video: Video, end: number, count: number, trial: number) => Float32Array;
}

/** A variable sampled at a fixed step. */
export interface Series {
  /** Numbers, or labels of a classified variable. */
  readonly values: ArrayLike<number> | readonly string[];
  /** Seconds per sample. */
  readonly dt: number;
  /** When its first sample was taken, seconds on the trial's clock. Default 0. */
  readonly start?: number;
  /** Of angles: a full turn. */
  readonly period?: number;
}

/** A variable sampled whenever it was: rising times in seconds. */
export interface TimedSeries {
  readonly values: ArrayLike<number> | readonly string[];
  readonly times: ArrayLike<number>;
  /** The last number before the trial, at a time below 0: where numbers hold until the next, it holds at the start. */
  readonly before?: { readonly time: number; readonly value: number };
  /** Of angles: a full turn. */
  readonly period?: number;
}

export type Variable = Series | TimedSeries;

/** When sample n of a variable was taken, seconds on its clock. */
export function sampleTime(series: Variable, n: number): number {
  return 'times' in series ? series.times[n]! : (series.start ?? 0) + n * series.dt;
}

/** A stretch of time that no window may leave; its clock starts at 0. */
export interface Trial {
  readonly id: number;
  /** Seconds from the session's start. */
  readonly start: number;
  /** Seconds. */
  readonly duration: number;
  readonly spikes: Spikes;
  readonly video?: Video;
  readonly variables: Readonly<Record<string, Variable>>;
}

/** Seconds from the session's start. */
export interface Interval {
  readonly start: number;
  readonly stop: number;
}

export interface Recording {
  readonly name: string;
  readonly neurons: number;
  readonly trials: readonly Trial[];
  /** Named stretches of the session, such as 'running'. */
  readonly intervals: Readonly<Record<string, readonly Interval[]>>;
}

/** A session as it was recorded, everything on one clock. */
export interface Session {
  readonly name?: string;
  readonly spikes: Spikes;
  readonly frames?: Video;
  readonly variables?: Readonly<Record<string, Variable>>;
  /** Default: one trial, the whole session. */
  readonly trials?: readonly (Interval & { id?: number })[];
  readonly intervals?: Readonly<Record<string, readonly Interval[]>>;
  /** Seconds; default: up to the end of its longest part, or of its last trial. */
  readonly duration?: number;
  /** Seconds that were recorded for certain, whatever happened in them. */
  readonly recorded?: number;
}

/**
 * A recording of one session, cut into its trials.
 *
 * @throws RecordingError naming what is wrong with which part.
 */
export function createRecording(session: Session): Recording {
  const { name = 'recording', spikes, frames, variables = {}, intervals = {} } = session;
  checkSpikes(spikes);
  if (frames) checkVideo(frames);
  for (const [variable, series] of Object.entries(variables)) checkVariable(variable, series);
  const ends = [...(session.trials ?? []), ...Object.values(intervals).flat()].map(
    ({ stop }) => stop,
  );
  const parts = [
    session.recorded ?? 0,
    spikesEnd(spikes),
    videoEnd(frames),
    ...Object.values(variables).map(variableEnd),
  ];
  const duration = session.duration ?? [...parts, ...ends].reduce((a, b) => Math.max(a, b));
  if (!(duration > 0))
    throw new RecordingError(
      `The recording ${name} is ${duration} s long: there is nothing in it.`,
    );
  for (const [label, list] of Object.entries(intervals))
    for (const [n, interval] of list.entries()) checkInterval(`${label} ${n}`, interval, duration);
  const spans = session.trials ?? [{ start: 0, stop: duration }];
  if (spans.length === 0) throw new RecordingError(`The recording ${name} has no trial.`);
  const trials = spans.map(({ start, stop, id }, n) => {
    checkInterval(`Trial ${id ?? n}`, { start, stop }, duration);
    return {
      id: id ?? n,
      start,
      duration: stop - start,
      spikes: cutSpikes(spikes, start, stop),
      ...videoWithin(frames, start, stop),
      variables: Object.fromEntries(
        Object.entries(variables).flatMap(([key, series]) => {
          const cut = cutVariable(series, start, stop);
          return cut ? [[key, cut]] : [];
        }),
      ),
    };
  });
  checkNumbers(trials);
  checkApart(trials);
  return { name, neurons: neuronCount(spikes), trials, intervals };
}

/** The variables that some trial has. */
export function variableNames({ trials }: Pick<Recording, 'trials'>): string[] {
  return [...new Set(trials.flatMap(({ variables }) => Object.keys(variables)))];
}

/**
 * A recording of trials that each have a clock of their own, checked.
 *
 * @throws RecordingError naming what is wrong with which part.
 */
export function assembleRecording(
  name: string,
  trials: readonly Trial[],
  intervals: Recording['intervals'] = {},
): Recording {
  const first = trials[0];
  if (!first) throw new RecordingError(`The recording ${name} has no trial.`);
  const neurons = neuronCount(first.spikes);
  checkNumbers(trials);
  for (const trial of trials) {
    checkSpikes(trial.spikes);
    const found = neuronCount(trial.spikes);
    if (found !== neurons) {
      throw new RecordingError(
        `Trial ${trial.id} has ${found} neurons, but trial ${first.id} has ${neurons}: all need the same.`,
      );
    }
    if (trial.video) checkVideo(trial.video);
    for (const [variable, series] of Object.entries(trial.variables))
      checkVariable(variable, series);
  }
  return { name, neurons, trials, intervals };
}

function checkNumbers(trials: readonly Trial[]): void {
  const seen = new Set<number>();
  for (const { id } of trials) {
    if (seen.has(id)) throw new RecordingError(`Two trials have the number ${id}.`);
    seen.add(id);
  }
}

/** Trials that share time would show one what belongs to the other. */
export function checkApart(trials: readonly Pick<Trial, 'id' | 'start' | 'duration'>[]): void {
  const sorted = [...trials].sort((p, q) => p.start - q.start);
  for (const [n, next] of sorted.slice(1).entries()) {
    const { id, start, duration } = sorted[n]!;
    if (next.start < start + duration - 1e-6) {
      throw new RecordingError(
        `Trial ${next.id} begins at ${next.start} s, before trial ${id} ends at ${start + duration} s: trials should not overlap; name those to use under trials.keep of a dataset.yaml.`,
      );
    }
  }
}

/** Samples of a regular clock within a stretch of time: the first, and the one past the last. */
function samplesWithin(from: number, dt: number, length: number, start: number, stop: number) {
  const at = (time: number) => Math.ceil((time - from) / dt - 1e-6);
  const first = Math.min(length, Math.max(0, at(start)));
  return [first, Math.max(first, Math.min(length, at(stop)))] as const;
}

/** The frames that begin within a trial, on its clock; nothing where there are none. */
function videoWithin(video: Video | undefined, start: number, stop: number): { video?: Video } {
  if (!video) return {};
  const { data, count, height, width, dt, start: from = 0, choose } = video;
  const [first, end] = samplesWithin(from, dt, count, start, stop);
  if (end === first) return {};
  // Who chooses frames itself is given all of them.
  if (choose) return { video: { ...video, start: from - start } };
  const size = height * width;
  const own = data.subarray(first * size, end * size);
  return { video: { ...video, data: own, count: end - first, start: from + first * dt - start } };
}

/**
 * The samples taken within a trial, on its clock; a label holds from before it, and so may a number. Undefined where
 * there are none.
 */
function cutVariable(series: Variable, start: number, stop: number): Variable | undefined {
  const turn = series.period === undefined ? {} : { period: series.period };
  const slice = (first: number, end: number): Variable['values'] =>
    Array.prototype.slice.call(series.values, first, end);
  if (!('times' in series)) {
    const { dt, start: from = 0, values } = series;
    const [first, end] = samplesWithin(from, dt, values.length, start, stop);
    if (end === first) return undefined;
    const whole = first === 0 && end === values.length;
    const cut = whole ? values : slice(first, end);
    const at = from + first * dt - start;
    return { values: cut, dt, ...(Math.abs(at) >= 1e-9 && { start: at }), ...turn };
  }
  const labels = typeof series.values[0] === 'string';
  let first = firstNotBefore(series.times, start - 1e-9);
  const end = firstNotBefore(series.times, stop - 1e-9);
  if (labels && first > 0) first -= 1;
  const value = labels ? undefined : (series.values[first - 1] as number | undefined);
  const before = value !== undefined && { value, time: series.times[first - 1]! - start };
  if (end <= first)
    return before ? { values: [before.value], times: [before.time], ...turn } : undefined;
  const times = Float64Array.from({ length: end - first }, (_, n) =>
    Math.max(labels ? 0 : Number.NEGATIVE_INFINITY, series.times[first + n]! - start),
  );
  const held = before && times[0]! > 1e-9 && { before };
  return { values: slice(first, end), times, ...held, ...turn };
}

function videoEnd(video: Video | undefined): number {
  return video ? (video.start ?? 0) + video.count * video.dt : 0;
}

function variableEnd(series: Variable): number {
  if ('times' in series) return series.times[series.times.length - 1] ?? 0;
  return (series.start ?? 0) + series.values.length * series.dt;
}

function checkSpikes(spikes: Spikes): void {
  if (neuronCount(spikes) === 0)
    throw new RecordingError('The recording has no neuron; spikes need at least one row or list.');
  if ('counts' in spikes) {
    const { counts, dt } = spikes;
    checkStep('spikes', dt);
    const odd = counts.findIndex((row) => row.length !== counts[0]!.length);
    if (odd >= 0) {
      throw new RecordingError(
        `Neuron ${odd} has ${counts[odd]!.length} bins, but neuron 0 has ${counts[0]!.length}: counts should be a matrix of neurons and bins.`,
      );
    }
    return;
  }
  for (const [neuron, times] of spikes.times.entries()) {
    for (let n = 0; n < times.length; n++) {
      const time = times[n]!;
      if (!Number.isFinite(time) || time < 0) {
        throw new RecordingError(
          `Spike ${n} of neuron ${neuron} is at ${time} s; times should be numbers from 0 on.`,
        );
      }
      if (n > 0 && time < times[n - 1]!) {
        throw new RecordingError(
          `Spike ${n} of neuron ${neuron} is at ${time} s, before the one it follows (${times[n - 1]} s): sort its times.`,
        );
      }
    }
  }
}

function checkVideo({ data, count, height, width, dt }: Video): void {
  checkStep('frames', dt);
  const needed = count * height * width;
  if (data.length !== needed || needed === 0) {
    throw new RecordingError(
      `The frames are ${count} of ${height} x ${width}, so they need ${needed} pixels, but hold ${data.length}.`,
    );
  }
  if (data instanceof Uint8Array) return;
  const odd = data.findIndex((pixel) => !Number.isFinite(pixel));
  if (odd >= 0) {
    throw new RecordingError(
      `Frame ${Math.floor(odd / (height * width))} has a pixel that is ${data[odd]}; pixels should be numbers.`,
    );
  }
}

function checkVariable(name: string, series: Variable): void {
  const { values } = series;
  if (values.length === 0) throw new RecordingError(`Variable ${name} has no sample.`);
  for (let n = 0; n < values.length; n++) {
    const value = values[n];
    if (
      typeof value !== typeof values[0] ||
      value === '' ||
      (typeof value === 'number' && !Number.isFinite(value))
    ) {
      throw new RecordingError(
        `Sample ${n} of variable ${name} is ${value === '' ? 'missing' : value}; fill or cut out what is missing, as every sample should be ${typeof values[0] === 'string' ? 'a label' : 'a number'}.`,
      );
    }
  }
  if (!('times' in series)) {
    checkStep(`variable ${name}`, series.dt);
    return;
  }
  if (series.times.length !== values.length) {
    throw new RecordingError(
      `Variable ${name} has ${values.length} samples, but ${series.times.length} times.`,
    );
  }
  for (let n = 0; n < series.times.length; n++) {
    const time = series.times[n]!;
    if (!Number.isFinite(time) || (n > 0 && time <= series.times[n - 1]!)) {
      throw new RecordingError(
        `Sample ${n} of variable ${name} is at ${time} s, not after the one before it; times should rise.`,
      );
    }
  }
}

function checkStep(what: string, dt: number): void {
  if (!(dt > 0) || !Number.isFinite(dt))
    throw new RecordingError(`The step of ${what} should be above 0 seconds, but is ${dt}.`);
}

function checkInterval(label: string, { start, stop }: Interval, duration: number): void {
  // A sample's rounding may put the last trial's end a hair past that of the recording.
  if (start >= 0 && stop > start && stop <= duration + 1e-6) return;
  throw new RecordingError(
    `${label} runs from ${start} to ${stop} s; it should lie within the recording, 0 to ${duration} s, and end after it starts.`,
  );
}

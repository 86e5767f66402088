/**
 * Recordings in memory: trials, each with its spikes, its video and its variables on the trial's
 * own clock.
 */

import { RecordingError } from './errors.js';
import { cutSpikes, isBinEdge, lowerBound, neuronCount, type Spikes, spikesEnd } from './spikes.js';

/** A video: `count` frames of `height` x `width` pixels. */
export interface Video {
  /** Pixels, row-major [count, height, width]. */
  readonly data: Float32Array | Uint8Array;
  /** How many frames there are. */
  readonly count: number;
  /** Rows of pixels. */
  readonly height: number;
  /** Columns of pixels. */
  readonly width: number;
  /** Seconds per frame. */
  readonly dt: number;
  /** When the first frame begins, in seconds on the trial's clock. Default 0. */
  readonly start?: number;
  /**
   * Selects the frames of a window; without it a window takes the frames that end with it. The
   * original calls this function the callback.
   *
   * @param end index of the frame after the last one that the window may show
   * @param count how many frames to return
   * @param trial id of the trial
   */
  readonly choose?: (video: Video, end: number, count: number, trial: number) => Float32Array;
}

/** A variable sampled at a fixed time step. */
export interface Series {
  /** Numbers, or the labels of a classified variable. */
  readonly values: ArrayLike<number> | readonly string[];
  /** Seconds per sample. */
  readonly dt: number;
  /** When the first sample was taken, in seconds on the trial's clock. Default 0. */
  readonly start?: number;
  /** For angles: a full turn, in their unit. */
  readonly period?: number;
}

/** A variable sampled at arbitrary times. */
export interface TimedSeries {
  /** Numbers, or the labels of a classified variable. */
  readonly values: ArrayLike<number> | readonly string[];
  /** When each sample was taken, in seconds on the trial's clock, increasing. */
  readonly times: ArrayLike<number>;
  /**
   * The last number before the trial, at a time below 0. For a variable that keeps each value until
   * the next sample, it is the value at the trial's start.
   */
  readonly before?: {
    /** When it was taken, in seconds on the trial's clock. */
    readonly time: number;
    /** What it was, in the unit of `values`. */
    readonly value: number;
  };
  /** For angles: a full turn, in their unit. */
  readonly period?: number;
  /**
   * Intervals between two samples in which samples are missing, ascending: a window whose target
   * would be drawn across one is left out. Default: none.
   */
  readonly drawn?: readonly Interval[];
}

/** A variable recorded along with the spikes, such as a running speed or a head direction. */
export type Variable = Series | TimedSeries;

/** When sample n of a variable was taken, in seconds on its clock. */
export function sampleTime(series: Variable, n: number): number {
  return 'times' in series ? series.times[n]! : (series.start ?? 0) + n * series.dt;
}

/**
 * A span of time with a clock that starts at 0. Windows never cross from one trial into another.
 */
export interface Trial {
  /** The number that identifies the trial to users, unique in its recording. */
  readonly id: number;
  /** When the trial starts, in seconds on the session clock. */
  readonly start: number;
  /** Seconds. */
  readonly duration: number;
  /** Spikes of every neuron of the recording, on the trial's clock. */
  readonly spikes: Spikes;
  /**
   * What the trial showed: trials with the same condition are repeats of the same stimulus.
   * Undefined if that is not known.
   */
  readonly condition?: string;
  /** What was shown or filmed; undefined if nothing was. */
  readonly video?: Video;
  /** By name. A variable may be absent from some trials. */
  readonly variables: Readonly<Record<string, Variable>>;
}

/** A span of time from `start` up to `stop`, in seconds. */
export interface Interval {
  /** Seconds. */
  readonly start: number;
  /** Seconds. The interval ends just before this time. */
  readonly stop: number;
}

/** The data a model reads. `createRecording` makes one from a session and checks it. */
export interface Recording {
  /** What messages and reports call it. */
  readonly name: string;
  /** How many neurons there are, the same in all trials. */
  readonly neurons: number;
  /** The trials; other modules refer to them by their index here, `trialIndex`. */
  readonly trials: readonly Trial[];
  /** Named intervals on the session clock, such as 'running'. */
  readonly intervals: Readonly<Record<string, readonly Interval[]>>;
  /**
   * When each neuron was recorded, on the session clock, where that was not all the time. Without
   * spikes it is not known whether a neuron was silent at other times.
   */
  readonly observed?: readonly (readonly Interval[])[];
}

/** Spikes as event times in plain arrays. */
export interface PlainSpikeTimes {
  /** Seconds on the session clock, one ascending list per neuron. */
  readonly times: readonly ArrayLike<number>[];
}

/** A session as the lab recorded it, with everything on one clock. */
export interface Session {
  /** Default: 'recording'. */
  readonly name?: string;
  /** Spikes of every neuron; lists of times may be plain arrays. */
  readonly spikes: Spikes | PlainSpikeTimes;
  /** The video shown or filmed. */
  readonly frames?: Video;
  /** By name. */
  readonly variables?: Readonly<Record<string, Variable>>;
  /**
   * Trials with their ids; an id defaults to the index. Default: one trial that spans the session.
   */
  readonly trials?: readonly (Interval & {
    /** The number that identifies the trial to users. */
    id?: number;
    /** What it showed; the same in all repeats of a stimulus. */
    condition?: string;
  })[];
  /** Named intervals, such as 'running'. */
  readonly intervals?: Readonly<Record<string, readonly Interval[]>>;
  /** Seconds. Default: up to the latest end of any data, trial or interval. */
  readonly duration?: number;
  /** Seconds that were certainly recorded, even if no spike, frame or sample is that late. */
  readonly recorded?: number;
  /** When each neuron was recorded. Default: all the time. */
  readonly observed?: readonly (readonly Interval[])[];
}

/**
 * Makes a recording of a session by cutting it into trials. The data are checked first.
 *
 * @throws RecordingError naming the data at fault and what is wrong with them
 */
export function createRecording(session: Session): Recording {
  const { name = 'recording', frames, variables = {}, intervals = {} } = session;
  const spikes = withTypedTimes(session.spikes);
  checkSpikes(spikes);
  if (frames) checkVideo(frames);
  for (const [variable, series] of Object.entries(variables)) checkVariable(variable, series);
  const duration = session.duration ?? latestEnd(session, spikes);
  if (!(duration > 0))
    throw new RecordingError(
      `The recording ${name} is empty: nothing in it is later than 0 s. Where its clock begins below 0, say so in its dataset.yaml, such as start: -10.`,
    );
  for (const [label, list] of Object.entries(intervals))
    for (const [n, interval] of list.entries())
      checkInterval(`Interval ${n} of ${label}`, interval, duration);
  const spans = session.trials ?? [{ start: 0, stop: duration }];
  if (spans.length === 0) throw new RecordingError(`The recording ${name} has no trials.`);
  const trials = spans.map(({ start, stop, id, condition }, n) => {
    checkInterval(`Trial ${id ?? n}`, { start, stop }, duration);
    if ('counts' in spikes && !isBinEdge(start, spikes.dt)) {
      throw new RecordingError(
        `Trial ${id ?? n} starts at ${start} s, within a bin of the spike counts; trials should start on the edge of a bin (every ${spikes.dt} s).`,
      );
    }
    return {
      id: id ?? n,
      start,
      duration: stop - start,
      spikes: cutSpikes(spikes, start, stop),
      ...(condition !== undefined && { condition }),
      ...cutVideo(frames, start, stop),
      variables: Object.fromEntries(
        Object.entries(variables).flatMap(([key, series]) => {
          const cut = cutVariable(series, start, stop);
          return cut ? [[key, cut]] : [];
        }),
      ),
    };
  });
  checkIds(trials);
  checkNoOverlap(trials);
  const { observed } = session;
  return { name, neurons: neuronCount(spikes), trials, intervals, ...(observed && { observed }) };
}

/** The latest end of any data, trial or interval of a session, in seconds. */
function latestEnd(session: Session, spikes: Spikes): number {
  const { frames, variables = {}, trials = [], intervals = {}, recorded = 0 } = session;
  const ends = [
    recorded,
    spikesEnd(spikes),
    videoEnd(frames),
    ...Object.values(variables).map(variableEnd),
    ...[...trials, ...Object.values(intervals).flat()].map(({ stop }) => stop),
  ];
  return ends.reduce((a, b) => Math.max(a, b));
}

/** Names of the variables that occur in any trial, without duplicates. */
export function variableNames({ trials }: Pick<Recording, 'trials'>): string[] {
  return [...new Set(trials.flatMap(({ variables }) => Object.keys(variables)))];
}

/**
 * Makes a recording of trials that were recorded separately, each on its own clock. The data are
 * checked.
 *
 * @throws RecordingError naming the data at fault and what is wrong with them
 */
export function assembleRecording(
  name: string,
  trials: readonly Trial[],
  intervals: Recording['intervals'] = {},
): Recording {
  const firstTrial = trials[0];
  if (!firstTrial) throw new RecordingError(`The recording ${name} has no trials.`);
  const neurons = neuronCount(firstTrial.spikes);
  checkIds(trials);
  // Trials may share one video.
  for (const video of new Set(trials.map((trial) => trial.video))) if (video) checkVideo(video);
  for (const trial of trials) {
    const where = ` in trial ${trial.id}`;
    checkSpikes(trial.spikes, where);
    const count = neuronCount(trial.spikes);
    if (count !== neurons) {
      throw new RecordingError(
        `Trial ${trial.id} has ${count} neurons, but trial ${firstTrial.id} has ${neurons}: all trials should have the same neurons.`,
      );
    }
    for (const [variable, series] of Object.entries(trial.variables))
      checkVariable(variable, series, where);
  }
  return { name, neurons, trials, intervals };
}

/**
 * The recording with other variables in its trials, for example with values that were given per
 * trial. Only variables that the trial did not have before are checked.
 *
 * @param variables of each trial, in the order of the trials
 * @throws RecordingError naming the variable at fault and what is wrong with it
 */
export function replaceVariables(
  recording: Recording,
  variables: readonly Trial['variables'][],
): Recording {
  const trials = recording.trials.map((trial, n) => {
    for (const [name, series] of Object.entries(variables[n]!))
      if (series !== trial.variables[name]) checkVariable(name, series, ` in trial ${trial.id}`);
    return { ...trial, variables: variables[n]! };
  });
  return { ...recording, trials };
}

function checkIds(trials: readonly Trial[]): void {
  const ids = new Set<number>();
  for (const { id } of trials) {
    if (ids.has(id)) throw new RecordingError(`Two trials have the id ${id}.`);
    ids.add(id);
  }
}

/** Seconds: trials that overlap by less do so by rounding. */
export const MAX_OVERLAP = 1e-6;

/**
 * Checks that no trials overlap in session time. Data shared by two trials would leak between the
 * parts of a split.
 *
 * @throws RecordingError naming two trials that overlap
 */
export function checkNoOverlap(trials: readonly Pick<Trial, 'id' | 'start' | 'duration'>[]): void {
  const sorted = [...trials].sort((p, q) => p.start - q.start);
  for (const [n, next] of sorted.slice(1).entries()) {
    const { id, start, duration } = sorted[n]!;
    if (next.start < start + duration - MAX_OVERLAP) {
      throw new RecordingError(
        `Trial ${next.id} begins at ${next.start} s, before trial ${id} ends at ${start + duration} s. Trials should not overlap: in a dataset.yaml, trials.keep selects the trials to use, and trials: {overlaps: cut} lets each end where the next one starts.`,
      );
    }
  }
}

/**
 * The samples of a regular clock within a time interval: index of the first one, and of the one
 * after the last.
 */
function trialSampleRange(
  clockStart: number,
  dt: number,
  length: number,
  start: number,
  stop: number,
) {
  const indexAt = (time: number) => Math.ceil((time - clockStart) / dt - 1e-6);
  const first = Math.min(length, Math.max(0, indexAt(start)));
  return [first, Math.max(first, Math.min(length, indexAt(stop)))] as const;
}

/** The frames that begin within a trial, on the trial's clock; empty if there are none. */
function cutVideo(video: Video | undefined, start: number, stop: number): { video?: Video } {
  if (!video) return {};
  const { data, count, height, width, dt, start: videoStart = 0, choose } = video;
  const [first, end] = trialSampleRange(videoStart, dt, count, start, stop);
  if (end === first) return {};
  // A function that selects frames itself gets all of them.
  if (choose) return { video: { ...video, start: videoStart - start } };
  const size = height * width;
  return {
    video: {
      ...video,
      data: data.subarray(first * size, end * size),
      count: end - first,
      start: videoStart + first * dt - start,
    },
  };
}

/**
 * The samples of a variable within a trial, on the trial's clock; undefined if there are none. A
 * label stays valid until the next one, so unless the trial starts with a sample, the last label
 * before it is included, at time 0. The last number before it becomes `before`.
 */
function cutVariable(series: Variable, start: number, stop: number): Variable | undefined {
  const turn = series.period === undefined ? {} : { period: series.period };
  const slice = (first: number, end: number): Variable['values'] =>
    Array.prototype.slice.call(series.values, first, end);
  if (!('times' in series)) {
    const { dt, start: clockStart = 0, values } = series;
    const [first, end] = trialSampleRange(clockStart, dt, values.length, start, stop);
    if (end === first) return undefined;
    const isUncut = first === 0 && end === values.length;
    const firstTime = clockStart + first * dt - start;
    return {
      values: isUncut ? values : slice(first, end),
      dt,
      ...(Math.abs(firstTime) >= 1e-9 && { start: firstTime }),
      ...turn,
    };
  }
  const isLabeled = typeof series.values[0] === 'string';
  let first = lowerBound(series.times, start - 1e-9);
  const end = lowerBound(series.times, stop - 1e-9);
  const startsWithTrial = series.times[first]! - start <= 1e-9;
  if (isLabeled && first > 0 && !startsWithTrial) first -= 1;
  const value = isLabeled ? undefined : (series.values[first - 1] as number | undefined);
  const before = value !== undefined && { value, time: series.times[first - 1]! - start };
  if (end <= first)
    return before ? { values: [before.value], times: [before.time], ...turn } : undefined;
  const times = Float64Array.from({ length: end - first }, (_, n) =>
    Math.max(isLabeled ? 0 : Number.NEGATIVE_INFINITY, series.times[first + n]! - start),
  );
  const drawn = (series.drawn ?? [])
    .filter((interval) => interval.stop > start && interval.start < stop)
    .map((interval) => ({ start: interval.start - start, stop: interval.stop - start }));
  return {
    values: slice(first, end),
    times,
    ...(before && !startsWithTrial && { before }),
    ...turn,
    ...(drawn.length > 0 && { drawn }),
  };
}

function videoEnd(video: Video | undefined): number {
  return video ? (video.start ?? 0) + video.count * video.dt : 0;
}

function variableEnd(series: Variable): number {
  if ('times' in series) return series.times[series.times.length - 1] ?? 0;
  return (series.start ?? 0) + series.values.length * series.dt;
}

/** Spikes whose lists of times are typed arrays; lists that are typed already are not copied. */
function withTypedTimes(spikes: Session['spikes']): Spikes {
  if ('counts' in spikes) return spikes;
  const typed = (list: ArrayLike<number>) =>
    list instanceof Float64Array ? list : Float64Array.from(list);
  return { times: spikes.times.map(typed) };
}

/** @param where completes what messages call a neuron, such as ' in trial 3'. */
function checkSpikes(spikes: Spikes, where = ''): void {
  if (neuronCount(spikes) === 0)
    throw new RecordingError(
      'The recording has no neurons: spikes should have at least one row or list.',
    );
  if ('counts' in spikes) {
    const { counts, dt } = spikes;
    checkStep('spikes', dt);
    const ragged = counts.findIndex((row) => row.length !== counts[0]!.length);
    if (ragged >= 0) {
      throw new RecordingError(
        `Neuron ${ragged}${where} has ${counts[ragged]!.length} bins, but neuron 0 has ${counts[0]!.length}: counts should be a matrix of neurons and bins.`,
      );
    }
    return;
  }
  for (const [neuron, times] of spikes.times.entries()) {
    for (let n = 0; n < times.length; n++) {
      const time = times[n]!;
      if (!Number.isFinite(time) || time < 0) {
        throw new RecordingError(
          `Spike ${n} of neuron ${neuron}${where} is at ${time} s; spike times should be finite and not negative.`,
        );
      }
      if (n > 0 && time < times[n - 1]!) {
        throw new RecordingError(
          `Spike ${n} of neuron ${neuron}${where} is at ${time} s, before spike ${n - 1} at ${times[n - 1]} s: the times of each neuron should be sorted.`,
        );
      }
    }
  }
}

function checkVideo({ data, count, height, width, dt }: Video): void {
  checkStep('frames', dt);
  const pixels = count * height * width;
  if (data.length !== pixels || pixels === 0) {
    throw new RecordingError(
      `A video of ${count} frames of ${height} x ${width} should have ${pixels} pixels, but has ${data.length}.`,
    );
  }
  if (data instanceof Uint8Array) return;
  const index = data.findIndex((pixel) => !Number.isFinite(pixel));
  if (index >= 0) {
    throw new RecordingError(
      `Frame ${Math.floor(index / (height * width))} has a pixel of value ${data[index]}; pixels should be finite numbers.`,
    );
  }
}

/**
 * Checks the samples of a variable and their times.
 *
 * @param where completes what messages call the variable, such as ' in trial 3'
 * @throws RecordingError where one is missing, or times do not increase
 */
export function checkVariable(name: string, series: Variable, where = ''): void {
  const { values } = series;
  const owner = `variable ${name}${where}`;
  const title = `Variable ${name}${where}`;
  if (values.length === 0) throw new RecordingError(`${title} has no samples.`);
  for (let n = 0; n < values.length; n++) {
    const value = values[n];
    const isMissing = value === '' || (typeof value === 'number' && !Number.isFinite(value));
    if (!isMissing && typeof value === typeof values[0]) continue;
    const advice = isMissing
      ? 'fill in or remove missing samples, or in a dataset.yaml set missing: interpolate for it'
      : 'correct this one';
    throw new RecordingError(
      `Sample ${n} of ${owner} is ${value === '' ? 'missing' : value}, but every sample should be ${typeof values[0] === 'string' ? 'a label' : 'a number'}: ${advice}.`,
    );
  }
  if (!('times' in series)) {
    checkStep(owner, series.dt);
    return;
  }
  if (series.times.length !== values.length) {
    throw new RecordingError(
      `${title} has ${values.length} samples, but ${series.times.length} sample times.`,
    );
  }
  for (let n = 0; n < series.times.length; n++) {
    const time = series.times[n]!;
    if (!Number.isFinite(time) || (n > 0 && time <= series.times[n - 1]!)) {
      throw new RecordingError(
        `Sample ${n} of ${owner} is at ${time} s; sample times should be finite, and each later than the one before.`,
      );
    }
  }
}

function checkStep(owner: string, dt: number): void {
  if (!(dt > 0) || !Number.isFinite(dt))
    throw new RecordingError(`The time step of ${owner} should be above 0 seconds, but is ${dt}.`);
}

function checkInterval(label: string, { start, stop }: Interval, duration: number): void {
  // Rounding a sample time may put the end of the last trial slightly past the end of the
  // recording.
  if (start >= 0 && stop > start && stop <= duration + 1e-6) return;
  throw new RecordingError(
    `${label} runs from ${start} to ${stop} s; it should be within the recording, 0 to ${duration} s, and end after it starts.`,
  );
}

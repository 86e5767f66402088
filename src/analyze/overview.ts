/** What a recording holds, at a glance: rates, variables, clocks, gaps, and what looks wrong. */

import { usual } from '../math/statistics.js';
import {
  type Recording,
  sampleTime,
  type Trial,
  type Variable,
  variableNames,
} from '../recording/recording.js';
import { countSpikes, firstNotBefore, spikeTimes } from '../recording/spikes.js';
import { grouped } from '../text/format.js';

export interface RecordingOverview {
  readonly name: string;
  readonly neurons: number;
  /** Seconds of all trials together, and from the first trial's start to the last one's end. */
  readonly seconds: number;
  readonly span: number;
  readonly trials: { readonly count: number; readonly shortest: number; readonly longest: number };
  /** Seconds between trials that do not follow at once. */
  readonly gaps: readonly number[];
  readonly spikes: number;
  /** Hz of each neuron. */
  readonly rates: Float64Array;
  readonly variables: readonly VariableOverview[];
  /** Pixels of a frame, and seconds from one to the next. */
  readonly video?: { readonly height: number; readonly width: number; readonly dt: number };
  readonly intervals: readonly { name: string; count: number; seconds: number }[];
  readonly windows: readonly WindowSpikes[];
  readonly warnings: readonly string[];
}

export interface VariableOverview {
  readonly name: string;
  readonly unit: string | undefined;
  /** Trials that have it. */
  readonly trials: number;
  readonly samples: number;
  /** Seconds between samples: the median, and the longest within a trial. */
  readonly step: number;
  readonly longestStep: number;
  /** Of numbers; labels have those that occur instead. */
  readonly range?: { readonly low: number; readonly high: number };
  readonly labels?: readonly string[];
}

/** How many spikes windows of one length hold. */
export interface WindowSpikes {
  readonly seconds: number;
  readonly median: number;
  /** 999 windows of 1000 hold at most this many. */
  readonly nearlyAll: number;
  readonly most: number;
}

/** Windows as models have them, seconds. */
const WINDOW_LENGTHS = [0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;
/** More windows than these are not counted. */
const MAX_COUNTED_WINDOWS = 2e7;
/** Hz: no neuron fires faster over a whole recording, few fire slower. */
const MAX_PLAUSIBLE_RATE = 200;
const MIN_PLAUSIBLE_RATE = 0.01;

export function summarizeRecording(
  recording: Recording,
  units: Readonly<Record<string, string>> = {},
): RecordingOverview {
  const { name, neurons, trials, intervals } = recording;
  const trains = trials.map(({ spikes }) => spikeTimes(spikes));
  const durations = trials.map(({ duration }) => duration);
  const seconds = durations.reduce((sum, duration) => sum + duration, 0);
  const counts = Float64Array.from({ length: neurons }, (_, n) =>
    trains.reduce((sum, times) => sum + times[n]!.length, 0),
  );
  const begins = trials.map(({ start }) => start);
  const ends = trials.map(({ start, duration }) => start + duration);
  const video = trials.find((trial) => trial.video)?.video;
  const variables = variableNames(recording).map((key) =>
    summarizeVariable(key, units[key], trials),
  );
  const overview = {
    name,
    neurons,
    seconds,
    span: ends.reduce((a, b) => Math.max(a, b)) - begins.reduce((a, b) => Math.min(a, b)),
    trials: {
      count: trials.length,
      shortest: durations.reduce((a, b) => Math.min(a, b)),
      longest: durations.reduce((a, b) => Math.max(a, b)),
    },
    gaps: gapsBetweenTrials(trials),
    spikes: trains.reduce((sum, times) => sum + countSpikes(times), 0),
    rates: counts.map((count) => count / seconds),
    variables,
    ...(video && { video: { height: video.height, width: video.width, dt: video.dt } }),
    intervals: Object.entries(intervals).map(([key, list]) => ({
      name: key,
      count: list.length,
      seconds: list.reduce((sum, { start, stop }) => sum + stop - start, 0),
    })),
    windows: WINDOW_LENGTHS.flatMap((length) => windowSpikes(trains, durations, length)),
  };
  return { ...overview, warnings: warningsOn(recording, trains, overview) };
}

function gapsBetweenTrials(trials: readonly Trial[]): number[] {
  const sorted = [...trials].sort((p, q) => p.start - q.start);
  return sorted.slice(1).flatMap(({ start }, n) => {
    const gap = start - sorted[n]!.start - sorted[n]!.duration;
    return gap > 1e-6 ? [gap] : [];
  });
}

function sampleTimes(variable: Variable): ArrayLike<number> {
  if ('times' in variable) return variable.times;
  return Float64Array.from({ length: variable.values.length }, (_, n) => sampleTime(variable, n));
}

function summarizeVariable(
  name: string,
  unit: string | undefined,
  trials: readonly Trial[],
): VariableOverview {
  const own = trials.flatMap(({ variables }) => (variables[name] ? [variables[name]] : []));
  const steps: number[] = [];
  let samples = 0;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const labels = new Set<string>();
  for (const variable of own) {
    const times = sampleTimes(variable);
    samples += times.length;
    for (let n = 1; n < times.length; n++) steps.push(times[n]! - times[n - 1]!);
    for (let n = 0; n < variable.values.length; n++) {
      const value = variable.values[n]!;
      if (typeof value === 'string') labels.add(value);
      else [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  const facts = {
    name,
    unit,
    trials: own.length,
    samples,
    step: usual(steps) ?? Number.NaN,
    longestStep: steps.length > 0 ? steps.reduce((most, step) => Math.max(most, step)) : Number.NaN,
  };
  return labels.size > 0 ? { ...facts, labels: [...labels] } : { ...facts, range: { low, high } };
}

/** Spikes of all neurons in windows side by side; nothing where no trial is that long. */
function windowSpikes(
  trains: readonly (readonly ArrayLike<number>[])[],
  durations: readonly number[],
  seconds: number,
): WindowSpikes[] {
  // Times in samples make recordings of months, whose windows would not fit into the memory: the warning says why.
  if (durations.reduce((sum, duration) => sum + duration, 0) / seconds > MAX_COUNTED_WINDOWS)
    return [];
  const all: number[] = [];
  for (const [trial, times] of trains.entries()) {
    const counts = new Uint32Array(Math.floor(durations[trial]! / seconds + 1e-9));
    for (const train of times) {
      for (let n = 0; n < train.length; n++) {
        const at = Math.floor(train[n]! / seconds + 1e-9);
        if (at < counts.length) counts[at]! += 1;
      }
    }
    for (const count of counts) all.push(count);
  }
  if (all.length === 0) return [];
  const sorted = Uint32Array.from(all).sort();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return [{ seconds, median: at(0.5), nearlyAll: at(0.999), most: sorted.at(-1)! }];
}

/** What looks wrong: a sentence each, with what to do. */
function warningsOn(
  recording: Recording,
  trains: readonly (readonly ArrayLike<number>[])[],
  overview: Omit<RecordingOverview, 'warnings'>,
): string[] {
  const { rates, neurons, spikes, seconds } = overview;
  const silent = rates.filter((rate) => rate === 0).length;
  const fast = rates.filter((rate) => rate > MAX_PLAUSIBLE_RATE).length;
  const mean = spikes / neurons / seconds;
  const twice = recording.trials.some(({ spikes: own }) => 'times' in own)
    ? duplicatesIn(trains)
    : 0;
  return [
    ...(spikes === 0 ? ['There is not one spike.'] : []),
    ...(silent > 0 && spikes > 0
      ? [
          `${silent} of ${neurons} neurons never fire: they cost the model a token each and teach it nothing.`,
        ]
      : []),
    ...(fast > 0
      ? [
          `${fast} neurons fire faster than ${MAX_PLAUSIBLE_RATE} Hz: are times in another unit, or spikes of several cells in one?`,
        ]
      : []),
    ...(spikes > 0 && mean < MIN_PLAUSIBLE_RATE
      ? [
          `Neurons fire ${mean.toPrecision(2)} Hz in the mean, over ${grouped(Math.round(seconds))} s: times that are samples or milliseconds look so; say which with spikes.unit.`,
        ]
      : []),
    ...(twice > 0
      ? [
          `${grouped(twice)} spikes stand at the very time of another of the same neuron: the same events, sorted twice?`,
        ]
      : []),
    ...overview.variables.flatMap((variable) => variableWarnings(variable, recording)),
  ];
}

function duplicatesIn(trains: readonly (readonly ArrayLike<number>[])[]): number {
  let found = 0;
  for (const times of trains)
    for (const train of times)
      for (let n = 1; n < train.length; n++) found += Number(train[n] === train[n - 1]);
  return found;
}

function variableWarnings(variable: VariableOverview, recording: Recording): string[] {
  const { name, range, step, longestStep, trials } = variable;
  const all = recording.trials.length;
  // Labels hold until the next, and one value for each trial all through it.
  const sampled =
    range !== undefined && recording.trials.some((trial) => !holds(trial.variables[name], trial));
  return [
    ...(range && range.low === range.high && variable.samples > all
      ? [`${name} is ${range.low} all the time: there is nothing to decode.`]
      : []),
    ...(range && isTurn(range)
      ? [
          `${name} runs from ${range.low.toFixed(2)} to ${range.high.toFixed(2)}, as angles do: decode it with objective: circular${range.high > 7 ? ', period: 360' : ''}.`,
        ]
      : []),
    ...(sampled && longestStep > 10 * step && longestStep > 0.5
      ? [
          `${name} has a hole of ${longestStep.toFixed(2)} s, where its samples are ${step.toPrecision(3)} s apart elsewhere: cut the session there with trials.gaps.`,
        ]
      : []),
    ...(trials < all
      ? [
          `${all - trials} of ${all} trials have no ${name}: windows that need it are taken from the others.`,
        ]
      : []),
    ...(sampled ? clockOff(name, step, recording) : []),
  ];
}

/** Whether a variable is one value all through a trial. */
function holds(variable: Variable | undefined, { duration }: Trial): boolean {
  if (!variable || !('times' in variable)) return variable === undefined;
  const [from, to] = [variable.times[0], variable.times[1]];
  return variable.times.length === 2 && from === 0 && to === duration;
}

/** Whether numbers fill a circle, in radians or degrees. */
function isTurn({ low, high }: { low: number; high: number }): boolean {
  return [2 * Math.PI, 360].some((turn) =>
    [0, -turn / 2].some(
      (from) =>
        low >= from &&
        low < from + 0.02 * turn &&
        high <= from + turn * 1.0001 &&
        high > from + 0.98 * turn,
    ),
  );
}

/** Where a variable's clock begins late or ends early, seconds of the trials it is in. */
function clockOff(name: string, step: number, { trials }: Recording): string[] {
  let [covered, whole] = [0, 0];
  for (const { variables, duration, spikes } of trials) {
    const variable = variables[name];
    if (!variable) continue;
    const times = sampleTimes(variable);
    const trains = spikeTimes(spikes);
    const first = Math.max(0, times[0]!);
    const last = times[times.length - 1]! + step;
    const inside = trains.reduce(
      (sum, train) => sum + firstNotBefore(train, last) - firstNotBefore(train, first),
      0,
    );
    const spikesIn = countSpikes(trains);
    covered += spikesIn > 0 ? (inside / spikesIn) * duration : duration;
    whole += duration;
  }
  const share = covered / whole;
  return share < 0.9
    ? [
        `The clock of ${name} covers ${(100 * share).toFixed(0)} % of the spikes: does it begin and end when they do, and is its step right?`,
      ]
    : [];
}

/** Letters from no spike to many. */
const DENSITY_LETTERS = ' .:-=+*#%@';

/** Spikes of the whole recording as rows of letters: neurons from top to bottom, time from left to right. */
export function rasterInLetters({ trials, neurons }: Recording, columns = 72, rows = 20): string[] {
  const lines = Math.min(rows, neurons);
  const seconds = trials.reduce((sum, { duration }) => sum + duration, 0);
  const counts = Array.from({ length: lines }, () => new Float64Array(columns));
  let offset = 0;
  for (const { spikes, duration } of trials) {
    for (const [neuron, train] of spikeTimes(spikes).entries()) {
      const row = counts[Math.floor((neuron * lines) / neurons)]!;
      for (let n = 0; n < train.length; n++) {
        const at = Math.floor(((offset + train[n]!) / seconds) * columns);
        if (at < columns) row[at]! += 1;
      }
    }
    offset += duration;
  }
  const sorted = counts.flatMap((row) => [...row]).sort((p, q) => p - q);
  const most = sorted[Math.floor(0.99 * (sorted.length - 1))] || 1;
  return counts.map((row) =>
    Array.from(row, (count) =>
      count === 0
        ? ' '
        : DENSITY_LETTERS[
            Math.min(
              DENSITY_LETTERS.length - 1,
              1 + Math.floor((count / most) * (DENSITY_LETTERS.length - 2)),
            )
          ],
    ).join(''),
  );
}

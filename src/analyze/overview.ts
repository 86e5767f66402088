/** Summarizes a recording (rates, variables, gaps, windows) and warns of data that look wrong. */

import { upperMedian } from '../math/statistics.js';
import {
  type Recording,
  sampleTime,
  type Trial,
  type Variable,
  variableNames,
} from '../recording/recording.js';
import { countSpikes, lowerBound, spikeTimes } from '../recording/spikes.js';
import { formatCount } from '../text/format.js';

/** The summary of a recording. */
export interface RecordingOverview {
  /** Name of the recording. */
  readonly name: string;
  /** How many neurons there are. */
  readonly neurons: number;
  /** Duration of all trials together. */
  readonly seconds: number;
  /** Seconds from the start of the first trial to the end of the last. */
  readonly span: number;
  /** The trials. */
  readonly trials: {
    /** How many there are. */
    readonly count: number;
    /** Shortest duration, in seconds. */
    readonly shortest: number;
    /** Longest duration, in seconds. */
    readonly longest: number;
  };
  /**
   * How often conditions were repeated, from the most repeats; empty where no trial has a
   * condition.
   */
  readonly conditions: readonly RepeatCount[];
  /** Seconds between consecutive trials, where there is time between them. */
  readonly gaps: readonly number[];
  /** How many spikes there are. */
  readonly spikes: number;
  /** Hz of each neuron, over the time in which it was observed. */
  readonly rates: Float64Array;
  /** Variables that any trial has. */
  readonly variables: readonly VariableOverview[];
  /** The video of the first trial that has one. */
  readonly video?: {
    /** Height of a frame, in pixels. */
    readonly height: number;
    /** Width of a frame, in pixels. */
    readonly width: number;
    /** Seconds per frame. */
    readonly dt: number;
  };
  /** The named intervals. */
  readonly intervals: readonly {
    /** What the intervals are called. */
    readonly name: string;
    /** How many have this name. */
    readonly count: number;
    /** Their duration together. */
    readonly seconds: number;
  }[];
  /** Spikes in windows of common lengths. */
  readonly windows: readonly WindowSpikes[];
  /** Sentences on data that look wrong, with what to do. */
  readonly warnings: readonly string[];
}

/** Conditions that have the same number of trials. */
export interface RepeatCount {
  /** How many conditions these are. */
  readonly conditions: number;
  /** How many trials each of them has. */
  readonly trials: number;
}

/** The summary of one variable. */
export interface VariableOverview {
  /** Name of the variable. */
  readonly name: string;
  /** Undefined if it is not known. */
  readonly unit: string | undefined;
  /** How many trials have it. */
  readonly trials: number;
  /** How many samples there are in all trials; one in each for one value per trial. */
  readonly samples: number;
  /** Usual seconds between samples; NaN for one value per trial. */
  readonly step: number;
  /** Longest time between two samples of a trial, in seconds; NaN for one value per trial. */
  readonly longestStep: number;
  /** The range of its numbers; undefined for labels. */
  readonly range?: {
    /** The smallest number. */
    readonly low: number;
    /** The largest number. */
    readonly high: number;
  };
  /** The labels that occur; undefined for numbers. */
  readonly labels?: readonly string[];
}

/** How many spikes windows of one length have. */
export interface WindowSpikes {
  /** Length of the windows. */
  readonly seconds: number;
  /** Half of the windows have at most this many. */
  readonly median: number;
  /** 999 of 1000 windows have at most this many. */
  readonly percentile999: number;
  /** Spikes of the window that has the most. */
  readonly maximum: number;
}

/** Common lengths of windows, seconds. */
const WINDOW_LENGTHS = [0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;
/** Spikes are not counted per window if there are more windows than this. */
const MAX_COUNTED_WINDOWS = 2e7;
/** Hz. Over a whole recording, no neuron fires faster. */
const MAX_PLAUSIBLE_RATE = 200;
/** Hz. Over a whole recording, few neurons fire more slowly. */
const MIN_PLAUSIBLE_RATE = 0.01;

/** Summarizes a recording. @param units of its variables, by name, as far as they are known */
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
  const starts = trials.map(({ start }) => start);
  const ends = trials.map(({ start, duration }) => start + duration);
  const video = trials.find((trial) => trial.video)?.video;
  const variables = variableNames(recording).map((key) =>
    summarizeVariable(key, units[key], trials),
  );
  const overview = {
    name,
    neurons,
    seconds,
    span: ends.reduce((a, b) => Math.max(a, b)) - starts.reduce((a, b) => Math.min(a, b)),
    trials: {
      count: trials.length,
      shortest: durations.reduce((a, b) => Math.min(a, b)),
      longest: durations.reduce((a, b) => Math.max(a, b)),
    },
    conditions: countRepeats(trials),
    gaps: gapsBetweenTrials(trials),
    spikes: trains.reduce((sum, times) => sum + countSpikes(times), 0),
    rates: counts.map((count, n) => count / (observedSeconds(recording, n) || seconds)),
    variables,
    ...(video && { video: { height: video.height, width: video.width, dt: video.dt } }),
    intervals: Object.entries(intervals).map(([key, list]) => ({
      name: key,
      count: list.length,
      seconds: list.reduce((sum, { start, stop }) => sum + stop - start, 0),
    })),
    windows: WINDOW_LENGTHS.flatMap((length) => windowSpikes(trains, durations, length)),
  };
  return { ...overview, warnings: recordingWarnings(recording, trains, overview) };
}

/** Seconds of the trials in which a neuron was observed. */
function observedSeconds({ trials, observed }: Recording, neuron: number): number {
  let seconds = 0;
  for (const { start, duration } of trials) {
    const stop = start + duration;
    for (const interval of observed?.[neuron] ?? [{ start, stop }])
      seconds += Math.max(0, Math.min(stop, interval.stop) - Math.max(start, interval.start));
  }
  return seconds;
}

function countRepeats(trials: readonly Trial[]): RepeatCount[] {
  const trialsOf = new Map<string, number>();
  for (const { condition } of trials)
    if (condition !== undefined) trialsOf.set(condition, (trialsOf.get(condition) ?? 0) + 1);
  const conditionsWith = new Map<number, number>();
  for (const count of trialsOf.values())
    conditionsWith.set(count, (conditionsWith.get(count) ?? 0) + 1);
  return [...conditionsWith]
    .map(([count, conditions]) => ({ conditions, trials: count }))
    .sort((p, q) => q.trials - p.trials);
}

/**
 * How many conditions a recording has, and how often each was repeated: '37: 1 in 20 trials, 36 in
 * one trial'. Undefined where no trial has a condition.
 */
export function describeConditions({
  conditions,
  trials,
}: Pick<RecordingOverview, 'conditions' | 'trials'>): string | undefined {
  if (conditions.length === 0) return undefined;
  const count = conditions.reduce((sum, item) => sum + item.conditions, 0);
  const labeled = conditions.reduce((sum, item) => sum + item.conditions * item.trials, 0);
  const inTrials = (number: number) => (number === 1 ? 'in one trial' : `in ${number} trials`);
  const repeats = conditions.map((item) => `${item.conditions} ${inTrials(item.trials)}`);
  const without = trials.count - labeled;
  const listed =
    conditions.length === 1
      ? `${count}, ${count === 1 ? '' : 'each '}${inTrials(conditions[0]!.trials)}`
      : `${count}: ${repeats.join(', ')}`;
  return without === 0 ? listed : `${listed}; ${without} of ${trials.count} trials have none`;
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

/** Whether a variable has one value in each of several trials, as far as they have it. */
export function isPerTrial(name: string, trials: readonly Trial[]): boolean {
  return (
    trials.length > 1 && trials.every((trial) => isValuePerTrial(trial.variables[name], trial))
  );
}

/** Summarizes one variable. @param unit undefined if it is not known */
export function summarizeVariable(
  name: string,
  unit: string | undefined,
  trials: readonly Trial[],
): VariableOverview {
  const having = trials.filter(({ variables }) => variables[name]);
  const instances = having.map(({ variables }) => variables[name]!);
  const hasOneEach = isPerTrial(name, trials);
  const steps: number[] = [];
  let samples = 0;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const labels = new Set<string>();
  for (const variable of instances) {
    const times = sampleTimes(variable);
    samples += hasOneEach ? 1 : times.length;
    for (let n = 1; n < times.length && !hasOneEach; n++) steps.push(times[n]! - times[n - 1]!);
    for (let n = 0; n < variable.values.length; n++) {
      const value = variable.values[n]!;
      if (typeof value === 'string') labels.add(value);
      else [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  const summary = {
    name,
    unit,
    trials: instances.length,
    samples,
    step: upperMedian(steps) ?? Number.NaN,
    longestStep: steps.length > 0 ? steps.reduce((max, step) => Math.max(max, step)) : Number.NaN,
  };
  return labels.size > 0
    ? { ...summary, labels: [...labels] }
    : { ...summary, range: { low, high } };
}

/**
 * How many spikes windows of one length have, side by side; nothing where they would be too many,
 * or no trial is as long as one.
 *
 * @param trains of the trials, each the spike times of all neurons
 * @param durations of the trials, seconds
 * @param seconds of a window
 */
export function windowSpikes(
  trains: readonly (readonly ArrayLike<number>[])[],
  durations: readonly number[],
  seconds: number,
): WindowSpikes[] {
  // If times are in samples by mistake, the recording seems to last months and its windows would
  // not fit into memory. A warning on the rates tells the user.
  if (durations.reduce((sum, duration) => sum + duration, 0) / seconds > MAX_COUNTED_WINDOWS)
    return [];
  const allCounts: number[] = [];
  for (const [trial, times] of trains.entries()) {
    const counts = new Uint32Array(Math.floor(durations[trial]! / seconds + 1e-9));
    for (const train of times) {
      for (let n = 0; n < train.length; n++) {
        const window = Math.floor(train[n]! / seconds + 1e-9);
        if (window < counts.length) counts[window]! += 1;
      }
    }
    for (const count of counts) allCounts.push(count);
  }
  if (allCounts.length === 0) return [];
  const sorted = Uint32Array.from(allCounts).sort();
  const quantile = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return [
    { seconds, median: quantile(0.5), percentile999: quantile(0.999), maximum: sorted.at(-1)! },
  ];
}

/** Sentences on what looks wrong in a recording, with what to do. */
function recordingWarnings(
  recording: Recording,
  trains: readonly (readonly ArrayLike<number>[])[],
  overview: Omit<RecordingOverview, 'warnings'>,
): string[] {
  const { rates, neurons, spikes, seconds } = overview;
  const silent = rates.filter((rate) => rate === 0).length;
  const fast = rates.filter((rate) => rate > MAX_PLAUSIBLE_RATE).length;
  const meanRate = spikes / neurons / seconds;
  // Several spikes of a neuron in a bin of counts are no duplicates.
  const hasTimes = recording.trials.some((trial) => 'times' in trial.spikes);
  const duplicates = hasTimes ? countDuplicates(trains) : 0;
  return [
    ...(spikes === 0 ? ['The recording has no spikes.'] : []),
    ...(silent > 0 && spikes > 0
      ? [
          `${silent} of ${neurons} neurons never fire: each costs the model a token and teaches it nothing. In a dataset.yaml, spikes.min_spikes: 1 leaves them out.`,
        ]
      : []),
    ...observationWarnings(recording, overview),
    ...silentTrialWarnings(recording, trains, overview),
    ...(fast > 0
      ? [
          `${fast} neurons fire faster than ${MAX_PLAUSIBLE_RATE} Hz: are spike times in another unit, or several cells merged into one?`,
        ]
      : []),
    ...(spikes > 0 && meanRate < MIN_PLAUSIBLE_RATE
      ? [
          `Neurons fire at ${meanRate.toPrecision(2)} Hz on average, over ${formatCount(Math.round(seconds))} s. Rates this low suggest that spike times are in samples or milliseconds: give the unit with spikes.unit.`,
        ]
      : []),
    ...(duplicates > 0
      ? [
          `${formatCount(duplicates)} spikes have exactly the time of another spike of the same neuron: were the same events sorted twice?`,
        ]
      : []),
    ...overview.variables.flatMap((variable) => variableWarnings(variable, recording)),
  ];
}

/** A share of the time: less of it is hardly missed. */
const MOST_OF_THE_TIME = 0.99;

/** A warning where neurons were observed only some of the time. */
function observationWarnings(
  recording: Recording,
  { neurons, seconds }: Pick<RecordingOverview, 'neurons' | 'seconds'>,
): string[] {
  if (!recording.observed) return [];
  const observed = recording.observed.map((_, n) => observedSeconds(recording, n));
  const partly = observed.filter((time) => time < MOST_OF_THE_TIME * seconds);
  if (partly.length === 0) return [];
  const mean = partly.reduce((sum, time) => sum + time, 0) / partly.length;
  return [
    `${partly.length} of ${neurons} neurons were observed for ${formatCount(Math.round(mean))} of ${formatCount(Math.round(seconds))} s on average. Their rates are over that time, but a model takes the rest for silence: use trials in which they were observed (trials.keep), or leave these neurons out (spikes.keep).`,
  ];
}

/** A silence this improbable at the rate of the other trials is not one. */
const IMPROBABLE = 1e-6;

/** A warning where trials have no spikes at all, with what may be the reason. */
function silentTrialWarnings(
  { trials }: Recording,
  trains: readonly (readonly ArrayLike<number>[])[],
  { spikes, trials: { longest } }: Pick<RecordingOverview, 'spikes' | 'trials'>,
): string[] {
  const isSilent = trains.map((times) => countSpikes(times) === 0);
  const active = trials.filter((_, n) => !isSilent[n]);
  const rate = spikes / active.reduce((sum, { duration }) => sum + duration, 0);
  const silent = trials.filter(
    ({ duration }, n) => isSilent[n] && Math.exp(-rate * duration) < IMPROBABLE,
  );
  if (spikes === 0 || silent.length === 0) return [];
  const last = trials.reduce((end, { start }, n) => {
    const latest = trains[n]!.reduce(
      (max, train) => Math.max(max, train[train.length - 1] ?? 0),
      0,
    );
    return isSilent[n] ? end : Math.max(end, start + latest);
  }, 0);
  const share = `${formatCount(silent.length)} of ${formatCount(trials.length)} trials have no spikes at all`;
  if (active.length === 1 && last <= 2 * longest)
    return [
      `${share}, and all spikes are in the first ${Number(last.toPrecision(3))} s: their times seem to count from the start of each trial, so that the spikes of all trials lie in one. Nothing says to which trial a spike belongs: ask for times on the session's clock.`,
    ];
  if (silent.every(({ start }) => start >= last))
    return [
      `${share}: the last spike is at ${Number(last.toPrecision(4))} s, so the recording ended before these trials. Keep the trials before (trials.keep in a dataset.yaml).`,
    ];
  return [`${share}: were they recorded? If not, keep the others (trials.keep in a dataset.yaml).`];
}

/** How many spikes have the same time as the spike before them. */
function countDuplicates(trains: readonly (readonly ArrayLike<number>[])[]): number {
  let duplicates = 0;
  for (const times of trains)
    for (const train of times)
      for (let n = 1; n < train.length; n++) duplicates += Number(train[n] === train[n - 1]);
  return duplicates;
}

function variableWarnings(variable: VariableOverview, recording: Recording): string[] {
  const { name, range, step, longestStep, trials } = variable;
  const trialCount = recording.trials.length;
  const turn = range && fullTurn(range);
  // A label stays valid until the next one, and a value per trial for the whole trial: neither has
  // gaps.
  const isSampled =
    range !== undefined &&
    recording.trials.some((trial) => !isValuePerTrial(trial.variables[name], trial));
  return [
    ...(range && range.low === range.high && variable.samples > trialCount
      ? [`${name} is always ${range.low}: there is nothing to decode.`]
      : []),
    ...(turn !== undefined && range
      ? [
          `${name} ranges from ${range.low.toFixed(2)} to ${range.high.toFixed(2)}, as an angle does: decode it with objective: circular${turn === 360 ? ', period: 360' : ''}.`,
        ]
      : []),
    ...(isSampled && longestStep > 10 * step && longestStep > 0.5
      ? [
          `${name} has a gap of ${longestStep.toFixed(2)} s, while its samples are usually ${step.toPrecision(3)} s apart: cut the session there with trials.gaps.`,
        ]
      : []),
    ...(trials < trialCount
      ? [
          `${trialCount - trials} of ${trialCount} trials have no ${name}: windows that need it are taken from the other trials.`,
        ]
      : []),
    ...(isSampled ? coverageWarnings(name, step, recording) : []),
  ];
}

/** Whether a variable has one value for the whole trial, or none. */
function isValuePerTrial(variable: Variable | undefined, { duration }: Trial): boolean {
  if (!variable || !('times' in variable)) return variable === undefined;
  const [start, stop] = [variable.times[0], variable.times[1]];
  return variable.times.length === 2 && start === 0 && stop === duration;
}

/** The full turn, in radians or degrees, that numbers range over; undefined where they do not. */
export function fullTurn({ low, high }: { low: number; high: number }): number | undefined {
  return [2 * Math.PI, 360].find((turn) =>
    [0, -turn / 2].some(
      (start) =>
        low >= start &&
        low < start + 0.02 * turn &&
        high <= start + turn * 1.0001 &&
        high > start + 0.98 * turn,
    ),
  );
}

/**
 * A warning if the samples of a variable begin late or end early, so that they cover fewer than 90%
 * of the spikes.
 */
function coverageWarnings(name: string, step: number, { trials }: Recording): string[] {
  let [covered, total] = [0, 0];
  for (const { variables, duration, spikes } of trials) {
    const variable = variables[name];
    if (!variable) continue;
    const times = sampleTimes(variable);
    const trains = spikeTimes(spikes);
    const start = Math.max(0, times[0]!);
    const stop = times[times.length - 1]! + step;
    const coveredSpikes = trains.reduce(
      (sum, train) => sum + lowerBound(train, stop) - lowerBound(train, start),
      0,
    );
    const allSpikes = countSpikes(trains);
    covered += allSpikes > 0 ? (coveredSpikes / allSpikes) * duration : duration;
    total += duration;
  }
  const share = covered / total;
  return share < 0.9
    ? [
        `The samples of ${name} cover only ${(100 * share).toFixed(0)}% of the spikes: do they begin and end together, and is the time step right?`,
      ]
    : [];
}

/** Characters for increasing densities of spikes. */
const DENSITY_LETTERS = ' .:-=+*#%@';

/**
 * Spikes of all trials as lines of text: neurons from top to bottom, time from left to right,
 * denser characters for more spikes.
 *
 * @param columns characters per line
 * @param rows the maximum number of lines; neighboring neurons share a line if there are more
 *   neurons
 */
export function textRaster({ trials, neurons }: Recording, columns = 72, rows = 20): string[] {
  const lines = Math.min(rows, neurons);
  const seconds = trials.reduce((sum, { duration }) => sum + duration, 0);
  const counts = Array.from({ length: lines }, () => new Float64Array(columns));
  let offset = 0;
  for (const { spikes, duration } of trials) {
    for (const [neuron, train] of spikeTimes(spikes).entries()) {
      const row = counts[Math.floor((neuron * lines) / neurons)]!;
      for (let n = 0; n < train.length; n++) {
        const column = Math.floor(((offset + train[n]!) / seconds) * columns);
        if (column < columns) row[column]! += 1;
      }
    }
    offset += duration;
  }
  const sorted = counts.flatMap((row) => [...row]).sort((p, q) => p - q);
  // The 99th percentile gets the densest character, so that a few extreme counts do not dominate.
  const densest = sorted[Math.floor(0.99 * (sorted.length - 1))] || 1;
  return counts.map((row) =>
    Array.from(row, (count) =>
      count === 0
        ? ' '
        : DENSITY_LETTERS[
            Math.min(
              DENSITY_LETTERS.length - 1,
              1 + Math.floor((count / densest) * (DENSITY_LETTERS.length - 2)),
            )
          ],
    ).join(''),
  );
}

/**
 * Reads variables and brings them onto the session clock, or onto the clocks of trials, and into
 * their unit.
 */

import { RecordingError } from '../recording/errors.js';
import {
  checkVariable,
  type Interval,
  sampleTime,
  type Trial,
  type Variable,
} from '../recording/recording.js';
import { meanFunction } from '../recording/sampling.js';
import { formatCount, formatPercent, formatSeconds } from '../text/format.js';
import type { Description, EventsSpec, SamplesSpec, VariableSpec } from './description.js';
import { type DataFiles, isOneDimensional } from './files.js';
import type { LeftOut } from './left-out.js';
import { readTrialLists } from './ragged.js';
import { eventRate, readEvents } from './read-events.js';
import type { TrialColumns } from './read-trials.js';
import { type ArrayValues, formatShape } from './reference.js';

/**
 * Variables as they were read: on the session clock, or with an array or a value for each trial.
 */
export interface LoadedVariables {
  /** Variables on the session clock, by name. */
  readonly session: Readonly<Record<string, Variable>>;
  /** Variables that are the rate of events whose times are on the session clock. */
  readonly events: readonly EventVariable[];
  readonly perTrial: readonly PerTrialVariable[];
  /** Variables with one value for each trial of the file, by name. */
  readonly columns: TrialColumns;
}

/** When a trial starts, in seconds on the session clock, and its seconds. */
type TrialSpan = Pick<Trial, 'start' | 'duration'>;

/** A variable that is brought into each trial by itself. */
interface TrialVariable {
  readonly name: string;
  /**
   * The variable in one trial; undefined where it is missing there.
   *
   * @param trialIndex the position of the trial in the file.
   * @param span when the trial starts on the session clock, and how long it lasts, in seconds.
   */
  readonly inTrial: (trialIndex: number, span: TrialSpan) => Variable | undefined;
}

/** A variable that counts events of the session. */
export interface EventVariable extends TrialVariable {
  /** When they took place, in seconds on the session clock, ascending. */
  readonly times: Float64Array;
  /** Seconds per bin. */
  readonly dt: number;
}

/** A variable with an array of samples, on the trial's clock, or with one value for each trial. */
interface PerTrialVariable extends TrialVariable {
  /** How many trials it has arrays or values for. */
  readonly count: number;
  /** Whether it may have fewer than there are trials, so that the last trials lack the variable. */
  readonly mayEndEarly: boolean;
  /** What else to do where it has too many, as the end of a message. */
  readonly otherwise?: string;
}

/** What the readers of variables share. */
interface VariableSource {
  readonly files: DataFiles;
  /** Seconds on the files' clock at which the session begins, and on those of trials. */
  readonly clockStarts: { readonly session: number; readonly trial: number };
  /** Takes a sentence about what is missing. */
  readonly note: (sentence: string) => void;
}

/**
 * Reads all variables of a description.
 *
 * @param trialClockStart seconds on the trials' own clocks at which they begin.
 * @param note takes a sentence about each variable that lacks samples.
 * @param leftOut takes variables on the session clock that cannot be used; without, they are
 *   errors.
 * @throws RecordingError where a variable has no clock, several columns or no valid sample.
 */
export function readVariables(
  { variables, start: sessionStart }: Pick<Description, 'variables' | 'start'>,
  trialClockStart: number,
  files: DataFiles,
  note: (sentence: string) => void,
  leftOut?: LeftOut,
): LoadedVariables {
  const session: Record<string, Variable> = {};
  const events: EventVariable[] = [];
  const perTrial: PerTrialVariable[] = [];
  const columns = new Map<string, Variable['values']>();
  const clockStarts = { session: sessionStart, trial: trialClockStart };
  const source: VariableSource = { files, clockStarts, note };
  for (const [name, spec] of Object.entries(variables)) {
    const orLeftOut = <T>(read: () => T) => (leftOut ? leftOut.readVariable(name, read) : read());
    if (spec.events !== undefined) {
      const counted = orLeftOut(() => readEventVariable(name, spec, source));
      if (counted && 'times' in counted) events.push(counted);
      else if (counted) perTrial.push(counted);
    } else if (spec.per_trial) {
      const { values, variable } = readTrialValues(name, spec, source);
      columns.set(name, values);
      perTrial.push(variable);
    } else if (spec.ends !== undefined || files.isPattern(spec.data))
      perTrial.push(readTrialSeries(name, spec, source));
    else {
      const series = orLeftOut(() => readSessionSeries(name, spec, source));
      if (series) session[name] = series;
    }
  }
  return { session, events, perTrial, columns };
}

/** Reads a variable that counts events: of the session, or of each trial on its clock. */
function readEventVariable(
  name: string,
  spec: EventsSpec,
  { files, clockStarts, note }: VariableSource,
): EventVariable | PerTrialVariable {
  const key = `variables.${name}`;
  const { dt } = spec;
  if (dt === undefined)
    throw new RecordingError(
      `${key} should have dt, the seconds of a bin in which events are counted, such as dt: 0.05.`,
    );
  const read = readEvents(key, spec, files, clockStarts, note);
  const rate = (times: Float64Array, span: TrialSpan) => eventRate(key, times, span, spec, dt);
  if ('session' in read) {
    const { session: times } = read;
    return { name, times, dt, inTrial: (_, span) => rate(times, span) };
  }
  const { trials, areSingle } = read;
  return {
    name,
    count: trials.length,
    mayEndEarly: files.isPattern(spec.events),
    ...(areSingle && {
      otherwise: `, or give under ${key}.ends the index just past the last time of each trial`,
    }),
    inTrial: (trialIndex, { duration }) => {
      const times = trials[trialIndex];
      return times && rate(times, { start: 0, duration });
    },
  };
}

/** Reads a variable with one value for each trial. */
function readTrialValues(
  name: string,
  spec: SamplesSpec,
  { files }: VariableSource,
): { values: Variable['values']; variable: PerTrialVariable } {
  const key = `variables.${name}`;
  const values = readSamples(key, spec, files.values(`${key}.data`, spec.data));
  const inTrial = (trialIndex: number, { duration }: TrialSpan) =>
    constant(values[trialIndex], duration);
  return { values, variable: { name, count: values.length, mayEndEarly: false, inTrial } };
}

/** Reads a variable with an array of samples for each trial. */
function readTrialSeries(
  name: string,
  spec: SamplesSpec,
  { files, clockStarts, note }: VariableSource,
): PerTrialVariable {
  const key = `variables.${name}`;
  const { data, ends } = spec;
  const arrays =
    ends === undefined
      ? files.arrays(`${key}.data`, data)
      : readTrialLists(key, 'data', { array: data, ends }, files);
  const missing = new MissingSamples(name, spec);
  const series = arrays.map(
    (values) => values && toTrialSeries(key, spec, values, clockStarts.trial, missing),
  );
  missing.report(note);
  // Behavior is often tracked in some of the trials only.
  return {
    name,
    count: series.length,
    mayEndEarly: ends === undefined,
    inTrial: (trialIndex) => series[trialIndex],
  };
}

/**
 * Checks that every variable with an array or a value per trial fits the number of trials.
 *
 * @param trialCount how many trials the file has, including those that are not used.
 * @param hint how values and trials correspond, as the end of the message.
 * @throws RecordingError where one has too many, or too few values.
 */
export function checkTrialCounts(
  { perTrial }: LoadedVariables,
  trialCount: number,
  hint = 'in order',
): void {
  const mismatched = perTrial.find(
    ({ count, mayEndEarly }) => count > trialCount || (count < trialCount && !mayEndEarly),
  );
  if (!mismatched) return;
  throw new RecordingError(
    `variables.${mismatched.name} has values for ${countTrials(mismatched.count)}, but the recording has ${countTrials(trialCount)}: give one value per trial, ${hint}${mismatched.otherwise ?? ''}.`,
  );
}

/** A number of trials in the words of a message. */
function countTrials(count: number): string {
  return count === 1 ? '1 trial' : `${count} trials`;
}

/**
 * Adds the variables that are given per trial to a trial, then smooths all variables that are to be
 * smoothed. Nothing is averaged across the boundaries of the trial.
 *
 * @param trialIndex the position of the trial in the file.
 */
export function addPerTrialVariables(
  trial: Trial,
  variables: readonly TrialVariable[],
  trialIndex: number,
  specs: Description['variables'],
): Trial {
  const added = variables.flatMap(({ name, inTrial }) => {
    const variable = inTrial(trialIndex, trial);
    return variable ? [[name, variable] as const] : [];
  });
  const all = [...Object.entries(trial.variables), ...added].map(
    ([name, variable]) => [name, smoothed(variable, specs[name]?.smooth)] as const,
  );
  return { ...trial, variables: Object.fromEntries(all) };
}

/**
 * A variable with one value throughout a trial; undefined where the value is missing (NaN, or an
 * empty text).
 */
function constant(value: number | string | undefined, duration: number): Variable | undefined {
  if (value === undefined || value === '' || Number.isNaN(value)) return undefined;
  const values = [value, value] as number[] | string[];
  return { values, times: Float64Array.of(0, duration) };
}

/**
 * Samples of one trial on its clock; undefined where there are none, or all that may be left out
 * are missing.
 */
function toTrialSeries(
  key: string,
  spec: SamplesSpec,
  values: ArrayValues,
  trialClockStart: number,
  missing: MissingSamples,
): Variable | undefined {
  if (values.data.length === 0) return undefined;
  if (spec.dt === undefined)
    throw new RecordingError(`${key} should have dt, the seconds per sample in each trial.`);
  const { dt, start, period } = spec;
  const clock = { dt, start: start - trialClockStart };
  const series = { values: readSamples(key, spec, values), ...clock, ...fullTurn(period) };
  return missing.leaveOut(series);
}

/** @throws RecordingError where every sample is missing, or one of them is no sample. */
function readSessionSeries(
  name: string,
  spec: SamplesSpec,
  { files, clockStarts, note }: VariableSource,
): Variable {
  const key = `variables.${name}`;
  const missing = new MissingSamples(name, spec);
  const values = readSamples(key, spec, files.values(`${key}.data`, spec.data));
  const clock = readClock(key, spec, files, clockStarts.session);
  const present = missing.leaveOut({ values, ...clock, ...fullTurn(spec.period) });
  if (!present) throw new RecordingError(`Every sample of ${key}.data is missing.`);
  checkVariable(name, present);
  missing.report(note);
  return present;
}

/**
 * The clock of a variable on the session clock: the time of each sample, or the step and the time
 * of the first.
 */
function readClock(key: string, spec: VariableSpec, files: DataFiles, sessionStart: number) {
  if (spec.times !== undefined) {
    const times = files.numbers(`${key}.times`, spec.times);
    return { times: Float64Array.from(times, (time) => time * spec.time_unit - sessionStart) };
  }
  if (spec.dt === undefined)
    throw new RecordingError(`${key} should have dt, the seconds per sample, or times.`);
  return { dt: spec.dt, start: spec.start - sessionStart };
}

function fullTurn(period: number | undefined) {
  return period === undefined ? {} : { period };
}

/** Samples of a one-dimensional array, scaled to the unit of the variable. */
function readSamples(
  key: string,
  { data: reference, scale, offset }: SamplesSpec,
  values: ArrayValues,
): Variable['values'] {
  const { shape, data } = values;
  if (!isOneDimensional(shape)) {
    const column = `${reference}${reference.includes('#') ? '' : '#'}[:,0]`;
    throw new RecordingError(
      `${key}.data should be one-dimensional, but ${formatShape(values)}: make each column a variable of its own, such as ${column}.`,
    );
  }
  if (Array.isArray(data)) return data;
  return scale === 1 && offset === 0
    ? data
    : Float64Array.from(data, (value) => value * scale + offset);
}

/** Leaves out the missing samples of a variable, and counts them. */
class MissingSamples {
  readonly #name: string;
  readonly #spec: VariableSpec;
  #missing = 0;
  #total = 0;
  /** The longest stretch without a sample, in seconds. */
  #longest = 0;

  constructor(name: string, spec: VariableSpec) {
    this.#name = name;
    this.#spec = spec;
  }

  /**
   * Leaves out missing samples, so that each of the others has a time of its own. Numbers are then
   * interpolated between them, and labels hold until the next one.
   *
   * @returns undefined where all samples are missing.
   */
  leaveOut(series: Variable): Variable | undefined {
    if (this.#spec.missing !== 'interpolate') return series;
    const values: ArrayLike<number | string> = series.values;
    const isPresent = (value: number | string) =>
      typeof value === 'string' ? value !== '' : Number.isFinite(value);
    const present = Array.from(values, (_, n) => n).filter((n) => isPresent(values[n]!));
    this.#total += values.length;
    this.#missing += values.length - present.length;
    if (present.length === values.length) return series;
    if (present.length === 0) return undefined;
    const drawn: Interval[] = [];
    for (const [n, index] of present.entries()) {
      const next = present[n + 1] ?? values.length;
      if (next === index + 1) continue;
      const start = sampleTime(series, index);
      const stop = next < values.length ? sampleTime(series, next) : Number.POSITIVE_INFINITY;
      drawn.push({ start, stop });
      const last = next < values.length ? stop : sampleTime(series, values.length - 1);
      this.#longest = Math.max(this.#longest, last - start);
    }
    return {
      values: present.map((n) => values[n]!) as number[] | string[],
      times: Float64Array.from(present, (n) => sampleTime(series, n)),
      ...fullTurn(series.period),
      ...(!this.#spec.use_interpolated && { drawn }),
    };
  }

  /** Notes how many samples are missing, if any. */
  report(note: (sentence: string) => void): void {
    if (this.#missing === 0) return;
    const fate = this.#spec.use_interpolated
      ? 'they are interpolated, and windows that end there are used'
      : 'windows whose target would be interpolated are left out (use_interpolated: true keeps them)';
    note(
      `${formatCount(this.#missing)} of ${formatCount(this.#total)} samples of ${this.#name} are missing (${formatPercent(this.#missing / this.#total)}), up to ${formatSeconds(this.#longest)} at a stretch: ${fate}.`,
    );
  }
}

/**
 * A moving average of `count` samples: half of them (rounded down) before each sample, the rest
 * from it on.
 */
function smoothed(series: Variable, count: number | undefined): Variable {
  if (count === undefined || typeof series.values[0] === 'string') return series;
  const samples = series.values as ArrayLike<number>;
  const average = meanFunction(series.period);
  const before = Math.floor(count / 2);
  const values = Float64Array.from({ length: samples.length }, (_, n) => {
    const from = Math.max(0, n - before);
    const to = Math.min(samples.length, n - before + count);
    const window = Array.from({ length: to - from }, (_, offset) => from + offset);
    return average(samples, window);
  });
  return { ...series, values };
}

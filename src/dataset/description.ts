/**
 * The keys of dataset.yaml: which array of which file is what, on which clock and in which unit.
 * All times are on the clock of the files, except those of trials with clocks of their own.
 */

import { Condition } from '../text/condition.js';
import {
  boolean,
  type Check,
  type Checked,
  ConfigError,
  formatValue,
  isOneOf,
  isRecord,
  list,
  number,
  object,
  optional,
  record,
  text,
  withDefault,
} from '../text/schema.js';

const integerFrom = (min: number) => number({ min, integer: true });

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, ms: 1e-3, us: 1e-6 };

/**
 * Parses a fraction of a second, such as 1/30, into seconds; undefined where the value is not one.
 */
function parseFraction(value: unknown): number | undefined {
  const [, rate] = /^1\s*\/\s*(\d+(?:\.\d+)?)$/.exec(String(value)) ?? [];
  return Number(rate) > 0 ? 1 / Number(rate) : undefined;
}

/** A positive number of seconds, or a fraction of a second. */
const seconds: Check<number> = (value, path) =>
  parseFraction(value) ?? number({ above: 0 })(value, path);

/**
 * A unit of time, as its seconds: s (the default), ms, us, a number of seconds, or 1/30000 for
 * samples at 30 kHz.
 */
const unit: Check<number> = (value, path) => {
  if (value === undefined) return 1;
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  const secondsPerUnit = SECONDS_PER_UNIT[String(value)] ?? parseFraction(value);
  if (secondsPerUnit !== undefined) return secondsPerUnit;
  throw new ConfigError(
    `${path} should be s, ms, us, a number of seconds or a fraction of a second such as 1/30000, but is ${formatValue(value)}.`,
  );
};

/** One reference, or a list of references whose arrays are joined in order. */
const references: Check<string[]> = (value, path) =>
  typeof value === 'string' ? [text(value, path)] : list(text)(value, path);

/** Checks an object in which at most one of some keys may be given; false counts as not given. */
function withOneOf<T extends object>(check: Check<T>, ...keys: (keyof T & string)[]): Check<T> {
  return (value, path) => {
    const checked = check(value, path);
    const isGiven = (key: string) =>
      isRecord(value) && value[key] !== undefined && value[key] !== false;
    const given = keys.filter(isGiven);
    if (given.length < 2) return checked;
    throw new ConfigError(
      `${path} has both ${given[0]} and ${given[1]}: give one of ${keys.slice(0, -1).join(', ')} or ${keys.at(-1)}.`,
    );
  };
}

/** A number, or nan, which YAML writes as .nan. */
const numberOrNan: Check<number> = (value, path) => {
  if (Number.isNaN(value) || (typeof value === 'string' && /^\.?nan$/i.test(value)))
    return Number.NaN;
  if (typeof value === 'number') return number()(value, path);
  throw new ConfigError(`${path} should be a number or nan, but is ${formatValue(value)}.`);
};

const event = object({
  /** An event is where a trace rises above this threshold. */
  above: number(),
  /**
   * The unit of `above`: that of the trace, or robust standard deviations above the trace's median.
   */
  in: withDefault(isOneOf(['value', 'deviations']), 'value'),
  /**
   * Whether every sample above the threshold is an event, not only the first: for deconvolved
   * traces.
   */
  each: withDefault(boolean, false),
});

/** Indices of neurons, or a rule that selects neurons by a value that each has. */
const keep: Check<number[] | Checked<typeof keepKeys>> = (value, path) => {
  if (Array.isArray(value)) return list(integerFrom(0))(value, path);
  if (isRecord(value)) return keepByValue(value, path);
  throw new ConfigError(
    `${path} should be a list of neuron indices or {by: file#array, values: [...]}, but is ${formatValue(value)}.`,
  );
};

const labels = list<string | number>((value, path) =>
  typeof value === 'string' ? value : number()(value, path),
);

const keepKeys = object({
  /**
   * One value per neuron, such as the label that a sorter gave it. Of several arrays, the first one
   * counts that has a value for the neuron.
   */
  by: references,
  /**
   * The name or label of the neuron that each value belongs to, for each array of `by`. Default:
   * the values are in the order of the neurons.
   */
  ids: optional(references),
  /** Neurons with one of these values are kept. Default: those with any value but 0. */
  values: optional(labels),
  /** Instead of `values`: neurons with any other value, or with none, are kept. */
  except: optional(labels),
});

const keepByValue: typeof keepKeys = (value, path) => {
  const checked = withOneOf(keepKeys, 'values', 'except')(value, path);
  const { by, ids } = checked;
  if (ids === undefined ? by.length === 1 : ids.length === by.length) return checked;
  throw new ConfigError(
    `${path}.by has ${by.length} arrays, but ${path}.ids has ${ids?.length ?? 0}: give the ids of each.`,
  );
};

const observed = object({
  /** Starts and stops of the intervals of one neuron after the other: [intervals, 2], seconds. */
  intervals: text,
  /** The index just past each neuron's last interval. */
  ends: text,
});

const spikesKeys = object({
  /** Spike times of all neurons in one array. Needs `neurons`, `ends` or `sizes`. */
  times: optional(text),
  /**
   * The neuron of each time: an index from 0 or, with `relabel`, a label. Times may be in any
   * order.
   */
  neurons: optional(text),
  /** For times grouped by neuron: the index just past each neuron's last time, as in NWB. */
  ends: optional(text),
  /** For times grouped by neuron: how many times each neuron has. */
  sizes: optional(text),
  /**
   * Whether `neurons` and `trials` contain labels. The labels that occur are sorted and numbered
   * from 0.
   */
  relabel: withDefault(boolean, false),
  /**
   * The trial of each time: an index from 0 or, with `relabel`, a label. Each trial then has a
   * clock of its own. With `lists`, an array for each of them.
   */
  trials: optional(text),
  /**
   * One array of spike times per neuron. Where the arrays have two axes, each column is a trial
   * with its own clock. Any other arrangement is named by `axes`.
   */
  lists: optional(references),
  /** The value of `times` or `lists` that is no spike, such as what fills up short lists. */
  padding: optional(numberOrNan),
  /** The unit of `times`, `lists` and `clock`. Default: s. */
  unit,
  /**
   * The number of neurons. Default: the largest index + 1; set it where the last neurons may be
   * silent.
   */
  count: optional(number({ min: 1, max: 1_000_000, integer: true })),
  /**
   * One name per neuron, such as the ids of a spike sorter. Default: the labels, or indices from 0.
   */
  names: optional(text),
  /** When each neuron was recorded, as in NWB. Default: all the time. */
  observed: optional(observed),
  /** The neurons to use, renumbered from 0 in this order. Default: all. */
  keep: optional(keep),
  /** Of these, neurons with fewer spikes are left out. */
  min_spikes: withDefault(integerFrom(0), 0),
  /** Of these, at most so many are kept: those with the most spikes. Default: all. */
  max_neurons: optional(integerFrom(1)),
  /** Spike counts per bin; whole numbers, which are never rounded. */
  counts: optional(text),
  /** Calcium traces, in which `event` says what an event is. Events count as spikes. */
  traces: optional(references),
  /** The rule that finds events in `traces`. */
  event: optional(event),
  /**
   * The axes of `counts` or `traces` in order: neurons, bins, trials. Default: [neurons, bins]; for
   * counts with three axes, trials first.
   *
   * Those of `lists`: neurons, trials and, along each list, spikes; first what each `*` of the path
   * stands for, then the axes of the array. `[trials, neurons]` are trials that hold neurons, with
   * a list in each; `[spikes, neurons]` is a matrix with a column for each neuron.
   */
  axes: optional(list(isOneOf(['neurons', 'bins', 'trials', 'spikes']))),
  /** Bin width, seconds. Default: the mean step of `clock`. */
  dt: optional(seconds),
  /**
   * When the first bin begins, seconds; for trials with clocks of their own, when each trial begins
   * on its clock.
   */
  start: withDefault(number(), 0),
  /** The time of each bin. It replaces `start`, and `dt` where that is not given. */
  clock: optional(text),
});

/** Keys of `spikes` that say to which neuron and trial each of `times` belongs. */
const KEYS_OF_TIMES = ['neurons', 'ends', 'sizes', 'trials'] as const;

/** The axes that each way of giving spikes may have. */
const AXES_OF = {
  lists: ['neurons', 'trials', 'spikes'],
  counts: ['neurons', 'bins', 'trials'],
  traces: ['neurons', 'bins'],
} as const;

/** Spikes are given in one of four ways: `times`, `lists`, `counts` or `traces`. */
const spikes: typeof spikesKeys = (value, path) => {
  const inOneWay = withOneOf(spikesKeys, 'times', 'lists', 'counts', 'traces');
  const withOneGrouping = withOneOf(inOneWay, 'neurons', 'ends', 'sizes');
  const checked = withOneOf(withOneGrouping, 'trials', 'ends', 'sizes')(value, path);
  const way = (['lists', 'counts', 'traces'] as const).find((key) => checked[key] !== undefined);
  checkAxes(way, checked.axes, path);
  const misplaced = KEYS_OF_TIMES.find(
    (key) => checked[key] !== undefined && !(key === 'trials' && way === 'lists'),
  );
  if (way === undefined || misplaced === undefined) return checked;
  throw new ConfigError(
    `${path}.${misplaced} goes with times, but ${path} has ${way}: leave out one of them.`,
  );
};

/** @throws ConfigError where an axis is one that the spikes cannot have, or is named twice. */
function checkAxes(
  way: keyof typeof AXES_OF | undefined,
  axes: readonly string[] | undefined,
  path: string,
): void {
  if (!axes) return;
  if (way === undefined)
    throw new ConfigError(`${path}.axes goes with lists, counts or traces: leave it out.`);
  const allowed: readonly string[] = AXES_OF[way];
  const wrong = axes.find((axis) => !allowed.includes(axis));
  if (wrong !== undefined)
    throw new ConfigError(
      `${path}.axes of ${way} should be of ${allowed.join(', ')}, but has ${wrong}.`,
    );
  const repeated = axes.find((axis, n) => axes.indexOf(axis) < n);
  if (repeated !== undefined) throw new ConfigError(`${path}.axes names ${repeated} twice.`);
  if (!axes.includes('neurons'))
    throw new ConfigError(`${path}.axes names no neurons: say which axis they are.`);
}

const sequenceKeys = object({
  /** Seconds from the beginning of one stimulus to that of the next. */
  epoch: seconds,
  /** Seconds between the centers of the raised cosines, the first of which is at 0. */
  step: seconds,
  /** Name of a variable that says which epoch is shown, as text from 1 on. Default: none. */
  label: optional(text),
});

const sequence: typeof sequenceKeys = (value, path) => {
  const checked = sequenceKeys(value, path);
  if (checked.step <= checked.epoch) return checked;
  throw new ConfigError(
    `${path}.step should be at most ${path}.epoch, ${checked.epoch} s, but is ${checked.step}.`,
  );
};

const frameKeys = object({
  /** Pixels: [frames, height, width]. */
  data: optional(text),
  /**
   * Instead of `data`, for a stimulus that is only known by the time in the trial: every trial
   * shows the same epochs one after the other. A frame then has features: 1 in its epoch and 0 in
   * others, raised cosines over the time in the epoch, and all products of the two.
   */
  sequence: optional(sequence),
  /** Seconds per frame. */
  dt: seconds,
  /** When the first frame begins, seconds; of a sequence, on the clock of each trial. */
  start: withDefault(number(), 0),
  /** Pixels are data x scale + offset. */
  scale: withDefault(number(), 1),
  offset: withDefault(number(), 0),
});

/** Frames are given in one of two ways: `data` or `sequence`. */
const frames: typeof frameKeys = (value, path) => {
  const inOneWay = withOneOf(frameKeys, 'data', 'sequence');
  const unscaled = withOneOf(inOneWay, 'scale', 'sequence');
  const checked = withOneOf(unscaled, 'offset', 'sequence')(value, path);
  if (checked.data !== undefined || checked.sequence) return checked;
  throw new ConfigError(`${path} should have data or sequence.`);
};

const variableKeys = object({
  /**
   * Samples: numbers, or labels as text. A pattern matches one array per trial, each on its trial's
   * clock; so do `ends`.
   */
  data: optional(text),
  /**
   * Instead of `data`: times of events, such as licks, in any order; NaN is no event. The variable
   * is their rate in Hz: how many there are in each bin of `dt` seconds, divided by `dt`. Bins
   * begin with the trial, and the last one is that which ends within it.
   */
  events: optional(text),
  /**
   * Of `data`, whether it has one value per trial, which holds for the whole trial. Of `events`,
   * whether times count from the beginning of their trial: a pattern has a list for each, a matrix
   * a row, and one array is divided by `ends`. Where there are lists or rows it has to be said.
   */
  per_trial: optional(boolean),
  /** For arrays of trials one after the other: the index just past each trial's last value. */
  ends: optional(text),
  /** Seconds per sample, from `start` on; for `events`, per bin. */
  dt: optional(seconds),
  /** When the first sample was taken, seconds; for `events`, where their times are 0. */
  start: withDefault(number(), 0),
  /** The time of each sample, instead of `dt` and `start`. */
  times: optional(text),
  /** The unit of `times` or `events`. Default: s. */
  time_unit: unit,
  /** Values are data x scale + offset. */
  scale: withDefault(number(), 1),
  offset: withDefault(number(), 0),
  /** The unit of the values after scaling, for reports. Default for `events`: Hz. */
  unit: optional(text),
  /** For an angle: a full turn in the unit of the values, so that means go around the circle. */
  period: optional(number({ above: 0 })),
  /**
   * Replaces each sample by the mean of this many samples, half of them before it; fewer near the
   * ends of a trial. The labels of the last training windows then depend on later samples, so keep
   * this shorter than the gap between the parts of the split.
   */
  smooth: optional(integerFrom(2)),
  /**
   * What to do with missing samples (NaN, or an empty text): refuse the file, or leave them out.
   * Numbers are then interpolated and labels hold until the next one.
   */
  missing: withDefault(isOneOf(['refuse', 'interpolate']), 'refuse'),
  /**
   * Whether windows are trained and scored on where what they predict was interpolated. Those in a
   * gap of more than five usual steps are left out in any case.
   */
  use_interpolated: withDefault(boolean, false),
  /** The value of `events` that is no event, besides NaN, such as what fills up short rows. */
  padding: optional(numberOrNan),
});

type VariableKeys = Checked<typeof variableKeys>;

/** A variable that is given by its samples. */
export type SamplesSpec = VariableKeys & { readonly data: string; readonly events?: undefined };

/** A variable that is given by the times of events. */
export type EventsSpec = VariableKeys & { readonly data?: undefined; readonly events: string };

/** Checks what says when samples of `data` were taken: each of these is said in one way. */
const sampleKeys = (
  [
    ['per_trial', 'dt', 'times'],
    ['start', 'times'],
    ['per_trial', 'ends'],
    ['ends', 'times'],
  ] as const
).reduce<Check<VariableKeys>>((check, keys) => withOneOf(check, ...keys), variableKeys);

/** Keys of a variable that go with `data` alone, and with `events` alone. */
const KEYS_OF_WAY = {
  data: ['times', 'period', 'missing', 'use_interpolated'],
  events: ['padding'],
} as const;

/** A variable is given in one of two ways: `data` or `events`. */
const variable: Check<SamplesSpec | EventsSpec> = (value, path) => {
  const { data, events } = withOneOf(variableKeys, 'data', 'events')(value, path);
  if (data === undefined && events === undefined)
    throw new ConfigError(
      `${path} should have data, which are samples, or events, which are times that are counted.`,
    );
  const [way, other] =
    events === undefined ? (['data', 'events'] as const) : (['events', 'data'] as const);
  const misplaced = KEYS_OF_WAY[other].find((key) => isRecord(value) && value[key] !== undefined);
  if (misplaced !== undefined)
    throw new ConfigError(
      `${path}.${misplaced} goes with ${other}, but ${path} has ${way}: leave it out.`,
    );
  return (way === 'data' ? sampleKeys : variableKeys)(value, path) as SamplesSpec | EventsSpec;
};

/** Which trials are used: by their indices, or by conditions on their values. */
type KeptTrials =
  | { readonly indices: readonly number[] }
  | { readonly conditions: readonly Condition[] };

const keptTrials: Check<KeptTrials> = (value, path) => {
  if (Array.isArray(value) && value.every((item) => typeof item === 'number'))
    return { indices: list(integerFrom(0))(value, path) };
  const texts = Array.isArray(value) ? value : [value];
  if (!texts.every((item) => typeof item === 'string'))
    throw new ConfigError(
      `${path} should be a list of trial indices or a condition such as accuracy == 1, but is ${formatValue(value)}.`,
    );
  return { conditions: texts.map((item) => new Condition(item, path)) };
};

const trialKeys = object({
  /**
   * When each trial starts; for trials with clocks of their own, the session time at which their
   * clock is at 0.
   */
  starts: optional(text),
  /** When each trial stops. Default: where the next one starts. */
  stops: optional(text),
  /** The id of each trial in results. Default: its label, or its index in the file. */
  ids: optional(text),
  /** The unit of `starts` and `stops`. Default: s. */
  unit,
  /** The value of `starts` and `stops` that stands for time 0: 1 for frames numbered from 1. */
  from: withDefault(number(), 0),
  /** Whether a stop is the last unit of its trial, rather than the first one after it. */
  inclusive: withDefault(boolean, false),
  /**
   * What was shown in each trial: a number or a text. Trials with the same condition are repeats of
   * the same stimulus. One that is missing (NaN, or an empty text) is not known.
   */
  conditions: optional(text),
  /** Instead of `conditions`: a text for what all trials showed, as all of them are repeats. */
  condition: optional(text),
  /**
   * The trials to use: their indices from 0, or a condition, or several that all have to hold, on
   * variables with one value per trial, such as `accuracy == 1`, or on `duration` (seconds) or
   * `condition`. Default: all that have a start and a duration.
   */
  keep: optional(keptTrials),
  /**
   * What to do with a trial that the next one starts before the end of: refuse the file, or let it
   * end there.
   */
  overlaps: withDefault(isOneOf(['refuse', 'cut']), 'refuse'),
  /**
   * Instead of `starts`: a new trial begins wherever `clock` steps by more than `above` seconds.
   */
  gaps: optional(
    object({
      /** The time of each sample, in `unit`. */
      clock: text,
      unit,
      above: seconds,
      /**
       * Seconds per sample, for data that are concatenated as if nothing had been cut out between
       * samples.
       */
      dt: optional(seconds),
      /** With `dt`: when the first sample was taken, seconds. */
      start: withDefault(number(), 0),
    }),
  ),
  /** For trials with clocks of their own: seconds per trial. Default: as long as the longest. */
  duration: optional(seconds),
});

/** When trials take place, and what they show, are given in one way each. */
const trials: typeof trialKeys = (value, path) => {
  const withOneStart = withOneOf(trialKeys, 'starts', 'gaps');
  const withOneEnd = withOneOf(withOneStart, 'stops', 'gaps', 'duration');
  return withOneOf(withOneEnd, 'conditions', 'condition')(value, path);
};

/** Where named intervals start and stop, in `unit`. */
const intervals = object({ starts: text, stops: text, unit });

const truthKeys = object({
  /** Connections: [target, source]. */
  weights: optional(text),
  /**
   * Not 0 for connections that an analysis should find: [target, source]. Default: all that excite.
   */
  strong: optional(text),
  /** Indices of the neurons that drive many others. Default: none. */
  hubs: optional(text),
  /** How many groups of equal size the neurons form. */
  groups: withDefault(integerFrom(1), 1),
  /** Receptive fields in the frames. */
  fields: optional(
    object({
      /** Sum of the field's squares in each pixel: [neurons, height, width]. */
      energy: text,
      /** The same on the screen, where gaze moves a field: [neurons, height, width]. */
      seen: optional(text),
      /** Column and row of the center, from the center of the first pixel: [neurons, 2]. */
      centers: text,
      /** 1 for complex cells, else 0: [neurons]. */
      complex: text,
    }),
  ),
  /** The index of the input that drives each neuron, where pixels are inputs: [neurons]. */
  inputs: optional(text),
  /** Rates without connections and refractoriness, from the session's start. */
  rates: optional(
    object({
      /** Hz: [neurons, bins]. */
      expected: text,
      /** Bin width, seconds. */
      dt: seconds,
    }),
  ),
  /** How well the spikes can be predicted at all (`NoiseCeiling` in simulate/truth.ts). */
  ceiling: optional(
    object({
      rate_bits: number(),
      film_bits: number(),
      conditional_bits: number(),
      repeats: list(object({ bin: seconds, halves: number(), single: number() })),
    }),
  ),
});

/** Strong connections and hubs are those of `weights`. */
const truth: typeof truthKeys = (value, path) => {
  const checked = truthKeys(value, path);
  const marked = (['strong', 'hubs'] as const).find((key) => checked[key] !== undefined);
  if (marked === undefined || checked.weights !== undefined) return checked;
  throw new ConfigError(`${path}.${marked} goes with weights, but ${path} has none: add them.`);
};

const DESCRIPTION_FIELDS = {
  /** Default: the name of the folder or file. */
  name: optional(text),
  /** When the session starts on the clock of the files, seconds. Anything earlier is left out. */
  start: withDefault(number(), 0),
  /** Seconds. Default: up to the end of everything recorded. */
  duration: optional(seconds),
  spikes,
  frames: optional(frames),
  /** Behavior and stimuli by name, each on a clock of its own. */
  variables: withDefault(record(variable), {}),
  /** Default: one trial, the complete session. */
  trials: optional(trials),
  /** Named intervals of the session, such as 'running'. */
  intervals: withDefault(record(intervals), {}),
  /** For simulated data: what results are compared with (`Truth` in simulate/truth.ts). */
  truth: optional(truth),
  /** Whether the data are simulated. */
  simulated: withDefault(boolean, false),
  /** Remarks for people who read the file. */
  notes: withDefault(list(text), []),
} as const;

/**
 * Checks a dataset.yaml that has been parsed, and fills in the defaults.
 *
 * @throws ConfigError with the path of the key, what it should be and what it is.
 */
export const checkDescription = object(DESCRIPTION_FIELDS);

/** A checked dataset.yaml with every default filled in. Times are on the clock of the files. */
export type Description = Checked<typeof checkDescription>;

/** The `spikes` of a description: how spikes are given, and which neurons are used. */
export type SpikesSpec = Description['spikes'];

/** One entry under `variables` of a description: its samples, and the clock they are on. */
export type VariableSpec = Description['variables'][string];

/** The `frames` of a description: a video, or a sequence that all trials show. */
export type FramesSpec = NonNullable<Description['frames']>;

/** The `trials` of a description: how the session is split into trials. */
export type TrialsSpec = NonNullable<Description['trials']>;

/** The `truth` of a description: what is known of a simulated recording. */
export type TruthSpec = NonNullable<Description['truth']>;

/** One entry under `intervals` of a description: starts and stops. */
export type IntervalsSpec = Description['intervals'][string];

/** Keys whose text is not a reference. */
const PLAIN_TEXT_KEYS = new Set([
  'name',
  'dt',
  'epoch',
  'step',
  'duration',
  'condition',
  'above',
  'unit',
  'padding',
  'period',
  'time_unit',
  'missing',
  'overlaps',
  'in',
  'axes',
  'values',
  'except',
  'label',
  'keep',
  'notes',
]);

/**
 * Copies a description with every reference changed, such as to write it to another folder.
 *
 * @param description a dataset.yaml that has been parsed, or any value in it.
 */
export function mapReferences(description: unknown, change: (text: string) => string): unknown {
  if (typeof description === 'string') return change(description);
  if (Array.isArray(description)) return description.map((item) => mapReferences(item, change));
  if (!isRecord(description)) return description;
  return Object.fromEntries(
    Object.entries(description).map(([key, value]) => [
      key,
      PLAIN_TEXT_KEYS.has(key) && !isRecord(value) ? value : mapReferences(value, change),
    ]),
  );
}

/**
 * Lists every reference of a description with its key, such as `spikes.times`.
 *
 * @param description a dataset.yaml that has been parsed, or the value in it that the key `path`
 *   has.
 */
export function listReferences(description: unknown, path = ''): { key: string; text: string }[] {
  if (typeof description === 'string') return [{ key: path, text: description }];
  if (Array.isArray(description)) return description.flatMap((item) => listReferences(item, path));
  if (!isRecord(description)) return [];
  return Object.entries(description).flatMap(([key, value]) =>
    PLAIN_TEXT_KEYS.has(key) && !isRecord(value)
      ? []
      : listReferences(value, path ? `${path}.${key}` : key),
  );
}

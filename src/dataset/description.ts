/** dataset.yaml: which array of which file is what, on which clock and in which unit. */

import {
  boolean,
  type Check,
  type Checked,
  ConfigError,
  defaulted,
  isOneOf,
  isRecord,
  list,
  number,
  object,
  optional,
  record,
  show,
  text,
} from '../text/schema.js';

const wholeNumber = (min: number) => number({ min, integer: true });

/** Seconds per unit of time. */
const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, ms: 1e-3, us: 1e-6 };

/** A share of a second by its rate, such as 1/30. */
function parseFraction(value: unknown): number | undefined {
  const [, rate] = /^1\s*\/\s*(\d+(?:\.\d+)?)$/.exec(String(value)) ?? [];
  return Number(rate) > 0 ? 1 / Number(rate) : undefined;
}

/** A number of seconds, or a share of one. */
const seconds: Check<number> = (value, path) =>
  parseFraction(value) ?? number({ above: 0 })(value, path);

/** A unit of time as its seconds: a name, a number, or a share of a second such as 1/30000 for samples at 30 kHz. */
const unit: Check<number> = (value, path) => {
  if (value === undefined) return 1;
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  const known = SECONDS_PER_UNIT[String(value)] ?? parseFraction(value);
  if (known !== undefined) return known;
  throw new ConfigError(
    `${path} should be s, ms, us, a number of seconds or a share of one such as 1/30000, but is ${show(value)}.`,
  );
};

/** One reference, or several whose arrays follow one another. */
const references: Check<string[]> = (value, path) =>
  typeof value === 'string' ? [text(value, path)] : list(text)(value, path);

const event = object({
  /** An event is where a trace rises above this: in its own unit, or robust standard deviations above its median. */
  above: number(),
  in: defaulted(isOneOf(['value', 'deviations']), 'value'),
  /** Every sample above it is an event, not only the first: for traces that are events already. */
  each: defaulted(boolean, false),
});

/** Places from 0, or a value of each neuron's that has to be one of those named; default: any but 0. */
const kept: Check<number[] | Checked<typeof keptBy>> = (value, path) => {
  if (Array.isArray(value)) return list(wholeNumber(0))(value, path);
  if (isRecord(value)) return keptBy(value, path);
  throw new ConfigError(
    `${path} should be a list of places or {by: file#array, values: [...]}, but is ${show(value)}.`,
  );
};

const keptBy = object({
  by: text,
  /** What the neuron of each value is called, where the values do not stand in the order of the neurons. */
  ids: optional(text),
  values: optional(
    list<string | number>((value, path) =>
      typeof value === 'string' ? value : number()(value, path),
    ),
  ),
});

const spikes = object({
  /** Times of all neurons one after the other, with the neuron of each from 0 on, in any order. */
  times: optional(text),
  neurons: optional(text),
  /** Or with where each neuron's times end, or how many it has. */
  ends: optional(text),
  sizes: optional(text),
  /** Neurons and trials are labels, not numbers from 0: each that occurs gets a number, in order. */
  relabel: defaulted(boolean, false),
  /** The trial of each time, which then counts from its trial's start. */
  trials: optional(text),
  /** Or one array of times for each neuron; of arrays with two axes each column is a trial. */
  lists: optional(references),
  /** What short columns of lists are filled with: no spike. */
  padding: optional(number()),
  unit,
  /** Neurons there are, where the last may be silent. */
  count: optional(wholeNumber(1)),
  /** What each is called, such as the numbers a sorter gave them. Default: labels, or places from 0. */
  names: optional(text),
  /** Neurons that are used, such as those a sorter calls good; they are numbered anew. Default: all. */
  keep: optional(kept),
  /** Or whole counts, or traces in which events are found by a rule; `axes` names their axes in order. */
  counts: optional(text),
  traces: optional(references),
  event: optional(event),
  axes: optional(list(isOneOf(['neurons', 'bins', 'trials']))),
  /** Seconds of a bin, or the time of each; `start` is where the clock begins: of bins, or of trials that have their own. */
  dt: optional(seconds),
  start: defaulted(number(), 0),
  clock: optional(text),
});

const frames = object({
  /** [frames, height, width] */
  data: text,
  dt: seconds,
  start: defaulted(number(), 0),
});

const variable = object({
  /** Samples; of a pattern, one array for each trial, on the trial's clock. */
  data: text,
  /** One value for each trial, which holds all through it. */
  per_trial: defaulted(boolean, false),
  /** Samples at a step, from `start` on; or each at its own of `times`. */
  dt: optional(seconds),
  start: defaulted(number(), 0),
  times: optional(text),
  time_unit: unit,
  /** The value is data x scale + offset, in this unit. */
  scale: defaulted(number(), 1),
  offset: defaulted(number(), 0),
  unit: optional(text),
  /** Of an angle: a full turn in its unit, so that its means go around the circle. */
  period: optional(seconds),
  /** Samples of a moving average, half of them before each; at the ends of a trial of those there are. Labels of
   * the last training windows then know so much of what comes after; keep it below the gap of the split. */
  smooth: optional(wholeNumber(2)),
  /**
   * What to do with samples that are no number: refuse the file, or draw a line between their neighbours. Windows do not
   * end where that line is long.
   */
  missing: defaulted(isOneOf(['refuse', 'interpolate']), 'refuse'),
});

const trials = object({
  /** On the session's clock; of trials that have a clock of their own, when that is at 0. */
  starts: optional(text),
  stops: optional(text),
  ids: optional(text),
  unit,
  /** What the first unit of time is numbered, and whether stops belong to their trials. */
  from: defaulted(number(), 0),
  inclusive: defaulted(boolean, false),
  /** Trials that are used, by their place from 0; default: all. */
  keep: optional(list(wholeNumber(0))),
  /** Or trials that end wherever a clock steps by more than `above` seconds. */
  gaps: optional(
    object({
      clock: text,
      unit,
      above: seconds,
      /** Seconds of a place, where the data stand side by side as if nothing had been cut out. */
      dt: optional(seconds),
    }),
  ),
  /** Or, where spikes have their trials, how long each is, seconds. */
  duration: optional(seconds),
});

const intervals = object({ starts: text, stops: text, unit });

const DESCRIPTION_FIELDS = {
  name: optional(text),
  /** Seconds on the files' clock where the session begins; times before are left out. */
  start: defaulted(number(), 0),
  /** Seconds; default: as long as the longest part. */
  duration: optional(seconds),
  spikes,
  frames: optional(frames),
  variables: defaulted(record(variable), {}),
  trials: optional(trials),
  intervals: defaulted(record(intervals), {}),
  /** Of simulated data: what is to be found. */
  truth: optional(
    object({ weights: text, strong: text, hubs: text, groups: defaulted(wholeNumber(1), 1) }),
  ),
  simulated: defaulted(boolean, false),
  notes: defaulted(list(text), []),
} as const;

/**
 * Checks a description as YAML gives it.
 *
 * @throws ConfigError naming the key's path, what is allowed and what it is.
 */
export const checkDescription = object(DESCRIPTION_FIELDS);

/** A checked dataset.yaml with every default filled in. */
export type Description = Checked<typeof checkDescription>;
export type SpikesSpec = Description['spikes'];
export type VariableSpec = Description['variables'][string];
export type TrialsSpec = NonNullable<Description['trials']>;
export type IntervalsSpec = Description['intervals'][string];

/** Keys whose texts are no references. */
const PLAIN_TEXT_KEYS = new Set([
  'name',
  'dt',
  'duration',
  'above',
  'unit',
  'period',
  'time_unit',
  'missing',
  'in',
  'axes',
  'values',
  'notes',
]);

/** A description whose references are changed, such as to be read from another folder. */
export function mapReferences(described: unknown, change: (text: string) => string): unknown {
  if (typeof described === 'string') return change(described);
  if (Array.isArray(described)) return described.map((item) => mapReferences(item, change));
  if (!isRecord(described)) return described;
  return Object.fromEntries(
    Object.entries(described).map(([name, item]) => [
      name,
      PLAIN_TEXT_KEYS.has(name) && !isRecord(item) ? item : mapReferences(item, change),
    ]),
  );
}

/** Every reference to an array, with the key it stands under. */
export function referencesIn(described: unknown, path = ''): { key: string; text: string }[] {
  if (typeof described === 'string') return [{ key: path, text: described }];
  if (Array.isArray(described)) return described.flatMap((item) => referencesIn(item, path));
  if (!isRecord(described)) return [];
  return Object.entries(described).flatMap(([name, item]) =>
    PLAIN_TEXT_KEYS.has(name) && !isRecord(item)
      ? []
      : referencesIn(item, path ? `${path}.${name}` : name),
  );
}

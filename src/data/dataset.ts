/** Datasets on disk: a folder with a dataset.yaml that says which array is what, on which clock and in which unit. */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  boolean,
  type Checked,
  defaulted,
  list,
  number,
  object,
  oneOf,
  optional,
  record,
  text,
} from '../schema.js';
import { RecordingError, reasonOf } from './errors.js';
import { type NpyArray, parseNpy, parseNpz } from './npy.js';
import {
  createRecording,
  type Film,
  type Interval,
  type Recording,
  type Session,
  type Variable,
} from './recording.js';
import type { Spikes } from './spikes.js';
import { ofFile, readYaml } from './yaml.js';

/** Seconds per unit of time. */
const UNITS = { s: 1, ms: 1e-3, us: 1e-6 } as const;
const unit = defaulted(oneOf(['s', 'ms', 'us']), 's');
const seconds = number({ above: 0 });

const checkFile = object({
  name: optional(text),
  /** Seconds; default: as long as the longest part. */
  duration: optional(seconds),
  spikes: object({
    /** Event times with the neuron of each, in any order; `neurons` numbers them from 0. */
    times: optional(text),
    neurons: optional(text),
    unit,
    /** Neurons there are, where the last may be silent. */
    count: optional(number({ min: 1, integer: true })),
    /** Or counts, [neurons, bins], of so many seconds a bin. */
    counts: optional(text),
    dt: optional(seconds),
  }),
  frames: optional(
    object({
      /** [frames, height, width] */
      data: text,
      dt: seconds,
      start: defaulted(number(), 0),
    }),
  ),
  variables: defaulted(
    record(
      object({
        data: text,
        /** Samples at a step, from `start` on; or each at its own of `times`. */
        dt: optional(seconds),
        start: defaulted(number(), 0),
        times: optional(text),
        time_unit: unit,
        /** What the numbers are in; for figures. */
        unit: optional(text),
      }),
    ),
    {},
  ),
  trials: optional(object({ starts: text, stops: text, ids: optional(text), unit })),
  intervals: defaulted(record(object({ starts: text, stops: text, unit })), {}),
  /** Of simulated data: what is to be found. */
  truth: optional(
    object({
      weights: text,
      strong: text,
      hubs: text,
      groups: defaulted(number({ min: 1, integer: true }), 1),
    }),
  ),
  simulated: defaulted(boolean, false),
  notes: defaulted(list(text), []),
});

type DatasetFile = Checked<typeof checkFile>;

/** The true wiring of a simulated recording. Weights and flags are [target x source]. */
export interface Truth {
  readonly neurons: number;
  readonly weights: Float64Array;
  readonly strong: Uint8Array;
  readonly hubs: readonly number[];
  readonly groups: number;
}

export interface Dataset {
  readonly path: string;
  readonly recording: Recording;
  readonly truth: Truth | undefined;
  /** What each variable's numbers are in, where it is said. */
  readonly units: Readonly<Record<string, string>>;
}

/**
 * Opens a dataset folder.
 *
 * @throws RecordingError or ConfigError naming the file or key that does not do.
 */
export function openDataset(path: string): Dataset {
  const file = descriptionOf(path);
  const folder = dirname(file);
  const described = ofFile(file, () => checkFile(readYaml(file), ''));
  const arrays = new Arrays(folder, basename(file));
  const session: Session = {
    name: described.name ?? basename(folder),
    spikes: spikesOf(described.spikes, arrays),
    ...(described.frames && { frames: filmOf(described.frames, arrays) }),
    variables: variablesOf(described.variables, arrays),
    ...(described.trials && { trials: trialsOf(described.trials, arrays) }),
    intervals: Object.fromEntries(
      Object.entries(described.intervals).map(([name, given]) => [
        name,
        intervalsOf(`intervals.${name}`, given, arrays),
      ]),
    ),
    ...(described.duration !== undefined && { duration: described.duration }),
  };
  const recording = createRecording(session);
  const units = Object.entries(described.variables).flatMap(([name, given]) =>
    given.unit === undefined ? [] : [[name, given.unit] as const],
  );
  return {
    path: file,
    recording,
    truth: described.truth && truthOf(described.truth, arrays, recording.neurons),
    units: Object.fromEntries(units),
  };
}

function descriptionOf(path: string): string {
  if (!existsSync(path))
    throw new RecordingError(`${path} cannot be read: there is no such file or folder.`);
  if (!statSync(path).isDirectory()) {
    if (/\.ya?ml$/.test(path)) return path;
    throw new RecordingError(
      `${path} is no dataset: give a folder with a dataset.yaml, or that file.`,
    );
  }
  const file = join(path, 'dataset.yaml');
  if (existsSync(file)) return file;
  throw new RecordingError(
    `${path} holds no dataset.yaml, which says which of its arrays are spikes, frames and variables.`,
  );
}

/** Arrays of a dataset: 'file.npy', or 'file.npz#key'. Archives are read once. */
class Arrays {
  readonly #folder: string;
  readonly #file: string;
  readonly #archives = new Map<string, Map<string, NpyArray>>();

  constructor(folder: string, file: string) {
    this.#folder = folder;
    this.#file = file;
  }

  get(key: string, reference: string): NpyArray {
    const [name = '', member] = reference.split('#');
    const where = `${this.#file}: ${key}: ${name}`;
    if (!name.endsWith('.npz')) return parseNpy(this.#read(where, name), name);
    let archive = this.#archives.get(name);
    if (!archive) {
      archive = parseNpz(this.#read(where, name), name);
      this.#archives.set(name, archive);
    }
    const found = member === undefined ? undefined : archive.get(member);
    if (!found) {
      throw new RecordingError(
        `${where} holds ${[...archive.keys()].join(', ')}: say which after a #, as in ${name}#${[...archive.keys()][0]}.`,
      );
    }
    return found;
  }

  /** An array of numbers along one axis. */
  numbers(key: string, reference: string): ArrayLike<number> {
    const { data, shape } = this.get(key, reference);
    if (Array.isArray(data) || !isLine(shape))
      throw new RecordingError(
        `${this.#file}: ${key} should be numbers along one axis, but is [${shape.join(', ')}]${Array.isArray(data) ? ' of texts' : ''}.`,
      );
    return data;
  }

  #read(where: string, name: string): Uint8Array {
    try {
      return readFileSync(join(this.#folder, name));
    } catch (error) {
      throw new RecordingError(`${where} cannot be read: ${reasonOf(error, 'file')}.`);
    }
  }
}

function isLine(shape: readonly number[]): boolean {
  return shape.filter((n) => n !== 1).length <= 1;
}

function spikesOf(given: DatasetFile['spikes'], arrays: Arrays): Spikes {
  const { times, neurons, counts, dt, count, unit } = given;
  if (counts !== undefined) {
    const { data, shape } = arrays.get('spikes.counts', counts);
    if (dt === undefined)
      throw new RecordingError('spikes.dt should be the seconds of a bin, but is missing.');
    if (shape.length !== 2 || Array.isArray(data)) {
      throw new RecordingError(
        `spikes.counts should be numbers of [neurons, bins], but is [${shape.join(', ')}].`,
      );
    }
    const [rows, bins] = shape as [number, number];
    const row = (n: number) => data.subarray(n * bins, (n + 1) * bins);
    return { counts: Array.from({ length: rows }, (_, n) => row(n)), dt };
  }
  if (times === undefined || neurons === undefined) {
    throw new RecordingError(
      'spikes should be given as times with the neurons of each, or as counts with their dt.',
    );
  }
  const when = arrays.numbers('spikes.times', times);
  const who = arrays.numbers('spikes.neurons', neurons);
  if (when.length !== who.length) {
    throw new RecordingError(
      `spikes.times has ${when.length} spikes, but spikes.neurons ${who.length}: each spike needs its neuron.`,
    );
  }
  return { times: byNeuron(when, who, UNITS[unit], count) };
}

/** Times of each neuron in rising order. */
function byNeuron(
  when: ArrayLike<number>,
  who: ArrayLike<number>,
  scale: number,
  count: number | undefined,
): Float64Array[] {
  let neurons = count ?? 0;
  for (let n = 0; n < who.length; n++) {
    const neuron = who[n]!;
    if (!Number.isInteger(neuron) || neuron < 0 || neuron >= (count ?? 10_000_000)) {
      throw new RecordingError(
        `spikes.neurons: spike ${n} is of neuron ${neuron}; neurons are numbered from 0${count === undefined ? '' : ` to ${count - 1}`}.`,
      );
    }
    if (count === undefined) neurons = Math.max(neurons, neuron + 1);
  }
  const sizes = new Uint32Array(neurons);
  for (let n = 0; n < who.length; n++) sizes[who[n]!]! += 1;
  const lists = Array.from(sizes, (size) => new Float64Array(size));
  const filled = new Uint32Array(neurons);
  for (let n = 0; n < who.length; n++) lists[who[n]!]![filled[who[n]!]!++] = when[n]! * scale;
  for (const times of lists) times.sort();
  return lists;
}

function filmOf(given: NonNullable<DatasetFile['frames']>, arrays: Arrays): Film {
  const { data, shape } = arrays.get('frames.data', given.data);
  if (shape.length !== 3 || Array.isArray(data)) {
    throw new RecordingError(
      `frames.data should be numbers of [frames, height, width], but is [${shape.join(', ')}].`,
    );
  }
  const [count, height, width] = shape as [number, number, number];
  const kept = data instanceof Uint8Array || data instanceof Float32Array;
  return {
    data: kept ? data : Float32Array.from(data),
    count,
    height,
    width,
    dt: given.dt,
    start: given.start,
  };
}

function variablesOf(
  given: DatasetFile['variables'],
  arrays: Arrays,
): Readonly<Record<string, Variable>> {
  const entries = Object.entries(given).map(([name, setting]): [string, Variable] => {
    const key = `variables.${name}`;
    const { data, shape } = arrays.get(`${key}.data`, setting.data);
    if (!isLine(shape)) {
      throw new RecordingError(
        `${key}.data should be samples along one axis, but is [${shape.join(', ')}]: name each column as a variable of its own.`,
      );
    }
    if (setting.times !== undefined) {
      const scale = UNITS[setting.time_unit];
      const times = Float64Array.from(
        arrays.numbers(`${key}.times`, setting.times),
        (time) => time * scale,
      );
      return [name, { values: data, times }];
    }
    if (setting.dt === undefined)
      throw new RecordingError(`${key} should have dt, seconds a sample, or times.`);
    return [name, { values: data, dt: setting.dt, start: setting.start }];
  });
  return Object.fromEntries(entries);
}

function intervalsOf(
  key: string,
  { starts, stops, unit }: DatasetFile['intervals'][string],
  arrays: Arrays,
): Interval[] {
  const from = arrays.numbers(`${key}.starts`, starts);
  const to = arrays.numbers(`${key}.stops`, stops);
  if (from.length !== to.length)
    throw new RecordingError(`${key} has ${from.length} starts, but ${to.length} stops.`);
  return Array.from(from, (start, n) => ({
    start: start * UNITS[unit],
    stop: to[n]! * UNITS[unit],
  }));
}

function trialsOf(given: NonNullable<DatasetFile['trials']>, arrays: Arrays) {
  const spans = intervalsOf('trials', given, arrays);
  if (given.ids === undefined) return spans;
  const ids = arrays.numbers('trials.ids', given.ids);
  if (ids.length !== spans.length) {
    throw new RecordingError(
      `trials.ids has ${ids.length} values, but there are ${spans.length} trials.`,
    );
  }
  return spans.map((span, n) => ({ ...span, id: ids[n]! }));
}

function truthOf(given: NonNullable<DatasetFile['truth']>, arrays: Arrays, neurons: number): Truth {
  const square = (key: 'weights' | 'strong') => {
    const { data, shape } = arrays.get(`truth.${key}`, given[key]);
    if (Array.isArray(data) || shape.length !== 2 || shape.some((n) => n !== neurons)) {
      throw new RecordingError(
        `truth.${key} should be numbers of [${neurons}, ${neurons}], but is [${shape.join(', ')}].`,
      );
    }
    return data;
  };
  return {
    neurons,
    weights: Float64Array.from(square('weights')),
    strong: Uint8Array.from(square('strong')),
    hubs: Array.from(arrays.numbers('truth.hubs', given.hubs)),
    groups: given.groups,
  };
}

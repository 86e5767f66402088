/** Spikes as files hold them, brought into times or counts of each neuron. */

import type { Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import type { SpikesSpec } from './description.js';
import { type Files, isLine } from './files.js';
import type { Values } from './reference.js';
import { neuronsIn, onOwnClocks, onSession, type SpikeSource } from './spike-clocks.js';
import { fromCounts, fromTraces } from './spike-tables.js';

/** Neuron numbers past this are taken for a mistake. */
const MAX_NEURONS = 1_000_000;

/**
 * Reads spikes as they are described.
 *
 * @param start seconds on the files' clock where the session begins.
 * @param note takes sentences about what was done to them.
 */
export function readSpikes(
  spec: SpikesSpec,
  files: Files,
  start: number,
  note: (sentence: string) => void,
): SpikeSource {
  const source = readSource(spec, files, start, note);
  if (spec.names === undefined) return source;
  const names = Array.from<number | string>(files.values('spikes.names', spec.names).data);
  const neurons = neuronsIn(source);
  if (names.length !== neurons) {
    throw new RecordingError(
      `spikes.names: ${spec.names} has ${names.length} values, but there are ${neurons} neurons: each needs its own.`,
    );
  }
  return { ...source, names: names.map(String) };
}

function readSource(
  spec: SpikesSpec,
  files: Files,
  start: number,
  note: (sentence: string) => void,
): SpikeSource {
  const { times, neurons, ends, sizes, lists, counts, traces } = spec;
  if (counts !== undefined) return fromCounts(spec, counts, files, start);
  if (traces !== undefined) return fromTraces(spec, traces, files, start, note);
  if (lists !== undefined) return fromLists(spec, lists, files, start, note);
  if (times !== undefined && neurons !== undefined)
    return fromPairs(spec, times, neurons, files, start, note);
  if (times !== undefined && (ends !== undefined || sizes !== undefined)) {
    const read = ragged(spec, times, files);
    return { spikes: { times: onSession(read, spec.unit, start, note) } };
  }
  throw new RecordingError(
    'spikes should be given as times with the neurons of each or with ends or sizes, as lists of times, as counts with their dt, or as traces with an event rule.',
  );
}

function fromPairs(
  { trials, unit, count, relabel, start: begin }: SpikesSpec,
  times: string,
  neurons: string,
  files: Files,
  start: number,
  note: (sentence: string) => void,
): SpikeSource {
  const numbered = (key: string, reference: string): LabeledSpikes =>
    relabel
      ? byPlace(files.values(key, reference).data)
      : { places: files.numbers(key, reference), names: [] };
  const when = files.numbers('spikes.times', times);
  const { places: who, names } = numbered('spikes.neurons', neurons);
  // Whoever says how many there are beside those that have spikes has not said what the others are called.
  const others = Math.max(0, (count ?? 0) - names.length);
  const unnamed = Array.from({ length: others }, (_, n) => `unnamed ${names.length + n}`);
  const called = names.length > 0 ? { names: [...names, ...unnamed] } : {};
  if (when.length !== who.length) {
    throw new RecordingError(
      `spikes.times has ${when.length} spikes, but spikes.neurons ${who.length}: each spike needs its neuron.`,
    );
  }
  if (trials === undefined) {
    const lists = byNeuron(when, who, count);
    return { spikes: { times: onSession(lists, unit, start, note) }, ...called };
  }
  const { places: which, names: labels } = numbered('spikes.trials', trials);
  if (which.length !== when.length) {
    throw new RecordingError(
      `spikes.times has ${when.length} spikes, but spikes.trials ${which.length}: each spike needs its trial.`,
    );
  }
  const all = count ?? largest(who, 'spikes.neurons', 'neuron') + 1;
  const members: number[][] = [];
  const known = largest(which, 'spikes.trials', 'trial') + 1;
  for (let trial = 0; trial < known; trial++) members.push([]);
  for (let n = 0; n < which.length; n++) members[which[n]!]!.push(n);
  if (members[0]?.length === 0)
    note(
      'No spike is of trial 0: if trials are numbered from 1, set spikes.relabel, as everything else of trials goes by their places from 0.',
    );
  const lists = members.map((own) => {
    const pick = (values: ArrayLike<number>) => Float64Array.from(own, (n) => values[n]!);
    return byNeuron(pick(when), pick(who), all);
  });
  return {
    trials: onOwnClocks(lists, unit, begin, note),
    ...called,
    ...(labels.length > 0 && { labels }),
  };
}

interface LabeledSpikes {
  readonly places: ArrayLike<number>;
  /** What is at each place; empty of what is numbered from 0. */
  readonly names: readonly string[];
}

/** The place of each label among those that occur, in order. */
function byPlace(labels: Numbers | string[]): LabeledSpikes {
  const sorted = [...new Set<number | string>(labels)].sort((p, q) =>
    typeof p === 'number' && typeof q === 'number'
      ? p - q
      : String(p).localeCompare(String(q), 'en', { numeric: true }),
  );
  const known = new Map(sorted.map((label, n) => [label, n]));
  const places = Int32Array.from(labels as ArrayLike<number>, (label) => known.get(label)!);
  return { places, names: sorted.map(String) };
}

/** @throws RecordingError where one is no whole number from 0. */
function largest(numbers: ArrayLike<number>, key: string, what: string): number {
  let most = -1;
  for (let n = 0; n < numbers.length; n++) {
    const number = numbers[n]!;
    if (!Number.isInteger(number) || number < 0 || number >= MAX_NEURONS) {
      throw new RecordingError(
        `${key}: spike ${n} is of ${what} ${number}; ${what}s are numbered from 0.`,
      );
    }
    most = Math.max(most, number);
  }
  return most;
}

/** Times of each neuron, in the order they come. */
function byNeuron(
  when: ArrayLike<number>,
  who: ArrayLike<number>,
  count: number | undefined,
): Float64Array[] {
  const neurons = count ?? largest(who, 'spikes.neurons', 'neuron') + 1;
  const sizes = new Uint32Array(neurons);
  for (let n = 0; n < who.length; n++) {
    const neuron = who[n]!;
    if (!(neuron in sizes)) {
      throw new RecordingError(
        `spikes.neurons: spike ${n} is of neuron ${neuron}; neurons are numbered from 0 to ${neurons - 1}.`,
      );
    }
    sizes[neuron]! += 1;
  }
  const lists = Array.from(sizes, (size) => new Float64Array(size));
  const filled = new Uint32Array(neurons);
  for (let n = 0; n < who.length; n++) lists[who[n]!]![filled[who[n]!]!++] = when[n]!;
  return lists;
}

/** Stretches of one long list, each read by itself. */
function* ragged(
  { ends, sizes }: SpikesSpec,
  times: string,
  files: Files,
): Generator<ArrayLike<number>> {
  const line = files.line('spikes.times', times);
  const total = line.length;
  const key = ends !== undefined ? 'ends' : 'sizes';
  const spec = files.numbers(`spikes.${key}`, (ends ?? sizes)!);
  let from = 0;
  const spans = Array.from(spec, (value, neuron) => {
    const to = key === 'ends' ? value : from + value;
    if (!Number.isInteger(to) || to < from || to > total) {
      throw new RecordingError(
        `spikes.${key}: the times of neuron ${neuron} would be places ${from} to ${to}, but spikes.times has ${total}: the file is cut short, or these are not its ${key}.`,
      );
    }
    const span = [from, to] as const;
    from = to;
    return span;
  });
  if (from !== total) {
    throw new RecordingError(
      `spikes.${key} ends at ${from}, but spikes.times has ${total}: ${total - from} spikes belong to no neuron.`,
    );
  }
  for (const [first, end] of spans) yield line.read(first, end);
}

function fromLists(
  { padding, unit, start: begin }: SpikesSpec,
  lists: readonly string[],
  files: Files,
  start: number,
  note: (sentence: string) => void,
): SpikeSource {
  const found = lists
    .flatMap((reference) => files.list('spikes.lists', reference))
    .flatMap((values) => (values ? [values] : []));
  const wrong = found.findIndex(({ data }) => Array.isArray(data));
  if (wrong >= 0) throw new RecordingError(`spikes.lists: that of neuron ${wrong} holds texts.`);
  const real = (data: ArrayLike<number>) =>
    padding === undefined ? data : Float64Array.from(data).filter((time) => time !== padding);
  if (found.every(({ shape }) => isLine(shape) || shape.includes(0)) && padding === undefined) {
    const all = found.map(({ data }) => data as Numbers);
    return { spikes: { times: onSession(all, unit, start, note) } };
  }
  const trials = found.reduce((most, { shape }) => Math.max(most, shape[1] ?? 1), 0);
  const columns = Array.from({ length: trials }, (_, trial) =>
    found.map((values) => real(columnValues(values, trial))),
  );
  return { trials: onOwnClocks(columns, unit, begin, note) };
}

/** Column `n` of [rows, columns]; empty where there is none. */
function columnValues({ shape, data }: Values, n: number): Float64Array {
  const [rows = 0, columns = 1] = shape;
  if (n >= columns) return new Float64Array(0);
  return Float64Array.from({ length: rows }, (_, row) => Number(data[row * columns + n]));
}

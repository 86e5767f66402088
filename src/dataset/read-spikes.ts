/**
 * Reads the spikes of a dataset, in whichever way its description gives them, as times or counts of
 * each neuron.
 */

import type { Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import type { SpikesSpec } from './description.js';
import { type DataFiles, isOneDimensional } from './files.js';
import type { ArrayValues } from './reference.js';
import {
  type LoadedSpikes,
  loadedNeuronCount,
  toSessionClock,
  toTrialClocks,
} from './spike-clocks.js';
import { readCounts, readTraces } from './spike-tables.js';

/** Neuron and trial indices are below this; a larger number is more likely a label. */
const MAX_INDICES = 1_000_000;

/**
 * Reads spikes, and the names of their neurons.
 *
 * @param sessionStart seconds on the files' clock at which the session starts.
 * @param note takes sentences about what was changed or left out.
 * @throws RecordingError where `spikes` is incomplete, or its arrays do not fit each other.
 */
export function readSpikes(
  spec: SpikesSpec,
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
): LoadedSpikes {
  const loaded = readUnnamed(spec, files, sessionStart, note);
  if (spec.names === undefined) return loaded;
  const names = Array.from<number | string>(files.values('spikes.names', spec.names).data);
  const neurons = loadedNeuronCount(loaded);
  if (names.length !== neurons) {
    throw new RecordingError(
      `spikes.names: ${spec.names} has ${names.length} values, but there are ${neurons} neurons: give one name per neuron.`,
    );
  }
  return { ...loaded, names: names.map(String) };
}

function readUnnamed(
  spec: SpikesSpec,
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
): LoadedSpikes {
  const { times, neurons, ends, sizes, lists, counts, traces } = spec;
  if (counts !== undefined) return readCounts(spec, counts, files, sessionStart);
  if (traces !== undefined) return readTraces(spec, traces, files, sessionStart, note);
  if (lists !== undefined) return readLists(spec, lists, files, sessionStart, note);
  if (times !== undefined && neurons !== undefined)
    return readPairs(spec, times, neurons, files, sessionStart, note);
  if (times !== undefined && (ends !== undefined || sizes !== undefined)) {
    const timesPerNeuron = readRagged(spec, times, files);
    return { spikes: { times: toSessionClock(timesPerNeuron, spec.unit, sessionStart, note) } };
  }
  throw new RecordingError(
    'spikes should have times with neurons, ends or sizes; or lists; or counts with dt; or traces with dt and event.',
  );
}

/** Reads spike times that come with the neuron of each spike, and perhaps with its trial. */
function readPairs(
  { trials, unit, count, relabel, start: trialClockStart }: SpikesSpec,
  timesReference: string,
  neuronsReference: string,
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
): LoadedSpikes {
  const readIndices = (key: string, reference: string): LabelIndices =>
    relabel
      ? indexLabels(files.values(key, reference).data)
      : { indices: files.numbers(key, reference), labels: [] };
  const times = files.numbers('spikes.times', timesReference);
  const { indices: neurons, labels } = readIndices('spikes.neurons', neuronsReference);
  // With labels, neurons that `count` adds to those with spikes have none.
  const silentCount = Math.max(0, (count ?? 0) - labels.length);
  const silentNames = Array.from({ length: silentCount }, (_, n) => `unnamed ${labels.length + n}`);
  const names = labels.length > 0 ? { names: [...labels, ...silentNames] } : {};
  if (times.length !== neurons.length) {
    throw new RecordingError(
      `spikes.times has ${times.length} values, but spikes.neurons has ${neurons.length}: each spike needs a neuron.`,
    );
  }
  const neuronCount = checkNeurons(neurons, count);
  if (trials === undefined) {
    const lists = groupByNeuron(times, neurons, neuronCount);
    return { spikes: { times: toSessionClock(lists, unit, sessionStart, note) }, ...names };
  }
  const { indices: trialIndices, labels: trialLabels } = readIndices('spikes.trials', trials);
  if (trialIndices.length !== times.length) {
    throw new RecordingError(
      `spikes.times has ${times.length} values, but spikes.trials has ${trialIndices.length}: each spike needs a trial.`,
    );
  }
  const spikesByTrial: number[][] = [];
  const trialCount = maxIndex(trialIndices, 'spikes.trials', 'trial') + 1;
  for (let trial = 0; trial < trialCount; trial++) spikesByTrial.push([]);
  for (let n = 0; n < trialIndices.length; n++) spikesByTrial[trialIndices[n]!]!.push(n);
  if (spikesByTrial[0]?.length === 0)
    note(
      'Trial 0 has no spikes. If trials are numbered from 1, set spikes.relabel: everything else about trials is matched by index from 0.',
    );
  const lists = spikesByTrial.map((spikes) => {
    const select = (values: ArrayLike<number>) => Float64Array.from(spikes, (n) => values[n]!);
    return groupByNeuron(select(times), select(neurons), neuronCount);
  });
  return {
    trials: toTrialClocks(lists, unit, trialClockStart, note),
    ...names,
    ...(trialLabels.length > 0 && { labels: trialLabels }),
  };
}

interface LabelIndices {
  /** One per spike. */
  readonly indices: ArrayLike<number>;
  /** The label of each index; empty where the file has indices rather than labels. */
  readonly labels: readonly string[];
}

/** Sorts the labels that occur, by the numbers in them, and replaces each by its index. */
function indexLabels(labels: Numbers | string[]): LabelIndices {
  const sorted = [...new Set<number | string>(labels)].sort((p, q) =>
    typeof p === 'number' && typeof q === 'number'
      ? p - q
      : String(p).localeCompare(String(q), 'en', { numeric: true }),
  );
  const indexByLabel = new Map(sorted.map((label, index) => [label, index]));
  const indices = Int32Array.from(labels as ArrayLike<number>, (label) => indexByLabel.get(label)!);
  return { indices, labels: sorted.map(String) };
}

/**
 * The largest index; -1 where there are none.
 *
 * @throws RecordingError where a value is not a whole number from 0, or too large for an index.
 */
function maxIndex(indices: ArrayLike<number>, key: string, kind: 'neuron' | 'trial'): number {
  let max = -1;
  for (let n = 0; n < indices.length; n++) {
    const index = indices[n]!;
    if (!Number.isInteger(index) || index < 0 || index >= MAX_INDICES) {
      throw new RecordingError(
        `${key}: spike ${n} belongs to ${kind} ${index}, but ${kind}s should be numbered from 0 to at most ${MAX_INDICES - 1}; set spikes.relabel if these are labels.`,
      );
    }
    max = Math.max(max, index);
  }
  return max;
}

/**
 * The number of neurons: `count`, or the largest index + 1.
 *
 * @param neurons the neuron of each spike of the file, so that messages name its index there.
 * @throws RecordingError where a neuron is not an index below `count`.
 */
function checkNeurons(neurons: ArrayLike<number>, count: number | undefined): number {
  if (count === undefined) return maxIndex(neurons, 'spikes.neurons', 'neuron') + 1;
  for (let n = 0; n < neurons.length; n++) {
    const neuron = neurons[n]!;
    if (Number.isInteger(neuron) && neuron >= 0 && neuron < count) continue;
    throw new RecordingError(
      `spikes.neurons: spike ${n} belongs to neuron ${neuron}, but spikes.count is ${count}; neurons are numbered from 0.`,
    );
  }
  return count;
}

/** Groups times by neuron and keeps their order. @param neurons indices below `neuronCount`. */
function groupByNeuron(
  times: ArrayLike<number>,
  neurons: ArrayLike<number>,
  neuronCount: number,
): Float64Array[] {
  const sizes = new Uint32Array(neuronCount);
  for (let n = 0; n < neurons.length; n++) sizes[neurons[n]!]! += 1;
  const lists = Array.from(sizes, (size) => new Float64Array(size));
  const filled = new Uint32Array(neuronCount);
  for (let n = 0; n < neurons.length; n++) {
    const neuron = neurons[n]!;
    lists[neuron]![filled[neuron]!++] = times[n]!;
  }
  return lists;
}

/**
 * Reads the times of one neuron after the other from a single array, which `ends` or `sizes`
 * divides.
 *
 * @throws RecordingError where they do not cover exactly the times there are.
 */
function* readRagged(
  { ends, sizes }: SpikesSpec,
  timesReference: string,
  files: DataFiles,
): Generator<ArrayLike<number>> {
  const times = files.vectorReader('spikes.times', timesReference);
  const total = times.length;
  const key = ends !== undefined ? 'ends' : 'sizes';
  const endsOrSizes = files.numbers(`spikes.${key}`, (ends ?? sizes)!);
  let from = 0;
  const ranges = Array.from(endsOrSizes, (value, neuron) => {
    const to = key === 'ends' ? value : from + value;
    if (!Number.isInteger(to) || to < from || to > total) {
      throw new RecordingError(
        `spikes.${key}: the times of neuron ${neuron} would be at indices ${from} to ${to} of spikes.times, which has ${total} values: the file is cut short, or these are not its ${key}.`,
      );
    }
    const range = [from, to] as const;
    from = to;
    return range;
  });
  if (from !== total) {
    throw new RecordingError(
      `spikes.${key} covers ${from} of the ${total} values of spikes.times: ${total - from} spikes belong to no neuron.`,
    );
  }
  for (const [first, end] of ranges) yield times.read(first, end);
}

/** The times of a neuron without spikes. */
const NO_TIMES: ArrayValues = { shape: [0], data: new Float64Array() };

/** Reads one array of times per neuron, or one matrix per neuron whose columns are trials. */
function readLists(
  { padding, unit, start: trialClockStart }: SpikesSpec,
  references: readonly string[],
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
): LoadedSpikes {
  const arrays = references
    .flatMap((reference) => files.neuronArrays('spikes.lists', reference, note))
    .map((values) => values ?? NO_TIMES);
  const textIndex = arrays.findIndex(({ data }) => Array.isArray(data));
  if (textIndex >= 0)
    throw new RecordingError(
      `spikes.lists: the list of neuron ${textIndex} contains text; spike times should be numbers.`,
    );
  if (
    arrays.every(({ shape }) => isOneDimensional(shape) || shape.includes(0)) &&
    padding === undefined
  ) {
    const lists = arrays.map(({ data }) => data as Numbers);
    return { spikes: { times: toSessionClock(lists, unit, sessionStart, note) } };
  }
  const withoutPadding = (times: Float64Array) =>
    padding === undefined ? times : times.filter((time) => time !== padding);
  // An empty array may have any number of columns.
  const trialCount = arrays.reduce(
    (max, { shape, data }) => Math.max(max, data.length > 0 ? (shape[1] ?? 1) : 1),
    0,
  );
  const trials = Array.from({ length: trialCount }, (_, trial) =>
    arrays.map((values) => withoutPadding(columnValues(values, trial))),
  );
  return { trials: toTrialClocks(trials, unit, trialClockStart, note) };
}

/** Column `column` of a matrix [rows, columns]; empty where there is no such column. */
function columnValues({ shape, data }: ArrayValues, column: number): Float64Array {
  const [rows = 0, columns = 1] = shape;
  if (column >= columns) return new Float64Array(0);
  return Float64Array.from({ length: rows }, (_, row) => Number(data[row * columns + column]));
}

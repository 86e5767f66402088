/** Selects the neurons to use: by their indices, by a value that each has, by their spikes. */

import { RecordingError } from '../recording/errors.js';
import { busiestNeurons, selectNeurons, spikesPerNeuron } from '../recording/spikes.js';
import { formatCount, formatList } from '../text/format.js';
import { formatYamlLine } from '../text/yaml.js';
import { checkKeptIndices } from './check-kept-indices.js';
import type { SpikesSpec } from './description.js';
import type { DataFiles } from './files.js';
import { type LoadedSpikes, loadedNeuronCount } from './spike-clocks.js';

/**
 * Selects the neurons of `spikes.keep`, of these the ones with `spikes.min_spikes`, and of these
 * the `spikes.max_neurons` with the most spikes. They are renumbered from 0 in that order, and
 * their names stay with them.
 *
 * @param note takes a sentence about how many neurons are kept.
 * @throws RecordingError where no neuron is selected, one is selected twice, or one does not exist.
 */
export function keepNeurons(
  loaded: LoadedSpikes,
  { keep, min_spikes: minimum, max_neurons: limit, relabel }: SpikesSpec,
  files: DataFiles,
  note: (sentence: string) => void,
): LoadedSpikes {
  const kept = keep === undefined ? loaded : selectKept(loaded, keep, relabel, files, note);
  const active = minimum === 0 ? kept : dropSparse(kept, minimum, note);
  return limit === undefined ? active : keepBusiest(active, limit, note);
}

function selectKept(
  loaded: LoadedSpikes,
  keep: NonNullable<SpikesSpec['keep']>,
  relabel: boolean,
  files: DataFiles,
  note: (sentence: string) => void,
): LoadedSpikes {
  const neuronCount = loadedNeuronCount(loaded);
  const indices = Array.isArray(keep)
    ? checkNeuronIndices(keep, neuronCount)
    : selectByValue(keep, readValuePerNeuron(keep, neuronNames(loaded), relabel, files, note));
  note(
    `spikes.keep selects ${indices.length} of ${neuronCount} neurons; they are renumbered from 0 in that order.`,
  );
  return selectLoaded(loaded, indices);
}

/**
 * Leaves out neurons with fewer than `minimum` spikes.
 *
 * @throws RecordingError where no neuron has so many.
 */
function dropSparse(
  loaded: LoadedSpikes,
  minimum: number,
  note: (sentence: string) => void,
): LoadedSpikes {
  const counts = countPerNeuron(loaded);
  const indices = [...counts.keys()].filter((neuron) => counts[neuron]! >= minimum);
  if (indices.length === counts.length) return loaded;
  if (indices.length === 0) {
    throw new RecordingError(
      `spikes.min_spikes is ${minimum}, but no neuron has more than ${Math.max(...counts)} spikes: choose a smaller number.`,
    );
  }
  note(
    `Neurons with fewer spikes than spikes.min_spikes, ${minimum}, are left out (${counts.length - indices.length} of ${counts.length}).`,
  );
  return selectLoaded(loaded, indices);
}

/** Leaves out neurons beyond the `limit` with the most spikes. */
function keepBusiest(
  loaded: LoadedSpikes,
  limit: number,
  note: (sentence: string) => void,
): LoadedSpikes {
  const counts = countPerNeuron(loaded);
  if (counts.length <= limit) return loaded;
  const indices = busiestNeurons(counts, limit);
  const kept = indices.reduce((sum, index) => sum + counts[index]!, 0);
  const total = counts.reduce((a, b) => a + b, 0);
  note(
    `spikes.max_neurons keeps ${formatCount(limit)} of ${formatCount(counts.length)} neurons, those with the most spikes (${formatCount(kept)} of ${formatCount(total)}).`,
  );
  return selectLoaded(loaded, indices);
}

/** How many spikes each neuron has. */
function countPerNeuron(loaded: LoadedSpikes): Float64Array {
  return spikesPerNeuron('trials' in loaded ? loaded.trials : [loaded.spikes]);
}

/** The names of the neurons; indices where the file has no names. */
function neuronNames(loaded: LoadedSpikes): readonly string[] {
  return loaded.names ?? Array.from({ length: loadedNeuronCount(loaded) }, (_, n) => `${n}`);
}

/** The neurons with these indices, in this order. */
function selectLoaded(loaded: LoadedSpikes, indices: readonly number[]): LoadedSpikes {
  const names = neuronNames(loaded);
  const kept = { names: indices.map((index) => names[index]!) };
  if ('trials' in loaded)
    return { trials: loaded.trials.map((spikes) => selectNeurons(spikes, indices)), ...kept };
  const { observed } = loaded;
  return {
    ...loaded,
    spikes: selectNeurons(loaded.spikes, indices),
    ...(observed && { observed: indices.map((index) => observed[index]!) }),
    ...kept,
  };
}

/** @throws RecordingError where there is no index, one occurs twice, or one is too large. */
function checkNeuronIndices(keep: readonly number[], neuronCount: number): readonly number[] {
  if (keep.length === 0)
    throw new RecordingError(
      'spikes.keep is empty: list at least one neuron, or leave it out to keep all.',
    );
  const repeated = keep.find((index, n) => keep.indexOf(index) < n);
  if (repeated !== undefined)
    throw new RecordingError(`spikes.keep lists neuron ${repeated} twice.`);
  return checkKeptIndices(keep, neuronCount, 'neurons');
}

/** At most this many texts are named. */
const MAX_TEXTS = 6;

type KeepByValue = Exclude<NonNullable<SpikesSpec['keep']>, number[]>;
type NeuronValue = number | string | undefined;

/**
 * Reads the values of `spikes.keep.by` and brings them into the order of the neurons, by name where
 * `ids` are given.
 *
 * @param names the name or label of each neuron.
 * @param relabel whether neurons are identified by labels, whose order is not that of a table.
 * @returns one value per neuron; undefined where no table has one.
 */
function readValuePerNeuron(
  keep: KeepByValue,
  names: readonly string[],
  relabel: boolean,
  files: DataFiles,
  note: (sentence: string) => void,
): NeuronValue[] {
  const { by, ids, values, except } = keep;
  const read = by.map((reference) =>
    Array.from<number | string>(files.values('spikes.keep.by', reference).data),
  );
  const text = read.findIndex((column) => column.some((value) => typeof value === 'string'));
  if (!values && !except && text >= 0) {
    const texts = [...new Set(read[text]!.map(String))].filter((value) => value !== '');
    throw new RecordingError(
      `spikes.keep.by: ${by[text]} contains text (${formatList(texts, MAX_TEXTS)}): list the texts to keep, such as spikes.keep.values: ${formatYamlLine(texts.slice(0, 1))}.`,
    );
  }
  if (ids === undefined) return valuesInOrder(by[0]!, read[0]!, names, relabel);
  const tables = ids.map((reference, n) => readTable(by[n]!, reference, read[n]!, files));
  const missing = names.filter((name) => !tables.some((table) => table.has(name)));
  const fate = except ? 'kept' : 'left out';
  if (missing.length > 0)
    note(
      `Neurons that ${ids.join(' and ')} ${ids.length === 1 ? 'does' : 'do'} not list, such as ${missing[0]}, are ${fate} (${missing.length} of ${names.length}).`,
    );
  return names.map((name) => {
    const found = tables.map((table) => table.get(name)).filter(isPresent);
    return found[0];
  });
}

function isPresent(value: NeuronValue): boolean {
  return value !== undefined && value !== '' && !Number.isNaN(value);
}

/** @throws RecordingError where there is not one value for each neuron, in their order. */
function valuesInOrder(
  by: string,
  values: readonly (number | string)[],
  names: readonly string[],
  relabel: boolean,
): NeuronValue[] {
  if (relabel && names.some((name, index) => name !== `${index}`)) {
    throw new RecordingError(
      `spikes.keep.by: neurons are identified by label here, so give the label that each value of ${by} belongs to under spikes.keep.ids, such as the cluster_id column of the same table.`,
    );
  }
  if (values.length === names.length) return [...values];
  throw new RecordingError(
    `spikes.keep.by: ${by} has ${values.length} values, but there are ${names.length} neurons: give one value per neuron, or the neuron of each value under spikes.keep.ids.`,
  );
}

/**
 * The value of each neuron by its name.
 *
 * @throws RecordingError where there is not one id for each value, or one occurs twice.
 */
function readTable(
  by: string,
  ids: string,
  values: readonly (number | string)[],
  files: DataFiles,
): Map<string, number | string> {
  const names = Array.from<number | string>(files.values('spikes.keep.ids', ids).data).map(String);
  if (names.length !== values.length) {
    throw new RecordingError(
      `spikes.keep.ids: ${ids} has ${names.length} values, but ${by} has ${values.length}: each value needs one id.`,
    );
  }
  const table = new Map(names.map((name, n) => [name, values[n]!]));
  if (table.size < names.length) {
    const repeated = names.find((name, n) => names.indexOf(name) < n);
    throw new RecordingError(`spikes.keep.ids: ${ids} contains ${repeated} twice.`);
  }
  return table;
}

/**
 * The indices of neurons whose value is one of `values`, or none of `except`; without either, a
 * value that is neither 0 nor missing.
 *
 * @throws RecordingError where there are none.
 */
function selectByValue(
  { by, values, except }: KeepByValue,
  perNeuron: readonly NeuronValue[],
): number[] {
  const listed = new Set<NeuronValue>(values ?? except);
  const isAccepted = (value: NeuronValue) => {
    if (except) return !listed.has(value);
    return values ? listed.has(value) : isPresent(value) && value !== 0;
  };
  const indices = perNeuron.flatMap((value, index) => (isAccepted(value) ? [index] : []));
  if (indices.length > 0) return indices;
  const distinct = [...new Set(perNeuron.filter((value) => value !== undefined))];
  const wanted = values
    ? `any of the values ${values.join(', ')}`
    : `a value other than ${except?.join(', ') ?? 0}`;
  throw new RecordingError(
    `spikes.keep: no neuron has ${wanted} in ${by.join(' or ')}; it contains ${distinct.slice(0, 6).join(', ')}${distinct.length > 6 ? ' and other values' : ''}.`,
  );
}

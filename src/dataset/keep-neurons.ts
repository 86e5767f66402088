/** Selects the neurons to use: by their indices, by a value that each has, by their spikes. */

import { RecordingError } from '../recording/errors.js';
import { type Spikes, spikeTimes } from '../recording/spikes.js';
import { checkKeptIndices } from './check-kept-indices.js';
import type { SpikesSpec } from './description.js';
import type { DataFiles } from './files.js';
import { type LoadedSpikes, loadedNeuronCount } from './spike-clocks.js';

/**
 * Selects the neurons of `spikes.keep`, and of these the ones with `spikes.min_spikes`. They are
 * renumbered from 0 in that order, and their names stay with them.
 *
 * @param note takes a sentence about how many neurons are kept.
 * @throws RecordingError where no neuron is selected, one is selected twice, or one does not exist.
 */
export function keepNeurons(
  loaded: LoadedSpikes,
  { keep, min_spikes: minimum, relabel }: SpikesSpec,
  files: DataFiles,
  note: (sentence: string) => void,
): LoadedSpikes {
  const kept = keep === undefined ? loaded : selectKept(loaded, keep, relabel, files, note);
  return minimum === 0 ? kept : dropSparse(kept, minimum, note);
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
  return selectNeurons(loaded, indices);
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
  const counts = new Float64Array(loadedNeuronCount(loaded));
  for (const spikes of 'trials' in loaded ? loaded.trials : [loaded.spikes])
    for (const [neuron, times] of spikeTimes(spikes).entries()) counts[neuron]! += times.length;
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
  return selectNeurons(loaded, indices);
}

/** The names of the neurons; indices where the file has no names. */
function neuronNames(loaded: LoadedSpikes): readonly string[] {
  return loaded.names ?? Array.from({ length: loadedNeuronCount(loaded) }, (_, n) => `${n}`);
}

/** The neurons with these indices, in this order. */
function selectNeurons(loaded: LoadedSpikes, indices: readonly number[]): LoadedSpikes {
  const names = neuronNames(loaded);
  const select = (spikes: Spikes): Spikes =>
    'counts' in spikes
      ? { ...spikes, counts: indices.map((index) => spikes.counts[index]!) }
      : { times: indices.map((index) => spikes.times[index]!) };
  const kept = { names: indices.map((index) => names[index]!) };
  return 'trials' in loaded
    ? { trials: loaded.trials.map(select), ...kept }
    : { ...loaded, spikes: select(loaded.spikes), ...kept };
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

type KeepByValue = Exclude<NonNullable<SpikesSpec['keep']>, number[]>;
type NeuronValue = number | string | undefined;

/**
 * Reads the values of `spikes.keep.by` and brings them into the order of the neurons, by name where
 * `ids` are given.
 *
 * @param names the name or label of each neuron.
 * @param relabel whether neurons are identified by labels, whose order is not that of a table.
 * @returns one value per neuron; undefined where `ids` lacks the neuron.
 */
function readValuePerNeuron(
  { by, ids, values }: KeepByValue,
  names: readonly string[],
  relabel: boolean,
  files: DataFiles,
  note: (sentence: string) => void,
): NeuronValue[] {
  const read = Array.from<number | string>(files.values('spikes.keep.by', by).data);
  if (!values && read.some((value) => typeof value === 'string'))
    throw new RecordingError(
      `spikes.keep.by: ${by} contains text: list the texts to keep under spikes.keep.values.`,
    );
  if (ids === undefined) {
    if (relabel && names.some((name, index) => name !== `${index}`)) {
      throw new RecordingError(
        `spikes.keep.by: neurons are identified by label here, so give the label that each value of ${by} belongs to under spikes.keep.ids, such as the cluster_id column of the same table.`,
      );
    }
    if (read.length === names.length) return read;
    throw new RecordingError(
      `spikes.keep.by: ${by} has ${read.length} values, but there are ${names.length} neurons: give one value per neuron, or the neuron of each value under spikes.keep.ids.`,
    );
  }
  const idNames = Array.from<number | string>(files.values('spikes.keep.ids', ids).data).map(
    String,
  );
  if (idNames.length !== read.length) {
    throw new RecordingError(
      `spikes.keep.ids: ${ids} has ${idNames.length} values, but ${by} has ${read.length}: each value needs one id.`,
    );
  }
  const valueByName = new Map(idNames.map((name, n) => [name, read[n]!]));
  if (valueByName.size < idNames.length) {
    const repeated = idNames.find((name, n) => idNames.indexOf(name) < n);
    throw new RecordingError(`spikes.keep.ids: ${ids} contains ${repeated} twice.`);
  }
  const missing = names.filter((name) => !valueByName.has(name));
  if (missing.length > 0)
    note(
      `Neurons that ${ids} does not list, such as ${missing[0]}, are left out (${missing.length} of ${names.length}).`,
    );
  return names.map((name) => valueByName.get(name));
}

/**
 * The indices of neurons whose value is one of `values` or, without `values`, is neither 0 nor NaN.
 *
 * @throws RecordingError where there are none.
 */
function selectByValue({ by, values }: KeepByValue, perNeuron: readonly NeuronValue[]): number[] {
  const accepted = new Set<NeuronValue>(values);
  const isAccepted = (value: NeuronValue) =>
    value !== undefined && (values ? accepted.has(value) : value !== 0 && !Number.isNaN(value));
  const indices = perNeuron.flatMap((value, index) => (isAccepted(value) ? [index] : []));
  if (indices.length > 0) return indices;
  const distinct = [...new Set(perNeuron.filter((value) => value !== undefined))];
  throw new RecordingError(
    `spikes.keep: no neuron has ${values ? `any of the values ${values.join(', ')}` : 'a value other than 0'} in ${by}; it contains ${distinct.slice(0, 6).join(', ')}${distinct.length > 6 ? ' and other values' : ''}.`,
  );
}

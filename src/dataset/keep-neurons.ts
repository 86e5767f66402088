/** The neurons of a file that are used: places, or what an array says of each. */

import { RecordingError } from '../recording/errors.js';
import type { Spikes } from '../recording/spikes.js';
import type { SpikesSpec } from './description.js';
import type { Files } from './files.js';
import { keptIndices } from './read-trials.js';
import { neuronsIn, type SpikeSource } from './spike-clocks.js';

/**
 * Spikes of the neurons that `spikes.keep` names, numbered anew in its order.
 *
 * @param note takes a sentence about how many they are.
 * @throws RecordingError where it names none, or one that is not there.
 */
export function keepNeurons(
  source: SpikeSource,
  { keep, relabel }: SpikesSpec,
  files: Files,
  note: (sentence: string) => void,
): SpikeSource {
  if (keep === undefined) return source;
  const all = neuronsIn(source);
  const names = source.names ?? Array.from({ length: all }, (_, place) => `${place}`);
  const places = Array.isArray(keep)
    ? checked(keep, all)
    : chosen(keep, labelPerNeuron(keep, names, relabel, files, note));
  note(`Of ${all} neurons ${places.length} are kept (spikes.keep), numbered from 0 in that order.`);
  const pick = (spikes: Spikes): Spikes =>
    'counts' in spikes
      ? { ...spikes, counts: places.map((place) => spikes.counts[place]!) }
      : { times: places.map((place) => spikes.times[place]!) };
  const kept = { names: places.map((place) => names[place]!) };
  return 'trials' in source
    ? { trials: source.trials.map(pick), ...kept }
    : { ...source, spikes: pick(source.spikes), ...kept };
}

function checked(keep: readonly number[], all: number): readonly number[] {
  if (keep.length === 0) throw new RecordingError('spikes.keep names no neuron.');
  const twice = keep.find((place, n) => keep.indexOf(place) < n);
  if (twice !== undefined) throw new RecordingError(`spikes.keep names place ${twice} twice.`);
  return keptIndices(keep, all, 'neurons');
}

type KeptBy = Exclude<NonNullable<SpikesSpec['keep']>, number[]>;
type LabelPerNeuron = number | string | undefined;

/** What the array says of each neuron: in their order, or by what they are called. */
function labelPerNeuron(
  { by, ids, values }: KeptBy,
  names: readonly string[],
  relabel: boolean,
  files: Files,
  note: (sentence: string) => void,
): LabelPerNeuron[] {
  const said = Array.from<number | string>(files.values('spikes.keep.by', by).data);
  if (!values && said.some((value) => typeof value === 'string'))
    throw new RecordingError(`spikes.keep.by: ${by} holds texts: say under values which are kept.`);
  if (ids === undefined) {
    if (relabel && names.some((name, place) => name !== `${place}`)) {
      throw new RecordingError(
        `spikes.keep.by: neurons go by their labels here, so say under ids which label each value of ${by} belongs to, such as the cluster_id beside it.`,
      );
    }
    if (said.length === names.length) return said;
    throw new RecordingError(
      `spikes.keep.by: ${by} has ${said.length} values, but there are ${names.length} neurons: each needs its own, or say under ids which neuron each belongs to.`,
    );
  }
  const called = Array.from<number | string>(files.values('spikes.keep.ids', ids).data).map(String);
  if (called.length !== said.length) {
    throw new RecordingError(
      `spikes.keep.ids: ${ids} has ${called.length} values, but ${by} ${said.length}: they should belong together.`,
    );
  }
  const known = new Map(called.map((name, n) => [name, said[n]!]));
  if (known.size < called.length) {
    const twice = called.find((name, n) => called.indexOf(name) < n);
    throw new RecordingError(`spikes.keep.ids: ${ids} names ${twice} twice.`);
  }
  const lacking = names.filter((name) => !known.has(name));
  if (lacking.length > 0)
    note(
      `${ids} does not name ${lacking.length} of ${names.length} neurons, such as ${lacking[0]}: they are left out.`,
    );
  return names.map((name) => known.get(name));
}

function chosen({ by, values }: KeptBy, said: readonly LabelPerNeuron[]): number[] {
  const named = new Set<LabelPerNeuron>(values);
  const fits = (value: LabelPerNeuron) =>
    value !== undefined && (values ? named.has(value) : value !== 0 && !Number.isNaN(value));
  const kept = said.flatMap((value, place) => (fits(value) ? [place] : []));
  if (kept.length > 0) return kept;
  const seen = [...new Set(said.filter((value) => value !== undefined))].slice(0, 6).join(', ');
  throw new RecordingError(
    `spikes.keep: no neuron has ${values ? `one of the values ${values.join(', ')}` : 'a value other than 0'} in ${by}; the values there are ${seen}.`,
  );
}

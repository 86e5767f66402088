/** The neurons of a file that are used: places, or what an array says of each. */

import type { SpikesGiven } from './description.js';
import { RecordingError } from './errors.js';
import type { Files } from './files.js';
import { neuronsIn, type SpikeSource } from './spike-sources.js';
import type { Spikes } from './spikes.js';
import { keptPlaces } from './trial-sources.js';

/**
 * Spikes of the neurons that `spikes.keep` names, numbered anew in its order.
 *
 * @param note takes a sentence about how many they are.
 * @throws RecordingError where it names none, or one that is not there.
 */
export function keepNeurons(
  source: SpikeSource,
  keep: SpikesGiven['keep'],
  files: Files,
  note: (sentence: string) => void,
): SpikeSource {
  if (keep === undefined) return source;
  const all = neuronsIn(source);
  const places = Array.isArray(keep) ? checked(keep, all) : chosen(keep, all, files);
  note(`Of ${all} neurons ${places.length} are kept (spikes.keep), numbered from 0 in that order.`);
  const pick = (spikes: Spikes): Spikes =>
    'counts' in spikes
      ? { ...spikes, counts: places.map((place) => spikes.counts[place]!) }
      : { times: places.map((place) => spikes.times[place]!) };
  const names = places.map((place) => source.names?.[place] ?? `${place}`);
  return 'trials' in source
    ? { trials: source.trials.map(pick), names }
    : { ...source, spikes: pick(source.spikes), names };
}

function checked(keep: readonly number[], all: number): readonly number[] {
  if (keep.length === 0) throw new RecordingError('spikes.keep names no neuron.');
  const twice = keep.find((place, n) => keep.indexOf(place) < n);
  if (twice !== undefined) throw new RecordingError(`spikes.keep names place ${twice} twice.`);
  return keptPlaces(keep, all, 'neurons');
}

function chosen(
  { by, values }: Exclude<NonNullable<SpikesGiven['keep']>, number[]>,
  all: number,
  files: Files,
): number[] {
  const { data } = files.values('spikes.keep.by', by);
  if (data.length !== all) {
    throw new RecordingError(
      `spikes.keep.by: ${by} has ${data.length} values, but there are ${all} neurons: each needs its own.`,
    );
  }
  if (Array.isArray(data) && !values)
    throw new RecordingError(`spikes.keep.by: ${by} holds texts: say under values which are kept.`);
  const named = new Set<number | string>(values);
  const fits = (value: number | string) => (values ? named.has(value) : Number(value) !== 0);
  const said: ArrayLike<number | string> = data;
  const places = Array.from(said, (value, place) => (fits(value) ? place : -1));
  const kept = places.filter((place) => place >= 0);
  if (kept.length > 0) return kept;
  const seen = [...new Set(Array.from(said))].slice(0, 6).join(', ');
  throw new RecordingError(
    `spikes.keep: no neuron has ${values ? `one of the values ${values.join(', ')}` : 'a value other than 0'} in ${by}; the values there are ${seen}.`,
  );
}

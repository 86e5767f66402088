/**
 * Reads the spikes of a dataset, in whichever way its description gives them, as times or counts of
 * each neuron.
 */

import { RecordingError } from '../recording/errors.js';
import type { Interval } from '../recording/recording.js';
import type { SpikesSpec } from './description.js';
import type { DataFiles } from './files.js';
import type { LeftOut } from './left-out.js';
import { raggedRanges } from './ragged.js';
import { type LoadedSpikes, loadedNeuronCount, toSessionClock } from './spike-clocks.js';
import { readLists } from './spike-lists.js';
import { readPairs } from './spike-pairs.js';
import { readCounts, readTraces } from './spike-tables.js';

/**
 * Reads spikes, and the names of their neurons.
 *
 * @param sessionStart seconds on the files' clock at which the session starts.
 * @param note takes sentences about what was changed or left out.
 * @param leftOut takes traces in which no events can be found. Default: they are errors.
 * @throws RecordingError where `spikes` is incomplete, or its arrays do not fit each other.
 */
export function readSpikes(
  spec: SpikesSpec,
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
  leftOut?: LeftOut,
): LoadedSpikes {
  const unnamed = readUnnamed(spec, files, sessionStart, note, leftOut);
  const loaded =
    spec.observed && 'spikes' in unnamed
      ? { ...unnamed, observed: readObserved(spec.observed, files, unnamed, sessionStart) }
      : unnamed;
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

/**
 * Reads when each neuron was recorded, in seconds on the session clock.
 *
 * @throws RecordingError where intervals are not pairs, or there is not one end for each neuron
 */
function readObserved(
  { intervals, ends }: NonNullable<SpikesSpec['observed']>,
  files: DataFiles,
  loaded: LoadedSpikes,
  sessionStart: number,
): Interval[][] {
  const { shape, data } = files.values('spikes.observed.intervals', intervals);
  const lastOf = files.numbers('spikes.observed.ends', ends);
  const [count = 0, width] = shape;
  if (Array.isArray(data) || shape.length !== 2 || width !== 2)
    throw new RecordingError(
      `spikes.observed.intervals should be starts and stops of intervals, [intervals, 2], but has shape [${shape.join(', ')}].`,
    );
  const neurons = loadedNeuronCount(loaded);
  if (lastOf.length !== neurons || !isAscendingTo(lastOf, count))
    throw new RecordingError(
      `spikes.observed.ends should be ${neurons} indices, one for each neuron, that rise to the number of intervals, ${count}.`,
    );
  return Array.from(lastOf, (last, neuron) => {
    const first = neuron === 0 ? 0 : lastOf[neuron - 1]!;
    return Array.from({ length: last - first }, (_, n) => ({
      start: data[2 * (first + n)]! - sessionStart,
      stop: data[2 * (first + n) + 1]! - sessionStart,
    }));
  });
}

function isAscendingTo(ends: ArrayLike<number>, count: number): boolean {
  let last = 0;
  for (let n = 0; n < ends.length; n++) {
    if (!Number.isInteger(ends[n]) || ends[n]! < last) return false;
    last = ends[n]!;
  }
  return last <= count;
}

function readUnnamed(
  spec: SpikesSpec,
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
  leftOut?: LeftOut,
): LoadedSpikes {
  const { times, neurons, ends, sizes, lists, counts, traces } = spec;
  if (counts !== undefined) return readCounts(spec, counts, files, sessionStart);
  if (traces !== undefined) return readTraces(spec, traces, files, sessionStart, note, leftOut);
  if (lists !== undefined) return readLists(spec, lists, files, sessionStart, note);
  if (times !== undefined && neurons !== undefined)
    return readPairs(spec, times, neurons, files, sessionStart, note);
  if (times !== undefined && (ends !== undefined || sizes !== undefined)) {
    const timesPerNeuron = readRagged(spec, times, files);
    return { spikes: { times: toSessionClock(timesPerNeuron, spec, sessionStart, note) } };
  }
  throw new RecordingError(
    'spikes should have times with neurons, ends or sizes; or lists; or counts with dt; or traces with dt and event.',
  );
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
  const key = ends !== undefined ? 'ends' : 'sizes';
  const divider = files.numbers(`spikes.${key}`, (ends ?? sizes)!);
  const words = {
    key: `spikes.${key}`,
    dataKey: 'spikes.times',
    values: 'times',
    owner: 'neuron',
  };
  const ranges = raggedRanges(divider, key === 'sizes', times.length, words);
  for (const [first, end] of ranges) yield times.read(first, end);
}

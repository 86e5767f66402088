/**
 * The input of linear decoders: each neuron's spike counts in bins before the moment to be decoded.
 */

import { countLagged, forEachLag, type LagBins } from '../recording/spikes.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import type { SparseRows } from './sparse-rows.js';

/**
 * Spike counts of each neuron in the bins before the end of every window:
 * [windows x (lags * neurons)], with lag 0 the latest bin. Time before a trial's start counts as
 * silence.
 *
 * @param transform of a count; default: its square root, whose variance does not grow with the
 *   count
 */
export function laggedCounts(
  windows: Windows,
  refs: readonly WindowRef[],
  bins: LagBins,
  transform: (spikes: number) => number = Math.sqrt,
): SparseRows {
  const { neurons } = windows.recording;
  const columns = neurons * bins.count;
  const counts = new Uint32Array(columns);
  const spikesBefore = (ref: WindowRef) => {
    const { stop } = windows.span(ref).current;
    return { spikes: windows.binnedSpikes(ref.trialIndex), stop };
  };
  // A row has at most one entry for each of its spikes.
  const capacity = refs.reduce((sum, ref) => {
    const { spikes, stop } = spikesBefore(ref);
    return sum + Math.min(columns, countLagged(spikes, stop, bins));
  }, 0);
  const starts = new Int32Array(refs.length + 1);
  const indices = new Int32Array(capacity);
  const values = new Float64Array(capacity);
  let entry = 0;
  for (const [row, ref] of refs.entries()) {
    const { spikes, stop } = spikesBefore(ref);
    forEachLag(spikes, stop, bins, (lag, neuron) => {
      counts[lag * neurons + neuron]! += 1;
    });
    for (let column = 0; column < columns; column++) {
      if (counts[column] === 0) continue;
      indices[entry] = column;
      values[entry++] = transform(counts[column]!);
      counts[column] = 0;
    }
    starts[row + 1] = entry;
  }
  return {
    rows: refs.length,
    columns,
    starts,
    indices: indices.subarray(0, entry),
    values: values.subarray(0, entry),
  };
}

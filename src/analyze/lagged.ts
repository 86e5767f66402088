/**
 * The input of linear decoders: each neuron's spike counts in bins before the moment to be decoded.
 */

import { forEachLag, type LagBins } from '../recording/spikes.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import type { SparseRows } from './regression.js';

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
  const starts = new Int32Array(refs.length + 1);
  const indices: number[] = [];
  const values: number[] = [];
  for (const [row, ref] of refs.entries()) {
    const { stop } = windows.span(ref).current;
    const counts = new Map<number, number>();
    forEachLag(windows.binnedSpikes(ref.trialIndex), stop, bins, (lag, neuron) => {
      const column = lag * neurons + neuron;
      counts.set(column, (counts.get(column) ?? 0) + 1);
    });
    for (const column of [...counts.keys()].sort((p, q) => p - q)) {
      indices.push(column);
      values.push(transform(counts.get(column)!));
    }
    starts[row + 1] = indices.length;
  }
  return {
    rows: refs.length,
    columns: neurons * bins.count,
    starts,
    indices: Int32Array.from(indices),
    values: Float64Array.from(values),
  };
}

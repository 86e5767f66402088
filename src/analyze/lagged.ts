/** What linear decoders read of a window: each neuron's spikes in bins before the moment to be decoded. */

import { spikesWithin } from '../recording/spikes.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import type { SparseRows } from './regression.js';

/** Bins of a linear decoder, the last of which ends when the window does. */
export interface Lags {
  /** Seconds of a bin. */
  readonly bin: number;
  readonly count: number;
}

/**
 * Spikes of each neuron in each of the bins before every window's end: [windows x (lags * neurons)], lag 0 the latest.
 * What lies before a trial's start counts as no spike.
 *
 * @param of what enters for a number of spikes; default: its square root, whose variance does not grow with it.
 */
export function laggedCounts(
  windows: Windows,
  refs: readonly WindowRef[],
  { bin, count }: Lags,
  of: (spikes: number) => number = Math.sqrt,
): SparseRows {
  const { neurons } = windows.recording;
  const starts = new Int32Array(refs.length + 1);
  const places: number[] = [];
  const values: number[] = [];
  for (const [row, ref] of refs.entries()) {
    const { stop } = windows.span(ref).current;
    const spikes = windows.binnedSpikes(ref.trialIndex);
    const [first, end] = spikesWithin(spikes, Math.max(0, stop - count * bin), stop);
    const found = new Map<number, number>();
    for (let n = first; n < end; n++) {
      const before = stop - (spikes.bins[n]! + 0.5) * spikes.dt;
      const lag = Math.min(count - 1, Math.floor(before / bin));
      const place = lag * neurons + spikes.neurons[n]!;
      found.set(place, (found.get(place) ?? 0) + 1);
    }
    for (const place of [...found.keys()].sort((p, q) => p - q)) {
      places.push(place);
      values.push(of(found.get(place)!));
    }
    starts[row + 1] = places.length;
  }
  return {
    rows: refs.length,
    columns: neurons * count,
    starts,
    places: Int32Array.from(places),
    values: Float64Array.from(values),
  };
}

/** Choosing windows at even distances, and collating windows into batches. */

import { HostRandom } from '../math/random.js';
import type { BatchLayout, HostBatch } from '../neuroformer/batch.js';
import type { Watcher } from '../ports/watcher.js';
import { shuffleTies } from '../recording/augment.js';
import type { WindowRef, Windows } from '../recording/windows.js';

/**
 * How many windows to use so that they fill their batches: at most `wanted`, rounded down to a
 * multiple of `batch`.
 *
 * If there are fewer windows than one batch, all of them are used.
 */
export function countInFullBatches(wanted: number, available: number, batch: number): number {
  const count = Math.min(wanted, available);
  return count < batch ? count : Math.floor(count / batch) * batch;
}

/** Picks `count` items at even distances, starting with the first. */
export function pickEvenly<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, n) => items[Math.floor((n * items.length) / count)]!);
}

/**
 * Picks windows at even distances: at most `maxCount`, and as many as fill their batches (see
 * `countInFullBatches`).
 */
export function spreadWindows(
  refs: readonly WindowRef[],
  maxCount: number,
  batch: number,
): WindowRef[] {
  return pickEvenly(refs, countInFullBatches(maxCount, refs.length, batch));
}

/** Draws up to `maximum` windows at random, as many as fill batches of `batch`. */
export function drawWindows(
  refs: readonly WindowRef[],
  maximum: number,
  batch: number,
  seed: number,
): WindowRef[] {
  const order = new HostRandom(seed).permutation(refs.length);
  return Array.from(
    order.subarray(0, countInFullBatches(maximum, refs.length, batch)),
    (n) => refs[n]!,
  );
}

/**
 * Collates windows into batches of `size`, in order. An incomplete last batch is dropped.
 *
 * Spikes of one time bin are put into a random order, which depends on `seed` alone.
 */
export function* windowBatches(
  windows: Windows,
  layout: BatchLayout,
  refs: readonly WindowRef[],
  size: number,
  seed = 1,
): Generator<HostBatch> {
  const random = new HostRandom(seed);
  for (let start = 0; start + size <= refs.length; start += size) {
    const batch = refs.slice(start, start + size);
    yield layout.collate(batch.map((ref) => shuffleTies(windows.at(ref), random)));
  }
}

/** Reports the windows so far to a watcher before each batch of `size` windows. */
export function* watchedBatches(
  batches: Iterable<HostBatch>,
  size: number,
  total: number,
  watcher: Watcher,
  activity: string,
): Generator<HostBatch> {
  let done = 0;
  for (const host of batches) {
    watcher.progress({ activity, done, total, unit: 'windows' });
    yield host;
    done += size;
  }
}

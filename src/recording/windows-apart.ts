/** Windows that are so far apart that they share no spikes. */

import type { WindowRef } from './windows.js';

/** Tolerance of times, in seconds: sums of steps are rounded. */
const TOLERANCE = 1e-6;

/**
 * Pairs of windows of a trial: each with the first one that ends at least so many seconds later,
 * but less than twice as many.
 *
 * @param refs trial by trial, in order of time
 * @param seconds the span of a window, where the two of a pair should share no spikes
 * @returns indices of the earlier and the later window
 */
export function pairsApart(refs: readonly WindowRef[], seconds: number): [number, number][] {
  const pairs: [number, number][] = [];
  let later = 0;
  for (const [earlier, { trialIndex, end }] of refs.entries()) {
    const gap = (index: number) => refs[index]!.end - end;
    const isOfTrial = (index: number) => refs[index]?.trialIndex === trialIndex;
    later = Math.max(later, earlier + 1);
    while (isOfTrial(later) && gap(later) < seconds - TOLERANCE) later += 1;
    if (isOfTrial(later) && gap(later) < 2 * seconds - TOLERANCE) pairs.push([earlier, later]);
  }
  return pairs;
}

/**
 * How many windows can be chosen of which any two are of different trials or end at least so many
 * seconds apart.
 *
 * @param refs as in `pairsApart`
 */
export function countApart(refs: readonly WindowRef[], seconds: number): number {
  let count = 0;
  let last: WindowRef | undefined;
  for (const ref of refs) {
    const isApart =
      ref.trialIndex !== last?.trialIndex || ref.end - last.end >= seconds - TOLERANCE;
    if (!isApart) continue;
    count += 1;
    last = ref;
  }
  return count;
}

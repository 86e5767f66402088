/** How finely the times of spikes are known, and how many spikes windows have. */

import { windowSpikes } from '../analyze/overview.js';
import { upperMedian } from '../math/statistics.js';
import type { Recording } from '../recording/recording.js';
import { spikeTimes } from '../recording/spikes.js';

/** Seconds: spike times are read this finely where the recording is. */
const FINEST = 0.01;
/** So many spike times are looked at. */
const MAX_TIMES = 20_000;

/**
 * The time step of spikes in seconds: 10 ms, or the width of the bins in which they were counted or
 * imaged, where that is wider.
 */
export function spikeStep({ trials }: Recording): number {
  const [first] = trials;
  if (first && 'counts' in first.spikes) return Math.max(FINEST, first.spikes.dt);
  const times: number[] = [];
  for (const { spikes } of trials) {
    for (const train of spikeTimes(spikes))
      for (let n = 0; n < train.length && times.length < MAX_TIMES; n++) times.push(train[n]!);
    if (times.length >= MAX_TIMES) break;
  }
  times.sort((p, q) => p - q);
  const steps = times.slice(1).flatMap((time, n) => {
    const step = time - times[n]!;
    return step > 1e-6 ? [step] : [];
  });
  const least = steps.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const usual = upperMedian(steps.filter((step) => step < 1.5 * least)) ?? FINEST;
  const isGrid = steps.every((step) => Math.abs(step / usual - Math.round(step / usual)) < 0.05);
  return isGrid && usual > FINEST ? Number(usual.toPrecision(4)) : FINEST;
}

/**
 * How many spikes nearly all windows have at most: 999 of 1,000.
 *
 * @param seconds of a window
 */
export function spikesIn({ trials }: Recording, seconds: number): number {
  const trains = trials.map(({ spikes }) => spikeTimes(spikes));
  const durations = trials.map(({ duration }) => Math.max(duration, seconds));
  return windowSpikes(trains, durations, seconds)[0]?.percentile999 ?? 0;
}

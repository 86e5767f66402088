/** Finds events in calcium traces by the threshold rule of `spikes.event`. */

import type { Numbers } from '../formats/nodes.js';
import { median } from '../math/statistics.js';
import { RecordingError } from '../recording/errors.js';
import type { SpikesSpec } from './description.js';

/**
 * Finds the samples at which a trace has an event: where it crosses the threshold upward or, with
 * `each`, every sample above it. Samples that are not finite are never events.
 *
 * @param neuron the index of the trace, for messages.
 * @returns sample indices, ascending.
 * @throws RecordingError where the threshold is in deviations, but the trace's robust deviation is
 *   0.
 */
export function findEvents(
  trace: Numbers,
  neuron: number,
  { above, in: measure, each }: NonNullable<SpikesSpec['event']>,
): number[] {
  const threshold = measure === 'value' ? above : robustThreshold(trace, neuron, above);
  const events: number[] = [];
  for (let n = 0; n < trace.length; n++) {
    const value = trace[n]!;
    if (!Number.isFinite(value)) continue;
    if (value > threshold && (each || n === 0 || !(trace[n - 1]! > threshold))) events.push(n);
  }
  return events;
}

/** Median absolute deviation of a normal distribution, in standard deviations. */
const MAD_IN_SD = 0.6745;

/** The median plus `above` robust standard deviations (median absolute deviation / 0.6745). */
function robustThreshold(trace: Numbers, neuron: number, above: number): number {
  const finite = Float64Array.from(trace).filter(Number.isFinite);
  const center = median(finite);
  const deviation = median(finite.map((value) => Math.abs(value - center))) / MAD_IN_SD;
  if (deviation > 0) return center + above * deviation;
  throw new RecordingError(
    `spikes.event: more than half of trace ${neuron} has the same value, so its robust deviation is 0: set a threshold in the trace's own unit, such as spikes.event: {above: ${center}, in: value} for all that is above that value.`,
  );
}

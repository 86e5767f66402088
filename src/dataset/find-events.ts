/** Events in calcium traces, by a rule that somebody has stated. */

import type { Numbers } from '../formats/nodes.js';
import { median } from '../math/statistics.js';
import { RecordingError } from '../recording/errors.js';
import type { SpikesSpec } from './description.js';

/**
 * Samples at which a trace has events.
 *
 * @param neuron its number, for complaints.
 * @throws RecordingError where the rule says nothing of the trace.
 */
export function findEvents(
  trace: Numbers,
  neuron: number,
  { above, in: measure, each }: NonNullable<SpikesSpec['event']>,
): number[] {
  const threshold = measure === 'value' ? above : robustThreshold(trace, neuron, above);
  const found: number[] = [];
  for (let n = 0; n < trace.length; n++) {
    const value = trace[n]!;
    if (!Number.isFinite(value)) continue;
    if (value > threshold && (each || n === 0 || !(trace[n - 1]! > threshold))) found.push(n);
  }
  return found;
}

/** The median absolute deviation of a normal distribution, in its standard deviations. */
const MAD_IN_SD = 0.6745;

function robustThreshold(trace: Numbers, neuron: number, above: number): number {
  const known = Float64Array.from(trace).filter(Number.isFinite);
  const middle = median(known);
  const deviation = median(known.map((value) => Math.abs(value - middle))) / MAD_IN_SD;
  if (deviation > 0) return middle + above * deviation;
  throw new RecordingError(
    `spikes.event: more than half of trace ${neuron} is one value, so deviations say nothing: set a threshold of its own unit, with in: value.`,
  );
}

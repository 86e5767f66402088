/** Describes the arrays of a recording by their hashes, so that recordings can be compared. */

import { sha256 } from '../../src/ports/sha256.js';
import type { Recording } from '../../src/recording/recording.js';

/** A line of text for every array of a recording, with the numbers that belong to it. */
export function recordingArrays({ name, neurons, trials, intervals }: Recording): string[] {
  const lines = [`${name}: ${neurons} neurons, intervals ${JSON.stringify(intervals)}`];
  for (const { id, start, duration, spikes, video, variables } of trials) {
    lines.push(`trial ${id}: ${start} s, ${duration} s`);
    const trains = 'counts' in spikes ? spikes.counts : spikes.times;
    for (const [neuron, train] of trains.entries())
      lines.push(`neuron ${neuron}: ${hashValues(train)}`);
    if (video)
      lines.push(
        `video ${video.count} x ${video.height} x ${video.width}: ${hashValues(video.data)}`,
      );
    for (const [variable, series] of Object.entries(variables)) {
      lines.push(`${variable}: ${hashValues(series.values)}`);
      if ('times' in series) lines.push(`${variable} at ${hashValues(series.times)}`);
      else lines.push(`${variable} every ${series.dt} s from ${series.start ?? 0} s`);
    }
  }
  return lines;
}

function hashValues(values: ArrayLike<number | string>): string {
  const hash = sha256();
  const isNumeric = typeof values[0] !== 'string';
  hash.update(
    isNumeric
      ? new Uint8Array(Float64Array.from(values as ArrayLike<number>).buffer)
      : new TextEncoder().encode(JSON.stringify(Array.from(values))),
  );
  return `${values.length} values, ${hash.hex()}`;
}

/** A hash of all recorded data, which tells recordings apart. */

import { sha256 } from '../ports/sha256.js';
import type { Recording } from './recording.js';

/**
 * SHA-256 of all data of a recording, in hexadecimal. Recordings with equal fingerprints hold the
 * same data. Conditions do not count, so that they may be added to the data of a run.
 */
export function fingerprint(recording: Recording): string {
  const hash = sha256();
  const addText = (text: string) => hash.update(new TextEncoder().encode(text));
  const addNumbers = (values: ArrayLike<number>) => {
    hash.update(new Uint8Array(Float64Array.from(values).buffer));
  };
  for (const { id, start, duration, spikes, video, variables } of recording.trials) {
    addNumbers([id, start, duration]);
    if ('counts' in spikes) addNumbers([spikes.dt]);
    for (const row of 'counts' in spikes ? spikes.counts : spikes.times) {
      addNumbers([row.length]);
      addNumbers(row);
    }
    if (video) {
      addNumbers([video.count, video.height, video.width, video.dt, video.start ?? 0]);
      hash.update(new Uint8Array(video.data.buffer, video.data.byteOffset, video.data.byteLength));
    }
    for (const [name, series] of Object.entries(variables)) {
      addText(name);
      if ('times' in series) {
        addNumbers(series.times);
        if (series.before) addNumbers([series.before.time, series.before.value]);
      } else addNumbers([series.dt, series.start ?? 0]);
      const values: ArrayLike<number | string> = series.values;
      if (typeof values[0] === 'string') addText(Array.from(values).join('\n'));
      else addNumbers(values as ArrayLike<number>);
    }
  }
  return hash.hex();
}

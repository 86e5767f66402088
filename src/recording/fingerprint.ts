/** What tells recordings apart: a hash of everything recorded. */

import { sha256 } from '../ports/sha256.js';
import type { Recording } from './recording.js';

/** SHA-256 of everything recorded, in hexadecimal: two recordings of one fingerprint are the same. */
export function fingerprint(recording: Recording): string {
  const hash = sha256();
  const text = (value: string) => hash.update(new TextEncoder().encode(value));
  const numbers = (values: ArrayLike<number>) => {
    hash.update(new Uint8Array(Float64Array.from(values).buffer));
  };
  for (const { id, start, duration, spikes, video, variables } of recording.trials) {
    numbers([id, start, duration]);
    if ('counts' in spikes) numbers([spikes.dt]);
    for (const row of 'counts' in spikes ? spikes.counts : spikes.times) {
      numbers([row.length]);
      numbers(row);
    }
    if (video) {
      numbers([video.count, video.height, video.width, video.dt, video.start ?? 0]);
      hash.update(new Uint8Array(video.data.buffer, video.data.byteOffset, video.data.byteLength));
    }
    for (const [name, series] of Object.entries(variables)) {
      text(name);
      if ('times' in series) {
        numbers(series.times);
        if (series.before) numbers([series.before.time, series.before.value]);
      } else numbers([series.dt, series.start ?? 0]);
      const values: ArrayLike<number | string> = series.values;
      if (typeof values[0] === 'string') text(Array.from(values).join('\n'));
      else numbers(values as ArrayLike<number>);
    }
  }
  return hash.hex();
}

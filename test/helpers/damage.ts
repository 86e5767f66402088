/** Damaged copies of a file, as a broken disk or an interrupted copy leaves them. */

import type { HostRandom } from '../../src/math/random.js';

/** Headers lie at the beginning of a file: half of the changes are made there. */
const HEADER_BYTES = 1000;
const MAX_REPEATED_BYTES = 4096;

/**
 * A copy that is cut short, or has up to eight flipped bits, changed bytes, repeated ranges or
 * wrong lengths.
 */
export function damage(bytes: Uint8Array, random: HostRandom): Uint8Array {
  const kind = random.integer(5);
  if (kind === 0) return bytes.slice(0, random.integer(bytes.length));
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const changes = 1 + random.integer(8);
  for (let n = 0; n < changes; n++) {
    const isInHeader = random.integer(2) === 1;
    const offset = random.integer(isInHeader ? Math.min(HEADER_BYTES, copy.length) : copy.length);
    if (kind === 1) copy[offset]! ^= 1 << random.integer(8);
    else if (kind === 2) copy[offset] = random.integer(256);
    else if (kind === 3) {
      const from = random.integer(copy.length);
      copy.copyWithin(offset, from, from + random.integer(MAX_REPEATED_BYTES));
    } else {
      const word = random.word() >>> random.integer(32);
      view.setUint32(Math.min(offset & ~3, copy.length - 4), word, true);
    }
  }
  return copy;
}

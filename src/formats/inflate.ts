/** Unpacking zlib's streams, of a size that is not believed before it is seen. */

import { Unzlib } from 'fflate';
import { adler32 } from './checksums.js';

/** What unpacks to more than it may. */
export class TooLargeError extends Error {}

/** Packed bytes that are unpacked at once: a lying stream then makes little more than it may. */
const PIECE_BYTES = 2 ** 16;

/**
 * What a zlib stream unpacks to.
 *
 * @param maxBytes no more than these.
 * @throws TooLargeError where it is more; Error with the reason where it is damaged.
 */
export function inflate(packed: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let [total, ended] = [0, false];
  const stream = new Unzlib((piece, isLast) => {
    total += piece.length;
    if (total > maxBytes) throw new TooLargeError();
    pieces.push(piece);
    ended ||= isLast;
  });
  for (let at = 0; at < packed.length; at += PIECE_BYTES) {
    const end = at + PIECE_BYTES;
    stream.push(packed.subarray(at, end), end >= packed.length);
  }
  if (!ended) throw new Error('it ends too early');
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  const { buffer, byteOffset, length } = packed;
  const stored = new DataView(buffer, byteOffset + length - 4, 4).getUint32(0);
  if (stored !== adler32(bytes)) throw new Error('its checksum does not fit');
  return bytes;
}

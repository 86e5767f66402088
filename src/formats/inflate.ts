/** Unpacks zlib streams without trusting what they claim about their size. */

import { Unzlib } from 'fflate';
import { adler32 } from './checksums.js';

/** A stream unpacks to more bytes than allowed. */
export class TooLargeError extends Error {}

/** Data that unpack to no more than this are never too much. */
const SMALL_BYTES = 2 ** 26;
/** Nothing worth reading is packed better: deflate reaches 1,030 with zeros alone. */
const MAX_RATIO = 500;

/** Whether packed bytes unpack, or claim to unpack, to more than anyone would pack. */
export function isBomb(packedBytes: number, bytes: number): boolean {
  return bytes > SMALL_BYTES && bytes > MAX_RATIO * packedBytes;
}

/**
 * How many packed bytes are unpacked at a time: a malicious stream then exceeds the limit by
 * little.
 */
const PIECE_BYTES = 2 ** 16;

/**
 * Unpacks a zlib stream (RFC 1950).
 *
 * @param maxBytes the most bytes it may unpack to.
 * @throws TooLargeError where it unpacks to more, or to very much more than it has bytes.
 * @throws Error with the reason where the stream is damaged.
 */
export function inflate(packed: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let [total, ended] = [0, false];
  const stream = new Unzlib((piece, isLast) => {
    total += piece.length;
    if (total > maxBytes || isBomb(packed.length, total)) throw new TooLargeError();
    pieces.push(piece);
    ended ||= isLast;
  });
  for (let start = 0; start < packed.length; start += PIECE_BYTES) {
    const end = start + PIECE_BYTES;
    stream.push(packed.subarray(start, end), end >= packed.length);
  }
  if (!ended) throw new Error('it ends too early');
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  const { buffer, byteOffset, length } = packed;
  const checksum = new DataView(buffer, byteOffset + length - 4, 4).getUint32(0);
  if (checksum !== adler32(bytes)) throw new Error('its checksum does not match');
  return bytes;
}

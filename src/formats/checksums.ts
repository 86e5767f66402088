/** Checksums of compressed files, which tell whether unpacked bytes are those that were packed. */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++)
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** CRC-32 as zip and PNG files use it (ISO 3309). */
export function crc32(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (let n = 0; n < bytes.length; n++)
    remainder = CRC_TABLE[(remainder ^ bytes[n]!) & 0xff]! ^ (remainder >>> 8);
  return ~remainder >>> 0;
}

const ADLER_MODULUS = 65521;
/** How many bytes can be summed before the sums could exceed 32 bits (zlib's NMAX). */
const ADLER_STRIDE = 5552;

/** Adler-32, the checksum at the end of zlib streams (RFC 1950). */
export function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (let start = 0; start < bytes.length; start += ADLER_STRIDE) {
    const end = Math.min(bytes.length, start + ADLER_STRIDE);
    for (let n = start; n < end; n++) {
      low += bytes[n]!;
      high += low;
    }
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return ((high << 16) | low) >>> 0;
}

/**
 * The seal of a safetensors file: a SHA-256 of everything in it, kept in its own metadata, by which
 * damage is noticed that leaves the format intact. The hash is taken with zeros in its place.
 */

import { SafetensorsError } from '../nn/safetensors.js';
import { sha256 } from '../ports/sha256.js';

/** Key of the seal in the metadata. */
const SEAL_KEY = 'neuroformer.sha256';
const DIGITS = 64;
const EMPTY_SEAL = '0'.repeat(DIGITS);

/** Metadata with the place of a seal, to be encoded with a file. */
export const SEAL_METADATA: Readonly<Record<string, string>> = { [SEAL_KEY]: EMPTY_SEAL };

/** Where the digits of a seal begin in a file; -1 where there is none. */
function findSeal(file: Uint8Array): number {
  const key = new TextEncoder().encode(`"${SEAL_KEY}":"`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const header = file.length < 8 ? 0 : Number(view.getBigUint64(0, true));
  const end = Math.min(file.length, 8 + header) - key.length - DIGITS;
  for (let start = 8; start <= end; start++) {
    let length = 0;
    while (length < key.length && file[start + length] === key[length]) length += 1;
    if (length === key.length) return start + length;
  }
  return -1;
}

/** The hash of a file with zeros from `at` on. */
function hashAround(file: Uint8Array, at: number): string {
  const hash = sha256();
  hash.update(file.subarray(0, at));
  hash.update(new TextEncoder().encode(EMPTY_SEAL));
  hash.update(file.subarray(at + DIGITS));
  return hash.hex();
}

/** Writes the seal of a file into the place that `SEAL_METADATA` has made for it. */
export function sealFile(file: Uint8Array): void {
  const at = findSeal(file);
  file.set(new TextEncoder().encode(hashAround(file, at)), at);
}

/**
 * Checks the seal of a file.
 *
 * @returns whether it has one.
 * @throws SafetensorsError where the file is not what was sealed.
 */
export function checkSeal(file: Uint8Array): boolean {
  const at = findSeal(file);
  if (at < 0) return false;
  if (hashAround(file, at) === new TextDecoder().decode(file.subarray(at, at + DIGITS)))
    return true;
  throw new SafetensorsError('its contents do not match the hash in it: the file is damaged.');
}

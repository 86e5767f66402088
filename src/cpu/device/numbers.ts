/**
 * Conversion of arguments as WebGPU's interfaces define it: integers in a range, enumerations, and
 * the bytes of a buffer or view.
 */

import { domException } from './errors.js';

/** The largest unsigned 32-bit integer. */
export const MAX_U32 = 2 ** 32 - 1;

/**
 * Converts a value to a non-negative integer, dropping the fraction.
 *
 * @param name is used in the message.
 * @throws TypeError where it is negative, larger than `max` or not a number.
 */
export function unsigned(value: unknown, name: string, max = Number.MAX_SAFE_INTEGER): number {
  const integer = Math.trunc(Number(value));
  // Adding 0 turns -0 into 0.
  if (integer >= 0 && integer <= max) return integer + 0;
  throw new TypeError(`${name} is ${value}; it must be a number from 0 to ${max}.`);
}

/**
 * Returns the value if it is one of the enumeration's.
 *
 * @param name is used in the message.
 * @throws TypeError where it is not.
 */
export function requireOneOf<T extends string>(value: T, words: readonly T[], name: string): T {
  if (words.includes(value)) return value;
  throw new TypeError(`${name} is "${value}"; it must be ${words.join(', ')}.`);
}

/**
 * Returns a range of the bytes of a buffer or view, without copying.
 *
 * @param offset where the range starts: in elements for a typed array, in bytes otherwise.
 * @param size length of the range, in the same unit; default: up to the end.
 * @param call is used in messages.
 * @throws TypeError where the data is neither, OperationError where the range exceeds it.
 */
export function bytesIn(
  data: ArrayBufferView | ArrayBufferLike,
  offset: unknown,
  size: unknown,
  call: string,
): Uint8Array {
  const isView = ArrayBuffer.isView(data);
  if (!isView && !isArrayBuffer(data))
    throw new TypeError(`${call}: the data is neither an ArrayBuffer nor a view of one.`);
  const unit = isView && 'BYTES_PER_ELEMENT' in data ? (data.BYTES_PER_ELEMENT as number) : 1;
  const start = unit * unsigned(offset, 'dataOffset');
  const bytes = size === undefined ? data.byteLength - start : unit * unsigned(size, 'size');
  if (bytes < 0 || start + bytes > data.byteLength)
    throw domException(
      'OperationError',
      `${call}: bytes ${start} to ${start + Math.max(0, bytes)} are outside the data's ${data.byteLength} bytes.`,
    );
  return isView
    ? new Uint8Array(data.buffer, data.byteOffset + start, bytes)
    : new Uint8Array(data, start, bytes);
}

function isArrayBuffer(data: unknown): data is ArrayBufferLike {
  return (
    data instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== 'undefined' && data instanceof SharedArrayBuffer)
  );
}

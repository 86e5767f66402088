/** Arguments as WebGPU's interfaces take them: whole numbers in range, words of an enumeration, bytes of a view. */

import { domException } from './errors.js';

/** The largest number of 32 bits. */
export const MAX_U32 = 2 ** 32 - 1;

/**
 * A whole number, without its fraction.
 *
 * @throws TypeError where it is negative, past `max` or not a number.
 */
export function unsigned(value: unknown, name: string, max = Number.MAX_SAFE_INTEGER): number {
  const whole = Math.trunc(Number(value));
  // Adding 0 makes 0 of -0.
  if (whole >= 0 && whole <= max) return whole + 0;
  throw new TypeError(`${name} is ${value}; it must be a number from 0 to ${max}.`);
}

/** @throws TypeError where a value is not one of the words. */
export function requireOneOf<T extends string>(value: T, words: readonly T[], name: string): T {
  if (words.includes(value)) return value;
  throw new TypeError(`${name} is "${value}"; it must be ${words.join(', ')}.`);
}

/**
 * The bytes of a view or buffer, from an element on.
 *
 * @param offset elements of a typed array; bytes of anything else; so is `size`.
 * @throws TypeError where the data is neither, OperationError where the range is outside of it.
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
      `${call}: bytes ${start} to ${start + Math.max(0, bytes)} are outside of the data's ${data.byteLength}.`,
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

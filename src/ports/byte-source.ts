/** Files as every reader sees them: a name, a size, and ranges of bytes that are read when they are needed. */

import { FileError, SourceError } from './errors.js';

/**
 * Bytes that are read by range, synchronously: a file on disk (`src/node/disk-source.ts`), a `File` of a page in a worker
 * (`file-source.ts`), or memory.
 */
export interface ByteSource {
  /** What messages call it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * The bytes from `offset` up to `offset + length`, which the caller may change. A read of no bytes checks only that the
   * source is still what it was.
   *
   * @throws SourceError where the range is not there, or the source has changed since it was opened.
   */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

/** A source over bytes in memory. */
export function memorySource(name: string, bytes: Uint8Array | string): ByteSource {
  const stored = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  return {
    name,
    size: stored.length,
    read(offset, length) {
      checkRange(stored.length, offset, length);
      return Uint8Array.from(stored.subarray(offset, offset + length));
    },
  };
}

/** @throws SourceError where a range does not lie within a source of `size` bytes. */
export function checkRange(size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new SourceError(`it has ${size} bytes, none of them from ${offset} to ${offset + length}`);
}

/**
 * All bytes of a source.
 *
 * @throws FileError naming the source where it cannot be read.
 */
export function readWhole(source: ByteSource): Uint8Array<ArrayBuffer> {
  try {
    return source.read(0, source.size);
  } catch (error) {
    if (error instanceof SourceError)
      throw new FileError(`${source.name} cannot be read: ${error.message}.`);
    throw error;
  }
}

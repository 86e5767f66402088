/** Files as every reader sees them: a name, a size, and byte ranges that are read on demand. */

import { FileError, SourceError } from './errors.js';

/**
 * Bytes that are read by range, synchronously. There are three kinds: a file on disk
 * (`src/node/disk-source.ts`), a page's `File` in a worker (`file-source.ts`), and memory.
 */
export interface ByteSource {
  /** What messages call the source. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Reads bytes `offset` up to `offset + length` into a new array, which the caller may change.
   * A read of zero bytes only checks that the source has not changed.
   *
   * @throws SourceError where the range is out of bounds or the source has changed since it was
   *   opened.
   */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

/**
 * A source over bytes in memory. The bytes are not copied until they are read.
 *
 * @param name what messages call it.
 * @param bytes the contents; a string is encoded as UTF-8.
 */
export function memorySource(name: string, bytes: Uint8Array | string): ByteSource {
  const contents = bytesOf(bytes);
  return {
    name,
    size: contents.length,
    read(offset, length) {
      checkRange(contents.length, offset, length);
      return Uint8Array.from(contents.subarray(offset, offset + length));
    },
  };
}

/** Contents as bytes: a string as UTF-8, bytes as they are, not copied. */
export function bytesOf(contents: Uint8Array | string): Uint8Array {
  return typeof contents === 'string' ? new TextEncoder().encode(contents) : contents;
}

/**
 * Checks that a byte range lies within a source of `size` bytes.
 *
 * @throws SourceError where it does not.
 */
export function checkRange(size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new SourceError(
    `bytes ${offset} to ${offset + length} were requested, but it has ${size} bytes`,
  );
}

/**
 * All bytes of a source.
 *
 * @throws FileError naming the source where it cannot be read.
 */
export function readAllBytes(source: ByteSource): Uint8Array<ArrayBuffer> {
  try {
    return source.read(0, source.size);
  } catch (error) {
    if (error instanceof SourceError)
      throw new FileError(`${source.name} cannot be read: ${error.message}.`);
    throw error;
  }
}

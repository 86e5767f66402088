/** A page's `File` as a source: a worker reads its bytes by range, never all at once. */

import { type ByteSource, checkRange } from './byte-source.js';
import { reasonFor, SourceError } from './errors.js';

/** `FileReaderSync` exists in workers but not on the main thread of a page. */
interface WorkerScope {
  readonly FileReaderSync?: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };
}

/**
 * A source over a `File` or `Blob`.
 *
 * @param name what messages call it.
 * @throws SourceError on a page's main thread, which cannot read synchronously: post the file to a
 *   worker.
 */
export function fileSource(file: Blob, name: string = (file as File).name): ByteSource {
  const { FileReaderSync } = globalThis as WorkerScope;
  if (!FileReaderSync)
    throw new SourceError(
      'files can only be read in a worker: post the File to one and open it there',
    );
  const reader = new FileReaderSync();
  return {
    name,
    size: file.size,
    read(offset, length) {
      checkRange(file.size, offset, length);
      try {
        return new Uint8Array(reader.readAsArrayBuffer(file.slice(offset, offset + length)));
      } catch (error) {
        throw new SourceError(reasonFor(error, 'file'));
      }
    },
  };
}

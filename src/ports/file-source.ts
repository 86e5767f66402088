/** A `File` that a page was given, as a source: its bytes are read by range in a worker, never all at once. */

import { type ByteSource, checkRange } from './byte-source.js';
import { reasonFor, SourceError } from './errors.js';

/** What workers have and the main thread of a page lacks. */
interface WorkerScope {
  readonly FileReaderSync?: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };
}

/**
 * A source over a `File` or `Blob`.
 *
 * @throws SourceError on a page's main thread, where nothing can be read synchronously: hand the file to a worker.
 */
export function fileSource(file: Blob, name: string = (file as File).name): ByteSource {
  const { FileReaderSync } = globalThis as WorkerScope;
  if (!FileReaderSync)
    throw new SourceError('files are read in a worker: post the File to one and open it there');
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

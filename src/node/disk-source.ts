/**
 * Files and folders on disk as sources. Every read opens the file and closes it again, so that a
 * source needs no closing.
 */

import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs';
import { basename, resolve } from 'node:path';
import { type ByteSource, checkRange } from '../ports/byte-source.js';
import { reasonFor, SourceError } from '../ports/errors.js';
import { type Folder, joinPath } from '../ports/folder.js';

/** The longest read in one system call. */
const MAX_READ_BYTES = 2 ** 30;

/**
 * A source over a file on disk. Reading fails once the file has changed.
 *
 * @param name what messages call it.
 * @throws SourceError where there is no such file, it is a folder, or it may not be read.
 */
export function diskSource(path: string, name = path): ByteSource {
  const state = fileState(path);
  return {
    name,
    size: state.size,
    read(offset, length) {
      checkRange(state.size, offset, length);
      return attempt(() => readRange(path, state, offset, length));
    },
  };
}

/** Identifies the contents of a file: another file at the path, or a change, gives another key. */
interface FileState {
  readonly size: number;
  readonly key: string;
}

function fileState(path: string): FileState {
  return attempt(() => {
    const stat = statSync(path, { bigint: true });
    if (stat.isDirectory()) throw new SourceError('it is a folder, not a file');
    if (!stat.isFile()) throw new SourceError('it is not a file');
    return { size: Number(stat.size), key: stateKey(stat) };
  });
}

function stateKey(stat: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
  return `${stat.size} ${stat.mtimeNs} ${stat.ino}`;
}

function readRange(
  path: string,
  { key }: FileState,
  offset: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const file = openSync(path, 'r');
  try {
    if (stateKey(fstatSync(file, { bigint: true })) !== key)
      throw new SourceError('it has changed since it was opened');
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = Math.min(length - done, MAX_READ_BYTES);
      const read = readSync(file, bytes, done, count, offset + done);
      if (read === 0) throw new SourceError('it became shorter while it was read');
      done += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** Runs a file operation. @throws SourceError with the reason where it fails. */
function attempt<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(reasonFor(error, 'file'));
  }
}

/** A folder on disk. Paths with `..` and absolute paths may leave it. */
export function diskFolder(path: string): Folder {
  return {
    name: path,
    title: basename(resolve(path)),
    list: () =>
      readdirSync(path, { withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map(({ name }) => name)
        .sort(),
    has: (file) => existsSync(resolve(path, file)),
    open: (file) => diskSource(resolve(path, file), joinPath({ name: path }, file)),
  };
}

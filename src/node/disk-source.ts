/** Files and folders on disk as sources: ranges are read when they are asked for, and nothing stays open. */

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
import { type Folder, pathIn } from '../ports/folder.js';

/** One read of the system's is at most this long. */
const MAX_READ_BYTES = 2 ** 30;

/**
 * A file on disk.
 *
 * @param name what messages call it.
 * @throws SourceError where there is no such file, it is a folder, or it may not be read.
 */
export function diskSource(path: string, name = path): ByteSource {
  const opened = fileState(path);
  return {
    name,
    size: opened.size,
    read(offset, length) {
      checkRange(opened.size, offset, length);
      return attempt(() => readRange(path, opened, offset, length));
    },
  };
}

/** What tells a state of a file from what the path may lead to at other times. */
interface FileState {
  readonly size: number;
  readonly key: string;
}

function fileState(path: string): FileState {
  return attempt(() => {
    const stat = statSync(path, { bigint: true });
    if (stat.isDirectory()) throw new SourceError('it is a folder, not a file');
    if (!stat.isFile()) throw new SourceError('it is not a file');
    return { size: Number(stat.size), key: keyFrom(stat) };
  });
}

function keyFrom(stat: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
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
    if (keyFrom(fstatSync(file, { bigint: true })) !== key)
      throw new SourceError('it has changed since it was opened');
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const read = readSync(file, bytes, at, Math.min(length - at, MAX_READ_BYTES), offset + at);
      if (read === 0) throw new SourceError('it became shorter while it was read');
      at += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

function attempt<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(reasonFor(error, 'file'));
  }
}

/** A folder on disk; `..` leads out of it, and an absolute path anywhere. */
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
    open: (file) => diskSource(resolve(path, file), pathIn({ name: path }, file)),
  };
}

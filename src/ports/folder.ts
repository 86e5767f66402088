/** Folders as a dataset of several files sees them: file names, and a source for each file. */

import { type ByteSource, memorySource } from './byte-source.js';
import { SourceError } from './errors.js';
import { fileSource } from './file-source.js';

/**
 * Files by path, relative to a folder. `..` leaves the folder only where the platform allows it.
 */
export interface Folder {
  /** What messages call the folder; empty for the current working directory. */
  readonly name: string;
  /** The last part of its path. */
  readonly title: string;
  /** Names of the files directly in the folder, sorted. */
  list(): string[];
  /** Whether there is a file at a path. */
  has(path: string): boolean;
  /** @throws SourceError where there is no file at the path, or it cannot be read. */
  open(path: string): ByteSource;
}

/** The name of a file in a folder as messages show it: the two names joined by a slash. */
export function joinPath({ name }: Pick<Folder, 'name'>, file: string): string {
  if (name === '' || name === '.' || file.startsWith('/')) return file;
  return `${name.replace(/\/$/, '')}/${file}`;
}

/**
 * A folder of files in memory.
 *
 * @param name what messages call it.
 * @param files contents by path, with `/` between folders; strings are encoded as UTF-8.
 */
export function memoryFolder(
  name: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Folder {
  return folderFromPaths(name, Object.keys(files), (path) =>
    memorySource(joinPath({ name }, path), files[path]!),
  );
}

/**
 * A folder of the `File`s that a page received from a file input (with `webkitdirectory` for a
 * folder with its subfolders) or by drag and drop. Works only in a worker, see `fileSource`.
 */
export function fileFolder(files: readonly File[]): Folder {
  const byPath = new Map<string, File>();
  let name = '';
  for (const file of files) {
    const [top, ...inside] = (file.webkitRelativePath || file.name).split('/');
    if (inside.length > 0) name = top!;
    byPath.set(inside.length > 0 ? inside.join('/') : file.name, file);
  }
  return folderFromPaths(name, [...byPath.keys()], (path) =>
    fileSource(byPath.get(path)!, joinPath({ name }, path)),
  );
}

function folderFromPaths(
  name: string,
  paths: readonly string[],
  open: (path: string) => ByteSource,
): Folder {
  const pathSet = new Set(paths);
  const has = (path: string) => pathSet.has(normalizePath(path));
  return {
    name,
    title: name.split('/').at(-1)!,
    list: () => paths.filter((path) => !path.includes('/')).sort(),
    has,
    open(path) {
      if (!has(path)) throw new SourceError('there is no such file');
      return open(normalizePath(path));
    },
  };
}

/** Resolves `.` and `..`; a `..` at the top of the folder is dropped. */
function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return parts.join('/');
}

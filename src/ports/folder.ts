/** Folders as a dataset of several files sees them: names, and a source for each. */

import { type ByteSource, memorySource } from './byte-source.js';
import { SourceError } from './errors.js';
import { fileSource } from './file-source.js';

/** Files by path, relative to a folder; `..` leads out of it where the platform allows that. */
export interface Folder {
  /** What messages call it; empty for the one a command was started in. */
  readonly name: string;
  /** What the folder itself is called, without the way to it. */
  readonly title: string;
  /** Names of the files that lie directly in it, sorted. */
  list(): string[];
  /** Whether a file stands at a path. */
  has(path: string): boolean;
  /** @throws SourceError where no file stands there, or it cannot be read. */
  open(path: string): ByteSource;
}

/** The name of a file in a folder, as messages have it. */
export function pathIn({ name }: Pick<Folder, 'name'>, file: string): string {
  if (name === '' || name === '.' || file.startsWith('/')) return file;
  return `${name.replace(/\/$/, '')}/${file}`;
}

/** A folder of files in memory, by path. */
export function memoryFolder(
  name: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Folder {
  return folderFromMap(name, Object.keys(files), (path) =>
    memorySource(pathIn({ name }, path), files[path]!),
  );
}

/**
 * The folder of `File`s that a page was given, by a file input (with `webkitdirectory` for a whole folder) or by drag and
 * drop. Only in a worker, see `fileSource`.
 */
export function fileFolder(files: readonly File[]): Folder {
  const byPath = new Map<string, File>();
  let name = '';
  for (const file of files) {
    const [first, ...rest] = (file.webkitRelativePath || file.name).split('/');
    if (rest.length > 0) name = first!;
    byPath.set(rest.length > 0 ? rest.join('/') : file.name, file);
  }
  return folderFromMap(name, [...byPath.keys()], (path) =>
    fileSource(byPath.get(path)!, pathIn({ name }, path)),
  );
}

function folderFromMap(
  name: string,
  paths: readonly string[],
  open: (path: string) => ByteSource,
): Folder {
  const known = new Set(paths);
  const has = (path: string) => known.has(normalized(path));
  return {
    name,
    title: name.split('/').at(-1)!,
    list: () => paths.filter((path) => !path.includes('/')).sort(),
    has,
    open(path) {
      if (!has(path)) throw new SourceError('there is no such file');
      return open(normalized(path));
    },
  };
}

/** A path without `.` and `..`, which stops at the top. */
function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return parts.join('/');
}

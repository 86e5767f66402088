/**
 * A run's folder on disk. Files are written under a temporary name, synced and renamed, so that a
 * crash never leaves a part of one, or one file of several that belong together.
 */

import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { FileError, reasonFor } from '../ports/errors.js';
import type { FileContents, RunStore, StoreLock } from '../ports/run-store.js';
import { finishChange, isTemporary, replaceFiles } from './file-changes.js';
import { lockFolder } from './folder-lock.js';
import { makeFolder, writeAll } from './write-files.js';

/**
 * The store of a folder on disk. The folder is created with its first file.
 *
 * @throws FileError where the path is empty, which would be the current folder.
 */
export function diskStore(path: string): RunStore {
  if (path.trim() === '')
    throw new FileError(
      'The path of a folder is empty: name the folder, or write . for the current one.',
    );
  return new DiskStore(path);
}

class DiskStore implements RunStore {
  constructor(readonly name: string) {}

  write(file: string, data: Uint8Array | string): Promise<void> {
    return this.writeTogether({ [file]: data });
  }

  async writeTogether(files: FileContents, removed: readonly string[] = []): Promise<void> {
    this.#finishChange();
    replaceFiles(this.name, files, removed);
  }

  async append(file: string, line: string): Promise<void> {
    const path = join(this.name, file);
    this.#attempt(file, 'written', () => {
      makeFolder(dirname(path));
      const opened = openSync(path, 'a');
      const { size } = fstatSync(opened);
      try {
        writeAll(opened, new TextEncoder().encode(`${line}\n`));
      } catch (error) {
        // A part of a line would be joined with the next one.
        ftruncateSync(opened, size);
        throw error;
      } finally {
        closeSync(opened);
      }
    });
  }

  async read(file: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.#finishChange();
    const path = join(this.name, file);
    if (!existsSync(path)) return undefined;
    return this.#attempt(file, 'read', () => new Uint8Array(readFileSync(path)));
  }

  async list(): Promise<string[]> {
    this.#finishChange();
    return this.#attempt('', 'read', () =>
      namesIn(this.name)
        .filter((name) => !isTemporary(name))
        .sort(),
    );
  }

  async remove(file: string): Promise<void> {
    this.#attempt(file, 'removed', () =>
      rmSync(join(this.name, file), { recursive: true, force: true }),
    );
  }

  async lock(): Promise<StoreLock> {
    return this.#attempt('', 'written', () => lockFolder(this.name));
  }

  within(folder: string): RunStore {
    return new DiskStore(join(this.name, folder));
  }

  /** Finishes what a crash has interrupted. */
  #finishChange(): void {
    this.#attempt('', 'written', () => finishChange(this.name));
  }

  /** Runs an operation on a file. @throws FileError naming its path and the reason. */
  #attempt<T>(file: string, operation: 'written' | 'read' | 'removed', run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof FileError) throw error;
      throw new FileError(`${join(this.name, file)} cannot be ${operation}: ${reasonFor(error)}.`);
    }
  }
}

/** Names in a folder; none where it does not exist. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

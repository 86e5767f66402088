/**
 * A run's folder on disk. Files are written under a temporary name, synced and renamed, so that a
 * crash never leaves a part of one.
 */

import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FileError, reasonFor } from '../ports/errors.js';
import type { RunStore } from '../ports/run-store.js';

/** The store of a folder on disk. The folder is created with its first file. */
export function diskStore(path: string): RunStore {
  return {
    name: path,
    async write(file, data) {
      writeFile(join(path, file), data);
    },
    async append(file, line) {
      attempt(join(path, file), 'written', () => {
        createParentFolder(join(path, file));
        appendFileSync(join(path, file), `${line}\n`);
      });
    },
    async read(file) {
      const fullPath = join(path, file);
      if (!existsSync(fullPath)) return undefined;
      return attempt(fullPath, 'read', () => new Uint8Array(readFileSync(fullPath)));
    },
    async list() {
      return attempt(path, 'read', () => namesIn(path).sort());
    },
    async remove(file) {
      attempt(join(path, file), 'removed', () =>
        rmSync(join(path, file), { recursive: true, force: true }),
      );
    },
    within: (folder) => diskStore(join(path, folder)),
  };
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

function createParentFolder(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (error) {
    // EEXIST means that there is a file where the folder should be.
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'EEXIST' ? Object.assign(new Error(), { code: 'ENOTDIR' }) : error;
  }
}

/** Replaces a file atomically: a reader, or a crash, finds its old or its new contents. */
function writeFile(path: string, data: Uint8Array | string): void {
  attempt(path, 'written', () => createParentFolder(path));
  const temporary = join(dirname(path), `.${basename(path)}.part`);
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  try {
    const file = openSync(temporary, 'w');
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new FileError(
      `${path} cannot be written: ${reasonFor(error)}. Its previous contents are unchanged.`,
    );
  }
}

/** Syncs a folder, as a rename survives a crash only then. Some platforms cannot sync folders. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    fsyncSync(folder);
    closeSync(folder);
  } catch {
    // Windows cannot open folders.
  }
}

/** Runs an operation on `path`. @throws FileError naming the path and the reason. */
function attempt<T>(path: string, operation: 'written' | 'read' | 'removed', run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new FileError(`${path} cannot be ${operation}: ${reasonFor(error)}.`);
  }
}

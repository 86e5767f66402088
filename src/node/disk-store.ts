/** A run's folder on disk: files are written under another name, synced, and renamed, so that none is ever half there. */

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

/** The store of a folder, which is made with the first file that is written into it. */
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
      const whole = join(path, file);
      if (!existsSync(whole)) return undefined;
      return attempt(whole, 'read', () => new Uint8Array(readFileSync(whole)));
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

/** Names in a folder; none where it is not there yet. */
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
    // A file stands where the folder should: it is part of the path of what would be in it.
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'EEXIST' ? Object.assign(new Error(), { code: 'ENOTDIR' }) : error;
  }
}

/** Writes a file whole: a reader, or a crash at any moment, finds the old one or the new one. */
function writeFile(path: string, data: Uint8Array | string): void {
  attempt(path, 'written', () => createParentFolder(path));
  const temporary = join(dirname(path), `.${basename(path)}.part`);
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  try {
    const file = openSync(temporary, 'w');
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new FileError(
      `${path} cannot be written: ${reasonFor(error)}. What was there is as it was.`,
    );
  }
}

/** A rename is safe only once its folder is on the disk; where folders cannot be synced there is nothing to do. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    fsyncSync(folder);
    closeSync(folder);
  } catch {
    // Windows opens no folders.
  }
}

function attempt<T>(path: string, what: 'written' | 'read' | 'removed', run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new FileError(`${path} cannot be ${what}: ${reasonFor(error)}.`);
  }
}

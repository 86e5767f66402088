/** Files that are whole or not there: written under another name, synced, and renamed. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { reasonOf } from '../recording/errors.js';

/** A file or folder that cannot be read or written; one sentence. */
export class FileError extends Error {
  override name = 'FileError';
}

/** Writes a file whole: a reader, or a crash at any moment, finds the old one or the new one. */
export function writeWhole(path: string, data: Uint8Array | string): void {
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
      `${path} cannot be written: ${reasonOf(error)}. What was there is as it was.`,
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

/**
 * Makes a folder for new results.
 *
 * @throws FileError where it holds something already and `force` does not say to go on.
 */
export function makeFolder(path: string, force = false): void {
  try {
    if (existsSync(path) && readdirSync(path).length > 0 && !force) {
      throw new FileError(
        `${path} holds something already: name another folder, or say --force to write into it.`,
      );
    }
    mkdirSync(path, { recursive: true });
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError(`${path} cannot be made: ${reasonOf(error)}.`);
  }
}

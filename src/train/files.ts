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

/** A file or folder that cannot be read or written; one sentence. */
export class FileError extends Error {
  override name = 'FileError';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'it is on a read-only disk',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your share of the disk is full',
  EISDIR: 'it is a folder',
  ENOTDIR: 'part of its path is a file',
  EEXIST: 'it exists already',
};

/** Why the system refused, in words. */
export function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? message;
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

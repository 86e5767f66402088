/** Writing to disk so that what is reported as written is there. */

import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';

/** Writes all bytes to an opened file: the system may take a part of them at a time. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}

/** Writes a new file, or over an earlier one, and waits until the disk has it. */
export function writeSynced(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'w');
  try {
    writeAll(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Waits until the disk has the names in a folder, as a rename survives a crash only then. */
export function syncFolder(path: string): void {
  let folder: number;
  try {
    folder = openSync(path, 'r');
  } catch {
    // Windows cannot open folders.
    return;
  }
  try {
    fsyncSync(folder);
  } catch {
    // Some file systems cannot sync folders.
  } finally {
    closeSync(folder);
  }
}

/** Creates a folder and those that it is in, unless it is there. @returns whether it was not. */
export function makeFolder(path: string): boolean {
  try {
    return mkdirSync(path, { recursive: true }) !== undefined;
  } catch (error) {
    // EEXIST means that there is a file where the folder should be.
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'EEXIST' ? Object.assign(new Error(), { code: 'ENOTDIR' }) : error;
  }
}

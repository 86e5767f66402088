/** Writing to disk so that what is reported as written is there. */

import { closeSync, fsyncSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

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

/**
 * Creates a folder and those that it is in, unless it is there. (Node's own recursive call never
 * returns where a folder lets none be made in it and says that there is none, as /proc does.)
 *
 * @returns whether it was not there.
 * @throws ErrnoException where it cannot be made.
 */
export function makeFolder(path: string): boolean {
  if (isFolder(path)) return false;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    // Another process may have made it meanwhile.
    if (isFolder(path)) return false;
    // EEXIST means that there is a file where the folder should be.
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'EEXIST' ? Object.assign(new Error(), { code: 'ENOTDIR' }) : error;
  }
}

/** Whether there is a folder. @throws ErrnoException where that cannot be told. */
function isFolder(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() ?? false;
}

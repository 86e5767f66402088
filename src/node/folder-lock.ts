/** Locks on folders: a file with the process that holds one. */

import {
  constants,
  copyFileSync,
  linkSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { lockedError, type StoreLock } from '../ports/run-store.js';
import { isRecord } from '../text/schema.js';
import { isRunning } from './processes.js';
import { makeFolder, writeSynced } from './write-files.js';

/** Name of the file of a lock. */
export const LOCK_FILE = '.lock';
/** Locks of this process, by path. */
const held = new Set<string>();

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When it was locked, as an ISO 8601 date and time. */
  readonly since: string;
}

/**
 * Locks a folder. One that does not exist is created, and removed on release if it is empty then.
 *
 * @throws FileError where another process holds the lock, or may hold it on another computer.
 */
export function lockFolder(folder: string): StoreLock {
  const isNew = makeFolder(folder);
  const path = join(folder, LOCK_FILE);
  const abandoned = takeOver(folder, path);
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  if (!createLock(path, JSON.stringify(holder))) throw refusal(folder, path, readHolder(path));
  held.add(path);
  const unlock = () => {
    held.delete(path);
    rmSync(path, { force: true });
  };
  process.once('exit', unlock);
  return {
    ...(abandoned && {
      note: `${folder} was left locked by process ${abandoned.pid}, which no longer runs: taken over.`,
    }),
    async release() {
      process.off('exit', unlock);
      unlock();
      if (isNew) removeIfEmpty(folder);
    },
  };
}

/**
 * Creates the file of a lock, with its contents from the first moment on.
 *
 * @returns false where there is one.
 */
function createLock(path: string, contents: string): boolean {
  const temporary = `${path}.${process.pid}.part`;
  try {
    writeSynced(temporary, new TextEncoder().encode(contents));
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw error;
      // Some file systems have no hard links.
      copyFileSync(temporary, path, constants.COPYFILE_EXCL);
    }
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Removes a lock whose process no longer runs.
 *
 * @returns who held it; undefined where there was no lock.
 * @throws FileError where the lock is, or may be, held.
 */
function takeOver(folder: string, path: string): Holder | undefined {
  const holder = readHolder(path);
  if (!holder) return undefined;
  const isOwn = holder.pid === process.pid && holder.host === hostname();
  const isGone = holder.host === hostname() && !isRunning(holder.pid);
  // A number of this process that it has not written is from before the computer, or the
  // container, was started.
  if (!isGone && !(isOwn && !held.has(path))) throw refusal(folder, path, holder);
  // Another process may take it over at the same time. Only one of them can rename it, and the
  // other may find a new lock in its place.
  const taken = `${path}.taken.${process.pid}.part`;
  try {
    renameSync(path, taken);
  } catch {
    throw refusal(folder, path, readHolder(path));
  }
  const found = readHolder(taken);
  if (found?.pid !== holder.pid || found.since !== holder.since) {
    renameSync(taken, path);
    throw refusal(folder, path, found);
  }
  rmSync(taken, { force: true });
  return holder;
}

function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const holder: unknown = JSON.parse(text);
    if (isRecord(holder) && Number.isSafeInteger(holder.pid)) return holder as unknown as Holder;
  } catch {
    // Not one of ours: whose it is cannot be known.
  }
  const since = statSync(path).mtime.toISOString();
  return { pid: 0, host: '', since };
}

function refusal(folder: string, path: string, holder: Holder | undefined): Error {
  if (!holder) return lockedError(folder, 'another process');
  const { pid, host, since } = holder;
  const isHere = host === hostname();
  const who =
    pid === 0 ? 'another process' : `process ${pid} ${isHere ? 'of this computer' : `on ${host}`}`;
  const addition = isHere ? '' : `If it no longer runs, remove ${path}.`;
  return lockedError(folder, `${who} (since ${since})`, addition);
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It has files, as it should.
  }
}

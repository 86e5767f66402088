/**
 * Changes of several files that happen as one. All new contents are written and synced beside the
 * old ones; a journal then says what is to be renamed and removed, and goes when that is done.
 * Before the journal is there, a crash leaves the old files; afterwards, whoever opens the folder
 * next finishes the change.
 */

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bytesOf } from '../ports/byte-source.js';
import { FileError, reasonFor } from '../ports/errors.js';
import type { FileContents } from '../ports/run-store.js';
import { isRecord } from '../text/schema.js';
import { LOCK_FILE } from './folder-lock.js';
import { isRunning } from './processes.js';
import { makeFolder, syncFolder, writeSynced } from './write-files.js';

const JOURNAL = '.change.json';

/** What a journal says is left to do; paths are relative to its folder. */
interface Change {
  readonly renames: readonly (readonly [from: string, to: string])[];
  readonly removed: readonly string[];
}

/** Whether a file in a store's folder is not the store's, but one of its own means. */
export function isTemporary(name: string): boolean {
  return name === JOURNAL || name === LOCK_FILE || /^\..+\.part$/.test(name);
}

/**
 * Replaces files in a folder, and removes others, as one change.
 *
 * @throws FileError where it cannot be done; the files are then as they were.
 */
export function replaceFiles(
  folder: string,
  files: FileContents,
  removed: readonly string[] = [],
): void {
  const renames: [from: string, to: string][] = [];
  let current = '';
  try {
    for (const [file, data] of Object.entries(files)) {
      current = file;
      const from = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
      makeFolder(join(folder, dirname(file)));
      expectNoFolder(join(folder, file));
      removeAbandonedParts(join(folder, file));
      renames.push([from, file]);
      writeSynced(join(folder, from), bytesOf(data));
    }
    const [first] = renames;
    if (first && renames.length === 1 && removed.length === 0) {
      renameSync(join(folder, first[0]), join(folder, first[1]));
      syncFolder(join(folder, dirname(first[1])));
      return;
    }
    current = JOURNAL;
    const journal = `.journal.${process.pid}.part`;
    renames.push([journal, JOURNAL]);
    const change: Change = { renames: renames.slice(0, -1), removed };
    writeSynced(join(folder, journal), new TextEncoder().encode(JSON.stringify(change)));
    renameSync(join(folder, journal), join(folder, JOURNAL));
    syncFolder(folder);
  } catch (error) {
    for (const [from] of renames) removeQuietly(join(folder, from));
    const path = join(folder, current);
    const unchanged = existsSync(path) ? ' Its previous contents are unchanged.' : '';
    throw new FileError(`${path} cannot be written: ${reasonFor(error)}.${unchanged}`);
  }
  try {
    finishChange(folder);
  } catch (error) {
    throw new FileError(
      `${folder} cannot be written: ${reasonFor(error)}. Its new files are put in place when it is opened next.`,
    );
  }
}

/**
 * Finishes the change that a crash has interrupted in a folder; does nothing where there is none.
 *
 * @throws FileError where the journal is not one of ours.
 */
export function finishChange(folder: string): void {
  const path = join(folder, JOURNAL);
  if (!existsSync(path)) return;
  const { renames, removed } = readJournal(path);
  for (const [from, to] of renames)
    if (existsSync(join(folder, from))) renameSync(join(folder, from), join(folder, to));
  for (const file of removed) rmSync(join(folder, file), { force: true });
  const folders = new Set([...renames.map(([, to]) => to), ...removed].map(dirname));
  for (const name of folders) syncFolder(join(folder, name));
  rmSync(path, { force: true });
}

/** Reads a journal. Someone else's may name any file, so only those inside its folder count. */
function readJournal(path: string): Change {
  const isInside = (file: unknown) =>
    typeof file === 'string' && !/(^|[\\/])\.\.([\\/]|$)|^[\\/]|^[a-z]:/i.test(file);
  const isPart = (file: unknown) => isInside(file) && /^\..+\.part$/.test(basename(file as string));
  try {
    const change: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (
      isRecord(change) &&
      Array.isArray(change.renames) &&
      change.renames.every(([from, to]) => isPart(from) && isInside(to)) &&
      Array.isArray(change.removed) &&
      change.removed.every(isInside)
    )
      return change as unknown as Change;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new FileError(
    `${path} is not the record of a change that was interrupted: remove it, and go on.`,
  );
}

/** A file cannot replace a folder: found before anything is written. */
function expectNoFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw Object.assign(new Error(), { code: 'EISDIR' });
}

/**
 * Removes what processes that no longer run have left of writing this file; earlier versions wrote
 * it without the number of the process.
 */
function removeAbandonedParts(path: string): void {
  const prefix = `.${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    const part = name.startsWith(prefix) && /^(?:(\d+)\.)?part$/.exec(name.slice(prefix.length));
    if (part && !(part[1] && isRunning(Number(part[1])))) removeQuietly(join(dirname(path), name));
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It only takes up space, and the next one to write the file tries again.
  }
}

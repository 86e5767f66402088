/**
 * A disk that fails: every call of `node:fs` that changes files in a folder is counted, and at one
 * of them the disk is full, or the process is gone.
 */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

/**
 * What happens at the chosen change: the disk is full, and stays so for whatever needs room; or the
 * process is killed, so that half of the change is done and nothing after it.
 */
export type Fault = 'full' | 'kill';

/** Thrown in place of the end of the process. */
class Killed extends Error {}

const real = { ...fs };
/** Functions that change files, with the arguments that are paths; those without take a file. */
const CHANGES = {
  mkdirSync: [0],
  openSync: [0],
  writeSync: [],
  fsyncSync: [],
  ftruncateSync: [],
  renameSync: [0, 1],
  linkSync: [0, 1],
  copyFileSync: [0, 1],
  rmSync: [0],
  rmdirSync: [0],
} as const;
type Name = keyof typeof CHANGES;
/** Those that need no room. */
const FREES: ReadonlySet<string> = new Set(['rmSync', 'rmdirSync', 'ftruncateSync']);

/** What runs with faults in a folder, and what came of it. */
export interface Faulted {
  /** Changes of files, up to the fault if there was one. */
  readonly changes: number;
  /** What it threw; undefined where it ended as if all was well. */
  readonly error: unknown;
}

/**
 * Runs something on a disk that fails.
 *
 * @param at the change at which the fault happens, counted from 1. Default: never.
 */
export async function withDiskFault(
  folder: string,
  run: () => Promise<unknown>,
  at = Number.POSITIVE_INFINITY,
  fault: Fault = 'full',
): Promise<Faulted> {
  const root = resolve(folder) + sep;
  const isInside = (path: unknown) => `${resolve(String(path))}${sep}`.startsWith(root);
  const opened = new Set<number>();
  let changes = 0;
  let isDead = false;
  const isCounted = (name: Name, args: unknown[]) => {
    if (name === 'openSync' && !/[wa+]/.test(String(args[1]))) return false;
    const paths = CHANGES[name];
    return paths.length === 0
      ? opened.has(args[0] as number)
      : paths.some((index) => isInside(args[index]));
  };
  /** Half of a change: a part of the bytes of a write, and nothing of any other. */
  const half = (name: Name, args: unknown[]) => {
    if (name !== 'writeSync') return;
    const [file, bytes, offset = 0] = args as [number, Uint8Array, number?];
    real.writeSync(file, bytes, offset, Math.floor((bytes.length - offset) / 2));
  };
  const patched = (name: Name) =>
    function change(...args: unknown[]): unknown {
      const act = () => (real[name] as (...all: unknown[]) => unknown)(...args);
      if (!isCounted(name, args)) return act();
      if (isDead) throw new Killed();
      changes += 1;
      if (changes >= at && fault === 'kill') {
        half(name, args);
        isDead = true;
        throw new Killed();
      }
      if (changes >= at && !FREES.has(name)) {
        // Once full, what is renamed still fits.
        if (changes === at || name === 'writeSync' || name === 'mkdirSync') {
          half(name, args);
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        }
      }
      const result = act();
      if (name === 'openSync') opened.add(result as number);
      return result;
    };
  for (const name of Object.keys(CHANGES) as Name[]) Object.assign(fs, { [name]: patched(name) });
  syncBuiltinESMExports();
  try {
    await run();
    return { changes, error: undefined };
  } catch (error) {
    return { changes, error };
  } finally {
    for (const name of Object.keys(CHANGES) as Name[]) Object.assign(fs, { [name]: real[name] });
    syncBuiltinESMExports();
  }
}

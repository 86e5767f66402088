/**
 * How threads share one command and meet at its end. Each thread takes chunks of the command's
 * units until none are left, and then waits until the other threads have finished theirs. All
 * coordination goes through words of the command, and one control word, SLEEPERS:
 *
 *   word      written by     waited for by  guarantee
 *   NEXT      every thread   nobody         its atomic add is the claim: no unit is claimed twice
 *   DONE      every thread   threads that   it is added to after the work: a thread that sees
 *                            finish early   TOTAL here sees all results
 *   SLEEPERS  threads going  nobody         a sleeper counts itself before it reads DONE, and the
 *             to sleep                      last thread reads SLEEPERS after it added to DONE: one
 *                                           of the two sees the other, so no wake-up is lost
 *
 * A thread that fails never adds the units it claimed to DONE. The other threads then sleep here
 * until they are terminated.
 */

import * as w from './layout.js';
import { spinUntil } from './spin.js';

/**
 * How long a thread spins before it sleeps, in milliseconds. Going to sleep and being woken takes
 * about as long. So a thread that waits longer has lost at most half of the time, and its core may
 * be what another thread needs to continue.
 */
const SPIN_MILLISECONDS = 0.02;

/**
 * Claims the next chunk of a command.
 *
 * @returns the chunk's first unit, or -1 if no units are left.
 */
export function claimChunk(words: Int32Array, command: number): number {
  const start = Atomics.add(words, command + w.NEXT, words[command + w.CHUNK]!);
  return start < words[command + w.TOTAL]! ? start : -1;
}

/**
 * Adds units to those that are done.
 *
 * @returns whether they were the command's last.
 */
export function completeUnits(words: Int32Array, command: number, units: number): boolean {
  return Atomics.add(words, command + w.DONE, units) + units === words[command + w.TOTAL]!;
}

/** Wakes the threads that sleep until a command is done. */
export function wakeSleepers(words: Int32Array, command: number): void {
  if (Atomics.load(words, w.SLEEPERS) > 0) Atomics.notify(words, command + w.DONE);
}

/**
 * Waits until all units of a command are done.
 *
 * @returns how long the thread waited, in milliseconds.
 */
export function waitUntilDone(words: Int32Array, command: number): number {
  const index = command + w.DONE;
  const total = words[command + w.TOTAL]!;
  const isDone = () => Atomics.load(words, index) >= total;
  if (isDone()) return 0;
  const start = performance.now();
  if (!spinUntil(isDone, SPIN_MILLISECONDS)) sleepUntilDone(words, index, total);
  return performance.now() - start;
}

function sleepUntilDone(words: Int32Array, index: number, total: number): void {
  Atomics.add(words, w.SLEEPERS, 1);
  for (;;) {
    const done = Atomics.load(words, index);
    if (done >= total) break;
    Atomics.wait(words, index, done);
  }
  Atomics.sub(words, w.SLEEPERS, 1);
}

/**
 * How threads share one command and meet at its end. Each takes chunks of the command's units until none are left, and
 * then waits until the others are done with theirs. All of it goes by words of the command itself:
 *
 *   word      written by               waited for by       relied on
 *   NEXT      every thread, adding     nobody              an add is the claim: no unit is taken twice
 *   DONE      every thread, adding     threads that are    an add comes after the work: who sees TOTAL sees all results
 *                                      through early
 *   SLEEPERS  threads going to sleep   nobody              a sleeper counts itself before it looks at DONE, the last
 *                                                          thread looks at SLEEPERS after it added to DONE: one of them
 *                                                          sees the other, so that no wake-up is lost
 *
 * A thread that fails never adds what it claimed to DONE. The others then sleep here until they are terminated.
 */

import * as w from './layout.js';
import { spinUntil } from './spin.js';

/**
 * How long a thread spins before it sleeps, in milliseconds. To sleep and be woken takes about as long: whoever waits
 * longer than that has lost at most half of the time, and another thread may need this core to go on.
 */
const SPIN_MILLISECONDS = 0.02;

/** Takes the next chunk of a command. @returns its first unit, or -1 where none are left. */
export function claimChunk(words: Int32Array, command: number): number {
  const first = Atomics.add(words, command + w.NEXT, words[command + w.CHUNK]!);
  return first < words[command + w.TOTAL]! ? first : -1;
}

/** Says that units are done. @returns whether they were the last. */
export function completeUnits(words: Int32Array, command: number, units: number): boolean {
  return Atomics.add(words, command + w.DONE, units) + units === words[command + w.TOTAL]!;
}

/** Wakes those who sleep until a command is done. */
export function wakeSleepers(words: Int32Array, command: number): void {
  if (Atomics.load(words, w.SLEEPERS) > 0) Atomics.notify(words, command + w.DONE);
}

/** Waits until a command is done. @returns milliseconds that it took. */
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

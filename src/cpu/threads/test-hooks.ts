/**
 * What tests can change about a device: how its workers start and when they sleep, how many threads
 * run, how large its memory can be.
 */

import type { ThreadChooser } from './governor.js';
import type { WorkerStarter } from './host.js';

/** All hooks, as one option of the device. */
export interface TestHooks {
  /** False gives the memory to one worker, as in a page that is not cross-origin isolated. */
  readonly isShared?: boolean;
  /** Starts workers in place of the real ones. */
  readonly startWorker?: WorkerStarter;
  /** Makes one thread sleep at some of its barriers. */
  readonly delay?: Delay;
  /** Goes through all numbers of threads in turn, and stays with each for this many lists. */
  readonly listsPerTurn?: number;
  /** Id of the first list, to test ids near where they wrap around. */
  readonly firstList?: number;
  /** The largest size of the memory, in pages. */
  readonly maxPages?: number;
}

/**
 * How a thread is delayed: it sleeps for some milliseconds at about one barrier in `every`, chosen
 * by a generator seeded with `seed`, until a time in milliseconds since the epoch.
 */
export interface Delay {
  readonly thread: number;
  readonly every: number;
  readonly milliseconds: number;
  readonly seed: number;
  readonly until?: number;
}

/**
 * Returns a function that a thread calls at each barrier. It sleeps there now and then, as a thread
 * does whose core was given to another process.
 */
export function makeBarrierDelay({ every, milliseconds, seed, until }: Delay): () => void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    if ((state >>> 8) % every !== 0 || (until !== undefined && Date.now() >= until)) return;
    Atomics.wait(sleeper, 0, 0, milliseconds);
  };
}

/** Chooses all numbers of threads in turn. */
export class RoundRobinChooser implements ThreadChooser {
  readonly #maxThreads: number;
  readonly #lists: number;
  #reported = 0;

  /** @param lists how many lists get the same number of threads. */
  constructor(maxThreads: number, lists: number) {
    this.#maxThreads = maxThreads;
    this.#lists = lists;
  }

  next(): number {
    return 1 + (Math.floor(this.#reported / this.#lists) % this.#maxThreads);
  }

  report(): void {
    this.#reported++;
  }
}

/** What tests change of a device: where its threads sleep, how many there are, how far its memory reaches. */

import type { ThreadChooser } from './governor.js';
import type { WorkerStarter } from './host.js';

/** All of it, in one option of the device. */
export interface TestHooks {
  /** False gives the memory to one worker, as in a page that is not cross-origin isolated. */
  readonly isShared?: boolean;
  /** Takes the place of starting real workers. */
  readonly startWorker?: WorkerStarter;
  /** Makes one thread sleep at barriers now and then. */
  readonly delay?: Delay;
  /** Every number of threads in turn, for so many lists each. */
  readonly listsPerTurn?: number;
  /** The number of the first list: near where numbers wrap around. */
  readonly firstList?: number;
  /** Pages of the memory at most. */
  readonly maxPages?: number;
}

/** How a thread is held up: at one barrier in `every`, by `seed`, for some milliseconds; until a time since the epoch. */
export interface Delay {
  readonly thread: number;
  readonly every: number;
  readonly milliseconds: number;
  readonly seed: number;
  readonly until?: number;
}

/** What a thread does at each barrier, to sleep as one does that the system has taken its core from. */
export function makeBarrierDelay({ every, milliseconds, seed, until }: Delay): () => void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    if ((state >>> 8) % every !== 0 || (until !== undefined && Date.now() >= until)) return;
    Atomics.wait(sleeper, 0, 0, milliseconds);
  };
}

/** Chooses every number of threads in turn. */
export class RoundRobinChooser implements ThreadChooser {
  readonly #maxThreads: number;
  readonly #lists: number;
  #reported = 0;

  /** @param lists how many of them have the same number of threads. */
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

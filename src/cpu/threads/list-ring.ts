/**
 * How lists of commands pass from the main thread to the workers. The main thread writes a list into a block of the heap
 * and publishes it in a slot of a ring; the workers run the lists in order, each together; the last to leave a list says
 * that it is finished.
 *
 *   word              written by              waited for by       relied on
 *   PUBLISHED         main                    threads that take   it follows the slot: who sees the number sees the list
 *                                             part
 *   ACTIVE            main                    threads that do     it comes before PUBLISHED, and changes only while
 *                                             not               no list is in flight
 *   FINISHED          the last to leave       nobody              it follows everything that threads read and write of
 *                                                                 the list: its block and its slot are free
 *   WANTED            main; whoever answers   nobody              main writes it, then looks at FINISHED; a worker
 *                     sets it to 0            (a message)         writes FINISHED, then looks at it: one sees the other
 *   SLOT_LIST         main                    nobody              0 before the slot is rewritten, the number after
 *   SLOT_LEFT         every thread, adding    nobody              the thread that makes it full is the last
 *   SLOT_WAITED       every thread, adding    nobody              it comes before SLOT_LEFT
 *   SLOT_ELAPSED      thread 0                nobody              it comes before SLOT_LEFT
 *   other slot words  main                    nobody              they come before PUBLISHED
 *
 * The life of a list, by number:
 *
 *   1  main       writes the commands into a block
 *   2  main       SLOT_LIST = 0, the slot's words, SLOT_LIST = list
 *   3  main       ACTIVE = threads, PUBLISHED = list; wakes those who sleep on them
 *   4  a worker   sees PUBLISHED, reads the slot, runs the commands (run-list.ts, barrier.ts)
 *   5  a worker   adds to SLOT_WAITED, then to SLOT_LEFT
 *   6  the last   FINISHED = list; where WANTED is reached, sends a message
 *   7  main       sees FINISHED when it next looks, reads the times, gives the block back
 *
 * What always holds:
 *
 * - All lists in flight use the same number of threads. Otherwise a thread outside list L could finish L+1 first, and
 *   FINISHED would step backwards.
 * - So FINISHED only grows, by one list at a time, and a list's end is the end of all before it.
 * - Numbers wrap around and leave out 0, which in WANTED and SLOT_LIST means none. They are compared by their distance.
 * - A slot is rewritten only after its list is finished. A thread that had no part in that list may still be looking at
 *   it: it reads the slot, then SLOT_LIST, and begins anew where that is not the list it came for.
 * - Only the main thread ends workers, by terminating them, wherever they run or sleep. A worker that fails says so in a
 *   message and takes part in nothing more; the others go on to the next barrier and sleep there. So the worker that
 *   keeps the process alive while somebody waits lives until the main thread has read why.
 */

import * as w from './layout.js';
import { spinUntil } from './spin.js';

/**
 * One slot is spare. Since numbers leave out 0, of 32 lists in a row around it the first and the last have the same slot.
 */
export const MAX_IN_FLIGHT = w.RING_SLOTS - 1;

/**
 * How long a worker spins for the next list before it sleeps, in milliseconds: the main thread needs about as long to
 * encode the next one, and waking all workers costs it more than a look at a word costs them.
 */
const SPIN_MILLISECONDS = 0.05;

/** The number after a list's. */
export function nextList(list: number): number {
  return (list + 1) | 0 || 1;
}

/** Whether a list's number is another's, or comes after it: rightly so while fewer than 2^31 lie between them. */
function isReached(list: number, by: number): boolean {
  return ((by - list) | 0) >= 0;
}

function slotIndex(list: number): number {
  return w.RING + ((list >>> 0) % w.RING_SLOTS) * w.SLOT_WORDS;
}

/** A list as workers find it. */
export interface PublishedList {
  /** The word where its commands begin. */
  readonly start: number;
  readonly commands: number;
  /** How many threads take part: those of a lower number. */
  readonly threads: number;
  /** Pages that the memory has at least. */
  readonly pages: number;
}

/** How long a list took, in microseconds. */
interface ListTimes {
  readonly threads: number;
  readonly elapsed: number;
  /** Spent waiting at barriers, summed over threads. */
  readonly waited: number;
}

/** The main thread's end of the ring. */
export class ListPublisher {
  readonly #words: Int32Array;
  #last: number;

  /**
   * @param words over the memory's control words.
   * @param first the number of the first list.
   */
  constructor(words: Int32Array, threads: number, first = 1) {
    this.#words = words;
    this.#last = (first - 1) | 0;
    words[w.ACTIVE_THREADS] = threads;
    words[w.PUBLISHED] = this.#last;
    words[w.FINISHED] = this.#last;
  }

  /**
   * Hands a list to the workers. Fewer than MAX_IN_FLIGHT may be in flight, all with as many threads.
   *
   * @returns its number.
   */
  publish({ start, commands, threads, pages }: PublishedList): number {
    const words = this.#words;
    const list = nextList(this.#last);
    const slot = slotIndex(list);
    Atomics.store(words, slot + w.SLOT_LIST, 0);
    words[slot + w.SLOT_START] = start;
    words[slot + w.SLOT_COMMANDS] = commands;
    words[slot + w.SLOT_THREADS_DONE] = 0;
    words[slot + w.SLOT_ELAPSED] = 0;
    words[slot + w.SLOT_WAITED] = 0;
    words[slot + w.SLOT_PAGES] = pages;
    Atomics.store(words, slot + w.SLOT_THREADS, threads);
    Atomics.store(words, slot + w.SLOT_LIST, list);
    this.#last = list;
    const active = words[w.ACTIVE_THREADS]!;
    Atomics.store(words, w.ACTIVE_THREADS, threads);
    Atomics.store(words, w.PUBLISHED, list);
    if (threads > active) Atomics.notify(words, w.ACTIVE_THREADS);
    Atomics.notify(words, w.PUBLISHED);
    return list;
  }

  isFinished(list: number): boolean {
    return isReached(list, Atomics.load(this.#words, w.FINISHED));
  }

  /** The times of a list that is finished; until another list takes its slot. */
  times(list: number): ListTimes {
    const slot = slotIndex(list);
    return {
      threads: this.#words[slot + w.SLOT_THREADS]!,
      elapsed: this.#words[slot + w.SLOT_ELAPSED]!,
      waited: this.#words[slot + w.SLOT_WAITED]!,
    };
  }

  /**
   * Asks for a message when a list is finished, instead of those asked for before.
   *
   * @returns false where it is finished already and no message comes.
   */
  requestMessage(list: number): boolean {
    Atomics.store(this.#words, w.AWAITED, list);
    if (!this.isFinished(list)) return true;
    // The worker that finished it may have seen the request all the same.
    return Atomics.compareExchange(this.#words, w.AWAITED, list, 0) !== list;
  }
}

/** A worker's end of the ring. */
export class ListSubscriber {
  readonly #words: Int32Array;
  readonly #thread: number;
  /** Lists up to here are of no concern to this thread any more. */
  #seen: number;

  constructor(words: Int32Array, thread: number) {
    this.#words = words;
    this.#thread = thread;
    this.#seen = Atomics.load(words, w.FINISHED);
  }

  /** Waits for the next list in which this thread takes part. */
  next(): PublishedList {
    for (;;) {
      if (!this.#isActive()) continue;
      this.#skipFinished();
      if (Atomics.load(this.#words, w.PUBLISHED) === this.#seen) this.#awaitList();
      else {
        const list = this.#read(nextList(this.#seen));
        if (list) return list;
      }
    }
  }

  /**
   * Ends this thread's part in the list that `next` gave.
   *
   * @param elapsed milliseconds since it began.
   * @param waited milliseconds of these spent waiting.
   * @returns whether the main thread is to be told.
   */
  finish({ threads }: PublishedList, elapsed: number, waited: number): boolean {
    const words = this.#words;
    const list = this.#seen;
    const slot = slotIndex(list);
    Atomics.add(words, slot + w.SLOT_WAITED, Math.round(1000 * waited));
    if (this.#thread === 0) Atomics.store(words, slot + w.SLOT_ELAPSED, Math.round(1000 * elapsed));
    if (Atomics.add(words, slot + w.SLOT_THREADS_DONE, 1) !== threads - 1) return false;
    Atomics.store(words, w.FINISHED, list);
    const wanted = Atomics.load(words, w.AWAITED);
    if (wanted === 0 || !isReached(wanted, list)) return false;
    return Atomics.compareExchange(words, w.AWAITED, wanted, 0) === wanted;
  }

  /** Whether this thread takes part in lists; where it does not, it sleeps until that may have changed. */
  #isActive(): boolean {
    const active = Atomics.load(this.#words, w.ACTIVE_THREADS);
    if (this.#thread < active) return true;
    Atomics.wait(this.#words, w.ACTIVE_THREADS, active);
    // All lists in which it took part were finished before ACTIVE fell. So many may have been since that their number
    // has come around, and nothing can be told by comparing.
    this.#seen = Atomics.load(this.#words, w.FINISHED);
    return false;
  }

  /** Lists may have gone by that this thread was too late to see, as it had no part in them. */
  #skipFinished(): void {
    const finished = Atomics.load(this.#words, w.FINISHED);
    if (isReached(this.#seen, finished)) this.#seen = finished;
  }

  #awaitList(): void {
    const isPublished = () => Atomics.load(this.#words, w.PUBLISHED) !== this.#seen;
    if (!spinUntil(isPublished, SPIN_MILLISECONDS))
      Atomics.wait(this.#words, w.PUBLISHED, this.#seen);
  }

  /** A list that was published; `undefined` where this thread has no part in it, or it is finished and its slot another's. */
  #read(list: number): PublishedList | undefined {
    const words = this.#words;
    const slot = slotIndex(list);
    const published = {
      start: words[slot + w.SLOT_START]!,
      commands: words[slot + w.SLOT_COMMANDS]!,
      pages: words[slot + w.SLOT_PAGES]!,
      threads: Atomics.load(words, slot + w.SLOT_THREADS),
    };
    if (Atomics.load(words, slot + w.SLOT_LIST) !== list) return undefined;
    this.#seen = list;
    return this.#thread < published.threads ? published : undefined;
  }
}

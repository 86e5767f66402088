/**
 * How lists of commands get from the main thread to the workers. The main thread writes a list into
 * a block of the heap and publishes it in a slot of a ring. The workers run the lists in order,
 * each list together. The last worker to finish a list marks it as finished.
 *
 *   word               written by        waited for by  guarantee
 *   PUBLISHED          main              active         written after the slot: a thread that sees
 *                                        threads        the list's id sees the list
 *   ACTIVE_THREADS     main              inactive       written before PUBLISHED; changes only
 *                                        threads        while no list is in flight
 *   FINISHED           the last thread   nobody         written after all reads and writes of the
 *                                                       list: its block and slot are free
 *   AWAITED            main; the worker  nobody         main writes it, then reads FINISHED; a
 *                      that answers      (a message)    worker writes FINISHED, then reads it: one
 *                      resets it to 0                   of the two sees the other
 *   SLOT_LIST          main              nobody         0 before the slot is rewritten, then the id
 *   SLOT_THREADS_DONE  every thread      nobody         the thread that makes it full is the last
 *   SLOT_WAITED        every thread      nobody         added to before SLOT_THREADS_DONE
 *   SLOT_ELAPSED       thread 0          nobody         written before SLOT_THREADS_DONE
 *   other slot words   main              nobody         written before PUBLISHED
 *
 * The life of a list:
 *
 *   1  main       writes the commands into a block
 *   2  main       SLOT_LIST = 0, the slot's words, SLOT_LIST = list
 *   3  main       ACTIVE_THREADS = threads, PUBLISHED = list; wakes the threads that sleep on them
 *   4  a worker   sees PUBLISHED, reads the slot, runs the commands (run-list.ts, barrier.ts)
 *   5  a worker   adds to SLOT_WAITED, then to SLOT_THREADS_DONE
 *   6  the last   FINISHED = list; sends a message if AWAITED is reached
 *   7  main       sees FINISHED when it next looks, reads the times, frees the block
 *
 * Invariants:
 *
 * - All lists in flight have the same number of threads. Otherwise a thread outside list L could
 *   finish L+1 first, and FINISHED would go backwards.
 * - So FINISHED only grows, by one list at a time, and the end of a list is the end of all before
 *   it.
 * - Ids are consecutive and wrap around. They skip 0, which in AWAITED and SLOT_LIST means none.
 *   They are compared by their distance.
 * - A slot is rewritten only after its list is finished. A thread that had no part in that list may
 *   still be reading it: it reads the slot, then SLOT_LIST, and starts again if that is not the
 *   list it expected.
 * - Only the main thread ends workers, by terminating them, whether they run or sleep. A worker
 *   that fails sends a message that says so and takes part in nothing more. The others go on to the
 *   next barrier and sleep there. So the worker that keeps the process alive while somebody waits
 *   lives until the main thread has received the reason.
 */

import * as w from './layout.js';
import { spinUntil } from './spin.js';

/**
 * One slot is always spare. Since ids skip 0, 32 consecutive lists around it would need the same
 * slot twice.
 */
export const MAX_IN_FLIGHT = w.RING_SLOTS - 1;

/**
 * How long a worker spins for the next list before it sleeps, in milliseconds. The main thread
 * needs about as long to encode the next list, and waking all workers costs it more than a read of
 * a word costs them.
 */
const SPIN_MILLISECONDS = 0.05;

/** The id of the list after `list`. */
export function nextList(list: number): number {
  return (list + 1) | 0 || 1;
}

/**
 * Whether `latest` is `list` or comes after it. Correct while fewer than 2^31 lists lie between
 * them.
 */
function hasReached(list: number, latest: number): boolean {
  return ((latest - list) | 0) >= 0;
}

function slotIndex(list: number): number {
  return w.RING + ((list >>> 0) % w.RING_SLOTS) * w.SLOT_WORDS;
}

/** A list as the workers see it. */
export interface PublishedList {
  /** Index of the word where its commands start. */
  readonly start: number;
  /** How many commands it has. */
  readonly commands: number;
  /** How many threads take part: those with a lower index. */
  readonly threads: number;
  /** Lower bound of the memory's size, in pages. */
  readonly pages: number;
}

/** How long a list took, in microseconds. */
interface ListTimes {
  readonly threads: number;
  readonly elapsed: number;
  /** Time spent waiting at barriers, summed over threads. */
  readonly waited: number;
}

/** The main thread's side of the ring. */
export class ListPublisher {
  readonly #words: Int32Array;
  #lastPublished: number;

  /**
   * @param words the memory's control words.
   * @param threads how many threads the first list has.
   * @param firstList the id of the first list.
   */
  constructor(words: Int32Array, threads: number, firstList = 1) {
    this.#words = words;
    this.#lastPublished = (firstList - 1) | 0;
    words[w.ACTIVE_THREADS] = threads;
    words[w.PUBLISHED] = this.#lastPublished;
    words[w.FINISHED] = this.#lastPublished;
  }

  /**
   * Publishes a list to the workers. Fewer than MAX_IN_FLIGHT lists may be in flight, all with the
   * same number of threads.
   *
   * @returns the list's id.
   */
  publish({ start, commands, threads, pages }: PublishedList): number {
    const words = this.#words;
    const list = nextList(this.#lastPublished);
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
    this.#lastPublished = list;
    const active = words[w.ACTIVE_THREADS]!;
    Atomics.store(words, w.ACTIVE_THREADS, threads);
    Atomics.store(words, w.PUBLISHED, list);
    if (threads > active) Atomics.notify(words, w.ACTIVE_THREADS);
    Atomics.notify(words, w.PUBLISHED);
    return list;
  }

  /** Whether a list is finished. */
  isFinished(list: number): boolean {
    return hasReached(list, Atomics.load(this.#words, w.FINISHED));
  }

  /** The times of a finished list. They are valid until another list takes its slot. */
  times(list: number): ListTimes {
    const slot = slotIndex(list);
    return {
      threads: this.#words[slot + w.SLOT_THREADS]!,
      elapsed: this.#words[slot + w.SLOT_ELAPSED]!,
      waited: this.#words[slot + w.SLOT_WAITED]!,
    };
  }

  /**
   * Asks for a message when `list` is finished. This replaces an earlier request.
   *
   * @returns false if the list is finished already; no message will come then.
   */
  requestMessage(list: number): boolean {
    Atomics.store(this.#words, w.AWAITED, list);
    if (!this.isFinished(list)) return true;
    // The worker that finished it may still have seen the request.
    return Atomics.compareExchange(this.#words, w.AWAITED, list, 0) !== list;
  }
}

/** A worker's side of the ring. */
export class ListSubscriber {
  readonly #words: Int32Array;
  readonly #thread: number;
  /** This thread is done with all lists up to this one. */
  #lastSeen: number;

  constructor(words: Int32Array, thread: number) {
    this.#words = words;
    this.#thread = thread;
    this.#lastSeen = Atomics.load(words, w.FINISHED);
  }

  /** Waits for the next list in which this thread takes part. */
  next(): PublishedList {
    for (;;) {
      if (!this.#isActive()) continue;
      this.#skipFinished();
      if (Atomics.load(this.#words, w.PUBLISHED) === this.#lastSeen) this.#waitForPublish();
      else {
        const list = this.#read(nextList(this.#lastSeen));
        if (list) return list;
      }
    }
  }

  /**
   * Ends this thread's part in the list that `next` returned.
   *
   * @param elapsed milliseconds since the list began.
   * @param waited how many of them the thread spent waiting.
   * @returns whether the main thread must be told.
   */
  finish({ threads }: PublishedList, elapsed: number, waited: number): boolean {
    const words = this.#words;
    const list = this.#lastSeen;
    const slot = slotIndex(list);
    Atomics.add(words, slot + w.SLOT_WAITED, Math.round(1000 * waited));
    if (this.#thread === 0) Atomics.store(words, slot + w.SLOT_ELAPSED, Math.round(1000 * elapsed));
    if (Atomics.add(words, slot + w.SLOT_THREADS_DONE, 1) !== threads - 1) return false;
    Atomics.store(words, w.FINISHED, list);
    const awaited = Atomics.load(words, w.AWAITED);
    if (awaited === 0 || !hasReached(awaited, list)) return false;
    return Atomics.compareExchange(words, w.AWAITED, awaited, 0) === awaited;
  }

  /**
   * Whether this thread takes part in lists. If it does not, it first sleeps until that may have
   * changed.
   */
  #isActive(): boolean {
    const active = Atomics.load(this.#words, w.ACTIVE_THREADS);
    if (this.#thread < active) return true;
    Atomics.wait(this.#words, w.ACTIVE_THREADS, active);
    // All lists in which it took part were finished before ACTIVE_THREADS fell. Since then so many
    // lists may have passed that ids have wrapped around, so comparing them says nothing.
    this.#lastSeen = Atomics.load(this.#words, w.FINISHED);
    return false;
  }

  /** Skips lists that were finished without this thread. */
  #skipFinished(): void {
    const finished = Atomics.load(this.#words, w.FINISHED);
    if (hasReached(this.#lastSeen, finished)) this.#lastSeen = finished;
  }

  #waitForPublish(): void {
    const isPublished = () => Atomics.load(this.#words, w.PUBLISHED) !== this.#lastSeen;
    if (!spinUntil(isPublished, SPIN_MILLISECONDS))
      Atomics.wait(this.#words, w.PUBLISHED, this.#lastSeen);
  }

  /**
   * Reads a published list; returns `undefined` where this thread has no part in it, or where it is
   * finished and its slot was reused.
   */
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
    this.#lastSeen = list;
    return this.#thread < published.threads ? published : undefined;
  }
}

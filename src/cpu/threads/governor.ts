/**
 * How many threads run a list. All of them, as a rule; fewer while they cost more than they bring, as on a computer whose
 * cores are busy with something else: a thread that has lost its core holds up all others at the next barrier, a
 * hundred times a training step. The results are the same bits whatever is chosen.
 *
 * Lists repeat (a training step is the same list again and again), so each is compared with itself: what it took with
 * so many threads, against what it took with half as many. A loss is believed after a few lists; more threads are
 * tried again after a while, and less often each time that they lose.
 */

/** A list with so many threads must have been seen this often before its time is believed. */
const BELIEVED = 3;
/** Waiting for more than this share of the threads' time is a reason to try fewer. */
const SUSPICIOUS = 0.4;
/** Fewer threads must be this much faster to stay. */
const WORTH = 0.9;
/** Seconds until more threads are tried again: at first, and at most. */
const FIRST_RETRY = 0.5;
const LAST_RETRY = 16;
/** Shorter lists say nothing, in microseconds. */
const SHORTEST = 300;
/** Kinds of lists that are remembered. */
const MAX_KINDS = 256;

/** Chooses how many threads the next list is given, and is told how each went. */
export interface Chooser {
  readonly threads: number;
  report(kind: number, threads: number, elapsed: number, waited: number): void;
}

/** For tests: every number of threads in turn, a few lists each. */
export class Turns implements Chooser {
  readonly #most: number;
  readonly #lists: number;
  #reported = 0;

  constructor(most: number, lists: number) {
    this.#most = most;
    this.#lists = lists;
  }

  get threads(): number {
    return 1 + (Math.floor(this.#reported / this.#lists) % this.#most);
  }

  report(): void {
    this.#reported++;
  }
}

/** What is known of one kind of list: by number of threads, its latest times in microseconds. */
type Times = Map<number, number[]>;

export class Governor implements Chooser {
  readonly #most: number;
  readonly #kinds = new Map<number, Times>();
  readonly #now: () => number;
  #threads: number;
  #retryAfter = FIRST_RETRY;
  #retryAt = Number.POSITIVE_INFINITY;
  /** The number of threads that is on trial against another, from which it came. */
  #trial: { from: number; kind: number } | undefined;

  /** @param now seconds, for tests. */
  constructor(most: number, now: () => number = () => performance.now() / 1000) {
    this.#most = most;
    this.#threads = most;
    this.#now = now;
  }

  /** How many threads the next list is given. */
  get threads(): number {
    if (this.#threads < this.#most && !this.#trial && this.#now() >= this.#retryAt) {
      this.#trial = { from: this.#threads, kind: -1 };
      this.#forget(this.#most);
      this.#threads = this.#most;
    }
    return this.#threads;
  }

  /**
   * Tells how a list went.
   *
   * @param kind the same number for lists of the same commands.
   * @param elapsed microseconds from its first command to its last.
   * @param waited microseconds that its threads waited for each other, summed.
   */
  report(kind: number, threads: number, elapsed: number, waited: number): void {
    if (elapsed < SHORTEST || this.#most === 1) return;
    const times = this.#timesOf(kind);
    const own = times.get(threads) ?? [];
    times.set(threads, [...own, elapsed].slice(-BELIEVED));
    if (threads !== this.#threads) return;
    if (this.#trial) this.#judge(kind, times);
    else if (threads > 1 && waited > SUSPICIOUS * threads * elapsed) this.#suspect(times);
  }

  #suspect(times: Times): void {
    if ((times.get(this.#threads)?.length ?? 0) < BELIEVED) return;
    const fewer = Math.max(1, this.#threads >> 1);
    this.#trial = { from: this.#threads, kind: -1 };
    this.#forget(fewer);
    this.#threads = fewer;
  }

  /** Whether the threads on trial beat those they came from, once the same kind of list was seen with both. */
  #judge(_: number, times: Times): void {
    const { from } = this.#trial!;
    const [before, here] = [times.get(from), times.get(this.#threads)];
    if (!before || before.length < BELIEVED || !here || here.length < BELIEVED) return;
    const ratio = median(here) / median(before);
    const isFewer = this.#threads < from;
    this.#trial = undefined;
    if (isFewer) {
      if (ratio < WORTH) this.#retryAt = this.#now() + this.#retryAfter;
      else this.#threads = from;
      return;
    }
    // More threads were tried again: they stay if they are faster now.
    if (ratio < WORTH) {
      this.#retryAfter = FIRST_RETRY;
      return;
    }
    this.#threads = from;
    this.#retryAfter = Math.min(LAST_RETRY, 2 * this.#retryAfter);
    this.#retryAt = this.#now() + this.#retryAfter;
  }

  #timesOf(kind: number): Times {
    const standing = this.#kinds.get(kind);
    if (standing) return standing;
    if (this.#kinds.size >= MAX_KINDS) this.#kinds.clear();
    const times: Times = new Map();
    this.#kinds.set(kind, times);
    return times;
  }

  /** Old times with so many threads say nothing of today. */
  #forget(threads: number): void {
    for (const times of this.#kinds.values()) times.delete(threads);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((p, q) => p - q)[values.length >> 1]!;
}

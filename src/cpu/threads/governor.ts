/**
 * How many threads run a list. All of them, as a rule; fewer while they cost more than they bring, as on a computer whose
 * cores are busy with something else: a thread that has lost its core holds up all others at the next barrier, a
 * hundred times a training step. The results are the same bits whatever is chosen.
 *
 * Lists repeat (a training step is the same list again and again), so each is compared with itself, known by its
 * signature: what it took with so many threads, against what it took with half as many. While one is measured, the other
 * number is on trial:
 *
 *   fewer are tried   when a list's threads mostly wait for each other
 *   more are tried    some time after fewer have won
 *
 * A list that is nearly nothing is given one thread: what others would save is less than what waking them costs, and the
 * main thread, which writes the next list meanwhile, has a core to itself.
 *
 * A trial ends when a list was seen often enough with both numbers, or when too many lists have passed without one, as
 * where a training changes to an evaluation; then the one on trial has lost. The number that loses is tried again after
 * a while, and after twice as long each time that it loses again.
 */

/** A list must have been seen this often with a number of threads before its time is believed: the median counts. */
const MIN_SAMPLES = 3;
/** Threads that wait for more than this share of their time are too many, if anything is: half of the work is lost. */
const MAX_WAITING_SHARE = 0.4;
/** Another number of threads must be this much faster to stay: less is within what the same list's times differ by. */
const MIN_GAIN = 0.1;
/** Shorter lists are mostly waking up and say nothing, in microseconds. */
const MIN_LIST_MICROSECONDS = 300;
/** A list of less work has one thread, in microseconds: two would save half of that, and cost about as much to wake. */
const SHORT_MICROSECONDS = 1000;
/** A trial without a verdict ends after so many lists: a few steps of a training whose steps are dozens of lists. */
const MAX_TRIAL_LISTS = 100;
/** Seconds until the number that lost is tried again: at first, and at most. */
const MIN_RETRY_SECONDS = 0.5;
const MAX_RETRY_SECONDS = 16;
/** Signatures that are remembered. */
const MAX_SIGNATURES = 256;

/** Chooses how many threads the next list is given, and is told how each went. */
export interface ThreadChooser {
  /**
   * How many threads the next list is given. May be asked several times for the same list.
   *
   * @param signature the same number for lists of the same commands.
   * @param inFlight how many threads the lists in flight have; `undefined` where there are none.
   */
  next(signature: number, inFlight: number | undefined): number;
  /**
   * Tells how a list went.
   *
   * @param elapsed microseconds from its first command to its last.
   * @param waited microseconds that its threads waited for each other, summed.
   */
  report(signature: number, threads: number, elapsed: number, waited: number): void;
}

/** The latest times of a list in microseconds, by number of threads. */
type Times = Map<number, number[]>;

/** When something may be tried, which is later each time that it loses. */
class Retry {
  #at = Number.NEGATIVE_INFINITY;
  #after = MIN_RETRY_SECONDS;

  isDue(now: number): boolean {
    return now >= this.#at;
  }

  lose(now: number): void {
    this.#at = now + this.#after;
    this.#after = Math.min(MAX_RETRY_SECONDS, 2 * this.#after);
  }

  win(): void {
    this.#after = MIN_RETRY_SECONDS;
  }
}

/** Chooses the number of threads that is fastest now. */
export class Governor implements ThreadChooser {
  readonly #maxThreads: number;
  /** By signature; the one that was met last is the last. */
  readonly #times = new Map<number, Times>();
  /** Signatures of lists that are nearly nothing. */
  readonly #short = new Set<number>();
  readonly #now: () => number;
  #threads: number;
  /** The number of threads that the one in use is on trial against, and how many lists have passed since. */
  #trial: { readonly against: number; lists: number } | undefined;
  readonly #fewer = new Retry();
  readonly #more = new Retry();

  /** @param now seconds, for tests. */
  constructor(maxThreads: number, now: () => number = () => performance.now() / 1000) {
    this.#maxThreads = maxThreads;
    this.#threads = maxThreads;
    this.#now = now;
  }

  next(signature: number, inFlight: number | undefined): number {
    if (this.#short.has(signature)) return inFlight ?? 1;
    const hasFewer = this.#threads < this.#maxThreads;
    if (hasFewer && !this.#trial && this.#more.isDue(this.#now())) this.#try(this.#maxThreads);
    return this.#threads;
  }

  report(signature: number, threads: number, elapsed: number, waited: number): void {
    if (this.#maxThreads === 1) return;
    const isShort = threads * elapsed - waited < SHORT_MICROSECONDS;
    // Lists that were in flight when the trial began do not count.
    if (this.#trial && (isShort || threads === this.#threads)) this.#trial.lists++;
    if (!isShort) this.#short.delete(signature);
    else if (this.#short.size < MAX_SIGNATURES) this.#short.add(signature);
    if (!isShort && elapsed >= MIN_LIST_MICROSECONDS)
      this.#note(signature, threads, elapsed, waited);
    if (this.#trial && this.#trial.lists >= MAX_TRIAL_LISTS) this.#end(false);
  }

  #note(signature: number, threads: number, elapsed: number, waited: number): void {
    const times = this.#recall(signature);
    times.set(threads, [...(times.get(threads) ?? []), elapsed].slice(-MIN_SAMPLES));
    if (threads !== this.#threads) return;
    const isWaiting = waited > MAX_WAITING_SHARE * threads * elapsed;
    if (this.#trial) this.#judge(times);
    else if (threads > 1 && isWaiting && medianTime(times, threads) !== undefined)
      if (this.#fewer.isDue(this.#now())) this.#try(threads >> 1);
  }

  /** Puts a number of threads on trial against the one in use. */
  #try(threads: number): void {
    // What so many threads took before says nothing of today.
    for (const times of this.#times.values()) times.delete(threads);
    this.#trial = { against: this.#threads, lists: 0 };
    this.#threads = threads;
  }

  /** Ends the trial, once the same list was seen with both numbers of threads. */
  #judge(times: Times): void {
    const before = medianTime(times, this.#trial!.against);
    const now = medianTime(times, this.#threads);
    if (before !== undefined && now !== undefined) this.#end(now < (1 - MIN_GAIN) * before);
  }

  #end(isBetter: boolean): void {
    const { against } = this.#trial!;
    const [winner, loser] = isBetter ? [this.#threads, against] : [against, this.#threads];
    const [won, lost] = winner < loser ? [this.#fewer, this.#more] : [this.#more, this.#fewer];
    won.win();
    lost.lose(this.#now());
    this.#threads = winner;
    this.#trial = undefined;
  }

  /** The times of a list; those of the one that was met longest ago make room for them. */
  #recall(signature: number): Times {
    const times: Times = this.#times.get(signature) ?? new Map();
    this.#times.delete(signature);
    if (this.#times.size >= MAX_SIGNATURES) this.#times.delete(this.#times.keys().next().value!);
    this.#times.set(signature, times);
    return times;
  }
}

/** The median of a list's times, where there are enough. */
function medianTime(times: Times, threads: number): number | undefined {
  const own = times.get(threads);
  if (!own || own.length < MIN_SAMPLES) return undefined;
  return own.toSorted((p, q) => p - q)[own.length >> 1];
}

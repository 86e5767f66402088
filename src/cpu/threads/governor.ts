/**
 * Chooses how many threads run a list of commands. The rule is all of them. Fewer are used while
 * more threads cost more than they bring, as on a computer whose cores are busy with something
 * else: a thread that has lost its core holds up all others at the next barrier, a hundred times in
 * a training step. The results are the same bits with any number of threads.
 *
 * Lists repeat (a training step is the same list again and again). So a list, identified by its
 * signature, is compared with itself: the time it took with the number of threads in use against
 * the time it took with another number:
 *
 *   half as many   are tried when a list's threads mostly wait for each other
 *   all            are tried some time after fewer have won
 *
 * A list with almost no work gets one thread. More threads would save less than waking them costs,
 * and the main thread, which writes the next list meanwhile, has a core to itself.
 *
 * A trial ends when a list was timed often enough with both numbers of threads. It also ends when
 * too many lists have passed without that, for example where training changes to an evaluation; the
 * number on trial has lost then. The number that lost is tried again after a delay, which doubles
 * each time it loses.
 */

/** A list's time with some number of threads is known after this many runs; their median counts. */
const MIN_SAMPLES = 3;
/**
 * If threads wait for more than this share of their time, half as many are tried: almost half of
 * the work is lost.
 */
const MAX_WAITING_SHARE = 0.4;
/**
 * Another number of threads must be this much faster to win. Smaller gains are within the noise of
 * one list's times.
 */
const MIN_GAIN = 0.1;
/** Shorter lists, in microseconds, consist mostly of waking threads up and are not timed. */
const MIN_LIST_MICROSECONDS = 300;
/**
 * A list with less work than this, in microseconds, gets one thread. A second thread would save
 * half of it and cost about as much to wake.
 */
const SHORT_MICROSECONDS = 1000;
/**
 * A trial without a result ends after this many lists: a few training steps, where a step is dozens
 * of lists.
 */
const MAX_TRIAL_LISTS = 100;
/**
 * Delay until the number of threads that lost is tried again: the first one, and the longest one.
 */
const MIN_RETRY_SECONDS = 0.5;
const MAX_RETRY_SECONDS = 16;
/** How many lists are remembered. */
const MAX_SIGNATURES = 256;

/** Chooses how many threads the next list gets, and is told how each list went. */
export interface ThreadChooser {
  /**
   * How many threads the next list gets. May be called several times for the same list.
   *
   * @param signature identifies lists of the same commands.
   * @param inFlight how many threads the lists in flight have; `undefined` where none are in
   *   flight.
   */
  next(signature: number, inFlight: number | undefined): number;
  /**
   * Reports how a list went.
   *
   * @param signature identifies lists of the same commands.
   * @param threads how many threads the list had.
   * @param elapsed microseconds from its first command to its last.
   * @param waited microseconds that its threads waited for each other, summed over threads.
   */
  report(signature: number, threads: number, elapsed: number, waited: number): void;
}

/** The latest times of one list in microseconds, by number of threads. */
type Times = Map<number, number[]>;

/** When a number of threads may be tried again. The delay doubles with each loss. */
class Retry {
  #dueAt = Number.NEGATIVE_INFINITY;
  #delay = MIN_RETRY_SECONDS;

  isDue(now: number): boolean {
    return now >= this.#dueAt;
  }

  recordLoss(now: number): void {
    this.#dueAt = now + this.#delay;
    this.#delay = Math.min(MAX_RETRY_SECONDS, 2 * this.#delay);
  }

  recordWin(): void {
    this.#delay = MIN_RETRY_SECONDS;
  }
}

/** Chooses the number of threads that is currently the fastest. */
export class Governor implements ThreadChooser {
  readonly #maxThreads: number;
  /** By signature; the list that was reported last comes last. */
  readonly #times = new Map<number, Times>();
  /** Signatures of lists with almost no work. */
  readonly #shortLists = new Set<number>();
  readonly #now: () => number;
  #threads: number;
  /**
   * The number of threads that the one in use is compared with, and how many lists the trial has
   * seen.
   */
  #trial: { readonly baseline: number; lists: number } | undefined;
  readonly #retryFewer = new Retry();
  readonly #retryMore = new Retry();

  /** @param now the time in seconds; tests pass a clock of their own. */
  constructor(maxThreads: number, now: () => number = () => performance.now() / 1000) {
    this.#maxThreads = maxThreads;
    this.#threads = maxThreads;
    this.#now = now;
  }

  next(signature: number, inFlight: number | undefined): number {
    if (this.#shortLists.has(signature)) return inFlight ?? 1;
    const isReduced = this.#threads < this.#maxThreads;
    if (isReduced && !this.#trial && this.#retryMore.isDue(this.#now()))
      this.#startTrial(this.#maxThreads);
    return this.#threads;
  }

  report(signature: number, threads: number, elapsed: number, waited: number): void {
    if (this.#maxThreads === 1) return;
    const isShort = threads * elapsed - waited < SHORT_MICROSECONDS;
    // Lists that were in flight when the trial began do not count.
    if (this.#trial && (isShort || threads === this.#threads)) this.#trial.lists++;
    if (!isShort) this.#shortLists.delete(signature);
    else if (this.#shortLists.size < MAX_SIGNATURES) this.#shortLists.add(signature);
    if (!isShort && elapsed >= MIN_LIST_MICROSECONDS)
      this.#recordTimes(signature, threads, elapsed, waited);
    if (this.#trial && this.#trial.lists >= MAX_TRIAL_LISTS) this.#endTrial(false);
  }

  #recordTimes(signature: number, threads: number, elapsed: number, waited: number): void {
    const times = this.#touchTimes(signature);
    times.set(threads, [...(times.get(threads) ?? []), elapsed].slice(-MIN_SAMPLES));
    if (threads !== this.#threads) return;
    const isWaiting = waited > MAX_WAITING_SHARE * threads * elapsed;
    if (this.#trial) this.#endTrialWhenMeasured(times);
    else if (threads > 1 && isWaiting && medianTime(times, threads) !== undefined)
      if (this.#retryFewer.isDue(this.#now())) this.#startTrial(threads >> 1);
  }

  /** Starts a trial of `threads` against the number in use. */
  #startTrial(threads: number): void {
    // Earlier times with this many threads say nothing about the present.
    for (const times of this.#times.values()) times.delete(threads);
    this.#trial = { baseline: this.#threads, lists: 0 };
    this.#threads = threads;
  }

  /** Ends the trial if the list was timed often enough with both numbers of threads. */
  #endTrialWhenMeasured(times: Times): void {
    const baselineTime = medianTime(times, this.#trial!.baseline);
    const trialTime = medianTime(times, this.#threads);
    if (baselineTime !== undefined && trialTime !== undefined)
      this.#endTrial(trialTime < (1 - MIN_GAIN) * baselineTime);
  }

  #endTrial(isBetter: boolean): void {
    const { baseline } = this.#trial!;
    const [winner, loser] = isBetter ? [this.#threads, baseline] : [baseline, this.#threads];
    const [winnerRetry, loserRetry] =
      winner < loser ? [this.#retryFewer, this.#retryMore] : [this.#retryMore, this.#retryFewer];
    winnerRetry.recordWin();
    loserRetry.recordLoss(this.#now());
    this.#threads = winner;
    this.#trial = undefined;
  }

  /**
   * Returns the times of a list and marks it as used last. The list that was used least recently
   * makes room where there are too many.
   */
  #touchTimes(signature: number): Times {
    const times: Times = this.#times.get(signature) ?? new Map();
    this.#times.delete(signature);
    if (this.#times.size >= MAX_SIGNATURES) this.#times.delete(this.#times.keys().next().value!);
    this.#times.set(signature, times);
    return times;
  }
}

/**
 * The median of a list's times with some number of threads; `undefined` where there are too few.
 */
function medianTime(times: Times, threads: number): number | undefined {
  const samples = times.get(threads);
  if (!samples || samples.length < MIN_SAMPLES) return undefined;
  return samples.toSorted((p, q) => p - q)[samples.length >> 1];
}

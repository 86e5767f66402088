import { describe, expect, it } from 'vitest';
import { Governor } from '../../../src/cpu/threads/governor.js';

/** A simulated computer, on which a list takes as long as `elapsed` says. */
class Computer {
  /** The time in milliseconds. */
  now = 0;
  readonly governor: Governor;
  readonly #elapsed: (threads: number) => number;

  /** @param elapsed the milliseconds of a list that runs on a number of threads. */
  constructor(threads: number, elapsed: (threads: number) => number) {
    this.governor = new Governor(threads, () => this.now / 1000);
    this.#elapsed = elapsed;
  }

  /** Runs lists for some milliseconds; returns the number of threads of each. */
  run(milliseconds: number): number[] {
    const threadCounts: number[] = [];
    const end = this.now + milliseconds;
    while (this.now < end) {
      const threads = this.governor.next(1, undefined);
      const elapsed = this.#elapsed(threads);
      this.now += elapsed;
      // A list is 100 ms of work on one thread. The rest of the threads' time is waiting.
      const waited = Math.max(0, threads * elapsed - 100);
      this.governor.report(1, threads, 1000 * elapsed, 1000 * waited);
      threadCounts.push(threads);
    }
    return threadCounts;
  }
}

/** The share of lists that ran on a number of threads. */
const share = (threadCounts: readonly number[], threads: number) =>
  threadCounts.filter((n) => n === threads).length / threadCounts.length;

describe('the number of threads', () => {
  it('is the maximum while threads share the work', () => {
    const computer = new Computer(4, (threads) => 100 / threads);
    expect(new Set(computer.run(20_000))).toEqual(new Set([4]));
  });

  it('falls where threads slow each other down, and mostly stays low', () => {
    const computer = new Computer(4, (threads) => 100 * threads);
    computer.run(20_000);
    expect(share(computer.run(60_000), 1)).toBeGreaterThan(0.7);
  });

  it('rises again when that is over', () => {
    let isBusy = true;
    const computer = new Computer(4, (threads) => (isBusy ? 100 * threads : 100 / threads));
    computer.run(10_000);
    isBusy = false;
    computer.run(40_000);
    expect(new Set(computer.run(10_000))).toEqual(new Set([4]));
  });

  it('does not fall for waiting alone, if fewer threads are not faster', () => {
    // Half of the list's work is one workgroup, so threads wait but still save time.
    const computer = new Computer(2, (threads) => 50 + 50 / threads);
    expect(share(computer.run(60_000), 2)).toBeGreaterThan(0.9);
  });

  it('is one if there is only one', () => {
    const computer = new Computer(1, () => 100);
    expect(new Set(computer.run(5_000))).toEqual(new Set([1]));
  });

  it('is seldom tried lower where threads wait but fewer are not faster', () => {
    // Four threads wait half of the time; two take as long.
    const computer = new Computer(4, (threads) => Math.max(50, 100 / threads));
    computer.run(60_000);
    expect(share(computer.run(60_000), 4)).toBeGreaterThan(0.9);
  });
});

describe('a very short list', () => {
  /** A governor of four threads with reports of a list of 200 us and of one of 20 ms. */
  function governorWithReports(): Governor {
    const governor = new Governor(4, () => 0);
    governor.report(1, 4, 200, 400);
    governor.report(2, 4, 20_000, 0);
    return governor;
  }

  it('gets one thread, and other lists get all', () => {
    expect(governorWithReports().next(1, undefined)).toBe(1);
    expect(governorWithReports().next(2, undefined)).toBe(4);
    expect(governorWithReports().next(3, undefined)).toBe(4);
  });

  it('gets the threads of the lists in flight, to avoid waiting for their end', () => {
    expect(governorWithReports().next(1, 4)).toBe(4);
  });

  it('gets all threads once it takes long', () => {
    const governor = governorWithReports();
    governor.report(1, 1, 5000, 0);
    expect(governor.next(1, undefined)).toBe(4);
  });
});

describe('a trial', () => {
  /** The milliseconds of a list, which takes as long on any number of threads. */
  const LIST = 2;

  /** A governor of four threads that tries two, since a list made its threads wait. */
  function onTrial() {
    let now = 0;
    const governor = new Governor(4, () => now / 1000);
    const report = (signature: number, elapsed = 1000 * LIST, waitingShare = 0) => {
      const threads = governor.next(signature, undefined);
      now += elapsed / 1000;
      governor.report(signature, threads, elapsed, waitingShare * threads * elapsed);
      return threads;
    };
    for (let n = 0; n < 3; n++) report(1, 1000 * LIST, 0.8);
    expect(governor.next(1, undefined)).toBe(2);
    return { governor, report };
  }

  it('ends if other lists follow', () => {
    const { report } = onTrial();
    const threads = Array.from({ length: 200 }, () => report(2));
    expect(threads[0]).toBe(2);
    expect(new Set(threads.slice(-100))).toEqual(new Set([4]));
  });

  it('ends if only short lists follow', () => {
    const { report } = onTrial();
    for (let n = 0; n < 200; n++) report(2, 50);
    expect(report(3)).toBe(4);
  });

  it('ends if there are more different lists than the governor remembers', () => {
    const { report } = onTrial();
    const threads = Array.from({ length: 2000 }, (_, n) => report(2 + n));
    expect(new Set(threads.slice(-1000))).toEqual(new Set([4]));
  });

  it('is repeated only after a while if it did not help', () => {
    const { report } = onTrial();
    for (let n = 0; n < 100; n++) report(2);
    // Lists whose threads wait again: half a second must pass before the next trial.
    const threads = Array.from({ length: 600 }, () => report(3, 1000 * LIST, 0.8));
    const trials = threads.filter((count, n) => count === 2 && threads[n - 1] !== 2).length;
    expect(threads.slice(0, 200)).not.toContain(2);
    expect(trials).toBe(1);
  });

  it('counts the lists that it remembers, even if others run between them', () => {
    const { governor, report } = onTrial();
    for (let n = 0; n < 3; n++) {
      report(2);
      report(1, 400 * LIST);
    }
    expect(governor.next(1, undefined)).toBe(2);
    // Two threads are faster, and are used until more are tried again.
    expect(report(2)).toBe(2);
  });
});

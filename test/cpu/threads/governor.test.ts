import { describe, expect, it } from 'vitest';
import { Governor } from '../../../src/cpu/threads/governor.js';

/** A computer whose lists take what `elapsed` says, on a clock of its own. */
class Computer {
  now = 0;
  readonly governor: Governor;
  readonly #elapsed: (threads: number) => number;

  /** @param elapsed milliseconds of a list with so many threads. */
  constructor(threads: number, elapsed: (threads: number) => number) {
    this.governor = new Governor(threads, () => this.now / 1000);
    this.#elapsed = elapsed;
  }

  /** Runs lists for some milliseconds; the threads each was given. */
  run(milliseconds: number): number[] {
    const given: number[] = [];
    const end = this.now + milliseconds;
    while (this.now < end) {
      const threads = this.governor.next(1, undefined);
      const elapsed = this.#elapsed(threads);
      this.now += elapsed;
      // What is not work is waiting: work is 100 ms of one thread.
      const waited = Math.max(0, threads * elapsed - 100);
      this.governor.report(1, threads, 1000 * elapsed, 1000 * waited);
      given.push(threads);
    }
    return given;
  }
}

const share = (given: readonly number[], threads: number) =>
  given.filter((n) => n === threads).length / given.length;

describe('the number of threads', () => {
  it('is all there are while they share the work', () => {
    const computer = new Computer(4, (threads) => 100 / threads);
    expect(new Set(computer.run(20_000))).toEqual(new Set([4]));
  });

  it('falls where threads hold each other up, and stays there nearly always', () => {
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

  it('does not fall for waiting alone, where fewer are no faster', () => {
    // Half of the list's work is of one workgroup, so that its threads wait, and are worth it all the same.
    const computer = new Computer(2, (threads) => 50 + 50 / threads);
    expect(share(computer.run(60_000), 2)).toBeGreaterThan(0.9);
  });

  it('is one where there is one', () => {
    const computer = new Computer(1, () => 100);
    expect(new Set(computer.run(5_000))).toEqual(new Set([1]));
  });

  it('is asked about seldom where threads wait, and fewer are no faster', () => {
    // Half of the time of four threads is waiting; two take as long.
    const computer = new Computer(4, (threads) => Math.max(50, 100 / threads));
    computer.run(60_000);
    expect(share(computer.run(60_000), 4)).toBeGreaterThan(0.9);
  });
});

describe('a list that is nearly nothing', () => {
  /** A governor of four threads that has seen a list of 200 microseconds, and one of 20 milliseconds. */
  function informed(): Governor {
    const governor = new Governor(4, () => 0);
    governor.report(1, 4, 200, 400);
    governor.report(2, 4, 20_000, 0);
    return governor;
  }

  it('is given one thread, and others all', () => {
    expect(informed().next(1, undefined)).toBe(1);
    expect(informed().next(2, undefined)).toBe(4);
    expect(informed().next(3, undefined)).toBe(4);
  });

  it('joins the lists in flight, and does not wait for their end', () => {
    expect(informed().next(1, 4)).toBe(4);
  });

  it('is given all threads once it takes long', () => {
    const governor = informed();
    governor.report(1, 1, 5000, 0);
    expect(governor.next(1, undefined)).toBe(4);
  });
});

describe('a trial', () => {
  /** Milliseconds and microseconds of lists that take as long on any number of threads, which wait for most of it. */
  const LIST = 2;

  /** A governor of four threads, which a list has made suspicious: it tries two. */
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

  it('ends where other lists follow', () => {
    const { report } = onTrial();
    const threads = Array.from({ length: 200 }, () => report(2));
    expect(threads[0]).toBe(2);
    expect(new Set(threads.slice(-100))).toEqual(new Set([4]));
  });

  it('ends where only short lists follow', () => {
    const { report } = onTrial();
    for (let n = 0; n < 200; n++) report(2, 50);
    expect(report(3)).toBe(4);
  });

  it('ends where there are more lists than are remembered', () => {
    const { report } = onTrial();
    const threads = Array.from({ length: 2000 }, (_, n) => report(2 + n));
    expect(new Set(threads.slice(-1000))).toEqual(new Set([4]));
  });

  it('is repeated only after a while, where it came to nothing', () => {
    const { report } = onTrial();
    for (let n = 0; n < 100; n++) report(2);
    // Suspicious lists again: half a second must have passed.
    const threads = Array.from({ length: 600 }, () => report(3, 1000 * LIST, 0.8));
    const trials = threads.filter((count, n) => count === 2 && threads[n - 1] !== 2).length;
    expect(threads.slice(0, 200)).not.toContain(2);
    expect(trials).toBe(1);
  });

  it('counts the lists that are remembered, though others come between', () => {
    const { governor, report } = onTrial();
    for (let n = 0; n < 3; n++) {
      report(2);
      report(1, 400 * LIST);
    }
    expect(governor.next(1, undefined)).toBe(2);
    // Two are faster, and stay until more are tried again.
    expect(report(2)).toBe(2);
  });
});

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
      const { threads } = this.governor;
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
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Turns } from '../../src/ports/turns.js';

/** Milliseconds of the test's own clock, so that a busy computer changes nothing. */
let now = 0;

/** Computes for some milliseconds. */
function compute(milliseconds: number): void {
  now += milliseconds;
}

beforeEach(() => {
  now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});

afterEach(() => vi.restoreAllMocks());

describe('turns of the event loop', () => {
  it('come in during a long computation, but not after each short one', async () => {
    const given: number[] = [];
    const turns = new Turns(() => given.push(now));
    for (let n = 0; n < 100; n++) {
      compute(2);
      await turns.give();
    }
    expect(given).toEqual([26, 52, 78, 104, 130, 156, 182]);
  });

  it('let what waits be done', async () => {
    let isDone = false;
    const turns = new Turns();
    setTimeout(() => {
      isDone = true;
    });
    compute(24);
    await turns.give();
    expect(isDone).toBe(false);
    compute(1);
    await turns.give();
    expect(isDone).toBe(true);
  });

  it('end a computation by an error', async () => {
    const turns = new Turns(() => {
      throw new Error('stopped');
    });
    await turns.give();
    compute(40);
    await expect(turns.give()).rejects.toThrow('stopped');
  });
});

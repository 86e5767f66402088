import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  claimChunk,
  completeUnits,
  waitUntilDone,
  wakeSleepers,
} from '../../../src/cpu/threads/barrier.js';
import * as w from '../../../src/cpu/threads/layout.js';

afterEach(() => vi.restoreAllMocks());

const COMMAND = 1024;

/** A command of so many units, in chunks of so many. */
function command(total: number, chunk: number): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(2 * w.CONTROL_BYTES));
  words[COMMAND + w.TOTAL] = total;
  words[COMMAND + w.CHUNK] = chunk;
  return words;
}

describe('chunks', () => {
  it('are claimed once each, until none are left', () => {
    const words = command(7, 3);
    const claimed = Array.from({ length: 5 }, () => claimChunk(words, COMMAND));
    expect(claimed).toEqual([0, 3, 6, -1, -1]);
  });

  it('of a command without units are none, and it is done at once', () => {
    const words = command(0, 1);
    expect(claimChunk(words, COMMAND)).toBe(-1);
    expect(waitUntilDone(words, COMMAND)).toBe(0);
  });

  it('say which of them was the last to be done', () => {
    const words = command(7, 3);
    expect([3, 1, 3].map((units) => completeUnits(words, COMMAND, units))).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe('a thread that waits', () => {
  it('sleeps until the last is done, through whatever wakes it before', () => {
    const words = command(9, 3);
    completeUnits(words, COMMAND, 3);
    const slept: number[] = [];
    vi.spyOn(Atomics, 'wait').mockImplementation((_words, index, value) => {
      slept.push(index, Number(value));
      completeUnits(words, COMMAND, 3);
      return 'ok';
    });
    expect(waitUntilDone(words, COMMAND)).toBeGreaterThan(0);
    expect(slept).toEqual([COMMAND + w.DONE, 3, COMMAND + w.DONE, 6]);
    expect(words[w.SLEEPERS]).toBe(0);
  });

  it('is woken by the last, who wakes nobody where nobody sleeps', () => {
    const words = command(2, 1);
    const notify = vi.spyOn(Atomics, 'notify');
    vi.spyOn(Atomics, 'wait').mockImplementation(() => {
      completeUnits(words, COMMAND, 1);
      wakeSleepers(words, COMMAND);
      return 'ok';
    });
    completeUnits(words, COMMAND, 1);
    waitUntilDone(words, COMMAND);
    expect(notify.mock.calls).toEqual([[words, COMMAND + w.DONE]]);
    wakeSleepers(words, COMMAND);
    expect(notify).toHaveBeenCalledTimes(1);
  });
});

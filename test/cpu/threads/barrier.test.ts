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

/** The words of a command of `total` units in chunks of `chunk`. */
function command(total: number, chunk: number): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(2 * w.CONTROL_BYTES));
  words[COMMAND + w.TOTAL] = total;
  words[COMMAND + w.CHUNK] = chunk;
  return words;
}

describe('chunks', () => {
  it('are each claimed once, until there are none', () => {
    const words = command(7, 3);
    const claimed = Array.from({ length: 5 }, () => claimChunk(words, COMMAND));
    expect(claimed).toEqual([0, 3, 6, -1, -1]);
  });

  it('do not exist for a command without units, which is done at once', () => {
    const words = command(0, 1);
    expect(claimChunk(words, COMMAND)).toBe(-1);
    expect(waitUntilDone(words, COMMAND)).toBe(0);
  });

  it('are reported as the last one when all units are done', () => {
    const words = command(7, 3);
    expect([3, 1, 3].map((units) => completeUnits(words, COMMAND, units))).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe('a thread that waits', () => {
  it('sleeps until the last unit is done, even if it is woken earlier', () => {
    const words = command(9, 3);
    completeUnits(words, COMMAND, 3);
    const waits: number[] = [];
    vi.spyOn(Atomics, 'wait').mockImplementation((_words, index, value) => {
      waits.push(index, Number(value));
      completeUnits(words, COMMAND, 3);
      return 'ok';
    });
    expect(waitUntilDone(words, COMMAND)).toBeGreaterThan(0);
    expect(waits).toEqual([COMMAND + w.DONE, 3, COMMAND + w.DONE, 6]);
    expect(words[w.SLEEPERS]).toBe(0);
  });

  it('is woken by the last thread, which notifies only if a thread sleeps', () => {
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

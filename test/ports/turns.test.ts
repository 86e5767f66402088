import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/ports/turns.js';

/** Computes for some milliseconds. */
function compute(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe('turns of the event loop', () => {
  it('come in during a long computation, but not after each short one', async () => {
    let [ticks, given] = [0, 0];
    const timer = setInterval(() => {
      ticks += 1;
    }, 1);
    const turns = new Turns(() => {
      given += 1;
    });
    for (let n = 0; n < 100; n++) {
      compute(2);
      await turns.give();
    }
    clearInterval(timer);
    expect(given).toBeGreaterThan(3);
    expect(given).toBeLessThan(15);
    expect(ticks).toBeGreaterThanOrEqual(given - 1);
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

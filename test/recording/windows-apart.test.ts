import { describe, expect, it } from 'vitest';
import { countApart, pairsApart } from '../../src/recording/windows-apart.js';

const windows = (trialIndex: number, ends: readonly number[]) =>
  ends.map((end) => ({ trialIndex, end }));

describe('pairs of windows', () => {
  it('are of a window and the first that ends so many seconds later, in its trial', () => {
    const refs = [...windows(0, [1, 1.5, 2, 2.5]), ...windows(1, [1, 2])];
    expect(pairsApart(refs, 1)).toEqual([
      [0, 2],
      [1, 3],
      [4, 5],
    ]);
  });

  it('bear with the rounding of steps', () => {
    const refs = windows(
      0,
      Array.from({ length: 30 }, (_, n) => n * 0.05),
    );
    expect(pairsApart(refs, 1)).toHaveLength(10);
    expect(pairsApart(refs, 1)[9]).toEqual([9, 29]);
  });

  it('do not reach over gaps', () => {
    expect(pairsApart(windows(0, [0, 5, 6]), 1)).toEqual([[1, 2]]);
    expect(pairsApart(windows(0, [0, 2]), 1)).toEqual([]);
    expect(pairsApart([], 1)).toEqual([]);
  });
});

describe('windows that share no spikes', () => {
  it('are counted one span apart, and anew in each trial', () => {
    const steps = Array.from({ length: 61 }, (_, n) => n * 0.05);
    expect(countApart(windows(0, steps), 1)).toBe(4);
    expect(countApart([...windows(0, steps), ...windows(1, [0.1])], 1)).toBe(5);
    expect(countApart([], 1)).toBe(0);
  });
});

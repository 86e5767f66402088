import { describe, expect, it } from 'vitest';
import { RateSchedule } from '../../src/nn/schedule.js';
import { goldenJson } from '../helpers/golden.js';

interface Run {
  learning_rate: number;
  lr_decay: boolean;
  warmup_tokens: number;
  final_tokens: number;
  tokens_per_step: number[];
  rate_used_at_each_step: number[];
}

/** The rate of each of a series of updates, given the tokens in each. */
function ratesOver(schedule: RateSchedule, sizes: readonly number[]): number[] {
  let seen = 0;
  return sizes.map((size) => {
    const rate = schedule.rate(seen, size);
    seen += size;
    return rate;
  });
}

describe('the original’s learning rate', () => {
  it.each(goldenJson<{ runs: Run[] }>('schedule.json').runs)(
    'is reproduced at every update: warm-up $warmup_tokens of $final_tokens, decay $lr_decay',
    (run) => {
      const schedule = new RateSchedule({
        rate: run.learning_rate,
        warmup: run.warmup_tokens,
        total: run.lr_decay ? run.final_tokens : undefined,
        original: true,
      });
      const rates = ratesOver(schedule, run.tokens_per_step);
      expect(rates.length).toBe(12);
      for (const [n, rate] of rates.entries())
        expect(Math.abs(rate - run.rate_used_at_each_step[n]!), `update ${n}`).toBeLessThan(1e-9);
    },
  );
});

describe('the learning rate', () => {
  it('rises from the first update on, falls along half a cosine, and stays at its floor', () => {
    const schedule = new RateSchedule({ rate: 2, warmup: 10, total: 110, floor: 0.1 });
    const rates = ratesOver(schedule, [5, 5, 50, 50, 1000]);
    expect(rates).toEqual([1, 2, expect.closeTo(1, 12), 0.2, 0.2]);
  });

  it('stays constant without a total amount of training', () => {
    const schedule = new RateSchedule({ rate: 0.3, warmup: 0 });
    expect(ratesOver(schedule, [1, 1, 1e6])).toEqual([0.3, 0.3, 0.3]);
  });
});

import { describe, expect, it } from 'vitest';
import { scoreWithIntervals } from '../../src/analyze/decoding-scores.js';

describe('scores of decoded variables', () => {
  it('have no intervals if all windows form one block', () => {
    const truth = Float64Array.from({ length: 30 }, (_, n) => n);
    const perfect = { name: 'x', kind: 'number' as const, truth, predicted: truth };
    const { r } = scoreWithIntervals(perfect, { segments: [30], block: 40, seed: 1 });
    expect(r).toEqual({ value: 1, low: Number.NaN, high: Number.NaN });
    const twoBlocks = scoreWithIntervals(perfect, { segments: [15, 15], block: 40, seed: 1 });
    expect(twoBlocks.r!.low).toBeCloseTo(1, 9);
  });

  it('have no correlation with a constant truth', () => {
    const constant = {
      name: 'x',
      kind: 'number' as const,
      truth: new Float64Array(30),
      predicted: Float64Array.from({ length: 30 }, (_, n) => n),
    };
    const scores = scoreWithIntervals(constant, { segments: [30], block: 5, seed: 1 });
    expect(scores.r!.value).toBeNaN();
    expect(scores.rmse!.value).toBeGreaterThan(0);
  });
});

import { describe, expect, it } from 'vitest';
import type { DecodedVariable } from '../../src/analyze/decoded-variable.js';
import { scoreBeside, scoreWithIntervals } from '../../src/analyze/decoding-scores.js';
import { HostRandom } from '../../src/math/random.js';

describe('scores of decoded variables', () => {
  it('have no intervals if all windows form one block', () => {
    const truth = Float64Array.from({ length: 30 }, (_, n) => n);
    const perfect = { name: 'x', kind: 'number' as const, truth, predicted: truth };
    const { r } = scoreWithIntervals(perfect, { segments: [30], block: 40, seed: 1 });
    expect(r).toEqual({ value: 1, low: Number.NaN, high: Number.NaN });
    const twoBlocks = scoreWithIntervals(perfect, { segments: [15, 15], block: 40, seed: 1 });
    expect(twoBlocks.r!.low).toBeCloseTo(1, 9);
  });

  it('leave out stretches in which a number rests, whatever the noise', () => {
    const random = new HostRandom(2);
    const moves = (n: number) => Math.floor(n / 20) % 5 === 0;
    const truth = Float64Array.from({ length: 400 }, (_, n) =>
      moves(n) ? 10 * random.uniform() : 1e-10 * random.normal(),
    );
    const predicted = truth.map((value) => value + 0.5 * random.normal());
    const variable = { name: 'x', kind: 'number' as const, truth, predicted };
    const { r2 } = scoreWithIntervals(variable, { segments: [60, 40, 40], block: 20, seed: 1 });
    expect(r2!.low).toBeGreaterThan(-1);
    expect(r2!.low).toBeLessThan(r2!.value);
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

describe('the difference between two decoders', () => {
  const differenceWithInterval = (
    variable: DecodedVariable,
    other: DecodedVariable,
    how: typeof blocks,
  ) => scoreBeside(other, variable, how).otherMinusThis;
  const BLOCK = 10;
  const [ROWS, blocks] = [400, { segments: [400], block: BLOCK, seed: 1 }];
  const random = new HostRandom(3);
  const truth = Float64Array.from({ length: ROWS }, () => random.normal());
  /** Errors of any decoder: some stretches are hard. */
  const hard = truth.map((_, n) => (Math.floor(n / 40) % 3 === 0 ? 3 : 0.3) * random.normal());
  const decoder = (error: number) => ({
    name: 'x',
    kind: 'number' as const,
    truth,
    predicted: truth.map((value, n) => value + hard[n]! + error * random.normal()),
  });
  const [better, worse] = [decoder(0), decoder(1)];

  it('is that of their scores, and may be certain where their intervals overlap', () => {
    const [high, low] = [better, worse].map((variable) => scoreWithIntervals(variable, blocks).r!);
    expect(low!.high).toBeGreaterThan(high!.low);
    const difference = differenceWithInterval(better, worse, blocks);
    expect(difference.value).toBeCloseTo(high!.value - low!.value, 12);
    expect(difference.low).toBeGreaterThan(0);
    const reverse = differenceWithInterval(worse, better, blocks);
    expect(reverse.value).toBeCloseTo(-difference.value, 12);
    expect(reverse.high).toBeLessThan(0);
  });

  it('comes with the scores that each has by itself', () => {
    const { scores } = scoreBeside(worse, better, blocks);
    expect(scores).toEqual(scoreWithIntervals(worse, blocks));
  });

  it('is exactly 0 from itself', () => {
    expect(differenceWithInterval(better, better, blocks)).toEqual({ value: 0, low: 0, high: 0 });
  });

  it('contains 0 in most repetitions of decoders that are equally good', () => {
    const told = Array.from({ length: 40 }, () => {
      const { low, high } = differenceWithInterval(decoder(1), decoder(1), blocks);
      return low > 0 || high < 0;
    });
    expect(told.filter(Boolean).length).toBeLessThanOrEqual(6);
  });

  it('does not exist where a score does not', () => {
    const constant = { ...better, predicted: new Float64Array(ROWS) };
    expect(differenceWithInterval(better, constant, blocks).value).toBeNaN();
  });
});

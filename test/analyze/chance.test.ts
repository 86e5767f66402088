import { describe, expect, it } from 'vitest';
import { chanceDecoders } from '../../src/analyze/chance.js';
import type { DecodedVariable } from '../../src/analyze/decoded-variable.js';
import { scoreVariable } from '../../src/analyze/decoding-scores.js';

const numbers = (truth: number[], predicted = truth): DecodedVariable => ({
  name: 'speed',
  kind: 'number',
  truth: Float64Array.from(truth),
  predicted: Float64Array.from(predicted),
});
const angles = (truth: number[], predicted = truth): DecodedVariable =>
  ({
    ...numbers(truth, predicted),
    name: 'heading',
    kind: 'angle',
    period: 360,
  }) as DecodedVariable;
const classes = (truth: string[], predicted = truth): DecodedVariable => ({
  name: 'choice',
  kind: 'class',
  truth,
  predicted,
});

describe('chance', () => {
  it('is the mean of training, the mean direction, the commonest class', () => {
    const [constant] = chanceDecoders(
      [numbers([1, 2, 6]), angles([350, 10, 20]), classes(['left', 'right', 'right'])],
      [numbers([7, 8]), angles([1, 2]), classes(['left', 'left'])],
    );
    expect(constant).toMatchObject({ name: 'chance', detail: 'mean, commonest class of training' });
    const [speed, heading, choice] = constant!.variables;
    expect([...speed!.predicted]).toEqual([3, 3]);
    expect([...speed!.truth]).toEqual([7, 8]);
    for (const angle of heading!.predicted as Float64Array) expect(angle).toBeCloseTo(6.6, 0);
    expect(choice!.predicted).toEqual(['right', 'right']);
  });

  it('is what was decoded at other times, in random order', () => {
    const truth = Array.from({ length: 400 }, (_, n) => Math.sin(n / 10));
    const labels = truth.map((value) => (value > 0.5 ? 'up' : 'down'));
    const own = [numbers(truth), classes(labels)];
    const [constant, shuffled] = chanceDecoders(own, own);
    expect(constant!.detail).toBe('mean, commonest class of training');
    expect(shuffled!.name).toBe('chance, shuffled');
    const [speed, choice] = shuffled!.variables;
    expect([...(speed!.predicted as Float64Array)].sort()).toEqual([...truth].sort());
    expect(Math.abs(scoreVariable(speed!).r!)).toBeLessThan(0.15);
    const share = labels.filter((label) => label === 'up').length / 400;
    expect(scoreVariable(choice!).accuracy).toBeCloseTo(share ** 2 + (1 - share) ** 2, 1);
    expect(chanceDecoders(own, own)).toEqual([constant, shuffled]);
    const [onlyNumbers] = chanceDecoders([numbers([1])], [numbers([1])]);
    expect(onlyNumbers!.detail).toBe('mean of training');
  });
});

import { describe, expect, it } from 'vitest';
import { arange, roundHalfEven, roundToStep } from '../../src/math/rounding.js';
import {
  ClassVocabulary,
  NeuronVocabulary,
  TimeVocabulary,
} from '../../src/recording/vocabularies.js';

describe('rounding', () => {
  it('rounds halves to the even number, also below zero', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, 2.5001].map(roundHalfEven)).toEqual([
      0, 2, 2, 0, -2, 2, 3,
    ]);
    expect(roundToStep(0.025, 0.01)).toBe(0.02);
  });

  it('makes ranges as long as NumPy does', () => {
    expect(arange(0, 0.3, 0.1).length).toBe(3);
    expect(arange(0, 0.05 + 0.01, 0.01).length).toBe(6);
    expect(arange(1, 1, 0.1).length).toBe(0);
  });
});

describe('vocabularies', () => {
  it('decode what they encode, and special tokens to undefined', () => {
    const times = new TimeVocabulary(0.01, 0.05, 0.15);
    expect(times.values.map((value) => times.decode(times.encode(value)))).toEqual(times.values);
    expect([times.SOS, times.EOS, times.PAD].map((token) => times.decode(token))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const ids = new NeuronVocabulary(3);
    expect([-1, 0, 2, 3].map((token) => ids.isNeuron(token))).toEqual([false, true, true, false]);
  });

  it('round a classified number to the nearest step between the smallest and the largest value', () => {
    const gait = new ClassVocabulary([1.5, 0, 0.5, 3], 0.5);
    expect(gait.values).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3]);
    expect([0, 1.6, 3].map((value) => gait.encode(value))).toEqual([0, 3, 6]);
    expect(gait.decode(1)).toBe(0.5);
  });

  it('find a class for every sample, whatever the resolution', () => {
    const samples = Array.from({ length: 8 }, (_, n) => n * 0.7853981634 - Math.PI);
    for (const resolution of [0.7853981634, Math.PI / 4, 0.1, 1 / 3]) {
      const classes = new ClassVocabulary(samples, resolution);
      for (const value of samples) expect(classes.find(value), `${value}`).toBeTypeOf('number');
    }
  });

  it('reject what they cannot represent, and say why', () => {
    expect(() => new NeuronVocabulary(0)).toThrow('needs at least one, but has 0');
    expect(() => new TimeVocabulary(0, 0.1, 0.1)).toThrow(
      'resolution.dt should be above 0 seconds, but is 0',
    );
    expect(() => new ClassVocabulary([])).toThrow('needs at least one value');
    expect(() => new ClassVocabulary(['left'], 0.5)).toThrow('needs numbers, but has "left"');
    expect(() => new ClassVocabulary(['left', 'right']).encode('up')).toThrow(
      '"up" is not one of the classes left, right.',
    );
  });
});

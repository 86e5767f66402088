import { describe, expect, it } from 'vitest';
import { arange, roundHalfEven, roundToStep } from '../../src/data/rounding.js';
import {
  type ClassValue,
  ClassVocabulary,
  NeuronVocabulary,
  TimeVocabulary,
} from '../../src/data/tokens.js';
import { goldenJson } from '../helpers/golden.js';

type Token = number | 'SOS' | 'EOS' | 'PAD';

interface Golden {
  vocabularies: {
    neurons: number;
    window_curr: number;
    window_prev: number;
    dt: number;
    ID: Token[];
    dt_tokens: Token[];
  }[];
  encode_dt: { dt: number; values: number[]; tokens: number[] }[];
  variables: Record<
    string,
    { given: ClassValue[]; resolution: number | null; tokens: ClassValue[] }
  >;
}

const golden = goldenJson<Golden>('tokenizer.json');

describe('rounding', () => {
  it('takes halves to the even number, below zero too', () => {
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
  it.each(golden.vocabularies)(
    'are the original’s for $neurons neurons, windows $window_curr and $window_prev, dt $dt',
    (v) => {
      const ids = new NeuronVocabulary(v.neurons);
      expect([...Array(v.neurons).keys(), 'SOS', 'EOS', 'PAD']).toEqual(v.ID);
      expect([ids.SOS, ids.EOS, ids.PAD]).toEqual(
        ['SOS', 'EOS', 'PAD'].map((s) => v.ID.indexOf(s as Token)),
      );
      expect(ids.size).toBe(v.ID.length);
      const times = new TimeVocabulary(v.dt, v.window_curr, v.window_prev);
      expect([...times.values, 'SOS', 'EOS', 'PAD']).toEqual(v.dt_tokens);
      expect([times.SOS, times.EOS, times.PAD]).toEqual(
        ['SOS', 'EOS', 'PAD'].map((s) => v.dt_tokens.indexOf(s as Token)),
      );
      expect(times.size).toBe(v.dt_tokens.length);
    },
  );

  it('encode times as the original does, each of its examples', () => {
    expect(golden.encode_dt.length).toBe(golden.vocabularies.length);
    for (const [n, { values, tokens }] of golden.encode_dt.entries()) {
      const { dt, window_curr, window_prev } = golden.vocabularies[n]!;
      const times = new TimeVocabulary(dt, window_curr, window_prev);
      expect(
        values.map((value) => times.encode(value)),
        `dt ${dt}`,
      ).toEqual(tokens);
    }
  });

  it('decode what they encode, and specials to nothing', () => {
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

  it.each(Object.entries(golden.variables))(
    'of the classified variable %s are the original’s',
    (_, { given, resolution, tokens }) => {
      const classes = new ClassVocabulary(given, resolution ?? undefined);
      expect([...classes.values, 'SOS', 'EOS', 'PAD']).toEqual(tokens);
      expect(given.map((value) => classes.encode(value))).toEqual(
        given.map((value) => tokens.indexOf(value)),
      );
      expect(classes.decode(0)).toBe(tokens[0]);
    },
  );

  it('refuse what they cannot hold, in a sentence', () => {
    expect(() => new NeuronVocabulary(0)).toThrow('needs at least one, but has 0');
    expect(() => new TimeVocabulary(0, 0.1, 0.1)).toThrow(
      'resolution.dt should be above 0 seconds, but is 0',
    );
    expect(() => new ClassVocabulary([])).toThrow('needs at least one value');
    expect(() => new ClassVocabulary(['left'], 0.5)).toThrow('needs numbers, but has "left"');
    expect(() => new ClassVocabulary(['left', 'right']).encode('up')).toThrow(
      '"up" is none of the classes left, right.',
    );
  });
});

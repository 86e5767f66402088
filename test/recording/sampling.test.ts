import { describe, expect, it } from 'vitest';
import { assembleRecording, createRecording, type Trial } from '../../src/recording/recording.js';
import { SPLIT_PARTS, splitWindows } from '../../src/recording/splits.js';
import {
  ClassVocabulary,
  NeuronVocabulary,
  TimeVocabulary,
} from '../../src/recording/vocabularies.js';
import { PAPER_RULES, type WindowSettings, Windows } from '../../src/recording/windows.js';

type VariableSettings = WindowSettings['variables'];

const settings = (variables: VariableSettings): WindowSettings => ({
  current: 0.1,
  past: 0.1,
  block: 10,
  pastBlock: 10,
  ids: new NeuronVocabulary(1),
  times: new TimeVocabulary(0.01, 0.1, 0.1),
  variables,
  rules: PAPER_RULES,
});

const trial = (id: number, variables: Trial['variables']): Trial => ({
  id,
  start: 10 * id,
  duration: 2,
  spikes: { times: [Float64Array.of(0.5)] },
  variables,
});

const rising = { values: Float64Array.from({ length: 20 }, (_, n) => n), dt: 0.1 };
const speed = { name: 'speed', window: 0.1, dt: 0.1 };

describe('variables of windows', () => {
  it('of which trials have different ones are those of trials that have all', () => {
    const both = { left: rising, right: rising };
    const sides = ['left', 'right'].map((name) => ({ ...speed, name }));
    const some = assembleRecording('a', [trial(0, { left: rising }), trial(1, both)]);
    const windows = new Windows(some, settings(sides));
    expect([0, 1].map((n) => windows.windowsInTrial(n).length)).toEqual([0, 20]);
    const none = assembleRecording('b', [
      trial(0, { left: rising }),
      trial(1, { right: rising }),
      trial(2, { left: rising }),
    ]);
    expect(() => new Windows(none, settings(sides))).toThrow(
      'None of the 3 trials has all variables that the configuration names: left in 2, right in 1. Name those that trials have together.',
    );
  });

  it('are over when the window ends, wherever its end lies between their samples', () => {
    const windows = new Windows(
      assembleRecording('a', [trial(0, { speed: rising })]),
      settings([speed]),
    );
    // Sample n is of the 0.1 s from n tenths on.
    const last = (end: number) => windows.variables({ trialIndex: 0, end }).speed!.values.at(-1);
    expect([1, 1.04, 1.06, 1.09, 1.1].map(last)).toEqual([9, 9, 9, 9, 10]);
  });

  it('that are coarser than windows do not stand in two parts of a split', () => {
    const slow = { name: 'speed', window: 0.1, dt: 0.3 };
    const values = Float64Array.from({ length: 67 }, (_, n) => n);
    const recording = createRecording({
      spikes: { times: [Float64Array.of(0.5)] },
      variables: { speed: { values, dt: 0.3 } },
      duration: 20,
    });
    const windows = new Windows(recording, settings([slow]));
    const fractions = { train: 0.7, validation: 0.1, test: 0.2 };
    const split = splitWindows(windows, { kind: 'blocks', fractions }, 0.02);
    const samples = SPLIT_PARTS.flatMap((part) => [
      ...new Set(split[part].map((ref) => windows.variables(ref).speed!.values.at(-1))),
    ]);
    expect(new Set(samples).size).toBe(samples.length);
    expect(samples.length).toBeGreaterThan(60);
  });

  it('that hold until they change have no holes, and numbers have', () => {
    const codes = { values: [1, 2, 1, 2, 1], times: [0, 0.1, 0.2, 1.7, 1.8] };
    const recording = assembleRecording('a', [trial(0, { code: codes })]);
    const code = { name: 'code', window: 0.1, dt: 0.1 };
    const classes = new ClassVocabulary([1, 2]);
    const held = new Windows(recording, settings([{ ...code, classes }]));
    expect(held.windowsInTrial(0)).toHaveLength(20);
    expect(held.lacking()).toEqual({});
    const sampled = new Windows(recording, settings([code]));
    const there = sampled.windowsInTrial(0);
    expect(there.map(({ end }) => end).filter((end) => end > 0.4 && end < 1.7)).toEqual([]);
    expect(there.length).toBeGreaterThan(2);
    expect(sampled.lacking()).toEqual({ code: 20 - there.length });
  });

  it('that go round at another turn than recorded are refused', () => {
    const heading = { values: [350, 10, 20], dt: 0.1, period: 360 };
    const recording = assembleRecording('a', [trial(0, { heading })]);
    const setting = { name: 'heading', window: 0.1, dt: 0.1 };
    expect(() => new Windows(recording, settings([{ ...setting, period: 2 * Math.PI }]))).toThrow(
      'A full turn of heading is 360 in the recording, but 6.28319 in the configuration: give it period: 360.',
    );
    const windows = new Windows(recording, settings([{ ...setting, period: 360 }]));
    expect(windows.windowsInTrial(0).length).toBeGreaterThan(0);
  });
});

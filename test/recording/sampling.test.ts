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

const ramp = { values: Float64Array.from({ length: 20 }, (_, n) => n), dt: 0.1 };
const speed = { name: 'speed', window: 0.1, dt: 0.1 };

describe('the variables of windows', () => {
  it('must all be in a trial, or it has no windows', () => {
    const both = { left: ramp, right: ramp };
    const sides = ['left', 'right'].map((name) => ({ ...speed, name }));
    const oneHasBoth = assembleRecording('a', [trial(0, { left: ramp }), trial(1, both)]);
    const windows = new Windows(oneHasBoth, settings(sides));
    expect([0, 1].map((n) => windows.windowsInTrial(n).length)).toEqual([0, 20]);
    const noneHasBoth = assembleRecording('b', [
      trial(0, { left: ramp }),
      trial(1, { right: ramp }),
      trial(2, { left: ramp }),
    ]);
    expect(() => new Windows(noneHasBoth, settings(sides))).toThrow(
      'None of the 3 trials has all variables of the configuration (left in 2, right in 1): configure only variables that occur together in a trial.',
    );
  });

  it('are complete samples only, also where a window ends between two samples', () => {
    const windows = new Windows(
      assembleRecording('a', [trial(0, { speed: ramp })]),
      settings([speed]),
    );
    // Sample n covers the 0.1 s from n / 10 s on.
    const lastSample = (end: number) =>
      windows.samplesAt({ trialIndex: 0, end }).speed!.values.at(-1);
    expect([1, 1.04, 1.06, 1.09, 1.1].map(lastSample)).toEqual([9, 9, 9, 9, 10]);
  });

  it('have no sample in two parts of a split, also if samples are longer than windows', () => {
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
      ...new Set(split[part].map((ref) => windows.samplesAt(ref).speed!.values.at(-1))),
    ]);
    expect(new Set(samples).size).toBe(samples.length);
    expect(samples.length).toBeGreaterThan(60);
  });

  it('have gaps if they are numbers, but not if they are classes that hold until the next', () => {
    const codes = { values: [1, 2, 1, 2, 1], times: [0, 0.1, 0.2, 1.7, 1.8] };
    const recording = assembleRecording('a', [trial(0, { code: codes })]);
    const code = { name: 'code', window: 0.1, dt: 0.1 };
    const classes = new ClassVocabulary([1, 2]);
    const asClasses = new Windows(recording, settings([{ ...code, classes }]));
    expect(asClasses.windowsInTrial(0)).toHaveLength(20);
    expect(asClasses.list().missing).toEqual({});
    const asNumbers = new Windows(recording, settings([code]));
    const refs = asNumbers.windowsInTrial(0);
    expect(refs.map(({ end }) => end).filter((end) => end > 0.4 && end < 1.7)).toEqual([]);
    expect(refs.length).toBeGreaterThan(2);
    expect(asNumbers.list().missing).toEqual({ code: 20 - refs.length });
  });

  it('are rejected if their full turn differs from the recorded one', () => {
    const heading = { values: [350, 10, 20], dt: 0.1, period: 360 };
    const recording = assembleRecording('a', [trial(0, { heading })]);
    const setting = { name: 'heading', window: 0.1, dt: 0.1 };
    expect(() => new Windows(recording, settings([{ ...setting, period: 2 * Math.PI }]))).toThrow(
      'A full turn of heading is 360 in the recording, but 6.28319 in the configuration: set its period to 360.',
    );
    const windows = new Windows(recording, settings([{ ...setting, period: 360 }]));
    expect(windows.windowsInTrial(0).length).toBeGreaterThan(0);
  });
});

import { describe, expect, it } from 'vitest';
import { runLengths } from '../../src/analyze/decoded-variable.js';
import { scoreWithIntervals } from '../../src/analyze/decoding-scores.js';
import {
  type BaselineResult,
  type SpikeBaseline,
  spikeBaselines,
} from '../../src/analyze/spike-baselines.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { recordedValues } from '../../src/probe/decode.js';
import type { WindowRef } from '../../src/recording/windows.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { behaviorRecording, DECODING } from '../helpers/behavior.js';

const SPLIT = { fractions: { train: 0.7, validation: 0.1, test: 0.2 } };

/** Windows that end every 0.1 s, of tuned neurons. */
function prepareWindows(seconds = 60) {
  const { config } = parseConfig(DECODING);
  const settings = parseTrainSettings({ every: 0.1, split: SPLIT });
  return prepareTrainingData(behaviorRecording(seconds), config, settings);
}

/** The results of baselines, fitted in their order. */
async function fitAll(baselines: readonly SpikeBaseline[]): Promise<BaselineResult[]> {
  const results: BaselineResult[] = [];
  for (const baseline of baselines) results.push(await baseline.decode());
  return results;
}

describe('baselines on spike counts', () => {
  it('decode place and heading from tuned neurons, all far better than chance', async () => {
    const { windows, layout, split } = prepareWindows();
    const truth = (refs: readonly WindowRef[]) => recordedValues(layout, windows, refs);
    const inputs = { windows, truth, train: split.train, test: split.test, bin: 0.1 };
    const results = await fitAll(spikeBaselines({ ...inputs, histories: [1, 2] }));
    expect(results.map(({ name }) => name)).toEqual([
      'ridge, 0.1 s',
      'ridge, 0.2 s',
      'lasso, 0.2 s',
      'GLM, identity link, 0.2 s',
      'Poisson Bayes, rates of 0.1 s',
      'Poisson Bayes, rates of its window',
    ]);
    const blocks = { segments: runLengths(split.test), block: 20, seed: 1 };
    const scoresByMethod = new Map(
      results.map(({ name, variables }) => [
        name,
        Object.fromEntries(
          variables!.map((variable) => [variable.name, scoreWithIntervals(variable, blocks)]),
        ),
      ]),
    );
    for (const [name, { place, heading }] of scoresByMethod) {
      expect(place!.r2!.value, name).toBeGreaterThan(0.7);
      expect(heading!.median!.value, name).toBeLessThan(25);
      expect(place!.r2!.low).toBeLessThanOrEqual(place!.r2!.value);
    }
  });

  it('have Poisson Bayes once where counts are of one bin', () => {
    const { windows, layout, split } = prepareWindows(20);
    const truth = (refs: readonly WindowRef[]) => recordedValues(layout, windows, refs);
    const inputs = { windows, truth, train: split.train, test: split.test, bin: 0.1 };
    const names = spikeBaselines({ ...inputs, histories: [1] }).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('Poisson'))).toEqual([
      'Poisson Bayes, rates of its window',
    ]);
  });

  it('without enough windows to fit on have no variables, but a reason', async () => {
    const { windows, layout, split } = prepareWindows(10);
    const truth = (refs: readonly WindowRef[]) => recordedValues(layout, windows, refs);
    const inputs = { windows, truth, train: split.train, test: split.test, bin: 0.1 };
    const results = await fitAll(spikeBaselines({ ...inputs, histories: [2, 60] }));
    const fitted = results.map(({ name, variables }) => [name, variables !== undefined]);
    expect(fitted).toEqual([
      ['ridge, 0.2 s', true],
      ['ridge, 6 s', true],
      ['lasso, 6 s', false],
      ['GLM, identity link, 6 s', false],
      ['Poisson Bayes, rates of 0.1 s', false],
      ['Poisson Bayes, rates of its window', false],
    ]);
    const lasso = results.find(({ name }) => name === 'lasso, 6 s');
    expect(lasso!.detail).toMatch(/^of 70 windows, none are left to fit on/);
  });
});

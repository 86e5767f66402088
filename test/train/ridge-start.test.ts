import { describe, expect, it } from 'vitest';
import { laggedCounts } from '../../src/analyze/lagged.js';
import { choosePenalty } from '../../src/analyze/penalties.js';
import { modelSizes } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { startAtRidge } from '../../src/train/ridge-start.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { behaviorRecording, DECODING } from '../helpers/behavior.js';
import { useEngine } from '../helpers/engine.js';

const BINS = 4;
const getEngine = useEngine();

/** A model whose readout has started at ridge regression, and what it was fitted to. */
function started(seconds: number, train: number) {
  const variables = {
    ...DECODING.modalities.behavior.variables,
    side: { dt: 0.1, predict: true, objective: 'classification' },
  };
  const behavior = { ...DECODING.modalities.behavior, variables };
  const { config } = parseConfig({
    ...DECODING,
    modalities: { behavior },
    readout: { bins: BINS },
  });
  const settings = parseTrainSettings({
    split: { fractions: { train, validation: 0, test: 1 - train } },
  });
  const data = prepareTrainingData(behaviorRecording(seconds), config, settings);
  const store = new ParameterStore();
  const model = new Neuroformer(store, config, modelSizes(data.tokenizer));
  store.allocate(getEngine(), 1);
  const notes = startAtRidge(model, data);
  return { model, data, notes, store };
}

describe('the linear path of a readout', () => {
  it('starts as the ridge regression of each number and angle alone', async () => {
    const { model, data, notes, store } = started(60, 0.8);
    const { windows, split, layout } = data;
    const design = laggedCounts(windows, split.train, { bin: 0.05, count: BINS });
    const penalties: Record<string, readonly number[]> = {};
    for (const { name, setting } of layout.variables.filter(({ name }) => name !== 'side')) {
      const scale = layout.variableScale({ name, setting });
      const encoded = split.train.map((ref) =>
        scale.encode(windows.samplesAt(ref)[name]!.values.at(-1)!),
      );
      const targets = encoded[0]!.map((_, n) => Float64Array.from(encoded, (parts) => parts[n]!));
      const grid = [1, 10, 100, 1e3, 1e4, 1e5, 1e6];
      const ridge = choosePenalty('ridge', design, targets, { grid, gap: 2 });
      const { weight, bias } = model.readout!.counts[name]!;
      const slopes = targets.flatMap((_, n) => [...ridge.model.raw(n).slopes]);
      const [weights, constants] = [await weight.tensor.floats(), await bias.tensor.floats()];
      for (const [n, value] of weights.entries())
        expect(value * layout.countScale).toBeCloseTo(slopes[n]!, 5);
      for (const [n, value] of constants.entries())
        expect(value).toBeCloseTo(ridge.model.raw(n).constant, 5);
      penalties[name] = ridge.penalties;
    }
    expect(notes).toEqual(
      ['place', 'heading'].map(
        (name) =>
          `${name} starts as ridge regression on 4 bins of 0.05 s, penalty ${penalties[name]!.join(', ')}.`,
      ),
    );
    expect(new Set(await model.readout!.counts.side!.weight.tensor.floats())).toEqual(new Set([0]));
    store.dispose();
  });

  it('starts at 0 where there are too few windows, which is noted', async () => {
    const { model, notes, store } = started(0.8, 0.4);
    expect(notes).toEqual(
      ['place', 'heading'].map((name) =>
        expect.stringMatching(`^${name} starts without ridge regression: of \\d windows, none`),
      ),
    );
    expect(new Set(await model.readout!.counts.place!.weight.tensor.floats())).toEqual(
      new Set([0]),
    );
    store.dispose();
  });
});

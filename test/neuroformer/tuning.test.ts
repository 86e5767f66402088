import { describe, expect, it } from 'vitest';
import { fitBayes } from '../../src/analyze/bayes.js';
import { laggedCounts } from '../../src/analyze/lagged.js';
import { modelSizes } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { TrainingStep } from '../../src/neuroformer/step.js';
import { tuningWeights } from '../../src/neuroformer/tuning.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import type { WindowRef } from '../../src/recording/windows.js';
import { useEngine } from '../helpers/engine.js';
import { maxDifference, NEURONS, TINY, TinyNeuroformer } from '../helpers/tiny-neuroformer.js';

const engine = useEngine();

/** Predicts a number, an angle and a class from counts in a window of 0.15 s. */
function withTuning(readout: object, variables: object = {}) {
  return {
    ...TINY,
    readout: { blocks: 0, hidden: [], ...readout },
    modalities: {
      behavior: {
        n_layers: 0,
        window: 0.05,
        variables: {
          turn: { dt: 0.05, predict: true, objective: 'regression' },
          heading: { data: 'speed', dt: 0.05, predict: true, objective: 'circular', period: 2.1 },
          gait: { dt: 0.05, predict: true, objective: 'classification' },
          ...variables,
        },
      },
    },
  };
}

/** A model whose tuning curves come from the first windows, and the windows after them. */
class TunedModel {
  readonly tiny: TinyNeuroformer;
  readonly train: WindowRef[];
  readonly test: WindowRef[];
  readonly store = new ParameterStore();
  readonly model: Neuroformer;

  constructor(raw: object) {
    this.tiny = new TinyNeuroformer(engine(), raw);
    const refs = Array.from({ length: 118 }, (_, n) => ({ trialIndex: 0, end: 0.05 * (n + 1) }));
    // The first two windows begin before the trial does.
    [this.train, this.test] = [refs.slice(0, 90), [...refs.slice(0, 2), ...refs.slice(90)]];
    const { layout, windows } = this.tiny;
    const tuning = tuningWeights(layout, windows, this.train);
    this.model = new Neuroformer(this.store, layout.config, { ...modelSizes(layout), tuning });
    this.store.allocate(engine(), 3);
  }

  targets(refs: readonly WindowRef[], name: string): number[] {
    return refs.map((ref) => this.tiny.windows.samplesAt(ref)[name]!.values.at(-1)!);
  }

  /** The predictions of the test windows. */
  async predict(): Promise<Record<string, Float32Array>> {
    const { tiny, model, test } = this;
    using batch = tiny.uploadBatch(tiny.layout.collate(test.map((ref) => tiny.windows.at(ref))));
    const { predictions } = engine().scope(() => model.forward(batch.inputs));
    const read = Object.entries(predictions).map(
      async ([name, tensor]) => [name, await tensor.floats()] as const,
    );
    return Object.fromEntries(await Promise.all(read));
  }

  /** What a Bayes decoder of counts in bins reads. */
  counts(refs: readonly WindowRef[], bins: number) {
    const bin = 0.15 / bins;
    return {
      counts: laggedCounts(this.tiny.windows, refs, { bin, count: bins }, (spikes) => spikes),
      // Of one bin, the part inside the trial.
      seconds: bins > 1 ? bin : Float64Array.from(refs, ({ end }) => Math.min(0.15, end)),
    };
  }

  [Symbol.dispose](): void {
    this.store.dispose();
    this.tiny.dispose();
  }
}

/** Copies the parameters that both stores have. */
async function copyShared(from: ParameterStore, to: ParameterStore): Promise<void> {
  const names = new Set([...to].map(({ name }) => name));
  for (const [name, { data }] of await from.values())
    if (names.has(name)) to.get(name).tensor.write(data as Float32Array);
}

describe('tuning curves in a readout', () => {
  it.each([0, 1.5])('decode as Bayes with Poisson spikes does, smoothing %d', async (smoothing) => {
    using tuned = new TunedModel(withTuning({ bins: 1, tuning: { values: 8, smoothing } }));
    const { train, test } = tuned;
    const predicted = await tuned.predict();
    for (const [name, period] of [
      ['turn', undefined],
      ['heading', 2.1],
    ] as const) {
      const bayes = fitBayes(tuned.counts(train, 1), tuned.targets(train, name), {
        bins: 8,
        smoothing,
        ...(period !== undefined && { period }),
      });
      const expected = bayes.decode(tuned.counts(test, 1));
      const scale = tuned.tiny.layout.variableScale({
        name,
        setting: tuned.tiny.layout.variables.find((variable) => variable.name === name)!.setting,
      });
      const width = period === undefined ? 1 : 2;
      const decoded = test.map((_, row) =>
        scale.decode(predicted[name]!.subarray(row * width, (row + 1) * width)),
      );
      expect(maxDifference(decoded, expected), name).toBeLessThan(1e-4);
      expect(new Set(decoded.map((value) => value.toFixed(3))).size).toBeGreaterThan(10);
    }
  });

  it('have rates of their own at each lag', async () => {
    using tuned = new TunedModel(withTuning({ bins: 3, tuning: { values: 8 } }));
    // Windows that begin before the trial have less time in their last bins.
    const complete = (refs: WindowRef[]) => refs.filter(({ end }) => end > 0.15);
    const train = complete(tuned.train);
    const { layout, windows } = tuned.tiny;
    const { rates, prior } = tuningWeights(layout, windows, train).turn!;
    const bayes = fitBayes(tuned.counts(train, 3), tuned.targets(train, 'turn'), {
      bins: 8,
      smoothing: 0,
    });
    const test = complete(tuned.test);
    const batch = layout.collate(test.map((ref) => windows.at(ref)));
    const posterior = bayes.posterior(tuned.counts(test, 3));
    const inputs = rates.length / 8;
    for (const [row] of test.entries()) {
      const evidence = batch.evidence!.subarray(row * inputs, (row + 1) * inputs);
      const logits = Array.from(prior, (log, v) =>
        evidence.reduce((sum, x, n) => sum + x * rates[v * inputs + n]!, log),
      );
      const top = Math.max(...logits);
      const total = logits.reduce((sum, z) => sum + Math.exp(z - top), 0);
      const shares = logits.map((z) => Math.exp(z - top) / total);
      expect(maxDifference(shares, posterior.subarray(row * 8, (row + 1) * 8))).toBeLessThan(1e-4);
    }
  });

  it('give the logarithms of the probabilities of classes', async () => {
    using tuned = new TunedModel(withTuning({ bins: 1, tuning: {} }));
    const { train, test } = tuned;
    const { gait } = await tuned.predict();
    // The same posterior: classes are values whose bins are one wide.
    const bayes = fitBayes(tuned.counts(train, 1), tuned.targets(train, 'gait'), {
      bins: 3,
      smoothing: 0,
    });
    const posterior = bayes.posterior(tuned.counts(test, 1));
    for (const [row] of test.entries()) {
      const logits = [...gait!.subarray(row * 3, (row + 1) * 3)];
      const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
      const shares = logits.map((z) => Math.exp(z) / total);
      expect(maxDifference(shares, posterior.subarray(row * 3, (row + 1) * 3))).toBeLessThan(1e-4);
    }
  });

  it('never predict a value that training windows did not have', async () => {
    using tuned = new TunedModel(withTuning({ bins: 1, tuning: { values: 40 } }));
    const { layout, windows } = tuned.tiny;
    // Between two values there is nothing.
    const apart = tuned.train.filter((ref) => Math.abs(tuned.targets([ref], 'turn')[0]!) > 0.7);
    const { prior, rates } = tuningWeights(layout, windows, apart).turn!;
    expect(prior.filter((log) => log < -1e5).length).toBeGreaterThan(20);
    expect([...prior, ...rates].every(Number.isFinite)).toBe(true);
  });

  it('add to the other parts of a readout, and learn', async () => {
    using alone = new TunedModel(withTuning({ bins: 3, tuning: { values: 8 } }));
    using both = new TunedModel(
      withTuning({ blocks: 1, bins: 3, hidden: [6], tuning: { values: 8 } }),
    );
    const names = [...both.store].map(({ name }) => name);
    expect(names).toContain('readout.tuning.behavior.turn.rates');
    for (const part of ['queries', 'perceptron'])
      expect(names.some((name) => name.includes(part))).toBe(true);
    const [before, corrected] = [await alone.predict(), await both.predict()];
    expect(maxDifference(before.turn!, corrected.turn!)).toBeGreaterThan(1e-4);
    const { layout, windows } = both.tiny;
    using step = new TrainingStep(engine(), both.store, both.model, layout, 30, {
      losses: ['turn', 'heading', 'gait'],
    });
    const host = layout.collate(both.train.slice(0, 30).map((ref) => windows.at(ref)));
    const first = await step.run([host], 3e-3).losses();
    let last = first;
    for (let n = 0; n < 60; n++) last = await step.run([host], 3e-3).losses();
    for (const name of ['turn', 'heading', 'gait'])
      expect(last[name]!, name).toBeLessThan(0.6 * first[name]!);
  });

  it('may be of some variables and of the latest lags; the others are read from the network', async () => {
    const variables = ['heading'];
    using some = new TunedModel(withTuning({ bins: 3, tuning: { variables, lags: 2, values: 8 } }));
    using none = new TunedModel({ ...withTuning({}), readout: null });
    using all = new TunedModel(withTuning({ bins: 3, tuning: { values: 8 } }));
    await copyShared(none.store, some.store);
    const [own, pooled] = [await some.predict(), await none.predict()];
    for (const name of ['turn', 'gait']) expect(maxDifference(own[name]!, pooled[name]!)).toBe(0);
    expect(maxDifference(own.heading!, pooled.heading!)).toBeGreaterThan(1e-3);
    const { layout, windows } = some.tiny;
    expect(Object.keys(tuningWeights(layout, windows, some.train))).toEqual(variables);
    // The rates of the latest lags do not depend on how many there are.
    const { rates } = tuningWeights(layout, windows, some.train).heading!;
    const three = tuningWeights(all.tiny.layout, windows, some.train).heading!.rates;
    const [inputs, inputsOfThree] = [rates.length / 8, three.length / 8];
    for (let v = 0; v < 8; v++)
      for (let n = 0; n < 2 * NEURONS; n++)
        expect(rates[v * inputs + n]).toBe(three[v * inputsOfThree + n]);
  });

  it('need counts', () => {
    expect(() => parseConfig({ ...TINY, readout: { tuning: {} } })).toThrow(
      'readout.tuning decodes spike counts, but readout.bins is 0: set how many bins of counts there should be.',
    );
    expect(() => parseConfig({ ...TINY, readout: { bins: 2, tuning: { values: 1 } } })).toThrow(
      'readout.tuning.values should be',
    );
    expect(() => parseConfig(withTuning({ bins: 2, tuning: { lags: 3 } }))).toThrow(
      'readout.tuning.lags should be at most readout.bins, which is 2, but is 3.',
    );
    expect(() => parseConfig(withTuning({ bins: 2, tuning: { variables: ['sped'] } }))).toThrow(
      'readout.tuning.variables names sped, which is not predicted; these are: turn, heading, gait.',
    );
    expect(() =>
      parseConfig({ ...TINY, readout: { bins: 2, tuning: { variables: ['x'] } } }),
    ).toThrow('readout.tuning.variables names x, which is not predicted; nothing is.');
  });
});

import { describe, expect, it } from 'vitest';
import { laggedCounts } from '../../src/analyze/lagged.js';
import { HostRandom } from '../../src/math/random.js';
import { withStatistics } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Readout } from '../../src/neuroformer/readout.js';
import { PassContext } from '../../src/neuroformer/stack.js';
import { TrainingStep } from '../../src/neuroformer/step.js';
import { Linear } from '../../src/nn/layers.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { countScale } from '../../src/recording/scales.js';
import { gelu } from '../../src/reference/activations.js';
import { map, type Ref } from '../../src/reference/array.js';
import { linear } from '../../src/reference/linear.js';
import { expectClose, printWorstErrors, randomRef, toTensor } from '../helpers/check.js';
import { useEngine } from '../helpers/engine.js';
import {
  maxDifference,
  NEURONS,
  TINY,
  TinyNeuroformer,
  WITH_BEHAVIOR,
} from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
const ENDS = [1, 2.35, 3.6];
const BINS = 5;
const COUNTS_ONLY = { ...WITH_BEHAVIOR, readout: { blocks: 0, bins: BINS, hidden: [6] } };
const QUERIES_ONLY = { ...WITH_BEHAVIOR, readout: { blocks: 1 } };
const BOTH = { ...WITH_BEHAVIOR, readout: { blocks: 1, bins: BINS, hidden: [6, 4] } };

describe('the perceptron of a readout', () => {
  printWorstErrors();

  it('equals the reference', async () => {
    const store = new ParameterStore();
    const heads = { speed: new Linear(store.scope('head'), 8, 2) };
    const readout = new Readout(store.scope('r'), heads, {
      blocks: 0,
      stack: { width: 8, heads: 2, topK: undefined, dropout: { attn: 0, resid: 0 } },
      counts: 10,
      hidden: [7, 5],
      dropout: 0,
    });
    store.allocate(engine(), 3);
    const random = new HostRandom(4);
    const refs = new Map<string, Ref>();
    for (const { name, shape, tensor } of store) {
      refs.set(name, randomRef(random, shape));
      tensor.write(Float32Array.from(refs.get(name)!.data));
    }
    const p = (name: string) => refs.get(`r.perceptron.${name}`)!;
    const layer = (name: string, x: Ref) => linear(x, p(`${name}.weight`), p(`${name}.bias`));
    const counts = randomRef(random, [3, 10]);
    const expected = layer('speed', map(layer('1', map(layer('0', counts), gelu)), gelu));
    const spikes = toTensor(engine(), randomRef(random, [3, 4, 8]));
    const inputs = {
      past: spikes,
      current: spikes,
      pastMask: undefined,
      mask: undefined,
      pooled: () => spikes,
    };
    const pass = new PassContext(() => {}, undefined);
    const { speed } = readout.call({ ...inputs, counts: toTensor(engine(), counts) }, pass);
    expectClose('perceptron', 'product', await speed!.floats(), expected.data);
  });

  it('reads counts whose mean is 0 and whose deviation is 1 in training', () => {
    const random = new HostRandom(1);
    const rows = Array.from({ length: 500 }, () => [
      3 + 2 * random.normal(),
      5,
      0.01 * random.normal(),
    ]);
    const { means, deviations } = countScale(rows);
    expect(means[0]).toBeCloseTo(3, 0);
    expect(deviations[0]).toBeCloseTo(2, 0);
    expect(means[1]).toBe(5);
    // Rare counts are not blown up.
    expect(deviations.slice(1)).toEqual([0.1, 0.1]);
  });

  it('reads the counts that linear decoders read, of all spikes of a window', () => {
    const tiny = new TinyNeuroformer(engine(), {
      ...COUNTS_ONLY,
      // Blocks so short that most spikes are cut from the tokens.
      block_size: { id: 3, prev_id: 3 },
    });
    const refs = ENDS.map((end) => ({ trialIndex: 0, end }));
    const bins = { bin: 0.15 / BINS, count: BINS };
    const { starts, indices, values, columns } = laggedCounts(
      tiny.windows,
      refs,
      bins,
      (spikes) => spikes,
    );
    expect(columns).toBe(BINS * NEURONS);
    for (const [row, ref] of refs.entries()) {
      const expected = new Float32Array(columns);
      for (let n = starts[row]!; n < starts[row + 1]!; n++) expected[indices[n]!] = values[n]!;
      expect(tiny.windows.at(ref).counts).toEqual(expected);
      expect(expected.some((count) => count > 1)).toBe(true);
    }
    tiny.dispose();
  });
});

describe('a model with a readout', () => {
  it.each([
    ['queries', QUERIES_ONLY],
    ['counts', COUNTS_ONLY],
    ['both', BOTH],
  ])('predicts its variables by it, and the same spikes: %s', async (_, raw) => {
    const [without, withReadout] = [
      new TinyNeuroformer(engine(), WITH_BEHAVIOR),
      new TinyNeuroformer(engine(), raw),
    ];
    await withReadout.copyFrom(without);
    const windows = withReadout.at(...ENDS);
    const [before, after] = [await without.outputs(windows), await withReadout.outputs(windows)];
    for (const name of ['turn', 'gait'])
      expect(maxDifference(before[name]!, after[name]!), name).toBeGreaterThan(0.01);
    expect(maxDifference(before.idLogits!, after.idLogits!)).toBe(0);
    without.dispose();
    withReadout.dispose();
  });

  it('does not see spikes that are hidden, in the past or the current window', async () => {
    const tiny = new TinyNeuroformer(engine(), QUERIES_ONLY);
    const windows = tiny.at(...ENDS);
    for (const [tokens, mask] of [
      ['pastIds', 'pastMask'],
      ['ids', 'mask'],
    ] as const) {
      const hide = { [mask]: tiny.layout.collate(windows)[mask].map((m, n) => (n % 3 ? m : 0)) };
      const outputs = (shift: number) =>
        tiny.outputs(windows, (host) => {
          const ids = host[tokens].ids.map((id, n) =>
            id < NEURONS && n % 3 === 0 ? (id + shift) % NEURONS : id,
          );
          return { ...host, ...hide, [tokens]: { ...host[tokens], ids } };
        });
      const [a, b] = [await outputs(0), await outputs(1)];
      // Hidden tokens of the current window still are queries of the trunk, whose last layer the
      // readout reads at other positions only.
      expect(maxDifference(a.turn!, b.turn!), tokens).toBe(0);
    }
    tiny.dispose();
  });

  it('learns a variable that depends on how many spikes there are', async () => {
    const raw = {
      ...TINY,
      initial_weights: 'fan_in',
      readout: { blocks: 0, bins: 3, hidden: [16], dropout: 0 },
      modalities: {
        behavior: {
          n_layers: 0,
          window: 0.05,
          variables: { count: { dt: 0.05, predict: true, objective: 'regression' } },
        },
      },
    };
    const plain = new TinyNeuroformer(engine(), TINY);
    const bins = Array.from({ length: 120 }, (_, n) => ({ trialIndex: 0, end: 0.05 * (n + 1) }));
    const count = bins.map((ref) => plain.windows.spikeCounts(ref).current);
    const { recording } = plain;
    const trial = { ...recording.trials[0]!, variables: { count: { values: count, dt: 0.05 } } };
    const tiny = new TinyNeuroformer(engine(), raw, { ...recording, trials: [trial] });
    const refs = bins.slice(4).map(({ trialIndex, end }) => ({ trialIndex, end }));
    const scaled = withStatistics(tiny.tokenizer, tiny.config, tiny.windows, refs);
    expect(scaled.counts!.means.length).toBe(3 * NEURONS);
    const store = tiny.store;
    const step = new TrainingStep(engine(), store, tiny.model, tiny.layout, 58, {
      losses: ['count'],
    });
    const hosts = [0, 1].map((odd) =>
      tiny.layout.collate(refs.filter((_, n) => n % 2 === odd).map((ref) => tiny.windows.at(ref))),
    );
    let last = { loss: Number.NaN };
    for (let n = 0; n < 300; n++) last = await step.run(hosts[n % 2]!, 1e-2).losses();
    const mean = count.reduce((sum, c) => sum + c, 0) / count.length;
    const variance = count.reduce((sum, c) => sum + (c - mean) ** 2, 0) / count.length;
    expect(last.loss).toBeLessThan(0.1 * variance);
    step.dispose();
    tiny.dispose();
    plain.dispose();
  });

  it('is refused without anything to read', () => {
    expect(() => parseConfig({ ...TINY, readout: { blocks: 0 } })).toThrow(
      'readout.blocks and readout.bins are 0: one of them should be above 0.',
    );
    expect(() => parseConfig({ ...TINY, readout: { hidden: [] } })).toThrow(
      'readout.hidden should list the units of at least one hidden layer.',
    );
  });
});

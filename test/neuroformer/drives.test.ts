import { describe, expect, it } from 'vitest';
import { Sampler } from '../../src/generate/sampler.js';
import { HostRandom } from '../../src/math/random.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { Drives } from '../../src/neuroformer/drives.js';
import { NeuronQueries } from '../../src/neuroformer/neuron-queries.js';
import { PopulationCoupling } from '../../src/neuroformer/population-coupling.js';
import { SpikeHistory } from '../../src/neuroformer/spike-history.js';
import { PassContext } from '../../src/neuroformer/stack.js';
import { TrainingStep } from '../../src/neuroformer/step.js';
import { StimulusDrive } from '../../src/neuroformer/stimulus-drive.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { SPECIAL_TOKENS } from '../../src/recording/vocabularies.js';
import { gelu } from '../../src/reference/activations.js';
import { map, plus, type Ref, ref } from '../../src/reference/array.js';
import { attention } from '../../src/reference/attention.js';
import { embedding } from '../../src/reference/embedding.js';
import { linear } from '../../src/reference/linear.js';
import { mixWeights } from '../../src/reference/mixture.js';
import { rowDots } from '../../src/reference/row-dots.js';
import { meanPool } from '../../src/reference/sequence.js';
import { spikeHistory } from '../../src/reference/spike-history.js';
import { differentiate } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  expectClose,
  printWorstErrors,
  randomRef,
  toTensor,
  withCotangent,
} from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';
import {
  maxDifference,
  NEURONS,
  TINY,
  TinyNeuroformer,
  WITH_SPEED,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

/** The head's parameters by name, as float64 arrays that a test may change. */
type Parameters = (name: string) => Ref;

/** A head under test: how the engine computes it, and how the reference does. */
interface HeadCase {
  readonly name: string;
  /** Declares the head's parameters and returns its call. */
  declare(store: ParameterStore): (input: Tensor) => Tensor;
  /** The shape of its input, which requires a gradient, too. */
  readonly input: readonly number[];
  forward(parameters: Parameters, input: Ref): Ref;
}

const NO_OBSERVER = () => new PassContext(() => {}, undefined);
const [B, S, WIDTH, IDS] = [2, 5, 8, 7];

const neuronQueries: HeadCase = {
  name: 'neuron queries',
  declare(store) {
    const settings = { width: WIDTH, heads: 2, ids: IDS, dropout: 0 };
    const head = new NeuronQueries(store.scope('h'), settings);
    return (tokens) => head.call(tokens, NO_OBSERVER());
  },
  input: [B, S, WIDTH],
  forward(p, tokens) {
    const project = (name: string, x: Ref) =>
      linear(x, p(`h.${name}.weight`), name === 'key' ? undefined : p(`h.${name}.bias`));
    const rows = project('query', p('h.neurons.weight'));
    const query = embedding({ positions: rows }, [], [B, IDS, WIDTH]);
    const refs = { query, key: project('key', tokens), value: project('value', tokens) };
    const hidden = map(project('proj', attention(refs, { heads: 2 })), gelu);
    return rowDots(hidden, p('h.readout.weight'), p('h.readout.bias'));
  },
};

/** Two windows of three neurons, whose past of 6 steps comes before 4 steps of the current one. */
const TOKENS = {
  ids: [
    [3, 0, 2, 0],
    [3, 1, 4, 5],
  ],
  times: [
    [0, 0, 1, 3],
    [0, 2, 9, 9],
  ],
  pastIds: [
    [3, 1, 1, 2],
    [3, 0, 4, 5],
  ],
  pastTimes: [
    [0, 1, 5, 5],
    [0, 4, 6, 6],
  ],
  neurons: 3,
  pastSteps: 6,
};
const HISTORY = { kernels: 2, neurons: 3, ids: 6, pastSteps: 6, currentSteps: 4 };

function spikeTokens(like: Tensor) {
  const words = (rows: number[][]) =>
    Tensor.from(like.engine, Uint32Array.from(rows.flat()), [2, 4]);
  const numbers = (rows: number[][]) => Tensor.from(like.engine, rows.flat(), [2, 4]);
  const { ids, times, pastIds, pastTimes } = TOKENS;
  return {
    ids: words(ids),
    times: numbers(times),
    pastIds: words(pastIds),
    pastTimes: numbers(pastTimes),
  };
}

function historyCase(kind: 'pairs' | 'own', bounded: boolean): HeadCase {
  return {
    name: `spike history, ${kind}${bounded ? ', bounded' : ''}`,
    declare(store) {
      const head = new SpikeHistory(store.scope('h'), { ...HISTORY, kind, bounded });
      return (logits) => head.call(logits, spikeTokens(logits));
    },
    input: [2, 4, 6],
    forward(p, logits) {
      const kernels = p('h.kernels');
      if (kind === 'own') {
        const softplus = map(kernels, (x) => Math.log1p(Math.exp(x)));
        return mixWeights(logits, { ...spikeHistory(TOKENS, softplus, 6), shape: logits.shape });
      }
      const spikes = { ...spikeHistory(TOKENS, kernels, 6), shape: [2, 4, 12] };
      const sum = linear(spikes, p('h.pairs.weight'));
      return plus(logits, bounded ? map(sum, Math.tanh) : sum);
    },
  };
}

/** The effect of the population: two time constants, whose kernels are fixed. */
const populationCoupling: HeadCase = {
  name: 'population coupling',
  declare(store) {
    const settings = { ...HISTORY, spikesPerStep: 0.5 };
    const head = new PopulationCoupling(store.scope('h'), settings);
    return (logits) => head.call(logits, spikeTokens(logits));
  },
  input: [2, 4, 6],
  forward(p, logits) {
    const lags = 10;
    const kernels = ref([2, lags]);
    for (let lag = 0; lag < lags; lag++) {
      kernels.data[lag] = Math.exp(-lag / 1.5);
      kernels.data[lags + lag] = Math.exp(-lag / lags);
    }
    const { data } = spikeHistory(TOKENS, kernels, 1);
    const centers = p('h.centers').data;
    const levels = ref([2, 4, 2]);
    for (const [n, count] of data.entries()) levels.data[n] = Math.log1p(count) + centers[n % 2]!;
    return plus(logits, linear(levels, p('h.weight')));
  },
};

const stimulusDrive: HeadCase = {
  name: 'stimulus drive',
  declare(store) {
    const head = new StimulusDrive(store.scope('h'), 6, 3, IDS);
    return (frames) => head.call(frames);
  },
  input: [B, 1, 2, 1, 6],
  forward(p, frames) {
    const channels = linear({ ...frames, shape: [B, 2, 6] }, p('h.channels.weight'));
    return linear(meanPool(channels), p('h.neurons.weight'), p('h.neurons.bias'));
  },
};

const CASES = [
  neuronQueries,
  historyCase('pairs', false),
  historyCase('pairs', true),
  historyCase('own', false),
  populationCoupling,
  stimulusDrive,
];

for (const [variant, options] of [
  ['direct kernels', {}],
  ['staged kernels', { tuning: STAGED }],
] as const) {
  describe(`an optional head, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    it.each(CASES)('$name: has the output and gradients of float64', async (head) => {
      const store = new ParameterStore();
      const call = head.declare(store);
      store.allocate(engine(), 1);
      const random = new HostRandom(4);
      const refs = new Map<string, Ref>();
      for (const { name, shape, tensor } of store) {
        const values = map(randomRef(random, shape), (value) => Math.fround(0.4 * value));
        refs.set(name, values);
        tensor.write(Float32Array.from(values.data));
      }
      const input = randomRef(random, head.input);
      const forward = () => head.forward((name) => refs.get(name)!, input);
      const expected = forward();
      const cotangent = randomRef(random, expected.shape);
      const tensor = toTensor(engine(), input, true);
      const { out } = differentiate(engine(), () => {
        const out = call(tensor);
        return { loss: withCotangent(out, cotangent), out };
      });
      expectClose(`${head.name} forward`, 'product', await out.floats(), expected.data);
      const gradients = await store.gradients();
      const numeric = (data: Float64Array) => centralDifferences(data, forward, cotangent);
      for (const [name, { data }] of refs) {
        const { data: actual } = gradients.get(name)!;
        expectClose(`${head.name} d${name}`, 'product', actual as Float32Array, numeric(data));
      }
      const dinput = await tensor.gradient!.floats();
      expectClose(`${head.name} dinput`, 'product', dinput, numeric(input.data));
    });
  });
}

/** The gradient of sum(cotangent * forward()) with respect to `data`, in float64. */
function centralDifferences(data: Float64Array, forward: () => Ref, cotangent: Ref): Float64Array {
  const value = () => forward().data.reduce((sum, y, n) => sum + y * cotangent.data[n]!, 0);
  const step = 1e-5;
  return data.map((original, n) => {
    const at = (x: number) => {
      data[n] = x;
      return value();
    };
    const difference = at(original + step) - at(original - step);
    data[n] = original;
    return difference / (2 * step);
  });
}

/** A configuration with each head, which reads what the head needs. */
const WITH_FEATURES = {
  ...WITH_VIDEO,
  frame_encoder: { conv_layer: false, features: true, n_embd_frames: 24 },
};
const SWITCHES: readonly (readonly [string, object, object])[] = [
  ['neuron_queries: frames', WITH_VIDEO, { neuron_queries: 'frames' }],
  ['neuron_queries: a group', WITH_SPEED, { neuron_queries: { source: 'behavior', n_head: 1 } }],
  ['spike_history: pairs', TINY, { spike_history: 'pairs' }],
  ['spike_history: pairs, bounded', TINY, { spike_history: { kind: 'pairs', bounded: true } }],
  ['spike_history: own', TINY, { spike_history: 'own' }],
  ['population_coupling', TINY, { population_coupling: 3 }],
  ['frequency_bias', TINY, { frequency_bias: true }],
  ['stimulus_drive', WITH_FEATURES, { stimulus_drive: 3 }],
];
const ENDS = [1, 2.35, 3.6];

describe('a model with an optional head', () => {
  const engine = useEngine();

  it.each(SWITCHES)(
    '%s: has other logits of neurons, and the same logits of times',
    async (_, raw, heads) => {
      const [without, withHead] = [
        new TinyNeuroformer(engine(), raw),
        new TinyNeuroformer(engine(), { ...raw, ...heads }),
      ];
      await withHead.copyFrom(without);
      const windows = without.at(...ENDS);
      const [before, after] = [await without.outputs(windows), await withHead.outputs(windows)];
      expect(maxDifference(before.idLogits!, after.idLogits!)).toBeGreaterThan(0.01);
      expect(maxDifference(before.timeLogits!, after.timeLogits!)).toBe(0);
      without.dispose();
      withHead.dispose();
    },
  );

  it.each(SWITCHES)(
    '%s: replays a training step with the bits of the first run',
    async (_, raw, heads) => {
      const losses: number[][] = [];
      for (let run = 0; run < 2; run++) {
        const tiny = new TinyNeuroformer(engine(), { ...raw, ...heads });
        const host = tiny.layout.collate(tiny.at(...ENDS));
        const values: number[] = [];
        let step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 3);
        for (let update = 0; update < 4; update++) {
          values.push((await step.run(host, 1e-2).losses()).loss);
          if (run === 0) continue;
          // Recorded anew for every update: the same commands, without a replay.
          const { steps } = step.optimizer;
          step.dispose();
          step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 3);
          step.optimizer.steps = steps;
        }
        step.dispose();
        tiny.dispose();
        losses.push(values);
      }
      expect(losses[0]).toEqual(losses[1]);
      expect(losses[0]![3]).toBeLessThan(losses[0]![0]!);
    },
  );

  it.each(SWITCHES)('%s: draws the same tokens with a cache as without', async (_, raw, heads) => {
    const tiny = new TinyNeuroformer(engine(), { ...raw, ...heads });
    const draw = async (cached: boolean) => {
      using sampler = new Sampler(engine(), tiny.model, tiny.layout, 3, { seed: 5, cached });
      return [
        ...(await sampler.generate(tiny.at(...ENDS))),
        ...(await sampler.generate(tiny.at(4))),
      ];
    };
    const [cached, uncached] = [await draw(true), await draw(false)];
    expect(cached.map(({ ids, times }) => ({ ids, times }))).toEqual(
      uncached.map(({ ids, times }) => ({ ids, times })),
    );
    for (const [n, { expected }] of cached.entries())
      expect(maxDifference(expected, uncached[n]!.expected)).toBeLessThan(1e-5);
    tiny.dispose();
  });

  it('adds nothing before it is trained, if it is spike_history: pairs', async () => {
    const store = new ParameterStore();
    const head = new SpikeHistory(store, { ...HISTORY, kind: 'pairs', bounded: false });
    store.allocate(engine(), 1);
    const logits = toTensor(engine(), randomRef(new HostRandom(1), [2, 4, 6]));
    const out = await head.call(logits, spikeTokens(logits)).floats();
    expect(out).toEqual(await logits.floats());
  });

  it('counts every spike of the past once before it is trained, if it is spike_history: own', async () => {
    const store = new ParameterStore();
    const head = new SpikeHistory(store, { ...HISTORY, kind: 'own', bounded: false });
    store.allocate(engine(), 1);
    const logits = toTensor(engine(), ref([2, 4, 6]));
    const masses = (await head.call(logits, spikeTokens(logits)).floats()).map(Math.exp);
    // At SOS of the first window: neuron 1 fired twice before, neuron 2 once, each beside exp(0).
    for (const [id, mass] of [1, 3, 2, 1, 1, 1].entries()) expect(masses[id]).toBeCloseTo(mass, 5);
  });

  it('expects each token as often as it occurs before it is trained, if it is frequency_bias', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...TINY, frequency_bias: true });
    const { frequencies } = tiny.layout.tokenizer;
    const store = new ParameterStore();
    const drives = new Drives(store, tiny.config, NEURONS + SPECIAL_TOKENS, frequencies);
    store.allocate(engine(), 1);
    const logits = Tensor.zeros(engine(), [1, 1, NEURONS + SPECIAL_TOKENS]);
    const biases = await drives.apply(logits, undefined, spikeTokens(logits)).floats();
    const spikes = tiny.layout.tokenizer.ids;
    for (let token = 0; token < NEURONS; token++)
      expect(biases[token]! - biases[spikes.EOS]!).toBeCloseTo(
        Math.log(frequencies![token]! / frequencies![spikes.EOS]!),
        5,
      );
    // What is never next is as unlikely as the rarest token.
    expect(biases[spikes.PAD]).toBe(Math.min(...biases));
    tiny.dispose();
  });

  it('begins at the mean activity, if it is population_coupling', async () => {
    const store = new ParameterStore();
    const settings = { ...HISTORY, kernels: 1, spikesPerStep: 2 };
    new PopulationCoupling(store, settings);
    store.allocate(engine(), 1);
    const { data } = (await store.values()).get('centers')!;
    // Two spikes in each of ten steps, which count exp(-lag / 1.5).
    const count =
      2 * Array.from({ length: 10 }, (_, lag) => Math.exp(-lag / 1.5)).reduce((p, q) => p + q);
    expect(data[0]).toBeCloseTo(-Math.log(1 + count), 5);
  });

  it('does not see a spike that the mask hides', async () => {
    for (const heads of [
      { spike_history: 'pairs' },
      { spike_history: 'own' },
      { population_coupling: 2 },
    ]) {
      const tiny = new TinyNeuroformer(engine(), { ...TINY, ...heads });
      const windows = tiny.at(...ENDS);
      const hideAll = { pastMask: tiny.layout.collate(windows).pastMask.map(() => 0) };
      const hidden = await tiny.outputs(windows, (host) => ({ ...host, ...hideAll }));
      // With all of the past hidden, it does not matter which neurons fired there.
      const other = await tiny.outputs(windows, (host) => {
        const ids = host.pastIds.ids.map((id) => (id < NEURONS ? (id + 1) % NEURONS : id));
        return { ...host, ...hideAll, pastIds: { ...host.pastIds, ids } };
      });
      const seen = await tiny.outputs(windows);
      expect(maxDifference(hidden.idLogits!, other.idLogits!)).toBe(0);
      expect(maxDifference(hidden.idLogits!, seen.idLogits!)).toBeGreaterThan(0.01);
      tiny.dispose();
    }
  });
});

describe('the expected counts of drawn windows', () => {
  const engine = useEngine();

  it('have the mean of the counts of drawn spikes, with less spread', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...TINY, spike_history: 'own' });
    const windows = Array.from({ length: 100 }, () => tiny.at(2.35)[0]!);
    using sampler = new Sampler(engine(), tiny.model, tiny.layout, 100, { seed: 3 });
    const sums = { drawn: [] as number[][], expected: [] as number[][] };
    for (let n = 0; n < 10; n++) {
      for (const { ids, expected } of await sampler.generate(windows)) {
        const counts = Array.from(
          { length: NEURONS },
          (_, id) => ids.filter((v) => v === id).length,
        );
        sums.drawn.push(counts);
        sums.expected.push([...expected]);
      }
    }
    for (let id = 0; id < NEURONS; id++) {
      const moments = (lists: number[][]) => {
        const values = lists.map((list) => list[id]!);
        const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
        const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
        return { mean, variance };
      };
      const [drawn, expected] = [moments(sums.drawn), moments(sums.expected)];
      const error = Math.sqrt((drawn.variance + expected.variance) / 1000);
      expect(Math.abs(drawn.mean - expected.mean), `neuron ${id}`).toBeLessThan(4 * error);
      expect(expected.variance, `neuron ${id}`).toBeLessThan(drawn.variance);
    }
    tiny.dispose();
  });
});

describe('a configuration of the optional heads', () => {
  it.each([
    [
      { compat: 'original', spike_history: 'own' },
      'spike_history is not part of the original model: leave it out, or set compat: paper.',
    ],
    [
      { neuron_queries: 'frames' },
      'neuron_queries.source is frames, but window.frame is null: there is no video to attend to.',
    ],
    [
      { neuron_queries: 'pupil' },
      'neuron_queries.source should be frames or a group under modalities with an input variable, but is pupil.',
    ],
    [
      { spike_history: 'pairs', rules: { keeps_start: false } },
      'spike_history measures how long ago spikes were, which rules.keeps_start: false makes wrong: leave one of them out.',
    ],
    [
      { compat: 'original', frequency_bias: true },
      'frequency_bias is not part of the original model: leave it out, or set compat: paper.',
    ],
    [
      { population_coupling: 2, rules: { past_own_clock: false } },
      'population_coupling measures how long ago spikes were, which rules.past_own_clock: false makes wrong: leave one of them out.',
    ],
    [
      { stimulus_drive: 8 },
      'stimulus_drive reads the features of frames: set window.frame, and frame_encoder: {features: true, conv_layer: false, n_embd_frames: the number of features}.',
    ],
    [{ spike_history: 'all' }, 'spike_history.kind should be one of "pairs", "own", but is "all".'],
    [{ spike_history: {} }, 'spike_history.kind should be one of "pairs", "own", but is missing.'],
  ])('%j is refused with the reason', (raw, message) => {
    expect(() => parseConfig({ ...TINY, ...raw })).toThrow(message);
  });

  it('has a short form', () => {
    const { config } = parseConfig({ ...WITH_FEATURES, stimulus_drive: 4, spike_history: 'own' });
    expect(config.stimulus_drive).toEqual({ rank: 4 });
    expect(config.spike_history).toEqual({ kind: 'own', kernels: 4, bounded: false });
  });
});

import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import {
  BatchLayout,
  modelSizes,
  tokenizerFor,
  windowSettings,
} from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { describeEstimate, estimateTraining } from '../../src/neuroformer/estimate.js';
import { Neuroformer } from '../../src/neuroformer/model.js';
import { type StepLosses, TrainingStep } from '../../src/neuroformer/step.js';
import { ParameterStore } from '../../src/nn/parameters.js';
import { createEngine } from '../../src/node.js';
import { createRecording } from '../../src/recording/recording.js';
import { Windows } from '../../src/recording/windows.js';
import { RandomState } from '../../src/tensor/random.js';
import { useEngine } from '../helpers/engine.js';
import { THOROUGH } from '../helpers/thorough.js';
import {
  maxDifference,
  NEURONS,
  TinyNeuroformer,
  WITH_BEHAVIOR,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

/** A weight for each neuron, SOS, EOS and PAD. */
const ID_WEIGHTS = Array.from({ length: NEURONS + 3 }, (_, n) => 0.25 + ((5 * n) % 7) / 3);

const EVERYTHING = {
  ...WITH_VIDEO,
  modalities: WITH_BEHAVIOR.modalities,
  contrastive: { contrastive: true, vars: ['id', 'frames', { behavior: 'speed' }], clip_embd: 6 },
};

describe('a training step', () => {
  const engine = useEngine();

  it('memorizes four windows, which lowers every loss', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...EVERYTHING, n_embd: 24 });
    const step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 4);
    const host = tiny.layout.collate(tiny.at(1, 2.35, 3.6, 5));
    const first = await step.run(host, 3e-3).losses();
    expect(Object.keys(first).sort()).toEqual(['clip', 'gait', 'id', 'loss', 'time', 'turn']);
    const { loss, ...parts } = first;
    expect(Object.values(parts).reduce((sum, v) => sum + v, 0)).toBeCloseTo(loss, 4);
    for (let n = 0; n < 400; n++) step.run(host, 3e-3);
    const last = await step.run(host, 3e-3).losses();
    for (const name of ['gait', 'turn', 'id', 'time'])
      expect(last[name]! / first[name]!, name).toBeLessThan(0.2);
    expect(last.clip).toBeLessThan(first.clip!);
    step.dispose();
  });

  it('draws the same dropout when it is recorded again', async () => {
    const raw = { ...EVERYTHING, dropout: { attn: 0.2, resid: 0.2, id: 0.2, im: 0.2, time: 0.2 } };
    const runs: number[] = [];
    for (let n = 0; n < 2; n++) {
      const tiny = new TinyNeuroformer(engine(), raw);
      const dropout = new RandomState(engine(), 9);
      const host = tiny.layout.collate(tiny.at(1, 2.35));
      for (let recording = 0; recording < 2; recording++) {
        const step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 2, {
          dropout,
        });
        runs.push((await step.run(host, 0, 5).losses()).loss);
        expect((await step.run(host, 0, 6).losses()).loss).not.toBe(runs.at(-1));
        step.dispose();
      }
    }
    expect(new Set(runs).size).toBe(1);
  });

  it.each([
    ['', {}],
    [' and the weights of their classes', { class_weights: { id: ID_WEIGHTS } }],
  ])(
    'that accumulates batches makes the updates of one large batch, whatever their spikes%s',
    async (_, weights) => {
      const raw = { ...WITH_VIDEO, modalities: WITH_BEHAVIOR.modalities, ...weights };
      // Windows with many and with few spikes, unevenly divided.
      const ends = [1, 2.35, 3.6, 4.8, 0.7, 1.4, 2.9, 4.1];
      const histories: StepLosses[][] = [];
      const moments: Float32Array[] = [];
      for (const accumulate of [1, 2, 4]) {
        const tiny = new TinyNeuroformer(engine(), raw);
        const windows = tiny.at(...ends);
        const size = ends.length / accumulate;
        const hosts = Array.from({ length: accumulate }, (_, n) =>
          tiny.layout.collate(windows.slice(n * size, (n + 1) * size)),
        );
        const step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, size, {
          accumulate,
        });
        const losses: StepLosses[] = [];
        for (let n = 0; n < 20; n++) {
          losses.push(await step.run(hosts, 1e-3).losses());
          // After one update the first moment is a tenth of the gradient.
          if (n === 0) moments.push(await tiny.store.memory.m.floats());
        }
        histories.push(losses);
        expect(() => step.run([], 1e-3)).toThrow(
          `An update takes ${accumulate} batches, but got 0.`,
        );
        step.dispose();
      }
      const [whole, ...divided] = histories as [StepLosses[], ...StepLosses[][]];
      expect(whole[0]!.loss - whole.at(-1)!.loss).toBeGreaterThan(0.05);
      for (const losses of divided)
        for (const [n, expected] of whole.entries())
          for (const [name, loss] of Object.entries(expected))
            expect(Math.abs(losses[n]![name]! - loss), `${name}, update ${n}`).toBeLessThan(
              1e-6 * Math.max(1, Math.abs(loss)),
            );
      const largest = moments[0]!.reduce((maximum, m) => Math.max(maximum, Math.abs(m)), 0);
      expect(largest).toBeGreaterThan(1e-3);
      for (const other of moments.slice(1))
        expect(maxDifference(moments[0]!, other) / largest).toBeLessThan(1e-5);
    },
  );

  it('weighs the classes of the next neuron as the configuration says', async () => {
    const lossWith = async (class_weights: object) => {
      const tiny = new TinyNeuroformer(engine(), { ...WITH_VIDEO, class_weights });
      const step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 2);
      const { id } = await step.run(tiny.layout.collate(tiny.at(1, 2.35)), 0).losses();
      step.dispose();
      return id!;
    };
    const plain = await lossWith({});
    // The mean is weighted, so equal weights change nothing.
    expect(await lossWith({ id: ID_WEIGHTS.map(() => 3) })).toBeCloseTo(plain, 6);
    expect(Math.abs((await lossWith({ id: ID_WEIGHTS })) - plain)).toBeGreaterThan(1e-3);
    await expect(lossWith({ id: [1, 2] })).rejects.toThrow(
      `class_weights.id should have ${NEURONS + 3} weights, one for each token, but has 2.`,
    );
  });

  it('trains with selected losses alone, and rejects losses that the model does not have', async () => {
    const tiny = new TinyNeuroformer(engine(), EVERYTHING);
    const stepWith = (losses: string[]) =>
      new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 1, { losses });
    const step = stepWith(['turn', 'gait']);
    const losses = await step.run(tiny.layout.collate(tiny.at(1)), 1e-3).losses();
    expect(Object.keys(losses).sort()).toEqual(['gait', 'loss', 'turn']);
    expect(losses.turn! + losses.gait!).toBeCloseTo(losses.loss, 5);
    expect(() => stepWith(['pupil'])).toThrow(
      /^training\.losses lists pupil, but this model's losses are turn, gait, .*id and time\.$/,
    );
  });

  it('runs new batches without allocating memory', async () => {
    const tiny = new TinyNeuroformer(engine(), EVERYTHING);
    const step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 2);
    const run = (...ends: [number, number]) =>
      step.run(tiny.layout.collate(tiny.at(...ends)), 1e-3).losses();
    await run(1, 2);
    const before = engine().memory();
    const losses = new Set([
      (await run(1, 3)).loss,
      (await run(4, 5)).loss,
      (await run(2, 3)).loss,
    ]);
    expect(losses.size).toBe(3);
    expect(engine().memory().created).toBe(before.created);
    step.dispose();
  });
});

describe('the estimate of training', () => {
  it.each<[string, object, number]>([
    ['spikes, video and behavior', EVERYTHING, 3],
    ['the double GRU', { ...WITH_BEHAVIOR, gru2_only: true }, 7],
  ])('equals the work of a step, and is close to its memory: %s', async (_, raw, size) => {
    const engine = await createEngine();
    const tiny = new TinyNeuroformer(engine, raw);
    const { peak, flops } = await estimateTraining(engine, tiny.layout, size);
    expect(flops).toBeGreaterThan(1e5);
    tiny.dispose();
    engine.dispose();
    const trainingEngine = await createEngine();
    const store = new ParameterStore();
    const model = new Neuroformer(store, tiny.config, modelSizes(tiny.layout));
    store.allocate(trainingEngine, 1);
    const step = new TrainingStep(trainingEngine, store, model, tiny.layout, size);
    await step.run(tiny.layout.collate(tiny.at(...Array(size).fill(1))), 1e-3).losses();
    expect(step.flops).toBe(flops);
    expect(Math.abs(peak / trainingEngine.memory().peakBytes - 1)).toBeLessThan(0.2);
    trainingEngine.dispose();
  });

  it.runIf(THOROUGH)(
    'is accurate for a model of the size of V1AL, whose step with batches of 2 takes less than 1.5 GB',
    async () => {
      const engine = await createEngine();
      const random = new HostRandom(1);
      const neurons = Array.from({ length: 386 }, () =>
        Float64Array.from({ length: 8 }, () => 2 * random.uniform()).sort(),
      );
      // The convolution has 1 x 5 x 89 outputs, which with the start token are 446 tokens.
      const [height, width] = [24, 360];
      const recording = createRecording({
        spikes: { times: neurons },
        frames: { data: new Float32Array(40 * height * width), count: 40, height, width, dt: 0.05 },
        duration: 2,
      });
      const { config } = parseConfig({
        compat: 'original',
        n_embd: 256,
        n_head: 8,
        layers: { state: 6, state_history: 6, stimulus: 6 },
        block_size: { id: 100, prev_id: 100 },
        window: { curr: 0.05, prev: 0.15, frame: 0.2 },
        frame_encoder: { kernel_size: [3, 8, 8], stride_size: [3, 4, 4] },
      });
      const tokenizer = tokenizerFor(config, recording);
      const windows = new Windows(recording, windowSettings(config, tokenizer));
      const layout = new BatchLayout(config, tokenizer, recording);
      const estimate = await estimateTraining(engine, layout, 2);
      expect(describeEstimate(estimate, 2, 1000)).toMatch(
        /^Training needs about \d+ MB of device memory: 403 MB for 24,080,384 parameters with gradients and moments, \d+ MB for batches of 2\. Its 1,000 updates take \d+ TFLOP\.$/,
      );
      const store = new ParameterStore();
      const model = new Neuroformer(store, config, modelSizes(layout));
      store.allocate(engine, 1);
      const step = new TrainingStep(engine, store, model, layout, 2);
      const host = layout.collate([1, 1.5].map((end) => windows.at({ trialIndex: 0, end })));
      const { loss } = await step.run(host, 1e-3).losses();
      expect(loss).toBeGreaterThan(2);
      const { peakBytes } = engine.memory();
      expect(peakBytes).toBeLessThan(1.5e9);
      expect(Math.abs(estimate.peak / peakBytes - 1)).toBeLessThan(0.2);
      engine.dispose();
    },
    120_000,
  );
});

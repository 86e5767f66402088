import { describe, expect, it } from 'vitest';
import { Sampler } from '../../src/generate/sampler.js';
import { BatchLayout } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { videoPlaces } from '../../src/neuroformer/embeddings.js';
import { frozenModel } from '../../src/neuroformer/frozen-model.js';
import { videoSettings } from '../../src/neuroformer/model.js';
import { type StepLosses, TrainingStep } from '../../src/neuroformer/step.js';
import type { HostTensor } from '../../src/nn/safetensors.js';
import type { Recording } from '../../src/recording/recording.js';
import { ref } from '../../src/reference/array.js';
import * as reference from '../../src/reference/conv3d.js';
import { conv3d } from '../../src/tensor/conv3d.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { useEngine } from '../helpers/engine.js';
import {
  maxDifference,
  syntheticRecording,
  TINY,
  TinyNeuroformer,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
const ENDS = [1, 2.35, 3.6];
const withEncoder = (settings: object) => ({
  ...WITH_VIDEO,
  frame_encoder: { ...WITH_VIDEO.frame_encoder, ...settings },
});
const LEARNED = withEncoder({ positions: 'learned' });
const WITHOUT_FIRST = withEncoder({ first_token: false });
const BOTH = withEncoder({ positions: 'learned', first_token: false });

describe('the places of video tokens', () => {
  it('are those of a convolution, of patches, or whole frames of features', () => {
    const places = (settings: object, video: [number, number, number]) =>
      videoPlaces({ kernel: [4, 8, 8], stride: [4, 2, 2], inner: 4, ...settings } as never, video);
    expect(places({ kind: 'convolution' }, [4, 16, 17])).toEqual({
      kernel: [4, 8, 8],
      stride: [4, 2, 2],
      padding: [0, 0, 0],
      grid: [1, 5, 5],
    });
    expect(places({ kind: 'convolution', padding: [0, 3, 1] }, [4, 16, 17])).toMatchObject({
      padding: [0, 3, 1],
      grid: [1, 8, 6],
    });
    expect(places({ kind: 'patches', padding: [0, 3, 1] }, [2, 4, 7])).toEqual({
      kernel: [1, 2, 2],
      stride: [1, 2, 2],
      padding: [0, 0, 0],
      grid: [2, 2, 3],
    });
    expect(places({ kind: 'features' }, [3, 1, 9])).toMatchObject({
      kernel: [1, 1, 9],
      grid: [3, 1, 1],
    });
  });
});

describe('padding of the convolution', () => {
  const CONVOLUTION = {
    ...WITH_VIDEO,
    frame_encoder: { conv_layer: true, kernel_size: [2, 3, 4], stride_size: [1, 2, 1] },
  };

  /** The recording with zeros around every picture. */
  function withBorder({ trials, ...recording }: Recording, y: number, x: number): Recording {
    const padded = trials.map((trial) => {
      const { data, count, height, width, ...video } = trial.video!;
      const [rows, columns] = [height + 2 * y, width + 2 * x];
      const bordered = new Float32Array(count * rows * columns);
      for (let n = 0; n < data.length; n++) {
        const [frame, row, column] = [
          Math.floor(n / (height * width)),
          Math.floor(n / width) % height,
          n % width,
        ];
        bordered[(frame * rows + row + y) * columns + column + x] = data[n]!;
      }
      return { ...trial, video: { ...video, data: bordered, count, height: rows, width: columns } };
    });
    return { ...recording, trials: padded };
  }

  it('is that of a video with zeros around it, forward and backward, to the bit', async () => {
    const recording = syntheticRecording();
    const encoder = CONVOLUTION.frame_encoder;
    const results: { losses: StepLosses; values: Record<string, HostTensor> }[] = [];
    for (const [padding_size, films] of [
      [[0, 2, 1], recording],
      [[0, 0, 0], withBorder(recording, 2, 1)],
    ] as const) {
      const raw = { ...CONVOLUTION, frame_encoder: { ...encoder, padding_size } };
      const tiny = new TinyNeuroformer(engine(), raw, films);
      const step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 2);
      const losses = await step.run(tiny.layout.collate(tiny.at(1, 2.35)), 1e-3).losses();
      results.push({ losses, values: Object.fromEntries(await tiny.store.values()) });
      step.dispose();
      tiny.dispose();
    }
    expect(results[0]).toEqual(results[1]);
    expect(results[0]!.losses.id).toBeGreaterThan(0);
  });

  it('has the numbers of the float64 reference, also along time', async () => {
    const padding = [1, 1, 3] as const;
    const raw = {
      ...CONVOLUTION,
      frame_encoder: { ...CONVOLUTION.frame_encoder, padding_size: padding },
    };
    const tiny = new TinyNeuroformer(engine(), raw);
    const [window] = tiny.at(2.35);
    const frames = tiny.layout.frames!;
    const weight = await tiny.store.get('video_encoder.conv_block.0.weight').tensor.floats();
    const bias = await tiny.store.get('video_encoder.conv_block.0.bias').tensor.floats();
    const width = tiny.config.n_embd;
    const refs = {
      video: ref([1, 1, ...frames], Float64Array.from(window!.frames!)),
      weight: ref([width, 1, 2, 3, 4], Float64Array.from(weight)),
      bias: ref([width], Float64Array.from(bias)),
    };
    const expected = reference.conv3d(refs, [1, 2, 1], [...padding]);
    const out = engine().scope(() => {
      const video = Tensor.from(engine(), window!.frames!, [1, 1, ...frames]);
      const weights = Tensor.from(engine(), weight, [width, 1, 2, 3, 4]);
      return conv3d(video, weights, Tensor.from(engine(), bias, [width]), [1, 2, 1], padding).out;
    });
    const { grid } = videoPlaces(videoSettings(tiny.config), frames);
    expect(out.shape).toEqual([1, grid[0] * grid[1] * grid[2], width]);
    expect(expected.shape).toEqual(out.shape);
    const values = await out.floats();
    for (const [n, value] of values.entries()) expect(value).toBeCloseTo(expected.data[n]!, 4);
    expect((await tiny.losses(tiny.at(1, 2.35))).total).toBeGreaterThan(0);
    tiny.dispose();
  });

  it('is refused where it is not below the kernel', () => {
    expect(() =>
      parseConfig({
        ...CONVOLUTION,
        frame_encoder: { ...CONVOLUTION.frame_encoder, padding_size: [0, 3, 0] },
      }),
    ).toThrow('frame_encoder.padding_size should be below kernel_size, 2, 3, 4, but is 0, 3, 0.');
  });
});

describe('learned positions of video tokens', () => {
  it('are one row for each of the 12 tokens, with a deviation of 0.3', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...LEARNED, n_embd: 64 });
    using frozen = frozenModel(engine(), tiny.layout, 3);
    const values = await frozen.store.get('video_encoder.positions').tensor.floats();
    expect(values).toHaveLength(12 * 64);
    const square = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    expect(Math.sqrt(square)).toBeCloseTo(0.3, 1);
    tiny.dispose();
  });

  it('are all that tells places apart', async () => {
    const tiny = new TinyNeuroformer(engine(), LEARNED);
    const exchanged = async () => {
      const windows = tiny.at(...ENDS);
      const before = await tiny.outputs(windows);
      // The upper half of every frame of 4 x 6 pixels is exchanged with the lower half.
      const after = await tiny.outputs(windows, (host) => ({
        ...host,
        frames: host.frames!.map((_, n) => host.frames![n % 24 < 12 ? n + 12 : n - 12]!),
      }));
      return maxDifference(before.idLogits!, after.idLogits!);
    };
    expect(await exchanged()).toBeGreaterThan(0.01);
    tiny.store.get('video_encoder.positions').tensor.write(new Float32Array(12 * 8));
    expect(await exchanged()).toBeLessThan(1e-5);
    tiny.dispose();
  });

  it('are declared only if they are asked for, and keep all other initial weights', async () => {
    const names = (raw: object) => {
      const tiny = new TinyNeuroformer(engine(), raw);
      const list = [...tiny.store].map(({ name }) => name);
      tiny.dispose();
      return list;
    };
    expect(names(LEARNED)).toEqual(expect.arrayContaining(['video_encoder.positions']));
    expect(names(WITH_VIDEO)).not.toContain('video_encoder.positions');
    expect(names(WITHOUT_FIRST)).toEqual(names(WITH_VIDEO));
    expect(names({ ...TINY, frame_encoder: BOTH.frame_encoder })).toEqual(names(TINY));
  });

  it('need the size of the video, and a recording that has one', () => {
    const { recording, tokenizer } = new TinyNeuroformer(engine(), TINY);
    const { config } = parseConfig(LEARNED);
    const unseen = {
      ...recording,
      trials: recording.trials.map(({ video: _, ...trial }) => trial),
    };
    expect(() => new BatchLayout(config, tokenizer, unseen)).toThrow(
      'frame_encoder.positions is learned, but the recording has no video: leave it out, or use a recording with video.',
    );
    const layout = new BatchLayout(config, tokenizer, recording);
    const without = { ...layout, config, tokenizer, frames: undefined } as unknown as BatchLayout;
    expect(() => frozenModel(engine(), without)).toThrow(
      'frame_encoder.positions is learned, but the size of the video is not given.',
    );
  });
});

describe('video without the first token of the window', () => {
  it('is 12 tokens instead of 13 that the window attends to', async () => {
    for (const [raw, keys] of [
      [WITH_VIDEO, 13],
      [WITHOUT_FIRST, 12],
    ] as const) {
      const tiny = new TinyNeuroformer(engine(), raw);
      using batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
      const { 'stimulus.0': map } = tiny.model.attention(batch.inputs, ['stimulus.0']);
      expect(map!.axis(3)).toBe(keys);
      map!.dispose();
      tiny.dispose();
    }
  });
});

describe('a model with learned positions and without the first token', () => {
  it('replays a training step with the bits of the first run, and trains its positions', async () => {
    const losses: number[][] = [];
    const positions: Float32Array[] = [];
    for (let run = 0; run < 2; run++) {
      const tiny = new TinyNeuroformer(engine(), BOTH);
      const { tensor } = tiny.store.get('video_encoder.positions');
      positions.push(await tensor.floats());
      const host = tiny.layout.collate(tiny.at(...ENDS));
      const values: number[] = [];
      let step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 3);
      for (let update = 0; update < 4; update++) {
        values.push((await step.run(host, 1e-2).losses()).loss);
        if (run === 0) continue;
        const { steps } = step.optimizer;
        step.dispose();
        step = new TrainingStep(engine(), tiny.store, tiny.model, tiny.layout, 3);
        step.optimizer.steps = steps;
      }
      positions.push(await tensor.floats());
      step.dispose();
      tiny.dispose();
      losses.push(values);
    }
    expect(losses[0]).toEqual(losses[1]);
    expect(positions[1]).toEqual(positions[3]);
    expect(maxDifference(positions[0]!, positions[1]!)).toBeGreaterThan(1e-3);
  });

  it('draws the same tokens with a cache as without', async () => {
    const tiny = new TinyNeuroformer(engine(), BOTH);
    const draw = async (cached: boolean) => {
      using sampler = new Sampler(engine(), tiny.model, tiny.layout, 3, { seed: 5, cached });
      return (await sampler.generate(tiny.at(...ENDS))).map(({ ids, times }) => ({ ids, times }));
    };
    expect(await draw(true)).toEqual(await draw(false));
    tiny.dispose();
  });
});

describe('a frozen model', () => {
  it('has the weights of its seed, and none of them wants a gradient', async () => {
    const tiny = new TinyNeuroformer(engine(), WITH_VIDEO);
    using frozen = frozenModel(engine(), tiny.layout, 7);
    expect([...frozen.store].every(({ tensor }) => !tensor.requiresGrad)).toBe(true);
    using again = frozenModel(engine(), tiny.layout, 7);
    expect(await again.store.values()).toEqual(await frozen.store.values());
    tiny.dispose();
  });
});

describe('a configuration of video tokens', () => {
  it.each([
    [
      { ...LEARNED, compat: 'original' },
      'frame_encoder.positions: learned is not part of the original model: leave it out, or set compat: paper.',
    ],
    [
      { ...WITHOUT_FIRST, compat: 'original' },
      'frame_encoder.first_token: false is not part of the original model: leave it out, or set compat: paper.',
    ],
    [
      { ...LEARNED, rules: { video_positions: false } },
      'frame_encoder.positions is learned, but rules.video_positions is false, which leaves positions out: remove one of them.',
    ],
    [
      withEncoder({ positions: 'random' }),
      'frame_encoder.positions should be one of "sinusoidal", "learned", but is "random".',
    ],
  ])('is refused with the reason: %j', (raw, message) => {
    expect(() => parseConfig(raw)).toThrow(message);
  });
});

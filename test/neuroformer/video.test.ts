import { describe, expect, it } from 'vitest';
import { Sampler } from '../../src/generate/sampler.js';
import { BatchLayout } from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { videoPlaces } from '../../src/neuroformer/embeddings.js';
import { frozenModel } from '../../src/neuroformer/frozen-model.js';
import { TrainingStep } from '../../src/neuroformer/step.js';
import { useEngine } from '../helpers/engine.js';
import { maxDifference, TINY, TinyNeuroformer, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

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
      grid: [1, 5, 5],
    });
    expect(places({ kind: 'patches' }, [2, 4, 7])).toEqual({
      kernel: [1, 2, 2],
      stride: [1, 2, 2],
      grid: [2, 2, 3],
    });
    expect(places({ kind: 'features' }, [3, 1, 9])).toMatchObject({
      kernel: [1, 1, 9],
      grid: [3, 1, 1],
    });
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

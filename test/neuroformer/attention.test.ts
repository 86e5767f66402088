import { describe, expect, it } from 'vitest';
import { useEngine } from '../helpers/engine.js';
import {
  maxDifference,
  TINY,
  TinyNeuroformer,
  WITH_SPEED,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
const EVERYTHING = { ...WITH_VIDEO, modalities: WITH_SPEED.modalities };

describe('attention probabilities', () => {
  it('add up to one over the visible keys, for every block and head', async () => {
    const tiny = new TinyNeuroformer(engine(), EVERYTHING);
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1, 2.35)));
    const [B, H, T, P] = [2, 2, 12, 20];
    const sources: Record<string, number> = {
      'encoder.id.0': T,
      'encoder.frames.0': 13,
      'history.0': P,
      'stimulus.0': 13,
      'behavior.0': 1,
      'state.0': T,
    };
    const maps = tiny.model.attention(batch.inputs, Object.keys(sources));
    const past = await batch.inputs.pastMask!.words();
    for (const [name, keys] of Object.entries(sources)) {
      const queries = name === 'encoder.frames.0' ? 13 : T;
      expect(maps[name]!.shape, name).toEqual([B, H, queries, keys]);
      const values = await maps[name]!.floats();
      for (let row = 0; row < B * H * queries; row++) {
        const shares = values.subarray(row * keys, (row + 1) * keys);
        expect(
          shares.reduce((sum, p) => sum + p, 0),
          `${name}, row ${row}`,
        ).toBeCloseTo(1, 5);
        const [b, query] = [Math.floor(row / (H * queries)), row % queries];
        if (name === 'history.0')
          for (const [key, share] of shares.entries())
            if (past[b * P + key] === 0) expect(share, `padding ${key} of row ${row}`).toBe(0);
        if (name === 'state.0' || name === 'encoder.id.0')
          expect([...shares.subarray(query + 1)], `future of row ${row}`).toEqual(
            Array(T - query - 1).fill(0),
          );
      }
    }
    for (const tensor of Object.values(maps)) tensor.dispose();
  });

  it('are the only memory left after computing them', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
    const live = engine().memory().liveBuffers;
    const { 'history.0': map } = tiny.model.attention(batch.inputs, ['history.0']);
    expect(engine().memory().liveBuffers).toBe(live + 1);
    map!.dispose();
    expect(engine().memory().liveBuffers).toBe(live);
  });

  it('of an unknown block are an error that lists the blocks', () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
    expect(() => tiny.model.attention(batch.inputs, ['stimulus.0'])).toThrow(
      'There is no block stimulus.0 in this model: it has encoder.id.0, history.0, state.0.',
    );
  });
});

describe('a predicted variable', () => {
  const turn = { dt: 0.05, predict: true, objective: 'regression' };
  const raw = {
    ...TINY,
    modalities: { behavior: { n_layers: 0, window: 0.05, variables: { turn } } },
  };

  it('is read from the mean of all tokens, or with pool: eos from the EOS token', async () => {
    const mean = new TinyNeuroformer(engine(), raw);
    const eos = new TinyNeuroformer(engine(), { ...raw, pool: 'eos' });
    const windows = mean.at(1, 2.35);
    const hosts = [mean, eos].map((tiny) => tiny.layout.collate(windows));
    const read = async (tiny: TinyNeuroformer, host: (typeof hosts)[0]) => {
      const batch = tiny.uploadBatch(host!);
      const outputs = tiny.model.forward(batch.inputs);
      const last = await outputs.lastLayer.floats();
      const weights = await tiny.store.values();
      const weight = [...weights.get('modality_projection_heads.behavior.turn.weight')!.data];
      const bias = weights.get('modality_projection_heads.behavior.turn.bias')!.data[0]!;
      const headOutput = (b: number, t: number) =>
        weight.reduce((sum, w, c) => sum + w * last[(b * 12 + t) * 8 + c]!, bias);
      return { headOutput, predicted: await outputs.predictions.turn!.floats() };
    };
    const [byMean, byEos] = [await read(mean, hosts[0]!), await read(eos, hosts[1]!)];
    for (const b of [0, 1]) {
      const { mask, eos: ends } = hosts[0]!;
      const tokens = [...mask.subarray(b * 12, (b + 1) * 12)].filter(Boolean).length;
      const end = ends.subarray(b * 12, (b + 1) * 12).indexOf(1);
      expect(end).toBe(tokens - 1);
      const outputs = Array.from({ length: tokens }, (_, t) => byMean.headOutput(b, t));
      const average = outputs.reduce((sum, v) => sum + v, 0) / tokens;
      expect(byMean.predicted[b]).toBeCloseTo(average, 4);
      expect(byEos.predicted[b]).toBeCloseTo(byEos.headOutput(b, end), 4);
    }
    expect(maxDifference(byMean.predicted, byEos.predicted)).toBeGreaterThan(1e-3);
  });

  it('has its last sample in the window as target', () => {
    const tiny = new TinyNeuroformer(engine(), raw);
    const { targets } = tiny.layout.collate(tiny.at(1, 2.35));
    // The samples at 20 Hz that start at 0.95 s and 2.3 s.
    expect([...targets.turn!]).toEqual([19, 46].map((n) => Math.fround(Math.cos(n / 11))));
  });

  it('needs the positions of EOS with pool: eos', () => {
    const tiny = new TinyNeuroformer(engine(), { ...raw, pool: 'eos' });
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
    expect(() => tiny.model.forward({ ...batch.inputs, eos: undefined })).toThrow(
      'pool is eos, but the batch does not say where each window ends.',
    );
  });
});

describe('video as precomputed features', () => {
  it('has one token per frame', async () => {
    const raw = {
      ...WITH_VIDEO,
      frame_encoder: { conv_layer: false, features: true, n_embd_frames: 24 },
    };
    const tiny = new TinyNeuroformer(engine(), raw);
    expect(tiny.store.get('video_encoder.to_patch_embedding.1.weight').shape).toEqual([8, 24]);
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
    const { 'stimulus.0': map } = tiny.model.attention(batch.inputs, ['stimulus.0']);
    expect(map!.shape, 'the start token and two frames').toEqual([1, 2, 12, 3]);
  });
});

import { describe, expect, it } from 'vitest';
import { useEngine } from '../helpers/engine.js';
import {
  apart,
  TINY,
  TinyNeuroformer,
  WITH_SPEED,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
const EVERYTHING = { ...WITH_VIDEO, modalities: WITH_SPEED.modalities };

describe('attention on request', () => {
  it('is there for every block and head, each row adding up to one over the keys it may see', async () => {
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
    const found = tiny.model.attention(batch.inputs, Object.keys(sources));
    const past = await batch.inputs.pastMask!.words();
    for (const [name, keys] of Object.entries(sources)) {
      const queries = name === 'encoder.frames.0' ? 13 : T;
      expect(found[name]!.shape, name).toEqual([B, H, queries, keys]);
      const values = await found[name]!.floats();
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
    for (const tensor of Object.values(found)) tensor.dispose();
  });

  it('costs nothing where nobody asks, and gives its memory back', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
    const live = engine().memory().liveBuffers;
    const { 'history.0': found } = tiny.model.attention(batch.inputs, ['history.0']);
    expect(engine().memory().liveBuffers).toBe(live + 1);
    found!.dispose();
    expect(engine().memory().liveBuffers).toBe(live);
  });

  it('names the blocks there are where one is asked for that is not', () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
    expect(() => tiny.model.attention(batch.inputs, ['stimulus.0'])).toThrow(
      'There is no block stimulus.0 in this model: it has encoder.id.0, history.0, state.0.',
    );
  });
});

describe('what is decoded', () => {
  const turn = { dt: 0.05, predict: true, objective: 'regression' };
  const raw = {
    ...TINY,
    modalities: { behavior: { n_layers: 0, window: 0.05, variables: { turn } } },
  };

  it('is read from the mean of all tokens, or with pool: eos from the last alone', async () => {
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
      const scored = (b: number, t: number) =>
        weight.reduce((sum, w, c) => sum + w * last[(b * 12 + t) * 8 + c]!, bias);
      return { scored, predicted: await outputs.predictions.turn!.floats() };
    };
    const [m, e] = [await read(mean, hosts[0]!), await read(eos, hosts[1]!)];
    for (const b of [0, 1]) {
      const { mask, eos: ends } = hosts[0]!;
      const tokens = [...mask.subarray(b * 12, (b + 1) * 12)].filter(Boolean).length;
      const at = ends.subarray(b * 12, (b + 1) * 12).indexOf(1);
      expect(at).toBe(tokens - 1);
      const all = Array.from({ length: tokens }, (_, t) => m.scored(b, t));
      expect(m.predicted[b]).toBeCloseTo(all.reduce((sum, v) => sum + v, 0) / tokens, 4);
      expect(e.predicted[b]).toBeCloseTo(e.scored(b, at), 4);
    }
    expect(apart(m.predicted, e.predicted)).toBeGreaterThan(1e-3);
  });

  it('is the variable’s last sample in the window', () => {
    const tiny = new TinyNeuroformer(engine(), raw);
    const { targets } = tiny.layout.collate(tiny.at(1, 2.35));
    // The samples of 20 Hz that begin at 0.95 s and 2.3 s.
    expect([...targets.turn!]).toEqual([19, 46].map((n) => Math.fround(Math.cos(n / 11))));
  });

  it('needs the windows’ ends where it is read from them', () => {
    const tiny = new TinyNeuroformer(engine(), { ...raw, pool: 'eos' });
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
    expect(() => tiny.model.forward({ ...batch.inputs, eos: undefined })).toThrow(
      'pool is eos, but the batch does not say where each window ends.',
    );
  });
});

describe('video as features made elsewhere', () => {
  it('enters frame by frame, each frame a token', async () => {
    const raw = {
      ...WITH_VIDEO,
      frame_encoder: { conv_layer: false, features: true, n_embd_frames: 24 },
    };
    const tiny = new TinyNeuroformer(engine(), raw);
    expect(tiny.store.get('video_encoder.to_patch_embedding.1.weight').shape).toEqual([8, 24]);
    const batch = tiny.uploadBatch(tiny.layout.collate(tiny.at(1)));
    const { 'stimulus.0': found } = tiny.model.attention(batch.inputs, ['stimulus.0']);
    expect(found!.shape, 'the start token and two frames').toEqual([1, 2, 12, 3]);
  });
});

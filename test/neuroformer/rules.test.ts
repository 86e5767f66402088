import { describe, expect, it } from 'vitest';
import {
  BatchLayout,
  type HostBatch,
  tokenizerFor,
  windowSettings,
  withStatistics,
} from '../../src/neuroformer/batch.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { lossWeights } from '../../src/neuroformer/losses.js';
import { RULE_NAMES, RULES, type RuleName } from '../../src/neuroformer/rules.js';
import { RateSchedule } from '../../src/nn/schedule.js';
import { assembleRecording } from '../../src/recording/recording.js';
import { Windows } from '../../src/recording/windows.js';
import { useEngine } from '../helpers/engine.js';
import {
  maxDifference,
  syntheticRecording,
  TINY,
  TinyNeuroformer,
  WITH_BEHAVIOR,
  WITH_SPEED,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
/** Differences below this are rounding. */
const SAME = 2e-5;
const ENDS = [1, 2.35, 3.6];

/** A model with one rule on or off and all others on. */
function model(raw: object, rule: RuleName, on: boolean): TinyNeuroformer {
  return new TinyNeuroformer(engine(), { ...raw, rules: { [rule]: on } });
}

/** The maximum difference of the logits between a batch and the changed batch. */
async function logitChange(
  tiny: TinyNeuroformer,
  change: (host: HostBatch) => HostBatch,
): Promise<number> {
  const windows = tiny.at(...ENDS);
  const before = await tiny.outputs(windows);
  const after = await tiny.outputs(windows, change);
  tiny.dispose();
  return maxDifference(before.idLogits!, after.idLogits!);
}

const CONTRASTIVE = {
  ...WITH_VIDEO,
  contrastive: { contrastive: true, vars: ['id', 'frames'], clip_embd: 5 },
};

/**
 * Expects a change of the batch to affect the logits with the rule on, and not to affect them with
 * it off.
 */
function expectEffect(on: number, off: number): void {
  expect(on, 'with the rule').toBeGreaterThan(1e-3);
  expect(off, 'without it').toBeLessThan(SAME);
}

function withGroups(samples: number) {
  const group = (n_layers: number, name: string) => ({
    n_layers,
    window: 0.05 * samples,
    variables: { [name]: { dt: 0.05 } },
  });
  return { ...TINY, modalities: { a: group(1, 'speed'), b: group(2, 'turn') } };
}

/** Changes the neuron of the last past token of every row. */
const changeLastPast = (host: HostBatch): HostBatch => {
  const ids = host.pastIds.ids.slice();
  const P = ids.length / ENDS.length;
  for (let row = 0; row < ENDS.length; row++) {
    const last = host.pastMask.subarray(row * P, (row + 1) * P).lastIndexOf(1) - 1;
    ids[row * P + last] = (ids[row * P + last]! + 1) % 7;
  }
  return { ...host, pastIds: { ...host.pastIds, ids } };
};

const reverseFrames = (host: HostBatch): HostBatch => {
  const size = 4 * 6;
  const frames = host.frames!.slice();
  for (let row = 0; row < ENDS.length; row++)
    frames.set(
      [1, 0].flatMap((n) => [
        ...host.frames!.subarray((2 * row + n) * size, (2 * row + n + 1) * size),
      ]),
      2 * row * size,
    );
  return { ...host, frames };
};

/** A test of each rule's effect. The type makes sure that none is missing. */
const CLAIMS: Record<RuleName, () => Promise<void> | void> = {
  async behavior_values() {
    const change = (host: HostBatch) => {
      const { speed } = host.behavior.behavior!;
      const values = speed!.values.map((value) => value + 0.7);
      return { ...host, behavior: { behavior: { speed: { ...speed!, values } } } };
    };
    const changes = [true, false].map((on) =>
      logitChange(model(WITH_SPEED, 'behavior_values', on), change),
    );
    expectEffect(...((await Promise.all(changes)) as [number, number]));
  },

  standardized() {
    const recording = syntheticRecording();
    for (const on of [true, false]) {
      const { config } = parseConfig({ ...WITH_BEHAVIOR, rules: { standardized: on } });
      const plain = tokenizerFor(config, recording);
      const windows = new Windows(recording, windowSettings(config, plain));
      const training = windows.windowsInTrial(0).slice(0, 40);
      const tokenizer = withStatistics(plain, config, windows, training);
      const layout = new BatchLayout(config, tokenizer, recording);
      const { targets, behavior } = layout.collate(training.map((ref) => windows.at(ref)));
      const raw = training.map((ref) => windows.samplesAt(ref).turn!.values.at(-1)!);
      const scaled = [targets.turn!, behavior.behavior!.speed!.values];
      if (!on) expect(scaled[0], 'unscaled').toEqual(Float32Array.from(raw));
      for (const values of on ? scaled : []) {
        const numbers = [...(values as Float32Array)];
        const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
        const variance = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length;
        expect(mean, 'mean').toBeCloseTo(0, 5);
        expect(variance, 'variance').toBeCloseTo(1, 5);
      }
    }
  },

  async video_positions() {
    const on = await logitChange(model(WITH_VIDEO, 'video_positions', true), reverseFrames);
    const off = await logitChange(model(WITH_VIDEO, 'video_positions', false), reverseFrames);
    expectEffect(on, off);
  },

  async mask_padding() {
    for (const on of [true, false]) {
      const long = model({ ...TINY, block_size: { id: 17, prev_id: 29 } }, 'mask_padding', on);
      const short = model(TINY, 'mask_padding', on);
      await short.copyFrom(long);
      const [padded, plain] = [
        await long.outputs(long.at(ENDS[0]!)),
        await short.outputs(short.at(ENDS[0]!)),
      ];
      const shared = plain.idLogits!.length;
      const difference = maxDifference(padded.idLogits!.subarray(0, shared), plain.idLogits!);
      if (on) expect(difference, 'more padding, masked').toBeLessThan(SAME);
      else expect(difference, 'more padding, not masked').toBeGreaterThan(1e-3);
      long.dispose();
      short.dispose();
    }
  },

  async several_samples() {
    const change = (host: HostBatch) => {
      const { speed } = host.behavior.a!;
      const values = speed!.values.map((value, n) => (n % 2 === 0 ? value + 0.7 : value));
      return { ...host, behavior: { ...host.behavior, a: { speed: { ...speed!, values } } } };
    };
    const tiny = model(withGroups(2), 'several_samples', true);
    expect(tiny.layout.collate(tiny.at(1)).behavior.a!.speed!.values).toHaveLength(2);
    expect(await logitChange(tiny, change)).toBeGreaterThan(1e-3);
    expect(() => parseConfig({ ...withGroups(2), rules: { several_samples: false } })).toThrow(
      'modalities.a.variables.speed.dt should equal modalities.a.window, 0.1 s, because rules.several_samples is off, but is 0.05.',
    );
  },

  layers_per_group() {
    const blocks = [true, false].map((on) => {
      const { stacks } = model(withGroups(1), 'layers_per_group', on).model;
      return [stacks.a!.blocks.length, stacks.b!.blocks.length];
    });
    expect(blocks).toEqual([
      [1, 2],
      [2, 2],
    ]);
  },

  clip_width() {
    const shapes = [true, false].map(
      (on) => model(CONTRASTIVE, 'clip_width', on).store.get('clip.proj.weight').shape,
    );
    expect(shapes).toEqual([
      [5, 8],
      [8, 8],
    ]);
  },

  async clip_symmetric() {
    const swapped = {
      ...CONTRASTIVE,
      contrastive: { ...CONTRASTIVE.contrastive, vars: ['frames', 'id'] },
    };
    for (const on of [true, false]) {
      const [clip, swappedClip] = await Promise.all(
        [CONTRASTIVE, swapped].map(async (raw) => {
          const tiny = model(raw, 'clip_symmetric', on);
          return (await tiny.losses(tiny.at(...ENDS))).clip!;
        }),
      );
      const difference = Math.abs(clip! - swappedClip!);
      if (on) expect(difference).toBeLessThan(1e-6);
      else expect(difference).toBeGreaterThan(1e-4);
    }
  },

  loss_factors() {
    const weights = (raw: object, on: boolean) =>
      lossWeights(parseConfig({ ...raw, rules: { loss_factors: on } }).config);
    const close = (n: number) => expect.closeTo(n, 12);
    expect(weights(TINY, true)).toEqual({ contrastive: 0, id: 0.6, time: 0.4 });
    expect(weights(TINY, false)).toEqual({ contrastive: 0, id: close(0.45), time: close(0.3) });
    const aligned = { contrastive: 0.25, id: close(0.45), time: close(0.3) };
    expect(weights(CONTRASTIVE, true)).toEqual(aligned);
    expect(weights(CONTRASTIVE, false)).toEqual(aligned);
  },

  keeps_start() {
    const starts = [true, false].map((on) => {
      const narrow = { ...TINY, block_size: { id: 4, prev_id: 20 } };
      const tiny = model(narrow, 'keeps_start', on);
      const full = tiny.windows.windowsInTrial(0).map((ref) => tiny.windows.at(ref).current);
      expect(full.some(({ spikeCount: spikes }) => spikes > 2)).toBe(true);
      return Math.max(...full.map(({ times }) => times[0]!));
    });
    expect(starts[0]).toBe(0);
    expect(starts[1]).toBeGreaterThan(0);
  },

  past_own_clock() {
    const [relative, absolute] = [true, false].map((on) => {
      const { past } = model(TINY, 'past_own_clock', on).at(0.1)[0]!;
      expect(past.start).toBeCloseTo(-0.05, 12);
      return past.times.slice(1, 1 + past.spikeCount);
    });
    expect([...relative!]).toEqual([...absolute!].map((time) => time + 5));
  },

  video_ends_with_window() {
    const [now, later] = [true, false].map(
      (on) => model(WITH_VIDEO, 'video_ends_with_window', on).at(1)[0]!.frames!,
    );
    // The frames from 0.9 to 1 s, and those from 0.95 to 1.05 s.
    expect(now!.subarray(24)).toEqual(later!.subarray(0, 24));
    expect(now).not.toEqual(later);
  },

  exact_sample_times() {
    const times = [true, false].map((on) => {
      const tiny = model(WITH_SPEED, 'exact_sample_times', on);
      const refs = tiny.windows.windowsInTrial(0);
      return new Set(
        refs.map((ref) => tiny.windows.at(ref).variables.speed!.times.at(-1)!.toFixed(6)),
      );
    });
    expect(times[0]).toEqual(new Set(['0.000000']));
    expect(times[1]!.size, 'rounding adds a step to some').toBeGreaterThan(1);
  },

  async causal_gru() {
    expect(await earlierLogitChange({ ...TINY, gru2_only: true })).toBeLessThan(SAME);
    const raw = { ...TINY, gru2_only: true, rules: { causal_gru: false } };
    expect(await earlierLogitChange(raw)).toBeGreaterThan(1e-3);
  },

  async gru_reads_past() {
    for (const variant of ['gru_only', 'gru2_only']) {
      const raw = { ...TINY, [variant]: true };
      const on = await logitChange(model(raw, 'gru_reads_past', true), changeLastPast);
      const off = await logitChange(model(raw, 'gru_reads_past', false), changeLastPast);
      expectEffect(on, off);
    }
  },

  async mlp_used() {
    const changes: number[] = [];
    for (const on of [true, false]) {
      const tiny = model({ ...TINY, mlp_only: true }, 'mlp_used', on);
      const before = await tiny.outputs(tiny.at(1));
      const { tensor } = tiny.store.get('mlp.2.mlp.0.weight');
      tensor.write(
        (await tiny.store.values())
          .get('mlp.2.mlp.0.weight')!
          .data.map((v) => 2 * v) as Float32Array,
      );
      changes.push(maxDifference(before.idLogits!, (await tiny.outputs(tiny.at(1))).idLogits!));
    }
    expectEffect(changes[0]!, changes[1]!);
  },

  dropout_settable() {
    const rates = [true, false].map((on) => {
      const { dropout } = parseConfig({ ...TINY, rules: { dropout_settable: on } }).config;
      return [dropout.time, dropout.gru];
    });
    expect(rates).toEqual([
      [0, 0],
      [0.2, 0.1],
    ]);
  },

  own_classes() {
    const raw = structuredClone(WITH_BEHAVIOR) as typeof WITH_BEHAVIOR;
    Object.assign(raw.modalities.behavior.variables.gait, { n_classes: 9 });
    const rows = [true, false].map((on) => {
      const { store } = model(raw, 'own_classes', on);
      return store.get('modality_projection_heads.behavior.gait.weight').shape[0];
    });
    expect(rows, 'rest, run and walk; or n_classes').toEqual([3, 9]);
  },

  warmup_first() {
    const initialRates = [true, false].map((on) =>
      new RateSchedule({ rate: 1, warmup: 10, original: !on }).rate(0, 2),
    );
    expect(initialRates).toEqual([0.2, 1]);
  },
};

/** The maximum difference of the logits before position 3 when the token at position 3 changes. */
async function earlierLogitChange(raw: object): Promise<number> {
  const tiny = new TinyNeuroformer(engine(), raw);
  const change = (host: HostBatch): HostBatch => {
    const ids = host.ids.ids.slice();
    const T = ids.length / ENDS.length;
    for (let row = 0; row < ENDS.length; row++) ids[row * T + 3] = (ids[row * T + 3]! + 1) % 7;
    return { ...host, ids: { ...host.ids, ids } };
  };
  const windows = tiny.at(...ENDS);
  const before = await tiny.outputs(windows);
  const after = await tiny.outputs(windows, change);
  tiny.dispose();
  let maximum = 0;
  for (const head of ['idLogits', 'timeLogits']) {
    const perRow = before[head]!.length / ENDS.length;
    const early = (3 * perRow) / tiny.config.block_size.id;
    for (let row = 0; row < ENDS.length; row++) {
      const part = (logits: Float32Array) => logits.subarray(row * perRow, row * perRow + early);
      maximum = Math.max(maximum, maxDifference(part(before[head]!), part(after[head]!)));
    }
    expect(maxDifference(before[head]!, after[head]!), 'later logits').toBeGreaterThan(1e-3);
  }
  return maximum;
}

describe('each rule has the effect that it describes', () => {
  it.each(RULE_NAMES.map((name) => [name, RULES[name]] as const))('%s: %s', async (name) => {
    await CLAIMS[name]();
  });
});

describe('the weights of the losses', () => {
  const weights = (raw: object) => lossWeights(parseConfig(raw).config);
  const close = (n: number) => expect.closeTo(n, 12);

  it('are gamma, mu and 1 - gamma - mu, as in the paper', () => {
    expect(weights({ ...CONTRASTIVE, loss: { gamma: 0.2, mu: 0.5 } })).toEqual({
      contrastive: 0.2,
      id: 0.5,
      time: close(0.3),
    });
    expect(weights({ ...TINY, loss: { gamma: 0.2, mu: 0.5 } })).toEqual({
      contrastive: 0,
      id: 0.5,
      time: 0.5,
    });
  });

  it('multiply the losses, also those of predicted variables', async () => {
    const plain = new TinyNeuroformer(engine(), WITH_BEHAVIOR);
    const loss = { mu: 0.3, variables: { turn: 5 } };
    const weighted = new TinyNeuroformer(engine(), { ...WITH_BEHAVIOR, loss });
    const [before, after] = [
      await plain.losses(plain.at(...ENDS)),
      await weighted.losses(weighted.at(...ENDS)),
    ];
    expect(after.turn! / before.turn!).toBeCloseTo(5, 4);
    expect(after.gait! / before.gait!).toBeCloseTo(1, 4);
    expect(after.id! / before.id!).toBeCloseTo(0.3 / 0.6, 4);
    expect(after.time! / before.time!).toBeCloseTo(0.7 / 0.4, 4);
  });
});

describe('no token affects an earlier logit', () => {
  const everything = { ...WITH_BEHAVIOR, ...WITH_VIDEO, modalities: WITH_BEHAVIOR.modalities };
  it.each([
    ['the transformer', TINY],
    ['the transformer with video and behavior', everything],
    ['the MLP baseline', { ...TINY, mlp_only: true }],
    ['the GRU baseline', { ...TINY, gru_only: true }],
    ['the double GRU baseline', { ...TINY, gru2_only: true }],
    ['a sparse transformer', { ...TINY, sparse: { topk: 3 } }],
  ])('in %s', async (_, raw) => {
    expect(await earlierLogitChange(raw)).toBeLessThan(SAME);
  });
});

describe('a recording that lacks a modality', () => {
  it('runs without the blocks of that modality', async () => {
    const complete = new TinyNeuroformer(engine(), {
      ...WITH_VIDEO,
      modalities: WITH_SPEED.modalities,
    });
    const { video: _, ...bare } = complete.recording.trials[0]!;
    const recording = assembleRecording('bare', [{ ...bare, variables: {} }]);
    const partial = new TinyNeuroformer(
      engine(),
      { ...WITH_VIDEO, modalities: WITH_SPEED.modalities },
      recording,
    );
    const host = partial.layout.collate(partial.at(1));
    expect(host.frames).toBeUndefined();
    expect(host.behavior).toEqual({});
    const outputs = await partial.outputs(partial.at(1));
    const names: string[] = [];
    const batch = partial.uploadBatch(host);
    partial.model.forward(batch.inputs, (name) => names.push(name));
    expect(names.some((name) => name.startsWith('stimulus') || name.startsWith('behavior'))).toBe(
      false,
    );
    expect(outputs.idLogits!.every(Number.isFinite)).toBe(true);
    const windows = new Windows(recording, windowSettings(partial.config, partial.tokenizer));
    expect(windows.windowsInTrial(0)).toHaveLength(120);
  });
});

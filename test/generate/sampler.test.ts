import { describe, expect, it } from 'vitest';
import { type GeneratedWindow, Sampler, type SamplerSettings } from '../../src/generate/sampler.js';
import { generateTrials, type TrialSettings } from '../../src/generate/trials.js';
import { useEngine } from '../helpers/engine.js';
import {
  NEURONS,
  TINY,
  TinyNeuroformer,
  WITH_BEHAVIOR,
  WITH_SPEED,
  WITH_VIDEO,
} from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
const ENDS = [1, 2.35, 3.6, 4.8];

async function drawn(
  tiny: TinyNeuroformer,
  settings: SamplerSettings,
  times = 1,
  size = ENDS.length,
): Promise<GeneratedWindow[]> {
  const sampler = new Sampler(engine(), tiny.model, tiny.layout, size, settings);
  const found: GeneratedWindow[] = [];
  for (let n = 0; n < times; n++) found.push(...(await sampler.generate(tiny.at(...ENDS))));
  sampler.dispose();
  return found;
}

describe('the cached sampler', () => {
  const deep = { ...TINY, layers: { state: 2, state_history: 2, stimulus: 0 } };
  it.each<[string, object, SamplerSettings]>([
    ['spikes', deep, {}],
    ['spikes, greedily', deep, { id: { temperature: 0 }, time: { temperature: 0 } }],
    ['spikes, top-k and top-p', deep, { id: { topK: 3 }, time: { topP: 0.8, temperature: 1.5 } }],
    ['spikes, in any order', deep, { ordered: false }],
    ['some neurons silent', deep, { silent: [1, 4] }],
    ['video', WITH_VIDEO, {}],
    ['behaviour', WITH_SPEED, {}],
    ['everything', { ...WITH_VIDEO, modalities: WITH_BEHAVIOR.modalities, wave_emb: true }, {}],
    ['sparse attention', { ...deep, sparse: { topk: 3 } }, {}],
    ['no positions and no times', { ...deep, pos_emb: false, temp_emb: false }, {}],
    ['the original', { ...deep, compat: 'original' }, {}],
    ['a block longer than a chunk', { ...deep, block_size: { id: 30, prev_id: 20 } }, {}],
  ])('draws what the whole model draws, token for token: %s', async (_, raw, settings) => {
    const tiny = new TinyNeuroformer(engine(), raw);
    const [kept, whole] = [
      await drawn(tiny, { ...settings, seed: 5, cached: true }, 3),
      await drawn(tiny, { ...settings, seed: 5, cached: false }, 3),
    ];
    expect(kept).toEqual(whole);
    expect(kept.flatMap(({ ids }) => ids).length, 'spikes among them').toBeGreaterThan(14);
    tiny.dispose();
  });

  it('makes no new memory once it runs, and gives back what it had', async () => {
    const tiny = new TinyNeuroformer(engine(), deep);
    await engine().finish();
    const before = engine().memory().liveBuffers;
    const sampler = new Sampler(engine(), tiny.model, tiny.layout, 4);
    await sampler.generate(tiny.at(...ENDS));
    const { created } = engine().memory();
    for (let n = 0; n < 3; n++) await sampler.generate(tiny.at(...ENDS));
    expect(engine().memory().created).toBe(created);
    sampler.dispose();
    expect(engine().memory().liveBuffers).toBe(before);
  });

  it('is not for baselines, which are drawn from whole', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...TINY, gru_only: true });
    expect((await drawn(tiny, {})).length).toBe(4);
    await expect(drawn(tiny, { cached: true })).rejects.toThrow(
      'A baseline has no keys and values to cache: draw from it without the cache.',
    );
  });
});

describe('what is drawn', () => {
  it('is the same for the same seed, and other for another', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const [one, again, other] = [
      await drawn(tiny, { seed: 1 }),
      await drawn(tiny, { seed: 1 }),
      await drawn(tiny, { seed: 2 }),
    ];
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('never lies before the spike it follows, nor outside the window, and ends once', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const { ids: neurons } = tiny.tokenizer;
    const windows = await drawn(tiny, {}, 20);
    for (const { ids, times, stoppedBy } of windows) {
      const spikes = ids.filter((id) => neurons.isNeuron(id));
      expect(ids.length - spikes.length).toBe(stoppedBy === 'EOS' ? 1 : 0);
      const own = times.slice(0, spikes.length);
      expect(own).toEqual([...own].sort((p, q) => p - q));
      expect(Math.max(0, ...own)).toBeLessThan(5);
    }
    const free = await drawn(tiny, { ordered: false }, 20);
    const outOfOrder = free.filter(({ times }) => times.some((t, n) => n > 0 && t < times[n - 1]!));
    expect(outOfOrder.length, 'without the rule').toBeGreaterThan(10);
  });

  it('leaves out silent neurons', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const found = (silent: number[]) =>
      drawn(tiny, { silent }, 10).then((windows) => new Set(windows.flatMap(({ ids }) => ids)));
    expect([...(await found([]))].filter((id) => id < 4).length).toBeGreaterThan(1);
    expect([...(await found([0, 1, 2, 3]))].filter((id) => id < 4)).toEqual([]);
  });

  it('may be fewer windows than the sampler holds, but not more', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    expect(await drawn(tiny, {}, 1, 6)).toHaveLength(4);
    await expect(drawn(tiny, {}, 1, 3)).rejects.toThrow(
      'This sampler draws 1 to 3 windows at once, not 4.',
    );
  });
});

describe('generated trials', () => {
  async function drawTrials(tiny: TinyNeuroformer, settings: Partial<TrialSettings> = {}) {
    const starts = [1, 2, 3].map((end) => ({ trialIndex: 0, end }));
    const sampler = new Sampler(engine(), tiny.model, tiny.layout, 3, {
      seed: 4,
      ...(settings.silent && { silent: settings.silent }),
    });
    const trials = await generateTrials(sampler, tiny.windows, { starts, seconds: 1, ...settings });
    sampler.dispose();
    return trials;
  }

  it('begin where they are told, and keep to their stretch of time', async () => {
    const trials = await drawTrials(new TinyNeuroformer(engine(), TINY));
    expect(trials.map(({ from, to }) => [from, to])).toEqual([
      [0.95, 1.95],
      [1.95, 2.95],
      [2.95, 3.95],
    ]);
    for (const { times, from, to } of trials) {
      expect(times).toHaveLength(NEURONS);
      const all = times.flatMap((list) => [...list]);
      expect(all.length).toBeGreaterThan(10);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(from - 1e-9);
      expect(Math.max(...all)).toBeLessThan(to);
    }
  });

  it('run freely on their own spikes, or on the recorded past', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const [own, recorded] = [await drawTrials(tiny), await drawTrials(tiny, { past: 'recorded' })];
    expect(own).not.toEqual(recorded);
    // The first window has the recorded past either way.
    const first = (trials: typeof own) =>
      trials.map(({ times, from }) =>
        times.map((list) => [...list].filter((t) => t < from + 0.05)),
      );
    expect(first(own)).toEqual(first(recorded));
  });

  it('see the spikes drawn before as their past', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...TINY, block_size: { id: 12, prev_id: 40 } });
    const seen: number[][] = [];
    const sampler = new Sampler(engine(), tiny.model, tiny.layout, 1, { seed: 4 });
    const watched = {
      generate: (windows: Parameters<Sampler['generate']>[0]) => {
        seen.push([...windows[0]!.past.ids].filter((id) => id < NEURONS).sort());
        expect(windows[0]!.past.spikes, 'that fit').toBeLessThanOrEqual(38);
        return sampler.generate(windows);
      },
    } as unknown as Sampler;
    const starts = [{ trialIndex: 0, end: 1 }];
    const [trial] = await generateTrials(watched, tiny.windows, { starts, seconds: 0.3 });
    const between = (from: number, to: number) =>
      trial!.times.flatMap((list, neuron) =>
        [...list].filter((t) => t > from - 1e-6 && t < to - 1e-6).map(() => neuron),
      );
    // The past of the window that begins at 1.15 s holds what was drawn from 1.05 s on.
    expect(seen[4]).toEqual(between(1.05, 1.15).sort());
    expect(seen[4]!.length).toBeGreaterThan(1);
  });

  it('hold no spike of silenced neurons, and those driven fire as told', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const silenced = await drawTrials(tiny, { silent: [2, 3] });
    expect(silenced.flatMap(({ times }) => [times[2]!.length, times[3]!.length])).toEqual([
      0, 0, 0, 0, 0, 0,
    ]);
    const [calm, driven] = [await drawTrials(tiny), await drawTrials(tiny, { drive: { 5: 100 } })];
    const count = (trials: typeof calm) =>
      trials.reduce((sum, { times }) => sum + times[5]!.length, 0);
    expect(count(driven) - count(calm)).toBeGreaterThan(200);
  });

  it('cannot run past the end of the recording', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    await expect(drawTrials(tiny, { seconds: 4 })).rejects.toThrow(
      'Trial 0 lasts 6 s, but drawing from 2.95 s would end at 6.950 s: draw fewer seconds or start earlier.',
    );
  });
});

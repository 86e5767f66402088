import { describe, expect, it } from 'vitest';
import { type GeneratedWindow, Sampler, type SamplerSettings } from '../../src/generate/sampler.js';
import { generateTrials, type TrialSettings } from '../../src/generate/trials.js';
import { mean } from '../../src/math/statistics.js';
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

/**
 * Draws the windows that end at ENDS.
 *
 * @param how.batches batches, one after the other
 * @param how.copies how often each window is in a batch
 * @param how.size windows that the sampler draws at once; default: a batch
 */
async function drawWindows(
  tiny: TinyNeuroformer,
  settings: SamplerSettings,
  how: { batches?: number; copies?: number; size?: number } = {},
): Promise<GeneratedWindow[]> {
  const { batches = 1, copies = 1 } = how;
  const ends = Array.from({ length: copies }, () => ENDS).flat();
  const sampler = new Sampler(engine(), tiny.model, tiny.layout, how.size ?? ends.length, settings);
  const windows: GeneratedWindow[] = [];
  for (let n = 0; n < batches; n++) windows.push(...(await sampler.generate(tiny.at(...ends))));
  sampler.dispose();
  return windows;
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
    ['behavior', WITH_SPEED, {}],
    ['everything', { ...WITH_VIDEO, modalities: WITH_BEHAVIOR.modalities, wave_emb: true }, {}],
    ['sparse attention', { ...deep, sparse: { topk: 3 } }, {}],
    ['no positions and no times', { ...deep, pos_emb: false, temp_emb: false }, {}],
    ['the original', { ...deep, compat: 'original' }, {}],
    ['a block longer than a chunk', { ...deep, block_size: { id: 30, prev_id: 20 } }, {}],
    ['no ends', deep, { endless: true }],
    ['no ends, the original', { ...deep, compat: 'original' }, { endless: true }],
  ])('draws the same tokens as without a cache: %s', async (_, raw, settings) => {
    const tiny = new TinyNeuroformer(engine(), raw);
    const [cached, uncached] = [
      await drawWindows(tiny, { ...settings, seed: 5, cached: true }, { batches: 3 }),
      await drawWindows(tiny, { ...settings, seed: 5, cached: false }, { batches: 3 }),
    ];
    expect(cached).toEqual(uncached);
    expect(cached.flatMap(({ ids }) => ids).length, 'tokens drawn').toBeGreaterThan(14);
    tiny.dispose();
  });

  it('allocates nothing after the first batch, and frees all of its memory', async () => {
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

  it('does not support baselines, which draw without a cache', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...TINY, gru_only: true });
    expect((await drawWindows(tiny, {})).length).toBe(4);
    await expect(drawWindows(tiny, { cached: true })).rejects.toThrow(
      'A baseline has no keys and values to cache: draw from it without the cache.',
    );
  });
});

describe('drawn windows', () => {
  it('are the same for the same seed and differ for another seed', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const windows = await drawWindows(tiny, { seed: 1 });
    expect(await drawWindows(tiny, { seed: 1 })).toEqual(windows);
    expect(await drawWindows(tiny, { seed: 2 })).not.toEqual(windows);
  });

  it('have their spikes in order of time, none after the window, and at most one end', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const { ids: neurons } = tiny.tokenizer;
    const windows = await drawWindows(tiny, {}, { copies: 20 });
    for (const { ids, times, stoppedBy } of windows) {
      const spikes = ids.filter((id) => neurons.isNeuron(id));
      expect(ids.length - spikes.length).toBe(stoppedBy === 'EOS' ? 1 : 0);
      const spikeTimes = times.slice(0, spikes.length);
      expect(spikeTimes).toEqual([...spikeTimes].sort((p, q) => p - q));
      expect(Math.max(0, ...spikeTimes)).toBeLessThan(5);
    }
    const unordered = await drawWindows(tiny, { ordered: false }, { copies: 20 });
    const outOfOrder = unordered.filter(({ times }) =>
      times.some((t, n) => n > 0 && t < times[n - 1]!),
    );
    expect(outOfOrder.length, 'without the rule').toBeGreaterThan(10);
  });

  it('contain no silent neurons', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const drawnIds = async (silent: number[]) => {
      const windows = await drawWindows(tiny, { silent }, { copies: 10 });
      return [...new Set(windows.flatMap(({ ids }) => ids))];
    };
    expect((await drawnIds([])).filter((id) => id < 4).length).toBeGreaterThan(1);
    expect((await drawnIds([0, 1, 2, 3])).filter((id) => id < 4)).toEqual([]);
  });

  it('have counts expected of them that do not depend on whether draws end', async () => {
    const raw = { ...TINY, block_size: { id: 20, prev_id: 20 }, frequency_bias: true };
    const tiny = new TinyNeuroformer(engine(), raw);
    const copies = 150;
    const [ending, endless] = [
      await drawWindows(tiny, { seed: 3 }, { copies }),
      await drawWindows(tiny, { seed: 3, endless: true }, { copies }),
    ];
    /** Mean and variance over draws of what is expected in each window. */
    const statistics = (
      windows: readonly GeneratedWindow[],
      read: (expected: Float32Array) => number,
    ) =>
      ENDS.map((_, row) => {
        const values = windows
          .filter((_, n) => n % ENDS.length === row)
          .map(({ expected }) => read(expected));
        const center = mean(values);
        return { center, variance: mean(values.map((value) => (value - center) ** 2)) };
      });
    const total = (expected: Float32Array) => expected.reduce((sum, count) => sum + count, 0);
    const readings = [
      { read: total, noise: 0.02 },
      ...Array.from({ length: tiny.tokenizer.ids.neurons }, (_, neuron) => ({
        read: (expected: Float32Array) => expected[neuron]!,
        noise: 0.2,
      })),
    ];
    for (const { read, noise } of readings) {
      const ended = statistics(ending, read);
      for (const [row, { center, variance }] of statistics(endless, read).entries()) {
        const standardError = Math.sqrt((variance + ended[row]!.variance) / copies);
        expect(Math.abs(center - ended[row]!.center), 'means').toBeLessThan(4 * standardError);
        expect(variance / ended[row]!.variance, 'variances').toBeLessThan(noise);
      }
    }
    tiny.dispose();
  });

  it('stop where no window would go on, unless they end', async () => {
    const raw = { ...TINY, block_size: { id: 150, prev_id: 20 }, frequency_bias: true };
    const tiny = new TinyNeuroformer(engine(), raw);
    const { EOS } = tiny.tokenizer.ids;
    const windows = await drawWindows(tiny, { endless: true });
    for (const { ids, stoppedBy } of windows) {
      expect(ids.every((id) => id < EOS)).toBe(true);
      expect(stoppedBy).toBe('length');
    }
    // Whole chunks are drawn, but not all of the block.
    expect(windows[0]!.ids.length).toBeLessThan(149);
    tiny.dispose();
  });

  it('may be fewer than the size of the sampler, but not more', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    expect(await drawWindows(tiny, {}, { size: 6 })).toHaveLength(4);
    await expect(drawWindows(tiny, {}, { size: 3 })).rejects.toThrow(
      'This sampler draws 1 to 3 windows at once, not 4.',
    );
  });
});

describe('generated trials', () => {
  async function drawTrials(
    tiny: TinyNeuroformer,
    settings: Partial<TrialSettings> = {},
    silent: readonly number[] = [],
  ) {
    const starts = [1, 2, 3].map((end) => ({ trialIndex: 0, end }));
    const sampler = new Sampler(engine(), tiny.model, tiny.layout, 3, { seed: 4, silent });
    const trials = await generateTrials(sampler, tiny.windows, { starts, seconds: 1, ...settings });
    sampler.dispose();
    return trials;
  }

  it('start with their first window, and have all spikes between their start and end', async () => {
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

  it('continue from their own spikes, or from the recorded ones', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const [own, recorded] = [await drawTrials(tiny), await drawTrials(tiny, { past: 'recorded' })];
    expect(own).not.toEqual(recorded);
    // The past of the first window is the recorded one in both cases.
    const firstWindow = (trials: typeof own) =>
      trials.map(({ times, from }) =>
        times.map((list) => [...list].filter((t) => t < from + 0.05)),
      );
    expect(firstWindow(own)).toEqual(firstWindow(recorded));
  });

  it('have earlier generated spikes in the past of later windows', async () => {
    const tiny = new TinyNeuroformer(engine(), { ...TINY, block_size: { id: 12, prev_id: 40 } });
    const pasts: number[][] = [];
    const sampler = new Sampler(engine(), tiny.model, tiny.layout, 1, { seed: 4 });
    const spy = {
      silent: [],
      generate: (windows: Parameters<Sampler['generate']>[0]) => {
        pasts.push([...windows[0]!.past.ids].filter((id) => id < NEURONS).sort());
        expect(windows[0]!.past.spikeCount, 'spikes fit into the block').toBeLessThanOrEqual(38);
        return sampler.generate(windows);
      },
    } as unknown as Sampler;
    const starts = [{ trialIndex: 0, end: 1 }];
    const [trial] = await generateTrials(spy, tiny.windows, { starts, seconds: 0.3 });
    const between = (from: number, to: number) =>
      trial!.times.flatMap((list, neuron) =>
        [...list].filter((t) => t > from - 1e-6 && t < to - 1e-6).map(() => neuron),
      );
    // The past of the window that begins at 1.15 s has the spikes generated from 1.05 s on.
    expect(pasts[4]).toEqual(between(1.05, 1.15).sort());
    expect(pasts[4]!.length).toBeGreaterThan(1);
  });

  it.each([
    ['own', true],
    ['own', false],
    ['recorded', true],
    ['recorded', false],
  ] as const)('have no silenced neurons in their past: %s, shuffled: %s', async (past, shuffle) => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const silent = [1, 4];
    const sampler = new Sampler(engine(), tiny.model, tiny.layout, 1, { seed: 4, silent });
    const { SOS, EOS, PAD } = tiny.tokenizer.ids;
    const seen = new Set<number>();
    const spy = {
      silent,
      generate(windows: Parameters<Sampler['generate']>[0]) {
        const { ids, nextIds, times, nextTimes, pad, spikeCount } = windows[0]!.past;
        expect([...nextIds.slice(0, -1)]).toEqual([...ids.slice(1)]);
        expect([...nextTimes.slice(0, -1)]).toEqual([...times.slice(1)]);
        expect(nextIds.filter((id) => id === PAD)).toHaveLength(pad);
        const neurons = [...ids].filter((id) => id < NEURONS);
        expect([...ids.slice(0, neurons.length + 2)]).toEqual([SOS, ...neurons, EOS]);
        expect(neurons.length, 'as many as fit into the block').toBe(Math.min(spikeCount, 18));
        for (const neuron of neurons) seen.add(neuron);
        return sampler.generate(windows);
      },
    } as unknown as Sampler;
    const starts = [{ trialIndex: 0, end: 1 }];
    await generateTrials(spy, tiny.windows, { starts, seconds: 0.5, past, shuffle });
    expect(seen.size).toBeGreaterThan(3);
    for (const neuron of silent) expect([...seen]).not.toContain(neuron);
    sampler.dispose();
    tiny.dispose();
  });

  it('have no spikes of silenced neurons, and more of driven ones', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    const silenced = await drawTrials(tiny, {}, [2, 3]);
    expect(silenced.flatMap(({ times }) => [times[2]!.length, times[3]!.length])).toEqual([
      0, 0, 0, 0, 0, 0,
    ]);
    const undriven = await drawTrials(tiny);
    const driven = await drawTrials(tiny, { drive: { 5: 100 } });
    const count = (trials: typeof driven) =>
      trials.reduce((sum, { times }) => sum + times[5]!.length, 0);
    expect(count(driven) - count(undriven)).toBeGreaterThan(200);
  });

  it('cannot extend past the end of the recorded trial', async () => {
    const tiny = new TinyNeuroformer(engine(), TINY);
    await expect(drawTrials(tiny, { seconds: 4 })).rejects.toThrow(
      'Trial 0 lasts 6 s, but a generated trial that starts at 2.95 s would end at 6.950 s: generate fewer seconds or start earlier.',
    );
  });
});

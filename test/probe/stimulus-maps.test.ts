import { describe, expect, it } from 'vitest';
import { logSumExp } from '../../src/math/statistics.js';
import type { HostBatch } from '../../src/neuroformer/batch.js';
import { stimulusGrid } from '../../src/probe/stimulus-grid.js';
import {
  differencesFromOverall,
  gradientAttention,
  gradientMap,
  occlusionMap,
  queryAttention,
  ratiosToOverall,
  type StimulusInputs,
  trunkAttention,
} from '../../src/probe/stimulus-maps.js';
import { add } from '../../src/tensor/elementwise.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { expectClose, printWorstErrors } from '../helpers/check.js';
import { useEngine } from '../helpers/engine.js';
import { NEURONS, TINY, TinyNeuroformer, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

const engine = useEngine();
printWorstErrors();
/** Places of 2 x 2 pixels in frames of 4 x 6, of which a window sees two. */
const [PLACES, PIXELS, FRAMES] = [6, 24, 2];
/** Tokens in the current window, and neuron tokens. */
const [T, IDS] = [12, NEURONS + 3];
const ENDS = [1, 2.35, 3.6, 4.2];
/** The step of central differences. */
const STEP = 3e-2;

/** A model with frozen parameters. */
function frozen(raw: object): TinyNeuroformer {
  const tiny = new TinyNeuroformer(engine(), raw);
  tiny.store.freeze(() => true);
  return tiny;
}

/** What maps are read from: the windows that end at these times, `size` a batch. */
function stimulusInputs(tiny: TinyNeuroformer, ends: readonly number[], size = 2): StimulusInputs {
  const { model, layout } = tiny;
  const batches: HostBatch[] = [];
  for (let start = 0; start < ends.length; start += size)
    batches.push(layout.collate(tiny.at(...ends.slice(start, start + size))));
  return { engine: engine(), model, layout, grid: stimulusGrid(layout), size, batches };
}

/**
 * A model whose neuron queries all attend to one place, at any time, and whose trunk does not see
 * the film.
 */
function onlySees(place: number): TinyNeuroformer {
  const tiny = frozen({
    ...WITH_VIDEO,
    layers: { ...WITH_VIDEO.layers, stimulus: 0 },
    vit_encoder: false,
    neuron_queries: { source: 'frames', n_head: 1 },
    frame_encoder: { ...WITH_VIDEO.frame_encoder, positions: 'learned', first_token: false },
  });
  const set = (name: string, value: (index: number) => number) => {
    const { tensor, length } = tiny.store.get(name);
    tensor.write(Float32Array.from({ length }, (_, index) => value(index)));
  };
  const width = 8;
  // Channel 0 of a token says nothing but whether it is of the place, and is all that keys read.
  set('video_encoder.to_patch_embedding.1.weight', (n) => (n < 4 ? 0 : Math.sin(n)));
  set('video_encoder.to_patch_embedding.1.bias', (n) => (n === 0 ? 0 : 0.1 * n));
  set('video_encoder.positions', (n) => {
    const [token, channel] = [Math.floor(n / width), n % width];
    if (channel > 0) return 0.3 * Math.cos(n);
    return token % PLACES === place ? 100 : 0;
  });
  set('neuron_queries.query.weight', () => 0);
  set('neuron_queries.query.bias', (n) => (n === 0 ? 10 : 0));
  set('neuron_queries.key.weight', (n) => (n === 0 ? 1 : 0));
  return tiny;
}

/** Log-probabilities of rows of logits. */
function logProbabilities(logits: Float32Array): Float64Array {
  return Float64Array.from(logits, (logit, n) => {
    const start = n - (n % IDS);
    return logit - logSumExp(logits.subarray(start, start + IDS));
  });
}

describe('a model that sees one place of the film', () => {
  const place = 4;
  const nonzero = (map: Float64Array, length: number) =>
    Array.from({ length: map.length / length }, (_, neuron) =>
      [...map.subarray(neuron * length, (neuron + 1) * length).keys()].filter(
        (n) => map[neuron * length + n] !== 0,
      ),
    );

  it('has all attention of its neuron queries there', async () => {
    const tiny = onlySees(place);
    const map = await queryAttention(stimulusInputs(tiny, ENDS));
    expect(nonzero(map, PLACES)).toEqual(Array(NEURONS).fill([place]));
    for (let neuron = 0; neuron < NEURONS; neuron++)
      expect(map[neuron * PLACES + place]).toBeCloseTo(1, 5);
    tiny.dispose();
  });

  it('has its occlusion there, for every neuron', async () => {
    const tiny = onlySees(place);
    const map = await occlusionMap(stimulusInputs(tiny, ENDS), 0);
    expect(nonzero(map, PLACES)).toEqual(Array(NEURONS).fill([place]));
    for (let neuron = 0; neuron < NEURONS; neuron++)
      expect(map[neuron * PLACES + place]).toBeGreaterThan(1e-3);
    tiny.dispose();
  });

  it('has gradients of the pixels of that place, and of no others', async () => {
    const tiny = onlySees(place);
    const map = await gradientMap(stimulusInputs(tiny, ENDS));
    // Row 1 and column 1 of places: rows 2 and 3, columns 2 and 3 of pixels.
    expect(nonzero(map, PIXELS)).toEqual(Array(NEURONS).fill([14, 15, 20, 21]));
    tiny.dispose();
  });
});

describe('the gradient of a neuron’s log-probability', () => {
  it('is that of central differences by every pixel', async () => {
    const tiny = frozen(WITH_VIDEO);
    // All channels are far above 0, where ReLU has its kink.
    tiny.store
      .get('video_encoder.to_patch_embedding.1.bias')
      .tensor.write(new Float32Array(8).fill(4));
    const map = await gradientMap(stimulusInputs(tiny, [2.35], 1));
    const windows = tiny.at(2.35);
    const at = async (pixel: number, change: number) => {
      const { idLogits } = await tiny.outputs(windows, (host) => ({
        ...host,
        frames: host.frames!.map((value, n) => (n === pixel ? value + change : value)),
      }));
      return logProbabilities(idLogits!.subarray(0, IDS));
    };
    const squares = new Float64Array(NEURONS * PIXELS);
    for (let n = 0; n < FRAMES * PIXELS; n++) {
      const [above, below] = [await at(n, STEP), await at(n, -STEP)];
      for (let neuron = 0; neuron < NEURONS; neuron++) {
        const derivative = (above[neuron]! - below[neuron]!) / (2 * STEP);
        squares[neuron * PIXELS + (n % PIXELS)]! += derivative ** 2 / FRAMES;
      }
    }
    expectClose('dfilm', 'differences', map, squares.map(Math.sqrt));
    tiny.dispose();
  });
});

describe('occlusion', () => {
  it('is what a film with another brightness in a place changes', async () => {
    const tiny = frozen(WITH_VIDEO);
    const map = await occlusionMap(stimulusInputs(tiny, [1, 2.35]), 0.5);
    const windows = tiny.at(1, 2.35);
    const first = async (hide: boolean) => {
      const { idLogits } = await tiny.outputs(windows, (host) => ({
        ...host,
        // Place 2 is at the upper right: rows 0 and 1, columns 4 and 5.
        frames: host.frames!.map((value, n) =>
          hide && n % PIXELS < 12 && n % 6 > 3 ? 0.5 : value,
        ),
      }));
      return [0, 1].map((b) =>
        logProbabilities(idLogits!.subarray(b * T * IDS, (b * T + 1) * IDS)),
      );
    };
    const [intact, hidden] = [await first(false), await first(true)];
    for (let neuron = 0; neuron < NEURONS; neuron++) {
      const squares = intact.map((row, b) => (row[neuron]! - hidden[b]![neuron]!) ** 2);
      const expected = Math.sqrt((squares[0]! + squares[1]!) / 2);
      expect(map[neuron * PLACES + 2]).toBeCloseTo(expected, 5);
      expect(expected).toBeGreaterThan(1e-3);
    }
    tiny.dispose();
  });
});

describe('the attention of the trunk by target', () => {
  it('is the mean of attention over heads and over the positions before each neuron', async () => {
    const tiny = frozen(WITH_VIDEO);
    const { means, targets } = await trunkAttention(stimulusInputs(tiny, ENDS));
    const host = tiny.layout.collate(tiny.at(...ENDS));
    using batch = tiny.uploadBatch(host);
    const { 'stimulus.0': tensor } = tiny.model.attention(batch.inputs, ['stimulus.0']);
    const attention = await tensor!.floats();
    tensor!.dispose();
    const [heads, tokens, neuron] = [2, 1 + FRAMES * PLACES, 3];
    const positions = [...host.nextIds.keys()].filter((n) => host.nextIds[n] === neuron);
    expect(positions.length).toBeGreaterThan(1);
    expect(targets[neuron]).toBe(positions.length);
    for (let place = 0; place < PLACES; place++) {
      let sum = 0;
      for (const n of positions)
        for (let h = 0; h < heads; h++)
          for (let frame = 0; frame < FRAMES; frame++) {
            const query = (Math.floor(n / T) * heads + h) * T + (n % T);
            sum += attention[query * tokens + 1 + frame * PLACES + place]!;
          }
      const expected = sum / heads / positions.length;
      expect(means[neuron * PLACES + place], `place ${place}`).toBeCloseTo(expected, 6);
    }
    tiny.dispose();
  });

  it('less what all targets have sums to 0 over targets, and is 0 for a neuron without any', async () => {
    const tiny = frozen(WITH_VIDEO);
    const maps = await trunkAttention(stimulusInputs(tiny, [1], 1));
    expect([...maps.targets]).toContain(0);
    const [differences, ratios] = [differencesFromOverall(maps), ratiosToOverall(maps)];
    for (let place = 0; place < PLACES; place++) {
      let [difference, ratio, total] = [0, 0, 0];
      for (const [neuron, count] of maps.targets.entries()) {
        const value = differences[neuron * PLACES + place]!;
        if (count === 0) expect(value).toBe(0);
        difference += count * value;
        ratio += count * ratios[neuron * PLACES + place]!;
        total += count;
      }
      expect(difference).toBeCloseTo(0, 6);
      expect(ratio / total).toBeCloseTo(1, 6);
    }
    tiny.dispose();
  });
});

describe('gradient x attention', () => {
  it.each([
    ['the trunk', 'trunk', 'stimulus.0.value'],
    ['neuron queries', 'queries', 'neuron_queries.value'],
  ] as const)(
    'of %s is what scaling the values of a place does to the log-probability of a target',
    async (_, by, tap) => {
      const tiny = frozen({ ...WITH_VIDEO, neuron_queries: 'frames' });
      const end = 2.35;
      const maps = await gradientAttention(stimulusInputs(tiny, [end], 1), {
        by,
        positions: T,
        of: 'target',
        seed: 1,
      });
      const host = tiny.layout.collate(tiny.at(end));
      using batch = tiny.uploadBatch(host);
      const [tokens, width] = [1 + FRAMES * PLACES, 8];
      const logitsWith = async (change: (value: Tensor) => Tensor) => {
        using logits = engine().scope(
          () => tiny.model.forward(batch.inputs, undefined, { [tap]: change }).idLogits,
        );
        return logProbabilities(await logits.floats());
      };
      using kept = engine().scope(() => {
        let found: Tensor | undefined;
        const keep = (value: Tensor) => {
          found = value;
          return value;
        };
        tiny.model.forward(batch.inputs, undefined, { [tap]: keep });
        return found!;
      });
      const values = await kept.floats();
      const sums = new Float64Array(NEURONS * PLACES);
      for (let place = 0; place < PLACES; place++) {
        const scaled = async (factor: number) => {
          const addend = values.map((value, n) => {
            const token = Math.floor(n / width) - 1;
            return token >= 0 && token % PLACES === place ? factor * value : 0;
          });
          using tensor = Tensor.from(engine(), addend, [1, tokens, width]);
          return logitsWith((value) => add(value, tensor));
        };
        const [above, below] = [await scaled(STEP), await scaled(-STEP)];
        for (const [n, target] of host.nextIds.entries()) {
          if (target >= NEURONS) continue;
          const derivative = (above[n * IDS + target]! - below[n * IDS + target]!) / (2 * STEP);
          sums[target * PLACES + place]! += Math.max(0, derivative);
        }
      }
      const expected = sums.map(
        (sum, n) => sum / Math.max(1, maps.targets[Math.floor(n / PLACES)]!),
      );
      expectClose('gradient x attention', 'differences', maps.means, expected);
      tiny.dispose();
    },
  );

  it('reads as many spikes of a window as it is asked to, each once', async () => {
    const tiny = frozen(WITH_VIDEO);
    const countSpikes = (end: number) =>
      tiny.layout.collate(tiny.at(end)).nextIds.filter((id) => id < NEURONS).length;
    const read = async (positions: number) => {
      const settings = { by: 'trunk', positions, of: 'target', seed: 1 } as const;
      const { targets } = await gradientAttention(stimulusInputs(tiny, ENDS), settings);
      return targets;
    };
    const total = (targets: Float64Array) => targets.reduce((sum, count) => sum + count, 0);
    const counts = ENDS.map(countSpikes);
    expect(total(await read(2))).toBe(counts.reduce((sum, n) => sum + Math.min(2, n), 0));
    const { targets: all } = await trunkAttention(stimulusInputs(tiny, ENDS));
    expect(await read(T)).toEqual(all);
    tiny.dispose();
  });

  it('of another neuron has the same targets, but other maps', async () => {
    const tiny = frozen(WITH_VIDEO);
    const read = (of: 'target' | 'another') =>
      gradientAttention(stimulusInputs(tiny, ENDS), { by: 'trunk', positions: T, of, seed: 1 });
    const [own, other] = [await read('target'), await read('another')];
    expect(other.targets).toEqual(own.targets);
    expect(other.means).not.toEqual(own.means);
    tiny.dispose();
  });

  it('of any neuron is by the neurons that are drawn, whichever fire', async () => {
    const tiny = frozen(WITH_VIDEO);
    const read = async (of: 'target' | 'any', seed = 1) =>
      await gradientAttention(stimulusInputs(tiny, ENDS), { by: 'trunk', positions: T, of, seed });
    const total = (targets: Float64Array) => targets.reduce((sum, count) => sum + count, 0);
    const [own, any] = [await read('target'), await read('any')];
    expect(total(any.targets)).toBe(total(own.targets));
    expect(any.targets).not.toEqual(own.targets);
    expect((await read('any', 2)).targets).not.toEqual(any.targets);
    expect(await read('any')).toEqual(any);
    tiny.dispose();
  });
});

describe('reading maps', () => {
  const QUERIES = { ...WITH_VIDEO, neuron_queries: 'frames' };

  it('leaves no memory behind, and computes no gradient of a parameter', async () => {
    const tiny = frozen(QUERIES);
    await engine().finish();
    const { liveBuffers } = engine().memory();
    await queryAttention(stimulusInputs(tiny, ENDS));
    await trunkAttention(stimulusInputs(tiny, ENDS));
    for (const by of ['trunk', 'queries'] as const)
      await gradientAttention(stimulusInputs(tiny, ENDS), { by, positions: 2, of: 'any', seed: 1 });
    await occlusionMap(stimulusInputs(tiny, ENDS), 0);
    await gradientMap(stimulusInputs(tiny, ENDS));
    await engine().finish();
    expect(engine().memory().liveBuffers).toBe(liveBuffers);
    expect([...tiny.store].some(({ tensor }) => tensor.hasGradient)).toBe(false);
    for (const { data } of (await tiny.store.gradients()).values())
      expect((data as Float32Array).every((value) => value === 0)).toBe(true);
    tiny.dispose();
  });

  it('needs a model that has what is read', async () => {
    const tiny = frozen({ ...QUERIES, layers: { ...WITH_VIDEO.layers, stimulus: 0 } });
    await expect(trunkAttention(stimulusInputs(tiny, ENDS))).rejects.toThrow(
      'The trunk of this model does not attend to the video.',
    );
    tiny.dispose();
    const without = frozen(WITH_VIDEO);
    await expect(queryAttention(stimulusInputs(without, ENDS))).rejects.toThrow(
      'This model has no neuron queries on its video.',
    );
    without.dispose();
    const blind = frozen(TINY);
    expect(() => stimulusGrid(blind.layout)).toThrow('This model reads no video.');
    blind.dispose();
  });
});

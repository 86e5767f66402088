import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { HostRandom } from '../../src/math/random.js';
import { map, type Ref, ref, rowShape } from '../../src/reference/array.js';
import { type Stream, sampleUniform } from '../../src/reference/random.js';
import {
  type Draw,
  drawProbabilities,
  filterClasses,
  logSoftmax,
} from '../../src/reference/sample.js';
import { RandomState } from '../../src/tensor/random.js';
import { type SampleOptions, sample } from '../../src/tensor/sample.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { expectClose, expectShapeErrors, printWorstErrors, toTensor } from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

/**
 * [rows, classes]: sizes of one, odd sizes, sizes around 4, 16, 32 and 64, many rows, many classes.
 */
const SHAPES = [
  [5, 1],
  [7, 2],
  [6, 3],
  [6, 4],
  [6, 5],
  [4, 15],
  [4, 16],
  [4, 17],
  [3, 31],
  [3, 32],
  [3, 33],
  [9, 63],
  [9, 64],
  [9, 65],
  [300, 7],
  [2, 4099],
] as const;

const DRAWS: readonly Draw[] = [
  {},
  { temperature: 0.4 },
  { temperature: 3 },
  { topK: 1 },
  { topK: 3 },
  { topP: 0.2 },
  { topP: 0.75 },
  { topK: 6, topP: 0.8, temperature: 1.4 },
  { lowest: 2 },
  { lowest: 3, topK: 4, topP: 0.9, temperature: 0.8 },
  { temperature: 0 },
  { temperature: 0, lowest: 1, topK: 2 },
];

const STREAM: Stream = { seed: 2 ** 35 + 77, step: 3, site: 5 };

/** Draws a class from every row of `logits`. */
async function drawFrom(engine: Engine, logits: Ref, draw: Draw = {}, stream: Stream = STREAM) {
  const random = new RandomState(engine, stream.seed);
  random.step = stream.step;
  const { rows } = rowShape(logits);
  const { lowest, ...rest } = draw;
  const options: SampleOptions = { ...rest, random, site: stream.site };
  if (lowest !== undefined)
    options.lowest = Tensor.from(engine, new Uint32Array(rows).fill(lowest), [rows]);
  const { drawn, logProbability } = sample(toTensor(engine, logits), options);
  return { drawn: [...(await drawn.words())], logProbability: await logProbability.floats() };
}

function makeLogits(shape: readonly number[], scale = 2): Ref {
  const random = new HostRandom(13);
  return map(ref(shape), () => Math.fround(scale * random.normal()));
}

function row({ data, shape }: Ref, r: number): Float64Array {
  const classes = shape.at(-1)!;
  return data.subarray(r * classes, (r + 1) * classes);
}

/** `rows` copies of one row. */
function repeated(logits: readonly number[], rows: number): Ref {
  return map(ref([rows, logits.length]), (_, n) => Math.fround(logits[n % logits.length]!));
}

/** How often each class was drawn. */
function histogram(drawn: readonly number[], classes: number): number[] {
  const counts = Array<number>(classes).fill(0);
  for (const c of drawn) counts[c]! += 1;
  return counts;
}

/**
 * Expects Pearson's chi-square below its 99.99 % quantile (by the approximation of Wilson and
 * Hilferty 1931).
 */
function expectFrequencies(counts: readonly number[], probabilities: readonly number[]): void {
  const n = counts.reduce((sum, count) => sum + count, 0);
  let statistic = 0;
  let classes = 0;
  for (const [c, p] of probabilities.entries()) {
    if (p === 0) {
      expect(counts[c], `draws of class ${c}, which is left out`).toBe(0);
      continue;
    }
    expect(n * p, 'draws expected of a class').toBeGreaterThan(5);
    statistic += (counts[c]! - n * p) ** 2 / (n * p);
    classes += 1;
  }
  const freedom = classes - 1;
  const spread = 2 / (9 * freedom);
  const bound = freedom * (1 - spread + 3.719 * Math.sqrt(spread)) ** 3;
  expect(statistic, `chi-square of ${freedom} degrees of freedom`).toBeLessThan(bound);
}

for (const [variant, options] of [
  ['the tuning of the device', {}],
  ['sixteen lanes per row', { tuning: STAGED }],
] as const) {
  describe(`sampling, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`draws the class that the row's uniform number selects, at ${shape.join(' x ')}`, async () => {
        const logits = makeLogits(shape);
        for (const draw of DRAWS.filter(({ lowest = 0 }) => lowest < shape[1])) {
          const { drawn, logProbability } = await drawFrom(engine(), logits, draw);
          const label = JSON.stringify(draw);
          for (const [r, c] of drawn.entries()) {
            const probabilities = drawProbabilities(row(logits, r), draw);
            const below = probabilities.slice(0, c).reduce((sum, p) => sum + p, 0);
            const uniform = draw.temperature === 0 ? below : sampleUniform(STREAM, r);
            expect(probabilities[c], `${label}: probability of what was drawn`).toBeGreaterThan(0);
            // Rounding of the f32 sums may shift the boundary between two classes.
            expect(uniform, `${label}: row ${r}`).toBeGreaterThanOrEqual(below - 1e-5);
            expect(uniform, `${label}: row ${r}`).toBeLessThan(below + probabilities[c]! + 1e-5);
          }
          const expected = drawn.map((c, r) => logSoftmax(row(logits, r))[c]!);
          expectClose('logProbability', 'elementwise', logProbability, expected);
        }
      });
    }

    it('keeps all logits equal to the k-th largest, and none below it', async () => {
      for (const [logits, topK, expected] of [
        [[1, 2, 3, 2, 2, 0], 2, [1, 2, 3, 4]],
        [[1, 2, 3, 2, 2, 0], 1, [2]],
        [[5, 5, 5], 1, [0, 1, 2]],
        [[-1, -2, -1, -3], 3, [0, 1, 2]],
        [[-2, 0, 0, -1], 3, [1, 2, 3]],
        [[-1, -0, 0, -1], 1, [1, 2]],
        [[4, 3, 2, 1], 4, [0, 1, 2, 3]],
        [[4, 3, 2, 1], 9, [0, 1, 2, 3]],
      ] as const) {
        expect(filterClasses(logits, { topK })).toEqual(expected);
        const { drawn } = await drawFrom(engine(), repeated(logits, 300), { topK });
        expect([...new Set(drawn)].sort()).toEqual(expected);
      }
    });

    it('keeps the classes with at most a probability of p above them, and equal ones together', async () => {
      for (const [percent, topP, expected] of [
        [[5, 50, 15, 30], 0.4, [1]],
        [[5, 50, 15, 30], 0.6, [1, 3]],
        [[5, 50, 15, 30], 0.85, [1, 2, 3]],
        [[5, 50, 15, 30], 0.96, [0, 1, 2, 3]],
        [[20, 30, 20, 30], 0.1, [1, 3]],
        [[20, 30, 20, 30], 0.7, [0, 1, 2, 3]],
      ] as const) {
        const logits = percent.map(Math.log);
        expect(filterClasses(logits, { topP })).toEqual(expected);
        const { drawn } = await drawFrom(engine(), repeated(logits, 300), { topP });
        expect([...new Set(drawn)].sort()).toEqual(expected);
      }
    });

    it('applies top-p to the distribution that top-k leaves', async () => {
      // The first class has 40 % of all, but 57 % of the two that top-k leaves.
      const logits = [40, 30, 20, 10].map(Math.log);
      const draw = { topK: 2, topP: 0.5 };
      const { drawn } = await drawFrom(engine(), repeated(logits, 500), draw);
      expect([...new Set(drawn)]).toEqual([0]);
    });

    it('takes the first of the largest logits at temperature 0', async () => {
      const rows = [
        [1, 7, 7, 2, 7],
        [-1, -1, -1, -1, -1],
        [-9, -8, -7, -7, -8],
        [-1, -0, 0, -1, 0],
      ];
      const logits = ref([4, 5], rows.flat());
      expect((await drawFrom(engine(), logits, { temperature: 0 })).drawn).toEqual([1, 0, 2, 1]);
    });

    it('raises the draw to the row’s lowest class, or to the last one where that is past the end', async () => {
      const rows = 400;
      const lowest = Uint32Array.from({ length: rows }, (_, r) => r % 8);
      const random = new RandomState(engine(), 1);
      const { drawn } = sample(toTensor(engine(), makeLogits([rows, 6])), {
        lowest: Tensor.from(engine(), lowest, [rows]),
        random,
        site: 1,
      });
      const words = await drawn.words();
      for (const [r, c] of words.entries()) {
        expect(c).toBeGreaterThanOrEqual(Math.min(r % 8, 5));
        expect(c).toBeLessThan(6);
      }
      expect(words.filter((c, r) => c > r % 8).length).toBeGreaterThan(100);
    });

    it('never draws a class with a logit of -3e38, and is accurate far from zero', async () => {
      const near = makeLogits([200, 9], 1);
      const far = map(near, (z, n) => Math.fround(n % 4 === 1 ? -3e38 : 5000 + z));
      const { drawn, logProbability } = await drawFrom(engine(), far);
      expect(drawn.filter((c, r) => far.data[r * 9 + c]! < 0)).toEqual([]);
      const expected = drawn.map((c, r) => logSoftmax(row(far, r))[c]!);
      expectClose('logProbability, far from zero', 'elementwise', logProbability, expected);
    });

    it('draws from more than 65,535 rows', async () => {
      const rows = 66_000;
      const logits = map(ref([rows, 2]), (_, n) => ((n >> 1) % 3 === n % 2 ? 9 : 0));
      const { drawn } = await drawFrom(engine(), logits, { temperature: 0 });
      const expected = drawn.map((_, r) => Number(logits.data[2 * r + 1]! > logits.data[2 * r]!));
      expect(drawn).toEqual(expected);
    });
  });
}

describe('sampled draws', () => {
  const engine = useEngine();
  const flat = repeated([0, 0, 0, 0], 4000);

  it('are the same for the same seed, step and site, and independent otherwise', async () => {
    const { drawn } = await drawFrom(engine(), flat);
    expect((await drawFrom(engine(), flat)).drawn).toEqual(drawn);
    for (const other of [{ seed: STREAM.seed + 1 }, { step: 4 }, { site: 6 }]) {
      const changed = (await drawFrom(engine(), flat, {}, { ...STREAM, ...other })).drawn;
      const equal = changed.filter((c, r) => c === drawn[r]).length;
      // Independent draws agree on a quarter of 4000 rows, give or take 27.
      expect(Math.abs(equal - 1000), JSON.stringify(other)).toBeLessThan(4 * 27);
    }
  });

  for (const draw of [
    {},
    { temperature: 0.6 },
    { temperature: 2.5 },
    { topK: 5 },
    { topP: 0.8 },
    { lowest: 4 },
    { lowest: 1, topK: 9, topP: 0.9, temperature: 1.5 },
  ]) {
    it(`have the frequencies of the softmax, with ${JSON.stringify(draw)}`, async () => {
      const logits = [...makeLogits([12], 0.8).data];
      const counts = Array<number>(12).fill(0);
      for (let step = 0; step < 4; step++) {
        const stream = { ...STREAM, step };
        const { drawn } = await drawFrom(engine(), repeated(logits, 5000), draw, stream);
        for (const [c, count] of histogram(drawn, 12).entries()) counts[c]! += count;
      }
      expectFrequencies(counts, drawProbabilities(logits, draw));
    });
  }

  it('differ for every seed, also past 2^32', async () => {
    const draws: string[] = [];
    for (const seed of [0, 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1])
      draws.push((await drawFrom(engine(), flat, {}, { ...STREAM, seed })).drawn.join(''));
    expect(new Set(draws).size).toBe(5);
  });

  it('of neighboring rows, and of neighboring steps, are independent', async () => {
    const { drawn } = await drawFrom(engine(), flat);
    const { drawn: next } = await drawFrom(engine(), flat, {}, { ...STREAM, step: 4 });
    const even = Array<number>(16).fill(1 / 16);
    const pairs = drawn.slice(1).map((c, r) => 4 * drawn[r]! + c);
    expectFrequencies(histogram(pairs, 16), even);
    expectFrequencies(
      histogram(
        drawn.map((c, r) => 4 * c + next[r]!),
        16,
      ),
      even,
    );
  });

  it('accept logits with several leading axes', async () => {
    const logits = makeLogits([2, 3, 5]);
    const { drawn } = await drawFrom(engine(), logits);
    expect(drawn).toEqual((await drawFrom(engine(), ref([6, 5], logits.data))).drawn);
  });
});

describe('sampling with invalid arguments', () => {
  const engine = useEngine();

  it('names the argument, the expected and the actual value in the error', () => {
    const random = new RandomState(engine(), 1);
    const logits = Tensor.zeros(engine(), [3, 4]);
    const draw = (options: object) => () => sample(logits, { random, site: 1, ...options });
    const words = (...shape: number[]) => Tensor.zeros(engine(), shape, 'u32');
    expectShapeErrors([
      [
        () => sample(words(3, 4), { random, site: 1 }),
        'sample: logits should be of type f32, but is u32.',
      ],
      [draw({ temperature: -1 }), 'sample: temperature should be 0 or more, but is -1.'],
      [draw({ temperature: Number.NaN }), 'sample: temperature should be 0 or more, but is NaN.'],
      [draw({ topK: -1 }), 'sample: topK should be a non-negative integer, but is -1.'],
      [draw({ topK: 1.5 }), 'sample: topK should be a non-negative integer, but is 1.5.'],
      [draw({ topP: 0 }), 'sample: topP should be above 0, but is 0.'],
      [draw({ topP: Number.NaN }), 'sample: topP should be above 0, but is NaN.'],
      [draw({ lowest: words(4) }), 'sample: lowest should be [3], but is [4].'],
      [
        draw({ lowest: Tensor.zeros(engine(), [3]) }),
        'sample: lowest should be of type u32, but is f32.',
      ],
    ]);
  });
});

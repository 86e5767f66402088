import { describe, expect, it } from 'vitest';
import { blockCount, bootstrapScores, type Resampling } from '../../src/analyze/bootstrap.js';
import { scoreRegression } from '../../src/analyze/scores.js';
import { normalCdf, normalQuantile, studentQuantile } from '../../src/math/distributions.js';
import { HostRandom } from '../../src/math/random.js';

const mean = (values: ArrayLike<number>) => (rows: readonly number[]) => [
  rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length,
];

/** Where in a trial decoding is bad. */
type Concentrated = 'nowhere' | 'at the start' | 'at the end';

/** True and decoded values of trials, whose errors are correlated over five rows. */
function madeTrials(trials: number, rows: number, concentrated: Concentrated, random: HostRandom) {
  const truth = new Float64Array(trials * rows);
  const predicted = new Float64Array(trials * rows);
  const kept = Math.exp(-1 / 5);
  const added = Math.sqrt(1 - kept ** 2);
  for (let trial = 0; trial < trials; trial++) {
    let [value, error] = [random.normal(), random.normal()];
    for (let n = 0; n < rows; n++) {
      value = kept * value + added * random.normal();
      error = kept * error + added * random.normal();
      const place = concentrated === 'at the end' ? rows - 1 - n : n;
      const isBad = place < 0.15 * rows;
      const size = concentrated === 'nowhere' ? 0.7 : isBad ? 2 : 0.3;
      truth[trial * rows + n] = value;
      predicted[trial * rows + n] = value + size * error;
    }
  }
  return { truth, predicted };
}

type Made = ReturnType<typeof madeTrials>;

function scorer({ truth, predicted }: Made) {
  return (rows: readonly number[]) => {
    const pick = (values: Float64Array) => {
      const picked = new Float64Array(rows.length);
      for (let n = 0; n < rows.length; n++) picked[n] = values[rows[n]!]!;
      return picked;
    };
    const { r, r2, rmse } = scoreRegression(pick(truth), pick(predicted));
    return [r, r2, rmse];
  };
}

/** How often intervals of 200 made series contain the true score, and whether all their own. */
function coverage(trials: number, rows: number, block: number, concentrated: Concentrated) {
  const random = new HostRandom(5);
  const many = madeTrials(4000, rows, concentrated, random);
  const all = Array.from({ length: many.truth.length }, (_, row) => row);
  const truths = scorer(many)(all);
  const covered = truths.map(() => 0);
  let containsOwn = true;
  for (let run = 0; run < 200; run++) {
    const made = madeTrials(trials, rows, concentrated, random);
    const segments = Array<number>(trials).fill(rows);
    const scores = bootstrapScores({ segments, block, repeats: 200, seed: run }, scorer(made));
    for (const [n, { value, low, high }] of scores.entries()) {
      if (low <= truths[n]! && truths[n]! <= high) covered[n]! += 1;
      containsOwn &&= low <= value && value <= high;
    }
  }
  return { covered: covered.map((count) => count / 200), containsOwn };
}

describe('intervals of a bootstrap', () => {
  it.each([
    [16, 60, 'nowhere'],
    [16, 60, 'at the start'],
    [16, 60, 'at the end'],
    [1, 1200, 'nowhere'],
  ] as const)(
    'of %i trials of %i rows contain the true score, errors concentrated %s',
    (trials, rows, concentrated) => {
      const { covered, containsOwn } = coverage(trials, rows, 40, concentrated);
      for (const share of covered) {
        expect(share).toBeGreaterThanOrEqual(0.92);
        expect(share).toBeLessThanOrEqual(0.98);
      }
      expect(containsOwn).toBe(true);
    },
  );

  it.each([
    [1, 600, 'at the start'],
    [4, 200, 'at the end'],
  ] as const)(
    'of few long trials (%i of %i rows) are rather too wide, errors concentrated %s',
    (trials, rows, concentrated) => {
      const { covered, containsOwn } = coverage(trials, rows, 40, concentrated);
      for (const share of covered) expect(share).toBeGreaterThanOrEqual(0.92);
      expect(containsOwn).toBe(true);
    },
  );

  it('are too narrow if correlated rows are taken for independent', () => {
    const random = new HostRandom(11);
    let covered = 0;
    for (let run = 0; run < 150; run++) {
      const { truth } = madeTrials(1, 300, 'nowhere', random);
      const resampling = { segments: [300], block: 1, repeats: 100, seed: run };
      const { low, high } = bootstrapScores(resampling, mean(truth))[0]!;
      if (low < 0 && high > 0) covered += 1;
    }
    expect(covered / 150).toBeLessThan(0.75);
  });

  it('contain their score also where resamplings are biased', () => {
    // The number of different rows is highest without resampling.
    const [distinct] = bootstrapScores(
      { segments: [100], block: 5, repeats: 200, seed: 1 },
      (rows) => [new Set(rows).size],
    );
    expect(distinct!.value).toBe(100);
    expect(distinct!.low).toBeLessThan(80);
    expect(distinct!.high).toBe(100);
  });

  it('are the same for the same seed and differ for another seed', () => {
    const values = Array.from({ length: 50 }, (_, n) => (n * n) % 17);
    const run = (seed: number) =>
      bootstrapScores({ segments: [50], block: 5, repeats: 100, seed }, mean(values));
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('are NaN for a score that never exists, of one unit, and without rows', () => {
    const nothing = { low: Number.NaN, high: Number.NaN };
    const run = (segments: number[], changes: Partial<Resampling> = {}) =>
      bootstrapScores({ segments, block: 3, repeats: 20, seed: 1, ...changes }, (rows) => [
        rows.length,
        Number.NaN,
      ]);
    expect(run([9])).toEqual([
      { value: 9, low: 9, high: 9 },
      { value: Number.NaN, ...nothing },
    ]);
    expect(run([3])[0]).toEqual({ value: 3, ...nothing });
    expect(run([0])[0]).toEqual({ value: 0, ...nothing });
    expect(() => run([9], { block: 0 })).toThrow(
      'A bootstrap needs whole numbers above 0, but has 20 repeats of blocks of 0 rows.',
    );
  });
});

describe('what is resampled', () => {
  /** How often each row is drawn. */
  function drawnRows(segments: number[], block: number) {
    const drawn = Array<number>(segments.reduce((a, b) => a + b, 0)).fill(0);
    let broken = 0;
    const resampling = { segments, block, repeats: 2000, seed: 4 };
    const starts = segments.map((_, n) => segments.slice(0, n).reduce((a, b) => a + b, 0));
    const segmentOf = (row: number) => starts.findLastIndex((start) => start <= row);
    bootstrapScores(resampling, (rows) => {
      for (const [n, row] of rows.entries()) {
        drawn[row]! += 1;
        const before = rows[n - 1] ?? row;
        const segment = segmentOf(row);
        const isNext =
          row === before + 1 ||
          (row === starts[segment] && before === starts[segment] + segments[segment]! - 1);
        broken += Number(!isNext);
      }
      return [0];
    });
    return { drawn: drawn.map((count) => count / 2001), broken: broken / 2001 };
  }

  it('are circular blocks of few segments, which draw every row equally often', () => {
    const { drawn, broken } = drawnRows([40, 3, 57], 10);
    for (const [row, count] of drawn.entries())
      expect(Math.abs(count - 1), `row ${row}`).toBeLessThan(0.12);
    // About eleven blocks, whose first row is rarely the one after the last.
    expect(broken).toBeGreaterThan(8);
    expect(broken).toBeLessThan(12);
    expect(blockCount({ segments: [40, 0, 10], block: 10 })).toBe(5);
  });

  it('are short segments as a whole', () => {
    const segments = Array<number>(21).fill(12);
    const { drawn, broken } = drawnRows(segments, 15);
    for (const count of drawn) expect(Math.abs(count - 1)).toBeLessThan(0.12);
    expect(broken).toBeLessThan(21);
    expect(blockCount({ segments: [...segments, 0, 30], block: 15 })).toBe(23);
  });
});

describe('quantiles', () => {
  it('are those of tables', () => {
    for (const [freedom, expected] of [
      [1, 12.7062],
      [2, 4.30265],
      [3, 3.18245],
      [7, 2.36462],
      [30, 2.04227],
      [1000, 1.96234],
    ] as const)
      expect(studentQuantile(0.975, freedom) / expected).toBeCloseTo(1, 3);
    expect(normalQuantile(0.025)).toBeCloseTo(-1.959964, 5);
    expect(normalCdf(-1.959964)).toBeCloseTo(0.025, 6);
    expect(normalCdf(0.5)).toBeCloseTo(0.6914625, 6);
  });
});

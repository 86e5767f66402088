import { describe, expect, it } from 'vitest';
import {
  type BayesDecoder,
  chooseBayes,
  fitBayes,
  type WindowCounts,
} from '../../src/analyze/bayes.js';
import { scoreCircular } from '../../src/analyze/scores.js';
import type { SparseRows } from '../../src/analyze/sparse-rows.js';
import { HostRandom } from '../../src/math/random.js';

function sparse(table: readonly ArrayLike<number>[]): SparseRows {
  const starts = new Int32Array(table.length + 1);
  const [indices, values]: [number[], number[]] = [[], []];
  for (const [row, entries] of table.entries()) {
    for (let c = 0; c < entries.length; c++) {
      if (entries[c] === 0) continue;
      indices.push(c);
      values.push(entries[c]!);
    }
    starts[row + 1] = indices.length;
  }
  return {
    rows: table.length,
    columns: table[0]!.length,
    starts,
    indices: Int32Array.from(indices),
    values: Float64Array.from(values),
  };
}

function poisson(random: HostRandom, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let p = random.uniform(); p > limit; p *= random.uniform()) count += 1;
  return count;
}

/**
 * A random walk of an angle in degrees, and 12 neurons that fire at up to 20 Hz, each at its own
 * angle; rows of 0.1 s.
 */
function headDirection(rows: number, seed: number) {
  const random = new HostRandom(seed);
  let angle = 0;
  const angles = Float64Array.from({ length: rows }, () => {
    angle = (angle + 6 * random.normal() + 360) % 360;
    return angle;
  });
  const rate = (neuron: number, degrees: number) =>
    20 * Math.exp(4 * (Math.cos(((degrees - 30 * neuron) * Math.PI) / 180) - 1));
  const counts = Array.from(angles, (degrees) =>
    Array.from({ length: 12 }, (_, neuron) => poisson(random, 0.1 * rate(neuron, degrees))),
  );
  return { angles, counts, rate };
}

/** Sums over the last `rows` rows, or over all so far at the beginning. */
function windowCounts(counts: readonly number[][], rows: number): WindowCounts {
  const running = counts[0]!.map(() => 0);
  const sums = counts.map((latest, row) => {
    const oldest = counts[row - rows];
    for (const [n, count] of latest.entries()) running[n]! += count - (oldest?.[n] ?? 0);
    return [...running];
  });
  return {
    seconds: Float64Array.from(counts, (_, row) => 0.1 * Math.min(rows, row + 1)),
    counts: sparse(sums),
  };
}

const sum = (values: Float64Array) => values.reduce((total, v) => total + v, 0);

describe('a Bayes decoder of an angle', () => {
  const train = headDirection(4000, 1);
  const test = headDirection(800, 2);
  const setting = { period: 360, bins: 36, smoothing: 1 };
  const decoder = fitBayes(windowCounts(train.counts, 1), train.angles, setting);

  it('recovers the true rates', () => {
    for (const neuron of [0, 5])
      for (const bin of [0, 9, 15, 35])
        expect(
          Math.abs(decoder.rates[neuron * 36 + bin]! - train.rate(neuron, decoder.centers[bin]!)),
        ).toBeLessThan(2.5);
  });

  it('decodes the true direction, also near the end of the turn', () => {
    const decoded = decoder.decode(windowCounts(test.counts, 2));
    expect(scoreCircular(test.angles, decoded, 360).median).toBeLessThan(8);
    const near = [...test.angles.keys()].filter((n) => Math.abs(test.angles[n]! - 180) > 170);
    expect(near.length).toBeGreaterThan(20);
    const [truth, predicted] = [test.angles, decoded].map((all) => near.map((n) => all[n]!));
    expect(scoreCircular(truth!, predicted!, 360).median).toBeLessThan(8);
    for (const angle of decoded) expect(angle >= 0 && angle < 360).toBe(true);
  });

  it('has a posterior that adds up to 1, with its maximum at the center of a bin', () => {
    const window = windowCounts(test.counts.slice(0, 20), 2);
    const posterior = decoder.posterior(window);
    for (let row = 0; row < 20; row++)
      expect(sum(posterior.subarray(row * 36, row * 36 + 36))).toBeCloseTo(1, 12);
    for (const angle of decoder.decode(window, 'maximum'))
      expect([...decoder.centers]).toContain(angle);
  });

  it('returns the prior if there are no spikes', () => {
    const silent = { seconds: 0, counts: sparse([new Array(12).fill(0)]) };
    expect([...decoder.posterior(silent)]).toEqual(
      [...decoder.prior].map((p) => expect.closeTo(p)),
    );
    const flat = fitBayes(windowCounts(train.counts, 1), train.angles, {
      ...setting,
      prior: 'flat',
    });
    expect([...flat.posterior(silent)]).toEqual(Array(36).fill(expect.closeTo(1 / 36, 12)));
  });
});

/** The posterior of one row, directly from the formula, for two neurons and two bins. */
function expectedPosterior(
  decoder: BayesDecoder,
  counts: readonly number[],
  seconds: number,
): number[] {
  const weights = [0, 1].map((b) =>
    counts.reduce((product, count, n) => {
      const rate = decoder.rates[n * 2 + b]!;
      return product * rate ** count * Math.exp(-rate * seconds);
    }, decoder.prior[b]!),
  );
  return weights.map((w) => w / (weights[0]! + weights[1]!));
}

describe('a Bayes decoder of a number', () => {
  // Six seconds at 0 and two at 1. Neuron 0 fires mostly at 0, neuron 1 only at 1.
  const values = [0, 0, 0, 0, 1, 0, 1, 0];
  const counts = [
    [2, 0],
    [1, 0],
    [3, 0],
    [2, 0],
    [1, 4],
    [2, 0],
    [0, 5],
    [2, 0],
  ];
  const tuning = { seconds: 1, counts: sparse(counts) };
  const setting = { bins: 2, smoothing: 0, floor: 0.01 };

  it('has rates and a prior as computed by hand, and no rate below the floor', () => {
    const decoder = fitBayes(tuning, values, setting);
    expect([...decoder.rates]).toEqual([2, 0.5, 0.01, 4.5]);
    expect([...decoder.prior]).toEqual([0.75, 0.25]);
    expect([...decoder.centers]).toEqual([0.25, 0.75]);
    const posterior = decoder.posterior({ seconds: 0.5, counts: sparse([[1, 1]]) });
    const expected = expectedPosterior(decoder, [1, 1], 0.5);
    expect([...posterior]).toEqual(expected.map((p) => expect.closeTo(p, 12)));
    const [mean] = decoder.decode({ seconds: 0.5, counts: sparse([[1, 1]]) });
    expect(mean).toBeCloseTo(0.25 * expected[0]! + 0.75 * expected[1]!, 12);
  });

  it('smooths within the range of a number, and across the end of a turn', () => {
    const steps = Array.from({ length: 10 }, (_, n) => n + 0.5);
    const spiking = steps.map((_, n) => [n === 0 ? 1 : 0]);
    const setting = { bins: 10, smoothing: 1, floor: 1e-9 };
    const firstBinOnly = { seconds: 1, counts: sparse(spiking) };
    const line = fitBayes(firstBinOnly, steps, setting).rates;
    const turn = fitBayes(firstBinOnly, steps, { ...setting, period: 10 }).rates;
    expect(line[9]).toBe(1e-9);
    expect(turn[9]).toBeCloseTo(turn[1]!, 12);
    expect(sum(turn)).toBeCloseTo(1, 7);
    // A neuron with a constant rate has that rate at the ends, too.
    const flat = fitBayes({ seconds: 1, counts: sparse(steps.map(() => [3])) }, steps, setting);
    expect([...flat.rates]).toEqual(Array(10).fill(expect.closeTo(3, 12)));
  });

  it('never decodes a value that the variable never had', () => {
    const decoder = fitBayes(tuning, values, { bins: 3, smoothing: 0, prior: 'flat' });
    expect([...decoder.prior]).toEqual([0.5, 0, 0.5]);
    expect(decoder.posterior({ seconds: 1, counts: sparse([[1, 2]]) })[1]).toBe(0);
  });

  it('decodes a constant variable as its constant', () => {
    const decoder = fitBayes(
      tuning,
      values.map(() => 4),
      setting,
    );
    expect(decoder.decode(tuning)[2]).toBe(4);
  });

  it('says what is wrong with its input', async () => {
    expect(() => fitBayes(tuning, [1, 2], setting)).toThrow(
      'The variable has 2 values, but the counts have 8 rows',
    );
    expect(() => fitBayes(tuning, [...values.slice(1), Number.NaN], setting)).toThrow(
      'The variable is NaN at row 7',
    );
    expect(() => fitBayes(tuning, values, { ...setting, floor: 0 })).toThrow(
      'needs a whole number of bins above 0, a smoothing of 0 bins or more and a floor above 0 Hz, but has 2 bins, a smoothing of 0 bins and a floor of 0 Hz.',
    );
    const decoder = fitBayes(tuning, values, setting);
    expect(() => decoder.posterior({ seconds: 1, counts: sparse([[1]]) })).toThrow(
      'The counts are of 1 neurons, but the decoder was fitted on 2.',
    );
    await expect(chooseBayes([], values)).rejects.toThrow(
      'no candidates to choose a Bayes decoder from',
    );
  });
});

describe('the choice of a Bayes decoder', () => {
  const { angles, counts } = headDirection(1500, 5);
  const windows = [1, 3, 60].map((rows) => windowCounts(counts, rows));

  it('finds a window that is neither too short nor too long, and the decoder is fitted on all rows', async () => {
    const candidates = { period: 360, bins: [8, 36], smoothing: [1] };
    const { window, setting, decoder } = await chooseBayes(windows, angles, candidates);
    expect(window).toBe(1);
    expect(setting).toEqual({ period: 360, bins: 36, smoothing: 1 });
    expect(decoder.rates).toEqual(fitBayes(windows[1]!, angles, setting).rates);
  });

  it('estimates rates from separate counts if they are given', async () => {
    const [tuning] = windows;
    const candidates = { period: 360, bins: [36], smoothing: [1], tuning: tuning! };
    const { decoder, setting } = await chooseBayes(windows, angles, candidates);
    expect(decoder.rates).toEqual(fitBayes(tuning!, angles, setting).rates);
  });

  it('does not depend on the rows of the gap', async () => {
    const candidates = { bins: [36], smoothing: [1], gap: 200 };
    const changed = angles.map((v, row) => (row >= 1000 && row < 1200 ? 100 : v));
    const error = async (values: Float64Array) =>
      (await chooseBayes(windows, values, candidates)).error;
    expect(await error(changed)).toBe(await error(angles));
  });

  it('accounts for the delay of spikes if rates are of the decoded window', () => {
    // The angle turns by 5 degrees a row, so the mean spike in a window of 8 rows is 17.5 degrees
    // behind.
    const turning = Float64Array.from({ length: 720 }, (_, row) => (5 * row) % 360);
    const spikes = Array.from(turning, (angle) =>
      Array.from({ length: 36 }, (_, n) => Number(Math.floor(angle / 10) === n)),
    );
    const window = windowCounts(spikes, 8);
    const signedError = (tuning: WindowCounts) => {
      const decoder = fitBayes(tuning, turning, { period: 360, bins: 72, smoothing: 0 });
      return scoreCircular(turning, decoder.decode(window), 360).signed;
    };
    expect(Math.abs(signedError(window))).toBeLessThan(4);
    expect(signedError(windowCounts(spikes, 1))).toBeLessThan(-12);
  });
});

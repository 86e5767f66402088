import { describe, expect, it } from 'vitest';
import {
  type BayesDecoder,
  chooseBayes,
  fitBayes,
  type WindowCounts,
} from '../../src/analyze/bayes.js';
import type { SparseRows } from '../../src/analyze/regression.js';
import { scoreCircular } from '../../src/analyze/scores.js';
import { HostRandom } from '../../src/math/random.js';

function sparse(table: readonly ArrayLike<number>[]): SparseRows {
  const starts = new Int32Array(table.length + 1);
  const [places, values]: [number[], number[]] = [[], []];
  for (const [row, own] of table.entries()) {
    for (let c = 0; c < own.length; c++) {
      if (own[c] === 0) continue;
      places.push(c);
      values.push(own[c]!);
    }
    starts[row + 1] = places.length;
  }
  return {
    rows: table.length,
    columns: table[0]!.length,
    starts,
    places: Int32Array.from(places),
    values: Float64Array.from(values),
  };
}

function poisson(random: HostRandom, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let p = random.uniform(); p > limit; p *= random.uniform()) count += 1;
  return count;
}

/** A walk over a full turn of 360 degrees, and 12 neurons, each at 20 Hz in its own direction; rows of 0.1 s. */
function headDirection(rows: number, seed: number) {
  const random = new HostRandom(seed);
  let angle = 0;
  const angles = Float64Array.from({ length: rows }, () => {
    angle = (angle + 6 * random.normal() + 360) % 360;
    return angle;
  });
  const rate = (neuron: number, at: number) =>
    20 * Math.exp(4 * (Math.cos(((at - 30 * neuron) * Math.PI) / 180) - 1));
  const counts = Array.from(angles, (at) =>
    Array.from({ length: 12 }, (_, neuron) => poisson(random, 0.1 * rate(neuron, at))),
  );
  return { angles, counts, rate };
}

/** Sums over the last rows, of which the first have fewer. */
function windowCounts(counts: readonly number[][], rows: number): WindowCounts {
  const running = counts[0]!.map(() => 0);
  const sums = counts.map((own, row) => {
    const gone = counts[row - rows];
    for (const [n, count] of own.entries()) running[n]! += count - (gone?.[n] ?? 0);
    return [...running];
  });
  return {
    seconds: Float64Array.from(counts, (_, row) => 0.1 * Math.min(rows, row + 1)),
    counts: sparse(sums),
  };
}

const sum = (values: Float64Array) => values.reduce((total, v) => total + v, 0);

describe('Bayes with tuning curves', () => {
  const train = headDirection(4000, 1);
  const test = headDirection(800, 2);
  const setting = { period: 360, bins: 36, smoothing: 1 };
  const decoder = fitBayes(windowCounts(train.counts, 1), train.angles, setting);

  it('finds the rates that were planted', () => {
    for (const neuron of [0, 5])
      for (const bin of [0, 9, 15, 35])
        expect(
          Math.abs(decoder.rates[neuron * 36 + bin]! - train.rate(neuron, decoder.centres[bin]!)),
        ).toBeLessThan(2.5);
  });

  it('decodes a planted direction, across the end of the turn as elsewhere', () => {
    const decoded = decoder.decode(windowCounts(test.counts, 2));
    expect(scoreCircular(test.angles, decoded, 360).median).toBeLessThan(8);
    const near = [...test.angles.keys()].filter((n) => Math.abs(test.angles[n]! - 180) > 170);
    expect(near.length).toBeGreaterThan(20);
    const [truth, own] = [test.angles, decoded].map((all) => near.map((n) => all[n]!));
    expect(scoreCircular(truth!, own!, 360).median).toBeLessThan(8);
    for (const angle of decoded) expect(angle >= 0 && angle < 360).toBe(true);
  });

  it('has a posterior that adds up to one, and its maximum in the middle of a bin', () => {
    const window = windowCounts(test.counts.slice(0, 20), 2);
    const posterior = decoder.posterior(window);
    for (let row = 0; row < 20; row++)
      expect(sum(posterior.subarray(row * 36, row * 36 + 36))).toBeCloseTo(1, 12);
    for (const angle of decoder.decode(window, 'maximum'))
      expect([...decoder.centres]).toContain(angle);
  });

  it('falls back on where the variable was without spikes', () => {
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

/** Posterior of one row by the formula, for two neurons and two bins. */
function byHand(decoder: BayesDecoder, counts: readonly number[], seconds: number): number[] {
  const weights = [0, 1].map((b) =>
    counts.reduce((product, count, n) => {
      const rate = decoder.rates[n * 2 + b]!;
      return product * rate ** count * Math.exp(-rate * seconds);
    }, decoder.prior[b]!),
  );
  return weights.map((w) => w / (weights[0]! + weights[1]!));
}

describe('Bayes of a number', () => {
  // Six seconds low and two high; the first neuron fires low, the second only high.
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

  it('has rates and a prior as counted by hand, none below the floor', () => {
    const decoder = fitBayes(tuning, values, setting);
    expect([...decoder.rates]).toEqual([2, 0.5, 0.01, 4.5]);
    expect([...decoder.prior]).toEqual([0.75, 0.25]);
    expect([...decoder.centres]).toEqual([0.25, 0.75]);
    const one = decoder.posterior({ seconds: 0.5, counts: sparse([[1, 1]]) });
    const expected = byHand(decoder, [1, 1], 0.5);
    expect([...one]).toEqual(expected.map((p) => expect.closeTo(p, 12)));
    const [mean] = decoder.decode({ seconds: 0.5, counts: sparse([[1, 1]]) });
    expect(mean).toBeCloseTo(0.25 * expected[0]! + 0.75 * expected[1]!, 12);
  });

  it('smooths within the ends of a line, and across the end of a turn', () => {
    const steps = Array.from({ length: 10 }, (_, n) => n + 0.5);
    const spiking = steps.map((_, n) => [n === 0 ? 1 : 0]);
    const wide = { bins: 10, smoothing: 1, floor: 1e-9 };
    const first = { seconds: 1, counts: sparse(spiking) };
    const line = fitBayes(first, steps, wide).rates;
    const turn = fitBayes(first, steps, { ...wide, period: 10 }).rates;
    expect(line[9]).toBe(1e-9);
    expect(turn[9]).toBeCloseTo(turn[1]!, 12);
    expect(sum(turn)).toBeCloseTo(1, 7);
    // A neuron that fires alike everywhere does so at the ends too.
    const even = fitBayes({ seconds: 1, counts: sparse(steps.map(() => [3])) }, steps, wide);
    expect([...even.rates]).toEqual(Array(10).fill(expect.closeTo(3, 12)));
  });

  it('never leads where the variable never was', () => {
    const decoder = fitBayes(tuning, values, { bins: 3, smoothing: 0, prior: 'flat' });
    expect([...decoder.prior]).toEqual([0.5, 0, 0.5]);
    expect(decoder.posterior({ seconds: 1, counts: sparse([[1, 2]]) })[1]).toBe(0);
  });

  it('decodes a variable that never varies as itself', () => {
    const decoder = fitBayes(
      tuning,
      values.map(() => 4),
      setting,
    );
    expect(decoder.decode(tuning)[2]).toBe(4);
  });

  it('says what is wrong with what it is given', () => {
    expect(() => fitBayes(tuning, [1, 2], setting)).toThrow('2 values and the counts 8 rows');
    expect(() => fitBayes(tuning, [...values.slice(1), Number.NaN], setting)).toThrow('at row 7');
    expect(() => fitBayes(tuning, values, { ...setting, floor: 0 })).toThrow('floor above 0');
    const decoder = fitBayes(tuning, values, setting);
    expect(() => decoder.posterior({ seconds: 1, counts: sparse([[1]]) })).toThrow('of 1 neurons');
    expect(() => chooseBayes([], values)).toThrow('nothing to choose from');
  });
});

describe('choosing how Bayes decodes', () => {
  const { angles, counts } = headDirection(1500, 5);
  const windows = [1, 3, 60].map((rows) => windowCounts(counts, rows));

  it('takes a window neither too short nor too long, and is fitted on all rows with it', () => {
    const choice = { period: 360, bins: [8, 36], smoothing: [1] };
    const { window, setting, decoder } = chooseBayes(windows, angles, choice);
    expect(window).toBe(1);
    expect(setting).toEqual({ period: 360, bins: 36, smoothing: 1 });
    expect(decoder.rates).toEqual(fitBayes(windows[1]!, angles, setting).rates);
  });

  it('takes rates from counts of their own where they are given', () => {
    const [tuning] = windows;
    const choice = { period: 360, bins: [36], smoothing: [1], tuning: tuning! };
    const { decoder, setting } = chooseBayes(windows, angles, choice);
    expect(decoder.rates).toEqual(fitBayes(tuning!, angles, setting).rates);
  });

  it('never sees the rows left out between', () => {
    const choice = { bins: [36], smoothing: [1], gap: 200 };
    const spoilt = angles.map((v, row) => (row >= 1000 && row < 1200 ? 100 : v));
    const [clean, odd] = [angles, spoilt].map((own) => chooseBayes(windows, own, choice).error);
    expect(odd).toBe(clean);
  });

  it('knows how far the spikes of a window lie back where rates are its own', () => {
    // Round and round at 5 degrees a row: in windows of 8 rows the mean spike is 17.5 degrees behind.
    const round = Float64Array.from({ length: 720 }, (_, row) => (5 * row) % 360);
    const spikes = Array.from(round, (angle) =>
      Array.from({ length: 36 }, (_, n) => Number(Math.floor(angle / 10) === n)),
    );
    const own = windowCounts(spikes, 8);
    const decode = (tuning: WindowCounts) => {
      const decoded = fitBayes(tuning, round, { period: 360, bins: 72, smoothing: 0 }).decode(own);
      return scoreCircular(round, decoded, 360).signed;
    };
    expect(Math.abs(decode(own))).toBeLessThan(4);
    expect(decode(windowCounts(spikes, 1))).toBeLessThan(-12);
  });
});

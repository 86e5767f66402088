import { describe, expect, it } from 'vitest';
import { fitHistory, fitPsth } from '../../src/analyze/history-models.js';
import { bitsPerSpike, meanCounts } from '../../src/analyze/rate-scores.js';
import { HostRandom } from '../../src/math/random.js';

const NEURONS = 8;
const BINS = 250;
const SETTINGS = { neurons: NEURONS, bin: 0.1 };

interface Drives {
  /** How much the stimulus moves the logarithm of a rate. */
  readonly stimulus?: number;
  /** The share of a rate that is the neuron's own count, averaged over about a second. */
  readonly own?: number;
  /** Standard deviation of the logarithm of a slow gain that all neurons share. */
  readonly gain?: number;
}

/** A repeat of a stimulus. */
interface Repeat {
  readonly counts: Float64Array;
  /** What the counts were drawn from. */
  readonly rates: Float64Array;
}

/** Repeats for neurons that are driven by the stimulus, by their own spikes and by a gain. */
function repeats(count: number, { stimulus = 0, own = 0, gain = 0 }: Drives): Repeat[] {
  const random = new HostRandom(7);
  const phases = Array.from({ length: NEURONS }, () => 2 * Math.PI * random.uniform());
  return Array.from({ length: count }, () => {
    const counts = new Float64Array(BINS * NEURONS);
    const rates = new Float64Array(BINS * NEURONS);
    const recent = new Float64Array(NEURONS).fill(0.3);
    let shared = 0;
    for (let n = 0; n < counts.length; n++) {
      const [t, i] = [Math.floor(n / NEURONS), n % NEURONS];
      if (i === 0) shared = 0.95 * shared + Math.sqrt(1 - 0.95 ** 2) * random.normal();
      const driven = 0.3 * Math.exp(stimulus * Math.sin(phases[i]! + t / 3));
      rates[n] = Math.exp(gain * shared) * ((1 - own) * driven + own * recent[i]!);
      counts[n] = random.poisson(rates[n]!);
      recent[i]! += 0.1 * (counts[n]! - recent[i]!);
    }
    return { counts, rates };
  });
}

const countsOf = (trials: readonly Repeat[]) => trials.map(({ counts }) => counts);

const MODELS = {
  psth: (train: Float64Array[]) => fitPsth(train, SETTINGS),
  own: (train: Float64Array[]) => fitHistory(train, SETTINGS),
  population: (train: Float64Array[]) => fitHistory(train, SETTINGS, { population: true }),
  all: (train: Float64Array[]) => fitHistory(train, SETTINGS, { population: true, psth: true }),
};

/** Bits per spike of models on repeats that they were not fitted on, and of the true rates. */
async function compare(drives: Drives): Promise<Record<keyof typeof MODELS | 'truth', number>> {
  const trials = repeats(12, drives);
  const [train, test] = [countsOf(trials.slice(0, 6)), trials.slice(6)];
  const means = meanCounts(train, NEURONS);
  const bits = {
    truth: bitsPerSpike(
      countsOf(test),
      test.map(({ rates }) => rates),
      means,
    ),
  };
  for (const [name, fitModel] of Object.entries(MODELS)) {
    const model = await fitModel(train);
    const expected = test.map(({ counts }) => model.expectedCounts(counts));
    Object.assign(bits, { [name]: bitsPerSpike(countsOf(test), expected, means) });
  }
  return bits as Record<keyof typeof MODELS | 'truth', number>;
}

describe('models of repeats', () => {
  it('find nothing where rates are constant', async () => {
    const { truth, ...bits } = await compare({});
    for (const value of Object.values(bits)) expect(Math.abs(value - truth)).toBeLessThan(0.01);
  });

  it('predict what a stimulus drives by the PSTH, and hardly by recent spikes', async () => {
    const { truth, psth, own, all } = await compare({ stimulus: 1.2 });
    expect(psth).toBeGreaterThan(0.85 * truth);
    expect(own).toBeLessThan(0.3 * truth);
    expect(all).toBeGreaterThan(psth - 0.01);
  });

  it('predict bursts by own recent spikes', async () => {
    const { truth, psth, own } = await compare({ own: 0.9 });
    expect(own).toBeGreaterThan(0.8 * truth);
    expect(psth).toBeLessThan(0.2 * truth);
  });

  it('predict a shared gain by the recent spikes of the population', async () => {
    const { truth, own, population } = await compare({ gain: 0.7 });
    expect(population).toBeGreaterThan(0.4 * truth);
    expect(population).toBeGreaterThan(own + 0.05);
  });

  it('predict most with everything, where all of it matters', async () => {
    const { truth, psth, own, population, all } = await compare({
      stimulus: 1,
      own: 0.3,
      gain: 0.4,
    });
    expect(population).toBeGreaterThan(own + 0.02);
    expect(all).toBeGreaterThan(Math.max(psth, population) + 0.02);
    expect(all).toBeGreaterThan(0.6 * truth);
  });
});

describe('a PSTH', () => {
  it('is mixed from the mean and the mean over repeats, smoothed, with shares that add up to one', async () => {
    const trials = countsOf(repeats(5, { stimulus: 1.2 }));
    const { weights, powers } = (await fitPsth(trials, SETTINGS)).fitted;
    expect(weights.length).toBe(6);
    expect(powers).toEqual([]);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 1);
    expect(weights[0]).toBeLessThan(0.3);
    const unrelated = countsOf(repeats(5, {}));
    expect((await fitPsth(unrelated, SETTINGS)).fitted.weights[0]).toBeGreaterThan(0.8);
  });

  it('expects the same of every trial', async () => {
    const trials = countsOf(repeats(5, { stimulus: 1.2 }));
    const model = await fitPsth(trials, SETTINGS);
    const silent = new Float64Array(BINS * NEURONS);
    expect(model.expectedCounts(silent)).toEqual(model.expectedCounts(trials[0]!));
  });

  it('smooths by the widths it is given, to the ends of the trial', async () => {
    const trials = [
      [0, 0, 8, 0, 0],
      [0, 0, 8, 0, 0],
    ];
    const settings = { neurons: 1, bin: 0.1, widths: [0.1] };
    const model = await fitPsth(trials, settings);
    const [constant, smoothed] = model.fitted.weights;
    const bell = (d: number) => Math.exp(-(d ** 2) / 2);
    // The weights of each bin add up to 1, also where the trial cuts the Gaussian off.
    const totals = [0, 1, 2].map((t) =>
      [0, 1, 2, 3, 4].reduce((sum, s) => {
        return Math.abs(s - t) <= 3 ? sum + bell(s - t) : sum;
      }, 0),
    );
    const expected = [0, 1, 2, 1, 0].map(
      (t) => constant! * 1.6 + (smoothed! * 8 * bell(2 - t)) / totals[t]!,
    );
    expect([...model.expectedCounts(trials[0]!)]).toEqual(
      expected.map((v) => expect.closeTo(v, 10)),
    );
  });

  it('needs two repeats of one length', async () => {
    await expect(fitPsth([[1, 2]], { neurons: 1, bin: 0.1 })).rejects.toThrow(
      'Rates are fitted to each trial from the others, so two or more trials are needed, but there are 1.',
    );
    await expect(fitPsth([[1, 2], [1]], { neurons: 1, bin: 0.1 })).rejects.toThrow(
      /^A PSTH needs repeats of one length, but a trial has \d counts and another one \d\.$/,
    );
  });
});

describe('a history model', () => {
  it('reads only the spikes before a bin', async () => {
    const trials = countsOf(repeats(4, { own: 0.5, gain: 0.4 }));
    const model = await fitHistory(trials, SETTINGS, { population: true });
    const changed = trials[0]!.slice();
    changed.fill(5, 100 * NEURONS);
    const [before, after] = [trials[0]!, changed].map((trial) => model.expectedCounts(trial));
    const untouched = 101 * NEURONS;
    expect(after!.subarray(0, untouched)).toEqual(before!.subarray(0, untouched));
    expect(after![untouched]).toBeGreaterThan(before![untouched]!);
  });

  it('starts a trial as if all neurons had fired at their mean rate', async () => {
    const trials = countsOf(repeats(4, { own: 0.5 }));
    const model = await fitHistory(trials, SETTINGS);
    const [means, expected] = [meanCounts(trials, NEURONS), model.expectedCounts(trials[0]!)];
    const total = model.fitted.weights.reduce((sum, weight) => sum + weight, 0);
    for (let i = 0; i < NEURONS; i++) expect(expected[i]).toBeCloseTo(total * means[i]!, 10);
  });

  it('reads trials of any length without a PSTH, and of the fitted length with one', async () => {
    const trials = countsOf(repeats(4, { own: 0.5 }));
    const short = trials[0]!.slice(0, 10 * NEURONS);
    const history = await fitHistory([...trials, short], SETTINGS);
    expect(history.expectedCounts(short).length).toBe(short.length);
    const model = await fitHistory(trials, SETTINGS, { psth: true });
    expect(() => model.expectedCounts(short)).toThrow(
      'A PSTH needs repeats of one length, but a trial has 80 counts and another one 2000.',
    );
  });
});

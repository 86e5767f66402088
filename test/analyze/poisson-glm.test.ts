import { describe, expect, it } from 'vitest';
import { FilmColumns } from '../../src/analyze/film-columns.js';
import { type DesignSettings, designTrial } from '../../src/analyze/glm-design.js';
import { logRates, splitWeights } from '../../src/analyze/glm-loss.js';
import { PoissonGlm } from '../../src/analyze/poisson-glm.js';
import { HostRandom } from '../../src/math/random.js';
import {
  noiseFilm,
  randomWeights,
  TINY,
  TINY_FILM,
  tinyDesign,
  tinyTrials,
} from '../helpers/tiny-glm.js';

const NO_CHOICE = { film: 1, own: 1, coupling: 1 };

/** A model of one neuron, whose spikes change its rate in the next bin by a factor exp(weight). */
function selfCoupled(rate: number, weight: number): PoissonGlm {
  const settings: DesignSettings = { neurons: 1, bin: 0.01, film: undefined, lags: [[1, 1]] };
  const weights = {
    bias: Float64Array.of(Math.log(rate)),
    film: new Float64Array(),
    history: Float64Array.of(weight),
  };
  return new PoissonGlm(settings, weights, NO_CHOICE, []);
}

const meanOf = (list: ArrayLike<number>) =>
  Array.from(list).reduce((sum, value) => sum + value, 0) / list.length;

describe('a simulated GLM', () => {
  const film = noiseFilm(400, new HostRandom(3));
  const design = { ...TINY, film: new FilmColumns([film], TINY_FILM) };
  const weights = splitWeights(randomWeights(design, 0.2), design);
  const glm = new PoissonGlm(design, weights, NO_CHOICE, []);

  it('is the same for the same seed and differs for another seed', () => {
    expect(glm.simulate(film, 400, { seed: 4 })).toEqual(glm.simulate(film, 400, { seed: 4 }));
    expect(glm.simulate(film, 400, { seed: 5 })).not.toEqual(glm.simulate(film, 400, { seed: 4 }));
  });

  it('draws each bin from the rates that its own spikes before give', () => {
    const { counts, expected } = glm.simulate(film, 400, { clip: Infinity });
    const rates = logRates(weights, designTrial({ counts, film }, design), design).map(Math.exp);
    expect(Math.max(...counts)).toBeGreaterThan(1);
    for (const [n, rate] of rates.entries()) expect(expected[n]).toBeCloseTo(rate, 10);
    // The counts are Poisson numbers of those means: their sum, and the sum of their squared
    // deviations, are within three standard errors of what such numbers have.
    const sum = (term: (rate: number, count: number) => number) =>
      rates.reduce((total, rate, n) => total + term(rate, counts[n]!), 0);
    expect(Math.abs(sum((rate, count) => count - rate))).toBeLessThan(
      3 * Math.sqrt(sum((rate) => rate)),
    );
    expect(Math.abs(sum((rate, count) => (count - rate) ** 2 - rate))).toBeLessThan(
      3 * Math.sqrt(sum((rate) => rate + 2 * rate ** 2)),
    );
  });

  it('explodes only if what spikes add is not clipped, and even then not beyond 1000 Hz', () => {
    const excited = selfCoupled(0.05, 3);
    const clipped = excited.simulate(undefined, 2000);
    // Below exp(1) times the rate without history, which is 0.05.
    expect(Math.max(...clipped.expected)).toBeCloseTo(0.05 * Math.E, 12);
    expect(meanOf(clipped.counts)).toBeGreaterThan(0.05);
    const free = excited.simulate(undefined, 2000, { clip: Infinity });
    expect(Math.max(...free.expected)).toBe(10);
    expect(meanOf(free.counts)).toBeGreaterThan(5);
    const inhibited = selfCoupled(0.5, -4).simulate(undefined, 2000, { clip: 0 });
    expect(Math.min(...inhibited.expected)).toBeLessThan(0.5 * Math.exp(-3));
  });
});

describe('counts expected one window ahead', () => {
  const trials = tinyTrials(1, 61);
  const design = tinyDesign(trials);
  const weights = splitWeights(randomWeights(design, 0.2), design);
  const rates = logRates(weights, designTrial(trials[0]!, design), design).map(Math.exp);

  it('are, in windows of one bin, the rates given the recorded spikes', () => {
    const glm = new PoissonGlm(design, weights, NO_CHOICE, []);
    const expected = glm.expectedCounts(trials[0]!, { window: 1, draws: 1 });
    expect(expected.length).toBe(rates.length);
    for (const [n, rate] of rates.entries()) expect(expected[n]).toBeCloseTo(rate, 10);
  });

  it('are sums of the rates without history, and leave out bins that fill no window', () => {
    const settings = { ...design, lags: [] };
    const film = new PoissonGlm(
      settings,
      { ...weights, history: new Float64Array() },
      NO_CHOICE,
      [],
    );
    const expected = film.expectedCounts(trials[0]!, { window: 5 });
    expect(expected.length).toBe(12 * design.neurons);
    const { expected: drawn } = film.simulate(trials[0]!.film, 61);
    for (let w = 0; w < 12; w++) {
      let sum = 0;
      for (let t = 5 * w; t < 5 * w + 5; t++) sum += drawn[t * design.neurons + 2]!;
      expect(expected[w * design.neurons + 2]).toBeCloseTo(sum, 10);
    }
  });

  it('are the mean over spikes drawn within the window, given those before it', () => {
    const [rate, weight] = [0.4, 0.7];
    const counts = [0, 0, 2, 1, 0, 3];
    const options = { window: 2, draws: 4000 };
    const expected = selfCoupled(rate, weight).expectedCounts({ counts }, options);
    // The first bin follows the recorded count k before it. Its count n is Poisson, so that the
    // second has the mean rate E exp(weight n) = rate exp(first (exp(weight) - 1)).
    for (const [w, k] of [0, 0, 1].entries()) {
      const first = rate * Math.exp(weight * k);
      const exact = first + rate * Math.exp(first * (Math.exp(weight) - 1));
      expect(Math.abs(expected[w]! / exact - 1), `window ${w}`).toBeLessThan(0.03);
    }
    const clipped = selfCoupled(rate, weight).expectedCounts({ counts }, { ...options, clip: 0 });
    for (const value of clipped) expect(value).toBeCloseTo(2 * rate, 10);
  });

  it('are the same for the same seed, and need whole windows and draws', () => {
    const glm = new PoissonGlm(design, weights, NO_CHOICE, []);
    const trial = trials[0]!;
    const options = { window: 3, draws: 2, seed: 8 };
    expect(glm.expectedCounts(trial, options)).toEqual(glm.expectedCounts(trial, options));
    expect(() => glm.expectedCounts(trial, { window: 2.5 })).toThrow(
      'Expected counts need whole numbers above 0, but have 10 draws of windows of 2.5 bins.',
    );
    expect(() => glm.expectedCounts({ counts: trial.counts }, options)).toThrow(
      'The model reads films, but a trial has none.',
    );
  });
});

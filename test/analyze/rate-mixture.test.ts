import { describe, expect, it } from 'vitest';
import { fitMixture, type MixtureTrial, mixtureRates } from '../../src/analyze/rate-mixture.js';
import { HostRandom } from '../../src/math/random.js';

const NEURONS = 4;
const BINS = 600;
const TRUTH = { weights: [0.3, 0.05, 0.6], powers: [0.7, -0.4] };

/** Trials whose counts are drawn from the mixture with these weights. */
function mixtureTrials(count: number): MixtureTrial[] {
  const random = new HostRandom(4);
  return Array.from({ length: count }, () => {
    const features = TRUTH.weights.map(() =>
      Float64Array.from({ length: BINS * NEURONS }, () => Math.exp(random.normal() - 0.5)),
    );
    const logGains = TRUTH.powers.map(() =>
      Float64Array.from({ length: BINS }, () => random.normal()),
    );
    const rates = mixtureRates(TRUTH, { features, logGains }, NEURONS);
    return { features, logGains, counts: rates.map((rate) => random.poisson(rate)) };
  });
}

/** Minus the log-likelihood. */
function loss(fitted: typeof TRUTH, trials: readonly MixtureTrial[]): number {
  let sum = 0;
  for (const trial of trials)
    for (const [n, rate] of mixtureRates(fitted, trial, NEURONS).entries())
      sum += rate - trial.counts[n]! * Math.log(rate);
  return sum;
}

describe('a mixture of rates', () => {
  it('is as computed by hand', () => {
    const inputs = {
      features: [
        [1, 2, 3, 4],
        [10, 0, 0, 20],
      ],
      logGains: [[0, Math.log(3)]],
    };
    const rates = mixtureRates({ weights: [1, 0.5], powers: [2] }, inputs, 2);
    expect([...rates]).toEqual([6, 2, 27, 126].map((v) => expect.closeTo(v, 10)));
  });

  it('is fitted to the weights that counts were drawn from, at the highest likelihood', async () => {
    const trials = mixtureTrials(4);
    const fitted = await fitMixture(trials, NEURONS);
    for (const [n, weight] of TRUTH.weights.entries())
      expect(Math.abs(fitted.weights[n]! - weight), `weight ${n}`).toBeLessThan(0.04);
    for (const [n, power] of TRUTH.powers.entries())
      expect(Math.abs(fitted.powers[n]! - power), `power ${n}`).toBeLessThan(0.04);
    const { weights, powers } = fitted;
    const least = loss({ weights: [...weights], powers: [...powers] }, trials);
    for (const factor of [0.98, 1.02]) {
      for (const n of weights.keys()) {
        const moved = { weights: weights.with(n, weights[n]! * factor), powers: [...powers] };
        expect(loss(moved, trials)).toBeGreaterThan(least);
      }
      for (const n of powers.keys()) {
        const moved = { weights: [...weights], powers: powers.with(n, powers[n]! * factor) };
        expect(loss(moved, trials)).toBeGreaterThan(least);
      }
    }
  });

  it('gives a useless feature hardly any weight', async () => {
    const trials = mixtureTrials(4).map(({ features, logGains, counts }, n) => ({
      features: [
        ...features,
        Array.from(features[0]!)
          .map((value) => value * (n + 1))
          .reverse(),
      ],
      logGains,
      counts,
    }));
    const { weights } = await fitMixture(trials, NEURONS);
    expect(weights[3]).toBeLessThan(0.02);
  });
});

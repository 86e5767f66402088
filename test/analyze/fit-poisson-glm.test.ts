import { describe, expect, it } from 'vitest';
import { FilmColumns } from '../../src/analyze/film-columns.js';
import { fitPoissonGlm } from '../../src/analyze/fit-poisson-glm.js';
import type { GlmTrial } from '../../src/analyze/glm-design.js';
import { splitWeights } from '../../src/analyze/glm-loss.js';
import { PoissonGlm } from '../../src/analyze/poisson-glm.js';
import { bitsPerSpike, meanCounts } from '../../src/analyze/rate-scores.js';
import { HostRandom } from '../../src/math/random.js';
import { correlation } from '../../src/math/statistics.js';
import { noiseFilm, randomWeights, TINY, TINY_FILM, tinyTrials } from '../helpers/tiny-glm.js';

const BINS = 1000;

/** Trials drawn from a GLM with random weights and refractory neurons, and the GLM. */
function drawnTrials(count: number): { trials: GlmTrial[]; truth: PoissonGlm } {
  const random = new HostRandom(21);
  const films = Array.from({ length: count }, () => noiseFilm(BINS, random));
  const design = { ...TINY, film: new FilmColumns(films, TINY_FILM) };
  const weights = splitWeights(randomWeights(design, 0.25, 2), design);
  for (let i = 0; i < TINY.neurons; i++) weights.history[i * TINY.neurons + i] = -1.5;
  const truth = new PoissonGlm(design, weights, { film: 1, own: 1, coupling: 1 }, []);
  const trials = films.map((film, seed) => ({
    film,
    counts: truth.simulate(film, BINS, { seed, clip: Infinity }).counts,
  }));
  return { trials, truth };
}

/** Bits per spike of counts expected one bin ahead. */
function bitsOneBinAhead(
  glm: PoissonGlm,
  trials: readonly GlmTrial[],
  means: Float64Array,
): number {
  return bitsPerSpike(
    trials.map(({ counts }) => counts),
    trials.map((trial) => glm.expectedCounts(trial, { window: 1, draws: 1 })),
    means,
  );
}

describe('a fitted GLM', () => {
  const { trials, truth } = drawnTrials(10);
  const [train, validation, test] = [trials.slice(0, 6), trials.slice(6, 8), trials.slice(8)];
  const means = meanCounts(
    train.map(({ counts }) => counts),
    TINY.neurons,
  );
  const settings = { ...TINY, film: TINY_FILM };

  it('recovers the weights that trials were drawn from, and predicts as well as they do', async () => {
    const glm = await fitPoissonGlm(train, validation, settings);
    expect(correlation(glm.weights.film, truth.weights.film)).toBeGreaterThan(0.97);
    expect(correlation(glm.weights.history, truth.weights.history)).toBeGreaterThan(0.95);
    const best = bitsOneBinAhead(truth, test, means);
    expect(best).toBeGreaterThan(0.5);
    expect(bitsOneBinAhead(glm, test, means)).toBeGreaterThan(best - 0.03);
  });

  it('takes over what was fitted without history, with the same result', async () => {
    const uncoupled = await fitPoissonGlm(train, validation, { ...settings, lags: [] });
    let [computed, begun] = [0, 0];
    const close = { ...settings, tolerance: 1e-6 };
    const whole = await fitPoissonGlm(train, validation, close, () => (computed += 1));
    const other = await fitPoissonGlm(
      train,
      validation,
      { ...close, uncoupled },
      () => (begun += 1),
    );
    expect(other.strengths).toEqual(whole.strengths);
    expect(begun).toBeLessThan(computed);
    for (const part of ['bias', 'film', 'history'] as const)
      for (const [n, weight] of other.weights[part].entries())
        expect(Math.abs(weight - whole.weights[part][n]!)).toBeLessThan(1e-3);
  });

  it('predicts less without history, and less without the film', async () => {
    const whole = await fitPoissonGlm(train, validation, settings);
    const film = await fitPoissonGlm(train, validation, { ...settings, lags: [] });
    const history = await fitPoissonGlm(train, validation, TINY);
    const bits = [whole, film, history].map((glm) => bitsOneBinAhead(glm, test, means));
    expect(bits[0]).toBeGreaterThan(bits[1]! + 0.05);
    expect(bits[0]).toBeGreaterThan(bits[2]! + 0.05);
    expect(Math.min(...bits)).toBeGreaterThan(0.02);
  });

  it('chooses strengths one after the other, each list down to the first that predicts worse', async () => {
    const grids = { film: [1e5, 30, 0.01], coupling: [1e5, 10, 0.01], own: [1e4, 1] };
    const { strengths, tried } = await fitPoissonGlm(train, validation, { ...settings, grids });
    expect(strengths).toEqual({ film: 30, coupling: 10, own: 1 });
    const order = tried.map(({ strengths: s }) => [s.film, s.coupling, s.own]);
    expect(order).toEqual([
      [1e5, 1e5, 1e4],
      [30, 1e5, 1e4],
      [0.01, 1e5, 1e4],
      [30, 1e5, 1e4],
      [30, 10, 1e4],
      [30, 0.01, 1e4],
      [30, 10, 1],
    ]);
    const bits = tried.map((entry) => entry.bits);
    expect(bits[1]).toBeGreaterThan(Math.max(bits[0]!, bits[2]!));
    expect(bits[4]).toBeGreaterThan(Math.max(bits[3]!, bits[5]!));
    expect(bits[6]).toBeGreaterThan(bits[4]!);
  });

  it('is the same every time, and tells what it is fitting', async () => {
    const small = tinyTrials(3, 40);
    const seen = new Set<number>();
    const fitOnce = () =>
      fitPoissonGlm(small.slice(0, 2), small.slice(2), settings, ({ film }) => seen.add(film));
    expect((await fitOnce()).weights).toEqual((await fitOnce()).weights);
    expect(seen.has(10_000)).toBe(true);
  });

  it('sees contrast of either sign by squares of the film', async () => {
    const random = new HostRandom(5);
    const complex = Array.from({ length: 6 }, () => {
      const film = noiseFilm(BINS, random);
      const counts = Uint8Array.from({ length: BINS }, (_, t) => {
        const frame = Math.floor(((t + 0.5) * TINY.bin) / TINY_FILM.step);
        return random.poisson(0.05 * Math.exp(0.7 * film[6 * frame + 2]! ** 2 - 0.7));
      });
      return { film, counts };
    });
    const one = { neurons: 1, bin: TINY.bin, lags: [] };
    const average = meanCounts(
      complex.slice(0, 4).map(({ counts }) => counts),
      1,
    );
    const bits = [false, true].map(async (squares) => {
      const film = { ...TINY_FILM, squares };
      const glm = await fitPoissonGlm(complex.slice(0, 4), complex.slice(4, 5), { ...one, film });
      return bitsOneBinAhead(glm, complex.slice(5), average);
    });
    expect(await bits[0]).toBeLessThan(0.05);
    expect(await bits[1]).toBeGreaterThan(0.4);
  });

  it('needs trials to fit on, others to choose on, and lags in the past', async () => {
    await expect(fitPoissonGlm(train, [], settings)).rejects.toThrow(
      'A GLM needs trials to fit on and others to choose its penalties on, but has 6 and 0.',
    );
    await expect(fitPoissonGlm(train, validation, { ...settings, lags: [[0, 1]] })).rejects.toThrow(
      'A group of lags should be two whole numbers of bins back, of which the first is 1 or more and the last not smaller, but is [0, 1].',
    );
  });
});

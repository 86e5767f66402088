/**
 * A generalized linear model of many neurons: Poisson counts whose log rates are linear in a film
 * and in the recent spikes of all neurons (Truccolo et al. 2005; Pillow et al. 2008).
 */

import { HostRandom } from '../math/random.js';
import {
  addSpikes,
  type BinRange,
  type DesignSettings,
  type GlmTrial,
  type GlmWeights,
  requireFilm,
  stimulusDrive,
} from './glm-design.js';
import type { RidgeStrengths } from './glm-ridge.js';
import { binCount, type TrialCounts } from './rate-scores.js';

/** Strengths of the penalty that were tried. */
export interface TriedStrengths {
  /** Those of groups that the model did not read then have had no effect. */
  readonly strengths: RidgeStrengths;
  /** Bits per spike on the validation trials, one bin ahead. */
  readonly bits: number;
}

/** How a GLM is drawn from. */
export interface DrawOptions {
  /** The same seed gives the same counts. Default 1. */
  readonly seed?: number;
  /**
   * The largest value of what recent spikes add to the logarithm of a rate, own and others'
   * together. Default 1 in `simulate`, where neurons could otherwise excite each other without
   * limit (Gerhard, Deger and Truccolo 2017), and none in `expectedCounts`.
   */
  readonly clip?: number;
}

/** A drawn trial. */
export interface SimulatedTrial {
  /** Drawn counts: [bins, neurons]. */
  readonly counts: Uint16Array;
  /** What the counts were drawn from, given those before them: [bins, neurons]. */
  readonly expected: Float64Array;
}

/** Hz; no neuron is drawn to fire faster, even if the model is unstable. */
const MAX_RATE = 1000;

/** A fitted GLM. */
export class PoissonGlm {
  readonly #settings: DesignSettings;

  /**
   * @param weights see `GlmWeights`
   * @param strengths of the ridge penalty, as chosen on validation trials
   * @param tried all strengths that were tried, in order
   */
  constructor(
    settings: DesignSettings,
    readonly weights: GlmWeights,
    readonly strengths: RidgeStrengths,
    readonly tried: readonly TriedStrengths[],
  ) {
    this.#settings = settings;
  }

  /**
   * Draws a trial that runs freely on a film: the counts of a bin are Poisson numbers, drawn given
   * those of the bins before. Before the first bin, all neurons are silent.
   *
   * @param film [frames, height, width]; undefined if the model reads no film
   * @throws Error where the film is missing or too short
   */
  simulate(
    film: ArrayLike<number> | undefined,
    bins: number,
    { seed = 1, clip = 1 }: DrawOptions = {},
  ): SimulatedTrial {
    const silence = new Float64Array(bins * this.#settings.neurons);
    const history = { start: 0, end: bins, logRates: silence };
    return this.#draw(this.#drive(film, bins), history, new HostRandom(seed), clip);
  }

  /**
   * Expected counts one window ahead: the mean counts of each window given the recorded spikes
   * before it, [windows, neurons]. Spikes within the window are drawn as in `simulate`; the rates
   * along each draw are added up, and the sums averaged over draws. Windows lie side by side from
   * the first bin on; bins that do not fill a window are left out.
   *
   * @param options.window bins per window
   * @param options.draws per window; default 10
   * @throws Error where the film is missing or too short
   */
  expectedCounts(
    trial: GlmTrial,
    {
      window,
      draws = 10,
      seed = 1,
      clip = Infinity,
    }: DrawOptions & { readonly window: number; readonly draws?: number },
  ): Float64Array {
    const { neurons, lags } = this.#settings;
    if (!Number.isInteger(window) || window < 1 || !Number.isInteger(draws) || draws < 1)
      throw new Error(
        `Expected counts need whole numbers above 0, but have ${draws} draws of windows of ${window} bins.`,
      );
    const bins = binCount(trial.counts, neurons);
    const drive = this.#drive(trial.film, bins);
    const random = new HostRandom(seed);
    const means = new Float64Array(Math.floor(bins / window) * neurons);
    // Without history, all draws have the same rates.
    const repeats = lags.length > 0 ? draws : 1;
    for (let w = 0; w < means.length / neurons; w++) {
      const [start, end] = [w * window, (w + 1) * window];
      const past = this.#recordedPast(trial.counts, start, end);
      for (let repeat = 0; repeat < repeats; repeat++) {
        const history = { start, end, logRates: past.slice() };
        const windowDrive = drive.subarray(start * neurons, end * neurons);
        const { expected } = this.#draw(windowDrive, history, random, clip);
        for (let n = 0; n < expected.length; n++)
          means[w * neurons + (n % neurons)]! += expected[n]! / repeats;
      }
    }
    return means;
  }

  /** The bias and what the film adds to it: [bins, neurons]. */
  #drive(film: ArrayLike<number> | undefined, bins: number): Float64Array {
    const { film: columns, bin } = this.#settings;
    return stimulusDrive(this.weights, columns?.show(requireFilm(film), bins, bin), bins);
  }

  /** What spikes before `start` add to the log rates of bins `start` up to `end`. */
  #recordedPast(counts: TrialCounts, start: number, end: number): Float64Array {
    const { neurons, lags } = this.#settings;
    const history = { start, end, logRates: new Float64Array((end - start) * neurons) };
    const reach = Math.max(0, ...lags.map(([, last]) => last));
    for (let n = Math.max(0, start - reach) * neurons; n < start * neurons; n++) {
      const spikes = { bin: Math.floor(n / neurons), neuron: n % neurons, count: counts[n]! };
      if (spikes.count > 0) addSpikes(history, spikes, this.weights, this.#settings);
    }
    return history.logRates;
  }

  /**
   * Draws the counts of a range of bins, bin by bin.
   *
   * @param drive log rates without history: [bins of the range, neurons]
   * @param history what earlier spikes add to them; what the drawn ones add is added
   */
  #draw(drive: Float64Array, history: BinRange, random: HostRandom, clip: number): SimulatedTrial {
    const { neurons, bin } = this.#settings;
    const counts = new Uint16Array(drive.length);
    const expected = new Float64Array(drive.length);
    for (let n = 0; n < drive.length; n++) {
      const rate = Math.exp(drive[n]! + Math.min(clip, history.logRates[n]!));
      expected[n] = Math.min(rate, MAX_RATE * bin);
      const count = random.poisson(expected[n]!);
      counts[n] = count;
      // Lags are of one bin or more, so this does not change the rates of the same bin.
      const spikes = { bin: history.start + Math.floor(n / neurons), neuron: n % neurons, count };
      if (count > 0) addSpikes(history, spikes, this.weights, this.#settings);
    }
    return { counts, expected };
  }
}

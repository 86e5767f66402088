/** Fits a Poisson GLM, with ridge penalties that are chosen on validation trials. */

import { FilmColumns, type FilmSettings } from './film-columns.js';
import {
  type DesignSettings,
  type DesignTrial,
  designTrial,
  type GlmTrial,
  type LagGroup,
  requireFilm,
} from './glm-design.js';
import { logRates, splitWeights, weightsPerNeuron } from './glm-loss.js';
import { fitRidgeGlm, type RidgeStrengths } from './glm-ridge.js';
import { PoissonGlm, type TriedStrengths } from './poisson-glm.js';
import { bitsPerSpike, meanCounts } from './rate-scores.js';

/** What a GLM reads, and which penalties are tried. */
export interface GlmSettings {
  /** How many neurons there are. */
  readonly neurons: number;
  /** Seconds per bin, such as 0.01. */
  readonly bin: number;
  /** How films are read. Default: the model reads none. */
  readonly film?: FilmSettings;
  /**
   * Groups of bins back; the counts of a neuron in a group are added up. Default, in bins of 10 ms:
   * 10, 20, 30 to 50 and 60 to 100 ms. Without groups, the model reads no spikes.
   */
  readonly lags?: readonly LagGroup[];
  /**
   * Strengths of the ridge penalty to try, in descending order. Default: 10,000, 3000, 1000, 300
   * and 100 for the film; 300, 100, 30 and 10 for the coupling; 10 and 1 for own spikes.
   */
  readonly grids?: { readonly [group in keyof RidgeStrengths]?: readonly number[] };
  /** How closely each fit is solved; see `RidgeOptions`. */
  readonly tolerance?: number;
  /**
   * The same model without history, fitted to the same trials, from which this one begins and takes
   * the penalty of the film. Default: it is fitted first.
   */
  readonly uncoupled?: PoissonGlm;
}

const LAGS: readonly LagGroup[] = [
  [1, 1],
  [2, 2],
  [3, 5],
  [6, 10],
];

const GRIDS = {
  film: [10_000, 3000, 1000, 300, 100],
  coupling: [300, 100, 30, 10],
  own: [10, 1],
};

/**
 * Fits the model to the training trials. The strengths of the penalty are chosen by the likelihood
 * of the validation trials, one after the other: that of the film in a model without history, then,
 * with the film's as chosen, those of the coupling and of own spikes. Each list is tried from its
 * strongest penalty down until the likelihood falls. All neurons share the strengths.
 *
 * @param beforeEach called before each of the dozens to hundreds of times that the likelihood is
 *   computed, with the strengths; an error it throws ends the fit
 * @throws Error where a trial does not fit the settings, or there are no trials to choose on
 */
export async function fitPoissonGlm(
  train: readonly GlmTrial[],
  validation: readonly GlmTrial[],
  settings: GlmSettings,
  beforeEach: (strengths: RidgeStrengths) => void = () => {},
): Promise<PoissonGlm> {
  const { neurons, bin, lags = LAGS, uncoupled } = settings;
  if (train.length === 0 || validation.length === 0)
    throw new Error(
      `A GLM needs trials to fit on and others to choose its penalties on, but has ${train.length} and ${validation.length}.`,
    );
  const design = { neurons, bin, film: filmColumns(train, settings.film), lags: checkLags(lags) };
  const grids = { ...GRIDS, ...settings.grids };
  const solved = { beforeEach, tolerance: settings.tolerance };
  const search = new StrengthSearch(train, validation, design, solved);
  let best: Candidate = {
    strengths: { film: grids.film[0]!, coupling: grids.coupling[0]!, own: grids.own[0]! },
    weights: search.means.map(Math.log),
    bits: Number.NEGATIVE_INFINITY,
  };
  if (uncoupled) {
    const { bias, film } = uncoupled.weights;
    const strengths = { ...best.strengths, film: uncoupled.strengths.film };
    const weights = new Float64Array(bias.length + film.length);
    weights.set(bias);
    weights.set(film, bias.length);
    best = { ...best, strengths, weights };
  } else if (design.film) best = await search.descend('film', grids.film, best, []);
  if (lags.length > 0) {
    const start = { ...best, bits: Number.NEGATIVE_INFINITY };
    best = await search.descend('coupling', grids.coupling, start, lags);
    best = await search.descend('own', grids.own, best, lags);
  }
  return new PoissonGlm(design, splitWeights(best.weights, design), best.strengths, search.tried);
}

function filmColumns(
  train: readonly GlmTrial[],
  settings: FilmSettings | undefined,
): FilmColumns | undefined {
  if (!settings) return undefined;
  const films = train.map(({ film }) => requireFilm(film));
  return new FilmColumns(films, settings);
}

/** @throws Error where a group of lags includes the present or has no bins */
function checkLags(lags: readonly LagGroup[]): readonly LagGroup[] {
  for (const [first, last] of lags)
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < 1 || last < first)
      throw new Error(
        `A group of lags should be two whole numbers of bins back, of which the first is 1 or more and the last not smaller, but is [${first}, ${last}].`,
      );
  return lags;
}

/** Strengths, the weights fitted with them, and how well those predict the validation trials. */
interface Candidate extends TriedStrengths {
  readonly weights: Float64Array;
}

/** Fits the model with different strengths of the penalty. */
class StrengthSearch {
  /** Everything that was tried, in order. */
  readonly tried: TriedStrengths[] = [];
  /** Mean counts of the training trials: [neurons]. */
  readonly means: Float64Array;
  readonly #train: readonly DesignTrial[];
  readonly #validation: readonly DesignTrial[];

  constructor(
    train: readonly GlmTrial[],
    validation: readonly GlmTrial[],
    readonly design: DesignSettings,
    readonly solved: {
      readonly beforeEach: (strengths: RidgeStrengths) => void;
      readonly tolerance: number | undefined;
    },
  ) {
    this.#train = train.map((trial) => designTrial(trial, design));
    this.#validation = validation.map((trial) => designTrial(trial, design));
    const counts = this.#train.map((trial) => trial.counts);
    this.means = meanCounts(counts, design.neurons);
  }

  /**
   * Tries strengths of one group of columns until the validation trials are predicted worse.
   *
   * @param start the other strengths, and weights to start from; those of columns that it does not
   *   have, which come last, begin as zeros
   * @param lags which the model reads
   */
  async descend(
    group: keyof RidgeStrengths,
    grid: readonly number[],
    start: Candidate,
    lags: readonly LagGroup[],
  ): Promise<Candidate> {
    const design = { ...this.design, lags };
    let weights: Float64Array = new Float64Array(design.neurons * weightsPerNeuron(design));
    weights.set(start.weights);
    let best = start;
    for (const strength of grid) {
      const isFitted = best.bits > Number.NEGATIVE_INFINITY;
      if (isFitted && strength === best.strengths[group]) continue;
      const strengths = { ...best.strengths, [group]: strength };
      // Neighboring strengths have similar weights, so each solution is where the next one starts.
      weights = await fitRidgeGlm(this.#train, design, strengths, {
        start: weights,
        tolerance: this.solved.tolerance,
        beforeEach: () => this.solved.beforeEach(strengths),
      });
      const bits = this.#validationBits(weights, design);
      this.tried.push({ strengths, bits });
      if (bits < best.bits) break;
      best = { strengths, weights, bits };
    }
    return best;
  }

  /** Bits per spike, one bin ahead. */
  #validationBits(weights: Float64Array, design: DesignSettings): number {
    const parts = splitWeights(weights, design);
    const expected = this.#validation.map((trial) => logRates(parts, trial, design).map(Math.exp));
    const counts = this.#validation.map((trial) => trial.counts);
    return bitsPerSpike(counts, expected, this.means);
  }
}

/**
 * What the rates of a Poisson GLM depend on: films, and the spikes of all neurons some bins back.
 *
 *   log rate[t, i] = bias[i] + sum_c film[t, c] w[c, i]
 *                    + sum_g sum_j counts[t - (lags of group g), j] v[g, j, i]
 */

import type { FilmColumns, ShownFilm } from './film-columns.js';
import { timesRows } from './film-products.js';
import { binCount, type TrialCounts } from './rate-scores.js';

/** A trial that a GLM reads. */
export interface GlmTrial {
  /** Spike counts: [bins, neurons]. */
  readonly counts: TrialCounts;
  /** The film, which starts with the first bin: [frames, height, width]. */
  readonly film?: ArrayLike<number>;
}

/** Bins back whose counts are added up, from the first to the last of them. */
export type LagGroup = readonly [first: number, last: number];

/** How trials are read. */
export interface DesignSettings {
  /** How many neurons there are. */
  readonly neurons: number;
  /** Seconds per bin. */
  readonly bin: number;
  /** The columns of films; undefined where the model reads no film. */
  readonly film: FilmColumns | undefined;
  /** Groups of bins back; none where the model reads no spikes. */
  readonly lags: readonly LagGroup[];
}

/** The weights of a GLM. */
export interface GlmWeights {
  /** Logarithms of counts per bin: [neurons]. */
  readonly bias: Float64Array;
  /** w: [columns of the film, neurons]. */
  readonly film: Float64Array;
  /** v: [groups of lags, source neurons, neurons]. */
  readonly history: Float64Array;
}

/** A trial as it is read. */
export interface DesignTrial {
  /** [bins, neurons] */
  readonly counts: Uint16Array;
  /** Indices of the counts that are above 0, ascending. */
  readonly spikes: Int32Array;
  /** The columns of its film. */
  readonly film: ShownFilm | undefined;
}

/**
 * Prepares a trial.
 *
 * @throws Error where a count is not a whole number, or a film is needed and missing or too short
 */
export function designTrial(trial: GlmTrial, { neurons, bin, film }: DesignSettings): DesignTrial {
  const bins = binCount(trial.counts, neurons);
  const counts = Uint16Array.from(trial.counts);
  const wrong = counts.findIndex((count, n) => count !== trial.counts[n]);
  if (wrong >= 0)
    throw new Error(
      `Spike counts should be whole numbers from 0 to 65535, but neuron ${wrong % neurons} has ${trial.counts[wrong]} in bin ${Math.floor(wrong / neurons)}.`,
    );
  return {
    counts,
    spikes: Int32Array.from(counts.keys()).filter((n) => counts[n]! > 0),
    film: film?.show(requireFilm(trial.film), bins, bin),
  };
}

/** @throws Error where there is no film */
export function requireFilm(film: ArrayLike<number> | undefined): ArrayLike<number> {
  if (!film) throw new Error('The model reads films, but a trial has none.');
  return film;
}

/** The bias and what the film adds to it: [bins, neurons]. */
export function stimulusDrive(
  { bias, film: weights }: GlmWeights,
  film: ShownFilm | undefined,
  bins: number,
): Float64Array {
  const neurons = bias.length;
  const drive = new Float64Array(bins * neurons);
  const frames = film && timesRows(film.rows, weights, neurons);
  for (let t = 0; t < bins; t++) {
    const [out, frame] = [t * neurons, film ? film.onShow[t]! * neurons : 0];
    for (let i = 0; i < neurons; i++) drive[out + i] = bias[i]! + (frames ? frames[frame + i]! : 0);
  }
  return drive;
}

/** Bins of a trial, from `start` up to `end`. */
export interface BinRange {
  readonly start: number;
  readonly end: number;
  /** [end - start, neurons] */
  readonly logRates: Float64Array;
}

/** Adds the effect of one neuron's spikes in one bin to the log rates of the bins after it. */
export function addSpikes(
  range: BinRange,
  spikes: { readonly bin: number; readonly neuron: number; readonly count: number },
  { bias, history }: GlmWeights,
  lags: readonly LagGroup[],
): void {
  const neurons = bias.length;
  for (const [group, [first, last]] of lags.entries()) {
    const row = (group * neurons + spikes.neuron) * neurons;
    const from = Math.max(range.start, spikes.bin + first);
    const to = Math.min(range.end - 1, spikes.bin + last);
    for (let t = from; t <= to; t++) {
      const out = (t - range.start) * neurons;
      for (let i = 0; i < neurons; i++)
        range.logRates[out + i]! += spikes.count * history[row + i]!;
    }
  }
}

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

/** The weights of a GLM, or those that give the rates of some of its neurons, the targets. */
export interface GlmWeights {
  /** Logarithms of counts per bin: [targets]. */
  readonly bias: Float64Array;
  /** w: [columns of the film, targets]. */
  readonly film: Float64Array;
  /** v: [groups of lags, neurons, targets]. */
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
  const counts = new Uint16Array(trial.counts);
  const spikes: number[] = [];
  for (const [n, count] of counts.entries()) {
    if (count !== trial.counts[n])
      throw new Error(
        `Spike counts should be whole numbers from 0 to 65535, but neuron ${n % neurons} has ${trial.counts[n]} in bin ${Math.floor(n / neurons)}.`,
      );
    if (count > 0) spikes.push(n);
  }
  return {
    counts,
    spikes: Int32Array.from(spikes),
    film: film?.show(requireFilm(trial.film), bins, bin),
  };
}

/** @throws Error where there is no film */
export function requireFilm(film: ArrayLike<number> | undefined): ArrayLike<number> {
  if (!film) throw new Error('The model reads films, but a trial has none.');
  return film;
}

/** The bias and what the film adds to it: [bins, targets]. */
export function stimulusDrive(
  { bias, film: weights }: GlmWeights,
  film: ShownFilm | undefined,
  bins: number,
): Float64Array {
  const targets = bias.length;
  const drive = new Float64Array(bins * targets);
  const frames = film && timesRows(film.rows, weights, targets);
  for (let t = 0; t < bins; t++) {
    const [out, frame] = [t * targets, film ? film.onShow[t]! * targets : 0];
    for (let i = 0; i < targets; i++) drive[out + i] = bias[i]! + (frames ? frames[frame + i]! : 0);
  }
  return drive;
}

/** Bins of a trial, from `start` up to `end`. */
export interface BinRange {
  readonly start: number;
  readonly end: number;
  /** [end - start, targets] */
  readonly logRates: Float64Array;
}

/** Adds the effect of one neuron's spikes in one bin to the log rates of the bins after it. */
export function addSpikes(
  range: BinRange,
  spikes: { readonly bin: number; readonly neuron: number; readonly count: number },
  { bias, history }: GlmWeights,
  { neurons, lags }: Pick<DesignSettings, 'neurons' | 'lags'>,
): void {
  const targets = bias.length;
  for (const [group, [first, last]] of lags.entries()) {
    const row = (group * neurons + spikes.neuron) * targets;
    const from = Math.max(range.start, spikes.bin + first);
    const to = Math.min(range.end - 1, spikes.bin + last);
    for (let t = from; t <= to; t++) {
      const out = (t - range.start) * targets;
      for (let i = 0; i < targets; i++)
        range.logRates[out + i]! += spikes.count * history[row + i]!;
    }
  }
}

/** Trials and weights of a GLM small enough for a test. */

import { FilmColumns } from '../../src/analyze/film-columns.js';
import type { DesignSettings, GlmTrial, GlmWeights } from '../../src/analyze/glm-design.js';
import { weightsPerNeuron } from '../../src/analyze/glm-loss.js';
import { HostRandom } from '../../src/math/random.js';

/** Films of 2 x 3 pixels that change every 25 ms, read at full resolution, two frames a row. */
export const TINY_FILM = { height: 2, width: 3, step: 0.025, frames: 2, average: 1 } as const;

/** The settings of three neurons in bins of 10 ms. */
export const TINY = {
  neurons: 3,
  bin: 0.01,
  lags: [
    [1, 1],
    [2, 3],
  ],
} as const;

/** A film of independent normal pixels for so many bins. */
export function noiseFilm(bins: number, random: HostRandom): Float64Array {
  const frames = Math.ceil((bins * TINY.bin) / TINY_FILM.step);
  const pixels = TINY_FILM.height * TINY_FILM.width;
  return Float64Array.from({ length: frames * pixels }, () => random.normal());
}

/** Trials with random films and counts of 0 to 2. */
export function tinyTrials(count: number, bins: number, seed = 1): GlmTrial[] {
  const random = new HostRandom(seed);
  return Array.from({ length: count }, () => ({
    film: noiseFilm(bins, random),
    counts: Uint8Array.from({ length: bins * TINY.neurons }, () =>
      random.uniform() < 0.3 ? 1 + random.integer(2) : 0,
    ),
  }));
}

/** The settings of a design over the films of these trials. */
export function tinyDesign(trials: readonly GlmTrial[]): DesignSettings {
  return {
    ...TINY,
    film: new FilmColumns(
      trials.map(({ film }) => film!),
      TINY_FILM,
    ),
  };
}

/**
 * Random weights: the bias around -2, all others normal times `scale`. [weights of a neuron,
 * neurons]
 */
export function randomWeights(design: DesignSettings, scale: number, seed = 9): Float64Array {
  const random = new HostRandom(seed);
  const { neurons } = design;
  return Float64Array.from(
    { length: neurons * weightsPerNeuron(design) },
    (_, n) => scale * random.normal() - (n < neurons ? 2 : 0),
  );
}

/** What one neuron's rate depends on, bin by bin, as a dense table: 1, film, history. */
export function denseRows(trials: readonly GlmTrial[], design: DesignSettings): number[][] {
  const { neurons, film, lags, bin } = design;
  return trials.flatMap((trial) => {
    const bins = trial.counts.length / neurons;
    const shown = film?.show(trial.film!, bins, bin);
    return Array.from({ length: bins }, (_, t) => {
      const start = shown ? shown.rows.starts[shown.onShow[t]!]! : 0;
      const pixels = shown?.rows.values.subarray(start, start + shown.rows.columns) ?? [];
      const history = lags.flatMap(([first, last]) =>
        Array.from({ length: neurons }, (_, j) => {
          let sum = 0;
          for (let lag = first; lag <= last; lag++)
            if (t >= lag) sum += trial.counts[(t - lag) * neurons + j]!;
          return sum;
        }),
      );
      return [1, ...pixels, ...history];
    });
  });
}

/** The weights of one neuron, in the order of the columns of `denseRows`. */
export function columnWeights({ bias, film, history }: GlmWeights, neuron: number): number[] {
  const ofNeuron = (list: Float64Array) => [...list].filter((_, n) => n % bias.length === neuron);
  return [bias[neuron]!, ...ofNeuron(film), ...ofNeuron(history)];
}

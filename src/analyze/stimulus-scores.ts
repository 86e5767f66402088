/** How well maps of a film, or of inputs, agree with what each neuron truly depends on. */

import { correlation, deviation, mean, median } from '../math/statistics.js';

/** Agreement of maps with receptive fields. */
export interface FieldScores {
  /** Correlation over places of a neuron's map and its field, mean over neurons. */
  readonly r: number;
  /** Standard deviation over neurons of that correlation. */
  readonly deviation: number;
  /** Distance in pixels of a map's largest place from the field's center, median over neurons. */
  readonly pixelsOff: number;
  /** A control: mean correlation of a neuron's map with the field of the next neuron. */
  readonly otherField: number;
}

/** Receptive fields as maps of places. */
export interface PlacedFields {
  /** How much of each field is in each place, [neurons, places]. */
  readonly energy: Float64Array;
  /** Column and row of each field's center, [neurons, 2]. */
  readonly fieldCenters: ArrayLike<number>;
  /** Column and row of each place's center, in pixels of the same film, [places, 2]. */
  readonly placeCenters: ArrayLike<number>;
}

/**
 * Scores maps by receptive fields. A map that is the same everywhere has a correlation of 0, and no
 * largest place.
 *
 * @param maps [neurons, places]
 */
export function scoreFields(
  maps: Float64Array,
  { energy, fieldCenters, placeCenters }: PlacedFields,
): FieldScores {
  const places = placeCenters.length / 2;
  const neurons = maps.length / places;
  const rowAt = (values: Float64Array, neuron: number) =>
    values.subarray(neuron * places, (neuron + 1) * places);
  const withField = (neuron: number, other: number) => {
    const r = correlation(rowAt(maps, neuron), rowAt(energy, other));
    return Number.isFinite(r) ? r : 0;
  };
  const distance = (neuron: number, place: number) =>
    Math.hypot(
      placeCenters[2 * place]! - fieldCenters[2 * neuron]!,
      placeCenters[2 * place + 1]! - fieldCenters[2 * neuron + 1]!,
    );
  const indices = Array.from({ length: neurons }, (_, neuron) => neuron);
  const own = indices.map((neuron) => withField(neuron, neuron));
  const distances = indices.flatMap((neuron) => {
    const map = rowAt(maps, neuron);
    const varies = map.some((value) => value !== map[0]);
    return varies ? [distance(neuron, map.indexOf(Math.max(...map)))] : [];
  });
  return {
    r: mean(own),
    deviation: deviation(own),
    pixelsOff: median(distances),
    otherField: mean(indices.map((neuron) => withField(neuron, (neuron + 1) % neurons))),
  };
}

/** How often the input that drives a neuron is among the largest of its map. */
export interface InputScores {
  /** Share of neurons whose input has the largest value. */
  readonly top1: number;
  /** Share of neurons whose input is among the five largest values. */
  readonly top5: number;
}

/**
 * Scores maps by the inputs that drive neurons. An input that is no larger than others ranks behind
 * them.
 *
 * @param maps [neurons, inputs]
 * @param driving the input of each neuron, [neurons]
 */
export function scoreInputs(maps: Float64Array, driving: Int32Array): InputScores {
  const inputs = maps.length / driving.length;
  const ranks = Array.from(driving, (input, neuron) => {
    const map = maps.subarray(neuron * inputs, (neuron + 1) * inputs);
    const value = map[input]!;
    return map.reduce((before, other, n) => before + Number(n !== input && other >= value), 0);
  });
  const share = (largest: number) => mean(ranks.map((rank) => Number(rank < largest)));
  return { top1: share(1), top5: share(5) };
}

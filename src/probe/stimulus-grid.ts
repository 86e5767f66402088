/** The places of a film that maps of it are about: those that the tokens of a model stand for. */

import type { BatchLayout } from '../neuroformer/batch.js';
import { videoPlaces } from '../neuroformer/embeddings.js';
import { videoSettings } from '../neuroformer/model.js';
import type { Triple } from '../tensor/conv3d.js';

/** How the places of a video encoder lie in its film; all lengths along time, height and width. */
export interface StimulusGrid {
  /** Frames, rows and columns of pixels that a window sees. */
  readonly film: Triple;
  /** Numbers of places. */
  readonly places: Triple;
  /** Frames, rows and columns of pixels of a place. */
  readonly kernel: Triple;
  /** Pixels from a place to the next one. */
  readonly stride: Triple;
  /** Pixels of the first place that are before the film. Default: none. */
  readonly padding?: Triple;
}

/** The grid of a model's video encoder. @throws Error for a model without video. */
export function stimulusGrid({ config, frames }: BatchLayout): StimulusGrid {
  if (!frames) throw new Error('This model reads no video.');
  const { grid, ...places } = videoPlaces(videoSettings(config), frames);
  return { film: frames, places: grid, ...places };
}

/** Places in a map: those of one time. */
export function placeCount({ places }: StimulusGrid): number {
  return places[1] * places[2];
}

/** Pixels in a map: those of one frame. */
export function pixelCount({ film }: StimulusGrid): number {
  return film[1] * film[2];
}

/**
 * Rows and columns of pixels of a place, as far as they are in the film: the first ones, and those
 * after the last ones.
 */
function placeSpan(grid: StimulusGrid, place: number) {
  const { film, places, kernel, stride, padding = NO_PADDING } = grid;
  const span = (index: number, axis: 1 | 2) => {
    const first = index * stride[axis] - padding[axis];
    return [Math.max(0, first), Math.min(film[axis], first + kernel[axis])] as const;
  };
  const [top, bottom] = span(Math.floor(place / places[2]), 1);
  const [left, right] = span(place % places[2], 2);
  return { top, bottom, left, right };
}

const NO_PADDING: Triple = [0, 0, 0];

/** Column and row of each place's center, from the center of the first pixel: [places, 2]. */
export function placeCenters(grid: StimulusGrid): Float64Array {
  const centers = new Float64Array(2 * placeCount(grid));
  for (let place = 0; 2 * place < centers.length; place++) {
    const { top, bottom, left, right } = placeSpan(grid, place);
    centers.set([(left + right - 1) / 2, (top + bottom - 1) / 2], 2 * place);
  }
  return centers;
}

/**
 * The place that a pixel is nearest to, no further from its center than to that of the next one;
 * undefined where there is none, as at the edges of a film whose places are larger than their
 * distance.
 */
export function placeAt(
  { places, kernel, stride, padding = NO_PADDING }: StimulusGrid,
  x: number,
  y: number,
): number | undefined {
  const index = (pixel: number, axis: 1 | 2) =>
    Math.floor((pixel + padding[axis] - (kernel[axis] - 1) / 2) / stride[axis] + 0.5);
  const [row, column] = [index(y, 1), index(x, 2)];
  const isPlace = row >= 0 && row < places[1] && column >= 0 && column < places[2];
  return isPlace ? row * places[2] + column : undefined;
}

/**
 * The means of maps of pixels over the pixels of each place.
 *
 * @param pixels [maps, height, width]
 * @returns [maps, places]
 */
export function averageOverPlaces(pixels: ArrayLike<number>, grid: StimulusGrid): Float64Array {
  const [size, width, count] = [pixelCount(grid), grid.film[2], placeCount(grid)];
  return Float64Array.from({ length: (pixels.length / size) * count }, (_, n) => {
    const [map, { top, bottom, left, right }] = [Math.floor(n / count), placeSpan(grid, n % count)];
    let sum = 0;
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) sum += pixels[map * size + y * width + x]!;
    return sum / ((bottom - top) * (right - left));
  });
}

/**
 * Frames with the pixels of a place set to a value in all of them.
 *
 * @param frames [.., height, width]
 */
export function hidePlace(
  frames: Float32Array,
  grid: StimulusGrid,
  place: number,
  value: number,
): Float32Array<ArrayBuffer> {
  const [size, width] = [pixelCount(grid), grid.film[2]];
  const { top, bottom, left, right } = placeSpan(grid, place);
  const hidden = Float32Array.from(frames);
  for (let start = 0; start < frames.length; start += size)
    for (let y = top; y < bottom; y++)
      hidden.fill(value, start + y * width + left, start + y * width + right);
  return hidden;
}

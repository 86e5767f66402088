/**
 * The films of a simulated visual recording: a texture that streams to the left as an animal runs,
 * and blobs that drift over it.
 *
 *   film(x, y, t) = clip(TEXTURE_CONTRAST texture(x + shift(t), y) + sum of blobs, +-FILM_LIMIT),
 *   shift(t) = integral of STREAMING v, in pixels.
 *
 * Lengths are in pixels of a film of 16 x 16, which spans 96 x 96 degrees. A film of another size
 * spans the same, so that all lengths grow with its size.
 */

import type { HostRandom } from '../../math/random.js';
import type { Gaze } from './behavior.js';
import { FRAME_SECONDS } from './clock.js';

/** Degrees that the side of a film spans. */
const FIELD_OF_VIEW = 96;
/** Pixels along the side of the film that all lengths are given for. */
const STANDARD_SIZE = 16;

/** Film beyond each edge of the screen, which an eye that looks aside sees. */
const MARGIN = 4;
/** Deviation of the Gaussian that smooths the texture, and the length after which it repeats. */
const TEXTURE_SMOOTHING = 1.2;
const TEXTURE_LENGTH = 128;
/** Deviation of the texture. */
const TEXTURE_CONTRAST = 0.7;
/** Pixels a second that the texture moves for each cm/s of running. */
const STREAMING = 0.5;
/** How many blobs there are, their deviation, and how much they add or take away. */
const BLOBS = 4;
const BLOB_SIZE = 1.4;
const BLOB_CONTRAST = 2;
/** Range of the blobs' speeds, pixels a second. */
const BLOB_SPEED = [3, 9] as const;
/** Seconds of a blob's life: the mean of what is beyond the shortest, and the shortest. */
const BLOB_LIFE = 2;
const SHORTEST_LIFE = 0.3;

/** The largest brightness of a film, above and below the mean brightness 0. */
export const FILM_LIMIT = 2.5;
/** The step between two levels of brightness: 251 levels, as an 8-bit screen has. */
export const FILM_LEVEL = 0.02;

/** Pixels of a film of this size for each pixel of a film of 16 x 16. */
export function filmScale(size: number): number {
  return size / STANDARD_SIZE;
}

/** Pixels of the film beyond each edge of a screen of this size. */
function filmMargin(size: number): number {
  return Math.ceil(MARGIN * filmScale(size));
}

/** A film, with what is beyond the edges of the screen. */
export interface Film {
  /** Number of frames. */
  readonly frames: number;
  /** Pixels along each side of the screen. */
  readonly size: number;
  /** Pixels beyond each edge of the screen. */
  readonly margin: number;
  /** Brightness, [frames, size + 2 margin, size + 2 margin]. */
  readonly canvas: Float32Array;
}

/**
 * Makes a film that streams past as an animal runs.
 *
 * @param speed cm/s at each frame
 * @param size pixels along each side of the screen
 */
export function makeFilm(speed: ArrayLike<number>, size: number, random: HostRandom): Film {
  const scale = filmScale(size);
  const margin = filmMargin(size);
  const side = size + 2 * margin;
  const frames = speed.length;
  const texture = makeTexture(side, Math.round(TEXTURE_LENGTH * scale), scale, random);
  const blobs = Array.from({ length: BLOBS }, () => createBlob(side, scale, random));
  const canvas = new Float32Array(frames * side * side);
  let shift = 0;
  for (let n = 0; n < frames; n++) {
    const frame = canvas.subarray(n * side * side, (n + 1) * side * side);
    addTexture(frame, side, texture, shift);
    for (const [index, blob] of blobs.entries()) {
      addBlob(frame, side, blob, BLOB_SIZE * scale);
      blobs[index] = movedBlob(blob, side, scale, random);
    }
    for (let p = 0; p < frame.length; p++) frame[p] = displayed(frame[p]!);
    shift += STREAMING * scale * speed[n]! * FRAME_SECONDS;
  }
  return { frames, size, margin, canvas };
}

/** The level of brightness that a screen shows. */
function displayed(brightness: number): number {
  const clipped = Math.max(-FILM_LIMIT, Math.min(FILM_LIMIT, brightness));
  return Math.round((clipped + FILM_LIMIT) / FILM_LEVEL) * FILM_LEVEL - FILM_LIMIT;
}

/** White noise, smoothed around both ends, of mean 0 and deviation 1; [side, length]. */
function makeTexture(side: number, length: number, scale: number, random: HostRandom) {
  const noise = Float64Array.from({ length: side * length }, () => random.normal());
  const kernel = gaussian(TEXTURE_SMOOTHING * scale);
  const smoothed = smoothRows(smoothColumns(noise, side, length, kernel), side, length, kernel);
  const mean = smoothed.reduce((sum, value) => sum + value, 0) / smoothed.length;
  const variance = smoothed.reduce((sum, value) => sum + (value - mean) ** 2, 0) / smoothed.length;
  return { length, values: smoothed.map((value) => (value - mean) / Math.sqrt(variance)) };
}

/** A Gaussian out to four deviations, [2 reach + 1]. */
function gaussian(deviation: number): Float64Array {
  const reach = Math.ceil(4 * deviation);
  return Float64Array.from({ length: 2 * reach + 1 }, (_, n) =>
    Math.exp(-((n - reach) ** 2) / (2 * deviation ** 2)),
  );
}

/** Convolves each row of [rows, columns] with a kernel, around the ends of the row. */
function smoothRows(
  values: Float64Array,
  rows: number,
  columns: number,
  kernel: Float64Array,
): Float64Array {
  const reach = (kernel.length - 1) / 2;
  const smoothed = new Float64Array(values.length);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let k = -reach; k <= reach; k++)
        smoothed[y * columns + x]! +=
          kernel[k + reach]! * values[y * columns + wrap(x + k, columns)]!;
  return smoothed;
}

/** Convolves each column, as `smoothRows` does each row. */
function smoothColumns(
  values: Float64Array,
  rows: number,
  columns: number,
  kernel: Float64Array,
): Float64Array {
  const transpose = (from: Float64Array, width: number, height: number) =>
    from.map((_, n) => from[(n % height) * width + Math.floor(n / height)]!);
  const smoothed = smoothRows(transpose(values, columns, rows), columns, rows, kernel);
  return transpose(smoothed, rows, columns);
}

/** `value` modulo `length`, from 0 up. */
function wrap(value: number, length: number): number {
  return value - length * Math.floor(value / length);
}

/** Adds the texture, moved `shift` pixels to the left, to an empty frame. */
function addTexture(
  frame: Float32Array,
  side: number,
  { length, values }: { length: number; values: Float64Array },
  shift: number,
): void {
  const first = Math.floor(shift);
  const part = shift - first;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const row = y * length;
      const left = values[row + wrap(x + first, length)]!;
      const right = values[row + wrap(x + first + 1, length)]!;
      frame[y * side + x] = TEXTURE_CONTRAST * ((1 - part) * left + part * right);
    }
  }
}

interface Blob {
  readonly x: number;
  readonly y: number;
  /** Pixels per frame. */
  readonly dx: number;
  readonly dy: number;
  readonly contrast: number;
  readonly secondsLeft: number;
}

function createBlob(side: number, scale: number, random: HostRandom): Blob {
  const speed = scale * random.between(...BLOB_SPEED) * FRAME_SECONDS;
  const direction = random.between(0, 2 * Math.PI);
  return {
    x: random.between(0, side),
    y: random.between(0, side),
    dx: speed * Math.cos(direction),
    dy: speed * Math.sin(direction),
    contrast: random.uniform() < 0.5 ? BLOB_CONTRAST : -BLOB_CONTRAST,
    secondsLeft: SHORTEST_LIFE + random.exponential(BLOB_LIFE),
  };
}

/** The blob one frame later, or a new one where its life is over. */
function movedBlob(blob: Blob, side: number, scale: number, random: HostRandom): Blob {
  const secondsLeft = blob.secondsLeft - FRAME_SECONDS;
  if (secondsLeft < 0) return createBlob(side, scale, random);
  return { ...blob, x: wrap(blob.x + blob.dx, side), y: wrap(blob.y + blob.dy, side), secondsLeft };
}

/** Adds a blob to a frame. A blob over one edge appears at the opposite one as well. */
function addBlob(frame: Float32Array, side: number, blob: Blob, deviation: number): void {
  const profile = (center: number) =>
    Float64Array.from({ length: side }, (_, n) => {
      const distance = wrap(n - center + side / 2, side) - side / 2;
      return Math.exp(-(distance ** 2) / (2 * deviation ** 2));
    });
  const [column, row] = [profile(blob.x), profile(blob.y)];
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) frame[y * side + x]! += blob.contrast * row[y]! * column[x]!;
}

/** What the screen shows: [frames, size, size]. */
export function screenOf({ frames, size, margin, canvas }: Film): Float32Array {
  const side = size + 2 * margin;
  const screen = new Float32Array(frames * size * size);
  for (let n = 0; n < frames; n++) {
    for (let y = 0; y < size; y++) {
      const start = (n * side + y + margin) * side + margin;
      screen.set(canvas.subarray(start, start + size), (n * size + y) * size);
    }
  }
  return screen;
}

/**
 * What the eye sees of a film: every frame shifted by the gaze, between pixels by bilinear
 * interpolation. An eye that looks to the right sees at each place what is to the right of it.
 *
 * @param gaze at each frame of the film
 * @returns [frames, size, size]
 */
export function retinalImage({ frames, size, margin, canvas }: Film, gaze: Gaze): Float32Array {
  const side = size + 2 * margin;
  const image = new Float32Array(frames * size * size);
  for (let n = 0; n < frames; n++) {
    const { x0, y0, fx, fy } = imageCorner(gaze, n, size, margin);
    for (let y = 0; y < size; y++) {
      const above = (n * side + y0 + y) * side + x0;
      const below = above + side;
      const target = (n * size + y) * size;
      for (let x = 0; x < size; x++) {
        const upper = (1 - fx) * canvas[above + x]! + fx * canvas[above + x + 1]!;
        const lower = (1 - fx) * canvas[below + x]! + fx * canvas[below + x + 1]!;
        image[target + x] = (1 - fy) * upper + fy * lower;
      }
    }
  }
  return image;
}

/**
 * Where the image of an eye has its upper left corner in the canvas: whole pixels, and the part of
 * a pixel beyond. The image and the pixels to interpolate with are inside the canvas.
 */
function imageCorner({ phi, theta }: Gaze, sample: number, size: number, margin: number) {
  const corner = (degrees: number) =>
    Math.max(0, Math.min(2 * margin - 1e-6, margin + (degrees * size) / FIELD_OF_VIEW));
  const [left, top] = [corner(phi[sample]!), corner(theta[sample]!)];
  const [x0, y0] = [Math.floor(left), Math.floor(top)];
  return { x0, y0, fx: left - x0, fy: top - y0 };
}

/**
 * Where on the screen maps of what the eye sees are: their mean over the gaze of a session. What is
 * beyond the edges of the screen is left out.
 *
 * @param maps one value for each pixel that the eye sees, [maps, size, size]
 * @returns [maps, size, size]
 */
export function mapsOnScreen(maps: Float32Array, size: number, gaze: Gaze): Float32Array {
  const margin = filmMargin(size);
  const side = 2 * margin + 1;
  // The share of the time at which the image begins at each pixel of the canvas.
  const shares = new Float64Array(side * side);
  const samples = gaze.phi.length;
  for (let n = 0; n < samples; n++) {
    const { x0, y0, fx, fy } = imageCorner(gaze, n, size, margin);
    const above = y0 * side + x0;
    shares[above]! += ((1 - fx) * (1 - fy)) / samples;
    shares[above + 1]! += (fx * (1 - fy)) / samples;
    shares[above + side]! += ((1 - fx) * fy) / samples;
    shares[above + side + 1]! += (fx * fy) / samples;
  }
  const pixels = size * size;
  const screen = new Float64Array(maps.length);
  for (const [corner, share] of shares.entries()) {
    if (share === 0) continue;
    const [dx, dy] = [(corner % side) - margin, Math.floor(corner / side) - margin];
    for (const [n, value] of maps.entries()) {
      const [x, y] = [(n % size) + dx, (Math.floor(n / size) % size) + dy];
      if (x < 0 || y < 0 || x >= size || y >= size) continue;
      screen[Math.floor(n / pixels) * pixels + y * size + x]! += share * value;
    }
  }
  return Float32Array.from(screen);
}

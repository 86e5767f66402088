/**
 * The receptive fields of simulated neurons of the primary visual cortex: Gabor functions of space
 * that drift in time, of simple cells (one phase) and complex cells (two phases a quarter of a
 * cycle apart).
 *
 *   g(x, y, l) = w_l exp(-|(x, y) - c|^2 / 2 sigma^2) cos(2 pi f u - 2 pi nu l T + psi), |g| = 1,
 *   u: distance from c along the orientation, l: frames back, T: seconds per frame.
 *   Simple: s = g . I.  Complex: s = sqrt((g . I)^2 + (g' . I)^2), g' as g with psi + pi / 2.
 *
 * Lengths are in pixels of a film of 16 x 16 and grow with its size.
 */

import type { HostRandom } from '../../math/random.js';
import { FRAME_SECONDS } from './clock.js';
import { filmScale } from './film.js';

/** Weights of the latest frames, the newest first. */
const FRAME_WEIGHTS = [0.2, 0.45, 0.25, 0.1] as const;
/** Frames that a field reaches back, the current one included. */
export const FIELD_FRAMES = FRAME_WEIGHTS.length;
/** Phases of a field: the second one is that of complex cells. */
export const FIELD_PHASES = 2;

/** Range of the centers, in both axes; of the deviations; and of the cycles per pixel. */
const CENTER = [2, 13] as const;
const SIGMA = [1.4, 2] as const;
const FREQUENCY = [0.08, 0.14] as const;
/** Range of the temporal frequency of fields that drift, Hz, in either direction. */
const DRIFT = [1.5, 3.5] as const;
/** Share of the neurons whose fields drift, and share of complex cells. */
const DRIFTING_SHARE = 0.5;
const COMPLEX_SHARE = 0.4;

/** The receptive fields of all neurons. */
export interface ReceptiveFields {
  /** How many neurons there are. */
  readonly neurons: number;
  /** Pixels along each side of the film. */
  readonly size: number;
  /** 1 for complex cells, 0 for simple ones: [neurons]. */
  readonly complex: Uint8Array;
  /** Column and row of each center, in pixels from the center of the first: [neurons, 2]. */
  readonly centers: Float32Array;
  /**
   * Fields of unit norm, [neurons, FIELD_PHASES, FIELD_FRAMES, size, size], the current frame
   * first. The second phase of a simple cell is 0.
   */
  readonly kernels: Float32Array;
}

/** Draws the fields of all neurons. */
export function drawFields(neurons: number, size: number, random: HostRandom): ReceptiveFields {
  const scale = filmScale(size);
  const complexRank = random.permutation(neurons);
  const driftRank = random.permutation(neurons);
  const complex = Uint8Array.from(complexRank, (rank) =>
    Number(rank < Math.round(COMPLEX_SHARE * neurons)),
  );
  const centers = new Float32Array(2 * neurons);
  const length = FIELD_FRAMES * size * size;
  const kernels = new Float32Array(neurons * FIELD_PHASES * length);
  // Pixel n of a film of 16 x 16 is at n + 0.5 from its edge, whatever the size it is scaled to.
  const drawCenter = () => (random.between(...CENTER) + 0.5) * scale - 0.5;
  for (let n = 0; n < neurons; n++) {
    centers[2 * n] = drawCenter();
    centers[2 * n + 1] = drawCenter();
    const sign = random.uniform() < 0.5 ? -1 : 1;
    const drift = random.between(...DRIFT);
    const gabor = {
      x: centers[2 * n]!,
      y: centers[2 * n + 1]!,
      sigma: random.between(...SIGMA) * scale,
      frequency: random.between(...FREQUENCY) / scale,
      orientation: random.between(0, Math.PI),
      phase: random.between(0, 2 * Math.PI),
      drift: driftRank[n]! < DRIFTING_SHARE * neurons ? sign * drift : 0,
    };
    for (let k = 0; k < (complex[n] ? 2 : 1); k++) {
      const phase = gabor.phase + (k * Math.PI) / 2;
      kernels.set(gaborKernel({ ...gabor, phase }, size), (n * FIELD_PHASES + k) * length);
    }
  }
  return { neurons, size, complex, centers, kernels };
}

interface Gabor {
  readonly x: number;
  readonly y: number;
  readonly sigma: number;
  /** Cycles per pixel. */
  readonly frequency: number;
  /** Radians. */
  readonly orientation: number;
  readonly phase: number;
  /** Hz. */
  readonly drift: number;
}

/** A Gabor function of unit norm, [FIELD_FRAMES, size, size]. */
function gaborKernel(
  { x: cx, y: cy, sigma, frequency, orientation, phase, drift }: Gabor,
  size: number,
): Float64Array {
  const kernel = new Float64Array(FIELD_FRAMES * size * size);
  for (const [l, weight] of FRAME_WEIGHTS.entries()) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const [dx, dy] = [x - cx, y - cy];
        const u = dx * Math.cos(orientation) + dy * Math.sin(orientation);
        const cycles = frequency * u - drift * l * FRAME_SECONDS;
        const envelope = Math.exp(-(dx ** 2 + dy ** 2) / (2 * sigma ** 2));
        kernel[(l * size + y) * size + x] =
          weight * envelope * Math.cos(2 * Math.PI * cycles + phase);
      }
    }
  }
  const norm = Math.sqrt(kernel.reduce((sum, value) => sum + value ** 2, 0));
  return kernel.map((value) => value / norm);
}

/**
 * How strongly each field responds to what the eye sees. Before the first frame the eye sees the
 * first frame.
 *
 * @param image [frames, size, size]
 * @returns [neurons, frames]
 */
export function fieldResponses(
  { neurons, size, complex, kernels }: ReceptiveFields,
  image: Float32Array,
): Float64Array {
  const pixels = size * size;
  const frames = image.length / pixels;
  const responses = new Float64Array(neurons * frames);
  for (let n = 0; n < neurons; n++) {
    for (let frame = 0; frame < frames; frame++) {
      const kernel = n * FIELD_PHASES * FIELD_FRAMES * pixels;
      const first = project(kernels, kernel, image, frame, pixels);
      const second = complex[n]
        ? project(kernels, kernel + FIELD_FRAMES * pixels, image, frame, pixels)
        : 0;
      responses[n * frames + frame] = complex[n] ? Math.hypot(first, second) : first;
    }
  }
  return responses;
}

/**
 * The scalar product of a kernel, which begins at index `kernel`, with the frames that end with
 * `frame`. Four sums at once, one for each frame, take half the time of one.
 */
function project(
  kernels: Float32Array,
  kernel: number,
  image: Float32Array,
  frame: number,
  pixels: number,
): number {
  const shown = (back: number) => Math.max(0, frame - back) * pixels;
  const [frame0, frame1, frame2, frame3] = [shown(0), shown(1), shown(2), shown(3)];
  const [kernel1, kernel2, kernel3] = [kernel + pixels, kernel + 2 * pixels, kernel + 3 * pixels];
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  for (let p = 0; p < pixels; p++) {
    sum0 += kernels[kernel + p]! * image[frame0 + p]!;
    sum1 += kernels[kernel1 + p]! * image[frame1 + p]!;
    sum2 += kernels[kernel2 + p]! * image[frame2 + p]!;
    sum3 += kernels[kernel3 + p]! * image[frame3 + p]!;
  }
  return sum0 + sum1 + sum2 + sum3;
}

/**
 * Where in the film each field is: the sum of its squares over phases and frames.
 *
 * @returns [neurons, size, size]
 */
export function fieldEnergy({ neurons, size, kernels }: ReceptiveFields): Float32Array {
  const pixels = size * size;
  const energy = new Float64Array(neurons * pixels);
  for (let n = 0; n < neurons; n++) {
    for (let k = 0; k < FIELD_PHASES * FIELD_FRAMES; k++) {
      const kernel = (n * FIELD_PHASES * FIELD_FRAMES + k) * pixels;
      for (let p = 0; p < pixels; p++) energy[n * pixels + p]! += kernels[kernel + p]! ** 2;
    }
  }
  return Float32Array.from(energy);
}

/**
 * What a window holds besides spikes, as columns of a regression: how its film moves from frame to
 * frame, and the samples of its input variables.
 */

import { denseRows, type SparseRows } from '../analyze/sparse-rows.js';
import { mean } from '../math/statistics.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import type { Triple } from '../tensor/conv3d.js';

/** Windows that are collated at once. */
const BATCH = 64;
/** The most pixels along the shorter side of a film: larger films are averaged down. */
const MAX_SIDE = 16;
/** How many frames back a frame is compared with. */
const MAX_LAG = 3;
/** How many pixels a frame is shifted, in each direction. */
const MAX_SHIFT = 3;

/** The names of what windows of a layout hold besides spikes. */
export function stimulusNames({ frames, variables }: BatchLayout): string[] {
  const inputs = variables.filter(({ setting }) => !setting.predict);
  return [...(frames ? ['video'] : []), ...inputs.map(({ name }) => name)];
}

/**
 * One row per window: the movement of its film, or its features where a film has only one row or
 * column of pixels, then the scaled samples of its input variables.
 */
export function stimulusRows(
  windows: Windows,
  layout: BatchLayout,
  refs: readonly WindowRef[],
): SparseRows {
  const rows: number[][] = [];
  for (let start = 0; start < refs.length; start += BATCH) {
    const batch = refs.slice(start, start + BATCH).map((ref) => windows.at(ref));
    const { frames, behavior } = layout.collate(batch);
    const inputs = Object.values(behavior).flatMap((group) =>
      Object.values(group).map(({ values }) => values),
    );
    for (const row of batch.keys()) {
      const part = (values: Float32Array) => {
        const length = values.length / batch.length;
        return values.subarray(row * length, (row + 1) * length);
      };
      rows.push([
        ...(frames && layout.frames ? filmColumns(part(frames), layout.frames) : []),
        ...inputs.flatMap((values) => [...part(values)]),
      ]);
    }
  }
  return denseRows(rows);
}

function filmColumns(film: Float32Array, shape: Triple): number[] {
  const [frames, height, width] = shape;
  if (height > 1 && width > 1) return movement(averagedDown(film, shape));
  const features = height * width;
  const latest = film.subarray((frames - 1) * features);
  const means = latest.map((_, feature) =>
    mean(Array.from({ length: frames }, (_, frame) => film[frame * features + feature]!)),
  );
  return frames > 1 ? [...latest, ...means] : [...latest];
}

/** A film, [frames, height, width]. */
interface Film {
  readonly values: Float32Array;
  readonly shape: Triple;
}

/** The film with its pixels averaged in squares, so that its shorter side has at most 16. */
function averagedDown(values: Float32Array, shape: Triple): Film {
  const [frames, height, width] = shape;
  const side = Math.ceil(Math.min(height, width) / MAX_SIDE);
  if (side === 1) return { values, shape };
  const [rows, columns] = [Math.floor(height / side), Math.floor(width / side)];
  const averaged = new Float32Array(frames * rows * columns);
  for (let n = 0; n < averaged.length; n++) {
    const column = n % columns;
    const row = Math.floor(n / columns) % rows;
    const frame = Math.floor(n / (rows * columns));
    for (let y = row * side; y < (row + 1) * side; y++)
      for (let x = column * side; x < (column + 1) * side; x++)
        averaged[n]! += values[(frame * height + y) * width + x]! / side ** 2;
  }
  return { values: averaged, shape: [frames, rows, columns] };
}

/**
 * How well each frame agrees with earlier ones that are shifted by some pixels: the mean product of
 * their brightness, divided by its variance, for every lag and shift. A scene that moves agrees
 * best at the shift that it moved by.
 */
function movement({ values, shape: [frames, height, width] }: Film): number[] {
  const center = mean(values);
  const pixels = values.map((value) => value - center);
  const variance = mean(pixels.map((value) => value ** 2)) || 1;
  const lags = Math.min(MAX_LAG, frames - 1);
  const [rows, columns] = [height, width].map((side) => Math.min(MAX_SHIFT, side - 1)) as [
    number,
    number,
  ];
  const agreements: number[] = [];
  for (let lag = 1; lag <= lags; lag++)
    for (let dy = -rows; dy <= rows; dy++)
      for (let dx = -columns; dx <= columns; dx++) {
        let sum = 0;
        for (let frame = lag; frame < frames; frame++)
          for (let y = Math.max(0, dy); y < height + Math.min(0, dy); y++) {
            const now = (frame * height + y) * width;
            const before = ((frame - lag) * height + y - dy) * width - dx;
            for (let x = Math.max(0, dx); x < width + Math.min(0, dx); x++)
              sum += pixels[now + x]! * pixels[before + x]!;
          }
        const count = (frames - lag) * (height - Math.abs(dy)) * (width - Math.abs(dx));
        agreements.push(sum / count / variance);
      }
  return agreements;
}

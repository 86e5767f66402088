/** How well a film agrees with itself half a second later, if it streams as predicted. */

import { correlation, mean } from '../../../src/math/statistics.js';

/** Frames in half a second. */
const LAG = 10;

/**
 * The correlation of each frame with that of half a second later, moved back; mean over every fifth
 * frame.
 *
 * @param screen [frames, size, size]
 * @param shift pixels that the scene has moved to the left in half a second from a frame on
 */
export function streamingCorrelation(
  screen: Float32Array,
  size: number,
  shift: (frame: number) => number,
): number {
  const frames = screen.length / size ** 2;
  const correlations: number[] = [];
  for (let n = 0; n + LAG < frames; n += 5) {
    const [before, after]: number[][] = [[], []];
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const moved = x - shift(n);
        if (moved < 0 || moved >= size) continue;
        before!.push(screen[(n * size + y) * size + x]!);
        after!.push(screen[((n + LAG) * size + y) * size + moved]!);
      }
    }
    correlations.push(correlation(before!, after!));
  }
  return mean(correlations);
}

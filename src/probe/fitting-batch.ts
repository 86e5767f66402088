/** Batches of a size that the device can bind. */

import { UnsupportedError } from '../gpu/errors.js';

/**
 * Runs `fn` with batches of a size; where one of their tensors is larger than the device can bind,
 * with smaller ones. Their size divides the first one, so that windows that fill its batches fill
 * smaller ones too.
 *
 * @param size windows per batch, if they fit
 * @param fn allocates its batches before it computes anything
 * @throws UnsupportedError where not even one window fits
 */
export async function withFittingBatch<T>(
  size: number,
  fn: (size: number) => Promise<T>,
): Promise<T> {
  for (let parts = 1; ; parts++) {
    if (size % parts !== 0) continue;
    try {
      return await fn(size / parts);
    } catch (error) {
      if (!(error instanceof UnsupportedError) || parts >= size) throw error;
    }
  }
}

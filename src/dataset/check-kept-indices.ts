/** Checks the lists of indices that `trials.keep` and `spikes.keep` give. */

import { RecordingError } from '../recording/errors.js';

/**
 * Checks the indices of a `keep` list, and returns them.
 *
 * @param count how many trials or neurons there are.
 * @param kind what is kept, for the message.
 * @throws RecordingError where an index is too large.
 */
export function checkKeptIndices(
  keep: readonly number[],
  count: number,
  kind: 'trials' | 'neurons',
): readonly number[] {
  const invalid = keep.find((index) => index >= count);
  if (invalid === undefined) return keep;
  const key = kind === 'trials' ? 'trials.keep' : 'spikes.keep';
  throw new RecordingError(
    `${key} lists index ${invalid}, but there are ${count} ${kind}; indices start at 0.`,
  );
}

/** Arrays that hold one list after the other, and another array that divides them. */

import { RecordingError } from '../recording/errors.js';
import { type DataFiles, isOneDimensional } from './files.js';
import { type ArrayValues, formatShape } from './reference.js';

/** What messages call the parts of an array that is divided. */
export interface DividedWords {
  /** The key of what divides it, such as `spikes.ends`. */
  readonly key: string;
  /** The key of the array. */
  readonly dataKey: string;
  /** What its values are, such as times. */
  readonly values: string;
  /** What each list belongs to, such as neuron. */
  readonly owner: string;
}

/**
 * The ranges of indices that divide an array into lists.
 *
 * @param divider the index just past each list's last value or, with `isSizes`, how many values
 *   each list has.
 * @param total how many values the array has.
 * @throws RecordingError where they do not cover exactly the values there are.
 */
export function raggedRanges(
  divider: ArrayLike<number>,
  isSizes: boolean,
  total: number,
  { key, dataKey, values, owner }: DividedWords,
): (readonly [from: number, to: number])[] {
  let from = 0;
  const ranges = Array.from(divider, (value, n) => {
    const to = isSizes ? from + value : value;
    if (!Number.isInteger(to) || to < from || to > total) {
      throw new RecordingError(
        `${key}: the ${values} of ${owner} ${n} would be at indices ${from} to ${to} of ${dataKey}, which has ${total} values: the file is cut short, or these are not its ${isSizes ? 'sizes' : 'ends'}.`,
      );
    }
    const range = [from, to] as const;
    from = to;
    return range;
  });
  if (from !== total) {
    throw new RecordingError(
      `${key} covers ${from} of the ${total} values of ${dataKey}: the others belong to no ${owner}.`,
    );
  }
  return ranges;
}

/**
 * Reads an array of a variable that `ends` divides into one list for each trial.
 *
 * @param key the key of the variable, such as `variables.licks`.
 * @param dataKey the key of the array below it.
 * @throws RecordingError where the array has several axes, or ends do not divide it.
 */
export function readTrialLists(
  key: string,
  dataKey: 'data' | 'events',
  references: { readonly array: string; readonly ends: string },
  files: DataFiles,
): ArrayValues[] {
  const values = files.values(`${key}.${dataKey}`, references.array);
  if (values.data.length > 0 && !isOneDimensional(values.shape))
    throw new RecordingError(
      `${key}.${dataKey} should be one-dimensional where ends divide it, but ${formatShape(values)}.`,
    );
  const ranges = raggedRanges(
    files.numbers(`${key}.ends`, references.ends),
    false,
    values.data.length,
    { key: `${key}.ends`, dataKey: `${key}.${dataKey}`, values: 'values', owner: 'trial' },
  );
  return ranges.map(([from, to]) => ({ shape: [to - from], data: values.data.slice(from, to) }));
}

/** Lists of spike times in any arrangement, whose axes `spikes.axes` names. */

import type { Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { type DataFiles, isOneDimensional, type PlacedArray } from './files.js';
import { type ArrayValues, formatShape, rowAndColumn } from './reference.js';

/** What an axis of lists counts. `spikes` is the axis along a list. */
export type ListAxis = 'neurons' | 'trials' | 'spikes';

/** The times of every neuron: of the session, or of each trial. */
export type NeuronLists =
  | { readonly session: readonly ArrayLike<number>[] }
  | { readonly trials: readonly (readonly ArrayLike<number>[])[] };

/** One list of times. */
interface PlacedList {
  readonly neuron: number;
  readonly trial: number;
  readonly times: ArrayLike<number>;
}

/**
 * Reads lists by their axes.
 *
 * @param axes of what each `*` of the reference stands for, then of the arrays; `spikes` comes last
 *   where it is not among them.
 * @throws RecordingError where there are more or fewer axes, or not every trial has all neurons.
 */
export function readListsByAxes(
  references: readonly string[],
  axes: readonly ListAxis[],
  files: DataFiles,
): NeuronLists {
  const [reference, ...others] = references;
  if (reference === undefined || others.length > 0)
    throw new RecordingError(
      `spikes.axes names the axes of one reference, but spikes.lists has ${references.length}: give one pattern, or leave out spikes.axes.`,
    );
  const named: readonly ListAxis[] = axes.includes('spikes') ? axes : [...axes, 'spikes'];
  const arrays = files.placedArrays('spikes.lists', reference);
  const isGrid = isGridOfLists(arrays, named);
  const lists = arrays.flatMap((array) => {
    const outer = array.stars.flatMap((star) => (isGrid ? rowAndColumn(star) : [star.index]));
    return splitArray(array.values, named, outer);
  });
  const count = (axis: 'neuron' | 'trial') =>
    lists.reduce((max, list) => Math.max(max, list[axis] + 1), 0);
  const [neurons, trials] = [count('neuron'), count('trial')];
  const table = Array.from({ length: trials }, (): (ArrayLike<number> | undefined)[] =>
    Array.from({ length: neurons }, () => undefined),
  );
  for (const { neuron, trial, times } of lists) table[trial]![neuron] = times;
  const complete = table.map((row, trial) => {
    const times = row.filter((list) => list !== undefined);
    if (times.length === neurons) return times;
    throw new RecordingError(
      `spikes.lists has ${times.length} neurons in trial ${trial}, but ${neurons} in another: spikes.axes needs a list for every neuron in every trial.`,
    );
  });
  return axes.includes('trials') ? { trials: complete } : { session: complete[0] ?? [] };
}

/**
 * Whether the only `*` stands for two axes, the rows and columns of a cell array, with a list in
 * each cell.
 */
function isGridOfLists(arrays: readonly PlacedArray[], axes: readonly ListAxis[]): boolean {
  return (
    axes.length === 3 &&
    axes[2] === 'spikes' &&
    arrays.every(
      ({ stars, values }) =>
        stars.length === 1 && (!values || isOneDimensional(values.shape) || isEmpty(values)),
    )
  );
}

function isEmpty({ data }: ArrayValues): boolean {
  return data.length === 0;
}

/**
 * The lists in an array, by the axes that are left for it.
 *
 * @param outer the array's index along each of the axes before.
 * @throws RecordingError where the array has another number of axes, or contains text.
 */
function splitArray(
  values: ArrayValues | undefined,
  axes: readonly ListAxis[],
  outer: readonly number[],
): PlacedList[] {
  const inner = axes.slice(outer.length);
  const indexOf = (axis: ListAxis) => outer[axes.indexOf(axis)] ?? 0;
  const place = { neuron: indexOf('neurons'), trial: indexOf('trials') };
  if (!values || isEmpty(values)) return inner.length > 1 ? [] : [{ ...place, times: [] }];
  const { shape, data } = values;
  if (Array.isArray(data))
    throw new RecordingError('spikes.lists contains text; spike times should be numbers.');
  if (inner.length === 1 && isOneDimensional(shape)) return [{ ...place, times: data }];
  if (inner.length !== shape.length)
    throw new RecordingError(
      `spikes.axes names [${axes.join(', ')}], which leaves [${inner.join(', ')}] for each array of spikes.lists, but one ${formatShape(values)}: name the axes of the lists in the path first, then those of the array.`,
    );
  return splitTable(data, shape, inner).map((list) => ({ ...place, ...list }));
}

/** The lists along the axis of spikes, with their index along each other axis. */
function splitTable(data: Numbers, shape: readonly number[], axes: readonly ListAxis[]) {
  const strides = shape.map((_, n) => shape.slice(n + 1).reduce((a, b) => a * b, 1));
  const length = (axis: ListAxis) => shape[axes.indexOf(axis)] ?? 1;
  const stride = (axis: ListAxis) => strides[axes.indexOf(axis)] ?? 0;
  return Array.from({ length: length('trials') * length('neurons') }, (_, n) => {
    const [trial, neuron] = [Math.floor(n / length('neurons')), n % length('neurons')];
    const offset = trial * stride('trials') + neuron * stride('neurons');
    const times = Float64Array.from(
      { length: length('spikes') },
      (_value, k) => data[offset + k * stride('spikes')]!,
    );
    return {
      times,
      ...(axes.includes('neurons') && { neuron }),
      ...(axes.includes('trials') && { trial }),
    };
  });
}

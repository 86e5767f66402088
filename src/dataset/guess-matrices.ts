/**
 * Guesses at spike times in a matrix with a row or a column for each neuron, which is filled up
 * with NaN, 0 or -1 where a neuron has fewer spikes than others.
 */

import type { Numbers } from '../formats/nodes.js';
import { lastName, spikeTimesRank } from './array-names.js';
import type { NumericArray } from './arrays-in-file.js';
import { isPlausibleCount, isTable } from './guess.js';
import type { FoundLists, GuessedFile } from './guess-lists.js';
import { neuronNamesPath } from './guess-ragged.js';
import { isAscending } from './guess-times.js';

/** What may fill up a matrix, in the words of dataset.yaml. */
const PADDINGS = [Number.NaN, 0, -1] as const;

/** Finds matrices that are named like spike times, by the axis along which times ascend. */
export function findMatrices(file: GuessedFile): FoundLists[] {
  return file.arrays.flatMap((array) => {
    const rank = spikeTimesRank(lastName(array.path));
    if (rank === 0 || !isTable(array.shape) || array.shape.length !== 2) return [];
    // Counts in bins may ascend and then be 0, too.
    if (array.values.every(isPlausibleCount)) return [];
    return ([0, 1] as const).flatMap((axis) => describeMatrix(array, axis, rank, file));
  });
}

/** @param axis that of the neurons. */
function describeMatrix(
  { path, shape, values }: NumericArray,
  axis: 0 | 1,
  rank: number,
  file: GuessedFile,
): FoundLists[] {
  const lines = linesOf(shape, values, axis);
  const padding = PADDINGS.find((value) => areFilledUp(lines, value));
  if (padding === undefined) return [];
  const lists = lines.map((line) => line.filter((time) => !Object.is(time, padding)));
  const names = neuronNamesPath(file.entries, lines.length, path);
  const axes = axis === 0 ? ['neurons', 'spikes'] : ['spikes', 'neurons'];
  const filling = Number.isNaN(padding) ? 'nan' : padding;
  return [
    {
      path,
      words: `${path}, a ${axis === 0 ? 'row' : 'column'} for each of ${lines.length} neurons,`,
      rank,
      lists,
      counts: lists.map((list) => list.length),
      keys: {
        lists: `${file.name}#${path}`,
        axes,
        padding: filling,
        ...(names !== undefined && { names: `${file.name}#${names}` }),
      },
      notes: [
        `${path} is read as a ${axis === 0 ? 'row' : 'column'} of spike times for each neuron, in which ${filling} stands for no spike.`,
      ],
    },
  ];
}

function linesOf([rows = 0, columns = 0]: readonly number[], values: Numbers, axis: 0 | 1) {
  const [count, length] = axis === 0 ? [rows, columns] : [columns, rows];
  return Array.from({ length: count }, (_, line) =>
    Float64Array.from({ length }, (_value, n) =>
      axis === 0 ? values[line * columns + n]! : values[n * columns + line]!,
    ),
  );
}

/** Whether all lines ascend up to where they are filled up, and some are. */
function areFilledUp(lines: readonly Float64Array[], padding: number): boolean {
  let filled = 0;
  for (const line of lines) {
    const end = line.findLastIndex((time) => !Object.is(time, padding)) + 1;
    if (end < line.length) filled += 1;
    if (!isAscending(line.subarray(0, end))) return false;
  }
  return filled > 0;
}

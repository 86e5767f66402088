/** Tables of spike counts in a file of arrays: of bins, or of trials, with the clock they stand on. */

import { elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import type { Vector } from './arrays-in-file.js';
import { isLine } from './files.js';
import {
  ambiguous,
  describeVector,
  isCount,
  isTable,
  last,
  perTrial,
  variableName,
} from './guess.js';

/** Counts in bins, with the clock of the bins. */
export function countsIn(
  vectors: readonly Vector[],
  file: string,
  notes: string[],
): object | undefined {
  const tables = vectors.filter(
    ({ path, shape, values }) =>
      isTable(shape) &&
      shape.length <= 3 &&
      values.every(isCount) &&
      /spike|count|raster|^q/i.test(last(path)),
  );
  const [table, ...others] = tables;
  if (!table) return undefined;
  if (others.length > 0) throw ambiguous(file, tables, describeVector);
  if (table.shape.length === 3) return trialCounts(table, vectors, file);
  const clock = vectors.find(
    ({ shape, values }) => isLine(shape) && table.shape.includes(values.length) && isEven(values),
  );
  if (!clock) {
    throw new RecordingError(
      `${file}: ${describeVector(table)} looks like spike counts, but nothing says how long a bin is: put a dataset.yaml beside it with spikes: {counts: '${file}#${table.path}', axes: ${table.shape[0]! > table.shape[1]! ? '[bins, neurons]' : '[neurons, bins]'}, dt: 0.01}.`,
    );
  }
  const bins = clock.values.length;
  const spikes = {
    counts: `${file}#${table.path}`,
    axes: table.shape[0] === bins ? ['bins', 'neurons'] : ['neurons', 'bins'],
    clock: `${file}#${clock.path}`,
  };
  const rest = vectors.filter((vector) => vector !== table && vector !== clock);
  const variables = alongBins(rest, file, bins, clock.path);
  const start = clock.values[0]!;
  if (start !== 0)
    notes.push(`The first bin is at ${Number(start.toPrecision(9))} s: the session begins there.`);
  return {
    ...(start !== 0 && { start }),
    spikes,
    ...(Object.keys(variables).length > 0 && { variables }),
  };
}

/** A clock that rises by one step. */
function isEven(values: Numbers): boolean {
  const step = (values.at(-1)! - values[0]!) / (values.length - 1);
  return (
    step > 0 &&
    values.every((value, n) => n === 0 || Math.abs(value - values[n - 1]! - step) < step / 2)
  );
}

/** Arrays with one value, or a few, in each bin. */
function alongBins(
  vectors: readonly Vector[],
  file: string,
  bins: number,
  clock: string,
): Record<string, object> {
  const times = `${file}#${clock}`;
  const entries = vectors.flatMap(({ path, shape }): [string, object][] => {
    const key = variableName(path);
    if (isLine(shape) && elementCount(shape) === bins)
      return [[key, { data: `${file}#${path}`, times }]];
    const axis = shape.indexOf(bins);
    const few = shape[1 - axis] ?? 0;
    if (shape.length !== 2 || axis < 0 || few > 4) return [];
    return Array.from({ length: few }, (_, n) => [
      `${key}_${'xyz'[n] ?? n}`,
      { data: `${file}#${path}${axis === 0 ? `[:,${n}]` : `[${n},:]`}`, times },
    ]);
  });
  return Object.fromEntries(entries);
}

/** Counts of [trials, neurons, bins], with the times of each trial's bins. */
function trialCounts(table: Vector, vectors: readonly Vector[], file: string): object {
  const [trials = 0, , bins = 0] = table.shape;
  const clock = vectors.find(
    ({ shape }) => shape.length === 2 && shape[0] === trials && shape[1] === bins,
  );
  if (!clock) {
    throw new RecordingError(
      `${file}: ${describeVector(table)} looks like spike counts of trials, but nothing says how long a bin is: put a dataset.yaml beside it with spikes: {counts: '${file}#${table.path}', axes: [trials, neurons, bins], dt: 0.01}.`,
    );
  }
  const variables = perTrial(vectors, file, trials);
  return {
    spikes: {
      counts: `${file}#${table.path}`,
      axes: ['trials', 'neurons', 'bins'],
      clock: `${file}#${clock.path}[0,:]`,
    },
    trials: { starts: `${file}#${clock.path}[:,0]` },
    ...(Object.keys(variables).length > 0 && { variables }),
  };
}

/**
 * Reads spikes from lists of times: a list for each neuron, or for each neuron and trial, which may
 * be items of a cell array, columns of a table, or rows of a matrix that is filled up.
 */

import type { Numbers } from '../formats/nodes.js';
import { joined } from '../math/vectors.js';
import { RecordingError } from '../recording/errors.js';
import type { SpikesSpec } from './description.js';
import { type DataFiles, isOneDimensional } from './files.js';
import { type ListAxis, type NeuronLists, readListsByAxes } from './list-axes.js';
import type { ArrayValues } from './reference.js';
import { type LoadedSpikes, toSessionClock, toTrialClocks } from './spike-clocks.js';
import { sortIntoTrials } from './spike-pairs.js';

/** The times of a neuron without spikes. */
const NO_TIMES: ArrayValues = { shape: [0], data: new Float64Array() };

/**
 * Reads `spikes.lists`.
 *
 * @param references `spikes.lists`.
 * @param note takes sentences about what was changed or left out.
 * @throws RecordingError where the lists contain text, or are not what `spikes.axes` says.
 */
export function readLists(
  spec: SpikesSpec,
  references: readonly string[],
  files: DataFiles,
  sessionStart: number,
  note: (sentence: string) => void,
): LoadedSpikes {
  if (spec.trials !== undefined) return readTrialOfEach(spec, references, spec.trials, files, note);
  const lists = spec.axes
    ? readListsByAxes(references, spec.axes as readonly ListAxis[], files)
    : readInOrder(references, spec.padding, files, note);
  return 'trials' in lists
    ? { trials: toTrialClocks(lists.trials, spec, spec.start, note) }
    : { spikes: { times: toSessionClock(lists.session, spec, sessionStart, note) } };
}

/** Reads one array of times per neuron, or one matrix per neuron whose columns are trials. */
function readInOrder(
  references: readonly string[],
  padding: number | undefined,
  files: DataFiles,
  note: (sentence: string) => void,
): NeuronLists {
  const arrays = readArrays('spikes.lists', references, files, note);
  // A single row that may be filled up is one spike at most in each of its columns, the trials.
  const isFilled = padding !== undefined && !Number.isNaN(padding);
  const isList = ({ shape }: ArrayValues) =>
    shape.includes(0) || (isOneDimensional(shape) && !(isFilled && (shape[1] ?? 1) > 1));
  if (arrays.every(isList)) return { session: arrays.map(({ data }) => data as Numbers) };
  // An empty array may have any number of columns.
  const trialCount = arrays.reduce(
    (max, { shape, data }) => Math.max(max, data.length > 0 ? (shape[1] ?? 1) : 1),
    0,
  );
  return {
    trials: Array.from({ length: trialCount }, (_, trial) =>
      arrays.map((values) => columnValues(values, trial)),
    ),
  };
}

/** Reads one array of times per neuron, and beside it one array with the trial of each time. */
function readTrialOfEach(
  spec: SpikesSpec,
  references: readonly string[],
  trialsReference: string,
  files: DataFiles,
  note: (sentence: string) => void,
): LoadedSpikes {
  const times = readArrays('spikes.lists', references, files, note);
  const trials = readArrays('spikes.trials', [trialsReference], files, () => {});
  if (trials.length !== times.length)
    throw new RecordingError(
      `spikes.trials has ${trials.length} arrays, but spikes.lists has ${times.length}: each neuron needs the trials of its spikes.`,
    );
  const unequal = times.findIndex(({ data }, n) => data.length !== trials[n]!.data.length);
  if (unequal >= 0)
    throw new RecordingError(
      `spikes.trials has ${trials[unequal]!.data.length} values for neuron ${unequal}, but spikes.lists has ${times[unequal]!.data.length} times: each spike needs a trial.`,
    );
  const numbersOf = ({ data }: ArrayValues) => data as Numbers;
  return sortIntoTrials(
    {
      times: joined(times.map(numbersOf)),
      neurons: Int32Array.from(times.flatMap(({ data }, n) => Array<number>(data.length).fill(n))),
      trials: joined(trials.map(numbersOf)),
      neuronCount: times.length,
    },
    spec,
    note,
  );
}

/** @throws RecordingError where an array contains text. */
function readArrays(
  key: string,
  references: readonly string[],
  files: DataFiles,
  note: (sentence: string) => void,
): ArrayValues[] {
  const arrays = references
    .flatMap((reference) => files.neuronArrays(key, reference, note))
    .map((values) => values ?? NO_TIMES);
  const textIndex = arrays.findIndex(({ data }) => Array.isArray(data));
  if (textIndex < 0) return arrays;
  throw new RecordingError(
    `${key}: the list of neuron ${textIndex} contains text; ${key === 'spikes.lists' ? 'spike times' : 'trials'} should be numbers.`,
  );
}

/** Column `column` of a matrix [rows, columns]; empty where there is no such column. */
function columnValues({ shape, data }: ArrayValues, column: number): Float64Array {
  const [rows = 0, columns = 1] = shape;
  if (column >= columns) return new Float64Array(0);
  return Float64Array.from({ length: rows }, (_, row) => Number(data[row * columns + column]));
}

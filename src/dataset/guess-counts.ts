/**
 * Guesses at spike counts in a file of arrays, per bin of a session or of each trial, and at the
 * clock of their bins.
 */

import { elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { formatYamlLine } from '../text/yaml.js';
import { lastName, neuronRank } from './array-names.js';
import type { NumericArray } from './arrays-in-file.js';
import { isOneDimensional } from './files.js';
import { addPerTrial, isPlausibleCount, isTable, NamedVariables } from './guess.js';

/**
 * Finds the one table of spike counts among the arrays of a file, by its name and values, and the
 * clock of its bins. Arrays with one sample per bin become variables.
 *
 * @param notes receives what was assumed, in sentences.
 * @returns an unchecked description; undefined where there is no such table.
 * @throws RecordingError where there are several tables, or none of the arrays is the clock of the
 *   bins.
 */
export function guessCounts(
  arrays: readonly NumericArray[],
  file: string,
  notes: string[],
): object | undefined {
  const tables = arrays.filter(
    ({ path, shape, values }) =>
      isTable(shape) &&
      shape.length <= 3 &&
      values.every(isPlausibleCount) &&
      /spike|count|raster|^q/i.test(lastName(path)),
  );
  const [table, ...otherTables] = tables;
  if (!table) return undefined;
  if (otherTables.length > 0) throw severalTablesError(file, tables, arrays);
  if (table.shape.length === 3) return guessTrialCounts(table, arrays, file);
  const clock = arrays.find(
    ({ shape, values }) =>
      isOneDimensional(shape) && table.shape.includes(values.length) && isRegularClock(values),
  );
  if (!clock) {
    throw new RecordingError(
      `${file}: ${formatNumericArray(table)} looks like spike counts, but the bin width is not given: put a dataset.yaml beside it with spikes: {counts: '${file}#${table.path}', ${adviseAxes(table.shape, arrays)}.`,
    );
  }
  const bins = clock.values.length;
  const spikes = {
    counts: `${file}#${table.path}`,
    axes: table.shape[0] === bins ? BINS_FIRST : NEURONS_FIRST,
    clock: `${file}#${clock.path}`,
  };
  if (table.shape[0] === table.shape[1]) {
    const ways = [NEURONS_FIRST, BINS_FIRST].map((axes) =>
      formatYamlLine({ spikes: { ...spikes, axes } }),
    );
    throw new RecordingError(
      `${file}: ${formatNumericArray(table)} has as many neurons as bins, and nothing says which of its axes is which. Put one of these into a dataset.yaml beside it: ${ways.join(' or ')}.`,
    );
  }
  const others = arrays.filter((array) => array !== table && array !== clock);
  const variables = new NamedVariables();
  addPerBin(variables, others, file, bins, clock.path);
  const start = clock.values[0]!;
  if (start !== 0)
    notes.push(
      `The first bin is at ${Number(start.toPrecision(9))} s, so the session starts there.`,
    );
  return {
    ...(start !== 0 && { start }),
    spikes,
    ...variables.describe(),
  };
}

/** An array in the words of a message: its path and shape. */
function formatNumericArray({ path, shape }: NumericArray): string {
  return `${path} [${shape.join(' x ')}]`;
}

/** The error for a file in which several tables could be the counts, with what to write. */
function severalTablesError(
  file: string,
  tables: readonly NumericArray[],
  arrays: readonly NumericArray[],
): RecordingError {
  const { path, shape } = tables[0]!;
  const axes = shape.length === 3 ? ADVISED_TRIALS : adviseAxes(shape, arrays);
  return new RecordingError(
    `${file} contains several arrays that could be spikes: ${tables.map(formatNumericArray).join(', ')}. Put a dataset.yaml beside it with the right one in place of ${path}: spikes: {counts: '${file}#${path}', ${axes}.`,
  );
}

const NEURONS_FIRST = ['neurons', 'bins'];
/** The rest of an advised `spikes` with counts of each trial. */
const ADVISED_TRIALS =
  'axes: [trials, neurons, bins], dt: 0.01}, where dt is the bin width in seconds';
const BINS_FIRST = ['bins', 'neurons'];

/**
 * The rest of an advised `spikes`: axes and a bin width, with what to change where nothing says
 * which axis is which.
 *
 * @param dt a usual bin width, seconds.
 * @param more keys that come after the bin width.
 */
export function adviseAxes(
  [rows = 0, columns = 0]: readonly number[],
  arrays: readonly NumericArray[],
  dt = 0.01,
  more = '',
): string {
  const lengths = (isWanted: (name: string) => boolean) =>
    arrays.flatMap(({ path, shape, values }) =>
      isOneDimensional(shape) && isWanted(lastName(path)) ? [values.length] : [],
    );
  const neurons = lengths((name) => neuronRank(name) > 0 || /roi|electrode|channel/i.test(name));
  const bins = lengths((name) => /time|clock|^t$|speed|position/i.test(name));
  const [rowsFit, columnsFit] = [
    neurons.includes(rows) || bins.includes(columns),
    neurons.includes(columns) || bins.includes(rows),
  ];
  const isKnown = rows !== columns && rowsFit !== columnsFit;
  // There are more bins than neurons in almost every recording.
  const neuronsFirst = isKnown ? rowsFit : rows <= columns;
  const [axes, others] = neuronsFirst ? [NEURONS_FIRST, BINS_FIRST] : [BINS_FIRST, NEURONS_FIRST];
  const question = isKnown
    ? ''
    : `; nothing says which axis is which, so if each ${neuronsFirst ? 'row' : 'column'} is a bin instead of a neuron, axes: [${others.join(', ')}]`;
  return `axes: [${axes.join(', ')}], dt: ${dt}${more}}, where dt is the bin width in seconds${question}`;
}

/** Whether values increase in steps that differ from their mean by less than half of it. */
function isRegularClock(values: Numbers): boolean {
  const step = (values.at(-1)! - values[0]!) / (values.length - 1);
  return (
    step > 0 &&
    values.every((value, n) => n === 0 || Math.abs(value - values[n - 1]! - step) < step / 2)
  );
}

/** An array with more values per bin than this is not read as variables. */
const MAX_COLUMNS = 4;

/**
 * Adds a variable for each array with one sample per bin, and for each column of those with a few.
 */
function addPerBin(
  variables: NamedVariables,
  arrays: readonly NumericArray[],
  file: string,
  bins: number,
  clockPath: string,
): void {
  const times = `${file}#${clockPath}`;
  for (const { path, shape } of arrays) {
    if (isOneDimensional(shape) && elementCount(shape) === bins)
      variables.add(path, path, { data: `${file}#${path}`, times });
    const binAxis = shape.indexOf(bins);
    const columns = shape[1 - binAxis] ?? 0;
    if (shape.length !== 2 || binAxis < 0 || columns < 2 || columns > MAX_COLUMNS) continue;
    for (let n = 0; n < columns; n++)
      variables.add(`${path}_${'xyz'[n] ?? n}`, path, {
        data: `${file}#${path}${binAxis === 0 ? `[:,${n}]` : `[${n},:]`}`,
        times,
      });
  }
}

/**
 * Describes counts of [trials, neurons, bins], where the file has the times of every trial's bins,
 * [trials, bins].
 *
 * @throws RecordingError where it does not.
 */
function guessTrialCounts(
  table: NumericArray,
  arrays: readonly NumericArray[],
  file: string,
): object {
  const [trials = 0, , bins = 0] = table.shape;
  const clock = arrays.find(
    ({ shape }) => shape.length === 2 && shape[0] === trials && shape[1] === bins,
  );
  if (!clock) {
    throw new RecordingError(
      `${file}: ${formatNumericArray(table)} looks like spike counts per trial, but the bin width is not given: put a dataset.yaml beside it with spikes: {counts: '${file}#${table.path}', ${ADVISED_TRIALS}.`,
    );
  }
  const variables = new NamedVariables();
  addPerTrial(variables, arrays, file, trials);
  return {
    spikes: {
      counts: `${file}#${table.path}`,
      axes: ['trials', 'neurons', 'bins'],
      clock: `${file}#${clock.path}[0,:]`,
    },
    trials: { starts: `${file}#${clock.path}[:,0]` },
    ...variables.describe(),
  };
}

/**
 * Guesses what a file of plain arrays (MATLAB, NumPy, HDF5, CSV) contains from names, shapes and
 * values, and writes it as a description. A file whose spikes are not recognized is rejected with a
 * list of its arrays.
 */

import { type DataNode, elementCount } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { formatList } from '../text/format.js';
import { formatYamlEntry } from '../text/yaml.js';
import { isBoundary, isTableOfThings, lastName, neuronRank } from './array-names.js';
import {
  type ArrayEntry,
  formatEntry,
  listArrays,
  type NumericArray,
  readNumericArray,
  unreadable,
} from './arrays-in-file.js';
import { listReferences } from './description.js';
import { isOneDimensional } from './files.js';
import {
  adviseVariables,
  chooseReading,
  type GuessedDescription,
  isPlausibleCount,
  isTable,
  variableName,
} from './guess.js';
import { adviseAxes, guessCounts } from './guess-counts.js';
import { guessLists } from './guess-lists.js';
import { guessPairs } from './guess-pairs.js';
import { guessRagged } from './guess-ragged.js';
import { parseReference } from './reference.js';

/**
 * Guesses the description of a file of arrays.
 *
 * @param file the file's name, for references.
 * @throws RecordingError where the spikes are not recognized or are ambiguous, with the arrays of
 *   the file and what to write in a dataset.yaml.
 */
export function guessFromArrays(root: DataNode, file: string): GuessedDescription {
  const entries = listArrays(root);
  const notes: string[] = [];
  const arrays = entries.flatMap((entry) => readNumericArray(entry));
  const reading = chooseReading(file, [
    ...guessPairs(arrays, entries, file),
    ...guessRagged(arrays, entries, file),
    ...guessLists({ name: file, entries, arrays }),
  ]);
  if (reading) notes.push(...reading.notes);
  const rawDescription = reading?.description ?? guessCounts(arrays, file, notes);
  const problems = entries.flatMap((entry) => unreadable(entry) ?? []);
  if (rawDescription)
    return {
      rawDescription,
      notes: [
        ...notes,
        ...problems,
        ...unusedNotes(entries, rawDescription, file, reading?.counts.length),
      ],
    };
  const [problem] = problems;
  if (problem !== undefined)
    throw new RecordingError(`${file} contains no spikes that can be recognized. ${problem}`);
  if (entries.length > 1 && entries.every(({ arrays }) => arrays.every(isEmpty)))
    throw new RecordingError(
      `${file} has ${listEntries(entries, 12)}, all without a row, so it contains no spikes.`,
    );
  const table = describeTable(entries, file);
  if (table)
    throw new RecordingError(
      `${file} is a table of ${table} (${listEntries(entries, 12)}), with a row for each, and contains no spikes. To use it, write a dataset.yaml with the spikes of another file, such as ${adviseTable(table, entries, file)}.`,
    );
  throw new RecordingError(
    `${file} contains no spikes that can be recognized by name and shape; it contains ${listEntries(entries, 12) || 'nothing'}. Put a dataset.yaml beside it that says which array is what, such as ${suggestSpikes(arrays, file)}.`,
  );
}

function isEmpty({ shape }: { readonly shape: readonly number[] }): boolean {
  return elementCount(shape) === 0;
}

/** What a table has a row for each of: trials, or units; undefined where it is something else. */
function describeTable(entries: readonly ArrayEntry[], file: string): string | undefined {
  const columns = entries.map(({ path, arrays }) => ({ path, array: arrays[0]! }));
  const rows = elementCount(columns[0]?.array.shape ?? []);
  if (columns.length < 2 || columns.some(({ array }) => `${array.shape}` !== `${rows}`))
    return undefined;
  const named = isTableOfThings(file);
  if (named) return named;
  if (columns.filter(({ path }) => isBoundary(path)).length > 1) return 'trials';
  const isId = ({ path, array }: (typeof columns)[number]) =>
    neuronRank(path) === 2 && new Set(Array.from<unknown>(array.read())).size === rows;
  return columns.some(isId) ? 'units' : undefined;
}

/** What to write for a table of trials or units beside the spikes of another file. */
function adviseTable(table: string, entries: readonly ArrayEntry[], file: string): string {
  const columnLike = (isWanted: (name: string) => boolean) => {
    const found = entries.find(({ path }) => isWanted(path));
    return found && `${file}#${found.path}`;
  };
  const spikes = { times: 'FILE#TIMES', neurons: 'FILE#NEURONS' };
  if (table === 'units') {
    const names = columnLike((name) => neuronRank(name) === 2) ?? `${file}#NAMES`;
    return formatYamlEntry('spikes', { ...spikes, names });
  }
  const starts = columnLike((name) => /start|onset|begin/i.test(name)) ?? `${file}#STARTS`;
  const stops = columnLike((name) => isBoundary(name) && !/start|onset|begin/i.test(name));
  const trials = { starts, ...(stops !== undefined && { stops }) };
  return `${formatYamlEntry('spikes', spikes)} and ${formatYamlEntry('trials', trials)}`;
}

/** The first entries in the words of a message, and how many more there are. */
function listEntries(entries: readonly ArrayEntry[], limit: number): string {
  return formatList(entries.map(formatEntry), limit);
}

/**
 * A note on the arrays that the description does not use, some of which may be behavior; none if
 * all are used.
 *
 * @param neurons how many there are, if that is known.
 */
function unusedNotes(
  entries: readonly ArrayEntry[],
  description: object,
  file: string,
  neurons: number | undefined,
): string[] {
  const used = listReferences(description).map(({ text }) => parseReference(text).path.join('/'));
  const isUsed = (path: string) =>
    used.some(
      (other) =>
        other === path ||
        (other.endsWith('*') && !path.includes('*') && path.startsWith(other.slice(0, -1))),
    );
  const unused = entries.filter(
    ({ path, arrays }) => !isUsed(path) && arrays.some(({ shape }) => elementCount(shape) > 1),
  );
  if (unused.length === 0) return [];
  const { spikes, start } = description as { spikes: Record<string, unknown>; start?: number };
  // On the clocks of trials nothing has a single list of samples.
  const isOfTrials = spikes.trials !== undefined || String(spikes.axes).includes('trials');
  const behavior = isOfTrials
    ? []
    : unused
        .filter(({ path }) => !CLOCK_NAME.test(lastName(path)))
        // Arrays of as many values as neurons describe the neurons.
        .filter(({ arrays: [array] }) => array && elementCount(array.shape) !== neurons)
        .flatMap((entry) => adviseVariable(entry, entries, file, start));
  const hasStep = behavior.some(([, variable]) => 'dt' in variable);
  const hint = hasStep ? ', where dt is the seconds from one sample to the next' : '';
  return [
    `Arrays that were not recognized and are not used: ${listEntries(unused, 8)}.${adviseVariables(behavior, hint)}`,
  ];
}

/** Names of arrays with the times of samples. */
const CLOCK_NAME = /^(t|ts|times?|timestamps?|clock)$/i;

/**
 * What an array that is not used could be under `variables`: samples at the times of another array
 * that is as long and is called like them, or at a fixed step.
 *
 * @param start seconds at which the session starts, where that is not 0.
 */
function adviseVariable(
  { path, arrays: [array, ...others] }: ArrayEntry,
  entries: readonly ArrayEntry[],
  file: string,
  start: number | undefined,
): [name: string, variable: object][] {
  if (!array || others.length > 0 || path === '' || !isOneDimensional(array.shape)) return [];
  const length = elementCount(array.shape);
  const clock = entries.find(
    (entry) =>
      CLOCK_NAME.test(lastName(entry.path)) &&
      entry.arrays.length === 1 &&
      elementCount(entry.arrays[0]!.shape) === length,
  );
  const data = `${file}#${path}`;
  const when = clock
    ? { times: `${file}#${clock.path}` }
    : { dt: 0.05, ...(start !== undefined && { start }) };
  return [[variableName(path), { data, ...when }]];
}

/**
 * The end of a message: what to write for an array that looks like spikes but lacks a bin width or
 * an event rule.
 */
function suggestSpikes(arrays: readonly NumericArray[], file: string): string {
  const candidate = arrays.find(
    ({ path, shape }) =>
      isTable(shape) && /spike|spks|event|trace|fluor|^f(neu)?\b|dff|calc|^q/i.test(path || file),
  );
  if (!candidate)
    return `${formatYamlEntry('spikes', { times: `${file}#TIMES`, neurons: `${file}#NEURONS` })} with the names of its arrays`;
  const { path, shape, values } = candidate;
  const kind = values.every(isPlausibleCount) ? 'counts' : 'traces';
  // Deconvolved traces are 0 at rest, so every other sample is an event.
  const isDeconvolved = 2 * values.filter((value) => value === 0).length > values.length;
  const rule = isDeconvolved ? '{above: 0, each: true}' : '{above: 3, in: deviations}';
  const event = kind === 'traces' ? `, event: ${rule}` : '';
  const reference = path === '' ? file : `${file}#${path}`;
  return `spikes: {${kind}: '${reference}', ${adviseAxes(shape, arrays, kind === 'traces' ? 0.05 : 0.01, event)}`;
}

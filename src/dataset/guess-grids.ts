/**
 * Guesses at cells that hold a list of times for each neuron and trial: an array of trials that
 * holds one of neurons, the other way round, or cells of rows and columns.
 */

import type { Numbers } from '../formats/nodes.js';
import { lastName, neuronRank } from './array-names.js';
import type { ArrayEntry } from './arrays-in-file.js';
import { isOneDimensional } from './files.js';
import type { FoundLists, GuessedFile } from './guess-lists.js';
import { rowAndColumn } from './reference.js';

type Axes = readonly ['trials', 'neurons'] | readonly ['neurons', 'trials'];

const TRIALS_FIRST: Axes = ['trials', 'neurons'];
const NEURONS_FIRST: Axes = ['neurons', 'trials'];

/** The lists by their two axes. */
interface Grid {
  readonly lengths: readonly [number, number];
  /** The two indices of each list, in the order of the file. */
  readonly indices: readonly (readonly [number, number])[];
}

/** What a reading of a grid adds to the lists themselves. */
type GridReading = Pick<FoundLists, 'words' | 'counts' | 'trials' | 'keys' | 'notes'>;

/**
 * The readings of a grid: one where the names or lengths of other arrays say which of its axes
 * trials are, else both.
 *
 * @param lists without padding.
 * @returns none where the cells are no grid, so that each list is a neuron
 */
export function gridReadings(
  entry: ArrayEntry,
  lists: readonly Numbers[],
  file: GuessedFile,
): GridReading[] {
  const grid = gridOf(entry);
  if (!grid) return [];
  const evidence = axesByNames(entry.path, file) ?? axesByLengths(grid.lengths, file);
  const all = evidence ? [evidence] : [NEURONS_FIRST, TRIALS_FIRST];
  const read = all.map((axes) => readGrid(entry.path, grid, axes, lists));
  // Cells within cells, of which nothing says that one level is trials, may as well be tetrodes.
  const isNested = entry.path.split('*').length > 2;
  return evidence || !isNested ? read : [...read, everyListANeuron(entry.path, lists)];
}

function everyListANeuron(path: string, lists: readonly Numbers[]): GridReading {
  return {
    words: `${path}, a list for each of ${lists.length} neurons,`,
    counts: lists.map((list) => list.length),
    keys: {},
  };
}

/** Two axes of more than one item each; undefined where trials differ in neurons. */
function gridOf({ path, stars }: ArrayEntry): Grid | undefined {
  const levels = path.split('*').length - 1;
  if (levels > 2) return undefined;
  const indices = stars.map(([outer, inner]): readonly [number, number] =>
    inner ? [outer!.index, inner.index] : rowAndColumn(outer!),
  );
  const lengths = [0, 1].map((axis) => 1 + Math.max(...indices.map((pair) => pair[axis]!)));
  const [first = 0, second = 0] = lengths;
  if (first < 2 || second < 2 || first * second !== indices.length) return undefined;
  return { lengths: [first, second], indices };
}

function readGrid(
  path: string,
  { lengths, indices }: Grid,
  axes: Axes,
  lists: readonly Numbers[],
): GridReading {
  const [neuronAxis, trialAxis] = [axes.indexOf('neurons'), axes.indexOf('trials')];
  const [neurons, trials] = [lengths[neuronAxis]!, lengths[trialAxis]!];
  const counts = new Array<number>(neurons).fill(0);
  for (const [n, list] of lists.entries()) counts[indices[n]![neuronAxis]!]! += list.length;
  return {
    words: `${path}, a list for each of ${neurons} neurons in each of ${trials} trials,`,
    counts,
    trials,
    keys: { axes },
    notes: [
      `${path} is read as lists of ${neurons} neurons in ${trials} trials, whose times count from the start of their trial.`,
    ],
  };
}

/** What the names on the path, and the names of arrays beside it, say of its axes. */
function axesByNames(path: string, { entries }: GuessedFile): Axes | undefined {
  const [outer = '', inner = ''] = path.split('*');
  if (path.split('*').length > 2) {
    const isTrials = (name: string) => /trial/i.test(lastName(name.replace(/\/$/, '')));
    const isNeurons = (name: string) => neuronRank(lastName(name.replace(/\/$/, ''))) > 0;
    if (isNeurons(inner) || isTrials(outer)) return TRIALS_FIRST;
    if (isNeurons(outer) || isTrials(inner)) return NEURONS_FIRST;
    // Values that each item of the outer list has one of, such as the number of its trial.
    const beside = entries.filter(
      (entry) => entry.path.startsWith(`${outer}*/`) && entry.path.split('*').length === 2,
    );
    if (beside.some((entry) => /trial/i.test(lastName(entry.path)))) return TRIALS_FIRST;
    if (beside.some((entry) => neuronRank(lastName(entry.path)) > 0)) return NEURONS_FIRST;
  }
  return undefined;
}

/** What the lengths of vectors named like trials and like neurons say of the axes. */
function axesByLengths([first, second]: Grid['lengths'], file: GuessedFile): Axes | undefined {
  if (first === second) return undefined;
  const vectors = file.entries.flatMap(({ path, arrays: [array, ...others] }) =>
    array && others.length === 0 && isOneDimensional(array.shape)
      ? [{ name: lastName(path), length: Math.max(...array.shape, 1) }]
      : [],
  );
  const neurons = vectors.filter(({ name }) => neuronRank(name) > 0).map(({ length }) => length);
  const trials = vectors
    .filter(({ name }) => /trial|choice|stim|cond|correct|outcome/i.test(name))
    .map(({ length }) => length);
  const isFirst = neurons.includes(first) || trials.includes(second);
  const isSecond = neurons.includes(second) || trials.includes(first);
  if (isFirst === isSecond) return undefined;
  return isFirst ? NEURONS_FIRST : TRIALS_FIRST;
}

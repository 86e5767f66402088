/**
 * Guesses at lists of spike times: one for each neuron, or trials that hold one for each neuron, as
 * cells of MATLAB, or variables and columns with numbered names.
 */

import { elementCount, type Numbers } from '../formats/nodes.js';
import { floorToTenth } from '../math/rounding.js';
import { joined } from '../math/vectors.js';
import { lastName, spikeTimesRank } from './array-names.js';
import { type ArrayEntry, MAX_INSPECTED_VALUES, type NumericArray } from './arrays-in-file.js';
import { isOneDimensional } from './files.js';
import { guessSessionStart, type Reading } from './guess.js';
import { gridReadings } from './guess-grids.js';
import { findMatrices } from './guess-matrices.js';
import { coversIndices } from './guess-pairs.js';
import { neuronNamesPath } from './guess-ragged.js';
import { guessTimeUnit, isAscending, rangeOf, sumOf } from './guess-times.js';

/** A file, as the guesses at lists read it. */
export interface GuessedFile {
  readonly name: string;
  readonly entries: readonly ArrayEntry[];
  /** Those that are numbers and not too large. */
  readonly arrays: readonly NumericArray[];
}

/** Lists of times, and what a description says of them besides their unit. */
export interface FoundLists {
  /** The array's path. */
  readonly path: string;
  readonly words: string;
  readonly rank: number;
  /** The times of each list, without padding. */
  readonly lists: readonly Numbers[];
  /** How many of them each neuron has. */
  readonly counts: readonly number[];
  /** How many trials there are, where times count from the start of their trial. */
  readonly trials?: number;
  /** Keys of `spikes`. */
  readonly keys: object;
  /** Other keys of the description. */
  readonly rest?: object;
  readonly notes?: readonly string[];
}

/** All readings of a file as lists of spike times. */
export function guessLists(file: GuessedFile): Reading[] {
  const found = [...findCells(file), ...findMatrices(file)];
  const lists = found.length > 0 ? found : findFamilies(file);
  return lists.flatMap((each) => describeLists(each, file));
}

/** The readings of lists: one for each unit that their times may have. */
function describeLists(found: FoundLists, { arrays }: GuessedFile): Reading[] {
  const { path, lists, counts, trials, keys, rest = {}, rank } = found;
  const times = joined(lists);
  const toGuess = {
    path,
    times,
    neurons: counts.length,
    ...(trials && { trials }),
    lists: () => lists,
  };
  return guessTimeUnit(toGuess, arrays).map((guessed) => {
    const { unit } = guessed;
    const notes = [...guessed.notes, ...(found.notes ?? [])];
    const { min, max } = rangeOf(times);
    const [first, end] = [min * unit.seconds, max * unit.seconds];
    const start = trials ? {} : guessSessionStart(first, end, notes);
    const clockStart = trials ? Math.min(0, floorToTenth(first)) : 0;
    const spikes = {
      ...keys,
      ...(unit.name !== 's' && { unit: unit.name }),
      ...(clockStart < 0 && { start: clockStart }),
    };
    return {
      words: `${found.words} in ${guessed.words}`,
      description: { ...start, spikes, ...rest },
      notes,
      rank,
      counts,
      sum: sumOf(times) * unit.seconds,
      ...(trials && { trials }),
    };
  });
}

/**
 * Finds cell arrays and arrays of structs with a list of times in each item: those that are named
 * like spike times, or else any whose lists ascend.
 */
function findCells(file: GuessedFile): FoundLists[] {
  const candidates = file.entries.flatMap((entry) => {
    const rank = spikeTimesRank(entry.path.split('/').findLast((part) => part !== '*') ?? '');
    const lists = readTimeLists(entry, rank > 0);
    return lists ? [{ entry, lists, rank }] : [];
  });
  const named = candidates.filter(({ rank }) => rank > 0);
  const best = named.length > 0 ? named : candidates;
  return best.flatMap(({ entry, lists, rank }) => describeCells(entry, lists, rank, file));
}

function describeCells(
  entry: ArrayEntry,
  lists: readonly Numbers[],
  rank: number,
  file: GuessedFile,
): FoundLists[] {
  const { path } = entry;
  const isSpike = (time: number) => !Number.isNaN(time);
  const spikes = lists.map((list) => (list.every(isSpike) ? list : list.filter(isSpike)));
  const isFilled = spikes.some((list, n) => list !== lists[n]);
  const common = {
    path,
    rank,
    lists: spikes,
    keys: { lists: `${file.name}#${path}`, ...(isFilled && { padding: 'nan' }) },
  };
  const counts = spikes.map((list) => list.length);
  const trialOfEach = findTrialOfEach(entry, lists, file);
  if (trialOfEach) {
    const { keys, ...rest } = trialOfEach;
    return [{ ...common, ...rest, counts, keys: { ...common.keys, ...keys } }];
  }
  const grids = gridReadings(entry, spikes, file);
  if (grids.length > 0)
    return grids.map(({ keys, ...grid }) => ({
      ...common,
      ...grid,
      keys: { ...common.keys, ...keys },
    }));
  const names = neuronNamesPath(file.entries, lists.length, path);
  return [
    {
      ...common,
      words: `${path}, a list for each of ${lists.length} neurons,`,
      counts,
      keys: { ...common.keys, ...(names !== undefined && { names: `${file.name}#${names}` }) },
      notes:
        path.split('*').length > 2
          ? [
              `${path} is an array of cells within cells: each of the ${lists.length} inner cells is read as a neuron.`,
            ]
          : [],
    },
  ];
}

/**
 * Reads the lists of an entry where they could be spike times: ascending, unless their name says
 * what they are. They may be filled up with NaN.
 */
function readTimeLists({ path, arrays }: ArrayEntry, isNamed: boolean): Numbers[] | undefined {
  if (
    !path.includes('*') ||
    !arrays.every(({ shape, type }) => couldBeList(shape) && type === 'number')
  )
    return undefined;
  const total = arrays.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  if (total < (isNamed ? 1 : 2 * arrays.length) || total > MAX_INSPECTED_VALUES) return undefined;
  const lists = arrays.map((array) => array.read() as Numbers);
  const arePossible = lists.every((list) => list.every((time) => Math.abs(time) !== Infinity));
  return arePossible && (isNamed || lists.every(isAscending)) ? lists : undefined;
}

/**
 * Whether an array can be a list of times. An empty MATLAB cell has two axes, one of them of length
 * 0.
 */
function couldBeList(shape: readonly number[]): boolean {
  return isOneDimensional(shape) || shape.includes(0);
}

/**
 * Finds, beside a list of times for each neuron, a list with the trial of each time, as FieldTrip
 * writes them: spike.time, spike.trial, and in spike.trialtime when trials begin and end.
 */
function findTrialOfEach(
  { path }: ArrayEntry,
  lists: readonly Numbers[],
  file: GuessedFile,
): (Pick<FoundLists, 'words' | 'keys' | 'rest' | 'notes'> & { trials: number }) | undefined {
  const parent = path.split('/').slice(0, -2).join('/');
  const beside = file.entries.find(
    ({ path: other, arrays }) =>
      other !== path &&
      other.split('/').slice(0, -2).join('/') === parent &&
      /trial/i.test(other.split('/').at(-2) ?? '') &&
      arrays.length === lists.length &&
      arrays.every(
        ({ shape, type }, n) => type === 'number' && elementCount(shape) === lists[n]!.length,
      ),
  );
  if (!beside) return undefined;
  const trials = joined(beside.arrays.map((array) => array.read() as Numbers));
  const labels = file.entries.find(
    ({ path: other, arrays }) =>
      other.startsWith(parent) &&
      /label|name/i.test(other) &&
      arrays.length === lists.length &&
      arrays.every(({ type }) => type === 'text'),
  );
  const span = trialSpan(file.arrays);
  return {
    words: `${path}, a list for each of ${lists.length} neurons with the trial of each time in ${beside.path},`,
    trials: span?.count ?? new Set(trials).size,
    keys: {
      trials: `${file.name}#${beside.path}`,
      ...(!coversIndices(trials) && { relabel: true }),
      ...(labels && { names: `${file.name}#${labels.path}` }),
    },
    ...(span && { rest: { trials: { duration: span.duration } } }),
    notes: [`Spike times are assumed to count from the start of their trial (${beside.path}).`],
  };
}

/** How long trials are, where an array has their beginning and end on their own clocks. */
function trialSpan(
  arrays: readonly NumericArray[],
): { readonly count: number; readonly duration: number } | undefined {
  const table = arrays.find(
    ({ path, shape }) =>
      /^trial_?times?$/i.test(lastName(path)) && shape.length === 2 && shape[1] === 2,
  );
  if (!table) return undefined;
  const [begin = 0, end = 0] = table.values;
  const areEqual = table.values.every((value, n) => value === (n % 2 === 0 ? begin : end));
  return areEqual && end > begin
    ? { count: table.shape[0]!, duration: end - Math.min(0, begin) }
    : undefined;
}

/** Names of variables and columns that hold one neuron each, before their number. */
const FAMILY_NAME =
  /^(sp(i?ke?)?s?|sig|units?|neurons?|cells?|clu(ster)?s?|ch(an(nel)?)?)?[ _-]*$/i;

/**
 * Finds vectors whose names differ in a number alone, such as SPK01a and SPK01b, and that ascend.
 * Columns of a table are filled up with NaN.
 */
function findFamilies({ name, arrays }: GuessedFile): FoundLists[] {
  const families = new Map<string, { path: string; times: Numbers; filled: boolean }[]>();
  for (const { path, shape, values } of arrays) {
    const prefix = /^(.*?)\d/.exec(lastName(path))?.[1];
    if (prefix === undefined || !FAMILY_NAME.test(prefix) || !isOneDimensional(shape)) continue;
    const end = values.findLastIndex((time) => !Number.isNaN(time)) + 1;
    const times = values.subarray(0, end);
    if (end < 2 || !isAscending(times)) continue;
    const pattern = `${path.slice(0, path.length - lastName(path).length)}${prefix}*`;
    const family = families.get(pattern) ?? [];
    families.set(pattern, [...family, { path, times, filled: end < values.length }]);
  }
  return [...families].flatMap(([pattern, family]): FoundLists[] => {
    const lengths = new Set(family.map(({ times }) => times.length));
    // Equally long columns are more often samples of a signal than spikes.
    if (family.length < 2 || lengths.size < 2) return [];
    const matches = arrays.filter(({ path }) => path.startsWith(pattern.slice(0, -1)));
    const references =
      matches.length === family.length
        ? `${name}#${pattern}`
        : family.map(({ path }) => `${name}#${path}`);
    return [
      {
        path: pattern,
        words: `${pattern}, a list for each of ${family.length} neurons,`,
        rank: 1,
        lists: family.map(({ times }) => times),
        counts: family.map(({ times }) => times.length),
        keys: {
          lists: references,
          ...(family.some(({ filled }) => filled) && { padding: 'nan' }),
        },
        notes: [`Each of ${pattern} is read as the spike times of a neuron.`],
      },
    ];
  });
}

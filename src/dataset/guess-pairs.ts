/** Guesses at spike times that come with the neuron of each, and perhaps with its trial. */

import { elementCount, type Numbers } from '../formats/nodes.js';
import { floorToTenth } from '../math/rounding.js';
import { isTableOfThings, lastName, neuronRank, spikeTimesRank } from './array-names.js';
import type { ArrayEntry, NumericArray } from './arrays-in-file.js';
import { isOneDimensional } from './files.js';
import { addPerTrial, guessSessionStart, NamedVariables, type Reading } from './guess.js';
import { areWhole, type GuessedUnit, guessTimeUnit, rangeOf, sumOf } from './guess-times.js';

/** All readings of a file as spike times with the neuron of each. */
export function guessPairs(
  arrays: readonly NumericArray[],
  entries: readonly ArrayEntry[],
  file: string,
): Reading[] {
  const vectors = arrays.filter(({ shape }) => isOneDimensional(shape) && elementCount(shape) > 1);
  const neurons = [
    ...vectors.filter(({ path, values }) => neuronRank(lastName(path)) > 0 && areWhole(values)),
    ...neuronNames(entries),
  ].filter(isPerSpike);
  const pairs = neurons.flatMap((neuron) =>
    vectors
      .filter(({ values }) => values.length === neuron.values.length)
      .map((times) => ({ neuron, times, rank: pairRank(neuron, times, file) }))
      .filter(({ rank }) => rank > 0),
  );
  return pairs.flatMap((pair) => describePair(pair, arrays, vectors, file));
}

/** Spike times, and the neuron of each. */
interface Pair {
  readonly neuron: NumericArray;
  readonly times: NumericArray;
  readonly rank: number;
}

/**
 * How surely a pair is spikes. In a table of trials or units only columns called spike times are.
 *
 * @returns 0 where it is not
 */
function pairRank(neuron: NumericArray, times: NumericArray, file: string): number {
  const rank = spikeTimesRank(lastName(times.path));
  if (neuron === times || rank === 0) return 0;
  const table = times.path.includes('/') ? times.path.split('/').at(-2)! : file;
  if (isTableOfThings(table) && rank < 3) return 0;
  return rank + (neuronRank(lastName(neuron.path)) - 1) / 2;
}

/** Whether neurons occur more than once: else it is a table with a row for each neuron. */
function isPerSpike({ values }: NumericArray): boolean {
  return new Set(values).size < values.length;
}

/**
 * Arrays of neuron names; their values number the names in the order in which they first occur.
 */
function neuronNames(entries: readonly ArrayEntry[]): NumericArray[] {
  const named = entries.filter(
    ({ path, arrays: [array] }) =>
      neuronRank(lastName(path)) > 0 && array?.type === 'text' && array.shape.length === 1,
  );
  return named.map(({ path, arrays: [array] }) => {
    const texts = array!.read() as string[];
    const names = [...new Set(texts)];
    const numbers = new Map(names.map((name, n) => [name, n + 1]));
    // Without a 0 the numbers are not taken for indices, so that the names are read as labels.
    const values = Int32Array.from(texts, (text) => numbers.get(text)!);
    return { path, shape: array!.shape, values };
  });
}

/** The readings of a pair: one for each unit that its times may have. */
function describePair(
  { neuron, times, rank }: Pair,
  arrays: readonly NumericArray[],
  vectors: readonly NumericArray[],
  file: string,
): Reading[] {
  const notes: string[] = [];
  const perSpike = vectors.find(
    ({ path, values }) => /trial/i.test(lastName(path)) && values.length === times.values.length,
  );
  const trials = guessTrialPerSpike(arrays, times.values, perSpike, notes);
  const counts = new Map<number, number>();
  for (const value of neuron.values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const relabel = !coversIndices(neuron.values) || (trials && !coversIndices(trials.values));
  if (relabel)
    notes.push(`The values in ${neuron.path} are labels, so neurons are renumbered from 0.`);
  const ofTrials = trials && { trials: new Set(trials.values).size };
  const units = guessTimeUnit(
    {
      path: times.path,
      times: times.values,
      neurons: counts.size,
      ...ofTrials,
      lists: () => timesOfEach(times.values, neuron.values, trials?.values),
    },
    arrays,
  );
  return units.map((unit) => ({
    words: `${times.path} in ${unit.words}, with the neuron of each in ${neuron.path}`,
    rank,
    ...ofTrials,
    sum: sumOf(times.values) * unit.unit.seconds,
    counts: [...counts].sort(([p], [q]) => p - q).map(([, count]) => count),
    ...describe({ neuron, times, trials, relabel: relabel ?? false, unit }, arrays, file, notes),
  }));
}

/** The times of each neuron in each trial. */
function timesOfEach(times: Numbers, neurons: Numbers, trials: Numbers | undefined) {
  const lists = new Map<string, number[]>();
  for (const [n, time] of times.entries()) {
    const key = `${neurons[n]} ${trials?.[n]}`;
    const list = lists.get(key);
    if (list) list.push(time);
    else lists.set(key, [time]);
  }
  return lists.values();
}

/** The description of a pair whose times have a unit. */
function describe(
  {
    neuron,
    times,
    trials,
    relabel,
    unit: guessed,
  }: {
    neuron: NumericArray;
    times: NumericArray;
    trials: NumericArray | undefined;
    relabel: boolean;
    unit: GuessedUnit;
  },
  arrays: readonly NumericArray[],
  file: string,
  before: readonly string[],
): Pick<Reading, 'description' | 'notes'> {
  const { unit } = guessed;
  const notes = [...guessed.notes, ...before];
  const { min, max } = rangeOf(times.values);
  const [earliest, end] = [min * unit.seconds, max * unit.seconds];
  const clockStart = trials ? floorToTenth(earliest) : 0;
  if (clockStart < 0)
    notes.push(
      `Trials are assumed to begin at ${clockStart} s on their clocks, just before the earliest spike.`,
    );
  const spikes = {
    times: `${file}#${times.path}`,
    neurons: `${file}#${neuron.path}`,
    ...(trials && { trials: `${file}#${trials.path}` }),
    ...(relabel && { relabel: true }),
    ...(unit.name !== 's' && { unit: unit.name }),
    ...(clockStart < 0 && { start: clockStart }),
  };
  const rest = trials
    ? describeTrials(arrays, file, new Set(trials.values).size, unit.seconds, { clockStart, end })
    : guessSessionStart(earliest, end, notes);
  return { description: { ...rest, spikes }, notes };
}

/**
 * Decides whether spike times count from the start of their trial, and notes it. They do where the
 * file states how long trials are, or where times do not increase from trial to trial.
 *
 * @param trials the trial of each spike, if there is such an array.
 * @returns `trials`; undefined where times are session times.
 */
function guessTrialPerSpike(
  arrays: readonly NumericArray[],
  times: Numbers,
  trials: NumericArray | undefined,
  notes: string[],
): NumericArray | undefined {
  if (!trials) return undefined;
  if (statedTrialLength(arrays) === undefined && areSessionTimes(times, trials.values)) {
    notes.push(
      'Spike times increase from trial to trial, so they are assumed to be session times. To split the session into trials, add to a dataset.yaml where they are, such as trials: {starts: FILE#STARTS, stops: FILE#STOPS}.',
    );
    return undefined;
  }
  notes.push(`Spike times are assumed to count from the start of their trial (${trials.path}).`);
  return trials;
}

/** Whether all times of each trial come after those of the trial before it. */
function areSessionTimes(times: Numbers, trials: Numbers): boolean {
  const rangeByTrial = new Map<number, { min: number; max: number }>();
  for (const [n, trial] of trials.entries()) {
    const { min, max } = rangeByTrial.get(trial) ?? { min: times[n]!, max: times[n]! };
    rangeByTrial.set(trial, { min: Math.min(min, times[n]!), max: Math.max(max, times[n]!) });
  }
  const ranges = [...rangeByTrial].sort(([p], [q]) => p - q).map(([, range]) => range);
  return ranges.length > 1 && ranges.every(({ min }, n) => n === 0 || min >= ranges[n - 1]!.max);
}

/**
 * Whether every whole number from 0 to the largest value occurs, so that values are indices rather
 * than labels.
 */
export function coversIndices(values: Numbers): boolean {
  const distinct = new Set(values);
  return distinct.has(0) && distinct.size === rangeOf(values).max + 1;
}

/** The length of every trial where the file states it as `tmax`, in the unit of its spike times. */
function statedTrialLength(arrays: readonly NumericArray[]): number | undefined {
  const stated = arrays.find(({ path, values }) => /^t_?max$/i.test(path) && values.length === 1);
  return stated?.values[0];
}

/**
 * The `trials` and `variables` of a description with trial clocks: how long trials are, and what
 * has one value for each.
 *
 * @param range seconds on the trials' clocks at which they begin, and of the last spike.
 */
function describeTrials(
  arrays: readonly NumericArray[],
  file: string,
  trialCount: number,
  secondsPerUnit: number,
  { clockStart, end }: { clockStart: number; end: number },
): object {
  const length = statedTrialLength(arrays);
  const stated = length && length * secondsPerUnit;
  // The file may state how long trials are, or the time on their clocks at which they end. It is
  // the latter if spikes span more than the stated time.
  const duration = stated && end - clockStart > stated ? stated - clockStart : stated;
  const variables = new NamedVariables();
  addPerTrial(variables, arrays, file, trialCount);
  return { ...(duration && { trials: { duration } }), ...variables.describe() };
}

/**
 * Guesses what a file of plain arrays (MATLAB, NumPy, HDF5, CSV) contains from names, shapes and
 * values, and writes it as a description. A file whose spikes are not recognized is rejected with a
 * list of its arrays.
 */

import { type DataNode, elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import {
  type ArrayEntry,
  formatEntry,
  listArrays,
  MAX_INSPECTED_VALUES,
  type NumericArray,
  readNumericArray,
} from './arrays-in-file.js';
import { listReferences } from './description.js';
import { isOneDimensional } from './files.js';
import {
  ambiguousSpikesError,
  type GuessedDescription,
  guessSessionStart,
  isPlausibleCount,
  isTable,
  lastName,
  NEURON_ARRAY_NAME,
  perTrialVariables,
} from './guess.js';
import { guessCounts } from './guess-counts.js';
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
  const rawDescription =
    guessPairs(arrays, entries, file, notes) ??
    guessRagged(arrays, file, notes) ??
    guessLists(entries, file, notes) ??
    guessCounts(arrays, file, notes);
  if (rawDescription)
    return { rawDescription, notes: [...notes, ...unusedNotes(entries, rawDescription)] };
  throw new RecordingError(
    `${file} contains no spikes that can be recognized by name and shape; it contains ${listEntries(entries, 12) || 'nothing'}. Put a dataset.yaml beside it that says which array is what${suggestSpikes(arrays, file)}.`,
  );
}

/** The first entries in the words of a message, and how many more there are. */
function listEntries(entries: readonly ArrayEntry[], limit: number): string {
  const hidden = entries.length - limit;
  const shown = entries.slice(0, limit).map(formatEntry).join(', ');
  return `${shown}${hidden > 0 ? ` and ${hidden} more` : ''}`;
}

/**
 * A note on the arrays that the description does not use, some of which may be behavior; none if
 * all are used.
 */
function unusedNotes(entries: readonly ArrayEntry[], description: object): string[] {
  const usedPaths = new Set(
    listReferences(description).map(({ text }) => parseReference(text).path.join('/')),
  );
  const unused = entries.filter(
    ({ path, arrays }) =>
      !usedPaths.has(path) && arrays.some(({ shape }) => elementCount(shape) > 1),
  );
  if (unused.length === 0) return [];
  return [
    `Arrays that were not recognized and are not used: ${listEntries(unused, 8)}. List those that are behavior under variables in a dataset.yaml.`,
  ];
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
  if (!candidate) return '';
  const { path, shape, values } = candidate;
  const [rows = 0, columns = 0] = shape;
  const axes = rows > columns ? '[bins, neurons]' : '[neurons, bins]';
  const kind = values.every(isPlausibleCount) ? 'counts' : 'traces';
  // Deconvolved traces are 0 at rest, so every other sample is an event.
  const isDeconvolved = 2 * values.filter((value) => value === 0).length > values.length;
  const rule = isDeconvolved ? '{above: 0, each: true}' : '{above: 3, in: deviations}';
  const event = kind === 'traces' ? `, event: ${rule}` : '';
  const reference = path === '' ? file : `${file}#${path}`;
  return `, such as: spikes: {${kind}: '${reference}', axes: ${axes}, dt: 0.05${event}}, where dt is the bin width in seconds`;
}

function allIntegers(values: Numbers): boolean {
  return values.every((value) => Number.isInteger(value));
}

/**
 * Reads an array of neuron names; its values number the names in the order in which they first
 * occur.
 */
function readNeuronNames(entries: readonly ArrayEntry[]): NumericArray | undefined {
  const entry = entries.find(
    ({ path, arrays }) =>
      NEURON_ARRAY_NAME.test(lastName(path)) &&
      arrays[0]!.type === 'text' &&
      arrays[0]!.shape.length === 1,
  );
  if (!entry) return undefined;
  const texts = entry.arrays[0]!.read() as string[];
  const names = [...new Set(texts)];
  // Without a 0 the numbers are not taken for indices, so that the names are read as labels.
  const values = Int32Array.from(texts, (text) => names.indexOf(text) + 1);
  return { path: entry.path, shape: entry.arrays[0]!.shape, values };
}

/** Recognizes spike times that come with the neuron of each spike, and perhaps with its trial. */
function guessPairs(
  arrays: readonly NumericArray[],
  entries: readonly ArrayEntry[],
  file: string,
  notes: string[],
): object | undefined {
  const vectors = arrays.filter(({ shape }) => isOneDimensional(shape) && elementCount(shape) > 1);
  const neurons =
    vectors.find(
      ({ path, values }) => NEURON_ARRAY_NAME.test(lastName(path)) && allIntegers(values),
    ) ?? readNeuronNames(entries);
  if (!neurons) return undefined;
  const perSpike = (name: RegExp) =>
    vectors.find(
      ({ path, values }) => name.test(lastName(path)) && values.length === neurons.values.length,
    );
  const times = perSpike(/spike.*time|time.*spike/i) ?? perSpike(/^t(ime)?s?$|spike|time/i);
  if (!times) return undefined;
  const trials = guessTrialPerSpike(arrays, times.values, perSpike(/trial/i), notes);
  const unit = guessTimeUnit(times.values, new Set(neurons.values).size, trials?.values, notes);
  const relabel = !coversIndices(neurons.values) || (trials && !coversIndices(trials.values));
  if (relabel)
    notes.push(`The values in ${neurons.path} are labels, so neurons are renumbered from 0.`);
  const earliest = trials ? extreme(times.values, Math.min) * SECONDS_PER_UNIT[unit] : 0;
  const clockStart = Math.floor(10 * earliest) / 10;
  if (clockStart < 0)
    notes.push(
      `Trials are assumed to begin at ${clockStart} s on their clocks, just before the earliest spike.`,
    );
  const spikes = {
    times: `${file}#${times.path}`,
    neurons: `${file}#${neurons.path}`,
    ...(trials && { trials: `${file}#${trials.path}` }),
    ...(relabel && { relabel: true }),
    ...(unit !== 's' && { unit }),
    ...(clockStart < 0 && { start: clockStart }),
  };
  if (!trials) return { spikes, ...guessStart(times.values, unit, notes) };
  const trialCount = new Set(trials.values).size;
  const end = extreme(times.values, Math.max) * SECONDS_PER_UNIT[unit];
  return { spikes, ...describeTrials(arrays, file, trialCount, unit, { clockStart, end }) };
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
      'Spike times increase from trial to trial, so they are assumed to be session times. To split the session into trials, give their starts and stops under trials in a dataset.yaml.',
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
function coversIndices(values: Numbers): boolean {
  const distinct = new Set(values);
  return distinct.has(0) && distinct.size === extreme(values, Math.max) + 1;
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
  unit: Unit,
  { clockStart, end }: { clockStart: number; end: number },
): object {
  const length = statedTrialLength(arrays);
  const stated = length && length * SECONDS_PER_UNIT[unit];
  // The file may state how long trials are, or the time on their clocks at which they end. It is
  // the latter if spikes span more than the stated time.
  const duration = stated && end - clockStart > stated ? stated - clockStart : stated;
  const variables = perTrialVariables(arrays, file, trialCount);
  return {
    ...(duration && { trials: { duration } }),
    ...(Object.keys(variables).length > 0 && { variables }),
  };
}

type Unit = 's' | 'ms' | 'us';
const SECONDS_PER_UNIT: Readonly<Record<Unit, number>> = { s: 1, ms: 1e-3, us: 1e-6 };

/** Hz: a lower mean rate more likely means that times are in another unit. */
const MIN_PLAUSIBLE_RATE = 0.02;

/**
 * Guesses the unit of spike times: the largest of s, ms and us in which neurons fire at a plausible
 * mean rate. Notes any other than seconds.
 */
function guessTimeUnit(
  times: Numbers,
  neurons: number,
  trials: Numbers | undefined,
  notes: string[],
): Unit {
  const [first, end] = [extreme(times, Math.min), extreme(times, Math.max)];
  const span = (trials ? new Set(trials).size * end : end - Math.min(first, end)) || 1;
  const rateIn = (unit: Unit) => times.length / neurons / (span * SECONDS_PER_UNIT[unit]);
  const unit = (['s', 'ms', 'us'] as const).find((u) => rateIn(u) >= MIN_PLAUSIBLE_RATE) ?? 's';
  if (unit !== 's') {
    notes.push(
      `Spike times look like ${unit}: read as seconds, neurons would fire at ${rateIn('s').toPrecision(2)} Hz on average; read as ${unit}, at ${rateIn(unit).toPrecision(2)} Hz. If that is wrong, set spikes.unit in a dataset.yaml, such as 1/30000 for samples at 30 kHz.`,
    );
  }
  return unit;
}

/** The smallest or largest value, picked by Math.min or Math.max; 0 where there are none. */
function extreme(values: Numbers, pick: (a: number, b: number) => number): number {
  let result = values[0] ?? 0;
  for (const value of values) result = pick(result, value);
  return result;
}

function guessStart(times: Numbers, unit: Unit, notes: string[]): object {
  const first = extreme(times, Math.min) * SECONDS_PER_UNIT[unit];
  const end = extreme(times, Math.max) * SECONDS_PER_UNIT[unit];
  return guessSessionStart(first, end, notes);
}

/**
 * Recognizes spike times grouped by neuron in one array, with the size or the end of each group in
 * another.
 */
function guessRagged(
  arrays: readonly NumericArray[],
  file: string,
  notes: string[],
): object | undefined {
  const vectors = arrays.filter(({ shape }) => isOneDimensional(shape));
  for (const times of vectors.filter(({ path }) => /spike|time/i.test(lastName(path)))) {
    for (const endsOrSizes of vectors) {
      const { values } = endsOrSizes;
      if (endsOrSizes === times || values.length < 2 || !allIntegers(values)) continue;
      const isAscending = values.every((value, n) => n === 0 || value >= values[n - 1]!);
      const areEnds = isAscending && values.at(-1) === times.values.length;
      let sum = 0;
      for (const value of values) sum += value;
      const areSizes = sum === times.values.length;
      if (!areEnds && !areSizes) continue;
      const unit = guessTimeUnit(times.values, values.length, undefined, notes);
      return {
        spikes: {
          times: `${file}#${times.path}`,
          [areEnds ? 'ends' : 'sizes']: `${file}#${endsOrSizes.path}`,
          ...(unit !== 's' && { unit }),
        },
        ...guessStart(times.values, unit, notes),
      };
    }
  }
  return undefined;
}

const TIMES_NAME = /^(spike_?)?times?$|^ts$|^st$|spike/i;

/** Recognizes a list with one array of spike times per neuron, such as a MATLAB cell array. */
function guessLists(
  entries: readonly ArrayEntry[],
  file: string,
  notes: string[],
): object | undefined {
  const candidates = entries.flatMap((entry) => {
    const name = entry.path.split('/').findLast((part) => part !== '*') ?? '';
    const isNamed = TIMES_NAME.test(name);
    const lists = readTimeLists(entry, isNamed);
    return lists ? [{ entry, lists, isNamed }] : [];
  });
  const named = candidates.filter(({ isNamed }) => isNamed);
  const [candidate, ...others] = named.length > 0 ? named : candidates;
  if (!candidate) return undefined;
  const { entry, lists } = candidate;
  if (others.length > 0)
    throw ambiguousSpikesError(file, [entry, ...others.map((other) => other.entry)], formatEntry);
  const { path, inGrid } = entry;
  if (inGrid) {
    throw new RecordingError(
      `${file}: ${path} is a two-dimensional array of ${lists.length} cells, and it is unknown whether its columns are trials: put a dataset.yaml beside it that names the cells of each neuron, or save one cell per neuron.`,
    );
  }
  if (path.split('*').length > 2)
    notes.push(
      `${path} is an array of cells within cells: each of the ${lists.length} inner cells is read as a neuron.`,
    );
  const times = Float64Array.from(lists.flatMap((list) => [...list]));
  const unit = guessTimeUnit(times, lists.length, undefined, notes);
  return {
    spikes: { lists: `${file}#${path}`, ...(unit !== 's' && { unit }) },
    ...guessStart(times, unit, notes),
  };
}

/**
 * Reads the lists of an entry where they could be spike times: ascending, unless their name says
 * what they are.
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
  const areFinite = lists.every((list) => list.every((time) => Number.isFinite(time)));
  const isAscending = (list: Numbers) => list.every((time, n) => n === 0 || time >= list[n - 1]!);
  return areFinite && (isNamed || lists.every(isAscending)) ? lists : undefined;
}

/**
 * Whether an array can be a list of times. An empty MATLAB cell has two axes, one of them of length
 * 0.
 */
function couldBeList(shape: readonly number[]): boolean {
  return isOneDimensional(shape) || shape.includes(0);
}

/**
 * Files of plain arrays (MATLAB, NumPy, HDF5, CSV): what they hold, told from names, shapes and values, as the
 * dataset.yaml that would say it. What cannot be told is refused with a list of what is there.
 */

import { type DataNode, elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import {
  type ArrayEntry,
  describeEntry,
  listArrays,
  MAX_VECTOR_VALUES,
  readVector,
  type Vector,
} from './arrays-in-file.js';
import { referencesIn } from './description.js';
import { isLine } from './files.js';
import {
  ambiguous,
  type Guess,
  isCount,
  isTable,
  last,
  NEURON_NAME,
  perTrial,
  startAt,
} from './guess.js';
import { countsIn } from './guess-counts.js';
import { parseReference } from './reference.js';

/**
 * What a file of arrays holds.
 *
 * @param file its name, for references.
 * @throws RecordingError saying what is there where it cannot be told, or what is missing.
 */
export function describeArrays(root: DataNode, file: string): Guess {
  const leaves = listArrays(root);
  const notes: string[] = [];
  const vectors = leaves.flatMap((leaf) => readVector(leaf));
  const found =
    pairs(vectors, leaves, file, notes) ??
    ragged(vectors, file, notes) ??
    lists(leaves, file, notes) ??
    countsIn(vectors, file, notes);
  if (found) return { raw: found, notes: [...notes, ...unread(leaves, found)] };
  throw new RecordingError(
    `${file} holds no spikes that could be told from names and shapes; it holds ${leaves.slice(0, 12).map(describeEntry).join(', ') || 'nothing'}${leaves.length > 12 ? ` and ${leaves.length - 12} more` : ''}. Put a dataset.yaml beside it that says which array is what${hint(vectors, file)}.`,
  );
}

/** Arrays that nothing was made of: behaviour may be among them. */
function unread(leaves: readonly ArrayEntry[], found: object): string[] {
  const used = new Set(referencesIn(found).map(({ text }) => parseReference(text).path.join('/')));
  const left = leaves.filter(
    ({ path, arrays }) => !used.has(path) && arrays.some(({ shape }) => elementCount(shape) > 1),
  );
  if (left.length === 0) return [];
  const named = left.slice(0, 8).map(describeEntry).join(', ');
  return [
    `Not read, as nothing says what they are: ${named}${left.length > 8 ? ` and ${left.length - 8} more` : ''}. What is behaviour, name under variables of a dataset.yaml.`,
  ];
}

/** What to write where something looks like spikes, but is not said enough of. */
function hint(vectors: readonly Vector[], file: string): string {
  const looks = vectors.find(
    ({ path, shape }) =>
      isTable(shape) && /spike|spks|event|trace|fluor|^f(neu)?\b|dff|calc|^q/i.test(path || file),
  );
  if (!looks) return '';
  const [rows = 0, columns = 0] = looks.shape;
  const axes = rows > columns ? '[bins, neurons]' : '[neurons, bins]';
  const kind = looks.values.every(isCount) ? 'counts' : 'traces';
  // Deconvolved traces rest at 0, so that every other sample is an event.
  const rests = 2 * looks.values.filter((value) => value === 0).length > looks.values.length;
  const rule = rests ? '{above: 0, each: true}' : '{above: 3, in: deviations}';
  const event = kind === 'traces' ? `, event: ${rule}` : '';
  const name = looks.path === '' ? file : `${file}#${looks.path}`;
  return `, such as: spikes: {${kind}: '${name}', axes: ${axes}, dt: 0.05${event}}, where dt is the seconds of a bin`;
}

function isWhole(values: Numbers): boolean {
  return values.every((value) => Number.isInteger(value));
}

/** Neurons by names, each of which is a number here. */
function namedNeurons(leaves: readonly ArrayEntry[]): Vector | undefined {
  const leaf = leaves.find(
    ({ path, arrays }) =>
      NEURON_NAME.test(last(path)) && arrays[0]!.type === 'text' && arrays[0]!.shape.length === 1,
  );
  if (!leaf) return undefined;
  const texts = leaf.arrays[0]!.read() as string[];
  const known = [...new Set(texts)];
  // From 1 on: names are labels, whatever their numbers.
  const values = Int32Array.from(texts, (text) => known.indexOf(text) + 1);
  return { path: leaf.path, shape: leaf.arrays[0]!.shape, values };
}

/** Times with the neuron of each, and perhaps its trial. */
function pairs(
  vectors: readonly Vector[],
  leaves: readonly ArrayEntry[],
  file: string,
  notes: string[],
): object | undefined {
  const lines = vectors.filter(({ shape }) => isLine(shape) && elementCount(shape) > 1);
  const named = (pattern: RegExp, length?: number) =>
    lines.find(
      ({ path, values }) => pattern.test(last(path)) && (length ?? values.length) === values.length,
    );
  const neurons =
    lines.find(({ path, values }) => NEURON_NAME.test(last(path)) && isWhole(values)) ??
    namedNeurons(leaves);
  if (!neurons) return undefined;
  const length = neurons.values.length;
  const times =
    named(/spike.*time|time.*spike/i, length) ?? named(/^t(ime)?s?$|spike|time/i, length);
  if (!times) return undefined;
  const dealt = named(/trial/i, length);
  const lasting = trialLength(vectors) !== undefined;
  const trials = dealt && (lasting || !isSession(times.values, dealt.values)) ? dealt : undefined;
  if (dealt) {
    notes.push(
      trials
        ? `Times are taken to count from the start of their trial (${dealt.path}).`
        : `Times go on from trial to trial, so they are taken for times of the session; name the trials' starts and stops under trials of a dataset.yaml to cut it.`,
    );
  }
  const unit = guessTimeUnit(times.values, new Set(neurons.values).size, trials?.values, notes);
  const relabel = !fromZero(neurons.values) || (trials && !fromZero(trials.values));
  if (relabel) notes.push(`The numbers in ${neurons.path} are labels: neurons are numbered anew.`);
  const first = trials ? extreme(times.values, Math.min) * SECONDS_PER_UNIT[unit] : 0;
  const begin = Math.floor(10 * first) / 10;
  if (begin < 0)
    notes.push(`Trials are taken to begin at ${begin} s of their clocks, with the first spike.`);
  const spikes = {
    times: `${file}#${times.path}`,
    neurons: `${file}#${neurons.path}`,
    ...(trials && { trials: `${file}#${trials.path}` }),
    ...(relabel && { relabel: true }),
    ...(unit !== 's' && { unit }),
    ...(begin < 0 && { start: begin }),
  };
  if (!trials) return { spikes, ...guessStart(times.values, unit, notes) };
  const count = new Set(trials.values).size;
  const end = extreme(times.values, Math.max) * SECONDS_PER_UNIT[unit];
  return { spikes, ...trialFacts(vectors, file, count, unit, { begin, end }) };
}

/** Whether the times of each trial follow those of the trial before. */
function isSession(times: Numbers, trials: Numbers): boolean {
  const spans = new Map<number, { first: number; last: number }>();
  for (const [n, trial] of trials.entries()) {
    const { first, last: end } = spans.get(trial) ?? { first: times[n]!, last: times[n]! };
    spans.set(trial, { first: Math.min(first, times[n]!), last: Math.max(end, times[n]!) });
  }
  const inOrder = [...spans].sort(([p], [q]) => p - q).map(([, span]) => span);
  return (
    inOrder.length > 1 && inOrder.every(({ first }, n) => n === 0 || first >= inOrder[n - 1]!.last)
  );
}

/** Whether every number from 0 to the largest is there. */
function fromZero(values: Numbers): boolean {
  const seen = new Set(values);
  return seen.has(0) && seen.size === extreme(values, Math.max) + 1;
}

/** How long every trial is, where the file says so. */
function trialLength(vectors: readonly Vector[]): number | undefined {
  const found = vectors.find(({ path, values }) => /^t_?max$/i.test(path) && values.length === 1);
  return found?.values[0];
}

/** How long trials are, and what has one value for each. */
function trialFacts(
  vectors: readonly Vector[],
  file: string,
  count: number,
  unit: Unit,
  { begin, end }: { begin: number; end: number },
): object {
  const length = trialLength(vectors);
  const said = length && length * SECONDS_PER_UNIT[unit];
  // It may be how long trials are, or when on their clocks they end.
  const seconds = said && end - begin > said ? said - begin : said;
  const variables = perTrial(vectors, file, count);
  return {
    ...(seconds && { trials: { duration: seconds } }),
    ...(Object.keys(variables).length > 0 && { variables }),
  };
}

type Unit = 's' | 'ms' | 'us';
const SECONDS_PER_UNIT: Readonly<Record<Unit, number>> = { s: 1, ms: 1e-3, us: 1e-6 };
/** Hz: neurons that are said to fire less are more likely counted in another unit. */
const MIN_PLAUSIBLE_RATE = 0.02;

/** The unit that makes neurons fire as neurons do; said where it is not seconds. */
function guessTimeUnit(
  times: Numbers,
  neurons: number,
  trials: Numbers | undefined,
  notes: string[],
): Unit {
  const [first, end] = [extreme(times, Math.min), extreme(times, Math.max)];
  const span = (trials ? new Set(trials).size * end : end - Math.min(first, end)) || 1;
  const rate = (unit: Unit) => times.length / neurons / (span * SECONDS_PER_UNIT[unit]);
  const unit = (['s', 'ms', 'us'] as const).find((u) => rate(u) >= MIN_PLAUSIBLE_RATE) ?? 's';
  if (unit !== 's') {
    notes.push(
      `Times look like ${unit}: as seconds, a neuron would fire ${rate('s').toPrecision(2)} Hz, as ${unit} ${rate(unit).toPrecision(2)} Hz. Where that is wrong, set spikes.unit in a dataset.yaml: 1/30000 for samples at 30 kHz.`,
    );
  }
  return unit;
}

function extreme(values: Numbers, pick: (a: number, b: number) => number): number {
  let found = values[0] ?? 0;
  for (const value of values) found = pick(found, value);
  return found;
}

/** Where a session of these times begins. */
function guessStart(times: Numbers, unit: Unit, notes: string[]): object {
  const first = extreme(times, Math.min) * SECONDS_PER_UNIT[unit];
  const end = extreme(times, Math.max) * SECONDS_PER_UNIT[unit];
  return startAt(first, end, notes);
}

/** One long list of times, with how many each neuron has or where each ends. */
function ragged(vectors: readonly Vector[], file: string, notes: string[]): object | undefined {
  const lines = vectors.filter(({ shape }) => isLine(shape));
  for (const times of lines.filter(({ path }) => /spike|time/i.test(last(path)))) {
    for (const counts of lines) {
      if (counts === times || counts.values.length < 2 || !isWhole(counts.values)) continue;
      const { values } = counts;
      const rising = values.every((value, n) => n === 0 || value >= values[n - 1]!);
      const ends = rising && values.at(-1) === times.values.length;
      let sum = 0;
      for (const value of values) sum += value;
      const sizes = sum === times.values.length;
      if (!ends && !sizes) continue;
      const unit = guessTimeUnit(times.values, values.length, undefined, notes);
      return {
        spikes: {
          times: `${file}#${times.path}`,
          [ends ? 'ends' : 'sizes']: `${file}#${counts.path}`,
          ...(unit !== 's' && { unit }),
        },
        ...guessStart(times.values, unit, notes),
      };
    }
  }
  return undefined;
}

const TIMES_NAME = /^(spike_?)?times?$|^ts$|^st$|spike/i;

/** A list with times for each neuron. */
function lists(leaves: readonly ArrayEntry[], file: string, notes: string[]): object | undefined {
  const candidates = leaves.flatMap((leaf) => {
    const named = TIMES_NAME.test(leaf.path.split('/').findLast((name) => name !== '*') ?? '');
    const values = timesIn(leaf, named);
    return values ? [{ leaf, values, named }] : [];
  });
  const likely = candidates.filter(({ named }) => named);
  const [only, ...others] = likely.length > 0 ? likely : candidates;
  if (!only) return undefined;
  if (others.length > 0)
    throw ambiguous(file, [only.leaf, ...others.map(({ leaf }) => leaf)], describeEntry);
  const { path, grid } = only.leaf;
  if (grid) {
    throw new RecordingError(
      `${file}: ${path} is a table of cells, ${only.values.length} in all, and nothing says whether its columns are trials: put a dataset.yaml beside it that names the cells of each neuron, or save one cell for each neuron.`,
    );
  }
  if (path.split('*').length > 2)
    notes.push(
      `${path} is cells within cells: each of the ${only.values.length} is taken for a neuron.`,
    );
  const all = Float64Array.from(only.values.flatMap((own) => [...own]));
  const unit = guessTimeUnit(all, only.values.length, undefined, notes);
  return {
    spikes: { lists: `${file}#${path}`, ...(unit !== 's' && { unit }) },
    ...guessStart(all, unit, notes),
  };
}

/** The lists of a leaf where they could be times: rising, unless their name says what they are. */
function timesIn({ path, arrays }: ArrayEntry, named: boolean): Numbers[] | undefined {
  if (!path.includes('*') || !arrays.every(({ shape, type }) => isList(shape) && type === 'number'))
    return undefined;
  const total = arrays.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  if (total < (named ? 1 : 2 * arrays.length) || total > MAX_VECTOR_VALUES) return undefined;
  const values = arrays.map((array) => array.read() as Numbers);
  const numbers = values.every((own) => own.every((time) => Number.isFinite(time)));
  const rising = (own: Numbers) => own.every((time, n) => n === 0 || time >= own[n - 1]!);
  return numbers && (named || values.every(rising)) ? values : undefined;
}

/** An empty cell has two axes, but nothing along them. */
function isList(shape: readonly number[]): boolean {
  return isLine(shape) || shape.includes(0);
}

/** What the guesses at files of different formats share. */

import { RecordingError } from '../recording/errors.js';
import { formatList } from '../text/format.js';
import { isReserved } from '../text/schema.js';
import { formatYamlEntry, formatYamlLine } from '../text/yaml.js';
import { lastName, NEURON_ARRAY_NAME } from './array-names.js';
import type { NumericArray } from './arrays-in-file.js';
import { isOneDimensional } from './files.js';
import type { IntervalTable } from './nwb-intervals.js';

/** A way in which a file can be read. */
export interface Reading {
  /** Completes "as", such as "times with the neuron of each in unit_ids". */
  readonly words: string;
  /** A dataset.yaml as if parsed from YAML, not yet checked. */
  readonly description: { readonly spikes: object };
  readonly notes: readonly string[];
  /** How surely names say that these are spikes; see `spikeTimesRank`. */
  readonly rank: number;
  /** How many spikes each neuron has. */
  readonly counts: readonly number[];
  /** The sum of all spike times, seconds. */
  readonly sum: number;
  /** How many trials there are, where times count from the start of their trial. */
  readonly trials?: number;
}

/**
 * The surest of several readings by names, of those that explain most of the file: those that find
 * less than half of the spikes of another are not considered. Of readings that find the same
 * spikes of a session, the first is as good as any.
 *
 * @throws RecordingError with the descriptions of all readings that are equally sure.
 */
export function chooseReading(file: string, readings: readonly Reading[]): Reading | undefined {
  const spikes = ({ counts }: Reading) => counts.reduce((sum, count) => sum + count, 0);
  const most = readings.reduce((max, reading) => Math.max(max, spikes(reading)), 0);
  const large = readings.filter((reading) => 2 * spikes(reading) >= most);
  const rank = large.reduce((max, reading) => Math.max(max, reading.rank), 0);
  const best = large.filter((reading) => reading.rank === rank);
  const [first] = best;
  const sameSpikes = (reading: Reading) =>
    reading === first ||
    (!reading.trials &&
      !first!.trials &&
      Math.abs(reading.sum - first!.sum) <= 1e-9 * Math.abs(first!.sum) &&
      String(reading.counts) === String(first!.counts));
  if (best.every(sameSpikes)) return first;
  const ways = best.map(({ words, description }) => `as ${words}: ${formatYamlLine(description)}`);
  throw new RecordingError(
    `${file} can be read in ${best.length} ways, and nothing in it says which is right. Put one of them into a dataset.yaml beside it: ${ways.join('; or ')}.`,
  );
}

/** The end of a note on a rule of events that was guessed. */
export const OWN_RULE =
  'This rule is a guess; set your own in a dataset.yaml, such as spikes.event: {above: 0.5, in: value}, in the unit of the traces.';

/** The description of a dataset that has none, guessed from its files. */
export interface GuessedDescription {
  /** A dataset.yaml as if parsed from YAML, not yet checked. */
  readonly rawDescription: object;
  /** What was assumed, in sentences. */
  readonly notes: readonly string[];
  /** Tables of intervals other than the trials, one of which may be chosen as trials instead. */
  readonly tables?: readonly IntervalTable[];
}

/** Seconds: a first event later than this is on a clock that started before the session did. */
const MIN_LATE_START = 60;

/**
 * Guesses where a session starts: at 0, or at the first event where the clock had run for long
 * before it (at least a minute, or a tenth of the time up to the end). Notes a start other than 0.
 *
 * @param first seconds at which the first event was recorded.
 * @param end seconds at which the last event was recorded.
 * @returns the `start` key of a description, in whole seconds; nothing where the session starts at
 *   0.
 */
export function guessSessionStart(first: number, end: number, notes: string[]): { start?: number } {
  if (first < MIN_LATE_START && first * 10 < end) return {};
  const start = Math.floor(first);
  if (start === 0) return {};
  notes.push(`Nothing was recorded before ${first} s, so the session starts at ${start} s.`);
  return { start };
}

/**
 * A variable's name in dataset.yaml for a name in a file: anything but letters and digits, of any
 * script, and _ becomes _.
 */
export function variableName(name: string): string {
  const plain = name.replace(/[^\p{L}\p{M}\p{N}_]+/gu, '_');
  return isReserved(plain) ? `${plain}_` : plain;
}

/** Variables of a description by name. Those of the same name are told apart by their paths. */
export class NamedVariables {
  readonly #byName = new Map<string, object>();

  /**
   * The name that `add` would give to a variable.
   *
   * @param path names of groups and of the variable, with slashes between them.
   */
  freeName(name: string, path: string): string {
    const parents = path.split('/').slice(0, -1);
    let key = variableName(name);
    for (let depth = 1; this.#byName.has(key) && depth <= parents.length; depth++)
      key = variableName([...parents.slice(-depth), name].join('_'));
    for (let n = 2; this.#byName.has(key); n++) key = variableName(`${name}_${n}`);
    return key;
  }

  /** Adds a variable, as `freeName` calls it. Returns that name. */
  add(name: string, path: string, variable: object): string {
    const key = this.freeName(name, path);
    this.#byName.set(key, variable);
    return key;
  }

  /** The `variables` key of a description; nothing where there are none. */
  describe(): { variables?: Record<string, object> } {
    return this.#byName.size > 0 ? { variables: Object.fromEntries(this.#byName) } : {};
  }
}

/** At most this many variables are advised. */
const MAX_ADVISED = 4;

/**
 * A sentence, after a space, that says what to write to read variables; empty where there are none.
 *
 * @param variables what stands under each name.
 * @param hint the end of the sentence, where something in it has to be replaced.
 */
export function adviseVariables(
  variables: readonly (readonly [string, object])[],
  hint = '',
): string {
  if (variables.length === 0) return '';
  const lines = variables
    .slice(0, MAX_ADVISED)
    .map(([name, variable]) => formatYamlEntry(name, variable));
  const more = variables.length > MAX_ADVISED ? '; and others likewise' : '';
  const names = formatList(
    variables.map(([name]) => name),
    MAX_ADVISED,
  );
  return ` To read ${names}, add under variables in a dataset.yaml: ${lines.join('; ')}${more}${hint}.`;
}

/** Whether an array has at least two axes, all longer than 1. */
export function isTable(shape: readonly number[]): boolean {
  return shape.length >= 2 && shape.every((length) => length > 1);
}

/** Whether a value could be the number of spikes in a bin: a whole number from 0 to 1000. */
export function isPlausibleCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 1000;
}

/** Adds a variable for each array with one value per trial. */
export function addPerTrial(
  variables: NamedVariables,
  arrays: readonly NumericArray[],
  file: string,
  trialCount: number,
): void {
  for (const { path, shape, values } of arrays)
    if (
      isOneDimensional(shape) &&
      values.length === trialCount &&
      !NEURON_ARRAY_NAME.test(lastName(path))
    )
      variables.add(path, path, { data: `${file}#${path}`, per_trial: true });
}

/** What the guesses at files of different formats share. */

import { RecordingError } from '../recording/errors.js';
import type { NumericArray } from './arrays-in-file.js';
import { isOneDimensional } from './files.js';

/** The description of a dataset that has none, guessed from its files. */
export interface GuessedDescription {
  /** A dataset.yaml as if parsed from YAML, not yet checked. */
  readonly rawDescription: object;
  /** What was assumed, in sentences. */
  readonly notes: readonly string[];
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
 * A variable's name in dataset.yaml for a name in a file: anything but letters, digits and _
 * becomes _.
 */
export function variableName(name: string): string {
  return name.replace(/[^\w]+/g, '_');
}

/** Whether an array has at least two axes, all longer than 1. */
export function isTable(shape: readonly number[]): boolean {
  return shape.length >= 2 && shape.every((length) => length > 1);
}

/** Whether a value could be the number of spikes in a bin: a whole number from 0 to 1000. */
export function isPlausibleCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 1000;
}

/** The last name of a path. */
export function lastName(path: string): string {
  return path.split('/').at(-1)!;
}

/** Names of arrays that give the neuron of each spike. */
export const NEURON_ARRAY_NAME = /neuron|unit|cell|cluster|^ids?$/i;

/** Variables, as in dataset.yaml, for the arrays with one value per trial. */
export function perTrialVariables(
  arrays: readonly NumericArray[],
  file: string,
  trialCount: number,
): Record<string, object> {
  const perTrial = arrays.filter(
    ({ path, shape, values }) =>
      isOneDimensional(shape) &&
      values.length === trialCount &&
      !NEURON_ARRAY_NAME.test(lastName(path)),
  );
  return Object.fromEntries(
    perTrial.map(({ path }) => [variableName(path), { data: `${file}#${path}`, per_trial: true }]),
  );
}

/** An array in the words of a message: its path and shape. */
export function formatNumericArray({ path, shape }: NumericArray): string {
  return `${path} [${shape.join(' x ')}]`;
}

/**
 * The error for a file in which several arrays could be the spikes. It lists them and shows what to
 * write.
 *
 * @param format turns a candidate into the words of a message.
 */
export function ambiguousSpikesError<T extends { readonly path: string }>(
  file: string,
  candidates: readonly T[],
  format: (candidate: T) => string,
): RecordingError {
  return new RecordingError(
    `${file} contains several arrays that could be spikes: ${candidates.map(format).join(', ')}. Put a dataset.yaml beside it that names the right one and, for counts, the bin width: spikes: {counts: '${file}#${candidates[0]!.path}', axes: [bins, neurons], dt: 0.01}.`,
  );
}

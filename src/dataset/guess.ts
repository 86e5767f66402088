/** What guesses at files of any format share. */

import { RecordingError } from '../recording/errors.js';
import type { Vector } from './arrays-in-file.js';
import { isLine } from './files.js';

/** A description as YAML has it, and what was taken for granted in it, in sentences. */
export interface Guess {
  readonly raw: object;
  readonly notes: readonly string[];
}

/** Seconds past which nothing at the beginning is taken for a clock that began before. */
const MIN_LATE_START = 60;

/** Where a session begins whose clock began long before: seconds of the first and the last thing recorded. */
export function startAt(first: number, end: number, notes: string[]): { start?: number } {
  if (first < MIN_LATE_START && first * 10 < end) return {};
  const start = Math.floor(first);
  notes.push(`Nothing was recorded before ${first} s: the session begins at ${start} s.`);
  return { start };
}

/** The name of a variable for what a file calls it. */
export function variableName(name: string): string {
  return name.replace(/[^\w]+/g, '_');
}

/** Several rows and several columns. */
export function isTable(shape: readonly number[]): boolean {
  return shape.length >= 2 && shape.every((n) => n > 1);
}

/** A number that could be how often a neuron fired in a bin. */
export function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 1000;
}

/** The last name of a path. */
export function last(path: string): string {
  return path.split('/').at(-1)!;
}

/** Names of what says which neuron. */
export const NEURON_NAME = /neuron|unit|cell|cluster|^ids?$/i;

/** What has one value for each trial. */
export function perTrial(
  vectors: readonly Vector[],
  file: string,
  count: number,
): Record<string, object> {
  const own = vectors.filter(
    ({ path, shape, values }) =>
      isLine(shape) && values.length === count && !NEURON_NAME.test(last(path)),
  );
  return Object.fromEntries(
    own.map(({ path }) => [variableName(path), { data: `${file}#${path}`, per_trial: true }]),
  );
}

export function describeVector({ path, shape }: Vector): string {
  return `${path} [${shape.join(' x ')}]`;
}

/** The complaint that more than one thing could be the spikes. */
export function ambiguous<T extends { readonly path: string }>(
  file: string,
  things: readonly T[],
  inWords: (thing: T) => string,
): RecordingError {
  return new RecordingError(
    `${file} holds several things that could be spikes: ${things.map(inWords).join(', ')}. Put a dataset.yaml beside it that says which, and how long a bin of counts is: spikes: {counts: '${file}#${things[0]!.path}', axes: [bins, neurons], dt: 0.01}.`,
  );
}

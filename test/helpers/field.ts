/** A recording that tests write in the ways in which people have it. */

import type { Dataset } from '../../src/dataset/dataset.js';
import { encodeNpz } from '../../src/formats/npz.js';
import { HostRandom } from '../../src/math/random.js';
import { spikeTimes } from './dataset.js';

/** Labels of the neurons. */
export const LABELS = [3, 7, 8, 20, 21];
/** Spikes of each of them. */
const COUNTS = [60, 50, 82, 36, 44];
/** Seconds. */
const DURATION = 60;

/** Ascending spike times of five neurons over 60 s, in whole milliseconds. */
export const TRAINS: readonly Float64Array[] = (() => {
  const random = new HostRandom(5);
  return COUNTS.map((count) => {
    const times = new Set<number>();
    while (times.size < count)
      times.add(20 + Math.floor((DURATION * 1000 - 40) * random.uniform()));
    return Float64Array.from(times, (time) => time / 1000).sort();
  });
})();

/** All times, one neuron after the other. */
export const ALL_TIMES = Float64Array.from(TRAINS.flatMap((train) => [...train]));
/** The label of each of them. */
export const ALL_LABELS = Int32Array.from(
  TRAINS.flatMap((train, n) => Array<number>(train.length).fill(LABELS[n]!)),
);
/** The index after each neuron's last spike. */
export const ENDS = Int32Array.from(TRAINS, (_, n) =>
  TRAINS.slice(0, n + 1).reduce((sum, train) => sum + train.length, 0),
);

/** Rows of equal length, filled up with a value. */
export function filledUp(lists: readonly ArrayLike<number>[], padding: number): number[][] {
  const longest = Math.max(...lists.map((list) => list.length));
  return lists.map((list) =>
    Array.from({ length: longest }, (_, n) => (n < list.length ? list[n]! : padding)),
  );
}

/** The transposed rows. */
export function transposed(rows: readonly (readonly number[])[]): number[][] {
  return rows[0]!.map((_, column) => rows.map((row) => row[column]!));
}

/** An .npz file of arrays. */
export function npz(arrays: Record<string, ArrayLike<number> | readonly (readonly number[])[]>) {
  return encodeNpz(
    Object.fromEntries(
      Object.entries(arrays).map(([name, values]) => {
        const first = values[0];
        if (typeof first === 'number')
          return [name, { data: Float64Array.from(values as ArrayLike<number>) }];
        const rows = values as readonly (readonly number[])[];
        const data = Float64Array.from(rows.flat());
        return [name, { data, shape: [rows.length, rows[0]!.length] }];
      }),
    ),
  );
}

/** Spike times of each neuron in the only trial of a dataset, from the session's start. */
export function sessionTimes({ recording }: Dataset): number[][] {
  if (recording.trials.length !== 1)
    throw new Error(`There are ${recording.trials.length} trials instead of one.`);
  return spikeTimes(recording.trials[0]!);
}

/** The values in braces of a message: what it says to write into a dataset.yaml. */
export function advisedYaml(message: string): string[] {
  const found: string[] = [];
  let [depth, start] = [0, 0];
  for (const [n, character] of [...message].entries()) {
    if (character === '{' && depth++ === 0) start = n;
    if (character === '}' && --depth === 0) found.push(message.slice(start, n + 1));
  }
  return found;
}

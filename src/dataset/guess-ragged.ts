/** Guesses at spike times grouped by neuron in one array, which another one divides. */

import type { Numbers } from '../formats/nodes.js';
import { lastName, neuronRank, spikeTimesRank } from './array-names.js';
import type { ArrayEntry, NumericArray } from './arrays-in-file.js';
import { isOneDimensional } from './files.js';
import { guessSessionStart, type Reading } from './guess.js';
import { areWhole, guessTimeUnit, isAscending, rangeOf, sumOf } from './guess-times.js';

/** All readings of a file as times grouped by neuron, with the size or the end of each group. */
export function guessRagged(
  arrays: readonly NumericArray[],
  entries: readonly ArrayEntry[],
  file: string,
): Reading[] {
  const vectors = arrays.filter(({ shape }) => isOneDimensional(shape));
  return vectors.flatMap((times) => {
    const rank = spikeTimesRank(lastName(times.path));
    if (rank === 0) return [];
    return vectors.flatMap((divider) => {
      const groups = groupSizes(divider, times);
      if (!groups) return [];
      const names = neuronNamesPath(entries, groups.sizes.length, divider.path);
      const surer = dividerRank(divider.path, times.path) / 4;
      const inFile = {
        path: times.path,
        times: times.values,
        neurons: groups.sizes.length,
        lists: () => groupsOf(times.values, groups.sizes),
      };
      return guessTimeUnit(inFile, arrays).map((guessed) => {
        const { unit } = guessed;
        const notes = [...guessed.notes];
        const { min, max } = rangeOf(times.values);
        const start = guessSessionStart(min * unit.seconds, max * unit.seconds, notes);
        const spikes = {
          times: `${file}#${times.path}`,
          [groups.key]: `${file}#${divider.path}`,
          ...(names !== undefined && { names: `${file}#${names}` }),
          ...(unit.name !== 's' && { unit: unit.name }),
        };
        return {
          words: `${times.path} in ${guessed.words}, divided by ${divider.path}`,
          description: { ...start, spikes },
          notes,
          rank: rank + surer,
          counts: groups.sizes,
          sum: sumOf(times.values) * unit.seconds,
        };
      });
    });
  });
}

/** How many times each neuron has, where an array says that or where each neuron's times end. */
function groupSizes(
  { path, values }: NumericArray,
  times: NumericArray,
): { readonly key: 'ends' | 'sizes'; readonly sizes: readonly number[] } | undefined {
  const total = times.values.length;
  if (path === times.path || values.length < 2 || !areSizes(values)) return undefined;
  if (isAscending(values) && values.at(-1) === total)
    return { key: 'ends', sizes: Array.from(values, (end, n) => end - (values[n - 1] ?? 0)) };
  return sumOf(values) === total ? { key: 'sizes', sizes: [...values] } : undefined;
}

function* groupsOf(values: Numbers, sizes: readonly number[]): Generator<Numbers> {
  let from = 0;
  for (const size of sizes) {
    yield values.subarray(from, from + size);
    from += size;
  }
}

function areSizes(values: Numbers): boolean {
  return areWhole(values) && values.every((value) => value >= 0);
}

/** 2 for a name that belongs to that of the times, 1 for one of sizes or ends, 0 for others. */
function dividerRank(path: string, timesPath: string): number {
  const [name, times] = [lastName(path), lastName(timesPath)];
  if (name.toLowerCase().startsWith(times.toLowerCase())) return 2;
  return /index|ends?|size|count|num|^n|len/i.test(name) ? 1 : 0;
}

/** The path of an array with a name or an id for each of so many neurons. */
export function neuronNamesPath(
  entries: readonly ArrayEntry[],
  neurons: number,
  exceptPath = '',
): string | undefined {
  const candidates = entries.filter(({ path, arrays: [array, ...others] }) => {
    if (path === exceptPath || !array || others.length > 0 || !isOneDimensional(array.shape))
      return false;
    if (neuronRank(lastName(path)) < 2) return false;
    const values = Array.from<number | string>(array.read());
    return values.length === neurons && new Set(values).size === neurons;
  });
  return candidates.length === 1 ? candidates[0]!.path : undefined;
}

/** What `generate` and `connectivity` leave in a run's folder: arrays as .npz, and everything else as .json. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Explained } from '../analyze/explain.js';
import { encodeNpz, parseNpz } from '../data/npy.js';
import type { GeneratedResults } from '../report/report.js';
import { FileError, writeWhole } from '../train/files.js';

/** Trials drawn freely, or with neurons clamped: they do not replace one another. */
export type GeneratedName = 'generated' | 'clamped';

type TimedExplained = Explained & { readonly seconds: number };

export function writeGenerated(
  folder: string,
  name: GeneratedName,
  { trials, ...facts }: GeneratedResults,
): void {
  const rows = trials.flatMap(({ times }, n) =>
    times.flatMap((list, neuron) => Array.from(list, (time) => [n, neuron, time] as const)),
  );
  const spans = Float64Array.from(
    trials.flatMap(({ start, from, to, full }) => [start.trial, start.end, from, to, full]),
  );
  const arrays = encodeNpz({
    trial: { data: Int32Array.from(rows, ([trial]) => trial) },
    neuron: { data: Int32Array.from(rows, ([, neuron]) => neuron) },
    time: { data: Float64Array.from(rows, ([, , time]) => time) },
    spans: { data: spans, shape: [trials.length, 5] },
  });
  writeBoth(folder, name, arrays, facts);
}

/**
 * What `generate` left, if it was run.
 *
 * @throws FileError where it is damaged.
 */
export function readGenerated(
  folder: string,
  name: GeneratedName,
  neurons: number,
): GeneratedResults | undefined {
  return readBoth(folder, name, 'generate', (facts, get) => {
    const [trial, neuron, time, spans] = [get('trial'), get('neuron'), get('time'), get('spans')];
    const trials = Array.from({ length: spans.length / 5 }, (_, n) => {
      const span = (column: number) => spans[5 * n + column]!;
      return {
        start: { trial: span(0), end: span(1) },
        from: span(2),
        to: span(3),
        full: span(4),
        lists: Array.from({ length: neurons }, (): number[] => []),
      };
    });
    for (const [at, n] of trial.entries()) trials[n]!.lists[neuron[at]!]!.push(time[at]!);
    const rest = facts as Omit<GeneratedResults, 'trials'>;
    if (trials.length === 0 || !Number.isFinite(rest.scores.seconds)) throw new Error('no trials');
    return {
      ...rest,
      trials: trials.map(({ lists, ...trial }) => ({
        ...trial,
        times: lists.map((list) => Float64Array.from(list)),
      })),
    };
  });
}

export function writeExplained(folder: string, { maps, ...facts }: TimedExplained): void {
  const shape = [facts.neurons, facts.neurons];
  const arrays = maps.map(({ name, values }) => [name, { data: values, shape }] as const);
  const listed = maps.map(({ values: _, ...map }) => map);
  writeBoth(folder, 'connectivity', encodeNpz(Object.fromEntries(arrays)), {
    ...facts,
    maps: listed,
  });
}

/**
 * What `connectivity` left, if it was run.
 *
 * @throws FileError where it is damaged.
 */
export function readExplained(folder: string, neurons: number): TimedExplained | undefined {
  return readBoth(folder, 'connectivity', 'connectivity', (facts, get) => {
    const read = facts as TimedExplained;
    const maps = read.maps.map((map) => {
      const values = get(map.name);
      if (values.length !== neurons ** 2) throw new Error(`${map.name} is no map of all pairs`);
      return { ...map, values };
    });
    return { ...read, maps };
  });
}

function writeBoth(folder: string, name: string, arrays: Uint8Array, facts: object): void {
  writeWhole(join(folder, `${name}.npz`), arrays);
  writeWhole(join(folder, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`);
}

function readBoth<T>(
  folder: string,
  name: string,
  command: string,
  make: (facts: unknown, get: (key: string) => Float64Array) => T,
): T | undefined {
  const [facts, arrays] = [join(folder, `${name}.json`), join(folder, `${name}.npz`)];
  if (!existsSync(facts) || !existsSync(arrays)) return undefined;
  try {
    const found = parseNpz(readFileSync(arrays), arrays);
    // JSON writes NaN, a score that does not exist, as null.
    const read = JSON.parse(readFileSync(facts, 'utf8'), (_, value) => value ?? Number.NaN);
    return make(read, (key) => {
      const array = found.get(key);
      if (!array) throw new Error(`no array ${key}`);
      return Float64Array.from(array.data as ArrayLike<number>);
    });
  } catch {
    throw new FileError(
      `${facts} and ${name}.npz do not hold what they should: run neuroformer ${command} again.`,
    );
  }
}

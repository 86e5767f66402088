/** What commands leave in a run's folder: arrays as .npz, tables as .csv, NWB, and everything else as .json. */

import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Dataset } from '../dataset/dataset.js';
import { parseCsv } from '../formats/csv.js';
import { encodeNpz, parseNpz } from '../formats/npz.js';
import { type NwbSeries, writeNwb } from '../formats/write-nwb.js';
import { FileError, writeWhole } from '../node/files.js';
import type { Explained } from '../probe/connectivity.js';
import type { Recording } from '../recording/recording.js';
import type { ClassValue } from '../recording/vocabularies.js';
import type { DecodedResults } from '../report/decoded.js';
import { toCsv } from '../report/draw.js';
import type { LabelResults } from '../report/labels.js';
import type { GeneratedResults } from '../report/report.js';

/** Trials drawn freely, or with neurons clamped: they do not replace one another. */
export type GeneratedName = 'generated' | 'clamped';

/** With what neurons are called, where that is not their place. */
type TimedExplained = Explained & Pick<Dataset, 'names'> & { readonly seconds: number };

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

/** Generated spikes as an NWB Units table. Trials stand one after the other, as those of one moment may overlap. */
export function writeGeneratedNwb(
  folder: string,
  name: GeneratedName,
  { trials, clamped }: GeneratedResults,
  { recording, names, started }: Pick<Dataset, 'names'> & { recording: string; started: string },
): Promise<void> {
  const neurons = trials[0]?.times.length ?? 0;
  const starts: number[] = [];
  let end = 0;
  for (const { from, to } of trials) {
    starts.push(end);
    end += to - from;
  }
  const onClock = (neuron: number) =>
    trials.flatMap(({ times, from }, n) =>
      Array.from(times[neuron]!, (time) => starts[n]! + time - from),
    );
  return writeNwb(join(folder, `${name}.nwb`), {
    description: `Spikes drawn by a model of ${recording}, no recording. Trials are set one after the other.${clamped && ` ${clamped}`}`,
    started,
    units: Array.from({ length: neurons }, (_, neuron) => Float64Array.from(onClock(neuron))),
    ...(names && { names }),
    trials: {
      starts: Float64Array.from(starts),
      stops: Float64Array.from(trials, ({ from, to }, n) => starts[n]! + to - from),
      columns: [
        {
          name: 'recorded_trial',
          description: 'Place of the recorded trial it begins in.',
          data: Int32Array.from(trials, ({ start }) => start.trial),
        },
        {
          name: 'recorded_from',
          description: 'Seconds in that trial at which it begins.',
          data: Float64Array.from(trials, ({ from }) => from),
        },
      ],
    },
  });
}

/** What the files of a decoded part are called: those of the test part have the plain name. */
export function decodedName(part: DecodedResults['part']): string {
  return part === 'test' ? 'decoded' : `decoded-${part}`;
}

/** Decoded variables as NWB time series, beside what they were. */
export function writeDecodedNwb(
  folder: string,
  { refs, variables, units, part, weights }: DecodedResults,
  { name: recording, trials }: Recording,
  started: string,
): Promise<void> {
  const timestamps = Float64Array.from(refs, ({ trial, end }) => trials[trial]!.start + end);
  const series = variables.flatMap(({ name, truth, predicted }): NwbSeries[] => {
    const both = { unit: units[name] ?? 'unknown', timestamps };
    const [was, decoded] = columnsOf(name);
    return [
      { ...both, name: was, description: 'As recorded.', data: inNwb(truth) },
      { ...both, name: decoded, description: 'Decoded.', data: inNwb(predicted) },
    ];
  });
  return writeNwb(join(folder, `${decodedName(part)}.nwb`), {
    description: `Behaviour decoded by ${weights} from the ${part} part of ${recording}.`,
    started,
    series,
  });
}

/** Classes that have names keep them. */
function inNwb(values: Float64Array | readonly ClassValue[]): NwbSeries['data'] {
  return typeof values[0] === 'string'
    ? Array.from(values, String)
    : Float64Array.from(values, Number);
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

/** Columns of decoded.csv: the trial's place and its number, seconds on its clock and on that of the session. */
export const COLUMNS = ['trial', 'trial_id', 'time', 'session_time'];

/** A variable's columns: what it was, and what was decoded. */
export function columnsOf(name: string): [string, string] {
  return [name, `${name}_decoded`];
}

/** What `decode` leaves: a row for each moment, and everything else as .json. */
export function writeDecoded(
  folder: string,
  { refs, variables, ...facts }: DecodedResults,
  { trials }: Recording,
): void {
  const rows = refs.map(({ trial, end }, n) => {
    const { id, start } = trials[trial]!;
    const when = [trial, id, Number(end.toFixed(6)), Number((start + end).toFixed(6))];
    return Object.fromEntries([
      ...COLUMNS.map((name, column) => [name, when[column]] as const),
      ...variables.flatMap(({ name, truth, predicted }) => {
        const [was, decoded] = columnsOf(name);
        return [[was, truth[n]] as const, [decoded, predicted[n]] as const];
      }),
    ]);
  });
  const path = join(folder, decodedName(facts.part));
  writeWhole(`${path}.csv`, toCsv(rows));
  const listed = variables.map(({ truth: _, predicted: __, ...variable }) => variable);
  const json = JSON.stringify({ ...facts, variables: listed }, null, 2);
  writeWhole(`${path}.json`, `${json}\n`);
}

/**
 * What `decode` left, if it was run: of the test part where that was decoded.
 *
 * @throws FileError where it is damaged.
 */
export function readDecoded(folder: string): DecodedResults | undefined {
  const path = (['test', 'validation', 'all', 'train'] as const)
    .map((part) => join(folder, decodedName(part)))
    .find((name) => existsSync(`${name}.json`) && existsSync(`${name}.csv`));
  if (path === undefined) return undefined;
  const [facts, table] = [`${path}.json`, `${path}.csv`];
  try {
    const read = parseFacts(facts) as DecodedResults;
    const { members } = parseCsv(readFileSync(table), table);
    const column = (name: string) => {
      const part = members.get(name);
      if (part?.kind !== 'array') throw new Error(`no column ${name}`);
      return part.read() as Float64Array;
    };
    const [trials, ends] = [column('trial'), column('time')];
    const variables = read.variables.map((variable) => ({
      ...variable,
      truth: column(columnsOf(variable.name)[0]),
      predicted: column(columnsOf(variable.name)[1]),
    })) as DecodedResults['variables'];
    const refs = Array.from(trials, (trial, n) => ({ trial, end: ends[n]! }));
    return { ...read, refs, variables };
  } catch {
    throw new FileError(
      `${facts} and ${basename(table)} do not hold what they should: run neuroformer decode again.`,
    );
  }
}

export function writeLabels(folder: string, results: LabelResults): void {
  writeWhole(join(folder, 'labels.json'), `${JSON.stringify(results, null, 2)}\n`);
}

/** What `labels` left, if it was run. */
export function readLabels(folder: string): LabelResults | undefined {
  const path = join(folder, 'labels.json');
  if (!existsSync(path)) return undefined;
  try {
    const read = parseFacts(path) as LabelResults;
    if (read.runs.length === 0 || !read.whole) throw new Error('no runs');
    return read;
  } catch {
    throw new FileError(
      `${path} does not hold what it should: run neuroformer labels again, which keeps what is trained.`,
    );
  }
}

/** JSON writes NaN, a score that does not exist, as null. */
function parseFacts(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'), (_, value) => value ?? Number.NaN);
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
    return make(parseFacts(facts), (key) => {
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

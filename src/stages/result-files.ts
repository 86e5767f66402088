/** What stages leave in a run's store: arrays as .npz, tables as .csv, NWB, and everything else as .json. */

import { parseCsv } from '../formats/csv.js';
import { encodeNpz, parseNpz } from '../formats/npz.js';
import { encodeNwb, type NwbSeries } from '../formats/write-nwb.js';
import { FileError } from '../ports/errors.js';
import { type RunStore, readText } from '../ports/run-store.js';
import type {
  DecodedResults,
  ExplainedResults,
  GeneratedResults,
  LabelResults,
} from '../probe/results.js';
import type { Recording } from '../recording/recording.js';
import type { ClassValue } from '../recording/vocabularies.js';
import { toCsv } from '../text/table.js';

/** Trials drawn freely, or with neurons clamped: they do not replace one another. */
export type GeneratedName = 'generated' | 'clamped';

export async function writeGenerated(
  store: RunStore,
  name: GeneratedName,
  { trials, ...facts }: GeneratedResults,
): Promise<void> {
  const rows = trials.flatMap(({ times }, n) =>
    times.flatMap((list, neuron) => Array.from(list, (time) => [n, neuron, time] as const)),
  );
  const spans = Float64Array.from(
    trials.flatMap(({ start, from, to, full }) => [start.trialIndex, start.end, from, to, full]),
  );
  const arrays = encodeNpz({
    trial: { data: Int32Array.from(rows, ([trial]) => trial) },
    neuron: { data: Int32Array.from(rows, ([, neuron]) => neuron) },
    time: { data: Float64Array.from(rows, ([, , time]) => time) },
    spans: { data: spans, shape: [trials.length, 5] },
  });
  await writeBoth(store, name, arrays, facts);
}

/** Generated spikes as an NWB Units table. Trials stand one after the other, as those of one moment may overlap. */
export async function writeGeneratedNwb(
  store: RunStore,
  name: GeneratedName,
  { trials, clamped }: GeneratedResults,
  { recording, names, started }: { recording: string; names?: readonly string[]; started: string },
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
  const bytes = await encodeNwb({
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
          data: Int32Array.from(trials, ({ start }) => start.trialIndex),
        },
        {
          name: 'recorded_from',
          description: 'Seconds in that trial at which it begins.',
          data: Float64Array.from(trials, ({ from }) => from),
        },
      ],
    },
  });
  await store.write(`${name}.nwb`, bytes);
}

/** What the files of a decoded part are called: those of the test part have the plain name. */
export function decodedFileName(part: DecodedResults['part']): string {
  return part === 'test' ? 'decoded' : `decoded-${part}`;
}

/** Decoded variables as NWB time series, beside what they were. */
export async function writeDecodedNwb(
  store: RunStore,
  { refs, variables, units, part, weights }: DecodedResults,
  { name: recording, trials }: Recording,
  started: string,
): Promise<void> {
  const timestamps = Float64Array.from(
    refs,
    ({ trialIndex, end }) => trials[trialIndex]!.start + end,
  );
  const series = variables.flatMap(({ name, truth, predicted }): NwbSeries[] => {
    const both = { unit: units[name] ?? 'unknown', timestamps };
    const [was, decoded] = variableColumns(name);
    return [
      { ...both, name: was, description: 'As recorded.', data: inNwb(truth) },
      { ...both, name: decoded, description: 'Decoded.', data: inNwb(predicted) },
    ];
  });
  const description = `Behavior decoded by ${weights} from the ${part} part of ${recording}.`;
  const bytes = await encodeNwb({ description, started, series });
  await store.write(`${decodedFileName(part)}.nwb`, bytes);
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
  store: RunStore,
  name: GeneratedName,
  neurons: number,
): Promise<GeneratedResults | undefined> {
  return readBoth(store, name, 'generate', (facts, get) => {
    const [trial, neuron, time, spans] = [get('trial'), get('neuron'), get('time'), get('spans')];
    const trials = Array.from({ length: spans.length / 5 }, (_, n) => {
      const span = (column: number) => spans[5 * n + column]!;
      return {
        start: { trialIndex: span(0), end: span(1) },
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

export async function writeExplained(
  store: RunStore,
  { maps, ...facts }: ExplainedResults,
): Promise<void> {
  const shape = [facts.neurons, facts.neurons];
  const arrays = maps.map(({ name, values }) => [name, { data: values, shape }] as const);
  const listed = maps.map(({ values: _, ...map }) => map);
  await writeBoth(store, 'connectivity', encodeNpz(Object.fromEntries(arrays)), {
    ...facts,
    maps: listed,
  });
}

/**
 * What `connectivity` left, if it was run.
 *
 * @throws FileError where it is damaged.
 */
export function readExplained(
  store: RunStore,
  neurons: number,
): Promise<ExplainedResults | undefined> {
  return readBoth(store, 'connectivity', 'connectivity', (facts, get) => {
    const read = facts as ExplainedResults;
    const maps = read.maps.map((map) => {
      const values = get(map.name);
      if (values.length !== neurons ** 2) throw new Error(`${map.name} is not a map of all pairs`);
      return { ...map, values };
    });
    return { ...read, maps };
  });
}

/** Columns of decoded.csv: the trial's place and its number, seconds on its clock and on that of the session. */
export const TIME_COLUMNS = ['trial', 'trial_id', 'time', 'session_time'];

/** A variable's columns: what it was, and what was decoded. */
export function variableColumns(name: string): [string, string] {
  return [name, `${name}_decoded`];
}

/** What `decode` leaves: a row for each moment, and everything else as .json. */
export async function writeDecoded(
  store: RunStore,
  { refs, variables, ...facts }: DecodedResults,
  { trials }: Recording,
): Promise<void> {
  const rows = refs.map(({ trialIndex, end }, n) => {
    const { id, start } = trials[trialIndex]!;
    const when = [trialIndex, id, Number(end.toFixed(6)), Number((start + end).toFixed(6))];
    return Object.fromEntries([
      ...TIME_COLUMNS.map((name, column) => [name, when[column]] as const),
      ...variables.flatMap(({ name, truth, predicted }) => {
        const [was, decoded] = variableColumns(name);
        return [[was, truth[n]] as const, [decoded, predicted[n]] as const];
      }),
    ]);
  });
  const path = decodedFileName(facts.part);
  await store.write(`${path}.csv`, toCsv(rows));
  const listed = variables.map(({ truth: _, predicted: __, ...variable }) => variable);
  const json = JSON.stringify({ ...facts, variables: listed }, null, 2);
  await store.write(`${path}.json`, `${json}\n`);
}

/**
 * What `decode` left, if it was run: of the test part where that was decoded.
 *
 * @throws FileError where it is damaged.
 */
export async function readDecoded(store: RunStore): Promise<DecodedResults | undefined> {
  const names = await store.list();
  const path = (['test', 'validation', 'all', 'train'] as const)
    .map(decodedFileName)
    .find((name) => names.includes(`${name}.json`) && names.includes(`${name}.csv`));
  if (path === undefined) return undefined;
  try {
    const read = parseFacts((await readText(store, `${path}.json`))!) as DecodedResults;
    const { members } = parseCsv((await store.read(`${path}.csv`))!);
    const column = (name: string) => {
      const part = members.get(name);
      if (part?.kind !== 'array') throw new Error(`no column ${name}`);
      return part.read() as Float64Array;
    };
    const [trials, ends] = [column('trial'), column('time')];
    const variables = read.variables.map((variable) => ({
      ...variable,
      truth: column(variableColumns(variable.name)[0]),
      predicted: column(variableColumns(variable.name)[1]),
    })) as DecodedResults['variables'];
    const refs = Array.from(trials, (trialIndex, n) => ({ trialIndex, end: ends[n]! }));
    return { ...read, refs, variables };
  } catch {
    throw new FileError(
      `${store.name}/${path}.json and ${path}.csv do not hold what they should: run neuroformer decode again.`,
    );
  }
}

export async function writeLabels(store: RunStore, results: LabelResults): Promise<void> {
  await store.write(LABELS_FILE, `${JSON.stringify(results, null, 2)}\n`);
}

const LABELS_FILE = 'labels.json';

/**
 * What `labels` left, if it was run.
 *
 * @throws FileError where it is damaged.
 */
export async function readLabels(store: RunStore): Promise<LabelResults | undefined> {
  const text = await readText(store, LABELS_FILE);
  if (text === undefined) return undefined;
  try {
    const read = parseFacts(text) as LabelResults;
    if (read.runs.length === 0 || !read.whole) throw new Error('no runs');
    return read;
  } catch {
    throw new FileError(
      `${store.name}/${LABELS_FILE} does not hold what it should: run neuroformer labels again, which keeps what is trained.`,
    );
  }
}

/** JSON writes NaN, a score that does not exist, as null. */
function parseFacts(text: string): unknown {
  return JSON.parse(text, (_, value) => value ?? Number.NaN);
}

async function writeBoth(
  store: RunStore,
  name: string,
  arrays: Uint8Array,
  facts: object,
): Promise<void> {
  await store.write(`${name}.npz`, arrays);
  await store.write(`${name}.json`, `${JSON.stringify(facts, null, 2)}\n`);
}

async function readBoth<T>(
  store: RunStore,
  name: string,
  command: string,
  make: (facts: unknown, get: (key: string) => Float64Array) => T,
): Promise<T | undefined> {
  const facts = await readText(store, `${name}.json`);
  const packed = await store.read(`${name}.npz`);
  if (facts === undefined || packed === undefined) return undefined;
  try {
    const arrays = parseNpz(packed);
    return make(parseFacts(facts), (key) => {
      const array = arrays.get(key);
      if (!array) throw new Error(`no array ${key}`);
      return Float64Array.from(array.data as ArrayLike<number>);
    });
  } catch {
    throw new FileError(
      `${store.name}/${name}.json and ${name}.npz do not hold what they should: run neuroformer ${command} again.`,
    );
  }
}

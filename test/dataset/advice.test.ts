/**
 * Every message of these rooms that says what to do is followed: the advice is taken out of the
 * printed text, applied, and the recording has to be the one that was made.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import type { Group, Dataset as H5Dataset } from 'h5wasm/node';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';
import { parse, stringify } from 'yaml';
import { type Dataset, openDataset } from '../../src/dataset/dataset.js';
import { parseCsv } from '../../src/formats/csv.js';
import { encodeNpy } from '../../src/formats/npy.js';
import { encodeNpz } from '../../src/formats/npz.js';
import { openFile } from '../../src/formats/open.js';
import { memoryFolder } from '../../src/ports/folder.js';
import { fromDataDictionary } from '../../src/recording/data-dictionary.js';
import {
  assembleRecording,
  checkVariable,
  createRecording,
  type Recording,
  type Session,
} from '../../src/recording/recording.js';
import { binSpikes } from '../../src/recording/spikes.js';
import { type Split, splitWindows } from '../../src/recording/splits.js';
import { Tokenizer } from '../../src/recording/tokenizer.js';
import { ValueBins } from '../../src/recording/tuning-curves.js';
import {
  ClassVocabulary,
  NeuronVocabulary,
  TimeVocabulary,
} from '../../src/recording/vocabularies.js';
import { PAPER_RULES, type WindowSettings, Windows } from '../../src/recording/windows.js';
import { spikeCounts, spikeTimes } from '../helpers/dataset.js';
import { advisedYaml, filledUp, npz, transposed } from '../helpers/field.js';
import { characterCodes, MatlabWriter, matlabFile } from '../helpers/matlab.js';
import { numbers, raggedColumn, series, typed, units, useNwb } from '../helpers/nwb.js';

/** A description as parsed from YAML. */
type Raw = Record<string, unknown>;

/** A folder as it is opened. */
interface Made {
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** Its dataset.yaml; none where the data file speaks for itself. */
  readonly raw?: Raw | undefined;
  /** What is opened. Default: the folder. */
  readonly file?: string | undefined;
  /** The table of intervals that is chosen as trials. */
  readonly trials?: string | undefined;
}

/** A message, and what comes of doing what it says. */
interface Case {
  /** Words of the message, as the source has them, with … for what it computes. */
  readonly says: string;
  readonly made: Made | (() => Made);
  /**
   * What the message says to change.
   *
   * @param raw the dataset.yaml that it was read with, or that was guessed.
   * @returns several where the message gives several ways.
   */
  readonly follow: (message: string, raw: Raw) => Partial<Made> | readonly Partial<Made>[];
  /** What is compared. Default: the spike times of each trial. */
  readonly gives?: (dataset: Dataset) => unknown;
  readonly right: unknown;
}

const { encode, written } = useNwb(() => '');

// The recording that cases make, in seconds: three neurons, two trials of 2 s.
const TRAINS = [
  [0.25, 0.75, 1.25, 3.75],
  [0.5, 2.5],
  [1, 1.5, 3],
];
const TIMES = TRAINS.flat();
const NEURONS = TRAINS.flatMap((train, neuron) => train.map(() => neuron));
const LABELS = [3, 7, 20];
const ENDS = [4, 6, 9];
const STARTS = [0, 2];
const STOPS = [2, 4];
const BY_TRIAL = STARTS.map((start, trial) =>
  TRAINS.map((train) =>
    train.filter((time) => time >= start && time < STOPS[trial]!).map((time) => time - start),
  ),
);
/** Spikes in bins of 0.25 s, [neurons, bins]. */
const COUNTS = TRAINS.map((train) =>
  Array.from({ length: 16 }, (_, bin) => train.filter((time) => time === bin / 4).length),
);
/** A variable every 0.25 s. */
const SPEED = Array.from({ length: 16 }, (_, n) => (n * 7) % 5);

const S = {
  's.npz': npz({
    times: TIMES,
    neurons: NEURONS,
    labels: NEURONS.map((neuron) => LABELS[neuron]!),
    ids: LABELS,
    ends: ENDS,
    trial: TIMES.map((time) => (time < 2 ? 0 : 1)),
    starts: STARTS,
    stops: STOPS,
    since: TIMES.map((time) => time % 2),
    counts: COUNTS,
    speed: SPEED,
    speeds: [SPEED, SPEED.map((value) => value + 10)],
    clock: SPEED.map((_, n) => n / 4),
    choice: [4, 6],
    quality: [1, 0, 1],
  }),
};
const PAIRS = { times: 's.npz#times', neurons: 's.npz#neurons' };
const TRIALS = { starts: 's.npz#starts', stops: 's.npz#stops' };
/** Spikes on the clocks of trials. */
const OF_TRIALS = { times: 's.npz#since', neurons: 's.npz#neurons', trials: 's.npz#trial' };
const described = (raw: Raw, files: Made['files'] = {}): Made => ({
  files: { ...S, ...files },
  raw,
});

const trials = ({ recording }: Dataset) => recording.trials.map(spikeTimes);
const counts = ({ recording }: Dataset) => recording.trials.map(spikeCounts);
/** The samples of a variable in each trial. */
const samples = (name: string) => (dataset: Dataset) =>
  dataset.recording.trials.map(({ variables }) => {
    const variable = variables[name];
    return variable && Array.from<number | string>(variable.values as number[]);
  });
/** Several properties of a dataset. */
const both =
  (...gives: ((dataset: Dataset) => unknown)[]) =>
  (dataset: Dataset) =>
    gives.map((give) => give(dataset));

/** The description with another value at a path of keys with dots between them. */
function withKey(raw: Raw, path: string, value: unknown): Raw {
  const [key = '', ...rest] = path.split('.');
  if (rest.length === 0) {
    const { [key]: _, ...others } = raw;
    return value === undefined ? others : { ...others, [key]: value };
  }
  return { ...raw, [key]: withKey((raw[key] ?? {}) as Raw, rest.join('.'), value) };
}

/** What a value in a message begins with. */
const VALUE = /^(?:[{[]|-?\d|true\b|false\b|nan\b|interpolate\b)/;

/** The value that a message gives to a key, such as `spikes.relabel: true`, parsed from YAML. */
function advised(message: string, key: string): unknown {
  const after = message
    .split(`${key}: `)
    .slice(1)
    .map((_, n) =>
      message
        .split(`${key}: `)
        .slice(n + 1)
        .join(`${key}: `),
    )
    .find((text) => VALUE.test(text));
  if (after === undefined) throw new Error(`The message gives no ${key}: ${message}`);
  if (!/^[{[]/.test(after)) return parse(/^-?\w+([./]\w+)*/.exec(after)![0]);
  let depth = 0;
  const end = [...after].findIndex((character) => {
    if ('{['.includes(character)) depth += 1;
    if ('}]'.includes(character)) depth -= 1;
    return depth === 0;
  });
  return parse(after.slice(0, end + 1));
}

/** Sets a key as the message says it. */
const set =
  (key: string, ...others: string[]) =>
  (message: string, raw: Raw): Partial<Made> => ({
    raw: [key, ...others].reduce(
      (changed, path) => withKey(changed, path, advised(message, path)),
      raw,
    ),
  });
/** Leaves out a key. */
const leaveOut = (key: string) => (_: string, raw: Raw) => ({ raw: withKey(raw, key, undefined) });
/** Adds the variables that a message prints. */
const addVariables =
  (...names: string[]) =>
  (message: string, raw: Raw): Partial<Made> => ({
    raw: names.reduce(
      (changed, name) => withKey(changed, `variables.${name}`, advised(message, name)),
      raw,
    ),
  });
/** The reference with others in place of the words that stand for them in a message. */
function named(value: unknown, names: Readonly<Record<string, string>>): unknown {
  const text = Object.entries(names).reduce(
    (changed, [word, name]) => changed.replaceAll(word, name),
    JSON.stringify(value),
  );
  return JSON.parse(text);
}

function folderOf({ files, raw }: Made) {
  const yaml = raw && { 'dataset.yaml': stringify(raw) };
  return memoryFolder('made', { ...files, ...yaml });
}

const open = (made: Made) =>
  openDataset(folderOf(made), made.file, made.trials === undefined ? {} : { trials: made.trials });

/** Whether a message has the words of a case. */
function hasWords(message: string, says: string): boolean {
  const parts = says.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('.*?'), 's').test(message);
}

/** The message with some words: an error, or a note; and the description that it is about. */
async function messageOf(made: Made, says: string): Promise<{ message: string; raw: Raw }> {
  try {
    const { notes, rawDescription } = await open(made);
    const message = notes.find((note) => hasWords(note, says));
    if (message === undefined) throw new Error(`No message says "${says}": ${notes.join(' | ')}`);
    return { message, raw: structuredClone(rawDescription) as Raw };
  } catch (error) {
    const { name, message } = error as Error;
    expect(name, message).toMatch(/^(Recording|Config)Error$/);
    expect(hasWords(message, says), message).toBe(true);
    return { message, raw: made.raw ?? {} };
  }
}

function followed(cases: readonly Case[]): void {
  it.each(cases.map((each) => [each.says, each] as const))('"%s"', async (_, each) => {
    const made = typeof each.made === 'function' ? each.made() : each.made;
    const { message, raw } = await messageOf(made, each.says);
    const ways = [each.follow(message, raw)].flat();
    expect(ways.length).toBeGreaterThan(0);
    for (const way of ways) {
      const dataset = await open({ ...made, file: undefined, trials: undefined, ...way });
      expect((each.gives ?? trials)(dataset), message).toEqual(each.right);
    }
  });
}

/** Messages on a dataset.yaml. */
const DESCRIPTION: readonly Case[] = [
  {
    says: 'but the session has no trials: add trials with starts',
    made: described({ spikes: PAIRS, frames: { sequence: { epoch: 1, step: 0.5 }, dt: 0.5 } }),
    follow: (_, raw) => ({ raw: { ...raw, trials: TRIALS } }),
    gives: ({ recording }) => recording.trials.map(({ video }) => video?.count),
    right: [4, 4],
  },
  {
    says: 'give it per_trial: true where it has one value per trial, or else one array per trial',
    made: described({
      spikes: OF_TRIALS,
      trials: { duration: 2 },
      variables: { choice: { data: 's.npz#choice', dt: 1 } },
    }),
    follow: (message, raw) => {
      const choice = { data: 's.npz#choice', per_trial: advised(message, 'per_trial') };
      return { raw: withKey(raw, 'variables.choice', choice) };
    },
    gives: samples('choice'),
    right: [
      [4, 4],
      [6, 6],
    ],
  },
  {
    says: 'or else one array per trial',
    made: described(
      {
        spikes: OF_TRIALS,
        trials: { duration: 2 },
        variables: { speed: { data: 's.npz#speed', dt: 0.25 } },
      },
      { 'v.mat': matlabFile({ speed: [SPEED.slice(0, 8), SPEED.slice(8)] }) },
    ),
    follow: (_, raw) => ({ raw: withKey(raw, 'variables.speed.data', 'v.mat#speed/*') }),
    gives: samples('speed'),
    right: [SPEED.slice(0, 8), SPEED.slice(8)],
  },
  {
    says: 'can only be read on the session clock, but the spikes are on the clocks of their trials: leave it out',
    made: described({
      spikes: OF_TRIALS,
      trials: { duration: 2 },
      intervals: { early: { starts: 's.npz#starts', stops: 's.npz#stops' } },
    }),
    follow: (message, raw) => leaveOut(message.split(' ')[0]!)(message, raw),
    right: BY_TRIAL,
  },
  {
    says: 'so if trials are numbered from 1, set spikes.relabel: true',
    made: described(
      {
        spikes: { ...OF_TRIALS, trials: 'one.npz#trial' },
        trials: { duration: 2 },
        variables: { choice: { data: 's.npz#choice', per_trial: true } },
      },
      { 'one.npz': npz({ trial: TIMES.map((time) => (time < 2 ? 1 : 2)) }) },
    ),
    follow: set('spikes.relabel'),
    gives: both(trials, samples('choice')),
    right: [
      BY_TRIAL,
      [
        [4, 4],
        [6, 6],
      ],
    ],
  },
  {
    says: 'Trial 0 has no spikes. If trials are numbered from 1, set spikes.relabel: true',
    made: described(
      { spikes: { ...OF_TRIALS, trials: 'one.npz#trial' }, trials: { duration: 2 } },
      { 'one.npz': npz({ trial: TIMES.map((time) => (time < 2 ? 1 : 2)) }) },
    ),
    follow: set('spikes.relabel'),
    right: BY_TRIAL,
  },
  {
    says: 'should be s, ms, us, a number of seconds or a fraction of a second such as 1/30000',
    made: described(
      { spikes: { ...PAIRS, times: 't.npz#times', unit: 'samples' } },
      { 't.npz': npz({ times: TIMES.map((time) => 30000 * time) }) },
    ),
    follow: (message, raw) => ({
      raw: withKey(raw, 'spikes.unit', /such as (1\/\d+)/.exec(message)![1]),
    }),
    right: [TRAINS],
  },
  {
    says: ': give one of ',
    made: described({
      spikes: PAIRS,
      duration: 4,
      variables: { speed: { data: 's.npz#speed', dt: 0.5, times: 's.npz#clock' } },
    }),
    follow: (message, raw) => {
      const [, one, other] = /has both (\w+) and (\w+)/.exec(message)!;
      expect([one, other]).toEqual(['dt', 'times']);
      return leaveOut(`variables.speed.${one}`)(message, raw);
    },
    gives: samples('speed'),
    right: [SPEED],
  },
  {
    says: 'should be a list of neuron indices or {by: file#array, values: [...]}',
    made: described({ spikes: { ...PAIRS, keep: 'good' } }),
    follow: (message, raw) => {
      const [rule] = advisedYaml(message);
      const keep = named(parse(rule!.replace('...', '1')), { 'file#array': 's.npz#quality' });
      return [
        { raw: withKey(raw, 'spikes.keep', keep) },
        { raw: withKey(raw, 'spikes.keep', [0, 2]) },
      ];
    },
    right: [[TRAINS[0], TRAINS[2]]],
  },
  {
    says: ': give the ids of each',
    made: described({
      spikes: { ...PAIRS, keep: { by: ['s.npz#quality', 's.npz#quality'], ids: 's.npz#neurons' } },
    }),
    follow: (_, raw) => ({
      raw: withKey(raw, 'spikes', {
        ...PAIRS,
        neurons: 's.npz#labels',
        relabel: true,
        keep: { by: ['s.npz#quality', 's.npz#quality'], ids: ['s.npz#ids', 's.npz#ids'] },
      }),
    }),
    right: [[TRAINS[0], TRAINS[2]]],
  },
  {
    says: ': leave out one of them',
    made: described(
      { spikes: { lists: 'l.mat#spikes/*', neurons: 's.npz#neurons' } },
      { 'l.mat': matlabFile({ spikes: TRAINS }) },
    ),
    follow: (message, raw) => {
      const [, key] = /^\S+: (\S+) goes with times/.exec(message)!;
      return leaveOut(key!)(message, raw);
    },
    right: [TRAINS],
  },
  {
    says: 'goes with lists, counts or traces: leave it out',
    made: described({ spikes: { ...PAIRS, axes: ['neurons', 'spikes'] } }),
    follow: leaveOut('spikes.axes'),
    right: [TRAINS],
  },
  {
    says: 'names no neurons: say which axis they are',
    made: described({ spikes: { counts: 's.npz#counts', axes: ['bins'], dt: 0.25 } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'spikes.axes', ['neurons', 'bins']) }),
    gives: counts,
    right: [COUNTS],
  },
  {
    says: 'should have data or sequence',
    made: described({ spikes: PAIRS, trials: TRIALS, frames: { dt: 0.5 } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'frames.sequence', { epoch: 1, step: 0.5 }) }),
    gives: ({ recording }) => recording.trials.map(({ video }) => video?.count),
    right: [4, 4],
  },
  {
    says: 'should have data, which are samples, or events, which are times that are counted',
    made: described({ spikes: PAIRS, variables: { v: { dt: 0.25 } } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'variables.v.data', 's.npz#speed') }),
    gives: samples('v'),
    right: [SPEED],
  },
  {
    says: '….… goes with …, but … has …: leave it out',
    made: described({
      spikes: PAIRS,
      duration: 4,
      variables: { v: { events: 's.npz#starts', dt: 1, period: 360 } },
    }),
    follow: (message, raw) => leaveOut(/(variables\S+) goes/.exec(message)![1]!)(message, raw),
    gives: samples('v'),
    right: [[1, 0, 1, 0]],
  },
  {
    says: 'goes with weights, but',
    made: described(
      { spikes: PAIRS, truth: { strong: 'w.npz#weights' } },
      {
        'w.npz': npz({
          weights: [
            [0, 1, 0],
            [0, 0, 2],
            [0, 0, 0],
          ],
        }),
      },
    ),
    follow: (_, raw) => ({ raw: withKey(raw, 'truth.weights', 'w.npz#weights') }),
    gives: ({ truth }) => Array.from(truth!.wiring!.weights),
    right: [0, 1, 0, 0, 0, 2, 0, 0, 0],
  },
  {
    says: 'truth.… is of all … neurons, but … of them are read: leave out truth',
    made: described(
      { spikes: { ...PAIRS, max_neurons: 1 }, truth: { weights: 'w.npz#weights' } },
      { 'w.npz': npz({ weights: Array.from({ length: 3 }, () => [0, 1, 2]) }) },
    ),
    follow: leaveOut('truth'),
    right: [[TRAINS[0]]],
  },
];

describe('what messages on a dataset.yaml say to do', () => followed(DESCRIPTION));

const LISTS = { 'l.mat': matlabFile({ spikes: TRAINS, session: { times: TIMES, ends: ENDS } }) };
/** Deconvolved traces: 0 but at spikes; and fluorescence, noisy and high there. */
const DECONVOLVED = COUNTS.map((row) => row.map((count) => count * 0.7));
const FLUORESCENCE = COUNTS.map((row) => row.map((count, n) => 9 * count + ((n * 3) % 5) / 10));

/** Counts that are traces, read by the rule of a message. */
const asTraces = (message: string, raw: Raw): Partial<Made> => {
  const { counts: data, ...spikes } = raw.spikes as Raw;
  return set('spikes.event')(message, { ...raw, spikes: { ...spikes, traces: data } });
};

/** Messages on references and arrays. */
const REFERENCES: readonly Case[] = [
  {
    says: ': name one by its index from 0, such as ',
    made: described(
      { spikes: { times: 'l.mat#spikes', ends: 'e.npz#ends' } },
      {
        ...LISTS,
        'e.npz': npz({ ends: [4] }),
      },
    ),
    follow: (message, raw) => ({
      raw: withKey(raw, 'spikes.times', /such as (\S+)\.$/.exec(message)![1]),
    }),
    right: [[TRAINS[0]]],
  },
  {
    says: ' for all of them',
    made: described({ spikes: { lists: 'l.mat#spikes' } }, LISTS),
    follow: (message, raw) => ({
      raw: withKey(raw, 'spikes.lists', /write (\S+) for/.exec(message)![1]),
    }),
    right: [TRAINS],
  },
  {
    says: ': name one of them, such as ',
    made: described({ spikes: { times: 'l.mat#session', ends: 's.npz#ends' } }, LISTS),
    follow: (message, raw) => ({
      raw: withKey(raw, 'spikes.times', /such as (\S+)\.$/.exec(message)![1]),
    }),
    right: [TRAINS],
  },
  {
    says: 'should have at most ',
    made: described({ spikes: { ...PAIRS, times: `s.npz#${'/'.repeat(5000)}times` } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'spikes.times', 's.npz#times') }),
    right: [TRAINS],
  },
  {
    says: 'is not an index; write indices from 0, such as [:,1] for the second column',
    made: described(
      {
        spikes: PAIRS,
        variables: { v: { data: 't.npz#table[:,-1]', dt: 0.25 } },
      },
      { 't.npz': npz({ table: transposed([SPEED, SPEED.map((value) => 2 * value)]) }) },
    ),
    follow: (message, raw) => {
      const [, index] = /such as (\[\S+\]) for the second/.exec(message)!;
      return { raw: withKey(raw, 'variables.v.data', `t.npz#table${index}`) };
    },
    gives: samples('v'),
    right: [SPEED.map((value) => 2 * value)],
  },
  {
    says: ': give one item per axis',
    made: described({
      spikes: PAIRS,
      variables: { v: { data: 's.npz#speeds[1]', dt: 0.25 } },
    }),
    follow: (_, raw) => ({ raw: withKey(raw, 'variables.v.data', 's.npz#speeds[1,:]') }),
    gives: samples('v'),
    right: [SPEED.map((value) => value + 10)],
  },
  {
    says: ': make each column a variable of its own, such as ',
    made: described(
      {
        spikes: PAIRS,
        variables: { v: { data: 't.npy', dt: 0.25 } },
      },
      {
        't.npy': encodeNpy(Float64Array.from(SPEED.flatMap((value) => [value, -value])), [16, 2]),
      },
    ),
    follow: (message, raw) => ({
      raw: withKey(raw, 'variables.v.data', /such as (\S+)\.$/.exec(message)![1]),
    }),
    gives: samples('v'),
    right: [SPEED],
  },
];

/** Messages on spikes. */
const SPIKES: readonly Case[] = [
  {
    says: 'nothing in it is later than 0 s',
    made: described(
      { spikes: { times: 'early.npz#times', neurons: 's.npz#neurons' } },
      { 'early.npz': npz({ times: TIMES.map((time) => time - 10) }) },
    ),
    follow: set('start'),
    right: [TRAINS],
  },
  {
    says: 'spikes should have times with neurons, ends or sizes; or lists',
    made: described({ spikes: { times: 's.npz#times' } }),
    follow: (_, raw) => [
      { raw: withKey(raw, 'spikes.neurons', 's.npz#neurons') },
      { raw: withKey(raw, 'spikes.ends', 's.npz#ends') },
    ],
    right: [TRAINS],
  },
  {
    says: 'trials should be numbered from 0; set spikes.relabel: true if these are labels',
    made: described(
      { spikes: { ...OF_TRIALS, trials: 't.csv#trial' }, trials: { duration: 2 } },
      { 't.csv': `trial\n${TIMES.map((time) => (time < 2 ? 'a' : 'b')).join('\n')}\n` },
    ),
    follow: set('spikes.relabel'),
    right: BY_TRIAL,
  },
  {
    says: '; set spikes.relabel: true if these are labels',
    made: described(
      { spikes: { ...PAIRS, neurons: 'n.npz#id' } },
      { 'n.npz': npz({ id: NEURONS.map((neuron) => 1e7 + neuron) }) },
    ),
    follow: set('spikes.relabel'),
    right: [TRAINS],
  },
  {
    says: 'where NaN stands for no spike, set spikes.padding: nan',
    made: described(
      { spikes: { lists: 'p.npz#times', axes: ['neurons', 'spikes'] } },
      { 'p.npz': npz({ times: filledUp(TRAINS, Number.NaN) }) },
    ),
    follow: set('spikes.padding'),
    right: [TRAINS],
  },
  {
    says: 'If trials begin earlier, set that in a dataset.yaml, such as spikes.start: ',
    made: described(
      { spikes: { ...OF_TRIALS, times: 'e.npz#times' }, trials: { duration: 2 } },
      { 'e.npz': npz({ times: TIMES.map((time) => (time % 2) - 1) }) },
    ),
    follow: (message, raw) => {
      // The earliest spike; the trials began a bit earlier, which only their author knows.
      expect(advised(message, 'spikes.start')).toBe(-0.8);
      return { raw: withKey(raw, 'spikes.start', -1) };
    },
    right: BY_TRIAL,
  },
  {
    says: ': give one name per neuron',
    made: described({ spikes: { ...PAIRS, names: 's.npz#starts' } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'spikes.names', 's.npz#ids') }),
    gives: ({ names }) => names,
    right: ['3', '7', '20'],
  },
  {
    says: 'but no neuron has more than ',
    made: described({ spikes: { ...PAIRS, min_spikes: 9 } }),
    follow: (message, raw) => ({
      raw: withKey(raw, 'spikes.min_spikes', Number(/more than (\d+)/.exec(message)![1])),
    }),
    right: [[TRAINS[0]]],
  },
  {
    says: 'spikes.keep is empty: list at least one neuron, or leave it out to keep all',
    made: described({ spikes: { ...PAIRS, keep: [] } }),
    follow: (message, raw) => leaveOut('spikes.keep')(message, raw),
    right: [TRAINS],
  },
  {
    says: 'spikes.keep is empty: list at least one neuron',
    made: described({ spikes: { ...PAIRS, keep: [] } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'spikes.keep', [1]) }),
    right: [[TRAINS[1]]],
  },
  {
    says: ': list the texts to keep, such as spikes.keep.values: ',
    made: described(
      { spikes: { ...PAIRS, keep: { by: 'u.csv#quality' } } },
      { 'u.csv': 'id,quality\n0,good\n1,mua\n2,good\n' },
    ),
    follow: set('spikes.keep.values'),
    right: [[TRAINS[0], TRAINS[2]]],
  },
  {
    says: ' belongs to under spikes.keep.ids, such as the cluster_id column of the same table',
    made: described(
      {
        spikes: {
          ...PAIRS,
          neurons: 's.npz#labels',
          relabel: true,
          keep: { by: 'u.csv#good' },
        },
      },
      { 'u.csv': 'cluster_id,good\n20,1\n7,0\n3,1\n' },
    ),
    follow: (message, raw) => {
      const [, column] = /such as the (\w+) column/.exec(message)!;
      return { raw: withKey(raw, 'spikes.keep.ids', `u.csv#${column}`) };
    },
    right: [[TRAINS[0], TRAINS[2]]],
  },
  {
    says: ': give one value per neuron, or the neuron of each value under spikes.keep.ids',
    made: described(
      { spikes: { ...PAIRS, keep: { by: 'u.csv#good' } } },
      { 'u.csv': 'id,good\n2,1\n0,1\n' },
    ),
    follow: (_, raw) => [
      { raw: withKey(raw, 'spikes.keep.by', 's.npz#quality') },
      { raw: withKey(raw, 'spikes.keep.ids', 'u.csv#id') },
    ],
    right: [[TRAINS[0], TRAINS[2]]],
  },
  {
    says: ': give one pattern, or leave out spikes.axes',
    made: described(
      {
        spikes: {
          lists: ['l.mat#spikes/0', 'l.mat#spikes/1', 'l.mat#spikes/2'],
          axes: ['neurons'],
        },
      },
      LISTS,
    ),
    follow: (message, raw) => [
      leaveOut('spikes.axes')(message, raw),
      { raw: withKey(raw, 'spikes.lists', 'l.mat#spikes/*') },
    ],
    right: [TRAINS],
  },
  {
    says: ': name the axes of the lists in the path first, then those of the array',
    made: described(
      {
        spikes: { lists: 'm.mat#trial/*', axes: ['neurons'], padding: 'nan' },
        trials: { duration: 2 },
      },
      {
        'm.mat': matlabFile({
          trial: BY_TRIAL.map((lists) => ({ rows: filledUp(lists, Number.NaN) })),
        }),
      },
    ),
    follow: (_, raw) => ({ raw: withKey(raw, 'spikes.axes', ['trials', 'neurons', 'spikes']) }),
    right: BY_TRIAL,
  },
  {
    says: '; name its axes in order under spikes.axes',
    made: described(
      { spikes: { counts: 'c.npz#counts', axes: ['trials', 'neurons', 'bins'], dt: 0.25 } },
      { 'c.npz': npz({ counts: transposed(COUNTS) }) },
    ),
    follow: (_, raw) => ({ raw: withKey(raw, 'spikes.axes', ['bins', 'neurons']) }),
    gives: counts,
    right: [COUNTS],
  },
  {
    says: 'The bin width is missing: set spikes.dt, in seconds, such as spikes.dt: 0.01, or name the time of each bin under spikes.clock',
    made: described({ spikes: { counts: 's.npz#counts' } }),
    follow: (message, raw) => {
      expect(advised(message, 'spikes.dt')).toBe(0.01);
      return [
        { raw: withKey(raw, 'spikes.dt', 0.25) },
        { raw: withKey(raw, 'spikes.clock', 's.npz#clock') },
      ];
    },
    gives: both(counts, ({ recording }) => recording.trials[0]!.duration),
    right: [[COUNTS], 4],
  },
  {
    says: ' bins: give one time per bin',
    made: described({ spikes: { counts: 's.npz#counts', clock: 's.npz#starts' } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'spikes.clock', 's.npz#clock') }),
    gives: counts,
    right: [COUNTS],
  },
  {
    says: ' s: set start: ',
    made: described({ spikes: { counts: 's.npz#counts', dt: 0.25, start: 5 } }),
    follow: set('start'),
    gives: counts,
    right: [COUNTS],
  },
  {
    says: ' in one bin: if these are rates or traces, give them as spikes.traces with ',
    made: described(
      { spikes: { counts: 'f.npz#f', dt: 0.25 } },
      {
        'f.npz': npz({
          f: FLUORESCENCE.map((row) => row.map((value) => 1e8 * Math.round(10 * value))),
        }),
      },
    ),
    follow: asTraces,
    right: [TRAINS],
  },
  {
    says: ', which is not a spike count; give calcium traces or rates as spikes.traces with ',
    made: described(
      { spikes: { counts: 'f.npz#f', dt: 0.25 } },
      { 'f.npz': npz({ f: FLUORESCENCE }) },
    ),
    follow: asTraces,
    right: [TRAINS],
  },
  {
    says: 'a rule of events, such as ',
    made: described(
      { spikes: { counts: 'f.npz#f', dt: 0.25 } },
      { 'f.npz': npz({ f: FLUORESCENCE }) },
    ),
    follow: asTraces,
    right: [TRAINS],
  },
  {
    says: 'spikes.event is missing: it should say what counts as an event in the traces, such as ',
    made: described(
      { spikes: { traces: 'f.npz#f', dt: 0.25 } },
      { 'f.npz': npz({ f: FLUORESCENCE }) },
    ),
    follow: set('spikes.event'),
    right: [TRAINS],
  },
  {
    says: ' or, if they are deconvolved, ',
    made: described(
      { spikes: { traces: 'f.npz#f', dt: 0.25 } },
      { 'f.npz': npz({ f: DECONVOLVED }) },
    ),
    follow: (message, raw) => set('spikes.event')(message.split('deconvolved, ')[1]!, raw),
    right: [TRAINS],
  },
  {
    says: ": set a threshold in the trace's own unit, such as spikes.event: ",
    made: described(
      { spikes: { traces: 'f.npz#f', dt: 0.25, event: { above: 3, in: 'deviations' } } },
      { 'f.npz': npz({ f: DECONVOLVED }) },
    ),
    follow: set('spikes.event'),
    right: [TRAINS],
  },
  {
    says: ' instead of spikes.clock, and beside spikes ',
    made: described(
      { spikes: { counts: 's.npz#counts', clock: 'k.npz#clock' } },
      { 'k.npz': npz({ clock: SPEED.map((_, n) => n / 4 + (n < 8 ? 0 : 100)) }) },
    ),
    follow: (message, raw) =>
      set('spikes.dt', 'trials')(message, leaveOut('spikes.clock')(message, raw).raw),
    gives: counts,
    right: [COUNTS.map((row) => row.slice(0, 8)), COUNTS.map((row) => row.slice(8))],
  },
  {
    says: 'leave out spikes.dt',
    made: described({ spikes: { counts: 's.npz#counts', clock: 's.npz#clock', dt: 0.3 } }),
    follow: leaveOut('spikes.dt'),
    gives: counts,
    right: [COUNTS],
  },
  {
    says: 'its steps are not regular, so give spike times instead of counts',
    made: described(
      { spikes: { counts: 's.npz#counts', clock: 'k.npz#clock' } },
      { 'k.npz': npz({ clock: SPEED.map((_, n) => 0.2 * n + 0.0033 * n * n) }) },
    ),
    follow: () => ({ raw: { spikes: PAIRS } }),
    right: [TRAINS],
  },
];

/** Messages on trials, variables and frames. */
const TRIALS_AND_VARIABLES: readonly Case[] = [
  {
    says: 'trials should have starts, with or without stops, or gaps',
    made: described({ spikes: PAIRS, trials: { stops: 's.npz#stops' } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'trials.starts', 's.npz#starts') }),
    right: BY_TRIAL,
  },
  {
    says: 'but the spikes are on the session clock: give trials.stops',
    made: described({ spikes: PAIRS, trials: { starts: 's.npz#starts', duration: 2 } }),
    follow: (_, raw) => ({
      raw: withKey(leaveOut('trials.duration')('', raw).raw, 'trials.stops', 's.npz#stops'),
    }),
    right: BY_TRIAL,
  },
  {
    says: ' trials: give one value per trial',
    made: described({ spikes: PAIRS, trials: { ...TRIALS, conditions: 's.npz#ids' } }),
    follow: (_, raw) => ({ raw: withKey(raw, 'trials.conditions', 's.npz#choice') }),
    gives: ({ recording }) => recording.trials.map(({ condition }) => condition),
    right: ['4', '6'],
  },
  {
    says: 'trials.gaps splits a session, but the spikes are on the clocks of their trials: give trials.starts, or leave it out',
    made: described({
      spikes: OF_TRIALS,
      trials: { gaps: { clock: 's.npz#clock', above: 1 } },
    }),
    follow: (message, raw) => {
      const without = leaveOut('trials.gaps')(message, raw);
      return [without, { raw: withKey(without.raw, 'trials.starts', 's.npz#starts') }];
    },
    right: BY_TRIAL,
  },
  {
    says: ': trials.starts and trials.stops should both be on the session clock',
    made: described(
      { spikes: OF_TRIALS, trials: { starts: 's.npz#starts', stops: 'd.npz#durations' } },
      { 'd.npz': npz({ durations: [1.9, 1.9] }) },
    ),
    follow: (_, raw) => ({ raw: withKey(raw, 'trials.stops', 's.npz#stops') }),
    right: BY_TRIAL,
  },
  {
    says: 'Trials should not overlap: in a dataset.yaml, trials.keep selects the trials to use, and trials: {overlaps: cut} lets each end where the next one starts',
    made: described(
      { spikes: PAIRS, trials: { starts: 'o.npz#starts', stops: 'o.npz#stops' } },
      { 'o.npz': npz({ starts: [0, 1, 2], stops: [2, 3, 4] }) },
    ),
    follow: (_, raw) => ({ raw: withKey(raw, 'trials.keep', [0, 2]) }),
    right: BY_TRIAL,
  },
  {
    says: ' lets each end where the next one starts',
    made: described(
      { spikes: PAIRS, trials: { starts: 's.npz#starts', stops: 'o.npz#stops' } },
      { 'o.npz': npz({ stops: [3, 4] }) },
    ),
    follow: (message, raw) => {
      const { overlaps } = parse(/trials: (\{[^}]*\})/.exec(message)![1]!);
      return { raw: withKey(raw, 'trials.overlaps', overlaps) };
    },
    right: BY_TRIAL,
  },
  {
    says: ' has one value per trial: name one of ',
    made: described({
      spikes: PAIRS,
      trials: { ...TRIALS, keep: 'chosen == 4' },
      variables: { choice: { data: 's.npz#choice', per_trial: true } },
    }),
    follow: (message, raw) => {
      const [, name] = /name one of (\w+)/.exec(message)!;
      return { raw: withKey(raw, 'trials.keep', `${name} == 4`) };
    },
    right: [BY_TRIAL[0]],
  },
  {
    says: ': give one value per trial, ',
    made: described({
      spikes: PAIRS,
      trials: TRIALS,
      variables: { choice: { data: 's.npz#ids', per_trial: true } },
    }),
    follow: (_, raw) => ({ raw: withKey(raw, 'variables.choice.data', 's.npz#choice') }),
    gives: samples('choice'),
    right: [
      [4, 4],
      [6, 6],
    ],
  },
  {
    says: ' the index just past the last time of each trial',
    made: described(
      {
        spikes: PAIRS,
        trials: TRIALS,
        variables: { licks: { events: 'k.npz#licks', per_trial: true, dt: 0.5 } },
      },
      { 'k.npz': npz({ licks: [0.2, 1.2, 0.6], ends: [2, 3] }) },
    ),
    follow: (message, raw) => ({
      raw: withKey(raw, /give under (\S+)/.exec(message)![1]!, 'k.npz#ends'),
    }),
    gives: samples('licks'),
    right: [
      [2, 0, 2, 0],
      [0, 2, 0, 0],
    ],
  },
  {
    says: ' should have dt, the seconds of a bin in which events are counted, such as dt: 0.05',
    made: described({ spikes: PAIRS, trials: TRIALS, variables: { v: { events: 's.npz#stops' } } }),
    follow: (message, raw) => {
      expect(advised(message, 'dt')).toBe(0.05);
      return { raw: withKey(raw, 'variables.v.dt', 1) };
    },
    gives: samples('v'),
    right: [
      [0, 0],
      [1, 0],
    ],
  },
  {
    says: ', and nothing says where they count from. Set ',
    made: described(
      { spikes: PAIRS, trials: TRIALS, variables: { v: { events: 'k.mat#licks/*', dt: 1 } } },
      { 'k.mat': matlabFile({ licks: [[0.5, 0.6], [1.5]] }) },
    ),
    follow: set('variables.v.per_trial'),
    gives: samples('v'),
    right: [
      [2, 0],
      [0, 1],
    ],
  },
  {
    says: ' if they are on the clock of the files',
    made: described(
      { spikes: PAIRS, trials: TRIALS, variables: { v: { events: 'k.mat#licks/*', dt: 1 } } },
      { 'k.mat': matlabFile({ licks: [[0.5, 0.6], [3.5]] }) },
    ),
    follow: (message, raw) => set('variables.v.per_trial')(message.split(', or ')[1]!, raw),
    gives: samples('v'),
    right: [
      [2, 0],
      [0, 1],
    ],
  },
  {
    says: ': set a shorter one',
    made: described({
      spikes: PAIRS,
      trials: TRIALS,
      variables: { v: { events: 's.npz#stops', dt: 3 } },
    }),
    follow: (message, raw) => ({
      raw: withKey(raw, 'variables.v.dt', Number(/trial lasts (\S+) s/.exec(message)![1])),
    }),
    gives: samples('v'),
    right: [[0], [0.5]],
  },
  {
    says: ': give it a larger dt, or set time_unit if its times are not in seconds',
    made: described(
      { spikes: PAIRS, duration: 4, variables: { v: { events: 'k.npz#us', dt: 1e-9 } } },
      { 'k.npz': npz({ us: [5e5, 2.5e6] }) },
    ),
    follow: (_, raw) => ({
      raw: withKey(withKey(raw, 'variables.v.dt', 1), 'variables.v.time_unit', 'us'),
    }),
    gives: samples('v'),
    right: [[1, 0, 1, 0]],
  },
  {
    says: ' should have dt, the seconds per sample in each trial',
    made: described(
      { spikes: PAIRS, trials: TRIALS, variables: { v: { data: 'v.mat#speed/*' } } },
      { 'v.mat': matlabFile({ speed: [SPEED.slice(0, 8), SPEED.slice(8)] }) },
    ),
    follow: (_, raw) => ({ raw: withKey(raw, 'variables.v.dt', 0.25) }),
    gives: samples('v'),
    right: [SPEED.slice(0, 8), SPEED.slice(8)],
  },
  {
    says: ' should have dt, the seconds per sample, or times',
    made: described({ spikes: PAIRS, duration: 4, variables: { v: { data: 's.npz#speed' } } }),
    follow: (_, raw) => [
      { raw: withKey(raw, 'variables.v.dt', 0.25) },
      { raw: withKey(raw, 'variables.v.times', 's.npz#clock') },
    ],
    gives: samples('v'),
    right: [SPEED],
  },
  {
    says: 'fill in or remove missing samples, or in a dataset.yaml set missing: interpolate for it',
    made: described(
      { spikes: PAIRS, duration: 4, variables: { v: { data: 'v.npz#speed', dt: 0.25 } } },
      { 'v.npz': npz({ speed: SPEED.with(3, Number.NaN) }) },
    ),
    follow: (message, raw) => ({
      raw: withKey(raw, 'variables.v.missing', advised(message, 'missing')),
    }),
    gives: samples('v'),
    right: [SPEED.toSpliced(3, 1)],
  },
  {
    says: ' (use_interpolated: true keeps them)',
    made: described(
      {
        spikes: PAIRS,
        duration: 4,
        variables: { v: { data: 'v.npz#speed', dt: 0.25, missing: 'interpolate' } },
      },
      { 'v.npz': npz({ speed: SPEED.with(3, Number.NaN) }) },
    ),
    follow: (message, raw) => ({
      raw: withKey(
        raw,
        'variables.v.use_interpolated',
        parse(/\(([^()]*) keeps them\)/.exec(message)![1]!).use_interpolated,
      ),
    }),
    gives: ({ recording }) => Object.keys(recording.trials[0]!.variables.v!),
    right: ['values', 'times'],
  },
  {
    says: ': set frames.start to where it begins on the clock of the trials',
    made: described({
      spikes: PAIRS,
      trials: TRIALS,
      frames: { sequence: { epoch: 1, step: 0.5 }, dt: 0.5, start: 20 },
    }),
    follow: (_, raw) => ({ raw: withKey(raw, 'frames.start', 1) }),
    gives: ({ recording }) => recording.trials.map(({ video }) => [video?.count, video?.start]),
    right: [
      [2, 1],
      [2, 1],
    ],
  },
  {
    says: 'but there is a variable of that name: choose another',
    made: described({
      spikes: PAIRS,
      trials: TRIALS,
      variables: { shown: { data: 's.npz#choice', per_trial: true } },
      frames: { sequence: { epoch: 1, step: 0.5, label: 'shown' }, dt: 0.5 },
    }),
    follow: (_, raw) => ({ raw: withKey(raw, 'frames.sequence.label', 'epoch') }),
    gives: both(samples('epoch'), samples('shown')),
    right: [
      [
        ['1', '1', '2', '2'],
        ['1', '1', '2', '2'],
      ],
      [
        [4, 4],
        [6, 6],
      ],
    ],
  },
];

describe('what messages on references say to do', () => followed(REFERENCES));
describe('what messages on spikes say to do', () => followed(SPIKES));
describe('what messages on trials and variables say to do', () => followed(TRIALS_AND_VARIABLES));

/** A file of which nothing is said, and what is found beside it. */
const guessed = (file: string, bytes: Uint8Array | string, beside: Made['files'] = {}): Made => ({
  files: { ...beside, [file]: bytes },
  file,
});
/** Counts of a message's dataset.yaml, with the bin width that the user knows. */
const withBins = (message: string, raw: unknown = advised(message, 'spikes')) => ({
  raw: { spikes: { ...(raw as Raw), dt: 0.25 } },
});
/** The same with the other axes that a message offers. */
const withOtherAxes = (message: string) => ({
  raw: {
    spikes: {
      ...(advised(message, 'spikes') as Raw),
      axes: advised(message.split('instead of a ')[1]!, 'axes'),
      dt: 0.25,
    },
  },
});

/** Messages on files of arrays without a dataset.yaml. */
const ARRAYS: readonly Case[] = [
  {
    says: '. To use it, write a dataset.yaml with the spikes of another file, such as ',
    made: guessed('trials.csv', 'id,start,stop\n1,0,2\n2,2,4\n', S),
    follow: (message) => ({
      raw: {
        spikes: named(advised(message, 'spikes'), {
          'FILE#TIMES': PAIRS.times,
          'FILE#NEURONS': PAIRS.neurons,
        }),
        trials: advised(message, 'trials'),
      },
    }),
    right: BY_TRIAL,
  },
  {
    says: '. To use it, write a dataset.yaml with the spikes',
    made: guessed('units.csv', 'unit_id,depth\n3,100\n7,250\n20,300\n', S),
    follow: (message) => ({
      raw: {
        spikes: named(advised(message, 'spikes'), {
          'FILE#TIMES': PAIRS.times,
          'FILE#NEURONS': PAIRS.neurons,
        }),
      },
    }),
    gives: both(trials, ({ names }) => names),
    right: [[TRAINS], ['3', '7', '20']],
  },
  {
    says: ' with the names of its arrays',
    made: guessed('x.npz', npz({ a: TIMES, b: NEURONS })),
    follow: (message) => ({
      raw: { spikes: named(advised(message, 'spikes'), { TIMES: 'a', NEURONS: 'b' }) },
    }),
    right: [TRAINS],
  },
  {
    says: 'Put a dataset.yaml beside it that says which array is what, such as ',
    made: guessed('x.npz', npz({ traces: FLUORESCENCE })),
    follow: (message) => withBins(message),
    right: [TRAINS],
  },
  {
    says: '. To read ',
    made: guessed('x.npz', npz({ spike_times: TIMES, neuron: NEURONS, speed: SPEED })),
    follow: (message, raw) => {
      const changed = addVariables('speed')(message, raw).raw!;
      return { raw: withKey(changed, 'variables.speed.dt', 0.25) };
    },
    gives: both(trials, samples('speed')),
    right: [[TRAINS], [SPEED]],
  },
  {
    says: ', add under variables in a dataset.yaml: ',
    made: guessed(
      'x.npz',
      npz({
        spike_times: TIMES.map((time) => time + 100),
        neuron: NEURONS,
        speed: SPEED,
        t: SPEED.map((_, n) => 100 + n / 4),
      }),
    ),
    follow: addVariables('speed'),
    gives: both(trials, samples('speed')),
    // The last sample is at the last spike, where the session ends.
    right: [[TRAINS], [SPEED.slice(0, -1)]],
  },
  {
    says: 'looks like spike counts, but the bin width is not given: put a dataset.yaml beside it with ',
    made: guessed('x.npz', npz({ counts: COUNTS })),
    follow: (message) => withBins(message),
    gives: counts,
    right: [COUNTS],
  },
  {
    says: '; nothing says which axis is which, so if each ',
    made: guessed('x.npz', npz({ counts: COUNTS.map((row) => row.slice(0, 2)) })),
    follow: withOtherAxes,
    gives: counts,
    right: [COUNTS.map((row) => row.slice(0, 2))],
  },
  {
    says: ' is a bin instead of a ',
    made: guessed('x.npz', npz({ counts: transposed(COUNTS).slice(0, 2) })),
    follow: withOtherAxes,
    gives: counts,
    right: [COUNTS.map((row) => row.slice(0, 2))],
  },
  {
    says: 'Put one of these into a dataset.yaml beside it: ',
    made: guessed(
      'x.npz',
      npz({
        counts: COUNTS.map((row) => row.slice(0, 3)),
        clock: [0, 0.25, 0.5],
      }),
    ),
    follow: (message) => ({ raw: parse(advisedYaml(message)[0]!) }),
    gives: counts,
    right: [COUNTS.map((row) => row.slice(0, 3))],
  },
  {
    says: 'looks like spike counts per trial, but the bin width is not given: put a dataset.yaml beside it with ',
    made: guessed(
      'x.npz',
      encodeNpz({
        counts: {
          data: Uint8Array.from(
            [0, 8].flatMap((from) => COUNTS.flatMap((row) => row.slice(from, from + 8))),
          ),
          shape: [2, 3, 8],
        },
      }),
    ),
    follow: (message) => withBins(message),
    gives: counts,
    right: [COUNTS.map((row) => row.slice(0, 8)), COUNTS.map((row) => row.slice(8))],
  },
  {
    says: '. Put a dataset.yaml beside it with the right one in place of …: ',
    made: guessed(
      'x.npz',
      npz({
        rest_counts: transposed(COUNTS).reverse(),
        run_counts: transposed(COUNTS),
        unit_ids: LABELS,
      }),
    ),
    follow: (message) => {
      const [, first] = /in place of (\w+):/.exec(message)!;
      expect(first).toBe('rest_counts');
      return withBins(message, named(advised(message, 'spikes'), { [first!]: 'run_counts' }));
    },
    gives: counts,
    right: [COUNTS],
  },
  {
    says: 'Put one of them into a dataset.yaml beside it: ',
    made: guessed(
      'x.npz',
      npz({
        unit: NEURONS,
        spike_times_a: TIMES,
        spike_times_b: TIMES.map((time) => time + 0.1),
      }),
    ),
    follow: (message) => ({ raw: parse(advisedYaml(message)[0]!) }),
    right: [TRAINS],
  },
  {
    says: 'If that is wrong, set the unit in a dataset.yaml, such as spikes.unit: ',
    made: guessed(
      'x.npz',
      npz({
        spike_times: TIMES.map((time) => 30_000.5 * time),
        neuron: NEURONS,
      }),
    ),
    follow: set('spikes.unit'),
    gives: ({ recording }) =>
      spikeTimes(recording.trials[0]!).map((list) => list.map((time) => Number(time.toFixed(3)))),
    right: TRAINS,
  },
  {
    says: 'To split the session into trials, add to a dataset.yaml where they are, such as ',
    made: guessed(
      'x.npz',
      npz({
        spike_times: TIMES,
        neuron: NEURONS,
        trial: TIMES.map((time) => (time < 2 ? 0 : 1)),
      }),
      S,
    ),
    follow: (message, raw) => ({
      raw: {
        ...raw,
        trials: named(advised(message, 'trials'), {
          'FILE#STARTS': TRIALS.starts,
          'FILE#STOPS': TRIALS.stops,
        }),
      },
    }),
    right: BY_TRIAL,
  },
];

const PHY = {
  'spike_times.npy': encodeNpy(
    Float64Array.from(TIMES, (time) => 20_000 * time),
    [TIMES.length],
  ),
  'spike_clusters.npy': encodeNpy(
    Int32Array.from(NEURONS, (neuron) => LABELS[neuron]!),
    [TIMES.length],
  ),
};
const SUITE2P = {
  'spks.npy': encodeNpy(Float32Array.from(DECONVOLVED.flat()), [3, 16]),
  'iscell.npy': encodeNpy(Float32Array.of(1, 0.9, 0, 0.2, 1, 0.8), [3, 2]),
};
/** A pickled dictionary with the number fs. */
const settings = (rate: number) =>
  Uint8Array.of(0x7d, 0x58, 2, 0, 0, 0, 0x66, 0x73, 0x4b, rate, 0x2e);

/** Messages on folders, and on the choice of a file. */
const FOLDERS: readonly Case[] = [
  {
    says: '; to use others, list their labels in a dataset.yaml, such as spikes.keep.values: ',
    made: {
      files: {
        ...PHY,
        'params.py': 'sample_rate = 20000.',
        'cluster_group.tsv': 'cluster_id\tgroup\n3\tgood\n7\tmua\n20\tnoise\n',
      },
    },
    follow: set('spikes.keep.values'),
    right: [[TRAINS[0], TRAINS[1]]],
  },
  {
    says: ': put a dataset.yaml there with spikes: {times: ',
    made: { files: PHY },
    follow: (message) => {
      const spikes = advised(message, 'spikes') as Raw;
      expect(spikes.unit).toBe('1/30000');
      return { raw: { spikes: { ...spikes, unit: '1/20000' } } };
    },
    right: [TRAINS],
  },
  {
    says: ': put a dataset.yaml there with spikes: {traces: ',
    made: { files: SUITE2P },
    follow: (message) => {
      const spikes = advised(message, 'spikes') as Raw;
      expect(spikes.dt).toBe('1/30');
      return { raw: { spikes: { ...spikes, dt: '1/4' } } };
    },
    right: [[TRAINS[0], TRAINS[2]]],
  },
  {
    says: 'This rule is a guess; set your own in a dataset.yaml, such as spikes.event: ',
    made: {
      files: {
        ...SUITE2P,
        // Small values are no spikes, as its author knows.
        'spks.npy': encodeNpy(
          Float32Array.from(DECONVOLVED.flat(), (value) => value || 0.1),
          [3, 16],
        ),
        'ops.npy': settings(4),
      },
    },
    follow: set('spikes.event'),
    right: [[TRAINS[0], TRAINS[2]]],
  },
  {
    says: 'Give the path of one of its files to see what that contains: ',
    made: {
      files: { 'a.npz': npz({ spike_times: TIMES, neuron: NEURONS }), 'b.npz': npz({ x: [1, 2] }) },
    },
    follow: (message) => ({ file: /contains: ([^,]+),/.exec(message)![1] }),
    right: [TRAINS],
  },
  {
    says: ': save it as NWB in HDF5, such as with NWBHDF5IO.export',
    made: { files: { '.zgroup': '{}' } },
    follow: () => ({ files: { 'x.nwb': encode((root) => units(root, TRAINS)) } }),
    right: [TRAINS],
  },
  {
    says: ': give the path of a dataset.yaml, a data file or their folder',
    made: { ...described({ spikes: PAIRS }, { 'model.yaml': 'n_embd: 32\n' }), file: 'model.yaml' },
    follow: () => [{ file: 'dataset.yaml' }, { file: undefined }],
    right: [TRAINS],
  },
  {
    says: '; give the path of a YAML file',
    made: { ...described({ spikes: PAIRS }), file: 'data.yaml' },
    follow: () => ({ file: 'dataset.yaml' }),
    right: [TRAINS],
  },
];

describe('what messages on files of arrays say to do', () => followed(ARRAYS));
describe('what messages on folders say to do', () => followed(FOLDERS));

/** An NWB file of the units and of what is written beside them. */
const nwb = (write: (root: Group) => void, version?: string) => (): Made => ({
  files: {
    ...S,
    'x.nwb': encode((root) => {
      units(root, TRAINS);
      write(root);
    }, version),
  },
  file: 'x.nwb',
});
/** Trials with columns of their own. */
const nwbTrials = (addColumns: (table: Group) => void) =>
  nwb((root) => addColumns(intervalTable(root, 'trials', STARTS, STOPS)));

function intervalTable(
  root: Group,
  name: string,
  starts: readonly number[],
  stops: readonly number[],
): Group {
  const intervals = (root.get('intervals') as Group | null) ?? root.create_group('intervals');
  const table = typed(intervals, name, 'TimeIntervals');
  numbers(table, 'start_time', starts);
  numbers(table, 'stop_time', stops);
  return table;
}

const behavior = (root: Group) =>
  typed(root.create_group('processing'), 'behavior', 'ProcessingModule');
/** Traces of two regions in an NWB file without units. */
const traces = (parent: Group, name: string, rows: readonly (readonly number[])[]) =>
  series(parent, name, 'RoiResponseSeries', transposed(rows).flat(), {
    rate: 4,
    shape: [16, rows.length],
  });

const NWB: readonly Case[] = [
  {
    says: ' To use the first, add under intervals in a dataset.yaml: ',
    made: nwb((root) => intervalTable(root, 'epochs', [0, 2.5], [2, 4])),
    follow: (message, raw) => ({
      raw: { ...raw, intervals: { epoch0: advised(message, 'epoch0') } },
    }),
    gives: ({ recording }) => recording.intervals,
    right: { epoch0: [{ start: 0, stop: 2 }] },
  },
  {
    says: ') become trials, and its columns variables, where it is chosen as trials: --trials …',
    made: nwb((root) => {
      numbers(intervalTable(root, 'stimuli', STARTS, STOPS), 'contrast', [4, 6]);
    }),
    follow: (message) => ({
      raw: undefined,
      file: 'x.nwb',
      trials: /--trials (\w+)/.exec(message)![1],
    }),
    gives: both(trials, samples('contrast')),
    right: [
      BY_TRIAL,
      [
        [4, 4],
        [6, 6],
      ],
    ],
  },
  {
    says: ' tables of intervals called …: choose one by its path, ',
    made: () => ({
      ...nwb((root) => {
        intervalTable(root, 'stimuli', STARTS, STOPS);
        const other = typed(behavior(root), 'stimuli', 'TimeIntervals');
        numbers(other, 'start_time', [0]);
        numbers(other, 'stop_time', [1]);
      })(),
      trials: 'stimuli',
    }),
    follow: (message) => ({
      file: 'x.nwb',
      trials: /by its path, ([^,]+),/.exec(message)![1],
    }),
    right: BY_TRIAL,
  },
  {
    says: ', so no other table (…) can be chosen: change it there',
    made: () => ({
      ...nwb((root) => intervalTable(root, 'stimuli', STARTS, STOPS))(),
      raw: {
        spikes: { times: 'x.nwb#units/spike_times', ends: 'x.nwb#units/spike_times_index' },
      },
      file: 'dataset.yaml',
      trials: 'stimuli',
    }),
    follow: (message, raw) => {
      const table = `x.nwb#intervals/${/other table \((\w+)\)/.exec(message)![1]}`;
      const intervals = { starts: `${table}/start_time`, stops: `${table}/stop_time` };
      return { raw: { ...raw, trials: intervals } };
    },
    right: BY_TRIAL,
  },
  {
    says: ' is none: describe its trials in a dataset.yaml',
    made: { ...guessed('x.npz', npz({ spike_times: TIMES, neuron: NEURONS }), S), trials: 'a' },
    follow: () => ({
      raw: { spikes: { times: 'x.npz#spike_times', neurons: 'x.npz#neuron' }, trials: TRIALS },
    }),
    right: BY_TRIAL,
  },
  {
    says: ', or name its arrays by path in a dataset.yaml, such as ',
    made: () => ({
      files: {
        'x.nwb': written((root) => {
          root.create_dataset({ name: 'nwb_version', data: 'NWB-1.0.6', shape: [] });
          const cells = root.create_group('processing').create_group('Cells');
          const times = cells.create_group('UnitTimes');
          for (const [n, train] of TRAINS.entries())
            numbers(times.create_group(`cell_${n + 1}`), 'times', train);
        }),
      },
      file: 'x.nwb',
    }),
    follow: (message) => ({ raw: { spikes: advised(message, 'spikes') } }),
    right: [TRAINS],
  },
  {
    says: 'To read another, put it into a dataset.yaml, such as ',
    made: nwb((root) => units(behavior(root), [[0.5, 1], [3.5]])),
    follow: (message, raw) => ({ raw: { ...raw, spikes: advised(message, 'spikes') } }),
    right: [[[0.5, 1], [3.5]]],
  },
  {
    says: 'To read several on the same clock, list them in a dataset.yaml: ',
    made: () => ({
      files: {
        'x.nwb': encode((root) => {
          const module = behavior(root);
          traces(module, 'plane0', FLUORESCENCE.slice(0, 2));
          traces(module, 'plane1', FLUORESCENCE.slice(2));
        }),
      },
      file: 'x.nwb',
    }),
    follow: set('spikes.traces'),
    right: [TRAINS],
  },
  {
    says: 'There are no units, so events in the traces at ',
    made: () => ({
      files: {
        'x.nwb': encode((root) =>
          traces(
            behavior(root),
            'dff',
            FLUORESCENCE.map((row) => row.map((x) => x / 10)),
          ),
        ),
      },
      file: 'x.nwb',
    }),
    follow: set('spikes.event'),
    right: [TRAINS],
  },
  {
    says: 'Series that are not read, because they are no behavior or have no samples',
    made: nwb((root) =>
      series(root.create_group('acquisition'), 'lfp', 'ElectricalSeries', SPEED, { rate: 4 }),
    ),
    follow: addVariables('lfp'),
    gives: both(trials, samples('lfp')),
    right: [[TRAINS], [SPEED]],
  },
  {
    says: 'Series that are not read, because they are no behavior or have no samples',
    made: nwb((root) => {
      const licks = typed(
        typed(root.create_group('acquisition'), 'events', 'BehavioralEvents'),
        'licks',
        'TimeSeries',
      );
      numbers(licks, 'data', [1, 1, 1]);
      numbers(licks, 'timestamps', [0.25, 1.5, 1.75]);
      intervalTable(root, 'trials', STARTS, STOPS);
    }),
    follow: (message, raw) => {
      const changed = addVariables('licks')(message, raw).raw!;
      return { raw: withKey(changed, 'variables.licks.dt', 1) };
    },
    gives: samples('licks'),
    right: [
      [1, 2],
      [0, 0],
    ],
  },
  {
    says: ' columns, too many to read each as a variable: they are left out.',
    made: nwb((root) =>
      series(
        behavior(root),
        'pose',
        'TimeSeries',
        SPEED.flatMap((value) => [value, 1, 2, 3, 4, 5]),
        { rate: 4, shape: [16, 6] },
      ),
    ),
    follow: addVariables('pose_x'),
    gives: both(trials, samples('pose_x')),
    right: [[TRAINS], [SPEED]],
  },
  {
    says: ' samples per second, too many for a variable: it is left out. Save it with fewer.',
    made: nwb((root) =>
      series(
        behavior(root),
        'diode',
        'TimeSeries',
        Array.from({ length: 16_000 }, (_, n) => SPEED[Math.floor(n / 1000)]!),
        { rate: 4000 },
      ),
    ),
    follow: (message, raw) => [
      addVariables('diode')(message, raw),
      {
        ...nwb((root) => series(behavior(root), 'diode', 'TimeSeries', SPEED, { rate: 4 }))(),
        raw: withKey(
          withKey(raw, 'variables.diode', advised(message, 'diode')),
          'variables.diode.dt',
          0.25,
        ),
      },
    ],
    gives: ({ recording }) => {
      const diode = recording.trials[0]!.variables.diode!;
      return SPEED.map((_, n) => diode.values[(n * diode.values.length) / 16]);
    },
    right: SPEED,
  },
  {
    says: ' For other bins, set variables.',
    made: nwbTrials((columns) => raggedColumn(columns, 'lick_times', [[0.25, 1.5, 1.75], []])),
    follow: (message, raw) => ({
      raw: withKey(raw, /set (variables\S+) in/.exec(message)![1]!, 1),
    }),
    gives: samples('lick_times'),
    right: [
      [1, 2],
      [0, 0],
    ],
  },
  {
    says: ', where dt is ',
    made: nwbTrials((columns) => {
      raggedColumn(columns, 'wheel', [SPEED.slice(0, 8), SPEED.slice(8, 12)]);
      numbers(columns, 'target', [1, 2, 3, 4], [2, 2]);
    }),
    follow: (message, raw) => {
      const changed = addVariables('wheel', 'target_0', 'target_1')(message, raw).raw!;
      return { raw: withKey(changed, 'variables.wheel.dt', 0.25) };
    },
    gives: both(samples('wheel'), samples('target_1')),
    right: [
      [SPEED.slice(0, 8), SPEED.slice(8, 12)],
      [
        [2, 2],
        [4, 4],
      ],
    ],
  },
  {
    says: 'that do not have one value for each trial',
    made: nwbTrials((columns) => {
      raggedColumn(columns, 'lick_times', [[0.25, 1.5, 1.75], [2.5]]);
      raggedColumn(columns, 'port', [['left', 'right', 'left'], ['right']]);
    }),
    follow: addVariables('port'),
    gives: samples('port'),
    right: [
      ['left', 'right', 'left'],
      ['left', 'right'],
    ],
  },
  {
    says: 'with a time for each trial',
    made: nwbTrials((columns) => numbers(columns, 'go_time', [0.75, 3.5])),
    follow: (message, raw) => {
      const changed = addVariables('go_time')(message, raw).raw!;
      return { raw: withKey(changed, 'variables.go_time.dt', 0.5) };
    },
    gives: samples('go_time'),
    right: [
      [0, 2, 0, 0],
      [0, 0, 0, 2],
    ],
  },
];

describe('what messages on NWB files say to do', () => followed(NWB));

const w = new MatlabWriter();
const EMPTY_MATRIX = w.tagged(14, new Uint8Array());
/** A .npy file of nine values of another type than numbers. */
function npyOf(descr: string): Uint8Array {
  const header = `{'descr': ${descr}, 'fortran_order': False, 'shape': (9,), }`.padEnd(117);
  const text = new TextEncoder().encode(`${header}\n`);
  const head = [0x93, 78, 85, 77, 80, 89, 1, 0, text.length & 255, text.length >> 8];
  return Uint8Array.from([...head, ...text, ...new Uint8Array(9 * 32)]);
}
/** Spikes of which x has the times, as they cannot be read; the message names what to save. */
const unreadable =
  (file: string, bytes: Made['files'][string] | (() => Uint8Array), path = '#x') =>
  () =>
    described(
      { spikes: { ...PAIRS, times: `${file}${path}` } },
      { [file]: typeof bytes === 'function' ? bytes() : bytes },
    );
/** The spikes with times of another file. */
const readFrom =
  (file: string, bytes: Uint8Array | string, reference: string) =>
  (_: string, raw: Raw): Partial<Made> => ({
    files: { ...S, [file]: bytes },
    raw: withKey(raw, 'spikes.times', reference),
  });
/** HDF5 files: the times as they are saved in the end. */
const plainHdf5 = () => written((root) => numbers(root, 'x', TIMES));
const asPlainHdf5 = (_: string, raw: Raw): Partial<Made> => ({
  files: { ...S, 'x.h5': plainHdf5() },
  raw,
});
const INT32 = '1008000004000000' + '00002000';
/** Types of values that cannot be read, as HDF5 writes them, by their class. */
const TYPES: Readonly<Record<string, string>> = {
  '00': '1008000010000000' + '00008000',
  '01': '11203f0010000000' + '00008000' + '340b0034' + 'ff030000',
  '02': '1200000008000000' + '40000000',
  '04': '1408000008000000' + '00004000',
  '05': '1508000008000000' + '6f70617175650000',
  '09': `1900000010000000${INT32}`,
  '0a': `2a00000008000000${'01000000' + '02000000' + '00000000'}${INT32}`,
};
/** A file of x with such a type, in place of that of records. */
function hdf5OfType(type: string): Uint8Array {
  const records = new Map(['a', 'b', 'c', 'd'].map((name) => [name, Int32Array.from(TIMES)]));
  const bytes = Buffer.from(written((root) => root.create_dataset({ name: 'x', data: records })));
  const at = bytes.indexOf(Buffer.from('16040000', 'hex'));
  expect(at, 'the type of records').toBeGreaterThan(0);
  bytes.set(Buffer.from(TYPES[type]!, 'hex'), at);
  return bytes;
}
/** All times, and where those of each neuron end; and a row for each neuron. */
const divided = () =>
  written((root) => {
    numbers(root, 'times', TIMES);
    numbers(root, 'ends', ENDS);
  });
const padded = () =>
  written((root) => numbers(root, 'x', filledUp(TRAINS, Number.NaN).flat(), [3, 4]));
/** A MATLAB 7.3 file of x, with the class that MATLAB gives it. */
const matlab73 = (write: (root: Group) => H5Dataset | Group, className: string) => () => {
  const bytes = written((root) => {
    root.create_group('#refs#');
    const x = write(root);
    x.create_attribute('MATLAB_class', className, [], `A${className.length}`);
  });
  const header = Buffer.alloc(512);
  header.write('MATLAB 7.3 MAT-file');
  return Buffer.concat([header, bytes]);
};
const asMatlab = readFrom('y.mat', matlabFile({ x: TIMES }), 'y.mat#x');
/** Real and imaginary parts, of which the real ones are times. */
const asParts = readFrom('y.npz', npz({ re: TIMES, im: TIMES }), 'y.npz#re');
/** The spikes as what MATLAB finds in a sparse matrix of bins and neurons, counted from 1. */
const asFound = (message: string): Partial<Made> => {
  const names = /\[(\w+), (\w+), (\w+)\] = find/.exec(message)!.slice(1);
  const found = [TIMES.map((time) => 4 * time + 1), NEURONS.map((n) => n + 1), TIMES.map(() => 1)];
  const [row, column] = names;
  return {
    files: { 'y.mat': matlabFile(Object.fromEntries(names.map((name, n) => [name, found[n]!]))) },
    raw: {
      start: 0.25,
      spikes: { times: `y.mat#${row}`, neurons: `y.mat#${column}`, relabel: true, unit: 0.25 },
    },
  };
};
const CODES = characterCodes('ab');
/** Spikes whose names are in x, which cannot be read; and names in cells. */
const unreadableNames = (file: string, bytes: Uint8Array | (() => Uint8Array)) => (): Made =>
  described(
    { spikes: { ...PAIRS, names: `${file}#x` } },
    { [file]: typeof bytes === 'function' ? bytes() : bytes },
  );
const asNames = (_: string, raw: Raw): Partial<Made> => ({
  files: { ...S, 'y.mat': w.file(w.matrix(1, [1, 3], 'x', w.text('a'), w.text('b'), w.text('c'))) },
  raw: withKey(raw, 'spikes.names', 'y.mat#x/*'),
});
const GOOD_MAT = matlabFile({ x: TIMES });
/** A table of the times with many columns. */
const WIDE = `${TIMES.join()}${',0'.repeat(20_001)}\n`.repeat(2);

/** Messages on files whose values cannot be read. */
const FORMATS: readonly Case[] = [
  {
    says: ' columns, more than ',
    made: unreadable('x.csv', WIDE, '#column0'),
    follow: (message, raw) => {
      expect(message).toContain('save it as .npz, NWB or HDF5, or turn rows into columns');
      return [
        readFrom('y.npz', npz({ x: TIMES }), 'y.npz#x')(message, raw),
        asPlainHdf5(message, withKey(raw, 'spikes.times', 'x.h5#x')),
        readFrom(
          'x.csv',
          `x,y\n${TIMES.map((time) => `${time},0`).join('\n')}\n`,
          'x.csv#x',
        )(message, raw),
      ];
    },
    right: [TRAINS],
  },
  {
    says: ' fields are none): correct it, or leave the field empty',
    made: () => {
      const rows = Array.from({ length: 40 }, (_, n) => (n === 30 ? 'fast' : `${n % 7}`));
      return described(
        { spikes: PAIRS, variables: { v: { data: 'v.csv#v', dt: 0.1, missing: 'interpolate' } } },
        { 'v.csv': `v,n\n${rows.map((value) => `${value},0`).join('\n')}\n` },
      );
    },
    follow: (message) => {
      const [, line, name, field] = /line (\d+): the column (\w+) has "(\w+)"/.exec(message)!;
      expect([line, name, field]).toEqual(['32', 'v', 'fast']);
      const rows = (value: string) =>
        Array.from({ length: 40 }, (_, n) => (n === Number(line) - 2 ? value : `${n % 7}`));
      const text = (value: string) =>
        `v,n\n${rows(value)
          .map((v) => `${v},0`)
          .join('\n')}\n`;
      return [{ files: { ...S, 'v.csv': text('2') } }, { files: { ...S, 'v.csv': text('') } }];
    },
    gives: (dataset) => samples('v')(dataset)[0]!.slice(0, 30),
    right: Array.from({ length: 30 }, (_, n) => n % 7),
  },
  {
    says: "but a MATLAB file of version 5 to 7 was expected, as save(..., '-v7') writes it",
    made: unreadable(
      'x.mat',
      // A matrix of one number as version 4 has it, without a header before it.
      Buffer.concat([w.numbers(6, [0, 1, 1, 0, 2]), Uint8Array.of(120, 0), w.numbers(9, [5])]),
    ),
    follow: (_, raw) => ({ files: { ...S, 'x.mat': w.file(w.packed(w.real(TIMES, 'x'))) }, raw }),
    right: [TRAINS],
  },
  ...(
    [
      [
        'The file is damaged: copy it again from its source',
        (bytes: Uint8Array) => bytes.fill(7, 136, 140),
      ],
      [
        'The file is cut short or damaged: copy it again from its source',
        (bytes: Uint8Array) => bytes.slice(0, -8),
      ],
    ] as const
  ).map(
    ([says, harm]): Case => ({
      says,
      made: unreadable('x.mat', () => harm(Uint8Array.from(GOOD_MAT))),
      follow: (_, raw) => ({ files: { ...S, 'x.mat': GOOD_MAT }, raw }),
      right: [TRAINS],
    }),
  ),
  {
    says: ". Save its variables without compression, as save(..., '-v6') does, or in several files",
    made: unreadable(
      'x.mat',
      () => Buffer.concat([w.file(), w.tagged(15, deflateSync(new Uint8Array(2 ** 26 + 2 ** 16)))]),
      '#y',
    ),
    follow: (message, raw) => [
      readFrom('x.mat', w.file(w.real([0, 0], 'x'), w.real(TIMES, 'y')), 'x.mat#y')(message, raw),
      readFrom('y.mat', w.file(w.packed(w.real(TIMES, 'y'))), 'y.mat#y')(message, raw),
    ],
    right: [TRAINS],
  },
  ...(
    [
      [
        ': save [row, column, value] = find(',
        w.matrix(
          5,
          [2 ** 28, 3],
          'x',
          w.element(5, []),
          w.element(5, [0, 0, 0, 0]),
          w.element(9, []),
        ),
        asFound,
      ],
      [
        'complex numbers: save their real and imaginary parts',
        w.matrix(6 + 0x800, [1, 1], 'x', w.element(9, [1]), w.element(9, [2])),
        asParts,
      ],
      ['a function: save the values it returns', w.matrix(16, [1, 1], 'x', EMPTY_MATRIX), asMatlab],
      [
        ', which only MATLAB can read: save ',
        w.opaque('x', 'Session'),
        readFrom('y.mat', matlabFile({ x: { times: TIMES } }), 'y.mat#x/times'),
      ],
      [
        "table2struct(x, 'ToScalar', true)",
        w.opaque('x', 'table'),
        readFrom('y.mat', matlabFile({ x: { times: TIMES } }), 'y.mat#x/times'),
      ],
      ['its columns as arrays and its times in seconds', w.opaque('x', 'timetable'), asMatlab],
      ['which is in seconds', w.opaque('x', 'datetime'), asMatlab],
      ['seconds(x)', w.opaque('x', 'duration'), asMatlab],
    ] as const
  ).map(
    ([says, variable, follow]): Case => ({
      says,
      made: unreadable('x.mat', w.file(variable, w.real([1], 'y'))),
      follow,
      right: [TRAINS],
    }),
  ),
  {
    says: 'characters along three axes or more: save a cell array of character vectors',
    made: unreadableNames('x.mat', w.file(w.matrix(4, [1, 1, 2], 'x', w.element(4, CODES)))),
    follow: asNames,
    gives: ({ names }) => names,
    right: ['a', 'b', 'c'],
  },
  ...(
    [
      ["'|O'", 'Python objects, which only Python can read: save plain arrays'],
      ["'<c16'", 'complex numbers: save their real and imaginary parts'],
      ["'<M8[ns]'", ': save seconds as numbers'],
      ["'<m8[ns]'", 'time differences: save seconds as numbers'],
      ["[('t', '<f8')]", 'records of several fields: save an array for each field'],
      ["'<f16'", ': save float64'],
    ] as const
  ).map(
    ([descr, says]): Case => ({
      says,
      made: unreadable('x.npy', npyOf(descr), ''),
      follow: says.includes('imaginary')
        ? asParts
        : readFrom('y.npz', npz({ t: TIMES, n: NEURONS }), 'y.npz#t'),
      right: [TRAINS],
    }),
  ),
  {
    says: ' has more than 4 GB. Save it as a .npy file',
    made: unreadable('x.npz', () => {
      const bytes = Uint8Array.from(npz({ x: TIMES }));
      const view = new DataView(bytes.buffer);
      // The entry in the directory leaves its sizes to an extra field, as large files have it.
      const at = bytes.findLastIndex(
        (_, n) => n + 4 <= bytes.length && view.getUint32(n, true) === 0x02014b50,
      );
      view.setUint32(at + 24, 2 ** 32 - 1, true);
      return bytes;
    }),
    follow: readFrom('y.npy', encodeNpy(Float64Array.from(TIMES), [TIMES.length]), 'y.npy'),
    right: [TRAINS],
  },
  {
    says: ' pointer of Git LFS, not the data: fetch them with git lfs pull',
    made: unreadable(
      'x.npz',
      'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n',
    ),
    follow: (_, raw) => ({ files: { ...S, 'x.npz': npz({ x: TIMES }) }, raw }),
    right: [TRAINS],
  },
  {
    says: 'pointer of git-annex, not the data: fetch them with git annex get or datalad get',
    made: unreadable('x.npz', '../.git/annex/objects/X/Y/key'),
    follow: (_, raw) => ({ files: { ...S, 'x.npz': npz({ x: TIMES }) }, raw }),
    right: [TRAINS],
  },
  {
    says: ' is compressed with gzip: unpack it first, such as with gunzip',
    made: unreadable('x.npz', Uint8Array.from(gzipSync(npz({ x: TIMES })))),
    follow: (_, raw) => ({
      files: { ...S, 'x.npz': Uint8Array.from(gunzipSync(gzipSync(npz({ x: TIMES })))) },
      raw,
    }),
    right: [TRAINS],
  },
];

/** Messages on HDF5 files and those of MATLAB 7.3. */
const HDF5: readonly Case[] = [
  {
    says: ', which is not supported: save it with gzip or uncompressed',
    made: () => {
      const path = join(import.meta.dirname, '../fixtures/field/5-one-bad-part/series-lzf.nwb');
      return described(
        {
          spikes: PAIRS,
          variables: { v: { data: 'x.nwb#processing/behavior/wheel/data', dt: 0.1 } },
        },
        { 'x.nwb': new Uint8Array(readFileSync(path)) },
      );
    },
    follow: (_, raw) =>
      [{ compression: 4 }, {}].map((filter) => ({
        files: {
          ...S,
          'x.nwb': written((root) => {
            const wheel = root
              .create_group('processing')
              .create_group('behavior')
              .create_group('wheel');
            wheel.create_dataset({
              name: 'data',
              data: Float64Array.from(SPEED),
              chunks: [8],
              ...filter,
            });
          }),
        },
        raw,
      })),
    gives: samples('v'),
    right: [SPEED],
  },
  ...(
    [
      ['00', ': save int32 or float64', asPlainHdf5],
      ['01', ': save float64', asPlainHdf5],
      ['02', 'times of a type without a standard: save seconds as numbers', asPlainHdf5],
      ['04', 'bit fields: save integers', asPlainHdf5],
      ['05', 'opaque bytes: save numbers or strings', asPlainHdf5],
      [
        '09',
        'lists of different lengths: save them one after the other, and where each ends',
        undefined,
      ],
      ['0a', 'arrays as values: save them as further axes', undefined],
    ] as const
  ).map(
    ([type, says, follow]): Case => ({
      says,
      made: unreadable('x.h5', () => hdf5OfType(type)),
      follow:
        follow ??
        (() => ({
          files: { 'x.h5': type === '09' ? divided() : padded() },
          raw: {
            spikes:
              type === '09'
                ? { times: 'x.h5#times', ends: 'x.h5#ends' }
                : { lists: 'x.h5#x', axes: ['neurons', 'spikes'], padding: 'nan' },
          },
        })),
      right: [TRAINS],
    }),
  ),
  {
    says: 'records of several fields: save an array for each field',
    made: unreadable('x.h5', () =>
      written((root) =>
        root.create_dataset({
          name: 'x',
          data: new Map([
            ['t', Float64Array.from(TIMES)],
            ['n', Float64Array.from(NEURONS)],
          ]),
        }),
      ),
    ),
    follow: () => ({
      files: {
        'x.h5': written((root) => {
          numbers(root, 't', TIMES);
          numbers(root, 'n', NEURONS);
        }),
      },
      raw: { spikes: { times: 'x.h5#t', neurons: 'x.h5#n' } },
    }),
    right: [TRAINS],
  },
  {
    says: 'references to other arrays: name those arrays instead',
    made: unreadable('x.h5', () =>
      written((root) =>
        root.create_dataset({
          name: 'x',
          data: [numbers(root, 'times', TIMES).create_reference()],
        }),
      ),
    ),
    follow: (_, raw) => ({ raw: withKey(raw, 'spikes.times', 'x.h5#times') }),
    right: [TRAINS],
  },
  {
    says: 'complex numbers: save their real and imaginary parts',
    made: unreadable('x.h5', () =>
      written((root) =>
        root.create_dataset({
          name: 'x',
          data: new Map([
            ['r', Float64Array.from(TIMES)],
            ['i', Float64Array.from(TIMES)],
          ]),
        }),
      ),
    ),
    follow: asParts,
    right: [TRAINS],
  },
  ...(
    [
      [
        'it contains a function: save the values it returns',
        'function_handle',
        undefined,
        asMatlab,
      ],
      [
        ', which only MATLAB can read: save its values as arrays, cells or structs',
        'table',
        'MATLAB_object_decode',
        asMatlab,
      ],
    ] as const
  ).map(
    ([says, className, attribute, follow]): Case => ({
      says,
      made: unreadable(
        'x.mat',
        matlab73((root) => {
          const x = numbers(root, 'x', [1]);
          if (attribute) x.create_attribute(attribute, 3, []);
          return x;
        }, className),
      ),
      follow,
      right: [TRAINS],
    }),
  ),
  {
    says: 'it contains characters along three axes or more: save a cell array of character vectors',
    made: unreadableNames(
      'x.mat',
      matlab73(
        (root) =>
          root.create_dataset({ name: 'x', data: Uint16Array.from(CODES), shape: [2, 1, 1] }),
        'char',
      ),
    ),
    follow: asNames,
    gives: ({ names }) => names,
    right: ['a', 'b', 'c'],
  },
  {
    says: ', which is too many at once: save [row, column, value] = find(...)',
    made: unreadable(
      'x.mat',
      matlab73((root) => {
        const sparse = root.create_group('x');
        sparse.create_attribute('MATLAB_sparse', [2 ** 28], []);
        numbers(sparse, 'data', [1]);
        sparse.create_dataset({ name: 'ir', data: BigUint64Array.of(0n) });
        sparse.create_dataset({ name: 'jc', data: BigUint64Array.of(0n, 1n, 1n, 1n) });
        return sparse;
      }, 'double'),
    ),
    follow: asFound,
    right: [TRAINS],
  },
];

describe('what messages on files say to do', () => followed(FORMATS));
describe('what messages on HDF5 files say to do', () => followed(HDF5));

/** A message of the library, and what comes of doing what it says. */
interface LibraryCase {
  readonly says: string;
  /** Does what the message is about. */
  readonly fails: () => unknown;
  readonly follow: (message: string) => unknown;
  readonly right: unknown;
}

const SECONDS = { dt: 0.25, current: 0.5, past: 0.5 };
/** A recording of trials of 2 s with a speed and, in the first, a heading in degrees. */
const recordingOf = (count: number) =>
  assembleRecording(
    'made',
    Array.from({ length: count }, (_, id) => ({
      id,
      start: 2 * id,
      duration: 2,
      spikes: { times: BY_TRIAL[id % 2]!.map((list) => Float64Array.from(list)) },
      variables: {
        speed: { values: SPEED.slice(0, 8), dt: 0.25 },
        ...(id === 0 && { heading: { values: SPEED.slice(0, 8), dt: 0.25, period: 360 } }),
      },
    })),
  );
const windowsOf = (recording: Recording, changed: Partial<WindowSettings> = {}) =>
  new Windows(recording, {
    ...SECONDS,
    block: 10,
    pastBlock: 10,
    ids: new NeuronVocabulary(recording.neurons),
    times: new TimeVocabulary(0.25, 0.5, 0.5),
    variables: [],
    rules: PAPER_RULES,
    ...changed,
  });
const variable = (name: string, period?: number) => ({ name, window: 0.5, dt: 0.25, period });
/** A session of spike counts. */
const sessionOf = (spans: Session['trials'] & object) =>
  createRecording({ spikes: { counts: COUNTS, dt: 0.25 }, trials: spans });
const FRAMES = { data: new Float32Array(16), shape: [8, 1, 2] };
/** The trial of a data dictionary with spikes in bins of 0.25 s. */
const dictionary = (data: object, steps: object) =>
  fromDataDictionary({ spikes: COUNTS, ...data }, { dt: 0.25, ...steps }).recording.trials[0]!;
const labeled = () =>
  assembleRecording('made', [
    {
      ...recordingOf(1).trials[0]!,
      variables: { side: { values: ['left', 'left', 'left', 'right'], dt: 0.25 } },
    },
  ]);
const FRACTIONS = { train: 0.5, validation: 0.01, test: 0.49 };
/** How many windows each part of a split has. */
const partSizes = ({ train, validation, test }: Split) =>
  [train, validation, test].map(({ length }) => length);
/** A source that claims a size, of a file that would not fit into memory. */
const claiming = (name: string, size: number) => ({
  name,
  size,
  read: (_: number, length: number) => new Uint8Array(Math.min(length, 4096)).fill(49),
});

const LIBRARY: readonly LibraryCase[] = [
  {
    says: ', as Unix times do, set where the session begins in the dataset.yaml, such as start: ',
    fails: async () => {
      const late = npz({ times: TIMES.map((time) => 1.7e9 + time), neurons: NEURONS });
      const { recording } = await open({
        files: { 'x.npz': late },
        raw: { spikes: { times: 'x.npz#times', neurons: 'x.npz#neurons' } },
      });
      binSpikes(recording.trials[0]!.spikes, 0.01);
    },
    follow: async (message) => {
      const late = npz({ times: TIMES.map((time) => 1.7e9 + time), neurons: NEURONS });
      const dataset = await open({
        files: { 'x.npz': late },
        raw: {
          start: advised(message, 'start'),
          spikes: { times: 'x.npz#times', neurons: 'x.npz#neurons' },
        },
      });
      return trials(dataset);
    },
    right: [TRAINS],
  },
  {
    says: '. Increase its share, or split by blocks',
    fails: () =>
      splitWindows(windowsOf(recordingOf(4)), { kind: 'trials', fractions: FRACTIONS, seed: 1 }),
    follow: () => {
      const windows = windowsOf(recordingOf(4), { past: 0.25 });
      return [
        splitWindows(windows, {
          kind: 'trials',
          fractions: { train: 0.5, validation: 0.25, test: 0.25 },
          seed: 1,
        }),
        splitWindows(windows, {
          kind: 'blocks',
          fractions: { train: 0.5, validation: 0.25, test: 0.25 },
        }),
      ].map((split) => partSizes(split).every((size) => size > 0));
    },
    right: [true, true],
  },
  {
    says: 'The gap of a split should be at least ',
    fails: () =>
      splitWindows(windowsOf(recordingOf(10)), {
        kind: 'blocks',
        fractions: { train: 0.5, validation: 0.25, test: 0.25 },
        gap: 0.1,
      }),
    follow: (message) =>
      partSizes(
        splitWindows(windowsOf(recordingOf(10)), {
          kind: 'blocks',
          fractions: { train: 0.5, validation: 0.25, test: 0.25 },
          gap: Number(/at least (\S+) s/.exec(message)![1]),
        }),
      ).every((size) => size > 0),
    right: true,
  },
  {
    says: ': remove the rows where it is unknown',
    fails: () => new ValueBins([1, Number.NaN, 3], 2),
    follow: (message) => {
      const row = Number(/at row (\d+)/.exec(message)![1]);
      return [...new ValueBins([1, Number.NaN, 3].toSpliced(row, 1), 2).centers];
    },
    right: [1.5, 2.5],
  },
  {
    says: ': choose a coarser one, or objective: regression',
    fails: () => new ClassVocabulary([0, 1], 1e-6),
    follow: () => new ClassVocabulary([0, 1], 0.5).values,
    right: [0, 0.5, 1],
  },
  {
    says: ': use the tokenizer that was made for this recording',
    fails: () => windowsOf(recordingOf(2), { ids: new NeuronVocabulary(2) }),
    follow: () => {
      const recording = recordingOf(2);
      const { ids, times } = Tokenizer.of(recording, SECONDS);
      return windowsOf(recording, { ids, times }).list().refs.length;
    },
    right: 8,
  },
  {
    says: ': configure only variables that occur together in a trial',
    fails: () => {
      const [first, second] = recordingOf(2).trials;
      const apart = [
        { ...first!, variables: { heading: first!.variables.heading! } },
        { ...second!, variables: { speed: second!.variables.speed! } },
      ];
      windowsOf(assembleRecording('made', apart), {
        variables: [variable('heading'), variable('speed')],
      });
    },
    follow: (message) => {
      const [, name] = /\((\w+) in 1/.exec(message)!;
      return windowsOf(recordingOf(2), { variables: [variable(name!)] }).list().refs.length;
    },
    right: 4,
  },
  {
    says: ': set training.every, the seconds from one to the next, or check the duration of the recording',
    fails: () => windowsOf(recordingOf(2)).list(1e-7),
    follow: () => windowsOf(recordingOf(2)).list(0.5).refs.length,
    right: 8,
  },
  {
    says: ' in the configuration: set its period to ',
    fails: () => windowsOf(recordingOf(1), { variables: [variable('heading', 6.28)] }),
    follow: (message) => {
      const period = Number(/period to (\d+)\./.exec(message)![1]);
      return windowsOf(recordingOf(1), { variables: [variable('heading', period)] }).list().refs
        .length;
    },
    right: 4,
  },
  {
    says: '; trials should start on the edge of a bin (every ',
    fails: () => sessionOf([{ start: 0.1, stop: 2 }]),
    follow: (message) => {
      const width = Number(/every (\S+) s/.exec(message)![1]);
      return spikeCounts(sessionOf([{ start: width, stop: 2 }]).trials[0]!);
    },
    right: COUNTS.map((row) => row.slice(1, 8)),
  },
  {
    says: 'steps.behavior should give its seconds per sample',
    fails: () => dictionary({ behavior: { speed: SPEED } }, {}),
    follow: () =>
      dictionary({ behavior: { speed: SPEED } }, { behavior: { speed: 0.25 } }).variables.speed,
    right: { values: SPEED, dt: 0.25 },
  },
  {
    says: 'steps.frames should give the seconds per frame',
    fails: () => dictionary({ frames: FRAMES }, {}),
    follow: () => dictionary({ frames: FRAMES }, { frames: 0.5 }).video,
    right: { data: FRAMES.data, count: 8, height: 1, width: 2, dt: 0.5 },
  },
  {
    says: '. Labels can be predicted, with objective: classification, but cannot be an input',
    fails: () =>
      windowsOf(labeled(), { variables: [variable('side')] }).at({ trialIndex: 0, end: 1 }),
    follow: () => {
      const classes = new ClassVocabulary(['left', 'right']);
      const windows = windowsOf(labeled(), { variables: [{ ...variable('side'), classes }] });
      return [...windows.at({ trialIndex: 0, end: 1 }).variables.side!.values];
    },
    right: [0, 1],
  },
  {
    says: 'correct this one',
    fails: () => checkVariable('speed', { values: [1, 'fast', 3] as never, dt: 0.25 }),
    follow: (message) => {
      const values: (number | string)[] = [1, 'fast', 3];
      values[Number(/^Sample (\d+)/.exec(message)![1])] = 2;
      checkVariable('speed', { values: values as number[], dt: 0.25 });
      return values;
    },
    right: [1, 2, 3],
  },
  {
    says: '; save it as .npz, NWB or HDF5',
    fails: () => parseCsv(new Uint8Array(2 ** 28 + 1), 'x.csv'),
    follow: async () =>
      trials(await open(described({ spikes: { ...PAIRS, times: 's.npz#times' } }))),
    right: [TRAINS],
  },
  {
    says: '; save it as NWB or HDF5, which are read in parts',
    fails: () => openFile(claiming('x.csv', 3 * 2 ** 30)),
    follow: async () => trials(await open(nwb(() => {})())),
    right: [TRAINS],
  },
];

describe('what messages of the library say to do', () => {
  it.each(LIBRARY.map((each) => [each.says, each] as const))('"%s"', async (_, each) => {
    const message = await Promise.resolve()
      .then(each.fails)
      .then(
        () => 'no complaint',
        (error: Error) => error.message,
      );
    expect(hasWords(message, each.says), message).toBe(true);
    expect(await each.follow(message)).toEqual(each.right);
  });
});

const ROOMS = ['dataset', 'recording', 'formats', 'formats/hdf5'];
const VERBS =
  'put|set|list|give|name|add|save|choose|leave|make|correct|fetch|unpack|copy|fill|check|configure|increase|use|write|turn|remove|ask|split|await|say|change|describe|export|replace';
/** A verb that tells what to do: at the beginning of a clause, and not as a noun. */
const IMPERATIVE = new RegExp(
  `(?:^ ?|[:;,.(] |\\b(?:or|and|then|so|beside it|To [a-z ]+,) )(?:${VERBS}) (?!of |is |was )`,
  'i',
);
/** Other ways in which messages say it: an example, or a key that something should have. */
const EXAMPLE =
  / such as (?:[{[]|\w+[.:])| should (?:have (?:data|dt|starts|times)|give|start)\b|keep selects the |as save\(| with objective: /;
/** Texts that look like advice and are none, and advice that no file can ask for. */
const NOT_ADVICE = [
  'spikes should have at least one row or list',
  'Name in the recording.',
  // Pages alone cannot start the library while they wait, and load it first.
  'await prepareHdf5() before opening a file',
];

/** All texts of a source, with … for what is computed. */
function textsIn(path: string): string[] {
  const texts: string[] = [];
  const visit = (node: unknown) => {
    if (typeof node !== 'object' || node === null) return;
    const { type, value, quasis } = node as {
      type?: string;
      value?: unknown;
      quasis?: { value: { cooked: string } }[];
    };
    if (type === 'Literal' && typeof value === 'string') texts.push(value);
    if (type === 'TemplateLiteral') texts.push(quasis!.map((part) => part.value.cooked).join('…'));
    for (const item of Object.values(node)) visit(item);
  };
  visit(parseAst(readFileSync(path, 'utf8'), { lang: 'ts' }));
  return texts;
}

it('every message that says what to do is followed here', () => {
  const followedWords = [
    ...[
      DESCRIPTION,
      REFERENCES,
      SPIKES,
      TRIALS_AND_VARIABLES,
      ARRAYS,
      FOLDERS,
      NWB,
      FORMATS,
      HDF5,
    ].flat(),
    ...LIBRARY,
  ].map(({ says }) => says);
  const texts = ROOMS.flatMap((room) => {
    const folder = join(import.meta.dirname, '../../src', room);
    return readdirSync(folder)
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        textsIn(join(folder, file)).map((text) => [`${room}/${file}`, text] as const),
      );
  });
  const advice = texts.filter(([, text]) => IMPERATIVE.test(text) || EXAMPLE.test(text));
  expect(advice.length).toBeGreaterThan(100);
  const known = [...followedWords, ...NOT_ADVICE];
  const unfollowed = advice
    .filter(([, text]) => !known.some((words) => text.includes(words)))
    .map(([file, text]) => `${file}: ${text}`);
  expect(unfollowed, 'messages that no case of this file follows').toEqual([]);
  // A case whose words are in no source any more follows nothing.
  const stale = known.filter((words) => !texts.some(([, text]) => text.includes(words)));
  expect(stale, 'cases whose words no source has').toEqual([]);
});

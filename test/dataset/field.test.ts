import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { summarizeRecording } from '../../src/analyze/overview.js';
import { encodeNpy } from '../../src/formats/npy.js';
import { openDataset } from '../../src/node/dataset.js';
import { datasetOpener, spikeCounts, spikeTimes, useFolders } from '../helpers/dataset.js';
import {
  ALL_LABELS,
  ALL_TIMES,
  advisedYaml,
  ENDS,
  filledUp,
  LABELS,
  npz,
  sessionTimes,
  TRAINS,
  transposed,
} from '../helpers/field.js';
import { matlabFile } from '../helpers/matlab.js';

const FIELD = join(import.meta.dirname, '../fixtures/field');
const writeFolder = useFolders();
const openDescribed = datasetOpener(writeFolder);
/** Opens a file of which nothing is said. */
const open = (name: string, bytes: Uint8Array | string) =>
  openDataset(join(writeFolder({ [name]: bytes }), name));
const rejection = (opening: Promise<unknown>) =>
  opening.then(
    () => {
      throw new Error('The file was read.');
    },
    (error: Error) => error.message,
  );
/** The trains as plain lists. */
const TIMES = TRAINS.map((train) => [...train]);

describe('inputs from the field', () => {
  it.each<[string, { neurons: number; spikes: number; seconds: number; trials?: number }]>([
    ['1-tables-as-spikes/ragged-with-ids.npz', { neurons: 5, spikes: 1360, seconds: 59.98 }],
    ['1-tables-as-spikes/cell-with-ids.mat', { neurons: 5, spikes: 1360, seconds: 59.98 }],
    [
      '2-trials-of-neurons/R-struct.mat',
      { neurons: 7, spikes: 1289, seconds: 15 * 1.5, trials: 15 },
    ],
    [
      '2-trials-of-neurons/fieldtrip-spike.mat',
      { neurons: 5, spikes: 1360, seconds: 60, trials: 20 },
    ],
    ['3-nan-is-no-spike/padded-columns.mat', { neurons: 5, spikes: 1360, seconds: 59.98 }],
    ['3-nan-is-no-spike/padded-rows.npz', { neurons: 5, spikes: 1360, seconds: 59.98 }],
    ['3-nan-is-no-spike/wide.csv', { neurons: 5, spikes: 1360, seconds: 59.98 }],
    ['3-nan-is-no-spike/units-nan.nwb', { neurons: 5, spikes: 1140, seconds: 59.95 }],
    ['4-unrecorded-is-not-silence/obs-intervals.nwb', { neurons: 5, spikes: 696, seconds: 59.98 }],
    ['5-one-bad-part/series-all-nan.nwb', { neurons: 5, spikes: 1360, seconds: 60 }],
    ['5-one-bad-part/series-lzf.nwb', { neurons: 5, spikes: 1360, seconds: 60 }],
    ['5-one-bad-part/series-one-sample-more.nwb', { neurons: 5, spikes: 1360, seconds: 60 }],
    ['6-raw-signal/photodiode-70min.nwb', { neurons: 5, spikes: 1360, seconds: 4198.35 }],
    ['7-phy-labels/old-cluster_groups', { neurons: 2, spikes: 700, seconds: 119.92 }],
    ['7-phy-labels/info-only', { neurons: 2, spikes: 700, seconds: 119.92 }],
    ['7-phy-labels/partly-labelled', { neurons: 2, spikes: 700, seconds: 119.92 }],
    ['7-phy-labels/rate-computed', { neurons: 2, spikes: 700, seconds: 119.92 }],
  ])('%s is read', async (path, expected) => {
    const { recording } = await openDataset(join(FIELD, path));
    const { neurons, spikes, seconds, trials } = summarizeRecording(recording);
    expect({ neurons, spikes, trials: trials.count }).toEqual({
      neurons: expected.neurons,
      spikes: expected.spikes,
      trials: expected.trials ?? 1,
    });
    expect(seconds).toBeCloseTo(expected.seconds, 1);
  });

  it('keep their labels, and the numbers of their spikes', async () => {
    for (const file of ['ragged-with-ids.npz', 'cell-with-ids.mat']) {
      const { names, recording } = await openDataset(join(FIELD, '1-tables-as-spikes', file));
      expect(names).toEqual(['3', '7', '8', '20', '21']);
      expect(spikeTimes(recording.trials[0]!).map(({ length }) => length)).toEqual([
        300, 250, 410, 180, 220,
      ]);
    }
    const trials = await openDataset(join(FIELD, '2-trials-of-neurons/fieldtrip-spike.mat'));
    expect(trials.names?.[0]).toBe('sig000a');
    const [rate] = summarizeRecording(trials.recording).rates;
    expect(rate).toBeCloseTo(300 / 60, 6);
    const phy = await openDataset(join(FIELD, '7-phy-labels/partly-labelled'));
    expect(phy.names).toEqual(['0', '9']);
  });

  it.each([
    ['trials.csv', 'is a table of trials'],
    ['units.csv', 'is a table of units'],
  ])('%s has no spikes', async (file, sentence) => {
    const opening = openDataset(join(FIELD, '1-tables-as-spikes', file));
    expect(await rejection(opening)).toContain(`${file} ${sentence}`);
  });

  it('have rates over the time that was observed', async () => {
    const path = join(FIELD, '4-unrecorded-is-not-silence/obs-intervals.nwb');
    const { recording } = await openDataset(path);
    const { rates, warnings } = summarizeRecording(recording);
    expect(Array.from(rates, (rate) => Number(rate.toFixed(2)))).toEqual([
      5.27, 4.47, 6.97, 3.04, 3.47,
    ]);
    expect(warnings.join()).toContain('5 of 5 neurons were observed for 30 of 60 s on average.');
  });

  it.each([
    ['trials-beyond-recording.nwb', '10 of 20 trials have no spikes at all: the last spike is at'],
    ['trialized.nwb', '19 of 20 trials have no spikes at all, and all spikes are in the first'],
  ])('%s has trials without spikes, with a reason', async (file, warning) => {
    const { recording } = await openDataset(join(FIELD, '4-unrecorded-is-not-silence', file));
    expect(summarizeRecording(recording).warnings.join()).toContain(warning);
  });

  it.each<[string, number, string]>([
    ['one-roi-all-nan.nwb', 1, 'All samples of trace 3 are missing'],
    ['series-all-nan.nwb', 1, 'processing/behavior/pupil is left out'],
    ['series-lzf.nwb', 1, 'processing/behavior/wheel is left out'],
    ['series-one-sample-more.nwb', 1, 'The variable wheel is left out'],
    ['trial-stops-before-start.nwb', 19, 'trial 7 stops at 20.5 s, before it starts at 21 s'],
    ['trial-begins-before-0.nwb', 19, 'trial 0 starts at -2 s, before the session does at 0 s'],
  ])('%s is read but for its bad part, which is named', async (file, trials, note) => {
    const { recording, notes, rawDescription } = await openDataset(
      join(FIELD, '5-one-bad-part', file),
    );
    expect(recording.trials).toHaveLength(trials);
    expect(notes.filter((sentence) => sentence.includes(note))).toHaveLength(1);
    if (file !== 'one-roi-all-nan.nwb')
      expect(Object.keys(recording.trials.at(-1)!.variables)).toContain('speed');
    // The description that inspect writes does without the bad part, so that it can be read.
    const text = JSON.stringify(rawDescription).replaceAll(
      file,
      join(FIELD, '5-one-bad-part', file),
    );
    const again = await openDescribed(text);
    expect(again.guessed).toBe(false);
    expect(again.recording.trials).toHaveLength(trials);
    expect(again.recording.neurons).toBe(recording.neurons);
  });

  it('leave out a signal that is too fine, without reading it', async () => {
    const { notes, recording } = await openDataset(
      join(FIELD, '6-raw-signal/photodiode-70min.nwb'),
    );
    expect(notes.join()).toContain('acquisition/photodiode has 30,000 samples per second');
    expect(Object.keys(recording.trials[0]!.variables)).toEqual([]);
  });
});

describe('a file beside whose spike times there are tables', () => {
  const perUnit = {
    n_spikes: TRAINS.map((train) => train.length),
    spike_width: [0.4, 0.6, 0.3, 0.7, 0.5],
    peak_time: [0.1, 0.2, 0.1, 0.3, 0.2],
  };

  it.each<[string, string, Uint8Array | string]>([
    [
      'times divided by an index',
      'a.npz',
      npz({ unit_id: LABELS, spike_times_index: ENDS, spike_times: ALL_TIMES, ...perUnit }),
    ],
    [
      'times divided by numbers of spikes',
      'a.mat',
      matlabFile({
        unitID: LABELS,
        spikeTimes: [...ALL_TIMES],
        nSpikes: perUnit.n_spikes,
        spikeWidth: perUnit.spike_width,
      }),
    ],
    [
      'times with a label each',
      'a.npz',
      npz({ ...perUnit, cluster_id: LABELS, spike_clusters: ALL_LABELS, spike_times: ALL_TIMES }),
    ],
    [
      'a struct of units',
      'a.mat',
      matlabFile({
        units: TIMES.map((spike_times, n) => ({ id: [LABELS[n]!], spike_times, peak: [n] })),
      }),
    ],
    [
      'a table of spikes',
      'spikes.csv',
      `unit_id,amplitude,time\n${[...ALL_TIMES].map((time, n) => `${ALL_LABELS[n]},${n % 7},${time}`).join('\n')}\n`,
    ],
  ])('is read by its spike times: %s', async (_, name, bytes) => {
    expect(sessionTimes(await open(name, bytes))).toEqual(TIMES);
  });

  it.each<[string, string, string]>([
    ['trials', 'trials.csv', 'cell,time\n1,0.5\n1,1.5\n2,2.5\n'],
    ['units', 'neurons.tsv', 'cluster_id\ttime\n4\t0.5\n7\t1.5\n9\t2.5\n'],
    ['trials', 'session.csv', 'id,onset_time,stop_time\n1,0.5,1\n2,1.5,2\n'],
  ])('has no spikes if it is a table of %s itself', async (things, name, text) => {
    expect(await rejection(open(name, text))).toContain(`${name} is a table of ${things}`);
  });

  it('asks where two arrays may be the spikes, and reads the one that is named', async () => {
    const later = ALL_TIMES.map((time) => time + 0.25);
    const bytes = npz({ unit: ALL_LABELS, spike_times_a: ALL_TIMES, spike_times_b: later });
    const message = await rejection(open('a.npz', bytes));
    expect(message).toContain('a.npz can be read in 2 ways');
    const advised = advisedYaml(message);
    expect(advised).toHaveLength(2);
    const [first, second] = await Promise.all(
      advised.map((yaml) => openDescribed(yaml, { 'a.npz': bytes })),
    );
    expect(sessionTimes(first!)).toEqual(TIMES);
    expect(sessionTimes(second!)[0]![0]).toBeCloseTo(TIMES[0]![0]! + 0.25, 6);
  });
});

describe('lists of neurons and trials', () => {
  /** Each train cut into three trials of 20 s. */
  const TRIALS = [0, 1, 2].map((trial) =>
    TRAINS.map((train) =>
      [...train]
        .filter((time) => Math.floor(time / 20) === trial)
        .map((time) => Number((time - 20 * trial).toFixed(3))),
    ),
  );
  const byNeuron = TRAINS.map((_, neuron) => TRIALS.map((lists) => lists[neuron]!));

  it.each<[string, string, Uint8Array]>([
    [
      'trials that hold units',
      'a.mat',
      matlabFile({ trial: TRIALS.map((lists) => ({ unit: lists.map((spikes) => ({ spikes })) })) }),
    ],
    [
      'units that hold trials',
      'a.mat',
      matlabFile({
        units: byNeuron.map((lists) => ({ trial: lists.map((times) => ({ times })) })),
      }),
    ],
    [
      'cells of units and trials, beside a value for each trial',
      'a.mat',
      matlabFile({ spikeTimes: { cells: byNeuron }, trialType: [1, 2, 1] }),
    ],
    [
      'cells of trials and units, beside a name for each unit',
      'a.mat',
      matlabFile({ spike_times: { cells: TRIALS }, unit_ids: LABELS }),
    ],
    [
      'lists of units with the trial of each spike',
      'a.mat',
      matlabFile({
        spike: {
          time: byNeuron.map((lists) => lists.flat()),
          trial: byNeuron.map((lists) => lists.flatMap((list, n) => list.map(() => n + 1))),
          trialtime: {
            rows: [
              [0, 20],
              [0, 20],
              [0, 20],
            ],
          },
        },
      }),
    ],
  ])('are read as trials: %s', async (_, name, bytes) => {
    const { recording } = await open(name, bytes);
    expect(recording.trials.map(spikeTimes)).toEqual(TRIALS);
  });

  it('are a question where nothing tells units from trials', async () => {
    const file = matlabFile({ spikes: { cells: byNeuron } });
    const message = await rejection(open('a.mat', file));
    const advised = await Promise.all(
      advisedYaml(message).map((yaml) => openDescribed(yaml, { 'a.mat': file })),
    );
    expect(advised.map(({ recording }) => recording.trials.map(spikeTimes))).toContainEqual(TRIALS);
    expect(advised.map(({ recording: { neurons } }) => neurons)).toEqual([5, 3]);
  });
});

describe('values that stand for no spike', () => {
  const csv = (rows: readonly (readonly number[])[], head: string) =>
    `${head}\n${rows.map((row) => row.map((value) => (Number.isNaN(value) ? '' : value)).join()).join('\n')}\n`;

  it.each<[string, string, Uint8Array | string]>([
    ['NaN in rows', 'a.npz', npz({ spike_times: filledUp(TIMES, Number.NaN) })],
    ['zeros in rows', 'a.npz', npz({ spikeTimes: filledUp(TIMES, 0) })],
    ['-1 in columns', 'a.npz', npz({ times: transposed(filledUp(TIMES, -1)) })],
    ['zeros in columns', 'a.mat', matlabFile({ spikes: { rows: transposed(filledUp(TIMES, 0)) } })],
    ['NaN at the end of cells', 'a.mat', matlabFile({ spikeTimes: filledUp(TIMES, Number.NaN) })],
    [
      'empty fields of columns',
      'a.csv',
      csv(transposed(filledUp(TIMES, Number.NaN)), LABELS.map((label) => `unit${label}`).join()),
    ],
  ])('are left out by guess: %s', async (_, name, bytes) => {
    expect(sessionTimes(await open(name, bytes))).toEqual(TIMES);
  });

  it('are left out by what a dataset.yaml says, in times, lists and matrices', async () => {
    const holes = Float64Array.from([...ALL_TIMES, Number.NaN]);
    const labels = [...ALL_LABELS, 3];
    const bytes = npz({ t: holes, n: labels, m: filledUp(TIMES, -5) });
    for (const spikes of [
      { times: 'a.npz#t', neurons: 'a.npz#n', relabel: true, padding: 'nan' },
      { lists: 'a.npz#m', axes: ['neurons', 'spikes'], padding: -5 },
    ])
      expect(sessionTimes(await openDescribed({ spikes }, { 'a.npz': bytes }))).toEqual(TIMES);
    const yaml = 'spikes: {times: a.npz#t, neurons: a.npz#n, relabel: true, padding: .nan}';
    const { notes } = await openDescribed(yaml, { 'a.npz': bytes });
    expect(notes).toContain(
      'Spike times that are NaN stand for no spike and are left out (1 of 273).',
    );
  });

  it('are an error where nothing says that they are none, with what to write', async () => {
    const bytes = npz({ t: [0.5, Number.NaN, 1], n: [0, 0, 1] });
    const spikes = { times: 'a.npz#t', neurons: 'a.npz#n' };
    expect(await rejection(openDescribed({ spikes }, { 'a.npz': bytes }))).toContain(
      'Spike 1 of neuron 0 is at NaN, but spike times should be numbers: where NaN stands for no spike, set spikes.padding: nan',
    );
  });
});

describe('whole numbers as spike times', () => {
  const inUnit = (unit: number) => ALL_TIMES.map((time) => Math.round(time / unit));

  it('are milliseconds where neurons fire at shorter intervals than samples allow', async () => {
    const { rawDescription, recording } = await open(
      'a.npz',
      npz({ spike_times: inUnit(1e-3), unit: ALL_LABELS }),
    );
    expect(rawDescription).toMatchObject({ spikes: { unit: 'ms' } });
    expect(spikeTimes(recording.trials[0]!)).toEqual(TIMES);
  });

  it('are samples where the file states a rate', async () => {
    for (const rate of ['fs', 'sampling_rate', 'sampleRate']) {
      const bytes = npz({ times: inUnit(1 / 20_000), unit: ALL_LABELS, [rate]: [20_000] });
      expect(sessionTimes(await open('a.npz', bytes))).toEqual(TIMES);
    }
  });

  it('are a question where both are plausible, and right as soon as it is answered', async () => {
    const bytes = npz({ spike_times: inUnit(1 / 30_000), unit: ALL_LABELS });
    const message = await rejection(open('a.npz', bytes));
    const advised = advisedYaml(message);
    expect(advised.map((yaml) => /unit: ([\w/]+)/.exec(yaml)?.[1])).toEqual(['ms', '1/30000']);
    expect(sessionTimes(await openDescribed(advised[1]!, { 'a.npz': bytes }))).toEqual(TIMES);
  });

  it('have the unit that their name states', async () => {
    for (const [name, unit] of [
      ['spike_times_ms', 1e-3],
      ['spikeTimesUs', 1e-6],
      ['spike_times_sec', 1],
    ] as const) {
      const bytes = npz({ [name]: ALL_TIMES.map((time) => time / unit), unit: ALL_LABELS });
      const times = sessionTimes(await open('a.npz', bytes));
      expect(times.map(({ length }) => length)).toEqual(TIMES.map(({ length }) => length));
      expect(times[0]![0]).toBeCloseTo(TIMES[0]![0]!, 6);
    }
  });
});

describe('axes', () => {
  /** Counts of five neurons in 40 bins. */
  const COUNTS = TRAINS.map((train) =>
    Array.from({ length: 40 }, (_, bin) => train.filter((time) => Math.floor(time) === bin).length),
  );
  const spikes = Array.from({ length: 40 }, (_, n) => n / 10);

  it.each<[string, Uint8Array]>([
    ['ids of the neurons', npz({ spike_counts: transposed(COUNTS), unit_ids: LABELS })],
    ['times of the bins', npz({ spike_counts: COUNTS, time: spikes.map((t) => t ** 2) })],
    ['names of channels', npz({ spike_counts: transposed(COUNTS), channel: LABELS })],
  ])('are known by the lengths of other arrays: %s', async (_, bytes) => {
    const message = await rejection(open('a.npz', bytes));
    expect(message).not.toContain('nothing says which axis is which');
    const [yaml] = advisedYaml(message);
    const { recording } = await openDescribed(`spikes: ${yaml}`, { 'a.npz': bytes });
    expect(recording.neurons).toBe(5);
    expect(spikeCounts(recording.trials[0]!)).toEqual(COUNTS);
  });

  it('are a question where nothing says which is which', async () => {
    const bytes = npz({ spike_counts: transposed(COUNTS) });
    expect(await rejection(open('a.npz', bytes))).toContain(
      'if each column is a bin instead of a neuron, axes: [neurons, bins]',
    );
    const square = COUNTS.slice(0, 5).map((row) => row.slice(0, 5));
    const clocked = npz({ spike_counts: square, time: [0, 0.1, 0.2, 0.3, 0.4] });
    const message = await rejection(open('a.npz', clocked));
    const advised = await Promise.all(
      advisedYaml(message).map((yaml) => openDescribed(yaml, { 'a.npz': clocked })),
    );
    expect(advised.map(({ recording }) => spikeCounts(recording.trials[0]!))).toEqual([
      square,
      transposed(square),
    ]);
  });
});

describe('labels of clusters', () => {
  const PHY = {
    'spike_times.npy': encodeNpy(
      ALL_TIMES.map((time) => Math.round(time * 30_000)),
      [ALL_TIMES.length],
    ),
    'spike_clusters.npy': encodeNpy(ALL_LABELS, [ALL_LABELS.length]),
    'params.py': 'sample_rate = 30000\n',
  };
  const table = (column: string, labels: Record<number, string>, id = 'cluster_id') =>
    `${id}\t${column}\n${Object.entries(labels)
      .map((row) => row.join('\t'))
      .join('\n')}\n`;

  it.each<[string, Record<string, string>, string[]]>([
    [
      'by hand before those of Kilosort',
      {
        'cluster_group.tsv': table('group', { 3: 'noise', 7: 'good' }),
        'cluster_KSLabel.tsv': table('KSLabel', {
          3: 'good',
          7: 'mua',
          8: 'good',
          20: 'mua',
          21: 'mua',
        }),
      },
      ['7', '8'],
    ],
    [
      'of the table of an early version',
      { 'cluster_groups.csv': table('group', { 3: 'good', 7: 'mua', 8: 'noise' }) },
      ['3'],
    ],
    [
      'of the complete table, whose groups are empty where nobody has looked',
      {
        'cluster_info.tsv':
          'id\tKSLabel\tgroup\n3\tgood\t\n7\tmua\tgood\n8\tgood\tnoise\n20\tmua\t\n21\tmua\t\n',
      },
      ['3', '7'],
    ],
    [
      'that are only of noise',
      { 'cluster_group.tsv': table('group', { 8: 'noise', 21: 'noise' }) },
      ['3', '7', '20'],
    ],
  ])('are those %s', async (_, files, expected) => {
    const { names, recording, rawDescription } = await openDataset(
      writeFolder({ ...PHY, ...files }),
    );
    expect(names).toEqual(expected);
    expect(spikeTimes(recording.trials[0]!)[0]).toEqual(TIMES[LABELS.indexOf(Number(expected[0]))]);
    const again = await openDescribed(rawDescription, { ...PHY, ...files });
    expect(again.names).toEqual(expected);
  });

  it.each([
    ['25000 * 1.2', 30_000],
    ['3e4', 30_000],
    ['60_000 / 2', 30_000],
    ['30000.  # Hz', 30_000],
  ])('go with a sampling rate written as %s', async (expression, rate) => {
    const params = { ...PHY, 'params.py': `sample_rate = ${expression}\n` };
    const { rawDescription } = await openDataset(writeFolder(params));
    expect(rawDescription).toMatchObject({ spikes: { unit: `1/${rate}` } });
  });

  it('need a sampling rate that is a number', async () => {
    const folder = writeFolder({ ...PHY, 'params.py': 'sample_rate = header.rate\n' });
    expect(await rejection(openDataset(folder))).toContain(
      'but the sample_rate in params.py, header.rate, is not a number',
    );
  });
});

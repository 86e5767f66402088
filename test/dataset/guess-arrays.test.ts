import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/formats/npy.js';
import { encodeNpz } from '../../src/formats/npz.js';
import { encodeNwb } from '../../src/formats/write-nwb.js';
import { openDataset } from '../../src/node/dataset.js';
import { spikeCounts, spikeTimes, useFolders } from '../helpers/dataset.js';
import { matlabFile } from '../helpers/matlab.js';

const writeFolder = useFolders();

/** Opens one file of a folder, which may contain others. */
async function openOne(name: string, bytes: Uint8Array | string, otherFiles = {}) {
  return openDataset(join(writeFolder({ [name]: bytes, ...otherFiles }), name));
}

const f64 = (...values: number[]) => ({ data: Float64Array.from(values) });
const i32 = (...values: number[]) => ({ data: Int32Array.from(values) });

describe('a file without a dataset.yaml', () => {
  it('with times and neurons is recognized, in milliseconds where rates in seconds are implausible', async () => {
    const times = Array.from({ length: 40 }, (_, n) => 50 * n);
    const bytes = encodeNpz({
      spiketimes: f64(...times),
      neuron_ids: i32(...times.map((_, n) => n % 2)),
    });
    const { recording, notes, guessed, rawDescription: raw } = await openOne('a.npz', bytes);
    expect(guessed).toBe(true);
    expect(raw).toMatchObject({ spikes: { times: 'a.npz#spiketimes', unit: 'ms' } });
    expect(recording.neurons).toBe(2);
    expect(recording.trials[0]!.duration).toBeCloseTo(1.95);
    expect(notes.join()).toContain(
      'Spike times look like ms: read as seconds, neurons would fire at 0.010 Hz on average; read as ms, at 10 Hz.',
    );
  });

  it('with times, neurons and trials has trials, their length, and variables with one value for each', async () => {
    const bytes = encodeNpz({
      trials: i32(0, 0, 1),
      neurons: i32(0, 1, 0),
      times: f64(0.1, 0.2, 0.3),
      tmax: f64(0.5),
      choice: i32(1, 2),
    });
    const { trials } = (await openOne('a.npz', bytes)).recording;
    expect(trials.map(spikeTimes)).toEqual([
      [[0.1], [0.2]],
      [[0.3], []],
    ]);
    expect(trials.map(({ duration }) => duration)).toEqual([0.5, 0.5]);
    expect(trials[1]!.variables.choice!.values[0]).toBe(2);
  });

  it('whose trials begin before 0 on their clocks keeps all spikes', async () => {
    const bytes = encodeNpz({
      times: f64(-0.93, 0.2, 0.4, -0.5, 0.1),
      neurons: i32(0, 1, 0, 1, 0),
      trials: i32(0, 0, 0, 1, 1),
    });
    const { recording, notes } = await openOne('a.npz', bytes);
    expect(recording.trials.map(spikeTimes)).toEqual([
      [[0.07, 1.4], [1.2]],
      [[1.1], [0.5]],
    ]);
    expect(notes).toContain(
      'Trials are assumed to begin at -1 s on their clocks, just before the earliest spike.',
    );
    const ended = encodeNpz({
      times: f64(-0.9, 1.4, 1.8, 0.2),
      neurons: i32(0, 1, 0, 1),
      trials: i32(0, 0, 1, 1),
      tmax: f64(2),
    });
    const [trial] = (await openOne('b.npz', ended)).recording.trials;
    expect(trial!.duration).toBeCloseTo(2.9);
    expect(spikeTimes(trial!)).toEqual([[0], [2.3]]);
  });

  it('whose times increase from trial to trial is one session', async () => {
    const times = Array.from({ length: 100 }, (_, n) => n);
    const bytes = encodeNpz({
      times: f64(...times),
      unit: i32(...times.map((n) => n % 4)),
      trial: i32(...times.map((n) => Math.floor(n / 10))),
    });
    const { recording, notes } = await openOne('a.npz', bytes);
    expect(recording.trials).toHaveLength(1);
    expect(recording.trials[0]!.duration).toBeCloseTo(99);
    expect(notes.join()).toContain('Spike times increase from trial to trial');
  });

  it('with cells within cells notes that each inner cell is read as a neuron', async () => {
    const file = matlabFile({
      spikes: [
        [
          [0.1, 0.5],
          [0.2, 0.3],
        ],
        [[0.4, 0.6]],
      ],
    });
    const { recording, notes } = await openOne('x.mat', file);
    expect(recording.neurons).toBe(3);
    expect(notes).toContain(
      'spikes/*/* is an array of cells within cells: each of the 3 inner cells is read as a neuron.',
    );
  });

  it('with an empty cell and times out of order is read', async () => {
    const file = matlabFile({ spikes: [[0.5, 0.1], [], [0.2, 0.3]] });
    const { recording, notes } = await openOne('x.mat', file);
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.5], [], [0.2, 0.3]]);
    expect(notes.join()).toContain(
      'Spike times that were not in order are sorted (1 of 3 neurons).',
    );
  });

  it('with names of units has neurons in the order of the names', async () => {
    const { recording, notes } = await openOne('s.csv', 'unit,time\nb,0.5\na,0.1\na,0.7\n');
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.7], [0.5]]);
    expect(notes.join()).toContain('The values in unit are labels');
  });

  it('with one array of times, and how many each neuron has, is recognized', async () => {
    const bytes = encodeNpz({ spikes: f64(0.1, 0.2, 0.9), sCount: i32(2, 1) });
    const { recording } = await openOne('a.npz', bytes);
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.2], [0.9]]);
  });

  it('whose clock started long before has its session start where it was recorded', async () => {
    const file = matlabFile({ units: [{ time: [4397.5, 4398] }, { time: [4399.25, 4400] }] });
    const { recording, notes } = await openOne('u.mat', file);
    expect(spikeTimes(recording.trials[0]!)).toEqual([
      [0.5, 1],
      [2.25, 3],
    ]);
    expect(notes).toEqual([
      'Nothing was recorded before 4397.5 s, so the session starts at 4397 s.',
    ]);
  });

  it('of a short recording starts at 0, of which nothing is noted', async () => {
    const file = matlabFile({ units: [{ time: [0.5, 4] }, { time: [0.75, 3] }] });
    const { recording, notes, rawDescription: raw } = await openOne('u.mat', file);
    expect(spikeTimes(recording.trials[0]!)).toEqual([
      [0.5, 4],
      [0.75, 3],
    ]);
    expect(notes).toEqual([]);
    expect(raw).not.toHaveProperty('start');
  });

  it('notes which of its arrays are not used', async () => {
    const times = Array.from({ length: 40 }, (_, n) => n);
    const bytes = encodeNpz({
      times: f64(...times),
      unit: i32(...times.map((n) => n % 4)),
      speed: f64(1, 2, 3),
      rate: f64(30),
    });
    const { notes } = await openOne('a.npz', bytes);
    expect(notes).toContain(
      'Arrays that were not recognized and are not used: speed [3]. To read speed, add under variables in a dataset.yaml: speed: {data: a.npz#speed, dt: 0.05}, where dt is the seconds from one sample to the next.',
    );
  });

  it('that is one array of fluorescence is rejected with the keys to write', async () => {
    const bytes = encodeNpy(
      Float32Array.from({ length: 40 }, (_, n) => n / 7),
      [4, 10],
    );
    await expect(openOne('F.npy', bytes)).rejects.toThrow(
      "such as spikes: {traces: 'F.npy', axes: [neurons, bins], dt: 0.05, event: {above: 3, in: deviations}}, where dt is the bin width in seconds; nothing says which axis is which, so if each row is a bin instead of a neuron, axes: [bins, neurons].",
    );
  });

  it('with counts and a clock has the other arrays of that length as variables', async () => {
    const file = matlabFile({
      spikes: {
        rows: [
          [0, 1, 0, 2],
          [1, 0, 0, 0],
        ],
      },
      time: [2, 2.1, 2.2, 2.3],
      hand: {
        rows: [
          [1, 2, 3, 4],
          [5, 6, 7, 8],
        ],
      },
    });
    const { recording } = await openOne('m.mat', file);
    expect(spikeCounts(recording.trials[0]!)).toEqual([
      [0, 1, 0, 2],
      [1, 0, 0, 0],
    ]);
    expect(Object.keys(recording.trials[0]!.variables)).toEqual(['hand_x', 'hand_y']);
    expect([...Array.from<number | string>(recording.trials[0]!.variables.hand_y!.values)]).toEqual(
      [5, 6, 7, 8],
    );
  });

  it.each<[string, Uint8Array, string]>([
    [
      'counts without a clock',
      matlabFile({
        spikes: {
          rows: [
            [0, 1, 0],
            [1, 0, 0],
          ],
        },
      }),
      'x.mat: spikes [2 x 3] looks like spike counts, but the bin width is not given',
    ],
    [
      'several arrays that could be spikes',
      matlabFile({
        Qrun: {
          rows: [
            [0, 1],
            [1, 0],
          ],
        },
        Qrem: {
          rows: [
            [0, 1],
            [1, 0],
          ],
        },
      }),
      'x.mat contains several arrays that could be spikes: Qrun [2 x 2], Qrem [2 x 2]. Put a dataset.yaml beside it',
    ],
    [
      'a matrix of events',
      matlabFile({
        allEventsMat: {
          rows: [
            [0, 0.5],
            [0.25, 0],
          ],
        },
      }),
      "such as spikes: {traces: 'x.mat#allEventsMat'",
    ],
    [
      'nothing that looks like spikes',
      matlabFile({ a: [1, 2] }),
      'x.mat contains no spikes that can be recognized',
    ],
  ])('with %s is rejected with a message that says what to write', async (_, bytes, message) => {
    await expect(openOne('x.mat', bytes)).rejects.toThrow(message);
  });

  it('is read by the dataset.yaml beside it if that refers to it', async () => {
    const bytes = encodeNpz({ a: f64(1, 2), b: i32(0, 1) });
    const yaml = "spikes: {times: 'x.npz#a', neurons: 'x.npz#b'}";
    const { guessed, recording } = await openOne('x.npz', bytes, { 'dataset.yaml': yaml });
    expect(guessed).toBe(false);
    expect(recording.neurons).toBe(2);
  });

  it('is read if it is the only one of its folder, and has to be named otherwise', async () => {
    const bytes = encodeNpz({ spikes: f64(0.1, 0.9), sCount: i32(1, 1) });
    const { recording } = await openDataset(writeFolder({ 'a.npz': bytes, 'notes.txt': 'x' }));
    expect(recording.neurons).toBe(2);
    await expect(openDataset(writeFolder({ 'a.npz': bytes, 'b.npz': bytes }))).rejects.toThrow(
      'Give the path of one of its files to see what that contains: a.npz, b.npz.',
    );
  });
});

describe('a phy folder', () => {
  const PHY = {
    'spike_times.npy': encodeNpy(Float64Array.of(3000, 6000, 9000, 12000, 15000), [5]),
    'spike_clusters.npy': encodeNpy(Int32Array.of(40, 7, 12, 40, 7), [5]),
    'params.py': "dat_path = 'raw.dat'\nsample_rate = 30000.\n",
  };
  // The table is not sorted, and lists a cluster that has no spikes.
  const group = 'cluster_id\tgroup\n40\tgood\n7\tnoise\n12\tgood\n3\tgood\n';

  it('gives the clusters labeled good, with times converted from samples to seconds', async () => {
    const folder = writeFolder({ ...PHY, 'cluster_group.tsv': group });
    for (const path of [folder, join(folder, 'spike_times.npy')]) {
      const { recording, names, notes, guessed } = await openDataset(path);
      expect(guessed).toBe(true);
      expect(names).toEqual(['12', '40']);
      expect(spikeTimes(recording.trials[0]!)).toEqual([[0.3], [0.1, 0.4]]);
      expect(notes).toContain(
        'spikes.keep selects 2 of 3 neurons; they are renumbered from 0 in that order.',
      );
    }
  });

  it('uses the labels of Kilosort where phy has saved none, and sample rates as Python writes them', async () => {
    const labels = 'cluster_id\tKSLabel\n40\tgood\n7\tmua\n12\tmua\n';
    for (const file of ['cluster_group.tsv', 'cluster_KSLabel.tsv']) {
      for (const rate of ['3e4', '30_000.0', '3E+4']) {
        const params = `dtype = 'int16'\nsample_rate = ${rate}  # Hz\n`;
        const { recording, names } = await openDataset(
          writeFolder({ ...PHY, [file]: labels, 'params.py': params }),
        );
        expect(names).toEqual(['40']);
        expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.4]]);
      }
    }
  });

  it('is opened again by the path that a run stores, and by a dataset.yaml once there is one', async () => {
    const folder = writeFolder({ ...PHY, 'cluster_group.tsv': group });
    const { path } = await openDataset(folder);
    expect((await openDataset(path)).names).toEqual(['12', '40']);
    const all = 'spikes: {times: spike_times.npy, neurons: spike_clusters.npy, relabel: true}\n';
    writeFileSync(join(folder, 'dataset.yaml'), all);
    expect((await openDataset(path)).names).toEqual(['7', '12', '40']);
  });

  it('gives all clusters where none is labeled, and needs its sample rate', async () => {
    const { names, notes } = await openDataset(writeFolder(PHY));
    expect(names).toEqual(['7', '12', '40']);
    expect(notes[0]).toBe(
      'All clusters are used, because no cluster_group.tsv, cluster_info.tsv or cluster_KSLabel.tsv labels the good ones.',
    );
    const { 'params.py': _, ...withoutRate } = PHY;
    await expect(openDataset(writeFolder(withoutRate))).rejects.toThrow(
      'no params.py with a sample_rate',
    );
  });
});

describe('an NWB file', () => {
  const series = (name: string, values: number[]) => ({
    name,
    description: '',
    unit: 'cm',
    data: Float64Array.from(values),
    timestamps: Float64Array.from(values, (_, n) => n / 10),
  });

  it('gives its units, its trials and its series of behavior', async () => {
    const folder = writeFolder({});
    writeFileSync(
      join(folder, 'a.nwb'),
      await encodeNwb({
        description: 'written by a test',
        started: '2026-01-01T00:00:00Z',
        units: [Float64Array.of(0.1, 0.5), new Float64Array(0), Float64Array.of(0.7)],
        trials: {
          starts: Float64Array.of(0, 0.6),
          stops: Float64Array.of(0.6, 1),
          columns: [],
        },
        series: [series('position', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])],
      }),
    );
    const { recording, units } = await openDataset(join(folder, 'a.nwb'));
    expect(recording.trials.map(spikeTimes)).toEqual([
      [[0.1, 0.5], [], []],
      [[], [], [0.1]],
    ]);
    expect(units).toEqual({ position: 'cm' });
    expect([
      ...Array.from<number | string>(recording.trials[1]!.variables.position!.values),
    ]).toEqual([7, 8, 9, 10]);
  });

  it('names its units by unit_name, or by ids that differ from their indices', async () => {
    const folder = writeFolder({});
    const namesOf = async (names: string[]) => {
      writeFileSync(
        join(folder, 'a.nwb'),
        await encodeNwb({
          description: 'written by a test',
          started: '2026-01-01T00:00:00Z',
          units: [Float64Array.of(0.1), Float64Array.of(0.2)],
          names,
        }),
      );
      return (await openDataset(join(folder, 'a.nwb'))).names;
    };
    expect(await namesOf(['CA1 3', 'CA1 8'])).toEqual(['CA1 3', 'CA1 8']);
    expect(await namesOf(['0', '1'])).toBeUndefined();
  });

  it('without units or traces is rejected', async () => {
    const folder = writeFolder({});
    writeFileSync(
      join(folder, 'a.nwb'),
      await encodeNwb({
        description: 'written by a test',
        started: '2026-01-01T00:00:00Z',
        series: [series('position', [1, 2, 3])],
      }),
    );
    await expect(openDataset(join(folder, 'a.nwb'))).rejects.toThrow(
      'a.nwb contains neither units with spike times nor traces of neurons, so there are no spikes to train on.',
    );
  });
});

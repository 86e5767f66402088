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

async function openOne(name: string, bytes: Uint8Array | string, more = {}) {
  return openDataset(join(writeFolder({ [name]: bytes, ...more }), name));
}

const f64 = (...values: number[]) => ({ data: Float64Array.from(values) });
const i32 = (...values: number[]) => ({ data: Int32Array.from(values) });

describe('a file that nobody described', () => {
  it('with times and neurons is understood, and in milliseconds where seconds make no sense', async () => {
    const times = Array.from({ length: 40 }, (_, n) => 50 * n);
    const bytes = encodeNpz({
      spiketimes: f64(...times),
      neuron_ids: i32(...times.map((_, n) => n % 2)),
    });
    const { recording, notes, guessed, raw } = await openOne('a.npz', bytes);
    expect(guessed).toBe(true);
    expect(raw).toMatchObject({ spikes: { times: 'a.npz#spiketimes', unit: 'ms' } });
    expect(recording.neurons).toBe(2);
    expect(recording.trials[0]!.duration).toBeCloseTo(1.95);
    expect(notes.join()).toContain(
      'Times look like ms: as seconds, a neuron would fire 0.010 Hz, as ms 10 Hz.',
    );
  });

  it('with times, neurons and trials has trials, their length, and what each has one value of', async () => {
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

  it('whose trials begin before their clocks are at 0 keeps all spikes', async () => {
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
      'Trials are taken to begin at -1 s of their clocks, with the first spike.',
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

  it('whose times go on from trial to trial is one session', async () => {
    const times = Array.from({ length: 100 }, (_, n) => n);
    const bytes = encodeNpz({
      times: f64(...times),
      unit: i32(...times.map((n) => n % 4)),
      trial: i32(...times.map((n) => Math.floor(n / 10))),
    });
    const { recording, notes } = await openOne('a.npz', bytes);
    expect(recording.trials).toHaveLength(1);
    expect(recording.trials[0]!.duration).toBeCloseTo(99);
    expect(notes.join()).toContain('Times go on from trial to trial');
  });

  it('with a table of cells is refused, as nothing says what its columns are', async () => {
    const cells = matlabFile({ spikes: [[0.1, 0.2], [0.3], [0.1], [0.4]] });
    // The shape of the cell is its second element: two rows of two.
    const at = cells.indexOf(1, 160);
    expect(at).toBeGreaterThan(0);
    const view = new DataView(cells.buffer);
    for (let n = 128; n < 200; n += 4)
      if (view.getUint32(n, true) === 1 && view.getUint32(n + 4, true) === 4) {
        view.setUint32(n, 2, true);
        view.setUint32(n + 4, 2, true);
        break;
      }
    await expect(openOne('x.mat', cells)).rejects.toThrow('spikes/* is a table of cells, 4 in all');
  });

  it('with cells within cells says that each is taken for a neuron', async () => {
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
      'spikes/*/* is cells within cells: each of the 3 is taken for a neuron.',
    );
  });

  it('with an empty cell, and times out of order, is read', async () => {
    const file = matlabFile({ spikes: [[0.5, 0.1], [], [0.2, 0.3]] });
    const { recording, notes } = await openOne('x.mat', file);
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.5], [], [0.2, 0.3]]);
    expect(notes.join()).toContain('were not in order');
  });

  it('that is a table of texts and times has its units numbered', async () => {
    const { recording, notes } = await openOne('s.csv', 'unit,time\nb,0.5\na,0.1\na,0.7\n');
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.7], [0.5]]);
    expect(notes.join()).toContain('labels');
  });

  it('with one long list and how many each neuron has is understood', async () => {
    const bytes = encodeNpz({ spikes: f64(0.1, 0.2, 0.9), sCount: i32(2, 1) });
    const { recording } = await openOne('a.npz', bytes);
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.2], [0.9]]);
  });

  it('whose clock began long before has its session begin where it was recorded', async () => {
    const file = matlabFile({ units: [{ time: [4397.5, 4398] }, { time: [4399.25, 4400] }] });
    const { recording, notes } = await openOne('u.mat', file);
    expect(spikeTimes(recording.trials[0]!)).toEqual([
      [0.5, 1],
      [2.25, 3],
    ]);
    expect(notes).toEqual(['Nothing was recorded before 4397.5 s: the session begins at 4397 s.']);
  });

  it('says which of its arrays nothing was made of', async () => {
    const times = Array.from({ length: 40 }, (_, n) => n);
    const bytes = encodeNpz({
      times: f64(...times),
      unit: i32(...times.map((n) => n % 4)),
      speed: f64(1, 2, 3),
      rate: f64(30),
    });
    const { notes } = await openOne('a.npz', bytes);
    expect(notes).toContain(
      'Not read, as nothing says what they are: speed [3]. What is behaviour, name under variables of a dataset.yaml.',
    );
  });

  it('that is one array of fluorescence is refused with the lines it needs', async () => {
    const bytes = encodeNpy(
      Float32Array.from({ length: 40 }, (_, n) => n / 7),
      [4, 10],
    );
    await expect(openOne('F.npy', bytes)).rejects.toThrow(
      "such as: spikes: {traces: 'F.npy', axes: [neurons, bins], dt: 0.05, event: {above: 3, in: deviations}}, where dt is the seconds of a bin.",
    );
  });

  it('with counts and a clock has what was recorded beside them as variables', async () => {
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
      'x.mat: spikes [2 x 3] looks like spike counts, but nothing says how long a bin is',
    ],
    [
      'several things that could be spikes',
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
      'x.mat holds several things that could be spikes: Qrun [2 x 2], Qrem [2 x 2]. Put a dataset.yaml beside it',
    ],
    [
      'events as numbers',
      matlabFile({
        allEventsMat: {
          rows: [
            [0, 0.5],
            [0.25, 0],
          ],
        },
      }),
      "such as: spikes: {traces: 'x.mat#allEventsMat'",
    ],
    ['nothing of the kind', matlabFile({ a: [1, 2] }), 'x.mat holds no spikes that could be told'],
  ])('with %s is refused with a sentence that says what to write', async (_, bytes, message) => {
    await expect(openOne('x.mat', bytes)).rejects.toThrow(message);
  });

  it('is read by the dataset.yaml beside it, where that names it', async () => {
    const bytes = encodeNpz({ a: f64(1, 2), b: i32(0, 1) });
    const yaml = "spikes: {times: 'x.npz#a', neurons: 'x.npz#b'}";
    const { guessed, recording } = await openOne('x.npz', bytes, { 'dataset.yaml': yaml });
    expect(guessed).toBe(false);
    expect(recording.neurons).toBe(2);
  });

  it('is read where it is alone in a folder, and asked for where it is not', async () => {
    const bytes = encodeNpz({ spikes: f64(0.1, 0.9), sCount: i32(1, 1) });
    const alone = await openDataset(writeFolder({ 'a.npz': bytes, 'notes.txt': 'x' }));
    expect(alone.recording.neurons).toBe(2);
    await expect(openDataset(writeFolder({ 'a.npz': bytes, 'b.npz': bytes }))).rejects.toThrow(
      'give one of its files to see what is in it: a.npz, b.npz.',
    );
  });
});

describe('a folder of phy', () => {
  const PHY = {
    'spike_times.npy': encodeNpy(Float64Array.of(3000, 6000, 9000, 12000, 15000), [5]),
    'spike_clusters.npy': encodeNpy(Int32Array.of(40, 7, 12, 40, 7), [5]),
    'params.py': "dat_path = 'raw.dat'\nsample_rate = 30000.\n",
  };
  // The table has an order of its own, and a cluster without spikes.
  const group = 'cluster_id\tgroup\n40\tgood\n7\tnoise\n12\tgood\n3\tgood\n';

  it('gives the clusters that are called good, at the times of their samples', async () => {
    const folder = writeFolder({ ...PHY, 'cluster_group.tsv': group });
    for (const path of [folder, join(folder, 'spike_times.npy')]) {
      const { recording, names, notes, guessed } = await openDataset(path);
      expect(guessed).toBe(true);
      expect(names).toEqual(['12', '40']);
      expect(spikeTimes(recording.trials[0]!)).toEqual([[0.3], [0.1, 0.4]]);
      expect(notes).toContain(
        'Of 3 neurons 2 are kept (spikes.keep), numbered from 0 in that order.',
      );
    }
  });

  it('has what Kilosort calls good before anybody has looked, and rates as Python writes them', async () => {
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

  it('is opened again by the path that a run keeps, and by a dataset.yaml once there is one', async () => {
    const folder = writeFolder({ ...PHY, 'cluster_group.tsv': group });
    const { path } = await openDataset(folder);
    expect((await openDataset(path)).names).toEqual(['12', '40']);
    const all = 'spikes: {times: spike_times.npy, neurons: spike_clusters.npy, relabel: true}\n';
    writeFileSync(join(folder, 'dataset.yaml'), all);
    expect((await openDataset(path)).names).toEqual(['7', '12', '40']);
  });

  it('has all its clusters where none is called anything, and needs its sample rate', async () => {
    const { names, notes } = await openDataset(writeFolder(PHY));
    expect(names).toEqual(['7', '12', '40']);
    expect(notes[0]).toContain('says which clusters are good, so all are used.');
    const { 'params.py': _, ...less } = PHY;
    await expect(openDataset(writeFolder(less))).rejects.toThrow(
      'no params.py that says the sample_rate',
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

  it('gives its units, its trials and its series of behaviour', async () => {
    const folder = writeFolder({});
    writeFileSync(
      join(folder, 'a.nwb'),
      await encodeNwb({
        description: 'made by a test',
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

  it('says what its units are called, by names or by numbers of their own', async () => {
    const folder = writeFolder({});
    const of = async (names: string[]) => {
      writeFileSync(
        join(folder, 'a.nwb'),
        await encodeNwb({
          description: 'made by a test',
          started: '2026-01-01T00:00:00Z',
          units: [Float64Array.of(0.1), Float64Array.of(0.2)],
          names,
        }),
      );
      return (await openDataset(join(folder, 'a.nwb'))).names;
    };
    expect(await of(['CA1 3', 'CA1 8'])).toEqual(['CA1 3', 'CA1 8']);
    expect(await of(['0', '1'])).toBeUndefined();
  });

  it('without units or traces is refused', async () => {
    const folder = writeFolder({});
    writeFileSync(
      join(folder, 'a.nwb'),
      await encodeNwb({
        description: 'made by a test',
        started: '2026-01-01T00:00:00Z',
        series: [series('position', [1, 2, 3])],
      }),
    );
    await expect(openDataset(join(folder, 'a.nwb'))).rejects.toThrow(
      'a.nwb holds no units with spike times and no traces of neurons: it cannot be trained on.',
    );
  });
});

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drivenDataset, hubDataset } from '../../src/dataset/simulated.js';
import { encodeNpy } from '../../src/formats/npy.js';
import { encodeNpz } from '../../src/formats/npz.js';
import { mean } from '../../src/math/statistics.js';
import { openDataset } from '../../src/node/dataset.js';
import { simulateHub } from '../../src/simulate/hub.js';
import { simulateInputs } from '../../src/simulate/inputs.js';
import { datasetOpener, spikeCounts, spikeTimes, useFolders } from '../helpers/dataset.js';

const writeFolder = useFolders();

const ARRAYS = {
  'a.npz': encodeNpz({
    times: { data: Float64Array.of(300, 100, 200, 150) },
    neurons: { data: Int32Array.of(0, 2, 0, 2) },
    speed: { data: Float32Array.of(1, 2, 3) },
    when: { data: Float64Array.of(0, 0.1, 0.25) },
    starts: { data: Float64Array.of(0, 200) },
    stops: { data: Float64Array.of(200, 400) },
    ids: { data: Int32Array.of(4, 9) },
  }),
  'counts.npy': encodeNpy(Uint8Array.of(0, 1, 2, 0, 0, 1), [2, 3]),
  'fields.npy': encodeNpy(new Float32Array(12), [3, 2, 2]),
  'frames.npy': encodeNpy(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), [2, 2, 2]),
};
const SPIKES = { times: 'a.npz#times', neurons: 'a.npz#neurons', unit: 'ms' };

const open = datasetOpener(writeFolder, ARRAYS);

describe('a dataset folder', () => {
  it('gives the spikes of each neuron in seconds and sorted, silent neurons included', async () => {
    const { recording } = await open({ spikes: { ...SPIKES, count: 4 }, duration: 0.4 });
    const [trial] = recording.trials;
    expect(trial!.duration).toBe(0.4);
    expect(spikeTimes(trial!)).toEqual([[0.2, 0.3], [], [0.1, 0.15], []]);
  });

  it('keeps the neurons that are listed by index, or selected by a value of each', async () => {
    const values = encodeNpz({
      good: { data: Float64Array.of(1, Number.NaN, 1) },
      rows: { data: Float64Array.of(0, 9, 1, 9, 1, 9), shape: [3, 2] },
    });
    const quality = 'quality\ngood\nnoise\ngood\n';
    const files = { 'values.npz': values, 'units.csv': quality };
    const openWithKeep = async (keep: unknown) => {
      const { recording, notes } = await open({ spikes: { ...SPIKES, keep }, duration: 1 }, files);
      return { times: spikeTimes(recording.trials[0]!), notes };
    };
    const [neuron0, neuron2] = [
      [0.2, 0.3],
      [0.1, 0.15],
    ];
    expect((await openWithKeep([2, 1])).times).toEqual([neuron2, []]);
    expect((await openWithKeep({ by: 'values.npz#good' })).times).toEqual([neuron0, neuron2]);
    expect((await openWithKeep({ by: 'values.npz#rows[:,0]', values: [0] })).times).toEqual([
      neuron0,
    ]);
    const { times, notes } = await openWithKeep({ by: 'units.csv#quality', values: ['good'] });
    expect(times).toEqual([neuron0, neuron2]);
    expect(notes).toContain(
      'spikes.keep selects 2 of 3 neurons; they are renumbered from 0 in that order.',
    );
    const counts = { counts: 'counts.npy', dt: 0.2, keep: [1] };
    const { recording } = await open({ spikes: counts }, files);
    expect(spikeCounts(recording.trials[0]!)).toEqual([[0, 0, 1]]);
  });

  it('leaves out neurons with fewer spikes than it should have', async () => {
    const names = async (spikes: object) => {
      const dataset = await open({ spikes, duration: 1 });
      return [dataset.names, dataset.notes] as const;
    };
    const silent = { ...SPIKES, count: 4 };
    const [kept, notes] = await names({ ...silent, min_spikes: 1 });
    expect(kept).toEqual(['0', '2']);
    expect(notes).toContain(
      'Neurons with fewer spikes than spikes.min_spikes, 1, are left out (2 of 4).',
    );
    const counts = { counts: 'counts.npy', dt: 0.2 };
    const { recording } = await open({ spikes: { ...counts, min_spikes: 2 } });
    expect(recording.trials.map(spikeCounts)).toEqual([[[0, 1, 2]]]);
    // Among those that are kept.
    expect((await names({ ...silent, keep: [2, 1, 0], min_spikes: 1 }))[0]).toEqual(['2', '0']);
    expect((await names({ ...SPIKES, keep: [0, 2], min_spikes: 1 }))[0]).toEqual(['0', '2']);
  });

  it('keeps the neurons with the most spikes', async () => {
    const counts = { counts: 'counts.npy', dt: 0.2 };
    const { recording, notes } = await open({ spikes: { ...counts, max_neurons: 1 } });
    expect(recording.trials.map(spikeCounts)).toEqual([[[0, 1, 2]]]);
    expect(notes).toContain(
      'spikes.max_neurons keeps 1 of 2 neurons, those with the most spikes (3 of 4).',
    );
    // Of equals the first one, among those that are kept, in the order of `keep`.
    const silent = { ...SPIKES, count: 4, min_spikes: 1 };
    for (const [keep, limit, names] of [
      [[2, 0], 1, ['2']],
      [[2, 0], 2, ['2', '0']],
      [[0, 2], 9, ['0', '2']],
      [[3, 0], 1, ['0']],
    ] as const) {
      const spikes = { ...silent, keep, max_neurons: limit };
      expect((await open({ spikes, duration: 1 })).names ?? ['0']).toEqual(names);
    }
  });

  it('accepts steps as fractions of a second', async () => {
    const { recording } = await open({
      spikes: { counts: 'counts.npy', dt: '1/5' },
      variables: { speed: { data: 'a.npz#speed', dt: '1/10' } },
      duration: '1/2',
    });
    const { spikes, variables, duration } = recording.trials[0]!;
    expect([spikes, variables.speed]).toMatchObject([{ dt: 0.2 }, { dt: 0.1 }]);
    expect(duration).toBe(0.5);
  });

  it('matches values to neurons by id, in whatever order the table is', async () => {
    const files = { 'units.tsv': 'id\tquality\n2\tgood\n1\tgood\n' };
    const keep = { by: 'units.tsv#quality', ids: 'units.tsv#id', values: ['good'] };
    const { names, notes } = await open({ spikes: { ...SPIKES, keep }, duration: 1 }, files);
    expect(names).toEqual(['1', '2']);
    expect(notes).toContain(
      'Neurons that units.tsv#id does not list, such as 0, are left out (1 of 3).',
    );
  });

  it('names neurons by an array, by their labels, or by the indices they were kept from', async () => {
    const files = { 'units.csv': 'name,shank\nLM4,7\nLM9,7\nV1-2,8\n' };
    const names = async (keys: object) =>
      (await open({ spikes: { ...SPIKES, ...keys }, duration: 1 }, files)).names;
    expect(await names({})).toBeUndefined();
    expect(await names({ keep: [0, 1, 2] })).toBeUndefined();
    expect(await names({ keep: [2, 1] })).toEqual(['2', '1']);
    expect(await names({ names: 'units.csv#name' })).toEqual(['LM4', 'LM9', 'V1-2']);
    expect(await names({ names: 'units.csv#name', keep: [2, 0] })).toEqual(['V1-2', 'LM4']);
    expect(await names({ relabel: true })).toEqual(['0', '2']);
    expect(await names({ relabel: true, count: 4 })).toEqual(['0', '2', 'unnamed 2', 'unnamed 3']);
  });

  it('gives counts, frames, variables, trials and intervals, each on its own clock', async () => {
    const { recording, units } = await open({
      name: 'everything',
      spikes: { counts: 'counts.npy', dt: 0.2 },
      frames: { data: 'frames.npy', dt: 0.1 },
      variables: {
        speed: { data: 'a.npz#speed', dt: 0.1, unit: 'cm/s' },
        pupil: { data: 'a.npz#speed', times: 'a.npz#when' },
      },
      trials: { starts: 'a.npz#starts', stops: 'a.npz#stops', ids: 'a.npz#ids', unit: 'ms' },
      intervals: { running: { starts: 'a.npz#starts', stops: 'a.npz#stops', unit: 'ms' } },
    });
    expect(recording.name).toBe('everything');
    expect(recording.trials.map(({ id, start, duration }) => [id, start, duration])).toEqual([
      [4, 0, 0.2],
      [9, 0.2, 0.2],
    ]);
    const [trial0, trial1] = recording.trials;
    expect(spikeCounts(trial1!)).toEqual([[1], [0]]);
    // Both frames, and the samples before 0.2 s, belong only to the trial that starts at 0.
    expect(trial0!.video).toMatchObject({ count: 2, height: 2, width: 2, dt: 0.1, start: 0 });
    expect(trial1!.video).toBeUndefined();
    expect(trial0!.variables.speed).toEqual({ values: [1, 2], dt: 0.1 });
    expect(trial1!.variables.speed).toEqual({ values: [3], dt: 0.1 });
    expect(units).toEqual({ speed: 'cm/s' });
    expect(recording.intervals.running).toEqual([
      { start: 0, stop: 0.2 },
      { start: 0.2, stop: 0.4 },
    ]);
  });

  it('of a simulated network is read back with its truth', async () => {
    const network = simulateHub({ neurons: 18, seconds: 5, seed: 3 });
    const { recording, truth } = await openDataset(writeFolder(hubDataset(network)));
    expect(recording.neurons).toBe(18);
    const { spikes } = recording.trials[0]!;
    expect('times' in spikes && spikes.times).toEqual(network.spikes);
    expect(truth).toEqual({
      wiring: {
        neurons: 18,
        weights: network.weights,
        strong: network.strong,
        hubs: network.hubs,
        groups: 3,
      },
    });
  });

  it('knows of a network what its truth says: without strong ones, all connections that excite', async () => {
    const weights = encodeNpy(Float64Array.of(0, 0.5, -1, 0, 0, 2, 0, 0, 0), [3, 3]);
    const files = {
      'w.npy': weights,
      'c.npy': encodeNpy(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]),
    };
    const { truth } = await open({ spikes: SPIKES, truth: { weights: 'w.npy' } }, files);
    expect(Object.keys(truth!)).toEqual(['wiring']);
    expect(truth!.wiring).toMatchObject({ hubs: [], groups: 1 });
    expect([...truth!.wiring!.strong]).toEqual([0, 1, 0, 0, 0, 1, 0, 0, 0]);
    const rates = { expected: 'c.npy', dt: 0.05 };
    const { truth: known } = await open({ spikes: SPIKES, truth: { rates } }, files);
    expect(known).toEqual({
      rates: { dt: 0.05, bins: 2, expected: Float32Array.of(1, 2, 3, 4, 5, 6) },
    });
  });

  it('has pixels in the unit of their scale and offset', async () => {
    const frames = { data: 'frames.npy', dt: 0.1, scale: 0.02, offset: -2.5 };
    const { recording } = await open({ spikes: SPIKES, frames, duration: 0.4 });
    const expected = [1, 2, 3, 4, 5, 6, 7, 8].map((level) => level * 0.02 - 2.5);
    expect(recording.trials[0]!.video!.data).toEqual(Float32Array.from(expected));
    const { recording: unscaled } = await open({
      spikes: SPIKES,
      frames: { data: 'frames.npy', dt: 0.1 },
      duration: 0.4,
    });
    expect(unscaled.trials[0]!.video!.data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  });

  it('has the condition of each trial, which may be a number, a text or missing', async () => {
    const files = {
      't.csv': 'start,stop,shown\n0,100,bars\n100,200,dots\n200,300,\n300,400,bars\n',
      'shown.npy': encodeNpy(Float64Array.of(2, 7.5, Number.NaN, 2)),
    };
    const times = { starts: 't.csv#start', stops: 't.csv#stop', unit: 'ms' };
    const conditions = async (reference: string, keep?: number[]) => {
      const trials = { ...times, conditions: reference, ...(keep && { keep }) };
      const { recording } = await open({ spikes: SPIKES, trials }, files);
      return recording.trials.map(({ condition }) => condition);
    };
    expect(await conditions('t.csv#shown')).toEqual(['bars', 'dots', undefined, 'bars']);
    expect(await conditions('shown.npy')).toEqual(['2', '7.5', undefined, '2']);
    expect(await conditions('t.csv#shown', [1, 3])).toEqual(['dots', 'bars']);
    const trials = { ...times, condition: 'dots' };
    const { recording } = await open({ spikes: SPIKES, trials }, files);
    expect(recording.trials.map(({ condition }) => condition)).toEqual(Array(4).fill('dots'));
  });

  it('keeps the trials whose values fulfill conditions, and says how many', async () => {
    const files = {
      't.csv':
        'start,stop,accuracy,movie\n0,100,1,bars\n100,200,0,dots\n200,300,,bars\n300,450,1,dots\n',
    };
    const kept = async (keep: unknown, more: object = {}) => {
      const trials = { starts: 't.csv#start', stops: 't.csv#stop', unit: 'ms', keep, ...more };
      const variables = { accuracy: { data: 't.csv#accuracy', per_trial: true } };
      const { recording, notes } = await open({ spikes: SPIKES, trials, variables }, files);
      return { ids: recording.trials.map(({ id }) => id), notes };
    };
    const accurate = await kept('accuracy == 1');
    expect(accurate.ids).toEqual([0, 3]);
    expect(accurate.notes).toContain('trials.keep selects 2 of 4 trials, by accuracy == 1.');
    const conditions = { conditions: 't.csv#movie' };
    expect((await kept(['accuracy == 1', 'condition == dots'], conditions)).ids).toEqual([3]);
    expect((await kept('duration > 0.12')).ids).toEqual([3]);
    expect((await kept('accuracy != 1')).ids).toEqual([1]);
    await expect(kept('toString == 1')).rejects.toThrow(
      'trials.keep is toString == 1, but no variable toString has one value per trial: name one of accuracy, condition, duration.',
    );
    await expect(kept('accuracy > 3')).rejects.toThrow(
      'trials.keep is accuracy > 3, but none of the 4 trials fulfills that.',
    );
    await expect(kept('accuracy')).rejects.toThrow(
      'trials.keep: "accuracy" is no condition: write a name',
    );
    await expect(kept({ accuracy: 1 })).rejects.toThrow(
      'trials.keep should be a list of trial indices or a condition such as accuracy == 1, but is {"accuracy":1}.',
    );
  });

  it('of driven neurons is read back with its inputs as frames, in standard deviations', async () => {
    const driven = simulateInputs({ neurons: 6, seconds: 20, seed: 1 });
    const { recording, truth } = await openDataset(writeFolder(drivenDataset(driven)));
    const { video } = recording.trials[0]!;
    expect(video).toMatchObject({ count: 1000, height: 1, width: 6, dt: 0.02 });
    const expected = driven.inputs.map((value) => (value - 0.5) * Math.sqrt(8));
    for (const [n, value] of video!.data.entries()) expect(value).toBeCloseTo(expected[n]!, 5);
    expect(mean(Float64Array.from(video!.data, (value) => value ** 2))).toBeCloseTo(1, 1);
    expect(truth).toEqual({ inputs: driven.map });
  });
});

describe('a dataset that cannot be used', () => {
  it.each<[string, object | string, RegExp | string]>([
    [
      'more trial ids than trials',
      {
        spikes: { counts: 'counts.npy', dt: 0.2 },
        trials: { starts: 'a.npz#starts', stops: 'a.npz#stops', ids: 'a.npz#when', unit: 'ms' },
      },
      'trials.ids has 3 values, but there are 2 trials: give one value per trial.',
    ],
    [
      'a neuron to keep that does not exist',
      { spikes: { ...SPIKES, keep: [0, 3] } },
      'spikes.keep lists index 3, but there are 3 neurons; indices start at 0.',
    ],
    [
      'a neuron to keep twice',
      { spikes: { ...SPIKES, keep: [0, 0] } },
      'spikes.keep lists neuron 0 twice.',
    ],
    [
      'more names than neurons',
      { spikes: { ...SPIKES, names: 'a.npz#times' } },
      'spikes.names: a.npz#times has 4 values, but there are 3 neurons: give one name per neuron.',
    ],
    [
      'no neuron to keep',
      { spikes: { ...SPIKES, keep: [] } },
      'spikes.keep is empty: list at least one neuron, or leave it out to keep all.',
    ],
    [
      'more values to keep neurons by than neurons',
      { spikes: { ...SPIKES, keep: { by: 'a.npz#times' } } },
      'spikes.keep.by: a.npz#times has 4 values, but there are 3 neurons: give one value per neuron, or the neuron of each value under spikes.keep.ids.',
    ],
    [
      'labeled neurons to keep by the order of a table',
      { spikes: { ...SPIKES, relabel: true, keep: { by: 'a.npz#speed' } } },
      'spikes.keep.by: neurons are identified by label here, so give the label that each value of a.npz#speed belongs to under spikes.keep.ids, such as the cluster_id column of the same table.',
    ],
    [
      'more ids than values to keep neurons by',
      { spikes: { ...SPIKES, keep: { by: 'a.npz#speed', ids: 'a.npz#times' } } },
      'spikes.keep.ids: a.npz#times has 4 values, but a.npz#speed has 3: each value needs one id.',
    ],
    [
      'a value to keep that no neuron has',
      { spikes: { ...SPIKES, keep: { by: 'a.npz#speed', values: [7, 'good'] } } },
      'spikes.keep: no neuron has any of the values 7, good in a.npz#speed; it contains 1, 2, 3.',
    ],
    [
      'more spikes than any neuron has',
      { spikes: { ...SPIKES, min_spikes: 3 } },
      'spikes.min_spikes is 3, but no neuron has more than 2 spikes: choose a smaller number.',
    ],
    [
      'neither indices nor values to keep',
      { spikes: { ...SPIKES, keep: 'all' } },
      'spikes.keep should be a list of neuron indices or {by: file#array, values: [...]}, but is "all".',
    ],
    ['an unknown key', { spikes: SPIKES, frame: {} }, 'frame is not known; did you mean frames?'],
    ['invalid YAML', 'spikes: [', /is not valid YAML: line \d/],
    ['no keys', '- 1', 'should contain keys with values, but is [1].'],
    [
      'no spikes',
      {},
      'spikes should have times with neurons, ends or sizes; or lists; or counts with dt; or traces with dt and event.',
    ],
    [
      'a file that does not exist',
      { spikes: { counts: 'b.npy', dt: 1 } },
      'dataset.yaml: spikes.counts: b.npy cannot be read: there is no such file.',
    ],
    [
      'an archive without the name of an array',
      { spikes: { ...SPIKES, times: 'a.npz' } },
      'dataset.yaml: spikes.times: a.npz is not an array but a group of times, neurons, speed, when, starts, stops, ids: name one of them, such as a.npz#times.',
    ],
    [
      'fewer values of spikes.neurons than spikes',
      { spikes: { ...SPIKES, neurons: 'a.npz#speed' } },
      'spikes.times has 4 values, but spikes.neurons has 3: each spike needs a neuron.',
    ],
    [
      'a neuron past the count',
      { spikes: { ...SPIKES, count: 2 } },
      'spikes.neurons: spike 1 belongs to neuron 2, but spikes.count is 2; neurons are numbered from 0.',
    ],
    [
      'times in place of neurons',
      { spikes: { ...SPIKES, neurons: 'a.npz#times', times: 'a.npz#neurons', count: 3 } },
      'spikes.neurons: spike 0 belongs to neuron 300, but spikes.count is 3; neurons are numbered from 0.',
    ],
    [
      'counts without a bin width',
      { spikes: { counts: 'counts.npy' } },
      'The bin width is missing: set spikes.dt, in seconds, such as spikes.dt: 0.01, or name the time of each bin under spikes.clock.',
    ],
    [
      'counts of one axis',
      { spikes: { counts: 'a.npz#speed', dt: 1 } },
      'spikes.counts should be a numeric array of [neurons, bins], but has shape [3]; name its axes in order under spikes.axes.',
    ],
    [
      'frames of two axes',
      { spikes: SPIKES, frames: { data: 'counts.npy', dt: 1 } },
      'frames.data should be a numeric array of [frames, height, width], but has shape [2, 3].',
    ],
    [
      'a variable of several columns',
      { spikes: SPIKES, variables: { v: { data: 'counts.npy', dt: 1 } } },
      'variables.v.data should be one-dimensional, but has shape [2, 3]: make each column a variable of its own, such as counts.npy#[:,0].',
    ],
    [
      'a variable without a clock',
      { spikes: SPIKES, variables: { v: { data: 'a.npz#speed' } } },
      'variables.v should have dt, the seconds per sample, or times.',
    ],
    [
      'more stops than starts',
      { spikes: SPIKES, trials: { starts: 'a.npz#starts', stops: 'a.npz#speed' } },
      'trials has 2 starts but 3 stops.',
    ],
    [
      'an unknown unit',
      { spikes: { ...SPIKES, unit: 'min' } },
      'spikes.unit should be s, ms, us, a number of seconds or a fraction of a second such as 1/30000, but is "min".',
    ],
    [
      'fewer conditions than trials',
      {
        spikes: SPIKES,
        trials: { starts: 'a.npz#times', conditions: 'a.npz#speed', unit: 'ms' },
      },
      'trials.conditions has 3 values, but there are 4 trials: give one value per trial.',
    ],
    [
      'a condition of each trial and one of all',
      {
        spikes: SPIKES,
        trials: { starts: 'a.npz#starts', conditions: 'a.npz#ids', condition: 'dots' },
      },
      'trials has both conditions and condition: give one of conditions or condition.',
    ],
    [
      'conditions of several columns',
      {
        spikes: SPIKES,
        trials: { starts: 'a.npz#starts', conditions: 'counts.npy', unit: 'ms' },
      },
      'trials.conditions should be a one-dimensional array with a number or a text for each trial, but has shape [2, 3].',
    ],
    [
      'hubs without weights',
      { spikes: SPIKES, truth: { hubs: 'a.npz#ids' } },
      'truth.hubs goes with weights, but truth has none: add them.',
    ],
    [
      'fields of fewer neurons',
      {
        spikes: SPIKES,
        truth: {
          fields: { energy: 'frames.npy', centers: 'counts.npy', complex: 'a.npz#speed' },
        },
      },
      'truth.fields.energy should be a numeric array of [3, height, width], but has shape [2, 2, 2].',
    ],
    [
      'seen fields of another size',
      {
        spikes: SPIKES,
        truth: {
          fields: {
            energy: 'fields.npy',
            seen: 'counts.npy',
            centers: 'counts.npy',
            complex: 'a.npz#speed',
          },
        },
      },
      'truth.fields.seen should be a numeric array of [3, 2, 2], but has shape [2, 3].',
    ],
    [
      'inputs that are no indices',
      { spikes: SPIKES, truth: { inputs: 'a.npz#when' } },
      'truth.inputs should contain indices of inputs, from 0, but contains 0.1.',
    ],
    [
      'true rates without neurons',
      { spikes: SPIKES, truth: { rates: { expected: 'a.npz#speed', dt: 0.1 } } },
      'truth.rates.expected should be a numeric array of [3, bins], but has shape [3].',
    ],
    [
      'a truth of another size',
      { spikes: SPIKES, truth: { weights: 'counts.npy', strong: 'counts.npy', hubs: 'a.npz#ids' } },
      'truth.weights should be a numeric array of [3, 3], but has shape [2, 3].',
    ],
  ])('is rejected: %s', async (_, description, message) => {
    await expect(open(description)).rejects.toThrow(message);
    await expect(open(description)).rejects.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(RecordingError|ConfigError)$/) }),
    );
  });

  it('is rejected: a folder that does not exist, and one without a description', async () => {
    await expect(openDataset('/nowhere')).rejects.toThrow(
      '/nowhere cannot be read: there is no such file or folder.',
    );
    const folder = writeFolder({ 'x.txt': 'hello' });
    await expect(openDataset(folder)).rejects.toThrow(`${folder} contains no dataset.yaml`);
    await expect(openDataset(join(folder, 'x.txt'))).rejects.toThrow(
      'x.txt contains no spikes that can be recognized by name and shape; it contains hello [0].',
    );
    const header = writeFolder({ 'h.csv': 'time,neuron\n' });
    await expect(openDataset(join(header, 'h.csv'))).rejects.toThrow(
      'h.csv has time [0], neuron [0], all without a row, so it contains no spikes.',
    );
  });
});

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hubDataset, inputsDataset } from '../../src/dataset/simulated.js';
import { encodeNpy } from '../../src/formats/npy.js';
import { encodeNpz } from '../../src/formats/npz.js';
import { openDataset } from '../../src/node/dataset.js';
import { simulateHub } from '../../src/simulate/hub.js';
import { simulateInputs } from '../../src/simulate/inputs.js';
import { opener, spikeCounts, spikeTimes, useFolders } from '../helpers/dataset.js';

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
  'frames.npy': encodeNpy(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), [2, 2, 2]),
};
const SPIKES = { times: 'a.npz#times', neurons: 'a.npz#neurons', unit: 'ms' };

const open = opener(writeFolder, ARRAYS);

describe('a dataset folder', () => {
  it('gives spikes by neuron in seconds and in order, silent neurons included', async () => {
    const { recording } = await open({ spikes: { ...SPIKES, count: 4 }, duration: 0.4 });
    const [trial] = recording.trials;
    expect(trial!.duration).toBe(0.4);
    expect(spikeTimes(trial!)).toEqual([[0.2, 0.3], [], [0.1, 0.15], []]);
  });

  it('keeps the neurons that are named by place, or by what an array says of each', async () => {
    const more = encodeNpz({
      good: { data: Float64Array.of(1, Number.NaN, 1) },
      rows: { data: Float64Array.of(0, 9, 1, 9, 1, 9), shape: [3, 2] },
    });
    const quality = 'quality\ngood\nnoise\ngood\n';
    const files = { 'more.npz': more, 'units.csv': quality };
    const kept = async (keep: unknown) => {
      const { recording, notes } = await open({ spikes: { ...SPIKES, keep }, duration: 1 }, files);
      return { times: spikeTimes(recording.trials[0]!), notes };
    };
    const [first, last] = [
      [0.2, 0.3],
      [0.1, 0.15],
    ];
    expect((await kept([2, 1])).times).toEqual([last, []]);
    expect((await kept({ by: 'more.npz#good' })).times).toEqual([first, last]);
    expect((await kept({ by: 'more.npz#rows[:,0]', values: [0] })).times).toEqual([first]);
    const { times, notes } = await kept({ by: 'units.csv#quality', values: ['good'] });
    expect(times).toEqual([first, last]);
    expect(notes).toContain(
      'Of 3 neurons 2 are kept (spikes.keep), numbered from 0 in that order.',
    );
    const counts = { counts: 'counts.npy', dt: 0.2, keep: [1] };
    const { recording } = await open({ spikes: counts }, files);
    expect(spikeCounts(recording.trials[0]!)).toEqual([[0, 0, 1]]);
  });

  it('has steps as shares of a second', async () => {
    const { recording } = await open({
      spikes: { counts: 'counts.npy', dt: '1/5' },
      variables: { speed: { data: 'a.npz#speed', dt: '1/10' } },
      duration: '1/2',
    });
    const { spikes, variables, duration } = recording.trials[0]!;
    expect([spikes, variables.speed]).toMatchObject([{ dt: 0.2 }, { dt: 0.1 }]);
    expect(duration).toBe(0.5);
  });

  it('finds what is said of neurons by what they are called, in whatever order it stands', async () => {
    const files = { 'units.tsv': 'id\tquality\n2\tgood\n1\tgood\n' };
    const keep = { by: 'units.tsv#quality', ids: 'units.tsv#id', values: ['good'] };
    const { names, notes } = await open({ spikes: { ...SPIKES, keep }, duration: 1 }, files);
    expect(names).toEqual(['1', '2']);
    expect(notes).toContain(
      'units.tsv#id does not name 1 of 3 neurons, such as 0: they are left out.',
    );
  });

  it('knows what neurons are called: by an array, by their labels, or by the places they were kept from', async () => {
    const files = { 'units.csv': 'name,shank\nLM4,7\nLM9,7\nV1-2,8\n' };
    const named = async (more: object) =>
      (await open({ spikes: { ...SPIKES, ...more }, duration: 1 }, files)).names;
    expect(await named({})).toBeUndefined();
    expect(await named({ keep: [0, 1, 2] })).toBeUndefined();
    expect(await named({ keep: [2, 1] })).toEqual(['2', '1']);
    expect(await named({ names: 'units.csv#name' })).toEqual(['LM4', 'LM9', 'V1-2']);
    expect(await named({ names: 'units.csv#name', keep: [2, 0] })).toEqual(['V1-2', 'LM4']);
    expect(await named({ relabel: true })).toEqual(['0', '2']);
    expect(await named({ relabel: true, count: 4 })).toEqual(['0', '2', 'unnamed 2', 'unnamed 3']);
  });

  it('gives counts, frames, variables, trials and intervals, each on its clock', async () => {
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
    const [first, second] = recording.trials;
    expect(spikeCounts(second!)).toEqual([[1], [0]]);
    // Both frames, and the samples before 0.2 s, belong to the first trial alone.
    expect(first!.video).toMatchObject({ count: 2, height: 2, width: 2, dt: 0.1, start: 0 });
    expect(second!.video).toBeUndefined();
    expect(first!.variables.speed).toEqual({ values: [1, 2], dt: 0.1 });
    expect(second!.variables.speed).toEqual({ values: [3], dt: 0.1 });
    expect(units).toEqual({ speed: 'cm/s' });
    expect(recording.intervals.running).toEqual([
      { start: 0, stop: 0.2 },
      { start: 0.2, stop: 0.4 },
    ]);
  });

  it('of a simulated network comes back with its truth', async () => {
    const network = simulateHub({ neurons: 18, seconds: 5, seed: 3 });
    const { recording, truth } = await openDataset(writeFolder(hubDataset(network)));
    expect(recording.neurons).toBe(18);
    const { spikes } = recording.trials[0]!;
    expect('times' in spikes && spikes.times).toEqual(network.spikes);
    expect(truth).toEqual({
      neurons: 18,
      weights: network.weights,
      strong: network.strong,
      hubs: network.hubs,
      groups: 3,
    });
  });

  it('of driven neurons comes back with its inputs as frames', async () => {
    const driven = simulateInputs({ neurons: 6, seconds: 2, seed: 1 });
    const { recording } = await openDataset(writeFolder(inputsDataset(driven)));
    const { video } = recording.trials[0]!;
    expect(video).toMatchObject({ count: 40, height: 1, width: 6, dt: 0.05 });
    expect(video!.data).toEqual(driven.inputs);
  });
});

describe('a dataset that cannot be used is refused with a sentence', () => {
  it.each<[string, object | string, RegExp | string]>([
    [
      'fewer trial numbers than trials',
      {
        spikes: { counts: 'counts.npy', dt: 0.2 },
        trials: { starts: 'a.npz#starts', stops: 'a.npz#stops', ids: 'a.npz#when', unit: 'ms' },
      },
      'trials.ids has 3 values, but there are 2 trials.',
    ],
    [
      'a kept neuron that is not there',
      { spikes: { ...SPIKES, keep: [0, 3] } },
      'spikes.keep names place 3, but there are 3 neurons, from place 0 on.',
    ],
    [
      'a neuron kept twice',
      { spikes: { ...SPIKES, keep: [0, 0] } },
      'spikes.keep names place 0 twice.',
    ],
    [
      'names of other neurons',
      { spikes: { ...SPIKES, names: 'a.npz#times' } },
      'spikes.names: a.npz#times has 4 values, but there are 3 neurons: each needs its own.',
    ],
    ['no neuron kept', { spikes: { ...SPIKES, keep: [] } }, 'spikes.keep names no neuron.'],
    [
      'values for other neurons than there are',
      { spikes: { ...SPIKES, keep: { by: 'a.npz#times' } } },
      'spikes.keep.by: a.npz#times has 4 values, but there are 3 neurons: each needs its own, or say under ids which neuron each belongs to.',
    ],
    [
      'labels kept by the order of a table',
      { spikes: { ...SPIKES, relabel: true, keep: { by: 'a.npz#speed' } } },
      'spikes.keep.by: neurons go by their labels here, so say under ids which label each value of a.npz#speed belongs to, such as the cluster_id beside it.',
    ],
    [
      'ids of another length',
      { spikes: { ...SPIKES, keep: { by: 'a.npz#speed', ids: 'a.npz#times' } } },
      'spikes.keep.ids: a.npz#times has 4 values, but a.npz#speed 3: they should belong together.',
    ],
    [
      'a value that no neuron has',
      { spikes: { ...SPIKES, keep: { by: 'a.npz#speed', values: [7, 'good'] } } },
      'spikes.keep: no neuron has one of the values 7, good in a.npz#speed; the values there are 1, 2, 3.',
    ],
    [
      'something else than places or values',
      { spikes: { ...SPIKES, keep: 'all' } },
      'spikes.keep should be a list of places or {by: file#array, values: [...]}, but is "all".',
    ],
    ['an unknown key', { spikes: SPIKES, frame: {} }, 'frame is not known; did you mean frames?'],
    ['no YAML', 'spikes: [', /is not valid YAML: line \d/],
    ['no keys', '- 1', 'should contain keys with values, but is [1].'],
    [
      'no spikes',
      {},
      'spikes should be given as times with the neurons of each or with ends or sizes, as lists of times, as counts with their dt, or as traces with an event rule.',
    ],
    [
      'a file that is not there',
      { spikes: { counts: 'b.npy', dt: 1 } },
      'dataset.yaml: spikes.counts: b.npy cannot be read: there is no such file.',
    ],
    [
      'an archive without a key',
      { spikes: { ...SPIKES, times: 'a.npz' } },
      'dataset.yaml: spikes.times: a.npz is no array but holds times, neurons, speed, when, starts, stops, ids: name one after the #.',
    ],
    [
      'fewer neurons than spikes',
      { spikes: { ...SPIKES, neurons: 'a.npz#speed' } },
      'spikes.times has 4 spikes, but spikes.neurons 3: each spike needs its neuron.',
    ],
    [
      'a neuron past the count',
      { spikes: { ...SPIKES, count: 2 } },
      'spikes.neurons: spike 1 is of neuron 2; neurons are numbered from 0 to 1.',
    ],
    [
      'neurons that are no numbers of neurons',
      { spikes: { ...SPIKES, neurons: 'a.npz#times', times: 'a.npz#neurons', count: 3 } },
      'spikes.neurons: spike 0 is of neuron 300; neurons are numbered from 0 to 2.',
    ],
    [
      'counts without their step',
      { spikes: { counts: 'counts.npy' } },
      'spikes.dt should be the seconds of a bin, but is missing, and there is no spikes.clock.',
    ],
    [
      'counts of one axis',
      { spikes: { counts: 'a.npz#speed', dt: 1 } },
      'spikes.counts should be numbers of [neurons, bins], but is [3]; say which axis is which under spikes.axes.',
    ],
    [
      'frames of two axes',
      { spikes: SPIKES, frames: { data: 'counts.npy', dt: 1 } },
      'frames.data should be numbers of [frames, height, width], but is [2, 3].',
    ],
    [
      'a variable of several columns',
      { spikes: SPIKES, variables: { v: { data: 'counts.npy', dt: 1 } } },
      'variables.v.data should be samples along one axis, but is [2, 3]: name each column as a variable of its own, as in counts.npy#[:,0].',
    ],
    [
      'a variable without a clock',
      { spikes: SPIKES, variables: { v: { data: 'a.npz#speed' } } },
      'variables.v should have dt, seconds a sample, or times.',
    ],
    [
      'starts without stops',
      { spikes: SPIKES, trials: { starts: 'a.npz#starts', stops: 'a.npz#speed' } },
      'trials has 2 starts, but 3 stops.',
    ],
    [
      'an unknown unit',
      { spikes: { ...SPIKES, unit: 'min' } },
      'spikes.unit should be s, ms, us, a number of seconds or a share of one such as 1/30000, but is "min".',
    ],
    [
      'a truth of another size',
      { spikes: SPIKES, truth: { weights: 'counts.npy', strong: 'counts.npy', hubs: 'a.npz#ids' } },
      'truth.weights should be numbers of [3, 3], but is [2, 3].',
    ],
  ])('%s', async (_, description, message) => {
    await expect(open(description)).rejects.toThrow(message);
    await expect(open(description)).rejects.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(RecordingError|ConfigError)$/) }),
    );
  });

  it('a folder that is none, and one without a description', async () => {
    await expect(openDataset('/nowhere')).rejects.toThrow(
      '/nowhere cannot be read: there is no such file or folder.',
    );
    const folder = writeFolder({ 'x.txt': 'hello' });
    await expect(openDataset(folder)).rejects.toThrow(`${folder} holds no dataset.yaml`);
    await expect(openDataset(join(folder, 'x.txt'))).rejects.toThrow(
      'x.txt holds no spikes that could be told from names and shapes; it holds hello [0].',
    );
  });
});

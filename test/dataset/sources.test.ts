import { describe, expect, it } from 'vitest';
import { encodeNpz } from '../../src/formats/npz.js';
import { resample } from '../../src/recording/sampling.js';
import { NeuronVocabulary, TimeVocabulary } from '../../src/recording/vocabularies.js';
import { PAPER_RULES, Windows } from '../../src/recording/windows.js';
import { datasetOpener, spikeCounts, spikeTimes, useFolders } from '../helpers/dataset.js';
import { type MatlabValue, MatlabWriter, matlabFile } from '../helpers/matlab.js';

const f64 = (...values: number[]) => ({ data: Float64Array.from(values) });
const i32 = (...values: number[]) => ({ data: Int32Array.from(values) });

const ARRAYS = {
  'a.npz': encodeNpz({
    times: f64(0.1, 0.3, 0.2, 0.5, 0.4),
    neurons: i32(0, 0, 1, 1, 2),
    labels: i32(7, 7, 40, 40, 3),
    ends: i32(2, 2, 5),
    sizes: i32(2, 0, 3),
    trial: i32(0, 0, 1, 1, 1),
    late: f64(100.1, 100.3, 100.2, 100.5, 99),
    counts: { data: Uint8Array.of(0, 1, 2, 0, 3, 0, 0, 1), shape: [4, 2] },
    cube: { data: Uint8Array.of(1, 0, 0, 2, 0, 3, 1, 1), shape: [2, 2, 2] },
    clock: f64(5, 5.1, 5.2, 5.3),
    jumps: f64(0, 0.1, 0.2, 0.3, 0.4, 2, 2.1, 2.2),
    each: f64(1, 2),
    rates: { data: Float64Array.of(0, 0.5, 1, 2), shape: [2, 2] },
    line: f64(1, 2, 3, 4),
    holes: f64(Number.NaN, 1, Number.NaN, Number.NaN, 4, Number.NaN),
    many: { data: Uint8Array.from({ length: 8 }, (_, n) => n), shape: [1, 8] },
    starts: i32(1, 3, 5),
    stops: i32(2, 4, 6),
    traces: { data: Float64Array.of(0, 1, 0, 0, 5, 5, 0, 5), shape: [2, 4] },
    halves: i32(0, 0, 1, 1),
    fourth: f64(0, 1, 2, 7.5),
    hole: f64(1, 2, 3, Number.NaN),
    empty: { data: new Uint8Array(), shape: [300_000_000, 0] },
  }),
};

const open = datasetOpener(useFolders(), ARRAYS);
const TIMES = { times: 'a.npz#times', neurons: 'a.npz#neurons' };

async function openTrials(description: object, files = {}) {
  return (await open(description, files)).recording.trials;
}

describe('spikes are read', () => {
  it.each([
    ['the end of each neuron', { ends: 'a.npz#ends' }],
    ['the size of each neuron', { sizes: 'a.npz#sizes' }],
  ])('from times grouped by neuron with %s', async (_, keys) => {
    const [trial] = await openTrials({ spikes: { times: 'a.npz#times', ...keys }, duration: 1 });
    expect(spikeTimes(trial!)).toEqual([[0.1, 0.3], [], [0.2, 0.4, 0.5]]);
  });

  it('from labels of neurons, in the order of the labels', async () => {
    const spikes = { times: 'a.npz#times', neurons: 'a.npz#labels', relabel: true };
    const [trial] = await openTrials({ spikes, duration: 1 });
    expect(spikeTimes(trial!)).toEqual([[0.4], [0.1, 0.3], [0.2, 0.5]]);
  });

  it('on a clock that started before the session, and earlier spikes are noted', async () => {
    const { recording, notes } = await open({
      start: 100,
      spikes: { times: 'a.npz#late', neurons: 'a.npz#neurons' },
    });
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.3], [0.2, 0.5], []]);
    expect(notes).toContain('Spikes before the session start at 100 s are left out (1 in all).');
  });

  it('in nanoseconds of a clock that started long ago', async () => {
    const table = 'time,unit\n1700000000000000000,0\n1700000000250000000,0\n';
    const [trial] = await openTrials(
      { start: 1.7e9, spikes: { times: 'b.csv#time', neurons: 'b.csv#unit', unit: 1e-9 } },
      { 'b.csv': table },
    );
    expect(spikeTimes(trial!)).toEqual([[0, 0.25]]);
  });

  it('in samples, by the seconds per sample', async () => {
    const [trial] = await openTrials({ spikes: { ...TIMES, unit: 0.5 }, duration: 1 });
    expect(spikeTimes(trial!)[0]).toEqual([0.05, 0.15]);
  });

  it('by trial, each on its own clock, with values that hold throughout the trial', async () => {
    const trials = await openTrials({
      spikes: { ...TIMES, trials: 'a.npz#trial' },
      trials: { duration: 0.6 },
      variables: { contrast: { data: 'a.npz#each', per_trial: true } },
    });
    expect(trials.map(spikeTimes)).toEqual([
      [[0.1, 0.3], [], []],
      [[], [0.2, 0.5], [0.4]],
    ]);
    expect(trials.map(({ start, duration }) => [start, duration])).toEqual([
      [0, 0.6],
      [0.6, 0.6],
    ]);
    expect(trials[1]!.variables.contrast).toMatchObject({ values: [2, 2] });
  });

  it('from lists in MATLAB cells, where a cell without the list is a neuron without spikes', async () => {
    const units = [{ time: [0.1, 0.4] }, [], { time: [0.3] }, { time: [] }, { time: [0.2] }];
    const file = { 'c.mat': matlabFile({ units }) };
    const spikes = { lists: 'c.mat#units/*/time' };
    const { recording, notes } = await open({ spikes, duration: 1 }, file);
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.4], [], [0.3], [], [0.2]]);
    expect(notes).toEqual([
      'Neurons that lack the array c.mat#units/*/time have no spikes (1 of 5).',
    ]);
    const [kept] = await openTrials({ spikes: { ...spikes, keep: [2, 4] }, duration: 1 }, file);
    expect(spikeTimes(kept!)).toEqual([[0.3], [0.2]]);
  });

  it('from lists in cells within cells, where a cell without the list is not a neuron', async () => {
    const tetrodes = [[{ time: [0.1] }, { time: [0.4] }], [], [{ time: [0.3] }]];
    const file = matlabFile({ tetrodes });
    const spikes = { lists: 'c.mat#tetrodes/*/*/time' };
    const { recording, notes } = await open({ spikes, duration: 1 }, { 'c.mat': file });
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1], [0.4], [0.3]]);
    expect(notes).toEqual([
      'Items that lack the array c.mat#tetrodes/*/*/time are not neurons (1 of 4).',
    ]);
  });

  it('from lists of trials, of which an empty one says nothing about the number of trials', async () => {
    const writer = new MatlabWriter();
    const empty = writer.real([], '', [0, 300_000_000]);
    const cells = [writer.real([0.1, 0.2]), empty];
    const file = writer.file(writer.matrix(1, [1, 2], 'st', ...cells));
    const trials = await openTrials(
      { spikes: { lists: 'c.mat#st/*', padding: 0 }, trials: { duration: 1 } },
      { 'c.mat': file },
    );
    expect(trials.map(spikeTimes)).toEqual([
      [[0.1], []],
      [[0.2], []],
    ]);
  });

  it('from lists whose columns are trials, with padding that is not a spike', async () => {
    const matrix = (rows: number[][]) => ({ rows });
    const file = matlabFile({
      st: [
        matrix([
          [0.1, 0.2],
          [0.3, 0],
        ]),
        matrix([[0, 0.5]]),
      ],
    });
    const trials = await openTrials(
      { spikes: { lists: 'c.mat#st/*', padding: 0 }, trials: { duration: 1 } },
      { 'c.mat': file },
    );
    expect(trials.map(spikeTimes)).toEqual([
      [[0.1, 0.3], []],
      [[0.2], [0.5]],
    ]);
  });

  it('from counts, whatever the order of the axes', async () => {
    const byRow = await openTrials({ spikes: { counts: 'a.npz#counts', dt: 0.1 } });
    expect(spikeCounts(byRow[0]!)).toEqual([
      [0, 1],
      [2, 0],
      [3, 0],
      [0, 1],
    ]);
    const byColumn = await openTrials({
      spikes: { counts: 'a.npz#counts', axes: ['bins', 'neurons'], dt: 0.1 },
    });
    expect(spikeCounts(byColumn[0]!)).toEqual([
      [0, 2, 3, 0],
      [1, 0, 0, 1],
    ]);
  });

  it('from counts with a clock, which gives their step and start', async () => {
    const spikes = { counts: 'a.npz#counts', axes: ['bins', 'neurons'], clock: 'a.npz#clock' };
    const [trial] = await openTrials({ start: 5, spikes });
    expect(trial!.duration).toBeCloseTo(0.4);
    await expect(open({ spikes })).rejects.toThrow(
      'The counts begin at 5 s, but the session starts at 0 s: set start: 5.',
    );
    await expect(open({ start: 4.96, spikes })).rejects.toThrow(
      'The counts begin at 5 s, but the session starts at 4.96 s: set start: 5.',
    );
    expect((await openTrials({ start: 4.996, spikes }))[0]!.duration).toBeCloseTo(0.4);
  });

  it('from counts with a clock of rounded times, without drifting from it', async () => {
    const bins = 600;
    const clock = Float64Array.from({ length: bins }, (_, n) => Math.round((1000 * n) / 30) / 1000);
    const file = encodeNpz({
      c: { data: new Uint8Array(bins).fill(1), shape: [1, bins] },
      clock: { data: clock },
      drifting: { data: clock.map((time, n) => time * (1 + n / 6000)) },
    });
    const openCounts = (keys: object) =>
      open({ spikes: { counts: 'b.npz#c', ...keys } }, { 'b.npz': file });
    const { recording } = await openCounts({ clock: 'b.npz#clock' });
    expect(recording.trials[0]!.duration).toBeCloseTo(bins / 30, 2);
    await expect(openCounts({ clock: 'b.npz#clock', dt: 0.033 })).rejects.toThrow(
      /spikes\.clock is at 1\.\d+ s in bin \d+, but with bins of 0\.033 s that bin would be at 1\.\d+ s: leave out spikes\.dt\./,
    );
    await expect(openCounts({ clock: 'b.npz#drifting' })).rejects.toThrow(
      /spikes\.clock is at .+: its steps are not regular, so give spike times instead of counts\./,
    );
  });

  it('from counts of trials', async () => {
    const trials = await openTrials({ spikes: { counts: 'a.npz#cube', dt: 0.1 } });
    expect(trials.map(spikeCounts)).toEqual([
      [
        [1, 0],
        [0, 2],
      ],
      [
        [0, 3],
        [1, 1],
      ],
    ]);
  });

  it.each([
    [{ above: 0, each: true }, [[0.1], [0, 0.1, 0.3]]],
    [{ above: 0 }, [[0.1], [0, 0.3]]],
    [{ above: 4 }, [[], [0, 0.3]]],
  ])('as the events of traces by the rule %o', async (event, expected) => {
    const spikes = { traces: 'a.npz#traces', dt: 0.1, event };
    const [trial] = await openTrials({ spikes, duration: 0.4 });
    expect(spikeTimes(trial!)).toEqual(expected);
  });

  it('as the events of traces in MATLAB cells, where a cell without a trace has no events', async () => {
    const event = { above: 0, each: true };
    const openCells = async (traces: string, cells: MatlabValue) => {
      const spikes = { traces, dt: 0.1, event };
      const file = matlabFile({ cells });
      return open({ spikes, duration: 0.4 }, { 'c.mat': file });
    };
    const expected = [[], [0.1], [], [0.2, 0.3]];
    const plain = await openCells('c.mat#cells/*', [[], [0, 1, 0, 0], [], [0, 0, 2, 1]]);
    expect(spikeTimes(plain.recording.trials[0]!)).toEqual(expected);
    const cells = [[], { dff: [0, 1, 0, 0] }, [], { dff: [0, 0, 2, 1] }];
    const structs = await openCells('c.mat#cells/*/dff', cells);
    expect(spikeTimes(structs.recording.trials[0]!)).toEqual(expected);
    expect(structs.notes).toContain(
      'Neurons that lack the array c.mat#cells/*/dff have no spikes (2 of 4).',
    );
  });

  it('as the events of traces by a threshold in robust deviations above their median', async () => {
    // The median is 0, and the robust deviation 1 / 0.6745. There are two rises to 9.
    const trace = [0, 1, -1, 0, 1, -1, 9, 9, 1, -1, 1, -1, 1, -1, 0, 9];
    const file = encodeNpz({ t: { data: Float64Array.from(trace), shape: [1, 16] } });
    const spikes = { traces: 'b.npz#t', dt: 1, event: { above: 3, in: 'deviations' } };
    const [trial] = await openTrials({ spikes, duration: 16 }, { 'b.npz': file });
    expect(spikeTimes(trial!)).toEqual([[6, 15]]);
  });
});

describe('a session is cut into trials', () => {
  const samples = { data: 'a.npz#many[0,:]', dt: 0.1 };

  it('by frames numbered from 1, stops included, with some trials kept', async () => {
    const trials = await openTrials({
      spikes: { ...TIMES },
      trials: {
        starts: 'a.npz#starts',
        stops: 'a.npz#stops',
        unit: 0.1,
        from: 1,
        inclusive: true,
        keep: [0, 2],
      },
      variables: { v: samples },
    });
    expect(
      trials.map(({ id, start, duration }) => [id, start, Number(duration.toFixed(6))]),
    ).toEqual([
      [0, 0, 0.2],
      [2, expect.closeTo(0.4), 0.2],
    ]);
    expect(
      trials.map(({ variables }) => [...Array.from<number | string>(variables.v!.values)]),
    ).toEqual([
      [0, 1],
      [4, 5],
    ]);
  });

  it('where a clock jumps, on that clock', async () => {
    const trials = await openTrials({
      spikes: TIMES,
      duration: 3,
      trials: { gaps: { clock: 'a.npz#jumps', above: 1 } },
    });
    expect(trials.map(({ start, duration }) => [start, Number(duration.toFixed(6))])).toEqual([
      [0, 0.5],
      [2, 0.3],
    ]);
  });

  it('where a clock jumps, in data that are concatenated', async () => {
    const counts = encodeNpz({ c: { data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), shape: [1, 8] } });
    const trials = await openTrials(
      {
        spikes: { counts: 'b.npz#c', dt: 0.1 },
        variables: { v: samples },
        trials: { gaps: { clock: 'a.npz#jumps', above: 1, dt: 0.1 } },
      },
      { 'b.npz': counts },
    );
    expect(trials.map(spikeCounts)).toEqual([[[1, 2, 3, 4, 5]], [[6, 7, 8]]]);
    expect([...(trials[1]!.variables.v!.values as number[])]).toEqual([5, 6, 7]);
  });

  it('where a clock jumps, in concatenated data that began before the session', async () => {
    const gaps = { clock: 'a.npz#jumps', above: 1, dt: 0.1 };
    const spans = async (description: object) =>
      (await openTrials({ spikes: TIMES, duration: 3, ...description })).map(
        ({ start, duration }) => [Number(start.toFixed(6)), Number(duration.toFixed(6))],
      );
    expect(await spans({ start: 0.2, trials: { gaps } })).toEqual([
      [0, 0.3],
      [0.3, 0.3],
    ]);
    expect(await spans({ start: 0.2, trials: { gaps: { ...gaps, start: 0.2 } } })).toEqual([
      [0, 0.5],
      [0.5, 0.3],
    ]);
  });

  it('with the next bin where trials start within a bin of the counts, which is noted', async () => {
    const file = encodeNpz({
      c: { data: Uint8Array.from({ length: 10 }, (_, n) => n), shape: [1, 10] },
      starts: f64(0, 2.5, 5.01, 8.1),
      stops: f64(2, 5, 8, 8.9),
    });
    const samples01 = { data: 'b.npz#c[0,:]', dt: 1 };
    const { recording, notes } = await open(
      {
        spikes: { counts: 'b.npz#c', dt: 1 },
        trials: { starts: 'b.npz#starts', stops: 'b.npz#stops' },
        variables: { v: samples01 },
      },
      { 'b.npz': file },
    );
    const { trials } = recording;
    expect(trials.map(({ id, start, duration }) => [id, start, duration])).toEqual([
      [0, 0, 2],
      [1, 3, 2],
      [2, 5.01, 8 - 5.01],
    ]);
    expect(trials.map(spikeCounts)).toEqual([[[0, 1]], [[3, 4]], [[5, 6, 7]]]);
    expect(notes).toEqual([
      'Trials that start within a bin of the spike counts start with the next bin (1 of 4).',
      'Trials without a complete bin of the spike counts are left out (1 of 4).',
    ]);
  });

  it('with lists of samples for the trials in order, where an empty list gives no variable', async () => {
    const file = matlabFile({ speed: [[], [9, 1, 2], [9, 3, 4, 5]] });
    const trials = await openTrials(
      {
        spikes: TIMES,
        duration: 3,
        trials: { starts: 'a.npz#starts', stops: 'a.npz#stops', unit: 0.5, keep: [1] },
        variables: { speed: { data: 'c.mat#speed/*[1:]', dt: 0.1 } },
      },
      { 'c.mat': file },
    );
    expect(trials).toHaveLength(1);
    expect([...Array.from<number | string>(trials[0]!.variables.speed!.values)]).toEqual([1, 2]);
  });

  it('with fewer lists than trials, so that the last ones lack the variable, but not with more', async () => {
    const openWithLists = (lists: number[][]) =>
      openTrials(
        {
          spikes: TIMES,
          duration: 3,
          trials: { starts: 'a.npz#starts', stops: 'a.npz#stops', unit: 0.5 },
          variables: { speed: { data: 'c.mat#speed/*', dt: 0.1 } },
        },
        { 'c.mat': matlabFile({ speed: lists }) },
      );
    const trials = await openWithLists([[], [1, 2]]);
    expect(trials.map(({ variables }) => 'speed' in variables)).toEqual([false, true, false]);
    await expect(openWithLists([[], [1], [2], [3]])).rejects.toThrow(
      'variables.speed has values for 4 trials, but the recording has 3 trials: give one value per trial, in order.',
    );
  });
});

describe('a variable', () => {
  /** The samples of a variable v of 1, 2, 3, 4, or as these keys change it. */
  const v = async (keys: object) => {
    const [trial] = await openTrials({
      spikes: TIMES,
      variables: { v: { data: 'a.npz#line', dt: 0.1, ...keys } },
    });
    return Array.from<number | string>(trial!.variables.v!.values);
  };

  it('is scaled and offset', async () => {
    expect(await v({ scale: 2, offset: -1 })).toEqual([1, 3, 5, 7]);
  });

  it('is smoothed by a moving average that is half before each sample', async () => {
    expect(await v({ smooth: 2 })).toEqual([1, 1.5, 2.5, 3.5]);
    expect(await v({ smooth: 3 })).toEqual([1.5, 2, 3, 3.5]);
  });

  it('with missing samples is rejected, or interpolated where that is set', async () => {
    const holes = { data: 'a.npz#holes' };
    await expect(v(holes)).rejects.toThrow(
      'Sample 0 of variable v is NaN, but every sample should be a number: fill in or remove',
    );
    // The samples that are present keep their times; interpolation happens where windows are
    // sampled.
    expect(await v({ ...holes, missing: 'interpolate' })).toEqual([1, 4]);
  });

  it('with missing samples is a target only where it was measured, unless asked', async () => {
    // Ten samples a window of 0.1 s; two windows have none, and one has half of them.
    const values = Float64Array.from({ length: 200 }, (_, n) => n);
    values.fill(Number.NaN, 40, 65);
    const file = encodeNpz({ v: { data: values } });
    const ends = async (dt: number, keys: object) => {
      const spikes = TIMES;
      const variables = { v: { data: 'b.npz#v', dt: 0.01, missing: 'interpolate', ...keys } };
      const { recording, notes } = await open(
        { spikes, variables, duration: 2 },
        { 'b.npz': file },
      );
      const windows = new Windows(recording, {
        current: 0.1,
        past: 0,
        block: 5,
        pastBlock: 5,
        ids: new NeuronVocabulary(recording.neurons),
        times: new TimeVocabulary(0.01, 0.1, 0),
        variables: [{ name: 'v', window: 0.1, dt }],
        rules: PAPER_RULES,
      });
      return { ends: windows.list().refs.map(({ end }) => end), notes };
    };
    const all = Array.from({ length: 20 }, (_, n) => Number((0.1 * (n + 1)).toFixed(1)));
    const left = await ends(0.1, {});
    expect(left.ends).toEqual(all.filter((end) => end !== 0.5 && end !== 0.6));
    expect(left.notes).toContain(
      '25 of 200 samples of v are missing (12.5%), up to 0.26 s at a stretch: windows whose target would be interpolated are left out (use_interpolated: true keeps them).',
    );
    // A sample of 0.01 s is drawn at the end of every window that ends in the gap.
    expect((await ends(0.01, {})).ends).toEqual(all.filter((end) => end !== 0.5 && end !== 0.6));
    const kept = await ends(0.2, { use_interpolated: true });
    expect(kept.notes.join(' ')).toContain('and windows that end there are used');
    expect(kept.ends).toEqual(all.filter((end) => end > 0.15));
  });
});

describe('what belongs to a trial stays with it', () => {
  it('one value per trial, where a trial between others is empty', async () => {
    const file = encodeNpz({
      starts: f64(0, 10, 10, 20),
      stops: f64(10, 10, 20, 30),
      which: i32(5, 6, 7, 8),
    });
    const { recording, notes } = await open(
      {
        spikes: TIMES,
        trials: { starts: 'b.npz#starts', stops: 'b.npz#stops' },
        variables: { which: { data: 'b.npz#which', per_trial: true } },
      },
      { 'b.npz': file },
    );
    expect(recording.trials.map(({ id, variables }) => [id, variables.which!.values[0]])).toEqual([
      [0, 5],
      [2, 7],
      [3, 8],
    ]);
    expect(notes).toContain('Trials without a start or a duration are left out (1 of 4).');
  });

  it('smoothing, which does not read the samples of other trials', async () => {
    const trials = await openTrials({
      spikes: TIMES,
      trials: { starts: 'a.npz#each', stops: 'a.npz#stops[1:3]', unit: 0.2, keep: [0] },
      variables: { v: { data: 'a.npz#many[0,:]', dt: 0.1, smooth: 3 } },
    });
    // Samples 2 to 7 are in the trial of 0.2 to 0.8 s.
    expect([...Array.from<number | string>(trials[0]!.variables.v!.values)]).toEqual([
      2.5, 3, 4, 5, 6, 6.5,
    ]);
  });

  it('one value per trial, where some are missing', async () => {
    const file = encodeNpz({ choice: f64(1, Number.NaN) });
    const trials = await openTrials(
      {
        spikes: { ...TIMES, trials: 'a.npz#trial' },
        variables: { choice: { data: 'b.npz#choice', per_trial: true } },
      },
      { 'b.npz': file },
    );
    expect(trials.map(({ variables }) => Object.keys(variables))).toEqual([['choice'], []]);
  });

  it('starts and stops that are fields of an array of structs', async () => {
    const file = matlabFile({
      t: [
        { start: [0], stop: [1] },
        { start: [1], stop: [3] },
      ],
    });
    const trials = await openTrials(
      {
        spikes: TIMES,
        duration: 3,
        trials: { starts: 'c.mat#t/*/start', stops: 'c.mat#t/*/stop' },
      },
      { 'c.mat': file },
    );
    expect(trials.map(({ start, duration }) => [start, duration])).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });
});

describe('labels with missing samples', () => {
  const table = { 'b.csv': 'time,state\n0,run\n0.2,\n0.4,rest\n' };
  const state = { data: 'b.csv#state', times: 'b.csv#time' };

  it('are rejected, or hold until the next one', async () => {
    const openState = (keys: object) =>
      open({ spikes: TIMES, variables: { state: { ...state, ...keys } } }, table);
    await expect(openState({})).rejects.toThrow(
      'Sample 1 of variable state is missing, but every sample should be a label: fill in or remove',
    );
    const { recording } = await openState({ missing: 'interpolate' });
    const { values } = resample(recording.trials[0]!.variables.state!, 0.1, 0.5);
    expect(values).toEqual(['run', 'run', 'run', 'run', 'rest']);
  });

  it('leave trials without the variable that has one value per trial', async () => {
    const { recording } = await open(
      {
        spikes: { ...TIMES, trials: 'a.npz#trial' },
        variables: {
          choice: { data: 'b.csv#state[1:]', per_trial: true },
        },
      },
      table,
    );
    expect(recording.trials.map(({ variables }) => Object.keys(variables))).toEqual([
      [],
      ['choice'],
    ]);
  });
});

describe('angles with missing samples', () => {
  it('are interpolated around the circle', async () => {
    const file = encodeNpz({ heading: f64(348, 354, Number.NaN, 6, 12) });
    const { recording } = await open(
      {
        spikes: TIMES,
        variables: {
          heading: { data: 'b.npz#heading', dt: 0.1, period: 360, missing: 'interpolate' },
        },
      },
      { 'b.npz': file },
    );
    const { values } = resample(recording.trials[0]!.variables.heading!, 0.1, 1);
    const turned = Array.from(values as ArrayLike<number>, (v) => Math.round(v) % 360);
    expect(turned).toEqual([348, 354, 0, 6, 12]);
  });
});

describe('a description with keys that exclude each other', () => {
  const trials = { starts: 'a.npz#starts' };
  const v = { data: 'a.npz#line', dt: 0.1 };
  it.each<[object, string]>([
    [
      { spikes: { ...TIMES, counts: 'a.npz#counts' } },
      'spikes has both times and counts: give one of times, lists, counts or traces.',
    ],
    [
      { spikes: { lists: 'a.npz#times', traces: 'a.npz#traces' } },
      'spikes has both lists and traces: give one of times, lists, counts or traces.',
    ],
    [
      { spikes: { ...TIMES, ends: 'a.npz#ends' } },
      'spikes has both neurons and ends: give one of neurons, ends or sizes.',
    ],
    [
      { spikes: { times: 'a.npz#times', ends: 'a.npz#ends', trials: 'a.npz#trial' } },
      'spikes has both trials and ends: give one of trials, ends or sizes.',
    ],
    [
      { spikes: { counts: 'a.npz#counts', dt: 1, neurons: 'a.npz#neurons' } },
      'spikes.neurons goes with times, but spikes has counts: leave out one of them.',
    ],
    [
      { spikes: TIMES, variables: { v: { ...v, times: 'a.npz#line' } } },
      'variables.v has both dt and times: give one of per_trial, dt or times.',
    ],
    [
      { spikes: TIMES, variables: { v: { ...v, per_trial: true } } },
      'variables.v has both per_trial and dt: give one of per_trial, dt or times.',
    ],
    [
      { spikes: TIMES, variables: { v: { data: v.data, times: v.data, start: 1 } } },
      'variables.v has both start and times: give one of start or times.',
    ],
    [
      { spikes: TIMES, trials: { ...trials, gaps: { clock: 'a.npz#jumps', above: 1 } } },
      'trials has both starts and gaps: give one of starts or gaps.',
    ],
    [
      { spikes: TIMES, trials: { ...trials, stops: 'a.npz#stops', duration: 1 } },
      'trials has both stops and duration: give one of stops, gaps or duration.',
    ],
    [
      { spikes: TIMES, variables: { v: { ...v, period: '1/30' } } },
      'variables.v.period should be a number above 0, but is "1/30".',
    ],
  ])('is rejected: %o', async (description, message) => {
    await expect(open(description)).rejects.toThrow(message);
  });
});

describe('a description that does not fit its files', () => {
  it.each<[string, object, string]>([
    [
      'ends past the spikes',
      { spikes: { times: 'a.npz#each', ends: 'a.npz#ends' } },
      'spikes.ends: the times of neuron 2 would be at indices 2 to 5 of spikes.times, which has 2 values: the file is cut short, or these are not its ends.',
    ],
    [
      'ends before the last spike',
      { spikes: { times: 'a.npz#many[0,:]', ends: 'a.npz#ends' } },
      'spikes.ends covers 5 of the 8 values of spikes.times: the others belong to no neuron.',
    ],
    [
      'counts that are not whole numbers',
      { spikes: { counts: 'a.npz#rates', dt: 1 } },
      'spikes.counts contains 0.5, which is not a spike count; give calcium traces or rates as spikes.traces with a rule of events, such as spikes.event: {above: 3, in: deviations}.',
    ],
    [
      'traces without an event rule',
      { spikes: { traces: 'a.npz#traces', dt: 1 } },
      'spikes.event is missing: it should say what counts as an event in the traces',
    ],
    [
      'an event rule in deviations for a trace that is mostly one value',
      { spikes: { traces: 'a.npz#traces', dt: 1, event: { above: 3, in: 'deviations' } } },
      'spikes.event: more than half of trace 0 has the same value',
    ],
    [
      'a clock of counts that jumps',
      {
        start: 0.3,
        spikes: {
          counts: 'a.npz#counts',
          axes: ['bins', 'neurons'],
          clock: 'a.npz#jumps[3:7]',
        },
      },
      'spikes.clock steps by 1.6 s before bin 2, but by 0.1 s elsewhere: if time was cut out there',
    ],
    [
      'a path that leads nowhere',
      { spikes: { times: 'a.npz#tims', ends: 'a.npz#ends' } },
      'dataset.yaml: spikes.times: a.npz has no tims; it contains times, neurons, labels',
    ],
    [
      'more stops than starts',
      { spikes: TIMES, trials: { starts: 'a.npz#each', stops: 'a.npz#stops', keep: [5] } },
      'trials has 2 starts but 3 stops.',
    ],
    [
      'a trial to keep that does not exist',
      {
        spikes: TIMES,
        duration: 9,
        trials: { starts: 'a.npz#starts', stops: 'a.npz#stops', keep: [5] },
      },
      'trials.keep lists index 5, but there are 3 trials; indices start at 0.',
    ],
    [
      'a variable on the session clock beside trials with clocks of their own',
      {
        spikes: { ...TIMES, trials: 'a.npz#trial' },
        variables: { v: { data: 'a.npz#line', dt: 0.1 } },
      },
      'variables.v is on the session clock, but the spikes are on the clocks of their trials',
    ],
    [
      'intervals beside trials with clocks of their own',
      {
        spikes: { ...TIMES, trials: 'a.npz#trial' },
        intervals: { run: { starts: 'a.npz#starts', stops: 'a.npz#stops' } },
      },
      'intervals can only be read on the session clock, but the spikes are on the clocks of their trials: leave it out.',
    ],
    [
      'gaps for trials with clocks of their own',
      {
        spikes: { ...TIMES, trials: 'a.npz#trial' },
        trials: { gaps: { clock: 'a.npz#jumps', above: 1 } },
      },
      'trials.gaps splits a session, but the spikes are on the clocks of their trials: give trials.starts, or leave it out.',
    ],
    [
      'a duration for trials on the session clock',
      { spikes: TIMES, trials: { starts: 'a.npz#starts', duration: 1 } },
      'trials.duration is for trials with clocks of their own, but the spikes are on the session clock: give trials.stops.',
    ],
    [
      'a neuron in the second trial that is not an index',
      {
        spikes: { times: 'a.npz#line', neurons: 'a.npz#fourth', trials: 'a.npz#halves' },
      },
      'spikes.neurons: spike 3 belongs to neuron 7.5, but neurons should be numbered from 0 to at most 999999; set spikes.relabel: true if these are labels.',
    ],
    [
      'a neuron in the second trial that is past their number',
      {
        spikes: { ...TIMES, trials: 'a.npz#trial', count: 2 },
      },
      'spikes.neurons: spike 4 belongs to neuron 2, but spikes.count is 2; neurons are numbered from 0.',
    ],
    [
      'a missing time in the second trial',
      {
        spikes: { times: 'a.npz#hole', neurons: 'a.npz#halves', trials: 'a.npz#halves' },
      },
      'Spike 1 of neuron 1 in trial 1 is at NaN, but spike times should be numbers: where NaN stands for no spike, set spikes.padding: nan in a dataset.yaml.',
    ],
    [
      'values per trial for a session of one trial',
      { spikes: TIMES, variables: { v: { data: 'a.npz#line', per_trial: true } } },
      'variables.v has values for 4 trials, but the recording has 1 trial: give one value per trial, in order.',
    ],
    [
      'an empty table with a long axis',
      { spikes: { counts: 'a.npz#empty', dt: 1 } },
      'spikes.counts is empty: it has shape [300000000, 0], without any value.',
    ],
  ])('is rejected: %s', async (_, description, message) => {
    await expect(open(description)).rejects.toThrow(message);
    await expect(open(description)).rejects.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(RecordingError|ConfigError)$/) }),
    );
  });
});

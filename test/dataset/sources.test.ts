import { describe, expect, it } from 'vitest';
import { encodeNpz } from '../../src/formats/npz.js';
import { regular } from '../../src/recording/sampling.js';
import { opener, spikeCounts, spikeTimes, useFolders } from '../helpers/dataset.js';
import { matlabFile } from '../helpers/matlab.js';

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
  }),
};

const open = opener(useFolders(), ARRAYS);
const TIMES = { times: 'a.npz#times', neurons: 'a.npz#neurons' };

async function openTrials(description: object, files = {}) {
  return (await open(description, files)).recording.trials;
}

describe('spikes are read', () => {
  it.each([
    ['where each neuron’s end', { ends: 'a.npz#ends' }],
    ['how many each has', { sizes: 'a.npz#sizes' }],
  ])('as one list with %s', async (_, how) => {
    const [trial] = await openTrials({ spikes: { times: 'a.npz#times', ...how }, duration: 1 });
    expect(spikeTimes(trial!)).toEqual([[0.1, 0.3], [], [0.2, 0.4, 0.5]]);
  });

  it('with labels for neurons, in the order of the labels', async () => {
    const spikes = { times: 'a.npz#times', neurons: 'a.npz#labels', relabel: true };
    const [trial] = await openTrials({ spikes, duration: 1 });
    expect(spikeTimes(trial!)).toEqual([[0.4], [0.1, 0.3], [0.2, 0.5]]);
  });

  it('on a clock that began before the session, and says what lies before it', async () => {
    const { recording, notes } = await open({
      start: 100,
      spikes: { times: 'a.npz#late', neurons: 'a.npz#neurons' },
    });
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.1, 0.3], [0.2, 0.5], []]);
    expect(notes).toContain(
      '1 spikes before the session’s start, 100 s, were left out.'.replace('’', "'"),
    );
  });

  it('in nanoseconds of a clock that began long ago', async () => {
    const table = 'time,unit\n1700000000000000000,0\n1700000000250000000,0\n';
    const [trial] = await openTrials(
      { start: 1.7e9, spikes: { times: 'b.csv#time', neurons: 'b.csv#unit', unit: 1e-9 } },
      { 'b.csv': table },
    );
    expect(spikeTimes(trial!)).toEqual([[0, 0.25]]);
  });

  it('in samples, by the seconds of one', async () => {
    const [trial] = await openTrials({ spikes: { ...TIMES, unit: 0.5 }, duration: 1 });
    expect(spikeTimes(trial!)[0]).toEqual([0.05, 0.15]);
  });

  it('by trial, each on its own clock, with values that hold all through it', async () => {
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

  it('as lists of a MATLAB cell, empty cells being no neuron', async () => {
    const file = matlabFile({ units: [{ time: [0.1, 0.4] }, [], { time: [0.3] }] });
    const spikes = { lists: 'c.mat#units/*/time' };
    const [trial] = await openTrials({ spikes, duration: 1 }, { 'c.mat': file });
    expect(spikeTimes(trial!)).toEqual([[0.1, 0.4], [0.3]]);
  });

  it('as lists whose columns are trials, filled up with a number that is no spike', async () => {
    const table = (rows: number[][]) => ({ rows });
    const file = matlabFile({
      st: [
        table([
          [0.1, 0.2],
          [0.3, 0],
        ]),
        table([[0, 0.5]]),
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

  it('as counts, whatever the order of the axes', async () => {
    const across = await openTrials({ spikes: { counts: 'a.npz#counts', dt: 0.1 } });
    expect(spikeCounts(across[0]!)).toEqual([
      [0, 1],
      [2, 0],
      [3, 0],
      [0, 1],
    ]);
    const down = await openTrials({
      spikes: { counts: 'a.npz#counts', axes: ['bins', 'neurons'], dt: 0.1 },
    });
    expect(spikeCounts(down[0]!)).toEqual([
      [0, 2, 3, 0],
      [1, 0, 0, 1],
    ]);
  });

  it('as counts with a clock, which says their step and their start', async () => {
    const spikes = { counts: 'a.npz#counts', axes: ['bins', 'neurons'], clock: 'a.npz#clock' };
    const [trial] = await openTrials({ start: 5, spikes });
    expect(trial!.duration).toBeCloseTo(0.4);
    await expect(open({ spikes })).rejects.toThrow(
      'The counts begin at 5 s, but the session at 0 s: set start: 5.',
    );
  });

  it('as counts by a clock of rounded times, without drifting off it', async () => {
    const bins = 600;
    const clock = Float64Array.from({ length: bins }, (_, n) => Math.round((1000 * n) / 30) / 1000);
    const even = encodeNpz({
      c: { data: new Uint8Array(bins).fill(1), shape: [1, bins] },
      clock: { data: clock },
      drifting: { data: clock.map((time, n) => time * (1 + n / 6000)) },
    });
    const counted = (more: object) =>
      open({ spikes: { counts: 'b.npz#c', ...more } }, { 'b.npz': even });
    const { recording } = await counted({ clock: 'b.npz#clock' });
    expect(recording.trials[0]!.duration).toBeCloseTo(bins / 30, 2);
    await expect(counted({ clock: 'b.npz#clock', dt: 0.033 })).rejects.toThrow(
      /spikes\.clock is at 1\.\d+ s in bin \d+, where bins of 0\.033 s would be at 1\.\d+ s: leave out spikes\.dt\./,
    );
    await expect(counted({ clock: 'b.npz#drifting' })).rejects.toThrow(/spikes\.clock is at/);
  });

  it('as counts of trials', async () => {
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
  ])('as events of traces by the rule %o', async (event, expected) => {
    const spikes = { traces: 'a.npz#traces', dt: 0.1, event };
    const [trial] = await openTrials({ spikes, duration: 0.4 });
    expect(spikeTimes(trial!)).toEqual(expected);
  });

  it('as events of traces that rise so many robust deviations above their median', async () => {
    // Median 0 and deviation 1 / 0.6745 of most samples; two rise to 9.
    const trace = [0, 1, -1, 0, 1, -1, 9, 9, 1, -1, 1, -1, 1, -1, 0, 9];
    const file = encodeNpz({ t: { data: Float64Array.from(trace), shape: [1, 16] } });
    const spikes = { traces: 'b.npz#t', dt: 1, event: { above: 3, in: 'deviations' } };
    const [trial] = await openTrials({ spikes, duration: 16 }, { 'b.npz': file });
    expect(spikeTimes(trial!)).toEqual([[6, 15]]);
  });
});

describe('trials are cut', () => {
  const samples = { data: 'a.npz#many[0,:]', dt: 0.1 };

  it('in frames numbered from 1 with the last one in, some of them kept', async () => {
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

  it('where a clock jumps, in data that stand side by side', async () => {
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

  it('and lists of samples belong to trials in order, an empty one to none', async () => {
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

  it('and of fewer lists than trials the last have none; more are refused', async () => {
    const of = (lists: number[][]) =>
      openTrials(
        {
          spikes: TIMES,
          duration: 3,
          trials: { starts: 'a.npz#starts', stops: 'a.npz#stops', unit: 0.5 },
          variables: { speed: { data: 'c.mat#speed/*', dt: 0.1 } },
        },
        { 'c.mat': matlabFile({ speed: lists }) },
      );
    const having = (await of([[], [1, 2]])).map(({ variables }) => 'speed' in variables);
    expect(having).toEqual([false, true, false]);
    await expect(of([[], [1], [2], [3]])).rejects.toThrow(
      'variables.speed has values for 4 trials, but there are 3: each needs its own, in their order.',
    );
  });
});

describe('a variable', () => {
  const v = async (given: object) => {
    const [trial] = await openTrials({
      spikes: TIMES,
      variables: { v: { data: 'a.npz#line', dt: 0.1, ...given } },
    });
    return Array.from<number | string>(trial!.variables.v!.values);
  };

  it('is scaled and moved', async () => {
    expect(await v({ scale: 2, offset: -1 })).toEqual([1, 3, 5, 7]);
  });

  it('is smoothed by a moving average, half of it before each sample', async () => {
    expect(await v({ smooth: 2 })).toEqual([1, 1.5, 2.5, 3.5]);
    expect(await v({ smooth: 3 })).toEqual([1.5, 2, 3, 3.5]);
  });

  it('with holes is refused, or drawn over where that is asked for', async () => {
    const holes = { data: 'a.npz#holes' };
    await expect(v(holes)).rejects.toThrow(
      'Sample 0 of variable v is NaN, but every sample should be a number: fill in or remove',
    );
    // What is left has times of its own, between which lines are drawn where they are wanted.
    expect(await v({ ...holes, missing: 'interpolate' })).toEqual([1, 4]);
  });
});

describe('what belongs to a trial stays with it', () => {
  it('values of each, where a trial between them is empty', async () => {
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
    expect(notes).toContain('1 of 4 trials have no start or no length; they are left out.');
  });

  it('smoothing, which knows nothing of the next', async () => {
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

  it('values that are missing for some', async () => {
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

  it('fields of single values in an array of structs, as starts and as labels', async () => {
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

  it('are refused, or hold until the next', async () => {
    const of = (more: object) =>
      open({ spikes: TIMES, variables: { state: { ...state, ...more } } }, table);
    await expect(of({})).rejects.toThrow(
      'Sample 1 of variable state is missing, but every sample should be a label: fill in or remove',
    );
    const { recording } = await of({ missing: 'interpolate' });
    const { values } = regular(recording.trials[0]!.variables.state!, 0.1, 0.5);
    expect(values).toEqual(['run', 'run', 'run', 'run', 'rest']);
  });

  it('leave their trials without what is said of each', async () => {
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
  it('go around the circle', async () => {
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
    const { values } = regular(recording.trials[0]!.variables.heading!, 0.1, 1);
    const turned = Array.from(values as ArrayLike<number>, (v) => Math.round(v) % 360);
    expect(turned).toEqual([348, 354, 0, 6, 12]);
  });
});

describe('what does not fit is refused with a sentence', () => {
  it.each<[string, object, string]>([
    [
      'ends past the spikes',
      { spikes: { times: 'a.npz#each', ends: 'a.npz#ends' } },
      'spikes.ends: the times of neuron 2 would be places 2 to 5, but spikes.times has 2: the file is cut short, or these are not its ends.',
    ],
    [
      'ends before the last spike',
      { spikes: { times: 'a.npz#many[0,:]', ends: 'a.npz#ends' } },
      'spikes.ends ends at 5, but spikes.times has 8: 3 spikes belong to no neuron.',
    ],
    [
      'counts that are none',
      { spikes: { counts: 'a.npz#rates', dt: 1 } },
      'spikes.counts holds 0.5, which is no count; give calcium traces or rates as spikes.traces',
    ],
    [
      'traces without a rule',
      { spikes: { traces: 'a.npz#traces', dt: 1 } },
      'spikes.event should say what an event of the traces is',
    ],
    [
      'a rule of deviations for traces that are mostly one value',
      { spikes: { traces: 'a.npz#traces', dt: 1, event: { above: 3, in: 'deviations' } } },
      'spikes.event: more than half of trace 0 is one value',
    ],
    [
      'a clock with a hole',
      {
        start: 0.3,
        spikes: {
          counts: 'a.npz#counts',
          axes: ['bins', 'neurons'],
          clock: 'a.npz#jumps[3:7]',
        },
      },
      'spikes.clock steps by 1.6 s before bin 2, but by 0.1 s elsewhere: name the places where time was cut out',
    ],
    [
      'a path that leads nowhere',
      { spikes: { times: 'a.npz#tims', ends: 'a.npz#ends' } },
      'dataset.yaml: spikes.times: a.npz has no tims; it holds times, neurons, labels',
    ],
    [
      'a trial that is not there',
      { spikes: TIMES, trials: { starts: 'a.npz#each', stops: 'a.npz#stops', keep: [5] } },
      'trials has 2 starts, but 3 stops.',
    ],
    [
      'a place to keep that is not there',
      {
        spikes: TIMES,
        duration: 9,
        trials: { starts: 'a.npz#starts', stops: 'a.npz#stops', keep: [5] },
      },
      'trials.keep names place 5, but there are 3 trials, from place 0 on.',
    ],
    [
      'a session’s variable beside trials with clocks of their own',
      {
        spikes: { ...TIMES, trials: 'a.npz#trial' },
        variables: { v: { data: 'a.npz#line', dt: 0.1 } },
      },
      "variables.v is on the session's clock, but the spikes are on their trials'",
    ],
  ])('%s', async (_, description, message) => {
    await expect(open(description)).rejects.toThrow(message);
    await expect(open(description)).rejects.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(RecordingError|ConfigError)$/) }),
    );
  });
});

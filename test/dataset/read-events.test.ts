import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { encodeNpy } from '../../src/formats/npy.js';
import type { Recording, Series } from '../../src/recording/recording.js';
import { resample } from '../../src/recording/sampling.js';
import { datasetOpener, type TestFiles, useFolders } from '../helpers/dataset.js';
import { npz } from '../helpers/field.js';
import { matlabFile } from '../helpers/matlab.js';

const STARTS = [0, 3, 6];
const STOPS = [2, 5, 8];
/** Session times of licks: two in a bin, one on an edge, one between trials, one near an end. */
const LICKS = [0.5, 0.74, 2.5, 3.25, 7.9];
/** Hz in bins of 0.25 s, trial by trial. */
const RATES = [
  [0, 0, 8, 0, 0, 0, 0, 0],
  [0, 4, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 4],
];

const session = npz({
  times: [0.1, 1, 3.5, 6.5, 7],
  neurons: [0, 1, 0, 1, 0],
  starts: STARTS,
  stops: STOPS,
});
const openFiles = datasetOpener(useFolders(), { 's.npz': session });
const SPIKES = { times: 's.npz#times', neurons: 's.npz#neurons' };
const TRIALS = { starts: 's.npz#starts', stops: 's.npz#stops' };

/** Opens the session in trials with a variable `licks`. */
const open = (licks: object, files: TestFiles = {}, rest: object = { trials: TRIALS }) =>
  openFiles({ spikes: SPIKES, variables: { licks }, ...rest }, files);
/** The values of `licks` in each trial; undefined where a trial lacks it. */
const rates = ({ trials }: Recording) =>
  trials.map(({ variables: { licks } }) => licks && Array.from(licks.values as Float64Array));

describe('events', () => {
  const events = (file: string) => ({ events: file, dt: 0.25 });

  it.each<[string, string, Uint8Array | string]>([
    ['an .npz file', 'l.npz#licks', npz({ licks: LICKS })],
    ['a .npy file', 'l.npy', encodeNpy(Float64Array.from(LICKS), [5])],
    ['a MATLAB file', 'l.mat#behavior/licks', matlabFile({ behavior: { licks: LICKS } })],
    [
      'a table',
      'l.csv#lick (s)',
      `port,lick (s)\n${LICKS.map((time) => `1,${time}`).join('\n')}\n`,
    ],
  ])('of %s are counted in bins that begin with each trial, in Hz', async (_, reference, bytes) => {
    const [file = ''] = reference.split('#');
    const { recording, units, notes } = await open(events(reference), { [file]: bytes });
    expect(rates(recording)).toEqual(RATES);
    expect(recording.trials[0]!.variables.licks).toMatchObject({ dt: 0.25 });
    expect(units).toEqual({ licks: 'Hz' });
    expect(notes).toEqual(['Events of licks outside all trials are left out (1 of 5).']);
  });

  it('count the same in any order, whatever the width of bins', async () => {
    const shuffled = [3.25, 7.9, 0.74, 2.5, 0.5];
    const wide = await open(
      { events: 'l.npz#licks', dt: 0.5 },
      { 'l.npz': npz({ licks: shuffled }) },
    );
    expect(rates(wide.recording)).toEqual([
      [0, 4, 0, 0],
      [2, 0, 0, 0],
      [0, 0, 0, 2],
    ]);
    const fine = await open(events('l.npz#licks'), { 'l.npz': npz({ licks: shuffled }) });
    expect(rates(fine.recording)).toEqual(RATES);
    // A mean of rates is the rate, so a configuration may resample them at any step.
    const coarse = resample(fine.recording.trials[0]!.variables.licks as Series, 0.5, 2);
    expect(Array.from(coarse.values as Float64Array)).toEqual([0, 4, 0, 0]);
  });

  it('that are NaN, or the padding, are none', async () => {
    const licks = [0.5, Number.NaN, 0.74, 3.25, 7.9, Number.NaN];
    const { recording, notes } = await open(events('l.npz#licks'), { 'l.npz': npz({ licks }) });
    expect(rates(recording)).toEqual(RATES);
    expect(notes).toEqual([
      'Times of variables.licks.events that are NaN stand for no event (2 of 6).',
    ]);
    const padded = await open(
      { ...events('l.npz#licks'), padding: -1 },
      { 'l.npz': npz({ licks: [0.5, 0.74, -1, 3.25, -1, 7.9] }) },
    );
    expect(rates(padded.recording)).toEqual(RATES);
    expect(padded.notes).toEqual([]);
  });

  it('of which there are none have a rate of 0', async () => {
    const files = { 'l.mat': matlabFile({ licks: [] }) };
    const { recording } = await open(events('l.mat#licks'), files);
    expect(rates(recording)).toEqual(RATES.map((row) => row.map(() => 0)));
  });

  it('are on the clock of the files: time_unit, start and the start of the session', async () => {
    const licks = LICKS.map((time) => 1000 * (time + 40));
    const { recording } = await open(
      { ...events('l.npz#licks'), time_unit: 'ms', start: 60 },
      { 'l.npz': npz({ licks }) },
      { start: 100, spikes: { ...SPIKES, start: 0 }, trials: undefined, duration: 8 },
    );
    expect(recording.trials).toHaveLength(1);
    const [rate] = rates(recording);
    expect(rate!.map((value, bin) => [bin / 4, value]).filter(([, value]) => value! > 0)).toEqual([
      [0.5, 8],
      [2.5, 4],
      [3.25, 4],
      [7.75, 4],
    ]);
  });

  it('of a session without trials lengthen it up to the end of the last bin', async () => {
    const { recording } = await open(
      events('l.npz#licks'),
      { 'l.npz': npz({ licks: [0.1, 11.6] }) },
      {},
    );
    expect(recording.trials[0]!.duration).toBe(11.75);
    expect(rates(recording)[0]!.at(-1)).toBe(4);
  });

  it('are scaled and smoothed as other variables', async () => {
    const { recording, units } = await open(
      { ...events('l.npz#licks'), scale: 60, unit: 'per minute', smooth: 2 },
      { 'l.npz': npz({ licks: LICKS }) },
    );
    expect(rates(recording)[0]).toEqual([0, 0, 240, 240, 0, 0, 0, 0]);
    expect(units).toEqual({ licks: 'per minute' });
  });

  it('leave out what is left of a trial after its last complete bin', async () => {
    const { recording } = await open(
      { events: 'l.npz#licks', dt: 0.75 },
      { 'l.npz': npz({ licks: [0.1, 1.6] }) },
    );
    expect(rates(recording)[0]).toEqual([1 / 0.75, 0]);
  });
});

describe('events of trials', () => {
  /** From the beginning of each trial. */
  const LISTS = [[0.74, 0.5], [0.25], [1.9]];
  const padded = LISTS.map((list) => [...list, Number.NaN].slice(0, 2));

  it.each<[string, object, string, Uint8Array]>([
    ['cells', { events: 'l.mat#licks/*' }, 'l.mat', matlabFile({ licks: LISTS })],
    ['rows', { events: 'l.npz#licks' }, 'l.npz', npz({ licks: padded })],
    [
      'one array with the ends of each',
      { events: 'l.npz#licks', ends: 'l.npz#ends' },
      'l.npz',
      npz({ licks: LISTS.flat(), ends: [2, 3, 4] }),
    ],
  ])(
    'count from the beginning of the trial with per_trial: true: %s',
    async (_, spec, name, bytes) => {
      const variable = { ...spec, per_trial: true, dt: 0.25 };
      const { recording } = await open(variable, { [name]: bytes });
      expect(rates(recording)).toEqual(RATES);
    },
  );

  it('are session times with per_trial: false', async () => {
    const lists = LISTS.map((list, trial) => list.map((time) => time + STARTS[trial]!));
    for (const [reference, files] of [
      ['l.mat#licks/*', { 'l.mat': matlabFile({ licks: lists }) }],
      [
        'l.npz#licks',
        { 'l.npz': npz({ licks: lists.map((list) => [...list, Number.NaN].slice(0, 2)) }) },
      ],
    ] as const) {
      const variable = { events: reference, per_trial: false, dt: 0.25 };
      expect(rates((await open(variable, files)).recording)).toEqual(RATES);
    }
  });

  it('are a question where nothing says which', async () => {
    await expect(
      open({ events: 'l.npz#licks', dt: 0.25 }, { 'l.npz': npz({ licks: padded }) }),
    ).rejects.toThrow(
      'variables.licks.events has a list of times for each trial, and nothing says where they count from. Set variables.licks.per_trial: true if that is the beginning of each trial, or variables.licks.per_trial: false if they are on the clock of the files.',
    );
  });

  it('may be one for each trial', async () => {
    const { recording } = await open(
      { events: 'l.npz#reward', per_trial: true, dt: 0.5 },
      { 'l.npz': npz({ reward: [1.2, Number.NaN, 0.1] }) },
    );
    expect(rates(recording)).toEqual([
      [0, 0, 2, 0],
      [0, 0, 0, 0],
      [2, 0, 0, 0],
    ]);
  });

  it('are in each trial of spikes with clocks of their own, where they begin', async () => {
    const files = {
      'a.mat': matlabFile({
        spikes: {
          cells: [
            [[-0.5, 0.5], [0.75]],
            [[0.25], [1]],
          ],
        },
        licks: [[-0.75, 0.75], []],
      }),
    };
    const { recording } = await openFiles(
      {
        spikes: { lists: 'a.mat#spikes/*', axes: ['trials', 'neurons'], start: -1 },
        trials: { duration: 2 },
        variables: { licks: { events: 'a.mat#licks/*', per_trial: true, dt: 0.5 } },
      },
      files,
    );
    expect(rates(recording)).toEqual([
      [2, 0, 0, 2],
      [0, 0, 0, 0],
    ]);
  });
});

describe('samples that ends divide', () => {
  it('are samples of each trial on its clock', async () => {
    const { recording } = await open(
      { data: 'l.npz#wheel', ends: 'l.npz#ends', dt: 0.5 },
      { 'l.npz': npz({ wheel: [1, 2, 3, 4, 5, 6], ends: [2, 2, 6] }) },
    );
    expect(rates(recording)).toEqual([[1, 2], undefined, [3, 4, 5, 6]]);
  });
});

describe('a description of events', () => {
  const files = { 'l.npz': npz({ licks: LICKS, labels: [1, 2], ends: [1, 2, 4] }) };

  it.each<[string, object, string]>([
    ['neither data nor events', { dt: 0.1 }, 'variables.licks should have data, which are samples'],
    [
      'both',
      { data: 'l.npz#licks', events: 'l.npz#licks' },
      'variables.licks has both data and events: give one of data or events.',
    ],
    [
      'a key of samples',
      { events: 'l.npz#licks', dt: 1, missing: 'interpolate' },
      'variables.licks.missing goes with data, but variables.licks has events: leave it out.',
    ],
    [
      'padding of samples',
      { data: 'l.npz#licks', dt: 1, padding: 0 },
      'variables.licks.padding goes with events, but variables.licks has data: leave it out.',
    ],
    ['no bins', { events: 'l.npz#licks' }, 'variables.licks should have dt, the seconds of a bin'],
    [
      'bins longer than trials',
      { events: 'l.npz#licks', dt: 5 },
      'variables.licks.dt is 5 s, but the longest trial lasts 2 s: set a shorter one.',
    ],
    [
      'ends of another array',
      { events: 'l.npz#licks', ends: 'l.npz#ends', dt: 0.1 },
      'variables.licks.ends covers 4 of the 5 values of variables.licks.events: the others belong to no trial.',
    ],
    [
      'a list of more times than trials',
      { events: 'l.npz#licks', per_trial: true, dt: 0.1 },
      'variables.licks has values for 5 trials, but the recording has 3 trials: give one value per trial, in order, or give under variables.licks.ends the index just past the last time of each trial.',
    ],
  ])('with %s is refused', async (_, licks, message) => {
    await expect(open(licks, files)).rejects.toThrow(message);
  });

  it('with too many bins is refused before memory is taken', async () => {
    const late = { 'l.npz': npz({ licks: [0.5, 1.7e9] }) };
    await expect(open({ events: 'l.npz#licks', dt: 0.01 }, late, {})).rejects.toThrow(
      'variables.licks would have 170,000,000,001 bins of 0.01 s in a trial of',
    );
  });

  it('with times that are text, or infinite, is refused', async () => {
    const text = { 'l.csv': 'a,b\nx,1\ny,2\n' };
    await expect(open({ events: 'l.csv#a', dt: 0.1 }, text)).rejects.toThrow(
      'l.csv#a should be a one-dimensional array of numbers, but contains text of shape [2]',
    );
    const infinite = { 'l.npz': npz({ licks: [1, Number.POSITIVE_INFINITY] }) };
    await expect(open({ events: 'l.npz#licks', dt: 0.1 }, infinite)).rejects.toThrow(
      'variables.licks.events has a time of Infinity, but times should be finite',
    );
  });

  it('on the session clock is refused where spikes are on the clocks of trials', async () => {
    const description = {
      spikes: { ...SPIKES, trials: 's.npz#neurons' },
      variables: { licks: { events: 'l.npz#licks', dt: 0.1 } },
    };
    await expect(openFiles(stringify(description), files)).rejects.toThrow(
      'variables.licks is on the session clock, but the spikes are on the clocks of their trials',
    );
  });
});

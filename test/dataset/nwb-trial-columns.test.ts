import type { Group } from 'h5wasm/node';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../src/dataset/dataset.js';
import { datasetOpener, useFolders } from '../helpers/dataset.js';
import { numbers, raggedColumn, series, typed, units, useNwb } from '../helpers/nwb.js';

const writeFolder = useFolders();
const openDescribed = datasetOpener(writeFolder);
const { encode, open } = useNwb(writeFolder);

/** Trials of 2 s, every 3 s, from 10 s on. */
const COUNT = 10;
const STARTS = Array.from({ length: COUNT }, (_, n) => 10 + 3 * n);
/** Licks from the start of each trial: none in trial 3, two in the others. */
const SINCE_START = STARTS.map((_, n) => (n === 3 ? [] : [0.31 + n / 20, 1.12]));
const LICKS = SINCE_START.map((list, n) => list.map((time) => time + STARTS[n]!));
/** How many licks each trial has. */
const COUNTS = LICKS.map(({ length }) => length);

/** Writes units and a table of trials with columns of its own. */
function withTrials(addColumns: (table: Group, root: Group) => void, starts = STARTS) {
  return (root: Group) => {
    units(root, [
      [10.5, 20, 38],
      [11, 25],
    ]);
    const table = typed(root.create_group('intervals'), 'trials', 'TimeIntervals');
    numbers(table, 'start_time', starts);
    numbers(
      table,
      'stop_time',
      starts.map((start) => start + 2),
    );
    addColumns(table, root);
  };
}

/** How many events a variable counts in each trial; undefined where a trial lacks it. */
const counts = ({ recording }: Dataset, name: string) =>
  recording.trials.map(({ variables }) => {
    const variable = variables[name];
    if (!variable || !('dt' in variable)) return undefined;
    const values = variable.values as ArrayLike<number>;
    return Math.round(Array.from(values).reduce((sum, rate) => sum + rate * variable.dt, 0));
  });
/** The bins of a trial that have events, in seconds. */
const eventBins = ({ recording }: Dataset, name: string, trial: number) => {
  const variable = recording.trials[trial]!.variables[name]!;
  if (!('dt' in variable)) throw new Error(`${name} has no bins.`);
  return Array.from(variable.values as ArrayLike<number>).flatMap((rate, bin) =>
    rate > 0 ? [Number((bin * variable.dt).toFixed(6))] : [],
  );
};

describe('a ragged column of trials', () => {
  it('whose values are session times is a variable that counts them', async () => {
    const opened = await open(withTrials((table) => raggedColumn(table, 'lick_times', LICKS)));
    expect(opened.rawDescription).toMatchObject({
      variables: { lick_times: { events: 'x.nwb#intervals/trials/lick_times', dt: 0.05 } },
    });
    expect(counts(opened, 'lick_times')).toEqual(COUNTS);
    expect(eventBins(opened, 'lick_times', 2)).toEqual([0.4, 1.1]);
    expect(opened.units).toEqual({ lick_times: 'Hz' });
    expect(opened.notes).toEqual([
      'The values in intervals/trials/lick_times are session times: the variable lick_times is the rate of these events, which are counted in bins of 0.05 s. For other bins, set variables.lick_times.dt in a dataset.yaml.',
    ]);
  });

  it('is one by its values, whatever its name and the order of times', async () => {
    const reversed = LICKS.map((list) => [...list].reverse());
    const opened = await open(withTrials((table) => raggedColumn(table, '舔水', reversed)));
    expect(counts(opened, '舔水')).toEqual(COUNTS);
    expect(eventBins(opened, '舔水', 2)).toEqual([0.4, 1.1]);
  });

  it('has times before and after trials, and NaN for none', async () => {
    const lists = LICKS.map((list, n) => [...list, Number.NaN, STARTS[n]! + 2.4]);
    const opened = await open(withTrials((table) => raggedColumn(table, 'licks', lists)));
    expect(counts(opened, 'licks')).toEqual(COUNTS);
    expect(opened.notes).toContain(
      'Times of variables.licks.events that are NaN stand for no event (10 of 38).',
    );
    expect(opened.notes).toContain('Events of licks outside all trials are left out (10 of 28).');
  });

  it('that counts from the start of trials is on their clocks, where its name says times', async () => {
    const opened = await open(
      withTrials((table) => {
        raggedColumn(table, 'lick_times', SINCE_START);
        raggedColumn(
          table,
          'lick_ports',
          SINCE_START.map((list) => list.map((_, n) => n + 1)),
        );
      }),
    );
    expect(counts(opened, 'lick_times')).toEqual(COUNTS);
    expect(eventBins(opened, 'lick_times', 2)).toEqual([0.4, 1.1]);
    expect(Object.keys(opened.recording.trials[0]!.variables)).toEqual(['lick_times']);
    expect(opened.notes.join('\n')).toContain(
      'The values in intervals/trials/lick_times count from the start of their trial',
    );
  });

  it('has narrower bins where events often share one', async () => {
    const bursts = LICKS.map((list) => list.flatMap((time) => [time, time + 0.021, time + 0.042]));
    const { notes, rawDescription } = await open(
      withTrials((table) => raggedColumn(table, 'bursts', bursts)),
    );
    expect(rawDescription).toMatchObject({ variables: { bursts: { dt: 0.02 } } });
    expect(notes.join()).toContain('counted in bins of 0.02 s');
  });

  it('of lists of lists is read where they are session times', async () => {
    const opened = await open(
      withTrials((table) => {
        // Each trial has a list of bouts, and each bout has one lick.
        numbers(table, 'bouts', LICKS.flat());
        const bouts = Uint8Array.from(LICKS.flat(), (_, n) => n + 1);
        table.create_dataset({ name: 'bouts_index', data: bouts, shape: [bouts.length] });
        let end = 0;
        const data = Uint8Array.from(COUNTS, (count) => (end += count));
        table.create_dataset({ name: 'bouts_index_index', data, shape: [COUNT] });
      }),
    );
    expect(counts(opened, 'bouts')).toEqual(COUNTS);
  });

  it('keeps the names of everything else, and is told apart from them', async () => {
    const opened = await open(
      withTrials((table, root) => {
        raggedColumn(table, 'licks', LICKS);
        const behavior = typed(root.create_group('processing'), 'behavior', 'ProcessingModule');
        series(behavior, 'licks', 'TimeSeries', Array(400).fill(2));
      }),
    );
    expect(opened.recording.trials[0]!.variables.licks!.values[0]).toBe(2);
    expect(counts(opened, 'trials_licks')).toEqual(COUNTS);
  });

  it('is read as before where each trial has one value', async () => {
    const one = STARTS.map((_, n) => [n + 0.5]);
    const { recording, notes } = await open(
      withTrials((table) => raggedColumn(table, 'contrast', one)),
    );
    expect(recording.trials.map(({ variables }) => variables.contrast!.values[0])).toEqual(
      one.flat(),
    );
    expect(notes).toEqual([]);
  });

  it('without values, or of anything but times, is left out and named', async () => {
    const { recording, notes } = await open(
      withTrials((table) => {
        raggedColumn(
          table,
          'reward_times',
          STARTS.map(() => []),
        );
        raggedColumn(
          table,
          'tags',
          STARTS.map(() => ['a', 'b']),
        );
        raggedColumn(
          table,
          'electrodes',
          STARTS.map(() => [4, 17]),
        );
      }),
    );
    expect(recording.trials[0]!.variables).toEqual({});
    expect(notes).toEqual([
      'Columns of intervals/trials that do not have one value for each trial are left out: electrodes, reward_times, tags. To read electrodes, add under variables in a dataset.yaml: electrodes: {data: x.nwb#intervals/trials/electrodes, ends: x.nwb#intervals/trials/electrodes_index, dt: 0.05}, where dt is the seconds from one value to the next.',
    ]);
  });

  it('is in doubt with a single trial, unless its name says times', async () => {
    const columns = withTrials(
      (table) => {
        raggedColumn(table, 'ids', [[10, 11]]);
        raggedColumn(table, 'tone_onsets', [[10.4, 11.3]]);
      },
      [10],
    );
    const { recording } = await open(columns);
    expect(Object.keys(recording.trials[0]!.variables)).toEqual(['tone_onsets']);
  });
});

describe('a ragged column in a dataset.yaml', () => {
  it('is a variable that counts its times', async () => {
    const bytes = encode(withTrials((table) => raggedColumn(table, 'lick_times', LICKS)));
    const table = 'x.nwb#intervals/trials';
    const opened = await openDescribed(
      {
        spikes: { times: 'x.nwb#units/spike_times', ends: 'x.nwb#units/spike_times_index' },
        variables: { licks: { events: `${table}/lick_times`, dt: 0.25 } },
        trials: { starts: `${table}/start_time`, stops: `${table}/stop_time` },
      },
      { 'x.nwb': bytes },
    );
    expect(counts(opened, 'licks')).toEqual(COUNTS);
    expect(eventBins(opened, 'licks', 2)).toEqual([0.25, 1]);
  });
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Group, Dataset as H5Dataset } from 'h5wasm/node';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/node/dataset.js';
import { spikeTimes, useFolders } from '../helpers/dataset.js';
import { numbers, series, typed, units, useNwb } from '../helpers/nwb.js';

const writeFolder = useFolders();
const { open, written } = useNwb(writeFolder);

/** The samples of a variable, rounded to six decimals. */
const samples = (variable: { values: ArrayLike<number | string> }) =>
  Array.from(variable.values, (value) => Number(Number(value).toFixed(6)));

describe('an NWB 2 file', () => {
  it('is read with its units wherever they are stored', async () => {
    const { recording } = await open((root) => {
      const module = typed(root.create_group('processing'), 'ecephys', 'ProcessingModule');
      const table = typed(module, 'sorted', 'Units');
      numbers(table, 'spike_times', [0.2, 0.4]);
      table.create_dataset({ name: 'spike_times_index', data: new Uint8Array([1, 2]) });
    });
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.2], [0.4]]);
  });

  it('has its units named by id where ids differ from indices', async () => {
    const openWithIds = (ids: number[]) =>
      open((root) => {
        units(root);
        (root.get('units') as Group).create_dataset({ name: 'id', data: Int32Array.from(ids) });
      });
    expect((await openWithIds([0, 1, 2])).names).toBeUndefined();
    expect((await openWithIds([4, 7, 30])).names).toEqual(['4', '7', '30']);
    // A column of another length does not name these units.
    expect((await openWithIds([4, 7])).names).toBeUndefined();
  });

  it('gives behavior one variable per axis, with rate, start, conversion and offset', async () => {
    const { recording, units: unitNames } = await open((root) => {
      units(root);
      const behavior = typed(root.create_group('processing'), 'behavior', 'ProcessingModule');
      const position = typed(behavior, 'Position', 'Position');
      series(position, 'place on track', 'SpatialSeries', [1, 2, 3, 4, 5, 6], {
        shape: [3, 2],
        start: 0.2,
        attributes: { conversion: 0.5, offset: 1, unit: 'meters' },
      });
      const speeds = typed(behavior, 'BehavioralTimeSeries', 'BehavioralTimeSeries');
      series(speeds, 'speed', 'TimeSeries', [7, 8, 9], { attributes: { unit: 'cm/s' } });
    });
    const { variables } = recording.trials[0]!;
    expect(Object.keys(variables).sort()).toEqual([
      'place_on_track_x',
      'place_on_track_y',
      'speed',
    ]);
    expect(variables.place_on_track_x).toMatchObject({ dt: 0.1, start: 0.2 });
    expect(samples(variables.place_on_track_x!)).toEqual([1.5, 2.5, 3.5]);
    expect(samples(variables.place_on_track_y!)).toEqual([2, 3, 4]);
    expect(unitNames).toEqual({
      place_on_track_x: 'meters',
      place_on_track_y: 'meters',
      speed: 'cm/s',
    });
  });

  it('reads pupils from a table with timestamps, and interpolates missing samples', async () => {
    const { recording, notes } = await open((root) => {
      units(root);
      const module = typed(root.create_group('processing'), 'eye_tracking', 'ProcessingModule');
      const table = typed(module, 'pupil', 'DynamicTable');
      numbers(table, 'width', [4, Number.NaN, 6]);
      numbers(table, 'timestamps', [0, 0.1, 0.2]);
      table.create_dataset({ name: 'id', data: new Int32Array([0, 1, 2]) });
    });
    const width = recording.trials[0]!.variables.pupil_width!;
    expect(samples(width)).toEqual([4, 6]);
    expect('times' in width && [...Array.from(width.times)]).toEqual([0, 0.2]);
    expect(notes).toContain(
      '1 of 3 samples of pupil_width are missing (33.3%), up to 0.2 s at a stretch: windows whose target would be interpolated are left out (use_interpolated: true keeps them).',
    );
  });

  it('reads what was presented, where it is a series of numbers', async () => {
    const { recording, notes } = await open((root) => {
      units(root);
      const stimulus = root.create_group('stimulus');
      const presentation = stimulus.create_group('presentation');
      series(presentation, '光强', 'OptogeneticSeries', [0, 2, 0]);
      series(presentation, 'contrast', 'TimeSeries', [0.1, 0.2, 0.3], { start: 0.2 });
      series(presentation, 'film', 'IndexSeries', [0, 1, 2]);
      series(stimulus.create_group('templates'), 'frozen noise', 'TimeSeries', [4, 5, 6]);
    });
    const { variables } = recording.trials[0]!;
    expect(Object.keys(variables).sort()).toEqual(['contrast', '光强']);
    expect(variables.contrast).toMatchObject({ dt: 0.1, start: 0.2 });
    expect(samples(variables.光强!)).toEqual([0, 2, 0]);
    expect(notes).toEqual([
      'Series that are not read, because they are no behavior or have no samples: stimulus/presentation/film (IndexSeries), stimulus/templates/frozen noise (TimeSeries). To read film, frozen_noise, add under variables in a dataset.yaml: film: {data: x.nwb#stimulus/presentation/film/data, dt: 0.1, start: 0}; frozen_noise: {data: x.nwb#stimulus/templates/frozen noise/data, dt: 0.1, start: 0}.',
    ]);
  });

  it('leaves out what is not behavior: raw signals, images, events, timestamps that do not increase', async () => {
    const { recording, notes } = await open((root) => {
      units(root);
      const acquisition = root.create_group('acquisition');
      series(acquisition, 'lfp', 'ElectricalSeries', [1, 2, 3]);
      series(acquisition, 'video', 'ImageSeries', [1, 2, 3]);
      const licks = typed(acquisition, 'licks', 'BehavioralEvents');
      series(licks, 'left', 'TimeSeries', [1, 1, 1]);
      const ttl = typed(acquisition, 'ttl', 'TimeSeries');
      numbers(ttl, 'data', [1, 2, 3]);
      numbers(ttl, 'timestamps', [0, 0.1, 0.1]);
    });
    expect(recording.trials[0]!.variables).toEqual({});
    expect(notes).toEqual([
      'The timestamps of acquisition/ttl do not increase from sample to sample: it is left out.',
      'Series that are not read, because they are no behavior or have no samples: acquisition/lfp (ElectricalSeries), acquisition/licks/left (TimeSeries), acquisition/video (ImageSeries). To read lfp, left, video, add under variables in a dataset.yaml: lfp: {data: x.nwb#acquisition/lfp/data, dt: 0.1, start: 0}; left: {data: x.nwb#acquisition/licks/left/data, dt: 0.1, start: 0}; video: {data: x.nwb#acquisition/video/data, dt: 0.1, start: 0}.',
    ]);
  });

  it('is split into its trials, and keeps other intervals by name', async () => {
    const { recording } = await open((root) => {
      units(root);
      const intervals = root.create_group('intervals');
      const trials = typed(intervals, 'trials', 'TimeIntervals');
      numbers(trials, 'start_time', [0, 0.4]);
      numbers(trials, 'stop_time', [0.4, 1]);
      const running = typed(intervals, 'running', 'TimeIntervals');
      numbers(running, 'start_time', [0.2]);
      numbers(running, 'stop_time', [0.3]);
    });
    expect(recording.trials.map(spikeTimes)).toEqual([
      [[0.1], [], [0.3]],
      [[0.1], [], [0.5]],
    ]);
    expect(recording.intervals).toEqual({ running: [{ start: 0.2, stop: 0.3 }] });
  });

  it('has the columns of the trials as variables, except times', async () => {
    const { recording } = await open((root) => {
      units(root);
      const trials = typed(root.create_group('intervals'), 'trials', 'TimeIntervals');
      numbers(trials, 'start_time', [0, 0.4]);
      numbers(trials, 'stop_time', [0.4, 1]);
      numbers(trials, 'go_time', [0.1, 0.5]);
      numbers(trials, 'contrast', [0.25, 1]);
      trials.create_dataset({ name: 'choice', data: ['left', 'right'] });
    });
    expect(recording.trials.map(({ variables }) => Object.keys(variables).sort())).toEqual([
      ['choice', 'contrast'],
      ['choice', 'contrast'],
    ]);
    expect(recording.trials[1]!.variables.choice!.values[0]).toBe('right');
  });

  it('accepts attributes that are lists of one value, and notes those that are not finite', async () => {
    const { recording, notes } = await open((root) => {
      units(root);
      const behavior = typed(root.create_group('processing'), 'behavior', 'ProcessingModule');
      const speed = series(behavior, 'speed', 'TimeSeries', [1, 2, 3], { rate: 5 });
      const values = speed.get('data') as H5Dataset;
      values.create_attribute('conversion', [0.01], [1]);
      values.create_attribute('offset', Number.NaN);
      const clock = speed.get('starting_time') as H5Dataset;
      clock.delete_attribute('rate');
      clock.create_attribute('rate', [5], [1]);
    });
    expect(recording.trials[0]!.variables.speed).toMatchObject({ dt: 0.2 });
    expect(samples(recording.trials[0]!.variables.speed!)).toEqual([0.01, 0.02, 0.03]);
    expect(notes).toContain('The offset of processing/behavior/speed is NaN; 0 is used instead.');
  });

  it('is split by any of its tables, whose columns are then variables', async () => {
    const write = (root: Group) => {
      units(root);
      const intervals = root.create_group('intervals');
      const test = typed(intervals, 'recognition', 'TimeIntervals');
      numbers(test, 'start_time', [0, 0.4, 0.8]);
      numbers(test, 'stop_time', [0.45, 0.75, 1]);
      numbers(test, 'old', [1, 0, 1]);
      const clips = typed(intervals, 'clips', 'TimeIntervals');
      numbers(clips, 'start_time', [0.1]);
      numbers(clips, 'stop_time', [0.6]);
    };
    const whole = await open(write);
    expect(whole.recording.trials).toHaveLength(1);
    expect(whole.notes.join()).toContain('--trials ');
    expect(whole.tables).toEqual(
      expect.arrayContaining([
        { name: 'recognition', rows: 3, columns: [{ name: 'old', distinct: 2 }] },
        { name: 'clips', rows: 1, columns: [] },
      ]),
    );
    const { recording, tables, notes, rawDescription } = await open(write, '2.6.0', 'recognition');
    // The first trial overlaps the second one by 0.05 s.
    expect(recording.trials.map(({ start, duration }) => [start, start + duration])).toEqual([
      [0, 0.4],
      [0.4, 0.75],
      [0.8, 1],
    ]);
    expect(recording.trials.map(({ variables }) => variables.old!.values[0])).toEqual([1, 0, 1]);
    expect(notes).toContain(
      'Trials that overlap the next one end where it starts (1 of 3, by at most 0.05 s).',
    );
    expect(rawDescription).toMatchObject({ trials: { overlaps: 'cut' } });
    expect(recording.intervals).toEqual({ clips: [{ start: 0.1, stop: 0.6 }] });
    expect(tables!.map(({ name }) => name)).toEqual(['clips']);
    await expect(open(write, '2.6.0', 'recall')).rejects.toThrow(
      'x.nwb has no table of intervals called recall whose rows could be trials; it has intervals/clips, intervals/recognition.',
    );
  });

  it('leaves out intervals without an end and trials without a start', async () => {
    const { recording, notes } = await open((root) => {
      units(root);
      const intervals = root.create_group('intervals');
      const trials = typed(intervals, 'trials', 'TimeIntervals');
      numbers(trials, 'start_time', [0, Number.NaN, 0.6]);
      numbers(trials, 'stop_time', [Number.NaN, Number.NaN, 1]);
      const rest = typed(intervals, 'rest', 'TimeIntervals');
      numbers(rest, 'start_time', [0.1, 0.5]);
      numbers(rest, 'stop_time', [0.2, Number.POSITIVE_INFINITY]);
    });
    expect(recording.trials.map(({ start, duration }) => [start, duration])).toEqual([
      [0, 0.6],
      [0.6, 0.4],
    ]);
    expect(recording.intervals.rest).toEqual([{ start: 0.1, stop: 0.2 }]);
    expect(notes).toContain(
      'Intervals of rest without a start, an end or a duration within the recording are left out (1 of 2).',
    );
  });

  it('leaves out the table of epochs, which are different stages, and notes how to use one', async () => {
    const { recording, notes, rawDescription } = await open((root) => {
      units(root);
      const intervals = root.create_group('intervals');
      for (const name of ['epochs', 'rest']) {
        const table = typed(intervals, name, 'TimeIntervals');
        numbers(table, 'start_time', [0.1, 0.4]);
        numbers(table, 'stop_time', [0.2, 0.6]);
      }
    });
    expect(Object.keys(recording.intervals)).toEqual(['rest']);
    expect(rawDescription).not.toHaveProperty('intervals.epochs');
    expect(notes.join('\n')).toContain(
      'The table intervals/epochs is not read, as its rows are different stages of the session. To use the first, add under intervals in a dataset.yaml: epoch0: {starts: "x.nwb#intervals/epochs/start_time[0:1]", stops: "x.nwb#intervals/epochs/stop_time[0:1]"}; [1:2] is the second.',
    );
  });

  it('notes what it leaves out: other tables of units, and series with many columns', async () => {
    const { recording, notes } = await open((root) => {
      units(root);
      const module = typed(root.create_group('processing'), 'second', 'ProcessingModule');
      units(module);
      series(module, 'pose', 'TimeSeries', Array(30).fill(1), { shape: [3, 10] });
    });
    expect(recording.neurons).toBe(3);
    expect(notes.join('\n')).toContain(
      '2 tables of units were found; only units is read (skipped: processing/second/units).',
    );
    expect(notes.join('\n')).toContain('processing/second/pose has 10 columns');
  });

  it('whose clock started long before has its session start where it was recorded', async () => {
    const { recording, notes } = await open((root) => {
      const table = typed(root, 'units', 'Units');
      numbers(table, 'spike_times', [5000.5, 5001, 5002]);
      table.create_dataset({ name: 'spike_times_index', data: new Uint8Array([2, 3]) });
    });
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.5, 1], [2]]);
    expect(notes).toEqual([
      'Nothing was recorded before 5000.5 s, so the session starts at 5000 s.',
    ]);
  });

  it('without units has the events of its traces as spikes, by a rule that is noted', async () => {
    const trace = [0, 1, -1, 0, 1, -1, 9, 9, 1, -1];
    const { recording, notes } = await open((root) => {
      const ophys = typed(root.create_group('processing'), 'ophys', 'ProcessingModule');
      const dff = typed(ophys, 'DfOverF', 'DfOverF');
      series(
        dff,
        'RoiResponseSeries',
        'RoiResponseSeries',
        trace.flatMap((x) => [x, -x]),
        {
          shape: [10, 2],
        },
      );
    });
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.6], []]);
    expect(recording.trials[0]!.duration).toBeCloseTo(1);
    expect(notes.join()).toContain(
      'This rule is a guess; set your own in a dataset.yaml, such as spikes.event: {above: 0.5',
    );
  });

  it('with one series per neuron has neurons in the order of the numbers in their names', async () => {
    const { recording } = await open((root) => {
      const acquisition = root.create_group('acquisition');
      for (const neuron of [10, 2, 1, 0, 3])
        series(
          acquisition,
          `Activity_${neuron}`,
          'TimeSeries',
          Array.from({ length: 11 }, (_, n) => (n === neuron ? 99 : (n % 3) - 1)),
        );
    });
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0], [0.1], [0.2], [0.3], [1]]);
    expect(recording.trials[0]!.variables).toEqual({});
  });

  it('of version 1, or without spikes, is rejected', async () => {
    await expect(open(() => {}, '1.0.6')).rejects.toThrow(
      'x.nwb is NWB 1.0.6, but only NWB 2 is supported',
    );
    await expect(open(() => {})).rejects.toThrow(
      'x.nwb contains neither units with spike times nor traces of neurons',
    );
  });

  it('whose index points past its spikes is rejected', async () => {
    const truncated = open((root) => {
      const table = typed(root, 'units', 'Units');
      numbers(table, 'spike_times', [0.1, 0.5]);
      table.create_dataset({ name: 'spike_times_index', data: new Uint32Array([2, 32415]) });
    });
    await expect(truncated).rejects.toThrow(
      'the times of neuron 1 would be at indices 2 to 32415 of spikes.times, which has 2 values: the file is cut short',
    );
  });

  it('is known by attributes that are lists, and without a type of its own', async () => {
    const path = join(writeFolder({}), 'x.nwb');
    const bytes = written((root) => {
      root.create_attribute('nwb_version', ['2.6.0']);
      units(root);
    });
    writeFileSync(path, bytes);
    expect((await openDataset(path)).recording.neurons).toBe(3);
  });

  it('has types that inherit, by its own specification or by name', async () => {
    const { recording, notes } = await open((root) => {
      units(root);
      const specification = root
        .create_group('specifications')
        .create_group('ndx-lab')
        .create_group('0.1.0');
      const groups = [
        { neurodata_type_def: 'Whisking', neurodata_type_inc: 'SpatialSeries' },
        { neurodata_type_def: 'SpatialSeries', neurodata_type_inc: 'TimeSeries' },
        { neurodata_type_def: 'Probe', neurodata_type_inc: 'ElectricalSeries' },
      ];
      specification.create_dataset({ name: 'ndx-lab', data: JSON.stringify({ groups }) });
      const behavior = typed(root.create_group('processing'), 'behavior', 'ProcessingModule');
      series(behavior, 'whisker', 'Whisking', [1, 2, 3]);
      series(behavior, 'probe', 'Probe', [1, 2, 3]);
      const trials = typed(root.create_group('intervals'), 'trials', 'LabTimeIntervals');
      numbers(trials, 'start_time', [0, 0.5]);
      numbers(trials, 'stop_time', [0.5, 1]);
    });
    expect(recording.trials).toHaveLength(2);
    expect(Object.keys(recording.trials[0]!.variables)).toEqual(['whisker']);
    expect(notes.join()).toContain('processing/behavior/probe (Probe)');
  });

  it('has trials without a stop, which last until the next one', async () => {
    const { recording, notes } = await open((root) => {
      units(root);
      const trials = typed(root.create_group('intervals'), 'trials', 'TimeIntervals');
      numbers(trials, 'start_time', [0, 0.4]);
      numbers(trials, 'choice', [1, 2]);
      numbers(trials, 'licks', [1, 2, 3]);
    });
    expect(recording.trials.map(({ start }) => start)).toEqual([0, 0.4]);
    expect(recording.trials[1]!.variables.choice!.values[0]).toBe(2);
    expect(notes).toContain(
      'Columns of intervals/trials that do not have one value for each trial are left out: licks.',
    );
  });

  it('tells variables of one name apart by their paths, whatever the script', async () => {
    const { recording } = await open((root) => {
      units(root);
      const processing = root.create_group('processing');
      for (const module of ['left', 'right']) {
        const parent = typed(processing, module, 'ProcessingModule');
        for (const camera of ['a', 'b', 'c'])
          series(typed(parent, camera, 'Tracking'), 'pupil', 'TimeSeries', [1, 2, 3]);
      }
      const behavior = typed(processing, '行为', 'ProcessingModule');
      series(behavior, '速度', 'TimeSeries', [1, 2, 3]);
      series(behavior, '位置', 'TimeSeries', [4, 5, 6]);
      series(behavior, 'choice', 'TimeSeries', [7, 8, 9]);
      const trials = typed(root.create_group('intervals'), 'trials', 'TimeIntervals');
      numbers(trials, 'start_time', [0]);
      numbers(trials, 'stop_time', [1]);
      numbers(trials, 'choice', [1]);
    });
    const { variables } = recording.trials[0]!;
    expect(Object.keys(variables).filter((name) => name.includes('pupil'))).toHaveLength(6);
    expect(samples(variables.速度!)).toEqual([1, 2, 3]);
    expect(samples(variables.位置!)).toEqual([4, 5, 6]);
    expect(variables.choice!.values[0]).toBe(1);
    expect(samples(variables.行为_choice!)).toEqual([7, 8, 9]);
  });

  it('has series whose names look like a pattern or an index', async () => {
    const { recording } = await open((root) => {
      units(root);
      const behavior = typed(root.create_group('processing'), 'behavior', 'ProcessingModule');
      series(behavior, 'left*', 'TimeSeries', [1, 2, 3]);
      series(behavior, 'left*right', 'TimeSeries', [4, 5, 6]);
      series(behavior, 'whisker[0]', 'TimeSeries', [7, 8, 9]);
    });
    const { variables } = recording.trials[0]!;
    expect(Object.values(variables).map(samples)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]);
  });

  it('has series and traces whose samples lie along the second axis, by their timestamps', async () => {
    const { recording } = await open((root) => {
      const processing = root.create_group('processing');
      const traces = typed(processing, 'traces', 'RoiResponseSeries');
      numbers(traces, 'data', [0, 1, 0, 9, 1, 0, 9, 1, 2, 1, 1, 9], [3, 4]);
      numbers(traces, 'timestamps', [0, 0.1, 0.2, 0.3]);
      const position = typed(processing, 'position', 'SpatialSeries');
      numbers(position, 'data', [1, 2, 3, 4, 5, 6, 7, 8], [2, 4]);
      numbers(position, 'timestamps', [0, 0.1, 0.2, 0.3]);
    });
    expect(recording.neurons).toBe(3);
    const { variables } = recording.trials[0]!;
    expect(samples(variables.position_x!)).toEqual([1, 2, 3, 4]);
    expect(samples(variables.position_y!)).toEqual([5, 6, 7, 8]);
  });
});

import { describe, expect, it } from 'vitest';
import { laggedCounts } from '../../src/analyze/lagged.js';
import { BatchOrder } from '../../src/recording/batch-order.js';
import { type DataDictionary, fromDataDictionary } from '../../src/recording/data-dictionary.js';
import {
  assembleRecording,
  createRecording,
  replaceVariables,
  type Session,
  type TimedSeries,
  type Trial,
} from '../../src/recording/recording.js';
import { resample } from '../../src/recording/sampling.js';
import { Tokenizer } from '../../src/recording/tokenizer.js';
import { measureTruncation, truncationNotes } from '../../src/recording/truncation.js';
import { NeuronVocabulary, TimeVocabulary } from '../../src/recording/vocabularies.js';
import { PAPER_RULES, type WindowSettings, Windows } from '../../src/recording/windows.js';

const times = (...lists: number[][]) => ({ times: lists.map((list) => Float64Array.from(list)) });

const SETTINGS: WindowSettings = {
  current: 0.05,
  past: 0.1,
  block: 6,
  pastBlock: 6,
  ids: new NeuronVocabulary(2),
  times: new TimeVocabulary(0.01, 0.05, 0.1),
  variables: [],
  rules: PAPER_RULES,
};

describe('a recording', () => {
  it('is cut into trials, each on its own clock', () => {
    const recording = createRecording({
      spikes: times([0.5, 1.25, 2.5], [1.5]),
      variables: {
        speed: { values: [0, 1, 2, 3], dt: 1 },
        lick: { values: [5, 6], times: [1.2, 2.4] },
      },
      frames: {
        data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
        count: 4,
        height: 1,
        width: 2,
        dt: 1,
      },
      trials: [
        { start: 0, stop: 1 },
        { start: 1, stop: 3, id: 7 },
      ],
      intervals: { running: [{ start: 0.5, stop: 2 }] },
    });
    expect(recording.neurons).toBe(2);
    expect(recording.trials.map(({ id, start, duration }) => [id, start, duration])).toEqual([
      [0, 0, 1],
      [7, 1, 2],
    ]);
    const { spikes, video, variables } = recording.trials[1]!;
    expect(spikes).toEqual(times([0.25, 1.5], [0.5]));
    expect(video).toMatchObject({ count: 2, start: 0 });
    expect([...video!.data]).toEqual([3, 4, 5, 6]);
    expect(variables.speed).toEqual({ values: [1, 2], dt: 1 });
    const { times: licks } = variables.lick as TimedSeries;
    expect(Array.from(licks)).toEqual([expect.closeTo(0.2), expect.closeTo(1.4)]);
    expect(recording.intervals.running).toEqual([{ start: 0.5, stop: 2 }]);
  });

  it('begins a trial with the label before it, unless a label is sampled at its start', () => {
    const { trials } = createRecording({
      spikes: times([0.5]),
      variables: { gait: { values: ['rest', 'walk', 'run'], times: [0, 1, 1.5] } },
      trials: [0, 1, 2].map((start) => ({ start, stop: start + 1 })),
    });
    expect(trials.map(({ variables }) => variables.gait)).toEqual([
      { values: ['rest'], times: Float64Array.of(0) },
      { values: ['walk', 'run'], times: Float64Array.of(0, 0.5) },
      { values: ['run'], times: Float64Array.of(0) },
    ]);
  });

  it('checks only new variables when its variables are replaced', () => {
    let reads = 0;
    const speed = {
      dt: 0.5,
      get values() {
        reads += 1;
        return [1, 2];
      },
    };
    const trial = { id: 0, start: 0, duration: 1, spikes: times([0.5]), variables: { speed } };
    const recording = assembleRecording('checked', [trial]);
    reads = 0;
    const score = { values: [7, 7], times: [0, 1] };
    const extended = replaceVariables(recording, [{ speed, score }]);
    expect(reads).toBe(0);
    expect(extended.trials[0]!.variables).toEqual({ speed, score });
    expect(recording.trials[0]!.variables).toEqual({ speed });
    const wrong = { ...score, values: [7, Number.NaN] };
    expect(() => replaceVariables(recording, [{ score: wrong }])).toThrow(
      'Sample 1 of variable score in trial 0 is NaN, but every sample should be a number',
    );
  });

  it('is the same from plain arrays of spike times as from typed ones', () => {
    const lists = [[0.1, 0.25], [0.2], []];
    const plain = createRecording({ spikes: { times: lists }, duration: 1 });
    const times = lists.map((list) => Float64Array.from(list));
    expect(plain).toEqual(createRecording({ spikes: { times }, duration: 1 }));
    expect(() => createRecording({ spikes: { times: [[0.2, 0.1]] } })).toThrow('should be sorted');
  });

  it('lasts until its latest data end', () => {
    const { trials } = createRecording({
      spikes: times([0.5], []),
      variables: { speed: { values: [1, 2, 3], dt: 0.5 } },
    });
    expect(trials[0]!.duration).toBe(1.5);
  });

  it('has the same windows in a trial as in the session that the trial was cut from', () => {
    const session: Session = {
      spikes: times([0.11, 0.52, 0.575, 0.61], [0.3, 0.53, 0.64]),
      variables: { speed: { values: Array.from({ length: 20 }, (_, n) => n), dt: 0.05 } },
      frames: {
        data: Float32Array.from({ length: 20 }, (_, n) => n),
        count: 20,
        height: 1,
        width: 1,
        dt: 0.05,
      },
      duration: 1,
    };
    const settings: WindowSettings = {
      ...SETTINGS,
      video: 0.1,
      variables: [{ name: 'speed', window: 0.1, dt: 0.05 }],
    };
    const sessionWindows = new Windows(createRecording(session), settings);
    const inSession = sessionWindows.at({ trialIndex: 0, end: 0.65 });
    const trials = [{ start: 0.25, stop: 1 }];
    const trialWindows = new Windows(createRecording({ ...session, trials }), settings);
    const inTrial = trialWindows.at({ trialIndex: 0, end: 0.4 });
    expect(inTrial.current.ids).toEqual(inSession.current.ids);
    expect(inTrial.current.times).toEqual(inSession.current.times);
    expect(inTrial.past.ids).toEqual(inSession.past.ids);
    expect(inTrial.frames).toEqual(inSession.frames);
    expect(inTrial.variables).toEqual(inSession.variables);
    expect([...inTrial.variables.speed!.values]).toEqual([11, 12]);
  });

  it('keeps the data of each trial out of the windows of the others', () => {
    const steps = Array.from({ length: 20 }, (_, n) => n);
    // The data of the second trial are shifted; those of the first are not.
    const session = (shift: number): Session => ({
      spikes: times(
        [0.11, 0.32, 0.575, 0.61].map((t) => (t > 0.5 ? t + shift : t)),
        [],
      ),
      variables: { speed: { values: steps.map((n) => (n < 10 ? n : n + 100 * shift)), dt: 0.05 } },
      frames: {
        data: Float32Array.from(steps, (n) => (n < 10 ? n : n + shift)),
        count: 20,
        height: 1,
        width: 1,
        dt: 0.05,
      },
      trials: [
        { start: 0, stop: 0.5 },
        { start: 0.5, stop: 1 },
      ],
    });
    const settings: WindowSettings = {
      ...SETTINGS,
      video: 0.1,
      variables: [{ name: 'speed', window: 0.1, dt: 0.05 }],
    };
    const makeWindows = (shift: number) => new Windows(createRecording(session(shift)), settings);
    const [original, shifted] = [makeWindows(0), makeWindows(0.02)];
    for (const ref of [0.4, 0.45, 0.475, 0.5].map((end) => ({ trialIndex: 0, end })))
      expect(original.at(ref)).toEqual(shifted.at(ref));
    const secondTrial = { trialIndex: 1, end: 0.2 };
    expect(original.at(secondTrial)).not.toEqual(shifted.at(secondTrial));
  });

  it('averages samples that are finer than the time step of windows', () => {
    const values = [1, 3, 5, 7, 9];
    const evenlySampled = resample({ values, dt: 0.05 }, 0.1, 1);
    expect([...Array.from<number | string>(evenlySampled.values)]).toEqual([2, 6]);
    const times = [0, 0.04, 0.1, 0.35];
    const unevenlySampled = resample({ values: [1, 3, 8, 6], times }, 0.2, 1);
    expect([...Array.from<number | string>(unevenlySampled.values)]).toEqual([4, 6]);
  });

  it('averages and interpolates angles on the circle', () => {
    const degrees = (values: number[], dt: number, newStep: number) =>
      Array.from(
        resample({ values, dt }, newStep, 1, { period: 360 }).values as ArrayLike<number>,
        (v) => Number(v.toFixed(6)),
      );
    expect(degrees([350, 10, 90, 110], 0.05, 0.1).map((v) => v % 360)).toEqual([0, 100]);
    expect(degrees([350, 10], 0.1, 0.05).map((v) => v % 360)).toEqual([350, 0, 10]);
  });

  it('interpolates numbers at the time step of windows, and holds labels', () => {
    const recording = createRecording({
      spikes: times([0.5], []),
      variables: {
        speed: { values: [0, 10, 20], times: [0.1, 0.3, 0.4] },
        gait: { values: ['rest', 'run'], times: [0.1, 0.32] },
      },
      duration: 0.5,
    });
    const tokenizer = Tokenizer.of(recording, { dt: 0.01, current: 0.05, past: 0.1 }, [
      { name: 'gait' },
    ]);
    const windows = new Windows(recording, {
      ...SETTINGS,
      variables: [
        { name: 'v', data: 'speed', window: 0.2, dt: 0.05 },
        { name: 'gait', window: 0.2, dt: 0.05, classes: tokenizer.classes.gait },
      ],
    });
    const { v, gait } = windows.at({ trialIndex: 0, end: 0.4 }).variables;
    expect([...v!.values]).toEqual([5, 7.5, 10, 15].map((value) => expect.closeTo(value)));
    const labels = [...gait!.values].map((token) => tokenizer.classes.gait!.decode(token));
    expect(labels).toEqual(['rest', 'rest', 'rest', 'run']);
    // The first sample is at 0.1 s and the last at 0.4 s, so there is nothing to decode in other
    // windows.
    expect(windows.windowsInTrial(0).map(({ end }) => end)).toEqual([
      0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45,
    ]);
  });

  it('holds classes that are numbers across the beginning of a trial', () => {
    const state = { values: [1, 2, 1], times: [0, 0.4, 1.2] };
    const recording = createRecording({
      spikes: times([0.5], []),
      variables: { state },
      trials: [0, 0.5, 1].map((start) => ({ start, stop: start + 0.5 })),
    });
    const tokenizer = Tokenizer.of(recording, { dt: 0.01, current: 0.05, past: 0.1 }, [
      { name: 'state' },
    ]);
    const classes = tokenizer.classes.state!;
    const windows = new Windows(recording, {
      ...SETTINGS,
      variables: [{ name: 'state', window: 0.1, dt: 0.1, classes }],
    });
    const decoded = [0, 1, 2].map((trial) =>
      windows
        .windowsInTrial(trial, 0.1)
        .map((ref) => classes.decode(windows.samplesAt(ref).state!.values[0]!)),
    );
    expect(decoded).toEqual([
      [1, 1, 1, 1],
      [2, 2, 2, 2],
      [2, 2, 1, 1],
    ]);
  });

  it('does not take a number from before a trial for one of its samples', () => {
    const sampled = Array.from({ length: 11 }, (_, n) => n / 10);
    const speed = { values: [...sampled, 5, 6, 7], times: [...sampled, 10.5, 10.6, 10.7] };
    const recording = createRecording({
      spikes: times([0.5], []),
      variables: { speed },
      trials: [0, 5, 10].map((start) => ({ start, stop: start + 1 })),
    });
    for (const read of [false, true]) {
      const variables = [{ name: 'speed', window: 0.1, dt: 0.1, read }];
      const windows = new Windows(recording, { ...SETTINGS, variables });
      const firstEnds = [0, 1, 2].map((trial) => windows.windowsInTrial(trial, 0.1)[0]?.end);
      expect(firstEnds).toEqual([expect.closeTo(0.15), undefined, expect.closeTo(0.65)]);
    }
  });

  it('has a class that was recorded only before the first trial', () => {
    const state = { values: [7, 2, 1], times: [0, 0.8, 1.2] };
    const trials = [{ start: 0.5, stop: 1.5 }];
    const recording = createRecording({ spikes: times([0.5]), variables: { state }, trials });
    const { classes } = Tokenizer.of(recording, { dt: 0.01, current: 0.05, past: 0.1 }, [
      { name: 'state' },
    ]);
    expect(classes.state!.values).toEqual([1, 2, 7]);
  });

  it('shows the first frame of a slow video as soon as it begins', () => {
    const frames = { data: new Float32Array(4), count: 4, height: 1, width: 1, dt: 0.5 };
    const recording = createRecording({ spikes: times([0.5], []), frames, duration: 2 });
    const windows = new Windows(recording, { ...SETTINGS, video: 0.5 });
    expect(windows.list().missing).toEqual({});
    expect(windows.windowsInTrial(0)[0]!.end).toBe(0.05);
  });

  it('keeps windows aligned with their bins when the bin width is rounded, however long the recording', () => {
    const bins = 30_000;
    const dt = Math.round((1000 * (bins - 1)) / 30) / 1000 / (bins - 1);
    const counts = [new Uint8Array(bins), new Uint8Array(bins)];
    for (let bin = 0; bin < bins; bin += 3) counts[0]![bin] = 1;
    const recording = createRecording({ spikes: { counts, dt } });
    const current = 0.1;
    const clock = new TimeVocabulary(0.01, current, 0.1);
    const windows = new Windows(recording, { ...SETTINGS, current, times: clock });
    const misaligned = windows.windowsInTrial(0).filter((ref) => {
      const { ids, times: timeTokens } = windows.at(ref).current;
      return ids[1] !== 0 || timeTokens[1] !== 0;
    });
    expect(misaligned).toEqual([]);
  });

  it('has no windows where no video was shown', () => {
    const video = {
      data: new Float32Array(10),
      count: 10,
      height: 1,
      width: 1,
      dt: 0.05,
      start: 0.5,
    };
    const recording = createRecording({ spikes: times([0.5], []), frames: video, duration: 1.5 });
    const windows = new Windows(recording, { ...SETTINGS, video: 0.1 });
    const ends = windows.windowsInTrial(0).map(({ end }) => end);
    expect([ends[0], ends.at(-1), ends.length]).toEqual([0.55, 1, 10]);
    expect(windows.list().missing).toEqual({ video: 20 });
  });

  it('does not count the spikes of a bin before the bin is complete', () => {
    const counts = [Uint8Array.of(1, 2, 3, 4), new Uint8Array(4)];
    const recording = createRecording({ spikes: { counts, dt: 0.1 }, duration: 0.4 });
    const windows = new Windows(recording, SETTINGS);
    const counted = windows.windowsInTrial(0).map((ref) => windows.spikeCounts(ref).current);
    // Windows are half a bin long. Each bin is counted once, in the window at whose end it is
    // complete.
    expect(counted).toEqual([0, 1, 0, 2, 0, 3, 0, 4]);
    const design = laggedCounts(
      windows,
      windows.windowsInTrial(0),
      { bin: 0.1, count: 2 },
      (n) => n,
    );
    expect(design.values.length).toBeGreaterThan(0);
    expect(Math.min(...design.indices)).toBeGreaterThanOrEqual(0);
  });

  it('holds coarse samples of an input, so that nothing from after the window is read', () => {
    const makeWindows = (lastSample: number, read: boolean) =>
      new Windows(
        createRecording({
          spikes: times([0.5], []),
          variables: { speed: { values: [1, 10, lastSample], times: [0.1, 0.3, 0.5] } },
          duration: 0.8,
        }),
        { ...SETTINGS, variables: [{ name: 'speed', window: 0.2, dt: 0.05, isInput: read }] },
      );
    const samplesAt = (end: number, lastSample: number, read = true) => [
      ...makeWindows(lastSample, read).at({ trialIndex: 0, end }).variables.speed!.values,
    ];
    expect(samplesAt(0.4, 20)).toEqual([1, 1, 10, 10]);
    expect(samplesAt(0.5, 20)).toEqual(samplesAt(0.5, 30));
    expect(samplesAt(0.55, 20)).not.toEqual(samplesAt(0.55, 30));
    // A variable that is decoded is interpolated toward the next sample, as it was at that time.
    expect(samplesAt(0.5, 20, false)).not.toEqual(samplesAt(0.5, 30, false));
    // The last sample is held for as long as the others.
    const ends = makeWindows(20, true).windowsInTrial(0);
    expect(ends.at(-1)!.end).toBe(0.7);
  });
});

describe('a recording is rejected, with the reason, for', () => {
  const spikes = times([0.5], [0.7]);
  const video = { data: new Float32Array(8), count: 2, height: 2, width: 2, dt: 0.05 };
  const variable = (values: unknown, more: object = { dt: 0.1 }) => ({
    spikes,
    variables: { speed: { values, ...more } },
  });
  it.each<[string, object, string]>([
    [
      'overlapping trials',
      {
        spikes: times([0.5]),
        duration: 3,
        trials: [
          { start: 1, stop: 3 },
          { start: 0, stop: 1.5 },
        ],
      },
      'Trial 0 begins at 1 s, before trial 1 ends at 1.5 s. Trials should not overlap: in a dataset.yaml, trials.keep selects the trials to use, and trials: {overlaps: cut} lets each end where the next one starts.',
    ],
    [
      'no neurons',
      { spikes: times() },
      'The recording has no neurons: spikes should have at least one row or list.',
    ],
    [
      'no spikes and no duration',
      { spikes: times([]) },
      'The recording recording is empty: nothing in it is later than 0 s. Where its clock begins below 0, say so in its dataset.yaml, such as start: -10.',
    ],
    ['no trials', { spikes, trials: [] }, 'The recording recording has no trials.'],
    [
      'a spike before the start',
      { spikes: times([0.5, -1]) },
      'Spike 1 of neuron 0 is at -1 s; spike times should be finite and not negative.',
    ],
    [
      'a spike time that is not a number',
      { spikes: times([0.5], [Number.NaN]) },
      'Spike 0 of neuron 1 is at NaN s; spike times should be finite and not negative.',
    ],
    [
      'spikes out of order',
      { spikes: times([0.5, 0.4]) },
      'Spike 1 of neuron 0 is at 0.4 s, before spike 0 at 0.5 s: the times of each neuron should be sorted.',
    ],
    [
      'counts of different lengths',
      { spikes: { counts: [[1, 2], [1]], dt: 0.1 } },
      'Neuron 1 has 1 bins, but neuron 0 has 2: counts should be a matrix of neurons and bins.',
    ],
    [
      'a trial that starts within a bin of its counts',
      {
        spikes: { counts: [[1, 2, 3]], dt: 1 },
        trials: [
          { start: 0.96, stop: 2 },
          { id: 3, start: 2.5, stop: 3 },
        ],
      },
      'Trial 3 starts at 2.5 s, within a bin of the spike counts; trials should start on the edge of a bin (every 1 s).',
    ],
    [
      'counts without a time step',
      { spikes: { counts: [[1, 2]], dt: 0 } },
      'The time step of spikes should be above 0 seconds, but is 0.',
    ],
    [
      'too few pixels',
      { spikes, frames: { ...video, count: 3 } },
      'A video of 3 frames of 2 x 2 should have 12 pixels, but has 8.',
    ],
    [
      'a pixel that is not a number',
      { spikes, frames: { ...video, data: Float32Array.of(0, 1, 2, 3, 4, Number.NaN, 6, 7) } },
      'Frame 1 has a pixel of value NaN; pixels should be finite numbers.',
    ],
    [
      'frames without a time step',
      { spikes, frames: { ...video, dt: Number.NaN } },
      'The time step of frames should be above 0 seconds, but is NaN.',
    ],
    ['a variable without samples', variable([]), 'Variable speed has no samples.'],
    [
      'a sample that is not a number',
      variable([1, Number.NaN]),
      'Sample 1 of variable speed is NaN, but every sample should be a number: fill in or remove missing samples, or in a dataset.yaml set missing: interpolate for it.',
    ],
    [
      'a label among numbers',
      variable([1, 'fast']),
      'Sample 1 of variable speed is fast, but every sample should be a number: correct this one.',
    ],
    [
      'a variable without a time step',
      variable([1], { dt: -1 }),
      'The time step of variable speed should be above 0 seconds, but is -1.',
    ],
    [
      'more samples than sample times',
      variable([1, 2], { times: [0] }),
      'Variable speed has 2 samples, but 1 sample times.',
    ],
    [
      'sample times that do not increase',
      variable([1, 2], { times: [0.3, 0.3] }),
      'Sample 1 of variable speed is at 0.3 s; sample times should be finite, and each later than the one before.',
    ],
    [
      'a trial that ends before it starts',
      { spikes, duration: 0.7, trials: [{ start: 0.5, stop: 0.2 }] },
      'Trial 0 runs from 0.5 to 0.2 s; it should be within the recording, 0 to 0.7 s, and end after it starts.',
    ],
    [
      'a trial past the end',
      { spikes, duration: 0.7, trials: [{ start: 0, stop: 9, id: 4 }] },
      'Trial 4 runs from 0 to 9 s; it should be within the recording, 0 to 0.7 s, and end after it starts.',
    ],
    [
      'two trials with the same id',
      {
        spikes,
        trials: [
          { start: 0, stop: 0.2, id: 1 },
          { start: 0.3, stop: 0.5, id: 1 },
        ],
      },
      'Two trials have the id 1.',
    ],
    [
      'an interval past the end',
      { spikes, duration: 0.7, intervals: { running: [{ start: 0, stop: 8 }] } },
      'Interval 0 of running runs from 0 to 8 s; it should be within the recording, 0 to 0.7 s, and end after it starts.',
    ],
  ])('%s', (_, session, message) => {
    expect(() => createRecording(session as Session)).toThrow(
      expect.objectContaining({ name: 'RecordingError', message }),
    );
  });

  it('faults in trials that were recorded separately, with the id of the trial', () => {
    const trial = { start: 0, duration: 1, variables: {} };
    const assemble = (last: Partial<Trial>) =>
      assembleRecording('r', [
        { ...trial, id: 4, spikes: times([0.1]) },
        { ...trial, id: 7, spikes: times([0.1]), ...last },
      ]);
    expect(() => assemble({ spikes: times([0.5, -1]) })).toThrow(
      'Spike 1 of neuron 0 in trial 7 is at -1 s; spike times should be finite and not negative.',
    );
    expect(() => assemble({ variables: { v: { values: [1, Number.NaN], dt: 1 } } })).toThrow(
      'Sample 1 of variable v in trial 7 is NaN, but every sample should be a number',
    );
    const recording = assemble({});
    expect(() => replaceVariables(recording, [{}, { v: { values: [], dt: 1 } }])).toThrow(
      'Variable v in trial 7 has no samples.',
    );
  });

  it('trials with different numbers of neurons, and a vocabulary with too few', () => {
    const trial = { start: 0, duration: 1, variables: {} };
    const trials = [
      { ...trial, id: 0, spikes: times([0.1], [0.2]) },
      { ...trial, id: 1, spikes: times([0.1]) },
    ];
    expect(() => assembleRecording('two', trials)).toThrow(
      'Trial 1 has 1 neurons, but trial 0 has 2: all trials should have the same neurons.',
    );
    const three = assembleRecording('three', [{ ...trial, id: 0, spikes: times([], [], [0.1]) }]);
    expect(() => new Windows(three, SETTINGS)).toThrow(
      'The recording has 3 neurons, but the vocabulary only 2: use the tokenizer that was made for this recording.',
    );
  });
});

describe('a data dictionary of the original', () => {
  const counts = [
    [0, 1, 0, 0, 2, 0, 0, 0, 0, 1],
    [1, 0, 0, 0, 0, 0, 0, 1, 0, 0],
  ];
  const steps = { dt: 0.01, frames: 0.05, behavior: 0.05 };

  it('becomes a recording: one matrix, its frames, behavior and intervals', () => {
    const { recording, intervals } = fromDataDictionary(
      {
        spikes: counts,
        frames: { data: new Float32Array(12), shape: [2, 2, 3] },
        behavior: { speed: [0.5, 0.6] },
        intervals: [0.05, 0.1],
        train_intervals: [0.05],
        test_intervals: [0.1],
        finetune_intervals: [],
      },
      steps,
    );
    const [trial] = recording.trials;
    expect(trial!.duration).toBeCloseTo(0.1, 12);
    expect([trial!.video!.count, trial!.video!.height, trial!.video!.width]).toEqual([2, 2, 3]);
    expect(trial!.variables.speed).toEqual({ values: [0.5, 0.6], dt: 0.05 });
    expect(intervals).toEqual({
      all: [
        { trialIndex: 0, end: 0.05 },
        { trialIndex: 0, end: 0.1 },
      ],
      train: [{ trialIndex: 0, end: 0.05 }],
      test: [{ trialIndex: 0, end: 0.1 }],
      finetune: [],
    });
  });

  it('may have a matrix per trial, and a callback that selects the frames of each trial', () => {
    const calls: unknown[] = [];
    const { recording, intervals } = fromDataDictionary(
      {
        spikes: { 3: counts, 8: counts },
        frames: { data: Float32Array.from({ length: 12 }, (_, n) => n), shape: [2, 6, 1, 1] },
        callback: (frames, end, count, { trial }) => {
          calls.push([end, count, trial]);
          const offset = trial === 3 ? 0 : 6;
          return frames.data.slice(offset + end - count, offset + end) as Float32Array;
        },
        intervals: [[0.1, 8]],
      },
      steps,
    );
    expect(recording.trials.map(({ id }) => id)).toEqual([3, 8]);
    const windows = new Windows(recording, { ...SETTINGS, video: 0.1 });
    expect([...windows.at(intervals.all[0]!).frames!]).toEqual([6, 7]);
    expect(calls).toEqual([[2, 2, 8]]);
  });

  it.each<[string, DataDictionary, string]>([
    [
      'a trial that does not exist',
      { spikes: counts, intervals: [[0.1, 5]] },
      'intervals refers to trial 5, but spikes has no such trial.',
    ],
    [
      'several videos without a callback',
      { spikes: counts, frames: { data: new Float32Array(4), shape: [2, 2, 1, 1] } },
      'frames should be [frames, height, width], or [videos, frames, height, width] with a callback, but is [2, 2, 1, 1].',
    ],
    [
      'a trial without behavior',
      { spikes: { 1: counts }, behavior: { speed: { 2: [1] } } },
      'speed has no samples for trial 1.',
    ],
  ])('is rejected, with the reason, for %s', (_, data, message) => {
    expect(() => fromDataDictionary(data, steps)).toThrow(
      expect.objectContaining({ name: 'RecordingError', message }),
    );
  });
});

describe('truncation', () => {
  it('is counted and reported: how many windows are truncated, and what block would hold them', () => {
    const recording = createRecording({
      spikes: times(
        [0.01, 0.02, 0.03, 0.06, 0.11, 0.12],
        [0.015, 0.025, 0.035, 0.115, 0.125, 0.13],
      ),
      duration: 0.2,
    });
    const windows = new Windows(recording, SETTINGS);
    const truncation = measureTruncation(windows, windows.windowsInTrial(0));
    expect(truncation).toEqual({
      windows: 4,
      current: { block: 6, windows: 2, spikes: 12, lost: 3, needed: 8 },
      past: { block: 6, windows: 3, spikes: 19, lost: 7, needed: 9 },
    });
    expect(truncationNotes(truncation)).toEqual([
      '2 of 4 current windows (50.0%) have more spikes than block_size.id = 6 holds; their earliest 3 spikes (25.0%) are left out. A block of 8 would hold all.',
      '3 of 4 past windows (75.0%) have more spikes than block_size.prev_id = 6 holds; their earliest 7 spikes (36.8%) are left out. A block of 9 would hold all.',
    ]);
    const truncated = windows.at({ trialIndex: 0, end: 0.05 }).current;
    expect([...truncated.ids]).toEqual([2, 0, 1, 0, 1, 3]);
    const roomy = new Windows(recording, { ...SETTINGS, block: 8, pastBlock: 9 });
    expect(truncationNotes(measureTruncation(roomy, roomy.windowsInTrial(0)))).toEqual([]);
  });
});

describe('the order of batches', () => {
  it('visits every window once per epoch, in a new order each time', () => {
    const order = new BatchOrder(10, 4, 7);
    const visited = [0, 1, 2, 3, 4].flatMap((step) => order.batch(step));
    const epochs = [visited.slice(0, 10), visited.slice(10)];
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (const epoch of epochs) expect([...epoch].sort((p, q) => p - q)).toEqual(all);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[0]).not.toEqual(all);
  });

  it('depends only on the seed and the step, so that it resumes anywhere', () => {
    const batches = [0, 1, 2, 3, 40].map((step) => new BatchOrder(10, 4, 7).batch(step));
    const order = new BatchOrder(10, 4, 7);
    expect([0, 1, 2, 3, 40].map((step) => order.batch(step))).toEqual(batches);
    expect(new BatchOrder(10, 4, 8).batch(0)).not.toEqual(batches[0]);
  });

  it('visits windows in proportion to their weights, and reproducibly', () => {
    const weights = Float64Array.of(1, 0, 2, 5);
    const order = () => new BatchOrder(4, 8, 3, weights);
    const counts = [0, 0, 0, 0];
    for (let step = 0; step < 100; step++) for (const n of order().batch(step)) counts[n]! += 1;
    expect(counts.map((count) => count / 100)).toEqual(
      [1, 0, 2, 5].map((n) => expect.closeTo(n, 0)),
    );
    expect(order().batch(7)).toEqual(order().batch(7));
  });

  it('is rejected without windows, for a fractional batch size, and for a negative seed', () => {
    expect(() => new BatchOrder(0, 4, 7)).toThrow('There are no windows to make batches of.');
    expect(() => new BatchOrder(5, 0.5, 7)).toThrow('should have 1 or more windows, but has 0.5');
    expect(() => new BatchOrder(5, 1, -7)).toThrow('from 0 to 4294967295, but is -7');
  });
});

describe('a tokenizer', () => {
  const recording = createRecording({
    spikes: times([0.5], [0.7]),
    variables: {
      gait: { values: ['walk', 'rest', 'walk'], dt: 0.3 },
      angle: { values: [0.2, 1.1, 0.4], dt: 0.3 },
    },
  });
  const windows = { dt: 0.01, current: 0.05, past: 0.15 };

  it('is made for a recording, and survives a round trip through JSON', () => {
    const tokenizer = Tokenizer.of(recording, windows, [
      { name: 'gait' },
      { name: 'turn', data: 'angle', resolution: 0.5 },
    ]);
    expect(tokenizer.classes.gait!.values).toEqual(['rest', 'walk']);
    expect(tokenizer.classes.turn!.values).toEqual([0, 0.5, 1]);
    const restored = new Tokenizer(JSON.parse(JSON.stringify(tokenizer)));
    expect(restored.toJSON()).toEqual(tokenizer.toJSON());
    expect([restored.ids.size, restored.times.size]).toEqual([5, tokenizer.times.size]);
    expect(restored.classes.turn!.encode(1.1)).toBe(2);
  });

  it('names a classified variable that the recording lacks', () => {
    expect(() => Tokenizer.of(recording, windows, [{ name: 'pupil' }])).toThrow(
      'The recording has no variable pupil to classify; it has gait, angle.',
    );
  });
});

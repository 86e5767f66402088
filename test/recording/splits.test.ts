import { describe, expect, it } from 'vitest';
import { assembleRecording, type Trial } from '../../src/recording/recording.js';
import {
  findLeaks,
  recencyWeights,
  SPLIT_PARTS,
  type Split,
  type SplitSettings,
  splitWindows,
  stretchIndices,
  thinTraining,
} from '../../src/recording/splits.js';
import { NeuronVocabulary, TimeVocabulary } from '../../src/recording/vocabularies.js';
import {
  ORIGINAL_RULES,
  PAPER_RULES,
  type WindowSettings,
  Windows,
} from '../../src/recording/windows.js';

const FRACTIONS = { train: 0.7, validation: 0.1, test: 0.2 };

function trial(id: number, duration: number): Trial {
  const count = Math.round(duration / 0.05);
  return {
    id,
    start: 0,
    duration,
    spikes: { times: [new Float64Array(), new Float64Array()] },
    video: { data: new Float32Array(count), count, height: 1, width: 1, dt: 0.05 },
    variables: { speed: { values: new Float64Array(count), dt: 0.05 } },
  };
}

function makeWindows(
  durations: readonly number[],
  settings: Partial<WindowSettings> = {},
): Windows {
  const recording = assembleRecording(
    'blank',
    durations.map((duration, n) => trial(n + 10, duration)),
  );
  return new Windows(recording, {
    current: 0.05,
    past: 0.15,
    block: 10,
    pastBlock: 20,
    ids: new NeuronVocabulary(2),
    times: new TimeVocabulary(0.01, 0.05, 0.15),
    video: 0.2,
    variables: [{ name: 'speed', window: 0.3, dt: 0.05 }],
    rules: PAPER_RULES,
    ...settings,
  });
}

const sizes = (split: Split) => SPLIT_PARTS.map((part) => split[part].length);

/** Compares each training window with each other one: slow, but independent of `findLeaks`. */
function countOverlaps(split: Split, windows: Windows): number {
  let overlaps = 0;
  for (const train of split.train) {
    for (const part of ['validation', 'test'] as const) {
      for (const other of split[part]) {
        if (train.trialIndex !== other.trialIndex) continue;
        const [a, b] = [windows.span(train).all, windows.span(other).all];
        if (Math.max(a.start, b.start, 0) < Math.min(a.stop, b.stop) - 1e-9) overlaps += 1;
      }
    }
  }
  return overlaps;
}

describe('windows of different parts read no common data', () => {
  const settings: Record<string, SplitSettings> = {
    'one block each': { kind: 'blocks', fractions: FRACTIONS },
    'four rounds of blocks': { kind: 'blocks', fractions: FRACTIONS, repeats: 4 },
    'blocks in another order': {
      kind: 'blocks',
      fractions: FRACTIONS,
      order: ['validation', 'train', 'test'],
    },
    'blocks with the shortest gap': { kind: 'blocks', fractions: FRACTIONS, repeats: 3, gap: 0.29 },
    'trials at random': { kind: 'trials', fractions: FRACTIONS, seed: 3 },
    'trials by id': { kind: 'trials', validation: [11], test: [13, 10] },
  };
  for (const [name, setting] of Object.entries(settings)) {
    it.each([
      ['side by side', undefined],
      ['overlapping', 0.01],
    ])(`${name}, windows %s`, (_, every) => {
      const windows = makeWindows([7, 5, 6.3, 8, 4.05, 3, 3, 3, 3, 3]);
      const split = splitWindows(windows, setting, every);
      expect(countOverlaps(split, windows)).toBe(0);
      expect(findLeaks(split, windows)).toEqual([]);
      expect(Math.min(...sizes(split))).toBeGreaterThan(20);
    });
  }

  it('without a configured gap, where a variable reads back furthest', () => {
    const windows = makeWindows([20], { variables: [{ name: 'speed', window: 1, dt: 0.05 }] });
    const split = splitWindows(windows, { kind: 'blocks', fractions: FRACTIONS, repeats: 2 });
    expect(countOverlaps(split, windows)).toBe(0);
    expect(findLeaks(split, windows)).toEqual([]);
    // Each half of 10 s has 7 s of training, then 1 s of validation whose first 0.95 s are the gap.
    expect(split.validation.map(({ end }) => end)).toEqual([8, 18]);
  });

  it('where the video ends after the window, as in the original', () => {
    const windows = makeWindows([20], { rules: ORIGINAL_RULES });
    const split = splitWindows(windows, { kind: 'blocks', fractions: FRACTIONS, repeats: 2 });
    expect(countOverlaps(split, windows)).toBe(0);
    expect(findLeaks(split, windows)).toEqual([]);
  });
});

describe('a split', () => {
  it('by blocks is in the order of time, and leaves out the windows in gaps', () => {
    const windows = makeWindows([100]);
    const split = splitWindows(windows, { kind: 'blocks', fractions: FRACTIONS });
    const [train, validation, test] = SPLIT_PARTS.map((part) => split[part].map(({ end }) => end));
    expect([train![0], train!.at(-1)]).toEqual([0.05, 70]);
    // A window of 50 ms begins at least 250 ms after its block does, since it reads 300 ms of
    // speed.
    expect([validation![0], validation!.at(-1)]).toEqual([70.3, 80]);
    expect([test![0], test!.at(-1)]).toEqual([80.3, 100]);
    expect(split.leftOut).toBe(10);
    expect(sizes(split).reduce((sum, n) => sum + n, split.leftOut)).toBe(2000);
  });

  it('by blocks has its parts in the configured order', () => {
    const order = ['test', 'train', 'validation'] as const;
    const split = splitWindows(makeWindows([20]), { kind: 'blocks', fractions: FRACTIONS, order });
    const firstEnd = (part: (typeof order)[number]) => split[part][0]!.end;
    expect(firstEnd('test')).toBeLessThan(firstEnd('train'));
    expect(firstEnd('train')).toBeLessThan(firstEnd('validation'));
    expect(split.test.length).toBeGreaterThan(split.validation.length);
  });

  it('weights later windows more, on a timeline of all trials', () => {
    const windows = makeWindows([2, 2]);
    const refs = [0, 1].flatMap((trialIndex) => [1, 2].map((end) => ({ trialIndex, end })));
    expect([...recencyWeights(windows, refs, 1)]).toEqual([1 / 8, 1 / 4, 1 / 2, 1]);
  });

  it('can be thinned to a random share of its latest training windows, drawn by the seed', () => {
    const split = splitWindows(makeWindows([20]), { kind: 'blocks', fractions: FRACTIONS });
    const thin = (seed: number) => thinTraining(split, { recent: 0.5, share: 0.1, seed });
    const { train, leftOut, notes } = thin(1);
    expect(train.length).toBe(Math.round(0.1 * Math.ceil(split.train.length / 2)));
    expect(leftOut).toBe(split.leftOut + split.train.length - train.length);
    const middle = split.train[Math.floor(split.train.length / 2)]!.end;
    expect(train.every(({ end }) => end >= middle)).toBe(true);
    expect(train.map(({ end }) => end)).toEqual(train.map(({ end }) => end).sort((p, q) => p - q));
    expect(thin(1).train).toEqual(train);
    expect(thin(2).train).not.toEqual(train);
    expect(notes).toEqual([
      `Of ${split.train.length} training windows, ${train.length} are used: the latest 50%, and of those 10%, drawn by the seed.`,
    ]);
    expect(thinTraining(split, { recent: 1, share: 1, seed: 1 })).toBe(split);
  });

  it('can be thinned to stretches of time, which are labeled as a whole', () => {
    const split = splitWindows(makeWindows([20, 20]), { kind: 'blocks', fractions: FRACTIONS });
    const { train } = thinTraining(split, { recent: 1, share: 0.3, stretch: 2, seed: 1 });
    const stretches = stretchIndices(split.train, 2);
    const drawn = new Set(train.map((ref) => stretches[split.train.indexOf(ref)]!));
    expect(drawn.size).toBe(Math.round(0.3 * new Set(stretches).size));
    expect(train).toEqual(split.train.filter((_, n) => drawn.has(stretches[n]!)));
    const other = thinTraining(split, { recent: 1, share: 0.3, stretch: 2, seed: 2 });
    expect(other.train).not.toEqual(train);
  });

  it('by trials never divides a trial, and is reproducible by its seed', () => {
    const windows = makeWindows(Array(20).fill(1));
    const settings = { kind: 'trials', fractions: FRACTIONS, seed: 5 } as const;
    const split = splitWindows(windows, settings);
    expect(sizes(split)).toEqual([14 * 20, 2 * 20, 4 * 20]);
    for (const part of SPLIT_PARTS) {
      const trials = new Set(split[part].map((ref) => ref.trialIndex));
      expect(split[part]).toHaveLength(trials.size * 20);
    }
    expect(splitWindows(windows, settings)).toEqual(split);
    expect(splitWindows(windows, { ...settings, seed: 6 }).test).not.toEqual(split.test);
  });

  it('by lists of trials leaves out those in no list, with a note', () => {
    const windows = makeWindows(Array(6).fill(1));
    const lists = { kind: 'trials', train: [10, 12], validation: [11], test: [14] } as const;
    const split = splitWindows(windows, lists);
    const trials = (part: (typeof SPLIT_PARTS)[number]) => [
      ...new Set(split[part].map(({ trialIndex }) => trialIndex + 10)),
    ];
    expect(SPLIT_PARTS.map(trials)).toEqual([[10, 12], [11], [14]]);
    expect(sizes(split)).toEqual([40, 20, 20]);
    expect(split.leftOut).toBe(40);
    expect(split.notes).toEqual(['2 trials are in no part of the split.']);
    const oneLess = splitWindows(windows, { ...lists, train: [10, 12, 13] });
    expect(oneLess.notes).toEqual(['1 trial is in no part of the split.']);
  });

  it('by lists without one for training trains on all trials in no other list', () => {
    const windows = makeWindows(Array(6).fill(1));
    const split = splitWindows(windows, { kind: 'trials', validation: [], test: [11, 15] });
    expect(sizes(split)).toEqual([80, 0, 40]);
    expect([split.leftOut, split.notes]).toEqual([0, []]);
  });

  it('of kind interleaved-legacy leaks, and says so', () => {
    const windows = makeWindows([50]);
    const split = splitWindows(windows, {
      kind: 'interleaved-legacy',
      fractions: FRACTIONS,
      seed: 1,
    });
    expect(sizes(split)).toEqual([700, 100, 200]);
    expect(split.caveats[0]).toContain('test windows overlap training windows');
    const leak = findLeaks(split, windows).find(
      ({ part, from }) => part === 'test' && from === 'train',
    );
    expect(leak!.windows).toBe(200);
    expect(countOverlaps(split, windows)).toBeGreaterThan(200);
  });

  it('can be listed explicitly, and says how much it leaks', () => {
    const windows = makeWindows([10]);
    const refs = (...ends: number[]) => ends.map((end) => ({ trialIndex: 0, end }));
    const split = splitWindows(windows, {
      kind: 'explicit',
      windows: { train: refs(1, 2), validation: refs(5), test: refs(2.1, 8) },
    });
    expect(sizes(split)).toEqual([2, 1, 2]);
    expect(split.caveats).toEqual([
      '1 of 2 test windows overlap what train windows read, so scores on them say little about new data.',
      '1 of 2 train windows overlap what test windows read, so scores on them say little about new data.',
    ]);
  });

  it.each<[string, SplitSettings, string]>([
    [
      'fractions that do not add up',
      { kind: 'blocks', fractions: { train: 0.7, validation: 0.2, test: 0.2 } },
      'The fractions of a split should be shares from 0 to 1 that add up to 1, but are train 0.7, validation 0.2, test 0.2.',
    ],
    [
      'a gap shorter than windows read back',
      { kind: 'blocks', fractions: FRACTIONS, gap: 0.1 },
      'The gap of a split should be at least 0.250 s, as far as windows read back, but is 0.1.',
    ],
    [
      'a trial that does not exist',
      { kind: 'trials', validation: [10], test: [99] },
      'The split refers to trial 99, but the recording has no such trial; its ids are 10.',
    ],
    [
      'a trial that does not exist, among several',
      { kind: 'trials', train: [0], validation: [], test: [] },
      'The split refers to trial 0, but the recording has no such trial; its ids are 10.',
    ],
    [
      'a trial in two parts',
      { kind: 'trials', validation: [10], test: [10] },
      'The split lists trial 10 for both validation and test.',
    ],
    [
      'a trial for training and in another part',
      { kind: 'trials', train: [10], validation: [], test: [10] },
      'The split lists trial 10 for both train and test.',
    ],
    [
      'no trial for training',
      { kind: 'trials', validation: [], test: [10] },
      'The train part of the split has no windows: no trial is left for it, or its trials have no windows.',
    ],
    [
      'half a repeat of blocks',
      { kind: 'blocks', fractions: FRACTIONS, repeats: 0.5 },
      'The repeats of a split should be a whole number of 1 or more, but are 0.5.',
    ],
    [
      'a part without windows',
      { kind: 'blocks', fractions: FRACTIONS, gap: 4 },
      "The validation part of the split has no windows: none of the recording's 200 windows is in its blocks and after the gap. The gap is too long, the share too small, or a variable was not recorded there.",
    ],
  ])('is rejected, with the reason, for %s', (_, settings, message) => {
    expect(() => splitWindows(makeWindows([10]), settings)).toThrow(
      expect.objectContaining({ name: 'RecordingError', message }),
    );
  });
});

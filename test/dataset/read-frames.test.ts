import { describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/formats/npy.js';
import { encodeNpz } from '../../src/formats/npz.js';
import type { Recording } from '../../src/recording/recording.js';
import { datasetOpener, useFolders } from '../helpers/dataset.js';

const open = datasetOpener(useFolders(), {
  'a.npz': encodeNpz({
    times: { data: Float64Array.of(0.5, 1, 1.5, 9) },
    neurons: { data: Int32Array.of(0, 1, 0, 1) },
    trial: { data: Int32Array.of(0, 0, 1, 1) },
    starts: { data: Float64Array.of(0, 5) },
    stops: { data: Float64Array.of(4, 9) },
  }),
  'frames.npy': encodeNpy(Uint8Array.of(1, 2, 3, 4), [1, 2, 2]),
});
const SPIKES = { times: 'a.npz#times', neurons: 'a.npz#neurons' };
const OWN_CLOCKS = { ...SPIKES, trials: 'a.npz#trial' };
const TRIALS = { starts: 'a.npz#starts', stops: 'a.npz#stops' };
/** Two bumps over an epoch: one falls from its beginning on, one rises to its end. */
const FRAMES = { sequence: { epoch: 2, step: 2 }, dt: 1 };

/** The features of each frame of the first trial, rounded. */
function features({ trials }: Recording): number[][] {
  const { data, count, width } = trials[0]!.video!;
  return Array.from({ length: count }, (_, frame) =>
    Array.from(data.subarray(frame * width, (frame + 1) * width), (x) => Number(x.toFixed(3))),
  );
}

const SPEED = encodeNpy(Float64Array.from({ length: 10 }, (_, n) => n));

describe('frames of a sequence', () => {
  const [low, high] = [0.146, 0.854]; // (1 -+ cos(pi / 4)) / 2: a quarter of the epoch from its ends

  it('have a feature of each epoch, each bump in an epoch, and each product of the two', async () => {
    const { recording, notes } = await open({ spikes: SPIKES, trials: TRIALS, frames: FRAMES });
    expect(features(recording)).toEqual([
      [1, 0, high, low, high, low, 0, 0],
      [1, 0, low, high, low, high, 0, 0],
      [0, 1, high, low, 0, 0, high, low],
      [0, 1, low, high, 0, 0, low, high],
    ]);
    expect(recording.trials[0]!.video).toMatchObject({ height: 1, width: 8, dt: 1, start: 0 });
    expect(notes).toEqual(['Spikes outside all trials are left out (1 of 4).']);
  });

  it('have 12 + 5 + 60 features for 36 s of epochs of 3 s, with a bump every 0.75 s', async () => {
    const { recording } = await open({
      spikes: OWN_CLOCKS,
      trials: { duration: 36 },
      frames: { sequence: { epoch: 3, step: 0.75 }, dt: 0.1 },
    });
    const { video } = recording.trials[0]!;
    expect(video).toMatchObject({ count: 360, width: 77 });
    const rows = features(recording);
    for (const [frame, row] of rows.entries()) {
      expect(row.every((value) => value >= 0 && value <= 1)).toBe(true);
      expect(row.slice(0, 12).indexOf(1)).toBe(Math.floor(frame / 30));
      // Bumps that meet halfway add up to 1 at any time.
      expect(row.slice(12, 17).reduce((a, b) => a + b)).toBeCloseTo(1, 2);
      expect(row.slice(17).filter((value) => value > 0)).toEqual(
        row.slice(12, 17).filter((value) => value > 0),
      );
    }
  });

  it('are one video that all trials share, also where trials have clocks of their own', async () => {
    for (const description of [
      { spikes: SPIKES, trials: TRIALS },
      { spikes: OWN_CLOCKS, trials: { duration: 4 } },
    ]) {
      const { recording } = await open({ ...description, frames: FRAMES });
      const [first, second] = recording.trials.map(({ video }) => video);
      expect(first).toBeDefined();
      expect(second).toBe(first);
    }
  });

  it('come with a variable that says the epoch, where it has a name', async () => {
    const frames = { sequence: { ...FRAMES.sequence, label: 'texture' }, dt: 1 };
    const { recording } = await open({ spikes: SPIKES, trials: TRIALS, frames });
    for (const { variables } of recording.trials)
      expect(variables.texture).toEqual({ values: ['1', '1', '2', '2'], dt: 1, start: 0 });
    const variables = { texture: { data: 'speed.npy', dt: 1 } };
    await expect(
      open({ spikes: SPIKES, trials: TRIALS, frames, variables }, { 'speed.npy': SPEED }),
    ).rejects.toThrow(
      'frames.sequence.label is texture, but there is a variable of that name: choose another.',
    );
  });

  it('begin at their start on the clock of the trials', async () => {
    const frames = { ...FRAMES, start: 1 };
    const { recording } = await open({ spikes: SPIKES, trials: TRIALS, frames });
    expect(recording.trials[0]!.video).toMatchObject({ count: 3, start: 1 });
    // These trials begin 2 s before the time 0 of their clocks.
    const early = { spikes: { ...OWN_CLOCKS, start: -2 }, trials: { duration: 6 }, frames: FRAMES };
    expect((await open(early)).recording.trials[0]!.video).toMatchObject({ count: 4, start: 2 });
  });

  it('have an epoch of its own where the longest trial ends within one, which is noted', async () => {
    const trials = { duration: 5 };
    const { recording, notes } = await open({ spikes: OWN_CLOCKS, trials, frames: FRAMES });
    expect(features(recording)[4]!.slice(0, 3)).toEqual([0, 0, 1]);
    expect(recording.trials[0]!.video!.width).toBe(3 + 2 + 6);
    expect(notes).toContain(
      'The longest trial shows 5 s of frames.sequence, which ends within an epoch of 2 s: its last 1 s count as an epoch of their own.',
    );
  });

  it('are rejected in one sentence where they do not fit', async () => {
    const rejected = (frames: object, keys: object = { trials: TRIALS }) =>
      expect(open({ spikes: SPIKES, frames, ...keys })).rejects;
    await rejected({ dt: 1 }).toThrow('frames should have data or sequence.');
    await rejected({ ...FRAMES, data: 'frames.npy' }).toThrow(
      'frames has both data and sequence: give one of data or sequence.',
    );
    await rejected({ ...FRAMES, scale: 2 }).toThrow('frames has both scale and sequence');
    await rejected({ sequence: { epoch: 2, step: 3 }, dt: 1 }).toThrow(
      'frames.sequence.step should be at most frames.sequence.epoch, 2 s, but is 3.',
    );
    await rejected(FRAMES, {}).toThrow(
      'frames.sequence is known by the time in each trial, but the session has no trials: add trials with starts, and stops if there are any.',
    );
    await rejected({ ...FRAMES, start: 4 }).toThrow(
      'The sequence of frames begins 4 s after the beginning of a trial, but the longest trial lasts 4 s: set frames.start to where it begins on the clock of the trials.',
    );
  });
});

describe('frames of pixels', () => {
  it('are rejected where trials have clocks of their own', async () => {
    const frames = { data: 'frames.npy', dt: 1 };
    await expect(open({ spikes: OWN_CLOCKS, frames })).rejects.toThrow(
      'frames.data can only be read on the session clock, but the spikes are on the clocks of their trials: leave it out.',
    );
  });
});

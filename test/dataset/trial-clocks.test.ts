import { describe, expect, it } from 'vitest';
import { encodeNpz } from '../../src/formats/npz.js';
import { opener, spikeCounts, spikeTimes, useFolders } from '../helpers/dataset.js';
import { matlabFile } from '../helpers/matlab.js';

const f64 = (...values: number[]) => ({ data: Float64Array.from(values) });
const i32 = (...values: number[]) => ({ data: Int32Array.from(values) });

/** Three trials of one neuron: spikes at 0.5 and 3, at 0.5, and at 1. */
const ARRAYS = {
  'a.npz': encodeNpz({
    times: f64(0.5, 3, 0.5, 1),
    neurons: i32(0, 0, 0, 0),
    trial: i32(0, 0, 1, 2),
    labels: i32(4, 4, 7, 9),
    early: f64(-0.8, 0.5, -1.2, 0.25),
    starts: f64(100, 110, 120),
    close: f64(100, 102, 120),
    stops: f64(102, 111, 124),
    short: f64(2, 2, 2),
    choice: i32(5, 6, 7),
    four: i32(5, 6, 7, 8),
  }),
};

const open = opener(useFolders(), ARRAYS);
const SPIKES = { times: 'a.npz#times', neurons: 'a.npz#neurons', trials: 'a.npz#trial' };

async function spans(description: object) {
  const { recording, notes } = await open(description);
  const rounded = (value: number) => Number(value.toFixed(6));
  return {
    trials: recording.trials,
    spans: recording.trials.map(({ start, duration }) => [rounded(start), rounded(duration)]),
    spikes: recording.trials.map((trial) => spikeTimes(trial)[0]),
    notes,
  };
}

describe('trials with clocks of their own', () => {
  it('follow one another, each as long as the longest, where nobody says when they were', async () => {
    const found = await spans({ spikes: SPIKES });
    expect(found.spans).toEqual([
      [0, 3],
      [3, 3],
      [6, 3],
    ]);
    expect(found.spikes).toEqual([[0.5, 3], [0.5], [1]]);
    expect(found.notes).toEqual([]);
  });

  it('last from their starts to their stops, and spikes after those are said to be lost', async () => {
    const trials = { starts: 'a.npz#starts', stops: 'a.npz#stops' };
    const found = await spans({ spikes: SPIKES, start: 100, trials });
    expect(found.spans).toEqual([
      [0, 2],
      [10, 1],
      [20, 4],
    ]);
    expect(found.spikes).toEqual([[0.5], [0.5], [1]]);
    expect(found.notes).toEqual(['1 of 4 spikes lie after the end of their trials.']);
  });

  it('end where the next begins, if nobody says when', async () => {
    const found = await spans({ spikes: SPIKES, start: 100, trials: { starts: 'a.npz#close' } });
    expect(found.spans).toEqual([
      [0, 2],
      [2, 3],
      [20, 3],
    ]);
    expect(found.spikes[0]).toEqual([0.5]);
  });

  it('may begin before their clocks are at 0, spikes and samples alike', async () => {
    const early = { ...SPIKES, times: 'a.npz#early' };
    const samples = { 'c.mat': matlabFile({ v: [[1, 2], [3], [4]] }) };
    const trials = { starts: 'a.npz#starts', duration: 2 };
    const variables = { v: { data: 'c.mat#v/*', dt: 0.1, start: -0.5 } };
    const { recording, notes } = await open(
      { spikes: { ...early, start: -1 }, trials, variables },
      samples,
    );
    expect(recording.trials[0]!.variables.v).toMatchObject({ start: 0.5, dt: 0.1 });
    expect(recording.trials.map((trial) => spikeTimes(trial)[0])).toEqual([[0.2, 1.5], [], [1.25]]);
    expect(recording.trials.map(({ start }) => start)).toEqual([99, 109, 119]);
    expect(notes).toEqual([
      "1 of 4 spikes lie before their trials' clocks begin, at -1 s, and were left out; say as spikes.start where they begin.",
    ]);
    const all = await open({ spikes: { ...early, start: -1.2 }, trials });
    expect(all.notes).toEqual([]);
  });

  it('have the numbers they are called by, and what is said of each', async () => {
    const spikes = { ...SPIKES, trials: 'a.npz#labels', relabel: true };
    const { trials } = await spans({ spikes, variables: { choice: readChoice('choice') } });
    expect(trials.map(({ id }) => id)).toEqual([4, 7, 9]);
    expect(trials.map(({ variables }) => variables.choice!.values)).toEqual([
      [5, 5],
      [6, 6],
      [7, 7],
    ]);
  });

  it('are refused where something has values for more of them, as nobody knows which', async () => {
    const variables = { choice: readChoice('four') };
    await expect(spans({ spikes: SPIKES, variables })).rejects.toThrow(
      'variables.choice has values for 4 trials, but there are 3: each needs its own, in their order.',
    );
    const labelled = { ...SPIKES, trials: 'a.npz#labels', relabel: true };
    await expect(spans({ spikes: labelled, variables })).rejects.toThrow(
      'each needs its own, in the order of their labels, which are 4, 7, 9; a trial without spikes has none.',
    );
    const late = { ...SPIKES, trials: 'a.npz#labels' };
    await expect(spans({ spikes: late, variables })).rejects.toThrow(
      'in their order; no spike is of trial 0, so if trials are numbered from 1, set spikes.relabel.',
    );
    const picked = { choice: readChoice('four[1:]') };
    expect((await spans({ spikes: SPIKES, variables: picked })).trials).toHaveLength(3);
  });

  it('are said to be numbered from 1 perhaps, where none is 0', async () => {
    const { notes, trials } = await spans({ spikes: { ...SPIKES, trials: 'a.npz#labels' } });
    expect(trials).toHaveLength(10);
    expect(notes[0]).toContain('No spike is of trial 0: if trials are numbered from 1');
  });

  it('are refused where they end before they start', async () => {
    const trials = { starts: 'a.npz#starts', stops: 'a.npz#short' };
    await expect(spans({ spikes: SPIKES, trials })).rejects.toThrow(
      "Trial 0 runs from 100 to 2 s of the session: trials.starts and trials.stops are both on the session's clock, and a trial ends after it starts.",
    );
  });

  it('of counts lose those after their ends, and it is said', async () => {
    const counts = encodeNpz({ c: { data: Uint8Array.of(1, 2, 3, 1, 1, 1), shape: [2, 1, 3] } });
    const { recording, notes } = await open(
      {
        spikes: { counts: 'b.npz#c', dt: 0.1 },
        trials: { starts: 'a.npz#starts[:2]', duration: 0.25 },
      },
      { 'b.npz': counts },
    );
    expect(recording.trials.map(spikeCounts)).toEqual([[[1, 2]], [[1, 1]]]);
    expect(notes).toEqual(['4 of 9 spikes lie after the end of their trials.']);
  });

  it('are refused where they overlap', async () => {
    const trials = { starts: 'a.npz#close', duration: 3 };
    await expect(spans({ spikes: SPIKES, start: 100, trials })).rejects.toThrow(
      'Trial 1 begins at 2 s, before trial 0 ends at 3 s. Trials should not overlap',
    );
  });
});

function readChoice(name: string) {
  return { data: `a.npz#${name}`, per_trial: true };
}

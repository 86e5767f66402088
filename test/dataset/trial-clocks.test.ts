import { describe, expect, it } from 'vitest';
import { encodeNpz } from '../../src/formats/npz.js';
import { datasetOpener, spikeCounts, spikeTimes, useFolders } from '../helpers/dataset.js';
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

const open = datasetOpener(useFolders(), ARRAYS);
const SPIKES = { times: 'a.npz#times', neurons: 'a.npz#neurons', trials: 'a.npz#trial' };

/** The trials of a dataset: their starts and durations, and the spikes of their one neuron. */
async function openTrials(description: object) {
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
  it('follow one another, each as long as the longest, without starts', async () => {
    const result = await openTrials({ spikes: SPIKES });
    expect(result.spans).toEqual([
      [0, 3],
      [3, 3],
      [6, 3],
    ]);
    expect(result.spikes).toEqual([[0.5, 3], [0.5], [1]]);
    expect(result.notes).toEqual([]);
  });

  it('last from their starts to their stops, and later spikes are noted as left out', async () => {
    const trials = { starts: 'a.npz#starts', stops: 'a.npz#stops' };
    const result = await openTrials({ spikes: SPIKES, start: 100, trials });
    expect(result.spans).toEqual([
      [0, 2],
      [10, 1],
      [20, 4],
    ]);
    expect(result.spikes).toEqual([[0.5], [0.5], [1]]);
    expect(result.notes).toEqual(['Spikes after the end of their trial are left out (1 of 4).']);
  });

  it('last until the next one starts, without stops', async () => {
    const result = await openTrials({
      spikes: SPIKES,
      start: 100,
      trials: { starts: 'a.npz#close' },
    });
    expect(result.spans).toEqual([
      [0, 2],
      [2, 3],
      [20, 3],
    ]);
    expect(result.spikes[0]).toEqual([0.5]);
  });

  it('may begin before 0 on their clocks, for spikes and samples alike', async () => {
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
      'Spikes before the beginning of their trial, at -1 s on its clock, are left out (1 of 4). If trials begin earlier, set that in a dataset.yaml, such as spikes.start: -1.2.',
    ]);
    const all = await open({ spikes: { ...early, start: -1.2 }, trials });
    expect(all.notes).toEqual([]);
  });

  it('have their labels as ids, and one value of a variable each', async () => {
    const spikes = { ...SPIKES, trials: 'a.npz#labels', relabel: true };
    const { trials } = await openTrials({ spikes, variables: { choice: perTrial('choice') } });
    expect(trials.map(({ id }) => id)).toEqual([4, 7, 9]);
    expect(trials.map(({ variables }) => variables.choice!.values)).toEqual([
      [5, 5],
      [6, 6],
      [7, 7],
    ]);
  });

  it('have the conditions of the file, also without starts', async () => {
    const { trials } = await openTrials({ spikes: SPIKES, trials: { conditions: 'a.npz#choice' } });
    expect(trials.map(({ condition }) => condition)).toEqual(['5', '6', '7']);
    await expect(
      openTrials({ spikes: SPIKES, trials: { conditions: 'a.npz#four' } }),
    ).rejects.toThrow(
      'trials.conditions has 4 values, but there are 3 trials: give one value per trial.',
    );
  });

  it('are rejected with a variable that has values for more trials', async () => {
    const variables = { choice: perTrial('four') };
    await expect(openTrials({ spikes: SPIKES, variables })).rejects.toThrow(
      'variables.choice has values for 4 trials, but the recording has 3 trials: give one value per trial, in order.',
    );
    const labeled = { ...SPIKES, trials: 'a.npz#labels', relabel: true };
    await expect(openTrials({ spikes: labeled, variables })).rejects.toThrow(
      'give one value per trial, in the order of their labels (4, 7, 9); a trial without spikes has no label.',
    );
    const fromFour = { ...SPIKES, trials: 'a.npz#labels' };
    await expect(openTrials({ spikes: fromFour, variables })).rejects.toThrow(
      'give one value per trial, in order; trial 0 has no spikes, so if trials are numbered from 1, set spikes.relabel: true.',
    );
    const lastThree = { choice: perTrial('four[1:]') };
    expect((await openTrials({ spikes: SPIKES, variables: lastThree })).trials).toHaveLength(3);
  });

  it('without a trial 0 are noted as perhaps numbered from 1', async () => {
    const { notes, trials } = await openTrials({ spikes: { ...SPIKES, trials: 'a.npz#labels' } });
    expect(trials).toHaveLength(10);
    expect(notes[0]).toContain('Trial 0 has no spikes. If trials are numbered from 1');
  });

  it('are rejected where they stop before they start', async () => {
    const trials = { starts: 'a.npz#starts', stops: 'a.npz#short' };
    await expect(openTrials({ spikes: SPIKES, trials })).rejects.toThrow(
      'Trial 0 runs from 100 to 2 s of the session: trials.starts and trials.stops should both be on the session clock, and each trial should stop after it starts.',
    );
  });

  it('of counts lose the counts after their end, which is noted', async () => {
    const counts = encodeNpz({ c: { data: Uint8Array.of(1, 2, 3, 1, 1, 1), shape: [2, 1, 3] } });
    const { recording, notes } = await open(
      {
        spikes: { counts: 'b.npz#c', dt: 0.1 },
        trials: { starts: 'a.npz#starts[:2]', duration: 0.25 },
      },
      { 'b.npz': counts },
    );
    expect(recording.trials.map(spikeCounts)).toEqual([[[1, 2]], [[1, 1]]]);
    expect(notes).toEqual(['Spikes after the end of their trial are left out (4 of 9).']);
  });

  it('are rejected where they overlap', async () => {
    const trials = { starts: 'a.npz#close', duration: 3 };
    await expect(openTrials({ spikes: SPIKES, start: 100, trials })).rejects.toThrow(
      'Trial 1 begins at 2 s, before trial 0 ends at 3 s. Trials should not overlap',
    );
  });
});

/** The spec of a variable with one value per trial. */
function perTrial(name: string) {
  return { data: `a.npz#${name}`, per_trial: true };
}

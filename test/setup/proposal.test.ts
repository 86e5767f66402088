import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { createRecording, type Recording } from '../../src/recording/recording.js';
import { busiestNeurons, selectNeurons, spikesPerNeuron } from '../../src/recording/spikes.js';
import { measureTruncation } from '../../src/recording/truncation.js';
import {
  type Proposal,
  type ProposalSettings,
  possiblePurposes,
  proposeConfig,
} from '../../src/setup/proposal.js';
import { spikeStep } from '../../src/setup/spike-resolution.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { prepareTrainingData } from '../../src/train/training-data.js';
import { behaviorRecording } from '../helpers/behavior.js';

/** Poisson spikes at one rate, in trials side by side. */
function poisson(neurons: number, rate: number, trialCount: number, seconds: number): Recording {
  const random = new HostRandom(1);
  const times = Array.from({ length: neurons }, () => {
    const train: number[] = [];
    for (let time = 0; ; ) {
      time -= Math.log(1 - random.uniform()) / rate;
      if (time >= trialCount * seconds) return train;
      train.push(time);
    }
  });
  const trials = Array.from({ length: trialCount }, (_, n) => ({
    start: n * seconds,
    stop: (n + 1) * seconds,
  }));
  return createRecording({ spikes: { times }, trials, duration: trialCount * seconds });
}

/** The neurons with the most spikes. */
function busiest(recording: Recording, limit: number): Recording {
  const { trials } = recording;
  const kept = busiestNeurons(spikesPerNeuron(trials.map(({ spikes }) => spikes)), limit);
  return {
    ...recording,
    neurons: kept.length,
    trials: trials.map((trial) => ({ ...trial, spikes: selectNeurons(trial.spikes, kept) })),
  };
}

/** With as many neurons as a note says, there is nothing more to note. Returns how many. */
async function followed(
  recording: Recording,
  proposal: Proposal,
  settings?: ProposalSettings,
): Promise<number> {
  const limit = Number(/--max-neurons (\d+)/.exec(proposal.notes.join())![1]);
  expect((await proposeConfig(busiest(recording, limit), settings)).notes).toEqual([]);
  return limit;
}

/** Cells with narrow fields on a track of 100 cm, which an animal wanders along. */
function placeCells(seconds: number): Recording {
  const random = new HostRandom(3);
  const samples = Math.round(seconds / 0.1);
  const place = new Float64Array(samples);
  const speed = new Float64Array(samples);
  for (let n = 1; n < samples; n++) {
    speed[n] = 0.9 * speed[n - 1]! + 6 * (random.uniform() - 0.5);
    place[n] = place[n - 1]! + speed[n]!;
    if (place[n]! < 0 || place[n]! > 100) [place[n], speed[n]] = [place[n - 1]!, -speed[n]!];
  }
  const times = Array.from({ length: 40 }, (_, cell) => {
    const center = 2.5 * cell;
    return [...place.keys()].flatMap((n) => {
      const rate = 6 * Math.exp(-((place[n]! - center) ** 2) / 50);
      return random.uniform() < 0.1 * rate ? [0.1 * n + 0.1 * random.uniform()] : [];
    });
  });
  const variables = { place: { values: place, dt: 0.1 }, speed: { values: speed, dt: 0.1 } };
  return createRecording({ spikes: { times }, variables, duration: seconds });
}

/** The data that a proposal trains on; throws where it is not a valid configuration. */
function prepared(recording: Recording, { model, training }: Proposal) {
  const { config, notes } = parseConfig(model);
  expect(notes).toEqual([]);
  return prepareTrainingData(recording, config, parseTrainSettings(training));
}

/** The share of training windows that are longer than their blocks. */
function shareCut(recording: Recording, proposal: Proposal): number {
  const { windows, split } = prepared(recording, proposal);
  const { current, past } = measureTruncation(windows, split.train);
  return (current.windows + past.windows) / split.train.length;
}

describe('a proposal', () => {
  it('decodes by tuning curves what they decode best, from as much past as tells', async () => {
    const recording = placeCells(240);
    const proposal = await proposeConfig(recording);
    expect(proposal.purpose).toBe('decode place, speed');
    expect(proposal.model.readout).toMatchObject({ tuning: { variables: ['place'] } });
    const { curr, prev } = proposal.model.window as { curr: number; prev: number };
    expect(proposal.comments.window).toMatch(
      new RegExp(`^${curr + prev} s of spikes: ridge .* 0\\.3 s -?\\d\\.\\d\\d, 0\\.5 s`),
    );
    // Cells fire too seldom for a third of a second to tell.
    expect(curr + prev).toBeGreaterThan(0.4);
    expect(shareCut(recording, proposal)).toBeLessThan(0.01);
  });

  it('reads by queries and counts what ridge decodes as well', async () => {
    const recording = behaviorRecording(120);
    const proposal = await proposeConfig(recording, { variables: ['place', 'heading'] });
    expect(proposal.model.readout).toEqual({ blocks: 1, bins: 20 });
    expect(proposal.model).toMatchObject({
      modalities: {
        behavior: {
          variables: { place: { objective: 'regression' }, heading: { objective: 'circular' } },
        },
      },
    });
    expect(shareCut(recording, proposal)).toBeLessThan(0.01);
  });

  it('counts spikes where they are too many for attention, and says what that costs', async () => {
    const base = poisson(60, 60, 1, 100);
    const recording: Recording = {
      ...base,
      trials: base.trials.map((trial) => ({
        ...trial,
        variables: { x: { values: Array.from({ length: 1000 }, (_, n) => Math.sin(n)), dt: 0.1 } },
      })),
    };
    const proposal = await proposeConfig(recording);
    expect(proposal.model).toMatchObject({ block_size: { id: 3, prev_id: 3 } });
    expect(proposal.model.readout).toMatchObject({ blocks: 0 });
    expect(proposal.training.losses).toEqual(['x']);
    expect(proposal.notes.join()).toMatch(
      /^[\d,]+ spikes in [\d.]+ s are too many for attention to each of them .* so they are counted/,
    );
    prepared(recording, proposal);
    await followed(recording, proposal);
  });

  it.each([
    ['to draw', { task: 'generate' }, /^Even 0\.01 s hold \d+ spikes/],
    ['to decode trials', { task: 'decode' }, /^Trials have so many spikes that only their first/],
  ] as const)('says how many neurons it could read %s', async (_, settings, note) => {
    const base = poisson(300, 60, 12, 1);
    const trials = base.trials.map((trial, n) => ({
      ...trial,
      variables: { choice: { values: [n % 2, n % 2], times: [0, trial.duration] } },
    }));
    const recording: Recording = { ...base, trials };
    const proposal = await proposeConfig(recording, settings);
    expect(proposal.notes.join()).toMatch(note);
    const limit = await followed(recording, proposal, settings);
    // With one more there is.
    expect((await proposeConfig(busiest(recording, limit + 1), settings)).notes).toHaveLength(1);
  });

  it('has one window in each trial for values per trial', async () => {
    const base = poisson(10, 10, 40, 1);
    const recording: Recording = {
      ...base,
      trials: base.trials.map((trial, n) => ({
        ...trial,
        variables: { choice: { values: [n % 2, n % 2], times: [0, trial.duration] } },
      })),
    };
    const proposal = await proposeConfig(recording);
    expect(proposal.model.window).toEqual({ curr: 1, prev: 0.01 });
    const { split } = prepared(recording, proposal);
    expect(split.train.length + split.validation.length + split.test.length).toBe(40);
    expect(proposal.training.split).toMatchObject({ kind: 'trials' });
    expect(shareCut(recording, proposal)).toBeLessThan(0.05);
  });

  it('draws spikes from windows that attention can read, where there is nothing to decode', async () => {
    for (const [neurons, rate, current] of [
      [10, 5, 0.5],
      [100, 10, 0.05],
    ] as const) {
      const recording = poisson(neurons, rate, 1, 60);
      const proposal = await proposeConfig(recording);
      expect(proposal.task).toBe('generate');
      expect(proposal.model.window).toEqual({
        curr: current,
        prev: Number((3 * current).toFixed(6)),
      });
      expect(shareCut(recording, proposal)).toBeLessThan(0.01);
    }
    await expect(proposeConfig(poisson(10, 5, 1, 60), { task: 'decode' })).rejects.toThrow(
      'The recording has no variable that could be decoded: describe its behavior under variables',
    );
  });

  it('reads wiring from spike times, not from frames', async () => {
    const recording = poisson(30, 10, 1, 60);
    expect(
      prepared(recording, await proposeConfig(recording, { task: 'wiring' })).windows,
    ).toBeDefined();
    const imaged = createRecording({
      spikes: {
        times: [
          [0.05, 0.15, 0.2],
          [0.1, 0.35],
          [0.4, 1.95],
        ],
      },
      duration: 2,
    });
    await expect(proposeConfig(imaged, { task: 'wiring' })).rejects.toThrow(
      'Spikes are known to 0.05 s, but one neuron drives another within a few milliseconds',
    );
  });

  it('is one of those that a user can be offered', () => {
    expect(possiblePurposes(behaviorRecording(30)).map(({ words }) => words)).toEqual([
      'decode place, heading, side',
      'predict and generate spikes',
      'read who drives whom',
    ]);
    expect(possiblePurposes(poisson(3, 5, 1, 30)).map(({ task }) => task)).toEqual([
      'generate',
      'wiring',
    ]);
  });
});

describe('the time step of spikes', () => {
  it('is that of bins or frames where they are wider than 10 ms', () => {
    const stepOf = (times: number[][]) =>
      spikeStep(createRecording({ spikes: { times }, duration: 10 }));
    expect(stepOf([[0.05, 0.1, 0.45, 3.2], [1.15]])).toBeCloseTo(0.05, 6);
    expect(stepOf([[0.0512, 0.1003, 0.45], [1.1507]])).toBe(0.01);
    expect(stepOf([[]])).toBe(0.01);
    const counts = { counts: [Uint8Array.of(1, 0, 2)], dt: 0.05 };
    expect(spikeStep(createRecording({ spikes: counts, duration: 0.15 }))).toBe(0.05);
    expect(spikeStep(createRecording({ spikes: { ...counts, dt: 0.002 } }))).toBe(0.01);
  });
});

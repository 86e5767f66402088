import { beforeAll, describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { createEngine } from '../../src/node.js';
import { memoryStore, readText } from '../../src/ports/run-store.js';
import { createRecording } from '../../src/recording/recording.js';
import { scoreRates } from '../../src/stages/rates.js';
import { report } from '../../src/stages/report.js';
import { readRates } from '../../src/stages/result-files.js';
import { type TrainedRun, train } from '../../src/stages/train.js';
import { WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

const NEURONS = 4;
const TRIAL_SECONDS = 2;
const TRIALS = 10;
/** Trials 4 to 9 are repeats of one film; the others have films of their own. */
const condition = (trial: number) => (trial < 4 ? `film ${trial}` : 'repeat');

/** Neurons that fire at 30 Hz in the first or the second half of every trial, else at 5 Hz. */
function recordingWithRepeats() {
  const random = new HostRandom(1);
  const frames = (TRIALS * TRIAL_SECONDS) / 0.05;
  const times = Array.from({ length: NEURONS }, (_, neuron) => {
    const list: number[] = [];
    for (let t = 0; t < TRIALS * TRIAL_SECONDS; t += 0.01) {
      const isFirstHalf = t % TRIAL_SECONDS < TRIAL_SECONDS / 2;
      const rate = isFirstHalf === neuron < NEURONS / 2 ? 30 : 5;
      if (random.uniform() < 0.01 * rate) list.push(t + 0.005);
    }
    return Float64Array.from(list);
  });
  return createRecording({
    name: 'repeats',
    spikes: { times },
    frames: {
      data: Float32Array.from({ length: frames * 24 }, () => random.normal()),
      count: frames,
      height: 4,
      width: 6,
      dt: 0.05,
    },
    trials: Array.from({ length: TRIALS }, (_, n) => ({
      start: n * TRIAL_SECONDS,
      stop: (n + 1) * TRIAL_SECONDS,
      condition: condition(n),
    })),
  });
}

const engine = () => createEngine();
const trainWith = (split: object) =>
  train(
    recordingWithRepeats(),
    { ...WITH_VIDEO, training: { steps: 3, batch: 8, validate_every: 0, split } },
    { engine, store: memoryStore() },
  );

describe('the rates of a model', () => {
  let run: TrainedRun;
  beforeAll(async () => {
    // Three of the repeats are for training, so that there is a PSTH.
    run = await trainWith({ kind: 'trials', train: '0-2, 4-6', validation: '3', test: '7-9' });
  });

  it('are scored one window ahead and freely, beside every baseline', async () => {
    const results = await scoreRates(run, { draws: 1 }, { engine });
    expect(results.trials).toBe('3 trials of condition repeat');
    expect(results.methods.map(({ name, free }) => `${name}${free ? ', freely' : ''}`)).toEqual([
      'Neuroformer, freely',
      'mean rate, freely',
      'PSTH, freely',
      'own history',
      'own and population history',
      'PSTH x own x population',
      'GLM, film, freely',
      'GLM, film, coupling, freely',
      'GLM, film and squares, freely',
      'GLM, film and squares, coupling, freely',
    ]);
    for (const { name, ahead } of results.methods) {
      expect(Number.isFinite(ahead.bits), name).toBe(true);
      expect(ahead.psth.map(({ seconds }) => seconds)).toEqual([0.05, 0.2]);
    }
    const psth = results.methods.find(({ name }) => name === 'PSTH')!.ahead;
    // What is in the data: rates that change halfway. Mean rates explain none of it.
    expect(psth.bits).toBeGreaterThan(0.2);
    expect(psth.psth[1]!.r).toBeGreaterThan(0.5);
    expect(results.methods[1]!.ahead.bits).toBeCloseTo(0, 10);
    expect(results.ceiling[1]!.expected).toBeGreaterThan(results.ceiling[1]!.drawn);
    expect(results.rate).toBeGreaterThan(10);
  });

  it('are written, read back and shown in the report', async () => {
    const results = await scoreRates(run, { draws: 1, baselines: false }, { engine });
    const { store } = run.records;
    expect(await readRates(store)).toEqual(results);
    const [head, ...rows] = (await readText(store, 'rates.csv'))!.trim().split('\n');
    expect(head).toBe('method,running,bits,psth_r_50ms,psth_r_200ms,rate');
    expect(rows.map((row) => row.split(',').slice(0, 2).join(','))).toEqual([
      'Neuroformer,one window ahead',
      'Neuroformer,freely',
    ]);
    const { page, figures } = await report(run);
    expect(figures.map(({ name }) => name)).toContain('rate-scores');
    expect(page).toContain('Rates in 3 trials of condition repeat');
  });

  it('of GLMs can have the penalties of earlier results', async () => {
    const known = { film: 777, coupling: 77, own: 7 };
    const penalties = { 'GLM, film': known, 'GLM, film, coupling': known };
    const { methods } = await scoreRates(run, { draws: 1, penalties }, { engine });
    const find = (name: string) => methods.find((method) => method.name === name)!;
    expect(find('GLM, film').penalties).toEqual(known);
    expect(find('GLM, film, coupling')).toMatchObject({
      detail: 'penalty 777, 77',
      penalties: known,
    });
    // The others choose their own.
    expect(find('GLM, film and squares').penalties!.film).not.toBe(777);
  });

  it('of test trials that are no repeats have no PSTH', async () => {
    const split = { kind: 'trials', train: '4-9', validation: '3', test: '0-2' };
    const other = await trainWith(split);
    const results = await scoreRates(other, { draws: 1, baselines: false }, { engine });
    expect(results.trials).toBe('3 trials of the test part');
    expect(results.ceiling).toEqual([]);
    expect(results.methods[0]!.free!.psth).toEqual([]);
  });

  it('are refused for a condition that does not exist or is in the training part', async () => {
    await expect(scoreRates(run, { condition: 'gratings' }, { engine })).rejects.toThrow(
      'There is no condition gratings: the recording has film 0, film 1, film 2, film 3, repeat.',
    );
    await expect(scoreRates(run, { condition: 'film 1' }, { engine })).rejects.toThrow(
      'All trials of condition film 1 are in the training part: choose another, or split by trials so that some are not.',
    );
  });
});

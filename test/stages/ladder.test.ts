import { expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { createEngine } from '../../src/node.js';
import { memoryStore, readText } from '../../src/ports/run-store.js';
import { type Progress, silentWatcher } from '../../src/ports/watcher.js';
import { StoppedError } from '../../src/stages/errors.js';
import { ladderComponents } from '../../src/stages/ladder-components.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { syntheticRecording, WITH_VIDEO } from '../helpers/tiny-neuroformer.js';

const { config } = parseConfig({ ...WITH_VIDEO, spike_history: 'own' });
const settings = parseTrainSettings({ steps: 3, batch: 8, validate_every: 0 });
const dataset = {
  path: 'made up',
  location: 'made up',
  recording: syntheticRecording(),
  truth: undefined,
  units: {},
  rawDescription: {},
  guessed: false,
  notes: [],
};

it('trains every rung with every seed on one split, and scores them on its test part', async () => {
  const store = memoryStore();
  const request = { dataset, store, config, settings, seeds: [1, 2] };
  const { rungs, runs } = await ladderComponents(request, { engine: createEngine });
  expect(rungs.map(({ name }) => name)).toEqual(['state', 'past', 'stimulus']);
  expect(runs.map(({ name, seed }) => `${name} ${seed}`)).toEqual([
    'state 1',
    'past 1',
    'stimulus 1',
    'state 2',
    'past 2',
    'stimulus 2',
  ]);
  for (const run of runs) {
    expect(run.updates).toBe(3);
    for (const score of [run.nats, run.flops, run.setF1])
      expect(score).toSatisfy((value: number) => Number.isFinite(value) && value > 0);
    expect(Number.isFinite(run.bits)).toBe(true);
  }
  // More parts take more work, and two seeds are two models.
  expect(runs[1]!.flops).toBeGreaterThan(runs[0]!.flops);
  expect(runs[2]!.flops).toBeGreaterThan(runs[1]!.flops);
  expect(runs[0]!.nats).not.toBe(runs[3]!.nats);
  expect(JSON.parse((await readText(store, 'ladder.json'))!)).toEqual({ rungs, runs });
  expect((await readText(store, 'ladder.csv'))!.split('\n')).toHaveLength(runs.length + 2);
  const page = (await readText(store, 'ladder.html'))!;
  expect(page).toContain('+ stimulus');
  expect(page).toContain('<svg');
});

it('goes on where it was stopped, without training or scoring a model again', async () => {
  const store = memoryStore();
  const request = { dataset, store, config, settings, seeds: [1] };
  const trained: string[] = [];
  let scored = 0;
  const watcher = (stopAt: number) => ({
    ...silentWatcher,
    note: (sentence: string) => {
      if (sentence.startsWith('Training ')) trained.push(sentence);
    },
    progress({ activity, done }: Progress) {
      if (activity === 'expected counts' && done !== undefined) scored += 1;
    },
    shouldStop: () => trained.length >= stopAt,
  });
  await expect(
    ladderComponents(request, { engine: createEngine, watcher: watcher(2) }),
  ).rejects.toThrow(StoppedError);
  const { runs } = await ladderComponents(request, {
    engine: createEngine,
    watcher: watcher(Number.POSITIVE_INFINITY),
  });
  expect(runs).toHaveLength(3);
  const all = scored;
  expect(all).toBeGreaterThan(0);
  const again = await ladderComponents(request, {
    engine: createEngine,
    watcher: watcher(Number.POSITIVE_INFINITY),
  });
  expect(again.runs).toEqual(runs);
  expect(scored).toBe(all);
  const longer = { ...request, settings: { ...settings, steps: 4 } };
  await expect(ladderComponents(longer, { engine: createEngine })).rejects.toThrow(
    'memory/rungs/state-seed1 holds a model that was trained with another training.steps: use the same settings again, or another folder.',
  );
  const wider = { ...request, config: parseConfig({ ...WITH_VIDEO, n_embd: 16 }).config };
  await expect(ladderComponents(wider, { engine: createEngine })).rejects.toThrow(/another n_embd/);
  expect(trained).toEqual([
    'Training state alone, seed 1.',
    'Training with past, seed 1.',
    'Training with past, seed 1.',
    'Training with stimulus, seed 1.',
  ]);
});

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { diskStore } from '../../src/node/disk-store.js';
import { createEngine, openDataset } from '../../src/node.js';
import { memoryStore, type RunStore } from '../../src/ports/run-store.js';
import { silentWatcher, type Watcher } from '../../src/ports/watcher.js';
import { StoppedError } from '../../src/stages/errors.js';
import { type TrainRequest, train } from '../../src/stages/train.js';
import { trainOnce } from '../../src/stages/train-once.js';
import { readCheckpoint } from '../../src/train/checkpoint.js';
import { LAST_CHECKPOINT } from '../../src/train/run-records.js';
import { behaviorWorkspace } from '../helpers/behavior.js';
import { neuroformer } from '../helpers/cli.js';

const STEPS = 8;
const SPLIT = { fractions: { train: 0.7, validation: 0.1, test: 0.2 } };
/** A fifth of the recording, whose variables have other scales than the training part of SPLIT. */
const EARLY = { fractions: { train: 0.2, validation: 0.1, test: 0.7 } };
const TRAINING = { batch: 8, every: 0.1, checkpoint_every: 3, validate_every: 0, steps: STEPS };

/** Asks to stop after some updates. */
const stopAfter = (updates: number): Watcher => {
  let left = updates;
  return {
    ...silentWatcher,
    shouldStop: () => {
      left -= 1;
      return left <= 0;
    },
  };
};

/** All of a run's last checkpoint that does not depend on the clock. */
async function lastCheckpoint(store: RunStore) {
  const { tensors, moments, progress, tokenizer } = await readCheckpoint(store, LAST_CHECKPOINT);
  return { tensors, moments, step: progress.step, tokenizer: tokenizer.toJSON() };
}

describe('a fine-tuned run that was stopped', () => {
  let folder: string;
  let request: Omit<TrainRequest, 'store' | 'settings' | 'config'>;
  let config: object;
  let uninterrupted: Awaited<ReturnType<typeof lastCheckpoint>>;
  const engine = () => createEngine();

  beforeAll(async () => {
    folder = behaviorWorkspace({});
    const dataset = await openDataset(join(folder, 'data'));
    const { training: _, ...model } = parse(readFileSync(join(folder, 'config.yaml'), 'utf8'));
    const early = { ...model, training: { ...TRAINING, steps: 1, split: EARLY } };
    const { saved } = await train(dataset, early, { engine });
    request = { dataset, initialModel: saved };
    config = { ...model, training: { ...TRAINING, split: SPLIT } };
    const store = memoryStore();
    await train(dataset, config, { engine, store, initialModel: saved });
    uninterrupted = await lastCheckpoint(store);
    expect(uninterrupted.tokenizer.scales).toEqual(saved.tokenizer!.toJSON().scales);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function startAndStop(store: RunStore): Promise<void> {
    const { dataset, initialModel } = request;
    const options = { engine, store, watcher: stopAfter(4), initialModel: initialModel! };
    const { result } = await train(dataset, config, options);
    expect([result.stopped, result.progress.step]).toEqual(['interrupted', 4]);
  }

  it('is resumed by the library to the bits of a run without a stop', async () => {
    const store = memoryStore();
    await startAndStop(store);
    await train(request.dataset, config, { engine, store, resume: true });
    expect(await lastCheckpoint(store)).toEqual(uninterrupted);
  });

  it('is resumed by the command to the bits of a run without a stop', async () => {
    const store = diskStore(join(folder, 'stopped'));
    await startAndStop(store);
    const { code, err } = await neuroformer('train', '--resume', store.name);
    expect(code, err).toBe(0);
    expect(await lastCheckpoint(store)).toEqual(uninterrupted);
  });

  it('is resumed by trainOnce to the bits of a run without a stop', async () => {
    const store = memoryStore();
    const { config: model, facts } = await (async () => {
      const once = memoryStore();
      return await train(request.dataset, config, { engine, store: once, watcher: stopAfter(1) });
    })();
    const all = { ...request, store, config: model, settings: facts.training };
    await expect(trainOnce(all, STEPS, { engine, watcher: stopAfter(4) })).rejects.toThrow(
      StoppedError,
    );
    await trainOnce(all, STEPS, { engine });
    expect(await lastCheckpoint(store)).toEqual(uninterrupted);
  });
});

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../src/node.js';
import { memoryStore } from '../../src/ports/run-store.js';
import { type Progress, silentWatcher } from '../../src/ports/watcher.js';
import { generate } from '../../src/stages/generate.js';
import { train } from '../../src/stages/train.js';
import type { OpenedRun } from '../../src/train/open-run.js';
import { behaviorWorkspace, DECODING } from '../helpers/behavior.js';
import { useEngine } from '../helpers/engine.js';

const engine = useEngine();

let folder: string;
let run: OpenedRun;
beforeAll(async () => {
  folder = behaviorWorkspace({});
  const dataset = await openDataset(join(folder, 'data'));
  const training = { batch: 8, every: 0.1, validate_every: 0, steps: 1 };
  const options = { engine: engine(), store: memoryStore() };
  run = await train(dataset, { ...DECODING, training }, options);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('generating', () => {
  it('tells how many windows it has come one ahead of the recorded past', async () => {
    const states: Progress[] = [];
    const watcher = { ...silentWatcher, progress: (state: Progress) => states.push(state) };
    const { ahead } = await generate(run, { trials: 2, seconds: 1 }, { engine: engine(), watcher });
    const last = states.findLast(({ activity }) => activity === 'one window ahead, test part')!;
    expect(ahead!.windows.test).toBeGreaterThan(1);
    expect(last).toMatchObject({ done: ahead!.windows.test, unit: 'windows' });
  });

  it.each([
    [{ seconds: 0.01 }, 'A trial should be at least one window long (0.1 s), but seconds is 0.01.'],
    [
      { seconds: 100 },
      'No window in any part is followed by 100 s of recording: generate fewer seconds, or choose another part.',
    ],
    [{ silent: [99] }, 'There is no neuron 99 to clamp: neurons are numbered from 0 to 15.'],
  ])('refuses what cannot be, in a sentence without flags: %j', async (settings, message) => {
    await expect(generate(run, settings, { engine: engine() })).rejects.toThrow(message);
  });
});

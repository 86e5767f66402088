import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../src/node.js';
import { memoryStore } from '../../src/ports/run-store.js';
import { type Progress, silentWatcher } from '../../src/ports/watcher.js';
import { StoppedError } from '../../src/stages/errors.js';
import { generate } from '../../src/stages/generate.js';
import { readGenerated } from '../../src/stages/result-files.js';
import { train } from '../../src/stages/train.js';
import type { OpenedRun } from '../../src/train/open-run.js';
import { behaviorWorkspace, DECODING } from '../helpers/behavior.js';
import { useEngine } from '../helpers/engine.js';

const engine = useEngine();

const SHORT = { trials: 2, seconds: 1 };

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
    const { ahead } = await generate(run, SHORT, { engine: engine(), watcher });
    const last = states.findLast(({ activity }) => activity === 'one window ahead, test part')!;
    expect(ahead!.windows.test).toBeGreaterThan(1);
    expect(last).toMatchObject({ done: ahead!.windows.test, unit: 'windows' });
  });

  /** Generates until a report of progress for which `isEnough` holds, and returns the error. */
  async function generateUntil(isEnough: (state: Progress) => boolean, settings = {}) {
    let isStopping = false;
    const stoppable: boolean[] = [];
    const watcher = {
      ...silentWatcher,
      progress(state: Progress) {
        isStopping ||= isEnough(state);
      },
      shouldStop: () => isStopping,
      setStoppable: (isStoppable: boolean) => stoppable.push(isStoppable),
    };
    const error = await generate(
      run,
      { ...SHORT, ...settings },
      { engine: engine(), watcher },
    ).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return { error, stoppable };
  }

  it.each([1, 4, 9])(
    'keeps the beginnings of trials where it is stopped after window %i',
    async (count) => {
      const { store } = run.records;
      const { trials: complete } = await generate(
        run,
        { ...SHORT, score: 'none' },
        { engine: engine() },
      );
      const written = await store.read('generated.npz');
      await engine().finish();
      const { liveBuffers } = engine().memory();
      const { error, stoppable } = await generateUntil(({ done }) => done === count);
      expect(error).toBeInstanceOf(StoppedError);
      const length = Number((0.1 * count).toPrecision(3));
      expect((error as Error).message).toBe(
        `Stopped after ${length} s of 1 s: the trials so far are in ${store.name}/generated-stopped.npz, .nwb and .json.`,
      );
      expect(stoppable).toEqual([true, false]);
      expect(await store.read('generated.npz')).toEqual(written);
      const stopped = await readGenerated(
        store,
        'generated-stopped',
        run.dataset.recording.neurons,
      );
      for (const [n, { from, to, times }] of stopped!.trials.entries()) {
        expect(to - from).toBeCloseTo(length, 9);
        expect(from).toBe(complete[n]!.from);
        const isEarly = (time: number) => time < to - 1e-9;
        expect(times.map((train) => [...train])).toEqual(
          complete[n]!.times.map((train) => [...train.filter(isEarly)]),
        );
      }
      await engine().finish();
      expect(engine().memory().liveBuffers).toBe(liveBuffers);
    },
  );

  it.each([
    'one window ahead, which neurons fire',
    'one window ahead, train part',
    'one window ahead, test part',
  ])('keeps the trials where it is stopped while it scores: %s', async (activity) => {
    const { store } = run.records;
    for (const file of await store.list())
      if (file.startsWith('generated')) await store.remove(file);
    const { error, stoppable } = await generateUntil((state) => state.activity === activity);
    expect(error).toBeInstanceOf(StoppedError);
    expect(stoppable).toEqual([true, false, true, false]);
    const kept = await readGenerated(store, 'generated', run.dataset.recording.neurons);
    expect(kept!.trials).toHaveLength(SHORT.trials);
    expect(kept!.trials[0]!.to - kept!.trials[0]!.from).toBeCloseTo(1, 9);
    expect(kept!.ahead).toBeUndefined();
  });

  it('scores no windows, some, or more', async () => {
    const ahead = async (score: 'none' | 'quick' | 'full') =>
      (await generate(run, { ...SHORT, score }, { engine: engine() })).ahead?.windows;
    expect(await ahead('none')).toBeUndefined();
    const [quick, full] = [await ahead('quick'), await ahead('full')];
    expect(quick).toEqual(full);
    expect(quick!.test).toBeGreaterThan(1);
    const activities = new Set<string>();
    const watcher = {
      ...silentWatcher,
      progress: ({ activity }: Progress) => activities.add(activity),
    };
    await generate(run, { ...SHORT, score: 'none' }, { engine: engine(), watcher });
    expect([...activities]).toEqual(['drawing 2 trials in parallel']);
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

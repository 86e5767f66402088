import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, openDataset } from '../../src/node.js';
import { memoryStore } from '../../src/ports/run-store.js';
import { type Progress, silentWatcher } from '../../src/ports/watcher.js';
import type { StageOptions } from '../../src/stages/context.js';
import { decode } from '../../src/stages/decode.js';
import { StoppedError } from '../../src/stages/errors.js';
import { explainConnectivity } from '../../src/stages/explain-connectivity.js';
import { explainStimulus } from '../../src/stages/explain-stimulus.js';
import { train } from '../../src/stages/train.js';
import type { OpenedRun } from '../../src/train/open-run.js';
import { behaviorWorkspace, DECODING } from '../helpers/behavior.js';
import { useEngine } from '../helpers/engine.js';
import { tinyVisual, trainSimulated } from '../helpers/simulated-run.js';
import { THOROUGH } from '../helpers/thorough.js';

const engine = useEngine();
const TRAINING = { batch: 8, every: 0.1, validate_every: 0, steps: 1 };

let folder: string;
/** A run on spikes and behavior, and one on a film. */
let run: OpenedRun;
let filmed: OpenedRun;
beforeAll(async () => {
  folder = behaviorWorkspace({});
  const dataset = await openDataset(join(folder, 'data'));
  const options = { engine: () => createEngine(), store: memoryStore() };
  run = await train(dataset, { ...DECODING, training: TRAINING }, options);
  filmed = await trainSimulated(engine(), tinyVisual(), { neuron_queries: 'frames' });
});
afterAll(() => rmSync(folder, { recursive: true }));

const STAGES: Record<
  string,
  { run: () => OpenedRun; start: (run: OpenedRun, options: StageOptions) => Promise<unknown> }
> = {
  explainConnectivity: {
    run: () => run,
    start: (from, options) =>
      explainConnectivity(from, { windows: 200, ablationWindows: 200 }, options),
  },
  explainStimulus: {
    run: () => filmed,
    start: (from, options) => explainStimulus(from, { windows: 32 }, options),
  },
  decode: { run: () => run, start: (from, options) => decode(from, {}, options) },
  baselines: {
    run: () => run,
    start: (from, options) => decode(from, { baselines: true }, options),
  },
};
/** Those of which every activity is stopped once. */
const SHORT = ['explainConnectivity', 'explainStimulus', 'decode'];

/** Runs a stage with a watcher that asks to stop when `shouldStop` says so of its progress. */
async function runStage(stage: string, shouldStop: (state: Progress) => boolean) {
  const stoppable: boolean[] = [];
  const activities = new Set<string>();
  let isStopping = false;
  const watcher = {
    ...silentWatcher,
    progress(state: Progress) {
      activities.add(state.activity);
      isStopping ||= shouldStop(state);
    },
    shouldStop: () => isStopping,
    setStoppable: (isStoppable: boolean) => stoppable.push(isStoppable),
  };
  const { run: opened, start } = STAGES[stage]!;
  const error = await start(opened(), { engine: engine(), watcher }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, stoppable, activities: [...activities] };
}

describe('a stage that is asked to stop', () => {
  it.each(SHORT)('ends and writes nothing: %s', async (stage) => {
    const { store } = STAGES[stage]!.run().records;
    const before = await store.list();
    await engine().finish();
    const { liveBuffers } = engine().memory();
    const { activities } = await runStage(stage, () => false);
    for (const name of await store.list()) if (!before.includes(name)) await store.remove(name);
    const watched = activities.filter((activity) => activity !== 'connectivity, correlations');
    expect(watched.length).toBeGreaterThan(0);
    for (const activity of watched) {
      // After the only report of the last activity, nothing is left to stop.
      const { error, stoppable } = await runStage(stage, (state) => state.activity === activity);
      if (activity === watched.at(-1) && error === undefined) continue;
      expect(error, activity).toBeInstanceOf(StoppedError);
      expect(stoppable).toEqual([true, false]);
      expect(await store.list()).toEqual(before);
      await engine().finish();
      expect(engine().memory().liveBuffers, activity).toBe(liveBuffers);
    }
  });

  // Networks are trained first, which takes seconds.
  it.runIf(THOROUGH)('ends between and within the fits of baselines', async () => {
    const { store } = run.records;
    const before = await store.list();
    const isLasso = ({ activity }: Progress) => activity.startsWith('baselines, lasso');
    const { error, activities } = await runStage('baselines', isLasso);
    expect(error).toBeInstanceOf(StoppedError);
    expect(activities.at(-1)).toMatch(/^baselines, lasso/);
    expect(await store.list()).toEqual(before);
  });
});

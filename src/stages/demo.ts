/** The stage of the demo: a small hub network is simulated, learnt, generated from, explained, and reported. */

import { countSpikesOfNetwork } from '../analyze/hub-check.js';
import type { Dataset } from '../dataset/dataset.js';
import { hubDataset } from '../dataset/simulated.js';
import { parseConfig } from '../neuroformer/config.js';
import type { RunStore } from '../ports/run-store.js';
import type { ConnectivityMap } from '../probe/connectivity.js';
import { formatDuration } from '../text/format.js';
import { withEngine } from '../train/engine-source.js';
import { openRun } from '../train/open-run.js';
import { parseTrainSettings } from '../train/settings.js';
import { type StageOptions, stageContext } from './context.js';
import { explain } from './explain.js';
import { describeRates, generate } from './generate.js';
import { report } from './report.js';
import { simulateUntilAccepted, writeDataset } from './simulate.js';
import { trainStage } from './train.js';

/**
 * Short windows, so that delays of 2 to 5 ms reach from the past into the current one; one block that attends to the
 * past and nothing else, so that its attention is all there is to read.
 */
export const HUB_MODEL = {
  n_embd: 32,
  n_head: 4,
  wave_emb: true,
  layers: { state: 0, state_history: 1, stimulus: 0 },
  block_size: { id: 6, prev_id: 20 },
  window: { curr: 0.005, prev: 0.03 },
  resolution: { dt: 0.001 },
  dropout: { attn: 0, resid: 0, id: 0, im: 0, time: 0 },
};

export const HUB_TRAINING = {
  batch: 64,
  rate: 3e-3,
  warmup: 0.03,
  split: { fractions: { train: 0.8, validation: 0.1, test: 0.1 } },
  log_every: 20,
  validate_every: 200,
  checkpoint_every: 400,
};

/** Seconds of activity that are simulated. */
const SIMULATED_SECONDS = 600;

export interface DemoSettings {
  /** Of the network, in three groups. */
  readonly neurons: number;
  /** Updates of training. */
  readonly steps: number;
  /** Trials to generate, and the seconds of each. */
  readonly trials: number;
  readonly seconds: number;
  /** Of network, activity and model. */
  readonly seed: number;
}

export interface DemoResults {
  readonly maps: readonly ConnectivityMap[];
}

/**
 * Runs the demo in a store, with its dataset in `data`.
 *
 * @param openDataset opens what was written there.
 * @returns the results, or the update at which training was stopped.
 */
export async function demoStage(
  store: RunStore,
  { neurons, steps, trials, seconds, seed }: DemoSettings,
  openDataset: () => Promise<Dataset>,
  options: StageOptions,
): Promise<DemoResults | { readonly stoppedAt: number }> {
  const { engine: source, watcher } = stageContext(options);
  const durations: [string, number][] = [];
  const stage = async <T>(title: string, run: () => Promise<T> | T): Promise<T> => {
    watcher.note(`\n${title}`);
    const start = performance.now();
    const result = await run();
    const took = (performance.now() - start) / 1000;
    durations.push([title, took]);
    watcher.note(`${title}: ${formatDuration(took)}`);
    return result;
  };

  await stage('Simulating', async () => {
    const network = simulateUntilAccepted({ neurons, seconds: SIMULATED_SECONDS, seed }, watcher);
    await writeDataset(store.within('data'), hubDataset(network));
    watcher.note(countSpikesOfNetwork(network));
  });
  const dataset = await openDataset();
  const { config } = parseConfig(HUB_MODEL);
  const settings = parseTrainSettings({ ...HUB_TRAINING, steps, seed });
  const { stopped, progress } = await stage('Training', () =>
    trainStage({ dataset, store, config, settings, force: true }, options),
  );
  if (stopped === 'interrupted') return { stoppedAt: progress.step };
  const run = await openRun(store, dataset, 'last');
  const { maps } = await withEngine(source, async (engine) => {
    const own = { engine, watcher };
    const drawing = { trials, seconds, seed };
    const { scores } = await stage('Generating', () => generate(run, drawing, own));
    watcher.note(describeRates(scores));
    return stage('Explaining', () => explain(run, { seed }, own));
  });
  await stage('Reporting', () => report(run, durations));
  return { maps };
}

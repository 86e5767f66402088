/**
 * The demo stage: simulates a small hub network, trains on it, generates spikes, reads connectivity
 * and reports.
 */

import type { Dataset } from '../dataset/dataset.js';
import { hubDataset } from '../dataset/simulated.js';
import { parseConfig } from '../neuroformer/config.js';
import type { RunStore } from '../ports/run-store.js';
import type { ConnectivityMap } from '../probe/connectivity.js';
import { WIRING_MODEL } from '../setup/drawing.js';
import { simulateHub } from '../simulate/hub.js';
import { formatDuration } from '../text/format.js';
import { withEngine } from '../train/engine-source.js';
import { openRun } from '../train/open-run.js';
import { parseTrainSettings } from '../train/settings.js';
import { type StageOptions, stageContext } from './context.js';
import { explainConnectivity } from './explain-connectivity.js';
import { describeRates, generate } from './generate.js';
import { report } from './report.js';
import { describeNetwork, simulationProgress, writeDataset } from './simulate.js';
import { trainRun } from './train.js';

/** The model's configuration, for delays of 2 to 5 ms. */
export const HUB_MODEL = {
  n_embd: 32,
  n_head: 4,
  ...WIRING_MODEL,
  block_size: { id: 6, prev_id: 20 },
};

/** The training settings, without the number of updates and the seed. */
export const HUB_TRAINING = {
  batch: 64,
  rate: 3e-3,
  warmup: 0.03,
  split: { fractions: { train: 0.8, validation: 0.1, test: 0.1 } },
  log_every: 20,
  validate_every: 200,
  checkpoint_every: 400,
};

/** Seconds of activity to simulate. */
const SIMULATED_SECONDS = 600;

/** The size of the demo. */
export interface DemoSettings {
  /** Neurons in the network, a multiple of its three groups. */
  readonly neurons: number;
  /** Training updates. */
  readonly steps: number;
  /** Trials to generate. */
  readonly trials: number;
  /** Length of each generated trial in seconds. */
  readonly seconds: number;
  /** Seed of the network, its activity and the model. */
  readonly seed: number;
}

/** What the demo shows at its end. */
export interface DemoResults {
  /** Connectivity maps with their scores against the true wiring. */
  readonly maps: readonly ConnectivityMap[];
}

/**
 * Runs the demo in a store, with its dataset in the store's folder `data`.
 *
 * @param openDataset opens the dataset in that folder.
 * @returns the results, or the update at which the watcher stopped training.
 * @throws StoppedError where the watcher stops it after training; FileError where the store fails;
 *   GpuError from the device.
 */
export async function runDemo(
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
    const elapsed = (performance.now() - start) / 1000;
    durations.push([title, elapsed]);
    watcher.note(`${title}: ${formatDuration(elapsed)}`);
    return result;
  };

  await stage('Simulating', async () => {
    const network = simulateHub(
      { neurons, seconds: SIMULATED_SECONDS, seed },
      simulationProgress(watcher),
    );
    await writeDataset(store.within('data'), hubDataset(network));
    watcher.note(describeNetwork(network));
  });
  const dataset = await openDataset();
  const { config } = parseConfig(HUB_MODEL);
  const settings = parseTrainSettings({ ...HUB_TRAINING, steps, seed });
  const { stopped, progress } = await stage('Training', () =>
    trainRun({ dataset, store, config, settings, force: true }, options),
  );
  if (stopped === 'interrupted') return { stoppedAt: progress.step };
  const run = await openRun(store, dataset, 'last');
  const { maps } = await withEngine(source, async (engine) => {
    const shared = { engine, watcher };
    const { scores } = await stage('Generating', () =>
      generate(run, { trials, seconds, seed, score: 'full' }, shared),
    );
    watcher.note(describeRates(scores));
    return stage('Connectivity', () => explainConnectivity(run, { seed }, shared));
  });
  await stage('Reporting', () => report(run, durations));
  return { maps };
}

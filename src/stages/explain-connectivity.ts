/**
 * The explain stage of connectivity: directed connectivity from a model's attention and by
 * ablation, with controls.
 */

import type { ModelConfig } from '../neuroformer/config.js';
import {
  type ConnectivitySettings,
  correlationMaps,
  modelMaps,
  scoreMaps,
} from '../probe/connectivity.js';
import type { ConnectivityResults } from '../probe/results.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun, windowsInPart } from '../train/open-run.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { UsageError } from './errors.js';
import { writeConnectivity } from './result-files.js';

/**
 * Reads connectivity maps, each [target x source], from a run's model, and writes them into the
 * run's store.
 *
 * @throws UsageError where the model does not attend to the past; StoppedError where the watcher
 *   stops it; FileError where the store cannot be written.
 */
export async function explainConnectivity(
  run: OpenedRun,
  settings: ConnectivitySettings,
  options: StageOptions,
): Promise<ConnectivityResults> {
  const { engine: source, watcher } = stageContext(options);
  const { windows, layout, split, dataset, records } = run;
  checkAttention(run.config);
  const startTime = performance.now();
  const { maps: ofModel, ...counts } = await stoppable(watcher, (stopping) =>
    withEngine(source, async (engine) => {
      using loaded = await loadModel(engine, run);
      const refs = windowsInPart(split, 'all');
      const inputs = { engine, model: loaded.model, layout, windows, refs };
      return await modelMaps(inputs, settings, stopping);
    }),
  );
  watcher.progress({ activity: 'connectivity, correlations' });
  const maps = scoreMaps(
    [...ofModel, ...correlationMaps(windows.recording)],
    dataset.truth?.wiring,
  );
  const seconds = (performance.now() - startTime) / 1000;
  const results = { ...counts, maps, seconds, ...(dataset.names && { names: dataset.names }) };
  await writeConnectivity(records.store, results);
  return results;
}

/** @throws UsageError where a model has no attention to the past to read. */
function checkAttention({ layers, mlp_only, gru_only, gru2_only }: ModelConfig): void {
  if (mlp_only || gru_only || gru2_only)
    throw new UsageError(
      'This model is a baseline, which has no attention to read: train a Neuroformer.',
    );
  if (layers.state_history === 0)
    throw new UsageError(
      'This model does not attend to the past (layers.state_history is 0): train one with at least 1.',
    );
}

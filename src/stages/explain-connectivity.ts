/**
 * The explain stage of connectivity: directed connectivity from a model's attention, its coupling
 * and by ablation, with controls.
 */

import type { ModelConfig } from '../neuroformer/config.js';
import {
  type ConnectivitySettings,
  connectivityReadings,
  correlationMaps,
  glmMap,
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
 * @throws UsageError where the model neither attends to the past nor has coupling; StoppedError
 *   where the watcher stops it; FileError where the store cannot be written.
 */
export async function explainConnectivity(
  run: OpenedRun,
  settings: ConnectivitySettings,
  options: StageOptions,
): Promise<ConnectivityResults> {
  const { engine: source, watcher } = stageContext(options);
  const { windows, layout, split, dataset, records } = run;
  checkReadable(run.config);
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
  const ofSpikes = correlationMaps(windows.recording);
  if (settings.glm)
    ofSpikes.push(
      await stoppable(watcher, (stopping) =>
        glmMap(windows.recording, () => stopping.progress({ activity: 'connectivity, GLM' })),
      ),
    );
  const maps = scoreMaps([...ofModel, ...ofSpikes], dataset.truth?.wiring);
  const seconds = (performance.now() - startTime) / 1000;
  const results = {
    weights: run.weights,
    ...counts,
    maps,
    seconds,
    ...(dataset.names && { names: dataset.names }),
  };
  await writeConnectivity(records.store, results);
  return results;
}

/** @throws UsageError where a model has neither attention to the past nor coupling. */
function checkReadable(config: ModelConfig): void {
  const readings = connectivityReadings(config);
  if (readings.has('attention') || readings.has('coupling')) return;
  if (config.mlp_only || config.gru_only || config.gru2_only)
    throw new UsageError(
      'This model is a baseline, which has no attention to read: train a Neuroformer.',
    );
  throw new UsageError(
    'This model neither attends to the past (layers.state_history is 0) nor has spike_history: pairs: train one with either.',
  );
}

/**
 * The explain stage: directed connectivity from a model's attention and by ablation, with controls.
 */

import { type ExplainSettings, explainModel } from '../probe/connectivity.js';
import type { ExplainedResults } from '../probe/results.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun, windowsInPart } from '../train/open-run.js';
import { type StageOptions, stageContext } from './context.js';
import { writeExplained } from './result-files.js';

/**
 * Reads connectivity maps, each [target x source], from a run's model, and writes them into the
 * run's store.
 *
 * @throws FileError where the store cannot be written.
 */
export async function explain(
  run: OpenedRun,
  settings: ExplainSettings,
  options: StageOptions,
): Promise<ExplainedResults> {
  const { engine: source, watcher } = stageContext(options);
  const { windows, layout, split, dataset, records } = run;
  const startTime = performance.now();
  const explained = await withEngine(source, async (engine) => {
    using loaded = await loadModel(engine, run);
    const refs = windowsInPart(split, 'all');
    const { truth } = dataset;
    const subject = { engine, model: loaded.model, layout, windows, refs, truth };
    return await explainModel(subject, settings, watcher);
  });
  const seconds = (performance.now() - startTime) / 1000;
  const results = { ...explained, seconds, ...(dataset.names && { names: dataset.names }) };
  await writeExplained(records.store, results);
  return results;
}

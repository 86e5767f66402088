/** The stage of explaining: directed connectivity from a run's attention and by ablation, with controls. */

import type { Engine } from '../gpu/engine.js';
import type { Watcher } from '../ports/watcher.js';
import { type ExplainSettings, explain } from '../probe/connectivity.js';
import type { ExplainedResults } from '../probe/results.js';
import { loadModel, type OpenedRun, windowsInPart } from '../train/open-run.js';
import { writeExplained } from './result-files.js';

/** Connectivity of a run's model, written into its store. */
export async function explainStage(
  engine: Engine,
  run: OpenedRun,
  settings: ExplainSettings,
  watcher: Watcher,
): Promise<ExplainedResults> {
  const { windows, layout, split, dataset } = run;
  const { store, model } = await loadModel(engine, run);
  try {
    const began = performance.now();
    const refs = windowsInPart(split, 'all');
    const explained = await explain(
      { engine, model, layout, windows, refs, truth: dataset.truth },
      settings,
      watcher,
    );
    const seconds = (performance.now() - began) / 1000;
    const results = { ...explained, seconds, ...(dataset.names && { names: dataset.names }) };
    await writeExplained(run.records.store, results);
    return results;
  } finally {
    store.dispose();
  }
}

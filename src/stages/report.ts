/** The stage of reporting: one page about whatever is in a run's store. */

import { renderReport } from '../report/report.js';
import type { OpenedRun } from '../train/open-run.js';
import { readDecoded, readExplained, readGenerated, readLabels } from './result-files.js';

/**
 * Writes the report and its figures into the run's store.
 *
 * @param durations seconds of each stage, where they are known.
 * @returns the report's path in the store.
 */
export async function reportStage(
  run: OpenedRun,
  durations: readonly (readonly [stage: string, seconds: number])[] = [],
): Promise<string> {
  const { store } = run.records;
  const { neurons } = run.dataset.recording;
  const { page, figures } = await renderReport({
    run,
    metrics: await run.records.metrics(),
    generated: await readGenerated(store, 'generated', neurons),
    clamped: await readGenerated(store, 'clamped', neurons),
    explained: await readExplained(store, neurons),
    decoded: await readDecoded(store),
    labels: await readLabels(store),
    durations,
  });
  for (const { name, svg, csv } of figures) {
    await store.write(`figures/${name}.svg`, svg);
    await store.write(`figures/${name}.csv`, csv);
  }
  await store.write('report.html', page);
  return 'report.html';
}

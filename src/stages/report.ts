/** The stage of reporting: one page about whatever is in a run's store. */

import { type Report, renderReport } from '../report/report.js';
import type { OpenedRun } from '../train/open-run.js';
import { readDecoded, readExplained, readGenerated, readLabels } from './result-files.js';

/** The report's path in a run's store. */
export const REPORT_PATH = 'report.html';

/**
 * Makes the report of a run and writes it, with its figures, into the run's store.
 *
 * @param durations seconds of each stage, where they are known.
 */
export async function report(
  run: OpenedRun,
  durations: readonly (readonly [stage: string, seconds: number])[] = [],
): Promise<Report> {
  const { store } = run.records;
  const { neurons } = run.dataset.recording;
  const rendered = await renderReport({
    run,
    metrics: await run.records.readMetrics(),
    generated: await readGenerated(store, 'generated', neurons),
    clamped: await readGenerated(store, 'clamped', neurons),
    explained: await readExplained(store, neurons),
    decoded: await readDecoded(store),
    labels: await readLabels(store),
    durations,
  });
  for (const { name, svg, csv } of rendered.figures) {
    await store.write(`figures/${name}.svg`, svg);
    await store.write(`figures/${name}.csv`, csv);
  }
  await store.write(REPORT_PATH, rendered.page);
  return rendered;
}

/** The report stage: one page about everything in a run's store. */

import { type Report, renderReport } from '../report/report.js';
import type { OpenedRun } from '../train/open-run.js';
import { FIGURES_FOLDER } from '../train/run-records.js';
import {
  readConnectivity,
  readDecoded,
  readGenerated,
  readLabels,
  readLatentFiles,
  readProbes,
  readRates,
  readStimulus,
} from './result-files.js';

/** Path of the report in a run's store. */
export const REPORT_PATH = 'report.html';

/**
 * Renders the report of a run, writes it and its figures into the run's store, and removes figures
 * of earlier reports that it no longer has.
 *
 * @param durations seconds that each stage took, to be listed in the report. Default: none.
 * @throws FileError where results in the store are damaged, or the store cannot be written.
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
    connectivity: await readConnectivity(store, neurons),
    stimulus: await readStimulus(store),
    decoded: await readDecoded(store),
    labels: await readLabels(store),
    rates: await readRates(store),
    latents: await readLatentFiles(store),
    probes: await readProbes(store),
    durations,
  });
  for (const { name, svg, csv } of rendered.figures) {
    await store.write(`${FIGURES_FOLDER}/${name}.svg`, svg);
    await store.write(`${FIGURES_FOLDER}/${name}.csv`, csv);
  }
  await run.records.removeFigures(rendered.figures.map(({ name }) => name));
  await store.write(REPORT_PATH, rendered.page);
  return rendered;
}

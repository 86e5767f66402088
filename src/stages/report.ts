/** The report stage: one page about everything in a run's store. */

import { type Report, renderReport } from '../report/report.js';
import type { OpenedRun } from '../train/open-run.js';
import { FIGURES_FOLDER } from '../train/run-records.js';
import type { WeightsId } from '../train/weights.js';
import {
  decodedFileName,
  readConnectivity,
  readDecoded,
  readGenerated,
  readLabels,
  readLatentFiles,
  readProbes,
  readRates,
  readStimulus,
} from './result-files.js';
import { staleResults, type WeighedResult } from './result-weights.js';

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
  const results = {
    generated: await readGenerated(store, 'generated', neurons),
    clamped: await readGenerated(store, 'clamped', neurons),
    connectivity: await readConnectivity(store, neurons),
    stimulus: await readStimulus(store),
    decoded: await readDecoded(store),
    labels: await readLabels(store),
    rates: await readRates(store),
    latents: await readLatentFiles(store),
    probes: await readProbes(store),
  };
  const { decoded } = results;
  const warnings = await staleResults(run, [
    weighed('generate', 'generated', results.generated?.settings),
    weighed('generate', 'clamped', results.clamped?.settings),
    weighed('connectivity', 'connectivity', results.connectivity),
    weighed('explain stimulus', 'stimulus', results.stimulus),
    weighed('decode', decodedFileName(decoded?.part ?? 'test'), decoded),
    weighed('labels', 'labels', results.labels),
    weighed('generate --baselines', 'rates', results.rates),
    weighed('latents', 'latents', results.latents),
    weighed('ladder probes', 'probes', results.probes),
  ]);
  const rendered = await renderReport({
    run,
    metrics: await run.records.readMetrics(),
    ...results,
    warnings,
    durations,
  });
  const figures = rendered.figures.flatMap(({ name, svg, csv }) => [
    [`${FIGURES_FOLDER}/${name}.svg`, svg] as const,
    [`${FIGURES_FOLDER}/${name}.csv`, csv] as const,
  ]);
  await store.writeTogether(
    { ...Object.fromEntries(figures), [REPORT_PATH]: rendered.page },
    await run.records.staleFigures(rendered.figures.map(({ name }) => name)),
  );
  return rendered;
}

function weighed(
  command: string,
  name: string,
  result: { readonly weights?: WeightsId } | undefined,
): WeighedResult {
  return { file: `${name}.json`, command, weights: result?.weights };
}

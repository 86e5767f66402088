/** Runs the demonstrations of claims, and keeps a page about all that were measured. */

import { withEngine } from '../train/engine-source.js';
import type { Claim, PaperContext } from './claim.js';
import { curveSection, measureCurve, readCurve } from './curve.js';
import { paperPage } from './page.js';
import { figureFiles, readFindings, writeFindings } from './results.js';

/** Path of the page in the store. */
export const PAPER_PAGE = 'paper.html';

/**
 * Measures claims one after the other, except those that are measured already, and writes the page
 * after each.
 *
 * @param claims to measure.
 * @param all claims, in the order of the page.
 * @throws StoppedError where the watcher stops it; the same call goes on.
 */
export async function runPaper(
  claims: readonly Claim[],
  all: readonly Claim[],
  context: PaperContext,
): Promise<void> {
  const { store, watcher, seeds, full } = context;
  const adapter = await withEngine(context.engine, async ({ facts }) => facts.description);
  for (const [n, claim] of claims.entries()) {
    const place = `${n + 1} of ${claims.length}`;
    if (await readFindings(store, claim)) {
      watcher.note(`${place}, ${claim.name}: measured already.`);
      continue;
    }
    watcher.note(`\n${place}, ${claim.name}. The paper: ${claim.says}`);
    const start = performance.now();
    const findings = await claim.measure(context);
    const seconds = (performance.now() - start) / 1000;
    await writeFindings(store, claim, { ...findings, seeds, full, seconds, adapter });
    watcher.note(`${findings.verdict}: ${findings.measured}; ${findings.baseline}.`);
    await writePage(all, context);
  }
  await writePage(all, context);
}

/** Measures models of the film after so much training, see `measureCurve`, and writes the page. */
export async function runCurve(
  tflops: readonly number[],
  all: readonly Claim[],
  context: PaperContext,
): Promise<void> {
  await measureCurve(context, tflops);
  await writePage(all, context);
}

async function writePage(all: readonly Claim[], { store }: PaperContext): Promise<void> {
  const points = await readCurve({ store });
  const curve = points && (await curveSection(points));
  const measured = await Promise.all(
    all.map(async (claim) => ({ claim, findings: await readFindings(store, claim) })),
  );
  const figures = (curve?.figures ?? []).map(figureFiles);
  await store.writeTogether({
    ...Object.assign({}, ...figures),
    [PAPER_PAGE]: paperPage(measured, curve),
  });
}

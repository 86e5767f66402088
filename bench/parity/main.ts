/**
 * `npm run bench -- parity`: runs every case in a folder of the golden reference's format, and
 * prints the worst errors.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../src/engine.js';
import { checkCase } from './check-case.js';
import { checkFiltering, type FilteringExamples } from './check-filtering.js';
import { GoldenGeneration } from './check-generation.js';
import { checkTokenizer, type TokenizerExamples } from './check-tokenizer.js';
import { readJson } from './golden-case.js';
import { type Finding, findingTable, Tally } from './tally.js';

/** The reference data of this repository, relative to its root. */
export const GOLDEN = 'test/fixtures/golden';

/** The check of a folder's entry; undefined for entries that are not cases. */
function entryCheck(
  root: string,
  name: string,
): ((engine: Engine, tally: Tally) => Promise<void>) | undefined {
  if (name.startsWith('case-')) return (engine, tally) => checkCase(engine, root, name, tally);
  if (name.startsWith('generate-')) {
    return async (engine, tally) => {
      const generation = new GoldenGeneration(engine, join(root, name));
      await generation.check(tally);
      generation.dispose();
    };
  }
  if (name === 'tokenizer.json')
    return async (_, tally) =>
      checkTokenizer(readJson<TokenizerExamples>(root, 'tokenizer'), tally);
  if (name === 'filtering.json')
    return (engine, tally) =>
      checkFiltering(engine, readJson<FilteringExamples>(root, 'filtering'), tally);
  return undefined;
}

/**
 * Runs all cases in `root` and prints their worst errors.
 *
 * @throws Error where there is no case, or a comparison is outside its tolerance.
 */
export async function benchParity(engine: Engine, root = GOLDEN): Promise<void> {
  if (!existsSync(root))
    throw new Error(`The folder ${root} with cases of the reference does not exist.`);
  const names = readdirSync(root).sort();
  const rows: (Finding & { case: string })[] = [];
  for (const name of names) {
    const check = entryCheck(root, name);
    if (!check) continue;
    const tally = new Tally();
    try {
      await check(engine, tally);
    } catch (error) {
      tally.same('runs', error instanceof Error ? error.message : String(error), false, true);
    }
    rows.push(...tally.findings.map((finding) => ({ ...finding, case: name })));
    console.error(`${name} done`);
  }
  if (rows.length === 0) {
    throw new Error(
      `${root} contains no case: it should contain folders case-* or generate-*, tokenizer.json or filtering.json.`,
    );
  }
  console.log(findingTable(rows));
  const outside = rows.filter(({ share }) => !(share <= 1));
  const cases = new Set(rows.map((row) => row.case)).size;
  if (outside.length > 0)
    throw new Error(`${outside.length} of ${rows.length} comparisons are outside their tolerance.`);
  console.log(`all ${rows.length} comparisons of ${cases} cases are within their tolerances`);
}

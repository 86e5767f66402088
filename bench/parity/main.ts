/** Parity: every case of a folder in the golden reference's format, with a table of the worst errors. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../src/engine.js';
import { checkCase } from './check-case.js';
import { checkFiltering, type FilteringExamples } from './check-filtering.js';
import { GoldenGeneration } from './check-generation.js';
import { checkTokenizer, type TokenizerExamples } from './check-tokenizer.js';
import { readJson } from './golden-case.js';
import { type Finding, findingTable, Tally } from './tally.js';

/** The reference data of this repository, seen from where it was started. */
export const GOLDEN = 'test/fixtures/golden';

/** What each entry of a folder is checked by; entries of other names are left alone. */
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
 * Runs all cases below `root` and prints their worst errors.
 *
 * @throws Error where there is no case, or one falls outside its tolerances.
 */
export async function benchParity(engine: Engine, root = GOLDEN): Promise<void> {
  if (!existsSync(root)) throw new Error(`There is no folder ${root} with cases of the reference.`);
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
      `${root} holds no case: it should have folders case-* or generate-*, tokenizer.json or filtering.json.`,
    );
  }
  console.log(
    `${'case'.padEnd(28)}${'what'.padEnd(24)}${'of'.padStart(6)}${'worst'.padStart(10)}${'share'.padStart(9)}  where`,
  );
  console.log(findingTable(rows));
  const outside = rows.filter(({ share }) => !(share <= 1));
  const cases = new Set(rows.map((row) => row.case)).size;
  if (outside.length > 0)
    throw new Error(
      `${outside.length} of ${rows.length} comparisons fall outside their tolerance.`,
    );
  console.log(`all ${rows.length} comparisons of ${cases} cases within their tolerances`);
}

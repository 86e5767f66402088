/** Findings in the store: a JSON file per claim, tables as CSV, figures as SVG with their CSV. */

import type { FileContents, RunStore } from '../ports/run-store.js';
import type { Figure } from '../report/draw.js';
import { formatFacts, readJsonResults } from '../stages/stored-results.js';
import { toCsv } from '../text/table.js';
import type { Claim, Findings } from './claim.js';

/** Findings, and what they were measured with. */
export interface StoredFindings extends Findings {
  /** The seeds that were measured. */
  readonly seeds: readonly number[];
  /** Whether models were trained for ten times as long. */
  readonly full: boolean;
  /** How long it took. */
  readonly seconds: number;
  /** The device. */
  readonly adapter: string;
}

const FOLDER = 'claims';
const FIGURES = 'figures';

/**
 * Writes findings as claims/NAME.json, its tables as claims/NAME.csv with a row per score, and its
 * figures.
 *
 * @throws FileError where they cannot be written.
 */
export async function writeFindings(
  store: RunStore,
  { name }: Pick<Claim, 'name'>,
  findings: StoredFindings,
): Promise<void> {
  const rows = findings.tables.flatMap(({ title, columns, rows: tableRows }) =>
    tableRows.flatMap((row) =>
      columns.flatMap((column, n) =>
        row.scores[n]!.map((score, index) => ({
          table: title,
          method: row.title,
          kind: row.kind,
          measure: column.title,
          seed: findings.seeds[index],
          score,
        })),
      ),
    ),
  );
  const figures = findings.figures.map((figure) => figureFiles(figureOf({ name }, figure)));
  await store.writeTogether({
    [`${FOLDER}/${name}.csv`]: toCsv(rows),
    ...Object.assign({}, ...figures),
    [`${FOLDER}/${name}.json`]: formatFacts(findings),
  });
}

/** A figure of a claim, by whose name its own begins. */
export function figureOf({ name }: Pick<Claim, 'name'>, figure: Figure): Figure {
  const prefix = `${name}-`;
  return figure.name.startsWith(prefix) ? figure : { ...figure, name: prefix + figure.name };
}

/** A figure and its numbers as files. */
export function figureFiles({ name, svg, csv }: Figure): FileContents {
  return { [`${FIGURES}/${name}.svg`]: svg, [`${FIGURES}/${name}.csv`]: csv };
}

/**
 * Reads the findings of a claim; undefined where it was not measured.
 *
 * @throws FileError where the file is damaged.
 */
export function readFindings(
  store: RunStore,
  { name }: Pick<Claim, 'name'>,
): Promise<StoredFindings | undefined> {
  return readJsonResults<StoredFindings>(
    store,
    `${FOLDER}/${name}.json`,
    ({ tables }) => tables.length > 0,
    `is damaged: remove it, and run paper ${name} again with --resume; models are kept`,
  );
}

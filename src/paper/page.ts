/** The page: a row per claim, then what was measured for each. */

import { renderPage, type Section, type Table } from '../report/html.js';
import { describeSpread } from '../report/spread.js';
import { formatDuration } from '../text/format.js';
import type { Claim, MeasuredTable } from './claim.js';
import { figureOf, type StoredFindings } from './results.js';

/** A claim, and what was found; undefined where it was not measured. */
export interface MeasuredClaim {
  readonly claim: Claim;
  readonly findings: StoredFindings | undefined;
}

/** Renders the page. @param curve the section on what more training gives, if it was measured. */
export function paperPage(claims: readonly MeasuredClaim[], curve?: Section): string {
  const measured = claims.flatMap(({ claim, findings }) => (findings ? [{ claim, findings }] : []));
  return renderPage(
    'What the paper says and what was measured',
    'Antoniades et al., Neuroformer, ICLR 2024, on simulated recordings whose truth is known.',
    [
      overview(claims),
      ...measured.map(({ claim, findings }) => claimSection(claim, findings)),
      ...(curve ? [curve] : []),
    ],
  );
}

function overview(claims: readonly MeasuredClaim[]): Section {
  return {
    title: 'Claims',
    text: [
      'Of the paper’s own recordings no truth is known. So its demonstrations are repeated on reconstructions, with smaller models and less training; a claim that does not hold here may hold with more of both. Every figure below has its controls and the strongest simple baselines beside it.',
    ],
    tables: [
      {
        title: 'What the paper says and what was measured',
        caption: 'Mean over seeds (lowest to highest).',
        head: ['claim', 'the paper says', 'measured', 'best baseline', ''],
        rows: claims.map(({ claim, findings }) => [
          claim.title,
          claim.says,
          findings?.measured ?? `not measured: neuroformer paper ${claim.name}`,
          findings?.baseline ?? '',
          findings?.verdict ?? '',
        ]),
      },
    ],
  };
}

function claimSection({ name, title, says }: Claim, findings: StoredFindings): Section {
  const { verdict, remarks, tables, figures, seeds, seconds, adapter, full } = findings;
  return {
    title: `${title}: ${verdict}`,
    text: [
      `The paper: ${says}`,
      ...remarks,
      `Seeds ${seeds.join(', ')}${full ? ', ten times the training' : ''}; ${formatDuration(seconds)} on ${adapter}.`,
    ],
    tables: tables.map(measuredTable).map(withoutCaptionOfNext),
    figures: figures.map((figure) => figureOf({ name }, figure)),
  };
}

/** A table; what it says as the next one does stands below that one. */
function withoutCaptionOfNext(table: Table, index: number, tables: readonly Table[]): Table {
  const { caption, ...rest } = table;
  return caption === tables[index + 1]?.caption ? rest : table;
}

/** A table with the mean over seeds, and the lowest and highest. */
export function measuredTable({ title, caption, columns, rows }: MeasuredTable): Table {
  return {
    title,
    caption,
    head: ['', '', ...columns.map((column) => column.title)],
    rows: rows.map((row) => [
      row.title,
      row.kind,
      ...columns.map(({ digits = 2 }, n) => describeSpread(row.scores[n]!, digits)),
    ]),
  };
}

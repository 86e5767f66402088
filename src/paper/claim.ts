/** What a claim of the paper is, and what measuring it gives. */

import type { Dataset } from '../dataset/dataset.js';
import type { RunStore } from '../ports/run-store.js';
import type { Figure } from '../report/draw.js';
import type { StageOptions } from '../stages/context.js';

/** A claim of the paper, and the demonstration that tests it. */
export interface Claim {
  /** Its name on the command line and in files: letters. */
  readonly name: string;
  /** Its title on the page. */
  readonly title: string;
  /** What the paper says, in a sentence. */
  readonly says: string;
  /**
   * Tests the claim. Models are trained in folders of the store, and kept: a second call reads
   * them.
   *
   * @throws StoppedError where the watcher stops it; the same call goes on.
   */
  measure(context: PaperContext): Promise<Findings>;
}

/** What a demonstration runs with. */
export interface PaperContext extends Required<StageOptions> {
  /** Where all demonstrations keep their data, models and results. */
  readonly store: RunStore;
  /** Opens the dataset in a folder of the store. */
  readonly openDataset: (path: string) => Promise<Dataset>;
  /** A demonstration is repeated with each seed, of the simulation and of the model. */
  readonly seeds: readonly number[];
  /** Whether to train for ten times as long, as on a GPU. */
  readonly full: boolean;
}

/** Whether a claim holds in what was measured. */
export type Verdict = 'holds' | 'partly' | 'does not hold';

/** What a row of numbers is of. */
export type RowKind = 'model' | 'control' | 'baseline' | 'ceiling';

/** A row of a table: a method, with the scores of each of its columns. */
export interface MeasuredRow {
  /** The method. */
  readonly title: string;
  /** What the method is. */
  readonly kind: RowKind;
  /** For each column, a score per seed; empty where the method has none. */
  readonly scores: readonly (readonly number[])[];
}

/** A column of a table. */
export interface MeasuredColumn {
  /** The score, with its unit. */
  readonly title: string;
  /** Decimals of its scores. Default: 2. */
  readonly digits?: number;
}

/** A table of what was measured. */
export interface MeasuredTable {
  readonly title: string;
  /** What the scores are of, in a sentence or two. */
  readonly caption: string;
  readonly columns: readonly MeasuredColumn[];
  readonly rows: readonly MeasuredRow[];
}

/** What the demonstration of a claim found. */
export interface Findings {
  readonly verdict: Verdict;
  /** What was measured of the model, for the page's first table: a few words with numbers. */
  readonly measured: string;
  /** The best baseline, in the same words. */
  readonly baseline: string;
  /** What follows, and where the claim does not hold: a sentence each. */
  readonly remarks: readonly string[];
  readonly tables: readonly MeasuredTable[];
  readonly figures: readonly Figure[];
}

/** What a table says: findings without the table and its figures. */
export type Judgment = Omit<Findings, 'tables' | 'figures'>;

/** An amount of training: ten times as much where a complete run is asked for. */
export function trainingAmount({ full }: Pick<PaperContext, 'full'>, amount: number): number {
  return full ? 10 * amount : amount;
}

/** A figure that shows one seed, which its caption names. @param what more to name. */
export function ofSeed(figure: Figure, seed: number, what?: string): Figure {
  const shown = what === undefined ? `Seed ${seed}.` : `Seed ${seed}, ${what}.`;
  return { ...figure, caption: `${shown} ${figure.caption}` };
}

/** The scores per seed of a row's column. */
export function scoresOf({ rows }: MeasuredTable, title: string, column = 0): readonly number[] {
  const row = rows.find((candidate) => candidate.title === title);
  if (!row) throw new Error(`There is no row ${title}.`);
  return row.scores[column]!;
}

/** Penalties of linear decoders, chosen on the last of the training rows. */

import { mean } from '../math/statistics.js';
import {
  checkTarget,
  fitEach,
  LinearModel,
  rowsBetween,
  type SparseRows,
  Standardized,
  solveLasso,
  solveRidge,
  type Targets,
  UnfitError,
} from './regression.js';

const SOLVERS = { ridge: solveRidge, lasso: solveLasso } as const;
type Method = keyof typeof SOLVERS;

/** How a penalty is chosen. */
export interface PenaltyChoice {
  /** Penalties to try; else 10^0 to 10^6 in half powers (ridge), or the largest useful down to its 100th (lasso). */
  readonly grid?: readonly number[];
  /** The last share of the rows is held out to choose on (0.2). */
  readonly share?: number;
  /** Rows left out before those, such as the bins a design looks back, so that no window is shared (0). */
  readonly gap?: number;
}

/** What one target made of the penalties tried. */
export interface TriedPenalties {
  /** Falling, and the mean squared error of each on the rows held out. */
  readonly penalties: readonly number[];
  readonly errors: readonly number[];
  /** The one with the least error, and the weights it gave. */
  readonly best: { readonly penalty: number; readonly weights: Float64Array };
}

export interface ChosenPenalty {
  /** Fitted on all rows. */
  readonly model: LinearModel;
  /** The penalty of each target. */
  readonly penalties: readonly number[];
  readonly tried: readonly TriedPenalties[];
}

/**
 * Tries penalties for each target on its own, keeps the one with the least squared error on the last rows, and fits
 * all rows with it. Give training rows only: test rows must take no part in this.
 */
export function choosePenalty(
  method: Method,
  design: SparseRows,
  targets: Targets,
  choice: PenaltyChoice = {},
): ChosenPenalty {
  const tried = tryPenalties(method, design, targets, choice);
  const penalties = tried.map(({ best }) => best.penalty);
  const starts = tried.map(({ best }) => best.weights);
  const model = fitEach(SOLVERS[method], design, targets, penalties, starts);
  return { model, penalties, tried };
}

/** The errors that penalties make on the last rows when the others are fitted. */
export function tryPenalties(
  method: Method,
  design: SparseRows,
  targets: Targets,
  choice: PenaltyChoice = {},
): TriedPenalties[] {
  for (const target of targets) checkTarget(design, target);
  const { fitted, held } = heldOut(design.rows, choice);
  const z = new Standardized(rowsBetween(design, 0, fitted));
  const later = rowsBetween(design, held, design.rows);
  return targets.map((target) => {
    const early = Float64Array.from({ length: fitted }, (_, row) => target[row]!);
    const centre = mean(early);
    const own = early.map((value) => value - centre);
    const penalties = [...(choice.grid ?? defaultGrid(method, z, own))].sort((p, q) => q - p);
    let weights: Float64Array = new Float64Array(design.columns);
    const found = penalties.map((penalty) => {
      // From a large penalty down, each the start of the next: they differ little.
      weights = SOLVERS[method](z, own, penalty, weights);
      const [predicted] = new LinearModel(z, [weights], [centre]).predict(later);
      const error = mean(predicted!.map((value, row) => (value - target[held + row]!) ** 2));
      return { penalty, error, weights };
    });
    const best = found.reduce((least, one) => (one.error < least.error ? one : least));
    return { best, penalties, errors: found.map(({ error }) => error) };
  });
}

/** Rows 0 up to `fitted` to fit on and rows from `held` on to choose on. */
export function heldOut(
  rows: number,
  { share = 0.2, gap = 0 }: { share?: number; gap?: number },
): { fitted: number; held: number } {
  const held = rows - Math.max(1, Math.round(share * rows));
  const fitted = held - gap;
  if (fitted < 1)
    throw new UnfitError(
      `of ${rows} windows none are left to fit on when a share of ${share} and a gap of ${gap} windows are held out`,
    );
  return { fitted, held };
}

function defaultGrid(method: Method, z: Standardized, target: Float64Array): number[] {
  if (method === 'ridge') return Array.from({ length: 13 }, (_, n) => 10 ** (n / 2));
  // At the steepest slope of the loss and above it, every weight is 0.
  const steepest = z.transposedTimes(target).reduce((most, g) => Math.max(most, Math.abs(g)), 0);
  const largest = steepest > 0 ? steepest / target.length : 1;
  return Array.from({ length: 9 }, (_, n) => largest * 10 ** (-n / 4));
}

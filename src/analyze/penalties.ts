/** Chooses the penalties of linear decoders on the last of the training rows. */

import { mean } from '../math/statistics.js';
import { Turns } from '../ports/turns.js';
import { lassoPath, solveLasso } from './lasso.js';
import { checkTarget, fitEach, LinearModel, type Targets } from './regression.js';
import { ridgePath, solveRidge } from './ridge.js';
import { CannotFitError } from './solver.js';
import { rowsBetween, type SparseRows } from './sparse-rows.js';
import { Standardized } from './standardized.js';

const METHODS = {
  ridge: { solve: solveRidge, path: ridgePath },
  lasso: { solve: solveLasso, path: lassoPath },
} as const;
type Method = keyof typeof METHODS;

/** How a penalty is chosen. */
export interface PenaltyOptions {
  /**
   * Penalties to try. Default for ridge: 10^0 to 10^6 in half powers. Default for lasso: from the
   * smallest penalty at which every weight is 0 down to a hundredth of it.
   */
  readonly grid?: readonly number[];
  /** The last share of the rows is held out to choose on. Default 0.2. */
  readonly share?: number;
  /**
   * Rows left out before the held-out ones, such as the bins a design looks back, so that no window
   * overlaps both. Default 0.
   */
  readonly gap?: number;
}

/** The penalties tried for one target. */
export interface PenaltySearch {
  /** In descending order. */
  readonly penalties: readonly number[];
  /** Mean squared error of each penalty on the held-out rows. */
  readonly errors: readonly number[];
  /** The penalty with the least error, and the weights fitted with it. */
  readonly best: { readonly penalty: number; readonly weights: Float64Array };
}

/** A model with the chosen penalties. */
export interface PenaltyFit {
  /** Fitted on all rows. */
  readonly model: LinearModel;
  /** The penalty of each target. */
  readonly penalties: readonly number[];
  /** The search for each target. */
  readonly searches: readonly PenaltySearch[];
}

/**
 * Tries penalties for each target separately, selects the one with the least squared error on the
 * last rows, and fits all rows with it. Give it training rows only: test rows must not take part in
 * the choice.
 *
 * @throws CannotFitError where no rows are left to fit on, or a penalty is too small; Error where a
 *   target does not fit
 */
export async function choosePenalty(
  method: Method,
  design: SparseRows,
  targets: Targets,
  options: PenaltyOptions = {},
  turns = new Turns(),
): Promise<PenaltyFit> {
  const searches = await tryPenalties(method, design, targets, options, turns);
  const penalties = searches.map(({ best }) => best.penalty);
  const starts = searches.map(({ best }) => best.weights);
  const model = await fitEach(METHODS[method].solve, design, targets, penalties, starts, turns);
  return { model, penalties, searches };
}

/**
 * The errors of penalties on the last rows, for models fitted on the rows before them.
 *
 * @throws as `choosePenalty`
 */
export async function tryPenalties(
  method: Method,
  design: SparseRows,
  targets: Targets,
  options: PenaltyOptions = {},
  turns = new Turns(),
): Promise<PenaltySearch[]> {
  for (const target of targets) checkTarget(design, target);
  const { fitEnd, holdoutStart } = holdOut(design.rows, options);
  const z = new Standardized(rowsBetween(design, 0, fitEnd));
  const holdout = rowsBetween(design, holdoutStart, design.rows);
  const centers = targets.map((target) => mean(Array.prototype.slice.call(target, 0, fitEnd)));
  const centered = targets.map((target, n) =>
    Float64Array.from({ length: fitEnd }, (_, row) => target[row]! - centers[n]!),
  );
  const grids = centered.map((target) =>
    [...(options.grid ?? defaultGrid(method, z, target))].sort((p, q) => q - p),
  );
  const paths = await METHODS[method].path(z, centered, grids, turns);
  return targets.map((target, n) => {
    const center = centers[n]!;
    const penalties = grids[n]!;
    const trials = paths[n]!.map((weights, index) => {
      const penalty = penalties[index]!;
      const [predicted] = new LinearModel(z, [weights], [center]).predict(holdout);
      const error = mean(
        predicted!.map((value, row) => (value - target[holdoutStart + row]!) ** 2),
      );
      return { penalty, error, weights };
    });
    const best = trials.reduce((least, trial) => (trial.error < least.error ? trial : least));
    return { best, penalties, errors: trials.map(({ error }) => error) };
  });
}

/**
 * Divides rows into those to fit on and, after a gap, those to choose on: rows 0 up to `fitEnd`,
 * and rows from `holdoutStart` on.
 *
 * @param options.share of the rows that is held out
 * @param options.gap rows in between
 * @throws CannotFitError where no rows are left to fit on
 */
export function holdOut(
  rows: number,
  { share = 0.2, gap = 0 }: { share?: number; gap?: number },
): { fitEnd: number; holdoutStart: number } {
  const holdoutStart = rows - Math.max(1, Math.round(share * rows));
  const fitEnd = holdoutStart - gap;
  if (fitEnd < 1)
    throw new CannotFitError(
      `of ${rows} windows, none are left to fit on after holding out a share of ${share} and a gap of ${gap} windows`,
    );
  return { fitEnd, holdoutStart };
}

function defaultGrid(method: Method, z: Standardized, target: Float64Array): number[] {
  if (method === 'ridge') return Array.from({ length: 13 }, (_, n) => 10 ** (n / 2));
  // From the steepest slope of the loss on, every weight is 0.
  const steepest = z
    .transposedTimes(target)
    .reduce((max, slope) => Math.max(max, Math.abs(slope)), 0);
  const largest = steepest > 0 ? steepest / target.length : 1;
  return Array.from({ length: 9 }, (_, n) => largest * 10 ** (-n / 4));
}

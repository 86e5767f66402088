/** Linear decoders of sparse counts: ridge regression and least squares on standardized columns. */

import { mean } from '../math/statistics.js';
import { Turns } from '../ports/turns.js';
import { solveRidge } from './ridge.js';
import { CannotFitError, type Problem, type Solver } from './solver.js';
import { product, type SparseRows } from './sparse-rows.js';
import { Standardized } from './standardized.js';

/** A fitted linear decoder of one or several targets. */
export class LinearModel {
  readonly #columns: number;
  readonly #raw: readonly { slopes: Float64Array; constant: number }[];

  /**
   * @param z the columns it was fitted on
   * @param weights of the standardized columns, [columns] for each target: in the target's unit per
   *   standard deviation
   * @param intercepts the mean of each target over the rows it was fitted on
   */
  constructor(
    z: Standardized,
    readonly weights: readonly Float64Array[],
    readonly intercepts: readonly number[],
  ) {
    this.#columns = z.matrix.columns;
    this.#raw = weights.map((list) => z.unscaled(list));
  }

  /**
   * The prediction of each target, [rows]. Columns are standardized with the statistics of the rows
   * the model was fitted on.
   *
   * @throws Error where the design has another number of columns
   */
  predict(design: SparseRows): Float64Array[] {
    if (design.columns !== this.#columns)
      throw new Error(
        `The design has ${design.columns} columns, but the model was fitted on ${this.#columns}.`,
      );
    return this.#raw.map(({ slopes, constant }, n) =>
      product(design, slopes, constant + this.intercepts[n]!),
    );
  }
}

/** Targets of a regression, such as position and velocity: [rows] each. */
export type Targets = readonly ArrayLike<number>[];

/** One penalty for all targets, or one per target. */
export type Penalty = number | readonly number[];

/**
 * Ridge regression (Hoerl and Kennard 1970): minimizes |y - Z w - b|^2 + penalty |w|^2, with Z the
 * standardized columns.
 *
 * The loss is a sum and not a mean, so a penalty weighs as much as that many rows. The cost of a
 * step is proportional to the number of nonzero entries. The residual of the normal equations ends
 * below 1e-11 of their right side.
 *
 * @throws Error for a target or a penalty that does not fit; CannotFitError where the penalty is
 *   too small
 */
export async function fitRidge(
  design: SparseRows,
  targets: Targets,
  penalty: Penalty,
  turns = new Turns(),
): Promise<LinearModel> {
  return await fitEach(solveRidge, design, targets, penalty, undefined, turns);
}

/** The penalty of `fitLeastSquares` per row: without any, equal columns have many solutions. */
const NEGLIGIBLE_PENALTY = 1e-6;

/**
 * Least squares without a penalty: the GLM of Gaussian targets with an identity link.
 *
 * @throws Error for a target that does not fit; CannotFitError where there are no more rows than
 *   columns, so that the fit would pass through every target
 */
export async function fitLeastSquares(
  design: SparseRows,
  targets: Targets,
  turns = new Turns(),
): Promise<LinearModel> {
  const { rows, columns } = design;
  if (rows <= columns)
    throw new CannotFitError(
      `${columns} counts have as many weights, which ${rows} windows do not determine`,
    );
  return await fitRidge(design, targets, NEGLIGIBLE_PENALTY * rows, turns);
}

/**
 * Fits each target by itself: the fit of one does not depend on the others.
 *
 * @param starts weights to start from, [columns] for each target; default: zeros
 * @throws Error for a target or a penalty that does not fit; CannotFitError where the penalty is
 *   too small
 */
export async function fitEach(
  solver: Solver,
  design: SparseRows,
  targets: Targets,
  penalty: Penalty,
  starts?: readonly Float64Array[],
  turns = new Turns(),
): Promise<LinearModel> {
  for (const target of targets) checkTarget(design, target);
  const z = new Standardized(design);
  const intercepts = targets.map((target) => mean(Float64Array.from(target)));
  const problems = targets.map((target, n): Problem => {
    const targetPenalty = typeof penalty === 'number' ? penalty : penalty[n];
    if (targetPenalty === undefined || !(targetPenalty > 0) || !Number.isFinite(targetPenalty))
      throw new Error(`The penalty of target ${n} should be above 0, but is ${targetPenalty}.`);
    const start = starts?.[n] ?? new Float64Array(design.columns);
    return { target: centered(target, intercepts[n]!), penalty: targetPenalty, start };
  });
  return new LinearModel(z, await solver(z, problems, turns), intercepts);
}

function centered(target: ArrayLike<number>, center: number): Float64Array {
  return Float64Array.from(target, (value) => value - center);
}

/** @throws Error where a target has not one value per row, or a value is not finite */
export function checkTarget({ rows }: SparseRows, target: ArrayLike<number>): void {
  if (target.length !== rows || rows === 0)
    throw new Error(
      `A target has ${target.length} values, but the design has ${rows} rows: there should be one value per row, and at least one row.`,
    );
  const row = Array.prototype.findIndex.call(target, (value) => !Number.isFinite(value));
  if (row >= 0)
    throw new Error(
      `A target is ${target[row]} at row ${row}: remove the rows where it is unknown.`,
    );
}

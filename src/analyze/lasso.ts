/** The lasso by coordinate descent. */

import { dot } from '../math/vectors.js';
import type { Turns } from '../ports/turns.js';
import type { NormalMatrix } from './normal-matrix.js';
import { type PathSolver, type Problem, penaltyTooSmall, type Solver } from './solver.js';
import type { Standardized } from './standardized.js';

/** Columns of a sweep between two turns of the event loop. */
const COLUMNS_AT_ONCE = 64;
/** Sweeps over all weights with a path of penalties, each as long as a product with Z'Z. */
const EXPECTED_PRODUCTS = 1000;
/** Sweeps over the weights that are not 0 between two over all. */
const MAX_ACTIVE_SWEEPS = 200;

/**
 * The lasso (Tibshirani 1996): minimizes |y - Z w - b|^2 / (2 rows) + penalty |w|_1, with Z the
 * standardized columns, by coordinate descent (Friedman, Hastie and Tibshirani 2010). Most sweeps
 * visit only the weights that are not 0.
 *
 * It stops when the duality gap shows that the loss is within 1e-7 of the target's variance from
 * its minimum.
 *
 * @throws CannotFitError where 1000 sweeps over all weights are not enough
 */
export const solveLasso: Solver = async (z, problems, turns) => {
  const solved: Float64Array[] = [];
  for (const problem of problems) solved.push(await solveOneLasso(z, problem, turns));
  return solved;
};

async function solveOneLasso(
  z: Standardized,
  problem: Problem,
  turns: Turns,
): Promise<Float64Array> {
  const { target, penalty } = problem;
  const normal = await z.normalMatrix(EXPECTED_PRODUCTS, turns);
  const descent = normal ? new ProductDescent(z, normal, problem) : new RowDescent(z, problem);
  const variance = dot(target, target) / target.length;
  for (let n = 0; dualityGap(descent, problem) > 1e-7 * variance; n++) {
    if (n === 1000) throw penaltyTooSmall(penalty);
    await descent.sweepAll(turns);
    await descent.settle(1e-16 * variance, turns);
  }
  return descent.weights;
}

/**
 * The lasso weights of several penalties: neighboring ones have similar weights, so each solution
 * is the starting point of the next one.
 *
 * @throws CannotFitError as `solveLasso`
 */
export const lassoPath: PathSolver = async (z, targets, penalties, turns) => {
  const paths: Float64Array[][] = [];
  for (const [n, target] of targets.entries()) {
    const path: Float64Array[] = [];
    for (const penalty of penalties[n]!) {
      const start = path.at(-1) ?? new Float64Array(z.matrix.columns);
      path.push(await solveOneLasso(z, { target, penalty, start }, turns));
    }
    paths.push(path);
  }
  return paths;
};

/** How far a descent has come. */
interface DescentState {
  /** Z'r with r the residual: [columns]. */
  readonly slopes: Float64Array;
  /** r . r */
  readonly squares: number;
  /** y . r with y the target. */
  readonly withTarget: number;
}

/** Weights that coordinate descent improves. */
interface Descent {
  readonly weights: Float64Array;
  /** Computed afresh, so that rounding errors do not add up. */
  state(): DescentState;
  /** Sets each weight in turn to its best value given the others. */
  sweepAll(turns: Turns): Promise<void>;
  /** Sweeps over the weights that are not 0 until no squared change is above a limit. */
  settle(limit: number, turns: Turns): Promise<void>;
}

/**
 * An upper bound on how far the lasso's loss is above its minimum, from a point of the dual problem
 * (Kim et al. 2007).
 */
function dualityGap(descent: Descent, { target, penalty }: Problem): number {
  const { slopes, squares, withTarget } = descent.state();
  const n = target.length;
  const steepest = slopes.reduce((max, slope) => Math.max(max, Math.abs(slope)), 0);
  const share = steepest > 0 ? Math.min(1, (n * penalty) / steepest) : 1;
  const norm = descent.weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  // |r|^2 / 2n + penalty |w|_1 minus (|y|^2 - |y - share r|^2) / 2n: the squares of y cancel.
  return (squares * (1 + share * share)) / (2 * n) - (share * withTarget) / n + penalty * norm;
}

/** The best value of a weight. @param unpenalized its best value without the penalty */
function shrink(unpenalized: number, penalty: number): number {
  return Math.sign(unpenalized) * Math.max(0, Math.abs(unpenalized) - penalty);
}

/** The columns whose weights are not 0. */
function activeColumns(weights: Float64Array): number[] {
  return [...weights.keys()].filter((c) => weights[c] !== 0);
}

/**
 * Descent that keeps the residual, and so never needs Z'Z.
 *
 * The residual is rows[n] + shift. The mean of a column affects all rows alike, so it only changes
 * the shift.
 */
class RowDescent implements Descent {
  readonly weights: Float64Array;
  readonly #rows: Float64Array;
  #shift = 0;

  constructor(
    private readonly z: Standardized,
    private readonly problem: Problem,
  ) {
    this.weights = problem.start.slice();
    this.#rows = this.#residual();
  }

  #residual(): Float64Array {
    const fitted = this.z.times(this.weights);
    return this.problem.target.map((value, row) => value - fitted[row]!);
  }

  state(): DescentState {
    const residual = this.#residual();
    return {
      slopes: this.z.transposedTimes(residual),
      squares: dot(residual, residual),
      withTarget: dot(this.problem.target, residual),
    };
  }

  async sweepAll(turns: Turns): Promise<void> {
    await this.#sweep([...this.weights.keys()], turns);
  }

  async settle(limit: number, turns: Turns): Promise<void> {
    const active = activeColumns(this.weights);
    for (let n = 0; n < MAX_ACTIVE_SWEEPS; n++)
      if ((await this.#sweep(active, turns)) < limit) break;
  }

  /** @returns the largest squared change of a weight */
  async #sweep(columns: readonly number[], turns: Turns): Promise<number> {
    let largest = 0;
    for (const [n, column] of columns.entries()) {
      largest = Math.max(largest, this.#improve(column) ** 2);
      if (n % COLUMNS_AT_ONCE === 0) await turns.give();
    }
    return largest;
  }

  /** Sets a weight to its best value, and returns by how much it changed. */
  #improve(c: number): number {
    const { byColumn, scales, means } = this.z;
    const { starts, indices, values } = byColumn;
    const [rows, scale] = [this.#rows, scales[c]!];
    if (scale === 0) return 0;
    // Residual and columns have mean 0, so the mean of the column cancels: z . r = x . (rows +
    // shift) / spread.
    let sum = rows.length * means[c]! * this.#shift;
    for (let entry = starts[c]!; entry < starts[c + 1]!; entry++)
      sum += values[entry]! * rows[indices[entry]!]!;
    const best = shrink(this.weights[c]! + (sum * scale) / rows.length, this.problem.penalty);
    const change = best - this.weights[c]!;
    if (change === 0) return 0;
    this.weights[c] = best;
    this.#shift += change * scale * means[c]!;
    for (let entry = starts[c]!; entry < starts[c + 1]!; entry++)
      rows[indices[entry]!]! -= change * scale * values[entry]!;
    return change;
  }
}

/** Descent that keeps Z'r by rows of Z'Z: a weight that stays costs nothing. */
class ProductDescent implements Descent {
  readonly weights: Float64Array;
  /** Z'y: [columns]. */
  readonly #right: Float64Array;
  /** Z'r: [columns]. */
  #slopes: Float64Array;

  constructor(
    private readonly z: Standardized,
    private readonly normal: NormalMatrix,
    private readonly problem: Problem,
  ) {
    this.weights = problem.start.slice();
    this.#right = z.transposedTimes(problem.target);
    this.#slopes = this.#right;
  }

  state(): DescentState {
    const { target } = this.problem;
    this.#slopes = this.#right.slice();
    for (const c of activeColumns(this.weights))
      subtract(this.#slopes, this.normal.row(c), this.weights[c]!);
    // r = y - Z w.
    const withTarget = dot(target, target) - dot(this.weights, this.#right);
    return {
      slopes: this.#slopes,
      squares: withTarget - dot(this.weights, this.#slopes),
      withTarget,
    };
  }

  async sweepAll(turns: Turns): Promise<void> {
    for (let c = 0; c < this.weights.length; c++) {
      if (this.z.scales[c] === 0) continue;
      const change = this.#change(this.weights[c]!, this.#slopes[c]!);
      if (change !== 0) {
        this.weights[c]! += change;
        subtract(this.#slopes, this.normal.row(c), change);
      }
      if (c % COLUMNS_AT_ONCE === 0) await turns.give();
    }
  }

  /** Reads the part of Z'Z that is of active columns alone, which is much smaller. */
  async settle(limit: number, turns: Turns): Promise<void> {
    const active = activeColumns(this.weights);
    const rows = active.map((c) => {
      const row = this.normal.row(c);
      return Float64Array.from(active, (other) => row[other]!);
    });
    const slopes = Float64Array.from(active, (c) => this.#slopes[c]!);
    for (let n = 0; n < MAX_ACTIVE_SWEEPS; n++) {
      let largest = 0;
      for (const [k, c] of active.entries()) {
        const change = this.#change(this.weights[c]!, slopes[k]!);
        if (change !== 0) {
          this.weights[c]! += change;
          subtract(slopes, rows[k]!, change);
          largest = Math.max(largest, change * change);
        }
        if (k % COLUMNS_AT_ONCE === 0) await turns.give();
      }
      if (largest < limit) break;
    }
  }

  /** By how much a weight differs from its best value. */
  #change(weight: number, slope: number): number {
    const { target, penalty } = this.problem;
    return shrink(weight + slope / target.length, penalty) - weight;
  }
}

/** Subtracts a multiple of a vector from another. */
function subtract(vector: Float64Array, other: Float64Array, factor: number): void {
  for (let n = 0; n < vector.length; n++) vector[n]! -= factor * other[n]!;
}

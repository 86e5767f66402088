/** Linear decoders of sparse counts: ridge and lasso regression on standardized columns. */

import { mean } from '../math/statistics.js';
import { dot } from '../math/vectors.js';
import { denseDesign } from './feature-matrix.js';
import { RowBlocks } from './row-blocks.js';

/**
 * A sparse matrix [rows x columns] by rows: row r has the entries starts[r] up to starts[r + 1],
 * each with a column and a value. A column is, for example, the count of one neuron in the bin at
 * one lag.
 */
export interface SparseRows {
  readonly rows: number;
  readonly columns: number;
  /** [rows + 1], beginning with 0. */
  readonly starts: Int32Array;
  /** The column of each entry. A row has at most one entry per column. */
  readonly indices: Int32Array;
  /** The value of each entry. */
  readonly values: Float64Array;
}

/** Rows `from` up to `to` of a matrix. The entries are shared with the matrix, not copied. */
export function rowsBetween(matrix: SparseRows, from: number, to: number): SparseRows {
  const [first, end] = [matrix.starts[from]!, matrix.starts[to]!];
  return {
    rows: to - from,
    columns: matrix.columns,
    starts: matrix.starts.slice(from, to + 1).map((start) => start - first),
    indices: matrix.indices.subarray(first, end),
    values: matrix.values.subarray(first, end),
  };
}

/** A matrix from dense rows of the same length. */
export function denseRows(rows: readonly (readonly number[])[]): SparseRows {
  const columns = rows[0]?.length ?? 0;
  const values = new Float64Array(rows.length * columns);
  for (const [n, row] of rows.entries()) values.set(row, n * columns);
  return denseDesign({ rows: rows.length, columns, values });
}

/** Some rows of a matrix, copied in this order. */
export function selectRows(matrix: SparseRows, rows: readonly number[]): SparseRows {
  const starts = new Int32Array(rows.length + 1);
  for (const [n, row] of rows.entries())
    starts[n + 1] = starts[n]! + matrix.starts[row + 1]! - matrix.starts[row]!;
  const indices = new Int32Array(starts.at(-1)!);
  const values = new Float64Array(starts.at(-1)!);
  for (const [n, row] of rows.entries()) {
    indices.set(matrix.indices.subarray(matrix.starts[row]!, matrix.starts[row + 1]!), starts[n]!);
    values.set(matrix.values.subarray(matrix.starts[row]!, matrix.starts[row + 1]!), starts[n]!);
  }
  return { rows: rows.length, columns: matrix.columns, starts, indices, values };
}

function transpose({ rows, columns, starts, indices, values }: SparseRows): SparseRows {
  const columnStarts = new Int32Array(columns + 1);
  for (const column of indices) columnStarts[column + 1]! += 1;
  for (let c = 0; c < columns; c++) columnStarts[c + 1]! += columnStarts[c]!;
  const next = columnStarts.slice();
  const rowIndices = new Int32Array(indices.length);
  const sortedValues = new Float64Array(indices.length);
  for (let row = 0; row < rows; row++) {
    for (let entry = starts[row]!; entry < starts[row + 1]!; entry++) {
      const slot = next[indices[entry]!]!++;
      rowIndices[slot] = row;
      sortedValues[slot] = values[entry]!;
    }
  }
  return {
    rows: columns,
    columns: rows,
    starts: columnStarts,
    indices: rowIndices,
    values: sortedValues,
  };
}

/** The matrix times a vector, plus a constant: [rows]. */
function product(matrix: SparseRows, vector: Float64Array, constant: number): Float64Array {
  const { rows, starts, indices, values } = matrix;
  const result = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = constant;
    for (let entry = starts[row]!; entry < starts[row + 1]!; entry++)
      sum += values[entry]! * vector[indices[entry]!]!;
    result[row] = sum;
  }
  return result;
}

/**
 * A matrix Z whose columns have mean 0 and standard deviation 1 over its rows: z = (x - mean) /
 * spread.
 *
 * Z itself has no zeros, so only the sparse X is stored: Z w = X (w / spread) - means . (w /
 * spread), and the transpose likewise.
 */
export class Standardized {
  /** Mean of each column of X. */
  readonly means: Float64Array;
  /** 1 / spread of each column of X, and 0 for a constant column, which gives it no weight. */
  readonly scales: Float64Array;
  #byColumn: SparseRows | undefined;
  #blocks: RowBlocks | undefined;

  /** @param matrix X */
  constructor(readonly matrix: SparseRows) {
    const { rows, columns, indices, values } = matrix;
    const entries = new Int32Array(columns);
    this.means = new Float64Array(columns);
    for (let entry = 0; entry < indices.length; entry++) {
      entries[indices[entry]!]! += 1;
      this.means[indices[entry]!]! += values[entry]!;
    }
    for (let c = 0; c < columns; c++) this.means[c]! /= rows;
    const squares = this.means.map((center, c) => (rows - entries[c]!) * center ** 2);
    for (let entry = 0; entry < indices.length; entry++) {
      const c = indices[entry]!;
      squares[c]! += (values[entry]! - this.means[c]!) ** 2;
    }
    // A constant such as 0.1 differs from its computed mean by rounding, so that its spread is not
    // exactly 0.
    this.scales = squares.map((sum, c) => {
      const spread = Math.sqrt(sum / rows);
      return spread > 1e-12 * Math.abs(this.means[c]!) ? 1 / spread : 0;
    });
  }

  /** X transposed: [columns x rows]. */
  get byColumn(): SparseRows {
    this.#byColumn ??= transpose(this.matrix);
    return this.#byColumn;
  }

  /** Converts weights of Z: Z w = X slopes + constant. */
  unscaled(weights: Float64Array): { slopes: Float64Array; constant: number } {
    const slopes = weights.map((weight, c) => weight * this.scales[c]!);
    return { slopes, constant: -dot(this.means, slopes) };
  }

  /** Z w: [rows]. */
  times(weights: Float64Array): Float64Array {
    const { slopes, constant } = this.unscaled(weights);
    return product(this.matrix, slopes, constant);
  }

  /** Z' r: [columns]. */
  transposedTimes(residual: Float64Array): Float64Array {
    const { rows, columns, starts, indices, values } = this.matrix;
    const total = residual.reduce((sum, value) => sum + value, 0);
    const raw = new Float64Array(columns);
    for (let row = 0; row < rows; row++)
      for (let entry = starts[row]!; entry < starts[row + 1]!; entry++)
        raw[indices[entry]!]! += values[entry]! * residual[row]!;
    return this.#centeredAndScaled(raw, total);
  }

  /** Z'Z w for several w, [columns] each. The result of one does not depend on the others. */
  normalTimes(vectors: readonly Float64Array[]): Float64Array[] {
    this.#blocks ??= new RowBlocks(this.matrix);
    return this.#blocks
      .products(vectors.map((vector) => this.unscaled(vector)))
      .map(({ product: raw, total }) => this.#centeredAndScaled(raw, total));
  }

  /** X'r becomes Z'r. @param total sum of r */
  #centeredAndScaled(raw: Float64Array, total: number): Float64Array {
    return raw.map((value, c) => (value - this.means[c]! * total) * this.scales[c]!);
  }
}

/** What a solver is asked for: the weights of standardized columns for one target. */
export interface Problem {
  /** Of mean 0, [rows]. */
  readonly target: Float64Array;
  readonly penalty: number;
  /** Weights to start from, [columns]. */
  readonly start: Float64Array;
}

/** Finds the weights of standardized columns, [columns] for each problem. */
export type Solver = (z: Standardized, problems: readonly Problem[]) => Float64Array[];

/**
 * A decoder cannot be fitted on these windows. The message says why; it is a clause without a full
 * stop.
 */
export class CannotFitError extends Error {
  /** Identifies the class also in a minified bundle. */
  override name = 'CannotFitError';
}

function penaltyTooSmall(penalty: number): CannotFitError {
  return new CannotFitError(
    `a penalty of ${penalty} is too small for columns that are so similar: it needs a larger penalty, or fewer columns`,
  );
}

/** Steps after which conjugate gradients give up. */
const MAX_STEPS = 20_000;

/** A solution of (Z'Z + penalty) w = Z'y, which conjugate gradients improve step by step. */
interface Solution {
  readonly penalty: number;
  readonly weights: Float64Array;
  readonly residual: Float64Array;
  readonly direction: Float64Array;
  /** Squared norm of the residual. */
  squares: number;
  /** The squared norm at which the solution is good enough. */
  readonly tolerance: number;
}

/** How far a step went along the direction, and the share of it in the next direction. */
interface Step {
  readonly length: number;
  readonly share: number;
}

/** Takes a step of conjugate gradients. @param product Z'Z times the direction */
function takeStep(solution: Solution, product: Float64Array): Step {
  const { penalty, weights, residual, direction, squares } = solution;
  const curvature = product.map((value, c) => value + penalty * direction[c]!);
  const length = squares / dot(direction, curvature);
  for (let c = 0; c < weights.length; c++) {
    weights[c]! += length * direction[c]!;
    residual[c]! -= length * curvature[c]!;
  }
  solution.squares = dot(residual, residual);
  const share = solution.squares / squares;
  for (let c = 0; c < weights.length; c++) direction[c] = residual[c]! + share * direction[c]!;
  return { length, share };
}

/**
 * Improves all solutions until each is good enough. Those of several targets share their passes
 * over the matrix. What one becomes does not depend on the others.
 *
 * @param afterStep called with each step
 * @throws CannotFitError where 20,000 steps are not enough
 */
function improve<S extends Solution>(
  z: Standardized,
  solutions: readonly S[],
  afterStep: (solution: S, step: Step) => void = () => {},
): void {
  for (let n = 0; ; n++) {
    const open = solutions.filter(({ squares, tolerance }) => squares > tolerance);
    if (open.length === 0) return;
    if (n === MAX_STEPS) throw penaltyTooSmall(open[0]!.penalty);
    const products = z.normalTimes(open.map(({ direction }) => direction));
    for (const [index, solution] of open.entries())
      afterStep(solution, takeStep(solution, products[index]!));
  }
}

/**
 * Conjugate gradients (Hestenes and Stiefel 1952) on (Z'Z + penalty) w = Z'y. The matrix is never
 * formed.
 *
 * @throws CannotFitError where 20,000 steps are not enough
 */
export const solveRidge: Solver = (z, problems) => {
  const products = z.normalTimes(problems.map(({ start }) => start));
  const solutions = problems.map(({ target, penalty, start }, n): Solution => {
    const right = z.transposedTimes(target);
    const residual = right.map((value, c) => value - products[n]![c]! - penalty * start[c]!);
    return {
      penalty,
      weights: start.slice(),
      residual,
      direction: residual.slice(),
      squares: dot(residual, residual),
      tolerance: 1e-22 * dot(right, right),
    };
  });
  improve(z, solutions);
  return solutions.map(({ weights }) => weights);
};

/** The solution for a larger penalty than that of another solution, whose steps it follows. */
interface ShiftedSolution {
  /** How much larger the penalty is. */
  readonly shift: number;
  readonly weights: Float64Array;
  readonly direction: Float64Array;
  /** Its residual as a share of the other solution's: after the last step, and before it. */
  ratio: number;
  previousRatio: number;
  /** Whether its residual is within the tolerance. */
  isDone: boolean;
}

/** A solution for the smallest penalty, and those for all larger ones. */
interface PathSolution extends Solution {
  readonly shifted: readonly ShiftedSolution[];
  previous: Step;
}

/**
 * The ridge weights of several penalties, in the time that the smallest one takes. From weights of
 * 0 the residuals for all penalties are multiples of each other, so that the products with the
 * matrix serve them all (Jegerlehner 1996, hep-lat/9612014).
 *
 * The residuals end below 1e-7 of the right side: good enough to choose a penalty.
 *
 * @param targets of mean 0, [rows] each
 * @param penalties of each target, in descending order
 * @returns the weights of each target and penalty
 * @throws CannotFitError where 20,000 steps are not enough
 */
export function ridgePath(
  z: Standardized,
  targets: readonly Float64Array[],
  penalties: readonly (readonly number[])[],
): Float64Array[][] {
  const solutions = targets.map((target, n): PathSolution => {
    const right = z.transposedTimes(target);
    const squares = dot(right, right);
    const smallest = penalties[n]!.at(-1)!;
    const start = () => ({ weights: new Float64Array(right.length), direction: right.slice() });
    return {
      ...start(),
      penalty: smallest,
      residual: right.slice(),
      squares,
      tolerance: 1e-14 * squares,
      shifted: penalties[n]!.slice(0, -1).map((penalty) => ({
        ...start(),
        shift: penalty - smallest,
        ratio: 1,
        previousRatio: 1,
        isDone: false,
      })),
      previous: { length: 1, share: 0 },
    };
  });
  improve(z, solutions, (solution, step) => {
    for (const shifted of solution.shifted)
      if (!shifted.isDone) followStep(shifted, solution, step);
    solution.previous = step;
  });
  return solutions.map(({ shifted, weights }) => [...shifted.map((item) => item.weights), weights]);
}

/** Takes the step for a larger penalty that goes with a step for the smallest one. */
function followStep(
  shifted: ShiftedSolution,
  { residual, squares, tolerance, previous }: PathSolution,
  { length, share }: Step,
): void {
  const { shift, weights, direction, ratio, previousRatio } = shifted;
  const carried = (length * previous.share) / previous.length;
  const next = ratio / (1 + length * shift + carried * (1 - ratio / previousRatio));
  const ownLength = (length * next) / ratio;
  const ownShare = share * (next / ratio) ** 2;
  for (let c = 0; c < weights.length; c++) {
    weights[c]! += ownLength * direction[c]!;
    direction[c] = next * residual[c]! + ownShare * direction[c]!;
  }
  shifted.previousRatio = ratio;
  shifted.ratio = next;
  shifted.isDone = next ** 2 * squares <= tolerance;
}

/**
 * The residual of a fit: rows[n] + shift. The mean of a column affects all rows alike, so it only
 * changes the shift.
 */
interface Residual {
  readonly rows: Float64Array;
  shift: number;
}

/**
 * One sweep of coordinate descent: sets each of these weights in turn to its best value given the
 * others.
 *
 * @returns the largest squared change of a weight
 */
function sweep(
  z: Standardized,
  columns: Iterable<number>,
  penalty: number,
  weights: Float64Array,
  residual: Residual,
): number {
  const { starts, indices, values } = z.byColumn;
  const n = residual.rows.length;
  let largest = 0;
  for (const c of columns) {
    const scale = z.scales[c]!;
    if (scale === 0) continue;
    // Residual and columns have mean 0, so the mean of the column cancels: z . r = x . (rows +
    // shift) / spread.
    let sum = n * z.means[c]! * residual.shift;
    for (let entry = starts[c]!; entry < starts[c + 1]!; entry++)
      sum += values[entry]! * residual.rows[indices[entry]!]!;
    const unpenalized = weights[c]! + (sum * scale) / n;
    const best = Math.sign(unpenalized) * Math.max(0, Math.abs(unpenalized) - penalty);
    const change = best - weights[c]!;
    if (change === 0) continue;
    weights[c]! += change;
    residual.shift += change * scale * z.means[c]!;
    for (let entry = starts[c]!; entry < starts[c + 1]!; entry++)
      residual.rows[indices[entry]!]! -= change * scale * values[entry]!;
    largest = Math.max(largest, change * change);
  }
  return largest;
}

/**
 * An upper bound on how far the lasso's loss is above its minimum, from a point of the dual problem
 * (Kim et al. 2007).
 */
function dualityGap(
  z: Standardized,
  target: Float64Array,
  penalty: number,
  weights: Float64Array,
): number {
  const fitted = z.times(weights);
  const residual = target.map((value, row) => value - fitted[row]!);
  const n = target.length;
  const steepest = z
    .transposedTimes(residual)
    .reduce((max, slope) => Math.max(max, Math.abs(slope)), 0);
  const share = steepest > 0 ? Math.min(1, (n * penalty) / steepest) : 1;
  const norm = weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
  const squares = dot(residual, residual);
  // |r|^2 / 2n + penalty |w|_1 minus (|y|^2 - |y - share r|^2) / 2n: the squares of y cancel.
  return (
    (squares * (1 + share * share)) / (2 * n) - (share * dot(target, residual)) / n + penalty * norm
  );
}

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
export const solveLasso: Solver = (z, problems) =>
  problems.map((problem) => solveOneLasso(z, problem));

function solveOneLasso(z: Standardized, { target, penalty, start }: Problem): Float64Array {
  const weights = start.slice();
  const fitted = z.times(weights);
  const residual = { rows: target.map((value, row) => value - fitted[row]!), shift: 0 };
  const all = Array.from(weights, (_, c) => c);
  const variance = dot(target, target) / target.length;
  for (let n = 0; dualityGap(z, target, penalty, weights) > 1e-7 * variance; n++) {
    if (n === 1000) throw penaltyTooSmall(penalty);
    sweep(z, all, penalty, weights, residual);
    const active = all.filter((c) => weights[c] !== 0);
    for (let m = 0; m < 200; m++)
      if (sweep(z, active, penalty, weights, residual) < 1e-16 * variance) break;
  }
  return weights;
}

/**
 * The lasso weights of several penalties: neighboring ones have similar weights, so each solution
 * is the starting point of the next one.
 *
 * @param targets of mean 0, [rows] each
 * @param penalties of each target, in descending order
 * @returns the weights for each target and penalty
 * @throws CannotFitError as `solveLasso`
 */
export function lassoPath(
  z: Standardized,
  targets: readonly Float64Array[],
  penalties: readonly (readonly number[])[],
): Float64Array[][] {
  return targets.map((target, n) => {
    let start: Float64Array = new Float64Array(z.matrix.columns);
    return penalties[n]!.map((penalty) => {
      start = solveOneLasso(z, { target, penalty, start });
      return start;
    });
  });
}

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
export function fitRidge(design: SparseRows, targets: Targets, penalty: Penalty): LinearModel {
  return fitEach(solveRidge, design, targets, penalty);
}

/** The penalty of `fitLeastSquares` per row: without any, equal columns have many solutions. */
const NEGLIGIBLE_PENALTY = 1e-6;

/**
 * Least squares without a penalty: the GLM of Gaussian targets with an identity link.
 *
 * @throws Error for a target that does not fit; CannotFitError where there are no more rows than
 *   columns, so that the fit would pass through every target
 */
export function fitLeastSquares(design: SparseRows, targets: Targets): LinearModel {
  const { rows, columns } = design;
  if (rows <= columns)
    throw new CannotFitError(
      `${columns} counts have as many weights, which ${rows} windows do not determine`,
    );
  return fitRidge(design, targets, NEGLIGIBLE_PENALTY * rows);
}

/**
 * Fits each target by itself: the fit of one does not depend on the others.
 *
 * @param starts weights to start from, [columns] for each target; default: zeros
 * @throws Error for a target or a penalty that does not fit; CannotFitError where the penalty is
 *   too small
 */
export function fitEach(
  solver: Solver,
  design: SparseRows,
  targets: Targets,
  penalty: Penalty,
  starts?: readonly Float64Array[],
): LinearModel {
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
  return new LinearModel(z, solver(z, problems), intercepts);
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

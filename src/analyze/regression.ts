/** Linear decoders of sparse counts: ridge and lasso regression on standardized columns. */

import { mean } from '../math/statistics.js';

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

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += a[n]! * b[n]!;
  return sum;
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
  /** X transposed: [columns x rows]. */
  readonly byColumn: SparseRows;

  /** @param matrix X */
  constructor(readonly matrix: SparseRows) {
    const { rows, columns } = matrix;
    const transposed = transpose(matrix);
    this.byColumn = transposed;
    this.means = new Float64Array(columns);
    this.scales = new Float64Array(columns);
    for (let c = 0; c < columns; c++) {
      const entries = transposed.values.subarray(transposed.starts[c], transposed.starts[c + 1]);
      const center = entries.reduce((sum, value) => sum + value, 0) / rows;
      const zerosSquared = (rows - entries.length) * center ** 2;
      const squares = entries.reduce((sum, value) => sum + (value - center) ** 2, zerosSquared);
      const spread = Math.sqrt(squares / rows);
      this.means[c] = center;
      // A constant such as 0.1 differs from its computed mean by rounding, so that its spread is
      // not exactly 0.
      this.scales[c] = spread > 1e-12 * Math.abs(center) ? 1 / spread : 0;
    }
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
    const total = residual.reduce((sum, value) => sum + value, 0);
    const raw = product(this.byColumn, residual, 0);
    return raw.map((value, c) => (value - this.means[c]! * total) * this.scales[c]!);
  }
}

/**
 * Finds the weights of standardized columns for a target of mean 0, starting from the weights
 * `start`.
 */
export type Solver = (
  z: Standardized,
  target: Float64Array,
  penalty: number,
  start: Float64Array,
) => Float64Array;

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

/**
 * Conjugate gradients (Hestenes and Stiefel 1952) on (Z'Z + penalty) w = Z'y. The matrix is never
 * formed.
 *
 * @throws CannotFitError where 20,000 steps are not enough
 */
export const solveRidge: Solver = (z, target, penalty, start) => {
  const weights = start.slice();
  const right = z.transposedTimes(target);
  const timesMatrix = (vector: Float64Array) =>
    z.transposedTimes(z.times(vector)).map((value, c) => value + penalty * vector[c]!);
  const left = timesMatrix(weights);
  const residual = right.map((value, c) => value - left[c]!);
  const direction = residual.slice();
  const tolerance = 1e-22 * dot(right, right);
  let squares = dot(residual, residual);
  for (let n = 0; squares > tolerance; n++) {
    if (n === 20_000) throw penaltyTooSmall(penalty);
    const curvature = timesMatrix(direction);
    const step = squares / dot(direction, curvature);
    for (let c = 0; c < weights.length; c++) {
      weights[c]! += step * direction[c]!;
      residual[c]! -= step * curvature[c]!;
    }
    const previous = squares;
    squares = dot(residual, residual);
    for (let c = 0; c < weights.length; c++)
      direction[c] = residual[c]! + (squares / previous) * direction[c]!;
  }
  return weights;
};

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
export const solveLasso: Solver = (z, target, penalty, start) => {
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
};

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

/**
 * Fits each target separately.
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
  const weights = targets.map((target, n) => {
    const targetPenalty = typeof penalty === 'number' ? penalty : penalty[n];
    if (targetPenalty === undefined || !(targetPenalty > 0) || !Number.isFinite(targetPenalty))
      throw new Error(`The penalty of target ${n} should be above 0, but is ${targetPenalty}.`);
    const start = starts?.[n] ?? new Float64Array(design.columns);
    return solver(z, centered(target, intercepts[n]!), targetPenalty, start);
  });
  return new LinearModel(z, weights, intercepts);
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

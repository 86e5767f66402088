/** Linear decoders of sparse counts: ridge and lasso on standardised columns, their penalty chosen on held-out rows. */

import { mean } from '../math/statistics.js';

/**
 * A matrix [rows x columns] of which only the entries that are not zero are kept: row r holds entries starts[r] up to
 * starts[r + 1], each a column and a value. A column is, say, the count of one neuron in the bin a number of bins back.
 */
export interface SparseRows {
  readonly rows: number;
  readonly columns: number;
  /** [rows + 1], from 0. */
  readonly starts: Int32Array;
  /** The column of each entry; each column at most once in a row. */
  readonly places: Int32Array;
  readonly values: Float64Array;
}

/** Rows `from` up to `to` of a matrix; the entries are shared with it, not copied. */
export function rowsBetween(matrix: SparseRows, from: number, to: number): SparseRows {
  const [first, end] = [matrix.starts[from]!, matrix.starts[to]!];
  return {
    rows: to - from,
    columns: matrix.columns,
    starts: matrix.starts.slice(from, to + 1).map((start) => start - first),
    places: matrix.places.subarray(first, end),
    values: matrix.values.subarray(first, end),
  };
}

/** The matrix with rows and columns exchanged. */
function transposed({ rows, columns, starts, places, values }: SparseRows): SparseRows {
  const turned = new Int32Array(columns + 1);
  for (const place of places) turned[place + 1]! += 1;
  for (let c = 0; c < columns; c++) turned[c + 1]! += turned[c]!;
  const next = turned.slice();
  const to = { places: new Int32Array(places.length), values: new Float64Array(places.length) };
  for (let row = 0; row < rows; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const slot = next[places[at]!]!++;
      to.places[slot] = row;
      to.values[slot] = values[at]!;
    }
  }
  return { rows: columns, columns: rows, starts: turned, ...to };
}

/** The matrix times a vector, plus a constant: [rows]. */
function product(matrix: SparseRows, vector: Float64Array, constant: number): Float64Array {
  const { rows, starts, places, values } = matrix;
  const out = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = constant;
    for (let at = starts[row]!; at < starts[row + 1]!; at++)
      sum += values[at]! * vector[places[at]!]!;
    out[row] = sum;
  }
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += a[n]! * b[n]!;
  return sum;
}

/**
 * A matrix Z whose columns have mean 0 and standard deviation 1 over its rows: z = (x - mean) / spread.
 *
 * Only x is kept, since z has no zeros: Z w = X (w / spread) - means . (w / spread), and alike for the transpose.
 */
export class Standardized {
  readonly means: Float64Array;
  /** 1 / spread, and 0 where a column never varies, so that it weighs nothing. */
  readonly scales: Float64Array;
  readonly byColumn: SparseRows;

  constructor(readonly matrix: SparseRows) {
    const { rows, columns } = matrix;
    const turned = transposed(matrix);
    this.byColumn = turned;
    this.means = new Float64Array(columns);
    this.scales = new Float64Array(columns);
    for (let c = 0; c < columns; c++) {
      const own = turned.values.subarray(turned.starts[c], turned.starts[c + 1]);
      const centre = own.reduce((sum, value) => sum + value, 0) / rows;
      const zeros = (rows - own.length) * centre ** 2;
      const squares = own.reduce((sum, value) => sum + (value - centre) ** 2, zeros);
      const spread = Math.sqrt(squares / rows);
      this.means[c] = centre;
      // A constant that binary fractions cannot hold differs from its mean by rounding.
      this.scales[c] = spread > 1e-12 * Math.abs(centre) ? 1 / spread : 0;
    }
  }

  /** What a raw column is multiplied by, and what is added, for weights of standardised columns. */
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

/** Weights of standardised columns for a target of mean 0, found from `start` on. */
export type Solver = (
  z: Standardized,
  target: Float64Array,
  penalty: number,
  start: Float64Array,
) => Float64Array;

/** A decoder that these windows do not allow; says why, without a full stop. */
export class UnfitError extends Error {
  override name = 'UnfitError';
}

function tooSmall(penalty: number): UnfitError {
  return new UnfitError(
    `a penalty of ${penalty} is too small for columns so alike: it takes a larger one, or fewer columns`,
  );
}

/** Conjugate gradients (Hestenes and Stiefel 1952) on (Z'Z + penalty) w = Z'y, whose matrix is never formed. */
export const solveRidge: Solver = (z, target, penalty, start) => {
  const weights = start.slice();
  const right = z.transposedTimes(target);
  const curved = (vector: Float64Array) =>
    z.transposedTimes(z.times(vector)).map((value, c) => value + penalty * vector[c]!);
  const first = curved(weights);
  const residual = right.map((value, c) => value - first[c]!);
  const direction = residual.slice();
  const enough = 1e-22 * dot(right, right);
  let squares = dot(residual, residual);
  for (let n = 0; squares > enough; n++) {
    if (n === 20_000) throw tooSmall(penalty);
    const along = curved(direction);
    const step = squares / dot(direction, along);
    for (let c = 0; c < weights.length; c++) {
      weights[c]! += step * direction[c]!;
      residual[c]! -= step * along[c]!;
    }
    const before = squares;
    squares = dot(residual, residual);
    for (let c = 0; c < weights.length; c++)
      direction[c] = residual[c]! + (squares / before) * direction[c]!;
  }
  return weights;
};

/** What is left of a target, as a sparsely updated list plus one number added to all of it. */
interface Residual {
  readonly rows: Float64Array;
  shift: number;
}

/** The best value of some weights, one after the other, given the rest; returns the largest squared change. */
function sweep(
  z: Standardized,
  columns: Iterable<number>,
  penalty: number,
  weights: Float64Array,
  left: Residual,
): number {
  const { starts, places, values } = z.byColumn;
  const n = left.rows.length;
  let largest = 0;
  for (const c of columns) {
    const scale = z.scales[c]!;
    if (scale === 0) continue;
    // Residual and columns have mean 0, so the column's own mean drops out: z . r = x . (rows + shift) / spread.
    let sum = n * z.means[c]! * left.shift;
    for (let at = starts[c]!; at < starts[c + 1]!; at++)
      sum += values[at]! * left.rows[places[at]!]!;
    const pull = weights[c]! + (sum * scale) / n;
    const change = Math.sign(pull) * Math.max(0, Math.abs(pull) - penalty) - weights[c]!;
    if (change === 0) continue;
    weights[c]! += change;
    left.shift += change * scale * z.means[c]!;
    for (let at = starts[c]!; at < starts[c + 1]!; at++)
      left.rows[places[at]!]! -= change * scale * values[at]!;
    largest = Math.max(largest, change * change);
  }
  return largest;
}

/** How far the lasso's loss can still be above its minimum, by a point of the dual problem (Kim et al. 2007). */
function dualityGap(
  z: Standardized,
  target: Float64Array,
  penalty: number,
  weights: Float64Array,
): number {
  const fitted = z.times(weights);
  const residual = target.map((value, row) => value - fitted[row]!);
  const n = target.length;
  const steepest = z.transposedTimes(residual).reduce((most, g) => Math.max(most, Math.abs(g)), 0);
  const share = steepest > 0 ? Math.min(1, (n * penalty) / steepest) : 1;
  const sum = weights.reduce((total, weight) => total + Math.abs(weight), 0);
  const squares = dot(residual, residual);
  // |r|^2 / 2n + penalty |w|_1 less (|y|^2 - |y - share r|^2) / 2n, with the squares of y gone.
  return (
    (squares * (1 + share * share)) / (2 * n) - (share * dot(target, residual)) / n + penalty * sum
  );
}

/**
 * The lasso (Tibshirani 1996): least |y - Z w - b|^2 / (2 rows) + penalty |w|_1, with Z the standardised columns, by
 * coordinate descent (Friedman, Hastie and Tibshirani 2010), mostly on the weights that are not 0.
 *
 * Ends where the duality gap says that the loss is within 1e-7 of the target's variance of its minimum.
 */
export const solveLasso: Solver = (z, target, penalty, start) => {
  const weights = start.slice();
  const fitted = z.times(weights);
  const left = { rows: target.map((value, row) => value - fitted[row]!), shift: 0 };
  const all = Array.from(weights, (_, c) => c);
  const variance = dot(target, target) / target.length;
  for (let n = 0; dualityGap(z, target, penalty, weights) > 1e-7 * variance; n++) {
    if (n === 1000) throw tooSmall(penalty);
    sweep(z, all, penalty, weights, left);
    const active = all.filter((c) => weights[c] !== 0);
    for (let m = 0; m < 200; m++)
      if (sweep(z, active, penalty, weights, left) < 1e-16 * variance) break;
  }
  return weights;
};

/** A fitted linear decoder of one or several targets. */
export class LinearModel {
  readonly #columns: number;
  readonly #raw: readonly { slopes: Float64Array; constant: number }[];

  /**
   * @param weights of standardised columns, [columns] of each target: in the target's unit per standard deviation.
   * @param intercepts the mean of each target over the rows it was fitted on.
   */
  constructor(
    z: Standardized,
    readonly weights: readonly Float64Array[],
    readonly intercepts: readonly number[],
  ) {
    this.#columns = z.matrix.columns;
    this.#raw = weights.map((own) => z.unscaled(own));
  }

  /** Each target at every row, standardised as the rows the model was fitted on: [rows] of each. */
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

/** [rows] of each target, such as position and velocity. */
export type Targets = readonly ArrayLike<number>[];

/** A penalty for all targets, or one for each. */
export type Penalty = number | readonly number[];

/**
 * Ridge regression (Hoerl and Kennard 1970): least |y - Z w - b|^2 + penalty |w|^2, with Z the standardised columns.
 *
 * Sums, not means, so that a penalty says how many rows it weighs. A step costs as much as the entries that are not
 * zero; the residual of the normal equations ends below 1e-11 of their right side.
 */
export function fitRidge(design: SparseRows, targets: Targets, penalty: Penalty): LinearModel {
  return fitEach(solveRidge, design, targets, penalty);
}

/** Fits each target with a penalty of its own, from weights to start with where they are given. */
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
    const own = typeof penalty === 'number' ? penalty : penalty[n];
    if (own === undefined || !(own > 0) || !Number.isFinite(own))
      throw new Error(`The penalty of target ${n} is ${own}: it must be a number above 0.`);
    const start = starts?.[n] ?? new Float64Array(design.columns);
    return solver(z, centered(target, intercepts[n]!), own, start);
  });
  return new LinearModel(z, weights, intercepts);
}

function centered(target: ArrayLike<number>, centre: number): Float64Array {
  return Float64Array.from(target, (value) => value - centre);
}

export function checkTarget({ rows }: SparseRows, target: ArrayLike<number>): void {
  if (target.length !== rows || rows === 0)
    throw new Error(
      `A target has ${target.length} values and the design ${rows} rows: they must be as many, and at least one.`,
    );
  const odd = Array.prototype.findIndex.call(target, (value) => !Number.isFinite(value));
  if (odd >= 0)
    throw new Error(
      `A target is ${target[odd]} at row ${odd}: leave out the rows where it is unknown.`,
    );
}

/**
 * Products with X'X that never form it. Almost all of the time of ridge regression is spent here,
 * so rows are read four at a time, for up to four vectors at once: what is loaded once takes part
 * in many multiplications. Rows of successive windows share most of their columns.
 */

import type { SparseRows } from './regression.js';

/** Rows of a block. */
const ROWS = 4;
/** How many vectors are multiplied at once. */
const LANES = 4;

/** A vector v, and a constant that is added to each element of X v. */
interface Factor {
  /** v: [columns]. */
  readonly slopes: Float64Array;
  readonly constant: number;
}

interface Product {
  /** X'(X v + constant): [columns]. */
  readonly product: Float64Array;
  /** The sum of X v + constant over all rows. */
  readonly total: number;
}

/** A sparse matrix X [rows x columns] by blocks of four rows. */
export class RowBlocks {
  readonly #rows: number;
  readonly #columns: number;
  /** Block b has the slots starts[b] up to starts[b + 1], one for each column of its rows. */
  readonly #starts: Int32Array;
  /** The column of each slot. */
  readonly #indices: Int32Array;
  /** The values of the rows in each slot: [slots, 4]. */
  readonly #values: Float64Array;

  constructor({ rows, columns, starts, indices, values }: SparseRows) {
    this.#rows = rows;
    this.#columns = columns;
    const blocks = Math.ceil(rows / ROWS);
    this.#starts = new Int32Array(blocks + 1);
    const lastBlock = new Int32Array(columns).fill(-1);
    let slots = 0;
    for (let block = 0; block < blocks; block++) {
      const end = starts[Math.min(rows, ROWS * (block + 1))]!;
      for (let entry = starts[ROWS * block]!; entry < end; entry++) {
        const column = indices[entry]!;
        if (lastBlock[column] !== block) slots += 1;
        lastBlock[column] = block;
      }
      this.#starts[block + 1] = slots;
    }
    this.#indices = new Int32Array(slots);
    this.#values = new Float64Array(ROWS * slots);
    const lastSlot = new Int32Array(columns).fill(-1);
    let next = 0;
    for (let row = 0; row < rows; row++) {
      const firstSlot = this.#starts[Math.floor(row / ROWS)]!;
      for (let entry = starts[row]!; entry < starts[row + 1]!; entry++) {
        const column = indices[entry]!;
        if (lastSlot[column]! < firstSlot) {
          this.#indices[next] = column;
          lastSlot[column] = next++;
        }
        this.#values[ROWS * lastSlot[column]! + (row % ROWS)] = values[entry]!;
      }
    }
  }

  /** The product of each factor. It does not depend on what is multiplied beside it. */
  products(factors: readonly Factor[]): Product[] {
    const products: Product[] = [];
    for (let n = 0; n < factors.length; n += LANES) {
      const lanes = factors.slice(n, n + LANES);
      if (lanes.length > 1) products.push(...this.#multiplyLanes(lanes));
      else products.push(this.#multiplyOne(lanes[0]!));
    }
    return products;
  }

  /** Variables are named by their row in the block: a, b, c, d. */
  #multiplyOne({ slopes, constant }: Factor): Product {
    const [rows, starts, indices, values] = [this.#rows, this.#starts, this.#indices, this.#values];
    const product = new Float64Array(this.#columns);
    let total = 0;
    for (let block = 0; block < starts.length - 1; block++) {
      const first = starts[block]!;
      const end = starts[block + 1]!;
      // The last block may have fewer rows.
      const count = rows - ROWS * block;
      let a = constant;
      let b = count > 1 ? constant : 0;
      let c = count > 2 ? constant : 0;
      let d = count > 3 ? constant : 0;
      for (let slot = first; slot < end; slot++) {
        const slope = slopes[indices[slot]!]!;
        a += values[ROWS * slot]! * slope;
        b += values[ROWS * slot + 1]! * slope;
        c += values[ROWS * slot + 2]! * slope;
        d += values[ROWS * slot + 3]! * slope;
      }
      total += a + b + c + d;
      for (let slot = first; slot < end; slot++) {
        product[indices[slot]!]! +=
          values[ROWS * slot]! * a +
          values[ROWS * slot + 1]! * b +
          values[ROWS * slot + 2]! * c +
          values[ROWS * slot + 3]! * d;
      }
    }
    return { product, total };
  }

  /**
   * The same for two to four factors. Variables have the number of their factor as well; slopes and
   * products of all factors lie side by side, [columns, 4].
   */
  #multiplyLanes(factors: readonly Factor[]): Product[] {
    const [rows, starts, indices, values] = [this.#rows, this.#starts, this.#indices, this.#values];
    const columns = this.#columns;
    const slopes = new Float64Array(LANES * columns);
    for (const [lane, factor] of factors.entries())
      for (let column = 0; column < columns; column++)
        slopes[LANES * column + lane] = factor.slopes[column]!;
    const constants = Float64Array.from(
      { length: LANES },
      (_, lane) => factors[lane]?.constant ?? 0,
    );
    const products = new Float64Array(LANES * columns);
    const totals = new Float64Array(LANES);
    for (let block = 0; block < starts.length - 1; block++) {
      const first = starts[block]!;
      const end = starts[block + 1]!;
      const count = rows - ROWS * block;
      const hasB = Number(count > 1);
      const hasC = Number(count > 2);
      const hasD = Number(count > 3);
      let a0 = constants[0]!;
      let a1 = constants[1]!;
      let a2 = constants[2]!;
      let a3 = constants[3]!;
      let b0 = constants[0]! * hasB;
      let b1 = constants[1]! * hasB;
      let b2 = constants[2]! * hasB;
      let b3 = constants[3]! * hasB;
      let c0 = constants[0]! * hasC;
      let c1 = constants[1]! * hasC;
      let c2 = constants[2]! * hasC;
      let c3 = constants[3]! * hasC;
      let d0 = constants[0]! * hasD;
      let d1 = constants[1]! * hasD;
      let d2 = constants[2]! * hasD;
      let d3 = constants[3]! * hasD;
      for (let slot = first; slot < end; slot++) {
        const lane = LANES * indices[slot]!;
        const a = values[ROWS * slot]!;
        const b = values[ROWS * slot + 1]!;
        const c = values[ROWS * slot + 2]!;
        const d = values[ROWS * slot + 3]!;
        const s0 = slopes[lane]!;
        const s1 = slopes[lane + 1]!;
        const s2 = slopes[lane + 2]!;
        const s3 = slopes[lane + 3]!;
        a0 += a * s0;
        a1 += a * s1;
        a2 += a * s2;
        a3 += a * s3;
        b0 += b * s0;
        b1 += b * s1;
        b2 += b * s2;
        b3 += b * s3;
        c0 += c * s0;
        c1 += c * s1;
        c2 += c * s2;
        c3 += c * s3;
        d0 += d * s0;
        d1 += d * s1;
        d2 += d * s2;
        d3 += d * s3;
      }
      totals[0]! += a0 + b0 + c0 + d0;
      totals[1]! += a1 + b1 + c1 + d1;
      totals[2]! += a2 + b2 + c2 + d2;
      totals[3]! += a3 + b3 + c3 + d3;
      for (let slot = first; slot < end; slot++) {
        const lane = LANES * indices[slot]!;
        const a = values[ROWS * slot]!;
        const b = values[ROWS * slot + 1]!;
        const c = values[ROWS * slot + 2]!;
        const d = values[ROWS * slot + 3]!;
        products[lane]! += a * a0 + b * b0 + c * c0 + d * d0;
        products[lane + 1]! += a * a1 + b * b1 + c * c1 + d * d1;
        products[lane + 2]! += a * a2 + b * b2 + c * c2 + d * d2;
        products[lane + 3]! += a * a3 + b * b3 + c * c3 + d * d3;
      }
    }
    return factors.map((_, lane) => ({
      product: Float64Array.from({ length: columns }, (_value, c) => products[LANES * c + lane]!),
      total: totals[lane]!,
    }));
  }
}

/**
 * A sparse matrix X by blocks of rows, its products with X'X that never form it, and X'X itself.
 * Almost all of the time of ridge regression is spent here, so rows are read four at a time, for up
 * to four vectors at once: what is loaded once takes part in many multiplications. Rows of
 * successive windows share most of their columns.
 */

import type { Turns } from '../ports/turns.js';
import type { SparseRows } from './sparse-rows.js';

/** Rows of a block. */
const ROWS = 4;
/** How many vectors are multiplied at once. */
const LANES = 4;
/** Slots between two turns of the event loop, which may be many columns of few rows. */
const SLOTS_AT_ONCE = 250_000;

/** A vector v, and a constant that is added to each element of X v. */
interface Factor {
  /** v: [columns]. */
  readonly slopes: Float64Array;
  readonly constant: number;
}

/** What becomes of a factor. */
interface Product {
  /** X'(X v + constant): [columns]. */
  readonly product: Float64Array;
  /** The sum of X v + constant over all rows. */
  readonly total: number;
}

/** Factors side by side, [columns, 4], and what their products are so far. */
interface Lanes {
  readonly slopes: Float64Array;
  readonly constants: Float64Array;
  readonly products: Float64Array;
  readonly totals: Float64Array;
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
  /** Multiplications that `normalMatrix` takes. */
  readonly matrixCost: number;

  constructor({ rows, columns, starts, indices, values }: SparseRows) {
    this.#rows = rows;
    this.#columns = columns;
    const blocks = Math.ceil(rows / ROWS);
    this.#starts = new Int32Array(blocks + 1);
    const lastBlock = new Int32Array(columns).fill(-1);
    let slots = 0;
    let pairs = 0;
    for (let block = 0; block < blocks; block++) {
      const end = starts[Math.min(rows, ROWS * (block + 1))]!;
      for (let entry = starts[ROWS * block]!; entry < end; entry++) {
        const column = indices[entry]!;
        if (lastBlock[column] !== block) slots += 1;
        lastBlock[column] = block;
      }
      this.#starts[block + 1] = slots;
      const own = slots - this.#starts[block]!;
      pairs += (own * (own + 1)) / 2;
    }
    this.matrixCost = ROWS * pairs;
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

  /** Multiplications that `products` takes for one factor. */
  get productCost(): number {
    return 2 * ROWS * this.#indices.length;
  }

  /** X'X: [columns, columns]. */
  async normalMatrix(turns: Turns): Promise<Float64Array> {
    const columns = this.#columns;
    const matrix = new Float64Array(columns * columns);
    for (let block = 0; block < this.#starts.length - 1; block++) {
      this.#addPairs(matrix, block);
      await turns.give();
    }
    // So far each pair of columns is in one of two places, or part of it in each.
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < i; j++) {
        const sum = matrix[i * columns + j]! + matrix[j * columns + i]!;
        matrix[i * columns + j] = sum;
        matrix[j * columns + i] = sum;
      }
      await turns.give();
    }
    return matrix;
  }

  /**
   * Adds the products of all pairs of columns in a block, each pair in one of its two places. Two
   * columns, p and q, are multiplied with all before them at once.
   */
  #addPairs(matrix: Float64Array, block: number): void {
    const [columns, indices, values] = [this.#columns, this.#indices, this.#values];
    const first = this.#starts[block]!;
    const end = this.#starts[block + 1]!;
    for (let slot = first; slot < end; slot += 2) {
      const p = ROWS * slot;
      const pRow = columns * indices[slot]!;
      const pa = values[p]!;
      const pb = values[p + 1]!;
      const pc = values[p + 2]!;
      const pd = values[p + 3]!;
      matrix[pRow + indices[slot]!]! += pa * pa + pb * pb + pc * pc + pd * pd;
      // The last column may have no partner: zeros then change nothing.
      const isPair = slot + 1 < end;
      const q = isPair ? p + ROWS : p;
      const qRow = isPair ? columns * indices[slot + 1]! : pRow;
      const qa = isPair ? values[q]! : 0;
      const qb = isPair ? values[q + 1]! : 0;
      const qc = isPair ? values[q + 2]! : 0;
      const qd = isPair ? values[q + 3]! : 0;
      for (let other = first; other < slot; other++) {
        const column = indices[other]!;
        const a = values[ROWS * other]!;
        const b = values[ROWS * other + 1]!;
        const c = values[ROWS * other + 2]!;
        const d = values[ROWS * other + 3]!;
        matrix[pRow + column]! += a * pa + b * pb + c * pc + d * pd;
        matrix[qRow + column]! += a * qa + b * qb + c * qc + d * qd;
      }
      if (!isPair) continue;
      matrix[qRow + indices[slot]!]! += pa * qa + pb * qb + pc * qc + pd * qd;
      matrix[qRow + indices[slot + 1]!]! += qa * qa + qb * qb + qc * qc + qd * qd;
    }
  }

  /** The product of each factor. It does not depend on what is multiplied beside it. */
  async products(factors: readonly Factor[], turns: Turns): Promise<Product[]> {
    const products: Product[] = [];
    for (let n = 0; n < factors.length; n += LANES) {
      const lanes = factors.slice(n, n + LANES);
      if (lanes.length > 1) products.push(...(await this.#multiplyLanes(lanes, turns)));
      else products.push(await this.#multiplyOne(lanes[0]!, turns));
    }
    return products;
  }

  async #multiplyOne(factor: Factor, turns: Turns): Promise<Product> {
    const product = new Float64Array(this.#columns);
    let total = 0;
    for (const [from, to] of this.#pieces()) {
      total += this.#addOne(factor, product, from, to);
      await turns.give();
    }
    return { product, total };
  }

  /** The blocks in pieces that take milliseconds: from, and up to. */
  *#pieces(): Generator<[number, number]> {
    const blocks = this.#starts.length - 1;
    for (let from = 0, to = 0; from < blocks; from = to) {
      const end = this.#starts[from]! + SLOTS_AT_ONCE;
      do to += 1;
      while (to < blocks && this.#starts[to]! < end);
      yield [from, to];
    }
  }

  /**
   * Adds the product with some blocks, and returns its total. Variables are named by their row in
   * the block: a, b, c, d.
   */
  #addOne({ slopes, constant }: Factor, product: Float64Array, from: number, to: number): number {
    const [rows, starts, indices, values] = [this.#rows, this.#starts, this.#indices, this.#values];
    let total = 0;
    for (let block = from; block < to; block++) {
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
    return total;
  }

  /** The same for two to four factors. */
  async #multiplyLanes(factors: readonly Factor[], turns: Turns): Promise<Product[]> {
    const columns = this.#columns;
    const slopes = new Float64Array(LANES * columns);
    for (const [lane, factor] of factors.entries())
      for (let column = 0; column < columns; column++)
        slopes[LANES * column + lane] = factor.slopes[column]!;
    const constants = Float64Array.from(
      { length: LANES },
      (_, lane) => factors[lane]?.constant ?? 0,
    );
    const lanes: Lanes = {
      slopes,
      constants,
      products: new Float64Array(LANES * columns),
      totals: new Float64Array(LANES),
    };
    for (const [from, to] of this.#pieces()) {
      this.#addLanes(lanes, from, to);
      await turns.give();
    }
    return factors.map((_, lane) => ({
      product: Float64Array.from(
        { length: columns },
        (_value, c) => lanes.products[LANES * c + lane]!,
      ),
      total: lanes.totals[lane]!,
    }));
  }

  /**
   * Adds the products with some blocks. Variables are named by their row in the block and the
   * number of their factor.
   */
  #addLanes({ slopes, constants, products, totals }: Lanes, from: number, to: number): void {
    const [rows, starts, indices, values] = [this.#rows, this.#starts, this.#indices, this.#values];
    for (let block = from; block < to; block++) {
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
  }
}

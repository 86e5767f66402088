/**
 * The expected result of every kernel, word by word: an f64 reference, computed from the bytes that
 * a dispatch reads, with a bound on the error of f32. The table at the end says where each bound
 * comes from; bounded.ts has the arithmetic. u stands for 2^-24, half a unit in the last place.
 */

import type { KernelName } from '../../src/gpu/kernels.js';
import { KERNELS, SHADERS } from '../../src/gpu/shaders.gen.js';
import { hash4 } from '../../src/reference/random.js';
import type { CapturedCase, DispatchOutputs } from '../helpers/replay.js';
import {
  absolute,
  add,
  type Bounded,
  divide,
  exact,
  exponential,
  geluGradient,
  hyperbolicTangent,
  inverseSqrt,
  logarithm,
  loosen,
  maximum,
  multiply,
  negate,
  normalCdf,
  Sum,
  sigmoid,
  squareRoot,
  subtract,
  sumBounded,
} from './bounded.js';

/** How one kernel is checked. */
interface KernelBound {
  /** Where the bound comes from, in words. */
  readonly bound: string;
  /** Computes what the kernel writes and puts it into the run's expected buffers. */
  readonly expect: (run: ReferenceRun) => void;
}

/** The expected contents of one storage buffer. */
export interface ExpectedBuffer {
  /** The exact bits of every word that is in neither of the other two. */
  readonly words: Uint32Array;
  /** f32 words with a bound on their error, by index. */
  readonly numbers: Map<number, Bounded>;
  /** Words whose value depends on rounding, such as a draw at the edge of two classes. */
  readonly undecided: Set<number>;
}

/** The expected contents of each storage buffer of a dispatch, by binding name. */
export function expectedBuffers(capture: CapturedCase): Record<string, ExpectedBuffer> {
  const run = new ReferenceRun(capture);
  KERNEL_BOUNDS[capture.kernel].expect(run);
  return run.expected;
}

/** The result of comparing the buffers of a dispatch with the expected ones. */
export interface Comparison {
  /** For each buffer with wrong words, the first of them. */
  readonly faults: string[];
  /** The largest error of a number, as a share of its bound. */
  readonly share: number;
  /** The number of words that could not be checked. */
  readonly undecided: number;
}

/** Compares the buffers that a device computed with the expected ones. */
export function compareBuffers(
  expected: Record<string, ExpectedBuffer>,
  actual: DispatchOutputs,
): Comparison {
  const faults: string[] = [];
  let share = 0;
  let undecided = 0;
  for (const [name, { words, numbers, undecided: skipped }] of Object.entries(expected)) {
    undecided += skipped.size;
    const result = actual[name]!;
    const floats = new Float32Array(result.buffer, result.byteOffset, result.length);
    let fault: string | undefined;
    for (let i = 0; i < words.length; i++) {
      if (skipped.has(i)) continue;
      const number = numbers.get(i);
      if (!number) {
        if (result[i] !== words[i])
          fault ??= `${name}[${i}] is the word ${result[i]}, expected ${words[i]}`;
        continue;
      }
      const { value, error } = number;
      if (error === Number.POSITIVE_INFINITY) undecided += 1;
      const difference = Math.abs(floats[i]! - value);
      if (difference <= error) {
        if (error > 0) share = Math.max(share, difference / error);
      } else {
        fault ??= `${name}[${i}] is ${floats[i]}, expected ${value} +- ${error.toExponential(1)}`;
      }
    }
    if (fault) faults.push(fault);
  }
  return { faults, share, undecided };
}

/** What a kernel's reference reads and writes: parameters, inputs by name, expected buffers. */
class ReferenceRun {
  /** The kernel's parameters. */
  readonly p: Readonly<Record<string, number>>;
  readonly expected: Record<string, ExpectedBuffer> = {};
  readonly #capture: CapturedCase;
  readonly #floats = new Map<string, Float32Array>();

  constructor(capture: CapturedCase) {
    this.#capture = capture;
    this.p = capture.params;
    for (const { name, kind } of KERNELS[capture.kernel].bindings) {
      if (kind !== 'storage') continue;
      const words = capture.before[name]!.slice();
      this.expected[name] = { words, numbers: new Map(), undecided: new Set() };
    }
  }

  get workgroups(): number {
    return this.#capture.workgroups;
  }

  /** A constant of the shader, with the value that this dispatch was specialized with. */
  constant(name: string): number {
    const { shader } = KERNELS[this.#capture.kernel];
    return Number(this.#capture.constants[name] ?? SHADERS[shader]!.constants[name]);
  }

  /**
   * A buffer's words. Entry points called wide bind the buffer under `name` with "Vec" appended.
   */
  words(name: string): Uint32Array {
    const { before } = this.#capture;
    return before[name] ?? before[`${name}Vec`]!;
  }

  floats(name: string): Float32Array {
    let floats = this.#floats.get(name);
    if (!floats) {
      const words = this.words(name);
      floats = new Float32Array(words.buffer, words.byteOffset, words.length);
      this.#floats.set(name, floats);
    }
    return floats;
  }

  /** An input number, which has no error. */
  number(name: string, index: number): Bounded {
    return exact(this.floats(name)[index]!);
  }

  /** Expects a number in a buffer. */
  put(name: string, index: number, number: Bounded): void {
    this.#buffer(name).numbers.set(index, number);
  }

  /** Expects a number in a buffer, added to the number there before where `adds` is true. */
  accumulate(name: string, index: number, number: Bounded, adds: boolean): void {
    this.put(name, index, adds ? add(this.number(name, index), number) : number);
  }

  /** Expects the exact bits of a word. */
  putWord(name: string, index: number, word: number): void {
    this.#buffer(name).words[index] = word;
  }

  /** Excludes a word from the comparison: rounding decides its value. */
  markUndecided(name: string, index: number): void {
    this.#buffer(name).undecided.add(index);
  }

  /** The factor that dropout applies to an element. */
  dropoutFactor(element: number): Bounded {
    const [x, y] = this.words('random') as unknown as [number, number];
    const words = hash4([Math.floor(element / 4), this.p.site!, x, y]);
    return exact(words[element % 4]! < this.p.keepThreshold! ? this.p.keepScale! : 0);
  }

  #buffer(name: string): ExpectedBuffer {
    return this.expected[name] ?? this.expected[`${name}Vec`]!;
  }
}

/** The integers from 0 to n - 1. */
function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

// Matrix products.

const FLAGS = SHADERS.matmul_direct!.constants as Record<string, number>;

function hasFlag({ p }: ReferenceRun, name: string): boolean {
  return (p.flags! & FLAGS[name]!) !== 0;
}

/** The strides of A in m and k and of B in k and n, for matmul_tiled or matmul_direct. */
function productStrides(run: ReferenceRun, isTiled: boolean) {
  const { p } = run;
  if (!isTiled) return { aM: p.aM!, aK: p.aK!, bK: p.bK!, bN: p.bN! };
  const [isAAlongK, isBAlongK] = [run.constant('A_ALONG_K') === 1, run.constant('B_ALONG_K') === 1];
  const [aM, aK] = isAAlongK ? [p.rowStrideA!, 1] : [1, p.rowStrideA!];
  const [bN, bK] = isBAlongK ? [p.rowStrideB!, 1] : [1, p.rowStrideB!];
  return { aM, aK, bK, bN };
}

/** A product with its epilogue; where matmul_tiled splits K, the partial sum of each split. */
function product(isTiled: boolean): (run: ReferenceRun) => void {
  return (run) => {
    const { M, N, K, batch } = run.p as Record<string, number> as Record<
      'M' | 'N' | 'K' | 'batch',
      number
    >;
    const { aM, aK, bK, bN } = productStrides(run, isTiled);
    const [a, b] = [run.floats('a'), run.floats('b')];
    const splits = isTiled ? run.p.splits! : 1;
    const depth = isTiled ? run.constant('TILE_K') : 1;
    const perSplit = Math.ceil(Math.ceil(K / depth) / splits) * depth;
    // Entry point tn adds to out once per block of TN_DEPTH.
    const blocks = isTiled ? 0 : Math.ceil(K / run.constant('TN_DEPTH'));
    for (let z = 0; z < batch; z++)
      for (let m = 0; m < M; m++)
        for (let n = 0; n < N; n++)
          for (let split = 0; split < splits; split++) {
            const sum = new Sum();
            const [startA, startB] = [
              z * run.p.batchStrideA! + m * aM,
              z * run.p.batchStrideB! + n * bN,
            ];
            for (let k = split * perSplit; k < Math.min(K, (split + 1) * perSplit); k++)
              sum.addProduct(a[startA + k * aK]!, b[startB + k * bK]!);
            const index = (z * M + m) * N + n;
            if (splits > 1) run.put('out', split * (M * N + M) + index, sum.total());
            else applyEpilogue(run, index, n, sum.total(blocks), blocks);
          }
    if (hasFlag(run, 'COLUMN_SUMS')) {
      for (let m = 0; m < M; m++)
        for (let split = 0; split < splits; split++) {
          const ks = range(K).slice(split * perSplit, (split + 1) * perSplit);
          const sum = new Sum();
          for (const k of ks) sum.add(exact(a[m * aM + k * aK]!));
          if (splits > 1) run.put('out', split * (M * N + M) + M * N + m, sum.total());
          else run.accumulate('aux', m, loosen(sum.total(blocks), blocks / 2), true);
        }
    }
  };
}

function applyEpilogue(
  run: ReferenceRun,
  index: number,
  n: number,
  sum: Bounded,
  blocks: number,
): void {
  let value = multiply(exact(run.p.alpha!), sum);
  if (hasFlag(run, 'BIAS')) value = add(value, run.number('bias', n));
  if (hasFlag(run, 'KEEP_INPUT')) run.put('aux', index, value);
  if (hasFlag(run, 'GELU')) value = multiply(value, cdfOfInexact(value));
  if (hasFlag(run, 'GELU_GRAD')) value = multiply(value, geluGradient(run.number('aux', index)));
  if (hasFlag(run, 'DROPOUT')) value = multiply(value, run.dropoutFactor(index));
  if (hasFlag(run, 'RESIDUAL')) value = add(value, run.number('residual', index));
  if (hasFlag(run, 'ACCUMULATE')) {
    const before = run.number('out', index);
    value = loosen(add(before, value), blocks > 1 ? blocks / 2 : 0);
    // The number in out before the dispatch is rounded again with every block.
    value = { ...value, error: value.error + blocks * 2 ** -24 * Math.abs(before.value) };
  }
  run.put('out', index, value);
}

/** The normal CDF of a number that has an error: the slope is at most 1 / sqrt(2 pi) < 0.4. */
function cdfOfInexact(x: Bounded): Bounded {
  const { value, error } = normalCdf(exact(x.value));
  return { value, error: error + 0.4 * x.error };
}

function reducePartials(run: ReferenceRun): void {
  const { elements, columns, stride, splits, accumulate, alpha } = run.p as Record<string, number>;
  for (let i = 0; i < elements! + columns!; i++) {
    const parts = range(splits!).map((s) => run.number('partials', s * stride! + i));
    const sum = sumBounded(parts);
    if (i >= elements!) run.accumulate('columnSums', i - elements!, sum, true);
    else run.accumulate('out', i, multiply(exact(alpha!), sum), accumulate !== 0);
  }
}

// Attention.

/** A row of scores: query i of head h in batch element b. */
interface Row {
  readonly b: number;
  readonly h: number;
  readonly i: number;
  /** (b * H + h) * T + i */
  readonly row: number;
  /** The offset of the query, its output and their gradients in their buffers. */
  readonly start: number;
}

function scoreRows(run: ReferenceRun): Row[] {
  const { B, H, T } = run.p as Record<string, number>;
  const head = run.constant('D');
  return range(B! * H! * T!).map((row) => {
    const i = row % T!;
    const h = Math.floor(row / T!) % H!;
    const b = Math.floor(row / (T! * H!));
    return { b, h, i, row, start: ((b * T! + i) * H! + h) * head };
  });
}

/** The offset of key or value j in its buffer. */
function keyStart(run: ReferenceRun, { b, h }: Row, j: number): number {
  return ((b * run.p.S! + j) * run.p.H! + h) * run.constant('D');
}

/** The dot product of D elements of `a` and `b` from an offset in each on. */
function headProduct(
  run: ReferenceRun,
  a: Float32Array,
  startA: number,
  b: Float32Array,
  startB: number,
): Bounded {
  const sum = new Sum();
  const head = run.constant('D');
  for (let d = 0; d < head; d++) sum.addProduct(a[startA + d]!, b[startB + d]!);
  return sum.total();
}

/** scale * q . k: D products, each rounded once more for the scale. */
function score(run: ReferenceRun, row: Row, j: number): Bounded {
  const sum = new Sum();
  const [query, key] = [run.floats('query'), run.floats('key')];
  const [q, k, head] = [row.start, keyStart(run, row, j), run.constant('D')];
  for (let d = 0; d < head; d++) sum.addProduct(query[q + d]! * run.p.scale!, key[k + d]!);
  return sum.total(1);
}

/** Whether neither the causal rule nor the mask hides key j. */
function isVisible(run: ReferenceRun, { b, i }: Row, j: number): boolean {
  const { causal, hasMask, S } = run.p as Record<string, number>;
  if (causal !== 0 && j > i) return false;
  return hasMask === 0 || run.words('mask')[b * S! + j] !== 0;
}

/** The name of the buffer that holds lse, delta and threshold. */
function rowsName(run: ReferenceRun): string {
  return run.words('rowStats') ? 'rowStats' : 'newRowStats';
}

/**
 * 1 where the row attends to key j and 0 where it does not; 0.5 +- 0.5 where the score is too close
 * to the threshold to tell.
 */
function visibleShare(run: ReferenceRun, row: Row, j: number, s: Bounded): Bounded {
  if (!isVisible(run, row, j)) return exact(0);
  if (run.p.sparse === 0) return exact(1);
  const threshold = run.floats(rowsName(run))[4 * row.row + 2]!;
  if (Math.abs(s.value - threshold) <= s.error) return { value: 0.5, error: 0.5 };
  return exact(s.value >= threshold ? 1 : 0);
}

/** The factor that dropout applies to the probability of key j. */
function attentionDropoutFactor(run: ReferenceRun, { row }: Row, j: number): Bounded {
  if (run.p.keepScale === 1) return exact(1);
  const [x, y] = run.words('random') as unknown as [number, number];
  const words = hash4([Math.floor(j / 4), row, x, (y ^ run.p.site!) >>> 0]);
  return exact(words[j % 4]! < run.p.keepThreshold! ? run.p.keepScale! : 0);
}

/** The keys of each split: an equal number of complete tiles, rounded up. */
function keyRanges(run: ReferenceRun, tile: number): number[][] {
  const { S, splits } = run.p as Record<string, number>;
  const perSplit = Math.ceil(Math.ceil(S! / tile) / splits!) * tile;
  return range(splits!).map((n) => range(S!).slice(n * perSplit, (n + 1) * perSplit));
}

/**
 * How often the running maximum over blocks of `blockSize` scores may rise, and by how much in all.
 */
function maximumRises(
  scores: readonly Bounded[],
  blockSize: number,
): { rises: number; height: number } {
  let top = Number.NEGATIVE_INFINITY;
  let firstTop = top;
  let rises = 0;
  for (let n = 0; n < scores.length; n += blockSize) {
    const block = scores.slice(n, n + blockSize);
    const upperBound = Math.max(...block.map(({ value, error }) => value + 2 * error));
    if (upperBound > top && top > Number.NEGATIVE_INFINITY) rises += 1;
    top = Math.max(top, ...block.map(({ value }) => value));
    if (n === 0) firstTop = top;
  }
  return { rises, height: Number.isFinite(firstTop) ? top - firstTop : 0 };
}

/** The maximum and the lse of a row that attends to no key. */
const EMPTY_MAX = Math.fround(-5e37);
const EMPTY_LSE = Math.fround(1e38);

/**
 * Attention forward. The running maximum is updated every `blockSize` keys, or once per tile where
 * that is 0.
 */
function attentionForward(blockSize: number): (run: ReferenceRun) => void {
  return (run) => {
    const head = run.constant('D');
    const value = run.floats('value');
    const [rows, splits] = [scoreRows(run), run.p.splits!];
    for (const [split, keys] of keyRanges(run, run.constant('TILE')).entries())
      for (const row of rows) {
        const visibleKeys = keys
          .map((j) => ({ j, s: score(run, row, j) }))
          .map(({ j, s }) => ({ j, s, share: visibleShare(run, row, j, s) }))
          .filter(({ share }) => share.value > 0);
        const scores = visibleKeys.map(({ s }) => s);
        const top = scores.length > 0 ? scores.reduce(maximum) : exact(EMPTY_MAX);
        const { rises, height } = maximumRises(scores, blockSize || run.constant('TILE'));
        // Each rise multiplies the sums so far by an exp and rounds them.
        const units = 4 * rises + 2 * height;
        const weights = visibleKeys.map(({ j, s, share }) => ({
          j,
          w: multiply(share, exponential(subtract(s, exact(top.value)))),
        }));
        const sum = loosen(sumBounded(weights.map(({ w }) => w)), units);
        const outputs = range(head).map((d) => {
          const o = new Sum();
          for (const { j, w } of weights) {
            const dropped = multiply(w, attentionDropoutFactor(run, row, j));
            o.add(multiply(dropped, exact(value[keyStart(run, row, j) + d]!)));
          }
          // Where the maximum does not rise, the sums are multiplied by 1, which is exact.
          return {
            total: o.total(),
            slack: units * 2 ** -23 * magnitude(weights, value, run, row, d),
          };
        });
        if (splits > 1) {
          // Sum and outputs are relative to the maximum that f32 computed.
          const shift = Math.expm1(top.error);
          const partial = split * rows.length + row.row;
          run.put('partials', 2 * partial, top);
          run.put('partials', 2 * partial + 1, { ...sum, error: sum.error + shift * sum.value });
          for (const [d, { total, slack }] of outputs.entries()) {
            const shiftError = shift * magnitude(weights, value, run, row, d);
            const error = total.error + slack + shiftError;
            run.put('o', split * rows.length * head + row.start + d, { ...total, error });
          }
          continue;
        }
        const normalize = sum.value > 0 ? divide(exact(1), sum) : exact(0);
        for (const [d, { total, slack }] of outputs.entries())
          run.put(
            'o',
            row.start + d,
            multiply({ ...total, error: total.error + slack }, normalize),
          );
        const lse = sum.value > 0 ? add(top, logarithm(sum)) : exact(EMPTY_LSE);
        run.put(rowsName(run), 4 * row.row, { ...lse, error: lse.error + top.error });
      }
  };
}

/** The sum of |weight * value|, to which the rounding errors of a running sum are relative. */
function magnitude(
  weights: readonly { j: number; w: Bounded }[],
  value: Float32Array,
  run: ReferenceRun,
  row: Row,
  d: number,
): number {
  return weights.reduce((sum, { j, w }) => {
    const weight = run.p.keepScale! * (w.value + w.error);
    return sum + weight * Math.abs(value[keyStart(run, row, j) + d]!);
  }, 0);
}

function mergeSplits(run: ReferenceRun): void {
  const head = run.constant('D');
  const rows = scoreRows(run);
  // (max, sum) of each split and row.
  const partials = run.floats('partialSums');
  for (const row of rows) {
    const offsets = range(run.p.splits!).map((s) => 2 * (s * rows.length + row.row));
    const top = offsets.reduce((max, offset) => Math.max(max, partials[offset]!), EMPTY_MAX);
    const weights = offsets.map((offset) =>
      partials[offset + 1]! > 0
        ? exponential(subtract(exact(partials[offset]!), exact(top)))
        : exact(0),
    );
    const sum = sumBounded(weights.map((w, s) => multiply(w, exact(partials[offsets[s]! + 1]!))));
    const normalize = sum.value > 0 ? divide(exact(1), sum) : exact(0);
    for (let d = 0; d < head; d++) {
      const part = (s: number) => run.number('partialO', s * rows.length * head + row.start + d);
      const o = sumBounded(weights.map((w, s) => multiply(w, part(s))));
      run.put('o', row.start + d, multiply(o, normalize));
    }
    const lse = sum.value > 0 ? add(exact(top), logarithm(sum)) : exact(EMPTY_LSE);
    run.put('rowStats', 4 * row.row, lse);
  }
}

/** delta = dout . out of each row; `outName` is the binding that holds the forward's output. */
function attentionDelta(oName: string): (run: ReferenceRun) => void {
  return (run) => {
    for (const { row, start } of scoreRows(run))
      run.put(
        'newRowStats',
        4 * row + 1,
        headProduct(run, run.floats('do_'), start, run.floats(oName), start),
      );
  };
}

/**
 * p before and after dropout and ds = p (dp - delta) of one row and key, where dp is dout . v times
 * the dropout factor.
 */
function scoreGradient(
  run: ReferenceRun,
  row: Row,
  j: number,
): { p: Bounded; pDropped: Bounded; ds: Bounded } {
  const rows = run.floats('rowStats');
  const s = score(run, row, j);
  const share = visibleShare(run, row, j, s);
  if (share.value === 0) return { p: exact(0), pDropped: exact(0), ds: exact(0) };
  const lse = exact(rows[4 * row.row]!);
  const delta = exact(rows[4 * row.row + 1]!);
  const p = multiply(share, exponential(subtract(s, lse)));
  const factor = attentionDropoutFactor(run, row, j);
  const start = keyStart(run, row, j);
  const product = headProduct(run, run.floats('do_'), row.start, run.floats('value'), start);
  const ds = multiply(p, subtract(multiply(product, factor), delta));
  return { p, pDropped: multiply(p, factor), ds };
}

function queryGradient(run: ReferenceRun): void {
  const head = run.constant('D');
  const key = run.floats('key');
  const rows = scoreRows(run);
  const scale = exact(run.p.scale!);
  for (const [split, keys] of keyRanges(run, run.constant('TILE')).entries())
    for (const row of rows) {
      const gradients = keys
        .map((j) => ({ start: keyStart(run, row, j), ds: scoreGradient(run, row, j).ds }))
        .filter(({ ds }) => ds.value !== 0 || ds.error !== 0);
      for (let d = 0; d < head; d++) {
        const sum = sumBounded(
          gradients.map(({ start, ds }) => multiply(ds, exact(key[start + d]!))),
        );
        run.put('dq', split * rows.length * head + row.start + d, multiply(scale, sum));
      }
    }
}

function keyGradients(run: ReferenceRun): void {
  const head = run.constant('D');
  const [query, dout] = [run.floats('query'), run.floats('do_')];
  const scale = exact(run.p.scale!);
  const { B, H, T, S } = run.p as Record<string, number>;
  const rows = scoreRows(run);
  for (let b = 0; b < B!; b++)
    for (let h = 0; h < H!; h++) {
      const headRows = rows.slice((b * H! + h) * T!, (b * H! + h + 1) * T!);
      for (let j = 0; j < S!; j++) {
        const column = headRows
          .map((row) => ({ row, ...scoreGradient(run, row, j) }))
          .filter(({ p }) => p.value !== 0 || p.error !== 0);
        const start = ((b * S! + j) * H! + h) * head;
        for (let d = 0; d < head; d++) {
          const dk = column.map(({ row, ds }) => multiply(ds, exact(query[row.start + d]!)));
          const dv = column.map(({ row, pDropped }) =>
            multiply(pDropped, exact(dout[row.start + d]!)),
          );
          run.put('dk', start + d, multiply(scale, sumBounded(dk)));
          run.put('dv', start + d, sumBounded(dv));
        }
      }
    }
}

function thresholds(run: ReferenceRun): void {
  const { S, topK } = run.p as Record<string, number>;
  for (const row of scoreRows(run)) {
    const scores = range(S!)
      .filter((j) => isVisible(run, row, j))
      .map((j) => score(run, row, j))
      .sort((a, b) => b.value - a.value);
    const kth = scores[topK! - 1];
    const next = kth && scores.find(({ value }) => value < kth.value);
    let threshold = exact(Math.fround(-1e38));
    if (kth && next) {
      const middle = add(multiply(exact(0.5), kth), multiply(exact(0.5), next));
      // Where rounding may create or break a tie, the threshold can be anywhere between the
      // neighboring scores.
      const isClear = scores.every(
        ({ value, error }) => Math.abs(value - kth.value) > 2 * error || value === kth.value,
      );
      threshold = isClear ? middle : { ...middle, error: Number.POSITIVE_INFINITY };
    }
    run.put('rowStats', 4 * row.row + 2, threshold);
  }
}

function probabilities(run: ReferenceRun): void {
  const { S } = run.p as Record<string, number>;
  for (const row of scoreRows(run)) {
    const lse = run.number('rowStats', 4 * row.row);
    for (let j = 0; j < S!; j++) {
      const s = score(run, row, j);
      const share = visibleShare(run, row, j, s);
      const p = share.value === 0 ? exact(0) : multiply(share, exponential(subtract(s, lse)));
      run.put('probability', row.row * S! + j, p);
    }
  }
}

// Losses.

function targetWeight(run: ReferenceRun, row: number): Bounded {
  const target = run.words('targets')[row]!;
  if (target === run.p.ignored || target >= run.p.V!) return exact(0);
  return run.p.hasWeights !== 0 ? run.number('weights', target) : exact(1);
}

function totalWeight(run: ReferenceRun): void {
  run.put('totals', 1, sumBounded(range(run.p.rows!).map((row) => targetWeight(run, row))));
}

/**
 * The terms exp(z - max) of a softmax and their sum.
 *
 * @param lanes that each sum a part of the row
 * @param maxRises how often the maximum of a lane can rise at most
 */
function softmaxTerms(z: readonly Bounded[], lanes: number, maxRises = z.length) {
  const top = z.reduce(maximum);
  const weights = z.map((value) => exponential(subtract(value, top)));
  // A term may be rescaled at each rise of the maximum and at each merge of two lanes.
  const { rises, height } = maximumRises(z, 1);
  const units = 4 * (Math.min(rises, maxRises) + Math.log2(lanes)) + 2 * height;
  return { top, weights, sum: loosen(sumBounded(weights), units) };
}

function crossEntropyRows(run: ReferenceRun): void {
  const { rows, V, wantsGradient, factor } = run.p as Record<string, number>;
  const lanes = run.constant('LANES');
  for (let row = 0; row < rows!; row++) {
    const z = range(V!).map((c) => run.number('logits', row * V! + c));
    const { top, weights, sum } = softmaxTerms(z, lanes, Math.ceil(V! / 4) + 3);
    const weight = targetWeight(run, row);
    const target = Math.min(run.words('targets')[row]!, V! - 1);
    const nll = add(subtract(top, z[target]!), logarithm(sum));
    run.put('rowLoss', row, weight.value === 0 ? exact(0) : multiply(weight, nll));
    if (wantsGradient === 0) continue;
    const scale =
      weight.value === 0
        ? exact(0)
        : divide(multiply(exact(factor!), weight), run.number('totals', 1));
    const share = divide(scale, sum);
    for (let c = 0; c < V!; c++) {
      const p = multiply(share, weights[c]!);
      run.put('dlogits', row * V! + c, c === target ? subtract(p, scale) : p);
    }
  }
}

function softmaxForward(run: ReferenceRun): void {
  const { rows, C } = run.p as Record<string, number>;
  for (let row = 0; row < rows!; row++) {
    const z = range(C!).map((c) => run.number('z', row * C! + c));
    const { weights, sum } = softmaxTerms(z, run.constant('LANES'));
    for (const [c, weight] of weights.entries()) run.put('newY', row * C! + c, divide(weight, sum));
  }
}

function softmaxBackward(run: ReferenceRun): void {
  const { rows, C, accumulate } = run.p as Record<string, number>;
  for (let row = 0; row < rows!; row++) {
    const terms = range(C!).map((c) => ({
      y: run.number('y', row * C! + c),
      dy: run.number('dy', row * C! + c),
    }));
    const mean = sumBounded(terms.map(({ y, dy }) => multiply(y, dy)));
    for (const [c, { y, dy }] of terms.entries())
      run.accumulate('dz', row * C! + c, multiply(y, subtract(dy, mean)), accumulate !== 0);
  }
}

function totalLoss(run: ReferenceRun): void {
  const sum = sumBounded(range(run.p.rows!).map((row) => run.number('rowLoss', row)));
  const weight = run.number('totals', 1);
  const loss = divide(multiply(exact(run.p.factor!), sum), weight);
  run.put('totals', 0, weight.value > 0 ? loss : exact(0));
}

function squaredError(run: ReferenceRun): void {
  const { n, hasWeights, wantsGradient, factor } = run.p as Record<string, number>;
  const weight = (i: number) => (hasWeights !== 0 ? run.number('weights', i) : exact(1));
  const total = sumBounded(range(n!).map(weight));
  const scale = total.value > 0 ? divide(exact(factor!), total) : exact(0);
  const errors = range(n!).map((i) =>
    subtract(run.number('prediction', i), run.number('truth', i)),
  );
  const squares = errors.map((e, i) => multiply(multiply(weight(i), e), e));
  run.put('totals', 0, multiply(scale, sumBounded(squares)));
  run.put('totals', 1, total);
  if (wantsGradient === 0) return;
  for (const [i, e] of errors.entries())
    run.put('dprediction', i, multiply(multiply(multiply(exact(2), scale), weight(i)), e));
}

// Elementwise kernels.

/** By activation kind: GELU, ReLU, tanh, sigmoid, softplus, log1p. */
const ACTIVATIONS: readonly ((v: Bounded) => Bounded)[] = [
  (v) => multiply(v, normalCdf(v)),
  (v) => exact(Math.max(v.value, 0)),
  hyperbolicTangent,
  sigmoid,
  (v) => {
    const excess = logarithm(add(exact(1), exponential(negate(absolute(v)))));
    return add(exact(Math.max(v.value, 0)), excess);
  },
  log1p,
];

/** log(1 + v), of numbers below 0 as of 0: a Taylor series where v is small. */
function log1p(v: Bounded): Bounded {
  if (v.value <= 0) return exact(0);
  const [one, half, third] = [1, 0.5, 0.33333333].map(exact) as [Bounded, Bounded, Bounded];
  if (v.value >= 0.01) return logarithm(add(one, v));
  return multiply(v, subtract(one, multiply(v, subtract(half, multiply(v, third)))));
}

/** By activation kind: tanh and sigmoid of their output, the others of their input. */
const DERIVATIVES: readonly ((s: Bounded) => Bounded)[] = [
  geluGradient,
  (s) => exact(s.value > 0 ? 1 : 0),
  (s) => subtract(exact(1), multiply(s, s)),
  (s) => multiply(s, subtract(exact(1), s)),
  sigmoid,
  (s) => (s.value < 0 ? exact(0) : divide(exact(1), add(exact(1), s))),
];

/** A kernel that adds a function of each element to `out`, or writes it there. */
function elementwise(f: (run: ReferenceRun, i: number) => Bounded): (run: ReferenceRun) => void {
  return (run) => {
    for (let i = 0; i < run.p.n!; i++) run.accumulate('out', i, f(run, i), run.p.accumulate !== 0);
  };
}

const activate = elementwise((run, i) => ACTIVATIONS[run.p.kind!]!(run.number('x', i)));
const activateGradient = elementwise((run, i) =>
  multiply(run.number('x', i), DERIVATIVES[run.p.kind!]!(run.number('saved', i))),
);
const dropElements = elementwise((run, i) => multiply(run.number('x', i), run.dropoutFactor(i)));
const combine = elementwise((run, i) => {
  const scaled = multiply(exact(run.p.alpha!), run.number('x', i));
  if (run.p.beta === 0) return scaled;
  return add(scaled, multiply(exact(run.p.beta!), run.number('y', i)));
});

// Reductions of rows.

function layerNormForward(run: ReferenceRun): void {
  const { rows, C, eps } = run.p as Record<string, number>;
  const inverseWidth = divide(exact(1), exact(C!));
  for (let row = 0; row < rows!; row++) {
    const start = row * C!;
    const x = range(C!).map((c) => run.number('x', start + c));
    const mean = multiply(sumBounded(x), inverseWidth);
    const centered = x.map((value) => subtract(value, mean));
    const variance = multiply(sumBounded(centered.map((c) => multiply(c, c))), inverseWidth);
    const rstd = inverseSqrt(add(variance, exact(eps!)));
    for (const [c, value] of centered.entries()) {
      const scaled = multiply(multiply(value, rstd), run.number('gamma', c));
      run.put('y', start + c, add(scaled, run.number('beta', c)));
    }
    run.put('newStats', 2 * row, mean);
    run.put('newStats', 2 * row + 1, rstd);
  }
}

/** (x - mean) * rstd of one element. */
function standardized(run: ReferenceRun, row: number, c: number): Bounded {
  const centered = subtract(run.number('x', row * run.p.C! + c), run.number('stats', 2 * row));
  return multiply(centered, run.number('stats', 2 * row + 1));
}

function layerNormBackward(run: ReferenceRun): void {
  const { rows, C, accumulate } = run.p as Record<string, number>;
  for (let row = 0; row < rows!; row++) {
    const columns = range(C!);
    const g = columns.map((c) => multiply(run.number('dy', row * C! + c), run.number('gamma', c)));
    const h = columns.map((c) => standardized(run, row, c));
    const meanG = divide(sumBounded(g), exact(C!));
    const meanGH = divide(sumBounded(g.map((value, c) => multiply(value, h[c]!))), exact(C!));
    const rstd = run.number('stats', 2 * row + 1);
    for (const c of columns) {
      const inner = subtract(subtract(g[c]!, meanG), multiply(h[c]!, meanGH));
      run.accumulate('dx', row * C! + c, multiply(rstd, inner), accumulate !== 0);
    }
  }
}

function layerNormScale(run: ReferenceRun): void {
  const { rows, C } = run.p as Record<string, number>;
  for (let c = 0; c < C!; c++) {
    const dy = range(rows!).map((row) => run.number('dy', row * C! + c));
    const products = dy.map((g, row) => multiply(g, standardized(run, row, c)));
    run.accumulate('dgamma', c, sumBounded(products), true);
    run.accumulate('dbeta', c, sumBounded(dy), true);
  }
}

function normalizeForward(run: ReferenceRun): void {
  const { rows, C, eps } = run.p as Record<string, number>;
  for (let row = 0; row < rows!; row++) {
    const x = range(C!).map((c) => run.number('x', row * C! + c));
    const norm = maximum(squareRoot(sumBounded(x.map((v) => multiply(v, v)))), exact(eps!));
    for (const [c, v] of x.entries()) run.put('newY', row * C! + c, divide(v, norm));
    run.put('norms', row, norm);
  }
}

function normalizeBackward(run: ReferenceRun): void {
  const { rows, C, eps, accumulate } = run.p as Record<string, number>;
  for (let row = 0; row < rows!; row++) {
    const start = row * C!;
    const norm = run.number('norms', row);
    const sum = new Sum();
    for (let c = 0; c < C!; c++)
      sum.addProduct(run.floats('dy')[start + c]!, run.floats('y')[start + c]!);
    // The gradient has no component along y.
    const along = norm.value > eps! ? sum.total() : exact(0);
    for (let c = 0; c < C!; c++) {
      const i = start + c;
      const across = subtract(run.number('dy', i), multiply(run.number('y', i), along));
      run.accumulate('dx', i, divide(across, norm), accumulate !== 0);
    }
  }
}

// Sequence kernels.

function gather(run: ReferenceRun): void {
  const { rows, C, V, T, hasTable, hasAddend, hasPositions } = run.p as Record<string, number>;
  for (let r = 0; r < rows!; r++)
    for (let c = 0; c < C!; c++) {
      const terms: Bounded[] = [];
      if (hasTable !== 0) {
        const id = Math.min(run.words('ids')[r]!, V! - 1);
        terms.push(run.number('table', id * C! + c));
      }
      if (hasAddend !== 0) terms.push(run.number('addend', r * C! + c));
      if (hasPositions !== 0) terms.push(run.number('positions', (r % T!) * C! + c));
      run.put('out', r * C! + c, sumBounded(terms));
    }
}

function scatter(run: ReferenceRun): void {
  const { rows, C, V } = run.p as Record<string, number>;
  const [order, starts] = [run.words('order'), run.words('starts')];
  for (let v = 0; v < V!; v++)
    for (let c = 0; c < C!; c++) {
      const sum = new Sum();
      for (let p = starts[v]!; p < Math.min(starts[v + 1]!, rows!); p++)
        sum.add(run.number('dout', order[p]! * C! + c));
      run.accumulate('dtable', v * C! + c, sum.total(), true);
    }
}

function foldRows(run: ReferenceRun): void {
  const { rows, C, T } = run.p as Record<string, number>;
  for (let t = 0; t < T!; t++)
    for (let c = 0; c < C!; c++) {
      const sum = new Sum();
      for (let r = t; r < rows!; r += T!) sum.add(run.number('dout', r * C! + c));
      run.accumulate('dpositions', t * C! + c, sum.total(), true);
    }
}

function sinusoids(run: ReferenceRun): void {
  const { rows, C, axes, perAxis } = run.p as Record<string, number>;
  for (let r = 0; r < rows!; r++)
    for (let channel = 0; channel < C!; channel++) {
      const axis = Math.floor(channel / perAxis!);
      const within = channel % perAxis!;
      let code = exact(0);
      if (axis < axes!) {
        const frequency = run.number('frequencies', Math.floor(within / 2));
        const angle = multiply(run.number('x', r * axes! + axis), frequency);
        const value = within % 2 === 0 ? Math.sin(angle.value) : Math.cos(angle.value);
        code = { value, error: angle.error + 2e-7 };
      }
      run.put('out', r * C! + channel, code);
    }
}

function copyPositions(run: ReferenceRun): void {
  const p = run.p as Record<string, number>;
  for (let b = 0; b < p.B!; b++)
    for (let t = 0; t < p.length!; t++)
      for (let c = 0; c < p.C!; c++) {
        const source = (b * p.inLength! + p.inStart! + t) * p.C! + c;
        const target = (b * p.outLength! + p.outStart! + t) * p.C! + c;
        run.accumulate('out', target, run.number('x', source), p.accumulate !== 0);
      }
}

/** Whether the mask includes a position. */
function isIncluded(run: ReferenceRun, position: number): boolean {
  return run.p.hasMask === 0 || run.words('mask')[position] !== 0;
}

function pool(run: ReferenceRun): void {
  const { B, C, inLength } = run.p as Record<string, number>;
  for (let b = 0; b < B!; b++) {
    const included = range(inLength!).filter((t) => isIncluded(run, b * inLength! + t));
    const count = included.length;
    for (let c = 0; c < C!; c++) {
      const terms = included.map((t) => run.number('x', (b * inLength! + t) * C! + c));
      run.put('out', b * C! + c, divide(sumBounded(terms), exact(Math.max(count, 1))));
    }
    run.put('counts', b, exact(count));
  }
}

function poolGradient(run: ReferenceRun): void {
  const { B, C, inLength, accumulate } = run.p as Record<string, number>;
  for (let b = 0; b < B!; b++)
    for (let t = 0; t < inLength!; t++)
      for (let c = 0; c < C!; c++) {
        const count = exact(Math.max(run.floats('counts')[b]!, 1));
        const included = isIncluded(run, b * inLength! + t);
        const share = included ? divide(run.number('dout', b * C! + c), count) : exact(0);
        run.accumulate('dx', (b * inLength! + t) * C! + c, share, accumulate !== 0);
      }
}

function addRows(run: ReferenceRun): void {
  const { B, C, inLength } = run.p as Record<string, number>;
  for (let i = 0; i < B! * inLength! * C!; i++) {
    const row = Math.floor(i / (inLength! * C!)) * C! + (i % C!);
    run.put('out', i, add(run.number('x', i), run.number('row', row)));
  }
}

function sumPositions(run: ReferenceRun): void {
  const { B, C, inLength, accumulate } = run.p as Record<string, number>;
  for (let b = 0; b < B!; b++)
    for (let c = 0; c < C!; c++) {
      const terms = range(inLength!).map((t) => run.number('x', (b * inLength! + t) * C! + c));
      run.accumulate('out', b * C! + c, sumBounded(terms), accumulate !== 0);
    }
}

// Heads of single neurons.

function rowDots(run: ReferenceRun): void {
  const { B, N, C, hasBias } = run.p as Record<string, number>;
  const [x, weight] = [run.floats('x'), run.floats('weight')];
  for (let row = 0; row < B! * N!; row++) {
    const n = row % N!;
    const sum = new Sum();
    for (let c = 0; c < C!; c++) sum.addProduct(x[row * C! + c]!, weight[n * C! + c]!);
    const total = sum.total();
    run.put('out', row, hasBias !== 0 ? add(total, run.number('bias', n)) : total);
  }
}

function rowDotsInputGradient(run: ReferenceRun): void {
  const { B, N, C, accumulate } = run.p as Record<string, number>;
  for (let i = 0; i < B! * N! * C!; i++) {
    const product = multiply(
      run.number('dout', Math.floor(i / C!)),
      run.number('weight', i % (N! * C!)),
    );
    run.accumulate('dx', i, product, accumulate !== 0);
  }
}

function rowDotsWeightGradient(run: ReferenceRun): void {
  const { B, N, C } = run.p as Record<string, number>;
  const [x, dout] = [run.floats('x'), run.floats('dout')];
  for (let i = 0; i < N! * C!; i++) {
    const n = Math.floor(i / C!);
    const sum = new Sum();
    for (let b = 0; b < B!; b++) sum.addProduct(dout[b * N! + n]!, x[b * N! * C! + i]!);
    run.accumulate('dweight', i, sum.total(), true);
  }
}

/** Calls `visit` with the row, kernel, column and lag of every spike that features add up. */
function visitSpikes(
  run: ReferenceRun,
  visit: (row: number, r: number, column: number, lag: number) => void,
): void {
  const { B, T, P, Q, R, V, L, start, neurons, pastSteps, hasMask } = run.p as Record<
    string,
    number
  >;
  const visitToken = (row: number, now: number, index: number, isPast: boolean) => {
    const [ids, times, mask] = isPast
      ? ['pastIds', 'pastTimes', 'pastMask']
      : ['ids', 'times', 'mask'];
    const id = run.words(ids!)[index]!;
    const lag = Math.round(now - run.floats(times!)[index]!);
    const isVisible = hasMask === 0 || run.words(mask!)[index] !== 0;
    if (isVisible && id < neurons! && lag >= 0 && lag < L!)
      visit(row, row % R!, Math.min(id, V! - 1), lag);
  };
  for (let row = 0; row < B! * Q! * R!; row++) {
    const query = Math.floor(row / R!);
    const b = Math.floor(query / Q!);
    const t = start! + (query % Q!);
    const now = run.floats('times')[b * T! + t]!;
    for (let k = 0; k < P!; k++) visitToken(row, now + pastSteps!, b * P! + k, true);
    for (let k = 0; k <= t; k++) visitToken(row, now, b * T! + k, false);
  }
}

/** Sums of spikes into rows of a buffer; `count` is the length of a row. */
function spikeSums(
  buffer: 'out' | 'partials',
  length: 'V' | 'L',
  term: (
    run: ReferenceRun,
    spike: { row: number; r: number; column: number; lag: number },
  ) => { index: number; value: Bounded },
): (run: ReferenceRun) => void {
  return (run) => {
    const { B, Q, R } = run.p as Record<string, number>;
    const columns = run.p[length]!;
    const sums = range(B! * Q! * R! * columns).map(() => new Sum());
    visitSpikes(run, (row, r, column, lag) => {
      const { index, value } = term(run, { row, r, column, lag });
      sums[row * columns + index]!.add(value);
    });
    for (const [i, sum] of sums.entries()) run.put(buffer, i, sum.total());
  };
}

const spikeFeatures = spikeSums('out', 'V', (run, { r, column, lag }) => ({
  index: column,
  value: run.number('kernel', r * run.p.L! + lag),
}));
const spikeFeaturesGradient = spikeSums('partials', 'L', (run, { row, column, lag }) => ({
  index: lag,
  value: run.number('dout', row * run.p.V! + column),
}));

/** exp(z) of a mixture, within the range that the kernel clamps it to. */
function mixtureMass(run: ReferenceRun, i: number): Bounded {
  return exponential(exact(Math.min(Math.max(run.floats('z')[i]!, -80), 80)));
}

function mixture(run: ReferenceRun): void {
  for (let i = 0; i < run.p.n!; i++) {
    const weight = run.number('w', i);
    const mixed = logarithm(add(mixtureMass(run, i), weight));
    run.put('out', i, weight.value > 0 ? mixed : run.number('z', i));
  }
}

function mixtureGradient(run: ReferenceRun): void {
  const { n, accumulateLogits, accumulateWeights } = run.p as Record<string, number>;
  for (let i = 0; i < n!; i++) {
    const mass = mixtureMass(run, i);
    const total = add(mass, exact(Math.max(run.floats('w')[i]!, 0)));
    const dout = run.number('dout', i);
    const logitGradient = multiply(dout, divide(mass, total));
    run.accumulate('dz', i, logitGradient, accumulateLogits !== 0);
    run.accumulate('dw', i, divide(dout, total), accumulateWeights !== 0);
  }
}

// Windows while they are drawn.

function appendTokens(run: ReferenceRun): void {
  const { B, T, position } = run.p as Record<string, number>;
  for (let b = 0; b < B!; b++) {
    run.putWord('drawnIds', b * T! + position!, run.words('newIds')[b]!);
    run.put('drawnTimes', b * T! + position!, exact(run.words('newTimes')[b]!));
  }
}

function expectedCounts(run: ReferenceRun): void {
  const { B, T, V, position, ends } = run.p as Record<string, number>;
  for (let b = 0; b < B!; b++) {
    const tokens = run.words('ids').slice(b * T!, b * T! + position! + 1);
    if (tokens.some((token) => token >= ends!)) continue;
    const z = range(V!).map((v) => run.number('logits', b * V! + v));
    const { weights, sum } = softmaxTerms(z, run.constant('LANES'));
    for (const [v, weight] of weights.entries())
      run.accumulate('expected', b * V! + v, divide(weight, sum), true);
  }
}

function expectedEndless(run: ReferenceRun): void {
  const { B, T, V, position, ends } = run.p as Record<string, number>;
  for (let b = 0; b < B!; b++) {
    const here = b * T! + position!;
    const reach = run.number('reach', here);
    const z = range(V!).map((v) => run.number('logits', b * V! + v));
    const { weights, sum } = softmaxTerms(z, run.constant('LANES'));
    for (const [v, weight] of weights.entries())
      run.accumulate('expected', b * V! + v, divide(multiply(reach, weight), sum), true);
    if (position! + 1 >= T!) continue;
    const ended = divide(sumBounded(weights.slice(ends!)), sum);
    run.put('reach', here + 1, multiply(reach, subtract(exact(1), ended)));
  }
}

/**
 * The index of every patch element, with the index of the voxel that it copies; undefined where it
 * is beyond the video.
 */
function* patchVoxels({
  p,
}: ReferenceRun): Generator<{ patch: number; voxel: number | undefined }> {
  let patch = 0;
  const n = p as Record<string, number>;
  const within = (index: number, length: number) => index >= 0 && index < length;
  const count = (extent: number, pad: number, kernel: number, stride: number) =>
    Math.floor((extent + 2 * pad - kernel) / stride) + 1;
  const [T, H, W] = [
    count(n.frames!, n.padT!, n.kt!, n.strideT!),
    count(n.height!, n.padH!, n.kh!, n.strideH!),
    count(n.width!, n.padW!, n.kw!, n.strideW!),
  ];
  for (let b = 0; b < n.B!; b++)
    for (let t = 0; t < T; t++)
      for (let y = 0; y < H; y++)
        for (let x = 0; x < W; x++)
          for (let channel = 0; channel < n.C!; channel++)
            for (let i = 0; i < n.kt!; i++)
              for (let j = 0; j < n.kh!; j++)
                for (let k = 0; k < n.kw!; k++) {
                  const f = t * n.strideT! + i - n.padT!;
                  const line = y * n.strideH! + j - n.padH!;
                  const column = x * n.strideW! + k - n.padW!;
                  const isInside =
                    within(f, n.frames!) && within(line, n.height!) && within(column, n.width!);
                  const frame = (b * n.C! + channel) * n.frames! + f;
                  const voxel = (frame * n.height! + line) * n.width! + column;
                  yield { patch, voxel: isInside ? voxel : undefined };
                  patch += 1;
                }
}

function unfold(run: ReferenceRun): void {
  for (const { patch, voxel } of patchVoxels(run))
    run.put('patches', patch, voxel === undefined ? exact(0) : run.number('video', voxel));
}

function fold(run: ReferenceRun): void {
  const { B, C, frames, height, width, accumulate } = run.p as Record<string, number>;
  const sums = range(B! * C! * frames! * height! * width!).map(() => new Sum());
  for (const { patch, voxel } of patchVoxels(run))
    if (voxel !== undefined) sums[voxel]!.add(run.number('dpatches', patch));
  for (const [voxel, sum] of sums.entries())
    run.accumulate('dvideo', voxel, sum.total(), accumulate !== 0);
}

// Gated recurrent units.

function packWeights(run: ReferenceRun): void {
  const { C, padded, transposed } = run.p as Record<string, number>;
  for (let row = 0; row < 3 * C!; row++)
    for (let unit = 0; unit < padded!; unit++) {
      const [gate, gateRow] = [Math.floor(row / C!), row % C!];
      const number = unit < C! ? run.number('weight', row * C! + unit) : exact(0);
      if (transposed === 0) run.put('newPacked', row * padded! + unit, number);
      else if (unit < C!) run.put('newPacked', (unit * 3 + gate) * padded! + gateRow, number);
    }
  if (transposed === 0) return;
  // The transposed weights are padded at the end of each gate of a unit.
  for (let k = 0; k < C!; k++)
    for (let gate = 0; gate < 3; gate++)
      for (let unit = C!; unit < padded!; unit++)
        run.put('newPacked', (k * 3 + gate) * padded! + unit, exact(0));
}

/** The positions of a sequence, in the order in which the recurrence visits them. */
function recurrenceOrder({ p }: ReferenceRun): number[] {
  const steps = range(p.T!);
  return p.reverse !== 0 ? steps.reverse() : steps;
}

function gruForward(run: ReferenceRun): void {
  const { T, C, padded, saves } = run.p as Record<string, number>;
  const units = range(C!);
  const B = run.workgroups;
  for (let b = 0; b < B; b++) {
    let state = units.map((unit) => run.number('h0', b * C! + unit));
    for (const t of recurrenceOrder(run)) {
      const row = b * T! + t;
      const skipped = !isIncluded(run, row);
      const gate = (index: number, unit: number) => {
        const sum = new Sum();
        for (const k of units)
          sum.add(multiply(state[k]!, run.number('packed', (k * 3 + index) * padded! + unit)));
        return sum.total();
      };
      const x = (index: number, unit: number) => run.number('x', (row * 3 + index) * C! + unit);
      const bias = (index: number, unit: number) => run.number('bias', index * C! + unit);
      const previous = state;
      // Named as in gru.wgsl: gates r, z, n, and the recurrent term s of n.
      state = units.map((unit) => {
        const r = sigmoid(sumBounded([x(0, unit), gate(0, unit), bias(0, unit)]));
        const z = skipped
          ? exact(1)
          : sigmoid(sumBounded([x(1, unit), gate(1, unit), bias(1, unit)]));
        const s = add(gate(2, unit), bias(2, unit));
        const n = hyperbolicTangent(add(x(2, unit), multiply(r, s)));
        const h = add(multiply(subtract(exact(1), z), n), multiply(z, previous[unit]!));
        run.put('out', row * C! + unit, h);
        if (saves !== 0) {
          run.put('previous', row * C! + unit, previous[unit]!);
          for (const [index, saved] of [r, z, n, s].entries())
            run.put('saved', (row * 4 + index) * C! + unit, saved);
        }
        return h;
      });
    }
  }
}

function gruBackward(run: ReferenceRun): void {
  const { T, C, padded } = run.p as Record<string, number>;
  const units = range(C!);
  const B = run.workgroups;
  const one = exact(1);
  for (let b = 0; b < B; b++) {
    let dState = units.map(() => exact(0));
    for (const t of recurrenceOrder(run).reverse()) {
      const row = b * T! + t;
      const steps = units.map((unit) => {
        const saved = (index: number) => run.number('saved', (row * 4 + index) * C! + unit);
        const [r, z, n, s] = [saved(0), saved(1), saved(2), saved(3)];
        const dh = add(run.number('dout', row * C! + unit), dState[unit]!);
        const oneMinusZ = subtract(one, z);
        const dn = multiply(multiply(dh, oneMinusZ), subtract(one, multiply(n, n)));
        const hMinusN = subtract(run.number('previous', row * C! + unit), n);
        const dz = multiply(multiply(multiply(dh, hMinusN), z), oneMinusZ);
        const dr = multiply(multiply(multiply(dn, s), r), subtract(one, r));
        for (const [gate, g] of [dr, dz, dn].entries())
          run.put('dx', (row * 3 + gate) * C! + unit, g);
        const dGates = [dr, dz, multiply(dn, r)];
        for (const [gate, g] of dGates.entries()) run.put('du', (row * 3 + gate) * C! + unit, g);
        return { dGates, direct: multiply(dh, z) };
      });
      dState = units.map((unit) => {
        const sum = new Sum();
        for (const gate of [0, 1, 2])
          for (const k of units) {
            const weight = run.number('packed', (gate * C! + k) * padded! + unit);
            sum.add(multiply(steps[k]!.dGates[gate]!, weight));
          }
        return add(steps[unit]!.direct, sum.total());
      });
    }
    for (const unit of units) run.put('dh0', b * C! + unit, dState[unit]!);
  }
}

// AdamW.

/** The members of the kernel's Settings, in order. */
const SETTINGS = [
  'rate',
  'beta1',
  'beta2',
  'eps',
  'decay',
  'correction1',
  'correction2',
  'maxNorm',
  'gradScale',
] as const;

type Settings = Record<(typeof SETTINGS)[number], Bounded>;

function resolveSettings(run: ReferenceRun): Settings {
  const entries = SETTINGS.map((name, n) => [name, run.number('settings', n)]);
  return Object.fromEntries(entries) as Settings;
}

/** Elements of a block, the smallest range that can be trainable or frozen. */
const BLOCK = 64;

function gradientSquares(run: ReferenceRun): void {
  const { n, partialCount } = run.p as Record<string, number>;
  const { gradScale } = resolveSettings(run);
  const width = 4 * run.constant('WG');
  const sums = range(partialCount!).map(() => new Sum());
  for (let i = 0; i < n!; i++) {
    if ((run.words('blocks')[Math.floor(i / BLOCK)]! & 1) === 0) continue;
    const g = multiply(run.number('gradients', i), gradScale);
    sums[Math.floor(i / width) % partialCount!]!.add(multiply(g, g));
  }
  for (const [group, sum] of sums.entries()) run.put('partials', group, sum.total());
}

function gradientNorm(run: ReferenceRun): void {
  const { maxNorm } = resolveSettings(run);
  const norm = squareRoot(
    sumBounded(range(run.p.partialCount!).map((n) => run.number('partials', n))),
  );
  run.put('normAndClip', 0, norm);
  const clips = maxNorm.value > 0 && norm.value > maxNorm.value;
  const epsilon = exact(Math.fround(1e-6));
  run.put('normAndClip', 1, clips ? divide(maxNorm, add(norm, epsilon)) : exact(1));
}

function updateParameters(run: ReferenceRun): void {
  const { rate, beta1, beta2, eps, decay, correction1, correction2, gradScale } =
    resolveSettings(run);
  const one = exact(1);
  const scale = multiply(gradScale, run.number('normAndClip', 1));
  for (let i = 0; i < run.p.n!; i++) {
    // Bit 0 of a block: trainable; bit 1: decayed.
    const flags = run.words('blocks')[Math.floor(i / BLOCK)]!;
    if ((flags & 1) === 0) continue;
    const decayFactor = (flags & 2) !== 0 ? subtract(one, multiply(rate, decay)) : one;
    const g = multiply(run.number('gradients', i), scale);
    const mTerm = multiply(subtract(one, beta1), g);
    const vTerm = multiply(multiply(subtract(one, beta2), g), g);
    const m = add(multiply(beta1, run.number('firstMoment', i)), mTerm);
    const v = add(multiply(beta2, run.number('secondMoment', i)), vTerm);
    const denominator = add(squareRoot(multiply(v, correction2)), eps);
    const step = divide(multiply(rate, multiply(m, correction1)), denominator);
    run.put('firstMoment', i, m);
    run.put('secondMoment', i, v);
    const decayed = multiply(run.number('parameters', i), decayFactor);
    run.put('parameters', i, add(decayed, negate(step)));
  }
}

// Sampling.

function drawClasses(run: ReferenceRun): void {
  const { rows, V, topK, topP, temperature, hasLowest, site } = run.p as Record<string, number>;
  const [x, y] = run.words('random') as unknown as [number, number];
  const slack = (V! + 8) * 2 ** -22;
  for (let row = 0; row < rows!; row++) {
    const z = range(V!).map((c) => run.floats('logits')[row * V! + c]!);
    const sorted = [...z].sort((a, b) => b - a);
    const top = sorted[0]!;
    let cutoff = topK! > 0 ? sorted[topK! - 1]! : Number.NEGATIVE_INFINITY;
    let isUndecided = false;
    if (topP! < 1) {
      const candidates = sorted.filter((value) => value >= cutoff);
      const mass = candidates.reduce((sum, value) => sum + Math.exp(value - top), 0);
      const massAbove = (value: number) =>
        candidates.reduce((sum, other) => sum + (other > value ? Math.exp(other - top) : 0), 0);
      isUndecided ||= candidates.some(
        (value) => Math.abs(massAbove(value) - topP! * mass) < slack * mass,
      );
      cutoff = candidates.findLast((value) => massAbove(value) <= topP! * mass)!;
    }
    let drawn = z.indexOf(top);
    if (temperature! > 0) {
      const weights = z.map((v) => (v >= cutoff ? Math.exp((v - top) / temperature!) : 0));
      const total = weights.reduce((sum, w) => sum + w, 0);
      const drawSlack = slack * (1 + (top - sorted.at(-1)!) / temperature!) * total;
      let remaining = ((hash4([row, site!, x, y])[0] >>> 8) / 2 ** 24) * total;
      for (const [c, weight] of weights.entries()) {
        if (weight === 0) continue;
        drawn = c;
        remaining -= weight;
        // The last class takes the remainder, however it was rounded.
        const isLast = weights.slice(c + 1).every((w) => w === 0);
        isUndecided ||= Math.abs(remaining) < drawSlack && !isLast;
        if (remaining < 0) break;
      }
    }
    if (hasLowest !== 0) drawn = Math.max(drawn, Math.min(run.words('lowest')[row]!, V! - 1));
    const logMass = logarithm(
      sumBounded(z.map((v) => exponential(subtract(exact(v), exact(top))))),
    );
    run.putWord('drawn', row, drawn);
    run.put('logProbability', row, subtract(subtract(exact(z[drawn]!), exact(top)), logMass));
    if (!isUndecided) continue;
    run.markUndecided('drawn', row);
    run.markUndecided('logProbability', row);
  }
}

// The table.

const PRODUCT =
  'n products: n u sum |a b|, then one rounding per step of the epilogue; GELU by its fit';
const SCORES =
  'scores (D + 1) u sum |q k|, exp 3 + 2 |s - max| ulp, a rescaling at each rise of max';
const SCORE_GRADIENTS = 'as the forward, then n terms p (dp - delta) x: n u times their magnitudes';
const GATHERED = 'at most three terms: 2 u of their magnitudes, a copy alone is exact';
const SUMMED = 'n terms: (n - 1) u of their magnitudes';
const COPIED = 'a copy: the same bits';
const LAYERNORM =
  'sums over a row, two passes; inverseSqrt 2 ulp; an absolute bound for a constant row';
const ACTIVATED = 'exp 3 + 2 |x| ulp, quotients 2.5, the erfc fit 1.2e-7; ReLU exact';
const SOFTMAX =
  'exp 3 + 2 |z - max| ulp, a rescaling at each rise of max and merge of lanes, the quotient 2.5';
const SCALED = 'one rounding for each product and each sum';
const ADAM = 'one rounding per step, sqrt 4.5 ulp, the quotient 2.5';
const SINE = 'the angle rounded once, the polynomials 2e-7';

/** How every kernel is checked, by kernel name. */
export const KERNEL_BOUNDS: Readonly<Record<KernelName, KernelBound>> = {
  'adamw.squares': { bound: 'n squares: (n + 2) u of their sum', expect: gradientSquares },
  'adamw.norm': { bound: 'a sum, sqrt 4.5 ulp, the quotient 2.5', expect: gradientNorm },
  'adamw.update': { bound: ADAM, expect: updateParameters },
  'attention_backward.delta': { bound: 'D products', expect: attentionDelta('o') },
  'attention_backward.compute_dq': { bound: SCORE_GRADIENTS, expect: queryGradient },
  'attention_backward.compute_dkdv': { bound: SCORE_GRADIENTS, expect: keyGradients },
  'attention_direct.forward': { bound: SCORES, expect: attentionForward(0) },
  'attention_direct.delta': { bound: 'D products', expect: attentionDelta('forwardO') },
  'attention_direct.compute_dq': { bound: SCORE_GRADIENTS, expect: queryGradient },
  'attention_direct.compute_dkdv': { bound: SCORE_GRADIENTS, expect: keyGradients },
  'attention_forward.forward': { bound: SCORES, expect: attentionForward(4) },
  'attention_forward.merge': {
    bound: 'exp of each split, a sum of them, 1 / sum',
    expect: mergeSplits,
  },
  'attention_rows.threshold': { bound: 'the errors of two scores, halved', expect: thresholds },
  'attention_rows.probabilities': { bound: SCORES, expect: probabilities },
  'cross_entropy.total_weight': { bound: SUMMED, expect: totalWeight },
  'cross_entropy.rows': { bound: `${SOFTMAX}, log 2^-21`, expect: crossEntropyRows },
  'cross_entropy.total_loss': { bound: SUMMED, expect: totalLoss },
  'drawn_tokens.append': { bound: COPIED, expect: appendTokens },
  'drawn_tokens.expect': { bound: SOFTMAX, expect: expectedCounts },
  'drawn_tokens.expect_endless': {
    bound: `${SOFTMAX}, a sum of the ends and its complement`,
    expect: expectedEndless,
  },
  'elementwise.activate': { bound: ACTIVATED, expect: activate },
  'elementwise.activate_wide': { bound: ACTIVATED, expect: activate },
  'elementwise.activate_grad': { bound: ACTIVATED, expect: activateGradient },
  'elementwise.activate_grad_wide': { bound: ACTIVATED, expect: activateGradient },
  'elementwise.dropout': { bound: SCALED, expect: dropElements },
  'elementwise.dropout_wide': { bound: SCALED, expect: dropElements },
  'elementwise.combine': { bound: SCALED, expect: combine },
  'elementwise.combine_wide': { bound: SCALED, expect: combine },
  'embedding.gather': { bound: GATHERED, expect: gather },
  'embedding.gather_wide': { bound: GATHERED, expect: gather },
  'embedding.scatter': { bound: SUMMED, expect: scatter },
  'embedding.scatter_wide': { bound: SUMMED, expect: scatter },
  'embedding.fold_rows': { bound: SUMMED, expect: foldRows },
  'embedding.fold_rows_wide': { bound: SUMMED, expect: foldRows },
  'gru.pack': { bound: COPIED, expect: packWeights },
  'gru.forward': {
    bound: 'C products per gate, sigmoid and tanh, carried over the steps',
    expect: gruForward,
  },
  'gru.backward': { bound: '3 C products per unit, carried over the steps', expect: gruBackward },
  'layernorm.forward': { bound: LAYERNORM, expect: layerNormForward },
  'layernorm.forward_wide': { bound: LAYERNORM, expect: layerNormForward },
  'layernorm.backward': { bound: LAYERNORM, expect: layerNormBackward },
  'layernorm.backward_wide': { bound: LAYERNORM, expect: layerNormBackward },
  'layernorm.backward_scale': { bound: SUMMED, expect: layerNormScale },
  'layernorm.backward_scale_wide': { bound: SUMMED, expect: layerNormScale },
  'matmul_direct.nt': { bound: PRODUCT, expect: product(false) },
  'matmul_direct.nn': { bound: PRODUCT, expect: product(false) },
  'matmul_direct.tn': { bound: PRODUCT, expect: product(false) },
  'matmul_direct.strided': { bound: PRODUCT, expect: product(false) },
  'matmul_tiled.wide': { bound: PRODUCT, expect: product(true) },
  'matmul_tiled.narrow': { bound: PRODUCT, expect: product(true) },
  'matmul_reduce.main': { bound: SUMMED, expect: reducePartials },
  'mixture.forward': { bound: 'exp 3 + 2 |z| ulp, log 2^-21 or 3 ulp', expect: mixture },
  'mixture.backward': { bound: 'exp 3 + 2 |z| ulp, quotients 2.5', expect: mixtureGradient },
  'normalize.forward': {
    bound: 'a sum of squares, sqrt 4.5 ulp, the quotient 2.5',
    expect: normalizeForward,
  },
  'normalize.backward': {
    bound: 'a row of products, the quotient 2.5 ulp',
    expect: normalizeBackward,
  },
  'row_dots.forward': { bound: 'C products, and the bias', expect: rowDots },
  'row_dots.backward_x': { bound: SCALED, expect: rowDotsInputGradient },
  'row_dots.backward_weight': { bound: 'B products', expect: rowDotsWeightGradient },
  'sample.main': {
    bound: 'the class itself; its log-probability by exp and log',
    expect: drawClasses,
  },
  'sequence.copy': { bound: COPIED, expect: copyPositions },
  'sequence.pool': { bound: SUMMED, expect: pool },
  'sequence.pool_grad': { bound: 'the quotient 2.5 ulp', expect: poolGradient },
  'sequence.add_row': { bound: SCALED, expect: addRows },
  'sequence.sum': { bound: SUMMED, expect: sumPositions },
  'sinusoid.main': { bound: SINE, expect: sinusoids },
  'sinusoid.main_wide': { bound: SINE, expect: sinusoids },
  'softmax.forward': { bound: SOFTMAX, expect: softmaxForward },
  'softmax.backward': { bound: 'C products', expect: softmaxBackward },
  'spike_history.features': { bound: SUMMED, expect: spikeFeatures },
  'spike_history.features_grad': { bound: SUMMED, expect: spikeFeaturesGradient },
  'squared_error.main': { bound: SUMMED, expect: squaredError },
  'unfold3d.unfold': { bound: COPIED, expect: unfold },
  'unfold3d.fold': { bound: SUMMED, expect: fold },
};

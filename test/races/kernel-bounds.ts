/**
 * What every kernel should make, word by word: an f64 reference from the bytes a dispatch starts
 * from, with the most that f32 may be off. Each entry of the table says where its bound comes from;
 * the arithmetic that carries it is in bounded.ts. u stands for 2^-24, half a unit in the last
 * place.
 */

import type { KernelName } from '../../src/gpu/kernels.js';
import { KERNELS, SHADERS } from '../../src/gpu/shaders.gen.js';
import { hash4 } from '../../src/reference/random.js';
import type { Made, Taken } from '../helpers/replay.js';
import {
  add,
  type Bounded,
  divide,
  exact,
  exponential,
  geluGradient,
  hyperbolicTangent,
  inverseSqrt,
  larger,
  logarithm,
  loosened,
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
  /** Where the bound comes from. */
  readonly bound: string;
  readonly expect: (run: Run) => void;
}

/**
 * What one storage buffer should hold: words that must be the same bits, and numbers with a bound.
 */
export interface Expected {
  readonly words: Uint32Array;
  /** By index; what is not here must be the bits of `words`. */
  readonly numbers: Map<number, Bounded>;
  /**
   * Words that rounding decides between several values, such as a draw at the edge of two classes.
   */
  readonly undecided: Set<number>;
}

/** What each storage buffer of a dispatch should hold. */
export function expectedBuffers(taken: Taken): Record<string, Expected> {
  const run = new Run(taken);
  KERNEL_BOUNDS[taken.kernel].expect(run);
  return run.expected;
}

/** How a comparison came out. */
export interface Comparison {
  /** The first word of each buffer that is wrong. */
  readonly faults: string[];
  /** The largest share of its bound that a number used. */
  readonly share: number;
  /** Words that were compared with nothing. */
  readonly undecided: number;
}

/** Compares what a device made with what it should be. */
export function compare(expected: Record<string, Expected>, made: Made): Comparison {
  const faults: string[] = [];
  let share = 0;
  let undecided = 0;
  for (const [name, { words, numbers, undecided: open }] of Object.entries(expected)) {
    undecided += open.size;
    const result = made[name]!;
    const floats = new Float32Array(result.buffer, result.byteOffset, result.length);
    let fault: string | undefined;
    for (let i = 0; i < words.length; i++) {
      if (open.has(i)) continue;
      const number = numbers.get(i);
      if (!number) {
        if (result[i] !== words[i])
          fault ??= `${name}[${i}] is the word ${result[i]}, should be ${words[i]}`;
        continue;
      }
      const { value, error } = number;
      if (error === Number.POSITIVE_INFINITY) undecided += 1;
      const difference = Math.abs(floats[i]! - value);
      if (difference <= error) {
        if (error > 0) share = Math.max(share, difference / error);
      } else {
        fault ??= `${name}[${i}] is ${floats[i]}, should be ${value} +- ${error.toExponential(1)}`;
      }
    }
    if (fault) faults.push(fault);
  }
  return { faults, share, undecided };
}

/** A dispatch as references see it: parameters, inputs by name, and where results go. */
class Run {
  readonly p: Readonly<Record<string, number>>;
  readonly expected: Record<string, Expected> = {};
  readonly #taken: Taken;
  readonly #floats = new Map<string, Float32Array>();

  constructor(taken: Taken) {
    this.#taken = taken;
    this.p = taken.params;
    for (const { name, kind } of KERNELS[taken.kernel].bindings) {
      if (kind !== 'storage') continue;
      const words = taken.before[name]!.slice();
      this.expected[name] = { words, numbers: new Map(), undecided: new Set() };
    }
  }

  get workgroups(): number {
    return this.#taken.workgroups;
  }

  /** A constant of the shader, as this dispatch was specialised. */
  constant(name: string): number {
    const { shader } = KERNELS[this.#taken.kernel];
    return Number(this.#taken.constants[name] ?? SHADERS[shader]!.constants[name]);
  }

  /** A buffer's words; the entries called wide bind theirs under the name with Vec behind it. */
  words(name: string): Uint32Array {
    const { before } = this.#taken;
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

  number(name: string, index: number): Bounded {
    return exact(this.floats(name)[index]!);
  }

  put(name: string, index: number, number: Bounded): void {
    this.#buffer(name).numbers.set(index, number);
  }

  /** Adds to what the buffer held, or overwrites it. */
  accumulate(name: string, index: number, number: Bounded, adds: boolean): void {
    this.put(name, index, adds ? add(this.number(name, index), number) : number);
  }

  putWord(name: string, index: number, word: number): void {
    this.#buffer(name).words[index] = word;
  }

  leaveOpen(name: string, index: number): void {
    this.#buffer(name).undecided.add(index);
  }

  /** What dropout multiplies an element by. */
  keep(element: number): Bounded {
    const [x, y] = this.words('random') as unknown as [number, number];
    const words = hash4([Math.floor(element / 4), this.p.site!, x, y]);
    return exact(words[element % 4]! < this.p.keepThreshold! ? this.p.keepScale! : 0);
  }

  #buffer(name: string): Expected {
    return this.expected[name] ?? this.expected[`${name}Vec`]!;
  }
}

/** 0, 1 .. n - 1. */
function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

// Products.

const FLAGS = SHADERS.matmul_direct!.constants as Record<string, number>;

function hasFlag({ p }: Run, name: string): boolean {
  return (p.flags! & FLAGS[name]!) !== 0;
}

/** How far the elements of A and B lie apart, whichever of the two files made the product. */
function productStrides(run: Run, isTiled: boolean) {
  const { p } = run;
  if (!isTiled) return { aM: p.aM!, aK: p.aK!, bK: p.bK!, bN: p.bN! };
  const [aAlong, bAlong] = [run.constant('A_ALONG_K') === 1, run.constant('B_ALONG_K') === 1];
  const [aM, aK] = aAlong ? [p.rowStrideA!, 1] : [1, p.rowStrideA!];
  const [bN, bK] = bAlong ? [p.rowStrideB!, 1] : [1, p.rowStrideB!];
  return { aM, aK, bK, bN };
}

/** A product with its epilogue; of a tiled one whose K is split, every part of the sum. */
function product(isTiled: boolean): (run: Run) => void {
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
    // tn adds to out once a block of TN_DEPTH.
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
            const at = (z * M + m) * N + n;
            if (splits > 1) run.put('out', split * (M * N + M) + at, sum.total());
            else finishProduct(run, at, n, sum.total(blocks), blocks);
          }
    if (hasFlag(run, 'COLUMN_SUMS')) {
      for (let m = 0; m < M; m++)
        for (let split = 0; split < splits; split++) {
          const terms = range(K).slice(split * perSplit, (split + 1) * perSplit);
          const sum = new Sum();
          for (const k of terms) sum.add(exact(a[m * aM + k * aK]!));
          if (splits > 1) run.put('out', split * (M * N + M) + M * N + m, sum.total());
          else run.accumulate('aux', m, loosened(sum.total(blocks), blocks / 2), true);
        }
    }
  };
}

function finishProduct(run: Run, at: number, n: number, sum: Bounded, blocks: number): void {
  let value = multiply(exact(run.p.alpha!), sum);
  if (hasFlag(run, 'BIAS')) value = add(value, run.number('bias', n));
  if (hasFlag(run, 'KEEP_INPUT')) run.put('aux', at, value);
  if (hasFlag(run, 'GELU')) value = multiply(value, cdfNear(value));
  if (hasFlag(run, 'GELU_GRAD')) value = multiply(value, geluGradient(run.number('aux', at)));
  if (hasFlag(run, 'DROPOUT')) value = multiply(value, run.keep(at));
  if (hasFlag(run, 'RESIDUAL')) value = add(value, run.number('residual', at));
  if (hasFlag(run, 'ACCUMULATE')) {
    const before = run.number('out', at);
    value = loosened(add(before, value), blocks > 1 ? blocks / 2 : 0);
    // What stood in out takes part in the rounding of every block.
    value = { ...value, error: value.error + blocks * 2 ** -24 * Math.abs(before.value) };
  }
  run.put('out', at, value);
}

/** The cumulative normal of a number that is itself off: its slope is at most 1 / sqrt(2 pi). */
function cdfNear(x: Bounded): Bounded {
  const { value, error } = normalCdf(exact(x.value));
  return { value, error: error + 0.4 * x.error };
}

function reducePartials(run: Run): void {
  const { elements, columns, stride, splits, accumulate, alpha } = run.p as Record<string, number>;
  for (let i = 0; i < elements! + columns!; i++) {
    const parts = range(splits!).map((s) => run.number('partials', s * stride! + i));
    const sum = sumBounded(parts);
    if (i >= elements!) run.accumulate('columnSums', i - elements!, sum, true);
    else run.accumulate('out', i, multiply(exact(alpha!), sum), accumulate !== 0);
  }
}

// Attention.

/** A score row: the query's place and number. */
interface Row {
  readonly b: number;
  readonly h: number;
  readonly i: number;
  /** (b * H + h) * T + i */
  readonly row: number;
  /** The first element of the query, its output and their gradients. */
  readonly start: number;
}

function scoreRows(run: Run): Row[] {
  const { B, H, T } = run.p as Record<string, number>;
  const head = run.constant('D');
  return range(B! * H! * T!).map((row) => {
    const i = row % T!;
    const h = Math.floor(row / T!) % H!;
    const b = Math.floor(row / (T! * H!));
    return { b, h, i, row, start: ((b * T! + i) * H! + h) * head };
  });
}

/** The first element of a key or value. */
function keyStart(run: Run, { b, h }: Row, j: number): number {
  return ((b * run.p.S! + j) * run.p.H! + h) * run.constant('D');
}

/** The product of two rows of one head. */
function headProduct(
  run: Run,
  a: Float32Array,
  atA: number,
  b: Float32Array,
  atB: number,
): Bounded {
  const sum = new Sum();
  const head = run.constant('D');
  for (let d = 0; d < head; d++) sum.addProduct(a[atA + d]!, b[atB + d]!);
  return sum.total();
}

/** scale * q . k: D products, each of them rounded once more for the scale. */
function score(run: Run, row: Row, j: number): Bounded {
  const sum = new Sum();
  const [query, key] = [run.floats('query'), run.floats('key')];
  const [at, from, head] = [row.start, keyStart(run, row, j), run.constant('D')];
  for (let d = 0; d < head; d++) sum.addProduct(query[at + d]! * run.p.scale!, key[from + d]!);
  return sum.total(1);
}

function isVisible(run: Run, { b, i }: Row, j: number): boolean {
  const { causal, hasMask, S } = run.p as Record<string, number>;
  if (causal !== 0 && j > i) return false;
  return hasMask === 0 || run.words('mask')[b * S! + j] !== 0;
}

/** The name of the buffer that holds lse, delta and threshold. */
function rowsName(run: Run): string {
  return run.words('rowStats') ? 'rowStats' : 'newRowStats';
}

/**
 * What of a key the row sees: all, nothing, or, where its score is too near the threshold to tell,
 * one of both.
 */
function visibleShare(run: Run, row: Row, j: number, s: Bounded): Bounded {
  if (!isVisible(run, row, j)) return exact(0);
  if (run.p.sparse === 0) return exact(1);
  const least = run.floats(rowsName(run))[4 * row.row + 2]!;
  if (Math.abs(s.value - least) <= s.error) return { value: 0.5, error: 0.5 };
  return exact(s.value >= least ? 1 : 0);
}

/** What dropout multiplies the probability of a key by. */
function attentionKeep(run: Run, { row }: Row, j: number): Bounded {
  if (run.p.keepScale === 1) return exact(1);
  const [x, y] = run.words('random') as unknown as [number, number];
  const words = hash4([Math.floor(j / 4), row, x, (y ^ run.p.site!) >>> 0]);
  return exact(words[j % 4]! < run.p.keepThreshold! ? run.p.keepScale! : 0);
}

/** The keys of each split: whole tiles, shared out evenly and rounded up. */
function keyRanges(run: Run, tile: number): number[][] {
  const { S, splits } = run.p as Record<string, number>;
  const per = Math.ceil(Math.ceil(S! / tile) / splits!) * tile;
  return range(splits!).map((split) => range(S!).slice(split * per, (split + 1) * per));
}

/** How often a running maximum over blocks of `step` scores may rise, and by how much in all. */
function maximumRises(scores: readonly Bounded[], step: number): { rises: number; height: number } {
  let top = Number.NEGATIVE_INFINITY;
  let first = top;
  let rises = 0;
  for (let n = 0; n < scores.length; n += step) {
    const block = scores.slice(n, n + step);
    const most = Math.max(...block.map(({ value, error }) => value + 2 * error));
    if (most > top && top > Number.NEGATIVE_INFINITY) rises += 1;
    top = Math.max(top, ...block.map(({ value }) => value));
    if (n === 0) first = top;
  }
  return { rises, height: Number.isFinite(first) ? top - first : 0 };
}

const NO_TOP = Math.fround(-5e37);
const NO_LSE = Math.fround(1e38);

function attentionForward(step: number): (run: Run) => void {
  return (run) => {
    const head = run.constant('D');
    const value = run.floats('value');
    const [all, splits] = [scoreRows(run), run.p.splits!];
    for (const [split, keys] of keyRanges(run, run.constant('TILE')).entries())
      for (const row of all) {
        const seen = keys
          .map((j) => ({ j, s: score(run, row, j) }))
          .map(({ j, s }) => ({ j, s, share: visibleShare(run, row, j, s) }))
          .filter(({ share }) => share.value > 0);
        const scores = seen.map(({ s }) => s);
        const top = scores.length > 0 ? scores.reduce(larger) : exact(NO_TOP);
        const { rises, height } = maximumRises(scores, step || run.constant('TILE'));
        // Each rise multiplies the older sums by an exp, and rounds them.
        const units = 4 * rises + 2 * height;
        const weights = seen.map(({ j, s, share }) => ({
          j,
          w: multiply(share, exponential(subtract(s, exact(top.value)))),
        }));
        const sum = loosened(sumBounded(weights.map(({ w }) => w)), units);
        const outputs = range(head).map((d) => {
          const o = new Sum();
          for (const { j, w } of weights) {
            const kept = multiply(w, attentionKeep(run, row, j));
            o.add(multiply(kept, exact(value[keyStart(run, row, j) + d]!)));
          }
          // Older sums are multiplied by 1 where the maximum stays, which is exact.
          return {
            total: o.total(),
            slack: units * 2 ** -23 * magnitude(weights, value, run, row, d),
          };
        });
        if (splits > 1) {
          // Both are relative to the top as f32 has it.
          const shift = Math.expm1(top.error);
          const at = split * all.length + row.row;
          run.put('partials', 2 * at, top);
          run.put('partials', 2 * at + 1, { ...sum, error: sum.error + shift * sum.value });
          for (const [d, { total, slack }] of outputs.entries()) {
            const reach = shift * magnitude(weights, value, run, row, d);
            const error = total.error + slack + reach;
            run.put('o', split * all.length * head + row.start + d, { ...total, error });
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
        const lse = sum.value > 0 ? add(top, logarithm(sum)) : exact(NO_LSE);
        run.put(rowsName(run), 4 * row.row, { ...lse, error: lse.error + top.error });
      }
  };
}

/** The sum of |weight * value|, by which the roundings of a running sum count. */
function magnitude(
  weights: readonly { j: number; w: Bounded }[],
  value: Float32Array,
  run: Run,
  row: Row,
  d: number,
): number {
  return weights.reduce((sum, { j, w }) => {
    const kept = run.p.keepScale! * (w.value + w.error);
    return sum + kept * Math.abs(value[keyStart(run, row, j) + d]!);
  }, 0);
}

function mergeSplits(run: Run): void {
  const head = run.constant('D');
  const all = scoreRows(run);
  const sums = run.floats('partialSums');
  for (const row of all) {
    const parts = range(run.p.splits!).map((s) => 2 * (s * all.length + row.row));
    const top = parts.reduce((most, at) => Math.max(most, sums[at]!), NO_TOP);
    const weights = parts.map((at) =>
      sums[at + 1]! > 0 ? exponential(subtract(exact(sums[at]!), exact(top))) : exact(0),
    );
    const sum = sumBounded(weights.map((w, s) => multiply(w, exact(sums[parts[s]! + 1]!))));
    const normalize = sum.value > 0 ? divide(exact(1), sum) : exact(0);
    for (let d = 0; d < head; d++) {
      const part = (s: number) => run.number('partialO', s * all.length * head + row.start + d);
      const o = sumBounded(weights.map((w, s) => multiply(w, part(s))));
      run.put('o', row.start + d, multiply(o, normalize));
    }
    const lse = sum.value > 0 ? add(exact(top), logarithm(sum)) : exact(NO_LSE);
    run.put('rowStats', 4 * row.row, lse);
  }
}

function attentionDelta(o: string): (run: Run) => void {
  return (run) => {
    for (const { row, start } of scoreRows(run))
      run.put(
        'newRowStats',
        4 * row + 1,
        headProduct(run, run.floats('do_'), start, run.floats(o), start),
      );
  };
}

/** p, and ds = p (keep * do . v - delta), of one row and key. */
function scoreGradient(run: Run, row: Row, j: number): { p: Bounded; kept: Bounded; ds: Bounded } {
  const rows = run.floats('rowStats');
  const s = score(run, row, j);
  const share = visibleShare(run, row, j, s);
  if (share.value === 0) return { p: exact(0), kept: exact(0), ds: exact(0) };
  const lse = exact(rows[4 * row.row]!);
  const delta = exact(rows[4 * row.row + 1]!);
  const p = multiply(share, exponential(subtract(s, lse)));
  const keep = attentionKeep(run, row, j);
  const from = keyStart(run, row, j);
  const dp = headProduct(run, run.floats('do_'), row.start, run.floats('value'), from);
  const ds = multiply(p, subtract(multiply(dp, keep), delta));
  return { p, kept: multiply(p, keep), ds };
}

function queryGradient(run: Run): void {
  const head = run.constant('D');
  const key = run.floats('key');
  const all = scoreRows(run);
  const scale = exact(run.p.scale!);
  for (const [split, keys] of keyRanges(run, run.constant('TILE')).entries())
    for (const row of all) {
      const columns = keys.map((j) => ({
        from: keyStart(run, row, j),
        ds: scoreGradient(run, row, j).ds,
      }));
      for (let d = 0; d < head; d++) {
        const sum = sumBounded(
          columns
            .filter(({ ds }) => ds.value !== 0 || ds.error !== 0)
            .map(({ from, ds }) => multiply(ds, exact(key[from + d]!))),
        );
        run.put('dq', split * all.length * head + row.start + d, multiply(scale, sum));
      }
    }
}

function keyGradients(run: Run): void {
  const head = run.constant('D');
  const [query, dout] = [run.floats('query'), run.floats('do_')];
  const scale = exact(run.p.scale!);
  const { B, H, T, S } = run.p as Record<string, number>;
  const all = scoreRows(run);
  for (let b = 0; b < B!; b++)
    for (let h = 0; h < H!; h++) {
      const rows = all.slice((b * H! + h) * T!, (b * H! + h + 1) * T!);
      for (let j = 0; j < S!; j++) {
        const columns = rows
          .map((row) => ({ row, ...scoreGradient(run, row, j) }))
          .filter(({ p }) => p.value !== 0 || p.error !== 0);
        const at = ((b * S! + j) * H! + h) * head;
        for (let d = 0; d < head; d++) {
          const dk = columns.map(({ row, ds }) => multiply(ds, exact(query[row.start + d]!)));
          const dv = columns.map(({ row, kept }) => multiply(kept, exact(dout[row.start + d]!)));
          run.put('dk', at + d, multiply(scale, sumBounded(dk)));
          run.put('dv', at + d, sumBounded(dv));
        }
      }
    }
}

function thresholds(run: Run): void {
  const { S, topK } = run.p as Record<string, number>;
  for (const row of scoreRows(run)) {
    const seen = range(S!)
      .filter((j) => isVisible(run, row, j))
      .map((j) => score(run, row, j))
      .sort((a, b) => b.value - a.value);
    const least = seen[topK! - 1];
    const next = least && seen.find(({ value }) => value < least.value);
    let threshold = exact(Math.fround(-1e38));
    if (least && next) {
      const middle = add(multiply(exact(0.5), least), multiply(exact(0.5), next));
      // Closer than rounding they may be ties, or ties be none: then the cut lies anywhere between
      // their neighbors.
      const isClear = seen.every(
        ({ value, error }) => Math.abs(value - least.value) > 2 * error || value === least.value,
      );
      threshold = isClear ? middle : { ...middle, error: Number.POSITIVE_INFINITY };
    }
    run.put('rowStats', 4 * row.row + 2, threshold);
  }
}

function probabilities(run: Run): void {
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

function targetWeight(run: Run, row: number): Bounded {
  const target = run.words('targets')[row]!;
  if (target === run.p.ignored || target >= run.p.V!) return exact(0);
  return run.p.hasWeights !== 0 ? run.number('weights', target) : exact(1);
}

function totalWeight(run: Run): void {
  run.put('totals', 1, sumBounded(range(run.p.rows!).map((row) => targetWeight(run, row))));
}

function crossEntropyRows(run: Run): void {
  const { rows, V, wantsGradient, factor } = run.p as Record<string, number>;
  const lanes = run.constant('LANES');
  for (let row = 0; row < rows!; row++) {
    const z = range(V!).map((c) => run.number('logits', row * V! + c));
    const top = z.reduce(larger);
    const weights = z.map((value) => exponential(subtract(value, top)));
    // Any term may be rescaled at each rise of the maximum, and by each merge of two lanes.
    const { rises, height } = maximumRises(z, 1);
    const units = 4 * (Math.min(rises, Math.ceil(V! / 4) + 3) + Math.log2(lanes)) + 2 * height;
    const sum = loosened(sumBounded(weights), units);
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

function totalLoss(run: Run): void {
  const sum = sumBounded(range(run.p.rows!).map((row) => run.number('rowLoss', row)));
  const weight = run.number('totals', 1);
  const loss = divide(multiply(exact(run.p.factor!), sum), weight);
  run.put('totals', 0, weight.value > 0 ? loss : exact(0));
}

function squaredError(run: Run): void {
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

// Elements.

const ACTIVATIONS: readonly ((v: Bounded) => Bounded)[] = [
  (v) => multiply(v, normalCdf(v)),
  (v) => exact(Math.max(v.value, 0)),
  hyperbolicTangent,
  sigmoid,
];

const DERIVATIVES: readonly ((s: Bounded) => Bounded)[] = [
  geluGradient,
  (s) => exact(s.value > 0 ? 1 : 0),
  (s) => subtract(exact(1), multiply(s, s)),
  (s) => multiply(s, subtract(exact(1), s)),
];

/** One function of every element; what it returns is added to `out` or written there. */
function elementwise(f: (run: Run, i: number) => Bounded): (run: Run) => void {
  return (run) => {
    for (let i = 0; i < run.p.n!; i++) run.accumulate('out', i, f(run, i), run.p.accumulate !== 0);
  };
}

const activate = elementwise((run, i) => ACTIVATIONS[run.p.kind!]!(run.number('x', i)));
const activateGradient = elementwise((run, i) =>
  multiply(run.number('x', i), DERIVATIVES[run.p.kind!]!(run.number('saved', i))),
);
const dropElements = elementwise((run, i) => multiply(run.number('x', i), run.keep(i)));
const combine = elementwise((run, i) => {
  const first = multiply(exact(run.p.alpha!), run.number('x', i));
  if (run.p.beta === 0) return first;
  return add(first, multiply(exact(run.p.beta!), run.number('saved', i)));
});

// Rows.

/**
 * What a row of layer normalisation was made from: the sums, their mean and 1 / standard deviation.
 */
function layerNormForward(run: Run): void {
  const { rows, C, eps } = run.p as Record<string, number>;
  const share = divide(exact(1), exact(C!));
  for (let row = 0; row < rows!; row++) {
    const at = row * C!;
    const x = range(C!).map((c) => run.number('x', at + c));
    const mean = multiply(sumBounded(x), share);
    const centered = x.map((value) => subtract(value, mean));
    const variance = multiply(sumBounded(centered.map((c) => multiply(c, c))), share);
    const rstd = inverseSqrt(add(variance, exact(eps!)));
    for (const [c, value] of centered.entries()) {
      const scaled = multiply(multiply(value, rstd), run.number('gamma', c));
      run.put('y', at + c, add(scaled, run.number('beta', c)));
    }
    run.put('newStats', 2 * row, mean);
    run.put('newStats', 2 * row + 1, rstd);
  }
}

/** (s - mean) * rstd of one element. */
function standardized(run: Run, row: number, c: number): Bounded {
  const centered = subtract(run.number('x', row * run.p.C! + c), run.number('stats', 2 * row));
  return multiply(centered, run.number('stats', 2 * row + 1));
}

function layerNormBackward(run: Run): void {
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

function layerNormScale(run: Run): void {
  const { rows, C } = run.p as Record<string, number>;
  for (let c = 0; c < C!; c++) {
    const dy = range(rows!).map((row) => run.number('dy', row * C! + c));
    const products = dy.map((g, row) => multiply(g, standardized(run, row, c)));
    run.accumulate('dgamma', c, sumBounded(products), true);
    run.accumulate('dbeta', c, sumBounded(dy), true);
  }
}

function normalizeForward(run: Run): void {
  const { rows, C, eps } = run.p as Record<string, number>;
  for (let row = 0; row < rows!; row++) {
    const x = range(C!).map((c) => run.number('x', row * C! + c));
    const norm = larger(squareRoot(sumBounded(x.map((v) => multiply(v, v)))), exact(eps!));
    for (const [c, v] of x.entries()) run.put('newY', row * C! + c, divide(v, norm));
    run.put('norms', row, norm);
  }
}

function normalizeBackward(run: Run): void {
  const { rows, C, eps, accumulate } = run.p as Record<string, number>;
  for (let row = 0; row < rows!; row++) {
    const at = row * C!;
    const norm = run.number('norms', row);
    const sum = new Sum();
    for (let c = 0; c < C!; c++)
      sum.addProduct(run.floats('dy')[at + c]!, run.floats('y')[at + c]!);
    const along = norm.value > eps! ? sum.total() : exact(0);
    for (let c = 0; c < C!; c++) {
      const across = subtract(run.number('dy', at + c), multiply(run.number('y', at + c), along));
      run.accumulate('dx', at + c, divide(across, norm), accumulate !== 0);
    }
  }
}

// Sequences.

function gather(run: Run): void {
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

function scatter(run: Run): void {
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

function foldRows(run: Run): void {
  const { rows, C, T } = run.p as Record<string, number>;
  for (let t = 0; t < T!; t++)
    for (let c = 0; c < C!; c++) {
      const sum = new Sum();
      for (let r = t; r < rows!; r += T!) sum.add(run.number('dout', r * C! + c));
      run.accumulate('dpositions', t * C! + c, sum.total(), true);
    }
}

function sinusoids(run: Run): void {
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

function copyPositions(run: Run): void {
  const p = run.p as Record<string, number>;
  for (let b = 0; b < p.B!; b++)
    for (let t = 0; t < p.length!; t++)
      for (let c = 0; c < p.C!; c++) {
        const source = (b * p.inLength! + p.inStart! + t) * p.C! + c;
        const target = (b * p.outLength! + p.outStart! + t) * p.C! + c;
        run.accumulate('out', target, run.number('x', source), p.accumulate !== 0);
      }
}

function isIncluded(run: Run, position: number): boolean {
  return run.p.hasMask === 0 || run.words('mask')[position] !== 0;
}

function pool(run: Run): void {
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

function poolGradient(run: Run): void {
  const { B, C, inLength, accumulate } = run.p as Record<string, number>;
  for (let b = 0; b < B!; b++)
    for (let t = 0; t < inLength!; t++)
      for (let c = 0; c < C!; c++) {
        const count = exact(Math.max(run.floats('counts')[b]!, 1));
        const isIn = isIncluded(run, b * inLength! + t);
        const share = isIn ? divide(run.number('dout', b * C! + c), count) : exact(0);
        run.accumulate('dx', (b * inLength! + t) * C! + c, share, accumulate !== 0);
      }
}

/** Every patch element with the voxel it holds. */
function* patchVoxels({ p }: Run): Generator<{ patch: number; voxel: number }> {
  let patch = 0;
  const n = p as Record<string, number>;
  for (let b = 0; b < n.B!; b++)
    for (let t = 0; t < n.t!; t++)
      for (let y = 0; y < n.h!; y++)
        for (let x = 0; x < n.w!; x++)
          for (let channel = 0; channel < n.C!; channel++)
            for (let i = 0; i < n.kt!; i++)
              for (let j = 0; j < n.kh!; j++)
                for (let k = 0; k < n.kw!; k++) {
                  const frame = (b * n.C! + channel) * n.frames! + t * n.strideT! + i;
                  const line = frame * n.height! + y * n.strideH! + j;
                  yield { patch, voxel: line * n.width! + x * n.strideW! + k };
                  patch += 1;
                }
}

function unfold(run: Run): void {
  for (const { patch, voxel } of patchVoxels(run))
    run.put('patches', patch, run.number('video', voxel));
}

function fold(run: Run): void {
  const { B, C, frames, height, width, accumulate } = run.p as Record<string, number>;
  const sums = range(B! * C! * frames! * height! * width!).map(() => new Sum());
  for (const { patch, voxel } of patchVoxels(run)) sums[voxel]!.add(run.number('dpatches', patch));
  for (const [voxel, sum] of sums.entries())
    run.accumulate('dvideo', voxel, sum.total(), accumulate !== 0);
}

// Recurrence.

function packWeights(run: Run): void {
  const { C, padded, transposed } = run.p as Record<string, number>;
  for (let row = 0; row < 3 * C!; row++)
    for (let unit = 0; unit < padded!; unit++) {
      const [gate, within] = [Math.floor(row / C!), row % C!];
      const number = unit < C! ? run.number('weight', row * C! + unit) : exact(0);
      if (transposed === 0) run.put('newPacked', row * padded! + unit, number);
      else if (unit < C!) run.put('newPacked', (unit * 3 + gate) * padded! + within, number);
    }
  if (transposed === 0) return;
  // Transposed, the padding is that of every gate of a unit.
  for (let k = 0; k < C!; k++)
    for (let gate = 0; gate < 3; gate++)
      for (let unit = C!; unit < padded!; unit++)
        run.put('newPacked', (k * 3 + gate) * padded! + unit, exact(0));
}

/** The positions of a sequence in the order in which the recurrence takes them. */
function recurrenceOrder({ p }: Run): number[] {
  const steps = range(p.T!);
  return p.reverse !== 0 ? steps.reverse() : steps;
}

function gruForward(run: Run): void {
  const { T, C, padded, saves } = run.p as Record<string, number>;
  const units = range(C!);
  const B = run.workgroups;
  for (let b = 0; b < B; b++) {
    let state = units.map((unit) => run.number('h0', b * C! + unit));
    for (const t of recurrenceOrder(run)) {
      const row = b * T! + t;
      const skipped = !isIncluded(run, row);
      const gate = (n: number, unit: number) => {
        const sum = new Sum();
        for (const k of units)
          sum.add(multiply(state[k]!, run.number('packed', (k * 3 + n) * padded! + unit)));
        return sum.total();
      };
      const x = (n: number, unit: number) => run.number('x', (row * 3 + n) * C! + unit);
      const bias = (n: number, unit: number) => run.number('bias', n * C! + unit);
      const before = state;
      state = units.map((unit) => {
        const reset = sigmoid(sumBounded([x(0, unit), gate(0, unit), bias(0, unit)]));
        const update = skipped
          ? exact(1)
          : sigmoid(sumBounded([x(1, unit), gate(1, unit), bias(1, unit)]));
        const own = add(gate(2, unit), bias(2, unit));
        const fresh = hyperbolicTangent(add(x(2, unit), multiply(reset, own)));
        const kept = multiply(update, before[unit]!);
        const value = add(multiply(subtract(exact(1), update), fresh), kept);
        run.put('out', row * C! + unit, value);
        if (saves !== 0) {
          run.put('previous', row * C! + unit, before[unit]!);
          for (const [n, saved] of [reset, update, fresh, own].entries())
            run.put('saved', (row * 4 + n) * C! + unit, saved);
        }
        return value;
      });
    }
  }
}

function gruBackward(run: Run): void {
  const { T, C, padded } = run.p as Record<string, number>;
  const units = range(C!);
  const B = run.workgroups;
  const one = exact(1);
  for (let b = 0; b < B; b++) {
    let carried = units.map(() => exact(0));
    for (const t of recurrenceOrder(run).reverse()) {
      const row = b * T! + t;
      const gates = units.map((unit) => {
        const saved = (n: number) => run.number('saved', (row * 4 + n) * C! + unit);
        const [reset, update, fresh, state] = [saved(0), saved(1), saved(2), saved(3)];
        const dh = add(run.number('dout', row * C! + unit), carried[unit]!);
        const open = subtract(one, update);
        const dn = multiply(multiply(dh, open), subtract(one, multiply(fresh, fresh)));
        const moved = subtract(run.number('previous', row * C! + unit), fresh);
        const dz = multiply(multiply(multiply(dh, moved), update), open);
        const dr = multiply(multiply(multiply(dn, state), reset), subtract(one, reset));
        for (const [n, g] of [dr, dz, dn].entries()) run.put('dx', (row * 3 + n) * C! + unit, g);
        const own = multiply(dn, reset);
        for (const [n, g] of [dr, dz, own].entries()) run.put('du', (row * 3 + n) * C! + unit, g);
        return { all: [dr, dz, own], kept: multiply(dh, update) };
      });
      carried = units.map((unit) => {
        const sum = new Sum();
        for (const n of [0, 1, 2])
          for (const k of units)
            sum.add(
              multiply(gates[k]!.all[n]!, run.number('packed', (n * C! + k) * padded! + unit)),
            );
        return add(gates[unit]!.kept, sum.total());
      });
    }
    for (const unit of units) run.put('dh0', b * C! + unit, carried[unit]!);
  }
}

// Optimizer.

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

function resolveSettings(run: Run): Settings {
  const entries = SETTINGS.map((name, n) => [name, run.number('settings', n)]);
  return Object.fromEntries(entries) as Settings;
}

/** Elements of a block, the smallest range that is trainable or not. */
const BLOCK = 64;

function gradientSquares(run: Run): void {
  const { n, groups } = run.p as Record<string, number>;
  const { gradScale } = resolveSettings(run);
  const width = 4 * run.constant('WG');
  const sums = range(groups!).map(() => new Sum());
  for (let i = 0; i < n!; i++) {
    if ((run.words('blocks')[Math.floor(i / BLOCK)]! & 1) === 0) continue;
    const g = multiply(run.number('gradients', i), gradScale);
    sums[Math.floor(i / width) % groups!]!.add(multiply(g, g));
  }
  for (const [group, sum] of sums.entries()) run.put('partials', group, sum.total());
}

function gradientNorm(run: Run): void {
  const { maxNorm } = resolveSettings(run);
  const length = squareRoot(sumBounded(range(run.p.groups!).map((n) => run.number('partials', n))));
  run.put('totals', 0, length);
  const clips = maxNorm.value > 0 && length.value > maxNorm.value;
  const small = exact(Math.fround(1e-6));
  run.put('totals', 1, clips ? divide(maxNorm, add(length, small)) : exact(1));
}

function updateParameters(run: Run): void {
  const { rate, beta1, beta2, eps, decay, correction1, correction2, gradScale } =
    resolveSettings(run);
  const one = exact(1);
  const scale = multiply(gradScale, run.number('totals', 1));
  for (let i = 0; i < run.p.n!; i++) {
    const marks = run.words('blocks')[Math.floor(i / BLOCK)]!;
    if ((marks & 1) === 0) continue;
    const shrink = (marks & 2) !== 0 ? subtract(one, multiply(rate, decay)) : one;
    const g = multiply(run.number('gradients', i), scale);
    const freshM = multiply(subtract(one, beta1), g);
    const freshV = multiply(multiply(subtract(one, beta2), g), g);
    const m = add(multiply(beta1, run.number('firstMoment', i)), freshM);
    const v = add(multiply(beta2, run.number('secondMoment', i)), freshV);
    const length = add(squareRoot(multiply(v, correction2)), eps);
    const step = divide(multiply(rate, multiply(m, correction1)), length);
    run.put('firstMoment', i, m);
    run.put('secondMoment', i, v);
    run.put('parameters', i, add(multiply(run.number('parameters', i), shrink), negate(step)));
  }
}

// Draws.

function drawClasses(run: Run): void {
  const { rows, V, topK, topP, temperature, hasLowest, site } = run.p as Record<string, number>;
  const [x, y] = run.words('random') as unknown as [number, number];
  const slack = (V! + 8) * 2 ** -22;
  for (let row = 0; row < rows!; row++) {
    const z = range(V!).map((c) => run.floats('logits')[row * V! + c]!);
    const falling = [...z].sort((a, b) => b - a);
    const top = falling[0]!;
    let least = topK! > 0 ? falling[topK! - 1]! : Number.NEGATIVE_INFINITY;
    let isOpen = false;
    if (topP! < 1) {
      const kept = falling.filter((value) => value >= least);
      const mass = kept.reduce((sum, value) => sum + Math.exp(value - top), 0);
      const above = (value: number) =>
        kept.reduce((sum, other) => sum + (other > value ? Math.exp(other - top) : 0), 0);
      isOpen ||= kept.some((value) => Math.abs(above(value) - topP! * mass) < slack * mass);
      least = kept.findLast((value) => above(value) <= topP! * mass)!;
    }
    let drawn = z.indexOf(top);
    if (temperature! > 0) {
      const weights = z.map((v) => (v >= least ? Math.exp((v - top) / temperature!) : 0));
      const total = weights.reduce((sum, w) => sum + w, 0);
      const scaleSlack = slack * (1 + (top - falling.at(-1)!) / temperature!) * total;
      let left = ((hash4([row, site!, x, y])[0] >>> 8) / 2 ** 24) * total;
      for (const [c, weight] of weights.entries()) {
        if (weight === 0) continue;
        drawn = c;
        left -= weight;
        // The last class takes what is left, however it was rounded.
        const isLast = weights.slice(c + 1).every((w) => w === 0);
        isOpen ||= Math.abs(left) < scaleSlack && !isLast;
        if (left < 0) break;
      }
    }
    if (hasLowest !== 0) drawn = Math.max(drawn, Math.min(run.words('lowest')[row]!, V! - 1));
    const logMass = logarithm(
      sumBounded(z.map((v) => exponential(subtract(exact(v), exact(top))))),
    );
    run.putWord('drawn', row, drawn);
    run.put('logProbability', row, subtract(subtract(exact(z[drawn]!), exact(top)), logMass));
    if (!isOpen) continue;
    run.leaveOpen('drawn', row);
    run.leaveOpen('logProbability', row);
  }
}

// The table.

const PRODUCT =
  'n products: n u sum |a b|, then a rounding for each step of the epilogue; GELU by its fit';
const SCORES =
  'scores (D + 1) u sum |q k|, exp 3 + 2 |s - max| ulp, a rescaling at each rise of max';
const SCORE_GRADIENTS =
  'as the forward, then n terms p (keep do . v - delta) x: n u times their sizes';
const GATHERED = 'at most three terms: 2 u of their sizes, a copy alone is exact';
const SUMMED = 'n terms: (n - 1) u of their sizes';
const COPIED = 'a copy: the same bits';
const LAYERNORM =
  'sums over a row, two passes; inverseSqrt 2 ulp; a row of equal numbers is bounded absolutely';
const ACTIVATED = 'exp 3 + 2 |x| ulp, quotients 2.5, the erfc fit 1.2e-7; ReLU exact';
const SCALED = 'a rounding for each of the two products and sums';
const ADAM = 'a rounding for each step, sqrt 4.5 ulp, the quotient 2.5';
const SINE = 'the angle rounded once, the polynomials 2e-7';

export const KERNEL_BOUNDS: Readonly<Record<KernelName, KernelBound>> = {
  'adamw.squares': { bound: 'n squares: (n + 2) u of their sum', expect: gradientSquares },
  'adamw.norm': { bound: 'a sum, sqrt 4.5 ulp, the quotient 2.5', expect: gradientNorm },
  'adamw.update': { bound: ADAM, expect: updateParameters },
  'attention_backward.delta': { bound: 'D products', expect: attentionDelta('o') },
  'attention_backward.dquery': { bound: SCORE_GRADIENTS, expect: queryGradient },
  'attention_backward.dkeys': { bound: SCORE_GRADIENTS, expect: keyGradients },
  'attention_direct.forward': { bound: SCORES, expect: attentionForward(0) },
  'attention_direct.delta': { bound: 'D products', expect: attentionDelta('forwardO') },
  'attention_direct.dquery': { bound: SCORE_GRADIENTS, expect: queryGradient },
  'attention_direct.dkeys': { bound: SCORE_GRADIENTS, expect: keyGradients },
  'attention_forward.forward': { bound: SCORES, expect: attentionForward(4) },
  'attention_forward.merge': {
    bound: 'exp of each split, a sum of them, 1 / sum',
    expect: mergeSplits,
  },
  'attention_rows.threshold': { bound: 'the errors of two scores, halved', expect: thresholds },
  'attention_rows.probabilities': { bound: SCORES, expect: probabilities },
  'cross_entropy.total_weight': { bound: SUMMED, expect: totalWeight },
  'cross_entropy.rows': {
    bound: 'exp 3 + 2 |z - max| ulp, a rescaling at each rise of max and merge of lanes, log 2^-21',
    expect: crossEntropyRows,
  },
  'cross_entropy.total_loss': { bound: SUMMED, expect: totalLoss },
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
    bound: 'C products a gate, sigmoid and tanh, carried over the steps',
    expect: gruForward,
  },
  'gru.backward': { bound: '3 C products a unit, carried over the steps', expect: gruBackward },
  'layernorm.forward': { bound: LAYERNORM, expect: layerNormForward },
  'layernorm.forward_wide': { bound: LAYERNORM, expect: layerNormForward },
  'layernorm.backward': { bound: LAYERNORM, expect: layerNormBackward },
  'layernorm.backward_wide': { bound: LAYERNORM, expect: layerNormBackward },
  'layernorm.scale': { bound: SUMMED, expect: layerNormScale },
  'layernorm.scale_wide': { bound: SUMMED, expect: layerNormScale },
  'matmul_direct.nt': { bound: PRODUCT, expect: product(false) },
  'matmul_direct.nn': { bound: PRODUCT, expect: product(false) },
  'matmul_direct.tn': { bound: PRODUCT, expect: product(false) },
  'matmul_direct.strided': { bound: PRODUCT, expect: product(false) },
  'matmul_tiled.wide': { bound: PRODUCT, expect: product(true) },
  'matmul_tiled.narrow': { bound: PRODUCT, expect: product(true) },
  'matmul_reduce.main': { bound: SUMMED, expect: reducePartials },
  'normalize.forward': {
    bound: 'a sum of squares, sqrt 4.5 ulp, the quotient 2.5',
    expect: normalizeForward,
  },
  'normalize.backward': {
    bound: 'a row of products, the quotient 2.5 ulp',
    expect: normalizeBackward,
  },
  'sample.main': {
    bound: 'the class itself; its log-probability by exp and log',
    expect: drawClasses,
  },
  'sequence.copy': { bound: COPIED, expect: copyPositions },
  'sequence.pool': { bound: SUMMED, expect: pool },
  'sequence.pool_grad': { bound: 'the quotient 2.5 ulp', expect: poolGradient },
  'sinusoid.main': { bound: SINE, expect: sinusoids },
  'sinusoid.main_wide': { bound: SINE, expect: sinusoids },
  'squared_error.main': { bound: SUMMED, expect: squaredError },
  'unfold3d.unfold': { bound: COPIED, expect: unfold },
  'unfold3d.fold': { bound: SUMMED, expect: fold },
};

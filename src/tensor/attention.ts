/** Multi-head attention of queries to keys, causal or not, in memory linear in both. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import type { BufferView } from '../gpu/memory.js';
import { type Dropout, dropoutParams } from './random.js';
import { type Gradients, newOutput, pushNode } from './tape.js';
import { expectShape, Tensor } from './tensor.js';

export interface AttentionOptions {
  heads: number;
  /** Query i sees keys 0 .. i only. Default false. */
  causal?: boolean;
  /** u32 [B, S]: a zero hides that key from every query of its batch row. */
  mask?: Tensor | undefined;
  /** Keeps only the k largest scores of each row, and ties. */
  topK?: number | undefined;
  /** Dropout on the probabilities. */
  dropout?: Dropout | undefined;
  /** Default 1 / sqrt(head size). */
  scale?: number;
}

/** Sizes of one attention call. */
interface Sizes {
  B: number;
  /** Queries. */
  T: number;
  /** Keys. */
  S: number;
  heads: number;
  head: number;
}

const MAX_HEAD = 128;
const MAX_SPLITS = 64;
const WORKGROUP_SIZE = 64;

/**
 * softmax(q k^T * scale) v per head, hidden keys left out; a query that sees no key gives 0.
 *
 * @param query [B, T, heads * head]
 * @param key [B, S, heads * head]
 * @param value [B, S, heads * head]
 * @returns [B, T, heads * head]
 */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions,
): Tensor {
  const { engine } = query;
  const { out, rows, sizes } = attend(query, key, value, options);
  pushNode(engine, {
    op: 'attention',
    outputs: [out],
    saved: [rows],
    backward(gradients) {
      const dout = gradients.of(out);
      if (dout) backward(gradients, { query, key, value, out, dout, rows }, sizes, options);
    },
  });
  return out;
}

/**
 * The probabilities attention uses, materialised for analysis; no gradient flows through them.
 *
 * @returns [B, heads, T, S]
 */
export function attentionProbabilities(
  query: Tensor,
  key: Tensor,
  options: AttentionOptions,
): Tensor {
  const { engine } = query;
  return engine.scope(() => {
    // The row maxima and sums come from a forward pass; the keys stand in for values nobody reads.
    const { rows, sizes } = attend(query, key, key, { ...options, dropout: undefined });
    const { B, T, S, heads, head } = sizes;
    const probability = Tensor.empty(engine, [B, heads, T, S]);
    engine.dispatch(
      'attention_rows.probabilities',
      {
        query,
        key,
        mask: options.mask ?? engine.placeholders.read,
        rowStats: rows,
        probability,
      },
      rowParams(sizes, options),
      Math.ceil((B * heads * T * Math.ceil(S / 4)) / WORKGROUP_SIZE),
      { constants: { D: head, WG: WORKGROUP_SIZE } },
    );
    return probability;
  });
}

/** The output and each row's log-sum-exp and threshold, without a trace on the tape. */
function attend(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions) {
  const { engine } = query;
  const sizes = checkSizes(query, key, value, options);
  const { B, T, heads } = sizes;
  const out = newOutput(engine, query.shape, [query, key, value]);
  const rows = Tensor.empty(engine, [B, heads, T, 4]);
  if (isSparse(sizes, options)) findThresholds(engine, query, key, rows, sizes, options);
  forward(engine, query, key, value, out, rows, sizes, options);
  return { out, rows, sizes };
}

function checkSizes(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions): Sizes {
  const { heads, mask, topK } = options;
  const bound = expectShape('attention', 'query', query, ['B', 'T', 'width']);
  expectShape('attention', 'key', key, ['B', 'S', 'width'], bound);
  expectShape('attention', 'value', value, ['B', 'S', 'width'], bound);
  const { B, T, S, width } = bound as { B: number; T: number; S: number; width: number };
  if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0) {
    throw new ShapeError('attention', 'heads', `a divisor of the width ${width}`, String(heads));
  }
  if (width / heads > MAX_HEAD) {
    throw new ShapeError('attention', 'head size', `at most ${MAX_HEAD}`, String(width / heads));
  }
  if (mask) {
    expectShape('attention', 'mask', mask, [B, S], {}, 'u32');
  }
  if (topK !== undefined && !(Number.isInteger(topK) && topK > 0)) {
    throw new ShapeError('attention', 'topK', 'a positive integer', String(topK));
  }
  return { B, T, S, heads, head: width / heads };
}

function isSparse({ S }: Sizes, { topK }: AttentionOptions): boolean {
  return topK !== undefined && topK < S;
}

function scoreScale({ head }: Sizes, { scale }: AttentionOptions): number {
  return scale ?? 1 / Math.sqrt(head);
}

function attentionParams(sizes: Sizes, options: AttentionOptions, splits: number) {
  return {
    ...scoreParams(sizes, options),
    splits,
    ...dropoutParams('attention', options.dropout),
  };
}

function rowParams(sizes: Sizes, options: AttentionOptions) {
  return { ...scoreParams(sizes, options), topK: options.topK ?? 0 };
}

/** What every kernel that scores a query against a key reads. */
function scoreParams(sizes: Sizes, options: AttentionOptions) {
  return {
    B: sizes.B,
    H: sizes.heads,
    T: sizes.T,
    S: sizes.S,
    causal: Number(options.causal ?? false),
    hasMask: Number(options.mask !== undefined),
    sparse: Number(isSparse(sizes, options)),
    scale: scoreScale(sizes, options),
  };
}

/** Keys (or queries) staged at a time: what 16 KiB hold of two tiles, at most 32. */
function stagedTile(head: number): number {
  const chunks = Math.ceil(head / 4);
  return Math.min(32, 4 * Math.floor(16384 / (2 * 16 * chunks * 4)));
}

/** Queries (or keys) that a workgroup of the direct kernels makes. */
const DIRECT_ROWS = 32;

/** Keys (or queries) in a panel of the direct kernels: whole eights of which 4 KiB hold two panels' worth, at most 64. */
function directTile(head: number): number {
  const words = 4 * Math.ceil(head / 4);
  return Math.min(64, 8 * Math.max(1, Math.floor(1024 / words / 8)));
}

function tileFor(engine: Engine, head: number): number {
  return engine.tuning.staged ? stagedTile(head) : directTile(head);
}

/** Queries, or keys, of one head that a workgroup makes. */
function blockFor(engine: Engine, head: number): number {
  const { staged, attentionGroup } = engine.tuning;
  return staged ? attentionGroup * rowsFor(engine, head) : DIRECT_ROWS;
}

/** Two rows an invocation share their loads, as long as both fit into registers. */
function rowsFor(engine: Engine, head: number): number {
  return head <= 64 ? engine.tuning.attentionRows : 1;
}

function queryBlocks(engine: Engine, { B, T, heads, head }: Sizes): number {
  return B * heads * Math.ceil(T / blockFor(engine, head));
}

/** Where queries are few and keys are many, the keys are split over workgroups and the parts merged. */
function splitsFor(engine: Engine, sizes: Sizes, options: AttentionOptions): number {
  if (options.causal) return 1;
  const wanted = Math.floor(engine.tuning.minWorkgroups / queryBlocks(engine, sizes));
  const most = Math.floor(sizes.S / (4 * tileFor(engine, sizes.head)));
  return Math.max(1, Math.min(wanted, most, MAX_SPLITS));
}

function findThresholds(
  engine: Engine,
  query: Tensor,
  key: Tensor,
  rows: Tensor,
  sizes: Sizes,
  options: AttentionOptions,
): void {
  const { B, T, S, heads, head } = sizes;
  engine.dispatch(
    'attention_rows.threshold',
    { query, key, mask: options.mask ?? engine.placeholders.read, rowStats: rows },
    rowParams(sizes, options),
    Math.ceil((B * heads * T) / WORKGROUP_SIZE),
    { constants: { D: head, WG: WORKGROUP_SIZE }, flops: 33 * 2 * B * heads * T * S * head },
  );
}

function forward(
  engine: Engine,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  out: Tensor,
  rows: Tensor,
  sizes: Sizes,
  options: AttentionOptions,
): void {
  const { B, T, S, heads, head } = sizes;
  const splits = splitsFor(engine, sizes, options);
  const params = attentionParams(sizes, options, splits);
  const parts = splits > 1 ? Tensor.empty(engine, [splits, ...out.shape]) : undefined;
  const partials = splits > 1 ? Tensor.empty(engine, [splits, B, heads, T, 2]) : undefined;
  const buffers = {
    query,
    key,
    value,
    mask: options.mask ?? engine.placeholders.read,
    o: parts ?? out,
    partials: partials ?? engine.placeholders.write,
    random: options.dropout?.random.state ?? engine.placeholders.read,
  };
  const groups = queryBlocks(engine, sizes) * splits;
  const flops = 4 * B * heads * T * S * head;
  if (engine.tuning.staged) {
    const constants = stagedConstants(engine, head);
    engine.dispatch('attention_forward.forward', { ...buffers, rowStats: rows }, params, groups, {
      constants: { ...constants, TILE: stagedTile(head) },
      flops,
    });
  } else {
    const constants = directConstants(head);
    engine.dispatch('attention_direct.forward', { ...buffers, newRowStats: rows }, params, groups, {
      constants,
      flops,
    });
  }
  if (!parts || !partials) return;
  engine.dispatch(
    'attention_forward.merge',
    { partialO: parts, partialSums: partials, o: out, rowStats: rows },
    params,
    Math.ceil((B * heads * T * Math.ceil(head / 4)) / WORKGROUP_SIZE),
    { constants: { D: head, WG: WORKGROUP_SIZE } },
  );
  parts.release();
  partials.release();
}

function stagedConstants(engine: Engine, head: number) {
  return { D: head, WG: engine.tuning.attentionGroup, ROWS: rowsFor(engine, head) };
}

function directConstants(head: number) {
  return { D: head, ROWS: DIRECT_ROWS, TILE: directTile(head) };
}

interface BackwardTensors {
  query: Tensor;
  key: Tensor;
  value: Tensor;
  out: Tensor;
  dout: Tensor;
  rows: Tensor;
}

function backward(
  gradients: Gradients,
  t: BackwardTensors,
  sizes: Sizes,
  options: AttentionOptions,
): void {
  const { engine } = t.query;
  const { B, T, S, heads, head } = sizes;
  const random = options.dropout?.random.state ?? engine.placeholders.read;
  const mask = options.mask ?? engine.placeholders.read;
  const params = attentionParams(sizes, options, 1);
  if (engine.tuning.staged) {
    const buffers = { o: t.out, do_: t.dout, newRowStats: t.rows };
    const constants = { D: head, WG: WORKGROUP_SIZE };
    const groups = Math.ceil((B * heads * T) / WORKGROUP_SIZE);
    engine.dispatch('attention_backward.delta', buffers, params, groups, { constants });
  } else {
    const buffers = { forwardO: t.out, do_: t.dout, newRowStats: t.rows };
    const constants = directConstants(head);
    engine.dispatch('attention_direct.delta', buffers, params, B * heads * T, { constants });
  }
  const inputs = {
    query: t.query,
    key: t.key,
    value: t.value,
    mask,
    do_: t.dout,
    rowStats: t.rows,
    random,
  };
  if (gradients.wants(t.query)) queryGradient(gradients, t.query, inputs, sizes, options);
  if (!gradients.wants(t.key) && !gradients.wants(t.value)) return;
  const dk = Tensor.empty(engine, t.key.shape);
  const dv = Tensor.empty(engine, t.value.shape);
  const groups = B * heads * Math.ceil(S / blockFor(engine, head));
  const flops = 8 * B * heads * T * S * head;
  if (engine.tuning.staged) {
    const constants = { ...stagedConstants(engine, head), TILE: stagedTile(head) };
    engine.dispatch('attention_backward.dkeys', { ...inputs, dk, dv }, params, groups, {
      constants,
      flops,
    });
  } else {
    const constants = directConstants(head);
    engine.dispatch('attention_direct.dkeys', { ...inputs, dk, dv }, params, groups, {
      constants,
      flops,
    });
  }
  if (gradients.wants(t.key)) gradients.accumulate(t.key, dk);
  else dk.release();
  if (gradients.wants(t.value)) gradients.accumulate(t.value, dv);
  else dv.release();
}

type BackwardInputs = Record<
  'query' | 'key' | 'value' | 'mask' | 'do_' | 'rowStats' | 'random',
  BufferView
>;

function queryGradient(
  gradients: Gradients,
  query: Tensor,
  inputs: BackwardInputs,
  sizes: Sizes,
  options: AttentionOptions,
): void {
  const { engine } = query;
  const { B, T, S, heads, head } = sizes;
  const splits = splitsFor(engine, sizes, options);
  const dq = Tensor.empty(engine, query.shape);
  const parts = splits > 1 ? Tensor.empty(engine, [splits, ...query.shape]) : undefined;
  const buffers = { ...inputs, dq: parts ?? dq };
  const params = attentionParams(sizes, options, splits);
  const groups = queryBlocks(engine, sizes) * splits;
  const flops = 6 * B * heads * T * S * head;
  if (engine.tuning.staged) {
    const constants = { ...stagedConstants(engine, head), TILE: stagedTile(head) };
    engine.dispatch('attention_backward.dquery', buffers, params, groups, { constants, flops });
  } else {
    const constants = directConstants(head);
    engine.dispatch('attention_direct.dquery', buffers, params, groups, { constants, flops });
  }
  if (parts) {
    engine.dispatch(
      'matmul_reduce.main',
      { partials: parts, out: dq, columnSums: engine.placeholders.write },
      { elements: dq.length, columns: 0, stride: dq.length, splits, accumulate: 0, alpha: 1 },
      Math.ceil(dq.length / 64),
    );
    parts.release();
  }
  gradients.accumulate(query, dq);
}

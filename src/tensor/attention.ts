/**
 * Multi-head attention, causal or not, in memory that is linear in the number of queries and keys.
 */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import type { BufferView } from '../gpu/memory.js';
import { REDUCE_WORKGROUP_SIZE } from './gemm.js';
import { type Dropout, dropoutParams } from './random.js';
import { type Gradients, newOutput, pushNode } from './tape.js';
import { expectShape, Tensor } from './tensor.js';

/** Options of `attention` and `attentionProbabilities`. */
export interface AttentionOptions {
  /** Number of heads, H; divides the width of the query. */
  heads: number;
  /** Query i sees only keys 0 .. i. Default: false. */
  causal?: boolean;
  /** u32 [B, S]; 0 hides the key from every query of its batch row. */
  mask?: Tensor | undefined;
  /** Uses only the k largest scores of each row, and those equal to the k-th. Default: all. */
  topK?: number | undefined;
  /** Dropout on the probabilities. */
  dropout?: Dropout | undefined;
  /** The scores' factor. Default: 1 / sqrt(D). */
  scale?: number;
}

/** Sizes of one attention call. */
interface Sizes {
  B: number;
  /** Queries. */
  T: number;
  /** Keys. */
  S: number;
  /** Heads. */
  H: number;
  /** Width of a head. */
  D: number;
}

/** The maximum width of a head, D. */
const MAX_HEAD = 128;
/** The maximum number of ranges that the keys are split into. */
const MAX_SPLITS = 64;
const WORKGROUP_SIZE = 64;
/**
 * How often attention_rows.threshold computes all scores: once for each bit of the topK-th score,
 * and once for the score below it.
 */
const THRESHOLD_PASSES = 33;
/** Workgroup memory of the staged kernels: the limit that every WebGPU device has. */
const WORKGROUP_BYTES = 16384;
/** The maximum number of keys (or queries) in a staged tile. */
const MAX_STAGED_TILE = 32;
/** The size of a panel of the direct kernels, in words: 4 KiB. */
const PANEL_WORDS = 1024;
/** The widest head of which two rows per invocation fit into registers. */
const MAX_PAIRED_HEAD = 64;

/**
 * softmax(q k^T * scale) v per head, over the keys that a query sees. The output of a query that
 * sees no key is 0.
 *
 * @param query [B, T, H * D]
 * @param key [B, S, H * D]
 * @param value [B, S, H * D]
 * @returns [B, T, H * D]
 * @throws ShapeError where shapes disagree, the heads do not divide the width, D is above 128, or
 *   topK is not positive.
 */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions,
): Tensor {
  const { engine } = query;
  const { out, rowStats, sizes } = attend(query, key, value, options);
  pushNode(engine, {
    op: 'attention',
    outputs: [out],
    saved: [rowStats],
    backward(gradients) {
      const dout = gradients.get(out);
      if (dout) backward(gradients, { query, key, value, out, dout, rowStats }, sizes, options);
    },
  });
  return out;
}

/**
 * The attention probabilities as a tensor, for analysis. They are without dropout and have no
 * gradient.
 *
 * @param query [B, T, H * D]
 * @param key [B, S, H * D]
 * @returns [B, H, T, S]
 * @throws ShapeError as `attention` does.
 */
export function attentionProbabilities(
  query: Tensor,
  key: Tensor,
  options: AttentionOptions,
): Tensor {
  const { engine } = query;
  return engine.scope(() => {
    // The log-sum-exp of each row comes from a forward pass, whose output is not used: the keys
    // serve as values.
    const { rowStats, sizes } = attend(query, key, key, { ...options, dropout: undefined });
    const { B, T, S, H, D } = sizes;
    const probability = Tensor.empty(engine, [B, H, T, S]);
    engine.dispatch(
      'attention_rows.probabilities',
      {
        query,
        key,
        mask: options.mask ?? engine.placeholders.read,
        rowStats,
        probability,
      },
      rowParams(sizes, options),
      Math.ceil((B * H * T * Math.ceil(S / 4)) / WORKGROUP_SIZE),
      { constants: { D, WG: WORKGROUP_SIZE } },
    );
    return probability;
  });
}

/**
 * The output, and in `rowStats` [B, H, T, 4] the log-sum-exp and threshold of each row of scores.
 * Records no tape node.
 */
function attend(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions) {
  const { engine } = query;
  const sizes = checkSizes(query, key, value, options);
  const { B, T, H } = sizes;
  const out = newOutput(engine, query.shape, [query, key, value]);
  const rowStats = Tensor.empty(engine, [B, H, T, 4]);
  if (isSparse(sizes, options)) computeThresholds(engine, query, key, rowStats, sizes, options);
  forward(engine, query, key, value, out, rowStats, sizes, options);
  return { out, rowStats, sizes };
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
  return { B, T, S, H: heads, D: width / heads };
}

function isSparse({ S }: Sizes, { topK }: AttentionOptions): boolean {
  return topK !== undefined && topK < S;
}

function scoreScale({ D }: Sizes, { scale }: AttentionOptions): number {
  return scale ?? 1 / Math.sqrt(D);
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

/** Parameters of every kernel that computes scores. */
function scoreParams(sizes: Sizes, options: AttentionOptions) {
  return {
    B: sizes.B,
    H: sizes.H,
    T: sizes.T,
    S: sizes.S,
    causal: Number(options.causal ?? false),
    hasMask: Number(options.mask !== undefined),
    sparse: Number(isSparse(sizes, options)),
    scale: scoreScale(sizes, options),
  };
}

/**
 * Keys (or queries) staged at a time: as many as fit twice into 16 KiB of workgroup memory, at most
 * 32.
 */
function stagedTile(D: number): number {
  const chunks = Math.ceil(D / 4);
  return Math.min(MAX_STAGED_TILE, 4 * Math.floor(WORKGROUP_BYTES / (2 * 16 * chunks * 4)));
}

/** Queries (or keys) per workgroup of the direct kernels. */
const DIRECT_ROWS = 32;

/**
 * Keys (or queries) in a panel of the direct kernels: a multiple of 8 that fits into 4 KiB, from 8
 * to 64.
 */
function directTile(D: number): number {
  const words = 4 * Math.ceil(D / 4);
  return Math.min(64, 8 * Math.max(1, Math.floor(PANEL_WORDS / words / 8)));
}

function tileFor(engine: Engine, D: number): number {
  return engine.tuning.staged ? stagedTile(D) : directTile(D);
}

/** Queries (or keys) of one head per workgroup. */
function rowsPerWorkgroup(engine: Engine, D: number): number {
  const { staged, attentionGroup } = engine.tuning;
  return staged ? attentionGroup * rowsPerInvocation(engine, D) : DIRECT_ROWS;
}

/** Two rows per invocation share their loads, where both fit into registers. */
function rowsPerInvocation(engine: Engine, D: number): number {
  return D <= MAX_PAIRED_HEAD ? engine.tuning.attentionRows : 1;
}

function queryBlocks(engine: Engine, { B, T, H, D }: Sizes): number {
  return B * H * Math.ceil(T / rowsPerWorkgroup(engine, D));
}

/**
 * With few queries and many keys, the keys are split over workgroups and the partial outputs
 * merged.
 */
function splitsFor(engine: Engine, sizes: Sizes, options: AttentionOptions): number {
  if (options.causal) return 1;
  const desired = Math.floor(engine.tuning.minWorkgroups / queryBlocks(engine, sizes));
  const maxSplits = Math.floor(sizes.S / (4 * tileFor(engine, sizes.D)));
  return Math.max(1, Math.min(desired, maxSplits, MAX_SPLITS));
}

function computeThresholds(
  engine: Engine,
  query: Tensor,
  key: Tensor,
  rowStats: Tensor,
  sizes: Sizes,
  options: AttentionOptions,
): void {
  const { B, T, S, H, D } = sizes;
  engine.dispatch(
    'attention_rows.threshold',
    { query, key, mask: options.mask ?? engine.placeholders.read, rowStats },
    rowParams(sizes, options),
    Math.ceil((B * H * T) / WORKGROUP_SIZE),
    { constants: { D, WG: WORKGROUP_SIZE }, flops: THRESHOLD_PASSES * 2 * B * H * T * S * D },
  );
}

function forward(
  engine: Engine,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  out: Tensor,
  rowStats: Tensor,
  sizes: Sizes,
  options: AttentionOptions,
): void {
  const { B, T, S, H, D } = sizes;
  const splits = splitsFor(engine, sizes, options);
  const params = attentionParams(sizes, options, splits);
  const parts = splits > 1 ? Tensor.empty(engine, [splits, ...out.shape]) : undefined;
  const partials = splits > 1 ? Tensor.empty(engine, [splits, B, H, T, 2]) : undefined;
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
  const flops = 4 * B * H * T * S * D;
  if (engine.tuning.staged) {
    const constants = stagedConstants(engine, D);
    engine.dispatch('attention_forward.forward', { ...buffers, rowStats }, params, groups, {
      constants: { ...constants, TILE: stagedTile(D) },
      flops,
    });
  } else {
    const constants = directConstants(D);
    engine.dispatch(
      'attention_direct.forward',
      { ...buffers, newRowStats: rowStats },
      params,
      groups,
      {
        constants,
        flops,
      },
    );
  }
  if (!parts || !partials) return;
  engine.dispatch(
    'attention_forward.merge',
    { partialO: parts, partialSums: partials, o: out, rowStats },
    params,
    Math.ceil((B * H * T * Math.ceil(D / 4)) / WORKGROUP_SIZE),
    { constants: { D, WG: WORKGROUP_SIZE } },
  );
  parts.release();
  partials.release();
}

function stagedConstants(engine: Engine, D: number) {
  return { D, WG: engine.tuning.attentionGroup, ROWS: rowsPerInvocation(engine, D) };
}

function directConstants(D: number) {
  return { D, ROWS: DIRECT_ROWS, TILE: directTile(D) };
}

interface BackwardTensors {
  query: Tensor;
  key: Tensor;
  value: Tensor;
  out: Tensor;
  dout: Tensor;
  rowStats: Tensor;
}

function backward(
  gradients: Gradients,
  tensors: BackwardTensors,
  sizes: Sizes,
  options: AttentionOptions,
): void {
  const { engine } = tensors.query;
  const { B, T, S, H, D } = sizes;
  const random = options.dropout?.random.state ?? engine.placeholders.read;
  const mask = options.mask ?? engine.placeholders.read;
  const params = attentionParams(sizes, options, 1);
  if (engine.tuning.staged) {
    const buffers = { o: tensors.out, do_: tensors.dout, newRowStats: tensors.rowStats };
    const constants = { D, WG: WORKGROUP_SIZE };
    const groups = Math.ceil((B * H * T) / WORKGROUP_SIZE);
    engine.dispatch('attention_backward.delta', buffers, params, groups, { constants });
  } else {
    const buffers = { forwardO: tensors.out, do_: tensors.dout, newRowStats: tensors.rowStats };
    const constants = directConstants(D);
    engine.dispatch('attention_direct.delta', buffers, params, B * H * T, { constants });
  }
  const inputs = {
    query: tensors.query,
    key: tensors.key,
    value: tensors.value,
    mask,
    do_: tensors.dout,
    rowStats: tensors.rowStats,
    random,
  };
  if (gradients.wants(tensors.query))
    queryGradient(gradients, tensors.query, inputs, sizes, options);
  if (!gradients.wants(tensors.key) && !gradients.wants(tensors.value)) return;
  const dk = Tensor.empty(engine, tensors.key.shape);
  const dv = Tensor.empty(engine, tensors.value.shape);
  const groups = B * H * Math.ceil(S / rowsPerWorkgroup(engine, D));
  const flops = 8 * B * H * T * S * D;
  if (engine.tuning.staged) {
    const constants = { ...stagedConstants(engine, D), TILE: stagedTile(D) };
    engine.dispatch('attention_backward.compute_dkdv', { ...inputs, dk, dv }, params, groups, {
      constants,
      flops,
    });
  } else {
    const constants = directConstants(D);
    engine.dispatch('attention_direct.compute_dkdv', { ...inputs, dk, dv }, params, groups, {
      constants,
      flops,
    });
  }
  if (gradients.wants(tensors.key)) gradients.accumulate(tensors.key, dk);
  else dk.release();
  if (gradients.wants(tensors.value)) gradients.accumulate(tensors.value, dv);
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
  const { B, T, S, H, D } = sizes;
  const splits = splitsFor(engine, sizes, options);
  const dq = Tensor.empty(engine, query.shape);
  const parts = splits > 1 ? Tensor.empty(engine, [splits, ...query.shape]) : undefined;
  const buffers = { ...inputs, dq: parts ?? dq };
  const params = attentionParams(sizes, options, splits);
  const groups = queryBlocks(engine, sizes) * splits;
  const flops = 6 * B * H * T * S * D;
  if (engine.tuning.staged) {
    const constants = { ...stagedConstants(engine, D), TILE: stagedTile(D) };
    engine.dispatch('attention_backward.compute_dq', buffers, params, groups, { constants, flops });
  } else {
    const constants = directConstants(D);
    engine.dispatch('attention_direct.compute_dq', buffers, params, groups, { constants, flops });
  }
  if (parts) {
    engine.dispatch(
      'matmul_reduce.main',
      { partials: parts, out: dq, columnSums: engine.placeholders.write },
      { elements: dq.length, columns: 0, stride: dq.length, splits, accumulate: 0, alpha: 1 },
      Math.ceil(dq.length / REDUCE_WORKGROUP_SIZE),
    );
    parts.release();
  }
  gradients.accumulate(query, dq);
}

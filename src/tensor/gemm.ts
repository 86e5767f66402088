/**
 * Matrix products with fused epilogues. Picks kernel, tile and split of K for the adapter and the
 * shapes.
 */

import type { Engine } from '../gpu/engine.js';
import type { BufferView } from '../gpu/memory.js';
import { SHADERS } from '../gpu/shaders.gen.js';
import type { MatmulTile } from '../gpu/tuning.js';
import { type Dropout, dropoutParams } from './random.js';

/**
 * How A and B are stored: nt is A [M, K] and B [N, K] (x . W^T), nn is A [M, K] and B [K, N] (dy .
 * W), tn is A [K, M] and B [K, N] (dy^T . x).
 */
export type Layout = 'nt' | 'nn' | 'tn';

/**
 * out[i] (+)= residual + dropout(activation(alpha * A[i] . B[i] + bias)) for each i of a batch, out
 * [batch, M, N].
 */
export interface Product {
  layout: Layout;
  M: number;
  N: number;
  K: number;
  /** Default: 1. */
  batch?: number;
  /** The matrices A, in the order that `layout` says. */
  a: BufferView;
  /** The matrices B. */
  b: BufferView;
  out: BufferView;
  /** Default: 1. */
  alpha?: number;
  /** [N] */
  bias?: BufferView | undefined;
  /** Applies GELU after the bias. */
  gelu?: boolean;
  /** Receives the input of the GELU, which the backward pass needs; shape of `out`. */
  activationInput?: BufferView | undefined;
  /** Multiplies the product by GELU' of this; shape of `out`. */
  geluGradient?: BufferView | undefined;
  dropout?: Dropout | undefined;
  /** Shape of `out`. */
  residual?: BufferView | undefined;
  /** Adds to `out` instead of overwriting it. */
  accumulate?: boolean;
  /** For layout tn and a batch of 1: the sums of A's columns are added to it, [M]. */
  columnSums?: BufferView | undefined;
}

/** The bits of the epilogue, as shaders/helpers/epilogue_flags.wgsl declares them. */
const EPILOGUE_FLAGS = SHADERS.matmul_direct!.constants as Readonly<Record<string, number>>;

/** Sizes of the block of `out` that a workgroup of the direct kernels computes. */
const DIRECT_BLOCKS = SHADERS.matmul_direct!.constants as Readonly<
  Record<'BLOCK_M' | 'BLOCK_N' | 'TN_M' | 'TN_N', number>
>;

/** The workgroup size of matmul_reduce, as the shader declares it. */
export const REDUCE_WORKGROUP_SIZE = SHADERS.matmul_reduce!.constants.WG as number;

/** Dispatches a matrix product. @throws Error where the column sums of a batch are asked for */
export function gemm(engine: Engine, product: Product): void {
  // The matrices of a batch are computed by different workgroups, which would all add to one sum.
  if (product.columnSums && (product.layout !== 'tn' || (product.batch ?? 1) > 1))
    throw new Error(
      `gemm: column sums need layout tn and a batch of 1, not ${product.layout} and ${product.batch ?? 1}.`,
    );
  if (engine.tuning.staged) runStaged(engine, product);
  else runDirect(engine, product);
}

function productFlags(p: Product): number {
  const bits = [
    p.bias && EPILOGUE_FLAGS.BIAS,
    p.gelu && EPILOGUE_FLAGS.GELU,
    p.geluGradient && EPILOGUE_FLAGS.GELU_GRAD,
    p.dropout && p.dropout.rate > 0 && EPILOGUE_FLAGS.DROPOUT,
    p.residual && EPILOGUE_FLAGS.RESIDUAL,
    p.accumulate && EPILOGUE_FLAGS.ACCUMULATE,
    p.columnSums && EPILOGUE_FLAGS.COLUMN_SUMS,
    p.activationInput && EPILOGUE_FLAGS.KEEP_INPUT,
  ];
  return bits.reduce<number>((flags, bit) => flags | (bit || 0), 0);
}

/** The buffers that the staged and the direct kernels share. */
function productBindings(engine: Engine, p: Product) {
  const { read, write } = engine.placeholders;
  return {
    bias: p.bias ?? read,
    residual: p.residual ?? read,
    aux: p.activationInput ?? p.geluGradient ?? p.columnSums ?? write,
    out: p.out,
    random: p.dropout?.random.state ?? read,
  };
}

/** The parameters that the staged and the direct kernels share. */
function productParams(p: Product) {
  const { M, N, K, batch = 1, alpha = 1 } = p;
  return {
    M,
    N,
    K,
    batch,
    batchStrideA: M * K,
    batchStrideB: K * N,
    alpha,
    flags: productFlags(p),
    ...dropoutParams('matmul', p.dropout),
  };
}

function productFlops({ M, N, K, batch = 1 }: Product): number {
  return 2 * M * N * K * batch;
}

/** Strides of A along m and k, and of B along k and n, in elements. */
function elementStrides({ layout, M, N, K }: Product) {
  switch (layout) {
    case 'nt':
      return { aM: K, aK: 1, bK: 1, bN: K };
    case 'nn':
      return { aM: K, aK: 1, bK: N, bN: 1 };
    case 'tn':
      return { aM: 1, aK: M, bK: N, bN: 1 };
  }
}

/**
 * Whether every stored row of A and B is a multiple of four elements long, so that kernels can read
 * vec4.
 */
function hasVec4Rows({ layout, M, N, K }: Product): boolean {
  const rowA = layout === 'tn' ? M : K;
  const rowB = layout === 'nt' ? K : N;
  return rowA % 4 === 0 && rowB % 4 === 0;
}

/**
 * Whether the epilogue has anything besides accumulation and column sums, which every kernel
 * supports.
 */
function hasEpilogue(p: Product): boolean {
  return (productFlags(p) & ~(EPILOGUE_FLAGS.ACCUMULATE! | EPILOGUE_FLAGS.COLUMN_SUMS!)) !== 0;
}

function runDirect(engine: Engine, p: Product): void {
  const params = { ...productParams(p), ...elementStrides(p) };
  const { BLOCK_M, BLOCK_N, TN_M, TN_N } = DIRECT_BLOCKS;
  const workgroups = (m: number, n: number) =>
    Math.ceil(p.M / m) * Math.ceil(p.N / n) * params.batch;
  const shared = productBindings(engine, p);
  const options = { flops: productFlops(p) };
  // Of the direct kernels only this one computes the epilogue of an empty sum.
  if (p.K === 0 || !hasVec4Rows(p) || (p.layout === 'tn' && hasEpilogue(p))) {
    const bindings = { ...shared, a: p.a, b: p.b };
    const groups = workgroups(BLOCK_M, BLOCK_N);
    engine.dispatch('matmul_direct.strided', bindings, params, groups, options);
  } else if (p.layout === 'tn') {
    const { aux, out } = shared;
    const bindings = { aux, out, aVec: p.a, bVec: p.b };
    engine.dispatch('matmul_direct.tn', bindings, params, workgroups(TN_M, TN_N), options);
  } else {
    const bindings = { ...shared, a: p.a, bVec: p.b };
    const groups = workgroups(BLOCK_M, BLOCK_N);
    engine.dispatch(`matmul_direct.${p.layout}`, bindings, params, groups, options);
  }
}

/** The largest tile that gives enough workgroups, or else the smallest. */
function tileFor(engine: Engine, { M, N, batch = 1 }: Product): MatmulTile {
  const { matmulTiles, minWorkgroups } = engine.tuning;
  const workgroups = (tile: MatmulTile) => Math.ceil(M / tile.m) * Math.ceil(N / tile.n) * batch;
  return matmulTiles.findLast((tile) => workgroups(tile) >= minWorkgroups) ?? matmulTiles[0]!;
}

/**
 * The minimum length of a range of K: shorter ones do not pay for the second pass that adds the
 * partial sums.
 */
const MIN_SPLIT_K = 256;
/** The maximum number of ranges: the memory and time of the second pass grow with them. */
const MAX_SPLITS_K = 32;

/**
 * Into how many ranges K is split: with few tiles and a long K, and without an epilogue, which
 * needs complete sums.
 */
function splitsFor(engine: Engine, p: Product, workgroups: number): number {
  if (hasEpilogue(p) || (p.batch ?? 1) !== 1) return 1;
  const desired = Math.floor(engine.tuning.minWorkgroups / workgroups);
  return Math.max(1, Math.min(desired, Math.floor(p.K / MIN_SPLIT_K), MAX_SPLITS_K));
}

function runStaged(engine: Engine, p: Product): void {
  const tile = tileFor(engine, p);
  const workgroups = Math.ceil(p.M / tile.m) * Math.ceil(p.N / tile.n) * (p.batch ?? 1);
  const splits = splitsFor(engine, p, workgroups);
  const { layout, M, N, K } = p;
  const params = {
    ...productParams(p),
    rowStrideA: layout === 'tn' ? M : K,
    rowStrideB: layout === 'nt' ? K : N,
    splits,
  };
  const constants = {
    TILE_M: tile.m,
    TILE_N: tile.n,
    TILE_K: tile.k,
    ROWS: tile.rows,
    WG: (tile.m / tile.rows) * (tile.n / 4),
    A_ALONG_K: layout !== 'tn',
    B_ALONG_K: layout === 'nt',
  };
  const options = { constants, flops: productFlops(p) };
  const stride = M * N + M;
  const partials = splits > 1 ? engine.allocate(4 * splits * stride) : undefined;
  const shared = { ...productBindings(engine, p), ...(partials && { out: partials }) };
  if (hasVec4Rows(p)) {
    engine.dispatch(
      'matmul_tiled.wide',
      { ...shared, aVec: p.a, bVec: p.b },
      params,
      workgroups * splits,
      options,
    );
  } else {
    engine.dispatch(
      'matmul_tiled.narrow',
      { ...shared, a: p.a, b: p.b },
      params,
      workgroups * splits,
      options,
    );
  }
  if (!partials) return;
  const columns = p.columnSums ? M : 0;
  engine.dispatch(
    'matmul_reduce.main',
    { partials, out: p.out, columnSums: p.columnSums ?? engine.placeholders.write },
    {
      elements: M * N,
      columns,
      stride,
      splits,
      accumulate: Number(p.accumulate ?? false),
      alpha: p.alpha ?? 1,
    },
    Math.ceil((M * N + columns) / REDUCE_WORKGROUP_SIZE),
  );
  partials.release();
}

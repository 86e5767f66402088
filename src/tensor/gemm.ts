/** Matrix products with fused epilogues: picks the kernel, the tile and the split for the adapter and the shape. */

import type { Engine } from '../gpu/engine.js';
import type { BufferView } from '../gpu/memory.js';
import { SHADERS } from '../gpu/shaders.gen.js';
import type { MatmulTile } from '../gpu/tuning.js';
import { type Dropout, dropoutParams } from './random.js';

/**
 * How A and B are stored: nt is A [M, K] and B [N, K] (x . W^T), nn is A [M, K] and B [K, N] (dy . W),
 * tn is A [K, M] and B [K, N] (dy^T . x).
 */
export type Layout = 'nt' | 'nn' | 'tn';

/** out[b] (+)= residual + dropout(activation(alpha * A[b] . B[b] + bias)), out [batch, M, N]. */
export interface Product {
  layout: Layout;
  M: number;
  N: number;
  K: number;
  batch?: number;
  a: BufferView;
  b: BufferView;
  out: BufferView;
  alpha?: number;
  bias?: BufferView | undefined;
  gelu?: boolean;
  /** Receives the activation's input. */
  keepInput?: BufferView | undefined;
  /** Multiplies by GELU' of this. */
  geluGradient?: BufferView | undefined;
  dropout?: Dropout | undefined;
  residual?: BufferView | undefined;
  accumulate?: boolean;
  /** tn only: receives, added, the sums of A's columns. */
  columnSums?: BufferView | undefined;
}

/** The epilogue's bits, as shaders/helpers/epilogue_flags.wgsl declares them for both shaders. */
const EPILOGUE_FLAGS = SHADERS.matmul_direct!.constants as Readonly<Record<string, number>>;

/** The direct kernels' workgroups make blocks of out of these sizes. */
const DIRECT_BLOCKS = SHADERS.matmul_direct!.constants as Readonly<
  Record<'BLOCK_M' | 'BLOCK_N' | 'TN_M' | 'TN_N', number>
>;

/** Runs a product. */
export function gemm(engine: Engine, product: Product): void {
  if (engine.tuning.staged) staged(engine, product);
  else direct(engine, product);
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
    p.keepInput && EPILOGUE_FLAGS.KEEP_INPUT,
  ];
  return bits.reduce<number>((flags, bit) => flags | (bit || 0), 0);
}

/** The buffers common to both kernels. */
function productBindings(engine: Engine, p: Product) {
  const { read, write } = engine.placeholders;
  return {
    bias: p.bias ?? read,
    residual: p.residual ?? read,
    aux: p.keepInput ?? p.geluGradient ?? p.columnSums ?? write,
    out: p.out,
    random: p.dropout?.random.state ?? read,
  };
}

/** Parameters common to both kernels. */
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

/** Element strides of A's (m, k) and B's (k, n). */
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

/** Whether every stored row of A and B is a whole number of vec4. */
function vectorized({ layout, M, N, K }: Product): boolean {
  const rowA = layout === 'tn' ? M : K;
  const rowB = layout === 'nt' ? K : N;
  return rowA % 4 === 0 && rowB % 4 === 0;
}

function direct(engine: Engine, p: Product): void {
  const params = { ...productParams(p), ...elementStrides(p) };
  const groups = (m: number, n: number) => Math.ceil(p.M / m) * Math.ceil(p.N / n) * params.batch;
  const rows = groups(DIRECT_BLOCKS.BLOCK_M, DIRECT_BLOCKS.BLOCK_N);
  const shared = productBindings(engine, p);
  const options = { flops: productFlops(p) };
  // tn has no epilogue but these two.
  const isPlain =
    (params.flags & ~(EPILOGUE_FLAGS.ACCUMULATE! | EPILOGUE_FLAGS.COLUMN_SUMS!)) === 0;
  if (!vectorized(p) || (p.layout === 'tn' && !isPlain)) {
    const bindings = { ...shared, a: p.a, b: p.b };
    engine.dispatch('matmul_direct.strided', bindings, params, rows, options);
  } else if (p.layout === 'tn') {
    const columns = groups(DIRECT_BLOCKS.TN_M, DIRECT_BLOCKS.TN_N);
    const { aux, out } = shared;
    const bindings = { aux, out, aVec: p.a, bVec: p.b };
    engine.dispatch('matmul_direct.tn', bindings, params, columns, options);
  } else {
    const bindings = { ...shared, a: p.a, bVec: p.b };
    engine.dispatch(`matmul_direct.${p.layout}`, bindings, params, rows, options);
  }
}

/** The largest tile that still makes enough workgroups, else the smallest. */
function tileFor(engine: Engine, { M, N, batch = 1 }: Product): MatmulTile {
  const { matmulTiles, minWorkgroups } = engine.tuning;
  const groups = (t: MatmulTile) => Math.ceil(M / t.m) * Math.ceil(N / t.n) * batch;
  return matmulTiles.findLast((t) => groups(t) >= minWorkgroups) ?? matmulTiles[0]!;
}

/** A shorter range of K is not worth the second pass that adds the parts. */
const MIN_SPLIT_K = 256;

/** Into how many ranges K is split: only where the tiles are few, K is long and no epilogue needs the whole sum. */
function splitsFor(engine: Engine, p: Product, groups: number): number {
  const plain =
    (productFlags(p) & ~(EPILOGUE_FLAGS.ACCUMULATE! | EPILOGUE_FLAGS.COLUMN_SUMS!)) === 0 &&
    (p.batch ?? 1) === 1;
  if (!plain) return 1;
  const wanted = Math.floor(engine.tuning.minWorkgroups / groups);
  return Math.max(1, Math.min(wanted, Math.floor(p.K / MIN_SPLIT_K), 32));
}

function staged(engine: Engine, p: Product): void {
  const tile = tileFor(engine, p);
  const groups = Math.ceil(p.M / tile.m) * Math.ceil(p.N / tile.n) * (p.batch ?? 1);
  const splits = splitsFor(engine, p, groups);
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
  if (vectorized(p)) {
    engine.dispatch(
      'matmul_tiled.wide',
      { ...shared, aVec: p.a, bVec: p.b },
      params,
      groups * splits,
      options,
    );
  } else {
    engine.dispatch(
      'matmul_tiled.narrow',
      { ...shared, a: p.a, b: p.b },
      params,
      groups * splits,
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
    Math.ceil((M * N + columns) / 64),
  );
  partials.release();
}

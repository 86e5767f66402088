/**
 * Kernel calls that the tape and the operations share. They write into existing tensors and record
 * no tape node.
 */

import type { Engine } from '../gpu/engine.js';
import type { BufferView } from '../gpu/memory.js';
import type { Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;

/**
 * Whether to use kernels that process a vec4 at a time: on the CPU device, where rows are a
 * multiple of four long.
 */
export function canVectorize(engine: Engine, width: number): boolean {
  return !engine.tuning.staged && width % 4 === 0;
}

const DEFAULT_PARAMS = {
  kind: 0,
  accumulate: 0,
  alpha: 0,
  beta: 0,
  keepThreshold: 0,
  keepScale: 1,
  site: 0,
};

type ElementwiseKernel = 'activate' | 'activate_grad' | 'dropout' | 'combine';

interface ElementwiseArguments {
  x?: BufferView;
  y?: BufferView;
  saved?: BufferView;
  random?: BufferView;
  out: Tensor;
}

/** Runs one elementwise kernel over every element of `out`. */
export function runElementwise(
  engine: Engine,
  kernel: ElementwiseKernel,
  { x, y, saved, random, out }: ElementwiseArguments,
  params: Partial<typeof DEFAULT_PARAMS>,
): void {
  const placeholder = engine.placeholders.read;
  const { items } = engine.tuning;
  const options = { constants: { WG: WORKGROUP_SIZE, ITEMS: items } };
  const allParams = { ...DEFAULT_PARAMS, ...params, n: out.length };
  const shared = { random: random ?? placeholder };
  if (canVectorize(engine, out.length)) {
    const buffers = {
      ...shared,
      xVec: x ?? placeholder,
      yVec: y ?? placeholder,
      savedVec: saved ?? placeholder,
      outVec: out,
    };
    const groups = Math.ceil(out.length / 4 / (WORKGROUP_SIZE * items));
    engine.dispatch(`elementwise.${kernel}_wide`, buffers, allParams, groups, options);
  } else {
    const buffers = {
      ...shared,
      x: x ?? placeholder,
      y: y ?? placeholder,
      saved: saved ?? placeholder,
      out,
    };
    const groups = Math.ceil(out.length / (WORKGROUP_SIZE * items));
    engine.dispatch(`elementwise.${kernel}`, buffers, allParams, groups, options);
  }
}

/** to += from. */
export function addInto(engine: Engine, from: Tensor, to: Tensor): void {
  runElementwise(engine, 'combine', { x: from, out: to }, { alpha: 1, accumulate: 1 });
}

/** to (+)= from * factor. */
export function scaleInto(
  engine: Engine,
  from: Tensor,
  factor: number,
  to: Tensor,
  accumulate: boolean,
): void {
  runElementwise(
    engine,
    'combine',
    { x: from, out: to },
    { alpha: factor, accumulate: Number(accumulate) },
  );
}

/** The number of workgroups of a kernel in which `rowLanes` invocations share a row. */
export function rowWorkgroups(engine: Engine, rows: number): number {
  return Math.ceil(rows / (engine.tuning.rowGroup / engine.tuning.rowLanes));
}

/**
 * The number of workgroups and the constants of a kernel in which LANES invocations share a row.
 */
export function rowGrid(engine: Engine, rows: number) {
  const { rowGroup: WG, rowLanes: LANES } = engine.tuning;
  return [rowWorkgroups(engine, rows), { constants: { WG, LANES } }] as const;
}

/**
 * to[t, c] += the sum over b of from[b * T + t, c], for t below T and c below `width`: the gradient
 * of positions that were added to every sequence of a batch or, with T = 1, of a bias.
 */
export function addFoldedRows(from: Tensor, to: Tensor, T: number, width: number): void {
  const { engine } = from;
  const sizes = { rows: from.length / width, C: width, T };
  // The embedding kernels share their parameters. This one does not read the others.
  const params = { ...sizes, V: 0, hasTable: 0, hasAddend: 0, hasPositions: 0 };
  if (canVectorize(engine, width)) {
    const groups = Math.ceil((T * width) / 4 / WORKGROUP_SIZE);
    const buffers = { doutVec: from, dpositionsVec: to };
    engine.dispatch('embedding.fold_rows_wide', buffers, params, groups);
  } else {
    const groups = Math.ceil((T * width) / WORKGROUP_SIZE);
    engine.dispatch('embedding.fold_rows', { dout: from, dpositions: to }, params, groups);
  }
}

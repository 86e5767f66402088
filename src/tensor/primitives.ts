/** Elementwise kernels as the tape and the ops use them: they write where they are told and leave no trace. */

import type { Engine } from '../gpu/engine.js';
import type { BufferView } from '../gpu/memory.js';
import type { Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;

/** Whether kernels take four neighbors at a time: where they are made for the CPU, and rows are whole vec4. */
export function canVectorize(engine: Engine, width: number): boolean {
  return !engine.tuning.staged && width % 4 === 0;
}

const NOTHING = {
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
  saved?: BufferView;
  random?: BufferView;
  out: Tensor;
}

/** Runs one elementwise kernel over every element of `out`. */
export function runElementwise(
  engine: Engine,
  kernel: ElementwiseKernel,
  { x, saved, random, out }: ElementwiseArguments,
  params: Partial<typeof NOTHING>,
): void {
  const placeholder = engine.placeholders.read;
  const { items } = engine.tuning;
  const options = { constants: { WG: WORKGROUP_SIZE, ITEMS: items } };
  const all = { ...NOTHING, ...params, n: out.length };
  const given = { random: random ?? placeholder };
  if (canVectorize(engine, out.length)) {
    const buffers = {
      ...given,
      xVec: x ?? placeholder,
      savedVec: saved ?? placeholder,
      outVec: out,
    };
    const groups = Math.ceil(out.length / 4 / (WORKGROUP_SIZE * items));
    engine.dispatch(`elementwise.${kernel}_wide`, buffers, all, groups, options);
  } else {
    const buffers = { ...given, x: x ?? placeholder, saved: saved ?? placeholder, out };
    const groups = Math.ceil(out.length / (WORKGROUP_SIZE * items));
    engine.dispatch(`elementwise.${kernel}`, buffers, all, groups, options);
  }
}

/** to += from, element by element. */
export function addInto(engine: Engine, from: Tensor, to: Tensor): void {
  runElementwise(engine, 'combine', { x: from, out: to }, { alpha: 1, accumulate: 1 });
}

/** target (+)= from * factor. */
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

/** Workgroups of a kernel that gives `rowLanes` invocations to each row. */
export function rowWorkgroups(engine: Engine, rows: number): number {
  return Math.ceil(rows / (engine.tuning.rowGroup / engine.tuning.rowLanes));
}

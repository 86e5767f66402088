/**
 * Step 5: the code of one invocation becomes a kernel, which runs a range of the workgroups of a
 * dispatch.
 *
 *   in    out[i + 1u] = 2.0 * x[i], lowered, of one invocation
 *   out   prologue: read the addresses of out and x
 *         loop over workgroups:
 *           compute the workgroup's id
 *           loop over its invocations: f32.store offset=4 ...
 *
 * Invocations run to their end one after another and share their memory. With a barrier they run up
 * to it one after another: the loop over them is split there (barriers.ts).
 *
 * Why: nothing is vectorized over invocations, so an invocation costs the same whichever way its
 * neighbors branch. Kernels written in vec4 fill the SIMD registers by themselves.
 */

import { countingLoop } from '../ir/counting-loop.js';
import * as fold from '../ir/fold.js';
import { get, i32, type Kernel, type Local, type Node, type Statement } from '../ir/ir.js';
import type { KernelInterface, LoweredEntry, WorkgroupRange } from '../lower/lower.js';
import { splitLoop } from './barriers.js';

/** The code of a workgroup, and the bytes of scratch memory that a thread needs for it. */
export interface WorkgroupCode {
  readonly code: readonly Statement[];
  readonly scratch: number;
}

/**
 * Wraps an entry point's code in the loops over workgroups and invocations, and splits it at its
 * barriers.
 */
export function splitAtBarriers(entry: LoweredEntry): Kernel & KernelInterface {
  const { name, range, bindings, immediateBytes, accesses } = entry;
  const { code, scratch } = entry.hasBarrier ? splitLoop(entry) : loopOverInvocations(entry);
  const workgroup = [...workgroupId(range, entry.workgroup), ...clearWorkgroup(entry), ...code];
  const hasWorkgroups = fold.integer('lt_u', get(range.firstWorkgroup), get(range.endWorkgroup));
  const loop = countingLoop(range.firstWorkgroup, get(range.endWorkgroup), workgroup);
  return {
    name,
    parameters: [entry.context, entry.workgroupMemory, ...Object.values(range)],
    body: [
      ...entry.prologue,
      { kind: 'if', condition: hasWorkgroups, whenTrue: [loop], whenFalse: [] },
    ],
    scratch,
    bindings,
    immediateBytes,
    accesses,
  };
}

/** The code of a workgroup whose kernel has no barrier. */
function loopOverInvocations(entry: LoweredEntry): WorkgroupCode {
  const { invocation, invocationMemory, workgroupMemory, size, sharedBytes } = entry;
  const memory: Statement = {
    kind: 'set',
    local: invocationMemory,
    value: fold.integer('add', get(workgroupMemory), i32(sharedBytes)),
  };
  const scratch = sharedBytes + entry.invocationBytes;
  if (size === 1) return { code: [memory, ...entry.body], scratch };
  const reset: Statement = { kind: 'set', local: invocation, value: i32(0) };
  return { code: [memory, reset, countingLoop(invocation, i32(size), entry.body)], scratch };
}

/** Computes the workgroup's id from its index in the dispatch. */
function workgroupId(range: WorkgroupRange, [x, y, z]: readonly Local[]): Statement[] {
  const { firstWorkgroup, countX, countY } = range;
  const row = fold.integer('div_u', get(firstWorkgroup), get(countX));
  const layer = fold.integer('div_u', row, get(countY));
  const remainder = (value: Node, count: Local) => fold.integer('rem_u', value, get(count));
  return [
    { kind: 'set', local: x!, value: remainder(get(firstWorkgroup), countX) },
    { kind: 'set', local: y!, value: remainder(row, countY) },
    { kind: 'set', local: z!, value: layer },
  ];
}

/** Zeroes a workgroup's variables at its start. */
function clearWorkgroup({ workgroupMemory, workgroupBytes }: LoweredEntry): Statement[] {
  if (workgroupBytes === 0) return [];
  return [{ kind: 'clear', address: get(workgroupMemory), bytes: workgroupBytes }];
}

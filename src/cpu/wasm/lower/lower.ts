/**
 * Step 4: an entry point becomes a kernel: one function that runs workgroups `first` to `end` of a dispatch.
 *
 *   in    @compute @workgroup_size(16) fn main(...) { body }
 *   out   read addresses and uniforms
 *         for each workgroup: for each of its 16 invocations: body
 *
 * Nothing is vectorized over invocations: each runs to its end, or to the next barrier, before the next begins. The
 * kernels are written in vec4, and that is what fills the SIMD registers.
 */

import { zeroOf } from '../../wgsl/check/constants.js';
import type { BuiltinInput, Entry, Program, Variable } from '../../wgsl/program.js';
import { roundUp, sizeOf, U32, vectorType } from '../../wgsl/types.js';
import * as fold from '../ir/fold.js';
import { get, i32, type Kernel, type Local, type Node, type Statement } from '../ir/ir.js';
import { splitAtBarriers } from './barriers.js';
import {
  type BindingSlot,
  type CheckedAccess,
  clearMemory,
  Frame,
  NeedsMemory,
  SLOT_BYTES,
} from './frame.js';
import { StatementLowering } from './lower-statement.js';
import * as storage from './storage.js';
import { fromConstant, fromLanes, scalar, type Value } from './values.js';

/** A kernel, and what whoever runs it must know. */
export interface LoweredKernel extends Kernel {
  /** In the order of their slots in the context. */
  readonly bindings: readonly BindingSlot[];
  /** Bytes of the immediates, which follow the slots. */
  readonly immediateBytes: number;
  readonly workgroupSize: readonly [number, number, number];
  readonly workgroupBytes: number;
  readonly hasBarrier: boolean;
  /** What the checked mode's reports are of. */
  readonly accesses: readonly CheckedAccess[];
}

/** The locals that tell a kernel which workgroups to run, in the order of its parameters. */
interface Grid {
  readonly first: Local;
  readonly end: Local;
  readonly countX: Local;
  readonly countY: Local;
  readonly countZ: Local;
}

const parameter = (name: string, mutable = false): Local => ({ type: 'i32', name, mutable });

/**
 * @param isChecked whether every index is looked at, and one outside its array ends the kernel.
 * @throws Error where the kernel needs what cannot be compiled.
 */
export function lower(program: Program, entry: Entry, isChecked: boolean): LoweredKernel {
  const inMemory = new Set<Variable>();
  for (;;) {
    try {
      return lowerWith(new Frame(entry, program.text, isChecked, inMemory));
    } catch (error) {
      // An index that is not known was met: the variable moves to memory, and all begins anew.
      if (!(error instanceof NeedsMemory)) throw error;
      inMemory.add(error.variable);
    }
  }
}

function lowerWith(frame: Frame): LoweredKernel {
  const { entry, builder } = frame;
  const grid: Grid = {
    first: parameter('first', true),
    end: parameter('end'),
    countX: parameter('countX'),
    countY: parameter('countY'),
    countZ: parameter('countZ'),
  };
  const [x, y, z] = entry.workgroupSize;
  const size = x * y * z;
  const group = [0, 1, 2].map((n) => builder.variable('i32', `group${'XYZ'[n]}`));
  const invocation = builder.variable('i32', 'invocation');

  const body = builder.inside(() => {
    declareInputs(frame, grid, group, size === 1 ? i32(0) : get(invocation));
    declarePrivates(frame);
    builder.append(new StatementLowering(frame).entry(entry.body));
  });
  const { code, scratch } = frame.hasBarrier
    ? splitAtBarriers(frame, body, invocation, size)
    : runOneByOne(frame, body, invocation, size);
  const workgroup = [
    ...groupIds(grid, group),
    ...builder.inside(() => clearWorkgroupMemory(frame)),
    ...code,
  ];
  const immediate = entry.globals.find((v) => v.space === 'immediate');
  return {
    name: entry.name,
    parameters: [frame.context, frame.workgroupMemory, ...Object.values(grid)],
    body: [...frame.prologue, ...counted(builder, grid.first, get(grid.end), workgroup)],
    scratch,
    bindings: frame.bindings,
    immediateBytes: immediate ? roundUp(sizeOf(immediate.type), 4) : 0,
    workgroupSize: entry.workgroupSize,
    workgroupBytes: frame.workgroupBytes,
    hasBarrier: frame.hasBarrier,
    accesses: frame.accesses,
  };
}

/** A loop that runs `body` with `local` from what it is now up to, but not including, `end`. */
export function counted(
  builder: Frame['builder'],
  local: Local,
  end: Node,
  body: readonly Statement[],
): Statement[] {
  const label = builder.label(local.name);
  const goesOn = fold.integer('lt_u', get(local), end);
  const turn: Statement[] = [
    ...body,
    { kind: 'set', local, value: fold.integer('add', get(local), i32(1)) },
    { kind: 'branch', label, condition: goesOn },
  ];
  const loop: Statement = { kind: 'loop', label, body: turn };
  return [{ kind: 'if', condition: goesOn, whenTrue: [loop], whenFalse: [] }];
}

/** A workgroup without a barrier: one invocation after the other, all in the same memory. */
function runOneByOne(
  frame: Frame,
  body: readonly Statement[],
  invocation: Local,
  size: number,
): { code: Statement[]; scratch: number } {
  const { builder } = frame;
  const start = roundUp(frame.workgroupBytes, 16);
  const own: Statement = {
    kind: 'set',
    local: frame.invocationMemory,
    value: fold.integer('add', get(frame.workgroupMemory), i32(start)),
  };
  const scratch = start + roundUp(frame.invocationBytes, 16);
  if (size === 1) return { code: [own, ...body], scratch };
  const label = builder.label('invocations');
  const turn: Statement[] = [
    ...body,
    { kind: 'set', local: invocation, value: fold.integer('add', get(invocation), i32(1)) },
    { kind: 'branch', label, condition: fold.integer('lt_u', get(invocation), i32(size)) },
  ];
  const code: Statement[] = [
    own,
    { kind: 'set', local: invocation, value: i32(0) },
    { kind: 'loop', label, body: turn },
  ];
  return { code, scratch };
}

/** The workgroup's place in the grid, from its number. */
function groupIds(grid: Grid, [x, y, z]: readonly Local[]): Statement[] {
  const { first, countX, countY } = grid;
  const row = fold.integer('div_u', get(first), get(countX));
  const layer = fold.integer('div_u', row, get(countY));
  const remainder = (of: Node, count: Local) => fold.integer('rem_u', of, get(count));
  return [
    { kind: 'set', local: x!, value: remainder(get(first), countX) },
    { kind: 'set', local: y!, value: remainder(row, countY) },
    { kind: 'set', local: z!, value: layer },
  ];
}

/** A workgroup's variables are zero when it begins. */
function clearWorkgroupMemory(frame: Frame): void {
  if (frame.workgroupBytes === 0) return;
  frame.builder.emit({
    kind: 'clear',
    address: get(frame.workgroupMemory),
    bytes: frame.workgroupBytes,
  });
}

/** The values of the entry point's parameters. */
function declareInputs(frame: Frame, grid: Grid, group: readonly Local[], invocation: Node): void {
  const { entry } = frame;
  const [x, y, z] = entry.workgroupSize;
  const size = [x, y, z];
  const local = [
    y * z === 1 ? invocation : fold.integer('rem_u', invocation, i32(x)),
    fold.integer('rem_u', fold.integer('div_u', invocation, i32(x)), i32(y)),
    fold.integer('div_u', invocation, i32(x * y)),
  ].map((node, n) => (size[n] === 1 ? i32(0) : node));
  const vec3 = vectorType(3, U32);
  const values: Readonly<Record<BuiltinInput, () => Value>> = {
    workgroup_id: () => fromLanes(vec3, group.map(get)),
    num_workgroups: () => fromLanes(vec3, [grid.countX, grid.countY, grid.countZ].map(get)),
    local_invocation_id: () => fromLanes(vec3, local),
    local_invocation_index: () => scalar(U32, invocation),
    global_invocation_id: () =>
      fromLanes(
        vec3,
        local.map((node, n) =>
          fold.integer('add', fold.integer('mul', get(group[n]!), i32(size[n]!)), node),
        ),
      ),
  };
  for (const { variable, values: names } of entry.inputs) {
    const given = names.map((name) => values[name]());
    const value: Value =
      variable.type.kind === 'struct'
        ? { kind: 'parts', type: variable.type, parts: given }
        : given[0]!;
    frame.setValue(variable, value);
  }
}

/** Private variables begin anew in every invocation. */
function declarePrivates(frame: Frame): void {
  const { builder } = frame;
  for (const variable of frame.entry.globals.filter((v) => v.space === 'private')) {
    const { type, initial } = variable;
    const room = frame.allocate(variable);
    frame.setStorage(variable, room);
    if (room.kind === 'memory' && !initial) clearMemory(builder, room, sizeOf(type));
    else storage.write(builder, room, fromConstant(type, initial ?? zeroOf(type)));
  }
}

/** Bytes of a kernel's context: a slot a binding, then the immediates. */
export function contextBytes(kernel: Pick<LoweredKernel, 'bindings' | 'immediateBytes'>): number {
  return SLOT_BYTES * kernel.bindings.length + kernel.immediateBytes;
}

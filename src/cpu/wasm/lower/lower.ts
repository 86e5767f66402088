/**
 * Step 4: an entry point becomes the code of one invocation, in WebAssembly's instructions.
 *
 *   in    out[i + 1u] = 2.0 * x[i]    typed, with i = global_invocation_id.x and workgroup size 16
 *   out   prologue    set out, i32.load (context); set x, i32.load offset=8 (context); ...
 *         body        set i, workgroupX * 16 + invocation
 *                     f32.store offset=4 (out + (i << 2)) (f32.mul 2 (f32.load (x + (i << 2))))
 *
 * Lowering evaluates the program as far as possible without its data: constants are folded,
 * branches on constants are decided, calls are inlined, and loops are unrolled where that keeps an
 * array in registers.
 *
 * Why: what is computed when a kernel is compiled costs nothing when it runs.
 */

import { zeroValue } from '../../wgsl/check/constants.js';
import type { BuiltinValue, EntryPoint, Program, Variable } from '../../wgsl/program.js';
import { roundUp, sizeOf, U32, vectorType } from '../../wgsl/types.js';
import * as fold from '../ir/fold.js';
import { get, i32, type Local, type Node, type Statement } from '../ir/ir.js';
import { type CheckedAccess, Frame, type KernelBinding, NeedsMemoryError } from './frame.js';
import { StatementLowering } from './lower-statement.js';
import * as storage from './storage.js';
import { fromConstant, fromLanes, scalar, type Value } from './values.js';

/** What is needed to run a kernel besides its bytes. */
export interface KernelInterface {
  /** In the order of their addresses in the context. */
  readonly bindings: readonly KernelBinding[];
  /** Bytes of the immediates, which follow the bindings in the context. */
  readonly immediateBytes: number;
  /** The accesses that the checked mode can report. */
  readonly accesses: readonly CheckedAccess[];
}

/** The parameters that select the workgroups of a dispatch to run, in order. */
export interface WorkgroupRange {
  /** Index of the first workgroup; the loop over workgroups counts it up. */
  readonly firstWorkgroup: Local;
  /** Index after the last workgroup. */
  readonly endWorkgroup: Local;
  readonly countX: Local;
  readonly countY: Local;
  readonly countZ: Local;
}

/** The code of one invocation, and what the loops around it need to know. */
export interface LoweredEntry extends KernelInterface {
  readonly name: string;
  /** What runs once per call of the kernel, before all workgroups. */
  readonly prologue: readonly Statement[];
  readonly body: readonly Statement[];
  /** Whether the body has barriers. */
  readonly hasBarrier: boolean;
  /** Invocations of a workgroup. */
  readonly size: number;
  readonly range: WorkgroupRange;
  /** The id of the workgroup and the index of the invocation; set by the loops. */
  readonly workgroup: readonly Local[];
  readonly invocation: Local;
  /** Parameters: the byte addresses of the context and of the thread's scratch memory. */
  readonly context: Local;
  readonly workgroupMemory: Local;
  /** The byte address of the invocation's memory; set by the loops. */
  readonly invocationMemory: Local;
  /**
   * Bytes of the workgroup's variables, at the start of the scratch memory; zeroed for each
   * workgroup.
   */
  readonly workgroupBytes: number;
  /** Bytes of scratch memory before the memory of the first invocation. */
  readonly sharedBytes: number;
  /** Bytes of the memory of one invocation. */
  readonly invocationBytes: number;
}

const parameter = (name: string, isReassigned = false): Local => ({
  type: 'i32',
  name,
  isReassigned,
});

/**
 * Lowers an entry point.
 *
 * @param isChecked whether every index is checked; one out of bounds ends the kernel.
 * @throws Error where the kernel needs something that cannot be compiled.
 */
export function lower(program: Program, entry: EntryPoint, isChecked: boolean): LoweredEntry {
  const inMemory = new Set<Variable>();
  for (;;) {
    try {
      return lowerWith(new Frame(entry, program.text, isChecked, inMemory));
    } catch (error) {
      // A variable with an index that is not constant moves to memory, and lowering starts again.
      if (!(error instanceof NeedsMemoryError)) throw error;
      inMemory.add(error.variable);
    }
  }
}

function lowerWith(frame: Frame): LoweredEntry {
  const { entry, builder, context, workgroupMemory, invocationMemory } = frame;
  const range: WorkgroupRange = {
    firstWorkgroup: parameter('first', true),
    endWorkgroup: parameter('end'),
    countX: parameter('countX'),
    countY: parameter('countY'),
    countZ: parameter('countZ'),
  };
  const [x, y, z] = entry.workgroupSize;
  const size = x * y * z;
  const workgroup = ['X', 'Y', 'Z'].map((axis) => builder.variable('i32', `workgroup${axis}`));
  const invocation = builder.variable('i32', 'invocation');
  const body = builder.collect(() => {
    declareInputs(frame, range, workgroup, size === 1 ? i32(0) : get(invocation));
    declarePrivates(frame);
    builder.append(new StatementLowering(frame).entry(entry.body));
  });
  const immediate = entry.globals.find((v) => v.space === 'immediate');
  return {
    ...{ name: entry.name, body, prologue: frame.prologue.statements },
    ...{ range, workgroup, invocation, context, workgroupMemory, invocationMemory },
    size,
    hasBarrier: frame.hasBarrier,
    workgroupBytes: frame.workgroupBytes,
    sharedBytes: frame.sharedBytes,
    invocationBytes: roundUp(frame.invocationBytes, 16),
    bindings: frame.bindings,
    immediateBytes: immediate ? roundUp(sizeOf(immediate.type), 4) : 0,
    accesses: frame.accesses,
  };
}

/** Sets the values of the entry point's parameters. */
function declareInputs(
  frame: Frame,
  range: WorkgroupRange,
  workgroup: readonly Local[],
  invocation: Node,
): void {
  const { entry } = frame;
  const [x, y, z] = entry.workgroupSize;
  const size = [x, y, z];
  const local = [
    y * z === 1 ? invocation : fold.integer('rem_u', invocation, i32(x)),
    fold.integer('rem_u', fold.integer('div_u', invocation, i32(x)), i32(y)),
    fold.integer('div_u', invocation, i32(x * y)),
  ].map((node, n) => (size[n] === 1 ? i32(0) : node));
  const vec3 = vectorType(3, U32);
  const values: Readonly<Record<BuiltinValue, () => Value>> = {
    workgroup_id: () => fromLanes(vec3, workgroup.map(get)),
    num_workgroups: () => fromLanes(vec3, [range.countX, range.countY, range.countZ].map(get)),
    local_invocation_id: () => fromLanes(vec3, local),
    local_invocation_index: () => scalar(U32, invocation),
    global_invocation_id: () =>
      fromLanes(
        vec3,
        local.map((node, n) =>
          fold.integer('add', fold.integer('mul', get(workgroup[n]!), i32(size[n]!)), node),
        ),
      ),
  };
  for (const { variable, values: names } of entry.inputs) {
    const components = names.map((name) => values[name]());
    const value: Value =
      variable.type.kind === 'struct'
        ? { kind: 'parts', type: variable.type, parts: components }
        : components[0]!;
    frame.setValue(variable, value);
  }
}

/** Initializes the private variables, anew in every invocation. */
function declarePrivates(frame: Frame): void {
  const { builder } = frame;
  for (const variable of frame.entry.globals.filter((v) => v.space === 'private')) {
    const { type, initial } = variable;
    const target = frame.allocate(variable);
    frame.setStorage(variable, target);
    if (target.kind === 'memory' && !initial) storage.clear(builder, target);
    else storage.write(builder, target, fromConstant(type, initial ?? zeroValue(type)));
  }
}

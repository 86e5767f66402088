/**
 * The lowered form of WGSL values: one node for a scalar or a vec4, a list of parts for others.
 *
 *   in                      out
 *   f32, i32, u32, bool     an f32 or i32; false is 0 and true is 1
 *   vec4 of those           a v128, or four nodes while they are not needed together; in a v128 a
 *                           true lane is all ones
 *   vec2, vec3, array, ...  a list of values
 *   pointer                 the storage it points to, which is known at compile time
 *
 * Why: kernels are written in vec4, so a vec4 sum is a SIMD register, and nothing has to be
 * vectorized over invocations.
 */

import type { Constant, Variable } from '../../wgsl/program.js';
import {
  type ArrayType,
  BOOL,
  elementCount,
  elementType,
  F32,
  type Matrix,
  type Pointer,
  type Scalar,
  type Type,
  type Vector,
} from '../../wgsl/types.js';
import type { Builder } from '../ir/builder.js';
import * as fold from '../ir/fold.js';
import { f32, i32, type Local, type Node } from '../ir/ir.js';

/** A WGSL value. */
export type Value = ScalarValue | Vec4Value | PartsValue | PointerValue;

/** A number or a bool. */
export interface ScalarValue {
  readonly kind: 'scalar';
  readonly type: Scalar;
  readonly node: Node;
}

/** A vec4, either as one v128 or as four lanes. */
type Vec4Value =
  | {
      readonly kind: 'vec4';
      readonly type: Vector;
      readonly node: Node;
      readonly lanes?: undefined;
    }
  | {
      readonly kind: 'vec4';
      readonly type: Vector;
      readonly lanes: readonly Node[];
      readonly node?: undefined;
    };

/** A value that is a list of values. */
export interface PartsValue {
  readonly kind: 'parts';
  readonly type: Type;
  readonly parts: readonly Value[];
  /** For a 4 x 4 matrix in locals: the columns of its transpose. */
  readonly transposed?: readonly Value[];
}

/** A pointer, whose target is known at compile time. */
export interface PointerValue {
  readonly kind: 'pointer';
  readonly type: Pointer;
  readonly storage: Storage;
}

/** Where a variable, or a part of one, is stored. */
export type Storage =
  | {
      readonly kind: 'local';
      readonly type: Scalar | Vector;
      readonly local: Local;
      /** The variable that this is a part of. */
      readonly variable: Variable;
    }
  | {
      /** One lane of a vec4 in a local. */
      readonly kind: 'lane';
      readonly type: Scalar;
      readonly base: Storage;
      readonly lane: number;
    }
  | {
      readonly kind: 'parts';
      readonly type: Type;
      readonly parts: readonly Storage[];
      readonly variable: Variable;
    }
  | {
      readonly kind: 'memory';
      readonly type: Type;
      readonly address: Node;
      readonly offset: number;
      /**
       * The size of the binding that this is a part of, and the byte offset in it; `undefined`
       * outside buffers.
       */
      readonly binding: { readonly bytes: Node; readonly offset: number } | undefined;
      /**
       * Whether nothing writes it while the kernel runs, so that the prologue can read it: true for
       * uniforms and immediates.
       */
      readonly isReadOnce: boolean;
    }
  | {
      /** Not stored at all: the variable of an unrolled loop. */
      readonly kind: 'constant';
      readonly type: Type;
      readonly value: Value;
    };

/** Storage in memory. */
export type MemoryStorage = Extract<Storage, { kind: 'memory' }>;

/** Creates a scalar value. */
export function scalar(type: Scalar, node: Node): ScalarValue {
  return { kind: 'scalar', type, node };
}

/** Whether a type is a vector of four components, which one local can hold. */
export function isVec4(type: Type): type is Vector {
  return type.kind === 'vector' && type.size === 4;
}

/** The type of the local that holds a scalar or a vec4. */
export function localType(type: Scalar | Vector): 'i32' | 'f32' | 'v128' {
  if (type.kind === 'vector') return 'v128';
  return type === F32 ? 'f32' : 'i32';
}

/** The lowered form of a constant. */
export function fromConstant(type: Type, value: Constant): Value {
  if (type.kind === 'scalar') {
    const node = type === F32 ? f32(value as number) : i32(Number(value));
    return scalar(type, node);
  }
  const parts = value as readonly Constant[];
  if (isVec4(type)) {
    const lanes = parts.map((part) => scalarNode(fromConstant(type.element, part)));
    return { kind: 'vec4', type, lanes };
  }
  return {
    kind: 'parts',
    type,
    parts: parts.map((part, n) => fromConstant(partType(type, n), part)),
  };
}

/** The type of the n-th part of a composite: a member, an element, a component. */
export function partType(type: Type, n: number): Type {
  return type.kind === 'struct' ? type.members[n]!.type : elementType(type)!;
}

/** How many parts a composite has; 0 for a runtime-sized array. */
export function partCount(type: Type): number {
  if (type.kind === 'struct') return type.members.length;
  return elementCount(type as Matrix | ArrayType | Vector) ?? 0;
}

/**
 * The node of a scalar.
 *
 * @throws Error where the value is not a scalar.
 */
export function scalarNode(value: Value): Node {
  if (value.kind !== 'scalar') throw new Error(`A ${value.kind} value is not a scalar.`);
  return value.node;
}

/**
 * A vec4 as one v128.
 *
 * @throws Error where the value is not a vec4.
 */
export function packed(value: Value): Node {
  if (value.kind !== 'vec4') throw new Error(`A ${value.kind} value is not a vec4.`);
  if (value.node) return value.node;
  const { lanes, type } = value;
  return fold.pack(type.element === BOOL ? lanes.map(boolMask) : lanes);
}

/** All ones for true, all zeros for false. */
function boolMask(node: Node): Node {
  return fold.integer('sub', i32(0), node);
}

/** One component of a vector of any size. */
export function laneNode(value: Value, lane: number): Node {
  if (value.kind === 'parts') return scalarNode(value.parts[lane]!);
  if (value.kind !== 'vec4') throw new Error(`A ${value.kind} value has no lanes.`);
  if (value.lanes) return value.lanes[lane]!;
  const { element } = value.type;
  const node = fold.lane(value.node, lane, element === F32 ? 'f32' : 'i32');
  return element === BOOL ? fold.integer('and', node, i32(1)) : node;
}

/** All components of a vector of any size. */
export function laneNodes(value: Value): Node[] {
  const { size } = value.type as Vector;
  return Array.from({ length: size }, (_, n) => laneNode(value, n));
}

/** Builds a vector of any size from its components. */
export function fromLanes(type: Vector, lanes: readonly Node[]): Value {
  if (type.size === 4) return { kind: 'vec4', type, lanes };
  return { kind: 'parts', type, parts: lanes.map((node) => scalar(type.element, node)) };
}

/** A scalar in all lanes of a vec4. */
export function splatNode({ type, node }: ScalarValue): Node {
  return fold.splat(type === BOOL ? boolMask(node) : node);
}

/**
 * Puts a value into locals where its nodes are not trivial or read mutable state. The result can be
 * used several times and after later statements.
 */
export function toLocals(builder: Builder, value: Value, name: string): Value {
  switch (value.kind) {
    case 'scalar':
      return { ...value, node: builder.toLocal(value.node, name) };
    case 'vec4': {
      const { type } = value;
      if (value.lanes?.every((n) => n.kind === 'constant')) return value;
      return { kind: 'vec4', type, node: builder.toLocal(packed(value), name) };
    }
    case 'parts': {
      const parts = value.parts.map((part, n) => toLocals(builder, part, `${name}.${n}`));
      const { type } = value;
      if (type.kind !== 'matrix' || type.columns !== 4 || type.rows !== 4)
        return { kind: 'parts', type, parts };
      return { kind: 'parts', type, parts, transposed: transpose4(builder, parts, name) };
    }
    case 'pointer':
      return value;
  }
}

/**
 * The columns of a 4 x 4 matrix's transpose, in locals. A matrix is transposed once when it is put
 * into locals, for all products with a vector on its left. If there are none, the locals are
 * removed as dead code.
 */
export function transpose4(builder: Builder, columns: readonly Value[], name: string): Value[] {
  const [a, b, c, d] = columns.map(packed) as [Node, Node, Node, Node];
  const shuffled = (x: Node, y: Node, lanes: readonly number[]) =>
    builder.toLocal(fold.shuffle(x, y, lanes), `${name}.t`);
  const [ab, cd] = [shuffled(a, b, [0, 4, 1, 5]), shuffled(c, d, [0, 4, 1, 5])];
  const [abHigh, cdHigh] = [shuffled(a, b, [2, 6, 3, 7]), shuffled(c, d, [2, 6, 3, 7])];
  return [
    shuffled(ab, cd, [0, 1, 4, 5]),
    shuffled(ab, cd, [2, 3, 6, 7]),
    shuffled(abHigh, cdHigh, [0, 1, 4, 5]),
    shuffled(abHigh, cdHigh, [2, 3, 6, 7]),
  ].map((node) => ({ kind: 'vec4', type: columns[0]!.type as Vector, node }));
}

/**
 * What a WGSL value becomes: a scalar and a vec4 one node each, everything else its parts.
 *
 *   f32, i32, u32, bool     an f32 or i32; false is 0 and true is 1
 *   vec4 of those           a v128, or four nodes while nobody needs them together; true in a lane of a v128 is all ones
 *   vec2, vec3, array, ...  a list of values
 *   pointer                 the storage it points at, known when the kernel is compiled
 *
 * What pays: the kernels are written in vec4, so that a vec4 sum is a SIMD register, and nothing has to be
 * vectorized over invocations.
 */

import type { Constant, Variable } from '../../wgsl/program.js';
import {
  type ArrayType,
  BOOL,
  columnType,
  F32,
  type Matrix,
  type Pointer,
  type Scalar,
  type Struct,
  type Type,
  type Vector,
} from '../../wgsl/types.js';
import type { Builder } from '../ir/builder.js';
import * as fold from '../ir/fold.js';
import { f32, i32, type Label, type Local, type Node } from '../ir/ir.js';

export type Value = ScalarValue | Vec4Value | PartsValue | PointerValue;

export interface ScalarValue {
  readonly kind: 'scalar';
  readonly type: Scalar;
  readonly node: Node;
}

/** Either together as one v128, or lane by lane. */
export type Vec4Value =
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

export interface PartsValue {
  readonly kind: 'parts';
  readonly type: Type;
  readonly parts: readonly Value[];
  /** Of a 4 x 4 matrix that is kept: the columns of its transpose. */
  readonly transposed?: readonly Value[];
}

export interface PointerValue {
  readonly kind: 'pointer';
  readonly type: Pointer;
  readonly storage: Storage;
}

/** Where a variable, or a part of one, lives. */
export type Storage =
  | {
      readonly kind: 'local';
      readonly type: Scalar | Vector;
      readonly local: Local;
      /** The variable that it is, or is part of. */
      readonly variable: Variable;
    }
  | {
      /** One lane of a vec4 that lives in a local. */
      readonly kind: 'lane';
      readonly type: Scalar;
      readonly of: Storage;
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
      /** The binding it is part of: its bytes, and those before this part. `undefined` outside buffers. */
      readonly binding: { readonly bytes: Node; readonly offset: number } | undefined;
      /** Nobody writes it while the kernel runs, and it is read once. */
      readonly isUniform: boolean;
    }
  | {
      /** What is not stored at all: the variable of an unrolled loop. */
      readonly kind: 'known';
      readonly type: Type;
      readonly value: Value;
    };

export type MemoryStorage = Extract<Storage, { kind: 'memory' }>;

export interface Exit {
  readonly label: Label;
  used: boolean;
}

export function scalar(type: Scalar, node: Node): ScalarValue {
  return { kind: 'scalar', type, node };
}

export function isVec4(type: Type): type is Vector {
  return type.kind === 'vector' && type.size === 4;
}

export function wasmTypeOf(type: Scalar | Vector): 'i32' | 'f32' | 'v128' {
  if (type.kind === 'vector') return 'v128';
  return type === F32 ? 'f32' : 'i32';
}

export function fromConstant(type: Type, value: Constant): Value {
  if (type.kind === 'scalar') {
    const node = type === F32 ? f32(value as number) : i32(Number(value));
    return scalar(type, node);
  }
  const parts = value as readonly Constant[];
  if (isVec4(type)) {
    const lanes = parts.map((part) => nodeOf(fromConstant(type.element, part)));
    return { kind: 'vec4', type, lanes };
  }
  const types = partTypes(type);
  return { kind: 'parts', type, parts: parts.map((part, n) => fromConstant(types(n), part)) };
}

/** The type of each part of a composite. */
export function partTypes(type: Type): (n: number) => Type {
  if (type.kind === 'struct') return (n) => type.members[n]!.type;
  if (type.kind === 'matrix') return () => columnType(type);
  return () => (type as Vector | ArrayType).element;
}

export function partCount(type: Struct | ArrayType | Matrix | Vector): number {
  if (type.kind === 'struct') return type.members.length;
  if (type.kind === 'matrix') return type.columns;
  return type.kind === 'vector' ? type.size : (type.count ?? 0);
}

/** The node of a scalar. */
export function nodeOf(value: Value): Node {
  if (value.kind !== 'scalar') throw new Error(`A ${value.kind} value is not a scalar.`);
  return value.node;
}

/** A vec4 as one v128. */
export function packed(value: Value): Node {
  if (value.kind !== 'vec4') throw new Error(`A ${value.kind} value is not a vec4.`);
  if (value.node) return value.node;
  const { lanes, type } = value;
  return fold.pack(type.element === BOOL ? lanes.map(maskOf) : lanes);
}

/** All ones for true, in a lane. */
function maskOf(node: Node): Node {
  return fold.integer('sub', i32(0), node);
}

/** One component of a vector of any size. */
export function laneNode(value: Value, lane: number): Node {
  if (value.kind === 'parts') return nodeOf(value.parts[lane]!);
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

/** A vector of any size from its components. */
export function fromLanes(type: Vector, lanes: readonly Node[]): Value {
  if (type.size === 4) return { kind: 'vec4', type, lanes };
  return { kind: 'parts', type, parts: lanes.map((node) => scalar(type.element, node)) };
}

/** A scalar used as a vec4 of itself. */
export function splatNode({ type, node }: ScalarValue): Node {
  return fold.splat(type === BOOL ? maskOf(node) : node);
}

/** The value put into locals, where it does not last by itself: it can then be used often and late. */
export function keep(builder: Builder, value: Value, name: string): Value {
  switch (value.kind) {
    case 'scalar':
      return { ...value, node: builder.keep(value.node, name) };
    case 'vec4': {
      const { type } = value;
      if (value.lanes?.every((n) => n.kind === 'constant')) return value;
      return { kind: 'vec4', type, node: builder.keep(packed(value), name) };
    }
    case 'parts': {
      const parts = value.parts.map((part, n) => keep(builder, part, `${name}.${n}`));
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
 * The columns of a 4 x 4 matrix's transpose, in locals. A matrix is transposed once where it is kept, for all products
 * with a vector on its left; where there are none, the locals are dead and go.
 */
export function transpose4(builder: Builder, columns: readonly Value[], name: string): Value[] {
  const [a, b, c, d] = columns.map(packed) as [Node, Node, Node, Node];
  const kept = (x: Node, y: Node, lanes: readonly number[]) =>
    builder.keep(fold.shuffle(x, y, lanes), `${name}.t`);
  const [ab, cd] = [kept(a, b, [0, 4, 1, 5]), kept(c, d, [0, 4, 1, 5])];
  const [abHigh, cdHigh] = [kept(a, b, [2, 6, 3, 7]), kept(c, d, [2, 6, 3, 7])];
  return [
    kept(ab, cd, [0, 1, 4, 5]),
    kept(ab, cd, [2, 3, 6, 7]),
    kept(abHigh, cdHigh, [0, 1, 4, 5]),
    kept(abHigh, cdHigh, [2, 3, 6, 7]),
  ].map((node) => ({ kind: 'vec4', type: columns[0]!.type as Vector, node }));
}

/**
 * Step 4e: operators and conversions on lowered values.
 *
 *   in         out
 *   a * b      f32x4.mul for vec4f
 *   i / n      i32.div_u for u32, with a divisor that is 1 where n is 0, as WGSL requires
 *   v > w      f32x4.gt for vec4f; its lanes are all ones or all zeros
 *   v * m      for mat4x4f, the sum over the columns of m's transpose
 *
 * Why: no division can trap, so later steps can move it. A product with a matrix needs no sum
 * across lanes.
 */

import type { BinaryOperator } from '../../wgsl/program.js';
import {
  BOOL,
  columnType,
  F32,
  I32,
  type Matrix,
  type Scalar,
  scalarType,
  type Type,
  U32,
  type Vector,
  vectorType,
} from '../../wgsl/types.js';
import type { Builder } from '../ir/builder.js';
import * as fold from '../ir/fold.js';
import { f32, i32, isTrivial, type Node, operation, vector } from '../ir/ir.js';
import {
  fromLanes,
  laneNode,
  laneNodes,
  type PartsValue,
  packed,
  type ScalarValue,
  scalar,
  splatNode,
  toLocals,
  transpose4,
  type Value,
} from './values.js';

const NAMES: Readonly<Record<string, string>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '%': 'rem',
  '&': 'and',
  '|': 'or',
  '^': 'xor',
  '<<': 'shl',
  '>>': 'shr',
  '<': 'lt',
  '>': 'gt',
  '<=': 'le',
  '>=': 'ge',
  '==': 'eq',
  '!=': 'ne',
};
const COMPARISONS = new Set(['lt', 'gt', 'le', 'ge', 'eq', 'ne']);
const WITH_SIGN = new Set(['lt', 'gt', 'le', 'ge', 'div', 'rem', 'shr']);

/**
 * Lowers `left operator right`, of types that the checker accepts. Not for `&&` and `||`, which
 * evaluate their right side conditionally.
 */
export function binary(
  builder: Builder,
  operator: BinaryOperator,
  left: Value,
  right: Value,
  type: Type,
): Value {
  if (left.type.kind === 'matrix' || right.type.kind === 'matrix')
    return matrixBinary(builder, operator, left, right, type);
  const name = NAMES[operator]!;
  if (left.kind === 'scalar' && right.kind === 'scalar')
    return scalar(type as Scalar, scalarBinary(builder, name, left, right));
  const hasVec4 = left.kind === 'vec4' || right.kind === 'vec4';
  if (hasVec4 && hasVectorForm(name, scalarType(left.type)!, right))
    return { kind: 'vec4', type: type as Vector, node: vectorBinary(name, left, right) };
  return byLane(builder, name, left, right, type as Vector);
}

// Scalars

function scalarBinary(builder: Builder, name: string, left: ScalarValue, right: ScalarValue): Node {
  const { type, node: a } = left;
  const { node: b } = right;
  if (type === F32) return name === 'rem' ? floatRemainder(builder, a, b) : fold.float(name, a, b);
  if (name === 'div' || name === 'rem')
    return fold.integer(withSign(name, type), ...safeOperands(builder, type, a, b));
  return fold.integer(withSign(name, type), a, b);
}

function withSign(name: string, type: Scalar): string {
  return WITH_SIGN.has(name) ? `${name}_${type === I32 ? 's' : 'u'}` : name;
}

/**
 * Returns operands whose division is defined: x / 0 is x, and the lowest i32 divided by -1 is
 * itself.
 */
function safeOperands(builder: Builder, type: Scalar, a: Node, b: Node): [Node, Node] {
  const constant = fold.constantValue(b);
  if (constant !== undefined && constant !== 0 && constant !== -1) return [a, b];
  if (constant === -1 && type === U32) return [a, b];
  const divisor = builder.toLocal(b, 'divisor');
  if (type === U32) return [a, fold.integer('or', divisor, fold.isZero(divisor))];
  const dividend = builder.toLocal(a, 'dividend');
  const overflows = fold.integer(
    'and',
    fold.integer('eq', dividend, i32(-(2 ** 31))),
    fold.integer('eq', divisor, i32(-1)),
  );
  const hasNoResult = fold.integer('or', fold.isZero(divisor), overflows);
  return [dividend, fold.select(i32(1), divisor, hasNoResult)];
}

/** x - y * trunc(x / y) */
function floatRemainder(builder: Builder, a: Node, b: Node): Node {
  const [x, y] = [builder.toLocal(a, 'x'), builder.toLocal(b, 'y')];
  const quotient = operation('f32.trunc', [fold.float('div', x, y)]);
  return fold.float('sub', x, fold.float('mul', y, quotient));
}

// Vectors

/** Whether there is one instruction for all four lanes. */
function hasVectorForm(name: string, type: Scalar, right: Value): boolean {
  if (name === 'shl' || name === 'shr') return commonShift(right) !== undefined;
  return type === F32 ? name !== 'rem' : name !== 'div' && name !== 'rem';
}

function vectorBinary(name: string, left: Value, right: Value): Node {
  const type = scalarType(left.type)!;
  const a = vec4Node(left);
  if (name === 'shl' || name === 'shr')
    return operation(`i32x4.${withSign(name, type)}`, [a, commonShift(right)!]);
  const b = vec4Node(right);
  if (name === 'and' || name === 'or' || name === 'xor') return operation(`v128.${name}`, [a, b]);
  if (type === F32) return operation(`f32x4.${name}`, [a, b]);
  return operation(`i32x4.${COMPARISONS.has(name) ? withSign(name, type) : name}`, [a, b]);
}

/** A vec4, or a scalar in all lanes of one. */
function vec4Node(value: Value): Node {
  return value.kind === 'scalar' ? splatNode(value) : packed(value);
}

/** The number of bits by which all lanes are shifted, if it is the same for all. */
function commonShift(shift: Value): Node | undefined {
  if (shift.kind === 'scalar') return shift.node;
  if (shift.kind !== 'vec4') return undefined;
  if (shift.node)
    return shift.node.kind === 'vector' && shift.node.bits.every((n, _, all) => n === all[0])
      ? i32(shift.node.bits[0]!)
      : undefined;
  const [firstLane, ...others] = shift.lanes;
  return others.every(
    (n) =>
      n === firstLane ||
      (fold.constantValue(n) !== undefined &&
        fold.constantValue(n) === fold.constantValue(firstLane!)),
  )
    ? firstLane
    : undefined;
}

function byLane(builder: Builder, name: string, left: Value, right: Value, type: Vector): Value {
  const p = toReusable(builder, left);
  const q = toReusable(builder, right);
  const element = scalarType(left.type)!;
  const otherType = scalarType(right.type)!;
  const lanes = Array.from({ length: type.size }, (_, n) => {
    const a = p.kind === 'scalar' ? p.node : laneNode(p, n);
    const b = q.kind === 'scalar' ? q.node : laneNode(q, n);
    return scalarBinary(builder, name, scalar(element, a), scalar(otherType, b));
  });
  return fromLanes(type, lanes);
}

/**
 * Puts a value into locals that is used once for each lane. A list of lanes needs none: each lane
 * is used once.
 */
function toReusable(builder: Builder, value: Value): Value {
  return value.kind === 'parts' ? value : toLocals(builder, value, 'operand');
}

/** Lowers `operator operand`, of a type that the checker accepts. */
export function unary(builder: Builder, operator: '-' | '!' | '~', operand: Value): Value {
  const element = scalarType(operand.type)!;
  if (operand.kind === 'scalar')
    return scalar(element, scalarUnary(operator, element, operand.node));
  if (operand.type.kind === 'matrix') {
    const { parts } = operand as PartsValue;
    return {
      kind: 'parts',
      type: operand.type,
      parts: parts.map((c) => unary(builder, operator, c)),
    };
  }
  if (operand.kind === 'parts' || (operand.kind === 'vec4' && operand.lanes)) {
    const lanes = laneNodes(operand).map((node) => scalarUnary(operator, element, node));
    return fromLanes(operand.type as Vector, lanes);
  }
  const node = packed(operand);
  const name = operator === '-' ? (element === F32 ? 'f32x4.neg' : 'i32x4.neg') : 'v128.not';
  return { kind: 'vec4', type: operand.type as Vector, node: operation(name, [node]) };
}

function scalarUnary(operator: '-' | '!' | '~', type: Scalar, node: Node): Node {
  if (operator === '!') return fold.isZero(node);
  if (operator === '~') return fold.integer('xor', node, i32(-1));
  if (type !== F32) return fold.integer('sub', i32(0), node);
  return node.kind === 'constant' ? f32(-node.value) : operation('f32.neg', [node]);
}

// Matrices

function matrixBinary(
  builder: Builder,
  operator: BinaryOperator,
  left: Value,
  right: Value,
  type: Type,
): Value {
  if (operator !== '*') return byColumn(builder, operator, left, right, type as Matrix);
  if (left.kind === 'scalar') return byColumn(builder, '*', right, left, type as Matrix);
  if (right.kind === 'scalar') return byColumn(builder, '*', left, right, type as Matrix);
  if (right.type.kind !== 'matrix') return matrixTimesVector(builder, left as PartsValue, right);
  if (left.type.kind !== 'matrix') return vectorTimesMatrix(builder, left, right as PartsValue);
  const columns = (right as PartsValue).parts;
  const stable = toLocals(builder, left, 'matrix') as PartsValue;
  const parts = columns.map((column) => matrixTimesVector(builder, stable, column));
  return { kind: 'parts', type, parts };
}

function byColumn(
  builder: Builder,
  operator: BinaryOperator,
  matrix: Value,
  other: Value,
  type: Matrix,
): Value {
  const column = columnType(type);
  const factor = other.kind === 'scalar' ? toLocals(builder, other, 'factor') : other;
  const parts = (matrix as PartsValue).parts.map((each, n) => {
    const factorColumn = factor.kind === 'parts' ? factor.parts[n]! : factor;
    return binary(builder, operator, each, factorColumn, column);
  });
  return { kind: 'parts', type, parts };
}

/** The matrix's columns times the vector's components, added in order. */
function matrixTimesVector(builder: Builder, matrix: PartsValue, operand: Value): Value {
  return sumOfProducts(builder, matrix.parts, toSplittable(builder, operand));
}

function vectorTimesMatrix(builder: Builder, operand: Value, matrix: PartsValue): Value {
  const { columns, rows } = matrix.type as Matrix;
  if (columns === 4 && rows === 4) {
    const factor = toLocals(builder, matrix, 'matrix') as PartsValue;
    const transposed = factor.transposed ?? transpose4(builder, factor.parts, 'matrix');
    return sumOfProducts(builder, transposed, toSplittable(builder, operand));
  }
  const stable = toLocals(builder, operand, 'operand');
  const lanes = matrix.parts.map((column) => dotNode(builder, stable, column));
  return fromLanes(vectorType(columns, F32), lanes);
}

/**
 * Prepares a vector whose lanes will be used one by one: a local, or memory with its address in a
 * local.
 */
function toSplittable(builder: Builder, operand: Value): Value {
  if (operand.kind !== 'vec4' || operand.lanes) return toLocals(builder, operand, 'operand');
  const { node } = operand;
  if (node.kind !== 'load') return toLocals(builder, operand, 'operand');
  const address = isTrivial(node.address) ? node.address : builder.toLocal(node.address, 'address');
  return { ...operand, node: { ...node, address } };
}

function sumOfProducts(builder: Builder, columns: readonly Value[], factors: Value): Value {
  const { type } = columns[0]!;
  const products = columns.map((column, n) =>
    binary(builder, '*', column, scalar(F32, laneNode(factors, n)), type),
  );
  return products.reduce((sum, product) => binary(builder, '+', sum, product, type));
}

/** The dot product of two vectors, added in order. */
export function dotNode(builder: Builder, left: Value, right: Value): Node {
  const type = left.type as Vector;
  const products = toLocals(builder, binary(builder, '*', left, right, type), 'products');
  const element = type.element;
  return laneNodes(products).reduce((sum, node) =>
    element === F32 ? fold.float('add', sum, node) : fold.integer('add', sum, node),
  );
}

// Conversions

/** Converts the components of a scalar or vector to another type. */
export function convert(value: Value, type: Scalar | Vector): Value {
  const [from, to] = [scalarType(value.type)!, scalarType(type)!];
  if (value.kind === 'scalar') return scalar(to, convertNode(value.node, from, to));
  if (value.kind === 'vec4' && value.node)
    return { kind: 'vec4', type: type as Vector, node: convertVector(value.node, from, to) };
  const lanes = laneNodes(value).map((node) => convertNode(node, from, to));
  return fromLanes(type as Vector, lanes);
}

function convertNode(node: Node, from: Scalar, to: Scalar): Node {
  const constant = node.kind === 'constant' ? node.value : undefined;
  if (to === BOOL) {
    if (from === BOOL) return node;
    return from === F32 ? fold.float('ne', node, f32(0)) : fold.integer('ne', node, i32(0));
  }
  if (to === F32 && from !== F32) {
    if (constant !== undefined) return f32(from === U32 ? constant >>> 0 : constant);
    return operation(from === I32 ? 'f32.convert_i32_s' : 'f32.convert_i32_u', [node]);
  }
  if (from === F32 && to !== F32) {
    const limit = floatSplat(LARGEST_FLOAT[to.name as 'i32' | 'u32']);
    const clamped = fold.lane(operation('f32x4.pmin', [fold.splat(node), limit]), 0, 'f32');
    return operation(to === I32 ? 'i32.trunc_sat_f32_s' : 'i32.trunc_sat_f32_u', [clamped]);
  }
  return node;
}

/**
 * The largest f32 that an integer type can represent. WGSL clamps to it: the upper end of the
 * integer type itself is not an f32. WebAssembly would clamp to that end. It handles the lower
 * ends, 0 and -2^31, as WGSL does, and turns NaN into 0.
 */
const LARGEST_FLOAT = { i32: 2 ** 31 - 2 ** 7, u32: 2 ** 32 - 2 ** 8 } as const;

/** An f32 in all lanes. */
function floatSplat(value: number): Node {
  return fold.splat(f32(value));
}

function convertVector(node: Node, from: Scalar, to: Scalar): Node {
  if (from === to) return node;
  const zero = vector([0, 0, 0, 0]);
  if (to === BOOL) return operation(from === F32 ? 'f32x4.ne' : 'i32x4.ne', [node, zero]);
  if (from === BOOL) {
    const oneBits = to === F32 ? fold.floatBits(1) : 1;
    return operation('v128.and', [node, vector([oneBits, oneBits, oneBits, oneBits])]);
  }
  if (to === F32) return operation(`f32x4.convert_i32x4_${from === I32 ? 's' : 'u'}`, [node]);
  if (from === F32) {
    const clamped = operation('f32x4.pmin', [
      node,
      floatSplat(LARGEST_FLOAT[to.name as 'i32' | 'u32']),
    ]);
    return operation(`i32x4.trunc_sat_f32x4_${to === I32 ? 's' : 'u'}`, [clamped]);
  }
  return node;
}

/** Reinterprets the bits of a scalar or vector as another type. */
export function bitcast(value: Value, type: Scalar | Vector): Value {
  if (value.kind === 'scalar') return scalar(type as Scalar, bitcastNode(value, scalarType(type)!));
  if (value.kind === 'vec4') return { kind: 'vec4', type: type as Vector, node: packed(value) };
  const element = scalarType(type)!;
  const from = scalarType(value.type)!;
  const lanes = laneNodes(value).map((node) => bitcastNode(scalar(from, node), element));
  return fromLanes(type as Vector, lanes);
}

function bitcastNode({ type, node }: ScalarValue, to: Scalar): Node {
  if ((type === F32) === (to === F32)) return node;
  if (node.kind === 'constant')
    return to === F32 ? f32(fold.bitsToFloat(node.value)) : i32(fold.floatBits(node.value));
  return operation(to === F32 ? 'f32.reinterpret_i32' : 'i32.reinterpret_f32', [node]);
}

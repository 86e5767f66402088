/**
 * Step 4d: a built-in function of WGSL becomes one instruction if WebAssembly has it, otherwise a
 * few instructions, or a function of the prelude (prelude.ts).
 *
 *   in    sqrt(v), clamp(v, a, b), exp(v)                   with v: vec4f
 *   out   f32x4.sqrt v; f32x4.pmin (f32x4.pmax v a) b; the body of the prelude's exp
 *
 * Why: four components cost one instruction, and no call remains in a loop.
 */

import type { Expression } from '../../wgsl/program.js';
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
import * as fold from '../ir/fold.js';
import { f32, i32, type Node, operation } from '../ir/ir.js';
import { binary, dotNode } from './arithmetic.js';
import type { Frame } from './frame.js';
import type { InlineCall } from './lower-expression.js';
import { preludeFunction } from './prelude.js';
import * as storage from './storage.js';
import {
  fromLanes,
  laneNode,
  laneNodes,
  type MemoryStorage,
  type PointerValue,
  packed,
  scalar,
  scalarNode,
  splatNode,
  toLocals,
  transpose4,
  type Value,
} from './values.js';

type Call = Extract<Expression, { kind: 'builtin' }>;

/** Functions of one float that are one instruction, for scalars and for vec4. */
const FLOAT_INSTRUCTIONS: Readonly<Record<string, string>> = {
  ceil: 'ceil',
  floor: 'floor',
  round: 'nearest',
  sqrt: 'sqrt',
  trunc: 'trunc',
};
const COUNTS: Readonly<Record<string, string>> = {
  countOneBits: 'i32.popcnt',
  countLeadingZeros: 'i32.clz',
  countTrailingZeros: 'i32.ctz',
};

const FLOAT4 = vectorType(4, F32);

/**
 * Lowers a call of a built-in function.
 *
 * @param inline lowers the call of a prelude function.
 * @param args the lowered arguments.
 */
export function lowerBuiltin(frame: Frame, inline: InlineCall, call: Call, args: Value[]): Value {
  const { name, type } = call;
  const { builder } = frame;
  const [a, b, c] = args as [Value, Value, Value];
  const compute = (operator: '+' | '-' | '*' | '/', p: Value, q: Value, resultType: Type = type) =>
    binary(builder, operator, p, q, resultType);
  const floatConstant = (value: number): Value => scalar(F32, f32(value));
  const lowerAs = (callee: string, ...values: Value[]): Value =>
    lowerBuiltin(frame, inline, { ...call, name: callee, type: values[0]!.type }, values);

  const instruction = FLOAT_INSTRUCTIONS[name];
  if (instruction) return mapFloat(instruction, a);
  if (COUNTS[name])
    return mapLanes(toLocals(builder, a, 'bits'), (node) => operation(COUNTS[name]!, [node]));
  if (preludeFunction(name)) return callPrelude(inline, name, args);
  // In the order of BUILTINS in wgsl/check/builtins.ts.
  switch (name) {
    case 'abs':
      return absolute(frame, a);
    case 'fract': {
      const x = toLocals(builder, a, 'x');
      return compute('-', x, mapFloat('floor', x));
    }
    case 'inverseSqrt':
      return compute('/', floatConstant(1), mapFloat('sqrt', a));
    case 'saturate':
      return lowerAs('clamp', a, splatFloat(type, 0), splatFloat(type, 1));
    case 'sign':
      return sign(frame, a);
    case 'max':
    case 'min':
      return minOrMax(frame, name, a, b);
    case 'step':
      return select(
        frame,
        splatFloat(type, 0),
        splatFloat(type, 1),
        binary(builder, '<=', a, b, boolType(type)),
      );
    case 'fma':
      return compute('+', compute('*', a, b), c);
    case 'clamp':
      return lowerAs('min', lowerAs('max', a, b), c);
    case 'mix': {
      const share = toLocals(builder, c, 'share');
      const rest = compute('-', floatConstant(1), share, share.type);
      return compute('+', compute('*', a, rest), compute('*', b, share));
    }
    case 'select':
      return select(frame, a, b, c);
    case 'all':
    case 'any':
      return boolReduction(name, a);
    case 'length':
      return scalar(F32, lengthNode(frame, a));
    case 'distance':
      return scalar(F32, lengthNode(frame, compute('-', a, b, a.type)));
    case 'dot':
      return scalar(type as Scalar, dotNode(builder, a, b));
    case 'cross':
      return cross(frame, a, b);
    case 'normalize': {
      const v = toLocals(builder, a, 'v');
      return compute('/', v, scalar(F32, builder.toLocal(lengthNode(frame, v), 'length')));
    }
    case 'transpose':
      return transpose(frame, a, type as Matrix);
    case 'arrayLength':
      return scalar(U32, storage.runtimeCount((a as PointerValue).storage as MemoryStorage));
    case 'workgroupBarrier':
    case 'storageBarrier':
      barrier(frame);
      return scalar(U32, i32(0));
    case 'workgroupUniformLoad': {
      barrier(frame);
      const value = toLocals(builder, storage.read((a as PointerValue).storage), 'loaded');
      barrier(frame);
      return value;
    }
  }
  throw new Error(`The builtin ${name} cannot be lowered.`);
}

function barrier(frame: Frame): void {
  const [x, y, z] = frame.entry.workgroupSize;
  if (x * y * z === 1) return;
  frame.builder.emit({ kind: 'barrier' });
  frame.hasBarrier = true;
}

function boolType(type: Type): Type {
  return type.kind === 'vector' ? vectorType(type.size, BOOL) : BOOL;
}

function splatFloat(type: Type, value: number): Value {
  if (type.kind !== 'vector') return scalar(F32, f32(value));
  return fromLanes(type, Array(type.size).fill(f32(value)));
}

/** Applies one instruction to every component. */
function mapFloat(instruction: string, value: Value): Value {
  if (value.kind === 'vec4') {
    const node = operation(`f32x4.${instruction}`, [packed(value)]);
    return { kind: 'vec4', type: value.type, node };
  }
  return mapLanes(value, (node) => operation(`f32.${instruction}`, [node]));
}

function mapLanes(value: Value, f: (node: Node) => Node): Value {
  if (value.kind === 'scalar') return scalar(value.type, f(value.node));
  return fromLanes(value.type as Vector, laneNodes(value).map(f));
}

/**
 * Calls a prelude function, which is for vec4. With fewer components, the other lanes are computed
 * and not used.
 */
function callPrelude(inline: InlineCall, name: string, args: readonly Value[]): Value {
  const callee = preludeFunction(name)!;
  const [firstArgument] = args as [Value];
  if (firstArgument.kind === 'vec4') return inline(callee, args);
  const widened = args.map((value): Value => {
    if (value.kind === 'scalar') return { kind: 'vec4', type: FLOAT4, node: splatNode(value) };
    const lanes = laneNodes(value);
    return { kind: 'vec4', type: FLOAT4, lanes: [0, 1, 2, 3].map((n) => lanes[n] ?? lanes[0]!) };
  });
  const result = inline(callee, widened);
  if (firstArgument.kind === 'scalar') return scalar(F32, laneNode(result, 0));
  const type = firstArgument.type as Vector;
  return fromLanes(
    type,
    Array.from({ length: type.size }, (_, n) => laneNode(result, n)),
  );
}

function absolute(frame: Frame, value: Value): Value {
  const element = scalarType(value.type)!;
  if (element === U32) return value;
  if (value.kind === 'vec4') {
    const node = operation(element === F32 ? 'f32x4.abs' : 'i32x4.abs', [packed(value)]);
    return { kind: 'vec4', type: value.type, node };
  }
  if (element === F32) return mapLanes(value, (node) => operation('f32.abs', [node]));
  return mapLanes(value, (node) => {
    const x = frame.builder.toLocal(node, 'x');
    return fold.select(fold.integer('sub', i32(0), x), x, fold.integer('lt_s', x, i32(0)));
  });
}

function sign(frame: Frame, value: Value): Value {
  const element = scalarType(value.type)!;
  const x = toLocals(frame.builder, value, 'x');
  return mapLanes(x, (node) => {
    if (element === F32)
      return fold.select(
        f32(1),
        fold.select(f32(-1), f32(0), fold.float('lt', node, f32(0))),
        fold.float('gt', node, f32(0)),
      );
    const positive = fold.integer('gt_s', node, i32(0));
    return fold.integer('sub', positive, fold.integer('lt_s', node, i32(0)));
  });
}

/**
 * Lowers min and max. For floats it uses pmin and pmax, which are `b < a ? b : a` in one
 * instruction. WebAssembly's scalar min and max order zeros and propagate NaN, for which V8 emits
 * branches that depend on the data.
 */
function minOrMax(frame: Frame, name: 'min' | 'max', a: Value, b: Value): Value {
  const element = scalarType(a.type)!;
  const vectorName =
    element === F32 ? `f32x4.p${name}` : `i32x4.${name}_${element === I32 ? 's' : 'u'}`;
  if (a.kind === 'vec4')
    return { kind: 'vec4', type: a.type, node: operation(vectorName, [packed(a), packed(b)]) };
  const scalarMinMax = (x: Node, y: Node): Node => {
    if (x.kind === 'constant' && y.kind === 'constant') {
      const smaller = element === U32 ? x.value >>> 0 < y.value >>> 0 : x.value < y.value;
      return smaller === (name === 'min') ? x : y;
    }
    if (element === F32)
      return fold.lane(operation(vectorName, [fold.splat(x), fold.splat(y)]), 0, 'f32');
    const [p, q] = [frame.builder.toLocal(x, 'x'), frame.builder.toLocal(y, 'y')];
    const comparison = `${name === 'min' ? 'lt' : 'gt'}_${element === I32 ? 's' : 'u'}`;
    return fold.select(p, q, fold.integer(comparison, p, q));
  };
  if (a.kind === 'scalar') return scalar(element, scalarMinMax(a.node, scalarNode(b)));
  const [p, q] = [laneNodes(a), laneNodes(b)];
  return fromLanes(
    a.type as Vector,
    p.map((x, n) => scalarMinMax(x, q[n]!)),
  );
}

/**
 * `ifTrue` where the condition holds, otherwise `ifFalse`: for all components at once, or one by
 * one.
 */
function select(frame: Frame, ifFalse: Value, ifTrue: Value, condition: Value): Value {
  if (condition.kind === 'vec4') {
    const node = operation('v128.bitselect', [packed(ifTrue), packed(ifFalse), packed(condition)]);
    return { kind: 'vec4', type: ifTrue.type as Vector, node };
  }
  if (condition.kind === 'parts') {
    const [p, q, r] = [laneNodes(ifTrue), laneNodes(ifFalse), laneNodes(condition)];
    return fromLanes(
      ifTrue.type as Vector,
      p.map((x, n) => fold.select(x, q[n]!, r[n]!)),
    );
  }
  const constant = fold.constantValue(scalarNode(condition));
  if (constant !== undefined) return constant !== 0 ? ifTrue : ifFalse;
  const test = frame.builder.toLocal(scalarNode(condition), 'condition');
  if (ifTrue.kind === 'scalar')
    return scalar(ifTrue.type, fold.select(ifTrue.node, scalarNode(ifFalse), test));
  if (ifTrue.kind === 'vec4') {
    const node = fold.select(packed(ifTrue), packed(ifFalse), test);
    return { kind: 'vec4', type: ifTrue.type, node };
  }
  const [p, q] = [laneNodes(ifTrue), laneNodes(ifFalse)];
  return fromLanes(
    ifTrue.type as Vector,
    p.map((x, n) => fold.select(x, q[n]!, test)),
  );
}

function boolReduction(name: 'all' | 'any', value: Value): Value {
  if (value.kind === 'scalar') return value;
  if (value.kind === 'vec4' && value.node)
    return scalar(
      BOOL,
      operation(name === 'all' ? 'i32x4.all_true' : 'v128.any_true', [value.node]),
    );
  const combine = name === 'all' ? 'and' : 'or';
  return scalar(
    BOOL,
    laneNodes(value).reduce((p, q) => fold.integer(combine, p, q)),
  );
}

function lengthNode(frame: Frame, value: Value): Node {
  if (value.kind === 'scalar') return operation('f32.abs', [value.node]);
  const v = toLocals(frame.builder, value, 'v');
  return operation('f32.sqrt', [dotNode(frame.builder, v, v)]);
}

function cross(frame: Frame, a: Value, b: Value): Value {
  const [p, q] = [toLocals(frame.builder, a, 'v'), toLocals(frame.builder, b, 'w')];
  const product = (m: number, n: number) => fold.float('mul', laneNode(p, m), laneNode(q, n));
  const component = (m: number, n: number) => fold.float('sub', product(m, n), product(n, m));
  return fromLanes(a.type as Vector, [component(1, 2), component(2, 0), component(0, 1)]);
}

function transpose(frame: Frame, value: Value, type: Matrix): Value {
  if (value.kind !== 'parts') throw new Error('Only a matrix can be transposed.');
  const { parts, transposed } = value;
  if (type.rows === 4 && type.columns === 4) {
    const rows = transposed ?? transpose4(frame.builder, parts, 'matrix');
    return { kind: 'parts', type, parts: rows, transposed: parts };
  }
  const stable = toLocals(frame.builder, value, 'matrix') as typeof value;
  const columns = Array.from({ length: type.columns }, (_, n) =>
    fromLanes(
      columnType(type),
      stable.parts.map((each) => laneNode(each, n)),
    ),
  );
  return { kind: 'parts', type, parts: columns };
}

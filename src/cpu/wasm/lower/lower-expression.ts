/**
 * Step 4c: typed expressions become nodes. Constants are folded; the rest becomes instructions.
 *
 *   in    2.0 * x[i]                         with i in a local
 *   out   f32.mul 2 (f32.load (i32.add x (i32.shl i 2)))
 *
 * Why: calls are inlined here. WebAssembly engines inline only after loops are unrolled and arrays
 * are assigned to locals, which is too late.
 */

import { hasSideEffects } from '../../wgsl/operands.js';
import type { Expression, Reference, ShaderFunction } from '../../wgsl/program.js';
import { BOOL, type Scalar, type Type, typeName, type Vector } from '../../wgsl/types.js';
import * as fold from '../ir/fold.js';
import { i32, type Node, readsMutableState, type Statement } from '../ir/ir.js';
import { binary, bitcast, convert, unary } from './arithmetic.js';
import type { Frame } from './frame.js';
import { NeedsMemoryError } from './frame.js';
import { lowerBuiltin } from './lower-builtin.js';
import * as storage from './storage.js';
import {
  fromConstant,
  fromLanes,
  laneNode,
  laneNodes,
  type MemoryStorage,
  type PartsValue,
  packed,
  partCount,
  type Storage,
  scalar,
  scalarNode,
  toLocals,
  type Value,
} from './values.js';

/**
 * A constant index into a runtime-sized array becomes part of the load's offset if it is below
 * this. A larger one is treated like any other index: its offset could exceed 32 bits, where
 * addresses wrap.
 */
const MAX_CONSTANT_INDEX = 1 << 16;

/** Lowers a call by inlining the function; implemented in lower-statement.ts. */
export type InlineCall = (callee: ShaderFunction, args: readonly Value[]) => Value;

/** Lowers expressions and references. */
export class ExpressionLowering {
  readonly #frame: Frame;
  readonly #inline: InlineCall;

  constructor(frame: Frame, inline: InlineCall) {
    this.#frame = frame;
    this.#inline = inline;
  }

  /**
   * Lowers an expression. The value may read mutable state, so it must be used, or put into locals,
   * before that state changes.
   */
  lower(node: Expression): Value {
    switch (node.kind) {
      case 'constant':
        return fromConstant(node.type, node.value);
      case 'value':
        return this.#frame.value(node.variable);
      case 'read':
        return this.#read(this.locate(node.reference));
      case 'unary':
        return unary(this.#frame.builder, node.operator, this.lower(node.operand));
      case 'binary':
        return this.#binary(node);
      case 'builtin':
        return this.#builtin(node);
      case 'construct':
        return this.#construct(node.type, this.lowerAll(node.parts));
      case 'convert':
        return convert(this.lower(node.operand), node.type as Scalar | Vector);
      case 'bitcast':
        return bitcast(this.lower(node.operand), node.type as Scalar | Vector);
      case 'call':
        return this.#inline(node.function, this.lowerAll(node.arguments));
      case 'member':
        return (this.lower(node.base) as PartsValue).parts[node.index]!;
      case 'swizzle':
        return this.#swizzle(this.lower(node.base), node.lanes, node.type);
      case 'element':
        return this.#element(node);
      case 'address': {
        const type = node.type as Extract<Type, { kind: 'pointer' }>;
        return { kind: 'pointer', type, storage: this.locateStable(node.reference) };
      }
    }
  }

  /**
   * Lowers expressions in order. Values are put into locals where a later expression could change
   * what they read.
   */
  lowerAll(nodes: readonly Expression[]): Value[] {
    return nodes.map((node, n) => {
      const value = this.lower(node);
      return nodes.slice(n + 1).some(hasSideEffects) ? this.#toStable(value) : value;
    });
  }

  /** Returns the storage that a reference refers to. */
  locate(reference: Reference): Storage {
    switch (reference.kind) {
      case 'variable':
        return this.#frame.storage(reference.variable);
      case 'dereference': {
        const pointer = this.lower(reference.pointer);
        if (pointer.kind !== 'pointer')
          throw new Error('A value that is not a pointer is dereferenced.');
        return pointer.storage;
      }
      case 'member':
        return storage.part(this.locate(reference.base), reference.index);
      case 'element':
        return this.#elementReference(reference);
    }
  }

  /** The same storage, with its address in a local if later statements could change it. */
  #stableAddress(target: Storage): Storage {
    if (target.kind === 'lane') return { ...target, base: this.#stableAddress(target.base) };
    if (target.kind !== 'memory') return target;
    return { ...target, address: this.#frame.builder.toLocal(target.address, 'address') };
  }

  /** Returns the storage of a reference that is written only after a value was computed. */
  locateStable(reference: Reference): Storage {
    return this.#stableAddress(this.locate(reference));
  }

  #toStable(value: Value): Value {
    const nodes = storage.valueNodes(value);
    return nodes.some(readsMutableState) ? toLocals(this.#frame.builder, value, 'kept') : value;
  }

  #read(from: Storage): Value {
    if (from.kind !== 'memory' || !from.isReadOnce) return storage.read(from);
    if (storage.isSingle(from.type)) return this.#frame.prologue.read(from) ?? storage.read(from);
    const count = partCount(from.type);
    const parts = Array.from({ length: count }, (_, n) => this.#read(storage.part(from, n)));
    return { kind: 'parts', type: from.type, parts };
  }

  #binary(node: Extract<Expression, { kind: 'binary' }>): Value {
    const { operator, left, right, type } = node;
    if (operator === '&&' || operator === '||') return this.#logical(operator, left, right);
    const [a, b] = this.lowerAll([left, right]) as [Value, Value];
    return binary(this.#frame.builder, operator, a, b, type);
  }

  /** The right side runs only if the left side has not decided. */
  #logical(operator: '&&' | '||', left: Expression, right: Expression): Value {
    const { builder } = this.#frame;
    const isAnd = operator === '&&';
    const leftNode = scalarNode(this.lower(left));
    const constant = fold.constantValue(leftNode);
    if (constant !== undefined)
      return (constant !== 0) === isAnd ? this.lower(right) : scalar(BOOL, i32(isAnd ? 0 : 1));
    let rightNode: Node = i32(0);
    const statements = builder.collect(() => {
      rightNode = scalarNode(this.lower(right));
    });
    // A right side that is cheap, cannot trap and has no side effects is always computed: a branch
    // costs more.
    if (statements.length === 0 && isSpeculatable(rightNode))
      return scalar(BOOL, fold.integer(isAnd ? 'and' : 'or', leftNode, rightNode));
    const result = builder.variable('i32', operator);
    const shortCircuit: Statement = { kind: 'set', local: result, value: i32(isAnd ? 0 : 1) };
    const evaluated: Statement[] = [
      ...statements,
      { kind: 'set', local: result, value: rightNode },
    ];
    builder.emit({
      kind: 'if',
      condition: leftNode,
      whenTrue: isAnd ? evaluated : [shortCircuit],
      whenFalse: isAnd ? [shortCircuit] : evaluated,
    });
    return scalar(BOOL, { kind: 'get', type: 'i32', local: result });
  }

  #builtin(node: Extract<Expression, { kind: 'builtin' }>): Value {
    return lowerBuiltin(this.#frame, this.#inline, node, this.lowerAll(node.arguments));
  }

  #construct(type: Type, parts: readonly Value[]): Value {
    if (type.kind !== 'vector') return { kind: 'parts', type, parts };
    const [leftNode] = parts;
    if (parts.length === 1 && leftNode?.kind === 'scalar') {
      if (type.size === 4 && type.element !== BOOL && leftNode.node.kind === 'load') {
        // A word that is loaded into all four lanes is one instruction. A bool would first have to
        // become all ones.
        return { kind: 'vec4', type, node: fold.splat(leftNode.node) };
      }
      const { node } = toLocals(this.#frame.builder, leftNode, 'splat') as typeof leftNode;
      return fromLanes(type, Array(type.size).fill(node));
    }
    const lanes = parts.flatMap((part) => (part.kind === 'scalar' ? [part.node] : laneNodes(part)));
    return fromLanes(type, lanes);
  }

  #swizzle(base: Value, lanes: readonly number[], type: Type): Value {
    if (type.kind === 'scalar') return scalar(type, laneNode(base, lanes[0]!));
    const source =
      base.kind === 'vec4' && base.node ? toLocals(this.#frame.builder, base, 'swizzled') : base;
    if (type.kind === 'vector' && type.size === 4 && source.kind === 'vec4' && source.node) {
      const node = packed(source);
      return { kind: 'vec4', type, node: fold.shuffle(node, node, lanes) };
    }
    return fromLanes(
      type as Vector,
      lanes.map((lane) => laneNode(source, lane)),
    );
  }

  /**
   * Lowers an element of a value. If the index is not constant, the value is put into memory first.
   */
  #element(node: Extract<Expression, { kind: 'element' }>): Value {
    const [base, index] = this.lowerAll([node.base, node.index]) as [Value, Value];
    const indexNode = scalarNode(index);
    const constant = fold.constantValue(indexNode);
    const count = partCount(base.type);
    if (constant !== undefined && constant >= 0 && constant < count)
      return storage.partValue(base, constant);
    const { builder } = this.#frame;
    const stableIndex = builder.toLocal(indexNode, 'index');
    if (this.#frame.isChecked)
      this.#frame.checkIndex(stableIndex, i32(count), typeName(base.type), node.position);
    if (node.base.kind === 'constant')
      return storage.read(storage.element(this.#frame.prologue.table(base), stableIndex));
    const memory = this.#frame.invocationStorage(base.type);
    storage.write(builder, memory, base);
    return toLocals(builder, storage.read(storage.element(memory, stableIndex)), 'element');
  }

  #elementReference(reference: Extract<Reference, { kind: 'element' }>): Storage {
    const base = this.locate(reference.base);
    const index = scalarNode(this.lower(reference.index));
    const constant = fold.constantValue(index);
    if (base.kind === 'memory') return this.#elementInMemory(base, index, reference);
    const count = partCount(base.type);
    if (constant !== undefined && constant >= 0 && constant < count)
      return storage.part(base, constant);
    if ('variable' in base && base.variable) throw new NeedsMemoryError(base.variable);
    throw new Error('The base of an element is not a variable.');
  }

  #elementInMemory(
    base: MemoryStorage,
    index: Node,
    reference: Extract<Reference, { kind: 'element' }>,
  ): Storage {
    const isRuntimeSized = base.type.kind === 'array' && base.type.count === undefined;
    if (this.#frame.isChecked) {
      const stableIndex = this.#frame.builder.toLocal(index, 'index');
      const count = isRuntimeSized ? storage.runtimeCount(base) : i32(partCount(base.type));
      this.#frame.checkIndex(stableIndex, count, referenceName(reference.base), reference.position);
      return storage.element(base, stableIndex);
    }
    const constant = fold.constantValue(index);
    if (
      constant !== undefined &&
      constant >= 0 &&
      (!isRuntimeSized || constant < MAX_CONSTANT_INDEX)
    )
      return storage.part(base, constant);
    return storage.element(base, index);
  }
}

/**
 * Whether a node can be computed where the program would not compute it: it reads no memory and has
 * no division.
 */
function isSpeculatable(node: Node): boolean {
  if (node.kind === 'load') return false;
  if (node.kind === 'operation' && /div_|rem_/.test(node.instruction)) return false;
  return 'operands' in node ? node.operands.every(isSpeculatable) : true;
}

function referenceName(reference: Reference): string {
  switch (reference.kind) {
    case 'variable':
      return reference.variable.name;
    case 'dereference':
      return 'what a pointer points at';
    case 'member':
      return `${referenceName(reference.base)}.${reference.struct.members[reference.index]!.name}`;
    case 'element':
      return `${referenceName(reference.base)}[...]`;
  }
}

/**
 * Step 4a: typed expressions become nodes. Lowering computes what is known and makes instructions of what is not: it
 * runs the kernel as far as it can be run without its data.
 *
 *   in    out[i + 1u] * 2.0            with i in a local
 *   out   f32.mul(f32.load offset=4 (i32.add(base, i32.shl(i, 2))), 2)
 *
 * Every call is inlined: WebAssembly's own inlining would come after the loops are unrolled and the arrays given to
 * locals, which is too late.
 */

import type { Expression, Place, ShaderFunction } from '../../wgsl/program.js';
import { BOOL, type Scalar, type Type, typeName, type Vector } from '../../wgsl/types.js';
import * as fold from '../ir/fold.js';
import { i32, isFleeting, type Node, type Statement } from '../ir/ir.js';
import { binary, bitcast, convert, unary } from './arithmetic.js';
import type { Frame } from './frame.js';
import { NeedsMemory } from './frame.js';
import { lowerBuiltin } from './lower-builtin.js';
import * as storage from './storage.js';
import {
  fromConstant,
  fromLanes,
  keep,
  laneNode,
  laneNodes,
  type MemoryStorage,
  nodeOf,
  type PartsValue,
  packed,
  partCount,
  type Storage,
  scalar,
  type Value,
} from './values.js';

/** How a function's call is lowered: by the part that lowers statements. */
export type Inline = (called: ShaderFunction, given: readonly Value[]) => Value;

export class ExpressionLowering {
  readonly #frame: Frame;
  readonly #inline: Inline;

  constructor(frame: Frame, inline: Inline) {
    this.#frame = frame;
    this.#inline = inline;
  }

  /** The value of an expression: fleeting, so that it must be used or kept before anything changes. */
  lower(node: Expression): Value {
    switch (node.kind) {
      case 'constant':
        return fromConstant(node.type, node.value);
      case 'value':
        return this.#frame.valueOf(node.variable);
      case 'read':
        return this.#read(this.place(node.place));
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
        return (this.lower(node.of) as PartsValue).parts[node.index]!;
      case 'swizzle':
        return this.#swizzle(this.lower(node.of), node.lanes, node.type);
      case 'element':
        return this.#element(node);
      case 'address': {
        const place = this.place(node.place);
        const type = node.type as Extract<Type, { kind: 'pointer' }>;
        return { kind: 'pointer', type, storage: this.#lasting(place) };
      }
    }
  }

  /** Values of expressions in order, kept where a later one could change what an earlier one reads. */
  lowerAll(nodes: readonly Expression[]): Value[] {
    return nodes.map((node, n) => {
      const value = this.lower(node);
      return nodes.slice(n + 1).some(hasEffects) ? this.#keepAll(value) : value;
    });
  }

  /** Where a place is. */
  place(place: Place): Storage {
    switch (place.kind) {
      case 'variable':
        return this.#frame.storageOf(place.variable);
      case 'dereference': {
        const pointer = this.lower(place.pointer);
        if (pointer.kind !== 'pointer') throw new Error('A value that is no pointer is followed.');
        return pointer.storage;
      }
      case 'member':
        return storage.part(this.place(place.of), place.index);
      case 'element':
        return this.#elementPlace(place);
    }
  }

  /** A place that stays the same while statements run: the parts of its address are kept. */
  #lasting(place: Storage): Storage {
    if (place.kind === 'lane') return { ...place, of: this.#lasting(place.of) };
    if (place.kind !== 'memory') return place;
    return { ...place, address: this.#frame.builder.keep(place.address, 'address') };
  }

  /** The same for an assignment whose value is computed before the place is written. */
  lastingPlace(place: Place): Storage {
    return this.#lasting(this.place(place));
  }

  #keepAll(value: Value): Value {
    const nodes = storage.valueNodes(value);
    return nodes.some(isFleeting) ? keep(this.#frame.builder, value, 'early') : value;
  }

  #read(from: Storage): Value {
    if (from.kind !== 'memory' || !from.isUniform) return storage.read(from);
    if (storage.isSingle(from.type)) return this.#frame.readUniform(from) ?? storage.read(from);
    const count = partCount(from.type as Parameters<typeof partCount>[0]);
    const parts = Array.from({ length: count }, (_, n) => this.#read(storage.part(from, n)));
    return { kind: 'parts', type: from.type, parts };
  }

  #binary(node: Extract<Expression, { kind: 'binary' }>): Value {
    const { operator, left, right, type } = node;
    if (operator === '&&' || operator === '||') return this.#logical(operator, left, right);
    const [a, b] = this.lowerAll([left, right]) as [Value, Value];
    return binary(this.#frame.builder, operator, a, b, type);
  }

  /** The right side runs only where the left has not decided. */
  #logical(operator: '&&' | '||', left: Expression, right: Expression): Value {
    const { builder } = this.#frame;
    const isAnd = operator === '&&';
    const first = nodeOf(this.lower(left));
    const known = fold.constantOf(first);
    if (known !== undefined)
      return (known !== 0) === isAnd ? this.lower(right) : scalar(BOOL, i32(isAnd ? 0 : 1));
    let second: Node = i32(0);
    const statements = builder.inside(() => {
      second = nodeOf(this.lower(right));
    });
    // What is cheap, safe and without a trace is computed in any case: a branch costs more.
    if (statements.length === 0 && isHarmless(second))
      return scalar(BOOL, fold.integer(isAnd ? 'and' : 'or', first, second));
    const result = builder.variable('i32', operator);
    const decided: Statement = { kind: 'set', local: result, value: i32(isAnd ? 0 : 1) };
    const asked: Statement[] = [...statements, { kind: 'set', local: result, value: second }];
    builder.emit({
      kind: 'if',
      condition: first,
      whenTrue: isAnd ? asked : [decided],
      whenFalse: isAnd ? [decided] : asked,
    });
    return scalar(BOOL, { kind: 'get', type: 'i32', local: result });
  }

  #builtin(node: Extract<Expression, { kind: 'builtin' }>): Value {
    return lowerBuiltin(this.#frame, this.#inline, node, this.lowerAll(node.arguments));
  }

  #construct(type: Type, parts: readonly Value[]): Value {
    if (type.kind !== 'vector') return { kind: 'parts', type, parts };
    const [first] = parts;
    if (parts.length === 1 && first?.kind === 'scalar') {
      if (type.size === 4 && type.element !== BOOL && first.node.kind === 'load') {
        // A word read into all four lanes is one instruction; a bool would have to become all ones first.
        return { kind: 'vec4', type, node: fold.splat(first.node) };
      }
      const { node } = keep(this.#frame.builder, first, 'splat') as typeof first;
      return fromLanes(type, Array(type.size).fill(node));
    }
    const lanes = parts.flatMap((part) => (part.kind === 'scalar' ? [part.node] : laneNodes(part)));
    return fromLanes(type, lanes);
  }

  #swizzle(of: Value, lanes: readonly number[], type: Type): Value {
    if (type.kind === 'scalar') return scalar(type, laneNode(of, lanes[0]!));
    const source = of.kind === 'vec4' && of.node ? keep(this.#frame.builder, of, 'swizzled') : of;
    if (type.kind === 'vector' && type.size === 4 && source.kind === 'vec4' && source.node) {
      const node = packed(source);
      return { kind: 'vec4', type, node: fold.shuffle(node, node, lanes) };
    }
    return fromLanes(
      type as Vector,
      lanes.map((lane) => laneNode(source, lane)),
    );
  }

  /** An element of a value. One that is not known is read from memory, where the value is put first. */
  #element(node: Extract<Expression, { kind: 'element' }>): Value {
    const [of, index] = this.lowerAll([node.of, node.index]) as [Value, Value];
    const position = nodeOf(index);
    const known = fold.constantOf(position);
    const count = partCount(of.type as Vector);
    if (known !== undefined && known >= 0 && known < count) return storage.partValue(of, known);
    const { builder } = this.#frame;
    const kept = builder.keep(position, 'index');
    if (this.#frame.isChecked) this.#frame.checkIndex(kept, i32(count), typeName(of.type), node.at);
    const memory = this.#frame.invocationStorage(of.type);
    storage.write(builder, memory, of);
    return keep(builder, storage.read(storage.element(memory, kept)), 'element');
  }

  #elementPlace(place: Extract<Place, { kind: 'element' }>): Storage {
    const of = this.place(place.of);
    const index = nodeOf(this.lower(place.index));
    const known = fold.constantOf(index);
    if (of.kind === 'memory') return this.#elementInMemory(of, index, place);
    const count = partCount(of.type as Vector);
    if (known !== undefined && known >= 0 && known < count) return storage.part(of, known);
    if ('variable' in of && of.variable) throw new NeedsMemory(of.variable);
    throw new Error('An element of no variable is named.');
  }

  #elementInMemory(of: MemoryStorage, index: Node, place: Place & { kind: 'element' }): Storage {
    const type = of.type as Vector;
    const isRuntimeSized = of.type.kind === 'array' && of.type.count === undefined;
    if (this.#frame.isChecked) {
      const kept = this.#frame.builder.keep(index, 'index');
      const count = isRuntimeSized ? storage.runtimeCount(of) : i32(partCount(type));
      this.#frame.checkIndex(kept, count, nameOf(place.of), place.at);
      return storage.element(of, kept);
    }
    const known = fold.constantOf(index);
    if (known !== undefined && known >= 0 && (isRuntimeSized ? known < 65536 : true))
      return storage.part(of, known);
    return storage.element(of, index);
  }
}

/** Whether lowering an expression can emit statements that change something: it calls a function of the shader. */
export function hasEffects(node: Expression): boolean {
  switch (node.kind) {
    case 'call':
      return true;
    case 'constant':
    case 'value':
      return false;
    case 'read':
    case 'address':
      return placeHasEffects(node.place);
    case 'unary':
    case 'convert':
    case 'bitcast':
      return hasEffects(node.operand);
    case 'binary':
      return hasEffects(node.left) || hasEffects(node.right);
    case 'builtin':
      return node.name.startsWith('workgroup') || node.arguments.some(hasEffects);
    case 'construct':
      return node.parts.some(hasEffects);
    case 'member':
    case 'swizzle':
      return hasEffects(node.of);
    case 'element':
      return hasEffects(node.of) || hasEffects(node.index);
  }
}

function placeHasEffects(place: Place): boolean {
  switch (place.kind) {
    case 'variable':
      return false;
    case 'dereference':
      return hasEffects(place.pointer);
    case 'member':
      return placeHasEffects(place.of);
    case 'element':
      return placeHasEffects(place.of) || hasEffects(place.index);
  }
}

/** Whether a node can be computed where the program would not have: it reads no memory and divides nothing. */
function isHarmless(node: Node): boolean {
  if (node.kind === 'load') return false;
  if (node.kind === 'operation' && /div_|rem_/.test(node.instruction)) return false;
  return 'operands' in node ? node.operands.every(isHarmless) : true;
}

function nameOf(place: Place): string {
  switch (place.kind) {
    case 'variable':
      return place.variable.name;
    case 'dereference':
      return 'what a pointer points at';
    case 'member':
      return `${nameOf(place.of)}.${place.struct.members[place.index]!.name}`;
    case 'element':
      return `${nameOf(place.of)}[...]`;
  }
}

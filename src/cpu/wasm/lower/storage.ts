/**
 * Reading, writing and splitting the storage of variables: locals of the WebAssembly function, or
 * memory.
 *
 *   in                          out
 *   var sum: vec4f              one local
 *   var sums: array<vec4f, 8>   eight locals, while every index into it is constant
 *   out[i], of a buffer         memory at out + 4 * i
 *
 * Why: the rest of lowering reads and writes variables in one way, wherever they are stored.
 */

import type { Variable } from '../../wgsl/program.js';
import {
  type ArrayType,
  alignOf,
  BOOL,
  F32,
  type Matrix,
  type Scalar,
  sizeOf,
  strideOf,
  type Type,
  typeName,
  type Vector,
} from '../../wgsl/types.js';
import { HEAP_START } from '../address-space.js';
import type { Builder } from '../ir/builder.js';
import * as fold from '../ir/fold.js';
import {
  get,
  i32,
  load,
  type Node,
  operation,
  readsMutableState,
  type StoreName,
} from '../ir/ir.js';
import {
  fromLanes,
  isVec4,
  laneNode,
  localType,
  type MemoryStorage,
  packed,
  partCount,
  partType,
  type Storage,
  scalar,
  scalarNode,
  toLocals,
  type Value,
} from './values.js';

/**
 * The most parts of a value that is copied at once. Each part is a load and a store, and 4,096 of
 * them are some 50 KB of code already.
 */
const MAX_PARTS = 4096;
/**
 * A variable with more scalars and vec4 than this is in memory. x64 has 16 registers of each kind.
 * Locals beyond them are on the stack anyway, and make V8 compile slowly.
 */
const MAX_LOCALS = 256;

/** Creates locals for a variable: one for each scalar and vec4 in it. */
export function allocate(
  builder: Builder,
  variable: Variable,
  type: Type = variable.type,
  name: string = variable.name,
): Storage {
  if (type.kind === 'scalar' || isVec4(type))
    return { kind: 'local', type, local: builder.variable(localType(type), name), variable };
  const count = partCount(type);
  const parts = Array.from({ length: count }, (_, n) =>
    allocate(builder, variable, partType(type, n), `${name}.${n}`),
  );
  return { kind: 'parts', type, parts, variable };
}

/** Whether a variable of this type should be in locals, one for each scalar and vec4. */
export function fitsLocals(type: Type): boolean {
  return countLocals(type) <= MAX_LOCALS;
}

function countLocals(type: Type): number {
  if (type.kind === 'scalar' || isVec4(type)) return 1;
  const count = partCount(type);
  if (type.kind !== 'struct') return count === 0 ? 0 : count * countLocals(partType(type, 0));
  return type.members.reduce((sum, { type: member }) => sum + countLocals(member), 0);
}

/**
 * Reads a variable. The value may read mutable state, so it must be used, or put into locals,
 * before the next change.
 */
export function read(storage: Storage): Value {
  switch (storage.kind) {
    case 'constant':
      return storage.value;
    case 'local': {
      const { type } = storage;
      const node = get(storage.local);
      return type.kind === 'scalar' ? scalar(type, node) : { kind: 'vec4', type, node };
    }
    case 'lane':
      return scalar(storage.type, laneNode(read(storage.base), storage.lane));
    case 'parts':
      return { kind: 'parts', type: storage.type, parts: storage.parts.map(read) };
    case 'memory':
      return readMemory(storage);
  }
}

function readMemory(storage: MemoryStorage): Value {
  const { type, offset } = storage;
  const address = storage.address;
  if (type.kind === 'scalar') {
    const name = type === F32 ? 'f32.load' : 'i32.load';
    return scalar(type, load(name, address, offset));
  }
  if (isVec4(type)) {
    const node = load('v128.load', address, offset);
    // In memory true is 1, for code that reads one component; in a v128 it is all ones.
    const isBool = type.element === BOOL;
    return { kind: 'vec4', type, node: isBool ? operation('i32x4.neg', [node]) : node };
  }
  const parts = Array.from({ length: checkedCount(type) }, (_, n) => read(part(storage, n)));
  return { kind: 'parts', type, parts };
}

function checkedCount(type: Type): number {
  const count = partCount(type);
  if (count > MAX_PARTS)
    throw new Error(
      `${typeName(type)} has too many parts to be copied at once: copy its elements.`,
    );
  return count;
}

/** Writes a variable. */
export function write(builder: Builder, storage: Storage, value: Value): void {
  switch (storage.kind) {
    case 'local':
      builder.set(
        storage.local,
        storage.type.kind === 'scalar' ? scalarNode(value) : packed(value),
      );
      return;
    case 'lane': {
      const vector = read(storage.base);
      const { type } = vector as { type: Vector };
      const lanes = [0, 1, 2, 3].map((n) =>
        n === storage.lane ? scalarNode(value) : laneNode(vector, n),
      );
      const maskLanes = fromLanes(type, lanes);
      const isBool = type.element.name === 'bool';
      const node = isBool
        ? packed(maskLanes)
        : fold.withLane(packed(vector), storage.lane, scalarNode(value));
      write(builder, storage.base, { kind: 'vec4', type, node });
      return;
    }
    case 'parts': {
      // Parts that read what earlier parts are about to change are put into locals first.
      const stable = storage.parts.length > 1 ? toStable(builder, value) : value;
      for (const [n, each] of storage.parts.entries()) write(builder, each, partValue(stable, n));
      return;
    }
    case 'memory':
      writeMemory(builder, storage, value);
      return;
    case 'constant':
      throw new Error('The variable of an unrolled loop cannot be set.');
  }
}

function writeMemory(builder: Builder, storage: MemoryStorage, value: Value): void {
  const { type, address, offset } = storage;
  const store = (instruction: StoreName, node: Node) =>
    builder.emit({ kind: 'store', instruction, address, offset, value: node });
  if (type.kind === 'scalar') {
    store(type === F32 ? 'f32.store' : 'i32.store', scalarNode(value));
    return;
  }
  if (isVec4(type)) {
    const node = packed(value);
    store('v128.store', type.element === BOOL ? operation('i32x4.neg', [node]) : node);
    return;
  }
  const stable = toStable(builder, value);
  for (let n = 0; n < checkedCount(type); n++)
    write(builder, part(storage, n), partValue(stable, n));
}

function toStable(builder: Builder, value: Value): Value {
  return valueNodes(value).some(readsMutableState) ? toLocals(builder, value, 'kept') : value;
}

/** All nodes of a value, in order. */
export function valueNodes(value: Value): readonly Node[] {
  switch (value.kind) {
    case 'scalar':
      return [value.node];
    case 'vec4':
      return value.lanes ?? [value.node];
    case 'parts':
      return value.parts.flatMap(valueNodes);
    case 'pointer':
      return value.storage.kind === 'memory' ? [value.storage.address] : [];
  }
}

/** One part of a composite value, by a constant index. */
export function partValue(value: Value, n: number): Value {
  if (value.kind === 'parts') return value.parts[n]!;
  if (value.kind === 'vec4') return scalar(value.type.element, laneNode(value, n));
  throw new Error(`A ${value.kind} value has no parts.`);
}

/**
 * The storage of one part of a composite, by a constant index: a member, an element, a component.
 */
export function part(storage: Storage, n: number): Storage {
  switch (storage.kind) {
    case 'parts':
      return storage.parts[n]!;
    case 'local':
      return { kind: 'lane', type: (storage.type as Vector).element, base: storage, lane: n };
    case 'constant': {
      const value = partValue(storage.value, n);
      return { kind: 'constant', type: value.type, value };
    }
    case 'memory': {
      const { type } = storage;
      const memberType = partType(type, n);
      const partOffset =
        type.kind === 'struct' ? type.members[n]!.offset : n * strideOf(type as ArrayType);
      const { address, offset } = withOffset(storage.address, storage.offset + partOffset);
      const binding = storage.binding && {
        ...storage.binding,
        offset: storage.binding.offset + partOffset,
      };
      return { ...storage, type: memberType, address, offset, binding };
    }
    case 'lane':
      throw new Error('A component of a vector has no parts.');
  }
}

/**
 * The storage of an element of an array, vector or matrix in memory, by an index that is not
 * constant.
 */
export function element(storage: MemoryStorage, index: Node): MemoryStorage {
  const type = storage.type as ArrayType | Vector | Matrix;
  const elementType = partType(type, 0);
  const bytes = fold.integer('mul', index, i32(strideOf(type)));
  const sum = fold.integer('add', storage.address, bytes);
  const { rest, constant } = fold.splitSum(sum);
  const location =
    constant >= 0
      ? withOffset(rest, storage.offset + constant)
      : { address: sum, offset: storage.offset };
  return { ...storage, type: elementType, ...location };
}

/** An address and an offset that is small enough for an instruction. */
function withOffset(address: Node, offset: number): { address: Node; offset: number } {
  if (offset < HEAP_START) return { address, offset };
  return { address: fold.integer('add', address, i32(offset)), offset: 0 };
}

/** The number of elements of a runtime-sized array, given the size of its binding. */
export function runtimeCount(storage: MemoryStorage): Node {
  const type = storage.type as ArrayType;
  const { bytes, offset } = storage.binding!;
  const rest = fold.integer('sub', bytes, i32(offset));
  return fold.integer('div_u', rest, i32(strideOf(type)));
}

/** Storage in memory outside bindings. */
export function memoryStorage(type: Type, address: Node, offset: number): MemoryStorage {
  return { kind: 'memory', type, address, offset, binding: undefined, isReadOnce: false };
}

/** Emits a statement that zeroes a variable's memory. */
export function clear(builder: Builder, { type, address, offset }: MemoryStorage): void {
  const start = fold.integer('add', address, i32(offset));
  builder.emit({ kind: 'clear', address: start, bytes: sizeOf(type) });
}

/** The size of a variable in memory and its alignment, both in bytes. */
export function footprint(type: Type): { bytes: number; align: number } {
  return { bytes: sizeOf(type), align: Math.max(16, alignOf(type)) };
}

/** Whether a single local can hold the type. */
export function isSingle(type: Type): type is Scalar | Vector {
  return type.kind === 'scalar' || isVec4(type);
}

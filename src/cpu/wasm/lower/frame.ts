/**
 * What lowering knows while it walks through a kernel: where each variable lives, what was read once for all workgroups,
 * and how much memory of its own an invocation and a workgroup need.
 */

import type { Entry, Variable } from '../../wgsl/program.js';
import { positionAt } from '../../wgsl/source.js';
import { roundUp, type Type } from '../../wgsl/types.js';
import { Builder } from '../ir/builder.js';
import * as fold from '../ir/fold.js';
import { get, i32, type Local, load, type Node, type Statement, type WasmType } from '../ir/ir.js';
import { allocate, fitsLocals, footprint } from './storage.js';
import {
  isVec4,
  type MemoryStorage,
  type Storage,
  scalar,
  type Value,
  wasmTypeOf,
} from './values.js';

/** A buffer that a kernel reads or writes. */
export interface BindingSlot {
  readonly group: number;
  readonly binding: number;
  readonly variable: Variable;
}

/** An index that the checked mode looks at, for its message. */
export interface CheckedAccess {
  readonly line: number;
  readonly column: number;
  readonly name: string;
}

/** Bytes of a slot in the context: the binding's address and its size. */
export const SLOT_BYTES = 8;

/** Thrown where a variable turns out to need memory, since an index into it is not known. */
export class NeedsMemory extends Error {
  constructor(readonly variable: Variable) {
    super(`${variable.name} is indexed by a value that is not known.`);
  }
}

export class Frame {
  readonly builder = new Builder();
  /** Statements that run once in a call of the kernel, before its workgroups. */
  readonly prologue: Statement[] = [];
  readonly bindings: readonly BindingSlot[];
  readonly accesses: CheckedAccess[] = [];
  /** Address of the words that say where the bindings are, and of the immediates after them. */
  readonly context: Local = { type: 'i32', name: 'context', mutable: false };
  /** Address of this thread's own memory: the workgroup's variables first. */
  readonly workgroupMemory: Local = { type: 'i32', name: 'scratch', mutable: false };
  /** Address of one invocation's memory. */
  readonly invocationMemory: Local = { type: 'i32', name: 'frame', mutable: true };
  workgroupBytes = 0;
  invocationBytes = 0;
  hasBarrier = false;
  readonly #storages = new Map<Variable, Storage>();
  readonly #values = new Map<Variable, Value>();
  /** What the prologue loads: by the local it loads from, and by type and offset. */
  readonly #loaded = new Map<Local, Map<string, Local>>();
  /** Variables that live in memory, since an earlier attempt met an index into them that is not known. */
  readonly #inMemory: ReadonlySet<Variable>;

  constructor(
    readonly entry: Entry,
    readonly text: string,
    readonly isChecked: boolean,
    inMemory: ReadonlySet<Variable>,
  ) {
    this.#inMemory = inMemory;
    this.#loaded.set(this.context, new Map());
    this.bindings = entry.globals
      .filter((v) => v.binding !== undefined)
      .map((variable) => ({ ...variable.binding!, variable }))
      .sort((a, b) => a.group - b.group || a.binding - b.binding);
    for (const variable of entry.globals) this.#place(variable);
  }

  /** Where a variable outside functions, or a `var`, lives. */
  storageOf(variable: Variable): Storage {
    const storage = this.#storages.get(variable);
    if (!storage) throw new Error(`${variable.name} has no storage yet.`);
    return storage;
  }

  setStorage(variable: Variable, storage: Storage): void {
    this.#storages.set(variable, storage);
  }

  valueOf(variable: Variable): Value {
    const value = this.#values.get(variable);
    if (!value) throw new Error(`${variable.name} has no value yet.`);
    return value;
  }

  setValue(variable: Variable, value: Value): void {
    this.#values.set(variable, value);
  }

  /** Room for a variable of a function, or for one that is private: locals, where all its indices are known. */
  allocate(variable: Variable): Storage {
    const { type } = variable;
    const isLocal = !this.#inMemory.has(variable) && fitsLocals(type);
    return isLocal ? allocate(this.builder, variable) : this.invocationStorage(type);
  }

  /** Memory of the invocation's own. */
  invocationStorage(type: Type): MemoryStorage {
    const { bytes, align } = footprint(type);
    const offset = roundUp(this.invocationBytes, align);
    this.invocationBytes = offset + bytes;
    return this.#memory(type, get(this.invocationMemory), offset);
  }

  /** What the prologue loads, once for all workgroups of a call: an address, a size, a uniform. */
  #loadOnce(type: WasmType, from: Local, offset: number, name: string): Node {
    const loaded = this.#loaded.get(from)!;
    const key = `${type} ${offset}`;
    let local = loaded.get(key);
    if (!local) {
      local = { type, name, mutable: false };
      const value = load(`${type}.load`, get(from), offset);
      this.prologue.push({ kind: 'set', local, value });
      loaded.set(key, local);
      this.#loaded.set(local, new Map());
    }
    return get(local);
  }

  /** A scalar or vec4 of a uniform, read in the prologue; `undefined` where its address is not known there. */
  readUniform({ type, address, offset }: MemoryStorage): Value | undefined {
    if (address.kind !== 'get' || !this.#loaded.has(address.local)) return undefined;
    const { local } = address;
    const name = `${local.name}+${offset}`;
    if (type.kind === 'scalar')
      return scalar(type, this.#loadOnce(wasmTypeOf(type), local, offset, name));
    if (isVec4(type))
      return { kind: 'vec4', type, node: this.#loadOnce('v128', local, offset, name) };
    throw new Error('Only scalars and vec4 of a uniform are read at once.');
  }

  /** A moment to go back to: where what is lowered from here on is thrown away, call what is returned. */
  mark(): () => void {
    const { invocationBytes, hasBarrier } = this;
    const accesses = this.accesses.length;
    return () => {
      this.accesses.length = accesses;
      this.invocationBytes = invocationBytes;
      this.hasBarrier = hasBarrier;
    };
  }

  /** The statement that ends a checked kernel where `index` is not below `count`. */
  checkIndex(index: Node, count: Node, name: string, at: number): void {
    const access = this.accesses.push({ ...positionAt(this.text, at), name }) - 1;
    const condition = fold.integer('ge_u', index, count);
    if (fold.constantOf(condition) === 0) return;
    this.builder.emit({
      kind: 'if',
      condition,
      whenTrue: [{ kind: 'report', access, index, count }],
      whenFalse: [],
    });
  }

  /** Gives a variable outside functions its place. */
  #place(variable: Variable): void {
    const { type, space, name } = variable;
    if (space === 'workgroup') {
      const { bytes, align } = footprint(type);
      const offset = roundUp(this.workgroupBytes, align);
      this.workgroupBytes = offset + bytes;
      this.setStorage(variable, this.#memory(type, get(this.workgroupMemory), offset));
    } else if (space === 'immediate') {
      const offset = SLOT_BYTES * this.bindings.length;
      const storage = this.#memory(type, get(this.context), offset);
      this.setStorage(variable, { ...storage, isUniform: true });
    } else if (space === 'storage' || space === 'uniform') {
      const slot = SLOT_BYTES * this.bindings.findIndex((b) => b.variable === variable);
      const address = this.#loadOnce('i32', this.context, slot, name);
      const bytes = this.#loadOnce('i32', this.context, slot + 4, `${name}.bytes`);
      const storage = this.#memory(type, address, 0);
      const binding = { bytes, offset: 0 };
      this.setStorage(variable, { ...storage, binding, isUniform: space === 'uniform' });
    }
  }

  #memory(type: Type, address: Node, offset: number): MemoryStorage {
    return { kind: 'memory', type, address, offset, binding: undefined, isUniform: false };
  }
}

/** Zeros a variable's memory. */
export function clearMemory(builder: Builder, storage: MemoryStorage, bytes: number): void {
  const { address, offset } = storage;
  builder.emit({ kind: 'clear', address: fold.integer('add', address, i32(offset)), bytes });
}

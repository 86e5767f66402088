/**
 * What lowering keeps in mind while it walks through an entry point: where each variable lives or what value it has,
 * and how much memory an invocation and a workgroup need.
 *
 *   in    var<workgroup> tile: array<f32, 64>; var<storage> x: array<f32>; let i = ...
 *   out   tile: memory at workgroupMemory + 0; x: memory at a local of the prologue; i: an i32 in a local
 *
 * Why: every part of the lowering asks for variables, and none needs to know who declared them, or how.
 */

import type { Entry, Variable } from '../../wgsl/program.js';
import { lineAndColumn } from '../../wgsl/source.js';
import { roundUp, type Type } from '../../wgsl/types.js';
import { Builder } from '../ir/builder.js';
import * as fold from '../ir/fold.js';
import { get, type Local, type Node } from '../ir/ir.js';
import { Prologue } from './prologue.js';
import { allocate, fitsLocals, footprint, memoryStorage } from './storage.js';
import type { MemoryStorage, Storage, Value } from './values.js';

/** A buffer that a kernel reads or writes. */
export interface KernelBinding {
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

/** Bytes of a binding in the context: its address and its size. */
const BINDING_BYTES = 8;

/** Thrown where a variable turns out to need memory, since an index into it is not constant. */
export class NeedsMemory extends Error {
  constructor(readonly variable: Variable) {
    super(`${variable.name} is indexed by a value that is not constant.`);
  }
}

/** The variables and the memory of one entry point. */
export class Frame {
  readonly builder = new Builder();
  readonly bindings: readonly KernelBinding[];
  readonly accesses: CheckedAccess[] = [];
  /** Address of the words that say where the bindings are, and of the immediates after them. */
  readonly context: Local = { type: 'i32', name: 'context', isReassigned: false };
  /** Address of this thread's own memory: the workgroup's variables first, then constant tables. */
  readonly workgroupMemory: Local = { type: 'i32', name: 'scratch', isReassigned: false };
  /** Address of one invocation's memory. */
  readonly invocationMemory: Local = { type: 'i32', name: 'invocationMemory', isReassigned: true };
  readonly prologue: Prologue;
  workgroupBytes = 0;
  invocationBytes = 0;
  hasBarrier = false;
  readonly #storages = new Map<Variable, Storage>();
  readonly #values = new Map<Variable, Value>();
  /** Variables that live in memory, since an earlier attempt met an index into them that is not constant. */
  readonly #inMemory: ReadonlySet<Variable>;

  constructor(
    readonly entry: Entry,
    readonly text: string,
    readonly isChecked: boolean,
    inMemory: ReadonlySet<Variable>,
  ) {
    this.#inMemory = inMemory;
    this.bindings = entry.globals
      .filter((v) => v.binding !== undefined)
      .map((variable) => ({ ...variable.binding!, variable }))
      .sort((a, b) => a.group - b.group || a.binding - b.binding);
    for (const variable of entry.globals)
      if (variable.space === 'workgroup') this.setStorage(variable, this.#inWorkgroup(variable));
    const tables = roundUp(this.workgroupBytes, 16);
    this.prologue = new Prologue(this.context, this.workgroupMemory, tables);
    for (const variable of entry.globals) {
      const { space } = variable;
      if (space === 'immediate') this.setStorage(variable, this.#inContext(variable));
      else if (space === 'storage' || space === 'uniform')
        this.setStorage(variable, this.#inBinding(variable));
    }
  }

  /** Bytes of the thread's memory before that of its first invocation. */
  get sharedBytes(): number {
    return roundUp(this.prologue.tablesEnd, 16);
  }

  /** Where a variable outside functions, or a `var`, lives. */
  storage(variable: Variable): Storage {
    const storage = this.#storages.get(variable);
    if (!storage) throw new Error(`${variable.name} has no storage yet.`);
    return storage;
  }

  setStorage(variable: Variable, storage: Storage): void {
    this.#storages.set(variable, storage);
  }

  /** The value of a `let` or a parameter. */
  value(variable: Variable): Value {
    const value = this.#values.get(variable);
    if (!value) throw new Error(`${variable.name} has no value yet.`);
    return value;
  }

  setValue(variable: Variable, value: Value): void {
    this.#values.set(variable, value);
  }

  /** Room for a variable of a function, or for one that is private: locals, where all its indices are constant. */
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
    return memoryStorage(type, get(this.invocationMemory), offset);
  }

  /** A moment to go back to: where what is lowered from here on is thrown away, call what is returned. */
  savepoint(): () => void {
    const { invocationBytes, hasBarrier } = this;
    const accesses = this.accesses.length;
    return () => {
      this.accesses.length = accesses;
      this.invocationBytes = invocationBytes;
      this.hasBarrier = hasBarrier;
    };
  }

  /** The statement that ends a checked kernel where `index` is not below `count`. */
  checkIndex(index: Node, count: Node, name: string, position: number): void {
    const access = this.accesses.push({ ...lineAndColumn(this.text, position), name }) - 1;
    const condition = fold.integer('ge_u', index, count);
    if (fold.constantValue(condition) === 0) return;
    this.builder.emit({
      kind: 'if',
      condition,
      whenTrue: [{ kind: 'report', access, index, count }],
      whenFalse: [],
    });
  }

  #inWorkgroup({ type }: Variable): MemoryStorage {
    const { bytes, align } = footprint(type);
    const offset = roundUp(this.workgroupBytes, align);
    this.workgroupBytes = offset + bytes;
    return memoryStorage(type, get(this.workgroupMemory), offset);
  }

  /** Immediates follow the bindings in the context. */
  #inContext({ type }: Variable): MemoryStorage {
    const offset = BINDING_BYTES * this.bindings.length;
    return { ...memoryStorage(type, get(this.context), offset), isReadOnce: true };
  }

  #inBinding(variable: Variable): MemoryStorage {
    const { type, space, name } = variable;
    const offset = BINDING_BYTES * this.bindings.findIndex((b) => b.variable === variable);
    const address = this.prologue.load('i32', this.context, offset, name);
    const bytes = this.prologue.load('i32', this.context, offset + 4, `${name}.bytes`);
    const binding = { bytes, offset: 0 };
    return { ...memoryStorage(type, address, 0), binding, isReadOnce: space === 'uniform' };
  }
}

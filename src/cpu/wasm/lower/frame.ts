/**
 * The state of lowering an entry point: the storage or the value of each variable, and how much
 * memory an invocation and a workgroup need.
 *
 *   in    var<workgroup> tile: array<f32, 64>; var<storage> x: array<f32>; let i = ...
 *   out   tile: memory at workgroupMemory + 0; x: memory at a prologue local; i: an i32 local
 *
 * Why: every part of lowering looks up variables, and none needs to know where or how they were
 * declared.
 */

import type { EntryPoint, Variable } from '../../wgsl/program.js';
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

/** An index that the checked mode checks, for its message. */
export interface CheckedAccess {
  /** The line in the shader, from 1. */
  readonly line: number;
  /** The column in the shader, from 1. */
  readonly column: number;
  readonly name: string;
}

/** Bytes of a binding in the context: its address and its size. */
const BINDING_BYTES = 8;

/** Thrown where a variable turns out to need memory, since an index into it is not constant. */
export class NeedsMemoryError extends Error {
  constructor(readonly variable: Variable) {
    super(`${variable.name} is indexed by a value that is not constant.`);
  }
}

/** The variables and the memory of one entry point. */
export class Frame {
  /** Collects the statements of the body. */
  readonly builder = new Builder();
  /** The buffers that the entry point uses, sorted by group and binding. */
  readonly bindings: readonly KernelBinding[];
  /** The accesses that are checked. */
  readonly accesses: CheckedAccess[] = [];
  /**
   * Byte address of the context: the addresses and sizes of the bindings, followed by the
   * immediates.
   */
  readonly context: Local = { type: 'i32', name: 'context', isReassigned: false };
  /**
   * Byte address of the thread's scratch memory: the workgroup's variables, then constant tables,
   * then the memory of invocations.
   */
  readonly workgroupMemory: Local = { type: 'i32', name: 'scratch', isReassigned: false };
  /** Byte address of one invocation's memory. */
  readonly invocationMemory: Local = { type: 'i32', name: 'invocationMemory', isReassigned: true };
  /** Collects what runs once, before all workgroups. */
  readonly prologue: Prologue;
  /** Bytes of the workgroup variables. */
  workgroupBytes = 0;
  /** Bytes of the memory of one invocation. */
  invocationBytes = 0;
  /** Whether a barrier was lowered. */
  hasBarrier = false;
  readonly #storages = new Map<Variable, Storage>();
  readonly #values = new Map<Variable, Value>();
  /**
   * The variables that must be in memory, since an earlier attempt found an index into them that is
   * not constant.
   */
  readonly #inMemory: ReadonlySet<Variable>;

  constructor(
    readonly entry: EntryPoint,
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

  /** Bytes of the scratch memory before the memory of the first invocation. */
  get sharedBytes(): number {
    return roundUp(this.prologue.tablesEnd, 16);
  }

  /**
   * The storage of a module-scope variable or a `var`.
   *
   * @throws Error where it was not set.
   */
  storage(variable: Variable): Storage {
    const storage = this.#storages.get(variable);
    if (!storage) throw new Error(`${variable.name} has no storage yet.`);
    return storage;
  }

  /** Sets the storage of a module-scope variable or a `var`. */
  setStorage(variable: Variable, storage: Storage): void {
    this.#storages.set(variable, storage);
  }

  /**
   * The value of a `let` or a parameter.
   *
   * @throws Error where it was not set.
   */
  value(variable: Variable): Value {
    const value = this.#values.get(variable);
    if (!value) throw new Error(`${variable.name} has no value yet.`);
    return value;
  }

  /** Sets the value of a `let` or a parameter. */
  setValue(variable: Variable, value: Value): void {
    this.#values.set(variable, value);
  }

  /**
   * Creates storage for a function or private variable: locals if all indices into it are constant,
   * otherwise memory.
   */
  allocate(variable: Variable): Storage {
    const { type } = variable;
    const isLocal = !this.#inMemory.has(variable) && fitsLocals(type);
    return isLocal ? allocate(this.builder, variable) : this.invocationStorage(type);
  }

  /** Creates storage in the invocation's memory. */
  invocationStorage(type: Type): MemoryStorage {
    const { bytes, align } = footprint(type);
    const offset = roundUp(this.invocationBytes, align);
    this.invocationBytes = offset + bytes;
    return memoryStorage(type, get(this.invocationMemory), offset);
  }

  /**
   * Returns a function that restores the present state, to discard what is lowered after this call.
   */
  savepoint(): () => void {
    const { invocationBytes, hasBarrier } = this;
    const accesses = this.accesses.length;
    return () => {
      this.accesses.length = accesses;
      this.invocationBytes = invocationBytes;
      this.hasBarrier = hasBarrier;
    };
  }

  /**
   * Emits the check of an index in the checked mode: the kernel ends if `index` is not below
   * `count`.
   */
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

  /** The immediates follow the bindings in the context. */
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

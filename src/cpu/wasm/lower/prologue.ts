/**
 * What a kernel does once in a call, before all workgroups: it reads the addresses and sizes of its bindings, uniforms
 * and immediates, and puts constant tables into memory.
 *
 *   in    out[i] = params.scale * x[i]                in each invocation
 *   out   set params, i32.load (context); set scale, f32.load (params); set x, ...
 *
 * Why: nobody writes these while the kernel runs, so that one read serves all invocations.
 */

import { roundUp, type Type } from '../../wgsl/types.js';
import { Builder } from '../ir/builder.js';
import { computationKey } from '../ir/computation-key.js';
import { get, type Local, load, type Node, type Statement, type WasmType } from '../ir/ir.js';
import { footprint, memoryStorage, valueNodes, write } from './storage.js';
import { isVec4, localType, type MemoryStorage, scalar, type Value } from './values.js';

/** Collects the statements that run once. */
export class Prologue {
  readonly statements: Statement[] = [];
  readonly #builder = new Builder();
  readonly #memory: Local;
  readonly #tables = new Map<Type, Map<string, MemoryStorage>>();
  /** What is loaded: by the local that holds the address, and by type and offset. */
  readonly #loaded = new Map<Local, Map<string, Local>>();
  /** Where the constant tables end, in bytes from the start of the thread's memory. */
  tablesEnd: number;

  /** @param memory the address of the thread's own memory, in which tables may lie from `tablesStart` on. */
  constructor(context: Local, memory: Local, tablesStart: number) {
    this.#loaded.set(context, new Map());
    this.#memory = memory;
    this.tablesEnd = tablesStart;
  }

  /** A word or vector in memory, loaded once. @param from holds the address: the context, or what was loaded here. */
  load(type: WasmType, from: Local, offset: number, name: string): Node {
    const loaded = this.#loaded.get(from)!;
    const key = `${type} ${offset}`;
    let local = loaded.get(key);
    if (!local) {
      local = { type, name, isReassigned: false };
      const value = load(`${type}.load`, get(from), offset);
      this.statements.push({ kind: 'set', local, value });
      loaded.set(key, local);
      this.#loaded.set(local, new Map());
    }
    return get(local);
  }

  /** A scalar or vec4 that is read once; `undefined` where its address is not loaded here. */
  read({ type, address, offset }: MemoryStorage): Value | undefined {
    if (address.kind !== 'get' || !this.#loaded.has(address.local)) return undefined;
    const { local } = address;
    const name = `${local.name}+${offset}`;
    if (type.kind === 'scalar')
      return scalar(type, this.load(localType(type), local, offset, name));
    if (isVec4(type)) return { kind: 'vec4', type, node: this.load('v128', local, offset, name) };
    throw new Error('Only scalars and vec4 are read at once.');
  }

  /** Where a constant lies in memory, so that an index may be any. @param value made of constant nodes alone. */
  table(value: Value): MemoryStorage {
    const tables = this.#tables.get(value.type) ?? new Map<string, MemoryStorage>();
    this.#tables.set(value.type, tables);
    const key = valueNodes(value).map(computationKey).join(' ');
    let table = tables.get(key);
    if (!table) {
      table = this.#allocate(value.type);
      for (const store of this.#storeTable(table, value)) this.statements.push(store);
      tables.set(key, table);
    }
    return table;
  }

  #allocate(type: Type): MemoryStorage {
    const { bytes, align } = footprint(type);
    const offset = roundUp(this.tablesEnd, align);
    this.tablesEnd = offset + bytes;
    return memoryStorage(type, get(this.#memory), offset);
  }

  #storeTable(table: MemoryStorage, value: Value): Statement[] {
    return this.#builder.collect(() => write(this.#builder, table, value));
  }
}

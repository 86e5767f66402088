/**
 * What a kernel does once per call, before all workgroups: it reads the addresses and sizes of its
 * bindings, its uniforms and its immediates, and writes constant tables to memory.
 *
 *   in    out[i] = params.scale * x[i]                in each invocation
 *   out   set params, i32.load (context); set scale, f32.load (params); set x, ...
 *
 * Why: nothing writes these while the kernel runs, so one read serves all invocations.
 */

import { roundUp, type Type } from '../../wgsl/types.js';
import { Builder } from '../ir/builder.js';
import { computationKey } from '../ir/computation-key.js';
import { get, type Local, load, type Node, type Statement, type WasmType } from '../ir/ir.js';
import { footprint, memoryStorage, valueNodes, write } from './storage.js';
import { isVec4, localType, type MemoryStorage, scalar, type Value } from './values.js';

/** Collects the statements that run once. */
export class Prologue {
  /** The statements collected so far. */
  readonly statements: Statement[] = [];
  readonly #builder = new Builder();
  readonly #memory: Local;
  readonly #tables = new Map<Type, Map<string, MemoryStorage>>();
  /** The locals that were loaded: by the local with the address, then by type and offset. */
  readonly #loaded = new Map<Local, Map<string, Local>>();
  /** Byte offset of the end of the constant tables in the thread's scratch memory. */
  tablesEnd: number;

  /**
   * @param context holds the address of the context.
   * @param memory holds the address of the thread's scratch memory.
   * @param tablesStart byte offset in it from which tables are placed.
   */
  constructor(context: Local, memory: Local, tablesStart: number) {
    this.#loaded.set(context, new Map());
    this.#memory = memory;
    this.tablesEnd = tablesStart;
  }

  /**
   * Loads a word or vector, once for all uses.
   *
   * @param from holds the address: the context, or a local that was loaded here.
   */
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

  /**
   * Reads a scalar or vec4 once for all uses; `undefined` where its address was not loaded here.
   */
  read({ type, address, offset }: MemoryStorage): Value | undefined {
    if (address.kind !== 'get' || !this.#loaded.has(address.local)) return undefined;
    const { local } = address;
    const name = `${local.name}+${offset}`;
    if (type.kind === 'scalar')
      return scalar(type, this.load(localType(type), local, offset, name));
    if (isVec4(type)) return { kind: 'vec4', type, node: this.load('v128', local, offset, name) };
    throw new Error('Only a scalar or a vec4 can be read at once.');
  }

  /**
   * Puts a constant into memory, so that any index can be used.
   *
   * @param value consists of constant nodes.
   */
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

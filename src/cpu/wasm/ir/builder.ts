/**
 * Collects the statements that lowering emits, and creates locals with readable names.
 *
 *   in    const x = builder.toLocal(load, 'x'); use(x); use(x)
 *   out   set x, f32.load ...; and a node `get x` that can be used twice
 *
 * Why: what a value is computed from, and when it is computed, are decided in one place.
 */

import {
  get,
  isTrivial,
  type Label,
  type Local,
  type Node,
  readsMutableState,
  type Statement,
  type WasmType,
} from './ir.js';

/** Collects statements. */
export class Builder {
  #list: Statement[] = [];

  /** Creates a local that one statement sets. */
  local(type: WasmType, name: string): Local {
    return { type, name, isReassigned: false };
  }

  /** Creates a local that any number of statements set. */
  variable(type: WasmType, name: string): Local {
    return { type, name, isReassigned: true };
  }

  /** Creates a label. */
  label(name: string): Label {
    return { name };
  }

  /** Appends a statement. */
  emit(statement: Statement): void {
    this.#list.push(statement);
  }

  /** Appends a statement that sets a local. */
  set(local: Local, value: Node): void {
    this.emit({ kind: 'set', local, value });
  }

  /**
   * Returns a node that can be used several times and after later statements: the node itself if it
   * is trivial and reads no mutable state, otherwise a local that is set to it.
   */
  toLocal(node: Node, name: string): Node {
    if (isTrivial(node) && !readsMutableState(node)) return node;
    const local = this.local(node.type, name);
    this.set(local, node);
    return get(local);
  }

  /** Returns the statements that a function emits, instead of appending them. */
  collect(emitStatements: () => void): Statement[] {
    const outer = this.#list;
    this.#list = [];
    try {
      emitStatements();
      return this.#list;
    } finally {
      this.#list = outer;
    }
  }

  /** Appends statements that were collected before. */
  append(statements: readonly Statement[]): void {
    for (const statement of statements) this.#list.push(statement);
  }
}

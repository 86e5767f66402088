/**
 * Where lowering puts the statements that it makes: a list that grows, and locals with names for people.
 *
 *   in    const x = builder.keep(load, 'x'); use(x); use(x)
 *   out   set x, f32.load ...; and a node `get x` that can be used twice
 *
 * Why: what a value is computed from and when it is computed are decided in one place.
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

  /** A local that one statement sets. */
  local(type: WasmType, name: string): Local {
    return { type, name, isReassigned: false };
  }

  /** A local that any number of statements set. */
  variable(type: WasmType, name: string): Local {
    return { type, name, isReassigned: true };
  }

  label(name: string): Label {
    return { name };
  }

  emit(statement: Statement): void {
    this.#list.push(statement);
  }

  set(local: Local, value: Node): void {
    this.emit({ kind: 'set', local, value });
  }

  /** A node to be used often and late: the node itself where it is cheap and not fleeting, else a local set to it. */
  toLocal(node: Node, name: string): Node {
    if (isTrivial(node) && !readsMutableState(node)) return node;
    const local = this.local(node.type, name);
    this.set(local, node);
    return get(local);
  }

  /** The statements that `fn` emits, in a list of their own. */
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

  /** Appends statements from elsewhere. */
  append(statements: readonly Statement[]): void {
    for (const statement of statements) this.#list.push(statement);
  }
}

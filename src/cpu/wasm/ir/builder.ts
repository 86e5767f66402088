/** Where lowering puts the statements it makes: a list that grows, and locals with names for people. */

import {
  get,
  isFleeting,
  isTrivial,
  type Label,
  type Local,
  type Node,
  type Statement,
  type WasmType,
} from './ir.js';

export class Builder {
  #list: Statement[] = [];

  /** A local that is set once. */
  local(type: WasmType, name: string): Local {
    return { type, name, mutable: false };
  }

  /** A local that is set as often as wanted. */
  variable(type: WasmType, name: string): Local {
    return { type, name, mutable: true };
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

  /** A node that can be used often and late: the node itself where it is cheap and lasting, else a local of its own. */
  keep(node: Node, name: string): Node {
    if (isTrivial(node) && !isFleeting(node)) return node;
    const local = this.local(node.type, name);
    this.set(local, node);
    return get(local);
  }

  /** The statements that `fn` emits, in a list of their own. */
  inside(fn: () => void): Statement[] {
    const outer = this.#list;
    this.#list = [];
    try {
      fn();
      return this.#list;
    } finally {
      this.#list = outer;
    }
  }

  /** Appends statements made elsewhere. */
  append(statements: readonly Statement[]): void {
    for (const statement of statements) this.#list.push(statement);
  }
}

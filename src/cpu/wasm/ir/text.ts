/**
 * A kernel in the style of WebAssembly's text format, for people; no assembler accepts it. Operands
 * are in parentheses, locals have names, constants have no instruction, and declarations of locals
 * are omitted.
 *
 *   in    the store of the example in ir.ts
 *   out   (f32.store offset=4 (i32.add $out (i32.shl $i 2))
 *           (f32.mul 2 (f32.load offset=0 (i32.add $x (i32.shl $i 2)))))
 *
 * Why: this is the first thing to read when a kernel is slow or wrong.
 */

import type { Kernel, Label, Local, Node, Statement } from './ir.js';

/** Returns the text of a kernel, in several lines. */
export function writeText(kernel: Kernel): string {
  const names = new Names();
  const parameters = kernel.parameters.map((p) => ` (param ${names.name(p)} ${p.type})`).join('');
  const body = kernel.body.flatMap((statement) => statementLines(statement, names, 2));
  return [`(func $${kernel.name}${parameters}`, ...body, ')'].join('\n');
}

/** Unique names: locals with the same name are numbered. */
class Names {
  readonly #names = new Map<Local | Label, string>();
  readonly #counts = new Map<string, number>();

  name(entity: Local | Label): string {
    const existing = this.#names.get(entity);
    if (existing) return existing;
    const count = this.#counts.get(entity.name) ?? 0;
    this.#counts.set(entity.name, count + 1);
    const plain = entity.name.replaceAll(/[^\w.]/g, '_');
    const name = count === 0 ? `$${plain}` : `$${plain}_${count}`;
    this.#names.set(entity, name);
    return name;
  }
}

function statementLines(statement: Statement, names: Names, depth: number): string[] {
  const indent = ' '.repeat(depth);
  const inner = (body: readonly Statement[]) =>
    body.flatMap((s) => statementLines(s, names, depth + 2));
  const text = (node: Node) => nodeText(node, names);
  switch (statement.kind) {
    case 'set':
      return [`${indent}(local.set ${names.name(statement.local)} ${text(statement.value)})`];
    case 'store': {
      const { instruction, offset, address, value } = statement;
      return [`${indent}(${instruction} offset=${offset} ${text(address)} ${text(value)})`];
    }
    case 'clear':
      return [`${indent}(memory.fill ${text(statement.address)} 0 ${statement.bytes})`];
    case 'block':
    case 'loop':
      return [
        `${indent}(${statement.kind} ${names.name(statement.label)}`,
        ...inner(statement.body),
        `${indent})`,
      ];
    case 'if': {
      const { condition, whenTrue, whenFalse } = statement;
      const elseLines =
        whenFalse.length > 0 ? [`${indent}(else`, ...inner(whenFalse), `${indent})`] : [];
      return [
        `${indent}(if ${text(condition)} (then`,
        ...inner(whenTrue),
        `${indent})`,
        ...elseLines,
        `${indent})`,
      ];
    }
    case 'branch': {
      const { label, condition } = statement;
      return [
        `${indent}${condition ? `(br_if ${names.name(label)} ${text(condition)})` : `(br ${names.name(label)})`}`,
      ];
    }
    case 'report':
      return [
        `${indent}(call $report ${statement.access} ${text(statement.index)} ${text(statement.count)})`,
      ];
    case 'barrier':
      return [`${indent};; barrier`];
  }
}

function nodeText(node: Node, names: Names): string {
  const operands = (nodes: readonly Node[]) => nodes.map((n) => nodeText(n, names)).join(' ');
  switch (node.kind) {
    case 'constant':
      return String(node.value);
    case 'vector':
      return `(v128.const i32x4 ${node.bits.join(' ')})`;
    case 'get':
      return names.name(node.local);
    case 'load':
      return `(${node.instruction} offset=${node.offset} ${nodeText(node.address, names)})`;
    case 'shuffle':
      return `(shuffle ${node.lanes.join(' ')} ${operands(node.operands)})`;
    case 'select':
      return `(select ${operands(node.operands)})`;
    case 'operation': {
      const lane = node.lane === undefined ? '' : ` ${node.lane}`;
      return `(${node.instruction}${lane} ${operands(node.operands)})`;
    }
  }
}

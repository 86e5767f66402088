/**
 * Step 6c: what is the same in every turn of a loop is computed before it.
 *
 *   in    loop k: ... load(base + (row * width + 4 * k)) ...
 *   out   set t, base + row * width; loop k: ... load(t + 4 * k) ...
 *
 * Sums are taken apart for it: what stays goes out, what moves remains. Nothing that is hoisted can trap (divisions have
 * divisors that are never zero), so it does no harm where the loop makes no turn, or the place it came from is not
 * reached; loads stay, because their addresses may then be anything.
 */

import {
  eachStatement,
  get,
  isTrivial,
  type Local,
  mapBody,
  mapOperands,
  mapStatement,
  type Node,
  operandsOf,
  operation,
  type Statement,
} from '../ir/ir.js';

export function hoist(body: readonly Statement[]): readonly Statement[] {
  return mapBody(body, (statement) => {
    if (statement.kind !== 'loop') return mapStatement(statement, (node) => node, hoist);
    const { before, loop } = hoistFrom(statement);
    // The inner loops next: what could leave both has left the outer one.
    return [...before, { ...loop, body: hoist(loop.body) }];
  });
}

type Loop = Extract<Statement, { kind: 'loop' }>;

function hoistFrom(loop: Loop): { before: Statement[]; loop: Loop } {
  const changing = new Set<Local>();
  eachStatement(loop.body, (s) => s.kind === 'set' && changing.add(s.local));
  const before: Statement[] = [];
  /** Locals of what was hoisted, by its text. */
  const hoisted = new Map<string, Local>();

  /** What was asked before; a local is asked for only after the statement that sets it was walked over. */
  const answers = new Map<Node, boolean>();
  const isSteady = (node: Node): boolean => {
    if (node.kind === 'get') return !changing.has(node.local);
    if (node.kind === 'load') return false;
    if (node.kind === 'constant' || node.kind === 'vector') return true;
    let answer = answers.get(node);
    if (answer === undefined) {
      answer = operandsOf(node).every(isSteady);
      answers.set(node, answer);
    }
    return answer;
  };

  const outside = (node: Node): Node => {
    if (isTrivial(node) && (node.kind !== 'vector' || node.bits.every((b) => b === 0))) return node;
    const key = textOf(node);
    let local = hoisted.get(key);
    if (!local) {
      local = { type: node.type, name: 'steady', mutable: false };
      hoisted.set(key, local);
      before.push({ kind: 'set', local, value: node });
    }
    return get(local);
  };

  const rewrite = (node: Node): Node => {
    if (isSteady(node)) return outside(node);
    if (node.kind === 'operation' && node.instruction === 'i32.add') {
      const terms = termsOf(node);
      const steady = terms.filter(isSteady);
      if (steady.length > 1) {
        const sum = outside(steady.reduce(add));
        return [sum, ...terms.filter((t) => !steady.includes(t)).map(rewrite)].reduce(add);
      }
    }
    return mapOperands(node, rewrite);
  };

  const walk = (body: readonly Statement[]): readonly Statement[] =>
    mapBody(body, (statement) => {
      if (statement.kind === 'set' && !statement.local.mutable && isSteady(statement.value)) {
        changing.delete(statement.local);
        before.push(statement);
        return [];
      }
      return mapStatement(statement, rewrite, walk);
    });

  return { loop: { ...loop, body: walk(loop.body) }, before };
}

function add(a: Node, b: Node): Node {
  return operation('i32.add', [a, b]);
}

/** The operands of nested additions. */
export function termsOf(node: Node): Node[] {
  if (node.kind === 'operation' && node.instruction === 'i32.add')
    return node.operands.flatMap(termsOf);
  return [node];
}

const localIds = new WeakMap<Local, number>();
let nextLocalId = 0;

/** The same text for the same computation. */
export function textOf(node: Node): string {
  switch (node.kind) {
    case 'constant':
      return `${node.type} ${Object.is(node.value, -0) ? '-0' : node.value}`;
    case 'vector':
      return `v ${node.bits}`;
    case 'get': {
      let id = localIds.get(node.local);
      if (id === undefined) {
        id = nextLocalId++;
        localIds.set(node.local, id);
      }
      return `l${id}`;
    }
    case 'load':
      return `${node.instruction} ${node.offset} (${textOf(node.address)})`;
    case 'shuffle':
      return `shuffle ${node.lanes} (${node.operands.map(textOf)})`;
    case 'select':
      return `select (${node.operands.map(textOf)})`;
    case 'operation':
      return `${node.instruction} ${node.lane ?? ''} (${node.operands.map(textOf)})`;
  }
}

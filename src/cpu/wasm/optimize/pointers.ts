/**
 * Step 6d: addresses that move with a loop's counter become pointers of their own.
 *
 *   in    loop k: ... load(t + (k << 4)) ...; k = k + 1
 *   out   set p, t + (k << 4); loop k: ... load(p) ...; k = k + 1; p = p + 16
 *
 * What pays: one addition a turn for each pointer, instead of a shift and an addition for each access. Only innermost
 * loops have pointers, and only so many as there are registers for.
 */

import * as fold from '../ir/fold.js';
import {
  eachNode,
  eachStatement,
  get,
  i32,
  type Local,
  mapBody,
  mapOperands,
  mapStatement,
  type Node,
  nodesOf,
  operandsOf,
  operation,
  type Statement,
} from '../ir/ir.js';
import { termsOf, textOf } from './hoist.js';

/** x64 has 16 general registers, of which V8 and the loop itself need some. */
const MAX_POINTERS = 6;

export function makePointers(body: readonly Statement[]): readonly Statement[] {
  return mapBody(body, (statement) => {
    if (statement.kind !== 'loop' || !isInnermost(statement))
      return mapStatement(statement, (node) => node, makePointers);
    return withPointers(statement);
  });
}

type Loop = Extract<Statement, { kind: 'loop' }>;

function isInnermost(loop: Loop): boolean {
  let isInner = true;
  eachStatement(loop.body, (s) => {
    if (s.kind === 'loop') isInner = false;
  });
  return isInner;
}

/** A local that grows by the same in every turn. */
interface Counter {
  readonly local: Local;
  readonly step: Node;
}

/** An address that is a steady part plus a counter times a power of two. */
interface Moving {
  readonly counter: Counter;
  readonly shift: number;
  readonly node: Node;
}

function withPointers(loop: Loop): Statement[] {
  const sets = new Map<Local, number>();
  eachStatement(loop.body, (s) => {
    if (s.kind === 'set') sets.set(s.local, (sets.get(s.local) ?? 0) + 1);
  });
  const counters = loop.body.flatMap((s) => counterOf(s, sets));
  if (counters.length === 0) return [loop];

  const uses = new Map<string, { moving: Moving; count: number }>();
  eachStatement(loop.body, (statement) => {
    for (const node of nodesOf(statement)) {
      eachNode(node, (n) => {
        if (n.kind === 'load') note(n.address);
      });
    }
    if (statement.kind === 'store') note(statement.address);
  });
  function note(address: Node): void {
    const moving = movingOf(address, counters, sets);
    if (!moving) return;
    const key = textOf(moving.node);
    uses.set(key, { moving, count: (uses.get(key)?.count ?? 0) + 1 });
  }

  const chosen = [...uses].sort((p, q) => q[1].count - p[1].count).slice(0, MAX_POINTERS);
  const pointers = new Map(
    chosen.map(([key, { moving }]) => {
      const local: Local = { type: 'i32', name: 'pointer', mutable: true };
      return [key, { local, moving }] as const;
    }),
  );
  const replace = (node: Node): Node => {
    const isSum = node.kind === 'operation' && node.instruction === 'i32.add';
    const pointer = isSum ? pointers.get(textOf(node)) : undefined;
    return pointer ? get(pointer.local) : mapOperands(node, replace);
  };
  const within = (body: readonly Statement[]): readonly Statement[] =>
    mapBody(body, (s) => mapStatement(s, replace, within));

  const body = loop.body.flatMap((statement): Statement[] => {
    const own = counters.find((c) => statement.kind === 'set' && statement.local === c.local);
    if (!own) return [mapStatement(statement, replace, within)];
    const moves = [...pointers.values()]
      .filter(({ moving }) => moving.counter === own)
      .map(({ local, moving }): Statement => {
        const by = fold.integer('shl', own.step, i32(moving.shift));
        return { kind: 'set', local, value: operation('i32.add', [get(local), by]) };
      });
    return [statement, ...moves];
  });
  const before = [...pointers.values()].map(
    ({ local, moving }): Statement => ({ kind: 'set', local, value: moving.node }),
  );
  return [...before, { ...loop, body }];
}

/** `set i, i + step` as a statement that runs once a turn. */
function counterOf(statement: Statement, sets: ReadonlyMap<Local, number>): Counter[] {
  if (statement.kind !== 'set' || sets.get(statement.local) !== 1) return [];
  const { local, value } = statement;
  if (value.kind !== 'operation' || value.instruction !== 'i32.add') return [];
  const [from, by] = value.operands as [Node, Node];
  if (from.kind !== 'get' || from.local !== local || !isSteady(by, sets)) return [];
  return [{ local, step: by }];
}

/** An address as a counter's multiple beside what does not change in the loop. */
function movingOf(
  address: Node,
  counters: readonly Counter[],
  sets: ReadonlyMap<Local, number>,
): Moving | undefined {
  const terms = termsOf(address);
  let found: { counter: Counter; shift: number } | undefined;
  for (const term of terms) {
    const scaled = scaledCounter(term, counters);
    if (scaled && !found) found = scaled;
    else if (!isSteady(term, sets)) return undefined;
  }
  return found && terms.length > 1 ? { ...found, node: address } : undefined;
}

function scaledCounter(
  term: Node,
  counters: readonly Counter[],
): { counter: Counter; shift: number } | undefined {
  const isShift = term.kind === 'operation' && term.instruction === 'i32.shl';
  const [of, by] = isShift ? (term.operands as [Node, Node]) : [term, i32(0)];
  if (of.kind !== 'get' || by.kind !== 'constant') return undefined;
  const counter = counters.find((c) => c.local === of.local);
  return counter && { counter, shift: by.value };
}

function isSteady(node: Node, sets: ReadonlyMap<Local, number>): boolean {
  if (node.kind === 'get') return !sets.has(node.local);
  return node.kind !== 'load' && operandsOf(node).every((operand) => isSteady(operand, sets));
}

/**
 * Step 6d: strength reduction. Addresses that are linear in a loop's induction variable become
 * pointers that are incremented.
 *
 *   in    loop i: f32.store offset=4 (out + (i << 2)) (f32.mul 2 (f32.load (x + (i << 2))))
 *                 set i, i + 1
 *   out   set p, out + (i << 2); set q, x + (i << 2)
 *         loop i: f32.store offset=4 p (f32.mul 2 (f32.load q))
 *                 set i, i + 1; set p, p + 4; set q, q + 4
 *
 * Why: each pointer costs one addition per iteration, in place of a shift and an addition for each
 * access. Only innermost loops get pointers, and only as many as there are registers for.
 */

import { computationKey } from '../ir/computation-key.js';
import * as fold from '../ir/fold.js';
import {
  directNodes,
  eachNode,
  eachStatement,
  get,
  i32,
  type Local,
  type Loop,
  mapBody,
  mapOperands,
  mapStatement,
  type Node,
  operation,
  type Statement,
} from '../ir/ir.js';
import { countSets } from '../ir/locals.js';
import { addends, isInvariant } from './invariant.js';

/** x64 has 16 general registers, and V8 and the loop itself need some of them. */
const MAX_POINTERS = 6;

/** A local that grows by the same amount in every iteration. */
interface InductionVariable {
  readonly local: Local;
  readonly step: Node;
}

/** An address that is an invariant part plus an induction variable times a power of two. */
interface LinearAddress {
  readonly induction: InductionVariable;
  readonly shift: number;
  readonly node: Node;
}

/** A local that holds a linear address. */
interface Pointer {
  readonly local: Local;
  readonly address: LinearAddress;
}

/** By the key of the address. */
type Pointers = ReadonlyMap<string, Pointer>;

/** Introduces pointers in the innermost loops. */
export function makePointers(body: readonly Statement[]): readonly Statement[] {
  return mapBody(body, (statement) => {
    if (statement.kind !== 'loop' || !isInnermost(statement))
      return mapStatement(statement, (node) => node, makePointers);
    return withPointers(statement);
  });
}

function isInnermost(loop: Loop): boolean {
  let isInner = true;
  eachStatement(loop.body, (s) => {
    if (s.kind === 'loop') isInner = false;
  });
  return isInner;
}

function withPointers(loop: Loop): Statement[] {
  const setCounts = countSets(loop.body);
  const inductionVariables = loop.body.flatMap((statement) =>
    findInductionVariable(statement, setCounts),
  );
  if (inductionVariables.length === 0) return [loop];
  const pointers = choosePointers(loop, inductionVariables, setCounts);
  const before = [...pointers.values()].map(
    ({ local, address }): Statement => ({ kind: 'set', local, value: address.node }),
  );
  return [...before, { ...loop, body: usePointers(loop, inductionVariables, pointers) }];
}

/** Creates pointers for the addresses that are used most often. */
function choosePointers(
  loop: Loop,
  inductionVariables: readonly InductionVariable[],
  setCounts: ReadonlyMap<Local, number>,
): Pointers {
  const uses = new Map<string, { address: LinearAddress; count: number }>();
  for (const node of addressesIn(loop)) {
    const address = findLinearAddress(node, inductionVariables, setCounts);
    if (!address) continue;
    const key = computationKey(node);
    uses.set(key, { address, count: (uses.get(key)?.count ?? 0) + 1 });
  }
  const chosen = [...uses].sort(([, p], [, q]) => q.count - p.count).slice(0, MAX_POINTERS);
  return new Map(
    chosen.map(([key, { address }]) => {
      const local: Local = { type: 'i32', name: 'pointer', isReassigned: true };
      return [key, { local, address }] as const;
    }),
  );
}

/** The addresses of all loads and stores in a loop. */
function addressesIn(loop: Loop): Node[] {
  const addresses: Node[] = [];
  eachStatement(loop.body, (statement) => {
    for (const node of directNodes(statement))
      eachNode(node, (n) => {
        if (n.kind === 'load') addresses.push(n.address);
      });
    if (statement.kind === 'store') addresses.push(statement.address);
  });
  return addresses;
}

/**
 * The loop's body with pointers in place of addresses. Each pointer is advanced together with its
 * induction variable.
 */
function usePointers(
  loop: Loop,
  inductionVariables: readonly InductionVariable[],
  pointers: Pointers,
): readonly Statement[] {
  const replace = (node: Node): Node => {
    const isSum = node.kind === 'operation' && node.instruction === 'i32.add';
    const pointer = isSum ? pointers.get(computationKey(node)) : undefined;
    return pointer ? get(pointer.local) : mapOperands(node, replace);
  };
  const replaceIn = (body: readonly Statement[]): readonly Statement[] =>
    mapBody(body, (statement) => mapStatement(statement, replace, replaceIn));
  return loop.body.flatMap((statement): Statement[] => {
    const induction = inductionVariables.find(
      (c) => statement.kind === 'set' && statement.local === c.local,
    );
    if (!induction) return [mapStatement(statement, replace, replaceIn)];
    const advancing = [...pointers.values()].filter(
      ({ address }) => address.induction === induction,
    );
    return [statement, ...advancing.map(advancePointer)];
  });
}

function advancePointer({ local, address: { induction, shift } }: Pointer): Statement {
  const bytes = fold.integer('shl', induction.step, i32(shift));
  return { kind: 'set', local, value: operation('i32.add', [get(local), bytes]) };
}

/**
 * Recognizes `set i, i + step` as a statement that runs once per iteration. Returns an empty list
 * for other statements.
 */
function findInductionVariable(
  statement: Statement,
  setCounts: ReadonlyMap<Local, number>,
): InductionVariable[] {
  if (statement.kind !== 'set' || setCounts.get(statement.local) !== 1) return [];
  const { local, value } = statement;
  if (value.kind !== 'operation' || value.instruction !== 'i32.add') return [];
  const [from, step] = value.operands as [Node, Node];
  if (from.kind !== 'get' || from.local !== local || !isInvariant(step, setCounts)) return [];
  return [{ local, step }];
}

/** Recognizes an address as a multiple of an induction variable plus invariant terms. */
function findLinearAddress(
  node: Node,
  inductionVariables: readonly InductionVariable[],
  setCounts: ReadonlyMap<Local, number>,
): LinearAddress | undefined {
  const terms = addends(node);
  let multiple: { induction: InductionVariable; shift: number } | undefined;
  for (const term of terms) {
    const scaled = multiple ? undefined : scaledInductionVariable(term, inductionVariables);
    if (scaled) multiple = scaled;
    else if (!isInvariant(term, setCounts)) return undefined;
  }
  return multiple && terms.length > 1 ? { ...multiple, node } : undefined;
}

function scaledInductionVariable(
  term: Node,
  inductionVariables: readonly InductionVariable[],
): { induction: InductionVariable; shift: number } | undefined {
  const isShift = term.kind === 'operation' && term.instruction === 'i32.shl';
  const [operand, amount] = isShift ? (term.operands as [Node, Node]) : [term, i32(0)];
  if (operand.kind !== 'get' || amount.kind !== 'constant') return undefined;
  const induction = inductionVariables.find((c) => c.local === operand.local);
  return induction && { induction, shift: amount.value };
}

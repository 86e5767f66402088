/**
 * Which locals statements read and set.
 *
 *   in    set t, a + b; if t { set u, t }
 *   out   set: t, u; read: a, b, t
 *
 * Why: every pass that moves or removes a set needs it, and so does the layout of spilled locals.
 */

import { directNodes, eachNode, eachStatement, type Local, type Statement } from './ir.js';

/**
 * The locals that a statement itself reads, once for each read, without those read by the
 * statements nested in it.
 */
export function statementReads(statement: Statement): Local[] {
  const reads: Local[] = [];
  for (const node of directNodes(statement))
    eachNode(node, (n) => {
      if (n.kind === 'get') reads.push(n.local);
    });
  return reads;
}

/** All locals that statements read. */
export function localsRead(body: readonly Statement[]): Set<Local> {
  const reads = new Set<Local>();
  eachStatement(body, (statement) => {
    for (const local of statementReads(statement)) reads.add(local);
  });
  return reads;
}

/** How many statements set each local; locals that none sets are not in the map. */
export function countSets(body: readonly Statement[]): Map<Local, number> {
  const counts = new Map<Local, number>();
  eachStatement(body, (statement) => {
    if (statement.kind === 'set')
      counts.set(statement.local, (counts.get(statement.local) ?? 0) + 1);
  });
  return counts;
}

/** All locals that statements set. */
export function localsSet(body: readonly Statement[]): Set<Local> {
  return new Set(countSets(body).keys());
}

/** All locals that statements set or read, in the order of their first use. */
export function localsUsed(body: readonly Statement[]): Set<Local> {
  const used = new Set<Local>();
  eachStatement(body, (statement) => {
    if (statement.kind === 'set') used.add(statement.local);
    for (const local of statementReads(statement)) used.add(local);
  });
  return used;
}

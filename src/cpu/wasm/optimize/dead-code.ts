/**
 * Step 6a: what nobody reads goes: locals that are set and never used, and ifs and blocks with nothing left in them.
 *
 *   in    set t, load(a); set u, add(t, 1); store b, 2        with u never read
 *   out   store b, 2
 *
 * What pays: lowering may compute more than is needed (all three ids of a workgroup, the transpose of every matrix)
 * and need not know.
 */

import {
  bodiesOf,
  eachNode,
  eachStatement,
  type Local,
  nodesOf,
  type Statement,
} from '../ir/ir.js';

export function removeDeadCode(body: readonly Statement[]): readonly Statement[] {
  let now = body;
  for (;;) {
    const read = localsRead(now);
    const cleaned = clean(now, read);
    if (cleaned === now) return now;
    now = cleaned;
  }
}

function localsRead(body: readonly Statement[]): Set<Local> {
  const read = new Set<Local>();
  eachStatement(body, (statement) => {
    for (const node of nodesOf(statement))
      eachNode(node, (n) => {
        if (n.kind === 'get') read.add(n.local);
      });
  });
  return read;
}

/** The same list where nothing is dead in it. */
function clean(body: readonly Statement[], read: ReadonlySet<Local>): readonly Statement[] {
  const kept: Statement[] = [];
  let isChanged = false;
  for (const statement of body) {
    const cleaned = cleanStatement(statement, read);
    if (cleaned !== statement) isChanged = true;
    if (cleaned) kept.push(cleaned);
    // What follows an unconditional branch is never reached.
    if (cleaned?.kind === 'branch' && !cleaned.condition) {
      if (kept.length < body.length) isChanged = true;
      break;
    }
  }
  return isChanged ? kept : body;
}

function cleanStatement(statement: Statement, read: ReadonlySet<Local>): Statement | undefined {
  switch (statement.kind) {
    case 'set':
      return read.has(statement.local) ? statement : undefined;
    case 'if': {
      const whenTrue = clean(statement.whenTrue, read);
      const whenFalse = clean(statement.whenFalse, read);
      if (whenTrue.length + whenFalse.length === 0) return undefined;
      const isSame = whenTrue === statement.whenTrue && whenFalse === statement.whenFalse;
      return isSame ? statement : { ...statement, whenTrue, whenFalse };
    }
    case 'block':
    case 'loop': {
      const body = clean(bodiesOf(statement)[0]!, read);
      if (body.length === 0) return undefined;
      return body === statement.body ? statement : { ...statement, body };
    }
    default:
      return statement;
  }
}

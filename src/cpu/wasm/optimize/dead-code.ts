/**
 * Step 6a: dead code elimination. Removes sets of locals that are never read, and ifs and blocks
 * that are left empty.
 *
 *   in    set unread, load(a); if c { set other, 1 }; f32.store offset=4 out (f32.mul 2 x)
 *   out   f32.store offset=4 out (f32.mul 2 x)
 *
 * Why: lowering may compute more than is needed (all three components of a workgroup's id, the
 * transpose of every matrix), since it does not know what will be used.
 */

import { innerBodies, type Local, type Statement } from '../ir/ir.js';
import { localsRead } from '../ir/locals.js';

/**
 * Removes dead code until none is left: a removed set may have been the last to read another local.
 */
export function removeDeadCode(body: readonly Statement[]): readonly Statement[] {
  let rest = body;
  for (;;) {
    const cleaned = clean(rest, localsRead(rest));
    if (cleaned === rest) return rest;
    rest = cleaned;
  }
}

/** Returns the same list if nothing in it is dead. */
function clean(body: readonly Statement[], read: ReadonlySet<Local>): readonly Statement[] {
  const live: Statement[] = [];
  let isChanged = false;
  for (const statement of body) {
    const cleaned = cleanStatement(statement, read);
    if (cleaned !== statement) isChanged = true;
    if (cleaned) live.push(cleaned);
    // Statements after an unconditional branch are never reached.
    if (cleaned?.kind === 'branch' && !cleaned.condition) {
      if (live.length < body.length) isChanged = true;
      break;
    }
  }
  return isChanged ? live : body;
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
      const body = clean(innerBodies(statement)[0]!, read);
      if (body.length === 0) return undefined;
      return body === statement.body ? statement : { ...statement, body };
    }
    default:
      return statement;
  }
}

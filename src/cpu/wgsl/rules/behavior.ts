/**
 * Step 3a: behavior analysis (WGSL, section 9.8): how statements can end. They continue with the
 * next statement, or leave: to the end of a loop or switch, to the next iteration of a loop, or out
 * of the function. Values are ignored: as far as this analysis knows, `while true` may end.
 *
 *   in    if a { return 1; } else { break; }
 *   out   return, break: what follows is never reached
 *
 * Why: a function with a result must not reach its end without one, and a loop needs an exit.
 */

import type { Statement } from '../program.js';

type Behavior = 'next' | 'break' | 'continue' | 'return';

/**
 * The behaviors of a list of statements, up to the first one that never continues with the next.
 */
export function behaviors(body: readonly Statement[]): ReadonlySet<Behavior> {
  const result = new Set<Behavior>(['next']);
  for (const statement of body) {
    result.delete('next');
    for (const behavior of statementBehaviors(statement)) result.add(behavior);
    if (!result.has('next')) break;
  }
  return result;
}

const cache = new WeakMap<Statement, ReadonlySet<Behavior>>();

/** The behaviors of one statement. A loop that has none never ends. */
export function statementBehaviors(statement: Statement): ReadonlySet<Behavior> {
  let result = cache.get(statement);
  if (!result) {
    result = computeBehaviors(statement);
    cache.set(statement, result);
  }
  return result;
}

function computeBehaviors(statement: Statement): ReadonlySet<Behavior> {
  switch (statement.kind) {
    case 'return':
    case 'break':
    case 'continue':
      return new Set([statement.kind]);
    case 'block':
      return eitherBehaviors(statement.body, statement.folded?.untaken ?? statement.body);
    case 'if':
      return eitherBehaviors(statement.whenTrue, statement.whenFalse);
    case 'switch': {
      const result = new Set(statement.cases.flatMap((c) => [...behaviors(c.body)]));
      if (result.delete('break')) result.add('next');
      return result;
    }
    case 'loop': {
      const { condition, breakIf, body, continuing } = statement;
      const inner = new Set(behaviors(body));
      const reachesContinuing = inner.has('next') || inner.has('continue');
      if (reachesContinuing) for (const behavior of behaviors(continuing)) inner.add(behavior);
      const canEnd = condition || inner.has('break') || (reachesContinuing && breakIf);
      const result = new Set<Behavior>(inner.has('return') ? ['return'] : []);
      return canEnd ? result.add('next') : result;
    }
    default:
      return new Set(['next']);
  }
}

function eitherBehaviors(a: readonly Statement[], b: readonly Statement[]): ReadonlySet<Behavior> {
  return new Set([...behaviors(a), ...behaviors(b)]);
}

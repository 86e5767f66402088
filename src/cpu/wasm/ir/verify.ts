/**
 * Checks what every pass relies on (rules 1 and 2 in ir.ts): a local is set on every path to where
 * it is read, and a local that is not marked as reassigned is set by one statement. WebAssembly
 * itself would read a 0 from a local that is not set. (Types and labels are left to the engine,
 * which rejects a module with wrong ones.)
 *
 *   in    block { br_if block; set t, 1 }; store a, t
 *   out   "t is read where it may not be set"
 *
 * Why: a pass that moves or removes a wrong statement fails here by name, instead of computing a
 * wrong number for some input. The tests run it on all shaders and on random programs.
 */

import type { Kernel, Label, Local, Statement } from './ir.js';
import { countSets, statementReads } from './locals.js';

/** The locals that are set; `undefined` where no path leads. */
type SetLocals = ReadonlySet<Local> | undefined;

/**
 * Verifies a kernel.
 *
 * @throws Error where a local may be read before it is set, or is set by more statements than
 *   allowed.
 */
export function verify({ name, parameters, body }: Kernel): void {
  for (const [local, count] of countSets(body)) {
    if (local.isReassigned) continue;
    if (count > 1) throw new Error(`${name}: ${local.name} is set by ${count} statements.`);
    if (parameters.includes(local))
      throw new Error(`${name}: ${local.name} is a parameter and set.`);
  }
  new Verifier(name).follow(body, new Set(parameters));
}

class Verifier {
  readonly #name: string;
  /** The locals that are set at each branch to the end of a block. */
  readonly #branchStates = new Map<Label, SetLocals[]>();

  constructor(name: string) {
    this.#name = name;
  }

  /** The locals that are set after statements, given those that are set before. */
  follow(body: readonly Statement[], before: SetLocals): SetLocals {
    let setLocals = before;
    for (const statement of body) {
      if (setLocals) this.#check(statement, setLocals);
      setLocals = this.#after(statement, setLocals);
    }
    return setLocals;
  }

  #after(statement: Statement, setLocals: SetLocals): SetLocals {
    switch (statement.kind) {
      case 'set':
        return setLocals && new Set(setLocals).add(statement.local);
      case 'if':
        return intersect(
          this.follow(statement.whenTrue, setLocals),
          this.follow(statement.whenFalse, setLocals),
        );
      case 'block': {
        const states: SetLocals[] = [];
        this.#branchStates.set(statement.label, states);
        return states.concat(this.follow(statement.body, setLocals)).reduce(intersect);
      }
      case 'loop':
        return this.follow(statement.body, setLocals);
      case 'branch':
        this.#branchStates.get(statement.label)?.push(setLocals);
        return statement.condition ? setLocals : undefined;
      default:
        return setLocals;
    }
  }

  #check(statement: Statement, setLocals: ReadonlySet<Local>): void {
    for (const local of statementReads(statement))
      if (!setLocals.has(local))
        throw new Error(`${this.#name}: ${local.name} is read where it may not be set.`);
  }
}

/** The locals that are set on both of two paths that meet. */
function intersect(a: SetLocals, b: SetLocals): SetLocals {
  if (!a || !b) return a ?? b;
  return new Set([...a].filter((local) => b.has(local)));
}

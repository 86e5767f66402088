/**
 * What every pass counts on and none looks at: a local is set on every way to where it is read. WebAssembly itself would
 * find a 0 there. (Types and labels are left to the engine, which refuses a module that has them wrong.)
 *
 *   in    block { br_if block; set t, 1 }; store a, t
 *   out   "t is read where it may not be set"
 *
 * Why: a pass that moves a statement away from another, or throws one away, fails here by name, instead of computing a
 * wrong number for some input. Run by the tests, over all shaders and random programs.
 */

import { eachNode, type Kernel, type Label, type Local, nodesOf, type Statement } from './ir.js';

/** The locals that are set; `undefined` where no way leads. */
type Known = ReadonlySet<Local> | undefined;

/** @throws Error where a local may be read before it is set. */
export function verify({ name, parameters, body }: Kernel): void {
  new Verifier(name).follow(body, new Set(parameters));
}

class Verifier {
  readonly #name: string;
  /** What is set at each branch to the end of a block. */
  readonly #leaving = new Map<Label, Known[]>();

  constructor(name: string) {
    this.#name = name;
  }

  /** What is set after statements, given what is set before them. */
  follow(body: readonly Statement[], before: Known): Known {
    let known = before;
    for (const statement of body) {
      if (known) this.#check(statement, known);
      known = this.#after(statement, known);
    }
    return known;
  }

  #after(statement: Statement, known: Known): Known {
    switch (statement.kind) {
      case 'set':
        return known && new Set(known).add(statement.local);
      case 'if':
        return both(
          this.follow(statement.whenTrue, known),
          this.follow(statement.whenFalse, known),
        );
      case 'block': {
        const leaving: Known[] = [];
        this.#leaving.set(statement.label, leaving);
        return leaving.concat(this.follow(statement.body, known)).reduce(both);
      }
      case 'loop':
        return this.follow(statement.body, known);
      case 'branch':
        this.#leaving.get(statement.label)?.push(known);
        return statement.condition ? known : undefined;
      default:
        return known;
    }
  }

  #check(statement: Statement, known: ReadonlySet<Local>): void {
    for (const node of nodesOf(statement))
      eachNode(node, (n) => {
        if (n.kind === 'get' && !known.has(n.local))
          throw new Error(`${this.#name}: ${n.local.name} is read where it may not be set.`);
      });
  }
}

/** What is set on two ways that meet. */
function both(a: Known, b: Known): Known {
  if (!a || !b) return a ?? b;
  return new Set([...a].filter((local) => b.has(local)));
}

/**
 * Step 6c: what is the same in every turn of a loop is computed before it.
 *
 *   in    loop i: f32.store offset=4 (out + (i << 2)) (f32.mul 2 (f32.load (x + row * width + (i << 2))))
 *   out   set invariant, x + row * width
 *         loop i: f32.store offset=4 (out + (i << 2)) (f32.mul 2 (f32.load (invariant + (i << 2))))
 *
 * Sums are taken apart: the terms that stay the same go out, those that change remain. Nothing that is moved can trap
 * (divisors are never zero), so a moved value does no harm where the loop makes no turn, or where the place it came
 * from is not reached. Loads stay, because a store may change what they read, and because their addresses may be
 * anything where they are not reached.
 *
 * Why: V8 keeps the order of a sum's terms. An index names them in any order, so that the invariant ones have to be
 * brought together here before they can leave the loop.
 */

import { computationKey } from '../ir/computation-key.js';
import {
  get,
  isTrivial,
  type Local,
  type Loop,
  mapBody,
  mapOperands,
  mapStatement,
  type Node,
  operation,
  type Statement,
} from '../ir/ir.js';
import { localsSet } from '../ir/locals.js';
import { addends, isInvariant } from './invariant.js';

/** Moves what is invariant out of all loops, the outer ones first: what leaves both has left the outer one then. */
export function hoist(body: readonly Statement[]): readonly Statement[] {
  return mapBody(body, (statement) => {
    if (statement.kind !== 'loop') return mapStatement(statement, (node) => node, hoist);
    const { preheader, body: remaining } = new LoopHoister(statement).hoist();
    return [...preheader, { ...statement, body: hoist(remaining) }];
  });
}

/** Takes one loop apart. */
class LoopHoister {
  readonly #loop: Loop;
  /** The locals that the loop sets; without those whose set has been moved out. */
  readonly #setInLoop: Set<Local>;
  /** Whether nodes are invariant. A local is asked about only after the statement that sets it was walked over. */
  readonly #invariance = new Map<Node, boolean>();
  readonly #preheader: Statement[] = [];
  /** The locals of what was moved out, by what they compute. */
  readonly #hoisted = new Map<string, Local>();

  constructor(loop: Loop) {
    this.#loop = loop;
    this.#setInLoop = localsSet(loop.body);
  }

  /** The statements that now come before the loop, and the loop's own. */
  hoist(): { preheader: Statement[]; body: readonly Statement[] } {
    const body = this.#walk(this.#loop.body);
    return { preheader: this.#preheader, body };
  }

  #walk(body: readonly Statement[]): readonly Statement[] {
    return mapBody(body, (statement) => {
      if (
        statement.kind === 'set' &&
        !statement.local.isReassigned &&
        this.#isInvariant(statement.value)
      ) {
        this.#setInLoop.delete(statement.local);
        this.#preheader.push(statement);
        return [];
      }
      return mapStatement(
        statement,
        (node) => this.#rewrite(node),
        (inner) => this.#walk(inner),
      );
    });
  }

  /** A node with its invariant parts read from locals that are set before the loop. */
  #rewrite(node: Node): Node {
    if (this.#isInvariant(node)) return this.#hoistNode(node);
    if (node.kind === 'operation' && node.instruction === 'i32.add') {
      const terms = addends(node);
      const invariant = terms.filter((term) => this.#isInvariant(term));
      if (invariant.length > 1) {
        const changing = terms.filter((term) => !invariant.includes(term));
        const sum = this.#hoistNode(invariant.reduce(add));
        return [sum, ...changing.map((term) => this.#rewrite(term))].reduce(add);
      }
    }
    return mapOperands(node, (operand) => this.#rewrite(operand));
  }

  #hoistNode(node: Node): Node {
    const isZeroVector = node.kind === 'vector' && node.bits.every((bits) => bits === 0);
    if (isTrivial(node) && (node.kind !== 'vector' || isZeroVector)) return node;
    const key = computationKey(node);
    let local = this.#hoisted.get(key);
    if (!local) {
      local = { type: node.type, name: 'invariant', isReassigned: false };
      this.#hoisted.set(key, local);
      this.#preheader.push({ kind: 'set', local, value: node });
    }
    return get(local);
  }

  #isInvariant(node: Node): boolean {
    return isInvariant(node, this.#setInLoop, this.#invariance);
  }
}

function add(a: Node, b: Node): Node {
  return operation('i32.add', [a, b]);
}

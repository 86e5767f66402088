/**
 * Step 6c: loop-invariant code motion. What has the same value in every iteration of a loop is
 * computed before it.
 *
 *   in    loop i: f32.store offset=4 (out + (i << 2))
 *                   (f32.mul 2 (f32.load (x + row * width + (i << 2))))
 *   out   set invariant, x + row * width
 *         loop i: f32.store offset=4 (out + (i << 2)) (f32.mul 2 (f32.load (invariant + (i << 2))))
 *
 * Sums are taken apart: the invariant terms are hoisted, the others stay. Nothing that is hoisted
 * can trap (divisors are never zero), so hoisting does no harm if the loop has no iteration, or if
 * the original position is never reached. Loads stay, because a store may change what they read,
 * and because their addresses may be invalid where they are not reached.
 *
 * Why: V8 keeps the order of a sum's terms. An index has them in any order, so the invariant ones
 * must be brought together here before they can leave the loop.
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

/**
 * Hoists out of all loops, outer loops first: what is invariant in both leaves the outer one at
 * once.
 */
export function hoist(body: readonly Statement[]): readonly Statement[] {
  return mapBody(body, (statement) => {
    if (statement.kind !== 'loop') return mapStatement(statement, (node) => node, hoist);
    const { preheader, body: remaining } = new LoopHoister(statement).hoist();
    return [...preheader, { ...statement, body: hoist(remaining) }];
  });
}

/** Hoists out of one loop. */
class LoopHoister {
  readonly #loop: Loop;
  /** The locals that the loop sets, without those whose set was hoisted. */
  readonly #setInLoop: Set<Local>;
  /**
   * Cache of which nodes are invariant. A node is looked up only after the statements that set its
   * locals were visited.
   */
  readonly #invariance = new Map<Node, boolean>();
  readonly #preheader: Statement[] = [];
  /** The locals of hoisted nodes, by the key of the computation. */
  readonly #hoisted = new Map<string, Local>();

  constructor(loop: Loop) {
    this.#loop = loop;
    this.#setInLoop = localsSet(loop.body);
  }

  /** Returns the statements that now come before the loop, and the new body of the loop. */
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

  /** Replaces the invariant parts of a node by locals that are set before the loop. */
  #rewrite(node: Node): Node {
    if (this.#isInvariant(node)) return this.#hoistNode(node);
    if (node.kind === 'operation' && node.instruction === 'i32.add') {
      const terms = addends(node);
      const invariant = terms.filter((term) => this.#isInvariant(term));
      if (invariant.length > 1) {
        const varying = terms.filter((term) => !invariant.includes(term));
        const sum = this.#hoistNode(invariant.reduce(add));
        return [sum, ...varying.map((term) => this.#rewrite(term))].reduce(add);
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

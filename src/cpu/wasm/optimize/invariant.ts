/**
 * Which nodes are invariant in a loop, and the terms of sums.
 *
 *   in    x + row * width + (i << 2)            in loop i
 *   out   invariant: x, row * width             varying: i << 2
 *
 * Why: hoist.ts moves the invariant terms out of the loop, and pointers.ts turns the rest into a
 * pointer.
 */

import { type Local, type Node, nodeOperands } from '../ir/ir.js';

/**
 * Whether a node has the same value in all iterations of a loop. A node that reads memory is not
 * invariant, since a store may change what it reads.
 *
 * @param setInLoop the locals that the loop sets.
 * @param cache results for the same locals.
 */
export function isInvariant(
  node: Node,
  setInLoop: { has(local: Local): boolean },
  cache = new Map<Node, boolean>(),
): boolean {
  if (node.kind === 'get') return !setInLoop.has(node.local);
  if (node.kind === 'load') return false;
  let invariant = cache.get(node);
  if (invariant === undefined) {
    invariant = nodeOperands(node).every((operand) => isInvariant(operand, setInLoop, cache));
    cache.set(node, invariant);
  }
  return invariant;
}

/** The terms of nested i32 additions. */
export function addends(node: Node): Node[] {
  if (node.kind === 'operation' && node.instruction === 'i32.add')
    return node.operands.flatMap(addends);
  return [node];
}

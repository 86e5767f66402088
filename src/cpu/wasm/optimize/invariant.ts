/**
 * What stays the same in every turn of a loop, and sums taken apart so that the part that stays can be told.
 *
 *   in    x + row * width + (i << 2)            in loop i
 *   out   invariant: x, row * width             changing: i << 2
 *
 * Why: hoist.ts moves the invariant part out of the loop, and pointers.ts makes a pointer of the rest.
 */

import { type Local, type Node, nodeOperands } from '../ir/ir.js';

/**
 * Whether a node has one value in all turns of a loop. One that reads memory counts as changing: a store may change it.
 *
 * @param setInLoop the locals that the loop sets.
 * @param cache of nodes that were asked about before, with the same locals.
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

/** The operands of nested additions of i32. */
export function addends(node: Node): Node[] {
  if (node.kind === 'operation' && node.instruction === 'i32.add')
    return node.operands.flatMap(addends);
  return [node];
}

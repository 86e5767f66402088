/**
 * Step 6: optimization passes. Each takes a list of statements and returns another one.
 *
 *   in    loop i: set unread, row + 1
 *                 f32.store offset=4 (out + (i << 2)) (f32.mul 2 (f32.load (x + (i << 2)))); ...
 *   out   set p, out + (i << 2); set q, x + (i << 2)
 *         loop i: f32.store offset=4 p (f32.mul 2 (f32.load q)); ...; set p, p + 4; set q, q + 4
 *
 * Why: V8's own compiler keeps the order of a sum's terms, does not turn addresses into pointers,
 * and does not see that four words are one vector. What it does well is left to it: common
 * subexpressions, register allocation, instruction selection and scheduling.
 */

import type { Kernel } from '../ir/ir.js';
import { removeDeadCode } from './dead-code.js';
import { hoist } from './hoist.js';
import { joinStores } from './join-stores.js';
import { makePointers } from './pointers.js';

/** Runs all passes in order. Dead code is removed again after the passes that leave some. */
export function optimize<K extends Kernel>(kernel: K): K {
  const joined = joinStores(removeDeadCode(kernel.body));
  return { ...kernel, body: removeDeadCode(makePointers(removeDeadCode(hoist(joined)))) };
}

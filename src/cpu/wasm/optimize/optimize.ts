/**
 * Step 6: the same kernel, doing less.
 *
 * Left out on purpose, since V8's own compiler does it with the bytes: common subexpressions, registers, instruction
 * selection and scheduling. What is here is what V8 cannot do, because it does not know that divisions are safe, that
 * buffers do not overlap, or that four words are one vector.
 */

import type { Kernel } from '../ir/ir.js';
import { removeDeadCode } from './dead-code.js';
import { hoist } from './hoist.js';
import { joinStores } from './join-stores.js';
import { makePointers } from './pointers.js';

export function optimize<K extends Kernel>(kernel: K): K {
  const joined = joinStores(removeDeadCode(kernel.body));
  return { ...kernel, body: removeDeadCode(makePointers(removeDeadCode(hoist(joined)))) };
}

/**
 * One text for all nodes that are the same computation, to look up what was computed before.
 *
 *   in    i32.add out (i32.shl i 2), twice, made at two places
 *   out   the same key for both; another where one reads another local, even one of the same name
 *
 * Why: nodes are trees, so that two of the same computation need not be the same object.
 */

import type { Local, Node } from './ir.js';

const localIds = new WeakMap<Local, number>();
let nextLocalId = 0;

/** The same text for the same computation. */
export function computationKey(node: Node): string {
  switch (node.kind) {
    case 'constant':
      return `${node.type} ${Object.is(node.value, -0) ? '-0' : node.value}`;
    case 'vector':
      return `v ${node.bits}`;
    case 'get': {
      let id = localIds.get(node.local);
      if (id === undefined) {
        id = nextLocalId++;
        localIds.set(node.local, id);
      }
      return `l${id}`;
    }
    case 'load':
      return `${node.instruction} ${node.offset} (${computationKey(node.address)})`;
    case 'shuffle':
      return `shuffle ${node.lanes} (${node.operands.map(computationKey)})`;
    case 'select':
      return `select (${node.operands.map(computationKey)})`;
    case 'operation':
      return `${node.instruction} ${node.lane ?? ''} (${node.operands.map(computationKey)})`;
  }
}

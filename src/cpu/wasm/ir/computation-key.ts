/**
 * A key for nodes, equal for nodes that are the same computation.
 *
 *   in    i32.add out (i32.shl i 2), twice, built in two places
 *   out   the same key for both; another key if one reads another local, even with the same name
 *
 * Why: nodes are trees, so two nodes for the same computation need not be the same object.
 */

import type { Local, Node } from './ir.js';

const localIds = new WeakMap<Local, number>();
let nextLocalId = 0;

/** Returns a text that is the same for all nodes with the same computation. */
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

/**
 * Step 6b: four consecutive stores of a vector's lanes to adjacent words become one store.
 *
 *   in    f32.store a+0, lane 0 of v; f32.store a+4, lane 1 of v; ... lane 2 ...; ... lane 3 of v
 *   out   v128.store a+0, v
 *
 * Why: buffers are arrays of f32, since the length of a row need not be a multiple of four. Where
 * it is, this is one instruction instead of eight. (Loads are joined when vectors are built: `pack`
 * in fold.ts.)
 */

import * as fold from '../ir/fold.js';
import { isSame, mapStatement, type Node, readsMemory, type Statement } from '../ir/ir.js';

type Store = Extract<Statement, { kind: 'store' }>;

/** Joins stores in all lists of statements. */
export function joinStores(body: readonly Statement[]): readonly Statement[] {
  const joined: Statement[] = [];
  for (let n = 0; n < body.length; n++) {
    const vectorStore = joinedStore(body.slice(n, n + 4));
    joined.push(vectorStore ?? mapStatement(body[n]!, (node) => node, joinStores));
    if (vectorStore) n += 3;
  }
  return joined;
}

function joinedStore(statements: readonly Statement[]): Store | undefined {
  const [firstStore] = statements;
  if (
    statements.length < 4 ||
    firstStore?.kind !== 'store' ||
    firstStore.instruction === 'v128.store'
  )
    return undefined;
  const follows = (s: Statement, index: number): s is Store =>
    s.kind === 'store' &&
    s.instruction === firstStore.instruction &&
    s.offset === firstStore.offset + 4 * index &&
    isSame(s.address, firstStore.address);
  // If the address is read from memory, the first store may change it.
  if (!statements.every(follows) || readsMemory(firstStore.address)) return undefined;
  const values = statements.map((s) => (s as Store).value);
  if (!values.every(isLaneOfLocal)) return undefined;
  return { ...firstStore, instruction: 'v128.store', value: fold.pack(values) };
}

/** Whether a node is a lane of a local, which no store changes, or a constant. */
function isLaneOfLocal(node: Node): boolean {
  if (node.kind === 'constant') return true;
  return (
    node.kind === 'operation' &&
    node.instruction.endsWith('extract_lane') &&
    node.operands[0]!.kind === 'get'
  );
}

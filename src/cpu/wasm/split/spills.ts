/**
 * Finds the locals that must be spilled, which means kept in memory, with one copy for each
 * invocation: those that an invocation sets and that several regions use.
 *
 *   in    region 0: set sum, ...; set once, ...; store a, once    barrier    region 1: store b, sum
 *   out   sum at byte 16 of each invocation's memory; `once`, used in one region, stays a local
 *
 * Why: each invocation overwrites the locals of the one before.
 */

import { roundUp } from '../../wgsl/types.js';
import { eachStatement, type Local } from '../ir/ir.js';
import { localsSet, statementReads } from '../ir/locals.js';
import type { Piece } from './barriers.js';

/** The byte offset of each spilled local in an invocation's memory, and the end of the last one. */
interface SpillLayout {
  readonly offsets: ReadonlyMap<Local, number>;
  readonly end: number;
}

/**
 * Assigns an offset to each spilled local.
 *
 * @param start the first byte offset that can be used.
 */
export function layOutSpills(pieces: readonly Piece[], start: number): SpillLayout {
  const offsets = new Map<Local, number>();
  let end = start;
  for (const local of spilledLocals(pieces)) {
    const bytes = local.type === 'v128' ? 16 : 4;
    const offset = roundUp(end, bytes);
    offsets.set(local, offset);
    end = offset + bytes;
  }
  return { offsets, end };
}

function spilledLocals(pieces: readonly Piece[]): Local[] {
  const isSet = new Set(pieces.flatMap(localsSetIn));
  return [...findUses(pieces)]
    .filter(([local, users]) => isSet.has(local) && needsMemory(users))
    .map(([local]) => local);
}

/**
 * Whether a local is used by more than one region, or by a statement that runs once for all
 * invocations.
 */
function needsMemory(users: ReadonlySet<number>): boolean {
  return users.size > 1 || users.has(RUN_ONCE);
}

/**
 * The locals that invocations set. All others have the same value for all invocations: addresses,
 * uniforms, the workgroup's id.
 */
function localsSetIn(piece: Piece): Local[] {
  if (piece.kind === 'region') return [...localsSet(piece.body)];
  return piece.bodies.flatMap((body) => body.flatMap(localsSetIn));
}

/** Stands for a statement that encloses barriers, in place of the id of a region. */
const RUN_ONCE = -1;

/** The regions that use each local. */
function findUses(pieces: readonly Piece[]): Map<Local, Set<number>> {
  const uses = new Map<Local, Set<number>>();
  const recordUse = (local: Local, user: number) => {
    const users = uses.get(local) ?? new Set();
    uses.set(local, users.add(user));
  };
  const visit = (piece: Piece): void => {
    if (piece.kind === 'enclosing') {
      for (const local of statementReads(piece.statement)) recordUse(local, RUN_ONCE);
      for (const body of piece.bodies) body.forEach(visit);
      return;
    }
    eachStatement(piece.body, (statement) => {
      for (const local of statementReads(statement)) recordUse(local, piece.id);
      if (statement.kind === 'set') recordUse(statement.local, piece.id);
    });
  };
  pieces.forEach(visit);
  return uses;
}

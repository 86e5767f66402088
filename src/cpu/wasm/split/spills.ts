/**
 * Which locals are spilled, that is kept in memory, one place for each invocation: those that an invocation sets and
 * that are still needed after a barrier.
 *
 *   in    segment 0: set sum, ...; set once, ...; store a, once        barrier        segment 1: store b, sum
 *   out   sum at byte 16 of each invocation's memory; `once`, of one segment, stays a local
 *
 * Why: the next invocation overwrites the locals of the one before.
 */

import { roundUp } from '../../wgsl/types.js';
import { eachStatement, type Local } from '../ir/ir.js';
import { localsSet, statementReads } from '../ir/locals.js';
import type { Piece } from './barriers.js';

/** Where the spilled locals lie, in bytes from the start of an invocation's memory, and where they end. */
interface SpillLayout {
  readonly offsets: ReadonlyMap<Local, number>;
  readonly end: number;
}

/** Gives each spilled local a place. @param start the first byte that is free for them. */
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
  const isSet = new Set(pieces.flatMap(localsSetInPiece));
  return [...findUses(pieces)]
    .filter(([local, users]) => isSet.has(local) && needsMemory(users))
    .map(([local]) => local);
}

/** Whether a local is used by more than one segment, or by a statement that runs once for all invocations. */
function needsMemory(users: ReadonlySet<number>): boolean {
  return users.size > 1 || users.has(RUN_ONCE);
}

/** Locals that no invocation sets are the same for all: addresses, uniforms, the workgroup's id. */
function localsSetInPiece(piece: Piece): Local[] {
  if (piece.kind === 'segment') return [...localsSet(piece.body)];
  return piece.bodies.flatMap((body) => body.flatMap(localsSetInPiece));
}

/** In place of a segment's number: a statement around barriers. */
const RUN_ONCE = -1;

/** The segments that use each local. */
function findUses(pieces: readonly Piece[]): Map<Local, Set<number>> {
  const uses = new Map<Local, Set<number>>();
  const recordUse = (local: Local, user: number) => {
    const users = uses.get(local) ?? new Set();
    uses.set(local, users.add(user));
  };
  const visit = (piece: Piece): void => {
    if (piece.kind === 'around') {
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

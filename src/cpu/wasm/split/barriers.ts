/**
 * Step 5b: kernels with barriers. At a barrier all invocations of a workgroup must arrive before
 * any continues, so the loop over invocations is split there.
 *
 *   in    a; workgroupBarrier(); b                     in a loop over invocations
 *   out   loop over invocations: a                     then
 *         loop over invocations: b
 *
 *   in    for (tile ...) { a; workgroupBarrier(); b }
 *   out   for (tile ...) { loop over invocations: a; loop over invocations: b }
 *
 * The code between barriers is a region; each invocation runs it. Loops and branches that enclose a
 * barrier are uniform, as WGSL requires: they run once, and the state of invocation 0 decides which
 * way they go. A local that is needed in several regions is kept in memory (spills.ts). An
 * invocation that leaves a block early records which one, and skips everything up to the end of
 * that block. Code that runs once is skipped if invocation 0 has left. All others have left then,
 * too: otherwise some invocations would reach the barrier in it and others would not, which WGSL
 * forbids.
 *
 * Why: no thread ever waits for another one at a barrier. This is correct but slow. The kernels
 * written for this device have no barriers.
 */

import { roundUp } from '../../wgsl/types.js';
import { countingLoop } from '../ir/counting-loop.js';
import * as fold from '../ir/fold.js';
import {
  eachStatement,
  get,
  i32,
  innerBodies,
  type Label,
  type Local,
  load,
  mapOperands,
  mapStatement,
  type Node,
  type Statement,
} from '../ir/ir.js';
import type { LoweredEntry } from '../lower/lower.js';
import { layOutSpills } from './spills.js';
import type { WorkgroupCode } from './split.js';

/**
 * A region without barriers, which each invocation runs; or a statement that encloses barriers,
 * which runs once for all invocations.
 */
export type Piece =
  | { readonly kind: 'region'; readonly body: readonly Statement[]; readonly id: number }
  | {
      readonly kind: 'enclosing';
      readonly statement: Statement;
      readonly bodies: readonly (readonly Piece[])[];
    };

/** The word at #exitOffset, and padding to 16 bytes, the alignment of a v128 after it. */
const EXIT_BYTES = 16;

/** Returns the code of a workgroup whose kernel has barriers. */
export function splitLoop(entry: LoweredEntry): WorkgroupCode {
  return new Splitter(entry).split();
}

class Splitter {
  readonly #entry: LoweredEntry;
  #regionCount = 0;
  /** The spilled locals, with their byte offsets in an invocation's memory. */
  #spilled: ReadonlyMap<Local, number> = new Map();
  /**
   * Byte offset of the word with the id of the label that the invocation has branched to; 0 for
   * none.
   */
  readonly #exitOffset: number;
  /** Bytes from one invocation's memory to the next. */
  #stride = 0;
  readonly #labelIds = new Map<Label, number>();
  /** The statements that enclose the current one and run once. */
  readonly #enclosing: Extract<Statement, { kind: 'block' | 'loop' }>[] = [];

  constructor(entry: LoweredEntry) {
    this.#entry = entry;
    this.#exitOffset = entry.invocationBytes;
  }

  split(): WorkgroupCode {
    const { body, sharedBytes, size } = this.#entry;
    const pieces = this.#pieces(body);
    const { offsets, end } = layOutSpills(pieces, this.#exitOffset + EXIT_BYTES);
    this.#spilled = offsets;
    this.#stride = roundUp(end, 16);
    const reset = this.#forEach([this.#setExit(i32(0))]);
    const code = [...reset, ...this.#write(pieces)];
    return { code, scratch: sharedBytes + this.#stride * size };
  }

  // Splitting

  #pieces(body: readonly Statement[]): Piece[] {
    const pieces: Piece[] = [];
    let region: Statement[] = [];
    const close = () => {
      if (region.length > 0) pieces.push({ kind: 'region', body: region, id: this.#regionCount++ });
      region = [];
    };
    const isInLoop = this.#enclosing.some((s) => s.kind === 'loop');
    for (const statement of body) {
      const isBackward =
        isInLoop && statement.kind === 'branch' && this.#isEnclosingLoop(statement.label);
      if (statement.kind === 'barrier') close();
      else if (!containsBarrier(statement) && !isBackward) region.push(statement);
      else {
        close();
        if (statement.kind === 'block' || statement.kind === 'loop')
          this.#enclosing.push(statement);
        const bodies = innerBodies(statement).map((inner) => this.#pieces(inner));
        if (statement.kind === 'block' || statement.kind === 'loop') this.#enclosing.pop();
        pieces.push({ kind: 'enclosing', statement, bodies });
      }
    }
    close();
    return pieces;
  }

  /**
   * Whether a label belongs to a loop that encloses barriers. All invocations take a branch to it.
   */
  #isEnclosingLoop(label: Label): boolean {
    return this.#enclosing.some((s) => s.kind === 'loop' && s.label === label);
  }

  // Writing

  #write(pieces: readonly Piece[]): Statement[] {
    return pieces.flatMap((piece) =>
      piece.kind === 'region' ? this.#region(piece.body) : this.#runOnce(piece),
    );
  }

  /** Runs a region for each invocation that has not left a block around it. */
  #region(body: readonly Statement[]): Statement[] {
    const end: Label = { name: 'region' };
    const inside = new Set<Label>();
    eachStatement(body, (s) => (s.kind === 'block' || s.kind === 'loop') && inside.add(s.label));
    const rewrite = (list: readonly Statement[]): Statement[] =>
      list.flatMap((statement): Statement[] => {
        if (statement.kind === 'branch' && !inside.has(statement.label))
          return this.#exitTo(statement.label, end, statement.condition);
        const mapped = mapStatement(statement, (n) => this.#readSpilled(n), rewrite);
        return [mapped.kind === 'set' ? this.#spill(mapped) : mapped];
      });
    const block: Statement = { kind: 'block', label: end, body: rewrite(body) };
    return this.#forEach([this.#ifNotExited([block])]);
  }

  /** Runs code only if the current invocation has not left a block. */
  #ifNotExited(code: readonly Statement[]): Statement {
    return { kind: 'if', condition: fold.isZero(this.#exit()), whenTrue: code, whenFalse: [] };
  }

  #exitTo(label: Label, end: Label, condition: Node | undefined): Statement[] {
    const exit: Statement[] = [
      this.#setExit(i32(this.#labelId(label))),
      { kind: 'branch', label: end, condition: undefined },
    ];
    if (!condition) return exit;
    return [{ kind: 'if', condition: this.#readSpilled(condition), whenTrue: exit, whenFalse: [] }];
  }

  #runOnce({ statement, bodies }: Extract<Piece, { kind: 'enclosing' }>): Statement[] {
    const nested = statement.kind === 'block' || statement.kind === 'loop';
    if (nested) this.#enclosing.push(statement);
    const written = bodies.map((pieces) => this.#write(pieces));
    if (nested) this.#enclosing.pop();
    const code = mapStatement(
      statement,
      (node) => this.#readSpilled(node),
      (body) => written[innerBodies(statement).indexOf(body)]!,
    );
    if (statement.kind !== 'block') return [this.#ifNotExited([code])];
    // Invocations that left for the end of this block have arrived there.
    const id = this.#labelIds.get(statement.label);
    if (id === undefined) return [this.#ifNotExited([code])];
    const hasArrived = fold.integer('eq', this.#exit(), i32(id));
    const clearExit: Statement = {
      kind: 'if',
      condition: hasArrived,
      whenTrue: [this.#setExit(i32(0))],
      whenFalse: [],
    };
    return [this.#ifNotExited([code]), ...this.#forEach([clearExit])];
  }

  /** Selects the memory of invocation 0, whose locals are read by code that runs once. */
  #firstInvocation(): Statement[] {
    const { invocation, invocationMemory } = this.#entry;
    return [
      { kind: 'set', local: invocation, value: i32(0) },
      { kind: 'set', local: invocationMemory, value: this.#invocationAddress(i32(0)) },
    ];
  }

  #forEach(body: readonly Statement[]): Statement[] {
    const { invocation, invocationMemory, size } = this.#entry;
    const address = this.#invocationAddress(get(invocation));
    const iteration: Statement[] = [
      { kind: 'set', local: invocationMemory, value: address },
      ...body,
    ];
    return [
      { kind: 'set', local: invocation, value: i32(0) },
      countingLoop(invocation, i32(size), iteration),
      ...this.#firstInvocation(),
    ];
  }

  #invocationAddress(invocation: Node): Node {
    const { workgroupMemory, sharedBytes } = this.#entry;
    const bytes = fold.integer('mul', invocation, i32(this.#stride));
    return fold.integer('add', fold.integer('add', get(workgroupMemory), bytes), i32(sharedBytes));
  }

  #readSpilled(node: Node): Node {
    if (node.kind === 'get') {
      const offset = this.#spilled.get(node.local);
      if (offset === undefined) return node;
      return load(`${node.type}.load`, get(this.#entry.invocationMemory), offset);
    }
    return mapOperands(node, (operand) => this.#readSpilled(operand));
  }

  #spill(statement: Extract<Statement, { kind: 'set' }>): Statement {
    const offset = this.#spilled.get(statement.local);
    if (offset === undefined) return statement;
    const instruction = `${statement.local.type}.store` as const;
    const address = get(this.#entry.invocationMemory);
    return { kind: 'store', instruction, address, offset, value: statement.value };
  }

  #setExit(value: Node): Statement {
    const address = get(this.#entry.invocationMemory);
    return { kind: 'store', instruction: 'i32.store', address, offset: this.#exitOffset, value };
  }

  #exit(): Node {
    return load('i32.load', get(this.#entry.invocationMemory), this.#exitOffset);
  }

  #labelId(label: Label): number {
    const id = this.#labelIds.get(label) ?? this.#labelIds.size + 1;
    this.#labelIds.set(label, id);
    return id;
  }
}

function containsBarrier(statement: Statement): boolean {
  return (
    statement.kind === 'barrier' ||
    innerBodies(statement).some((body) => body.some(containsBarrier))
  );
}

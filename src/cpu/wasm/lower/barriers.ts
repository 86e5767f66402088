/**
 * Step 5: kernels with barriers. A workgroup is a loop over its invocations, and a barrier means that all of them come
 * to it before one goes on; so the loop is split at each barrier.
 *
 *   in    a; workgroupBarrier(); b                     in a loop over invocations
 *   out   loop over invocations: a                     then
 *         loop over invocations: b
 *
 *   in    for (tile ...) { a; workgroupBarrier(); b }
 *   out   for (tile ...) { loop over invocations: a; loop over invocations: b }
 *
 * Loops and branches around a barrier are uniform, as WGSL demands: they run once, and invocation 0 is asked which way.
 * A local that outlives its loop over invocations is kept in memory, one slot an invocation. An invocation that leaves a
 * block early notes which, and skips what comes until the end of that block. What runs once is skipped where invocation 0
 * has left: WGSL demands that all have left then, since otherwise some would come to the barrier in it and some not.
 *
 * It is correct but slow: the kernels made for this device meet no barrier.
 */

import { roundUp } from '../../wgsl/types.js';
import * as fold from '../ir/fold.js';
import {
  bodiesOf,
  eachNode,
  eachStatement,
  get,
  i32,
  type Label,
  type Local,
  load,
  mapOperands,
  mapStatement,
  type Node,
  nodesOf,
  type Statement,
  type StoreName,
  type WasmType,
} from '../ir/ir.js';
import type { Frame } from './frame.js';

/** A stretch without barriers, run by each invocation; or a statement around barriers, run once. */
type Piece =
  | { readonly kind: 'segment'; readonly body: readonly Statement[]; readonly id: number }
  | {
      readonly kind: 'uniform';
      readonly statement: Statement;
      readonly bodies: readonly Piece[][];
    };

/** The workgroup's code, and the bytes of memory a thread needs for it. */
export function splitAtBarriers(
  frame: Frame,
  body: readonly Statement[],
  invocation: Local,
  size: number,
): { code: Statement[]; scratch: number } {
  return new Splitter(frame, invocation, size).split(body);
}

class Splitter {
  readonly #frame: Frame;
  readonly #invocation: Local;
  readonly #size: number;
  #segments = 0;
  /** Bytes from an invocation's memory to the slot of each local that has one. */
  readonly #slots = new Map<Local, number>();
  /** Bytes to the word that says which label the invocation has left for, 0 for none. */
  #leftOffset = 0;
  #stride = 0;
  readonly #labelIds = new Map<Label, number>();
  /** The statements around the one being written, whose code runs once. */
  readonly #around: Extract<Statement, { kind: 'block' | 'loop' }>[] = [];

  constructor(frame: Frame, invocation: Local, size: number) {
    this.#frame = frame;
    this.#invocation = invocation;
    this.#size = size;
  }

  split(body: readonly Statement[]): { code: Statement[]; scratch: number } {
    const pieces = this.#pieces(body);
    this.#giveSlots(pieces);
    const reset = this.#forEach([this.#setLeft(i32(0))]);
    const code = [...reset, ...this.#write(pieces)];
    const scratch = roundUp(this.#frame.workgroupBytes, 16) + this.#stride * this.#size;
    return { code, scratch };
  }

  // Cutting

  #pieces(body: readonly Statement[]): Piece[] {
    const pieces: Piece[] = [];
    let segment: Statement[] = [];
    const close = () => {
      if (segment.length > 0) pieces.push({ kind: 'segment', body: segment, id: this.#segments++ });
      segment = [];
    };
    const isInLoop = this.#around.some((s) => s.kind === 'loop');
    for (const statement of body) {
      const isBackward = isInLoop && statement.kind === 'branch' && this.#isAround(statement.label);
      if (statement.kind === 'barrier') close();
      else if (!holdsBarrier(statement) && !isBackward) segment.push(statement);
      else {
        close();
        if (statement.kind === 'block' || statement.kind === 'loop') this.#around.push(statement);
        const bodies = bodiesOf(statement).map((inner) => this.#pieces(inner));
        if (statement.kind === 'block' || statement.kind === 'loop') this.#around.pop();
        pieces.push({ kind: 'uniform', statement, bodies });
      }
    }
    close();
    return pieces;
  }

  /** Whether a label is that of a loop around barriers: a branch to it is taken by all. */
  #isAround(label: Label): boolean {
    return this.#around.some((s) => s.kind === 'loop' && s.label === label);
  }

  /** Slots for the locals that more than one piece knows. */
  #giveSlots(pieces: readonly Piece[]): void {
    const known = new Map<Local, Set<number>>();
    const UNIFORM = -1;
    const note = (local: Local, id: number) => {
      const ids = known.get(local) ?? new Set();
      known.set(local, ids.add(id));
    };
    const noteNodes = (nodes: readonly Node[], id: number) => {
      for (const node of nodes) eachNode(node, (n) => n.kind === 'get' && note(n.local, id));
    };
    const visit = (piece: Piece) => {
      if (piece.kind === 'uniform') {
        noteNodes(nodesOf(piece.statement), UNIFORM);
        for (const body of piece.bodies) body.forEach(visit);
        return;
      }
      eachStatement(piece.body, (statement) => {
        noteNodes(nodesOf(statement), piece.id);
        if (statement.kind === 'set') note(statement.local, piece.id);
      });
    };
    pieces.forEach(visit);
    const isSet = new Set<Local>();
    const noteSets = (piece: Piece) => {
      if (piece.kind === 'uniform') for (const body of piece.bodies) body.forEach(noteSets);
      else eachStatement(piece.body, (s) => s.kind === 'set' && isSet.add(s.local));
    };
    pieces.forEach(noteSets);
    let bytes = roundUp(this.#frame.invocationBytes, 16);
    this.#leftOffset = bytes;
    bytes += 16;
    for (const [local, ids] of known) {
      // What no invocation sets is the same for all: addresses, uniforms, the workgroup's id.
      if (!isSet.has(local) || (ids.size === 1 && !ids.has(UNIFORM))) continue;
      const own = local.type === 'v128' ? 16 : 4;
      bytes = roundUp(bytes, own);
      this.#slots.set(local, bytes);
      bytes += own;
    }
    this.#stride = roundUp(bytes, 16);
  }

  // Writing

  #write(pieces: readonly Piece[]): Statement[] {
    return pieces.flatMap((piece) =>
      piece.kind === 'segment' ? this.#segment(piece.body) : this.#uniform(piece),
    );
  }

  /** A stretch without barriers, for each invocation that has not left a block around it. */
  #segment(body: readonly Statement[]): Statement[] {
    const { builder } = this.#frame;
    const end = builder.label('segment');
    const own = new Set<Label>();
    eachStatement(body, (s) => (s.kind === 'block' || s.kind === 'loop') && own.add(s.label));
    const rewrite = (list: readonly Statement[]): Statement[] =>
      list.flatMap((statement): Statement[] => {
        if (statement.kind === 'branch' && !own.has(statement.label))
          return this.#leaveFor(statement.label, end, statement.condition);
        const mapped = mapStatement(statement, (n) => this.#fromSlots(n), rewrite);
        return [mapped.kind === 'set' ? this.#toSlot(mapped) : mapped];
      });
    const block: Statement = { kind: 'block', label: end, body: rewrite(body) };
    return this.#forEach([this.#ifStaying([block])]);
  }

  /** What runs only where the invocation that memory belongs to has not left. */
  #ifStaying(code: readonly Statement[]): Statement {
    return { kind: 'if', condition: fold.isZero(this.#left()), whenTrue: code, whenFalse: [] };
  }

  #leaveFor(label: Label, end: Label, condition: Node | undefined): Statement[] {
    const leave: Statement[] = [
      this.#setLeft(i32(this.#idOf(label))),
      { kind: 'branch', label: end, condition: undefined },
    ];
    if (!condition) return leave;
    return [{ kind: 'if', condition: this.#fromSlots(condition), whenTrue: leave, whenFalse: [] }];
  }

  #uniform({ statement, bodies }: Extract<Piece, { kind: 'uniform' }>): Statement[] {
    const nested = statement.kind === 'block' || statement.kind === 'loop';
    if (nested) this.#around.push(statement);
    const written = bodies.map((pieces) => this.#write(pieces));
    if (nested) this.#around.pop();
    const code = mapStatement(
      statement,
      (node) => this.#fromSlots(node),
      (body) => written[bodiesOf(statement).indexOf(body)]!,
    );
    if (statement.kind !== 'block') return [this.#ifStaying([code])];
    // Whoever left for the end of this block is there now.
    const id = this.#labelIds.get(statement.label);
    if (id === undefined) return [this.#ifStaying([code])];
    const isBack = fold.integer('eq', this.#left(), i32(id));
    const back: Statement = {
      kind: 'if',
      condition: isBack,
      whenTrue: [this.#setLeft(i32(0))],
      whenFalse: [],
    };
    return [this.#ifStaying([code]), ...this.#forEach([back])];
  }

  /** Points the invocation's memory at invocation 0's, whose locals code that runs once reads. */
  #firstInvocation(): Statement[] {
    return [
      { kind: 'set', local: this.#invocation, value: i32(0) },
      { kind: 'set', local: this.#frame.invocationMemory, value: this.#memoryOf(i32(0)) },
    ];
  }

  #forEach(body: readonly Statement[]): Statement[] {
    const { builder } = this.#frame;
    const label = builder.label('invocations');
    const here = get(this.#invocation);
    const turn: Statement[] = [
      { kind: 'set', local: this.#frame.invocationMemory, value: this.#memoryOf(here) },
      ...body,
      { kind: 'set', local: this.#invocation, value: fold.integer('add', here, i32(1)) },
      { kind: 'branch', label, condition: fold.integer('lt_u', here, i32(this.#size)) },
    ];
    return [
      { kind: 'set', local: this.#invocation, value: i32(0) },
      { kind: 'loop', label, body: turn },
      ...this.#firstInvocation(),
    ];
  }

  #memoryOf(invocation: Node): Node {
    const start = roundUp(this.#frame.workgroupBytes, 16);
    const own = fold.integer('mul', invocation, i32(this.#stride));
    return fold.integer(
      'add',
      fold.integer('add', get(this.#frame.workgroupMemory), own),
      i32(start),
    );
  }

  #fromSlots(node: Node): Node {
    if (node.kind === 'get') {
      const offset = this.#slots.get(node.local);
      if (offset === undefined) return node;
      return load(loadName(node.type), get(this.#frame.invocationMemory), offset);
    }
    return mapOperands(node, (operand) => this.#fromSlots(operand));
  }

  #toSlot(statement: Extract<Statement, { kind: 'set' }>): Statement {
    const offset = this.#slots.get(statement.local);
    if (offset === undefined) return statement;
    const instruction = `${statement.local.type}.store` as StoreName;
    const address = get(this.#frame.invocationMemory);
    return { kind: 'store', instruction, address, offset, value: statement.value };
  }

  #setLeft(value: Node): Statement {
    const address = get(this.#frame.invocationMemory);
    return { kind: 'store', instruction: 'i32.store', address, offset: this.#leftOffset, value };
  }

  #left(): Node {
    return load('i32.load', get(this.#frame.invocationMemory), this.#leftOffset);
  }

  #idOf(label: Label): number {
    const id = this.#labelIds.get(label) ?? this.#labelIds.size + 1;
    this.#labelIds.set(label, id);
    return id;
  }
}

function holdsBarrier(statement: Statement): boolean {
  return (
    statement.kind === 'barrier' || bodiesOf(statement).some((body) => body.some(holdsBarrier))
  );
}

function loadName(type: WasmType): 'i32.load' | 'f32.load' | 'v128.load' {
  return `${type}.load`;
}

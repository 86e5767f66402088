/**
 * The intermediate representation of a kernel, between the typed program and the bytes:
 * WebAssembly's instructions as trees over named locals, and its control flow as nested lists of
 * statements.
 *
 *   WGSL  out[i + 1u] = 2.0 * x[i];
 *   IR    f32.store offset=4 (i32.add out (i32.shl i 2))
 *                            (f32.mul 2 (f32.load offset=0 (i32.add x (i32.shl i 2))))
 *
 * Rules, of which verify.ts checks the first two:
 *   1  A local is set on every path to where it is read.
 *   2  A local is set by one statement, which may run in every iteration of a loop, unless the
 *      local is marked as reassigned.
 *   3  A node is a value that has not been computed yet. It can be used any number of times, and is
 *      computed anew each time.
 *   4  A node that reads mutable state (memory, or a local that is reassigned) must be used before
 *      the next statement that could change that state. Code that needs the value longer sets a
 *      local to it with Builder.toLocal.
 *   5  Of all nodes only loads can trap, since divisors are never zero. So a node that reads no
 *      mutable state can be computed earlier than the program says, or where the program would not
 *      compute it.
 *
 * Why: trees are simple to build and to match. What a compiler does with single instructions is
 * left to V8.
 */

import { instruction, type WasmType } from './instructions.js';

export type { WasmType };

/** A local variable of the WebAssembly function. */
export interface Local {
  readonly type: WasmType;
  /** Shown in the text form. */
  readonly name: string;
  /**
   * Whether several statements set it, so that it may change while an earlier read is still
   * pending. A local that one statement sets in every iteration of a loop is not reassigned: all
   * its reads follow that statement.
   */
  readonly isReassigned: boolean;
}

/** A value that is not computed yet. */
export type Node =
  | { readonly kind: 'constant'; readonly type: 'i32' | 'f32'; readonly value: number }
  | {
      /** Four lanes, given by their bits. */
      readonly kind: 'vector';
      readonly type: 'v128';
      readonly bits: readonly number[];
    }
  | { readonly kind: 'get'; readonly type: WasmType; readonly local: Local }
  | {
      readonly kind: 'load';
      readonly type: WasmType;
      readonly instruction: LoadName;
      readonly address: Node;
      readonly offset: number;
    }
  | {
      /** Lanes 0 to 3 are those of the first operand, 4 to 7 those of the second. */
      readonly kind: 'shuffle';
      readonly type: 'v128';
      readonly operands: readonly [Node, Node];
      readonly lanes: readonly number[];
    }
  | {
      /** The first operand; if the condition (the third, an i32) is zero, the second. */
      readonly kind: 'select';
      readonly type: WasmType;
      readonly operands: readonly [Node, Node, Node];
    }
  | {
      readonly kind: 'operation';
      readonly type: WasmType;
      readonly instruction: string;
      readonly operands: readonly Node[];
      /** For extract_lane and replace_lane. */
      readonly lane?: number;
    };

type LoadName = 'i32.load' | 'f32.load' | 'v128.load' | 'v128.load32_splat';
/** Instructions that write memory. */
export type StoreName = 'i32.store' | 'f32.store' | 'v128.store';

/** The target of a branch: the end of a block, or the start of a loop. */
export interface Label {
  readonly name: string;
}

/** A statement. */
export type Statement =
  | { readonly kind: 'set'; readonly local: Local; readonly value: Node }
  | {
      readonly kind: 'store';
      readonly instruction: StoreName;
      readonly address: Node;
      readonly offset: number;
      readonly value: Node;
    }
  | {
      /** Writes `bytes` zeros from an address on. */
      readonly kind: 'clear';
      readonly address: Node;
      readonly bytes: number;
    }
  | { readonly kind: 'block'; readonly label: Label; readonly body: readonly Statement[] }
  | { readonly kind: 'loop'; readonly label: Label; readonly body: readonly Statement[] }
  | {
      readonly kind: 'if';
      readonly condition: Node;
      readonly whenTrue: readonly Statement[];
      readonly whenFalse: readonly Statement[];
    }
  | { readonly kind: 'branch'; readonly label: Label; readonly condition: Node | undefined }
  | {
      /** All invocations of the workgroup reach this before any continues. Step 5 removes it. */
      readonly kind: 'barrier';
    }
  | {
      /** Ends the kernel with a report of the checked mode: an index is out of bounds. */
      readonly kind: 'report';
      /** Which access: an index into the kernel's list of accesses. */
      readonly access: number;
      readonly index: Node;
      readonly count: Node;
    };

/** A loop. */
export type Loop = Extract<Statement, { kind: 'loop' }>;

/** A kernel, ready to be encoded. */
export interface Kernel {
  readonly name: string;
  readonly parameters: readonly Local[];
  readonly body: readonly Statement[];
  /** Bytes of scratch memory that a thread needs to run the kernel. */
  readonly scratch: number;
}

// Constructors of nodes. Those that fold constants and simplify are in fold.ts.

/** A constant i32, wrapped to 32 bits. */
export function i32(value: number): Node {
  return { kind: 'constant', type: 'i32', value: value | 0 };
}

/** A constant f32, rounded. */
export function f32(value: number): Node {
  return { kind: 'constant', type: 'f32', value: Math.fround(value) };
}

/** A constant v128, given by the bits of its four lanes. */
export function vector(bits: readonly number[]): Node {
  return { kind: 'vector', type: 'v128', bits: bits.map((b) => b | 0) };
}

/** The value of a local. */
export function get(local: Local): Node {
  return { kind: 'get', type: local.type, local };
}

/**
 * An instruction whose inputs are all operands.
 *
 * @param lane for extract_lane and replace_lane.
 */
export function operation(name: string, operands: readonly Node[], lane?: number): Node {
  const { result: type } = instruction(name);
  return {
    kind: 'operation',
    type,
    instruction: name,
    operands,
    ...(lane !== undefined && { lane }),
  };
}

/** The value in memory at `address + offset`. */
export function load(name: LoadName, address: Node, offset: number): Node {
  return { kind: 'load', type: instruction(name).result, instruction: name, address, offset };
}

/** Four lanes of two vectors. */
export function shuffle(a: Node, b: Node, lanes: readonly number[]): Node {
  return { kind: 'shuffle', type: 'v128', operands: [a, b], lanes };
}

/** `a` if `condition` is not zero, otherwise `b`. */
export function select(a: Node, b: Node, condition: Node): Node {
  return { kind: 'select', type: a.type, operands: [a, b, condition] };
}

// Traversal

/** The operands of a node. */
export function nodeOperands(node: Node): readonly Node[] {
  if (node.kind === 'load') return [node.address];
  return 'operands' in node ? node.operands : [];
}

/** The node with each operand replaced; the same node if none changes. */
export function mapOperands(node: Node, f: (operand: Node) => Node): Node {
  if (node.kind === 'load') {
    const address = f(node.address);
    return address === node.address ? node : { ...node, address };
  }
  if (!('operands' in node)) return node;
  let isChanged = false;
  const operands = node.operands.map((operand) => {
    const mapped = f(operand);
    if (mapped !== operand) isChanged = true;
    return mapped;
  });
  return isChanged ? ({ ...node, operands } as Node) : node;
}

function anyNode(node: Node, test: (node: Node) => boolean): boolean {
  return test(node) || nodeOperands(node).some((operand) => anyNode(operand, test));
}

/** Whether a node reads memory, which a store may change. */
export function readsMemory(node: Node): boolean {
  return anyNode(node, (n) => n.kind === 'load');
}

/** The nodes of a statement itself, without those of the statements nested in it. */
export function directNodes(statement: Statement): readonly Node[] {
  switch (statement.kind) {
    case 'set':
      return [statement.value];
    case 'store':
      return [statement.address, statement.value];
    case 'clear':
      return [statement.address];
    case 'if':
      return [statement.condition];
    case 'branch':
      return statement.condition ? [statement.condition] : [];
    case 'report':
      return [statement.index, statement.count];
    default:
      return [];
  }
}

/** The lists of statements nested in a statement. */
export function innerBodies(statement: Statement): readonly (readonly Statement[])[] {
  if (statement.kind === 'if') return [statement.whenTrue, statement.whenFalse];
  return 'body' in statement ? [statement.body] : [];
}

/**
 * The statement with its nodes and nested lists replaced; the same statement if nothing changes.
 */
export function mapStatement(
  statement: Statement,
  node: (node: Node) => Node,
  body: (body: readonly Statement[]) => readonly Statement[],
): Statement {
  switch (statement.kind) {
    case 'set': {
      const value = node(statement.value);
      return value === statement.value ? statement : { ...statement, value };
    }
    case 'store': {
      const [address, value] = [node(statement.address), node(statement.value)];
      const isSame = address === statement.address && value === statement.value;
      return isSame ? statement : { ...statement, address, value };
    }
    case 'clear': {
      const address = node(statement.address);
      return address === statement.address ? statement : { ...statement, address };
    }
    case 'if': {
      const condition = node(statement.condition);
      const whenTrue = body(statement.whenTrue);
      const whenFalse = body(statement.whenFalse);
      const isSame =
        condition === statement.condition &&
        whenTrue === statement.whenTrue &&
        whenFalse === statement.whenFalse;
      return isSame ? statement : { ...statement, condition, whenTrue, whenFalse };
    }
    case 'branch': {
      const condition = statement.condition && node(statement.condition);
      return condition === statement.condition ? statement : { ...statement, condition };
    }
    case 'report':
      return { ...statement, index: node(statement.index), count: node(statement.count) };
    case 'block':
    case 'loop': {
      const inner = body(statement.body);
      return inner === statement.body ? statement : { ...statement, body: inner };
    }
    case 'barrier':
      return statement;
  }
}

/** Replaces each statement by one, several or none; returns the same list if nothing changes. */
export function mapBody(
  body: readonly Statement[],
  map: (statement: Statement) => Statement | readonly Statement[],
): readonly Statement[] {
  const mapped: Statement[] = [];
  let isChanged = false;
  for (const statement of body) {
    const result = map(statement);
    if (result !== statement) isChanged = true;
    if ('kind' in result) mapped.push(result);
    else for (const each of result) mapped.push(each);
  }
  return isChanged ? mapped : body;
}

/** Calls `visit` for every statement, outer ones before the ones nested in them. */
export function eachStatement(
  body: readonly Statement[],
  visit: (statement: Statement) => void,
): void {
  for (const statement of body) {
    visit(statement);
    for (const inner of innerBodies(statement)) eachStatement(inner, visit);
  }
}

/** Calls `visit` for a node and all nodes in its tree. */
export function eachNode(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const operand of nodeOperands(node)) eachNode(operand, visit);
}

/**
 * Whether a node's value may change with the next statement: it reads memory, or a local that is
 * reassigned.
 */
export function readsMutableState(node: Node): boolean {
  return anyNode(node, (n) => n.kind === 'load' || (n.kind === 'get' && n.local.isReassigned));
}

/** Whether computing a node again costs nothing. */
export function isTrivial(node: Node): boolean {
  return node.kind === 'constant' || node.kind === 'vector' || node.kind === 'get';
}

/** Whether two nodes are the same computation. */
export function isSame(a: Node, b: Node): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.type !== b.type) return false;
  switch (a.kind) {
    case 'constant':
      return Object.is(a.value, (b as typeof a).value);
    case 'get':
      return a.local === (b as typeof a).local;
    case 'vector':
      return a.bits.every((bits, n) => bits === (b as typeof a).bits[n]);
    case 'load': {
      const other = b as typeof a;
      return (
        a.instruction === other.instruction &&
        a.offset === other.offset &&
        isSame(a.address, other.address)
      );
    }
    case 'shuffle':
      if (a.lanes.some((lane, n) => lane !== (b as typeof a).lanes[n])) return false;
      break;
    case 'operation': {
      const other = b as typeof a;
      if (a.instruction !== other.instruction || a.lane !== other.lane) return false;
      break;
    }
  }
  const [p, q] = [nodeOperands(a), nodeOperands(b)];
  return p.length === q.length && p.every((node, n) => isSame(node, q[n]!));
}

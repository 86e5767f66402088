/**
 * The compiler's own form of a kernel, between the typed program and the bytes: WebAssembly's instructions as trees
 * over named locals, and its control flow as nested lists of statements.
 *
 *   WGSL  out[i + 1u] = 2.0 * x[i];
 *   form  f32.store offset=4 (i32.add out (i32.shl i 2)) (f32.mul 2 (f32.load offset=0 (i32.add x (i32.shl i 2))))
 *
 * Rules, of which verify.ts checks the first two:
 *   1  A local is set on every path to where it is read.
 *   2  A local is set by one statement, perhaps in every turn of a loop, unless it is marked as reassigned.
 *   3  A node is a value that has not been computed yet. It may be used any number of times, and is computed anew
 *      each time.
 *   4  A node is fleeting where it reads memory or a local that is reassigned. It must be used before the next
 *      statement that could change what it reads. Whoever needs it longer keeps it: Builder.keep sets a local to it.
 *   5  Of the nodes only loads can trap, since divisors are never zero. So a node that is not fleeting may be computed
 *      earlier than the program says, or where the program would not have computed it.
 *
 * Why: trees are simple to make and to match; what a machine's compiler does with single instructions is left to V8.
 */

import { instruction, type WasmType } from './instructions.js';

export type { WasmType };

/** A local variable of the WebAssembly function. */
export interface Local {
  readonly type: WasmType;
  /** For people who read the text form. */
  readonly name: string;
  /**
   * Whether several statements set it, so that an older read of it may still be pending when it changes. A local that
   * one statement sets in every turn of a loop is not reassigned: its reads all follow that statement.
   */
  readonly isReassigned: boolean;
}

/** A value that is not computed yet. */
export type Node =
  | { readonly kind: 'constant'; readonly type: 'i32' | 'f32'; readonly value: number }
  | {
      /** Four lanes, as the bits of each. */
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
      /** Lanes 0 to 3 are of the first operand, 4 to 7 of the second. */
      readonly kind: 'shuffle';
      readonly type: 'v128';
      readonly operands: readonly [Node, Node];
      readonly lanes: readonly number[];
    }
  | {
      /** The second operand where the condition, an i32, is zero. */
      readonly kind: 'select';
      readonly type: WasmType;
      readonly operands: readonly [Node, Node, Node];
    }
  | {
      readonly kind: 'operation';
      readonly type: WasmType;
      readonly instruction: string;
      readonly operands: readonly Node[];
      /** Of extract_lane and replace_lane. */
      readonly lane?: number;
    };

type LoadName = 'i32.load' | 'f32.load' | 'v128.load' | 'v128.load32_splat';
/** Instructions that write memory. */
export type StoreName = 'i32.store' | 'f32.store' | 'v128.store';

/** Where a branch goes: to the end of a block, or to the start of a loop. */
export interface Label {
  readonly name: string;
}

/** What is executed. */
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
      /** `bytes` zeros from an address on. */
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
      /** Every invocation of the workgroup comes here before one goes on. Gone after step 5. */
      readonly kind: 'barrier';
    }
  | {
      /** Ends the kernel with a message of the checked mode: an index outside its array. */
      readonly kind: 'report';
      /** Which access: an index into the kernel's list of them. */
      readonly access: number;
      readonly index: Node;
      readonly count: Node;
    };

/** A statement that a branch may repeat. */
export type Loop = Extract<Statement, { kind: 'loop' }>;

/** A kernel, ready to be written as bytes. */
export interface Kernel {
  readonly name: string;
  readonly parameters: readonly Local[];
  readonly body: readonly Statement[];
  /** Bytes of memory that a thread needs for itself while it runs the kernel. */
  readonly scratch: number;
}

// Making nodes. Those that fold constants and know algebra are in fold.ts.

/** A constant i32, wrapped to 32 bits. */
export function i32(value: number): Node {
  return { kind: 'constant', type: 'i32', value: value | 0 };
}

/** A constant f32, rounded. */
export function f32(value: number): Node {
  return { kind: 'constant', type: 'f32', value: Math.fround(value) };
}

/** A constant v128, by the bits of its four lanes. */
export function vector(bits: readonly number[]): Node {
  return { kind: 'vector', type: 'v128', bits: bits.map((b) => b | 0) };
}

/** What a local holds. */
export function get(local: Local): Node {
  return { kind: 'get', type: local.type, local };
}

/** An instruction that has operands alone. @param lane of extract_lane and replace_lane. */
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

/** What memory holds at `address + offset`. */
export function load(name: LoadName, address: Node, offset: number): Node {
  return { kind: 'load', type: instruction(name).result, instruction: name, address, offset };
}

/** Four of the lanes of two vectors. */
export function shuffle(a: Node, b: Node, lanes: readonly number[]): Node {
  return { kind: 'shuffle', type: 'v128', operands: [a, b], lanes };
}

/** `a` where `condition` is not zero, else `b`. */
export function select(a: Node, b: Node, condition: Node): Node {
  return { kind: 'select', type: a.type, operands: [a, b, condition] };
}

// Walking

/** What a node is computed from. */
export function nodeOperands(node: Node): readonly Node[] {
  if (node.kind === 'load') return [node.address];
  return 'operands' in node ? node.operands : [];
}

/** The node with each operand replaced; the same node where none changes. */
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

/** Whether computing a node reads memory, which a store may have changed. */
export function readsMemory(node: Node): boolean {
  return anyNode(node, (n) => n.kind === 'load');
}

/** The nodes that a statement itself holds, without those of the statements within it. */
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

/** The lists of statements within a statement. */
export function innerBodies(statement: Statement): readonly (readonly Statement[])[] {
  if (statement.kind === 'if') return [statement.whenTrue, statement.whenFalse];
  return 'body' in statement ? [statement.body] : [];
}

/** The statement with what it holds replaced; the same statement where nothing changes. */
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

/** Each statement replaced by one, several or none; the same list where nothing changes. */
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

/** Calls `visit` for every statement, outer ones before those within them. */
export function eachStatement(
  body: readonly Statement[],
  visit: (statement: Statement) => void,
): void {
  for (const statement of body) {
    visit(statement);
    for (const inner of innerBodies(statement)) eachStatement(inner, visit);
  }
}

/** Calls `visit` for a node and all that it is computed from. */
export function eachNode(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const operand of nodeOperands(node)) eachNode(operand, visit);
}

/** Whether a node's value may be another after the next statement: it reads memory or a local that is reassigned. */
export function readsMutableState(node: Node): boolean {
  return anyNode(node, (n) => n.kind === 'load' || (n.kind === 'get' && n.local.isReassigned));
}

/** Whether a node costs nothing to compute again. */
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

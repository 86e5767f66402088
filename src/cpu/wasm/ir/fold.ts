/**
 * Constructors of nodes that simplify: constants are folded, neutral operands are dropped,
 * multiplications by powers of two become shifts, and sums are reordered so that their constant
 * comes last.
 *
 *   in    add(shl(add(i, 3), 2), base)
 *   out   add(add(shl(i, 2), base), 12)        and the 12 then becomes the load's offset
 *
 * Why: an address takes one addition instead of three. Adjacent words are recognized, because their
 * addresses differ only in the constant.
 */

import {
  f32,
  i32,
  isSame,
  load,
  type Node,
  operation,
  select as selectNode,
  shuffle as shuffleNode,
  vector,
} from './ir.js';

const floats = new Float32Array(1);
const words = new Int32Array(floats.buffer);

/** The bits of an f32, as an i32. */
export function floatBits(value: number): number {
  floats[0] = value;
  return words[0]!;
}

/** The f32 with these bits. */
export function bitsToFloat(bits: number): number {
  words[0] = bits;
  return floats[0]!;
}

function isConstant(node: Node): node is Extract<Node, { kind: 'constant' }> {
  return node.kind === 'constant';
}

/** The value of an i32 constant; `undefined` for other nodes. */
export function constantValue(node: Node): number | undefined {
  return isConstant(node) && node.type === 'i32' ? node.value : undefined;
}

// Integers

const INTEGER: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: Math.imul,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr_s: (a, b) => a >> b,
  shr_u: (a, b) => a >>> b,
  div_s: (a, b) => Math.trunc(a / b),
  div_u: (a, b) => Math.trunc((a >>> 0) / (b >>> 0)),
  rem_s: (a, b) => a % b,
  rem_u: (a, b) => (a >>> 0) % (b >>> 0),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt_s: (a, b) => Number(a < b),
  gt_s: (a, b) => Number(a > b),
  le_s: (a, b) => Number(a <= b),
  ge_s: (a, b) => Number(a >= b),
  lt_u: (a, b) => Number(a >>> 0 < b >>> 0),
  gt_u: (a, b) => Number(a >>> 0 > b >>> 0),
  le_u: (a, b) => Number(a >>> 0 <= b >>> 0),
  ge_u: (a, b) => Number(a >>> 0 >= b >>> 0),
};

const COMMUTATIVE = new Set(['add', 'mul', 'and', 'or', 'xor', 'eq', 'ne']);

/** `i32.<name>` of two nodes. The divisor of a division must not be zero. */
export function integer(name: string, a: Node, b: Node): Node {
  if (isConstant(a) && isConstant(b)) return i32(INTEGER[name]!(a.value, b.value));
  if (isConstant(a) && COMMUTATIVE.has(name)) return integer(name, b, a);
  if (isConstant(b)) {
    const simpler = simplifyWithConstant(name, a, b.value);
    if (simpler) return simpler;
  }
  if (name === 'add') {
    // Move the constants of both sides to the end.
    const [p, q] = [splitSum(a), splitSum(b)];
    if (p.constant !== 0 || q.constant !== 0)
      return integer('add', integer('add', p.rest, q.rest), i32(p.constant + q.constant));
  }
  return operation(`i32.${name}`, [a, b]);
}

/**
 * Simplifies an operation whose second operand is the constant `b`; `undefined` where it cannot.
 */
function simplifyWithConstant(name: string, a: Node, b: number): Node | undefined {
  const power = powerOfTwo(b);
  switch (name) {
    case 'sub':
      return integer('add', a, i32(-b));
    case 'add': {
      if (b === 0) return a;
      const { rest, constant } = splitSum(a);
      return constant === 0 ? undefined : integer('add', rest, i32(constant + b));
    }
    case 'mul':
      if (b === 0) return i32(0);
      return power === undefined ? undefined : integer('shl', a, i32(power));
    case 'shl': {
      // WebAssembly takes the shift count modulo 32.
      if ((b & 31) === 0) return a;
      if (b !== (b & 31)) return integer('shl', a, i32(b & 31));
      // (x + y) << n is (x << n) + (y << n), also where it wraps. So sums of addresses remain sums.
      if (a.kind === 'operation' && a.instruction === 'i32.add') {
        const [x, y] = a.operands as [Node, Node];
        return integer('add', integer('shl', x, i32(b)), integer('shl', y, i32(b)));
      }
      return combineShifts(a, b);
    }
    case 'shr_u':
    case 'shr_s':
    case 'or':
    case 'xor':
      return b === 0 ? a : undefined;
    case 'and':
      return b === -1 ? a : b === 0 ? i32(0) : undefined;
    case 'div_u':
      return power === undefined ? undefined : integer('shr_u', a, i32(power));
    case 'rem_u':
      return power === undefined ? undefined : integer('and', a, i32(b - 1));
    case 'div_s':
      return b === 1 ? a : undefined;
    default:
      return undefined;
  }
}

/** (x << n) << b as one shift, with both counts below 32. */
function combineShifts(a: Node, b: number): Node | undefined {
  if (a.kind !== 'operation' || a.instruction !== 'i32.shl') return undefined;
  const [x, count] = a.operands as [Node, Node];
  if (!isConstant(count)) return undefined;
  return count.value + b < 32 ? integer('shl', x, i32(count.value + b)) : i32(0);
}

function powerOfTwo(value: number): number | undefined {
  const unsigned = value >>> 0;
  return unsigned !== 0 && (unsigned & (unsigned - 1)) === 0
    ? 31 - Math.clz32(unsigned)
    : undefined;
}

/** Splits a sum into a constant and the rest. */
export function splitSum(node: Node): { rest: Node; constant: number } {
  if (node.kind === 'operation' && node.instruction === 'i32.add') {
    const [rest, addend] = node.operands as [Node, Node];
    if (isConstant(addend)) return { rest, constant: addend.value };
  }
  return { rest: node, constant: 0 };
}

/** 1 if an i32 is zero, otherwise 0. */
export function isZero(node: Node): Node {
  const value = constantValue(node);
  if (value !== undefined) return i32(Number(value === 0));
  return operation('i32.eqz', [node]);
}

// Floats

const FLOAT: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};
const FLOAT_COMPARISON: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};

/** `f32.<name>` of two nodes: an arithmetic operation, or a comparison, whose result is an i32. */
export function float(name: string, a: Node, b: Node): Node {
  if (isConstant(a) && isConstant(b)) {
    const compare = FLOAT_COMPARISON[name];
    return compare ? i32(Number(compare(a.value, b.value))) : f32(FLOAT[name]!(a.value, b.value));
  }
  return operation(`f32.${name}`, [a, b]);
}

/** `a` if `condition` is not zero, otherwise `b`. */
export function select(a: Node, b: Node, condition: Node): Node {
  const constant = constantValue(condition);
  if (constant !== undefined) return constant !== 0 ? a : b;
  if (isConstant(a) && isConstant(b) && isSame(a, b)) return a;
  return selectNode(a, b, condition);
}

// Vectors

/** A vector with the same number in all four lanes. */
export function splat(node: Node): Node {
  if (isConstant(node)) {
    const bits = node.type === 'f32' ? floatBits(node.value) : node.value;
    return vector([bits, bits, bits, bits]);
  }
  if (node.kind === 'load') return load('v128.load32_splat', node.address, node.offset);
  if (
    node.kind === 'operation' &&
    node.lane !== undefined &&
    node.instruction.endsWith('extract_lane')
  ) {
    const [operand] = node.operands as [Node];
    return shuffle(operand, operand, Array(4).fill(node.lane));
  }
  return operation(node.type === 'f32' ? 'f32x4.splat' : 'i32x4.splat', [node]);
}

/** One lane of a vector, as a number of type `type`. */
export function lane(operand: Node, index: number, type: 'f32' | 'i32'): Node {
  if (operand.kind === 'vector') {
    const bits = operand.bits[index]!;
    return type === 'f32' ? f32(bitsToFloat(bits)) : i32(bits);
  }
  if (operand.kind === 'load' && operand.instruction === 'v128.load')
    return load(`${type}.load`, operand.address, operand.offset + 4 * index);
  if (operand.kind === 'load' && operand.instruction === 'v128.load32_splat')
    return load(`${type}.load`, operand.address, operand.offset);
  if (operand.kind === 'operation' && operand.instruction === `${type}x4.splat`)
    return operand.operands[0]!;
  return operation(`${type}x4.extract_lane`, [operand], index);
}

/** Four lanes of two vectors: 0 to 3 are those of `a`, 4 to 7 those of `b`. */
export function shuffle(a: Node, b: Node, lanes: readonly number[]): Node {
  if (lanes.every((from, to) => from === to)) return a;
  if (lanes.every((from, to) => from === to + 4)) return b;
  if (a.kind === 'vector' && b.kind === 'vector') {
    const bits = [...a.bits, ...b.bits];
    return vector(lanes.map((from) => bits[from]!));
  }
  return shuffleNode(a, b, lanes);
}

/**
 * A vector of four numbers, in the cheapest form: a constant, a splat, one load, a shuffle of
 * another vector.
 */
export function pack(lanes: readonly Node[]): Node {
  const [firstLane] = lanes as [Node, Node, Node, Node];
  if (lanes.every(isConstant))
    return vector(lanes.map((n) => (n.type === 'f32' ? floatBits(n.value) : n.value)));
  if (lanes.every((n) => isSame(n, firstLane))) return splat(firstLane);
  return (
    adjacentWords(lanes) ?? permuteLanes(lanes) ?? sumWithConstants(lanes) ?? insertLanes(lanes)
  );
}

/** Four adjacent words in memory: one load. */
function adjacentWords(lanes: readonly Node[]): Node | undefined {
  const [firstLane] = lanes;
  if (firstLane?.kind !== 'load' || firstLane.type === 'v128') return undefined;
  const follows = (n: Node, index: number) =>
    n.kind === 'load' &&
    n.instruction === firstLane.instruction &&
    n.offset === firstLane.offset + 4 * index &&
    isSame(n.address, firstLane.address);
  return lanes.every(follows) ? load('v128.load', firstLane.address, firstLane.offset) : undefined;
}

/** Lanes of one vector in another order: a shuffle. */
function permuteLanes(lanes: readonly Node[]): Node | undefined {
  const sources = lanes.map((n) =>
    n.kind === 'operation' && n.instruction.endsWith('extract_lane') ? n : undefined,
  );
  const operand = sources[0]?.operands[0];
  if (!operand || !sources.every((n) => n && isSame(n.operands[0]!, operand))) return undefined;
  return shuffle(
    operand,
    operand,
    sources.map((n) => n!.lane!),
  );
}

/** One number plus four constants: an addition of vectors. */
function sumWithConstants(lanes: readonly Node[]): Node | undefined {
  if (lanes[0]!.type !== 'i32') return undefined;
  const sums = lanes.map(splitSum);
  const { rest } = sums[0]!;
  if (!sums.every((sum) => isSame(sum.rest, rest))) return undefined;
  return operation('i32x4.add', [splat(rest), vector(sums.map((sum) => sum.constant))]);
}

function insertLanes(lanes: readonly Node[]): Node {
  const [firstLane, ...others] = lanes as [Node, ...Node[]];
  const name = firstLane.type === 'f32' ? 'f32x4.replace_lane' : 'i32x4.replace_lane';
  return others.reduce((vec, n, index) => operation(name, [vec, n], index + 1), splat(firstLane));
}

/** A vector with one lane replaced. */
export function withLane(operand: Node, index: number, value: Node): Node {
  const type = value.type === 'f32' ? 'f32' : 'i32';
  if (operand.kind === 'vector')
    return pack([0, 1, 2, 3].map((n) => (n === index ? value : lane(operand, n, type))));
  return operation(`${type}x4.replace_lane`, [operand, value], index);
}

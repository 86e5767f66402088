/**
 * Arithmetic on constants as WGSL defines it: i32 and u32 wrap, f32 rounds after every operation. A
 * result that cannot be represented (overflow of a float or of an abstract number, division by
 * zero) is an error, not a value.
 *
 *   in    7u * 8u - 60u            1 / 0
 *   out   4294967292u              rejected
 *
 * Why: a constant has the value that the same expression has when the kernel runs.
 */

import type { BinaryOperator, Constant } from '../program.js';
import {
  ABSTRACT_FLOAT,
  ABSTRACT_INT,
  BOOL,
  F32,
  I32,
  isFloat,
  type Scalar,
  type Type,
  U32,
} from '../types.js';

/** What is wrong with a constant expression; the checker adds the position. */
export class ConstantError extends Error {}

/** Larger abstract integers would lose digits here; WGSL's own limit is 2^63. */
const MAX_EXACT_INTEGER = 2 ** 53;
const MAX_F32 = 3.4028234663852886e38;

/**
 * Rounds or checks a number so that it is a value of `type`.
 *
 * @throws ConstantError where it cannot be represented.
 */
export function represent(value: number, type: Scalar): number {
  switch (type) {
    case F32: {
      const rounded = Math.fround(value);
      if (!Number.isFinite(rounded))
        throw new ConstantError(`${value} cannot be represented as f32`);
      return rounded;
    }
    case I32:
      if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31)
        throw new ConstantError(`${value} cannot be represented as i32`);
      return value + 0;
    case U32:
      if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32)
        throw new ConstantError(`${value} cannot be represented as u32`);
      return value + 0;
    case ABSTRACT_INT:
      if (Math.abs(value) > MAX_EXACT_INTEGER)
        throw new ConstantError(
          `${value} exceeds 2^53, the largest abstract integer of this device`,
        );
      return value + 0;
    case ABSTRACT_FLOAT:
      if (!Number.isFinite(value)) throw new ConstantError('an abstract float overflows');
      return value;
    default:
      throw new ConstantError(`${value} is not a ${type.name}`);
  }
}

/**
 * Converts an abstract number to `type`.
 *
 * @throws ConstantError where it cannot be represented.
 */
export function materialize(value: number, type: Scalar): number {
  if (type === F32 && Math.abs(value) > MAX_F32)
    throw new ConstantError(`${value} cannot be represented as f32`);
  return represent(value, type);
}

/**
 * Whether `from` converts to `to` implicitly: AbstractInt to any number, AbstractFloat only to f32.
 */
export function convertsImplicitly(from: Scalar, to: Scalar): boolean {
  if (from === to) return true;
  if (from === ABSTRACT_INT) return to !== BOOL;
  return from === ABSTRACT_FLOAT && to === F32;
}

/** Evaluates a conversion such as `f32(x)`. */
export function convertConstant(
  value: number | boolean,
  from: Scalar,
  to: Scalar,
): number | boolean {
  if (to === BOOL) return typeof value === 'boolean' ? value : value !== 0;
  if (typeof value === 'boolean') return Number(value);
  if (isFloat(from) && !isFloat(to)) return clampToInteger(value, from, to);
  if (from === ABSTRACT_INT || from === ABSTRACT_FLOAT) return materialize(value, to);
  if (isFloat(to)) return represent(value, to);
  return to === I32 ? value | 0 : value >>> 0;
}

/**
 * The result is limited to values that both types can represent: from f32 to u32, the largest is
 * not 4294967295 but 4294967040.
 */
function clampToInteger(value: number, from: Scalar, to: Scalar): number {
  const [min, max] = to === I32 ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  const shared = from === F32 ? max - (to === I32 ? 2 ** 7 - 1 : 2 ** 8 - 1) : max;
  return Math.min(shared, Math.max(min, Math.trunc(value))) + 0;
}

/**
 * Applies `f` to the components of two constants of the same shape, in pairs. A scalar beside a
 * vector is used for each component.
 */
export function zip(
  a: Constant,
  b: Constant,
  f: (a: number | boolean, b: number | boolean) => Constant,
): Constant {
  if (Array.isArray(a) && Array.isArray(b)) return a.map((part, n) => zip(part, b[n]!, f));
  if (Array.isArray(a)) return a.map((part) => zip(part, b, f));
  if (Array.isArray(b)) return b.map((part) => zip(a, part, f));
  return f(a as number | boolean, b as number | boolean);
}

/** Applies `f` to every number or bool of a constant. */
export function mapConstant(a: Constant, f: (a: number | boolean) => Constant): Constant {
  return Array.isArray(a) ? a.map((part) => mapConstant(part, f)) : f(a as number | boolean);
}

/** Evaluates `a operator b`, both of scalar type `type`. */
export function evaluateBinary(
  operator: BinaryOperator,
  type: Scalar,
  a: number | boolean,
  b: number | boolean,
): number | boolean {
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '&&':
      return Boolean(a) && Boolean(b);
    case '||':
      return Boolean(a) || Boolean(b);
  }
  if (typeof a === 'boolean' || typeof b === 'boolean') {
    if (operator === '&') return Boolean(a) && Boolean(b);
    return Boolean(a) || Boolean(b);
  }
  switch (operator) {
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    case '>=':
      return a >= b;
  }
  return isFloat(type) ? floatResult(operator, type, a, b) : integerResult(operator, type, a, b);
}

function floatResult(operator: BinaryOperator, type: Scalar, a: number, b: number): number {
  switch (operator) {
    case '+':
      return represent(a + b, type);
    case '-':
      return represent(a - b, type);
    case '*':
      return represent(a * b, type);
    case '/':
      return represent(a / b, type);
    default:
      return represent(a % b, type);
  }
}

function integerResult(operator: BinaryOperator, type: Scalar, a: number, b: number): number {
  if ((operator === '/' || operator === '%') && b === 0)
    throw new ConstantError(`${a} ${operator} 0 has no value`);
  if (type === I32 && (operator === '/' || operator === '%') && a === -(2 ** 31) && b === -1)
    throw new ConstantError(`${a} ${operator} -1 overflows`);
  switch (operator) {
    case '+':
      return wrap(a + b, type);
    case '-':
      return wrap(a - b, type);
    case '*':
      return type === ABSTRACT_INT ? represent(a * b, type) : wrap(Math.imul(a, b), type);
    case '/':
      return Math.trunc(a / b) + 0;
    case '%':
      return (a % b) + 0;
    case '&':
      return bitwise(a, b, type, (p, q) => p & q);
    case '|':
      return bitwise(a, b, type, (p, q) => p | q);
    case '^':
      return bitwise(a, b, type, (p, q) => p ^ q);
    case '<<':
      return shiftLeft(a, b, type);
    default:
      if (type === ABSTRACT_INT) return Math.floor(a / 2 ** b);
      return type === U32 ? a >>> checkShift(b) : a >> checkShift(b);
  }
}

function shiftLeft(a: number, b: number, type: Scalar): number {
  if (type === ABSTRACT_INT) return represent(a * 2 ** b, type);
  const shifted = a * 2 ** checkShift(b);
  if (type === I32 && shifted !== a << b) throw new ConstantError(`${a} << ${b} overflows`);
  if (type === U32 && shifted >= 2 ** 32) throw new ConstantError(`${a} << ${b} overflows`);
  return wrap(a << b, type);
}

function checkShift(count: number): number {
  if (count > 31)
    throw new ConstantError(`a shift by ${count} exceeds 31, the most for a 32-bit integer`);
  return count;
}

function bitwise(a: number, b: number, type: Scalar, f: (a: number, b: number) => number): number {
  if (type === ABSTRACT_INT) return Number(BigInt.asIntN(64, bitwise64(f, BigInt(a), BigInt(b))));
  return wrap(f(a, b), type);
}

/** A bitwise operation on 64 bits, half by half. */
function bitwise64(f: (a: number, b: number) => number, a: bigint, b: bigint): bigint {
  const low = BigInt(f(Number(BigInt.asIntN(32, a)), Number(BigInt.asIntN(32, b))) >>> 0);
  const high = BigInt(f(Number(BigInt.asIntN(32, a >> 32n)), Number(BigInt.asIntN(32, b >> 32n))));
  return (high << 32n) | low;
}

/** Wraps an integer into the range of its type, by dropping the bits beyond it. */
function wrap(value: number, type: Scalar): number {
  if (type === ABSTRACT_INT) return represent(value, type);
  return type === I32 ? value | 0 : value >>> 0;
}

/**
 * Evaluates `a operator b` where at least one is a matrix of f32: a sum, or a product with a
 * scalar, a vector or a matrix.
 */
export function evaluateMatrix(operator: BinaryOperator, a: Constant, b: Constant): Constant {
  if (operator !== '*' || !Array.isArray(a) || !Array.isArray(b))
    return zip(a, b, (x, y) => evaluateBinary(operator, F32, x, y));
  const [p, q] = [a, b] as [readonly Constant[], readonly Constant[]];
  if (!Array.isArray(p[0])) return q.map((column) => evaluateDot(F32, p, column));
  const columns = p as readonly (readonly number[])[];
  const rows = columns[0]!.map((_, n) => columns.map((column) => column[n]!));
  const times = (vector: Constant) => rows.map((row) => evaluateDot(F32, row, vector));
  return Array.isArray(q[0]) ? q.map(times) : times(q);
}

/** Evaluates the dot product of two vectors. */
export function evaluateDot(type: Scalar, a: Constant, b: Constant): number {
  const products = zip(a, b, (x, y) => evaluateBinary('*', type, x, y)) as readonly number[];
  return products.reduce((sum, product) => evaluateBinary('+', type, sum, product) as number);
}

/**
 * Reinterprets the 32 bits of a number as another type.
 *
 * @throws ConstantError where they are not a finite float.
 */
export function bitcastConstant(value: number, from: Scalar, to: Scalar): number {
  const view = new DataView(new ArrayBuffer(4));
  if (from === F32) view.setFloat32(0, value);
  else view.setUint32(0, value >>> 0);
  if (to === F32) return represent(view.getFloat32(0), F32);
  return to === I32 ? view.getInt32(0) : view.getUint32(0);
}

/** Evaluates `operator a`, of scalar type `type`. */
export function evaluateUnary(
  operator: '-' | '!' | '~',
  type: Scalar,
  a: number | boolean,
): number | boolean {
  if (operator === '!') return !a;
  if (operator === '~') return wrap(~Number(a), type);
  return isFloat(type) ? -Number(a) : wrap(0 - Number(a), type);
}

/**
 * Returns the value of a literal, and its type.
 *
 * @throws ConstantError where it is out of range.
 */
export function parseNumber(text: string): { type: Scalar; value: number } {
  const hexadecimal = /^0x/i.test(text);
  const suffix = hexadecimal
    ? text.match(/[iu]$|(?<=p[+-]?\d+)[fh]$/i)?.[0]
    : text.match(/[iufh]$/)?.[0];
  const digits = suffix ? text.slice(0, -1) : text;
  if (suffix === 'h') throw new ConstantError(`${text} is an f16, which this device does not have`);
  const float = hexadecimal ? /[.p]/i.test(digits) : /[.e]/i.test(digits) || suffix === 'f';
  if (!float && /^0\d/.test(digits)) throw new ConstantError(`${text} cannot begin with 0`);
  const value = hexadecimal ? hexadecimalValue(digits) : Number(digits);
  const type = float
    ? suffix === 'f'
      ? F32
      : ABSTRACT_FLOAT
    : suffix === 'u'
      ? U32
      : suffix === 'i'
        ? I32
        : ABSTRACT_INT;
  if (type === F32 && Math.abs(value) > MAX_F32)
    throw new ConstantError(`${text} cannot be represented as f32`);
  if (type === F32 && hexadecimal && Math.fround(value) !== value)
    throw new ConstantError(`${text} cannot be represented exactly as f32`);
  return { type, value: represent(value, type) };
}

function hexadecimalValue(digits: string): number {
  const [, integerPart, fraction = '', exponent = '0'] =
    /^0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/i.exec(digits)!;
  const mantissa = BigInt(`0x${integerPart}${fraction}`);
  const isFloat = /[.p]/i.test(digits);
  if (isFloat && BigInt(Number(mantissa)) !== mantissa)
    throw new ConstantError(`${digits} has more digits than a float can hold`);
  return Number(mantissa) * 2 ** (Number(exponent) - 4 * fraction.length);
}

/** The zero value of a type. */
export function zeroValue(type: Type): Constant {
  switch (type.kind) {
    case 'vector':
      return Array.from({ length: type.size }, () => zeroValue(type.element));
    case 'matrix':
      return Array.from({ length: type.columns }, () => Array.from({ length: type.rows }, () => 0));
    case 'array': {
      const zero = zeroValue(type.element);
      return Array.from({ length: type.count ?? 0 }, () => zero);
    }
    case 'struct':
      return type.members.map((m) => zeroValue(m.type));
    default:
      return type === BOOL ? false : 0;
  }
}

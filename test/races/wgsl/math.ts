/**
 * WGSL's arithmetic in JavaScript: the code of operators and builtin functions for each type, and
 * the runtime functions that this code calls.
 */

/** A WGSL scalar type; `x32` is wgsl_reflect's name for an integer literal without a suffix. */
export type Scalar = 'f32' | 'u32' | 'i32' | 'bool' | 'x32';

/**
 * A WGSL type. Vectors and arrays have `length` elements; a matrix is mat4x4<f32>; a member's
 * `offset` counts 32-bit words.
 */
export type Type =
  | { kind: 'scalar'; scalar: Scalar }
  | { kind: 'vec'; length: number; scalar: Scalar }
  | { kind: 'mat' }
  | { kind: 'array'; length: number; item: Type }
  | { kind: 'struct'; members: { name: string; type: Type; offset: number }[] }
  | { kind: 'void' };

/**
 * A WGSL value in JavaScript: vectors, matrices (a list of columns), arrays and structs (a list of
 * members) are nested arrays.
 */
export type Value = number | boolean | Value[];

/** A JavaScript expression and the WGSL type of its value. */
export interface Code {
  js: string;
  type: Type;
}

const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];
const BOOL: Type = { kind: 'scalar', scalar: 'bool' };
const scratch = new DataView(new ArrayBuffer(4));

/** The value that a 32-bit word has as a scalar type. */
export function fromBits(bits: number, scalar: Scalar): number | boolean {
  scratch.setUint32(0, bits);
  if (scalar === 'f32') return scratch.getFloat32(0);
  if (scalar === 'bool') return bits !== 0;
  return scalar === 'u32' ? bits >>> 0 : bits | 0;
}

/** The 32-bit word, unsigned, of a value of a scalar type. */
export function toBits(value: number | boolean, scalar: Scalar): number {
  if (scalar !== 'f32') return Number(value) >>> 0;
  scratch.setFloat32(0, Number(value));
  return scratch.getUint32(0);
}

/** The scalar type of a scalar's or vector's elements. */
export function scalarType(type: Type): Scalar {
  if (type.kind === 'mat') return 'f32';
  if (type.kind === 'scalar' || type.kind === 'vec') return type.scalar;
  throw new Error(`A ${type.kind} is not made of scalars of one type.`);
}

/** The runtime of translated code, which calls it as M.name(...). */
export const MATH = {
  /** A deep copy: WGSL assigns composites by value. */
  copy: (value: Value): Value => (Array.isArray(value) ? value.map(MATH.copy) : value),
  /** Applies `f` element by element; scalar arguments are repeated. */
  map: (f: (...xs: never[]) => Value, ...args: Value[]): Value[] => {
    const length = args.find(Array.isArray)!.length;
    const element = (arg: Value, n: number) => (Array.isArray(arg) ? arg[n]! : arg);
    return Array.from({ length }, (_, n) => f(...(args.map((arg) => element(arg, n)) as never[])));
  },
  /** A dot product in f32, summed from the left. */
  dot: (p: number[], q: number[]): number =>
    p.reduce((sum, x, n) => Math.fround(sum + Math.fround(x * q[n]!)), 0),
  /** v m: the dot products of the row vector with the columns. */
  rowTimes: (v: number[], m: number[][]): number[] => m.map((column) => MATH.dot(v, column)),
  /** m v: the dot products of the rows with the column vector. */
  timesColumn: (m: number[][], v: number[]): number[] =>
    MATH.transpose(m).map((row) => MATH.dot(row, v)),
  transpose: (m: number[][]): number[][] => m[0]!.map((_, row) => m.map((column) => column[row]!)),
  /** Integer division; WGSL defines a / 0 as a. */
  divide: (a: number, b: number): number => (b === 0 ? a : Math.trunc(a / b)),
  /** Integer remainder; WGSL defines a % 0 as 0. */
  remainder: (a: number, b: number): number => (b === 0 ? 0 : a % b),
  /** Converts a number to an integer, clamped to `low` and `high`. */
  toInteger: (x: number, low: number, high: number): number =>
    Math.min(Math.max(Math.trunc(x), low), high),
  /** Rounds to the nearest integer, ties to even. */
  roundEven: (x: number): number => {
    const low = Math.floor(x);
    const fraction = x - low;
    return fraction > 0.5 || (fraction === 0.5 && low % 2 !== 0) ? low + 1 : low;
  },
  bitcast: (value: Value, from: Scalar, to: Scalar): Value =>
    Array.isArray(value)
      ? value.map((v) => MATH.bitcast(v, from, to))
      : fromBits(toBits(value, from), to),
};

/**
 * The scalar type of a binary operation: an integer literal takes the type of the other operand.
 */
function commonScalar(a: Type, b: Type): Scalar {
  return scalarType(a) === 'x32' ? scalarType(b) : scalarType(a);
}

/** Rounds or wraps a JavaScript result to the values of a scalar type. */
function convertResult(js: string, scalar: Scalar): string {
  if (scalar === 'f32') return `Math.fround(${js})`;
  if (scalar === 'bool') return `Boolean(${js})`;
  return scalar === 'u32' ? `((${js}) >>> 0)` : `((${js}) | 0)`;
}

function scalarBinary(operator: string, scalar: Scalar, a: string, b: string): string {
  if (COMPARISONS.includes(operator)) return `(${a} ${operator} ${b})`;
  if (scalar === 'f32' || scalar === 'bool') return convertResult(`${a} ${operator} ${b}`, scalar);
  switch (operator) {
    case '*':
      return convertResult(`Math.imul(${a}, ${b})`, scalar);
    case '/':
      return convertResult(`M.divide(${a}, ${b})`, scalar);
    case '%':
      return convertResult(`M.remainder(${a}, ${b})`, scalar);
    case '>>':
      return convertResult(`${a} ${scalar === 'u32' ? '>>>' : '>>'} ${b}`, scalar);
    default:
      return convertResult(`${a} ${operator} ${b}`, scalar);
  }
}

/** The code of a binary operator on scalars, vectors, or a matrix and a vector. */
export function binaryCode(operator: string, a: Code, b: Code): Code {
  if (operator === '&&' || operator === '||') {
    return { js: `(${a.js} ${operator} ${b.js})`, type: BOOL };
  }
  if (a.type.kind === 'mat') return { js: `M.timesColumn(${a.js}, ${b.js})`, type: b.type };
  if (b.type.kind === 'mat') return { js: `M.rowTimes(${a.js}, ${b.js})`, type: a.type };
  const scalar = commonScalar(a.type, b.type);
  const result = COMPARISONS.includes(operator) ? 'bool' : scalar;
  return elementwise([a, b], result, ([x, y]) => scalarBinary(operator, scalar, x!, y!));
}

/** Applies scalar code to its arguments, element by element where one of them is a vector. */
function elementwise(args: Code[], scalar: Scalar, code: (names: string[]) => string): Code {
  const vector = args.map((arg) => arg.type).find((type) => type.kind === 'vec');
  if (!vector) return { js: code(args.map((arg) => arg.js)), type: { kind: 'scalar', scalar } };
  const names = args.map((_, n) => `x${n}`);
  const values = args.map((arg) => arg.js).join(', ');
  return {
    js: `M.map((${names.join(', ')}) => ${code(names)}, ${values})`,
    type: { kind: 'vec', length: vector.length, scalar },
  };
}

/** The JavaScript of builtin functions of one f32. */
const FLOAT: Record<string, (x: string) => string> = {
  exp: (x) => `Math.exp(${x})`,
  log: (x) => `Math.log(${x})`,
  sqrt: (x) => `Math.sqrt(${x})`,
  inverseSqrt: (x) => `1 / Math.sqrt(${x})`,
  sign: (x) => `Math.sign(${x})`,
  round: (x) => `M.roundEven(${x})`,
  floor: (x) => `Math.floor(${x})`,
  ceil: (x) => `Math.ceil(${x})`,
};

/** The code of a builtin function or scalar conversion; `undefined` where `name` is neither. */
export function builtinCode(name: string, args: Code[]): Code | undefined {
  const [a, b] = args as [Code, Code];
  const unary = FLOAT[name];
  if (unary) return elementwise([a], 'f32', ([x]) => convertResult(unary(x!), 'f32'));
  switch (name) {
    case 'min':
    case 'max':
      return elementwise(
        [a, b],
        commonScalar(a.type, b.type),
        ([x, y]) => `Math.${name}(${x}, ${y})`,
      );
    case 'clamp':
      return builtinCode('min', [builtinCode('max', [a, b])!, args[2]!]);
    case 'any':
    case 'all': {
      const method = name === 'any' ? 'some' : 'every';
      return { js: `${a.js}.${method}(Boolean)`, type: BOOL };
    }
    case 'transpose':
      return { js: `M.transpose(${a.js})`, type: a.type };
    case 'abs':
      return elementwise([a], scalarType(a.type), ([x]) => `Math.abs(${x})`);
    case 'dot':
      return { js: `M.dot(${a.js}, ${b.js})`, type: { kind: 'scalar', scalar: 'f32' } };
    case 'select': {
      if (args[2]!.type.kind === 'vec') {
        const scalar = commonScalar(a.type, b.type);
        return elementwise(args, scalar, ([x, y, c]) => `(${c} ? ${y} : ${x})`);
      }
      // WGSL evaluates both operands whatever the condition is, so reads in both of them count.
      return { js: `[${a.js}, ${b.js}][Number(${args[2]!.js})]`, type: a.type };
    }
    case 'f32':
      return elementwise([a], 'f32', ([x]) => `Math.fround(Number(${x}))`);
    case 'u32':
      return elementwise([a], 'u32', ([x]) => `M.toInteger(Number(${x}), 0, 4294967295)`);
    case 'i32':
      return elementwise([a], 'i32', ([x]) => `M.toInteger(Number(${x}), -2147483648, 2147483647)`);
    default:
      return undefined;
  }
}

/** WGSL's arithmetic in JavaScript: code for operators and builtins by type, and the functions that code calls. */

export type Scalar = 'f32' | 'u32' | 'i32' | 'bool' | 'x32';

export type Type =
  | { kind: 'scalar'; of: Scalar }
  | { kind: 'vec'; n: number; of: Scalar }
  | { kind: 'mat' }
  | { kind: 'array'; n: number; item: Type }
  | { kind: 'struct'; members: { name: string; type: Type; at: number }[] }
  | { kind: 'void' };

/** A value: numbers and booleans; vectors, matrices (by column), arrays and structs are nested arrays. */
export type Value = number | boolean | Value[];

/** JavaScript that computes a value of a type. */
export interface Code {
  js: string;
  type: Type;
}

const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];
const scratch = new DataView(new ArrayBuffer(4));

/** A word's value seen as another type. */
export function fromBits(bits: number, of: Scalar): number | boolean {
  scratch.setUint32(0, bits);
  if (of === 'f32') return scratch.getFloat32(0);
  if (of === 'bool') return bits !== 0;
  return of === 'u32' ? bits >>> 0 : bits | 0;
}

/** A value's 32 bits. */
export function toBits(value: number | boolean, of: Scalar): number {
  if (of !== 'f32') return Number(value) >>> 0;
  scratch.setFloat32(0, Number(value));
  return scratch.getUint32(0);
}

/** What translated code calls as M.name(...). */
export const MATH = {
  copy: (value: Value): Value => (Array.isArray(value) ? value.map(MATH.copy) : value),
  map: (f: (...xs: never[]) => Value, ...args: Value[]): Value[] => {
    const length = args.find(Array.isArray)!.length;
    const at = (arg: Value, n: number) => (Array.isArray(arg) ? arg[n]! : arg);
    return Array.from({ length }, (_, n) => f(...(args.map((arg) => at(arg, n)) as never[])));
  },
  dot: (p: number[], q: number[]): number =>
    p.reduce((sum, x, n) => Math.fround(sum + Math.fround(x * q[n]!)), 0),
  /** Row vector times matrix: the vector's products with the columns. */
  rowTimes: (v: number[], m: number[][]): number[] => m.map((column) => MATH.dot(v, column)),
  timesColumn: (m: number[][], v: number[]): number[] =>
    MATH.transpose(m).map((row) => MATH.dot(row, v)),
  transpose: (m: number[][]): number[][] => m[0]!.map((_, row) => m.map((column) => column[row]!)),
  divide: (a: number, b: number): number => (b === 0 ? a : Math.trunc(a / b)),
  remainder: (a: number, b: number): number => (b === 0 ? 0 : a % b),
  toInteger: (x: number, low: number, high: number): number =>
    Math.min(Math.max(Math.trunc(x), low), high),
  roundEven: (x: number): number => {
    const low = Math.floor(x);
    const rest = x - low;
    return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
  },
  bitcast: (value: Value, from: Scalar, to: Scalar): Value =>
    Array.isArray(value)
      ? value.map((v) => MATH.bitcast(v, from, to))
      : fromBits(toBits(value, from), to),
};

/** The type of scalar that an operation on these gives: an untyped integer takes the other's. */
function joined(a: Type, b: Type): Scalar {
  const scalar = (t: Type) => (t.kind === 'mat' ? 'f32' : (t as { of: Scalar }).of);
  return scalar(a) === 'x32' ? scalar(b) : scalar(a);
}

/** Wraps a JavaScript result into the range of a type. */
function wrapped(js: string, of: Scalar): string {
  if (of === 'f32') return `Math.fround(${js})`;
  if (of === 'bool') return `Boolean(${js})`;
  return of === 'u32' ? `((${js}) >>> 0)` : `((${js}) | 0)`;
}

function scalarBinary(operator: string, of: Scalar, a: string, b: string): string {
  if (COMPARISONS.includes(operator)) return `(${a} ${operator} ${b})`;
  if (of === 'f32' || of === 'bool') return wrapped(`${a} ${operator} ${b}`, of);
  switch (operator) {
    case '*':
      return wrapped(`Math.imul(${a}, ${b})`, of);
    case '/':
      return wrapped(`M.divide(${a}, ${b})`, of);
    case '%':
      return wrapped(`M.remainder(${a}, ${b})`, of);
    case '>>':
      return wrapped(`${a} ${of === 'u32' ? '>>>' : '>>'} ${b}`, of);
    default:
      return wrapped(`${a} ${operator} ${b}`, of);
  }
}

/** Code of a binary operator. */
export function binaryCode(operator: string, a: Code, b: Code): Code {
  if (operator === '&&' || operator === '||') {
    return { js: `(${a.js} ${operator} ${b.js})`, type: { kind: 'scalar', of: 'bool' } };
  }
  if (a.type.kind === 'mat') return { js: `M.timesColumn(${a.js}, ${b.js})`, type: b.type };
  if (b.type.kind === 'mat') return { js: `M.rowTimes(${a.js}, ${b.js})`, type: a.type };
  const of = joined(a.type, b.type);
  const result = COMPARISONS.includes(operator) ? 'bool' : of;
  return elementwise([a, b], result, ([x, y]) => scalarBinary(operator, of, x!, y!));
}

/** Code applied to scalars as it is, and to vectors element by element; scalars among vectors are spread. */
function elementwise(args: Code[], of: Scalar, code: (names: string[]) => string): Code {
  const vector = args.find((arg) => arg.type.kind === 'vec');
  if (!vector) return { js: code(args.map((arg) => arg.js)), type: { kind: 'scalar', of } };
  const names = args.map((_, n) => `x${n}`);
  const values = args.map((arg) => arg.js).join(', ');
  return {
    js: `M.map((${names.join(', ')}) => ${code(names)}, ${values})`,
    type: { kind: 'vec', n: (vector.type as { n: number }).n, of },
  };
}

/** JavaScript of the builtins of one f32. */
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

/** Code of a builtin function or scalar conversion; undefined where the name is neither. */
export function builtinCode(name: string, args: Code[]): Code | undefined {
  const [a, b] = args as [Code, Code];
  const of = (code: Code) => (code.type as { of: Scalar }).of;
  const unary = FLOAT[name];
  if (unary) return elementwise([a], 'f32', ([x]) => wrapped(unary(x!), 'f32'));
  switch (name) {
    case 'min':
    case 'max':
      return elementwise([a, b], joined(a.type, b.type), ([x, y]) => `Math.${name}(${x}, ${y})`);
    case 'clamp':
      return builtinCode('min', [builtinCode('max', [a, b])!, args[2]!]);
    case 'any':
    case 'all': {
      const some = name === 'any' ? 'some' : 'every';
      return { js: `${a.js}.${some}(Boolean)`, type: { kind: 'scalar', of: 'bool' } };
    }
    case 'transpose':
      return { js: `M.transpose(${a.js})`, type: a.type };
    case 'abs':
      return elementwise([a], of(a), ([x]) => `Math.abs(${x})`);
    case 'dot':
      return { js: `M.dot(${a.js}, ${b.js})`, type: { kind: 'scalar', of: 'f32' } };
    case 'select': {
      if (args[2]!.type.kind === 'vec') {
        return elementwise(args, joined(a.type, b.type), ([x, y, c]) => `(${c} ? ${y} : ${x})`);
      }
      // Both sides are evaluated whatever the condition, as WGSL does: their reads count.
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

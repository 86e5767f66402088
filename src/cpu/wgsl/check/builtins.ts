/**
 * The built-in functions of WGSL that this device supports: a table of the arguments that each
 * takes, its result, and its value where all arguments are constant. The others are rejected by
 * name. They are lowered in lower-builtin.ts, in the same order.
 *
 *   in    max(2, x)                       with x: f32
 *   out   overload (f32, f32) -> f32: the 2 becomes an f32
 *
 * Why: adding a function is one row here and one case there.
 */

import type { Constant } from '../program.js';
import {
  ABSTRACT_FLOAT,
  ABSTRACT_INT,
  type ArrayType,
  arrayType,
  BOOL,
  I32,
  isFloat,
  isInteger,
  matrixType,
  type Scalar,
  scalarType,
  type Type,
  typeName,
  U32,
  VOID,
  vectorType,
  withScalar,
} from '../types.js';
import {
  ConstantError,
  convertsImplicitly,
  evaluateBinary,
  evaluateDot,
  represent,
  zip,
} from './constants.js';

/**
 * An overload that matches: the types that the arguments are converted to, and the type of the
 * result.
 */
interface Overload {
  readonly parameters: readonly Type[];
  readonly result: Type;
}

/** A built-in function of WGSL. */
export interface Builtin {
  /** How a call looks, for messages. */
  readonly signature: string;
  /** Returns the overload for arguments of these types; `undefined` where none matches. */
  resolve(types: readonly Type[]): Overload | undefined;
  /**
   * Computes the value of a call whose arguments are constant; absent where a call is never
   * constant.
   */
  readonly evaluate?: (values: readonly Constant[], result: Type) => Constant;
  /** Returns what is wrong with arguments of which only some are constant, if anything. */
  readonly findError?: (values: readonly (Constant | undefined)[]) => string | undefined;
  /** Whether a call can be a statement. */
  readonly isStatement?: true;
}

type NumericKind = 'float' | 'integer' | 'signed' | 'number';

/** Returns the type that values of all these types can be converted to, or `undefined`. */
export function commonType(types: readonly Type[]): Type | undefined {
  const [firstType] = types;
  if (!firstType) return undefined;
  if (firstType.kind === 'array') return commonArray(firstType, types);
  const scalars = types.map(scalarType);
  if (scalars.some((s) => s === undefined) || types.some((t) => t.kind === 'matrix'))
    return types.every((t) => t === firstType) ? firstType : undefined;
  const element = commonScalar(scalars as Scalar[]);
  if (!element) return undefined;
  const concrete = types.map((t) => withScalar(t, element));
  return concrete.every((t) => t === concrete[0]) ? concrete[0] : undefined;
}

/** Arrays of the same length have a common type if their elements do. */
function commonArray({ count }: ArrayType, types: readonly Type[]): Type | undefined {
  const arrays = types.filter((type) => type.kind === 'array' && type.count === count);
  if (arrays.length < types.length) return undefined;
  const element = commonType(arrays.map((type) => (type as ArrayType).element));
  return element && arrayType(element, count);
}

function commonScalar(scalars: readonly Scalar[]): Scalar | undefined {
  const candidates = [...scalars, ABSTRACT_INT, ABSTRACT_FLOAT];
  return candidates.find((to) => scalars.every((from) => convertsImplicitly(from, to)));
}

function accepts(numeric: NumericKind, type: Scalar | undefined): boolean {
  if (numeric === 'float') return isFloat(type) || type === ABSTRACT_INT;
  if (numeric === 'integer') return isInteger(type);
  if (numeric === 'signed' && type === U32) return false;
  return isFloat(type) || isInteger(type);
}

/** The type with AbstractInt replaced by AbstractFloat. */
function asFloat(type: Type): Type {
  return scalarType(type) === ABSTRACT_INT ? withScalar(type, ABSTRACT_FLOAT) : type;
}

/**
 * The type that abstract numbers get: a float where only floats are accepted, i32 where only
 * integers are.
 */
function resolveAbstract(type: Type, numeric: NumericKind): Type {
  if (numeric === 'integer' && scalarType(type) === ABSTRACT_INT) return withScalar(type, I32);
  return numeric === 'float' ? asFloat(type) : type;
}

/** A function that works component by component, with `count` arguments of one type. */
function componentwise(
  signature: string,
  count: number,
  numeric: NumericKind,
  evaluate: (...values: number[]) => number,
): Builtin {
  return {
    signature,
    evaluate: (values, result) => mapComponents(values, scalarType(result)!, evaluate),
    resolve: (types) => {
      if (types.length !== count) return undefined;
      const common = commonType(types);
      if (!common || common.kind === 'matrix' || !accepts(numeric, scalarType(common)))
        return undefined;
      const type = resolveAbstract(common, numeric);
      return { parameters: types.map(() => type), result: type };
    },
  };
}

/**
 * Applies a function of numbers to each component. A scalar beside vectors is used for every
 * component.
 */
function mapComponents(
  values: readonly Constant[],
  type: Scalar,
  f: (...values: number[]) => number,
): Constant {
  const vector = values.find((value) => Array.isArray(value));
  if (!vector) return componentResult(f(...(values as number[])), type);
  return vector.map((_, n) => {
    const lanes = values.map((value) => (Array.isArray(value) ? value[n] : value) as number);
    return componentResult(f(...lanes), type);
  });
}

/** @throws ConstantError where the number cannot be represented in the type. */
function componentResult(value: number, type: Scalar): number {
  if (type === I32) return value | 0;
  if (type === U32) return value >>> 0;
  return represent(value, type);
}

const unary = (name: string, numeric: NumericKind, f: (x: number) => number) =>
  [name, componentwise(`${name}(x)`, 1, numeric, f)] as const;
const binary = (name: string, numeric: NumericKind, f: (x: number, y: number) => number) =>
  [name, componentwise(`${name}(x, y)`, 2, numeric, f)] as const;

/** @throws ConstantError for a negative number, which has no logarithm and no root. */
function requireNonNegative(x: number, name: string): number {
  if (x < 0) throw new ConstantError(`${name}(${x}) has no value`);
  return x;
}

/** Rounds to the nearest integer, ties to even. */
function roundEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

function power(x: number, y: number): number {
  if (x < 0 || (x === 0 && y <= 0)) throw new ConstantError(`pow(${x}, ${y}) has no value`);
  return x ** y;
}

/** `clamp` rejects bounds in the wrong order, also where only the bounds are constant. */
const CLAMP: Builtin = {
  ...componentwise('clamp(x, low, high)', 3, 'number', (x, low, high) =>
    Math.min(Math.max(x!, low!), high!),
  ),
  findError: ([, low, high]) => {
    if (low === undefined || high === undefined) return undefined;
    const lanes = [high].flat() as number[];
    const wrongLane = ([low].flat() as number[]).findIndex((value, n) => value > lanes[n]!);
    if (wrongLane < 0) return undefined;
    return `the low end of clamp, ${[low].flat()[wrongLane]}, is above the high end, ${lanes[wrongLane]}`;
  },
};

/** A function of float vectors whose result is one number. */
function reduction(
  signature: string,
  count: number,
  evaluate: (type: Scalar, values: readonly Constant[]) => number,
): Builtin {
  return {
    signature,
    evaluate: (values, result) => represent(evaluate(result as Scalar, values), result as Scalar),
    resolve: (types) => {
      const common = types.length === count ? commonType(types) : undefined;
      if (!common || common.kind === 'matrix' || !accepts('float', scalarType(common)))
        return undefined;
      const type = asFloat(common);
      return { parameters: types.map(() => type), result: scalarType(type)! };
    },
  };
}

function vectorLength(type: Scalar, v: Constant): number {
  return Array.isArray(v) ? Math.sqrt(evaluateDot(type, v, v)) : Math.abs(v as number);
}

function subtract(type: Scalar, a: Constant, b: Constant): Constant {
  return zip(a, b, (x, y) => evaluateBinary('-', type, x, y));
}

function crossProduct(type: Scalar, v: Constant, w: Constant): Constant {
  const [p, q] = [v, w] as (readonly number[])[];
  const product = (m: number, n: number) => evaluateBinary('*', type, p![m]!, q![n]!);
  const component = (m: number, n: number) =>
    evaluateBinary('-', type, product(m, n), product(n, m));
  return [component(1, 2), component(2, 0), component(0, 1)];
}

function boolReduction(name: 'all' | 'any'): Builtin {
  return {
    signature: `${name}(v)`,
    evaluate: ([v]) => {
      const lanes = [v].flat();
      return name === 'all' ? lanes.every(Boolean) : lanes.some(Boolean);
    },
    resolve: ([type, ...more]) =>
      more.length === 0 && type && scalarType(type) === BOOL
        ? { parameters: [type], result: BOOL }
        : undefined,
  };
}

const barrier = (name: string): Builtin => ({
  signature: `${name}()`,
  isStatement: true,
  resolve: (types) => (types.length === 0 ? { parameters: [], result: VOID } : undefined),
});

/** All built-in functions that this device supports, by name. */
export const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  unary('abs', 'number', Math.abs),
  unary('ceil', 'float', Math.ceil),
  unary('cos', 'float', Math.cos),
  unary('exp', 'float', Math.exp),
  unary('exp2', 'float', (x) => 2 ** x),
  unary('floor', 'float', Math.floor),
  unary('fract', 'float', (x) => x - Math.floor(x)),
  unary('inverseSqrt', 'float', (x) => 1 / Math.sqrt(requireNonNegative(x, 'inverseSqrt'))),
  unary('log', 'float', (x) => Math.log(requireNonNegative(x, 'log'))),
  unary('log2', 'float', (x) => Math.log2(requireNonNegative(x, 'log2'))),
  unary('round', 'float', roundEven),
  unary('saturate', 'float', (x) => Math.min(Math.max(x, 0), 1)),
  unary('sign', 'signed', Math.sign),
  unary('sin', 'float', Math.sin),
  unary('sqrt', 'float', (x) => Math.sqrt(requireNonNegative(x, 'sqrt'))),
  unary('tanh', 'float', Math.tanh),
  unary('trunc', 'float', Math.trunc),
  unary('countOneBits', 'integer', (x) => (x >>> 0).toString(2).replaceAll('0', '').length),
  unary('countLeadingZeros', 'integer', Math.clz32),
  unary('countTrailingZeros', 'integer', (x) => (x === 0 ? 32 : 31 - Math.clz32(x & -x))),
  binary('max', 'number', Math.max),
  binary('min', 'number', Math.min),
  binary('pow', 'float', power),
  binary('step', 'float', (edge, x) => Number(x >= edge)),
  ['fma', componentwise('fma(x, y, z)', 3, 'float', (x, y, z) => x! * y! + z!)],
  ['clamp', CLAMP],
  [
    'mix',
    {
      signature: 'mix(x, y, share)',
      evaluate: (values, result) =>
        mapComponents(
          values,
          scalarType(result)!,
          (x, y, share) => x! * (1 - share!) + y! * share!,
        ),
      resolve: ([x, y, share, ...more]) => {
        if (!x || !y || !share || more.length > 0) return undefined;
        const common = commonType([x, y, ...(share.kind === 'scalar' ? [] : [share])]);
        const element = commonType([x, y, share].map((type) => scalarType(type) ?? type));
        if (
          !common ||
          common.kind === 'matrix' ||
          element?.kind !== 'scalar' ||
          !accepts('float', element)
        )
          return undefined;
        const type = asFloat(withScalar(common, element));
        return { parameters: [type, type, withScalar(share, scalarType(type)!)], result: type };
      },
    },
  ],
  [
    'select',
    {
      signature: 'select(ifFalse, ifTrue, condition)',
      evaluate: ([ifFalse, ifTrue, condition]) => {
        if (!Array.isArray(condition)) return condition ? ifTrue! : ifFalse!;
        const [p, q] = [ifFalse, ifTrue] as (readonly Constant[])[];
        return condition.map((chosen, n) => (chosen ? q![n]! : p![n]!));
      },
      resolve: ([ifFalse, ifTrue, condition, ...more]) => {
        if (!ifFalse || !ifTrue || !condition || more.length > 0) return undefined;
        const type = commonType([ifFalse, ifTrue]);
        if (!type || type.kind === 'matrix' || !scalarType(type)) return undefined;
        const lanes = type.kind === 'vector' && condition === vectorType(type.size, BOOL);
        if (condition !== BOOL && !lanes) return undefined;
        return { parameters: [type, type, condition], result: type };
      },
    },
  ],
  ['all', boolReduction('all')],
  ['any', boolReduction('any')],
  ['length', reduction('length(v)', 1, (type, [v]) => vectorLength(type, v!))],
  [
    'distance',
    reduction('distance(v, w)', 2, (type, [v, w]) => vectorLength(type, subtract(type, v!, w!))),
  ],
  [
    'dot',
    {
      signature: 'dot(v, w)',
      evaluate: ([v, w], result) => evaluateDot(result as Scalar, v!, w!),
      resolve: (types) => {
        const common = types.length === 2 ? commonType(types) : undefined;
        if (common?.kind !== 'vector' || !accepts('number', common.element)) return undefined;
        return { parameters: [common, common], result: common.element };
      },
    },
  ],
  [
    'cross',
    {
      signature: 'cross(v, w)',
      evaluate: ([v, w], result) => crossProduct(scalarType(result)!, v!, w!),
      resolve: (types) => {
        const common = types.length === 2 ? commonType(types) : undefined;
        if (common?.kind !== 'vector' || common.size !== 3 || !accepts('float', common.element))
          return undefined;
        const type = asFloat(common);
        return { parameters: [type, type], result: type };
      },
    },
  ],
  [
    'normalize',
    {
      signature: 'normalize(v)',
      evaluate: ([v], result) => {
        const element = scalarType(result)!;
        const length = vectorLength(element, v!);
        if (length === 0) throw new ConstantError('a vector of length 0 has no direction');
        return mapComponents([v!], element, (x) => x / length);
      },
      resolve: ([type, ...more]) => {
        if (more.length > 0 || type?.kind !== 'vector' || !accepts('float', type.element))
          return undefined;
        const element = asFloat(type);
        return { parameters: [element], result: element };
      },
    },
  ],
  [
    'transpose',
    {
      signature: 'transpose(matrix)',
      evaluate: ([matrix]) => {
        const columns = matrix as readonly (readonly Constant[])[];
        return columns[0]!.map((_, n) => columns.map((column) => column[n]!));
      },
      resolve: ([type, ...more]) =>
        more.length === 0 && type?.kind === 'matrix'
          ? { parameters: [type], result: matrixType(type.rows, type.columns) }
          : undefined,
    },
  ],
  [
    'arrayLength',
    {
      signature: 'arrayLength(&array)',
      resolve: ([type, ...more]) =>
        more.length === 0 &&
        type?.kind === 'pointer' &&
        type.target.kind === 'array' &&
        type.target.count === undefined
          ? { parameters: [type], result: U32 }
          : undefined,
    },
  ],
  ['workgroupBarrier', barrier('workgroupBarrier')],
  ['storageBarrier', barrier('storageBarrier')],
  [
    'workgroupUniformLoad',
    {
      signature: 'workgroupUniformLoad(&variable)',
      resolve: ([type, ...more]) =>
        more.length === 0 && type?.kind === 'pointer' && type.space === 'workgroup'
          ? { parameters: [type], result: type.target }
          : undefined,
    },
  ],
]);

/** The built-in functions of WGSL that this device does not support, with the reason. */
const UNSUPPORTED: readonly (readonly [RegExp, string])[] = [
  [/^texture/, 'this device has no textures'],
  [/^atomic/, 'this device has no atomics'],
  [/^(subgroup|quad)/, 'this device has no subgroups'],
  [/^(dpdx|dpdy|fwidth)/, 'derivatives belong to fragment shaders'],
  [/^(un)?pack[24]x/, 'this device has no packed formats'],
  [/^dot4/, 'this device has no packed dot products'],
  [
    /^(acos|acosh|asin|asinh|atan|atan2|atanh|cosh|sinh|tan|degrees|radians|ldexp|frexp|modf|smoothstep|determinant|faceForward|reflect|refract|quantizeToF16|reverseBits|extractBits|insertBits|firstLeadingBit|firstTrailingBit)$/,
    'this device does not have it',
  ],
];

/** Returns why a built-in function is not supported; `undefined` where `name` is not one. */
export function unsupportedBuiltin(name: string): string | undefined {
  return UNSUPPORTED.find(([pattern]) => pattern.test(name))?.[1];
}

/** Describes the types of arguments for messages: "f32 and vec2<u32>". */
export function describeTypes(types: readonly Type[]): string {
  return types.length === 0 ? 'no arguments' : types.map(typeName).join(' and ');
}

/**
 * WGSL's own functions, as far as this device has them: which arguments each takes, what it gives, and its value where
 * all arguments are constants. The others are refused by name.
 */

import { ConstantError, convertsImplicitly, represent } from './constants.js';
import {
  ABSTRACT_FLOAT,
  ABSTRACT_INT,
  BOOL,
  F32,
  I32,
  isFloat,
  isInteger,
  type Scalar,
  scalarOf,
  type Type,
  typeName,
  U32,
  VOID,
  vectorType,
  withScalar,
} from './types.js';

/** An overload that fits: what the arguments are converted to, and the result. */
export interface Overload {
  readonly parameters: readonly Type[];
  readonly result: Type;
}

export interface Builtin {
  /** How a call looks, for errors. */
  readonly form: string;
  /** The overload for arguments of these types; `undefined` where none fits. */
  resolve(types: readonly Type[]): Overload | undefined;
  /** The value for one component of each argument; absent where a call is never constant. */
  readonly evaluate?: (...values: number[]) => number;
  /** Whether a call may stand as a statement. */
  readonly statement?: true;
}

type Numbers = 'float' | 'integer' | 'number';

/** The one type that all of these can become, or `undefined`. */
export function commonType(types: readonly Type[]): Type | undefined {
  const [first] = types;
  if (!first) return undefined;
  const scalars = types.map(scalarOf);
  if (scalars.some((s) => s === undefined) || types.some((t) => t.kind === 'matrix'))
    return types.every((t) => t === first) ? first : undefined;
  const own = commonScalar(scalars as Scalar[]);
  if (!own) return undefined;
  const shaped = types.map((t) => withScalar(t, own));
  return shaped.every((t) => t === shaped[0]) ? shaped[0] : undefined;
}

function commonScalar(scalars: readonly Scalar[]): Scalar | undefined {
  const candidates = [...scalars, ABSTRACT_INT, ABSTRACT_FLOAT];
  return candidates.find((to) => scalars.every((from) => convertsImplicitly(from, to)));
}

function allows(numbers: Numbers, type: Scalar | undefined): boolean {
  if (numbers === 'float') return isFloat(type) || type === ABSTRACT_INT;
  if (numbers === 'integer') return isInteger(type);
  return isFloat(type) || isInteger(type);
}

/** Floats are wanted: integers without a type become them. */
function asFloat(type: Type): Type {
  return scalarOf(type) === ABSTRACT_INT ? withScalar(type, ABSTRACT_FLOAT) : type;
}

/** A function of each component by itself, of `count` arguments of one type. */
function componentwise(
  form: string,
  count: number,
  numbers: Numbers,
  evaluate: (...values: number[]) => number,
): Builtin {
  return {
    form,
    evaluate,
    resolve: (types) => {
      if (types.length !== count) return undefined;
      const common = commonType(types);
      if (!common || common.kind === 'matrix' || !allows(numbers, scalarOf(common)))
        return undefined;
      const type = numbers === 'float' ? asFloat(common) : common;
      return { parameters: types.map(() => type), result: type };
    },
  };
}

const unary = (name: string, numbers: Numbers, f: (x: number) => number) =>
  [name, componentwise(`${name}(x)`, 1, numbers, f)] as const;
const binary = (name: string, numbers: Numbers, f: (x: number, y: number) => number) =>
  [name, componentwise(`${name}(x, y)`, 2, numbers, f)] as const;
const ternary = (name: string, numbers: Numbers, f: (x: number, y: number, z: number) => number) =>
  [name, componentwise(`${name}(x, y, z)`, 3, numbers, f)] as const;

/** A logarithm or root of a number that has none. */
function positive(x: number, name: string): number {
  if (x < 0) throw new ConstantError(`${name}(${x}) has no value`);
  return x;
}

/** To the nearest integer, ties to the even one. */
function roundEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

function clamp(x: number, low: number, high: number): number {
  if (low > high)
    throw new ConstantError(`clamp: the low end, ${low}, is above the high end, ${high}`);
  return Math.min(Math.max(x, low), high);
}

/** A function of float vectors that gives one number. */
function reduction(form: string, count: number): Builtin {
  return {
    form,
    resolve: (types) => {
      const common = types.length === count ? commonType(types) : undefined;
      if (!common || common.kind === 'matrix' || !allows('float', scalarOf(common)))
        return undefined;
      return { parameters: types.map(() => withScalar(common, F32)), result: F32 };
    },
  };
}

function truthTest(name: string): Builtin {
  return {
    form: `${name}(v)`,
    resolve: ([type, ...more]) =>
      more.length === 0 && type && scalarOf(type) === BOOL
        ? { parameters: [type], result: BOOL }
        : undefined,
  };
}

const barrier = (name: string): Builtin => ({
  form: `${name}()`,
  statement: true,
  resolve: (types) => (types.length === 0 ? { parameters: [], result: VOID } : undefined),
});

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  unary('abs', 'number', Math.abs),
  unary('ceil', 'float', Math.ceil),
  unary('cos', 'float', Math.cos),
  unary('exp', 'float', Math.exp),
  unary('exp2', 'float', (x) => 2 ** x),
  unary('floor', 'float', Math.floor),
  unary('fract', 'float', (x) => x - Math.floor(x)),
  unary('inverseSqrt', 'float', (x) => 1 / Math.sqrt(positive(x, 'inverseSqrt'))),
  unary('log', 'float', (x) => Math.log(positive(x, 'log'))),
  unary('log2', 'float', (x) => Math.log2(positive(x, 'log2'))),
  unary('round', 'float', roundEven),
  unary('saturate', 'float', (x) => Math.min(Math.max(x, 0), 1)),
  unary('sign', 'number', Math.sign),
  unary('sin', 'float', Math.sin),
  unary('sqrt', 'float', (x) => Math.sqrt(positive(x, 'sqrt'))),
  unary('tanh', 'float', Math.tanh),
  unary('trunc', 'float', Math.trunc),
  unary('countOneBits', 'integer', (x) => (x >>> 0).toString(2).replaceAll('0', '').length),
  unary('countLeadingZeros', 'integer', Math.clz32),
  unary('countTrailingZeros', 'integer', (x) => (x === 0 ? 32 : 31 - Math.clz32(x & -x))),
  binary('max', 'number', Math.max),
  binary('min', 'number', Math.min),
  binary('pow', 'float', (x, y) => positive(x, 'pow') ** y),
  binary('step', 'float', (edge, x) => Number(x >= edge)),
  ternary('clamp', 'number', clamp),
  ternary('fma', 'float', (x, y, z) => x * y + z),
  [
    'mix',
    {
      form: 'mix(x, y, share)',
      evaluate: (x, y, share) => x! * (1 - share!) + y! * share!,
      resolve: ([x, y, share, ...more]) => {
        if (!x || !y || !share || more.length > 0) return undefined;
        const common = commonType([x, y, ...(share.kind === 'scalar' ? [] : [share])]);
        if (!common || common.kind === 'matrix' || !allows('float', scalarOf(common)))
          return undefined;
        const type = withScalar(common, F32);
        return { parameters: [type, type, withScalar(share, F32)], result: type };
      },
    },
  ],
  [
    'select',
    {
      form: 'select(ifFalse, ifTrue, condition)',
      resolve: ([no, yes, condition, ...more]) => {
        if (!no || !yes || !condition || more.length > 0) return undefined;
        const type = commonType([no, yes]);
        if (!type || type.kind === 'matrix' || !scalarOf(type)) return undefined;
        const lanes = type.kind === 'vector' && condition === vectorType(type.size, BOOL);
        if (condition !== BOOL && !lanes) return undefined;
        return { parameters: [type, type, condition], result: type };
      },
    },
  ],
  ['all', truthTest('all')],
  ['any', truthTest('any')],
  ['length', reduction('length(v)', 1)],
  ['distance', reduction('distance(v, w)', 2)],
  [
    'dot',
    {
      form: 'dot(v, w)',
      resolve: (types) => {
        const common = types.length === 2 ? commonType(types) : undefined;
        if (common?.kind !== 'vector' || !allows('number', common.element)) return undefined;
        return { parameters: [common, common], result: common.element };
      },
    },
  ],
  [
    'cross',
    {
      form: 'cross(v, w)',
      resolve: (types) => {
        const common = types.length === 2 ? commonType(types) : undefined;
        if (common?.kind !== 'vector' || common.size !== 3 || !allows('float', common.element))
          return undefined;
        const type = withScalar(common, F32);
        return { parameters: [type, type], result: type };
      },
    },
  ],
  [
    'normalize',
    {
      form: 'normalize(v)',
      resolve: ([type, ...more]) => {
        if (more.length > 0 || type?.kind !== 'vector' || !allows('float', type.element))
          return undefined;
        const own = withScalar(type, F32);
        return { parameters: [own], result: own };
      },
    },
  ],
  [
    'transpose',
    {
      form: 'transpose(matrix)',
      resolve: ([type, ...more]) =>
        more.length === 0 && type?.kind === 'matrix' && type.columns === type.rows
          ? { parameters: [type], result: type }
          : undefined,
    },
  ],
  [
    'arrayLength',
    {
      form: 'arrayLength(&array)',
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
      form: 'workgroupUniformLoad(&variable)',
      statement: true,
      resolve: ([type, ...more]) =>
        more.length === 0 && type?.kind === 'pointer' && type.space === 'workgroup'
          ? { parameters: [type], result: type.target }
          : undefined,
    },
  ],
]);

/** Functions of WGSL that this device does not have, by what they need. */
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

/** Why a function of WGSL is not to be had here, or `undefined` where it is none of WGSL's. */
export function unsupportedBuiltin(name: string): string | undefined {
  return UNSUPPORTED.find(([pattern]) => pattern.test(name))?.[1];
}

/** What a call's arguments are, for errors: "f32 and vec2<u32>". */
export function describeTypes(types: readonly Type[]): string {
  return types.length === 0 ? 'no arguments' : types.map(typeName).join(' and ');
}

/** One component's value of a constant call. @throws ConstantError where there is none. */
export function evaluateBuiltin(builtin: Builtin, type: Scalar, values: number[]): number {
  const value = builtin.evaluate!(...values);
  if (type === I32) return value | 0;
  if (type === U32) return value >>> 0;
  return represent(value, type);
}

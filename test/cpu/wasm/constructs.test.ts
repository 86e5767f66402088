/**
 * Every construct of the part of WGSL that our device has: compiled, a micro-program gives the values written for it.
 *
 * So does an interpreter and, where all is tried, Dawn with SwiftShader if WGSL leaves nothing open: the values are not
 * ours alone. The last tests ask the front end for all it knows, and fail where a construct has no micro-program.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readShader } from '../../../src/cpu/wasm/compile.js';
import { BUILTINS } from '../../../src/cpu/wgsl/check/builtins.js';
import { parse } from '../../../src/cpu/wgsl/parse/parse.js';
import type * as syntax from '../../../src/cpu/wgsl/parse/syntax.js';
import type * as program from '../../../src/cpu/wgsl/program.js';
import {
  type AddressSpace,
  BOOL,
  F32,
  I32,
  matrixType,
  type Type,
  typeName,
  U32,
  vectorType,
} from '../../../src/cpu/wgsl/types.js';
import { cpuGpu } from '../../../src/engine.js';
import { findAdapter } from '../../../src/node.js';
import { THOROUGH } from '../../helpers/thorough.js';
import { type Buffers, runCompiled, runInterpreted, runOnDevice } from '../helpers/dispatch.js';
import { bitsToFloat } from '../helpers/words.js';
import { refusal } from '../wgsl/shaders.js';
import { MICRO_PROGRAMS, type MicroProgram } from './micro-programs.js';
import { SIZES } from './micro-tables.js';

/** Where buffers hold something else than is written for them. */
function differences(micro: MicroProgram, actual: Buffers): string[] {
  return Object.entries(micro.expected).flatMap(([key, words]) => {
    const results = [...actual[key]!];
    if (results.length !== words.length) return [`${key} has ${results.length} words`];
    return words.flatMap((word, n) => {
      const near = key === '0.0' ? micro.near?.[n] : undefined;
      if (results[n] === word) return [];
      if (near === undefined) return [`${key}[${n}] is ${results[n]! | 0}, not ${word | 0}`];
      const [a, b] = [bitsToFloat(results[n]!), bitsToFloat(word)];
      const isNear = Number.isNaN(b) ? Number.isNaN(a) : Math.abs(a - b) <= near;
      // Whether 0 has a sign is left open by WGSL; IEEE 754 says it.
      return isNear && !(micro.isOwn && a === 0) ? [] : [`${key}[${n}] is ${a}, not ${b}`];
    });
  });
}

describe('compiled,', () => {
  let dawn: GPUDevice;
  beforeAll(async () => {
    dawn = await (await findAdapter('swiftshader')).adapter.requestDevice();
  });
  afterAll(() => dawn.destroy());

  for (const [kind, programs] of Object.entries(MICRO_PROGRAMS))
    describe(kind, () => {
      for (const micro of programs)
        it(`gives the values written: ${micro.what}`, async () => {
          const brief = micro.brief ?? micro;
          expect(differences(micro, runCompiled(micro))).toEqual([]);
          expect(differences(brief, runCompiled(brief, true)), 'checked').toEqual([]);
          expect(differences(micro, runInterpreted(micro)), 'interpreted').toEqual([]);
          if (micro.isOwn || !THOROUGH) return;
          expect(differences(brief, await runOnDevice(dawn, brief)), 'on Dawn').toEqual([]);
        });
    });

  it('a wrong value is found', () => {
    const [micro] = MICRO_PROGRAMS['a statement']!;
    const words = micro!.expected['0.0']!.with(0, 2);
    const wrong = { ...micro!, expected: { '0.0': words } };
    expect(differences(wrong, runCompiled(micro!))).toEqual(['0.0[0] is 1, not 2']);
  });
});

// What the micro-programs are made of

const all = Object.values(MICRO_PROGRAMS).flat();
const trees = all.map(({ code, brief }) => parse(brief?.code ?? code));
const typed = all.map(({ code }) => readShader(code));

/** Every object within, once. */
function* parts(within: unknown, seen = new Set<object>()): Generator<Record<string, unknown>> {
  if (typeof within !== 'object' || within === null || seen.has(within)) return;
  seen.add(within);
  if (within instanceof Map) {
    for (const value of within.values()) yield* parts(value, seen);
    return;
  }
  if (!Array.isArray(within)) yield within as Record<string, unknown>;
  for (const value of Object.values(within)) yield* parts(value, seen);
}

const treeParts = trees.flatMap((tree) => [...parts(tree)]);
const typedParts = typed.flatMap((each) => [...parts(each)]);
const collectValues = (from: readonly Record<string, unknown>[], key: string) =>
  new Set(from.map((part) => part[key]));
const kindsInTrees = collectValues(treeParts, 'kind');
const kindsInPrograms = collectValues(typedParts, 'kind');

/** All keys; TypeScript asks for each kind of the union to be among them. */
const kinds = <K extends string>(of: Readonly<Record<K, true>>) => Object.keys(of);

const operations = typedParts.filter((part) => part.kind === 'binary') as unknown as Extract<
  program.Expression,
  { kind: 'binary' }
>[];
const assignments = typedParts.filter((part) => part.kind === 'assign') as unknown as Extract<
  program.Statement,
  { kind: 'assign' }
>[];
const calls = typedParts.filter((part) => part.kind === 'builtin') as unknown as Extract<
  program.Expression,
  { kind: 'builtin' }
>[];

const VECTORS = SIZES.flatMap((size) => [F32, I32, U32, BOOL].map((own) => vectorType(size, own)));
const MATRICES = SIZES.flatMap((columns) => SIZES.map((rows) => matrixType(columns, rows)));
const TYPES: readonly Type[] = [F32, I32, U32, BOOL, ...VECTORS, ...MATRICES];
const OPERATORS = kinds<program.BinaryOperator>({
  ...{ '+': true, '-': true, '*': true, '/': true, '%': true, '&': true, '|': true, '^': true },
  ...{ '<<': true, '>>': true, '&&': true, '||': true },
  ...{ '<': true, '>': true, '<=': true, '>=': true, '==': true, '!=': true },
});

/** Those of the texts that no micro-program has. */
const missing = (wanted: readonly string[], has: ReadonlySet<unknown>) =>
  wanted.filter((text) => !has.has(text));

describe('a micro-program is there', () => {
  it('for every kind of statement', () => {
    const inTrees = kinds<syntax.Statement['kind']>({
      ...{ block: true, const: true, let: true, var: true, assign: true, assert: true },
      ...{ call: true, if: true, switch: true, loop: true, break: true, continue: true },
      return: true,
    });
    const inPrograms = kinds<program.Statement['kind']>({
      ...{ block: true, declare: true, assign: true, evaluate: true, if: true, switch: true },
      ...{ loop: true, break: true, continue: true, return: true },
    });
    expect(missing(inTrees, kindsInTrees)).toEqual([]);
    expect(missing(inPrograms, kindsInPrograms)).toEqual([]);
  });

  it('for every kind of expression and place', () => {
    const expressions = kinds<program.Expression['kind']>({
      ...{ constant: true, value: true, read: true, unary: true, binary: true, builtin: true },
      ...{ construct: true, convert: true, bitcast: true, call: true, member: true },
      ...{ swizzle: true, element: true, address: true },
    });
    const places = kinds<program.Reference['kind']>({
      ...{ variable: true, dereference: true, member: true, element: true },
    });
    const inPlaces = new Set(typedParts.map((part) => (part.reference as program.Reference)?.kind));
    const within = typedParts.map((part) => part.base as program.Reference | undefined);
    const ofPlaces = new Set(
      within.filter((base) => base?.kind !== undefined).map((of) => of!.kind),
    );
    expect(missing(expressions, kindsInPrograms)).toEqual([]);
    expect(missing(places, inPlaces)).toEqual([]);
    expect(missing(places, ofPlaces)).toEqual([]);
  });

  it('for every operator of all the types that it takes', () => {
    const has = new Set(
      operations.map(
        ({ operator, left, right }) => `${typeName(left.type)} ${operator} ${typeName(right.type)}`,
      ),
    );
    const wanted = OPERATORS.flatMap((operator) =>
      TYPES.flatMap((left) =>
        TYPES.flatMap((right) => {
          const [a, b] = [typeName(left), typeName(right)];
          const isTaken = !refusal(`fn f(a: ${a}, b: ${b}) { _ = a ${operator} b; }`);
          return isTaken ? [`${a} ${operator} ${b}`] : [];
        }),
      ),
    );
    expect(wanted.length).toBeGreaterThan(300);
    expect(missing(wanted, has)).toEqual([]);
  });

  it('for every operator of one operand, of all the types that it takes', () => {
    const unary = typedParts.filter((part) => part.kind === 'unary');
    const has = new Set(unary.map((part) => `${part.operator} ${typeName(part.type as Type)}`));
    const wanted = ['-', '!', '~'].flatMap((operator) =>
      TYPES.map(typeName)
        .filter((type) => !refusal(`fn f(a: ${type}) { _ = ${operator}a; }`))
        .map((type) => `${operator} ${type}`),
    );
    expect(missing(wanted, has)).toEqual([]);
  });

  it('for every compound assignment', () => {
    const has = new Set(assignments.map(({ operator }) => operator));
    const wanted = OPERATORS.filter(
      (operator) => !refusal(`fn f() { var a = 1u; a ${operator}= 1u; }`),
    );
    expect(wanted).toHaveLength(10);
    expect(missing(wanted, has)).toEqual([]);
  });

  it("for every function of WGSL's own, of all the types that it takes", () => {
    const has = new Set(
      calls.map(({ name, arguments: given }) =>
        given[0] && given[0].type.kind !== 'pointer' ? `${name} ${typeName(given[0].type)}` : name,
      ),
    );
    const wanted = [...BUILTINS].flatMap(([name, { resolve }]) => {
      const taken = TYPES.filter((type) =>
        [[type], [type, type], [type, type, type], [type, type, BOOL]].some(resolve),
      );
      return taken.length === 0 ? [name] : taken.map((type) => `${name} ${typeName(type)}`);
    });
    expect(missing(wanted, has)).toEqual([]);
  });

  it('for every conversion and bitcast', () => {
    const has = new Set(
      typedParts
        .filter((part) => part.kind === 'convert' || part.kind === 'bitcast')
        .map((part) => {
          const to = typeName(part.type as Type);
          const from = typeName((part.operand as program.Expression).type);
          return part.kind === 'bitcast' ? `bitcast<${to}>(${from})` : `${to}(${from})`;
        }),
    );
    // A value of the type itself is left as it is, and one number for all components is not a conversion.
    const numbers = TYPES.slice(0, 16);
    const pairs = numbers.flatMap((to) =>
      numbers
        .filter((from) => from !== to && (from.kind === 'vector' || to.kind === 'scalar'))
        .map((from) => [typeName(to), typeName(from)] as const),
    );
    const wanted = pairs.flatMap(([to, from]) =>
      [to, `bitcast<${to}>`]
        .filter((form) => !refusal(`fn f(a: ${from}) { let b = ${form}(a); }`))
        .map((form) => `${form}(${from})`),
    );
    expect(wanted.length).toBeGreaterThan(60);
    expect(missing(wanted, has)).toEqual([]);
  });

  it('for every language extension that the device names', () => {
    const named = new Set(
      all.flatMap(({ code }) => [...code.matchAll(/^requires (\w+);/gm)].map((m) => m[1])),
    );
    expect(missing([...cpuGpu().wgslLanguageFeatures], named)).toEqual([]);
  });

  it('for every space, input and attribute', () => {
    const spaces = kinds<AddressSpace | 'let'>({
      ...{ function: true, private: true, workgroup: true, storage: true, uniform: true },
      ...{ immediate: true, let: true },
    });
    const inputs = kinds<program.BuiltinValue>({
      ...{ workgroup_id: true, num_workgroups: true, local_invocation_id: true },
      ...{ local_invocation_index: true, global_invocation_id: true },
    });
    const attributes = ['align', 'binding', 'builtin', 'compute', 'diagnostic', 'group'];
    attributes.push('must_use', 'size', 'workgroup_size');
    const text = all.map(({ code }) => code).join('\n');
    const named = (pattern: RegExp) => new Set([...text.matchAll(pattern)].map((m) => m[1]));
    expect(missing(spaces, collectValues(typedParts, 'space'))).toEqual([]);
    expect(missing(inputs, named(/@builtin\((\w+)\)/g))).toEqual([]);
    expect(missing(attributes, named(/@(\w+)/g))).toEqual([]);
  });
});

/**
 * Every WGSL construct that our device supports: a compiled micro-program gives the expected
 * values.
 *
 * The interpreter must give them too. In a thorough run so must Dawn with SwiftShader, unless WGSL
 * leaves a result open. So the expected values do not rest on our compiler. The last tests list all
 * constructs of the front end, and fail where one has no micro-program.
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
import { selectAdapter } from '../../../src/node.js';
import { THOROUGH } from '../../helpers/thorough.js';
import { type Buffers, runCompiled, runInterpreted, runOnDevice } from '../helpers/dispatch.js';
import { bitsToFloat } from '../helpers/words.js';
import { checkError } from '../wgsl/shaders.js';
import { MICRO_PROGRAMS, type MicroProgram } from './micro-programs.js';
import { SIZES } from './micro-tables.js';

/** The words that differ from the expected ones. */
function differences(micro: MicroProgram, actual: Buffers): string[] {
  return Object.entries(micro.expected).flatMap(([key, words]) => {
    const results = [...actual[key]!];
    if (results.length !== words.length) return [`${key} has ${results.length} words`];
    return words.flatMap((word, n) => {
      const tolerance = key === '0.0' ? micro.tolerances?.[n] : undefined;
      if (results[n] === word) return [];
      if (tolerance === undefined) return [`${key}[${n}] is ${results[n]! | 0}, not ${word | 0}`];
      const [a, b] = [bitsToFloat(results[n]!), bitsToFloat(word)];
      const isClose = Number.isNaN(b) ? Number.isNaN(a) : Math.abs(a - b) <= tolerance;
      // WGSL does not specify the sign of a zero, but IEEE 754 does.
      const hasWrongSign = micro.isDeviceSpecific && a === 0;
      return isClose && !hasWrongSign ? [] : [`${key}[${n}] is ${a}, not ${b}`];
    });
  });
}

describe('a micro-program', () => {
  let dawn: GPUDevice;
  beforeAll(async () => {
    dawn = await (await selectAdapter('swiftshader')).adapter.requestDevice();
  });
  afterAll(() => dawn.destroy());

  for (const [kind, programs] of Object.entries(MICRO_PROGRAMS))
    describe(kind, () => {
      for (const micro of programs)
        it(`gives the expected values: ${micro.title}`, async () => {
          const subset = micro.subset ?? micro;
          expect(differences(micro, runCompiled(micro))).toEqual([]);
          expect(differences(subset, runCompiled(subset, true)), 'checked').toEqual([]);
          expect(differences(micro, runInterpreted(micro)), 'interpreted').toEqual([]);
          if (micro.isDeviceSpecific || !THOROUGH) return;
          expect(differences(subset, await runOnDevice(dawn, subset)), 'on Dawn').toEqual([]);
        });
    });

  it('fails where a value is wrong', () => {
    const [micro] = MICRO_PROGRAMS['a statement']!;
    const words = micro!.expected['0.0']!.with(0, 2);
    const wrong = { ...micro!, expected: { '0.0': words } };
    expect(differences(wrong, runCompiled(micro!))).toEqual(['0.0[0] is 1, not 2']);
  });
});

// The constructs in the micro-programs

const microPrograms = Object.values(MICRO_PROGRAMS).flat();
const trees = microPrograms.map(({ code, subset }) => parse(subset?.code ?? code));
const typedPrograms = microPrograms.map(({ code }) => readShader(code));

/** Every object within a value, once. */
function* parts(root: unknown, seen = new Set<object>()): Generator<Record<string, unknown>> {
  if (typeof root !== 'object' || root === null || seen.has(root)) return;
  seen.add(root);
  if (root instanceof Map) {
    for (const value of root.values()) yield* parts(value, seen);
    return;
  }
  if (!Array.isArray(root)) yield root as Record<string, unknown>;
  for (const value of Object.values(root)) yield* parts(value, seen);
}

const treeParts = trees.flatMap((tree) => [...parts(tree)]);
const typedParts = typedPrograms.flatMap((typedProgram) => [...parts(typedProgram)]);
const collectValues = (objects: readonly Record<string, unknown>[], key: string) =>
  new Set(objects.map((object) => object[key]));
const kindsInTrees = collectValues(treeParts, 'kind');
const kindsInPrograms = collectValues(typedParts, 'kind');

/** The keys of an object; TypeScript requires all kinds of a union to be among them. */
const kinds = <K extends string>(record: Readonly<Record<K, true>>) => Object.keys(record);

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

const VECTORS = SIZES.flatMap((size) =>
  [F32, I32, U32, BOOL].map((scalar) => vectorType(size, scalar)),
);
const MATRICES = SIZES.flatMap((columns) => SIZES.map((rows) => matrixType(columns, rows)));
const TYPES: readonly Type[] = [F32, I32, U32, BOOL, ...VECTORS, ...MATRICES];
const OPERATORS = kinds<program.BinaryOperator>({
  ...{ '+': true, '-': true, '*': true, '/': true, '%': true, '&': true, '|': true, '^': true },
  ...{ '<<': true, '>>': true, '&&': true, '||': true },
  ...{ '<': true, '>': true, '<=': true, '>=': true, '==': true, '!=': true },
});

/** The constructs that are not covered. */
const missing = (constructs: readonly string[], covered: ReadonlySet<unknown>) =>
  constructs.filter((construct) => !covered.has(construct));

describe('there is a micro-program', () => {
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
    const inner = typedParts.map((part) => part.base as program.Reference | undefined);
    const inInner = new Set(
      inner.filter((place) => place?.kind !== undefined).map((place) => place!.kind),
    );
    expect(missing(expressions, kindsInPrograms)).toEqual([]);
    expect(missing(places, inPlaces)).toEqual([]);
    expect(missing(places, inInner)).toEqual([]);
  });

  it('for every binary operator and all types of its operands', () => {
    const covered = new Set(
      operations.map(
        ({ operator, left, right }) => `${typeName(left.type)} ${operator} ${typeName(right.type)}`,
      ),
    );
    const constructs = OPERATORS.flatMap((operator) =>
      TYPES.flatMap((left) =>
        TYPES.flatMap((right) => {
          const [a, b] = [typeName(left), typeName(right)];
          const isValid = !checkError(`fn f(a: ${a}, b: ${b}) { _ = a ${operator} b; }`);
          return isValid ? [`${a} ${operator} ${b}`] : [];
        }),
      ),
    );
    expect(constructs.length).toBeGreaterThan(300);
    expect(missing(constructs, covered)).toEqual([]);
  });

  it('for every unary operator and all types of its operand', () => {
    const unary = typedParts.filter((part) => part.kind === 'unary');
    const covered = new Set(unary.map((part) => `${part.operator} ${typeName(part.type as Type)}`));
    const constructs = ['-', '!', '~'].flatMap((operator) =>
      TYPES.map(typeName)
        .filter((type) => !checkError(`fn f(a: ${type}) { _ = ${operator}a; }`))
        .map((type) => `${operator} ${type}`),
    );
    expect(missing(constructs, covered)).toEqual([]);
  });

  it('for every compound assignment', () => {
    const covered = new Set(assignments.map(({ operator }) => operator));
    const constructs = OPERATORS.filter(
      (operator) => !checkError(`fn f() { var a = 1u; a ${operator}= 1u; }`),
    );
    expect(constructs).toHaveLength(10);
    expect(missing(constructs, covered)).toEqual([]);
  });

  it('for every builtin function and all types of its first argument', () => {
    const covered = new Set(
      calls.map(({ name, arguments: [argument] }) =>
        argument && argument.type.kind !== 'pointer' ? `${name} ${typeName(argument.type)}` : name,
      ),
    );
    const constructs = [...BUILTINS].flatMap(([name, { resolve }]) => {
      const accepted = TYPES.filter((type) =>
        [[type], [type, type], [type, type, type], [type, type, BOOL]].some(resolve),
      );
      return accepted.length === 0 ? [name] : accepted.map((type) => `${name} ${typeName(type)}`);
    });
    expect(missing(constructs, covered)).toEqual([]);
  });

  it('for every conversion and bitcast', () => {
    const covered = new Set(
      typedParts
        .filter((part) => part.kind === 'convert' || part.kind === 'bitcast')
        .map((part) => {
          const to = typeName(part.type as Type);
          const from = typeName((part.operand as program.Expression).type);
          return part.kind === 'bitcast' ? `bitcast<${to}>(${from})` : `${to}(${from})`;
        }),
    );
    // Left out: conversions to the same type, and a scalar that is repeated in a vector.
    const scalarsAndVectors = TYPES.slice(0, 16);
    const pairs = scalarsAndVectors.flatMap((to) =>
      scalarsAndVectors
        .filter((from) => from !== to && (from.kind === 'vector' || to.kind === 'scalar'))
        .map((from) => [typeName(to), typeName(from)] as const),
    );
    const constructs = pairs.flatMap(([to, from]) =>
      [to, `bitcast<${to}>`]
        .filter((form) => !checkError(`fn f(a: ${from}) { let b = ${form}(a); }`))
        .map((form) => `${form}(${from})`),
    );
    expect(constructs.length).toBeGreaterThan(60);
    expect(missing(constructs, covered)).toEqual([]);
  });

  it('for every language extension that the device names', () => {
    const required = new Set(
      microPrograms.flatMap(({ code }) =>
        [...code.matchAll(/^requires (\w+);/gm)].map((m) => m[1]),
      ),
    );
    expect(missing([...cpuGpu().wgslLanguageFeatures], required)).toEqual([]);
  });

  it('for every address space, builtin input and attribute', () => {
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
    const text = microPrograms.map(({ code }) => code).join('\n');
    const matches = (pattern: RegExp) => new Set([...text.matchAll(pattern)].map((m) => m[1]));
    expect(missing(spaces, collectValues(typedParts, 'space'))).toEqual([]);
    expect(missing(inputs, matches(/@builtin\((\w+)\)/g))).toEqual([]);
    expect(missing(attributes, matches(/@(\w+)/g))).toEqual([]);
  });
});

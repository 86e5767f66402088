import { describe, expect, it } from 'vitest';
import {
  ABSTRACT_INT,
  alignOf,
  arrayType,
  BOOL,
  elementCount,
  elementType,
  excessElements,
  F32,
  I32,
  isHostShareable,
  isSized,
  matrixType,
  pointerType,
  type Struct,
  sizeOf,
  strideOf,
  structType,
  type Type,
  typeName,
  U32,
  vectorType,
} from '../../../src/cpu/wgsl/types.js';
import { checkShader } from './shaders.js';

const vec = (size: 2 | 3 | 4) => vectorType(size, F32);

const LAYOUTS: readonly [Type, number, number][] = [
  [F32, 4, 4],
  [I32, 4, 4],
  [U32, 4, 4],
  [vec(2), 8, 8],
  [vec(3), 16, 12],
  [vec(4), 16, 16],
  [matrixType(2, 2), 8, 16],
  [matrixType(3, 2), 8, 24],
  [matrixType(4, 2), 8, 32],
  [matrixType(2, 3), 16, 32],
  [matrixType(3, 3), 16, 48],
  [matrixType(4, 3), 16, 64],
  [matrixType(2, 4), 16, 32],
  [matrixType(3, 4), 16, 48],
  [matrixType(4, 4), 16, 64],
  [arrayType(F32, 5), 4, 20],
  [arrayType(vec(2), 3), 8, 24],
  [arrayType(vec(3), 2), 16, 32],
  [arrayType(arrayType(vec(3), 2), 3), 16, 96],
  [arrayType(matrixType(2, 3), 2), 16, 64],
];

describe('alignment and size in bytes are those of WGSL (section 14.4.1)', () => {
  it.each(LAYOUTS.map(([type, ...layout]) => [typeName(type), type, ...layout] as const))(
    '%s',
    (_, type, align, size) => {
      expect([alignOf(type), sizeOf(type)]).toEqual([align, size]);
    },
  );

  it('place elements at multiples of their alignment', () => {
    expect(strideOf(arrayType(vec(3), 4))).toBe(16);
    expect(strideOf(arrayType(F32, 4))).toBe(4);
    expect(strideOf(matrixType(2, 3))).toBe(16);
    expect(strideOf(matrixType(4, 2))).toBe(8);
    expect(strideOf(vec(3))).toBe(4);
  });
});

/** The struct S of a shader's declarations. */
function struct(declarations: string): Struct {
  const { entries } = checkShader(`${declarations}
    @group(0) @binding(0) var<storage> s: S;
    @compute @workgroup_size(1) fn main() { let p = &s; }`);
  return entries[0]!.globals[0]!.type as Struct;
}

describe('members of a struct', () => {
  it.each<[string, number[], number, number]>([
    ['struct S { a: f32, b: vec2f, c: f32 }', [0, 8, 16], 8, 24],
    ['struct S { a: vec3f, b: f32 }', [0, 12], 16, 16],
    ['struct S { a: f32, b: vec3f, c: vec3f }', [0, 16, 32], 16, 48],
    ['struct S { a: f32, b: mat3x3f, c: f32 }', [0, 16, 64], 16, 80],
    ['struct S { a: f32, b: array<vec3f, 2>, c: f32 }', [0, 16, 48], 16, 64],
    ['struct S { a: array<f32, 3>, b: vec2f }', [0, 16], 8, 24],
    ['struct S { a: f32, @align(16) b: f32 }', [0, 16], 16, 32],
    ['struct S { @size(16) a: f32, b: f32 }', [0, 16], 4, 20],
    ['struct S { @align(32) @size(40) a: vec3f, b: f32 }', [0, 40], 32, 64],
    ['struct S { @size(10) a: f32, b: f32 }', [0, 12], 4, 16],
    ['struct T { a: vec3f } struct S { a: f32, b: T, c: f32 }', [0, 16, 32], 16, 48],
    ['struct T { a: f32 } struct S { a: f32, b: array<T, 3>, c: f32 }', [0, 4, 16], 4, 20],
    ['struct S { n: u32, a: array<vec3f> }', [0, 16], 16, 16],
    [
      'const N = 4; struct S { @align(N * 4) a: f32, @size(N * N) b: f32, c: f32 }',
      [0, 4, 20],
      16,
      32,
    ],
  ])('%s', (declarations, offsets, align, size) => {
    const s = struct(declarations);
    expect(s.members.map((m) => m.offset)).toEqual(offsets);
    expect([s.align, s.size]).toEqual([align, size]);
  });
});

describe('types', () => {
  it('that are equal are one object, except for structs', () => {
    expect(arrayType(vec(2), 3)).toBe(arrayType(vectorType(2, F32), 3));
    expect(arrayType(vec(2), 3)).not.toBe(arrayType(vec(2), 4));
    expect(pointerType('function', F32, 'read')).not.toBe(
      pointerType('function', F32, 'read_write'),
    );
    const members = [{ name: 'a', type: F32 }];
    expect(structType('S', members)).not.toBe(structType('S', members));
  });

  it('have elements', () => {
    expect(elementType(matrixType(2, 3))).toBe(vec(3));
    expect(elementType(arrayType(I32, 2))).toBe(I32);
    expect(elementType(vec(3))).toBe(F32);
    expect(elementType(F32)).toBeUndefined();
    expect(elementCount(matrixType(2, 3))).toBe(2);
    expect(elementCount(arrayType(I32, undefined))).toBeUndefined();
  });

  it('have names as in a shader', () => {
    expect(typeName(arrayType(vectorType(3, BOOL), 4))).toBe('array<vec3<bool>, 4>');
    expect(typeName(arrayType(F32, undefined))).toBe('array<f32>');
    expect(typeName(matrixType(2, 3))).toBe('mat2x3<f32>');
    expect(typeName(vectorType(2, ABSTRACT_INT))).toBe('vec2<abstract-int>');
    expect(typeName(pointerType('private', F32, 'read_write'))).toBe('ptr<private, f32>');
    expect(typeName(pointerType('storage', F32, 'read'))).toBe('ptr<storage, f32, read>');
  });

  it('with a runtime-sized array are not sized, and with a bool not host-shareable', () => {
    const unsized = structType('S', [{ name: 'a', type: arrayType(F32, undefined) }]);
    expect([isSized(unsized), isSized(arrayType(F32, 2))]).toEqual([false, true]);
    expect(isSized(pointerType('function', F32, 'read_write'))).toBe(false);
    expect([isHostShareable(unsized), isHostShareable(arrayType(BOOL, 2))]).toEqual([true, false]);
  });

  it('of more than 65535 elements are reported, since they need a buffer', () => {
    expect(excessElements(arrayType(F32, 65535))).toBeUndefined();
    expect(excessElements(arrayType(F32, 65536))).toBe(65536);
    expect(excessElements(F32)).toBeUndefined();
  });
});

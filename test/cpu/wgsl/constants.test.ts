import { describe, expect, it } from 'vitest';
import { evaluateBinary, parseNumber, zeroValue } from '../../../src/cpu/wgsl/check/constants.js';
import type { Constant } from '../../../src/cpu/wgsl/program.js';
import {
  ABSTRACT_FLOAT,
  ABSTRACT_INT,
  arrayType,
  BOOL,
  F32,
  I32,
  matrixType,
  type Scalar,
  structType,
  typeName,
  U32,
  vectorType,
} from '../../../src/cpu/wgsl/types.js';
import { checkError, checkShader, deviceError, moduleWith, useDevices } from './shaders.js';

const devices = useDevices();

/** The type and value of a constant expression. */
function evaluate(expression: string): [string, Constant] {
  const { functions } = checkShader(`fn f() { var x = ${expression}; }`);
  const [declaration] = functions.get('f')!.body;
  const value = declaration?.kind === 'declare' ? declaration.value : undefined;
  if (value?.kind !== 'constant') throw new Error(`${expression} is not constant.`);
  return [typeName(value.type), value.value];
}

/** A WGSL expression of exactly this value. */
function literal(type: string, value: number | boolean): string {
  if (typeof value === 'boolean') return String(value);
  if (type === 'i32') return value === -(2 ** 31) ? 'i32(-2147483648)' : `${value}i`;
  return type === 'u32' ? `${value}u` : `bitcast<f32>(${bits(value)}u)`;
}

function bits(value: number): number {
  return new Uint32Array(new Float32Array([value]).buffer)[0]!;
}

type Case = readonly [expression: string, type: string, value: number | boolean];

/**
 * Declares tests: our checker gives the type and value, and Dawn's Tint agrees in a const_assert.
 */
function testAgreement(cases: readonly Case[]): void {
  it.each(cases)('%s is %s %s', async (expression, type, value) => {
    expect(evaluate(expression)).toEqual([type, value]);
    const assertion = `const_assert ${type}(${expression}) == ${literal(type, value)};`;
    expect(await deviceError(devices().dawn, moduleWith(assertion))).toBeUndefined();
  });
}

describe('abstract numbers', () => {
  testAgreement([
    ['1', 'i32', 1],
    ['1.0', 'f32', 1],
    ['1 + 2 * 3', 'i32', 7],
    ['7 / 2', 'i32', 3],
    ['-7 / 2', 'i32', -3],
    ['-7 % 3', 'i32', -1],
    ['7 / 2.0', 'f32', 3.5],
    ['1 << 20', 'i32', 1 << 20],
    ['-8 >> 1', 'i32', -4],
    ['(1 << 40) >> 38', 'i32', 4],
    ['4294967296 - 4294967295', 'i32', 1],
    ['(0xF0 & 0x3C) | 0x03', 'i32', 0x33],
    ['-1 & 0xFF', 'i32', 255],
    ['~0 ^ 5', 'i32', -6],
    ['0.1 + 0.2', 'f32', Math.fround(0.1 + 0.2)],
    ['1.0 / 3', 'f32', Math.fround(1 / 3)],
    ['16777216 + 1.0', 'f32', 16777216],
    ['(16777216.0 + 1) - 16777216', 'f32', 1],
    ['3 > 2.5', 'bool', true],
  ]);
});

describe('i32 wraps', () => {
  testAgreement([
    ['2147483647i + 1i', 'i32', -(2 ** 31)],
    ['-2147483647i - 2i', 'i32', 2147483647],
    ['65536i * 65537i', 'i32', 65536],
    ['-(-2147483647i - 1i)', 'i32', -(2 ** 31)],
    ['-7i / 2i', 'i32', -3],
    ['-7i % 2i', 'i32', -1],
    ['-16i >> 2u', 'i32', -4],
    ['3i << 4u', 'i32', 48],
    ['~5i', 'i32', -6],
    ['6i & -4i', 'i32', 4],
    ['6i ^ 3i', 'i32', 5],
  ]);
});

describe('u32 wraps', () => {
  testAgreement([
    ['1u - 2u', 'u32', 4294967295],
    ['4294967295u + 2u', 'u32', 1],
    ['65536u * 65537u', 'u32', 65536],
    ['4294967295u / 2u', 'u32', 2147483647],
    ['4294967295u % 10u', 'u32', 5],
    ['4294967295u >> 31u', 'u32', 1],
    ['1u << 31u', 'u32', 2147483648],
    ['~0u', 'u32', 4294967295],
    ['4026531840u | 15u', 'u32', 4026531855],
    ['3000000000u > 1u', 'bool', true],
  ]);
});

describe('f32 rounds after every operation', () => {
  testAgreement([
    ['0.1f + 0.2f', 'f32', Math.fround(Math.fround(0.1) + Math.fround(0.2))],
    ['16777216f + 1f', 'f32', 16777216],
    ['16777216f + 1f - 16777216f', 'f32', 0],
    ['1f / 3f', 'f32', Math.fround(1 / 3)],
    ['5.5f % 2f', 'f32', 1.5],
    ['-5.5f % 2f', 'f32', -1.5],
    ['0x1.8p1f', 'f32', 3],
    ['1e-3f', 'f32', Math.fround(0.001)],
    ['1f == 1.0', 'bool', true],
    ['!(2f < 1f)', 'bool', true],
  ]);
});

describe('conversions', () => {
  testAgreement([
    ['i32(-1.9)', 'i32', -1],
    ['i32(1e20f)', 'i32', 2147483520],
    ['u32(1e20f)', 'u32', 4294967040],
    ['i32(-1e20f)', 'i32', -(2 ** 31)],
    ['i32(1e20)', 'i32', 2147483647],
    ['u32(-3.5f)', 'u32', 0],
    ['u32(1e20)', 'u32', 4294967295],
    ['u32(-1i)', 'u32', 4294967295],
    ['i32(4294967295u)', 'i32', -1],
    ['f32(16777217i)', 'f32', 16777216],
    ['u32(true)', 'u32', 1],
    ['f32(false)', 'f32', 0],
    ['bool(0.5)', 'bool', true],
    ['bool(0u)', 'bool', false],
    ['bitcast<i32>(4294967295u)', 'i32', -1],
    ['bitcast<u32>(1.5f)', 'u32', 0x3fc00000],
    ['bitcast<f32>(0x40490fdb)', 'f32', Math.fround(Math.PI)],
    ['vec2u(vec2f(1.5, -1)).y', 'u32', 0],
  ]);
});

describe('functions', () => {
  testAgreement([
    ['abs(-3)', 'i32', 3],
    ['max(1, 2.5)', 'f32', 2.5],
    ['min(4u, 3)', 'u32', 3],
    ['clamp(7, 1, 5)', 'i32', 5],
    ['sign(-2.5)', 'f32', -1],
    ['sqrt(2f)', 'f32', Math.fround(Math.SQRT2)],
    ['floor(-1.5)', 'f32', -2],
    ['ceil(-1.5)', 'f32', -1],
    ['trunc(-1.5)', 'f32', -1],
    ['round(2.5)', 'f32', 2],
    ['round(3.5)', 'f32', 4],
    ['round(-2.5)', 'f32', -2],
    ['fract(-1.25)', 'f32', 0.75],
    ['saturate(1.5)', 'f32', 1],
    ['step(1, 1.0)', 'f32', 1],
    ['fma(2, 3, 4.0)', 'f32', 10],
    ['mix(1, 3, 0.25)', 'f32', 1.5],
    ['mix(vec2(1, 2), vec2(3, 4), 0.5).y', 'f32', 3],
    ['pow(2, 10.0)', 'f32', 1024],
    ['exp2(-3.0)', 'f32', 0.125],
    ['log2(8.0)', 'f32', 3],
    ['inverseSqrt(0.25)', 'f32', 2],
    ['countOneBits(0xF0u)', 'u32', 4],
    ['countOneBits(-1)', 'i32', 32],
    ['countLeadingZeros(1i)', 'i32', 31],
    ['countTrailingZeros(8u)', 'u32', 3],
    ['countTrailingZeros(0)', 'i32', 32],
    ['select(1, 2.0, true)', 'f32', 2],
    ['select(vec2(1, 2), vec2(3, 4), vec2(true, false)).y', 'i32', 2],
    ['all(vec2(true, false))', 'bool', false],
    ['any(vec3(1, 2, 3) > vec3(2))', 'bool', true],
    ['dot(vec3(1, 2, 3), vec3(4, 5, 6))', 'i32', 32],
    ['dot(vec2u(4294967295), vec2u(2, 3))', 'u32', 4294967291],
    ['length(vec2(3.0, 4))', 'f32', 5],
    ['length(-2.0)', 'f32', 2],
    ['distance(vec2(1, 1), vec2(4.0, 5))', 'f32', 5],
    ['cross(vec3(1.0, 2, 3), vec3(4, 5, 6)).y', 'f32', 6],
    ['normalize(vec2(0.0, 3)).y', 'f32', 1],
  ]);
});

describe('vectors, matrices, arrays and structs', () => {
  testAgreement([
    ['(vec2(1, 2) * 3 + vec2(1)).y', 'i32', 7],
    ['vec4(vec2(1, 2), 3, 4.5).w', 'f32', 4.5],
    ['vec4(1, 2, 3, 4).wzyx.y', 'i32', 3],
    ['vec3(1, 2, 3)[1]', 'i32', 2],
    ['-vec2(1, 2).x', 'i32', -1],
    ['(vec2(1u, 2) << vec2(3u, 4)).y', 'u32', 32],
    ['mat2x3f(1, 2, 3, 4, 5, 6)[1].z', 'f32', 6],
    ['(mat2x3f(1, 2, 3, 4, 5, 6) * vec2f(1, 10)).z', 'f32', 63],
    ['(vec3f(1, 2, 3) * mat2x3f(1, 2, 3, 4, 5, 6)).y', 'f32', 32],
    ['(mat2x2f(1, 2, 3, 4) * mat2x2f(5, 6, 7, 8))[1].x', 'f32', 31],
    ['(2 * mat2x2f(1, 2, 3, 4) - mat2x2f(1, 1, 1, 1))[0].y', 'f32', 3],
    ['transpose(mat2x3f(1, 2, 3, 4, 5, 6))[2].y', 'f32', 6],
    ['array(1, 2.5)[0]', 'f32', 1],
    ['array(array(1, 2), array(3, 4))[1][0]', 'i32', 3],
    ['array<vec2f, 2>()[1].x', 'f32', 0],
  ]);

  it('can be constants', () => {
    expect(evaluate('vec3(1, 2.5, 3)')).toEqual(['vec3<f32>', [1, 2.5, 3]]);
    expect(evaluate('mat2x2f(1, 2, 3, 4)')).toEqual([
      'mat2x2<f32>',
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    expect(evaluate('array(vec2(1u), vec2(2))')).toEqual([
      'array<vec2<u32>, 2>',
      [
        [1, 1],
        [2, 2],
      ],
    ]);
  });

  it('have zero values', () => {
    const s = structType('S', [
      { name: 'a', type: vectorType(2, F32) },
      { name: 'b', type: BOOL },
    ]);
    expect(zeroValue(arrayType(s, 2))).toEqual([
      [[0, 0], false],
      [[0, 0], false],
    ]);
    expect(zeroValue(matrixType(2, 3))).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
});

describe('literals', () => {
  it.each<[string, Scalar, number]>([
    ['12', ABSTRACT_INT, 12],
    ['12i', I32, 12],
    ['12u', U32, 12],
    ['12f', F32, 12],
    ['1.', ABSTRACT_FLOAT, 1],
    ['.5f', F32, 0.5],
    ['1e3', ABSTRACT_FLOAT, 1000],
    ['1E-2f', F32, Math.fround(0.01)],
    ['0x1f', ABSTRACT_INT, 31],
    ['0X1Fu', U32, 31],
    ['0x1.8p1', ABSTRACT_FLOAT, 3],
    ['0x.8p-1f', F32, 0.25],
    ['0x1p-3', ABSTRACT_FLOAT, 0.125],
  ])('%s', (text, type, value) => {
    expect(parseNumber(text)).toEqual({ type, value });
  });
});

it('compares floats by value, not by bits', () => {
  expect(evaluateBinary('==', F32, 0, -0)).toBe(true);
});

describe('a constant expression without a value is an error with its position', () => {
  it.each([
    ['2147483648i', 'line 1, column 18: 2147483648 cannot be represented as i32'],
    ['3.5e38f', 'line 1, column 18: 3.5e38f cannot be represented as f32'],
    ['1i / (2i - 2i)', 'line 1, column 21: an integer is divided by 0'],
    ['1e38f * 10f', 'line 1, column 24: 9.999999680285692e+38 cannot be represented as f32'],
    [
      '1 << 60',
      'line 1, column 20: 1152921504606847000 exceeds 2^53, the largest abstract integer of this device',
    ],
    ['1u << 32u', 'line 1, column 21: a shift by 32 exceeds 31, the most for a 32-bit integer'],
    ['1073741824i << 1u', 'line 1, column 30: 1073741824 << 1 overflows'],
    ['u32(-1)', 'line 1, column 18: -1 cannot be represented as u32'],
    ['log(-1.0)', 'line 1, column 18: log(-1) has no value'],
    ['pow(-2.0, 2.0)', 'line 1, column 18: pow(-2, 2) has no value'],
    ['clamp(1, 3, 2)', 'line 1, column 18: the low end of clamp, 3, is above the high end, 2'],
    ['vec2(1, 2)[2]', 'line 1, column 29: index 2 is outside 0 to 1'],
  ])('%s', (expression, message) => {
    expect(checkError(`fn f() { var x = ${expression}; }`)).toBe(message);
  });
});

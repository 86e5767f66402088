/** Buffers as 32-bit words of a WGSL type: filled with random values, and compared. */

import { F32, type Scalar, strideOf, type Type, U32 } from '../../../src/cpu/wgsl/types.js';
import type { Random } from './random.js';

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);

/** The f32 with the given bits. */
export function bitsToFloat(bits: number): number {
  words[0] = bits;
  return floats[0]!;
}

/** The bits of a number, rounded to f32. */
export function floatBits(value: number): number {
  floats[0] = value;
  return words[0]!;
}

/** The scalar type of each of `count` words of a buffer; `undefined` for padding. */
function scalarsInWords(type: Type, count: number): (Scalar | undefined)[] {
  const scalars: (Scalar | undefined)[] = Array(count).fill(undefined);
  const visit = (part: Type, offset: number): void => {
    switch (part.kind) {
      case 'scalar':
        if (offset < count) scalars[offset] = part;
        return;
      case 'struct':
        for (const member of part.members) visit(member.type, offset + member.offset / 4);
        return;
      case 'vector':
      case 'matrix':
      case 'array': {
        const stride = strideOf(part) / 4;
        const [element, fixedLength] = elementLayout(part);
        const length = fixedLength ?? Math.floor((count - offset) / stride);
        for (let n = 0; n < length; n++) visit(element, offset + n * stride);
        return;
      }
      default:
        throw new Error(`A buffer cannot hold a ${part.kind}.`);
    }
  };
  visit(type, 0);
  return scalars;
}

/** The type and number of elements; no number for a runtime-sized array. */
function elementLayout(type: Extract<Type, { kind: 'vector' | 'matrix' | 'array' }>) {
  if (type.kind === 'matrix')
    return [{ kind: 'vector', size: type.rows, element: F32 }, type.columns] as const;
  return [type.element, type.kind === 'vector' ? type.size : type.count] as const;
}

const INTEGERS = [0, 1, 2, 3, 31, 32, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe];
const FLOATS = [
  0, -0, 1, -1, 0.5, 1.5, 2.5, -3.75, 1e-40, -1e-40, 1e38, -3e38, 4294967296, -2147483904,
];
const NOT_FINITE = [Infinity, -Infinity, Number.NaN];

/**
 * Fills a buffer with random values: small numbers, edge cases of each type, and arbitrary bits.
 *
 * @param isPortable whether every f32 is a small integer, so that all devices compute the same.
 */
export function fillWords(
  buffer: Uint32Array,
  type: Type,
  random: Random,
  isPortable: boolean,
): void {
  const scalars = scalarsInWords(type, buffer.length);
  for (let n = 0; n < buffer.length; n++) {
    if (scalars[n] === F32)
      buffer[n] = floatBits(isPortable ? random.between(-99, 99) : randomFloat(random));
    else if (random.chance(0.5)) buffer[n] = random.below(12);
    else buffer[n] = random.chance(0.5) ? random.pick(INTEGERS) : random.bits();
  }
}

function randomFloat(random: Random): number {
  const choice = random.below(20);
  if (choice < 8) return random.between(-9, 9);
  if (choice < 14) return random.between(-4000, 4000) / 64;
  if (choice < 18) return random.pick(FLOATS);
  if (choice < 19) return random.pick(NOT_FINITE);
  const arbitrary = bitsToFloat(random.bits());
  return Number.isNaN(arbitrary) ? 1 : arbitrary;
}

/**
 * Describes the first word in which two buffers differ; `undefined` if there is none. NaN equals
 * NaN.
 *
 * @param anyZero whether 0 equals -0, since WGSL lets a device give either.
 */
export function difference(
  type: Type,
  expected: Uint32Array,
  actual: Uint32Array,
  anyZero = false,
): string | undefined {
  let scalars: (Scalar | undefined)[] | undefined;
  for (let n = 0; n < expected.length; n++) {
    const [p, q] = [expected[n]!, actual[n]!];
    if (p === q) continue;
    scalars ??= scalarsInWords(type, expected.length);
    const scalar = scalars[n];
    if (scalar === F32) {
      const [a, b] = [bitsToFloat(p), bitsToFloat(q)];
      if (Number.isNaN(a) && Number.isNaN(b)) continue;
      if (anyZero && a === b) continue;
      return `word ${n} is ${b}, not ${a}`;
    }
    const integer = (bits: number) => (scalar === U32 ? bits : bits | 0);
    return `word ${n}${scalar ? '' : ' (padding)'} is ${integer(q)}, not ${integer(p)}`;
  }
  return undefined;
}

/** Buffers as 32-bit words of known types: filled at random, and compared. */

import { F32, type Scalar, strideOf, type Type, U32 } from '../../../src/cpu/wgsl/types.js';
import type { Random } from './random.js';

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);

/** The f32 with these bits. */
export function bitsToFloat(bits: number): number {
  words[0] = bits;
  return floats[0]!;
}

/** The bits of a number, rounded to f32. */
export function floatBits(value: number): number {
  floats[0] = value;
  return words[0]!;
}

/** The scalar in each of a buffer's words; `undefined` where there is padding. */
function scalarsInWords(type: Type, count: number): (Scalar | undefined)[] {
  const scalars: (Scalar | undefined)[] = Array(count).fill(undefined);
  const visit = (part: Type, at: number): void => {
    switch (part.kind) {
      case 'scalar':
        if (at < count) scalars[at] = part;
        return;
      case 'struct':
        for (const member of part.members) visit(member.type, at + member.offset / 4);
        return;
      case 'vector':
      case 'matrix':
      case 'array': {
        const stride = strideOf(part) / 4;
        const [inner, length] = elementLayout(part);
        const most = length ?? Math.floor((count - at) / stride);
        for (let n = 0; n < most; n++) visit(inner, at + n * stride);
        return;
      }
      default:
        throw new Error(`No buffer holds a ${part.kind}.`);
    }
  };
  visit(type, 0);
  return scalars;
}

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
 * Fills a buffer with small numbers, numbers at the edges of their types, and any others.
 *
 * @param isPortable whether floats are whole and small.
 */
export function fillWords(
  into: Uint32Array,
  type: Type,
  random: Random,
  isPortable: boolean,
): void {
  const scalars = scalarsInWords(type, into.length);
  for (let n = 0; n < into.length; n++) {
    if (scalars[n] === F32)
      into[n] = floatBits(isPortable ? random.between(-99, 99) : randomFloat(random));
    else if (random.chance(0.5)) into[n] = random.below(12);
    else into[n] = random.chance(0.5) ? random.pick(INTEGERS) : random.bits();
  }
}

function randomFloat(random: Random): number {
  const at = random.below(20);
  if (at < 8) return random.between(-9, 9);
  if (at < 14) return random.between(-4000, 4000) / 64;
  if (at < 18) return random.pick(FLOATS);
  if (at < 19) return random.pick(NOT_FINITE);
  const any = bitsToFloat(random.bits());
  return Number.isNaN(any) ? 1 : any;
}

/**
 * Where two buffers differ first, for people; `undefined` where they do not. NaN equals NaN.
 *
 * @param anyZero whether 0 equals -0, as WGSL lets a device have it.
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
    const show = (bits: number) => (scalar === U32 ? bits : bits | 0);
    return `word ${n}${scalar ? '' : ' (padding)'} is ${show(q)}, not ${show(p)}`;
  }
  return undefined;
}

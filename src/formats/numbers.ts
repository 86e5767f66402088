/** Number formats that JavaScript has no exact type for: 64-bit integers and half precision. */

/** The reason to reject a 64-bit integer that float64 would round. */
export function unsafeIntegerReason(value: bigint): string {
  return `it contains ${value}, which is beyond the integers that float64 keeps exactly`;
}

/** A 64-bit integer as a number; undefined where float64 would round it. */
export function safeInteger(value: bigint): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The value of a half-precision number (IEEE 754 binary16) from its 16 bits. */
export function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

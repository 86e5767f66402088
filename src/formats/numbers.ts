/** Numbers that JavaScript has no array for. */

/** What to say of an integer of 64 bits that would not stay itself. */
export function pastExact(value: bigint): string {
  return `it holds ${value}, which is past the integers a number keeps exactly`;
}

/** An integer of 64 bits as a number; undefined where that would be another. */
export function exactNumber(value: bigint): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A number of half precision, from its bits. */
export function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

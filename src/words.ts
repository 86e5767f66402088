/** Numbers as they are read. */

/** A count with its thousands apart. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

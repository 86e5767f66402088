/** Numbers as they are read. */

/** A count with its thousands apart. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** A share as a percentage of three digits. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

/** A number with so many decimals; what rounds to nothing has no sign. */
export function decimals(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text;
}

/** Seconds in three digits. */
export function inSeconds(seconds: number): string {
  return `${Number(seconds.toPrecision(3))} s`;
}

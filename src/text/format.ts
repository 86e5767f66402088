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
export function formatSeconds(seconds: number): string {
  return `${Number(seconds.toPrecision(3))} s`;
}

/** A duration in the unit it is best read in: seconds, minutes or hours. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

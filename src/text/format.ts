/** Numbers, shares and durations as readable text. */

/** A count with a comma between thousands: '1,234,567'. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** A share between 0 and 1 as a percentage with three significant digits: '12.3%'. */
export function formatPercent(share: number): string {
  return `${Number((100 * share).toPrecision(3))}%`;
}

/** A number with `digits` decimals; a value that rounds to zero has no sign. */
export function formatDecimals(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text;
}

/** Seconds with three significant digits: '0.125 s'. */
export function formatSeconds(seconds: number): string {
  return `${Number(seconds.toPrecision(3))} s`;
}

/**
 * A duration in seconds, minutes or hours, whichever is easiest to read; '?' where it is not
 * finite.
 */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** A text with its first letter in upper case. */
export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Stands for a score that does not exist. */
export const NO_SCORE = '–';

/** A score with three decimals; a dash if it is not finite. */
export function formatScore(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : NO_SCORE;
}

/** The first items of a list, and how many more there are: "a, b and 3 more". */
export function formatList(items: readonly string[], limit: number): string {
  const hidden = items.length - limit;
  const shown = items.slice(0, limit).join(', ');
  return hidden > 0 ? `${shown} and ${hidden} more` : shown;
}

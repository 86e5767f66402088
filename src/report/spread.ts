/** How scores and results of several seeds are written. */

import { mean } from '../math/statistics.js';
import { capitalize, formatDecimals } from '../text/format.js';

/**
 * The mean of some numbers, with the lowest and the highest in parentheses; empty for no numbers.
 *
 * @param digits decimals. Default: three, or one where a number is 2 or more.
 */
export function describeSpread(
  values: readonly number[],
  digits = Math.max(...values.map(Math.abs)) < 2 ? 3 : 1,
): string {
  if (values.length === 0) return '';
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (values.length === 1) return formatDecimals(low, digits);
  return `${formatDecimals(mean(values), digits)} (${formatDecimals(low, digits)} to ${formatDecimals(high, digits)})`;
}

/** The title of a score where it begins a sentence; symbols such as r stay as they are. */
export function scoreAsStart(title: string): string {
  return title.length > 1 ? capitalize(title) : title;
}

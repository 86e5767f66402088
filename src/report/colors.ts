/** Color schemes for images, which are drawn without Vega. */

import type { Rgb } from './png.js';

/** The color of a share from 0 to 1 in one of Vega's continuous schemes, such as 'viridis'. */
export async function schemeColors(name: string): Promise<(share: number) => Rgb> {
  const { scheme } = await import('vega');
  const paint = scheme(name) as unknown as (share: number) => string;
  return (share) => parseColor(paint(share));
}

/** Parses a color as Vega writes it: rgb(1, 2, 3) or #010203. */
function parseColor(text: string): Rgb {
  const parts = text.startsWith('#')
    ? [1, 3, 5].map((start) => Number.parseInt(text.slice(start, start + 2), 16))
    : (text.match(/[\d.]+/g) ?? []).map(Number);
  return [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0];
}

/** What tests read from drawn figures. */

import type { Figure } from '../../src/report/draw.js';

/** Width of a drawing in pixels. */
export function drawnWidth({ svg }: Pick<Figure, 'svg'>): number {
  return Number(/<svg[^>]*\bwidth="([\d.]+)"/.exec(svg)![1]);
}

/** The texts of a drawing, in order; a text of several lines is one for each. */
export function drawnTexts({ svg }: Pick<Figure, 'svg'>): string[] {
  return [...svg.matchAll(/<(?:text|tspan)[^>]*>([^<]+)</g)].map(([, text]) => text!);
}

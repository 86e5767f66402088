/** Figures: a Vega-Lite specification in, an SVG and the numbers behind it out. */

import type { TopLevelSpec } from 'vega-lite';
import { toCsv } from '../text/table.js';

export interface Figure {
  /** Of its files, too: letters, digits and dashes. */
  readonly name: string;
  readonly title: string;
  /** What is seen, in a sentence or two. */
  readonly caption: string;
  readonly svg: string;
  /** The numbers behind it. */
  readonly csv: string;
}

/** Recorded, generated, and further series. */
export const COLORS = { recorded: '#3b4a5a', generated: '#e07b39', other: '#4c8c8a' } as const;

const CONFIG = {
  background: 'white',
  font: 'Helvetica, Arial, sans-serif',
  axis: {
    labelColor: '#333',
    titleColor: '#333',
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    gridColor: '#eee',
    domainColor: '#888',
    tickColor: '#888',
  },
  legend: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal' },
  title: { fontSize: 13, fontWeight: 'normal', color: '#222' },
  view: { stroke: null },
} as const;

/** A figure of rows of numbers; the rows are its CSV. */
export async function draw(
  facts: Omit<Figure, 'svg' | 'csv'>,
  rows: readonly object[],
  spec: object,
): Promise<Figure> {
  // Half of the time in which the command line starts would go into loading them.
  const [{ parse, View }, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const whole = { ...spec, data: { values: rows }, config: CONFIG } as unknown as TopLevelSpec;
  const view = new View(parse(compile(whole).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return { ...facts, svg, csv: toCsv(rows) };
}

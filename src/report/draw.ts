/** Drawing of figures: a Vega-Lite specification in, an SVG and its numbers as CSV out. */

import type { TopLevelSpec } from 'vega-lite';
import { printable } from '../text/printable.js';
import { toCsv } from '../text/table.js';

/** A figure with its caption and its numbers. */
export interface Figure {
  /** Its name, from which that of its files is made, see `fileNames`. */
  readonly name: string;
  /** Title, as plain text. */
  readonly title: string;
  /** What the figure shows, in a sentence or two. */
  readonly caption: string;
  /** The drawing. */
  readonly svg: string;
  /** The numbers drawn, with a header. */
  readonly csv: string;
}

/** Colors of recorded, generated and other series. */
export const COLORS = { recorded: '#3b4a5a', generated: '#e07b39', other: '#4c8c8a' } as const;

/** Pixels; Vega-Lite cuts labels off earlier than that. */
const LABEL_LIMIT = 500;

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
    labelLimit: LABEL_LIMIT,
  },
  header: { labelLimit: LABEL_LIMIT },
  legend: {
    labelLimit: LABEL_LIMIT,
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
  },
  title: { fontSize: 13, fontWeight: 'normal', color: '#222' },
  view: { stroke: null },
} as const;

/**
 * A panel of a score with one point per seed, and lines that connect the means.
 *
 * @param panel its x is the encoding of the horizontal axis,
 *   its color that of colors, or a single color
 */
export function seedsPanel(
  panel: { field: string; title: string; x: object; color: object | string },
  size: { readonly width: number; readonly height: number },
): object {
  const { field, title, x, color } = panel;
  const [mark, encoding] = typeof color === 'string' ? [{ color }, {}] : [{}, { color }];
  const y = { field, type: 'quantitative', title, scale: { zero: false } };
  return {
    ...size,
    layer: [
      {
        mark: { type: 'line', strokeWidth: 1.6, ...mark },
        encoding: { x, y: { ...y, aggregate: 'mean' }, ...encoding },
      },
      {
        mark: { type: 'point', filled: true, size: 36, ...mark },
        encoding: { x, y, ...encoding },
      },
    ],
  };
}

/**
 * Draws rows of numbers; the rows become the figure's CSV.
 *
 * @param spec a Vega-Lite specification without its data and its style.
 */
export async function draw(
  facts: Omit<Figure, 'svg' | 'csv'>,
  rows: readonly object[],
  spec: object,
): Promise<Figure> {
  // Loaded when first needed: loading them at startup would double the startup time of the command
  // line.
  const [{ parse, View }, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const completeSpec = {
    ...spec,
    data: { values: rows },
    config: CONFIG,
  } as unknown as TopLevelSpec;
  const view = new View(parse(compile(completeSpec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return { ...facts, svg: printable(svg), csv: printable(toCsv(rows)) };
}

/** Drawing of figures: a Vega-Lite specification in, an SVG and its numbers as CSV out. */

import type { TopLevelSpec } from 'vega-lite';
import { printable } from '../text/printable.js';
import { toCsv } from '../text/table.js';
import { textWidth, VEGA_CONFIG } from './theme.js';

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

/** What Vega measures texts by; its types leave it out. */
interface TextMetrics {
  width(item: { readonly fontSize?: number; readonly fontWeight?: unknown }, text: unknown): number;
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
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  // Vega measures texts where there is a canvas and guesses far too much where there is none.
  const { textMetrics } = vega as unknown as { textMetrics: TextMetrics };
  textMetrics.width = ({ fontSize: size, fontWeight }, text) =>
    textWidth(String(text ?? ''), { ...(size && { size }), isBold: fontWeight === 'bold' });
  const completeSpec = {
    ...spec,
    data: { values: rows },
    config: VEGA_CONFIG,
  } as unknown as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(completeSpec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return { ...facts, svg: printable(withOwnIds(svg)), csv: printable(toCsv(rows)) };
}

/** A drawing whose ids count from 1: Vega's count on over all drawings, so none is like another. */
function withOwnIds(svg: string): string {
  const ids = [...svg.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id!);
  const numbers = new Map(ids.map((id, n) => [id, n + 1]));
  const renamed = (id: string) => `part${numbers.get(id) ?? id}`;
  return svg
    .replace(/\bid="([^"]+)"/g, (_, id: string) => `id="${renamed(id)}"`)
    .replace(/url\(#([^)]+)\)/g, (_, id: string) => `url(#${renamed(id)})`);
}

/** Pages as single HTML files with styles, figures and numbers embedded. */

import { printable } from '../text/printable.js';
import type { Figure } from './draw.js';

/** A table of text cells; the first column holds row titles. */
export interface Table {
  readonly title: string;
  /** A note below the table. */
  readonly caption?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A section of a page: paragraphs, tables and figures, in this order. */
export interface Section {
  readonly title: string;
  /** One paragraph each. */
  readonly text: readonly string[];
  readonly tables?: readonly Table[];
  readonly figures?: readonly Figure[];
}

/** Escapes text for use in HTML and in quoted attributes. */
export function escapeHtml(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const STYLE = `
  body { font: 15px/1.5 Helvetica, Arial, sans-serif; color: #222; max-width: 1000px; margin: 2em auto; padding: 0 1em; }
  h1 { font-size: 1.6em; margin-bottom: 0.2em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ddd; }
  figure { display: inline-block; vertical-align: top; margin: 0.8em 1.2em 0.8em 0; max-width: 100%; }
  figure svg { max-width: 100%; height: auto; } figcaption { font-size: 0.85em; color: #555; } figcaption a { color: inherit; }
  table { border-collapse: collapse; margin: 0.6em 0; font-size: 0.9em; } caption { text-align: left; font-weight: bold; }
  th, td { padding: 0.2em 0.8em; text-align: right; border-bottom: 1px solid #eee; } th { border-bottom: 1px solid #888; }
  th:first-child, td:first-child { text-align: left; }
  td:nth-child(n + 3) { white-space: nowrap; } .lead { color: #555; } .note { font-size: 0.85em; color: #555; }
`;

/** Renders a page. Text between backticks is set as code. @param lead a line below the title. */
export function renderPage(title: string, lead: string, sections: readonly Section[]): string {
  const body = sections.map(sectionHtml).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${escapeHtml(lead)}</p>
${body}
</body>
</html>
`;
}

function sectionHtml({ title, text, tables = [], figures = [] }: Section): string {
  const paragraphs = text.map((sentence) => `<p>${codeMarked(sentence)}</p>`);
  return [
    `<h2>${escapeHtml(title)}</h2>`,
    ...paragraphs,
    ...tables.map(tableHtml),
    ...figures.map(figureHtml),
  ].join('\n');
}

/** Escapes text, and sets what is between backticks as code. */
function codeMarked(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function tableHtml({ title, caption, head, rows }: Table): string {
  const cells = (kind: 'th' | 'td', values: readonly string[]) =>
    `<tr>${values.map((value) => `<${kind}>${codeMarked(value)}</${kind}>`).join('')}</tr>`;
  return `<table><caption>${escapeHtml(title)}</caption>
<thead>${cells('th', head)}</thead>
<tbody>${rows.map((row) => cells('td', row)).join('\n')}</tbody></table>${caption === undefined ? '' : `\n<p class="note">${codeMarked(caption)}</p>`}`;
}

function figureHtml({ name, title, caption, svg, csv }: Figure): string {
  // Ids are unique within a drawing only; the prefix makes them unique within the page.
  const uniqueSvg = svg
    .replace(/\bid="([^"]+)"/g, `id="${name}-$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${name}-$1)`);
  // The figure is as wide as its drawing, so that small figures stand side by side.
  const width = /<svg[^>]*\bwidth="([\d.]+)"/.exec(svg)?.[1] ?? '640';
  const numbers = `data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`;
  return `<figure style="width: ${width}px"><div role="img" aria-label="${escapeHtml(title)}">${uniqueSvg}</div>
<figcaption><b>${escapeHtml(title)}.</b> ${codeMarked(caption)} <a href="${numbers}" download="${name}.csv">Numbers</a></figcaption></figure>`;
}

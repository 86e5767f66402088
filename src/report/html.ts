/** The report as one HTML file that needs nothing else. */

import type { Figure } from './draw.js';

export interface Table {
  readonly title: string;
  readonly caption?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A part of a report: sentences, tables and figures, in this order. */
export interface Section {
  readonly title: string;
  readonly text: readonly string[];
  readonly tables?: readonly Table[];
  readonly figures?: readonly Figure[];
}

export function escapeHtml(text: string): string {
  return text
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

/** The page. Text between backticks is set as code. */
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
  const paragraphs = text.map((sentence) => `<p>${marked(sentence)}</p>`);
  return [
    `<h2>${escapeHtml(title)}</h2>`,
    ...paragraphs,
    ...tables.map(tableHtml),
    ...figures.map(figureHtml),
  ].join('\n');
}

function marked(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function tableHtml({ title, caption, head, rows }: Table): string {
  const cells = (kind: 'th' | 'td', values: readonly string[]) =>
    `<tr>${values.map((value) => `<${kind}>${marked(value)}</${kind}>`).join('')}</tr>`;
  return `<table><caption>${escapeHtml(title)}</caption>
<thead>${cells('th', head)}</thead>
<tbody>${rows.map((row) => cells('td', row)).join('\n')}</tbody></table>${caption === undefined ? '' : `\n<p class="note">${marked(caption)}</p>`}`;
}

function figureHtml({ name, title, caption, svg, csv }: Figure): string {
  // Ids inside a drawing are its own: in one page they must not meet those of another.
  const own = svg
    .replace(/\bid="([^"]+)"/g, `id="${name}-$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${name}-$1)`);
  // As wide as its drawing, so that small figures stand side by side.
  const width = /<svg[^>]*\bwidth="([\d.]+)"/.exec(svg)?.[1] ?? '640';
  const numbers = `data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`;
  return `<figure style="width: ${width}px"><div role="img" aria-label="${escapeHtml(title)}">${own}</div>
<figcaption><b>${escapeHtml(title)}.</b> ${marked(caption)} <a href="${numbers}" download="${name}.csv">Numbers</a></figcaption></figure>`;
}

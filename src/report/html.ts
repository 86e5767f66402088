/** Pages as single HTML files with styles, figures and numbers embedded. */

import { printable } from '../text/printable.js';
import type { Figure } from './draw.js';
import { FULL_WIDTH, PANEL_GAP } from './theme.js';

/** A table of text cells; the first column holds row titles. */
export interface Table {
  readonly title: string;
  /** A note below the table. */
  readonly caption?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What was asked of the data, and what came out. */
export interface Answer {
  /** The question, in a few words. */
  readonly asked: string;
  /** The result with its interval, and what it is to be compared with; a sentence or two. */
  readonly answer: string;
}

/** A section of a page: paragraphs, tables and figures, in this order. */
export interface Section {
  readonly title: string;
  /** One paragraph each. */
  readonly text: readonly string[];
  readonly tables?: readonly Table[];
  readonly figures?: readonly Figure[];
  /** Its results in short, with which the page opens. */
  readonly answers?: readonly Answer[];
}

/** Escapes text for use in HTML and in quoted attributes. */
export function escapeHtml(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Pixels of a page, and of a character and of the sides of a cell in its tables, about. */
const [PAGE_WIDTH, CHARACTER_WIDTH, CELL_PADDING] = [970, 7, 22];
/** Characters in a line of a column of words, where a table is too wide for all. */
const WORDS_CHARACTERS = 30;

const STYLE = `
  body { font: 15px/1.5 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif; color: #20262d; max-width: 1000px; margin: 2em auto; padding: 0 1em; }
  h1 { font-size: 1.6em; margin-bottom: 0.2em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ddd; }
  .result { border: 1px solid #c9ced4; border-left: 5px solid #c94a10; border-radius: 4px; padding: 0.4em 1.2em; margin: 1.2em 0; }
  .result h2 { border: 0; margin: 0.4em 0; } .result dt { font-weight: bold; } .result dd { margin: 0 0 0.7em 0; }
  figure { display: inline-block; vertical-align: top; margin: 0.8em 1.2em 0.8em 0; max-width: 100%; }
  figure svg { max-width: 100%; height: auto; } figcaption { font-size: 0.85em; color: #57606a; } figcaption a { color: inherit; }
  .table { overflow-x: auto; } table { border-collapse: collapse; margin: 0.6em 0; font-size: 0.9em; } caption { text-align: left; font-weight: bold; }
  th, td { padding: 0.2em 0.8em; text-align: right; vertical-align: top; border-bottom: 1px solid #eee; } th { border-bottom: 1px solid #888; }
  td { white-space: nowrap; } th.words, td.words { text-align: left; white-space: normal; }
  .dense td span { display: block; font-size: 0.9em; color: #57606a; } .lead { color: #57606a; } .note { font-size: 0.85em; color: #57606a; }
  @page { margin: 15mm; }
  @media print {
    body { font-size: 10pt; max-width: none; margin: 0; padding: 0; color: black; }
    a, figcaption a { color: inherit; text-decoration: none; } .download { display: none; }
    section + section { break-before: page; } section.result + section { break-before: auto; }
    h2, caption { break-after: avoid; } figure, tr, dt, dd, .result { break-inside: avoid; } dt { break-after: avoid; }
    figure { max-width: 150mm; margin: 2mm 4mm 2mm 0; } figure.half { max-width: 84mm; } figure svg { max-height: 220mm; } figcaption { font-size: 8pt; }
    .table { overflow: visible; } table { font-size: 7.5pt; } th, td { padding: 0.1em 0.4em; } thead { display: table-header-group; }
    .result, table { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  }
`;

/**
 * Renders a page. It opens with the answers of its sections, if they have any. Text between
 * backticks is set as code.
 *
 * @param lead a line below the title.
 */
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
${resultHtml(sections.flatMap(({ answers = [] }) => answers))}${body}
</body>
</html>
`;
}

/** A box with all answers; empty if there are none. */
function resultHtml(answers: readonly Answer[]): string {
  if (answers.length === 0) return '';
  const entries = answers.map(
    ({ asked, answer }) => `<dt>${codeMarked(asked)}</dt><dd>${codeMarked(answer)}</dd>`,
  );
  return `<section class="result"><h2>Result</h2><dl>\n${entries.join('\n')}\n</dl></section>\n`;
}

function sectionHtml({ title, text, tables = [], figures = [] }: Section): string {
  const paragraphs = text.map((sentence) => `<p>${codeMarked(sentence)}</p>`);
  return [
    '<section>',
    `<h2>${escapeHtml(title)}</h2>`,
    ...paragraphs,
    ...tables.map(tableHtml),
    ...figures.map(figureHtml),
    '</section>',
  ].join('\n');
}

/** Escapes text, and sets what is between backticks as code. */
function codeMarked(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function tableHtml({ title, caption, head, rows }: Table): string {
  const areWords = head.map((_, n) => n === 0 || isOfWords(rows.map((row) => row[n]!)));
  const isDense = tableWidth(head, rows, areWords) > PAGE_WIDTH;
  const cells = (kind: 'th' | 'td', values: readonly string[]) =>
    values
      .map((value, n) => {
        if (areWords[n]) return `<${kind} class="words">${codeMarked(value)}</${kind}>`;
        return `<${kind}>${isDense ? withRangeBelow(value) : codeMarked(value)}</${kind}>`;
      })
      .join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<div class="table"><table${isDense ? ' class="dense"' : ''}><caption>${escapeHtml(title)}</caption>
<thead><tr>${cells('th', head)}</tr></thead>
<tbody>${body}</tbody></table></div>${caption === undefined ? '' : `\n<p class="note">${codeMarked(caption)}</p>`}`;
}

/** Whether most cells of a column, of those that say something, are words and not numbers. */
function isOfWords(cells: readonly string[]): boolean {
  const filled = cells.filter((cell) => /[\p{L}\p{N}]/u.test(cell));
  return filled.filter((cell) => !/^[<>]?\s?[-−+]?[\d.]/.test(cell)).length * 2 > filled.length;
}

/** A number whose range stands below it, if it has one. */
function withRangeBelow(cell: string): string {
  return codeMarked(cell).replace(/(?<=^\S+ )\(.+\)$/, '<span>$&</span>');
}

/** Pixels of a table with numbers in a line each, and with words in lines of moderate length. */
function tableWidth(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  areWords: readonly boolean[],
): number {
  return head.reduce((width, title, n) => {
    const characters = Math.max(...[title, ...rows.map((row) => row[n]!)].map((c) => c.length));
    const shown = areWords[n] ? Math.min(characters, WORDS_CHARACTERS) : characters;
    return width + shown * CHARACTER_WIDTH + CELL_PADDING;
  }, 0);
}

/** A drawing whose ids begin with a prefix: they are unique within a drawing only. */
function withIdPrefix(svg: string, prefix: string): string {
  return svg
    .replace(/\bid="([^"]+)"/g, `id="${prefix}-$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${prefix}-$1)`);
}

function figureHtml({ name, title, caption, svg, csv }: Figure): string {
  const uniqueSvg = withIdPrefix(svg, name);
  // The figure is as wide as its drawing, so that small figures stand side by side.
  const width = Number(/<svg[^>]*\bwidth="([\d.]+)"/.exec(svg)?.[1] ?? FULL_WIDTH);
  const isHalf = 2 * width <= FULL_WIDTH + PANEL_GAP;
  const numbers = `data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`;
  return `<figure${isHalf ? ' class="half"' : ''} style="width: ${width}px"><div role="img" aria-label="${escapeHtml(title)}">${uniqueSvg}</div>
<figcaption><b>${escapeHtml(title)}.</b> ${codeMarked(caption)} <a class="download" href="${numbers}" download="${name}.csv">Numbers</a></figcaption></figure>`;
}

import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/neuroformer/config.js';
import { draw } from '../../src/report/draw.js';
import { renderPage } from '../../src/report/html.js';
import { lossFigures } from '../../src/report/losses.js';
import { mapFigures } from '../../src/report/maps.js';
import {
  intervalFigure,
  psthFigure,
  rasterFigure,
  rateFigure,
  spikeTriggeredFigure,
} from '../../src/report/spikes.js';
import { FULL_WIDTH, HALF_WIDTH, ROLES } from '../../src/report/theme.js';
import { toCsv } from '../../src/text/table.js';
import { drawnWidth } from '../helpers/figures.js';

describe('a figure', () => {
  it('is an SVG with its numbers as CSV', async () => {
    const rows = [
      { x: 1, y: 2, what: 'a, "b"' },
      { x: 2, y: 4, what: 'c' },
    ];
    const figure = await draw({ name: 'f', title: 'F', caption: '' }, rows, {
      mark: 'point',
      encoding: {
        x: { field: 'x', type: 'quantitative' },
        y: { field: 'y', type: 'quantitative' },
      },
    });
    expect(figure.svg).toMatch(/^<svg.+<\/svg>$/s);
    expect(figure.csv).toBe('x,y,what\n1,2,"a, ""b"""\n2,4,c\n');
    expect(toCsv([])).toBe('');
  });

  it('is the same each time it is drawn', async () => {
    const trial = { times: [[0.1, 0.5, 1.2]], from: 0, to: 2 };
    const metrics = [1, 2].map((step) => ({ step, kind: 'train' as const, losses: { id: step } }));
    const drawn = () =>
      Promise.all([
        rasterFigure(trial, trial, 2, 'own'),
        lossFigures(metrics, parseConfig({}).config, 2),
        mapFigures([{ name: 'm', title: 'M', quantity: 'r', values: new Float64Array(4) }], 2),
      ]);
    expect(await drawn()).toEqual(await drawn());
  });

  it('of spikes holds those within the time shown, recorded and generated', async () => {
    const segment = (...times: number[]) => ({ times: [times], from: 10, to: 20 });
    const { csv } = await rasterFigure(segment(10.5, 11, 12.5), segment(10.25), 2, 'own');
    expect(csv).toBe('source,neuron,time\nrecorded,0,0.5\nrecorded,0,1\ngenerated,0,0.25\n');
  });

  it('of spikes separates groups and marks hubs, where they are known', async () => {
    const segment = { times: [[1], [2], [3], [4]], from: 0, to: 5 };
    const raster = (marks?: { hubs: number[]; groups: number }) =>
      rasterFigure(segment, segment, 5, 'own', marks);
    const [plain, marked] = [await raster(), await raster({ hubs: [1, 3], groups: 2 })];
    const count = (svg: string, element: RegExp) => svg.match(element)?.length ?? 0;
    const added = (element: RegExp) => count(marked.svg, element) - count(plain.svg, element);
    // One line and two triangles in each of two panels.
    expect(added(/<line/g)).toBe(2);
    expect(added(/<path[^>]*fill="#20262d"/g)).toBe(4);
    expect(marked.caption).toMatch(/ Lines separate groups, triangles mark hubs\.$/);
    expect(plain.caption).not.toContain('hubs');
  });

  it('of spikes has what was recorded in one color and what was generated in another', async () => {
    const trial = (...times: number[]) => ({ times: [times, []], from: 0, to: 2 });
    const trials = [trial(0.1, 0.5, 1.2), trial(0.3, 0.4, 1.9)];
    const window = { before: 0.02, after: 0.02, bin: 0.02 };
    const rates = Float64Array.of(1, 2);
    const [raster, intervals, psth, around, scatter] = await Promise.all([
      rasterFigure(trials[0]!, trials[1]!, 2, 'own'),
      intervalFigure(trials, trials, 0.01),
      psthFigure(trials, trials, 0.5, 1),
      spikeTriggeredFigure(rates, rates, window, ''),
      rateFigure(rates, rates, 1),
    ]);
    for (const { svg } of [raster, intervals, psth, around]) {
      expect(svg).toContain(ROLES.truth);
      expect(svg).toContain(ROLES.model);
    }
    expect(psth.title).toBe('PSTH');
    expect(psth.caption).toContain('Peristimulus time histogram');
    for (const figure of [raster, psth]) expect(drawnWidth(figure)).toBeLessThanOrEqual(FULL_WIDTH);
    for (const figure of [intervals, around, scatter]) expect(drawnWidth(figure)).toBe(HALF_WIDTH);
  });

  it('of bins has lines that end with the last bin', async () => {
    const trial = (...times: number[]) => ({ times: [times], from: 0, to: 2 });
    const [more, fewer] = [[trial(0.1, 0.5, 1.2)], [trial(0.3, 0.4, 1.9)]];
    for (const { svg } of [
      await intervalFigure(more, fewer, 0.01),
      await spikeTriggeredFigure(
        Float64Array.of(1, 3),
        Float64Array.of(2, 1),
        { before: 0.02, after: 0.02, bin: 0.02 },
        '',
      ),
    ]) {
      const lines = [...svg.matchAll(/d="M([^"]+)"[^>]*stroke="#[^"]+" stroke-width="2/g)];
      expect(lines.length).toBeGreaterThan(0);
      for (const [, path] of lines) {
        const points = path!.split('L').map((point) => point.split(',').map(Number));
        const end = Math.max(...points.map(([x]) => x!));
        const atEnd = points.filter(([x]) => x === end).map(([, y]) => y);
        // Without an end, the line drops where the last bin begins.
        expect(new Set(atEnd).size).toBe(1);
      }
    }
  });

  it('of rates around spikes is in milliseconds, or in seconds where it is long', async () => {
    const rates = Float64Array.of(1, 2);
    const around = (step: number) =>
      spikeTriggeredFigure(rates, rates, { before: step, after: step, bin: step }, '');
    expect((await around(0.02)).csv.split('\n')[1]).toBe('recorded,-20,1');
    expect((await around(2)).csv).toMatch(/^source,time_s,rate\nrecorded,-2,1\n/);
  });
});

describe('a page', () => {
  it('escapes text, and makes the ids of every drawing unique', () => {
    const svg = '<svg width="300" height="10"><clipPath id="c"/><g clip-path="url(#c)"/></svg>';
    const figure = (name: string) => ({ name, title: name, caption: 'a `b` <c>', svg, csv: '' });
    const html = renderPage('A & B', 'x < y', [
      { title: 'T', text: ['1 < 2'], figures: [figure('rates'), figure('losses')] },
    ]);
    expect(html).toContain('<h1>A &amp; B</h1>');
    expect(html).toContain('<p>1 &lt; 2</p>');
    expect(html).toContain('a <code>b</code> &lt;c&gt;');
    for (const name of ['rates', 'losses']) {
      expect(html).toContain(`id="${name}-c"`);
      expect(html).toContain(`url(#${name}-c)`);
    }
    expect(html).toContain('style="width: 300px"');
  });

  it('opens with the answers of all sections, before the details', () => {
    const section = (title: string, ...asked: string[]) => ({
      title,
      text: ['details'],
      answers: asked.map((question) => ({ asked: question, answer: `r < 1 of \`${question}\`` })),
    });
    const html = renderPage('T', '', [section('A', 'first', 'second'), section('B', 'third')]);
    const box = /<section class="result">.*?<\/section>/s.exec(html)![0];
    expect([...box.matchAll(/<dt>(.+?)<\/dt>/g)].map(([, asked]) => asked)).toEqual([
      'first',
      'second',
      'third',
    ]);
    expect(box).toContain('<dd>r &lt; 1 of <code>first</code></dd>');
    expect(html.indexOf(box)).toBeLessThan(html.indexOf('<h2>A</h2>'));
    expect(renderPage('T', '', [section('A')])).not.toContain('class="result"');
  });

  describe('a table', () => {
    const rendered = (head: string[], ...rows: string[][]) =>
      renderPage('T', '', [{ title: 'A', text: [], tables: [{ title: 'B', head, rows }] }]);
    const RANGE = '0.500 (0.400 to 0.600)';

    it('sets words from the left, in lines, and numbers from the right', () => {
      const html = rendered(
        ['decoder', '', 'r', 'step', 'says'],
        ['GLM', 'penalty 3', '-0.1', '0.05 s', 'r = 0.5 (0.4 to 0.6)'],
        ['mean', 'of all', '–', '', 'less'],
        ['7', '0.4 s of spikes', RANGE, '2 ms', ''],
      );
      expect(html).toContain(
        '<th class="words">decoder</th><th class="words"></th><th>r</th><th>step</th><th class="words">says</th>',
      );
      expect(html).toContain(
        '<td class="words">GLM</td><td class="words">penalty 3</td><td>-0.1</td><td>0.05 s</td><td class="words">r = 0.5 (0.4 to 0.6)</td>',
      );
      expect(html).toContain(
        '<td class="words">of all</td><td>–</td><td></td><td class="words">less</td>',
      );
      expect(html).toContain('<td class="words">7</td><td class="words">0.4 s of spikes</td>');
    });

    it('has ranges in lines of their own where it is wider than the page', () => {
      const cells = (columns: number, cell: string) => Array.from({ length: columns }, () => cell);
      const table = (columns: number) =>
        rendered(cells(columns + 1, 'r'), ['model', ...cells(columns, RANGE)]);
      expect(table(4)).toContain('<table><caption>');
      expect(table(6)).toContain('<table class="dense"><caption>');
      expect(table(4)).toContain(`<td>${RANGE}</td>`);
      expect(table(6)).toContain('<td>0.500 <span>(0.400 to 0.600)</span></td>');
      expect(table(6)).toMatch(/\.dense td span \{ display: block;/);
    });
  });

  it('prints each section on pages of its own, no figure cut, links like text', () => {
    const html = renderPage('T', '', [{ title: 'A', text: [] }]);
    const print = html.slice(html.indexOf('@media print'), html.indexOf('</style>'));
    expect(print).toMatch(/section \+ section \{ break-before: page; \}/);
    expect(print).toMatch(/figure, [^{]*\{ break-inside: avoid; \}/);
    expect(print).toMatch(/a, figcaption a \{ color: inherit; text-decoration: none; \}/);
  });
});

import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { draw } from '../../src/report/draw.js';
import { lossFigure, mapFigures, rasterFigure } from '../../src/report/figures.js';
import { renderPage } from '../../src/report/html.js';
import { toCsv } from '../../src/text/table.js';

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

  it('of losses has one panel per loss, and only the total where there is one loss', async () => {
    const line = (losses: Record<string, number>) => ({ step: 1, kind: 'train' as const, losses });
    const twoLosses = await lossFigure([line({ id: 1, time: 2, loss: 3 })]);
    expect(twoLosses.csv.trim().split('\n')).toHaveLength(4);
    const oneLoss = await lossFigure([line({ turn: 1, loss: 1 })]);
    expect(oneLoss.csv).toBe('step,windows,loss,value\n1,training,total,1\n');
  });

  it('of spikes holds those within the time shown, recorded and generated', async () => {
    const segment = (...times: number[]) => ({ times: [times], from: 10, to: 20 });
    const { csv } = await rasterFigure(segment(10.5, 11, 12.5), segment(10.25), 2, 'own');
    expect(csv).toBe('source,neuron,time\nrecorded,0,0.5\nrecorded,0,1\ngenerated,0,0.25\n');
  });

  it('of many pairs is an image between axes, with one cell per pair', async () => {
    const neurons = 65;
    const values = new Float64Array(neurons * neurons);
    values[2 * neurons + 1] = 1;
    const [figure] = await mapFigures([{ name: 'm', title: 'M', values }], neurons);
    const [, data] = /data:image\/png;base64,([^"]+)"/.exec(figure!.svg)!;
    const png = Buffer.from(data!, 'base64');
    expect([...png.subarray(1, 4)]).toEqual([...'PNG'].map((c) => c.charCodeAt(0)));
    const scale = Math.ceil(600 / neurons);
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([
      neurons * scale,
      neurons * scale,
    ]);
    const pixels = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
    const cellColor = (target: number, source: number) => {
      const start = target * scale * (1 + 3 * neurons * scale) + 1 + 3 * source * scale;
      return [...pixels.subarray(start, start + 3)];
    };
    expect(cellColor(3, 3), 'the diagonal').toEqual([255, 255, 255]);
    expect(cellColor(2, 1), 'the strongest pair').toEqual([253, 231, 37]);
    expect(cellColor(1, 2), 'a pair with value 0').toEqual([68, 1, 84]);
    expect(figure!.svg.length).toBeLessThan(100_000);
  });

  it('of pairs leaves out the diagonal', async () => {
    const [figure] = await mapFigures(
      [{ name: 'm', title: 'M', values: Float64Array.of(9, 1, -2, 9) }],
      2,
    );
    expect(figure!.csv).toBe('target,source,value\n0,1,1\n1,0,-2\n');
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
});

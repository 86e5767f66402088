import { describe, expect, it } from 'vitest';
import { type DotPlot, dotPlot } from '../../src/report/dot-plot.js';
import { draw } from '../../src/report/draw.js';
import { FULL_WIDTH, ROLES } from '../../src/report/theme.js';
import { drawnTexts, drawnWidth } from '../helpers/figures.js';

const series = [
  { name: 'model', color: ROLES.model },
  { name: 'untrained', color: ROLES.baseline, hollow: true },
];
const row = (method: string, source: string, score: number, more: object = {}) => ({
  method,
  source,
  score,
  ...more,
});
const plotted = (rows: DotPlot['rows'], more: Partial<DotPlot> = {}) =>
  draw(
    { name: 'f', title: 'F', caption: '' },
    rows,
    dotPlot({
      rows,
      label: 'method',
      kind: 'source',
      series,
      panels: [{ field: 'score', title: 'score' }],
      ...more,
    }),
  );
/** How many dots of a color there are, filled with it or hollow. */
function dots(svg: string, color: string, isHollow: boolean): number {
  const points = svg.match(/<path[^>]*aria-roledescription="point"[^>]*>/g) ?? [];
  return points.filter(
    (point) =>
      point.includes(`stroke="${color}"`) && point.includes(`fill="${color}"`) !== isHollow,
  ).length;
}

describe('a plot of scores', () => {
  it('has a dot for each row, hollow for series that are', async () => {
    const { svg } = await plotted([
      row('a', 'model', 1),
      row('a', 'untrained', 0.5),
      row('b', 'model', 2),
    ]);
    expect(dots(svg, ROLES.model, false)).toBe(2);
    expect(dots(svg, ROLES.baseline, true)).toBe(1);
    expect(dots(svg, ROLES.baseline, false)).toBe(0);
  });

  it('has labels in the order of rows, in lines where they are long', async () => {
    const texts = drawnTexts(
      await plotted([
        row('GRU on counts, both directions, 0.39 s', 'model', 1),
        row('ridge', 'model', 2),
      ]),
    );
    expect(texts.slice(texts.indexOf('GRU on counts, both'))).toEqual(
      expect.arrayContaining(['GRU on counts, both', 'directions, 0.39 s', 'ridge']),
    );
    expect(texts.indexOf('ridge')).toBeGreaterThan(texts.indexOf('directions, 0.39 s'));
  });

  it('has small points for repeats, and a dot for their mean', async () => {
    const rows = [row('a', 'model', 1), row('a', 'model', 3), row('b', 'model', 2)];
    const { svg } = await plotted(rows, { repeated: true });
    // Single points are drawn by their outline alone.
    expect(dots(svg, ROLES.model, true)).toBe(3);
    expect(dots(svg, ROLES.model, false)).toBe(2);
    const means = svg.match(/aria-label="score: 2; method: a; source: model"/g);
    expect(means, 'the mean of 1 and 3').toHaveLength(1);
  });

  it('has dots beyond the axis as triangles at its end', async () => {
    const rows = [
      row('a', 'model', 0.5, { low: 0.4, high: 0.6 }),
      row('b', 'model', 9, { low: 8, high: 10 }),
    ];
    const panel = { field: 'score', title: 'score', interval: ['low', 'high'] as const };
    const shapes = async (domain?: readonly [number, number]) => {
      const { svg } = await plotted(rows, { panels: [{ ...panel, ...(domain && { domain }) }] });
      return {
        // A circle has arcs, a triangle has none.
        circles: svg.match(/aria-roledescription="point"[^>]* d="[^"]*A[^"]*"/g)?.length ?? 0,
        triangles: svg.match(/aria-roledescription="point"[^>]* d="[^"A]*"/g)?.length ?? 0,
      };
    };
    expect(await shapes()).toMatchObject({ circles: 2, triangles: 0 });
    expect(await shapes([0, 1])).toMatchObject({ circles: 1, triangles: 1 });
  });

  it('names a reference above its line, or beside an arrow with its value where it is beyond', async () => {
    const rows = [row('a', 'model', 0.5), row('b', 'model', 0.6)];
    const figure = (domain?: readonly [number, number]) =>
      plotted(rows, {
        panels: [
          {
            field: 'score',
            title: 'score',
            reference: { value: -0.25, name: 'chance' },
            ...(domain && { domain }),
          },
        ],
      });
    const [within, beyond] = [await figure(), await figure([0, 1])];
    expect(drawnTexts(within)).toContain('chance');
    expect(within.svg).toContain('stroke-dasharray');
    expect(drawnTexts(beyond)).toContain('chance −0.25');
    expect(beyond.svg).not.toContain('stroke-dasharray');
  });

  it.each([1, 2, 3, 4])('fits the column with %i panels', async (count) => {
    const rows = ['Poisson Bayes, rates of its window', 'ridge'].map((method, n) =>
      row(method, 'model', n, { other: 1000 * n }),
    );
    const panels = Array.from({ length: count }, (_, n) => ({
      field: n % 2 === 0 ? 'score' : 'other',
      title: `panel ${n}`,
    }));
    const figure = await plotted(rows, { panels });
    expect(drawnWidth(figure)).toBeLessThanOrEqual(FULL_WIDTH);
    for (const { title } of panels) expect(drawnTexts(figure)).toContain(title);
  });

  it('takes names of fields that would be read as paths', async () => {
    const rows = [{ method: 'a', source: 'model', 'gaze.x': 0.5 }];
    const { svg } = await plotted(rows, { panels: [{ field: 'gaze.x', title: 'R2 of gaze.x' }] });
    expect(dots(svg, ROLES.model, false)).toBe(1);
  });
});

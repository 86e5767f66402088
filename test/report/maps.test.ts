import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { mapFigures } from '../../src/report/maps.js';
import { FULL_WIDTH } from '../../src/report/theme.js';
import { drawnTexts, drawnWidth } from '../helpers/figures.js';

const named = (values: Float64Array) => ({
  name: 'm',
  title: 'M',
  quantity: 'correlation r',
  values,
});

/** The pixels of the image in a drawing, by the cells of a map. */
function cellColors(svg: string, neurons: number) {
  const [, data] = /data:image\/png;base64,([^"]+)"/.exec(svg)!;
  const png = Buffer.from(data!, 'base64');
  const scale = png.readUInt32BE(16) / neurons;
  const pixels = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  return {
    scale,
    height: png.readUInt32BE(20),
    colorOf: (target: number, source: number) => {
      const start = target * scale * (1 + 3 * neurons * scale) + 1 + 3 * source * scale;
      return [...pixels.subarray(start, start + 3)];
    },
  };
}

describe('a map of all pairs', () => {
  it('is an image between axes, whose zero is white and whose diagonal is gray', async () => {
    const neurons = 65;
    const values = new Float64Array(neurons * neurons);
    values[2 * neurons + 1] = 1;
    const [figure] = await mapFigures([named(values)], neurons);
    const { scale, height, colorOf } = cellColors(figure!.svg, neurons);
    expect(scale).toBe(Math.ceil(600 / neurons));
    expect(height).toBe(neurons * scale);
    expect(colorOf(3, 3), 'the diagonal').toEqual([214, 218, 222]);
    expect(colorOf(2, 1), 'the strongest pair').toEqual([103, 0, 31]);
    expect(colorOf(1, 2), 'a pair with value 0').toEqual([255, 255, 255]);
    expect(figure!.svg.length).toBeLessThan(100_000);
  });

  it('has the same colors above zero whether or not others are below', async () => {
    const figures = await mapFigures(
      [named(Float64Array.of(0, 1, 0.5, 0)), named(Float64Array.of(0, 1, -1, 0))],
      2,
    );
    const [positive, signed] = figures.map(({ svg }) => cellColors(svg, 2));
    expect(signed!.colorOf(0, 1)).toEqual(positive!.colorOf(0, 1));
    expect(signed!.colorOf(1, 0)).toEqual([8, 48, 107]);
  });

  it('leaves out the diagonal', async () => {
    const [figure] = await mapFigures([named(Float64Array.of(9, 1, -2, 9))], 2);
    expect(figure!.csv).toBe('target,source,value\n0,1,1\n1,0,-2\n');
  });

  it('has labels on both axes and on its scale of colors, and two fit side by side', async () => {
    const [figure] = await mapFigures([named(Float64Array.of(0, 1, -2, 0))], 2);
    const texts = drawnTexts(figure!);
    for (const text of ['source neuron', 'target neuron', 'correlation r'])
      expect(texts).toContain(text);
    expect(2 * drawnWidth(figure!)).toBeLessThanOrEqual(FULL_WIDTH + 20);
  });

  it('marks hubs and the boundaries of groups, where they are known', async () => {
    const map = named(new Float64Array(36));
    const [plain] = await mapFigures([map], 6);
    const [marked] = await mapFigures([map], 6, { hubs: [0, 4], groups: 3 });
    expect(marked!.caption).toBe(`${plain!.caption} Lines separate groups, triangles mark hubs.`);
    // Two boundaries across and two down are dashed; nothing else is.
    expect(plain!.svg.match(/stroke-dasharray/g)).toBeNull();
    expect(marked!.svg.match(/stroke-dasharray/g)).toHaveLength(4);
  });
});

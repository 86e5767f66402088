/** Pictures of many cells: a matrix of hundreds of rows is too much for an SVG of rectangles. */

import { crc32, deflateSync } from 'node:zlib';

/** Red, green and blue from 0 to 255. */
export type Rgb = readonly [number, number, number];

/**
 * A PNG of `width` x `height` cells, each `scale` pixels wide, as a data URL. https://www.w3.org/TR/png/
 *
 * @param color of the cell in a column and a row.
 */
export function pngUrl(
  width: number,
  height: number,
  scale: number,
  color: (column: number, row: number) => Rgb,
): string {
  const [w, h] = [width * scale, height * scale];
  const line = 1 + 3 * w;
  const pixels = new Uint8Array(line * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      pixels.set(color(Math.floor(x / scale), Math.floor(y / scale)), y * line + 1 + 3 * x);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, w);
  view.setUint32(4, h);
  header.set([8, 2, 0, 0, 0], 8);
  const png = Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', new Uint8Array()),
  ]);
  return `data:image/png;base64,${png.toString('base64')}`;
}

function chunk(kind: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

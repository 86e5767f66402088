/** Pictures of many cells: a matrix of hundreds of rows is too much for an SVG of rectangles. */

import { zlibSync } from 'fflate';
import { crc32 } from '../formats/checksums.js';

/** Red, green and blue from 0 to 255. */
export type Rgb = readonly [number, number, number];

/**
 * A PNG of `width` x `height` cells, each `scale` pixels wide, as a data URL. https://www.w3.org/TR/png/
 *
 * @param color of the cell in a column and a row.
 */
export function pngDataUrl(
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
  const png = joined([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    chunk('IDAT', zlibSync(pixels)),
    chunk('IEND', new Uint8Array()),
  ]);
  return `data:image/png;base64,${base64(png)}`;
}

function chunk(kind: string, data: Uint8Array): Uint8Array {
  const named = joined([new TextEncoder().encode(kind), data]);
  return joined([bigEndian(data.length), named, bigEndian(crc32(named))]);
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Bytes that are turned into letters at once: a call takes only so many arguments. */
const PIECE_BYTES = 2 ** 13;

function base64(bytes: Uint8Array): string {
  let letters = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    letters += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  return btoa(letters);
}

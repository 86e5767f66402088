/** PNG images of large matrices, for which an SVG with a rectangle per cell would be too big. */

import { zlibSync } from 'fflate';
import { crc32 } from '../formats/checksums.js';

/** Red, green and blue from 0 to 255. */
export type Rgb = readonly [number, number, number];

/**
 * Encodes a matrix of colored cells as a PNG (https://www.w3.org/TR/png/), and returns it as a data
 * URL.
 *
 * @param width columns of the matrix.
 * @param height rows of the matrix.
 * @param scale pixels per cell, across and down.
 * @param color the color of a cell.
 */
export function pngDataUrl(
  width: number,
  height: number,
  scale: number,
  color: (column: number, row: number) => Rgb,
): string {
  const [pixelWidth, pixelHeight] = [width * scale, height * scale];
  // A line of pixels follows a byte for its filter: 0, none.
  const stride = 1 + 3 * pixelWidth;
  const pixels = new Uint8Array(stride * pixelHeight);
  for (let y = 0; y < pixelHeight; y++)
    for (let x = 0; x < pixelWidth; x++)
      pixels.set(color(Math.floor(x / scale), Math.floor(y / scale)), y * stride + 1 + 3 * x);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, pixelWidth);
  view.setUint32(4, pixelHeight);
  // 8 bits a channel, RGB; the only methods of compression and filtering; not interlaced.
  header.set([8, 2, 0, 0, 0], 8);
  const png = joined([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk('IHDR', header),
    chunk('IDAT', zlibSync(pixels)),
    chunk('IEND', new Uint8Array()),
  ]);
  return `data:image/png;base64,${base64(png)}`;
}

/** A chunk: the length of its data, its type, its data and a checksum. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const typed = joined([new TextEncoder().encode(type), data]);
  return joined([bigEndian(data.length), typed, bigEndian(crc32(typed))]);
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** Bytes passed to one call of String.fromCharCode, which takes a limited number of arguments. */
const MAX_ARGUMENTS = 2 ** 13;

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += MAX_ARGUMENTS)
    binary += String.fromCharCode(...bytes.subarray(start, start + MAX_ARGUMENTS));
  return btoa(binary);
}

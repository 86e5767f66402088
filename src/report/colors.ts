/**
 * Scales from numbers to colors, for drawings and for images, which are drawn without Vega. In each
 * the lightness says how large a number is, so that no hue has to be told from another.
 */

import type { Rgb } from './png.js';

/** Colors at equal distances, between which a scale is linear: #rrggbb. */
export type ColorStops = readonly string[];

/** From nothing to much. */
export const SEQUENTIAL: ColorStops = [
  '#ffffff',
  '#d3e3f0',
  '#8fbbdb',
  '#4486bb',
  '#1b5390',
  '#08254d',
];
/** The same for points, which would not be seen in white. */
export const SEQUENTIAL_POINTS: ColorStops = ['#b5d2e7', '#6aa3cd', '#2c6ba6', '#08254d'];
/** From 0 up; in a map beside others that go below 0. */
export const POSITIVE: ColorStops = ['#ffffff', '#f7c3a6', '#df6f52', '#b32231', '#67001f'];
/** From below 0 to above: blue is negative, red positive, white 0. */
export const DIVERGING: ColorStops = ['#08306b', '#2166ac', '#5b9fcb', '#bcd9ea', ...POSITIVE];
/** Of angles: the last color is the first again. */
export const CYCLIC: ColorStops = ['#d9a320', '#8c3b1f', '#26245f', '#5aa5d8', '#d9a320'];

/** Vega's scale from `low` to `high`, beyond which colors stay the same. */
export function colorScale(stops: ColorStops, low: number, high: number): object {
  const domain = stops.map((_, n) => low + ((high - low) * n) / (stops.length - 1));
  return { domain, range: stops, clamp: true, interpolate: 'rgb' };
}

/** The color of a share from 0 to 1 of a scale. */
export function colorAt(stops: ColorStops, share: number): Rgb {
  const position = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(position));
  const [from, to] = [parseColor(stops[below]!), parseColor(stops[below + 1]!)];
  const mixed = (n: 0 | 1 | 2) => Math.round(from[n] + (position - below) * (to[n] - from[n]));
  return [mixed(0), mixed(1), mixed(2)];
}

/** Parses a color such as #010203. */
export function parseColor(text: string): Rgb {
  const part = (start: number) => Number.parseInt(text.slice(start, start + 2), 16);
  return [part(1), part(3), part(5)];
}

/** The legend of a color scale: a bar right of the figure, with the quantity along it. */
export function colorBar(quantity: string, length: number): object {
  return {
    orient: 'right',
    title: quantity,
    titleOrient: 'right',
    titleAnchor: 'middle',
    gradientLength: length,
    gradientThickness: 12,
    tickCount: 5,
    format: '.3~g',
  };
}

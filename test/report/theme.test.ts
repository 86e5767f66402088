import { describe, expect, it } from 'vitest';
import {
  type ColorStops,
  CYCLIC,
  colorAt,
  colorScale,
  DIVERGING,
  POSITIVE,
  parseColor,
  SEQUENTIAL,
  SEQUENTIAL_POINTS,
} from '../../src/report/colors.js';
import type { Rgb } from '../../src/report/png.js';
import { fieldName, OTHER, ROLES, wrapped } from '../../src/report/theme.js';

type Triple = readonly [number, number, number];

/** How eyes without one of the three cones see linear RGB (Machado et al. 2009, severity 1). */
const EYES: Readonly<Record<string, readonly [Triple, Triple, Triple]>> = {
  'three cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  'no green cones': [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  'no red cones': [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  'no blue cones': [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const dot = (a: Triple, b: Triple) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const clamp = (share: number) => Math.min(1, Math.max(0, share));

/** A color in CIE Lab, as some eyes see it. */
function lab(color: Rgb, eyes: keyof typeof EYES = 'three cones'): Triple {
  const linear = color.map((part) =>
    part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
  ) as unknown as Triple;
  const seen = EYES[eyes]!.map((row) => clamp(dot(row, linear))) as unknown as Triple;
  const [x, y, z] = [
    dot([0.4124, 0.3576, 0.1805], seen) / 0.95047,
    dot([0.2126, 0.7152, 0.0722], seen),
    dot([0.0193, 0.1192, 0.9505], seen) / 1.08883,
  ].map((t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116)) as [number, number, number];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const lightness = (color: Rgb) => lab(color)[0];
const distance = (a: Triple, b: Triple) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

describe('the colors of truth, model and baseline', () => {
  const pairs = [
    ['truth', 'model'],
    ['truth', 'baseline'],
    ['model', 'baseline'],
  ] as const;

  it.each(Object.keys(EYES))('stay well apart for eyes with %s', (eyes) => {
    for (const [a, b] of pairs)
      expect(
        distance(lab(parseColor(ROLES[a]), eyes), lab(parseColor(ROLES[b]), eyes)),
        `${a} and ${b}`,
      ).toBeGreaterThan(40);
  });

  it('differ in lightness, so that they do in print without colors', () => {
    for (const [a, b] of pairs)
      expect(
        Math.abs(lightness(parseColor(ROLES[a])) - lightness(parseColor(ROLES[b]))),
      ).toBeGreaterThan(9);
  });

  it('are seen on white, as the fourth color is', () => {
    for (const color of [...Object.values(ROLES), OTHER])
      expect(lightness(parseColor(color))).toBeLessThan(62);
  });
});

describe('scales of colors', () => {
  const lightnesses = (stops: ColorStops) =>
    Array.from({ length: 41 }, (_, n) => lightness(colorAt(stops, n / 40)));
  const falls = (values: readonly number[]) =>
    values.slice(1).every((value, n) => value < values[n]! + 0.01);

  it('grow darker with every number', () => {
    for (const stops of [SEQUENTIAL, SEQUENTIAL_POINTS, POSITIVE])
      expect(falls(lightnesses(stops))).toBe(true);
  });

  it('grow darker to both sides of zero, which is white', () => {
    const values = lightnesses(DIVERGING);
    expect(colorAt(DIVERGING, 0.5)).toEqual([255, 255, 255]);
    expect(falls(values.slice(20))).toBe(true);
    expect(falls(values.slice(0, 21).reverse())).toBe(true);
  });

  it('end where they begin for angles, and tell opposite angles apart', () => {
    expect(CYCLIC.at(-1)).toBe(CYCLIC[0]);
    for (const eyes of Object.keys(EYES))
      for (const share of [0, 0.25])
        expect(
          distance(lab(colorAt(CYCLIC, share), eyes), lab(colorAt(CYCLIC, share + 0.5), eyes)),
        ).toBeGreaterThan(35);
  });

  it('are the same in drawings and in images', () => {
    const stops = ['#000000', '#ff0000', '#ffff00'];
    expect(colorScale(stops, -2, 2)).toMatchObject({ domain: [-2, 0, 2], range: stops });
    expect([0, 0.25, 0.5, 0.75, 1, 7].map((share) => colorAt(stops, share))).toEqual([
      [0, 0, 0],
      [128, 0, 0],
      [255, 0, 0],
      [255, 128, 0],
      [255, 255, 0],
      [255, 255, 0],
    ]);
  });
});

describe('labels', () => {
  it('are broken between words into lines of a length', () => {
    expect(wrapped('GRU on counts, both directions', 16)).toEqual([
      'GRU on counts,',
      'both directions',
    ]);
    expect(wrapped('short', 16)).toEqual(['short']);
    expect(wrapped('a verylongwordindeed b', 8)).toEqual(['a', 'verylongwordindeed', 'b']);
  });

  it('of fields are escaped where they would be read as paths', () => {
    expect(fieldName('gaze.x[0]')).toBe('gaze\\.x\\[0\\]');
  });
});

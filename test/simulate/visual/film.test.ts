import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../../src/math/random.js';
import { mean } from '../../../src/math/statistics.js';
import {
  FILM_LEVEL,
  FILM_LIMIT,
  type Film,
  makeFilm,
  mapsOnScreen,
  retinalImage,
  screenOf,
} from '../../../src/simulate/visual/film.js';
import { streamingCorrelation } from './streaming.js';

const filmAt = (speed: number, size = 16, frames = 400) =>
  makeFilm(new Float32Array(frames).fill(speed), size, new HostRandom(5));

describe('a film', () => {
  it('has the 251 levels of brightness of its screen, and uses most of them', () => {
    const { canvas } = filmAt(10);
    const levels = new Set(
      Array.from(canvas, (value) => Number(((value + FILM_LIMIT) / FILM_LEVEL).toFixed(4))),
    );
    for (const level of levels)
      expect([level % 1, level >= 0, level <= 250]).toEqual([0, true, true]);
    expect(levels.size).toBeGreaterThan(200);
  });

  it('streams to the left by half a pixel a second for each cm/s', () => {
    const running = screenOf(filmAt(20));
    // In half a second: 5 pixels to the left, which a texture that is smooth over a pixel reveals.
    expect(streamingCorrelation(running, 16, () => 5)).toBeGreaterThan(0.65);
    for (const wrong of [0, 2, 8, -5])
      expect(streamingCorrelation(running, 16, () => wrong)).toBeLessThan(0.4);
    expect(streamingCorrelation(screenOf(filmAt(0)), 16, () => 0)).toBeGreaterThan(0.65);
  });

  it('has blobs that no running moves: some pixels change while the animal rests', () => {
    const screen = screenOf(filmAt(0));
    const changes = (pixel: number) => {
      const values = Array.from({ length: 400 }, (_, n) => screen[n * 256 + pixel]!);
      return Math.max(...values) - Math.min(...values);
    };
    const ranges = Array.from({ length: 256 }, (_, pixel) => changes(pixel));
    expect(mean(ranges)).toBeGreaterThan(2);
  });

  it('of another size shows as much, with more pixels and a margin that grows with it', () => {
    for (const [size, margin] of [
      [8, 2],
      [16, 4],
      [32, 8],
    ] as const) {
      const film = filmAt(20, size, 200);
      expect(film).toMatchObject({ frames: 200, size, margin });
      // The same share of the screen in half a second.
      const shift = (5 * size) / 16;
      expect(streamingCorrelation(screenOf(film), size, () => Math.round(shift))).toBeGreaterThan(
        0.5,
      );
    }
  });
});

describe('what the eye sees of a film', () => {
  /** Two frames whose brightness is the column plus a hundred times the row, in the canvas. */
  const film: Film = {
    frames: 2,
    size: 16,
    margin: 4,
    canvas: Float32Array.from({ length: 2 * 24 * 24 }, (_, n) => {
      const pixel = n % (24 * 24);
      return (pixel % 24) + 100 * Math.floor(pixel / 24);
    }),
  };
  const seen = (phi: number, theta: number) => {
    const image = retinalImage(film, {
      phi: Float32Array.of(0, phi),
      theta: Float32Array.of(0, theta),
    });
    return (x: number, y: number) => image[256 + y * 16 + x]!;
  };

  it('is the screen, if it looks straight ahead', () => {
    const straight = { phi: new Float32Array(2), theta: new Float32Array(2) };
    expect(retinalImage(film, straight)).toEqual(screenOf(film));
    expect(screenOf(film)[0]).toBe(4 + 400);
  });

  it('is a pixel further to the right or down for six degrees of gaze', () => {
    expect(seen(6, 0)(3, 5)).toBeCloseTo(seen(0, 0)(4, 5), 3);
    expect(seen(0, -12)(3, 5)).toBeCloseTo(seen(0, 0)(3, 3), 3);
    expect(seen(12, 8)(15, 15)).toBeCloseTo(4 + 15 + 2 + 100 * (4 + 15 + 8 / 6), 2);
  });

  it('is between pixels in proportion', () => {
    expect(seen(1.5, 0)(3, 5)).toBeCloseTo(4 + 3.25 + 100 * 9, 3);
  });
});

describe('a map of what the eye sees, on the screen', () => {
  const random = new HostRandom(8);
  const [size, margin] = [8, 2];
  const map = Float32Array.from({ length: size * size }, () => random.uniform());
  const gaze = (phi: number[], theta: number[]) => ({
    phi: Float32Array.from(phi),
    theta: Float32Array.from(theta),
  });

  it('is the map, if the eye looks straight ahead', () => {
    expect(mapsOnScreen(map, size, gaze([0], [0]))).toEqual(map);
  });

  it('is to the right of it if the eye looks to the right, and leaves out what is off the screen', () => {
    // In a film of 8 pixels a side, one of them has 12 degrees.
    const seen = mapsOnScreen(map, size, gaze([12], [0]));
    for (let n = 0; n < size * size; n++) expect(seen[n]).toBe(n % size === 0 ? 0 : map[n - 1]);
  });

  it('is what a bright pixel of the screen does to what the eye sees, on average', () => {
    const frames = 20;
    const look = gaze(
      Array.from({ length: frames }, () => 9 * random.normal()),
      Array.from({ length: frames }, () => 9 * random.normal()),
    );
    const seen = mapsOnScreen(map, size, look);
    const side = size + 2 * margin;
    for (const [x, y] of [
      [0, 0],
      [3, 5],
      [7, 2],
    ] as const) {
      const canvas = new Float32Array(frames * side * side);
      for (let n = 0; n < frames; n++) canvas[(n * side + y + margin) * side + x + margin] = 1;
      const image = retinalImage({ frames, size, margin, canvas }, look);
      const response = image.reduce((sum, value, n) => sum + value * map[n % map.length]!, 0);
      expect(seen[y * size + x], `${x}, ${y}`).toBeCloseTo(response / frames, 5);
    }
  });

  it('is of every map on its own', () => {
    const both = new Float32Array(2 * map.length);
    both.set(map, map.length);
    const look = gaze([5, -8], [3, 1]);
    const seen = mapsOnScreen(both, size, look);
    expect(seen.slice(0, map.length)).toEqual(new Float32Array(map.length));
    expect(seen.slice(map.length)).toEqual(mapsOnScreen(map, size, look));
  });
});

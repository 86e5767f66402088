import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../../src/math/random.js';
import { mean } from '../../../src/math/statistics.js';
import {
  FILM_LEVEL,
  FILM_LIMIT,
  type Film,
  makeFilm,
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

import { describe, expect, it } from 'vitest';
import {
  averageOverPlaces,
  hidePlace,
  pixelCount,
  placeAt,
  placeCenters,
  placeCount,
  type StimulusGrid,
} from '../../src/probe/stimulus-grid.js';

/** Places of 2 x 4 pixels, two apart, in a film of 4 x 6 pixels. */
const GRID: StimulusGrid = {
  film: [2, 4, 6],
  places: [1, 2, 2],
  kernel: [2, 2, 4],
  stride: [2, 2, 2],
};

describe('the places of a film', () => {
  it('are counted in one frame, as its pixels are', () => {
    expect([placeCount(GRID), pixelCount(GRID)]).toEqual([4, 24]);
  });

  it('have centers between their first and last pixels', () => {
    expect([...placeCenters(GRID)]).toEqual([1.5, 0.5, 3.5, 0.5, 1.5, 2.5, 3.5, 2.5]);
  });

  it('are of those pixels that are nearest to them, and no others', () => {
    const row = (y: number) => Array.from({ length: 6 }, (_, x) => placeAt(GRID, x, y));
    expect(row(0)).toEqual([undefined, 0, 0, 1, 1, undefined]);
    expect(row(3)).toEqual([undefined, 2, 2, 3, 3, undefined]);
    const side = { ...GRID, kernel: [2, 2, 2], places: [1, 2, 3] } as StimulusGrid;
    expect([0, 1, 2, 3, 4, 5].map((x) => placeAt(side, x, 2))).toEqual([3, 3, 4, 4, 5, 5]);
  });

  it('have the means of their pixels', () => {
    const pixels = Float64Array.from({ length: 48 }, (_, n) => (n < 24 ? n : 0));
    pixels[24] = 8;
    expect([...averageOverPlaces(pixels, GRID)]).toEqual([4.5, 6.5, 16.5, 18.5, 1, 0, 0, 0]);
  });

  it('are hidden in all frames', () => {
    const frames = Float32Array.from({ length: 48 }, (_, n) => n + 1);
    const hidden = hidePlace(frames, GRID, 3, 0);
    const changed = [...frames.keys()].filter((n) => hidden[n] !== frames[n]);
    expect(changed).toEqual([14, 15, 16, 17, 20, 21, 22, 23, 38, 39, 40, 41, 44, 45, 46, 47]);
    expect(changed.every((n) => hidden[n] === 0)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { FilmColumns, type OverlappingRows } from '../../src/analyze/film-columns.js';
import { addTransposedTimes, timesRows } from '../../src/analyze/film-products.js';
import { HostRandom } from '../../src/math/random.js';

/** Every row of a matrix as a list. */
function rowLists({ columns, values, starts }: OverlappingRows): number[][] {
  return Array.from(starts, (start) => [...values.subarray(start, start + columns)]);
}

const close = (values: readonly number[]) => values.map((v) => expect.closeTo(v, 12));

describe('the columns of a film', () => {
  // Two frames of 2 x 4 pixels, averaged to 1 x 2.
  const film = [1, 3, 5, 5, 1, 3, 5, 5, 3, 5, 1, 1, 3, 5, 1, 1];
  const settings = { height: 2, width: 4, step: 0.05, average: 2 };

  it('are pixels averaged down, in standard deviations over all places, after the frame before', () => {
    // Blocks: 2 and 5, then 4 and 1; means 3 and 3; squared deviations 1, 4, 1, 4: variance 2.5.
    const { rows, onShow } = new FilmColumns([film], { ...settings, frames: 2 }).show(
      film,
      4,
      0.02,
    );
    const [a, b] = [1 / Math.sqrt(2.5), 2 / Math.sqrt(2.5)];
    expect(rowLists(rows)).toEqual([close([0, 0, -a, b]), close([-a, b, a, -b])]);
    // Bins end at 20, 40, 60 and 80 ms; the middle of the third is 50 ms.
    expect([...onShow]).toEqual([0, 0, 1, 1]);
  });

  it('may include squares of what differs from the mean pixel', () => {
    const columns = new FilmColumns([film], { ...settings, frames: 1, squares: true });
    expect(columns.columns).toBe(4);
    // The deviations of a pixel are equal in size, so its squares are constant.
    expect(rowLists(columns.show(film, 1, 0.01).rows)[0]!.slice(2)).toEqual([0, 0]);
    // Against the means of that film (2, 4, 3, 3), this frame deviates by 1 or 3, and by 4 or 0.
    const other = [3, 1, 7, 3, 3, 7, 7, 3];
    const squared = rowLists(columns.show(other, 1, 0.01).rows)[0]!.slice(2);
    // Squares of the first film: 1 in the first block, 4 in the second; they do not vary.
    expect(squared).toEqual(close([(1 + 9 + 1 + 9) / 4 - 1, (16 + 0 + 16 + 0) / 4 - 4]));
  });

  it('average smaller blocks at the right and lower border', () => {
    const small = [1, 3, 10, 5, 7, 20, 2, 4, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const columns = new FilmColumns([small], { height: 3, width: 3, step: 1, frames: 1 });
    const [row] = rowLists(columns.show(small, 1, 1).rows);
    const deviations = [2, 7.5, 1.5, 15];
    const spread = Math.sqrt(deviations.reduce((sum, v) => sum + v * v, 0) / 4);
    expect(row).toEqual(close(deviations.map((v) => v / spread)));
  });

  it('are 0 for a film that never changes', () => {
    const constant = Array<number>(16).fill(0.3);
    const columns = new FilmColumns([constant], settings);
    expect(
      rowLists(columns.show(constant, 4, 0.02).rows)
        .flat()
        .every((v) => v === 0),
    ).toBe(true);
  });

  it('need whole frames, a film as long as the trial, and whole numbers', () => {
    const columns = new FilmColumns([film], settings);
    expect(() => columns.show(film.slice(1), 1, 0.02)).toThrow(
      'A film has 15 values, which are not whole frames of 8 pixels: it should be [frames, height, width].',
    );
    expect(() => columns.show(film, 6, 0.02)).toThrow(
      'A trial has 6 bins of 0.02 s, but its film has only 2 frames of 0.05 s: it should last as long as the trial.',
    );
    expect(() => new FilmColumns([film], { ...settings, average: 1.5 })).toThrow(
      'Columns of a film need whole numbers above 0, but have 4 frames and 1.5 pixels averaged to one.',
    );
  });
});

describe('products of overlapping rows', () => {
  it.each([
    [1, 1, 1, 1],
    [5, 7, 3, 2],
    [8, 8, 4, 4],
    [9, 4, 2, 5],
  ])(
    'of %i rows and %i columns at every %ith value equal the plain sums',
    (rows, columns, step, width) => {
      const random = new HostRandom(8);
      const normal = (length: number) => Float64Array.from({ length }, () => random.normal());
      const matrix = {
        columns,
        values: normal((rows - 1) * step + columns),
        starts: Int32Array.from({ length: rows }, (_, r) => r * step),
      };
      const lists = rowLists(matrix);
      const [weights, right] = [normal(columns * width), normal(rows * width)];
      const product = lists.flatMap((row) =>
        Array.from({ length: width }, (_, i) =>
          row.reduce((sum, value, c) => sum + value * weights[c * width + i]!, 0),
        ),
      );
      expect([...timesRows(matrix, weights, width)]).toEqual(close(product));
      const transposed = Array.from({ length: columns * width }, (_, n) => {
        const [c, i] = [Math.floor(n / width), n % width];
        return lists.reduce((sum, row, r) => sum + row[c]! * right[r * width + i]!, 1);
      });
      const result = new Float64Array(columns * width).fill(1);
      addTransposedTimes(matrix, right, width, result);
      expect([...result]).toEqual(close(transposed));
    },
  );
});

import { describe, expect, it } from 'vitest';
import { minimize } from '../../src/analyze/lbfgs.js';
import { SharedEvaluations } from '../../src/analyze/shared-evaluations.js';

/** (x - center)^4, whose minimization takes the longer, the farther away the center is. */
function quartic(center: number, point: Float64Array) {
  const distance = point[0]! - center;
  return { value: distance ** 4, gradient: Float64Array.of(4 * distance ** 3) };
}

describe('shared evaluations', () => {
  it('give each minimization the result and the steps that it has alone', async () => {
    const centers = [0, 30, -2];
    const batches: (readonly number[])[] = [];
    const shared = new SharedEvaluations(centers.length, (indices, points) => {
      batches.push(indices);
      return indices.map((index, n) => quartic(centers[index]!, points[n]!));
    });
    const start = Float64Array.of(0);
    const together = await Promise.all(
      centers.map((_, n) => shared.use(n, (objective) => minimize(objective, start))),
    );
    const alone = await Promise.all(
      centers.map((center) => minimize((point) => quartic(center, point), start)),
    );
    expect(together).toEqual(alone);
    expect(batches[0]).toEqual([0, 1, 2]);
    // One is there from the start, and what is computed shrinks as others arrive.
    expect(batches.slice(1).every((batch) => !batch.includes(0))).toBe(true);
    expect(batches.length).toBe(Math.max(...alone.map(({ evaluations }) => evaluations)));
  });

  it('go on for the others where a minimization fails', async () => {
    const shared = new SharedEvaluations(2, (indices, points) =>
      indices.map((index, n) => quartic(index, points[n]!)),
    );
    const failing = shared.use(0, () => Promise.reject(new Error('No step is left.')));
    const other = shared.use(1, (objective) => minimize(objective, Float64Array.of(5)));
    await expect(failing).rejects.toThrow('No step is left.');
    expect((await other).end).toBe('converged');
  });

  it('throw an error of the objectives to all that wait', async () => {
    const shared = new SharedEvaluations(2, () => {
      throw new Error('Enough.');
    });
    const results = [0, 1].map((n) =>
      shared.use(n, (objective) => minimize(objective, Float64Array.of(5))),
    );
    for (const result of results) await expect(result).rejects.toThrow('Enough.');
  });
});

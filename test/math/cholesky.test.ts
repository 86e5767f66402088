import { describe, expect, it } from 'vitest';
import { choleskyFactor, choleskySolve } from '../../src/math/cholesky.js';

describe('the Cholesky factor', () => {
  it('is as computed by hand', () => {
    // Only the lower triangle counts.
    const matrix = Float64Array.of(4, 99, 99, 2, 10, 99, -2, 5, 14);
    expect([...choleskyFactor(matrix, 3)]).toEqual([2, 0, 0, 1, 3, 0, -1, 2, 3]);
  });

  it('solves the equations of its matrix', () => {
    const factor = Float64Array.of(2, 0, 0, 1, 3, 0, -1, 2, 3);
    // The matrix times (1, -2, 3).
    const right = Float64Array.of(4 - 4 - 6, 2 - 20 + 15, -2 - 10 + 42);
    const solution = choleskySolve(factor, right);
    expect([...solution]).toEqual([1, -2, 3].map((value) => expect.closeTo(value, 12)));
    expect([...right]).toEqual([-6, -3, 30]);
  });

  it('does not exist where the matrix is not positive definite', () => {
    expect(() => choleskyFactor(Float64Array.of(1, 2, 2, 1), 2)).toThrow(
      'The matrix is not positive definite, so it has no Cholesky factor.',
    );
  });
});

import { expect, it } from 'vitest';
import { symmetricEigen } from '../../src/math/eigen.js';
import { HostRandom } from '../../src/math/random.js';

const N = 9;

/** A random symmetric matrix. */
function symmetric(seed: number): Float64Array {
  const random = new HostRandom(seed);
  const matrix = new Float64Array(N * N);
  for (let i = 0; i < N; i++)
    for (let j = 0; j <= i; j++) {
      const value = random.normal();
      matrix[i * N + j] = value;
      matrix[j * N + i] = value;
    }
  return matrix;
}

it('finds vectors that the matrix only stretches, by their values, the largest first', () => {
  const matrix = symmetric(1);
  const { values, vectors } = symmetricEigen(matrix, N);
  for (let k = 0; k < N; k++) {
    if (k > 0) expect(values[k]).toBeLessThanOrEqual(values[k - 1]!);
    for (let i = 0; i < N; i++) {
      let image = 0;
      for (let j = 0; j < N; j++) image += matrix[i * N + j]! * vectors[k * N + j]!;
      expect(image).toBeCloseTo(values[k]! * vectors[k * N + i]!, 10);
    }
  }
});

it('finds vectors of length 1 at right angles', () => {
  const { vectors } = symmetricEigen(symmetric(2), N);
  for (let k = 0; k < N; k++)
    for (let l = 0; l < N; l++) {
      let product = 0;
      for (let i = 0; i < N; i++) product += vectors[k * N + i]! * vectors[l * N + i]!;
      expect(product).toBeCloseTo(Number(k === l), 12);
    }
});

it('finds the diagonal of a diagonal matrix, and zeros of zeros', () => {
  const diagonal = Float64Array.of(2, 0, 0, 0, 5, 0, 0, 0, -1);
  expect([...symmetricEigen(diagonal, 3).values]).toEqual([5, 2, -1]);
  expect([...symmetricEigen(new Float64Array(4), 2).values]).toEqual([0, 0]);
});

/** Eigenvalues and eigenvectors of symmetric matrices. */

/** Eigenvalues in descending order, each with its eigenvector of length 1. */
export interface Eigen {
  /** [n] */
  readonly values: Float64Array;
  /** Row k is the eigenvector of value k: [n, n], row-major. */
  readonly vectors: Float64Array;
}

/** Rounds over all pairs of rows after which the method stops; some ten are enough in practice. */
const MAX_SWEEPS = 60;

/**
 * The eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's method: rotations that set
 * one pair of elements to zero after the other (Golub and Van Loan, section 8.5). Some ten rounds
 * of n^3 operations.
 *
 * @param matrix [n, n], row-major
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const a = matrix.slice();
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const scale = a.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < MAX_SWEEPS && offDiagonal(a, n) > 1e-24 * scale; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) if (a[p * n + q] !== 0) rotate(a, vectors, n, p, q);
  const order = Array.from({ length: n }, (_, i) => i).sort(
    (i, j) => a[j * n + j]! - a[i * n + i]!,
  );
  const sorted = new Float64Array(n * n);
  for (const [k, i] of order.entries()) sorted.set(vectors.subarray(i * n, (i + 1) * n), k * n);
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors: sorted };
}

/** The sum of the squares beside the diagonal. */
function offDiagonal(a: Float64Array, n: number): number {
  let sum = 0;
  for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) sum += 2 * a[p * n + q]! ** 2;
  return sum;
}

/** Rotates rows and columns p and q so that a_pq becomes 0, and the rows of vectors with them. */
function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * a[p * n + q]!);
  // The smaller of the two angles, which keeps the method stable.
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  for (let k = 0; k < n; k++) {
    const [kp, kq] = [a[k * n + p]!, a[k * n + q]!];
    a[k * n + p] = cosine * kp - sine * kq;
    a[k * n + q] = sine * kp + cosine * kq;
  }
  for (const rows of [a, vectors]) {
    for (let k = 0; k < n; k++) {
      const [pk, qk] = [rows[p * n + k]!, rows[q * n + k]!];
      rows[p * n + k] = cosine * pk - sine * qk;
      rows[q * n + k] = sine * pk + cosine * qk;
    }
  }
}

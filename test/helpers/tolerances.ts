/**
 * The tolerances of every op against its float64 reference: the largest difference of any element, relative to the
 * largest element of the reference tensor (at least 1e-3). f32 rounds at 6e-8.
 */
export const TOLERANCE = {
  /** One rounding or a few per element. */
  elementwise: 1e-6,
  /** Sums of products over up to some thousand terms. */
  product: 1e-5,
} as const;

export type ToleranceKind = keyof typeof TOLERANCE;

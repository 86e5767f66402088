/**
 * Tolerances of ops against their float64 reference: the largest difference of any element,
 * relative to the largest element of the reference tensor (at least 1e-3). The rounding error of
 * f32 is 6e-8.
 */
export const TOLERANCE = {
  /** A few roundings per element. */
  elementwise: 1e-6,
  /** Sums of products with up to a few thousand terms. */
  product: 1e-5,
  /** Central differences of a number in f32, whose rounding they divide by the step. */
  differences: 5e-3,
} as const;

/** Name of a tolerance. */
export type ToleranceKind = keyof typeof TOLERANCE;

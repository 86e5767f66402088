/** What linear decoders ask of a solver. */

import type { Turns } from '../ports/turns.js';
import type { Standardized } from './standardized.js';

/** What a solver is asked for: the weights of standardized columns for one target. */
export interface Problem {
  /** Of mean 0, [rows]. */
  readonly target: Float64Array;
  readonly penalty: number;
  /** Weights to start from, [columns]. */
  readonly start: Float64Array;
}

/** Finds the weights of standardized columns, [columns] for each problem. */
export type Solver = (
  z: Standardized,
  problems: readonly Problem[],
  turns: Turns,
) => Promise<Float64Array[]>;

/**
 * Finds the weights for several penalties of each target.
 *
 * @param targets of mean 0, [rows] each
 * @param penalties of each target, in descending order
 * @returns the weights of each target and penalty
 * @throws CannotFitError where a penalty is too small
 */
export type PathSolver = (
  z: Standardized,
  targets: readonly Float64Array[],
  penalties: readonly (readonly number[])[],
  turns: Turns,
) => Promise<Float64Array[][]>;

/**
 * A decoder cannot be fitted on these windows. The message says why; it is a clause without a full
 * stop.
 */
export class CannotFitError extends Error {
  /** Identifies the class also in a minified bundle. */
  override name = 'CannotFitError';
}

/** The error of a penalty that the columns are too similar for. */
export function penaltyTooSmall(penalty: number): CannotFitError {
  return new CannotFitError(
    `a penalty of ${penalty} is too small for columns that are so similar: it needs a larger penalty, or fewer columns`,
  );
}

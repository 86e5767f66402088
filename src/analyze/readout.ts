/**
 * How much features say of variables: R2 on held-out windows of a ridge regression, and of the mean
 * over the nearest training windows.
 */

import { cosineAndSine } from '../math/angles.js';
import { mean } from '../math/statistics.js';
import { Turns } from '../ports/turns.js';
import type { FeatureMatrix } from './feature-matrix.js';
import { choosePenalty } from './penalties.js';
import type { SparseRows } from './sparse-rows.js';

/** A number or an angle at the ends of windows. */
export interface RecordedVariable {
  /** Its name in the recording. */
  readonly name: string;
  /** Its value at the end of each window, [windows]. */
  readonly values: Float64Array;
  /** For angles: a full turn, in their unit. */
  readonly period?: number;
  /** Its unit, where it is known. */
  readonly unit?: string;
}

/** Features of windows as a regression reads them, and the variables that are read from them. */
export interface LabeledDesign {
  readonly design: SparseRows;
  readonly variables: readonly RecordedVariable[];
}

/** The same with dense features, which have distances. */
export interface LabeledFeatures {
  readonly features: FeatureMatrix;
  readonly variables: readonly RecordedVariable[];
}

/**
 * R2 of a ridge regression. Its penalty is chosen for each variable on the last fifth of the
 * training windows.
 *
 * @param gap windows left out before that fifth, so that no window overlaps both parts
 * @returns for each variable; of an angle, of its cosine and sine together
 * @throws CannotFitError where there are too few windows
 */
export async function ridgeR2(
  train: LabeledDesign,
  test: LabeledDesign,
  gap = 0,
  turns = new Turns(),
): Promise<number[]> {
  const targets = train.variables.flatMap(encodeColumns);
  const { model } = await choosePenalty('ridge', train.design, targets, { gap }, turns);
  return scoreColumns(test.variables, model.predict(test.design));
}

/**
 * R2 of the mean over the training windows whose features are nearest, by their Euclidean distance.
 *
 * @param neighbors how many windows
 * @returns as `ridgeR2`
 */
export async function neighborR2(
  train: LabeledFeatures,
  test: LabeledFeatures,
  neighbors: number,
  turns = new Turns(),
): Promise<number[]> {
  const targets = train.variables.flatMap(encodeColumns);
  const predicted = targets.map(() => new Float64Array(test.features.rows));
  for (let row = 0; row < test.features.rows; row++) {
    const nearest = nearestRows(train.features, test.features, row, neighbors);
    for (const [n, target] of targets.entries())
      predicted[n]![row] = mean(nearest.map((index) => target[index]!));
    await turns.give();
  }
  return scoreColumns(test.variables, predicted);
}

/** A number itself, or the cosine and sine of an angle: [windows] each. */
function encodeColumns({ values, period }: RecordedVariable): Float64Array[] {
  if (period === undefined) return [values];
  const encoded = Array.from(values, (value) => cosineAndSine(value, period));
  return [0, 1].map((part) => Float64Array.from(encoded, (parts) => parts[part]!));
}

/** R2 of each variable; NaN where it is constant. @param predicted columns of `encodeColumns` */
function scoreColumns(
  variables: readonly RecordedVariable[],
  predicted: readonly Float64Array[],
): number[] {
  let next = 0;
  return variables.map((variable) => {
    let [errors, distances] = [0, 0];
    for (const truth of encodeColumns(variable)) {
      const column = predicted[next++]!;
      const center = mean(truth);
      for (let n = 0; n < truth.length; n++) {
        errors += (column[n]! - truth[n]!) ** 2;
        distances += (truth[n]! - center) ** 2;
      }
    }
    return distances > 0 ? 1 - errors / distances : Number.NaN;
  });
}

/** The rows of `train` that are nearest to a row of `test`, in no order. */
function nearestRows(
  train: FeatureMatrix,
  test: FeatureMatrix,
  row: number,
  count: number,
): number[] {
  const { columns } = train;
  const distances = new Float64Array(train.rows);
  for (let n = 0; n < train.rows; n++) {
    let sum = 0;
    for (let c = 0; c < columns; c++)
      sum += (train.values[n * columns + c]! - test.values[row * columns + c]!) ** 2;
    distances[n] = sum;
  }
  const limit = distances.slice().sort()[Math.min(count, train.rows) - 1]!;
  return [...distances.keys()].filter((n) => distances[n]! <= limit).slice(0, count);
}

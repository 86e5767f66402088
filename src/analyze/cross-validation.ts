/** Ridge regression whose penalties are chosen by cross-validation over groups of rows. */

import { choleskyFactor, choleskySolve } from '../math/cholesky.js';
import { mean } from '../math/statistics.js';
import { Turns } from '../ports/turns.js';
import { checkTarget, LinearModel, type Targets } from './regression.js';
import { ridgePath } from './ridge.js';
import { CannotFitError, type PathSolver } from './solver.js';
import { type SparseRows, selectRows } from './sparse-rows.js';
import { Standardized } from './standardized.js';

/** Penalties to try, in descending order. */
const PENALTIES = Array.from({ length: 14 }, (_, n) => 10 ** (6 - n / 2));
/** Each fold holds out every fifth group of rows. */
const FOLDS = 5;
/** With at most so many columns, Z'Z is formed and factored: columns may be dense and alike. */
const MAX_FACTORED = 512;

/** A ridge regression and how it was chosen. */
export interface CrossValidatedFit {
  /** Fitted on all rows. */
  readonly model: LinearModel;
  /** The penalty of each target. */
  readonly penalties: readonly number[];
}

/**
 * Fits ridge regressions. The penalty of each target is the largest one whose squared error on
 * held-out rows is within one standard error, over five folds, of the least (Breiman et al. 1984).
 * With few groups the least error alone is often that of a penalty that is far too small.
 *
 * @param groups the group of each row; rows of a group are held out together, because they overlap.
 *   With fewer than two groups, each fifth of the rows is one
 * @throws CannotFitError where there are fewer than two rows; Error where a target does not fit
 */
export async function crossValidatedRidge(
  design: SparseRows,
  targets: Targets,
  groups: ArrayLike<number>,
  turns = new Turns(),
): Promise<CrossValidatedFit> {
  if (design.rows < 2)
    throw new CannotFitError('there are fewer than two windows, so none can be held out');
  for (const target of targets) checkTarget(design, target);
  const fold = assignFolds(groups);
  /** The mean squared error of each fold, by target and penalty. */
  const errors = targets.map(() => PENALTIES.map((): number[] => []));
  for (let held = 0; held < FOLDS; held++) {
    const [fit, heldOut] = [false, true].map((isHeld) =>
      [...fold.keys()].filter((row) => (fold[row] === held) === isHeld),
    ) as [number[], number[]];
    if (fit.length === 0 || heldOut.length === 0) continue;
    const all = targets.map(() => PENALTIES);
    const paths = await fitPaths(selectRows(design, fit), pick(targets, fit), all, turns);
    const rows = selectRows(design, heldOut);
    for (const [n, models] of paths.entries())
      for (const [m, model] of models.entries()) {
        const [predicted] = model.predict(rows);
        errors[n]![m]!.push(
          mean(predicted!.map((value, row) => (value - targets[n]![heldOut[row]!]!) ** 2)),
        );
      }
  }
  const penalties = errors.map((byPenalty) => PENALTIES[choose(byPenalty)]!);
  const fitted = await fitPaths(
    design,
    targets,
    penalties.map((penalty) => [penalty]),
    turns,
  );
  return { model: joined(design, fitted.flat()), penalties };
}

/**
 * The first penalty within one standard error of the least error.
 *
 * @param errors of each penalty, in descending order of penalties, and fold
 */
function choose(errors: readonly (readonly number[])[]): number {
  const means = errors.map((folds) => mean(folds));
  const least = means.indexOf(Math.min(...means));
  const folds = errors[least]!;
  const variance = mean(folds.map((error) => (error - means[least]!) ** 2));
  const standardError = Math.sqrt(variance / Math.max(1, folds.length - 1));
  return means.findIndex((error) => error <= means[least]! + standardError);
}

/** The fold of each row, so that the groups are divided evenly. */
function assignFolds(groups: ArrayLike<number>): number[] {
  const rows = Array.from(groups);
  const names = [...new Set(rows)];
  if (names.length < 2) return rows.map((_, row) => Math.floor((row * FOLDS) / rows.length));
  const index = new Map(names.map((name, n) => [name, n % FOLDS]));
  return rows.map((name) => index.get(name)!);
}

function pick(targets: Targets, rows: readonly number[]): Float64Array[] {
  return targets.map((target) => Float64Array.from(rows, (row) => target[row]!));
}

/** A model of each target with each of its penalties. */
async function fitPaths(
  design: SparseRows,
  targets: Targets,
  penalties: readonly (readonly number[])[],
  turns: Turns,
): Promise<LinearModel[][]> {
  const z = new Standardized(design);
  const centers = targets.map((target) => mean(target));
  const centered = targets.map((target, n) =>
    Float64Array.from(target, (value) => value - centers[n]!),
  );
  const path = design.columns <= MAX_FACTORED ? factoredPath : ridgePath;
  const weights = await path(z, centered, penalties, turns);
  return weights.map((list, n) => list.map((w) => new LinearModel(z, [w], [centers[n]!])));
}

/** Like `ridgePath`, by a Cholesky factor of Z'Z + penalty for each penalty. */
const factoredPath: PathSolver = async (z, targets, penalties, turns) => {
  const { columns } = z.matrix;
  const identity = Array.from({ length: columns }, (_, column) => {
    const unit = new Float64Array(columns);
    unit[column] = 1;
    return unit;
  });
  const products = await z.normalTimes(identity, turns);
  const rights = targets.map((target) => z.transposedTimes(target));
  const factors = new Map<number, Float64Array>();
  for (const penalty of new Set(penalties.flat())) {
    const matrix = new Float64Array(columns * columns);
    for (const [row, product] of products.entries()) matrix.set(product, row * columns);
    for (let column = 0; column < columns; column++) matrix[column * (columns + 1)]! += penalty;
    factors.set(penalty, choleskyFactor(matrix, columns));
    await turns.give();
  }
  return rights.map((right, n) =>
    penalties[n]!.map((penalty) => choleskySolve(factors.get(penalty)!, right)),
  );
};

/** Models of single targets, fitted on the same rows, as one model. */
function joined(design: SparseRows, models: readonly LinearModel[]): LinearModel {
  return new LinearModel(
    new Standardized(design),
    models.map(({ weights }) => weights[0]!),
    models.map(({ intercepts }) => intercepts[0]!),
  );
}

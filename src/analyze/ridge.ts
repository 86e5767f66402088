/** Ridge regression by conjugate gradients. */

import { dot } from '../math/vectors.js';
import type { Turns } from '../ports/turns.js';
import { type PathSolver, penaltyTooSmall, type Solver } from './solver.js';
import type { Standardized } from './standardized.js';

/** Steps after which conjugate gradients give up. */
const MAX_STEPS = 20_000;

/** A solution of (Z'Z + penalty) w = Z'y, which conjugate gradients improve step by step. */
interface Solution {
  readonly penalty: number;
  readonly weights: Float64Array;
  readonly residual: Float64Array;
  readonly direction: Float64Array;
  /** Squared norm of the residual. */
  squares: number;
  /** The squared norm at which the solution is good enough. */
  readonly tolerance: number;
}

/** How far a step went along the direction, and the share of it in the next direction. */
interface Step {
  readonly length: number;
  readonly share: number;
}

/** Takes a step of conjugate gradients. @param product Z'Z times the direction */
function takeStep(solution: Solution, product: Float64Array): Step {
  const { penalty, weights, residual, direction, squares } = solution;
  const curvature = product.map((value, c) => value + penalty * direction[c]!);
  const length = squares / dot(direction, curvature);
  for (let c = 0; c < weights.length; c++) {
    weights[c]! += length * direction[c]!;
    residual[c]! -= length * curvature[c]!;
  }
  solution.squares = dot(residual, residual);
  const share = solution.squares / squares;
  for (let c = 0; c < weights.length; c++) direction[c] = residual[c]! + share * direction[c]!;
  return { length, share };
}

/**
 * Improves all solutions until each is good enough. Those of several targets share their passes
 * over the matrix. What one becomes does not depend on the others.
 *
 * @param afterStep called with each step
 * @throws CannotFitError where 20,000 steps are not enough
 */
async function improve<S extends Solution>(
  z: Standardized,
  solutions: readonly S[],
  turns: Turns,
  afterStep: (solution: S, step: Step) => void = () => {},
): Promise<void> {
  for (let n = 0; ; n++) {
    const open = solutions.filter(({ squares, tolerance }) => squares > tolerance);
    if (open.length === 0) return;
    if (n === MAX_STEPS) throw penaltyTooSmall(open[0]!.penalty);
    const products = await z.normalTimes(
      open.map(({ direction }) => direction),
      turns,
    );
    for (const [index, solution] of open.entries())
      afterStep(solution, takeStep(solution, products[index]!));
  }
}

/**
 * Conjugate gradients (Hestenes and Stiefel 1952) on (Z'Z + penalty) w = Z'y. Z'Z is formed only
 * where that pays.
 *
 * @throws CannotFitError where 20,000 steps are not enough
 */
export const solveRidge: Solver = async (z, problems, turns) => {
  const products = await z.normalTimes(
    problems.map(({ start }) => start),
    turns,
  );
  const solutions = problems.map(({ target, penalty, start }, n): Solution => {
    const right = z.transposedTimes(target);
    const residual = right.map((value, c) => value - products[n]![c]! - penalty * start[c]!);
    return {
      penalty,
      weights: start.slice(),
      residual,
      direction: residual.slice(),
      squares: dot(residual, residual),
      tolerance: 1e-22 * dot(right, right),
    };
  });
  await improve(z, solutions, turns);
  return solutions.map(({ weights }) => weights);
};

/** The solution for a larger penalty than that of another solution, whose steps it follows. */
interface ShiftedSolution {
  /** How much larger the penalty is. */
  readonly shift: number;
  readonly weights: Float64Array;
  readonly direction: Float64Array;
  /** Its residual as a share of the other solution's: after the last step, and before it. */
  ratio: number;
  previousRatio: number;
  /** Whether its residual is within the tolerance. */
  isDone: boolean;
}

/** A solution for the smallest penalty, and those for all larger ones. */
interface PathSolution extends Solution {
  readonly shifted: readonly ShiftedSolution[];
  previous: Step;
}

/**
 * The ridge weights of several penalties, in the time that the smallest one takes. From weights of
 * 0 the residuals for all penalties are multiples of each other, so that the products with the
 * matrix serve them all (Jegerlehner 1996, hep-lat/9612014).
 *
 * The residuals end below 1e-7 of the right side: good enough to choose a penalty.
 *
 * @throws CannotFitError where 20,000 steps are not enough
 */
export const ridgePath: PathSolver = async (z, targets, penalties, turns) => {
  const solutions = targets.map((target, n): PathSolution => {
    const right = z.transposedTimes(target);
    const squares = dot(right, right);
    const smallest = penalties[n]!.at(-1)!;
    const start = () => ({ weights: new Float64Array(right.length), direction: right.slice() });
    return {
      ...start(),
      penalty: smallest,
      residual: right.slice(),
      squares,
      tolerance: 1e-14 * squares,
      shifted: penalties[n]!.slice(0, -1).map((penalty) => ({
        ...start(),
        shift: penalty - smallest,
        ratio: 1,
        previousRatio: 1,
        isDone: false,
      })),
      previous: { length: 1, share: 0 },
    };
  });
  await improve(z, solutions, turns, (solution, step) => {
    for (const shifted of solution.shifted)
      if (!shifted.isDone) followStep(shifted, solution, step);
    solution.previous = step;
  });
  return solutions.map(({ shifted, weights }) => [...shifted.map((item) => item.weights), weights]);
};

/** Takes the step for a larger penalty that goes with a step for the smallest one. */
function followStep(
  shifted: ShiftedSolution,
  { residual, squares, tolerance, previous }: PathSolution,
  { length, share }: Step,
): void {
  const { shift, weights, direction, ratio, previousRatio } = shifted;
  const carried = (length * previous.share) / previous.length;
  const next = ratio / (1 + length * shift + carried * (1 - ratio / previousRatio));
  const ownLength = (length * next) / ratio;
  const ownShare = share * (next / ratio) ** 2;
  for (let c = 0; c < weights.length; c++) {
    weights[c]! += ownLength * direction[c]!;
    direction[c] = next * residual[c]! + ownShare * direction[c]!;
  }
  shifted.previousRatio = ratio;
  shifted.ratio = next;
  shifted.isDone = next ** 2 * squares <= tolerance;
}

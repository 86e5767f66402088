/**
 * Minimizes a smooth function of many variables by L-BFGS: Nocedal and Wright, Numerical
 * Optimization (2006), algorithms 7.4 and 7.5, with the line search of algorithms 3.5 and 3.6.
 */

import { dot } from '../math/vectors.js';
import { nextTurn } from '../ports/turns.js';

/** An objective at a point. */
export interface Evaluation {
  /** What is minimized. */
  readonly value: number;
  /** Its derivative by each variable: [variables]. */
  readonly gradient: Float64Array;
}

/**
 * Computes an objective. The point is not to be kept or changed; each call returns a gradient of
 * its own.
 */
export type Objective = (point: Float64Array) => Evaluation | Promise<Evaluation>;

/** How to minimize. */
export interface MinimizeOptions {
  /** How many of the last steps approximate the Hessian. Default 10. */
  readonly history?: number;
  /** Ends after so many iterations. Default 200. */
  readonly maxIterations?: number;
  /** Ends where no derivative is larger than this. Default 1e-6. */
  readonly tolerance?: number;
  /**
   * Returns a new array: the gradient multiplied with a symmetric positive matrix that resembles
   * the inverse of the Hessian, so that fewer iterations are needed. Default: the identity. The
   * matrix is scaled to the last step.
   */
  readonly precondition?: (gradient: Float64Array) => Float64Array;
  /** Asked before every iteration. Where it returns true, the best point so far is the result. */
  readonly shouldStop?: () => boolean;
}

/** Where a minimization has ended. */
export interface Minimum {
  /** [variables] */
  readonly point: Float64Array;
  /** The objective there. */
  readonly value: number;
  /** [variables] */
  readonly gradient: Float64Array;
  /** How many steps were taken. */
  readonly iterations: number;
  /** How often the objective was computed. */
  readonly evaluations: number;
  /**
   * 'converged': no derivative is above the tolerance, or what is left to gain is within rounding.
   * 'limit': the iterations were used up. 'stopped': it was asked to stop.
   */
  readonly end: 'converged' | 'limit' | 'stopped';
}

/** No minimum can be found. The message says why, in a sentence. */
export class MinimizeError extends Error {
  /** Identifies the class also in a minified bundle. */
  override name = 'MinimizeError';
}

/** Sufficient decrease: the constant c1 of the Wolfe conditions. */
const DECREASE = 1e-4;
/** Curvature: the constant c2 of the strong Wolfe conditions, as is usual for these methods. */
const CURVATURE = 0.9;
/** A line search that needs more evaluations than this has failed. */
const MAX_SEARCH = 50;
/**
 * A step that gains less than this share of the value may be lost in the rounding of a sum of
 * millions of terms.
 */
const ROUNDING = 1e-9;

/**
 * Finds a local minimum.
 *
 * Where the objective is not finite, a step counts as too long. So a function may be undefined
 * beyond a border, as long as it is defined at the start.
 *
 * @throws MinimizeError where the objective is not finite at the start, has a gradient of another
 *   length, or no step satisfies the strong Wolfe conditions
 */
export async function minimize(
  objective: Objective,
  start: Float64Array,
  options: MinimizeOptions = {},
): Promise<Minimum> {
  const { history = 10, maxIterations = 200, tolerance = 1e-6, shouldStop } = options;
  const steps: Step[] = [];
  let evaluations = 0;
  const evaluate = async (point: Float64Array): Promise<Located> => {
    evaluations += 1;
    const { value, gradient } = await objective(point);
    if (gradient.length !== point.length)
      throw new MinimizeError(
        `The objective has ${point.length} variables, but its gradient has ${gradient.length} derivatives; there should be as many of each.`,
      );
    return { point, value, gradient };
  };
  let current = await evaluate(start.slice());
  if (!Number.isFinite(current.value) || !current.gradient.every(Number.isFinite))
    throw new MinimizeError(
      `The objective or its gradient is not finite at the starting point (its value is ${current.value}): start where both are.`,
    );
  for (let iterations = 0; ; iterations++) {
    const result = (end: Minimum['end']) => ({ ...current, iterations, evaluations, end });
    if (largest(current.gradient) <= tolerance) return result('converged');
    // Iterations may take seconds. Other work, such as a request to stop, comes in between.
    await nextTurn();
    if (shouldStop?.()) return result('stopped');
    if (iterations === maxIterations) return result('limit');
    const direction = descentDirection(current.gradient, steps, options.precondition);
    const next = await searchLine(evaluate, current, direction);
    if (!next) {
      const gain = -dot(current.gradient, direction);
      if (gain <= ROUNDING * Math.abs(current.value)) return result('converged');
      throw new MinimizeError(
        `No step satisfies the Wolfe conditions after ${iterations} iterations, where the objective is ${current.value}: either its gradient is wrong, or it jumps, has a kink or is not finite nearby.`,
      );
    }
    steps.push(stepBetween(current, next));
    if (steps.length > history) steps.shift();
    current = { point: next.point, value: next.value, gradient: next.gradient };
  }
}

/** An objective and the point it was computed at. */
interface Located extends Evaluation {
  readonly point: Float64Array;
}

/** A step that was taken, and how the gradient changed along it. */
interface Step {
  readonly dx: Float64Array;
  readonly dg: Float64Array;
  /** dx . dg, which the Wolfe conditions make positive. */
  readonly product: number;
}

function stepBetween(from: Located, to: Located): Step {
  const dx = to.point.map((value, n) => value - from.point[n]!);
  const dg = to.gradient.map((value, n) => value - from.gradient[n]!);
  return { dx, dg, product: dot(dx, dg) };
}

/** Minus the approximate inverse Hessian times the gradient: the two-loop recursion, 7.4. */
function descentDirection(
  gradient: Float64Array,
  steps: readonly Step[],
  precondition: MinimizeOptions['precondition'],
): Float64Array {
  const rest = gradient.slice();
  const shares = new Float64Array(steps.length);
  for (let n = steps.length - 1; n >= 0; n--) {
    const { dx, dg, product } = steps[n]!;
    shares[n] = dot(dx, rest) / product;
    addScaled(rest, -shares[n]!, dg);
  }
  const direction = precondition?.(rest) ?? rest;
  const scale = initialScale(gradient, steps.at(-1), precondition);
  for (let n = 0; n < direction.length; n++) direction[n]! *= scale;
  for (const [n, { dx, dg, product }] of steps.entries())
    addScaled(direction, shares[n]! - dot(dg, direction) / product, dx);
  return direction.map((value) => -value);
}

/**
 * The size of the initial matrix, equation 7.20: that of the inverse Hessian along the last step.
 * Before the first step, a preconditioner is trusted, and without one the step has length 1.
 */
function initialScale(
  gradient: Float64Array,
  last: Step | undefined,
  precondition: MinimizeOptions['precondition'],
): number {
  if (last) return last.product / dot(last.dg, precondition?.(last.dg) ?? last.dg);
  return precondition ? 1 : 1 / Math.sqrt(dot(gradient, gradient));
}

/** A point of a line search. */
interface Trial extends Located {
  /** The step's length, as a multiple of the direction. */
  readonly length: number;
  /** The derivative of the objective by the length. */
  readonly slope: number;
}

/**
 * Finds a step that satisfies the strong Wolfe conditions, algorithms 3.5 and 3.6; undefined where
 * there is none within the evaluations allowed.
 */
async function searchLine(
  evaluate: (point: Float64Array) => Promise<Located>,
  from: Located,
  direction: Float64Array,
): Promise<Located | undefined> {
  const start: Trial = { ...from, length: 0, slope: dot(from.gradient, direction) };
  const attempt = async (length: number): Promise<Trial> => {
    const point = from.point.map((value, n) => value + length * direction[n]!);
    const located = await evaluate(point);
    const slope = dot(located.gradient, direction);
    const isDefined = Number.isFinite(located.value) && Number.isFinite(slope);
    return { ...located, value: isDefined ? located.value : Infinity, slope, length };
  };
  const isTooHigh = ({ value, length }: Trial) =>
    value > start.value + DECREASE * length * start.slope;
  const isFlat = ({ slope }: Trial) => Math.abs(slope) <= -CURVATURE * start.slope;
  // `low` has the lowest value of all that decrease enough; an acceptable step lies between it and
  // `high`. Until there is a `high`, steps grow.
  let low = start;
  let high: Trial | undefined;
  for (let n = 0; n < MAX_SEARCH; n++) {
    const trial = await attempt(high ? lengthBetween(low, high) : low.length * 2 || 1);
    if (isTooHigh(trial) || trial.value >= low.value) {
      high = trial;
      continue;
    }
    if (isFlat(trial)) return trial;
    // The minimum is on the side of `trial` to which the objective falls.
    if (high ? trial.slope * (high.length - low.length) >= 0 : trial.slope >= 0) high = low;
    low = trial;
  }
  return undefined;
}

/**
 * A length between two trials: the minimum of the cubic through their values and slopes, equation
 * 3.59, or the middle where that is not well inside.
 */
function lengthBetween(low: Trial, high: Trial): number {
  const width = high.length - low.length;
  const chord = low.slope + high.slope - (3 * (high.value - low.value)) / width;
  const root = Math.sign(width) * Math.sqrt(chord ** 2 - low.slope * high.slope);
  const cubic =
    high.length - (width * (high.slope + root - chord)) / (high.slope - low.slope + 2 * root);
  const share = (cubic - low.length) / width;
  return share > 0.1 && share < 0.9 ? cubic : low.length + width / 2;
}

function addScaled(target: Float64Array, factor: number, values: Float64Array): void {
  for (let n = 0; n < target.length; n++) target[n]! += factor * values[n]!;
}

/** The largest absolute value. */
function largest(values: Float64Array): number {
  let max = 0;
  for (const value of values) max = Math.max(max, Math.abs(value));
  return max;
}

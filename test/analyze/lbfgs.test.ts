import { describe, expect, it } from 'vitest';
import { invertMatrix } from '../../src/analyze/correlation.js';
import { type Evaluation, type MinimizeOptions, minimize } from '../../src/analyze/lbfgs.js';
import { HostRandom } from '../../src/math/random.js';

/** Rosenbrock's function, whose valley is curved; its minimum is 0 at (1, ..., 1). */
function rosenbrock(x: Float64Array): Evaluation {
  let value = 0;
  const gradient = new Float64Array(x.length);
  for (let n = 0; n + 1 < x.length; n++) {
    const [off, below] = [x[n + 1]! - x[n]! ** 2, 1 - x[n]!];
    value += 100 * off ** 2 + below ** 2;
    gradient[n]! -= 400 * off * x[n]! + 2 * below;
    gradient[n + 1]! += 200 * off;
  }
  return { value, gradient };
}

/** A quadratic with its minimum at (1, ..., 1) and these curvatures along the axes. */
function quadratic(curvatures: readonly number[]) {
  return (x: Float64Array): Evaluation => {
    const gradient = x.map((v, n) => curvatures[n]! * (v - 1));
    return { value: gradient.reduce((sum, g, n) => sum + (g * (x[n]! - 1)) / 2, 0), gradient };
  };
}

describe('minimization', () => {
  it.each([2, 20])('follows the curved valley of Rosenbrock in %i dimensions', async (n) => {
    const start = Float64Array.from({ length: n }, (_, k) => (k % 2 ? 1 : -1.2));
    const { point, value, iterations, end } = await minimize(rosenbrock, start);
    expect(end).toBe('converged');
    expect(value).toBeLessThan(1e-12);
    for (const v of point) expect(v).toBeCloseTo(1, 6);
    expect(iterations).toBeLessThan(150);
  });

  it('solves a quadratic whose curvatures differ by a factor of a million', async () => {
    const curvatures = Array.from({ length: 10 }, (_, n) => 10 ** (-3 + (2 * n) / 3));
    const { point, end, gradient } = await minimize(quadratic(curvatures), new Float64Array(10), {
      history: 20,
      tolerance: 1e-9,
    });
    expect(end).toBe('converged');
    expect(Math.max(...gradient.map(Math.abs))).toBeLessThanOrEqual(1e-9);
    for (const v of point) expect(v).toBeCloseTo(1, 5);
  });

  it('needs one step where the preconditioner is the inverse Hessian', async () => {
    const curvatures = Array.from({ length: 10 }, (_, n) => 10 ** (-3 + (2 * n) / 3));
    const { iterations, evaluations } = await minimize(
      quadratic(curvatures),
      new Float64Array(10),
      { precondition: (gradient) => gradient.map((g, n) => g / curvatures[n]!) },
    );
    expect([iterations, evaluations]).toEqual([1, 2]);
  });

  it('agrees with the closed form of ridge regression', async () => {
    const [rows, columns, penalty] = [40, 6, 3];
    const random = new HostRandom(5);
    const x = Array.from({ length: rows }, () =>
      Array.from({ length: columns }, () => random.normal()),
    );
    const y = x.map((row) => 2 * row[0]! - row[3]! + random.normal());
    const objective = (w: Float64Array): Evaluation => {
      const errors = x.map((row, n) => row.reduce((sum, v, c) => sum + v * w[c]!, -y[n]!));
      return {
        value:
          errors.reduce((sum, e) => sum + e * e, 0) / 2 +
          (penalty * w.reduce((sum, v) => sum + v * v, 0)) / 2,
        gradient: w.map((v, c) =>
          x.reduce((sum, row, n) => sum + row[c]! * errors[n]!, penalty * v),
        ),
      };
    };
    const { point } = await minimize(objective, new Float64Array(columns), { tolerance: 1e-10 });
    const normal = new Float64Array(columns * columns);
    for (let a = 0; a < columns; a++)
      for (let b = 0; b < columns; b++)
        normal[a * columns + b] = x.reduce((sum, r) => sum + r[a]! * r[b]!, a === b ? penalty : 0);
    const inverse = invertMatrix(normal, columns);
    for (let a = 0; a < columns; a++) {
      const exact = Array.from({ length: columns }, (_, b) => b).reduce(
        (sum, b) =>
          sum + inverse[a * columns + b]! * x.reduce((total, r, n) => total + r[b]! * y[n]!, 0),
        0,
      );
      expect(point[a]).toBeCloseTo(exact, 9);
    }
  });

  it('takes only steps that satisfy the strong Wolfe conditions', async () => {
    // Without history the direction is minus the gradient, so that each step can be checked.
    const visited: Evaluation[] = [];
    let point = Float64Array.of(-1.2, 1, 1, 0.5);
    for (let n = 0; n < 30; n++) {
      const options: MinimizeOptions = { maxIterations: 1, tolerance: 0 };
      const next = await minimize(rosenbrock, point, options);
      const before = rosenbrock(point);
      const step = next.point.map((v, k) => v - point[k]!);
      const slope = (gradient: Float64Array) =>
        gradient.reduce((sum, g, k) => sum + g * step[k]!, 0);
      expect(next.value).toBeLessThanOrEqual(before.value + 1e-4 * slope(before.gradient));
      expect(Math.abs(slope(next.gradient))).toBeLessThanOrEqual(
        0.9 * Math.abs(slope(before.gradient)) + 1e-15,
      );
      visited.push(next);
      point = Float64Array.from(next.point);
    }
    expect(visited.at(-1)!.value).toBeLessThan(visited[0]!.value);
  });

  it('gives the same result for an objective that is computed elsewhere', async () => {
    const start = Float64Array.of(-1.2, 1);
    const later = async (x: Float64Array) => {
      await new Promise((resolve) => setTimeout(resolve));
      return rosenbrock(x);
    };
    expect(await minimize(later, start)).toEqual(await minimize(rosenbrock, start));
  });

  it('leaves the starting point as it was, and starts where it may already end', async () => {
    const start = Float64Array.of(1, 1);
    const minimum = await minimize(rosenbrock, start);
    expect(minimum).toMatchObject({ iterations: 0, evaluations: 1, end: 'converged' });
    minimum.point[0] = 7;
    expect(start[0]).toBe(1);
  });

  it('ends when it is asked to, or has used up its iterations, with the best point so far', async () => {
    const start = Float64Array.of(-1.2, 1);
    let asked = 0;
    const stopped = await minimize(rosenbrock, start, { shouldStop: () => ++asked > 3 });
    let isStopped = false;
    setTimeout(() => {
      isStopped = true;
    });
    const later = await minimize(rosenbrock, start, { shouldStop: () => isStopped });
    expect(later.end, 'although the objective never waits').toBe('stopped');
    const limited = await minimize(rosenbrock, start, { maxIterations: 3 });
    expect(stopped).toEqual({ ...limited, end: 'stopped' });
    expect(limited.end).toBe('limit');
    expect(limited.value).toBeLessThan(rosenbrock(start).value);
  });

  it('stays inside the region where the objective is defined', async () => {
    // x - log x has its minimum at 1 and is NaN below 0, where the first steps would go.
    const objective = ([x]: Float64Array): Evaluation => ({
      value: 1e3 * (x! - Math.log(x!)),
      gradient: Float64Array.of(1e3 * (1 - 1 / x!)),
    });
    const { point, end } = await minimize(objective, Float64Array.of(0.2));
    expect(end).toBe('converged');
    expect(point[0]).toBeCloseTo(1, 8);
  });

  it('converges where rounding hides what is left to gain', async () => {
    const offset = (x: Float64Array) => ({ ...rosenbrock(x), value: rosenbrock(x).value + 1e9 });
    const { point, end } = await minimize(offset, Float64Array.of(-1.2, 1), { tolerance: 0 });
    expect(end).toBe('converged');
    expect(rosenbrock(point).value).toBeLessThan(1e-3);
  });

  it('explains a kink, a wrong gradient and a border without a minimum before it', async () => {
    const message = /^No step satisfies the Wolfe conditions after \d+ iterations, .*kink/;
    const kink = ([x]: Float64Array) => ({
      value: Math.abs(x! - 0.3),
      gradient: Float64Array.of(Math.sign(x! - 0.3)),
    });
    await expect(minimize(kink, Float64Array.of(-1))).rejects.toThrow(message);
    const wrong = (x: Float64Array) => {
      const { value, gradient } = rosenbrock(x);
      return { value, gradient: gradient.map((g) => -g) };
    };
    await expect(minimize(wrong, Float64Array.of(-1.2, 1))).rejects.toThrow(message);
    const border = ([x]: Float64Array) => ({
      value: x! > 0 ? x! : Number.NaN,
      gradient: Float64Array.of(1),
    });
    await expect(minimize(border, Float64Array.of(1))).rejects.toThrow(message);
  });

  it('refuses a start where the objective is not finite, and a gradient of another length', async () => {
    const nan = (x: Float64Array) => ({ value: Number.NaN, gradient: x });
    await expect(minimize(nan, Float64Array.of(1))).rejects.toThrow(
      'The objective or its gradient is not finite at the starting point (its value is NaN): start where both are.',
    );
    const short = () => ({ value: 1, gradient: new Float64Array(1) });
    await expect(minimize(short, Float64Array.of(1, 2))).rejects.toThrow(
      'The objective has 2 variables, but its gradient has 1 derivatives; there should be as many of each.',
    );
  });
});

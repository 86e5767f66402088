import { describe, expect, it } from 'vitest';
import { designTrial } from '../../src/analyze/glm-design.js';
import { splitWeights, weightsPerNeuron } from '../../src/analyze/glm-loss.js';
import { fitRidgeGlm } from '../../src/analyze/glm-ridge.js';
import { choleskyFactor, choleskySolve } from '../../src/math/cholesky.js';
import { columnWeights, denseRows, tinyDesign, tinyTrials } from '../helpers/tiny-glm.js';

/** The minimum of one neuron's loss, by Newton's method with many steps, the first ones halved. */
function newton(
  rows: readonly number[][],
  counts: readonly number[],
  penalties: readonly number[],
) {
  const columns = penalties.length;
  let weights = new Float64Array(columns);
  for (let iteration = 0; iteration < 60; iteration++) {
    const gradient = weights.map((w, c) => penalties[c]! * w);
    const hessian = new Float64Array(columns * columns);
    for (let c = 0; c < columns; c++) hessian[c * columns + c] = penalties[c]!;
    for (const [t, row] of rows.entries()) {
      const rate = Math.exp(row.reduce((sum, value, c) => sum + value * weights[c]!, 0));
      for (let a = 0; a < columns; a++) {
        gradient[a]! += (rate - counts[t]!) * row[a]!;
        for (let b = 0; b <= a; b++) hessian[a * columns + b]! += rate * row[a]! * row[b]!;
      }
    }
    const step = choleskySolve(choleskyFactor(hessian, columns), gradient);
    const length = iteration < 10 ? 0.5 : 1;
    weights = weights.map((w, c) => w - length * step[c]!);
  }
  return weights;
}

describe('a ridge fit', () => {
  const trials = tinyTrials(3, 60);
  const design = tinyDesign(trials);
  const { neurons, lags } = design;
  const strengths = { film: 4, own: 2, coupling: 9 };
  const fitTiny = (settings = design, options = {}) =>
    fitRidgeGlm(
      trials.map((trial) => designTrial(trial, settings)),
      settings,
      strengths,
      { start: new Float64Array(neurons * weightsPerNeuron(settings)), ...options },
    );

  it("ends where Newton's method ends, for film, own spikes and coupling", async () => {
    const weights = splitWeights(await fitTiny(design, { tolerance: 1e-10 }), design);
    const rows = denseRows(trials, design);
    for (let i = 0; i < neurons; i++) {
      const counts = trials
        .flatMap((trial) => [...(trial.counts as Uint8Array)])
        .filter((_, n) => n % neurons === i);
      const penalties = [
        0,
        ...Array<number>(design.film!.columns).fill(strengths.film),
        ...lags.flatMap(() =>
          Array.from({ length: neurons }, (_, j) => (j === i ? strengths.own : strengths.coupling)),
        ),
      ];
      const exact = newton(rows, counts, penalties);
      for (const [c, weight] of columnWeights(weights, i).entries())
        expect(weight, `neuron ${i}, column ${c}`).toBeCloseTo(exact[c]!, 7);
    }
  });

  it('needs a few dozen evaluations, and fewer from a start nearby', async () => {
    let evaluations = 0;
    const options = {
      beforeEach: () => {
        evaluations += 1;
      },
    };
    const point = await fitTiny(design, options);
    expect(evaluations).toBeLessThan(40);
    const first = evaluations;
    evaluations = 0;
    await fitTiny(design, { ...options, start: point.map((w) => w + 1e-3) });
    expect(evaluations).toBeLessThan(first);
  });

  it('works without a film and without history, where only the mean is left', async () => {
    const point = await fitTiny({ ...design, film: undefined, lags: [] }, { tolerance: 1e-10 });
    for (const [i, bias] of point.entries()) {
      const spikes = trials.reduce(
        (sum, { counts }) =>
          sum + (counts as Uint8Array).reduce((s, c, n) => s + (n % neurons === i ? c : 0), 0),
        0,
      );
      expect(Math.exp(bias)).toBeCloseTo(spikes / 180, 9);
    }
  });

  it('survives neurons that never fire', async () => {
    const silent = trials.map(({ counts, film }) => ({
      film: film!,
      counts: (counts as Uint8Array).map((count, n) => (n % neurons === 1 ? 0 : count)),
    }));
    const point = await fitRidgeGlm(
      silent.map((trial) => designTrial(trial, design)),
      design,
      strengths,
      { start: new Float64Array(neurons * weightsPerNeuron(design)) },
    );
    expect(point.every(Number.isFinite)).toBe(true);
    expect(Math.exp(point[1]!)).toBeLessThan(1e-3);
  });

  it('needs strengths above 0', async () => {
    const filmOnly = { ...design, lags: [] };
    const start = new Float64Array(neurons * weightsPerNeuron(filmOnly));
    await expect(fitRidgeGlm([], filmOnly, { ...strengths, film: 0 }, { start })).rejects.toThrow(
      'The strength of the penalty (film) should be above 0, but is 0.',
    );
  });

  it('ends with the error of whoever wants it to end', async () => {
    const stop = () => {
      throw new Error('Enough.');
    };
    await expect(fitTiny(design, { beforeEach: stop })).rejects.toThrow('Enough.');
  });
});

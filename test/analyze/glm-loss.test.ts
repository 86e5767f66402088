import { describe, expect, it } from 'vitest';
import { designTrial } from '../../src/analyze/glm-design.js';
import { logRates, poissonLosses, splitWeights } from '../../src/analyze/glm-loss.js';
import {
  columnWeights,
  denseRows,
  randomWeights,
  tinyDesign,
  tinyTrials,
} from '../helpers/tiny-glm.js';

describe('the likelihood of a GLM', () => {
  const trials = tinyTrials(1, 37);
  const design = tinyDesign(trials);
  const trial = designTrial(trials[0]!, design);
  const joined = randomWeights(design, 0.3);
  const weights = splitWeights(joined, design);
  const all = { targets: [0, 1, 2], joined };
  const rows = denseRows(trials, design);
  const { neurons } = design;
  const plainLogRate = (t: number, i: number) =>
    columnWeights(weights, i).reduce((sum, weight, c) => sum + weight * rows[t]![c]!, 0);

  it('has log rates that are linear in the film and in the spikes before', () => {
    const rates = logRates(weights, trial, design);
    for (let t = 0; t < 37; t++)
      for (let i = 0; i < neurons; i++)
        expect(rates[t * neurons + i]).toBeCloseTo(plainLogRate(t, i), 12);
  });

  it('is that of Poisson counts, for each neuron', () => {
    for (const [i, loss] of poissonLosses(all, trial, design).entries()) {
      let expected = 0;
      for (let t = 0; t < 37; t++)
        expected +=
          Math.exp(plainLogRate(t, i)) - trials[0]!.counts[t * neurons + i]! * plainLogRate(t, i);
      expect(loss, `neuron ${i}`).toBeCloseTo(expected, 10);
    }
  });

  it('has the gradient of central differences, which is added to what is there', () => {
    const gradient = new Float64Array(joined.length).fill(7);
    poissonLosses(all, trial, design, gradient);
    const total = (losses: Float64Array) => losses.reduce((sum, loss) => sum + loss, 0);
    for (let n = 0; n < joined.length; n++) {
      const at = (shift: number) => {
        const moved = joined.with(n, joined[n]! + shift);
        return total(poissonLosses({ ...all, joined: moved }, trial, design));
      };
      expect(gradient[n]! - 7, `weight ${n}`).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 6);
    }
  });

  it('is the same for some of the neurons', () => {
    const some = { targets: [0, 2], joined: joined.filter((_, n) => n % neurons !== 1) };
    const [gradient, someGradient] = [joined, some.joined].map(
      (list) => new Float64Array(list.length),
    );
    const losses = poissonLosses(all, trial, design, gradient!);
    expect(poissonLosses(some, trial, design, someGradient!)).toEqual(
      losses.filter((_, i) => i !== 1),
    );
    expect(someGradient).toEqual(gradient!.filter((_, n) => n % neurons !== 1));
  });

  it('reads trials of whole counts, with a film if the model reads one', () => {
    const { counts, film } = trials[0]!;
    expect(() => designTrial({ counts: [0, 1, 2, 0, 0.5, 1], film: film! }, design)).toThrow(
      'Spike counts should be whole numbers from 0 to 65535, but neuron 1 has 0.5 in bin 1.',
    );
    expect(() => designTrial({ counts }, design)).toThrow(
      'The model reads films, but a trial has none.',
    );
  });
});

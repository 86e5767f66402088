import { describe, expect, it } from 'vitest';
import {
  bitsPerSpike,
  meanCounts,
  mixWithMean,
  psthCorrelation,
  splitHalfCeiling,
  sumBins,
} from '../../src/analyze/rate-scores.js';
import { HostRandom } from '../../src/math/random.js';

describe('mean counts', () => {
  it('are per bin over all trials, and half a spike in all for a silent neuron', () => {
    const trials = [
      [1, 0, 3, 0],
      [2, 0],
    ];
    expect([...meanCounts(trials, 2)]).toEqual([2, 0.5 / 3]);
    expect(() => meanCounts([[1, 2, 3]], 2)).toThrow(
      'A trial has 3 counts, which does not fill bins of 2 neurons: it should be [bins, neurons].',
    );
  });

  it('can be mixed into expected counts', () => {
    const mixed = mixWithMean([1, 0, 2, 4], Float64Array.of(0.5, 1), 0.1);
    expect([...mixed]).toEqual([0.95, 0.1, 1.85, 3.7].map((v) => expect.closeTo(v, 12)));
  });
});

describe('bits per spike', () => {
  const means = Float64Array.of(0.5, 1);

  it('are as computed by hand', () => {
    // Neuron 0 fires where that is twice as likely as usual; neuron 1 is silent where it is.
    const bits = bitsPerSpike([[1, 0]], [[1, 0.5]], means);
    expect(bits).toBeCloseTo((Math.log(2) - 0.5 + 0.5) / Math.LN2, 12);
    const more = bitsPerSpike(
      [
        [1, 0],
        [2, 1],
      ],
      [
        [1, 0.5],
        [0.25, 2],
      ],
      means,
    );
    const nats = Math.log(2) + 2 * Math.log(0.5) + Math.log(2) + 0.25 - 1;
    expect(more).toBeCloseTo(nats / 4 / Math.LN2, 12);
  });

  it('are 0 for the mean itself, and highest for the rates that the spikes come from', () => {
    const random = new HostRandom(2);
    const rates = Float64Array.from({ length: 4000 }, () => Math.exp(random.normal() - 1));
    const counts = rates.map((rate) => random.poisson(rate));
    const mean = meanCounts([counts], 1);
    expect(bitsPerSpike([counts], [rates.map(() => mean[0]!)], mean)).toBe(0);
    const best = bitsPerSpike([counts], [rates], mean);
    expect(best).toBeGreaterThan(0.3);
    for (const power of [0.7, 1.3]) {
      const wrong = rates.map((rate) => rate ** power);
      expect(bitsPerSpike([counts], [wrong], mean)).toBeLessThan(best);
    }
  });

  it('are NaN without spikes, and minus infinity for a spike that was held impossible', () => {
    expect(bitsPerSpike([[0, 0]], [[1, 1]], means)).toBeNaN();
    expect(bitsPerSpike([[1, 0]], [[0, 1]], means)).toBe(Number.NEGATIVE_INFINITY);
    expect(bitsPerSpike([[1, 0]], [mixWithMean([0, 1], means)], means)).toBeCloseTo(
      Math.log2(0.02) + 0.98 * 0.5 * Math.LOG2E,
      12,
    );
  });

  it('need trials that match, and means above 0', () => {
    expect(() => bitsPerSpike([[1, 0]], [], means)).toThrow(
      'There are 1 recorded trials but 0 predicted ones; there should be as many of each.',
    );
    expect(() => bitsPerSpike([[1, 0]], [[1, 0, 1, 0]], means)).toThrow(
      'Trial 0 has 1 recorded bins but 2 predicted ones; there should be as many of each.',
    );
    expect(() => bitsPerSpike([[1, 0]], [[1, 1]], Float64Array.of(1, 0))).toThrow(
      'The mean count of neuron 1 should be above 0, but is 0: compute the means with meanCounts.',
    );
  });
});

describe('PSTHs', () => {
  it('add up bins and drop those left over', () => {
    const trial = [1, 10, 2, 20, 3, 30, 4, 40, 5, 50];
    expect([...sumBins(trial, { neurons: 2, group: 2 })]).toEqual([3, 30, 7, 70]);
  });

  it('correlate as computed by hand, whatever the number of trials', () => {
    // Neuron 0: means 1, 2, 3, 4 against 1, 3, 3, 5. Neuron 1 is predicted exactly.
    const recorded = [
      [2, 1, 3, 0, 3, 2, 5, 0],
      [0, 1, 3, 0, 3, 2, 5, 0],
    ];
    const predicted = [[1, 2, 2, 0, 3, 4, 4, 0]];
    const { mean, perNeuron } = psthCorrelation(predicted, recorded, { neurons: 2, group: 1 });
    const r = 6 / Math.sqrt(5 * 8);
    expect([...perNeuron]).toEqual([expect.closeTo(r, 12), expect.closeTo(1, 12)]);
    expect(mean).toBeCloseTo((r + 1) / 2, 12);
  });

  it('leave out neurons that do not vary, and count a constant prediction of others as 0', () => {
    const recorded = [
      [0, 1, 2, 0, 2, 1],
      [0, 2, 1, 0, 0, 0],
    ];
    // Neuron 0 is silent, neuron 2 varies, neuron 1 is 3 and 2.
    const predicted = [[0.1, 0.3, 1, 0.7, 0.3, 0]];
    const bins = { neurons: 3, group: 1 };
    const { mean, perNeuron } = psthCorrelation(predicted, recorded, bins);
    expect([...perNeuron]).toEqual([Number.NaN, 0, expect.closeTo(1, 12)]);
    expect(mean).toBeCloseTo(0.5, 12);
    const silent = [[0, 0, 0, 0, 0, 0]];
    expect(psthCorrelation(predicted, silent, bins).mean).toBeNaN();
  });

  it('have to be equally long', () => {
    const bins = { neurons: 1, group: 1 };
    expect(() => psthCorrelation([[1, 2]], [[1, 2], [1]], bins)).toThrow(
      'Repeats should be equally long, but trial 1 has 1 bins and the first one 2.',
    );
    expect(() => psthCorrelation([[1]], [[1, 2]], bins)).toThrow(
      'The predicted PSTH has 1 bins but the recorded one 2: predict trials of the recorded length.',
    );
  });
});

describe('the ceiling of a PSTH', () => {
  const bins = { neurons: 1, group: 1 };

  it('extrapolates the correlation of halves to all repeats', () => {
    const a = [1, 2, 3, 4, 5];
    const b = [1, 4, 3, 2, 5];
    const { halves, drawn, expected } = splitHalfCeiling([a, b], bins);
    expect(halves).toBeCloseTo(0.6, 12);
    expect(drawn).toBeCloseTo(1.2 / 1.6, 12);
    expect(expected).toBeCloseTo(Math.sqrt(0.75), 12);
  });

  it('is what the true rates reach, drawn and as they are', () => {
    const random = new HostRandom(6);
    const neurons = 30;
    const rates = Float64Array.from({ length: 200 * neurons }, () => Math.exp(random.normal() - 1));
    const draw = (count: number) =>
      Array.from({ length: count }, () => rates.map((rate) => random.poisson(rate)));
    // An odd number of repeats: each division leaves out one.
    const recorded = draw(11);
    const many = { neurons, group: 1 };
    const ceiling = splitHalfCeiling(recorded, many, { seed: 2 });
    const drawn = psthCorrelation(draw(11), recorded, many).mean;
    const expected = psthCorrelation([rates], recorded, many).mean;
    expect(Math.abs(ceiling.drawn - drawn)).toBeLessThan(0.01);
    expect(Math.abs(ceiling.expected - expected)).toBeLessThan(0.01);
    expect(splitHalfCeiling(recorded, many, { seed: 2 })).toEqual(ceiling);
    expect(splitHalfCeiling(recorded, many, { seed: 3 })).not.toEqual(ceiling);
  });

  it('counts a half without spikes as 0, and leaves out neurons without any', () => {
    const silent = [0, 0, 0];
    expect(splitHalfCeiling([silent, [1, 0, 2]], bins)).toEqual({
      halves: 0,
      drawn: 0,
      expected: 0,
    });
    expect(splitHalfCeiling([silent, silent], bins).drawn).toBeNaN();
  });

  it('needs two repeats', () => {
    expect(() => splitHalfCeiling([[1, 2]], bins)).toThrow(
      'A ceiling needs two or more repeats of a stimulus, but there are 1.',
    );
  });
});

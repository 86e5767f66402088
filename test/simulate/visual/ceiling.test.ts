import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../../src/math/random.js';
import { RateInformation, repeatReliability } from '../../../src/simulate/visual/ceiling.js';

describe('the information of rates', () => {
  it('is the mean of log2(rate / mean rate) over spikes, without the first half second', () => {
    const information = new RateInformation(2);
    // Intervals of 0.25 s; the first two do not count, whatever their rates.
    const rates = Float32Array.of(50, 50, 1, 3, 1, 3, 50, 50, 2, 2, 2, 2);
    information.add(rates, 0.25, [Float64Array.of(0.1, 0.8, 1.3), Float64Array.of(0.6)]);
    // Two spikes at 1.5 times the mean of 2, and one at the mean.
    expect(information.bits).toBeCloseTo((2 * Math.log2(1.5)) / 3, 10);
  });

  it('does not depend on the unit of the rates', () => {
    const bits = [1, 7].map((factor) => {
      const information = new RateInformation(1);
      const rates = Float32Array.of(1, 1, 1, 2, 4, 5).map((rate) => factor * rate);
      information.add(rates, 0.25, [Float64Array.of(0.6, 0.9, 1.4)]);
      return information.bits;
    });
    expect(bits[1]).toBeCloseTo(bits[0]!, 6);
  });
});

describe('how well repeats agree', () => {
  const repeats = [0, 1, 2, 3].map((n) => ({ start: 10 * n, stop: 10 * n + 10 }));
  const random = new HostRandom(1);
  const spikes = (times: (repeat: number) => number[]) =>
    Float64Array.from(repeats.flatMap(({ start }, n) => times(n).map((time) => start + time)));
  const drawn = () =>
    Array.from({ length: 200 }, () => random.between(0, 10)).sort((p, q) => p - q);

  it('is 1 for repeats that are alike, and near 0 for repeats that have nothing in common', () => {
    const same = drawn();
    for (const { halves, single } of repeatReliability([spikes(() => same)], repeats)) {
      expect(halves).toBeCloseTo(1, 10);
      expect(single).toBeCloseTo(1, 10);
    }
    const neurons = Array.from({ length: 30 }, () => spikes(drawn));
    for (const { halves, single } of repeatReliability(neurons, repeats)) {
      expect(Math.abs(halves)).toBeLessThan(0.06);
      expect(Math.abs(single)).toBeLessThan(0.06);
    }
  });

  it('is in bins of 50 and 200 ms, and leaves out neurons that are silent', () => {
    const same = drawn();
    const reliability = repeatReliability([spikes(() => same), new Float64Array()], repeats);
    expect(reliability.map(({ bin }) => bin)).toEqual([0.05, 0.2]);
    for (const { halves } of reliability) expect(halves).toBeCloseTo(1, 10);
  });

  it('does not count the first half second of a repeat', () => {
    const late = [1.02, 2.13, 3.34, 7.91];
    const early = spikes((n) => [n % 2 === 0 ? 0.1 : 0.3, ...late]);
    expect(repeatReliability([early], repeats)[0]!.halves).toBeCloseTo(1, 10);
  });
});

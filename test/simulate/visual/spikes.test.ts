import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../../src/math/random.js';
import { lowerBound } from '../../../src/recording/spikes.js';
import {
  conditionalIntensity,
  drawSpikes,
  drawWeights,
} from '../../../src/simulate/visual/spikes.js';

describe('connections', () => {
  const NEURONS = 40;
  const weights = drawWeights(NEURONS, new HostRandom(1));

  it('are three inputs of each neuron from others, one in four of which inhibits', () => {
    for (let to = 0; to < NEURONS; to++) {
      const row = weights.subarray(to * NEURONS, (to + 1) * NEURONS);
      expect(row.filter((weight) => weight !== 0)).toHaveLength(3);
      expect(row[to]).toBe(0);
    }
    const connected = weights.filter((weight) => weight !== 0);
    expect(connected.filter((weight) => weight === -1.2)).toHaveLength(30);
    for (const weight of connected.filter((value) => value !== -1.2)) {
      expect(weight).toBeGreaterThanOrEqual(0.8);
      expect(weight).toBeLessThan(1.5);
    }
  });
});

describe('spikes', () => {
  const FRAMES = 8000;
  /** Spikes of neurons at 10 Hz each, in 400 s unless there are other frames. */
  const draw = (weights: Float64Array, frames = FRAMES) => {
    const neurons = Math.sqrt(weights.length);
    const expected = new Float32Array(neurons * frames).fill(10);
    return { expected, ...drawSpikes(expected, weights, new HostRandom(2)) };
  };
  /** How many spikes of one neuron follow one of another within some milliseconds, per spike. */
  const follow = (source: Float64Array, target: Float64Array, from: number, to: number) => {
    let count = 0;
    for (const time of source)
      count += lowerBound(target, time + to / 1000) - lowerBound(target, time + from / 1000);
    return count / source.length;
  };

  it('come as often as the intensity says, at any time in its steps', () => {
    const { times, intensity } = draw(Float64Array.of(0, 0, 0, 0));
    const steps = 10 * FRAMES;
    for (const [n, list] of times.entries()) {
      const total = intensity
        .subarray(n * steps, (n + 1) * steps)
        .reduce((sum, rate) => sum + rate * 0.005, 0);
      expect(Math.abs(list.length - total)).toBeLessThan(3.5 * Math.sqrt(total));
      const phases = list.map((time) => (time / 0.005) % 1);
      for (const quarter of [0.25, 0.5, 0.75])
        expect(phases.filter((phase) => phase < quarter).length / list.length).toBeCloseTo(
          quarter,
          1,
        );
      expect([...list].sort((p, q) => p - q)).toEqual([...list]);
    }
  });

  it('of a neuron seldom follow each other within 10 ms', () => {
    const [times] = draw(Float64Array.of(0)).times;
    const shareBelow = (seconds: number) =>
      times!.filter((time, n) => n > 0 && time - times![n - 1]! < seconds).length / times!.length;
    // A Poisson process of this rate has intervals below 10 ms in a share of 0.09.
    expect(shareBelow(0.01)).toBeLessThan(0.03);
    expect(shareBelow(0.1)).toBeGreaterThan(0.3);
  });

  it('excite or inhibit their targets after 10 ms, and no other neuron', () => {
    const excited = draw(Float64Array.of(0, 0, 0, 1.5, 0, 0, -1.2, 0, 0)).times;
    const after = [1, 2].map((target) => follow(excited[0]!, excited[target]!, 10, 20));
    const before = [1, 2].map((target) => follow(excited[0]!, excited[target]!, -20, 0));
    // 0.1 spikes in 10 ms if nothing happened.
    expect(after[0]).toBeGreaterThan(0.2);
    expect(after[1]).toBeLessThan(0.06);
    for (const share of before) expect(Math.abs(share - 0.2)).toBeLessThan(0.06);
    expect(follow(excited[1]!, excited[0]!, 10, 20)).toBeLessThan(0.2);
  });

  it('determine the intensity that they were drawn with', () => {
    const weights = drawWeights(12, new HostRandom(3));
    const { expected, times, intensity } = draw(weights, 500);
    expect(conditionalIntensity(expected, weights, times)).toEqual(intensity);
  });
});

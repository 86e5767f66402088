import { describe, expect, it } from 'vitest';
import { spikeCounts } from '../../src/analyze/correlation.js';
import { glmCoupling } from '../../src/analyze/glm-coupling.js';
import { HostRandom } from '../../src/math/random.js';

/** Neuron 0 excites neuron 2 one bin later, and neuron 1 inhibits it for two bins. */
function wiredTrial(bins: number, seed: number) {
  const random = new HostRandom(seed);
  const spikes: number[][] = [[], [], []];
  for (let b = 0; b < bins; b++) {
    const fired = (neuron: number, ago: number) => Number(spikes[neuron]!.includes(b - ago));
    const effect = 1.5 * fired(0, 1) - 1.5 * (fired(1, 1) + fired(1, 2));
    for (const [n, list] of spikes.entries())
      if (random.uniform() < 0.1 * Math.exp(n === 2 ? effect : 0)) list.push(b);
  }
  return spikeCounts(spikes, bins);
}

describe('the coupling of a Poisson GLM', () => {
  it('has the sign of every connection, and next to nothing elsewhere', async () => {
    const map = await glmCoupling([wiredTrial(2000, 1), wiredTrial(2000, 2)], 0.004);
    const [excitation, inhibition] = [map[2 * 3 + 0]!, map[2 * 3 + 1]!];
    expect(excitation).toBeGreaterThan(0.8);
    expect(inhibition).toBeLessThan(-0.8);
    const others = [map[1]!, map[2]!, map[3]!, map[5]!].map(Math.abs);
    expect(Math.max(...others)).toBeLessThan(0.5 * Math.min(excitation, -inhibition));
    expect([map[0], map[4], map[8]]).toEqual([0, 0, 0]);
  });

  it('ends with the error of its watcher', async () => {
    const stop = () => {
      throw new Error('stopped');
    };
    await expect(glmCoupling([wiredTrial(100, 1)], 0.004, stop)).rejects.toThrow('stopped');
  });
});

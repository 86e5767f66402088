import { describe, expect, it } from 'vitest';
import { hubEvidence } from '../../src/analyze/hub-check.js';
import { neuronGroup, simulateHub } from '../../src/simulate/hub.js';
import { INPUT_STEP, simulateInputs } from '../../src/simulate/inputs.js';

describe('a hub network', () => {
  const network = simulateHub({ neurons: 36, seconds: 120, seed: 1 });

  it('has hubs in the middle of each group, which drive most of it and nothing beyond', () => {
    expect(network.hubs).toEqual([5, 6, 17, 18, 29, 30]);
    for (const hub of network.hubs) {
      const targets = Array.from({ length: 36 }, (_, to) => to).filter(
        (to) => network.strong[to * 36 + hub],
      );
      expect(targets.length).toBeGreaterThan(6);
      expect(new Set(targets.map((to) => neuronGroup(to, 36, 3)))).toEqual(
        new Set([neuronGroup(hub, 36, 3)]),
      );
    }
    const others = network.strong.filter((_, at) => !network.hubs.includes(at % 36));
    expect(others.every((flag) => flag === 0)).toBe(true);
  });

  it('fires at some hertz, in order, never within its refractory period, and hubs no more than others', () => {
    const rates = network.spikes.map((times) => times.length / 120);
    expect(Math.min(...rates)).toBeGreaterThan(2);
    expect(Math.max(...rates)).toBeLessThan(15);
    for (const times of network.spikes)
      for (let n = 1; n < times.length; n++)
        expect(times[n]! - times[n - 1]!).toBeGreaterThan(0.003);
    const mean = (list: number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;
    const hubs = mean(rates.filter((_, n) => network.hubs.includes(n)));
    expect(hubs).toBeLessThan(1.2 * mean(rates));
  });

  it('is the same for the same seed, and other for another', () => {
    const settings = { neurons: 18, seconds: 5 };
    const one = simulateHub({ ...settings, seed: 4 });
    expect(simulateHub({ ...settings, seed: 4 })).toEqual(one);
    expect(simulateHub({ ...settings, seed: 5 }).spikes).not.toEqual(one.spikes);
  });

  it('sends spikes along its edges: after a hub’s spike its targets fire more', () => {
    const hub = 17;
    const near = (neuron: number) =>
      network.spikes[hub]!.reduce((sum, at) => {
        const after = network.spikes[neuron]!.some((t) => t > at + 0.0015 && t < at + 0.0065);
        const before = network.spikes[neuron]!.some((t) => t < at - 0.0015 && t > at - 0.0065);
        return sum + Number(after) - Number(before);
      }, 0);
    const [wired, unwired] = [0, 1].map((flag) =>
      Array.from({ length: 36 }, (_, n) => n)
        .filter((n) => n !== hub && network.strong[n * 36 + hub] === 1 - flag)
        .reduce((sum, n, _i, list) => sum + near(n) / list.length, 0),
    );
    expect(wired).toBeGreaterThan(10);
    expect(Math.abs(unwired!)).toBeLessThan(5);
  });

  it('is accepted because correlation sees its groups and not its hubs', () => {
    const { accepted, sentence } = hubEvidence(simulateHub({ neurons: 36, seconds: 300, seed: 1 }));
    expect(accepted).toBe(true);
    expect(sentence).toContain('finds 0 % of the hubs');
    const spikes = network.spikes.map(() => network.spikes[0]!);
    expect(hubEvidence({ ...network, spikes }).accepted).toBe(false);
  });

  it('of 300 neurons has ten hubs near 50, 150 and 250, as the paper’s figure', () => {
    const { hubs, spikes } = simulateHub({ seconds: 1 });
    expect(spikes).toHaveLength(300);
    expect(hubs).toHaveLength(30);
    for (const [n, hub] of hubs.entries())
      expect(Math.abs(hub - (50 + 100 * Math.floor(n / 10)))).toBeLessThanOrEqual(5);
  });

  it.each([
    [
      { neurons: 10 },
      'A hub network needs groups of equal size, 6 neurons or more: 10 neurons in 3 groups cannot be.',
    ],
    [{ neurons: 9, groups: 3 }, '9 neurons in 3 groups cannot be.'],
    [{ seconds: 0 }, 'A network should be simulated for some seconds, not 0.'],
  ])('%o is refused with a sentence', (settings, message) => {
    expect(() => simulateHub(settings)).toThrow(message);
  });
});

describe('driven neurons', () => {
  it('follow the input that the map gives them, and no other', () => {
    const { neurons, seconds, spikes, inputs, map } = simulateInputs({
      neurons: 8,
      seconds: 120,
      seed: 2,
    });
    expect([...map].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const samples = seconds / INPUT_STEP;
    for (let n = 0; n < neurons; n++) {
      const mean = Array.from({ length: neurons }, (_, k) => {
        const at = Array.from(
          spikes[n]!,
          (t) => inputs[Math.min(samples - 1, Math.floor(t / INPUT_STEP)) * neurons + k]!,
        );
        return at.reduce((sum, v) => sum + v, 0) / at.length;
      });
      expect(mean.indexOf(Math.max(...mean)), `neuron ${n}`).toBe(map[n]);
    }
  });

  it('are refused where there are none', () => {
    expect(() => simulateInputs({ neurons: 1 })).toThrow('should be 2 or more, but are 1');
    expect(() => simulateInputs({ seconds: -1 })).toThrow('for some seconds, not -1');
  });
});

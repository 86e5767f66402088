import { describe, expect, it } from 'vitest';
import { binTrials, pearsonCorrelations } from '../../src/analyze/correlation.js';
import { scoreEdges } from '../../src/analyze/edges.js';
import { auroc } from '../../src/math/statistics.js';
import { type Progress, silentWatcher, type Watcher } from '../../src/ports/watcher.js';
import { type HubSettings, simulateHub } from '../../src/simulate/hub.js';
import { INPUT_STEP, simulateInputs } from '../../src/simulate/inputs.js';
import { neuronGroup } from '../../src/simulate/truth.js';
import { simulationProgress } from '../../src/stages/simulate.js';

describe('a hub network', () => {
  const network = simulateHub({ neurons: 36, seconds: 120, seed: 1 });

  it('has hubs in the middle of each group, which drive most of the group and no other neuron', () => {
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
    const fromOthers = network.strong.filter((_, index) => !network.hubs.includes(index % 36));
    expect(fromOthers.every((flag) => flag === 0)).toBe(true);
  });

  it('fires at 2 to 15 Hz, never within the refractory period, and hubs hardly more than others', () => {
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

  it('is the same for the same seed and differs for another seed', () => {
    const settings = { neurons: 18, seconds: 5 };
    const network = simulateHub({ ...settings, seed: 4 });
    expect(simulateHub({ ...settings, seed: 4 })).toEqual(network);
    expect(simulateHub({ ...settings, seed: 5 }).spikes).not.toEqual(network.spikes);
  });

  it('transmits spikes along its connections: the targets of a hub fire more after its spikes', () => {
    const hub = 17;
    /** How many more of the hub's spikes the neuron fires just after than just before. */
    const excess = (neuron: number) =>
      network.spikes[hub]!.reduce((sum, time) => {
        const after = network.spikes[neuron]!.some((t) => t > time + 0.0015 && t < time + 0.0065);
        const before = network.spikes[neuron]!.some((t) => t < time - 0.0015 && t > time - 0.0065);
        return sum + Number(after) - Number(before);
      }, 0);
    const [connected, unconnected] = [1, 0].map((strong) =>
      Array.from({ length: 36 }, (_, n) => n)
        .filter((n) => n !== hub && network.strong[n * 36 + hub] === strong)
        .reduce((sum, n, _i, list) => sum + excess(n) / list.length, 0),
    );
    expect(connected).toBeGreaterThan(10);
    expect(Math.abs(unconnected!)).toBeLessThan(5);
  });

  it.each([1, 2, 3])(
    'with seed %i has groups that correlation reveals, and hubs that it does not',
    (seed) => {
      const { spikes, ...hubNetwork } = simulateHub({ neurons: 36, seconds: 120, seed });
      const map = pearsonCorrelations(binTrials([{ times: spikes, duration: 120 }], 0.05));
      const pairs = [...map.keys()].filter((pair) => Math.floor(pair / 36) !== pair % 36);
      const sameGroup = pairs.map((pair) =>
        Number(neuronGroup(Math.floor(pair / 36), 36, 3) === neuronGroup(pair % 36, 36, 3)),
      );
      expect(
        auroc(
          pairs.map((pair) => map[pair]!),
          sameGroup,
        ),
      ).toBeGreaterThan(0.9);
      expect(scoreEdges(map, hubNetwork, true).hubRecall).toBeLessThan(0.2);
    },
  );

  it('of 300 neurons has ten hubs each near 50, 150 and 250, as in the figure of the paper', () => {
    const { hubs, spikes } = simulateHub({ seconds: 1 });
    expect(spikes).toHaveLength(300);
    expect(hubs).toHaveLength(30);
    for (const [n, hub] of hubs.entries())
      expect(Math.abs(hub - (50 + 100 * Math.floor(n / 10)))).toBeLessThanOrEqual(5);
  });

  const wired = (settings: object) =>
    simulateHub({ neurons: 36, seconds: 1, seed: 1, ...settings });
  const strongWeights = ({ weights, strong }: typeof network) =>
    weights.filter((_, pair) => strong[pair]);

  it('is unchanged by settings of its wiring that equal the defaults', () => {
    const defaults = { inhibition: 0, strength: 1, delays: [2, 5], density: 0.85 };
    expect(wired(defaults)).toEqual(wired({}));
  });

  it('has as many inhibiting hubs as asked, evenly over the groups, with strong connections of either sign', () => {
    const mixed = wired({ inhibition: 0.5 });
    const signs = mixed.hubs.map((hub) => {
      const ofHub = mixed.weights.filter((_, p) => p % 36 === hub && mixed.strong[p]);
      return new Set(ofHub.map(Math.sign));
    });
    expect(signs.map((set) => [...set])).toEqual([[-1], [1], [-1], [1], [-1], [1]]);
    const before = strongWeights(wired({}));
    expect(strongWeights(mixed).map(Math.abs)).toEqual(before);
    expect(strongWeights(wired({ inhibition: 1 }))).toEqual(before.map((weight) => -weight));
  });

  it('has weights by a factor, and hubs that are connected to a share of their group', () => {
    const { weights } = wired({});
    expect(wired({ strength: 0.5 }).weights).toEqual(weights.map((weight) => weight / 2));
    expect(wired({ strength: 0.5 }).strong).toEqual(wired({}).strong);
    const count = (density: number) => strongWeights(wired({ density })).length;
    expect([count(0.2) < 0.4 * 66, count(1)]).toEqual([true, 66]);
  });

  it('transmits spikes after the delays that were asked for', () => {
    const slow = simulateHub({ neurons: 36, seconds: 120, seed: 1, delays: [12, 14] });
    const [hub, target] = [17, 16];
    const followers = (from: number, to: number) =>
      slow.spikes[hub]!.filter((time) =>
        slow.spikes[target]!.some((t) => t > time + from && t < time + to),
      ).length;
    expect(slow.strong[target * 36 + hub]).toBe(1);
    expect(followers(0.0115, 0.0165)).toBeGreaterThan(2 * followers(0.0015, 0.0065));
  });

  it.each([
    [{ inhibition: 2 }, 'The share of hubs that inhibit should be from 0 to 1, but is 2.'],
    [{ strength: 0 }, 'The factor on weights should be above 0, but is 0.'],
    [{ delays: [5, 2] }, 'Delays should be whole numbers of ms, 1 or more and the longest last'],
    [{ delays: [0, 2] }, 'but are 0 to 2.'],
    [{ density: 0 }, 'should be above 0 and at most 1, but is 0.'],
    [
      { neurons: 10 },
      'A hub network needs groups of equal size with at least 6 neurons each; 10 neurons cannot form 3 such groups.',
    ],
    [{ neurons: 9, groups: 3 }, '9 neurons cannot form 3 such groups.'],
    [{ seconds: 0 }, 'The length of a simulation should be above 0 seconds, but is 0.'],
  ])('%o is rejected, with the reason', (settings, message) => {
    expect(() => simulateHub(settings as HubSettings)).toThrow(message);
  });
});

describe('the progress of a simulation', () => {
  const report = (simulate: (watcher: Watcher) => void) => {
    const states: Progress[] = [];
    simulate({ ...silentWatcher, progress: (state) => states.push(state) });
    return states;
  };

  it('of a network is in seconds of the simulated session', () => {
    const states = report((watcher) =>
      simulateHub({ neurons: 18, seconds: 12.5 }, simulationProgress(watcher)),
    );
    const state = { activity: 'simulating', total: 12.5, unit: 's' };
    expect(states).toEqual([0, 10, 12.5].map((done) => ({ ...state, done })));
  });

  it('of driven neurons, which are simulated one after the other, is in neurons', () => {
    const states = report((watcher) =>
      simulateInputs({ neurons: 2, seconds: 1 }, simulationProgress(watcher)),
    );
    const state = { activity: 'simulating', total: 2, unit: 'neurons' };
    expect(states).toEqual([1, 2].map((done) => ({ ...state, done })));
  });
});

describe('driven neurons', () => {
  it('follow the input that the map assigns to them, and no other', () => {
    const { neurons, seconds, spikes, inputs, map } = simulateInputs({
      neurons: 8,
      seconds: 120,
      seed: 2,
    });
    expect([...map].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const samples = seconds / INPUT_STEP;
    for (let n = 0; n < neurons; n++) {
      const mean = Array.from({ length: neurons }, (_, k) => {
        const inputAtSpikes = Array.from(
          spikes[n]!,
          (t) => inputs[Math.min(samples - 1, Math.floor(t / INPUT_STEP)) * neurons + k]!,
        );
        return inputAtSpikes.reduce((sum, v) => sum + v, 0) / inputAtSpikes.length;
      });
      expect(mean.indexOf(Math.max(...mean)), `neuron ${n}`).toBe(map[n]);
    }
  });

  it('are rejected if there are fewer than two, or no time to simulate', () => {
    expect(() => simulateInputs({ neurons: 1 })).toThrow(
      'The number of driven neurons should be 2 or more, but is 1.',
    );
    expect(() => simulateInputs({ seconds: -1 })).toThrow(
      'The length of a simulation should be above 0 seconds, but is -1.',
    );
  });
});

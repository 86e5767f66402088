import { describe, expect, it } from 'vitest';
import {
  furthestFromZero,
  invertMatrix,
  laggedCorrelations,
  partialCorrelations,
  pearsonCorrelations,
  spikeCounts,
} from '../../src/analyze/correlation.js';
import { scoreEdges } from '../../src/analyze/edges.js';
import {
  firingRates,
  histogram,
  interspikeIntervals,
  psth,
  setF1,
  spikeTriggeredRate,
} from '../../src/analyze/spike-trains.js';
import { HostRandom } from '../../src/math/random.js';
import { correlation } from '../../src/math/statistics.js';
import { scoreGenerated } from '../../src/probe/generated.js';
import { createRecording } from '../../src/recording/recording.js';

/** The bin of every spike in a row of counts. */
const spikeBins = (row: ArrayLike<number>) =>
  Array.from(row).flatMap((count, bin) => Array<number>(count).fill(bin));

/**
 * Counts of three neurons: neuron 1 repeats neuron 0 one bin later, and neuron 2 is independent.
 */
function followerCounts(bins: number) {
  const random = new HostRandom(5);
  const rows = [0, 1, 2].map(() => new Float64Array(bins));
  for (let b = 1; b < bins; b++) {
    rows[0]![b] = Number(random.uniform() < 0.2) + Number(random.uniform() < 0.1);
    rows[2]![b] = Number(random.uniform() < 0.2);
    rows[1]![b] = rows[0]![b - 1]!;
  }
  return { rows, counts: spikeCounts(rows.map(spikeBins), bins) };
}

describe('correlations of spike counts', () => {
  const { rows, counts } = followerCounts(3000);

  it('equal Pearson correlations of dense rows', () => {
    const map = pearsonCorrelations(counts);
    for (const [i, j] of [
      [0, 1],
      [0, 2],
      [2, 1],
    ] as const)
      expect(map[i * 3 + j]).toBeCloseTo(correlation(rows[i]!, rows[j]!), 10);
    expect([map[0], map[4], map[8]]).toEqual([0, 0, 0]);
  });

  it('reveal with a lag which neuron follows which', () => {
    const map = laggedCorrelations(counts, [1, 2]);
    expect(map[1 * 3 + 0], 'neuron 1 after neuron 0').toBeGreaterThan(0.99);
    expect(Math.abs(map[0 * 3 + 1]!)).toBeLessThan(0.1);
    expect(Math.abs(map[2 * 3 + 0]!)).toBeLessThan(0.1);
  });

  it('take with several lags the largest, or the one that is furthest from 0', () => {
    // Neuron 1 never fires one bin after neuron 0, and a little more often than usual after two.
    const bins = Array.from({ length: 20 }, (_, bin) => bin);
    const counts = spikeCounts(
      [bins.filter((bin) => bin % 4 === 0), bins.filter((bin) => bin % 4 !== 1 && bin !== 6)],
      20,
    );
    const at = (lags: number[], choose?: typeof furthestFromZero) =>
      laggedCorrelations(counts, lags, choose)[1 * 2 + 0]!;
    expect([at([1]) < -0.3, at([2]) > 0, at([2]) < 0.3]).toEqual([true, true, true]);
    expect(at([1, 2])).toBe(at([2]));
    expect(at([1, 2], furthestFromZero)).toBe(at([1]));
  });

  it('count several spikes of a neuron in a bin', () => {
    const { values, ids } = spikeCounts([[1, 1, 4], [1]], 5);
    expect([...values]).toEqual([2, 1, 1]);
    expect([...ids]).toEqual([0, 1, 0]);
  });

  it('exclude, if partial, what is explained by a third neuron', () => {
    const random = new HostRandom(2);
    const n = 5000;
    const common = Array.from({ length: n }, () => random.integer(6));
    const noisy = () => common.map((v) => v + random.integer(4));
    const counts = spikeCounts([common, noisy(), noisy()].map(spikeBins), n);
    const [plain, partial] = [pearsonCorrelations(counts), partialCorrelations(counts)];
    expect(plain[1 * 3 + 2]).toBeGreaterThan(0.5);
    expect(Math.abs(partial[1 * 3 + 2]!)).toBeLessThan(0.05);
    expect(partial[0 * 3 + 1]).toBeGreaterThan(0.5);
    expect(partial[1 * 3 + 0]).toBe(partial[0 * 3 + 1]);
  });

  it('use an inverse whose product with the matrix is the identity', () => {
    const matrix = Float64Array.of(4, 1, 0.5, 1, 3, -1, 0.5, -1, 5);
    const inverse = invertMatrix(matrix, 3);
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++) {
        let sum = 0;
        for (let k = 0; k < 3; k++) sum += matrix[i * 3 + k]! * inverse[k * 3 + j]!;
        expect(sum).toBeCloseTo(i === j ? 1 : 0, 12);
      }
    expect(() => invertMatrix(new Float64Array(4), 2)).toThrow('it is singular');
  });
});

describe('scores of a map of connections', () => {
  // Neurons 0 and 1 drive neurons 2 and 3.
  const strong = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0);
  const wiring = {
    neurons: 4,
    weights: Float64Array.from(strong),
    strong,
    hubs: [0, 1],
    groups: 1,
  };

  it('are perfect for the true weights, and at chance for a blank map', () => {
    expect(scoreEdges(wiring.weights, wiring, true)).toEqual({
      auroc: 1,
      aurocWithin: 1,
      direction: 1,
      hubRecall: 1,
      r2: expect.closeTo(1, 12),
      spearman: expect.closeTo(1, 12),
      aurocMagnitude: 1,
      aurocExcitatory: 1,
      aurocInhibitory: Number.NaN,
      directionMagnitude: 1,
      signAccuracy: 1,
    });
    const blank = scoreEdges(new Float64Array(16), wiring, true);
    expect([blank.auroc, blank.direction]).toEqual([0.5, 0.5]);
  });

  it('distinguish a map from its transpose', () => {
    const transposed = wiring.weights.map(
      (_, pair) => wiring.weights[(pair % 4) * 4 + Math.floor(pair / 4)]!,
    );
    const scores = scoreEdges(transposed, wiring, true);
    expect([scores.direction, scores.hubRecall]).toEqual([0, 0]);
  });

  // Neuron 0 excites neuron 2, neuron 1 inhibits it, and a weak connection is not to be found.
  const signs = {
    neurons: 3,
    weights: Float64Array.of(0, 0, 0, 0.1, 0, 0, 1, -1, 0),
    strong: Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 1, 0),
    hubs: [0, 1],
    groups: 1,
  };

  it('compare connections of either sign by magnitude, and with pairs that are not connected', () => {
    const scores = scoreEdges(Float64Array.of(0, 0.1, 0.3, 9, 0, 0.2, 0.4, -0.5, 0), signs, true);
    // Of the unconnected pairs, 0.3 is the largest; the weak connection of 9 does not count.
    expect(scores).toMatchObject({
      aurocMagnitude: 1,
      aurocExcitatory: 1,
      aurocInhibitory: 1,
      directionMagnitude: 1,
      signAccuracy: 1,
    });
    expect(scores.auroc).toBeLessThan(0.5);
  });

  it('tell apart a map with the signs reversed, and one without signs', () => {
    const reversed = scoreEdges(
      signs.weights.map((weight) => -weight),
      signs,
      true,
    );
    expect(reversed).toMatchObject({
      aurocMagnitude: 1,
      aurocExcitatory: 0,
      aurocInhibitory: 0,
      signAccuracy: 0,
    });
    const unsigned = scoreEdges(signs.weights.map(Math.abs), signs, false);
    expect(unsigned).toMatchObject({ aurocMagnitude: 1, aurocExcitatory: 1, aurocInhibitory: 0 });
    expect('signAccuracy' in unsigned).toBe(false);
    expect(scoreEdges(new Float64Array(9), signs, true).signAccuracy).toBe(0.5);
  });
});

describe('statistics of generated and recorded spikes', () => {
  const recording = createRecording({
    spikes: { times: [[0.1, 0.2, 0.9], [0.55]].map((list) => Float64Array.from(list)) },
    duration: 1,
  });
  const trial = {
    start: { trialIndex: 0, end: 0.1 },
    from: 0,
    to: 1,
    times: [[0.1, 0.3, 0.8, 0.9], [0.5]].map((list) => Float64Array.from(list)),
    full: 2,
  };

  it('are as counted by hand: rates, intervals, rates over time', () => {
    expect([...firingRates([trial])]).toEqual([4, 1]);
    expect(interspikeIntervals([trial])).toEqual([0.2, 0.5, 0.1].map((v) => expect.closeTo(v)));
    expect([...psth([trial], 0.5)]).toEqual([2, 3]);
    expect([...histogram([0, 0.1, 0.15, 0.9], 0.1, 3)]).toEqual([0.25, 0.5, 0]);
  });

  it('are as counted by hand: rates around the spikes of a neuron', () => {
    const segment = {
      times: [[1, 2, 2.95], [1.011, 1.025, 2.011, 1.985], [5]],
      from: 0,
      to: 3,
    };
    const window = { before: 0.02, after: 0.04, bin: 0.01 };
    // The spike at 2.95 s is used. One within 40 ms of the end would not be.
    const rates = spikeTriggeredRate([segment], 0, [1], window);
    expect([...rates]).toEqual([1, 0, 0, 2, 1, 0].map((n) => expect.closeTo(n / 0.01 / 3)));
    expect([...spikeTriggeredRate([segment], 0, [1, 2], window)][3]).toBeCloseTo(2 / 0.01 / 6);
    expect([...spikeTriggeredRate([{ ...segment, to: 2.98 }], 0, [1], window)][3]).toBeCloseTo(100);
  });

  it('are combined into scores', () => {
    const scores = scoreGenerated(recording, [trial], 0.5);
    expect(scores).toMatchObject({
      trials: 1,
      seconds: 1,
      spikes: 5,
      full: 2,
      meanRate: { recorded: 2, generated: 2.5 },
      rateCorrelation: expect.closeTo(1, 12),
    });
  });

  it('include the overlap of the sets of neurons that fire in a window', () => {
    const set = (...list: number[]) => new Set(list);
    expect(setF1([[set(1, 2), set(2, 3)]])).toBe(0.5);
    expect(
      setF1([
        [set(1), set(1)],
        [set(), set()],
        [set(4), set()],
      ]),
    ).toBe(0.5);
  });
});

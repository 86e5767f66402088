import { describe, expect, it } from 'vitest';
import type { DecodedVariable } from '../../src/analyze/decoded-variable.js';
import { regressionTargets } from '../../src/analyze/regression-targets.js';
import { denseRows } from '../../src/analyze/sparse-rows.js';
import { HostRandom } from '../../src/math/random.js';
import { correlation } from '../../src/math/statistics.js';
import { decodeWithNetwork } from '../../src/probe/fit-network.js';
import { perceptron, recurrentNetwork } from '../../src/probe/row-networks.js';
import { useEngine } from '../helpers/engine.js';

const engine = useEngine();

const BINS = 4;
/** Numbers of each bin, the latest bin first. */
const COLUMNS = 2;

/** Rows whose variables are those of single bins, or of two of them. */
function rowsWithVariables(count: number, seed: number) {
  const random = new HostRandom(seed);
  const rows = Array.from({ length: count }, () =>
    Array.from({ length: BINS * COLUMNS }, () => random.normal()),
  );
  const values = (f: (row: number[]) => number) => Float64Array.from(rows, f);
  const empty = new Float64Array(0);
  const variables: DecodedVariable[] = [
    {
      name: 'sum',
      kind: 'number',
      truth: values((row) => row[0]! + row[COLUMNS * (BINS - 1)]!),
      predicted: empty,
    },
    {
      name: 'heading',
      kind: 'angle',
      truth: values((row) => 180 + 60 * Math.tanh(row[COLUMNS]!)),
      predicted: empty,
      period: 360,
    },
    {
      name: 'side',
      kind: 'class',
      truth: rows.map((row) => (row[2 * COLUMNS]! > 0 ? 'right' : 'left')),
      predicted: [],
    },
  ];
  return { rows: denseRows(rows), variables };
}

const train = rowsWithVariables(500, 1);
const test = rowsWithVariables(200, 2);
const inputs = {
  train: train.rows,
  targets: train.variables.map(regressionTargets),
  test: test.rows,
  variables: test.variables,
  seed: 1,
  maxChecks: 12,
};

describe('a network on rows', () => {
  it.each([
    ['perceptron', perceptron],
    ['GRU in both directions', recurrentNetwork(BINS, true)],
  ])(
    '%s learns numbers, angles and classes together',
    async (_, build) => {
      const { variables, detail } = await decodeWithNetwork(engine(), build, inputs);
      expect(detail).toMatch(/^best after \d+ updates of 64$/);
      const [sum, heading, side] = variables;
      expect(
        correlation(sum!.truth as Float64Array, sum!.predicted as Float64Array),
      ).toBeGreaterThan(0.7);
      const off = Array.from(heading!.truth as Float64Array, (truth, n) =>
        Math.abs(truth - (heading!.predicted[n] as number)),
      ).sort((p, q) => p - q);
      expect(off[100]).toBeLessThan(15);
      const right = side!.truth.filter((value, n) => value === side!.predicted[n]).length;
      expect(right).toBeGreaterThan(0.8 * side!.truth.length);
    },
    120_000,
  );

  it('decodes the same with the same seed, and ends where it is stopped', async () => {
    const small = {
      ...inputs,
      train: denseRows([[0], [1], [2], [3], [4], [5], [6], [7]]),
      test: denseRows([[3.5]]),
    };
    const numbers = (values: number[]): DecodedVariable => ({
      name: 'x',
      kind: 'number',
      truth: Float64Array.from(values),
      predicted: new Float64Array(0),
    });
    const one = {
      ...small,
      targets: [regressionTargets(numbers([0, 1, 2, 3, 4, 5, 6, 7]))],
      variables: [numbers([3.5])],
    };
    const decode = (seed: number) => decodeWithNetwork(engine(), perceptron, { ...one, seed });
    const [first] = (await decode(1)).variables;
    expect((await decode(1)).variables).toEqual([first]);
    expect((await decode(2)).variables).not.toEqual([first]);
    const few = { ...one, train: denseRows([[0], [1]]) };
    await expect(decodeWithNetwork(engine(), perceptron, few)).rejects.toThrow(
      'of 2 windows, none are left to choose its training on',
    );
    const stopped = decodeWithNetwork(engine(), perceptron, one, (done) => {
      if (done === 2) throw new Error('stopped');
    });
    await expect(stopped).rejects.toThrow('stopped');
  });
});

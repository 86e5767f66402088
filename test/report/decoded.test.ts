import { describe, expect, it } from 'vitest';
import type { DecodedResults } from '../../src/probe/results.js';
import { decodingTables } from '../../src/report/decoded.js';

const score = (value: number, spread = 0) => ({
  value,
  low: value - spread,
  high: value + spread,
});
const truth = Float64Array.of(1, 2);

function makeResults(rmse: readonly number[], unit = 'mm'): DecodedResults {
  return {
    part: 'test',
    weights: { file: 'last.safetensors', step: 3 },
    refs: [],
    variables: [{ name: 'pupil', kind: 'number', truth, predicted: truth }],
    units: { pupil: unit },
    methods: rmse.map((value, n) => ({
      name: `decoder ${n}`,
      detail: '',
      scores: {
        pupil: {
          r: score(Number.NaN),
          r2: score(-0.0004),
          rmse: score(value, 0.0001),
          median: score(value / 2),
        },
      },
    })),
    block: 10,
    blocks: 20,
    trained: 100,
    notes: [],
  } as DecodedResults;
}

describe('tables of decoded behavior', () => {
  it('show errors in any unit with three digits, the same decimals throughout a column', () => {
    const [table] = decodingTables(makeResults([0.01234, 0.00345]));
    expect(table!.title).toBe('pupil (mm)');
    expect(table!.rows.map((row) => row.at(-2))).toEqual([
      '0.01234 (0.01224 to 0.01244)',
      '0.00345 (0.00335 to 0.00355)',
    ]);
    const [coarse] = decodingTables(makeResults([402.04, 1234.5]));
    expect(coarse!.rows.map((row) => row.at(-2))).toEqual([
      '402 (402 to 402)',
      '1235 (1234 to 1235)',
    ]);
  });

  it('have a dash for scores that do not exist, and drop the sign of numbers that round to 0', () => {
    const [table] = decodingTables(makeResults([1]));
    expect(table!.rows[0]!.slice(2, 4)).toEqual(['–', '0.000 (0.000 to 0.000)']);
  });

  it('say by how much the model is ahead, of errors where it has less', () => {
    const results = makeResults([1, 2]);
    const [model, other] = results.methods;
    const modelMinusThis = { pupil: score(0.2, 0.01), turn: score(-0.2, 0.1) };
    const turn = { name: 'turn', kind: 'angle', period: 360, truth, predicted: truth } as const;
    const [, , ahead, ...rest] = decodingTables({
      ...results,
      variables: [...results.variables, turn],
      methods: [model!, { ...other!, modelMinusThis }],
    });
    expect(ahead).toEqual({
      title: 'By how much the model is ahead',
      head: ['of', 'pupil, r', 'turn, median error (deg)'],
      rows: [['decoder 1', '0.200 (0.190 to 0.210)', '0.2 (0.1 to 0.3)']],
    });
    expect(rest).toEqual([]);
    // Results of earlier versions were not compared.
    expect(decodingTables(results)).toHaveLength(1);
  });

  it('compare at most four variables side by side', () => {
    const results = makeResults([1, 2]);
    const names = ['a', 'b', 'c', 'd', 'e'];
    const [model, other] = results.methods;
    const modelMinusThis = Object.fromEntries(names.map((name) => [name, score(0.1, 0.05)]));
    const tables = decodingTables({
      ...results,
      variables: names.map((name) => ({ ...results.variables[0]!, name })),
      methods: [model!, { ...other!, modelMinusThis }],
    });
    expect(tables.slice(names.length).map(({ head }) => head.length)).toEqual([1 + 4, 1 + 1]);
  });
});

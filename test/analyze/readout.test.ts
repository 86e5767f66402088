import { describe, expect, it } from 'vitest';
import {
  denseDesign,
  denseFeatures,
  type FeatureMatrix,
} from '../../src/analyze/feature-matrix.js';
import { PrincipalComponents } from '../../src/analyze/principal-components.js';
import { neighborR2, type RecordedVariable, ridgeR2 } from '../../src/analyze/readout.js';
import { HostRandom } from '../../src/math/random.js';

const ROWS = 300;

/** Random features: columns of different spread. */
function features(seed: number, columns = 4, rows = ROWS): FeatureMatrix {
  const random = new HostRandom(seed);
  const values = Float64Array.from(
    { length: rows * columns },
    (_, n) => (columns - (n % columns)) * random.normal(),
  );
  return { rows, columns, values };
}

/** A variable that depends on a row of features. */
function variable(
  { rows, columns, values }: FeatureMatrix,
  of: (row: Float64Array) => number,
  period?: number,
): RecordedVariable {
  return {
    name: 'made up',
    values: Float64Array.from({ length: rows }, (_, row) =>
      of(Float64Array.from(values.subarray(row * columns, (row + 1) * columns))),
    ),
    ...(period !== undefined && { period }),
  };
}

const [TRAIN, TEST] = [features(1), features(2)];
/** The training and the test rows with a variable that depends on them. */
function labeled(of: (row: Float64Array) => number, period?: number) {
  const label = (part: FeatureMatrix) => ({
    features: part,
    design: denseDesign(part),
    variables: [variable(part, of, period)],
  });
  return [label(TRAIN), label(TEST)] as const;
}

describe('the R2 of ridge regression', () => {
  it('is 1 for a variable that is a sum of the features', async () => {
    const [train, test] = labeled((row) => 3 + 2 * row[0]! - row[3]!);
    expect((await ridgeR2(train, test))[0]).toBeCloseTo(1, 3);
  });

  it('is not above 0 for a variable that has nothing to do with them', async () => {
    const random = new HostRandom(3);
    const [train, test] = labeled(() => random.normal());
    expect((await ridgeR2(train, test))[0]).toBeLessThan(0.03);
  });

  it('is of the cosine and the sine of an angle', async () => {
    // Wrapping at a full turn makes the angle itself jump, but neither its cosine nor its sine.
    const angle = (row: Float64Array) =>
      (360 + (180 / Math.PI) * Math.atan2(row[0]!, row[1]!)) % 360;
    const [train, test] = labeled(angle, 360);
    expect((await ridgeR2(train, test))[0]).toBeGreaterThan(0.7);
    const [asNumber, asNumberTest] = labeled(angle);
    expect((await ridgeR2(asNumber, asNumberTest))[0]).toBeLessThan(0.6);
  });
});

describe('the R2 of the nearest windows', () => {
  it('is high for a variable that neighbors share, though it is no sum of features', async () => {
    const [train, test] = labeled((row) => Math.abs(row[0]!));
    expect((await neighborR2(train, test, 5))[0]).toBeGreaterThan(0.6);
    expect((await ridgeR2(train, test))[0]).toBeLessThan(0.1);
  });

  it('is that of the mean of all windows where all are neighbors', async () => {
    const [train, test] = labeled((row) => row[0]!);
    const center = train.variables[0]!.values.reduce((sum, value) => sum + value / ROWS, 0);
    const truth = test.variables[0]!.values;
    const own = truth.reduce((sum, value) => sum + value / ROWS, 0);
    const squares = (from: number) => truth.reduce((sum, value) => sum + (value - from) ** 2, 0);
    expect((await neighborR2(train, test, ROWS))[0]).toBeCloseTo(
      1 - squares(center) / squares(own),
      10,
    );
  });
});

describe('principal components', () => {
  it('are uncorrelated, and the first vary most', () => {
    const components = new PrincipalComponents(TRAIN, 3);
    const { columns, values } = components.project(TRAIN);
    expect(columns).toBe(3);
    const product = (i: number, j: number) => {
      let sum = 0;
      for (let row = 0; row < ROWS; row++)
        sum += (values[row * 3 + i]! * values[row * 3 + j]!) / ROWS;
      return sum;
    };
    expect(product(0, 0)).toBeGreaterThan(product(1, 1));
    expect(product(1, 1)).toBeGreaterThan(product(2, 2));
    for (const [i, j] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      expect(product(i, j)).toBeCloseTo(0, 10);
  });

  it('keep distances where there are as many as features', () => {
    const { values, columns } = new PrincipalComponents(TRAIN, 9).project(TEST);
    expect(columns).toBe(4);
    const distance = (rows: ArrayLike<number>) =>
      [0, 1, 2, 3].reduce((sum, c) => sum + (rows[c]! - rows[4 + c]!) ** 2, 0);
    expect(distance(values)).toBeCloseTo(distance(TEST.values), 10);
  });
});

it('turns features into a design and back', () => {
  expect(denseFeatures(denseDesign(TRAIN))).toEqual(TRAIN);
});

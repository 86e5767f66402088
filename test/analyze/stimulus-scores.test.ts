import { describe, expect, it } from 'vitest';
import { scoreFields, scoreInputs } from '../../src/analyze/stimulus-scores.js';

/** Three neurons, and four places at the corners of a square of 4 pixels. */
const placeCenters = [0, 0, 4, 0, 0, 4, 4, 4];
const FIELDS = {
  energy: Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0),
  fieldCenters: [0, 0, 4, 0, 0, 4],
  placeCenters,
};

describe('scores of maps by receptive fields', () => {
  it('are best for maps that are the fields, in any unit', () => {
    const maps = FIELDS.energy.map((value) => 3 * value + 2);
    const { r, deviation, pixelsOff, otherField } = scoreFields(maps, FIELDS);
    expect(r).toBeCloseTo(1, 12);
    expect(deviation).toBeCloseTo(0, 12);
    expect(pixelsOff).toBe(0);
    // Two fields of one place each, among four.
    expect(otherField).toBeCloseTo(-1 / 3, 12);
  });

  it('are worst for maps of the fields of other neurons, which the control shows', () => {
    const maps = Float64Array.of(0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0);
    const { r, pixelsOff, otherField } = scoreFields(maps, FIELDS);
    expect(r).toBeCloseTo(-1 / 3, 12);
    expect(otherField).toBeCloseTo(1, 12);
    expect(pixelsOff).toBe(4);
  });

  it('have a spread over neurons', () => {
    const maps = FIELDS.energy.slice();
    maps.set([0, 1, 0, 0], 0);
    const { r, deviation } = scoreFields(maps, FIELDS);
    expect(r).toBeCloseTo((1 + 1 - 1 / 3) / 3, 12);
    expect(deviation).toBeCloseTo(Math.sqrt(2 / 9) * (4 / 3), 12);
  });

  it('count a map that is the same everywhere as no correlation, and not for distances', () => {
    const maps = FIELDS.energy.slice();
    maps.fill(0.5, 0, 4);
    const { r, pixelsOff } = scoreFields(maps, FIELDS);
    expect(r).toBeCloseTo(2 / 3, 12);
    expect(pixelsOff).toBe(0);
    expect(scoreFields(new Float64Array(12), FIELDS)).toMatchObject({
      r: 0,
      pixelsOff: Number.NaN,
    });
  });
});

describe('scores of maps by inputs', () => {
  const driving = Int32Array.of(1, 5);

  it('are shares of neurons whose input is the largest, and among the five largest', () => {
    const maps = Float64Array.of(0, 9, 1, 2, 3, 4, 5, /**/ 6, 5, 4, 3, 2.5, 2.75, 0);
    expect(scoreInputs(maps, driving)).toEqual({ top1: 0.5, top5: 1 });
    const worse = Float64Array.of(0, 9, 1, 2, 3, 4, 5, /**/ 6, 5, 4, 3, 2.5, 2.25, 0);
    expect(scoreInputs(worse, driving)).toEqual({ top1: 0.5, top5: 0.5 });
  });

  it('do not count an input that others equal', () => {
    expect(scoreInputs(new Float64Array(14), driving)).toEqual({ top1: 0, top5: 0 });
  });
});

import { expect, it } from 'vitest';
import { runLengths } from '../../src/analyze/decoded-variable.js';

it('runs of windows end at gaps and at the ends of trials', () => {
  const refs = [0.1, 0.2, 0.3, 0.7, 0.8].map((end) => ({ trialIndex: 0, end }));
  expect(runLengths([...refs, { trialIndex: 1, end: 0.1 }, { trialIndex: 1, end: 0.2 }])).toEqual([
    3, 2, 2,
  ]);
  expect(runLengths([])).toEqual([]);
});

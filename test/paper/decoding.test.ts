import { describe, expect, it } from 'vitest';
import type { RowKind } from '../../src/paper/claim.js';
import { judgeDecoding } from '../../src/paper/claims/decoding.js';

/** A table of two seeds, with the same score of all variables in a row. */
function judge(scores: { spikes: number[]; ridge: number[]; gru: number[] }) {
  const row = (title: string, kind: RowKind, seeds: number[]) => ({
    title,
    kind,
    scores: [seeds, seeds, seeds],
  });
  return judgeDecoding({
    title: 'Made up',
    caption: '',
    columns: ['speed', 'phi', 'theta'].map((title) => ({ title })),
    rows: [
      row('Neuroformer', 'model', [0.98, 0.98]),
      row('Neuroformer, spikes only', 'model', scores.spikes),
      row('stimulus alone, MLP', 'control', [0.95, 0.96]),
      row('GRU on counts, causal, 1 s', 'baseline', scores.gru),
      row('ridge, 1 s', 'baseline', scores.ridge),
    ],
  });
}

describe('the verdict on decoding', () => {
  it('compares the model of spikes with decoders of spikes, in every seed', () => {
    const verdict = (spikes: number[], ridge: number[], gru: number[]) =>
      judge({ spikes, ridge, gru }).verdict;
    expect(verdict([0.9, 0.9], [0.8, 0.8], [0.88, 0.88])).toBe('holds');
    expect(verdict([0.9, 0.87], [0.8, 0.8], [0.88, 0.88])).toBe('partly');
    // What the film gives does not count.
    expect(verdict([0.9, 0.79], [0.8, 0.8], [0.88, 0.88])).toBe('does not hold');
  });

  it('says what the film alone gives, and whether the best decoder is reached', () => {
    const near = judge({ spikes: [0.87, 0.89], ridge: [0.8, 0.8], gru: [0.88, 0.88] });
    expect(near.baseline).toContain('stimulus alone, MLP: r = 0.9');
    expect(near.remarks.join(' ')).toContain('is within 0.02 of the best decoder');
    const far = judge({ spikes: [0.84, 0.89], ridge: [0.8, 0.8], gru: [0.88, 0.88] });
    expect(far.remarks.join(' ')).toContain('is not within 0.02 of the best decoder');
    expect(far.remarks.at(-1)).toMatch(/^The film alone gives speed with r = 0\.9/);
  });
});

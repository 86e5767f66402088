import { describe, expect, it } from 'vitest';
import type { RowKind } from '../../src/paper/claim.js';
import { judgeLabels } from '../../src/paper/claims/labels.js';

/** The verdict for scores of two seeds, [1 %, 10 %] of labels in each row. */
function judge(
  frozen: number[],
  pretrained: number[],
  scratch: number[],
  frozenMore = frozen,
  slow = [0.5, 0.5],
) {
  const row = (title: string, kind: RowKind, few: number[], more: number[] = few) => ({
    title,
    kind,
    scores: [few, more],
  });
  const table = {
    title: 'speed',
    caption: '',
    columns: [{ title: '1 %' }, { title: '10 %' }],
    rows: [
      row('pretrained, fine-tuned', 'model', pretrained),
      row('from scratch', 'baseline', [0.5, 0.5], scratch),
      row('pretrained, frozen, ridge', 'model', frozen, frozenMore),
      row('pretrained, frozen, slow features', 'model', slow),
      row('untrained, frozen, ridge', 'control', [0.3, 0.3]),
      row('untrained, frozen, slow features', 'control', [0.4, 0.4]),
      row('ridge on counts', 'baseline', [0.7, 0.7], [0.84, 0.84]),
      row('slow features of counts', 'baseline', [0.6, 0.6]),
    ],
  };
  return judgeLabels([table]);
}

describe('the verdict on few labels', () => {
  it('needs both ways of using the pretrained network to be ahead with a tenth of the labels', () => {
    const verdict = (...scores: Parameters<typeof judge>) => judge(...scores).verdict;
    expect(verdict([0.9, 0.9], [0.88, 0.88], [0.85, 0.85])).toBe('holds');
    expect(verdict([0.9, 0.9], [0.8, 0.88], [0.85, 0.85])).toBe('partly');
    // Ahead with as many labels, but not with a tenth of them.
    expect(verdict([0.8, 0.84], [0.8, 0.8], [0.85, 0.85], [0.9, 0.9])).toBe('partly');
    expect(verdict([0.8, 0.84], [0.8, 0.8], [0.85, 0.85], [0.9, 0.8])).toBe('does not hold');
    // By its slowest feature alone, with which it is enough to read one number.
    expect(verdict([0.8, 0.8], [0.8, 0.8], [0.85, 0.85], [0.8, 0.8], [0.9, 0.86])).toBe('partly');
    expect(verdict([0.8, 0.8], [0.9, 0.9], [0.85, 0.85], [0.8, 0.8], [0.9, 0.86])).toBe('holds');
  });

  it('says what the untrained network gives, and what ridge on counts does', () => {
    const { remarks } = judge([0.9, 0.9], [0.8, 0.8], [0.85, 0.85]);
    expect(remarks[0]).toContain('not ahead of the one from scratch with 10 % in every seed');
    expect(remarks[0]).toContain('that of counts r = 0.60');
    expect(remarks[1]).toContain('ahead of ridge on counts with 10 %');
    expect(remarks[3]).toContain('not ahead of that in every seed');
    expect(remarks[4]).toContain('r = 0.30');
  });
});

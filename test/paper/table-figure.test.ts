import { describe, expect, it } from 'vitest';
import type { MeasuredTable } from '../../src/paper/claim.js';
import { controlsFigure, scoresFigure, tableFigure } from '../../src/paper/table-figure.js';

const TABLE: MeasuredTable = {
  title: 'Scores',
  caption: 'Made up.',
  columns: [{ title: 'r' }, { title: 'untrained' }, { title: 'rate, Hz' }],
  rows: [
    { title: 'ours', kind: 'model', scores: [[0.5, 0.75], [0.25, 0.125], [4]] },
    { title: 'mean', kind: 'baseline', scores: [[0, 0], [], [4, 5]] },
    { title: 'recorded', kind: 'ceiling', scores: [[], [], [3, 4]] },
  ],
};
const FACTS = { name: 'scores', title: 'Scores' };

/** Texts of a drawing. */
function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text!);
}

describe('a figure of a table', () => {
  it('has a panel for each column, a dot for each seed, and the kinds of rows as colors', async () => {
    const { svg, csv, caption } = await tableFigure(FACTS, TABLE, ['r', 'rate, Hz']);
    expect(csv.trim().split('\n')).toEqual([
      'method,series,r,"rate, Hz"',
      'ours,model,0.5,4',
      'ours,model,0.75,',
      'mean,baseline,0,4',
      'mean,baseline,0,5',
      'recorded,ceiling,,3',
      'recorded,ceiling,,4',
    ]);
    expect(texts(svg)).toEqual(
      expect.arrayContaining(['ours', 'recorded', 'r', 'rate, Hz', 'model', 'baseline', 'ceiling']),
    );
    expect(texts(svg)).not.toContain('control');
    expect(caption).toContain('seeds');
  });

  it('leaves out methods without a score', async () => {
    const { svg, csv } = await tableFigure(FACTS, TABLE, ['r']);
    expect(csv).not.toContain('recorded');
    expect(texts(svg)).not.toContain('recorded');
  });

  it('shows columns that are controls beside the first', async () => {
    const { svg, csv } = await controlsFigure(FACTS, TABLE, 'r with the truth', ['untrained']);
    expect(csv.trim().split('\n')).toEqual([
      'method,series,r with the truth',
      'ours,model,0.5',
      'ours,model,0.75',
      'ours,untrained,0.25',
      'ours,untrained,0.125',
      'mean,baseline,0',
      'mean,baseline,0',
    ]);
    expect(texts(svg)).toEqual(expect.arrayContaining(['untrained', 'r with the truth']));
  });

  it('draws series of any kind', async () => {
    const series = ['first', 'second'].map((name) => ({ name, color: '#123456' }));
    const drawn = series.map(({ name }, n) => ({ method: 'all', series: name, scores: [[n]] }));
    const { svg, csv } = await scoresFigure(FACTS, drawn, series, ['r']);
    expect(csv).toBe('method,series,r\nall,first,0\nall,second,1\n');
    expect(texts(svg)).toEqual(expect.arrayContaining(['all', 'first', 'second']));
  });
});

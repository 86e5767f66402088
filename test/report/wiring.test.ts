import { describe, expect, it } from 'vitest';
import { attentionVerdict, scoreTable, wiringSection } from '../../src/report/wiring.js';

const scores = (auroc: number, direction: number) => ({
  auroc,
  aurocWithin: auroc,
  direction,
  hubRecall: 1,
  r2: 0.4,
  spearman: 0.3,
  aurocMagnitude: auroc,
  aurocExcitatory: auroc,
  aurocInhibitory: Number.NaN,
  directionMagnitude: direction,
});
const map = (name: string, auroc: number, direction: number) => ({
  name,
  title: name,
  kind: 'model' as const,
  signed: false,
  values: new Float64Array(4),
  scores: scores(auroc, direction),
});

type Scored = ReturnType<typeof map>;

describe('the section on connectivity', () => {
  it('says that attention beats Pearson correlation, and also that it does not', () => {
    const better = attentionVerdict([
      map('attention', 0.99, 1),
      map('pearson10', 0.9, 0.5),
      map('pearson50', 0.8, 0.5),
    ]);
    expect(better).toBe(
      'Attention beats Pearson correlation on both: AUROC of strong edges 0.990 against 0.900, direction 1.000 against 0.500.',
    );
    const worse = attentionVerdict([map('attention', 0.89, 1), map('pearson10', 0.9, 0.5)]);
    expect(worse).toMatch(/^Attention does not beat Pearson correlation on both: /);
  });

  it.each([
    [0.747, 1, 'does better (AUROC 1.000)'],
    [0.99, 0.994, 'does as well (AUROC 0.994)'],
    [0.99, 0.986, 'does as well (AUROC 0.986)'],
    [0.99, 0.9, 'does worse (AUROC 0.900)'],
  ])('says how a lagged correlation compares: %d, lagged %d', (attention, lagged, verdict) => {
    const sentence = attentionVerdict([
      map('attention', attention, 1),
      map('pearson10', 0.7, 0.5),
      { ...map('lagged', lagged, 1), title: 'Lagged, largest of 1 to 10 ms' },
    ]);
    expect(sentence).toMatch(/^Attention beats Pearson correlation on both: /);
    expect(sentence).toContain(` Lagged correlation, the largest of 1 to 10 ms, ${verdict}.`);
  });

  it('says that attention is no better than that of an untrained model, and what works then', () => {
    const signed = (name: string, auroc: number, signAccuracy: number) => {
      const { scores, ...rest } = map(name, 0.1, 0.1);
      const either = { aurocMagnitude: auroc, directionMagnitude: 1, aurocInhibitory: 0.9 };
      return { ...rest, scores: { ...scores, ...either, signAccuracy } };
    };
    const maps = [
      { ...map('attention', 0.606, 0.6), title: 'Attention' },
      {
        ...map('untrained', 0.607, 0.6),
        kind: 'control' as const,
        scores: { ...scores(0.607, 0.6), aurocExcitatory: 0.5 },
      },
      map('pearson10', 0.6, 0.5),
      { ...signed('coupling', 0.978, 1), title: 'Coupling' },
    ];
    expect(attentionVerdict(maps)).toBe(
      'Attention beats Pearson correlation on both: AUROC of strong edges 0.606 against 0.600, direction 0.600 against 0.500. It is no better than the attention of an untrained model (AUROC 0.606 and 0.607), since it has no sign. Of connections that excite it finds more (AUROC 0.606 and 0.500). Best here: Coupling (AUROC 0.978, direction 1.000, sign 1.000).',
    );
    const [attention, untrained, pearson] = maps as [Scored, Scored, Scored];
    expect(attentionVerdict([attention, untrained, pearson])).toContain(
      'an untrained model (AUROC 0.606 and 0.607): what it finds here was not learned.',
    );
    expect(attentionVerdict([map('attention', 0.9, 1), untrained, pearson])).not.toContain(
      'untrained',
    );
  });

  it('compares coupling with Pearson correlation where there is no attention', () => {
    expect(attentionVerdict([map('coupling', 0.99, 1), map('pearson10', 0.9, 0.5)])).toBe(
      'Coupling beats Pearson correlation on both: AUROC of strong edges 0.990 against 0.900, direction 1.000 against 0.500.',
    );
  });

  it('scores magnitudes and signs where some edges inhibit, with a dash for the sign of attention', () => {
    const inhibited = (name: string, sign: object) => {
      const { scores, ...rest } = map(name, 0.1, 0.1);
      const either = { aurocMagnitude: 0.9, aurocExcitatory: 0.95, aurocInhibitory: 0.85 };
      return { ...rest, scores: { ...scores, ...either, directionMagnitude: 0.8, ...sign } };
    };
    const table = scoreTable([
      inhibited('attention', {}),
      inhibited('coupling', { signAccuracy: 1 }),
    ])!;
    expect(table.head.slice(2, 7)).toEqual([
      'AUROC',
      'excitation',
      'inhibition',
      'sign',
      'direction',
    ]);
    expect(table.rows.map((row) => row.slice(2, 7))).toEqual([
      ['0.900', '0.950', '0.850', '–', '0.800'],
      ['0.900', '0.950', '0.850', '1.000', '0.800'],
    ]);
  });

  it('has dashes for missing scores, and gives no verdict on them', () => {
    // Through JSON, as results come from files.
    const unscored = JSON.parse(JSON.stringify(map('attention', Number.NaN, Number.NaN)));
    expect(scoreTable([unscored])!.rows[0]!.slice(2, 5)).toEqual(['–', '–', '–']);
    expect(attentionVerdict([unscored, map('pearson10', 0.9, 0.5)])).toBe(
      'The true wiring has no strong one-way edges to score the maps by.',
    );
  });

  it('answers with the best map of the model, beside an untrained one and spikes alone', async () => {
    const answer = async (maps: Parameters<typeof scoreTable>[0]) =>
      (await wiringSection({ neurons: 2, windows: 1, ablationWindows: 1, maps })).answers![0]!;
    const maps = [
      map('attention', 0.75, 1),
      map('ablation', 0.95, 1),
      { ...map('untrained', 0.6, 0.5), kind: 'control' as const },
      { ...map('ablationuntrained', 0.5, 0.5), kind: 'control' as const },
      { ...map('pearson10', 0.7, 0.5), kind: 'correlation' as const },
      { ...map('lagged', 0.9, 1), kind: 'correlation' as const },
    ];
    expect(await answer(maps)).toEqual({
      asked: 'Who drives whom among 2 neurons',
      answer:
        'ablation of the model finds the strong edges with AUROC 0.950, direction 1.000; chance is 0.5, and an untrained model has 0.500. The best of spikes alone is lagged: AUROC 0.900, direction 1.000.',
    });
    const unscored = maps.map((one) => ({ ...one, scores: undefined }));
    expect((await answer(unscored)).answer).toContain('The truth is not known');
  });

  it('has a table of scores only where there are scores', () => {
    const table = scoreTable([map('attention', 0.9876, 1)]);
    expect(table!.rows).toEqual([
      ['attention', 'model', '0.988', '0.988', '1.000', '1.000', '0.400', '0.300'],
    ]);
    expect(scoreTable([{ ...map('a', 1, 1), scores: undefined }])).toBeUndefined();
  });
});

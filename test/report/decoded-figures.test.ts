import { describe, expect, it } from 'vitest';
import type { DecodedResults, MethodScores } from '../../src/probe/results.js';
import { confusionRows } from '../../src/report/confusion.js';
import { decodedAnswers } from '../../src/report/decoded-answers.js';
import { decodedFigures } from '../../src/report/decoded-figures.js';
import { FULL_WIDTH, HALF_WIDTH, ROLES } from '../../src/report/theme.js';
import { isReportFigure } from '../../src/train/run-records.js';
import { drawnTexts, drawnWidth } from '../helpers/figures.js';

const score = (value: number, spread = 0.02) => ({
  value,
  low: value - spread,
  high: value + spread,
});

/** A decoder of `place` with these scores, and with worse ones at some moments. */
function method(name: string, r: number, rmse: number): MethodScores {
  const scores = (r2: number) => ({
    r: score(r2),
    r2: score(r2),
    rmse: score(rmse, 0.5),
    median: score(1),
  });
  return {
    name,
    detail: '1 s of spikes',
    scores: { place: scores(r) },
    conditional: { place: scores(r - 0.1) },
  };
}

const CHANCE = [method('chance', Number.NaN, 40), method('chance, shuffled', 0.05, 55)];

function results(
  methods: readonly MethodScores[],
  more: Partial<DecodedResults> = {},
): DecodedResults {
  const truth = Float64Array.from({ length: 100 }, (_, n) => n);
  return {
    part: 'test',
    weights: { file: 'last.safetensors', step: 3 },
    refs: Array.from(truth, (n) => ({ trialIndex: 0, end: n / 10 })),
    variables: [{ name: 'place', kind: 'number', truth, predicted: truth }],
    units: { place: 'cm' },
    methods,
    block: 10,
    blocks: 20,
    trained: 100,
    notes: [],
    ...more,
  } as DecodedResults;
}

const find = async (decoded: DecodedResults, name: string) =>
  (await decodedFigures(decoded)).find((figure) => figure.name === name);
/** The decoders of a figure's CSV, and what they are. */
const decoders = (csv: string) =>
  csv
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => /^"?([^"]+?)"?,(model|baseline),/.exec(row)!.slice(1));

describe('the figure of decoders', () => {
  const methods = [
    method('Neuroformer', 0.9, 5),
    method('ridge, 1 s', 0.7, 9),
    method('Neuroformer, mean of 3', 0.95, 4),
    method('Poisson Bayes', 0.93, 4.5),
    ...CHANCE,
  ];

  it('has the best first, the model and its mean apart from baselines, and no row at chance', async () => {
    const figure = (await find(results(methods), 'scores-place'))!;
    expect(decoders(figure.csv)).toEqual([
      ['Neuroformer, mean of 3', 'model'],
      ['Poisson Bayes', 'baseline'],
      ['Neuroformer', 'model'],
      ['ridge, 1 s', 'baseline'],
    ]);
    for (const color of [ROLES.model, ROLES.baseline]) expect(figure.svg).toContain(color);
  });

  it('has a panel with the unit for each score, and a line at chance in each', async () => {
    const texts = drawnTexts((await find(results(methods), 'scores-place'))!);
    expect(texts).toContain('RMSE (cm)');
    expect(texts.filter((text) => text.includes('chance'))).toEqual(['chance', 'chance']);
    expect(texts.indexOf('Poisson Bayes')).toBeGreaterThan(texts.indexOf('Neuroformer, mean of 3'));
  });

  it('has an interval around each dot', async () => {
    const { svg, csv } = (await find(results(methods), 'scores-place'))!;
    expect(csv.split('\n')[0]).toBe('decoder,kind,r,r_low,r_high,rmse,rmse_low,rmse_high');
    // Four decoders and chance, in two panels.
    expect(svg.match(/aria-roledescription="rule mark"/g)).toHaveLength(2 * (4 + 1));
  });

  it('leaves chance to an arrow where scores could not be told apart beside it', async () => {
    const close = [method('Neuroformer', 0.99, 5), method('ridge', 0.98, 9), ...CHANCE];
    const texts = drawnTexts((await find(results(close), 'scores-place'))!);
    expect(texts).toContain('chance 0.05');
    expect(texts).toContain('chance');
  });

  it('draws errors far beyond chance at the end of the axis', async () => {
    const axisEnd = async (rmse: number) => {
      const methods = [method('Neuroformer', 0.9, 5), method('GLM', 0.2, rmse), ...CHANCE];
      const texts = drawnTexts((await find(results(methods), 'scores-place'))!);
      return Math.max(...texts.map(Number).filter(Number.isFinite));
    };
    expect(await axisEnd(4000)).toBe(60);
    expect(await axisEnd(30)).toBeLessThan(60);
  });

  it('is drawn again for moments that are scored by themselves', async () => {
    const when = { condition: 'speed > 2', windows: 40 };
    const figures = await decodedFigures(results(methods, { when }));
    expect(figures.map(({ name }) => name)).toEqual([
      'scores-place',
      'scores-place-when',
      'decoded',
      'scatter',
    ]);
    expect(figures[1]!.title).toBe('Decoders of place, where speed > 2');
    expect(figures[1]!.csv).toContain(',0.83,');
    for (const figure of figures) {
      expect(isReportFigure(figure.name), figure.name).toBe(true);
      expect(drawnWidth(figure), figure.name).toBeLessThanOrEqual(FULL_WIDTH);
    }
  });

  it('is not drawn of a model alone', async () => {
    expect(
      await find(results([method('Neuroformer', 0.9, 5), ...CHANCE]), 'scores-place'),
    ).toBeUndefined();
  });
});

describe('the figure of recorded and decoded values', () => {
  const angle = { name: 'turn', kind: 'angle', period: 360 } as const;

  it('has a panel with its unit for each variable, over time', async () => {
    const decoded = results([method('Neuroformer', 0.9, 5)]);
    const { truth } = decoded.variables[0] as { truth: Float64Array };
    const variables = [...decoded.variables, { ...angle, truth, predicted: truth }];
    const figure = (await find({ ...decoded, variables }, 'decoded'))!;
    const texts = drawnTexts(figure);
    for (const text of ['place (cm)', 'turn (deg)', 'time (s)', 'recorded', 'decoded'])
      expect(texts).toContain(text);
    // Of several trials it is the time in one of them.
    const refs = decoded.refs.map((ref) => ({ ...ref, trialIndex: 1 }));
    const later = (await find({ ...decoded, refs }, 'decoded'))!;
    expect(drawnTexts(later)).toContain('time in the trial (s)');
    expect(figure.csv).toContain('place,recorded,1.2,12\n');
    const scatter = (await find({ ...decoded, variables }, 'scatter'))!;
    expect(drawnTexts(scatter)).toContain('recorded turn (deg)');
  });

  it('has windows in their order where trials have but one', async () => {
    const refs = Array.from({ length: 100 }, (_, trialIndex) => ({ trialIndex, end: 0.4 }));
    const figure = (await find(results([method('Neuroformer', 0.9, 5)], { refs }), 'decoded'))!;
    expect(figure.csv).toMatch(/^variable,source,window,value\nplace,recorded,1,0\n/);
    expect(figure.csv.trim().split('\n')).toHaveLength(1 + 2 * 60);
    expect(figure.caption).toBe('The first 60 of 100 windows, in order of time.');
  });
});

describe('the confusion of classes', () => {
  it('has all pairs of classes, in the order of numbers, as shares of the true class', () => {
    const { classes, rows, totals } = confusionRows({
      name: 'contrast',
      kind: 'class',
      truth: [10, 2, 10, -1, 10],
      predicted: [2, 2, 10, 2, 10],
    });
    expect(classes).toEqual(['-1', '2', '10']);
    expect([...totals]).toEqual([1, 1, 3]);
    expect(rows).toHaveLength(9);
    expect(rows.filter((row) => row.true === '10').map(({ windows }) => windows)).toEqual([
      0, 1, 2,
    ]);
    expect(rows.filter((row) => row.true === '-1').map(({ share }) => share)).toEqual([0, 1, 0]);
  });

  it('orders texts by the numbers in them', () => {
    const truth = ['image 10', 'image 9', 'image 1'];
    const { classes } = confusionRows({ name: 'image', kind: 'class', truth, predicted: truth });
    expect(classes).toEqual(['image 1', 'image 9', 'image 10']);
  });

  const figureOf = async (classes: readonly (string | number)[]) => {
    const truth = classes.flatMap((value) => [value, value, value]);
    const predicted = truth.map((value, n) => (n % 3 === 0 ? classes[0]! : value));
    const decoded = results([method('Neuroformer', 0.9, 5)], {
      variables: [{ name: 'what', kind: 'class', truth, predicted }],
    });
    return (await find(decoded, 'confusion-what'))!;
  };

  it.each([2, 5, 9, 16])(
    'has percent in the cells of %i classes, and counts beside them',
    async (count) => {
      const texts = drawnTexts(await figureOf(Array.from({ length: count }, (_, n) => n)));
      expect(texts.filter((text) => text === '67')).toHaveLength(count - 1);
      expect(texts).toContain(`${count - 1} (3)`);
      for (const text of ['recorded what', 'decoded what', 'share of the class'])
        expect(texts).toContain(text);
    },
  );

  it('fits the column with long names, and half of it with few classes', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `a class with a very long name ${n}`);
    expect(drawnWidth(await figureOf(names))).toBeLessThanOrEqual(FULL_WIDTH);
    expect(drawnWidth(await figureOf([0, 1]))).toBeLessThanOrEqual(HALF_WIDTH + 10);
  });

  it('leaves numbers out where cells are too many', async () => {
    const texts = drawnTexts(await figureOf(Array.from({ length: 17 }, (_, n) => n + 100)));
    expect(texts).not.toContain('67');
    expect(texts).toContain('116 (3)');
  });
});

describe('the answer of decoding', () => {
  const answer = (methods: readonly MethodScores[], more?: Partial<DecodedResults>) =>
    decodedAnswers(results(methods, more))[0]!;

  it('has the score with its interval, chance, the mean of models and the best baseline', () => {
    expect(
      answer([
        method('Neuroformer', 0.9, 5),
        method('Neuroformer, mean of 3', 0.95, 4),
        method('ridge', 0.7, 9),
        method('Poisson Bayes', 0.8, 7),
        ...CHANCE,
      ]),
    ).toEqual({
      asked: 'Decode place (cm) from 1 s of spikes, in the test part',
      answer:
        'r 0.900 (0.880 to 0.920), better than chance (0.050); Neuroformer, mean of 3: 0.950 (0.930 to 0.970). The best baseline is Poisson Bayes, 0.800 (0.780 to 0.820): the model is ahead.',
    });
  });

  it.each([
    [0.95, 'the model is behind'],
    [0.91, 'the intervals overlap'],
  ])('says where a baseline of %d is', (r, verdict) => {
    const { answer: text } = answer([
      method('Neuroformer', 0.9, 5),
      method('GRU', r, 5),
      ...CHANCE,
    ]);
    expect(text).toContain(`: ${verdict}.`);
  });

  it.each([
    [{ value: 0.02, low: 0.01, high: 0.03 }, 'the model is ahead by 0.020 (0.010 to 0.030)'],
    [{ value: -0.02, low: -0.03, high: -0.01 }, 'the model is behind by 0.020 (0.010 to 0.030)'],
    [
      { value: -0.02, low: -0.03, high: 0.01 },
      'the model is behind by 0.020 (-0.010 to 0.030), so the two are not told apart',
    ],
  ])('goes by the difference on the same stretches where it is known', (place, verdict) => {
    const compared = { ...method('GRU', 0.9, 5), modelMinusThis: { place } };
    const { answer: text } = answer([method('Neuroformer', 0.9, 5), compared, ...CHANCE]);
    expect(text).toContain(`: ${verdict}.`);
  });

  it('does not tell a score from chance that its interval holds, of r at least 0', () => {
    const shuffled = [CHANCE[0]!, method('chance, shuffled', -0.3, 50)];
    expect(answer([method('Neuroformer', 0.01, 5), ...shuffled]).answer).toBe(
      'r 0.010 (-0.010 to 0.030), not told from chance (0.000). No baseline stands beside it: `decode --baselines` adds them.',
    );
  });

  it('claims little with few blocks, and nothing with very few', () => {
    const both = [method('Neuroformer', 0.9, 5), method('ridge', 0.7, 9), ...CHANCE];
    expect(answer(both, { blocks: 9 }).answer).toBe(
      'r 0.900 (0.880 to 0.920), better than chance (0.050). The best baseline is ridge, 0.700 (0.680 to 0.720): the model is ahead. The intervals come from 9 blocks of 10 s, so they are rough.',
    );
    expect(answer(both, { blocks: 3 }).answer).toBe(
      'r 0.900 (0.880 to 0.920), beside chance (0.050). The best baseline is ridge, 0.700 (0.680 to 0.720). The intervals come from 3 blocks of 10 s, too few to tell anything apart.',
    );
    const modelMinusThis = { place: { value: 0.2, low: 0.1, high: 0.3 } };
    const compared = [both[0]!, { ...both[1]!, modelMinusThis }, ...CHANCE];
    expect(answer(compared, { blocks: 2 }).answer).toContain(
      '0.720): the model is ahead by 0.200 (0.100 to 0.300). The intervals come from 2 blocks',
    );
  });

  it('has the scores at some moments, and claims nothing without intervals', () => {
    const when = { condition: 'speed > 2', windows: 40 };
    const rough = (name: string, r: number) => {
      const { scores, ...rest } = method(name, r, 5);
      return { ...rest, scores: { place: { ...scores.place, r: score(r, Number.NaN) } } };
    };
    expect(
      answer([rough('Neuroformer', 0.9), rough('ridge', 0.5), ...CHANCE], { when }).answer,
    ).toBe(
      'r 0.900, beside chance (0.050). The best baseline is ridge, 0.500: there are no intervals to compare. Where speed > 2: 0.800 (0.780 to 0.820).',
    );
  });
});

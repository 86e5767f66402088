import { describe, expect, it } from 'vitest';
import type { RateResults } from '../../src/probe/rates.js';
import type {
  LabelResults,
  LabelRun,
  LadderResults,
  LatentResults,
  ProbeResults,
} from '../../src/probe/results.js';
import { labelsSection } from '../../src/report/labels.js';
import { ladderSection } from '../../src/report/ladder.js';
import { latentsSection, latentVerdict } from '../../src/report/latents.js';
import { probesSection } from '../../src/report/probes.js';
import { ratesSection } from '../../src/report/rates.js';
import { FULL_WIDTH, OTHER, ROLES } from '../../src/report/theme.js';
import { drawnTexts, drawnWidth } from '../helpers/figures.js';

describe('the section on rates', () => {
  const scores = (bits: number) => ({ bits, psth: [{ seconds: 0.05, r: 0.5 }], rate: 2 });
  const results: RateResults = {
    trials: '20 repeats',
    count: 20,
    repeated: true,
    window: 0.05,
    windows: 100,
    draws: 2,
    share: 0.02,
    rate: 2,
    ceiling: [{ seconds: 0.05, drawn: 0.6, expected: 0.8 }],
    methods: [
      { name: 'Neuroformer', detail: '', ahead: scores(0.6), free: scores(0.4) },
      { name: 'mean rate', detail: '', ahead: scores(0), free: scores(0) },
      { name: 'PSTH', detail: '', ahead: scores(0.5), free: undefined },
    ],
    notes: [],
  };

  it('answers with bits a spike, beside the best baseline', async () => {
    expect((await ratesSection(results)).answers).toEqual([
      {
        asked: 'Predict spikes of 20 repeats',
        answer:
          'One window ahead, 0.600 bits a spike beyond the mean rates, which have 0; running freely, 0.400. The best baseline is PSTH: 0.500.',
      },
    ]);
    const alone = { ...results, methods: results.methods.slice(0, 1) };
    expect((await ratesSection(alone)).answers![0]!.answer).toContain('`generate --baselines`');
  });

  it('says what a PSTH is where there is one', async () => {
    const text = async (repeated: boolean) =>
      (await ratesSection({ ...results, repeated })).text.join(' ');
    expect(await text(true)).toContain('The PSTH (peristimulus time histogram) is');
    expect(await text(false)).not.toContain('peristimulus');
  });

  it('draws the model apart from baselines, and what runs freely as hollow', async () => {
    const { figures } = await ratesSection(results);
    expect(figures![0]!.csv.trim().split('\n')).toEqual([
      'method,running,bits',
      'Neuroformer,"model, one window ahead",0.6',
      'Neuroformer,"model, freely",0.4',
      'mean rate,"baseline, one window ahead",0',
      'mean rate,"baseline, freely",0',
      'PSTH,"baseline, one window ahead",0.5',
    ]);
    expect(drawnTexts(figures![0]!)).toContain('mean rates');
    expect(drawnWidth(figures![0]!)).toBeLessThanOrEqual(FULL_WIDTH);
  });
});

describe('the section on labels', () => {
  const run = (from: LabelRun['from'], share: number, r: number, draw = 1) => ({
    draw,
    share,
    windows: 100 * share,
    from,
    scores: { speed: { r } },
  });
  const results: LabelResults = {
    updates: 100,
    stretch: 3,
    pretraining: 200,
    variables: [{ name: 'speed', kind: 'number' }],
    runs: [
      run('pretrained', 0.1, 0.4),
      run('pretrained', 0.1, 0.6, 2),
      run('scratch', 0.1, 0.25),
      run('counts', 0.1, 0.375),
      run('pretrained', 1, 0.9),
    ],
    whole: { updates: 500, scores: { speed: { r: 0.95 } }, finetuned: false },
  };

  it('answers with the fewest labels, beside no pretraining and no network', async () => {
    expect((await labelsSection(results)).answers).toEqual([
      {
        asked: 'Decode speed with 10% of the labels',
        answer:
          'r, mean (lowest to highest): pretrained, fine-tuned 0.500 (0.400 to 0.600); from scratch 0.250; ridge on counts 0.375. The run, with all labels: 0.950.',
      },
    ]);
  });

  it('draws networks, frozen networks and counts in three colors, the run as a line', async () => {
    const frozen = { ...results.runs[0]!, from: 'frozen' } as const;
    const { figures } = await labelsSection({ ...results, runs: [...results.runs, frozen] });
    for (const color of [ROLES.model, OTHER, ROLES.baseline])
      expect(figures![0]!.svg).toContain(`stroke="${color}"`);
    expect(drawnTexts(figures![0]!)).toContain('the run');
    expect(drawnWidth(figures![0]!)).toBeLessThanOrEqual(FULL_WIDTH);
  });

  it('has a legend and a table of the decoders that there are', async () => {
    const { figures, tables } = await labelsSection(results);
    const names = drawnTexts(figures![0]!);
    expect(names).toContain('ridge on counts');
    expect(names).not.toContain('pretrained, frozen, ridge');
    expect(tables![0]!.rows.map(([name]) => name)).toEqual([
      'pretrained, fine-tuned',
      'from scratch',
      'ridge on counts',
      'the run, 500 updates on all labels',
    ]);
  });

  it('tells slow features by their marks, and answers with them', async () => {
    const runs = [...results.runs, run('frozen', 0.1, 0.7), run('slow', 0.1, 0.8)];
    const { figures, answers } = await labelsSection({ ...results, runs });
    expect(answers![0]!.answer).toContain('pretrained, frozen, slow features 0.800; pretrained');
    const marks = [...figures![0]!.svg.matchAll(/aria-roledescription="point"[^>]*? d="([^"]*)"/g)];
    const shapes = new Set(marks.map(([, path]) => (path!.includes('A') ? 'circle' : 'triangle')));
    expect(shapes).toEqual(new Set(['circle', 'triangle']));
  });

  it('draws decoders side by side at a share', async () => {
    const { figures } = await labelsSection(results);
    const places = [
      ...figures![0]!.svg.matchAll(/aria-roledescription="point"[^>]*translate\(([\d.]+)/g),
    ];
    // Two draws of one decoder stand above each other, the other two decoders beside it; and 100 %.
    expect(new Set(places.map(([, x]) => x)).size).toBe(4);
  });
});

it('the section on components answers with every rung', async () => {
  const rungs = ['alone', 'past', 'film'].map((name) => ({ name, title: `+ ${name}` }));
  const results: LadderResults = {
    rungs,
    runs: rungs.flatMap(({ name }, n) =>
      [1, 2].map((seed) => ({
        name,
        seed,
        updates: 1,
        flops: 1,
        nats: 3 - n,
        bits: n + 0.25 * seed,
        setF1: 0.2,
        shuffledSetF1: 0.1,
      })),
    ),
  };
  const { answers, figures } = await ladderSection(results);
  expect(answers![0]!.answer).toBe(
    'Bits a spike beyond the mean rates, which have 0: + alone 0.375 (0.250 to 0.500); + past 1.375 (1.250 to 1.500); + film 2.375 (2.250 to 2.500).',
  );
  expect(drawnTexts(figures![0]!).filter((text) => text === 'chance')).toHaveLength(1);
  expect(drawnWidth(figures![0]!)).toBeLessThanOrEqual(FULL_WIDTH);
});

it('the section on probes answers with the best stage, beside the untrained one and counts', async () => {
  const stages = ['past', 'last', 'counts'].map((name) => ({ name, title: `state ${name}` }));
  const results: ProbeResults = {
    stages,
    variables: ['gaze.x'],
    trained: 100,
    tested: 50,
    rows: [
      { seed: 1, stage: 'past', trained: { 'gaze.x': 0.5 }, untrained: { 'gaze.x': 0.3 } },
      { seed: 1, stage: 'last', trained: { 'gaze.x': 0.7 }, untrained: { 'gaze.x': 0.4 } },
      { seed: 1, stage: 'counts', trained: { 'gaze.x': 0.8 } },
    ],
  };
  const { answers } = await probesSection(results);
  expect(answers).toEqual([
    {
      asked: 'Read gaze.x from the stages of the model',
      answer:
        'Most is in state last: R2 0.70, untrained 0.40; spike counts, which need no model, have 0.80.',
    },
  ]);
});

it('the section on latents answers with R2, beside the best of what stands beside them', async () => {
  const matrix = { rows: 3, columns: 2, values: Float64Array.of(0, 1, 2, 0, 1, 5) };
  const method = (name: string, ridge: number, neighbors: number) => ({
    name,
    title: name,
    kind: 'model' as const,
    scores: { speed: { ridge, neighbors } },
    train: matrix,
    test: matrix,
  });
  const results: LatentResults = {
    feature: 'eos',
    aligned: ['speed'],
    neighbors: 25,
    weights: { file: 'last.safetensors', step: 1 } as LatentResults['weights'],
    updates: 10,
    train: [],
    test: [{ name: 'speed', values: Float64Array.of(1, 2, 3) }],
    methods: [
      method('aligned', 0.5, 0.6),
      method('untrained', 0.1, 0.2),
      method('shuffled', 0.3, 0.2),
    ],
  };
  const { answers, figures } = await latentsSection(results);
  expect(answers![0]!.answer).toBe(
    'R2 0.60; the mean of the variable has 0, and the best beside it, shuffled, 0.30.',
  );
  expect(latentVerdict(results)).toContain(
    'say it in windows that were held out: R2 0.60. Less is',
  );
  const hopeless = {
    ...results,
    methods: [method('aligned', -5, -0.1), method('untrained', -6, -9)],
  };
  expect(latentVerdict(hopeless)).toBe(
    "Latents aligned with speed do not say it in windows that were held out: R2 -0.10, where the mean of the variable has 0. The alignment was told the variable in training; shuffled, it was told another moment's.",
  );
  const texts = drawnTexts(figures![0]!);
  for (const text of ['aligned', 'untrained', 'component 1', 'speed'])
    expect(texts).toContain(text);
  expect(drawnWidth(figures![0]!)).toBeLessThanOrEqual(FULL_WIDTH);
});

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNodes } from '../../src/dataset/reference.js';
import { openFile } from '../../src/formats/open.js';
import { openDataset } from '../../src/node/dataset.js';
import { diskSource } from '../../src/node/disk-source.js';
import { behaviorWorkspace, neuronLabel, TUNED } from '../helpers/behavior.js';
import { neuroformer } from '../helpers/cli.js';
import { expectKnownFigures } from '../helpers/run-files.js';

let folder: string;
const inFolder = (...parts: string[]) => join(folder, ...parts);

beforeAll(async () => {
  folder = behaviorWorkspace({
    steps: 100,
    batch: 16,
    every: 0.1,
    rate: 5e-3,
    split: { fractions: { train: 0.7, validation: 0.1, test: 0.2 } },
  });
  const args = [
    '--data',
    inFolder('data'),
    '--config',
    inFolder('config.yaml'),
    '--out',
    inFolder('run'),
  ];
  const { code, err } = await neuroformer('train', ...args);
  expect(code, err).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The columns of a CSV file as numbers, by name. */
function readColumns(path: string): Record<string, number[]> {
  const [head, ...rows] = readFileSync(path, 'utf8').trim().split('\n');
  const columns = head!.split(',').map((name, n) => {
    return [name, rows.map((row) => Number(row.split(',')[n]))] as const;
  });
  return Object.fromEntries(columns);
}

describe('decoded behavior', () => {
  it('is scored beside all baselines on the same windows', async () => {
    const { code, out, err } = await neuroformer(
      'decode',
      inFolder('run'),
      ...['--baselines', '--token-baselines', '--ensemble', '2', '--block', '2'],
      ...['--when', 'place>=6'],
    );
    expect(code, err).toBe(0);
    const { methods, variables, when } = JSON.parse(
      readFileSync(inFolder('run', 'decoded.json'), 'utf8'),
    );
    const names = methods.map(({ name }: { name: string }) => name);
    expect(names).toEqual([
      'Neuroformer',
      'Neuroformer, mean of 2',
      'MLP on tokens',
      'GRU on tokens, causal',
      'GRU on tokens, both directions',
      'MLP on counts, 0.2 s',
      'GRU on counts, causal, 0.2 s',
      'GRU on counts, both directions, 0.2 s',
      'ridge, 0.2 s',
      'lasso, 0.2 s',
      'GLM, identity link, 0.2 s',
      'Poisson Bayes, rates of 0.1 s',
      'Poisson Bayes, rates of its window',
      'chance',
      'chance, shuffled',
    ]);
    for (const name of names) expect(out).toContain(name);
    const [own, ...others] = methods;
    expect(own.modelMinusThis).toBeUndefined();
    for (const { scores, modelMinusThis } of others.slice(0, 10))
      expect(modelMinusThis.place.value).toBeCloseTo(
        own.scores.place.r.value - scores.place.r.value,
        12,
      );
    expect(variables.map(({ name }: { name: string }) => name)).toEqual([
      'place',
      'heading',
      'side',
    ]);
    const methodScores = (name: string) =>
      methods.find((method: { name: string }) => method.name === name).scores;
    const [model, ridge] = ['Neuroformer', 'ridge, 0.2 s'].map(methodScores);
    const chance = ['chance', 'chance, shuffled'].map(methodScores);
    // The neurons are tuned, so every decoder that reads them does far better than the mean.
    expect(model.place.r2.value).toBeGreaterThan(0.6);
    expect(ridge.place.r2.value).toBeGreaterThan(0.6);
    for (const { place } of chance) expect(place.r2.value).toBeLessThan(0.1);
    expect(model.heading.median.value).toBeLessThan(40);
    for (const { heading } of chance) expect(heading.median.value).toBeGreaterThan(45);
    expect(model.side.accuracy.value).toBeGreaterThan(0.8);
    for (const { side } of chance) expect(side.accuracy.value).toBeLessThan(0.7);
    for (const name of [
      'Neuroformer, mean of 2',
      'MLP on counts, 0.2 s',
      'GRU on counts, causal, 0.2 s',
    ]) {
      const scores = methodScores(name);
      expect(scores.place.r2.value, name).toBeGreaterThan(0.6);
      expect(scores.heading.median.value, name).toBeLessThan(40);
      expect(scores.side.accuracy.value, name).toBeGreaterThan(0.8);
    }
    const points = readColumns(inFolder('run', 'decoded.csv')).time!.length;
    expect(when.condition).toBe('place >= 6');
    expect(when.windows).toBeGreaterThan(0.2 * points);
    expect(when.windows).toBeLessThan(0.6 * points);
    expect(out).toContain(`where place >= 6 (${when.windows} of ${points} time points)`);
    for (const name of ['place (cm)', 'heading (rad)', 'side'])
      expect(out).toMatch(
        new RegExp(
          `^Decode ${name.replace(/[()]/g, '\\$&')} from .+, better than chance .+The best baseline is `,
          'm',
        ),
      );
    const { conditional } = methods[0];
    // Within less than half of its range there is less to explain.
    expect(conditional.place.r2.value).toBeLessThan(model.place.r2.value);
    expect(conditional.place.rmse.value).toBeLessThan(2);
    // All of these places are on one side.
    expect(conditional.side.accuracy.value).toBeNull();
    const { low, value, high } = model.place.r;
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
  }, 300_000);

  it('is written as a table and as NWB series with the same values', async () => {
    const columns = readColumns(inFolder('run', 'decoded.csv'));
    expect(Object.keys(columns)).toEqual([
      'trial',
      'trial_id',
      'time',
      'session_time',
      'place',
      'place_decoded',
      'heading',
      'heading_decoded',
      'side',
      'side_decoded',
    ]);
    // The last fifth of 60 s has 120 windows, of which the first would read 0.1 s of the part
    // before.
    expect(columns.time!.length).toBe(119);
    expect(columns.time!.at(-1)).toBe(60);
    const { root, close } = await openFile(diskSource(inFolder('run', 'decoded.nwb')));
    for (const name of ['place', 'place_decoded', 'heading_decoded']) {
      const [data] = findNodes(root, ['processing', 'behavior', name, 'data']);
      expect(data?.kind === 'array' && [...(data.read() as Float64Array)]).toEqual(
        columns[name]!.map((value) => expect.closeTo(value, 9)),
      );
    }
    const [sides] = findNodes(root, ['processing', 'behavior', 'side_decoded', 'data']);
    const rows = readFileSync(inFolder('run', 'decoded.csv'), 'utf8').trim().split('\n').slice(1);
    expect(sides?.kind === 'array' && [...sides.read()]).toEqual(
      rows.map((row) => row.split(',').at(-1)),
    );
    close();
  });

  it('keeps the results of the test part when another part is decoded', async () => {
    const before = readFileSync(inFolder('run', 'decoded.csv'));
    const { code, out, err } = await neuroformer('decode', inFolder('run'), '--part', 'train');
    expect(code, err).toBe(0);
    expect(out).toContain('decoded-train.csv, decoded-train.nwb and decoded-train.json.');
    expect(readFileSync(inFolder('run', 'decoded.csv'))).toEqual(before);
    const { windows } = JSON.parse(readFileSync(inFolder('run', 'run.json'), 'utf8'));
    expect(readColumns(inFolder('run', 'decoded-train.csv')).time!.length).toBe(windows.train);
  });

  it('does not train a baseline again', async () => {
    const paths = [
      ['baselines', 'mlp'],
      ['ensemble', 'seed2'],
    ] as const;
    const weights = () =>
      paths.map((path) => readFileSync(inFolder('run', ...path, 'last.safetensors')));
    const before = weights();
    const args = ['--token-baselines', '--ensemble', '2'];
    const { code, out } = await neuroformer('decode', inFolder('run'), ...args);
    expect(code).toBe(0);
    expect(out).not.toMatch(/^Training /m);
    expect(weights()).toEqual(before);
  });

  it('is scored by share of labels, with every decoder and every draw', async () => {
    const { code, err } = await neuroformer(
      'labels',
      inFolder('run'),
      ...['--shares', '0.2,1', '--draws', '2', '--stretch', '2'],
      ...['--updates', '4', '--pretraining', '4'],
    );
    expect(code, err).toBe(0);
    const { runs, whole } = JSON.parse(readFileSync(inFolder('run', 'labels.json'), 'utf8'));
    const { methods } = JSON.parse(readFileSync(inFolder('run', 'decoded.json'), 'utf8'));
    expect(whole.updates).toBe(100);
    expect(whole.scores.place.r).toBeCloseTo(
      methods.find(({ name }: { name: string }) => name === 'Neuroformer').scores.place.r.value,
      12,
    );
    const keys = runs.map(
      ({ draw, share, from, network }: Record<string, unknown>) =>
        `${draw} ${share} ${from} ${network ?? ''}`,
    );
    const decoders = [
      'counts ',
      'slowCounts ',
      'frozen 1',
      'slow 1',
      'untrained 1',
      'slowUntrained 1',
      'pretrained 1',
      'scratch ',
    ];
    expect(keys).toEqual(
      [1, 2].flatMap((draw) =>
        [0.2, 1].flatMap((share) => decoders.map((decoder) => `${draw} ${share} ${decoder}`)),
      ),
    );
    const { train } = JSON.parse(readFileSync(inFolder('run', 'run.json'), 'utf8')).windows;
    // 42 s of training are 21 stretches of 20 windows, of which 4 are drawn. Those at the ends may
    // be shorter.
    for (const { share, windows } of runs) {
      if (share === 1) expect(windows).toBe(train);
      else expect(windows).toSatisfy((count: number) => count > 2 * 20 && count <= 4 * 20);
    }
    const scores = (from: string, share: number): number[] =>
      runs
        .filter((run: { from: string; share: number }) => run.from === from && run.share === share)
        .map((run: { scores: { place: { r2: number } } }) => run.scores.place.r2);
    // Neurons are tuned, so ridge on all counts decodes well; four updates from scratch do not.
    for (const r2 of scores('counts', 1)) expect(r2).toBeGreaterThan(0.6);
    for (const r2 of scores('scratch', 1)) expect(r2).toBeLessThan(0.6);
    const rows = readFileSync(inFolder('run', 'labels.csv'), 'utf8').trim().split('\n');
    expect(rows[0]).toBe('from,share,windows,draw,network,variable,score,value');
    expect(rows).toHaveLength(1 + runs.length * (4 + 4 + 2));
    // The name of a folder says how its model was trained, so that no other is mistaken for it.
    expect(readdirSync(inFolder('run', 'labels')).sort()).toEqual(
      [
        'spikes-4-seed1',
        ...[1, 2].flatMap((draw) =>
          [0.2, 1].flatMap((share) =>
            ['pretrained-4-seed1', 'scratch'].map((from) => `${from}-${share}-of-2s-4-draw${draw}`),
          ),
        ),
      ].sort(),
    );
  }, 120_000);

  it('is in the report with its scores, its figures and the learning curve', async () => {
    const generated = await neuroformer(
      'generate',
      inFolder('run'),
      '--trials',
      '4',
      '--seconds',
      '1',
    );
    expect(generated.code, generated.err).toBe(0);
    const dataset = await openDataset(inFolder('run', 'generated.nwb'));
    expect(dataset.names).toEqual(Array.from({ length: TUNED }, (_, n) => `${neuronLabel(n)}`));
    const { code, err } = await neuroformer('report', inFolder('run'));
    expect(code, err).toBe(0);
    const page = readFileSync(inFolder('run', 'report.html'), 'utf8');
    const { methods } = JSON.parse(readFileSync(inFolder('run', 'decoded.json'), 'utf8'));
    for (const { name, scores } of methods) {
      const { value } = scores.place.r2;
      if (Number.isFinite(value)) expect(page, name).toContain(`<td>${value.toFixed(3)}`);
    }
    for (const name of [
      'scores-place',
      'scores-heading',
      'decoded',
      'scatter',
      'confusion-side',
      'labels-place',
      'labels-side',
    ])
      expect(existsSync(inFolder('run', 'figures', `${name}.svg`)), name).toBe(true);
    expectKnownFigures(readdirSync(inFolder('run', 'figures')));
    expect(page).toContain('Firing rates, one window ahead of the recorded past');
    const [, answers] = /<section class="result">(.+?)<\/section>/s.exec(page)!;
    expect(answers).toContain('<dt>Decode place ');
    expect(answers).toMatch(/The best baseline is .+?: there are no intervals to compare\./);
    expect(answers).toContain('<dt>Generate 4 trials of 1.0 s</dt>');
  });

  it('is refused where the model predicts no variable', async () => {
    const args = [
      '--data',
      inFolder('data'),
      '--config',
      inFolder('config.yaml'),
      '--out',
      inFolder('blind'),
    ];
    const noVariables = [
      '--set',
      'modalities={}',
      '--set',
      'loss.variables={}',
      '--set',
      'training.steps=1',
    ];
    expect((await neuroformer('train', ...args, ...noVariables)).code).toBe(0);
    const { code, err } = await neuroformer('decode', inFolder('blind'));
    expect(code).toBe(1);
    expect(err).toBe(
      'This model decodes no variables: set predict: true for one under modalities, then train or fine-tune a model.\n',
    );
  });
});

it('refuses a variable with the name of another column', async () => {
  const setting = '{data: place, dt: 0.1, predict: true, objective: regression}';
  const sets = [
    `modalities={behavior: {n_layers: 0, window: 0.1, variables: {time: ${setting}}}}`,
    'loss.variables={}',
    'training.steps=1',
  ];
  const args = [
    '--data',
    inFolder('data'),
    '--config',
    inFolder('config.yaml'),
    '--out',
    inFolder('named'),
  ];
  const { code, err } = await neuroformer(
    'train',
    ...args,
    ...sets.flatMap((set) => ['--set', set]),
  );
  expect(code, err).toBe(0);
  const decoded = await neuroformer('decode', inFolder('named'));
  expect(decoded.code).toBe(1);
  expect(decoded.err).toBe(
    'decoded.csv would have two columns named time: rename the variable in the configuration, and give its name in the recording as data.\n',
  );
});

describe('inspecting a recording', () => {
  it('shows its contents, what looks odd, and whether its spikes fit their blocks', async () => {
    const args = ['--config', inFolder('config.yaml'), '--out', inFolder('look')];
    const { code, out, err } = await neuroformer('inspect', inFolder('data'), ...args);
    expect(code, err).toBe(0);
    expect(out).toMatch(/^recording +tuned neurons$/m);
    expect(out).toMatch(/^neurons +16, named 3, 13, 23, 33 and 12 more$/m);
    expect(out).toMatch(/^place +cm +0\.00\S* to 10 +1,200 +0\.05$/m);
    expect(out).toMatch(/heading ranges from 0\.00 to 6\.2\d, as an angle does/);
    expect(out).toMatch(/^Windows with .+: [\d,]+ training, .+ test, [\d,]+ left out\.$/m);
    expect(out).toContain(
      'No training window exceeds its block size (block_size.id, block_size.prev_id).',
    );
    expect(readFileSync(inFolder('look', 'inspect.html'), 'utf8')).toContain('<svg');
  });

  it('says the same to programs, as JSON', async () => {
    const { code, out } = await neuroformer('inspect', inFolder('data'), '--json');
    expect(code).toBe(0);
    const overview = JSON.parse(out);
    expect(overview).toMatchObject({ name: 'tuned neurons', neurons: 16, guessed: false });
    expect(overview.rates).toHaveLength(16);
    expect(overview.names.slice(0, 4)).toEqual(['3', '13', '23', '33']);
    expect(overview.description.variables.place.unit).toBe('cm');
    expect(overview.warnings.join()).toMatch(/heading ranges from/);
  });

  it('refuses a recording without the variable to decode, as training does', async () => {
    const yaml = readFileSync(inFolder('data', 'dataset.yaml'), 'utf8');
    cpSync(inFolder('data'), inFolder('renamed'), { recursive: true });
    writeFileSync(inFolder('renamed', 'dataset.yaml'), yaml.replace(/^ {2}place:/m, '  position:'));
    const config = ['--config', inFolder('config.yaml')];
    const train = ['train', '--data', inFolder('renamed'), ...config, '--out', inFolder('none')];
    for (const args of [['inspect', inFolder('renamed'), ...config], train]) {
      const { code, err } = await neuroformer(...args);
      expect(code).toBe(1);
      expect(err).toMatch(
        /^The recording has no variable place to decode; it has .*position.*\. If the recording has it under another name, give that name as data under place\.\n$/,
      );
    }
  });

  it('writes a dataset.yaml for a file that has none', async () => {
    const { code, out } = await neuroformer(
      'inspect',
      inFolder('data', 'tuned.npz'),
      '--out',
      inFolder('guess'),
    );
    // The dataset.yaml beside it names the file, so it is used.
    expect(code).toBe(0);
    expect(out).not.toContain('There is no dataset.yaml');
    const alone = inFolder('guess', 'alone.npz');
    writeFileSync(alone, readFileSync(inFolder('data', 'tuned.npz')));
    const guessed = await neuroformer('inspect', alone);
    expect(guessed.out).toContain(
      'There is no dataset.yaml for this file. The file was read as this dataset.yaml describes it:',
    );
    expect(guessed.out).toContain('times: alone.npz#times');
    // The dataset.yaml it writes opens from where it is.
    const written = inFolder('written');
    expect((await neuroformer('inspect', alone, '--out', written)).code).toBe(0);
    const reopened = await neuroformer('inspect', written);
    expect(reopened.code, reopened.err).toBe(0);
    expect(reopened.out).toContain('neurons    16');
  });

  it.each([
    ['nothing.nwb', 'cannot be read: there is no such file or folder.'],
    ['config.yaml', 'data is not known'],
  ])('ends with one sentence where the path is not a recording: %s', async (name, message) => {
    const { code, err } = await neuroformer('inspect', inFolder(name));
    expect(code).toBe(1);
    if (name.endsWith('nwb')) expect(err).toContain(message);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).not.toContain('at ');
  });
});

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { find } from '../../src/dataset/reference.js';
import { openFile } from '../../src/formats/open.js';
import { openDataset } from '../../src/node/dataset.js';
import { diskSource } from '../../src/node/disk-source.js';
import { behaviourWorkplace, neuronLabel, TUNED } from '../helpers/behaviour.js';
import { neuroformer } from '../helpers/cli.js';

let place: string;
const at = (...parts: string[]) => join(place, ...parts);

beforeAll(async () => {
  place = behaviourWorkplace({
    steps: 100,
    batch: 16,
    every: 0.1,
    rate: 5e-3,
    split: { fractions: { train: 0.7, validation: 0.1, test: 0.2 } },
  });
  const args = ['--data', at('data'), '--config', at('config.yaml'), '--out', at('run')];
  const { code, err } = await neuroformer('train', ...args);
  expect(code, err).toBe(0);
});
afterAll(() => rmSync(place, { recursive: true }));

/** Columns of a table as text. */
function table(path: string): Record<string, number[]> {
  const [head, ...rows] = readFileSync(path, 'utf8').trim().split('\n');
  const columns = head!.split(',').map((name, n) => {
    return [name, rows.map((row) => Number(row.split(',')[n]))] as const;
  });
  return Object.fromEntries(columns);
}

describe('behaviour from the command line', () => {
  it('is decoded beside its baselines, on the same windows', async () => {
    const { code, out, err } = await neuroformer(
      'decode',
      at('run'),
      '--baselines',
      '--block',
      '2',
    );
    expect(code, err).toBe(0);
    const { methods, variables } = JSON.parse(readFileSync(at('run', 'decoded.json'), 'utf8'));
    const names = methods.map(({ name }: { name: string }) => name);
    expect(names).toEqual([
      'Neuroformer',
      'MLP',
      'GRU, causal',
      'GRU, both directions',
      'mean',
      'ridge, 0.2 s',
      'lasso, 0.2 s',
      'Poisson Bayes, rates of 0.1 s',
      'Poisson Bayes, rates of its window',
    ]);
    for (const name of names) expect(out).toContain(name);
    expect(variables.map(({ name }: { name: string }) => name)).toEqual([
      'place',
      'heading',
      'side',
    ]);
    const [model, , , , mean, ridge] = methods;
    // The neurons are tuned, so whatever reads them does far better than who does not.
    expect(model.scores.place.r2.value).toBeGreaterThan(0.6);
    expect(ridge.scores.place.r2.value).toBeGreaterThan(0.6);
    expect(mean.scores.place.r2.value).toBeLessThan(0.1);
    expect(model.scores.heading.median.value).toBeLessThan(40);
    expect(mean.scores.heading.median.value).toBeGreaterThan(45);
    expect(model.scores.side.accuracy.value).toBeGreaterThan(0.8);
    expect(mean.scores.side.accuracy.value).toBeLessThan(0.7);
    const { low, value, high } = model.scores.place.r;
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
  }, 180_000);

  it('has its moments as a table and as NWB series, both the same', async () => {
    const columns = table(at('run', 'decoded.csv'));
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
    // The last fifth of 60 s, less the 0.1 s that its first window would read of what comes before.
    expect(columns.time!.length).toBe(119);
    expect(columns.time!.at(-1)).toBe(60);
    const { root, close } = await openFile(diskSource(at('run', 'decoded.nwb')));
    for (const name of ['place', 'place_decoded', 'heading_decoded']) {
      const [data] = find(root, ['processing', 'behavior', name, 'data']);
      expect(data?.kind === 'array' && [...(data.read() as Float64Array)]).toEqual(
        columns[name]!.map((value) => expect.closeTo(value, 9)),
      );
    }
    const [sides] = find(root, ['processing', 'behavior', 'side_decoded', 'data']);
    const named = readFileSync(at('run', 'decoded.csv'), 'utf8').trim().split('\n').slice(1);
    expect(sides?.kind === 'array' && [...sides.read()]).toEqual(
      named.map((row) => row.split(',').at(-1)),
    );
    close();
  });

  it('leaves what was decoded of the test part when another is decoded', async () => {
    const before = readFileSync(at('run', 'decoded.csv'));
    const { code, out, err } = await neuroformer('decode', at('run'), '--part', 'train');
    expect(code, err).toBe(0);
    expect(out).toContain('decoded-train.csv, decoded-train.nwb and decoded-train.json.');
    expect(readFileSync(at('run', 'decoded.csv'))).toEqual(before);
    const { windows } = JSON.parse(readFileSync(at('run', 'run.json'), 'utf8'));
    expect(table(at('run', 'decoded-train.csv')).time!.length).toBe(windows.train);
  });

  it('keeps the baselines it has trained', async () => {
    const before = readFileSync(at('run', 'baselines', 'mlp', 'last.safetensors'));
    const { code, out } = await neuroformer('decode', at('run'), '--baselines');
    expect(code).toBe(0);
    expect(out).not.toContain('Training the baseline');
    expect(readFileSync(at('run', 'baselines', 'mlp', 'last.safetensors'))).toEqual(before);
  });

  it('needs fewer labels where spikes were learnt before: every seed and share is there', async () => {
    const { code, err } = await neuroformer(
      'labels',
      at('run'),
      ...['--shares', '0.1,1', '--seeds', '2', '--updates', '4', '--pretraining', '4'],
    );
    expect(code, err).toBe(0);
    const { runs, whole } = JSON.parse(readFileSync(at('run', 'labels.json'), 'utf8'));
    const { methods } = JSON.parse(readFileSync(at('run', 'decoded.json'), 'utf8'));
    expect(whole.updates).toBe(100);
    expect(whole.scores.place.r).toBeCloseTo(methods[0].scores.place.r.value, 12);
    const { train } = JSON.parse(readFileSync(at('run', 'run.json'), 'utf8')).windows;
    const keys = runs.map(
      ({ seed, share, from, windows }: Record<string, unknown>) =>
        `${seed} ${share} ${from} ${windows}`,
    );
    expect(keys).toEqual(
      [1, 2].flatMap((seed) =>
        [
          [0.1, Math.round(0.1 * train)],
          [1, train],
        ].flatMap(([share, windows]) =>
          ['pretrained', 'scratch'].map((from) => `${seed} ${share} ${from} ${windows}`),
        ),
      ),
    );
    const weights = (seed: number) =>
      readFileSync(at('run', 'labels', `spikes-4-seed${seed}`, 'last.safetensors'));
    expect(weights(1)).not.toEqual(weights(2));
    // Folders say how they were trained: what was trained otherwise is never taken for it.
    expect(readdirSync(at('run', 'labels')).sort()).toEqual(
      [1, 2]
        .flatMap((seed) => [
          `spikes-4-seed${seed}`,
          ...[0.1, 1].flatMap((share) =>
            ['pretrained-4', 'scratch'].map((from) => `${from}-${share}-4-seed${seed}`),
          ),
        ])
        .sort(),
    );
  });

  it('is on the page with its numbers, its pictures and the curve', async () => {
    const generated = await neuroformer('generate', at('run'), '--trials', '4', '--seconds', '1');
    expect(generated.code, generated.err).toBe(0);
    const drawn = await openDataset(at('run', 'generated.nwb'));
    expect(drawn.names).toEqual(Array.from({ length: TUNED }, (_, n) => `${neuronLabel(n)}`));
    const { code, err } = await neuroformer('report', at('run'));
    expect(code, err).toBe(0);
    const page = readFileSync(at('run', 'report.html'), 'utf8');
    const { methods } = JSON.parse(readFileSync(at('run', 'decoded.json'), 'utf8'));
    for (const { name, scores } of methods) {
      const { value } = scores.place.r2;
      if (Number.isFinite(value)) expect(page, name).toContain(`<td>${value.toFixed(3)}`);
    }
    for (const name of [
      'decoded-place',
      'scatter-heading',
      'confusion-side',
      'labels-place',
      'labels-side',
    ])
      expect(existsSync(at('run', 'figures', `${name}.svg`)), name).toBe(true);
    expect(page).toContain('Rates of neurons, one window ahead of the recorded past');
  });

  it('cannot be decoded where nothing is predicted', async () => {
    const args = ['--data', at('data'), '--config', at('config.yaml'), '--out', at('blind')];
    const none = [
      '--set',
      'modalities={}',
      '--set',
      'loss.variables={}',
      '--set',
      'training.steps=1',
    ];
    expect((await neuroformer('train', ...args, ...none)).code).toBe(0);
    const { code, err } = await neuroformer('decode', at('blind'));
    expect(code).toBe(1);
    expect(err).toBe(
      'This model decodes nothing: name variables with predict: true under modalities, and train or finetune it.\n',
    );
  });
});

it('a variable that would have the name of another column is refused', async () => {
  const setting = '{data: place, dt: 0.1, predict: true, objective: regression}';
  const sets = [
    `modalities={behavior: {n_layers: 0, window: 0.1, variables: {time: ${setting}}}}`,
    'loss.variables={}',
    'training.steps=1',
  ];
  const args = ['--data', at('data'), '--config', at('config.yaml'), '--out', at('named')];
  const { code, err } = await neuroformer(
    'train',
    ...args,
    ...sets.flatMap((set) => ['--set', set]),
  );
  expect(code, err).toBe(0);
  const decoded = await neuroformer('decode', at('named'));
  expect(decoded.code).toBe(1);
  expect(decoded.err).toBe(
    'decoded.csv would have two columns time: call the variable something else in the configuration, and give its name in the recording as data.\n',
  );
});

describe('a recording from the command line', () => {
  it('is described: what it holds, what looks odd, what its blocks would cut', async () => {
    const args = ['--config', at('config.yaml'), '--out', at('look')];
    const { code, out, err } = await neuroformer('inspect', at('data'), ...args);
    expect(code, err).toBe(0);
    expect(out).toMatch(/^recording +tuned neurons$/m);
    expect(out).toMatch(/^neurons +16, called 3, 13, 23, 33 and 12 more$/m);
    expect(out).toMatch(/^place +cm +0\.00\S* to 10 +1,200 +0\.05$/m);
    expect(out).toMatch(/heading ranges from 0\.00 to 6\.2\d, as an angle does/);
    expect(out).toMatch(/^Windows of .+: [\d,]+ for training, .+ test, [\d,]+ left out\.$/m);
    expect(out).toContain('Its blocks hold all of their spikes.');
    expect(readFileSync(at('look', 'inspect.html'), 'utf8')).toContain('<svg');
  });

  it('without the variable that is to be decoded is refused, before training and by it', async () => {
    const yaml = readFileSync(at('data', 'dataset.yaml'), 'utf8');
    cpSync(at('data'), at('renamed'), { recursive: true });
    writeFileSync(at('renamed', 'dataset.yaml'), yaml.replace(/^ {2}place:/m, '  position:'));
    const config = ['--config', at('config.yaml')];
    const train = ['train', '--data', at('renamed'), ...config, '--out', at('none')];
    for (const args of [['inspect', at('renamed'), ...config], train]) {
      const { code, err } = await neuroformer(...args);
      expect(code).toBe(1);
      expect(err).toMatch(
        /^The recording has no variable place to decode; it has .*position.*\. If it has another name there, say it as data under place\.\n$/,
      );
    }
  });

  it('that nobody described is described by the file it would need', async () => {
    const { code, out } = await neuroformer(
      'inspect',
      at('data', 'tuned.npz'),
      '--out',
      at('guess'),
    );
    // The dataset.yaml beside it names it, so that is what counts.
    expect(code).toBe(0);
    expect(out).not.toContain('Nobody described');
    const alone = at('guess', 'alone.npz');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(alone, readFileSync(at('data', 'tuned.npz')));
    const guessed = await neuroformer('inspect', alone);
    expect(guessed.out).toContain('Nobody described this file; it was read by this dataset.yaml:');
    expect(guessed.out).toContain('times: alone.npz#times');
    // What it writes opens from where it is.
    const written = at('written');
    expect((await neuroformer('inspect', alone, '--out', written)).code).toBe(0);
    const again = await neuroformer('inspect', written);
    expect(again.code, again.err).toBe(0);
    expect(again.out).toContain('neurons    16');
  });

  it.each([
    ['nothing.nwb', 'cannot be read: there is no such file or folder.'],
    ['config.yaml', 'data is not known'],
  ])('that is none gets one sentence: %s', async (name, message) => {
    const { code, err } = await neuroformer('inspect', at(name));
    expect(code).toBe(1);
    if (name.endsWith('nwb')) expect(err).toContain(message);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).not.toContain('at ');
  });
});

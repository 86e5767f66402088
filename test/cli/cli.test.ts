import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/formats/npy.js';
import { parseNpz } from '../../src/formats/npz.js';
import { diskStore } from '../../src/node/disk-store.js';
import { RunRecords } from '../../src/train/run-records.js';
import { inOwnProcess, neuroformer, Running } from '../helpers/cli.js';
import { checkpointAt } from '../helpers/run-files.js';
import { THOROUGH, tries } from '../helpers/thorough.js';
import { tinyWorkplace } from '../helpers/tiny-run.js';

const STEPS = 400;
let place: string;
const at = (...parts: string[]) => join(place, ...parts);
const trainArgs = (out: string) => [
  'train',
  '--data',
  at('data'),
  '--config',
  at('config.yaml'),
  '--out',
  at(out),
];

beforeAll(() => {
  place = tinyWorkplace({ steps: STEPS, checkpoint_every: 5, validate_every: 40, log_every: 5 });
});
afterAll(() => rmSync(place, { recursive: true }));

/** Weights and moments of a run's last checkpoint. */
async function last(out: string) {
  const { tensors, moments, progress } = await checkpointAt(at(out, 'last.safetensors'));
  return { tensors, moments, step: progress.step };
}

describe('the command line, as a user goes along', () => {
  beforeAll(async () => {
    const { code, err } = await inOwnProcess(...trainArgs('whole'));
    expect(code, err).toBe(0);
  });

  it('trains into a folder that is complete in itself', async () => {
    expect(readdirSync(at('whole')).sort()).toEqual([
      'best-id.safetensors',
      'best-time.safetensors',
      'best.safetensors',
      'last.safetensors',
      'metrics.jsonl',
      'run.json',
    ]);
    expect((await last('whole')).step).toBe(STEPS);
  });

  it('does not write over a run, unless it is told to', async () => {
    const before = readFileSync(at('whole', 'last.safetensors'));
    const { code, err } = await neuroformer(...trainArgs('whole'));
    expect(code).toBe(1);
    expect(err).toBe(
      `${at('whole')} is not empty: choose another folder, or pass --force to write into it.\n`,
    );
    expect(readFileSync(at('whole', 'last.safetensors'))).toEqual(before);
  });

  it('generates, explains and reports; the page holds the numbers of the run and needs nothing else', async () => {
    const run = at('whole');
    const generated = await neuroformer('generate', run, '--trials', '4', '--seconds', '1');
    expect(generated.code, generated.err).toBe(0);
    const explained = await neuroformer(
      'connectivity',
      run,
      '--windows',
      '400',
      '--ablation-windows',
      '200',
    );
    expect(explained.code, explained.err).toBe(0);
    expect(explained.out).toContain('Attention');
    const reported = await inOwnProcess('report', run);
    expect(reported.code, reported.err).toBe(0);

    const arrays = parseNpz(readFileSync(at('whole', 'generated.npz')));
    const { scores } = JSON.parse(readFileSync(at('whole', 'generated.json'), 'utf8'));
    expect(arrays.get('time')!.data.length).toBe(scores.spikes);
    const { maps } = JSON.parse(readFileSync(at('whole', 'connectivity.json'), 'utf8'));
    const page = readFileSync(at('whole', 'report.html'), 'utf8');
    for (const { title, scores: own } of maps) {
      expect(page).toContain(title);
      expect(page, title).toContain(`<td>${own.auroc.toFixed(3)}</td>`);
    }
    expect(page).toContain(`<td>${scores.rateCorrelation.toFixed(3)}</td>`);
    expect(page).not.toMatch(/(src|href)="https?:/);
    expect(page).not.toContain('<script');
    const figures = readdirSync(at('whole', 'figures'));
    for (const name of ['losses', 'raster', 'rates', 'intervals', 'weights', 'attention'])
      expect(figures).toEqual(expect.arrayContaining([`${name}.svg`, `${name}.csv`]));
    const ratesFile = readFileSync(at('whole', 'figures', 'rates.csv'), 'utf8');
    const inPage = /href="data:text\/csv;charset=utf-8,([^"]+)" download="rates.csv"/.exec(
      page,
    )![1];
    expect(decodeURIComponent(inPage ?? '')).toBe(ratesFile);
    const rates = ratesFile.trim().split('\n');
    expect([rates[0], rates.length]).toEqual(['neuron,recorded,generated', 19]);
  });

  it('fine-tunes from a run, with what differs', async () => {
    const { code, out, err } = await neuroformer(
      'finetune',
      at('whole'),
      '--data',
      at('data'),
      '--out',
      at('fine'),
      '--set',
      'training.steps=3',
      '--set',
      'training.freeze=[tok_emb]',
      '--set',
      'training.batch=8',
    );
    expect(code, err).toBe(0);
    expect(out).toContain('3 updates in');
    expect(out).toContain(`Windows are dealt out as in ${at('whole')};`);
    const [before, after] = [(await last('whole')).tensors, (await last('fine')).tensors];
    expect(after.get('tok_emb.weight')).toEqual(
      before.get('tok_emb.weight') && (await readBest('tok_emb.weight')),
    );
    expect(after.get('pos_emb')!.data).not.toEqual((await readBest('pos_emb'))!.data);
  });

  async function readBest(name: string) {
    return (await checkpointAt(at('whole', 'best.safetensors'))).tensors.get(name);
  }

  it('keeps trials with clamped neurons apart from those drawn freely', async () => {
    const before = readFileSync(at('whole', 'generated.npz'));
    const args = ['--silent', '0,1', '--drive', '5:200', '--trials', '2', '--seconds', '1'];
    const { code, out, err } = await neuroformer('generate', at('whole'), ...args);
    expect(code, err).toBe(0);
    expect(out).toContain('Neurons 0, 1 were silenced; neurons were driven: 5 at 200 Hz.');
    expect(readFileSync(at('whole', 'generated.npz'))).toEqual(before);
    const neurons = Array.from(
      parseNpz(readFileSync(at('whole', 'clamped.npz'))).get('neuron')!.data as Int32Array,
    );
    expect(neurons).not.toContain(0);
    expect(neurons.filter((n) => n === 5).length).toBeGreaterThan(100);
    expect((await neuroformer('report', at('whole'))).code).toBe(0);
    const page = readFileSync(at('whole', 'report.html'), 'utf8');
    expect(page).toContain('<h2>Clamped neurons</h2>');
    expect(page).toContain('neurons at temperature 1; times at temperature 1');
  });

  it('fine-tunes on the windows it was trained on, and says where they may be others', async () => {
    const whole = (await new RunRecords(diskStore(at('whole'))).facts()).training;
    expect((await new RunRecords(diskStore(at('fine'))).facts()).training).toMatchObject({
      split: { ...whole.split, seed: whole.seed },
    });
    const args = [
      '--out',
      at('dealt'),
      '--set',
      'training.split.repeats=2',
      '--set',
      'training.steps=1',
    ];
    const { code, out, err } = await neuroformer(
      'finetune',
      at('whole'),
      '--data',
      at('data'),
      ...args,
    );
    expect(code, err).toBe(0);
    expect(out).toContain('that model may have learned windows that are for testing now.');
  });

  it('fine-tunes with single keys of an inner table, and keeps the others', async () => {
    const args = ['--set', 'window.prev=0.02', '--set', 'training.steps=1', '--out', at('deep')];
    const { code, err } = await neuroformer('finetune', at('whole'), '--data', at('data'), ...args);
    expect(code, err).toBe(0);
    const { config, tokenizer } = await checkpointAt(at('deep', 'last.safetensors'));
    expect(config.window).toMatchObject({ curr: 0.005, prev: 0.02 });
    expect(tokenizer.toJSON().past).toBe(0.02);
    const whole = await checkpointAt(at('whole', 'last.safetensors'));
    expect(whole.tokenizer.toJSON().past).toBe(0.03);
  });

  it('says that results are damaged, and what to do', async () => {
    cpSync(at('whole'), at('damaged'), { recursive: true });
    writeFileSync(at('damaged', 'generated.json'), '{"scores": {}}');
    const { code, err } = await neuroformer('report', at('damaged'));
    expect(code).toBe(1);
    expect(err).toMatch(/do not hold what they should: run neuroformer generate again\.\n$/);
  });

  it('started again with --force, leaves nothing of the run before', async () => {
    cpSync(at('damaged'), at('again'), { recursive: true });
    writeFileSync(at('again', 'notes.txt'), 'mine');
    writeFileSync(at('again', 'decoded-train.json'), '{}');
    const args = ['--force', '--set', 'training.steps=1', '--set', 'training.validate_every=0'];
    const { code, err } = await neuroformer(...trainArgs('again'), ...args);
    expect(code, err).toBe(0);
    const names = readdirSync(at('again')).filter((name) => name !== 'figures');
    expect(names.sort()).toEqual(['last.safetensors', 'metrics.jsonl', 'notes.txt', 'run.json']);
  });

  it('with --force and a mistake, takes nothing away', async () => {
    const before = readdirSync(at('damaged')).sort();
    const args = ['--force', '--set', 'training.freeze=[nothing]'];
    const { code, err } = await neuroformer(...trainArgs('damaged'), ...args);
    expect([code, err]).toEqual([1, "freeze names nothing, but no parameter's name begins so.\n"]);
    expect(readdirSync(at('damaged')).sort()).toEqual(before);
  });

  it('draws and reports where the split has no test part', async () => {
    const fractions = 'training.split.fractions={train: 0.9, validation: 0.1, test: 0}';
    const args = ['--set', fractions, '--set', 'training.steps=1'];
    const trained = await neuroformer(...trainArgs('untested'), ...args);
    expect(trained.code, trained.err).toBe(0);
    const drawn = ['--trials', '2', '--seconds', '0.1'];
    const { code, err } = await neuroformer('generate', at('untested'), ...drawn);
    expect(code, err).toBe(0);
    const { tokens, scores } = JSON.parse(readFileSync(at('untested', 'generated.json'), 'utf8'));
    expect(tokens).toBeUndefined();
    expect(scores.trials).toBe(2);
    const short = await neuroformer('generate', at('untested'), '--seconds', '0.001');
    expect([short.code, short.err]).toEqual([
      1,
      'A trial is at least one window long: 0.005 s, but --seconds is 0.001.\n',
    ]);
  });

  it('reports that silence has no correlation with anything', async () => {
    cpSync(at('untested'), at('silent'), { recursive: true });
    const all = Array.from({ length: 18 }, (_, neuron) => neuron).join(',');
    const args = ['--silent', all, '--trials', '2', '--seconds', '1'];
    const { code, out, err } = await neuroformer('generate', at('silent'), ...args);
    expect(code, err).toBe(0);
    expect(out).toContain('The rates have no correlation with the recording');
    const reported = await neuroformer('report', at('silent'));
    expect(reported.code, reported.err).toBe(0);
    const page = readFileSync(at('silent', 'report.html'), 'utf8');
    expect(page).toContain(
      'with the line of equal rates; there is no r, as one of them does not vary',
    );
    expect(page).not.toContain('NaN');
  });

  it('says where figures cannot be written', async () => {
    writeFileSync(at('untested', 'figures'), '');
    const { code, err } = await neuroformer('report', at('untested'));
    expect([code, err]).toEqual([
      1,
      `${at('untested', 'figures', 'losses.svg')} cannot be written: part of its path is a file.\n`,
    ]);
  });

  it('goes on with a fine-tuned run that has kept the classes of the model before', async () => {
    const gait = (name: string, classes: number) => {
      cpSync(at('data'), at(name), { recursive: true });
      const values = Int32Array.from({ length: 600 }, (_, n) => n % classes);
      writeFileSync(at(name, 'gait.npy'), encodeNpy(values));
      appendFileSync(at(name, 'dataset.yaml'), 'variables:\n  gait: {data: gait.npy, dt: 0.05}\n');
    };
    gait('three', 3);
    gait('two', 2);
    const variable = '{dt: 0.05, predict: true, objective: classification}';
    const modality = `modalities={b: {n_layers: 0, window: 0.05, variables: {gait: ${variable}}}}`;
    const settings = ['--set', modality, '--set', 'training.steps=2'];
    const config = ['--config', at('config.yaml')];
    const args = ['--data', at('three'), ...config, '--out', at('gaits'), ...settings];
    const trained = await neuroformer('train', ...args);
    expect(trained.code, trained.err).toBe(0);
    const fine = ['--data', at('two'), '--out', at('fewer'), '--set', 'training.steps=2'];
    const tuned = await neuroformer('finetune', at('gaits'), ...fine);
    expect(tuned.code, tuned.err).toBe(0);
    const { tokenizer } = await checkpointAt(at('fewer', 'last.safetensors'));
    expect(tokenizer.classes.gait!.values).toEqual([0, 1, 2]);
    const resumed = await neuroformer('train', '--resume', at('fewer'));
    expect(resumed.code, resumed.err).toBe(0);
    expect(resumed.out).toContain('Going on from update 2 of 2.');
  });

  it('on Ctrl-C finishes the update, saves and says how to go on; then the weights are those of a run in one', async () => {
    const running = new Running(trainArgs('stopped'));
    await untilUpdates(running, at('stopped'), 10);
    running.child.kill('SIGINT');
    const { code, out, err } = await running.ended;
    expect(code).toBe(130);
    expect(err).toContain('Stopping after this update and saving; once more to stop at once.');
    expect(out).toMatch(/Saved at update \d+\. To go on: neuroformer train --resume .+stopped\n$/);
    expect((await last('stopped')).step).toBeLessThan(STEPS);
    const resumed = await neuroformer('train', '--resume', at('stopped'));
    expect(resumed.code, resumed.err).toBe(0);
    expect(await last('stopped')).toEqual(await last('whole'));
  });

  // Five processes, each of which compiles the kernels anew.
  it('killed at any moment, goes on to the weights of a run in one', {
    timeout: 180_000,
  }, async () => {
    for (let kills = 0; kills < tries(4); kills++) {
      const started = existsSync(at('killed', 'last.safetensors'));
      const args = started ? ['train', '--resume', at('killed')] : trainArgs('killed');
      const before = started ? (await last('killed')).step : 0;
      const running = new Running(args);
      await untilUpdates(running, at('killed'), before + 7 + 4 * kills);
      running.child.kill('SIGKILL');
      expect((await running.ended).signal).toBe('SIGKILL');
    }
    const resumed = await neuroformer('train', '--resume', at('killed'));
    expect(resumed.code, resumed.err).toBe(0);
    expect(await last('killed')).toEqual(await last('whole'));
  });
});

/** Waits until a run has logged so many updates. @throws Error where it ends before. */
async function untilUpdates(running: Running, folder: string, updates: number): Promise<void> {
  const file = join(folder, 'metrics.jsonl');
  let hasEnded = false;
  running.ended.then(() => {
    hasEnded = true;
  });
  for (;;) {
    if (hasEnded) throw new Error(`The run ended before update ${updates}.`);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    const step = /"step":(\d+)/.exec(lines.at(-1) ?? '')?.[1];
    if (Number(step ?? 0) >= updates) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the demo', () => {
  it.runIf(THOROUGH)(
    'goes from nothing to a report, and says how long each stage took',
    async () => {
      const { code, out, err } = await neuroformer(
        'demo',
        '--out',
        at('demo'),
        '--neurons',
        '18',
        '--steps',
        '40',
        '--trials',
        '4',
        '--seconds',
        '1',
      );
      expect(code, err).toBe(0);
      for (const stage of ['Simulating', 'Training', 'Generating', 'Explaining', 'Reporting'])
        expect(out).toMatch(new RegExp(`^${stage}: [\\d.]+ s$`, 'm'));
      expect(out).toMatch(/Attention (beats|does not beat) Pearson correlation/);
      expect(out.trim().split('\n').at(-1)).toMatch(/The report is .+report\.html$/);
      expect(readFileSync(at('demo', 'report.html'), 'utf8')).toContain('Connectivity');
    },
    240_000,
  );
});

describe('help', () => {
  it.each([
    [['demo']],
    [['simulate']],
    [['train']],
    [['finetune']],
    [['generate']],
    [['connectivity']],
    [['report']],
    [['devices']],
  ])('of %s shows an example', async (args) => {
    const { code, out } = await neuroformer(...args, '--help');
    expect(code).toBe(0);
    expect(out).toMatch(/Examples?:\n {2}neuroformer /);
  });
});

describe('a wrong use gets one sentence and a code that is not 0', () => {
  beforeAll(() => {
    mkdirSync(at('nan'));
    for (const name of readdirSync(at('data')))
      writeFileSync(at('nan', name), readFileSync(at('data', name)));
    const yaml = readFileSync(at('nan', 'dataset.yaml'), 'utf8');
    writeFileSync(
      at('nan', 'dataset.yaml'),
      `${yaml}variables:\n  speed: {data: speed.npy, dt: 0.05}\n`,
    );
    // Three numbers, the second of them none.
    const header = `${"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }".padEnd(117)}\n`;
    const bytes = Buffer.concat([
      Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]),
      Buffer.from(header),
      Buffer.from(Float64Array.of(1, Number.NaN, 3).buffer),
    ]);
    writeFileSync(at('nan', 'speed.npy'), bytes);
    writeFileSync(at('broken.yaml'), 'n_embd: [1\n');
    writeFileSync(at('wrong.yaml'), 'n_embd: 32\nn_heads: 4\n');
    mkdirSync(at('empty'));
  });

  it.each<[string, () => string[], RegExp]>([
    [
      'a wrong flag',
      () => ['train', '--dat', 'x'],
      /^error: unknown option '--dat'\n\(Did you mean --data\?\)/,
    ],
    [
      'a wrong command',
      () => ['trian'],
      /^error: unknown command 'trian'\n\(Did you mean train\?\)/,
    ],
    [
      'nothing to train on',
      () => ['train', '--config', 'x'],
      /^train needs --data \(or --resume with a run's folder\)\.\n$/,
    ],
    [
      'a run resumed otherwise than it was begun',
      () => ['train', '--resume', at('whole'), '--set', 'training.steps=9'],
      /^A run is resumed as it was begun: --set does not go with --resume\. To go on differently: neuroformer finetune .+whole\.\n$/,
    ],
    [
      'a configuration that is not there',
      () => ['train', '--data', 'x', '--config', 'no.yaml', '--out', at('o')],
      /^no\.yaml cannot be read: there is no such file; give the path of a YAML file\.\n$/,
    ],
    [
      'a configuration that is no YAML',
      () => ['train', '--data', 'x', '--config', at('broken.yaml'), '--out', at('o')],
      /broken\.yaml is not valid YAML: line \d: .+\.\n$/,
    ],
    [
      'an unknown key',
      () => ['train', '--data', 'x', '--config', at('wrong.yaml'), '--out', at('o')],
      /^n_heads is not known; did you mean n_head\?\n$/,
    ],
    [
      'an unknown training setting',
      () => [...trainArgs('o'), '--set', 'training.rat=1'],
      /^training\.rat is not known; did you mean training\.rate\?\n$/,
    ],
    [
      'data that are not there',
      () => ['train', '--data', at('none'), '--config', at('config.yaml'), '--out', at('o')],
      /none cannot be read: there is no such file or folder\.\n$/,
    ],
    [
      'a folder without a description',
      () => ['train', '--data', at('empty'), '--config', at('config.yaml'), '--out', at('o')],
      /empty holds no dataset\.yaml, .+\n$/,
    ],
    [
      'NaN in the data',
      () => ['train', '--data', at('nan'), '--config', at('config.yaml'), '--out', at('o')],
      /^Sample 1 of variable speed is NaN; .+\n$/,
    ],
    [
      'a run that is none',
      () => ['generate', at('empty')],
      /run\.json cannot be read: there is no such file or folder\. Is .+empty the folder of a run\?\n$/,
    ],
    [
      'nothing to resume',
      () => ['train', '--resume', at('empty')],
      /run\.json cannot be read: .+\n$/,
    ],
    [
      'a path through a file',
      () => ['simulate', 'hub', at('config.yaml', 'x')],
      /config\.yaml.x cannot be read: part of its path is a file\.\n$/,
    ],
    [
      'a number that is none',
      () => ['simulate', 'hub', at('h'), '--neurons', 'many'],
      /^error: option '--neurons <n>' argument 'many' is invalid\. It should be a whole number from 1\./,
    ],
    [
      'a setting that is none',
      () => [...trainArgs('o'), '--set', 'window={curr: 1'],
      /^--set window=\{curr: 1 is no setting: what follows = is no valid YAML\.\n$/,
    ],
    [
      'neurons that are empty',
      () => ['generate', at('empty'), '--silent', ''],
      /It should be a whole number from 0\./,
    ],
    [
      'a rate that is none',
      () => ['generate', at('empty'), '--drive', '5:40:1'],
      /It should be neuron:rate, with a rate of at most 1000 Hz\./,
    ],
    [
      'a probability above 1',
      () => ['generate', at('empty'), '--top-p', '1.5'],
      /It should be a number above 0, and at most 1\./,
    ],
    [
      'groups that cannot be',
      () => ['simulate', 'hub', at('h'), '--neurons', '10', '--force'],
      /^A hub network needs groups of equal size/,
    ],
  ])('%s', async (_, args, message) => {
    const { code, err } = await neuroformer(...args());
    expect(code).not.toBe(0);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/^\s+at /m);
  });

  it.each([
    [['train', '--dat', 'x'], /^error: unknown option/],
    [['generate', 'none'], /cannot be read: .+\n$/],
  ])('in a process of its own, too: %j', async (args, message) => {
    const { code, err } = await inOwnProcess(...args);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });
});

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
import { createProgram } from '../../src/cli/program.js';
import { encodeNpy } from '../../src/formats/npy.js';
import { parseNpz } from '../../src/formats/npz.js';
import { diskStore } from '../../src/node/disk-store.js';
import { RunRecords } from '../../src/train/run-records.js';
import { neuroformer, RunningCommand, runInChildProcess } from '../helpers/cli.js';
import { checkpointAt, expectKnownFigures } from '../helpers/run-files.js';
import { caseCount, THOROUGH } from '../helpers/thorough.js';
import { tinyWorkspace } from '../helpers/tiny-run.js';

/** Updates of the run that most tests share, and of the same run stopped or killed. */
const STEPS = 400;
let folder: string;
const inFolder = (...parts: string[]) => join(folder, ...parts);
const trainArgs = (out: string) => [
  'train',
  '--data',
  inFolder('data'),
  '--config',
  inFolder('config.yaml'),
  '--out',
  inFolder(out),
];

beforeAll(() => {
  folder = tinyWorkspace({ steps: STEPS, checkpoint_every: 5, validate_every: 40, log_every: 5 });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Weights, moments and update of a run's last checkpoint. */
async function lastCheckpoint(out: string) {
  const { tensors, moments, progress } = await checkpointAt(inFolder(out, 'last.safetensors'));
  return { tensors, moments, step: progress.step };
}

describe('the command line, from training to the report', () => {
  beforeAll(async () => {
    const { code, err } = await runInChildProcess(...trainArgs('run'));
    expect(code, err).toBe(0);
  });

  it('trains into a folder with all that later commands need', async () => {
    expect(readdirSync(inFolder('run')).sort()).toEqual([
      'best-id.safetensors',
      'best-time.safetensors',
      'best.safetensors',
      'last.safetensors',
      'metrics.jsonl',
      'run.json',
    ]);
    expect((await lastCheckpoint('run')).step).toBe(STEPS);
  });

  it('does not overwrite a run without --force', async () => {
    const before = readFileSync(inFolder('run', 'last.safetensors'));
    const { code, err } = await neuroformer(...trainArgs('run'));
    expect(code).toBe(1);
    expect(err).toBe(
      `${inFolder('run')} is not empty: choose another folder, or set force (--force on the command line) to write into it anyway.\n`,
    );
    expect(readFileSync(inFolder('run', 'last.safetensors'))).toEqual(before);
  });

  it('generates, reads connectivity and reports on one self-contained page', async () => {
    const run = inFolder('run');
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
    const reported = await runInChildProcess('report', run);
    expect(reported.code, reported.err).toBe(0);

    const arrays = parseNpz(readFileSync(inFolder('run', 'generated.npz')));
    const { scores } = JSON.parse(readFileSync(inFolder('run', 'generated.json'), 'utf8'));
    expect(arrays.get('time')!.data.length).toBe(scores.spikes);
    const { maps } = JSON.parse(readFileSync(inFolder('run', 'connectivity.json'), 'utf8'));
    const page = readFileSync(inFolder('run', 'report.html'), 'utf8');
    for (const { title, scores: mapScores } of maps) {
      expect(page).toContain(title);
      expect(page, title).toContain(`<td>${mapScores.auroc.toFixed(3)}</td>`);
    }
    expect(page).toContain(`<td>${scores.rateCorrelation.toFixed(3)}</td>`);
    expect(page).not.toMatch(/(src|href)="https?:/);
    expect(page).not.toContain('<script');
    const figures = readdirSync(inFolder('run', 'figures'));
    for (const name of ['losses', 'raster', 'rates', 'intervals', 'weights', 'attention'])
      expect(figures).toEqual(expect.arrayContaining([`${name}.svg`, `${name}.csv`]));
    expectKnownFigures(figures);
    const ratesFile = readFileSync(inFolder('run', 'figures', 'rates.csv'), 'utf8');
    const embedded = /href="data:text\/csv;charset=utf-8,([^"]+)" download="rates.csv"/.exec(
      page,
    )![1];
    expect(decodeURIComponent(embedded ?? '')).toBe(ratesFile);
    const rates = ratesFile.trim().split('\n');
    expect([rates[0], rates.length]).toEqual(['neuron,recorded,generated,hub', 19]);
  });

  it('fine-tunes a run with changed settings', async () => {
    const { code, out, err } = await neuroformer(
      'finetune',
      inFolder('run'),
      '--data',
      inFolder('data'),
      '--out',
      inFolder('fine'),
      '--set',
      'training.steps=3',
      '--set',
      'training.freeze=[tok_emb]',
      '--set',
      'training.batch=8',
    );
    expect(code, err).toBe(0);
    expect(out).toContain('3 updates in');
    expect(out).toContain(
      `The split is that of ${inFolder('run')}; set training.split for another one.\n`,
    );
    const [before, after] = [
      (await lastCheckpoint('run')).tensors,
      (await lastCheckpoint('fine')).tensors,
    ];
    expect(after.get('tok_emb.weight')).toEqual(
      before.get('tok_emb.weight') && (await readBest('tok_emb.weight')),
    );
    expect(after.get('pos_emb')!.data).not.toEqual((await readBest('pos_emb'))!.data);
  });

  async function readBest(name: string) {
    return (await checkpointAt(inFolder('run', 'best.safetensors'))).tensors.get(name);
  }

  it('keeps trials with clamped neurons apart from freely generated ones', async () => {
    const before = readFileSync(inFolder('run', 'generated.npz'));
    const args = ['--silent', '0,1', '--drive', '5:200', '--trials', '2', '--seconds', '1'];
    const { code, out, err } = await neuroformer('generate', inFolder('run'), ...args);
    expect(code, err).toBe(0);
    expect(out).toContain('Neurons silenced: 0, 1. Neurons driven: 5 at 200 Hz.');
    expect(readFileSync(inFolder('run', 'generated.npz'))).toEqual(before);
    const neurons = Array.from(
      parseNpz(readFileSync(inFolder('run', 'clamped.npz'))).get('neuron')!.data as Int32Array,
    );
    expect(neurons).not.toContain(0);
    expect(neurons.filter((n) => n === 5).length).toBeGreaterThan(100);
    expect((await neuroformer('report', inFolder('run'))).code).toBe(0);
    const page = readFileSync(inFolder('run', 'report.html'), 'utf8');
    expect(page).toContain('<h2>Clamped neurons</h2>');
    expect(page).toContain('neurons at temperature 1; times at temperature 1');
  });

  it('fine-tunes with the split of the run, and warns where another split is set', async () => {
    const { training } = await new RunRecords(diskStore(inFolder('run'))).readFacts();
    expect((await new RunRecords(diskStore(inFolder('fine'))).readFacts()).training).toMatchObject({
      split: { ...training.split, seed: training.seed },
    });
    const args = [
      '--out',
      inFolder('dealt'),
      '--set',
      'training.split.repeats=2',
      '--set',
      'training.steps=1',
    ];
    const { code, out, err } = await neuroformer(
      'finetune',
      inFolder('run'),
      '--data',
      inFolder('data'),
      ...args,
    );
    expect(code, err).toBe(0);
    expect(out).toContain(
      `The split differs from that of ${inFolder('run')}. On the same recording, that model may have been trained on windows that are now test windows.`,
    );
  });

  it('changes single nested settings when fine-tuning, and keeps the others', async () => {
    const args = [
      '--set',
      'window.prev=0.02',
      '--set',
      'training.steps=1',
      '--out',
      inFolder('deep'),
    ];
    const { code, err } = await neuroformer(
      'finetune',
      inFolder('run'),
      '--data',
      inFolder('data'),
      ...args,
    );
    expect(code, err).toBe(0);
    const { config, tokenizer } = await checkpointAt(inFolder('deep', 'last.safetensors'));
    expect(config.window).toMatchObject({ curr: 0.005, prev: 0.02 });
    expect(tokenizer.toJSON().past).toBe(0.02);
    const original = await checkpointAt(inFolder('run', 'last.safetensors'));
    expect(original.tokenizer.toJSON().past).toBe(0.03);
  });

  it('removes figures that a report no longer has, and no other files', async () => {
    cpSync(inFolder('run'), inFolder('fewer-results'), { recursive: true });
    for (const name of ['clamped.json', 'connectivity.json'])
      rmSync(inFolder('fewer-results', name));
    const figures = () => readdirSync(inFolder('fewer-results', 'figures'));
    writeFileSync(inFolder('fewer-results', 'figures', 'mine.svg'), '');
    expect(figures()).toEqual(expect.arrayContaining(['clamped-raster.svg', 'attention.csv']));
    const { code, err } = await neuroformer('report', inFolder('fewer-results'));
    expect(code, err).toBe(0);
    const names = ['around', 'intervals', 'losses', 'mine', 'raster', 'rates'];
    expect(figures().filter((name) => name.endsWith('.svg'))).toEqual(
      names.map((name) => `${name}.svg`),
    );
  });

  it('keeps at Ctrl-C what it has generated, beside what was there', async () => {
    cpSync(inFolder('run'), inFolder('ungenerated'), { recursive: true });
    const before = readdirSync(inFolder('ungenerated'));
    const earlier = readFileSync(inFolder('ungenerated', 'generated.npz'));
    const running = new RunningCommand(['generate', inFolder('ungenerated'), '--seconds', '25']);
    await running.waitForOutput('drawing 20 trials in parallel');
    running.child.kill('SIGINT');
    const { code, err } = await running.ended;
    expect(err).toContain(
      'Stopping after this window; the trials so far are kept. Press Ctrl-C again to stop at once.\n',
    );
    expect(err).toMatch(
      /Stopped after [\d.]+ s of 25 s: the trials so far are in .*ungenerated\/generated-stopped\.npz, \.nwb and \.json\.\n$/,
    );
    expect(code).toBe(130);
    const added = readdirSync(inFolder('ungenerated')).filter((name) => !before.includes(name));
    expect(added).toEqual(['json', 'npz', 'nwb'].map((type) => `generated-stopped.${type}`));
    expect(readFileSync(inFolder('ungenerated', 'generated.npz'))).toEqual(earlier);
  });

  it('reads coupling, and no attention, from a model that has only spike_history: pairs', async () => {
    const only = [
      ['--set', 'layers.state_history=0'],
      ['--set', 'spike_history=pairs'],
      ['--set', 'training.steps=40'],
    ].flat();
    const trained = await neuroformer(...trainArgs('coupled'), ...only);
    expect(trained.code, trained.err).toBe(0);
    const { code, out, err } = await neuroformer('connectivity', inFolder('coupled'), '--glm');
    expect(code, err).toBe(0);
    expect(out).toMatch(/^Coupling (beats|does not beat) Pearson correlation on both: /m);
    const { maps, windows } = JSON.parse(
      readFileSync(inFolder('coupled', 'connectivity.json'), 'utf8'),
    );
    const names = maps.map(({ name }: { name: string }) => name);
    expect(names).toEqual([
      'coupling',
      'ablation',
      'ablationtieshuffle',
      'couplinguntrained',
      'ablationuntrained',
      'pearson10',
      'pearson50',
      'partial50',
      'lagged',
      'lagged10',
      'lagged40',
      'glm',
    ]);
    expect(windows).toBe(0);
    const arrays = parseNpz(readFileSync(inFolder('coupled', 'connectivity.npz')));
    const values = (name: string) => new Set(arrays.get(name)!.data as Float64Array);
    expect(values('coupling').size).toBeGreaterThan(300);
    expect(values('couplinguntrained')).toEqual(new Set([0]));
    const [head, first] = readFileSync(inFolder('coupled', 'connectivity.csv'), 'utf8').split('\n');
    expect(head).toContain('auroc_magnitude,auroc_excitatory,auroc_inhibitory,sign_accuracy');
    expect(first).toMatch(/^coupling,model,0\.\d+,/);
    const reported = await neuroformer('report', inFolder('coupled'));
    expect(reported.code, reported.err).toBe(0);
    const page = readFileSync(inFolder('coupled', 'report.html'), 'utf8');
    expect(page).toContain('coupling from the weights of the spike history.');
    expect(page).not.toContain('attention from');
    for (const figure of ['coupling', 'lagged40', 'glm'])
      expect(existsSync(inFolder('coupled', 'figures', `${figure}.svg`))).toBe(true);
    expectKnownFigures(readdirSync(inFolder('coupled', 'figures')));
  });

  it('reads connectivity only from a model that attends to the past, or has coupling', async () => {
    const models = [
      ['forgetful', 'layers.state_history=0'],
      ['baseline', 'gru_only=true'],
    ] as const;
    for (const [name, setting] of models) {
      const settings = ['--set', setting, '--set', 'training.steps=1'];
      const trained = await neuroformer(...trainArgs(name), ...settings);
      expect(trained.code, trained.err).toBe(0);
    }
    const refusal = async (name: string) => (await neuroformer('connectivity', inFolder(name))).err;
    expect(await refusal('forgetful')).toBe(
      'This model neither attends to the past (layers.state_history is 0) nor has spike_history: pairs: train one with either.\n',
    );
    expect(await refusal('baseline')).toBe(
      'This model is a baseline, which has no attention to read: train a Neuroformer.\n',
    );
  });

  it('says which results are damaged, and what to do', async () => {
    cpSync(inFolder('run'), inFolder('damaged'), { recursive: true });
    writeFileSync(inFolder('damaged', 'generated.json'), '{"scores": {}}');
    const { code, err } = await neuroformer('report', inFolder('damaged'));
    expect(code).toBe(1);
    expect(err).toBe(
      `${inFolder('damaged')}/generated.json or generated.npz is damaged: run generate again.\n`,
    );
  });

  it('removes the files of an earlier run when started with --force', async () => {
    cpSync(inFolder('damaged'), inFolder('again'), { recursive: true });
    writeFileSync(inFolder('again', 'notes.txt'), 'mine');
    writeFileSync(inFolder('again', 'decoded-train.json'), '{}');
    expect(existsSync(inFolder('again', 'figures', 'losses.svg'))).toBe(true);
    writeFileSync(inFolder('again', 'figures', 'mine.svg'), '');
    const args = ['--force', '--set', 'training.steps=1', '--set', 'training.validate_every=0'];
    const { code, err } = await neuroformer(...trainArgs('again'), ...args);
    expect(code, err).toBe(0);
    const names = readdirSync(inFolder('again')).sort();
    expect(names).toEqual([
      'figures',
      'last.safetensors',
      'metrics.jsonl',
      'notes.txt',
      'run.json',
    ]);
    expect(readdirSync(inFolder('again', 'figures'))).toEqual(['mine.svg']);
  });

  it('removes nothing when --force is used with a wrong setting', async () => {
    const before = readdirSync(inFolder('damaged')).sort();
    const args = ['--force', '--set', 'training.freeze=[nothing]'];
    const { code, err } = await neuroformer(...trainArgs('damaged'), ...args);
    expect([code, err]).toEqual([
      1,
      "training.freeze lists nothing, but no parameter's name begins with it.\n",
    ]);
    expect(readdirSync(inFolder('damaged')).sort()).toEqual(before);
  });

  it('generates where the split has no test part, and refuses trials shorter than a window', async () => {
    const fractions = 'training.split.fractions={train: 0.9, validation: 0.1, test: 0}';
    const args = ['--set', fractions, '--set', 'training.steps=1'];
    const trained = await neuroformer(...trainArgs('untested'), ...args);
    expect(trained.code, trained.err).toBe(0);
    const settings = ['--trials', '2', '--seconds', '0.1'];
    const { code, err } = await neuroformer('generate', inFolder('untested'), ...settings);
    expect(code, err).toBe(0);
    const { tokens, scores } = JSON.parse(
      readFileSync(inFolder('untested', 'generated.json'), 'utf8'),
    );
    expect(tokens).toBeUndefined();
    expect(scores.trials).toBe(2);
    const short = await neuroformer('generate', inFolder('untested'), '--seconds', '0.001');
    expect([short.code, short.err]).toEqual([
      1,
      'A trial should be at least one window long (0.005 s), but seconds is 0.001.\n',
    ]);
  });

  it('says that the rates of a silent network cannot be correlated', async () => {
    cpSync(inFolder('untested'), inFolder('silent'), { recursive: true });
    const all = Array.from({ length: 18 }, (_, neuron) => neuron).join(',');
    const args = ['--silent', all, '--trials', '2', '--seconds', '1'];
    const { code, out, err } = await neuroformer('generate', inFolder('silent'), ...args);
    expect(code, err).toBe(0);
    expect(out).toContain(
      'Firing rates cannot be correlated with the recording: in one of the two, all neurons have the same rate.',
    );
    const reported = await neuroformer('report', inFolder('silent'));
    expect(reported.code, reported.err).toBe(0);
    const page = readFileSync(inFolder('silent', 'report.html'), 'utf8');
    expect(page).toContain(
      'the dashed line marks equal rates; r is undefined, because one of the two does not vary.',
    );
    expect(page).not.toContain('NaN');
  });

  it('says which figure cannot be written', async () => {
    writeFileSync(inFolder('untested', 'figures'), '');
    const { code, err } = await neuroformer('report', inFolder('untested'));
    expect([code, err]).toEqual([
      1,
      `${inFolder('untested', 'figures', 'losses.svg')} cannot be written: part of its path is a file.\n`,
    ]);
  });

  it('resumes a fine-tuned run that kept the classes of the model it started from', async () => {
    const addGait = (name: string, classes: number) => {
      cpSync(inFolder('data'), inFolder(name), { recursive: true });
      const values = Int32Array.from({ length: 600 }, (_, n) => n % classes);
      writeFileSync(inFolder(name, 'gait.npy'), encodeNpy(values));
      appendFileSync(
        inFolder(name, 'dataset.yaml'),
        'variables:\n  gait: {data: gait.npy, dt: 0.05}\n',
      );
    };
    addGait('three', 3);
    addGait('two', 2);
    const variable = '{dt: 0.05, predict: true, objective: classification}';
    const modality = `modalities={b: {n_layers: 0, window: 0.05, variables: {gait: ${variable}}}}`;
    const settings = ['--set', modality, '--set', 'training.steps=2'];
    const config = ['--config', inFolder('config.yaml')];
    const args = ['--data', inFolder('three'), ...config, '--out', inFolder('gaits'), ...settings];
    const trained = await neuroformer('train', ...args);
    expect(trained.code, trained.err).toBe(0);
    const fine = [
      '--data',
      inFolder('two'),
      '--out',
      inFolder('fewer'),
      '--set',
      'training.steps=2',
    ];
    const tuned = await neuroformer('finetune', inFolder('gaits'), ...fine);
    expect(tuned.code, tuned.err).toBe(0);
    const { tokenizer } = await checkpointAt(inFolder('fewer', 'last.safetensors'));
    expect(tokenizer.classes.gait!.values).toEqual([0, 1, 2]);
    const resumed = await neuroformer('train', '--resume', inFolder('fewer'));
    expect(resumed.code, resumed.err).toBe(0);
    expect(resumed.out).toContain('Resuming at update 2 of 2.');
  });

  it('saves on Ctrl-C and says how to resume, to the same weights as a run without a stop', {
    timeout: 180_000,
  }, async () => {
    const running = new RunningCommand(trainArgs('stopped'));
    await running.waitForUpdates(inFolder('stopped'), 10);
    const second = await neuroformer('train', '--resume', inFolder('stopped'));
    expect(second.code).toBe(1);
    expect(second.err).toMatch(
      new RegExp(
        `^.+stopped is in use: process ${running.child.pid} of this computer \\(since .+\\) trains into it\\.`,
      ),
    );
    running.child.kill('SIGINT');
    const { code, out, err } = await running.ended;
    expect(code).toBe(130);
    expect(err).toContain(
      'Stopping after this update and saving. Press Ctrl-C again to stop at once.',
    );
    expect(out).toMatch(/Saved at update \d+\. To resume: neuroformer train --resume .+stopped\n$/);
    expect((await lastCheckpoint('stopped')).step).toBeLessThan(STEPS);
    const resumed = await neuroformer('train', '--resume', inFolder('stopped'));
    expect(resumed.code, resumed.err).toBe(0);
    expect(await lastCheckpoint('stopped')).toEqual(await lastCheckpoint('run'));
  });

  it('saves when its terminal closes and when it is told to end, also twice at once', {
    timeout: 180_000,
  }, async () => {
    for (const signal of ['SIGHUP', 'SIGTERM'] as const) {
      const running = new RunningCommand(trainArgs(signal));
      await running.waitForUpdates(inFolder(signal), 5);
      running.child.kill(signal);
      running.child.kill(signal);
      const { code, out } = await running.ended;
      expect(code).toBe(130);
      expect(out).toMatch(/Saved at update \d+\. To resume: /);
      const { step } = await lastCheckpoint(signal);
      expect(step).toBeGreaterThanOrEqual(5);
      expect(step).toBeLessThan(STEPS);
    }
  });

  it('trains on when nobody reads its output any more', { timeout: 180_000 }, async () => {
    const running = new RunningCommand(trainArgs('unread'));
    await running.waitForUpdates(inFolder('unread'), 3);
    running.child.stdout!.destroy();
    running.child.stderr!.destroy();
    const { code } = await running.ended;
    expect(code).toBe(0);
    expect(await lastCheckpoint('unread')).toEqual(await lastCheckpoint('run'));
  });

  // Up to five processes, each of which compiles the kernels again.
  it('resumes after being killed at any time, to the same weights as a run without a stop', {
    timeout: 180_000,
  }, async () => {
    for (let kills = 0; kills < caseCount(4); kills++) {
      const started = existsSync(inFolder('killed', 'last.safetensors'));
      const args = started ? ['train', '--resume', inFolder('killed')] : trainArgs('killed');
      const before = started ? (await lastCheckpoint('killed')).step : 0;
      const running = new RunningCommand(args);
      await running.waitForUpdates(inFolder('killed'), before + 7 + 4 * kills);
      running.child.kill('SIGKILL');
      expect((await running.ended).signal).toBe('SIGKILL');
    }
    const resumed = await neuroformer('train', '--resume', inFolder('killed'));
    expect(resumed.code, resumed.err).toBe(0);
    expect(resumed.out).toContain('killed was left locked by process');
    expect(await lastCheckpoint('killed')).toEqual(await lastCheckpoint('run'));
  });
});

describe('the demo', () => {
  it.runIf(THOROUGH)(
    'runs from simulation to report, and prints how long each stage took',
    async () => {
      const { code, out, err } = await neuroformer(
        'demo',
        '--out',
        inFolder('demo'),
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
      expect(out).toMatch(/^Simulating\n18 neurons, hubs [^\n]+, seed 1\.$/m);
      for (const stage of ['Simulating', 'Training', 'Generating', 'Connectivity', 'Reporting'])
        expect(out).toMatch(new RegExp(`^${stage}: [\\d.]+ s$`, 'm'));
      expect(out).toMatch(/Attention (beats|does not beat) Pearson correlation/);
      expect(out).toMatch(
        /The report is .+report\.html\nNext, with a recording of your own: neuroformer inspect session\.nwb\n$/,
      );
      expect(readFileSync(inFolder('demo', 'report.html'), 'utf8')).toContain('Connectivity');
    },
    240_000,
  );
});

describe('help', () => {
  const names = createProgram().commands.map((command) => command.name());

  it.each(names)('for %s shows an example', async (name) => {
    const { code, out } = await neuroformer(name, '--help');
    expect(code).toBe(0);
    expect(out).toMatch(/Examples?:\n {2}neuroformer /);
  });
});

describe('a mistake ends with one sentence and an exit code other than 0:', () => {
  beforeAll(() => {
    mkdirSync(inFolder('nan'));
    for (const name of readdirSync(inFolder('data')))
      writeFileSync(inFolder('nan', name), readFileSync(inFolder('data', name)));
    const yaml = readFileSync(inFolder('nan', 'dataset.yaml'), 'utf8');
    writeFileSync(
      inFolder('nan', 'dataset.yaml'),
      `${yaml}variables:\n  speed: {data: speed.npy, dt: 0.05}\n`,
    );
    // Three numbers, the second of them NaN.
    const header = `${"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }".padEnd(117)}\n`;
    const bytes = Buffer.concat([
      Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]),
      Buffer.from(header),
      Buffer.from(Float64Array.of(1, Number.NaN, 3).buffer),
    ]);
    writeFileSync(inFolder('nan', 'speed.npy'), bytes);
    writeFileSync(inFolder('broken.yaml'), 'n_embd: [1\n');
    writeFileSync(inFolder('wrong.yaml'), 'n_embd: 32\nn_heads: 4\n');
    writeFileSync(inFolder('slow.yaml'), 'training: {rat: 1}\n');
    mkdirSync(inFolder('empty'));
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
      'no data to train on',
      () => ['train', '--config', 'x'],
      /^train needs a recording, or a folder that init wrote: neuroformer train session\.nwb\. Or give --data, --config and --out \(--data is missing\), or --resume with a run folder\.\n$/,
    ],
    [
      'a run resumed with other settings',
      () => ['train', '--resume', inFolder('run'), '--set', 'training.steps=9'],
      /^A run is resumed with its own settings: --set cannot be combined with --resume\. To change them, use: neuroformer finetune .+run with --data, --out and --set\.\n$/,
    ],
    [
      'a configuration that does not exist',
      () => ['train', '--data', 'x', '--config', 'no.yaml', '--out', inFolder('o')],
      /^no\.yaml cannot be read: there is no such file; give the path of a YAML file\.\n$/,
    ],
    [
      'a configuration that is not YAML',
      () => ['train', '--data', 'x', '--config', inFolder('broken.yaml'), '--out', inFolder('o')],
      /broken\.yaml is not valid YAML: line \d: .+\.\n$/,
    ],
    [
      'an unknown key',
      () => ['train', '--data', 'x', '--config', inFolder('wrong.yaml'), '--out', inFolder('o')],
      /wrong\.yaml: n_heads is not known; did you mean n_head\?\n$/,
    ],
    [
      'an unknown training setting in a file, beside one on the command line',
      () => [
        ...['train', '--data', 'x', '--config', inFolder('slow.yaml'), '--out', inFolder('o')],
        ...['--set', 'training.steps=1'],
      ],
      /^\S+slow\.yaml: training\.rat is not known; did you mean training\.rate\?\n$/,
    ],
    [
      'an unknown key, when fine-tuning',
      () => [
        'finetune',
        inFolder('run'),
        '--data',
        'x',
        '--config',
        inFolder('wrong.yaml'),
        '--out',
        inFolder('o'),
      ],
      /^\S+wrong\.yaml: n_heads is not known; did you mean n_head\?\n$/,
    ],
    [
      'an unknown key, when inspecting',
      () => ['inspect', inFolder('data'), '--config', inFolder('wrong.yaml')],
      /^\S+wrong\.yaml: n_heads is not known; did you mean n_head\?\n$/,
    ],
    [
      'a dataset.yaml as configuration',
      () => ['train', '--data', 'x', '--config', inFolder('data', 'dataset.yaml'), '--out', 'o'],
      /^\S+dataset\.yaml describes a recording; give it with --data\.\n$/,
    ],
    [
      'a dataset.yaml as configuration, when inspecting',
      () => ['inspect', inFolder('data'), '--config', inFolder('data', 'dataset.yaml')],
      /^\S+dataset\.yaml describes a recording; give it as the path to inspect\.\n$/,
    ],
    [
      'a number of threads that is not a number',
      () => ['--threads', 'abc', 'devices'],
      /^error: option '--threads <n>' argument 'abc' is invalid\. It should be a whole number from 1 to 64\./,
    ],
    [
      'greedy draws at a temperature',
      () => ['generate', inFolder('empty'), '--greedy', '--temperature', '1'],
      /^error: option '--greedy' cannot be used with option '--temperature <t>'/,
    ],
    [
      'greedy times at a temperature',
      () => ['generate', inFolder('empty'), '--greedy', '--time-temperature', '0.5'],
      /^error: option '--greedy' cannot be used with option '--time-temperature <t>'/,
    ],
    [
      'a neuron that is silent and driven',
      () => ['generate', inFolder('run'), '--silent', '5', '--drive', '5:40'],
      /^Neuron 5 cannot be both silent and driven: choose one\.\n$/,
    ],
    [
      'an unknown training setting',
      () => [...trainArgs('o'), '--set', 'training.rat=1'],
      /^training\.rat is not known; did you mean training\.rate\?\n$/,
    ],
    [
      'data that do not exist',
      () => [
        'train',
        '--data',
        inFolder('none'),
        '--config',
        inFolder('config.yaml'),
        '--out',
        inFolder('o'),
      ],
      /none cannot be read: there is no such file or folder\.\n$/,
    ],
    [
      'a folder without a description',
      () => [
        'train',
        '--data',
        inFolder('empty'),
        '--config',
        inFolder('config.yaml'),
        '--out',
        inFolder('o'),
      ],
      /empty contains no dataset\.yaml, .+\n$/,
    ],
    [
      'NaN in the data',
      () => [
        'train',
        '--data',
        inFolder('nan'),
        '--config',
        inFolder('config.yaml'),
        '--out',
        inFolder('o'),
      ],
      /^Sample 1 of variable speed is NaN, but every sample should be a number: .+\n$/,
    ],
    [
      'a folder that is not a run',
      () => ['generate', inFolder('empty')],
      /run\.json cannot be read: there is no such file or folder\. Is .+empty a run folder\?\n$/,
    ],
    [
      'nothing to resume',
      () => ['train', '--resume', inFolder('empty')],
      /run\.json cannot be read: .+\n$/,
    ],
    [
      'a path that leads through a file',
      () => ['simulate', 'hub', inFolder('config.yaml', 'x')],
      /config\.yaml.x cannot be read: part of its path is a file\.\n$/,
    ],
    [
      'an option that is not a number',
      () => ['simulate', 'hub', inFolder('h'), '--neurons', 'many'],
      /^error: option '--neurons <n>' argument 'many' is invalid\. It should be a whole number, 1 or more\./,
    ],
    ...['window={curr: 1', 'n_embd=*a', 'n_embd=&a [*a]', 'n_embd=!x 3'].map(
      (setting): [string, () => string[], RegExp] => [
        `a setting whose value is not YAML: ${setting}`,
        () => [...trainArgs('o'), '--set', setting],
        /^--set .+ is not a setting: the value after = is not valid YAML\.\n$/,
      ],
    ),
    ...['', 'a,b', '5,', '1.5', '-1'].map((list): [string, () => string[], RegExp] => [
      `a list of neurons that is not one: '${list}'`,
      () => ['generate', inFolder('empty'), `--silent=${list}`],
      /It should be a list of whole numbers, such as 5,6\./,
    ]),
    ...['5', '5:40:1', 'a:40', '5:', '5:40,5:60', '5:40,05:60', '5:40,'].map(
      (list): [string, () => string[], RegExp] => [
        `rates that are not one for each neuron: ${list}`,
        () => ['generate', inFolder('empty'), '--drive', list],
        /It should be neuron:rate pairs such as 5:40,6:40, each neuron once\./,
      ],
    ),
    ...['5:0', '5:-3', '5:1001'].map((list): [string, () => string[], RegExp] => [
      `an impossible rate: ${list}`,
      () => ['generate', inFolder('empty'), '--drive', list],
      /A rate should be above 0 and at most 1000 Hz\./,
    ]),
    [
      'shares above 1',
      () => ['labels', inFolder('empty'), '--shares', '0.1,2'],
      /It should be a list of numbers above 0 and at most 1, such as 0\.1,1\./,
    ],
    ...[
      ['simulate', 'hub', ''],
      ['inspect', 'data', '--out', ''],
      ['init', 'data', '--out= '],
      ['train', '--resume', ''],
      ['report', ''],
    ].map((args): [string, () => string[], RegExp] => [
      `an empty text, as of a shell's variable that is not set: ${args.join(' ')}`,
      () => args,
      /^error: (<(folder|run)>|--(out|resume) <folder>) is an empty text: give it a value, or leave it out\./,
    ]),
    [
      'bins of baselines that are not asked for',
      () => ['decode', inFolder('empty'), '--bin', '0.01'],
      /^--bin goes with --baselines: it says what they read\.\n$/,
    ],
    [
      'a history of baselines that are not asked for',
      () => ['decode', inFolder('empty'), '--history', '10'],
      /^--history goes with --baselines: it says what they read\.\n$/,
    ],
    [
      'the recording of a configuration that does not exist',
      () => ['train', inFolder('none')],
      /none cannot be read: there is no such file or folder\.\n$/,
    ],
    [
      'a history of half a bin',
      () => ['decode', inFolder('empty'), '--history', '0.5'],
      /It should be a list of whole numbers, 1 or more, such as 10,30\./,
    ],
    [
      'a probability above 1',
      () => ['generate', inFolder('empty'), '--top-p', '1.5'],
      /It should be a number above 0 and at most 1\./,
    ],
    [
      'groups of unequal size',
      () => ['simulate', 'hub', inFolder('h'), '--neurons', '10', '--force'],
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
  ])('in a child process, too: %j', async (args, message) => {
    const { code, err } = await runInChildProcess(...args);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });
});

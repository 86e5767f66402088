import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neuroformer } from '../helpers/cli.js';
import { expectKnownFigures } from '../helpers/run-files.js';
import { simulateVisual, trainVisual } from '../helpers/visual-run.js';

const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
const inFolder = (...names: string[]) => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));

const DATA = inFolder('visual');
const RUN = inFolder('run');

/** Keys of a configuration that aligns the spikes of a window with speed. */
const ALIGNED = [
  'modalities={behavior: {n_layers: 0, window: 0.05, variables: {speed: {dt: 0.05}}}}',
  'contrastive={contrastive: true, vars: [eos, {behavior: speed}], clip_embd: 3}',
  'layers={encoder: 1, state: 1, state_history: 1, stimulus: 0}',
];

/** Keys of a model whose trunk reads the past. */
const WITH_PAST = 'layers={encoder: 0, state: 1, state_history: 1, stimulus: 0}';

/** Trains a model with these settings. */
const train = (out: string, ...settings: string[]) => trainVisual(DATA, out, ...settings);

beforeAll(async () => {
  await simulateVisual(DATA);
  await train(RUN, ...ALIGNED);
});

describe('latents', () => {
  it('prints a row for each kind of latents, and a verdict in plain words', async () => {
    const { code, out, err } = await neuroformer('latents', RUN);
    expect(code, err).toBe(0);
    const lines = out.trim().split('\n');
    expect(lines.find((line) => line.startsWith('latents'))).toMatch(
      /^latents +numbers +speed, ridge +neighbors +phi, ridge +neighbors +theta, ridge +neighbors$/,
    );
    for (const title of ['aligned with speed', 'without contrast', 'untrained', 'spike counts'])
      expect(out).toMatch(new RegExp(`^${title} +[a-z ]+\\d+ +-?\\d+\\.\\d\\d `, 'm'));
    expect(out).toContain('in windows that were held out: R2 ');
    expect(lines.slice(-2)).toEqual([
      `Written to ${RUN}/latents.npz, latents.csv and latents.json.`,
      `Next: neuroformer report ${RUN}`,
    ]);
    const files = readdirSync(RUN);
    for (const name of ['latents', 'latents.npz', 'latents.csv', 'latents.json'])
      expect(files).toContain(name);
  });

  it('refuses a run without contrast', async () => {
    const plain = inFolder('plain');
    await train(plain);
    const { code, err } = await neuroformer('latents', plain);
    expect([code, err]).toEqual([
      1,
      'This model aligns nothing: train one with contrastive: {contrastive: true, vars: [eos, {behavior: speed}]}.\n',
    ]);
  });
});

describe('ladder probes', () => {
  it('prints every stage beside the untrained one, for as many models as are asked for', async () => {
    const spikes = inFolder('spikes');
    await train(spikes, WITH_PAST);
    const { code, out, err } = await neuroformer('ladder', 'probes', spikes, '--seeds', '2');
    expect(code, err).toBe(0);
    expect(out).toMatch(/^stage +speed +untrained +phi +untrained +theta +untrained$/m);
    for (const title of ['past state', '\\+ current state', 'spike counts'])
      expect(out).toMatch(new RegExp(`^${title} +-?\\d+\\.\\d\\d`, 'm'));
    expect(readdirSync(join(spikes, 'probes'))).toEqual(['seed2']);
    expect(readdirSync(spikes)).toEqual(expect.arrayContaining(['probes.json', 'probes.csv']));
  });

  it('refuses a model that reads behavior, in one sentence', async () => {
    const { code, err } = await neuroformer('ladder', 'probes', RUN);
    expect(code).toBe(1);
    expect(err).toMatch(/^This model reads speed, so a probe may find what training put in: .*\n$/);
  });

  it.each<[string[], string]>([
    [['--seeds', '0'], "argument '0' is invalid. It should be a whole number, 1 or more."],
    [['--seed', '1'], "error: unknown option '--seed'"],
  ])('refuses %o', async (options, message) => {
    const { code, err } = await neuroformer('ladder', 'probes', RUN, ...options);
    expect(code).not.toBe(0);
    expect(err).toContain(message);
  });
});

it('both have a section in the report, and are forgotten by a run that is started again', async () => {
  const run = inFolder('again');
  await train(run, ...ALIGNED);
  expect((await neuroformer('latents', run)).code).toBe(0);
  const { code, err } = await neuroformer('report', run);
  expect(code, err).toBe(0);
  expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('<h2>Latents</h2>');
  const figures = readdirSync(join(run, 'figures'));
  expect(figures).toEqual(expect.arrayContaining(['latents-speed.svg', 'latents-speed.csv']));
  expectKnownFigures(figures);
  const again = ['--config', join(DATA, 'config.yaml'), '--set', 'training.steps=1', '--force'];
  expect((await neuroformer('train', '--data', DATA, ...again, '--out', run)).code).toBe(0);
  expect(readdirSync(run).filter((name) => name.startsWith('latents'))).toEqual([]);
});

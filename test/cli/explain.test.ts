import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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

/** A trunk that attends to the past and to the film. */
const TRUNK = 'layers={encoder: 0, state: 1, state_history: 1, stimulus: 1}';

/** Trains a model with that trunk, and with these settings as well. */
const train = (out: string, ...settings: string[]) => trainVisual(DATA, out, TRUNK, ...settings);

beforeAll(async () => {
  await simulateVisual(DATA);
  await train(RUN, 'layers.state_history=1', 'layers.stimulus=1');
});

describe('explain stimulus', () => {
  it('prints every reading beside its untrained control, and a verdict in plain words', async () => {
    const { code, out, err } = await neuroformer('explain', 'stimulus', RUN, '--windows', '32');
    expect(code, err).toBe(0);
    const lines = out.trim().split('\n');
    expect(lines[0]).toMatch(/^map +r +pixels off +other field +untrained r +pixels off$/);
    for (const title of ['Neuron queries', 'Trunk attention', 'Occlusion', 'Input gradients'])
      expect(out).toMatch(new RegExp(`^${title} +model +-?\\d\\.\\d\\d \\(`, 'm'));
    expect(out).toMatch(/^Average of the squared film +spikes alone +-?\d\.\d\d \(/m);
    expect(lines.at(-3)).toContain(
      'Occlusion and input gradients can be read from any architecture.',
    );
    expect(lines.slice(-2)).toEqual([
      `17 maps written to ${RUN}/stimulus.npz, stimulus.csv and stimulus.json.`,
      `Next: neuroformer report ${RUN}`,
    ]);
    const files = readdirSync(RUN);
    for (const type of ['npz', 'csv', 'json']) expect(files).toContain(`stimulus.${type}`);
  });

  it('has a section in the report, whose figures are files', async () => {
    const { code, err } = await neuroformer('report', RUN);
    expect(code, err).toBe(0);
    const page = readFileSync(join(RUN, 'report.html'), 'utf8');
    expect(page).toContain('<h2>Where in the film neurons look</h2>');
    const figures = readdirSync(join(RUN, 'figures'));
    for (const name of ['stimulus-maps', 'stimulus-scores'])
      expect(figures).toEqual(expect.arrayContaining([`${name}.svg`, `${name}.csv`]));
    expectKnownFigures(figures);
  });

  it('is forgotten by a run that is started again', async () => {
    const again = inFolder('again');
    await train(again, 'neuron_queries=frames');
    const explained = await neuroformer('explain', 'stimulus', again, '--windows', '32');
    expect(explained.code, explained.err).toBe(0);
    const args = ['--config', join(DATA, 'config.yaml'), '--set', 'training.steps=1', '--force'];
    const { code, err } = await neuroformer('train', '--data', DATA, ...args, '--out', again);
    expect(code, err).toBe(0);
    expect(readdirSync(again).filter((name) => name.startsWith('stimulus'))).toEqual([]);
  });

  it('says in one sentence that a model reads no film', async () => {
    const blind = inFolder('blind');
    await train(blind, 'window.frame=null', 'neuron_queries=null');
    const { code, err } = await neuroformer('explain', 'stimulus', blind);
    expect([code, err]).toEqual([
      1,
      'This model reads no film: train one with window.frame on a recording with frames.\n',
    ]);
    expect(existsSync(join(blind, 'stimulus.json'))).toBe(false);
  });

  it.each<[string[], string]>([
    [['--windows', '0'], "argument '0' is invalid. It should be a whole number, 1 or more."],
    [['--part', 'some'], 'Allowed choices are train, validation, test, all.'],
    [['--sed', '1'], "error: unknown option '--sed'"],
  ])('refuses %o', async (options, message) => {
    const { code, err } = await neuroformer('explain', 'stimulus', RUN, ...options);
    expect(code).not.toBe(0);
    expect(err).toContain(message);
  });
});

describe('explain connectivity', () => {
  it('does what connectivity does', async () => {
    const few = ['--windows', '40', '--ablation-windows', '40'];
    const results: string[] = [];
    for (const command of [['explain', 'connectivity'], ['connectivity']]) {
      const { code, out, err } = await neuroformer(...command, RUN, ...few);
      expect(code, err).toBe(0);
      results.push(out);
    }
    expect(results[0]).toContain('Attention');
    expect(results[0]).toBe(results[1]);
  });
});

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { diskStore } from '../../src/node/disk-store.js';
import { RunRecords } from '../../src/train/run-records.js';
import { behaviorWorkspace } from '../helpers/behavior.js';
import { neuroformer } from '../helpers/cli.js';

let folder: string;
const inFolder = (...parts: string[]) => join(folder, ...parts);
/** So little time that training has a few updates. */
const SHORT = ['--minutes', '0.03'];

beforeAll(() => {
  folder = behaviorWorkspace({});
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('neuroformer init', () => {
  it('writes a configuration with reasons, by which train and decode run', async () => {
    const out = inFolder('fitted');
    const args = ['init', inFolder('data'), '--out', out, '--decode', 'place', ...SHORT];
    const { code, err, out: printed } = await neuroformer(...args);
    expect(code, err).toBe(0);
    expect(printed).toMatch(/A model to decode place, \d+ updates, about .+ s on this computer\./);
    expect(printed).toContain(`Written: ${join(out, 'dataset.yaml')}, ${join(out, 'config.yaml')}`);
    expect(printed).toContain(`Next: neuroformer train ${out}\n`);
    const text = readFileSync(join(out, 'config.yaml'), 'utf8');
    const config = parse(text);
    expect(config.modalities.behavior.variables.place).toMatchObject({ objective: 'regression' });
    expect(text).toMatch(/^# To decode place: tuned neurons\.\n/);
    expect(text).toMatch(
      /# [\d.]+ passes over \d+ windows, about .+ on CPU .+; [\d,]+ would help more, and take .+\n +steps: \d+\n/,
    );
    expect(text).toMatch(
      /# blocks of time with gaps between them; the last fifth is the test\n +split:/,
    );

    const trained = await neuroformer('train', out);
    expect(trained.code, trained.err).toBe(0);
    expect(trained.out).toMatch(
      /Best at update \d+: validation loss [\d.]+, place R2 -?[\d.]+\.\n/,
    );
    expect(trained.out).toContain(`Next: neuroformer decode ${out}/run --baselines\n`);
    const metrics = await new RunRecords(diskStore(join(out, 'run'))).readMetrics();
    const validation = metrics.findLast(({ kind }) => kind === 'validation')!;
    expect(validation.scores).toEqual({ place: { kind: 'R2', value: expect.any(Number) } });
    const decoded = await neuroformer('decode', join(out, 'run'));
    expect(decoded.code, decoded.err).toBe(0);

    const again = await neuroformer('train', out);
    expect(again.err).toContain(`${out}/run is not empty`);
    const minutes = await neuroformer('train', out, '--out', inFolder('other'), ...SHORT);
    expect(minutes.err).toBe(
      `--minutes is for a new configuration, but ${out}/config.yaml is there: change that file, or write another one with: neuroformer init and --out.\n`,
    );
  });

  it('changes nothing where there is something already', async () => {
    const { code, err } = await neuroformer('init', inFolder('data'), '--out', inFolder('data'));
    expect(code).toBe(1);
    expect(err).toMatch(/is not empty: choose another folder/);
  });

  it('says what cannot be decoded, and leaves no folder behind', async () => {
    const out = inFolder('wrong');
    const data = inFolder('data');
    const { err } = await neuroformer('init', data, '--out', out, '--decode', 'speed');
    expect(err).toContain(
      'The recording has no variable speed to decode; it has place, heading, side.\n',
    );
    expect(existsSync(out)).toBe(false);
    const names = await neuroformer('init', data, '--out', out, '--decode', 'place,,side');
    expect(names.err).toContain('It should be names such as x,y.');
    const table = await neuroformer('init', data, '--out', out, '--trials', 'stimuli');
    expect(table.err).toBe(
      `${join(data, 'dataset.yaml')} says how trials are read, so no other table (stimuli) can be chosen: change it there.\n`,
    );
  });
});

describe('neuroformer train with a recording alone', () => {
  it('proposes a configuration first, and says where', async () => {
    const cwd = process.cwd();
    process.chdir(folder);
    try {
      const args = ['--task', 'generate', '--max-neurons', '3', ...SHORT];
      const { code, err, out } = await neuroformer('train', 'data', ...args);
      expect(code, err).toBe(0);
      expect(out).toMatch(/spikes.max_neurons keeps 3 of \d+ neurons, those with the most spikes/);
      const { spikes } = parse(readFileSync('neuroformer-data/dataset.yaml', 'utf8'));
      expect(spikes.max_neurons).toBe(3);
      expect(out).toContain(
        'There is no configuration for data: one is proposed in neuroformer-data.\n',
      );
      expect(out).toContain('Next: neuroformer generate neuroformer-data/run\n');
      const config = parse(readFileSync('neuroformer-data/config.yaml', 'utf8'));
      expect(config.modalities).toBeUndefined();
      const again = await neuroformer('train', 'data', '--out', 'second');
      expect(again.code, again.err).toBe(0);
      expect(again.out).toContain('The configuration is neuroformer-data/config.yaml.\n');
    } finally {
      process.chdir(cwd);
    }
  });

  it('takes the configuration that it is given instead', async () => {
    const config = inFolder('own.yaml');
    writeFileSync(
      config,
      'n_embd: 16\nn_head: 2\nlayers: {state: 1, state_history: 1, stimulus: 0}\ntraining: {steps: 2, batch: 4}\n',
    );
    const args = ['train', inFolder('data'), '--config', config, '--out', inFolder('own')];
    const { code, err } = await neuroformer(...args);
    expect(code, err).toBe(0);
    const two = await neuroformer(...args, '--data', inFolder('data'));
    expect(two.err).toBe(
      `train has two recordings, ${inFolder('data')} and --data: give one of them.\n`,
    );
  });
});

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { spikeArrays } from '../../src/dataset/simulated.js';
import { parseNpz } from '../../src/formats/npz.js';
import { simulateHub } from '../../src/simulate/hub.js';
import { neuroformer } from '../helpers/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
const inFolder = (...names: string[]) => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));

const DATA = inFolder('visual');
const CONFIG = ['--config', join(DATA, 'config.yaml')];
const SHORT = ['--set', 'training.steps=2', '--set', 'training.batch=4', '--set', 'n_embd=8'];

describe('simulate hub', () => {
  it('writes a network with the wiring that was asked for, and its signed truth', async () => {
    const data = inFolder('hub');
    const size = ['--neurons', '18', '--seconds', '5'];
    const wiring = ['--inhibition', '0.5', '--strength', '0.5', '--density', '1'];
    const { code, out, err } = await neuroformer(
      ...['simulate', 'hub', data, ...size, ...wiring, '--delays', '6-14'],
    );
    expect(code, err).toBe(0);
    expect(out).toMatch(/^18 neurons, hubs 2, 3, 8, 9, 14, 15 \(2, 8, 14 inhibit\), 5 s, /);
    const truth = parseNpz(readFileSync(join(data, 'truth.npz')));
    const [weights, strong] = [truth.get('weights')!.data, truth.get('strong')!.data];
    const ofHub = (hub: number) =>
      Array.from(weights as Float64Array).filter((_, p) => p % 18 === hub && strong[p]);
    expect(ofHub(2).map(Math.sign)).toEqual([-1, -1, -1, -1, -1]);
    expect(ofHub(3).map(Math.sign)).toEqual([1, 1, 1, 1, 1]);
    expect(Math.max(...ofHub(3))).toBeLessThanOrEqual(0.09);
  });

  it.each([1, 5])('with seed %i gives the network of that seed', async (seed) => {
    const settings = { neurons: 18, seconds: 5, seed };
    const data = inFolder(`hub-${seed}`);
    const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const { code, out, err } = await neuroformer('simulate', 'hub', data, ...options);
    expect(code, err).toBe(0);
    expect(out).toMatch(
      new RegExp(
        `^18 neurons, [^\\n]+, seed ${seed}\\. Written to [^\\n]+\\nNext: neuroformer train [^\\n]+ --task wiring\\n$`,
      ),
    );
    const { weights, spikes } = simulateHub(settings);
    expect(parseNpz(readFileSync(join(data, 'truth.npz'))).get('weights')!.data).toEqual(weights);
    expect(parseNpz(readFileSync(join(data, 'spikes.npz'))).get('times')!.data).toEqual(
      spikeArrays(spikes).times.data,
    );
  });

  it.each<[string[], string]>([
    [['--delays', '5'], 'It should be a range of whole milliseconds, such as 2-5.'],
    [['--delays', '5-2'], 'It should be a range of whole milliseconds, such as 2-5.'],
    [['--inhibition', '1.5'], 'It should be a number above 0 and at most 1.'],
  ])('refuses %o', async (options, message) => {
    const { code, err } = await neuroformer('simulate', 'hub', inFolder('none'), ...options);
    expect(code).not.toBe(0);
    expect(err).toContain(message);
  });
});

describe('simulate inputs', () => {
  it('writes driven neurons with a configuration that trains', async () => {
    const data = inFolder('inputs');
    const size = ['--neurons', '6', '--seconds', '10'];
    const { code, out, err } = await neuroformer('simulate', 'inputs', data, ...size);
    expect(code, err).toBe(0);
    expect(out).toMatch(/^6 neurons, 10 s, [\d,]+ spikes\. Written to .+, with a configuration: /);
    const config = ['--config', join(data, 'config.yaml'), ...SHORT, '--set', 'n_head=2'];
    const trained = await neuroformer('train', '--data', data, ...config, '--out', inFolder('led'));
    expect(trained.code, trained.err).toBe(0);
  });
});

describe('simulate visual', () => {
  it('writes a recording with a configuration, and says what it is', async () => {
    const size = ['--neurons', '8', '--films', '6', '--repeats', '4', '--seconds', '4'];
    const { code, out, err } = await neuroformer('simulate', 'visual', DATA, ...size);
    expect(code, err).toBe(0);
    expect(out).toMatch(
      /^8 neurons, 10 trials of 4 s, \d+ spikes \(\d\.\d\d Hz per neuron\), seed 1\./,
    );
    expect(out).toMatch(/The true rates tell \d\.\d\d bits a spike, the film \d\.\d\d; /);
    expect(out).toMatch(
      /two halves of the 4 repeats correlate .+ in bins of 50 ms and .+ 200 ms\./,
    );
    expect(out).toContain("it is not the paper's data");
    expect(existsSync(join(DATA, 'config.yaml'))).toBe(true);
  });

  it('is inspected with its conditions and the trials that are in no part', async () => {
    const { code, out, err } = await neuroformer('inspect', DATA, ...CONFIG);
    expect(code, err).toBe(0);
    expect(out).toMatch(/^conditions +7: 1 in 4 trials, 6 in one trial$/m);
    expect(out).toMatch(/^Windows with .+: 320 training, 80 validation, 80 test, 320 left out\.$/m);
    expect(out).toMatch(/^4 trials are in no part of the split\.$/m);
  });

  it('gives a split by lists of trials, which a run keeps and fine-tuning takes over', async () => {
    const run = inFolder('run');
    const trained = await neuroformer('train', '--data', DATA, ...CONFIG, ...SHORT, '--out', run);
    expect(trained.code, trained.err).toBe(0);
    const { training, windows } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
    expect(training.split).toMatchObject({ train: [0, 1, 2, 3], validation: [4], test: [5] });
    expect(windows.leftOut).toBe(320);
    const resumed = await neuroformer('train', '--resume', run);
    expect(resumed.code, resumed.err).toBe(0);
    const tune = (name: string, ...args: string[]) =>
      neuroformer(
        'finetune',
        run,
        '--data',
        DATA,
        ...SHORT.slice(0, 4),
        ...args,
        '--out',
        inFolder(name),
      );
    const same = await tune('same');
    expect(same.code, same.err).toBe(0);
    expect(same.out).toContain(`The split is that of ${run}`);
    const other = await tune('other', '--set', 'training.split.kind=blocks');
    expect(other.code, other.err).toBe(0);
    expect(other.out).toContain(`The split differs from that of ${run}`);
  });

  it.each<[string[], string]>([
    [
      ['--films', '2'],
      'The films of a visual recording should be a whole number of 3 or more, but is 2.\n',
    ],
    [
      ['--seconds', '0.2'],
      'The seconds of a trial should be 1 or more and a multiple of 0.05, the length of a frame, but are 0.2.\n',
    ],
    [
      ['--modulation', '-1'],
      "error: option '--modulation <x>' argument '-1' is invalid. It should be a number, 0 or more.\n",
    ],
  ])('refuses %o, and writes nothing', async (options, message) => {
    const { code, err } = await neuroformer('simulate', 'visual', inFolder('none'), ...options);
    expect(code).not.toBe(0);
    expect(err).toContain(message);
    expect(existsSync(inFolder('none'))).toBe(false);
  });
});

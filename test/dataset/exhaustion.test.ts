/** Tiny inputs that would fill the memory or never end: each is refused at once, in a sentence. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync, zlibSync } from 'fflate';
import { type Group, File as Hdf5File, ready } from 'h5wasm/node';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { encodeNpz } from '../../src/formats/npz.js';
import { parseConfig } from '../../src/neuroformer/config.js';
import { openDataset } from '../../src/node.js';
import { memoryFolder } from '../../src/ports/folder.js';
import { binSpikes } from '../../src/recording/spikes.js';
import { ClassVocabulary } from '../../src/recording/vocabularies.js';
import { matchesPattern } from '../../src/text/pattern.js';
import { parseYaml } from '../../src/text/yaml.js';
import { parseTrainSettings } from '../../src/train/settings.js';
import { useFolders } from '../helpers/dataset.js';
import { startProcessorClock } from '../helpers/processor-time.js';

const newFolder = useFolders();
/** Of the processor's time. */
const SECONDS = 10;

/** Expects that something is refused with a message, within seconds of the processor's time. */
async function expectRefused(open: () => unknown, message: string | RegExp): Promise<void> {
  const seconds = startProcessorClock();
  await expect(Promise.resolve().then(open)).rejects.toThrow(message);
  expect(seconds()).toBeLessThan(SECONDS);
}

const f64 = (...values: number[]) => ({ data: Float64Array.from(values) });
const SPIKES = {
  'a.npz': encodeNpz({ times: f64(0.1, 0.2, 0.3), neurons: f64(0, 1, 0), v: f64(1, 2, 3, 4) }),
};
const TIMES = { times: 'a.npz#times', neurons: 'a.npz#neurons' };
const described = (description: object | string, files: Record<string, Uint8Array> = SPIKES) =>
  openDataset(
    memoryFolder('made', {
      ...files,
      'dataset.yaml': typeof description === 'string' ? description : stringify(description),
    }),
  );

/** A .npy file of version 1 with this header and these bytes. */
function npy(descr: string, shape: string, data = new Uint8Array()): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape},), }`.padEnd(
    117,
  );
  const text = new TextEncoder().encode(`${header}\n`);
  const head = [0x93, 78, 85, 77, 80, 89, 1, 0, text.length & 255, text.length >> 8];
  return Uint8Array.from([...head, ...text, ...data]);
}

describe('archives that unpack to very much', () => {
  it('are refused by what they claim', async () => {
    const zeros = zipSync({ 'times.npy': [new Uint8Array(2 ** 27), { level: 9 }] });
    await expectRefused(
      () => openDataset(memoryFolder('made', { 'bomb.npz': zeros }), 'bomb.npz'),
      /Array times of bomb\.npz cannot be read: it claims to unpack from \d+ to 134217728 bytes/,
    );
  });

  it('are unpacked no further than they claim', async () => {
    const zeros = zipSync({ 'times.npy': [new Uint8Array(2 ** 27), { level: 9 }] });
    const view = new DataView(zeros.buffer);
    for (let at = 0; at < zeros.length - 30; at++) {
      if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 1000, true);
      if (view.getUint32(at, true) === 0x04034b50) view.setUint32(at + 22, 1000, true);
    }
    await expectRefused(
      () => openDataset(memoryFolder('made', { 'bomb.npz': zeros }), 'bomb.npz'),
      'Array times of bomb.npz cannot be read',
    );
  });

  it('are refused in MATLAB files', async () => {
    const packed = zlibSync(new Uint8Array(2 ** 27), { level: 9 });
    const head = new Uint8Array(136).fill(32, 0, 124);
    head.set(new TextEncoder().encode('MATLAB 5.0 MAT-file'));
    head.set([0, 1, 0x49, 0x4d, 15, 0, 0, 0], 124);
    new DataView(head.buffer).setUint32(132, packed.length, true);
    const file = Uint8Array.from([...head, ...packed]);
    await expectRefused(
      () => openDataset(memoryFolder('made', { 'bomb.mat': file }), 'bomb.mat'),
      'bomb.mat cannot be read: it unpacks to more than 2 GiB, or 500 times its size',
    );
  });
});

describe('headers that claim very much', () => {
  it.each([
    ['|S0', '1000000000000'],
    ['<U0', '1000000000'],
    ['|V0', '1000000000000'],
    ['<f8', '1000000000000'],
  ])('of type %s are refused', async (descr, shape) => {
    await expectRefused(
      () =>
        openDataset(
          memoryFolder('made', { 'spike_times.npy': npy(descr, shape) }),
          'spike_times.npy',
        ),
      'spike_times.npy cannot be read',
    );
  });
});

describe('links in HDF5 files', () => {
  it('that fan out are followed to a limit', async () => {
    await ready;
    const path = join(newFolder({}), 'fan.h5');
    const file = new Hdf5File(path, 'w');
    file.create_group('leaf').create_dataset({ name: 'times', data: Float64Array.of(1, 2) });
    let below = '/leaf';
    for (let depth = 0; depth < 40; depth++) {
      const group = file.create_group(`g${depth}`) as Group;
      group.create_hard_link(below, 'a');
      group.create_hard_link(below, 'b');
      below = `/g${depth}`;
    }
    file.close();
    await expectRefused(
      () => openDataset(path),
      'the file has more than 10000 objects, each of them counted by every link that leads to it',
    );
  });
});

describe('tables', () => {
  it('with 100,000 columns are refused', async () => {
    const names = Array.from({ length: 100_000 }, (_, n) => `c${n}`);
    const row = names.map(() => '1').join(',');
    const text = new TextEncoder().encode(`${names.join(',')}\n${row}\n${row}\n`);
    await expectRefused(
      () => openDataset(memoryFolder('made', { 'a.csv': text }), 'a.csv'),
      'a.csv cannot be read: it has 100000 columns, more than 20000',
    );
  });
});

describe('patterns', () => {
  it('with many stars match in no time', () => {
    const seconds = startProcessorClock();
    expect(matchesPattern('a'.repeat(5000), `${'*a'.repeat(2000)}*b`)).toBe(false);
    expect(matchesPattern('a'.repeat(5000), `${'*a'.repeat(2000)}*`)).toBe(true);
    expect(seconds()).toBeLessThan(1);
  });

  it.each([
    ['abc', 'abc', true],
    ['abc', 'ab', false],
    ['abc', '*', true],
    ['', '*', true],
    ['abc', 'a*c', true],
    ['ac', 'a*c', true],
    ['a', 'a*a', false],
    ['abcabc', 'a*bc', true],
    ['unit12_times', 'unit*_times', true],
    ['unit12_time', 'unit*_times', false],
    ['a.b', 'a?b', false],
    ['xaybzc', '*a*b*c', true],
    ['xbyazc', '*a*b*c', false],
  ])('%s by %s: %s', (name, pattern, matches) => {
    expect(matchesPattern(name, pattern)).toBe(matches);
  });

  it('and references of any length are refused where they are too long', async () => {
    for (const path of [
      ' '.repeat(100_000),
      '*'.repeat(100_000),
      'v[0]'.repeat(30_000),
      'a/'.repeat(50_000),
    ])
      await expectRefused(
        () => described({ spikes: TIMES, variables: { v: { data: `a.npz#${path}x`, dt: 0.1 } } }),
        /characters: it should have at most 4,096\./,
      );
  });
});

describe('numbers that are far too large', () => {
  it('are refused in a dataset.yaml', async () => {
    await expectRefused(
      () => described({ spikes: { ...TIMES, count: 1e12 } }),
      'spikes.count should be a whole number from 1 up to 1000000',
    );
  });

  it('are no spike counts', async () => {
    const counts = {
      'c.npz': encodeNpz({
        counts: { data: Float64Array.from({ length: 200 }, () => 1e9), shape: [10, 20] },
      }),
    };
    await expectRefused(
      () =>
        described(
          { spikes: { counts: 'c.npz#counts', axes: ['neurons', 'bins'], dt: 0.05 } },
          counts,
        ),
      'spikes.counts counts more than 200,000,000 spikes, such as 1000000000 in one bin',
    );
  });

  it.each<[object, string]>([
    [{ layers: { state: 1e9 } }, 'layers.state should be a whole number from 0 up to 256'],
    [{ block_size: { id: 1e9 } }, 'block_size.id should be a whole number from 3 up to 1048576'],
    [
      { resolution: { dt: 1e-12 } },
      'resolution.dt, 1e-12 s, would divide window.curr, 0.05 s, into more than 10000 steps',
    ],
    [{ readout: { bins: 1e9 } }, 'readout.bins should be a whole number from 0 up to 10000'],
    [
      { modalities: { b: { window: 0.05, variables: { v: { dt: 1e-9 } } } } },
      'modalities.b.variables.v.dt, 1e-9 s, would make more than 10000 samples of modalities.b.window',
    ],
  ])('are refused in a configuration', async (config, message) => {
    await expectRefused(() => parseConfig(config), message);
  });

  it.each<[object, string]>([
    [{ split: { repeats: 1e9 } }, 'split.repeats should be a whole number from 1 up to 1000'],
    [{ batch: 1e9 }, 'batch should be a whole number from 1 up to 65536'],
    [{ accumulate: 1e9 }, 'accumulate should be a whole number from 1 up to 4096'],
    [{ steps: 1e300 }, 'steps should be a whole number from 1 up to 1000000000'],
  ])('are refused in the settings of training', async (settings, message) => {
    await expectRefused(() => parseTrainSettings(settings), message);
  });

  it('make no classes', async () => {
    await expectRefused(
      () => new ClassVocabulary([0, 1], 1e-12),
      'A resolution of 1e-12 makes more than 10000 classes of values from 0 to 1',
    );
  });

  it('are Unix times where start is not said', async () => {
    await expectRefused(
      () => binSpikes({ times: [Float64Array.of(1.7e9, 1.7e9 + 1)] }, 0.01),
      'Spike 0 of neuron 0 is at 1700000000 s, more than 86,400,000 bins of 0.01 s from the start: if times count from an earlier moment, as Unix times do, set where the session begins in the dataset.yaml, such as start: 1700000000.',
    );
  });
});

describe('YAML', () => {
  const levels = 'abcdefghij';
  const laughs = [...levels].map((name, n) =>
    n === 0
      ? `a: &a [x, x, x, x, x, x, x, x, x]`
      : `${name}: &${name} [${Array(9)
          .fill(`*${levels[n - 1]}`)
          .join(', ')}]`,
  );
  it.each([
    ['aliases of aliases', laughs.join('\n'), 'is not usable YAML: Excessive alias count'],
    ['an alias of nothing', 'a: *nope', 'is not usable YAML: Unresolved alias'],
    [
      'deep nesting',
      `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`,
      'is not usable YAML: it is nested too deeply.',
    ],
  ])('with %s is refused', async (_, text, message) => {
    await expectRefused(() => parseYaml(text, 'made.yaml'), `made.yaml ${message}`);
  });

  it.each([
    'spikes: {times: a.npz#times, neurons: a.npz#neurons}\nvariables: &v {x: *v}\n',
    'spikes: {times: &t [a.npz#times, {x: [*t]}], neurons: a.npz#neurons}\n',
    'spikes: &s [*s]\n',
  ])('that contains itself is refused: %j', async (text) => {
    await expectRefused(
      () => described(text),
      'dataset.yaml is not usable YAML: an alias stands for what contains it.',
    );
  });

  it('may name the same thing twice', () => {
    const text = 'a: &a {b: [1, 2]}\nc: [*a, *a]\n';
    const shared = { b: [1, 2] };
    expect(parseYaml(text, 'made.yaml')).toEqual({ a: shared, c: [shared, shared] });
  });
});

describe('names that every object has', () => {
  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    '%s is refused as a variable',
    async (name) => {
      const text = `spikes: {times: a.npz#times, neurons: a.npz#neurons}\nvariables: {${name}: {data: a.npz#v, dt: 0.1}}\n`;
      await expectRefused(
        () => described(text),
        `variables.${name}: ${name} is a name that JavaScript keeps for itself; choose another one.`,
      );
    },
  );

  it('are changed where a file has them', async () => {
    const times = Float64Array.from({ length: 200 }, (_, n) => n / 10);
    const samples = () => ({ data: Float64Array.from({ length: 200 }, (_, n) => n) });
    const arrays = {
      spike_times: { data: times },
      neurons: { data: Int32Array.from(times, (_, n) => n % 3) },
      time: { data: times },
    };
    const file = encodeNpz({
      ...arrays,
      constructor: samples(),
      ['__proto__']: samples(),
      toString: samples(),
    });
    writeFileSync(join(newFolder({}), 'a.npz'), file);
    const { recording } = await openDataset(memoryFolder('made', { 'a.npz': file }), 'a.npz');
    expect(recording.neurons).toBe(3);
    for (const name of Object.keys(recording.trials[0]!.variables))
      expect(name in Object.prototype).toBe(false);
  });
});

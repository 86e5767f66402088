import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dataset, File, Group, GuessableDataTypes } from 'h5wasm/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ArrayNode,
  type DataNode,
  elementCount,
  type GroupNode,
} from '../../../src/formats/nodes.js';
import { HostRandom } from '../../../src/math/random.js';
import { damage } from '../../helpers/damage.js';
import { arrayAt, errorMessage, Hdf5Files, nodeAt, openHdf5At } from '../../helpers/hdf5.js';
import { THOROUGH } from '../../helpers/thorough.js';

const NWB = fileURLToPath(
  new URL('../../fixtures/recordings/nwb-alm/sub-anm369963_ses-20170228.nwb', import.meta.url),
);

let files: Hdf5Files;

beforeAll(async () => {
  files = await Hdf5Files.create();
});

afterAll(() => files.remove());

/** Writes a file with the library and opens it; messages call it X. */
function writeAndOpen(write: (root: File) => void): GroupNode {
  return files.open(files.written(write));
}

/** Replaces bytes by others of the same length, both in hexadecimal. */
function patch(bytes: Buffer, before: string, after: string): Buffer {
  const offset = bytes.indexOf(Buffer.from(before, 'hex'));
  expect(offset).toBeGreaterThan(0);
  const copy = Buffer.from(bytes);
  copy.set(Buffer.from(after, 'hex'), offset);
  return copy;
}

describe('an HDF5 file', () => {
  it.each<[string, GuessableDataTypes]>([
    ['Int8Array', Int8Array.of(-1, 0, 100, 3)],
    ['Uint8Array', Uint8Array.of(255, 0, 100, 3)],
    ['Int16Array', Int16Array.of(-300, 0, 100, 3)],
    ['Uint16Array', Uint16Array.of(65535, 0, 100, 3)],
    ['Int32Array', Int32Array.of(-7e8, 0, 100, 3)],
    ['Uint32Array', Uint32Array.of(4e9, 0, 100, 3)],
    ['Float32Array', Float32Array.of(0.5, Number.NaN, -Infinity, 3)],
    ['Float64Array', Float64Array.of(0.1, Number.NaN, Infinity, 1e300)],
  ])('returns numbers in the narrowest array that holds them: %s', (name, data) => {
    const root = writeAndOpen((f) => f.create_dataset({ name: 'a', data, shape: [2, 2] }));
    const node = arrayAt(root, 'a');
    expect([node.type, node.shape]).toEqual(['number', [2, 2]]);
    expect(node.read().constructor.name).toBe(name);
    expect(node.read()).toEqual(data);
    expect(node.read(1)).toEqual((data as Float64Array).slice(2));
    expect(node.read(0, 1)).toEqual((data as Float64Array).slice(0, 2));
    expect(node.read(2, 2)).toHaveLength(0);
  });

  it('returns 64-bit integers exactly or rejects them', () => {
    const max = BigInt(Number.MAX_SAFE_INTEGER);
    const root = writeAndOpen((f) => {
      f.create_dataset({ name: 'signed', data: BigInt64Array.of(-max, -1n, max) });
      f.create_dataset({ name: 'unsigned', data: BigUint64Array.of(0n, max) });
      f.create_dataset({ name: 'large', data: BigInt64Array.of(1n, -max - 1n) });
    });
    expect(arrayAt(root, 'signed').read()).toEqual(Float64Array.of(-Number(max), -1, Number(max)));
    expect(arrayAt(root, 'unsigned').read()).toEqual(Float64Array.of(0, Number(max)));
    expect(arrayAt(root, 'large').read(0, 1)).toEqual(Float64Array.of(1));
    expect(errorMessage(() => arrayAt(root, 'large').read())).toBe(
      'large of X cannot be read: it contains -9007199254740992, which is beyond the integers that float64 keeps exactly.',
    );
  });

  it('may have either byte order', () => {
    const bytes = files.written((f) => f.create_dataset({ name: 'a', data: Int16Array.of(1, -2) }));
    // Changes the byte order in the type but leaves the values as they are.
    const swapped = patch(bytes, '1008000002000000', '1009000002000000');
    expect(arrayAt(files.open(swapped), 'a').read()).toEqual(Int16Array.of(256, -257));
  });

  it('may have numbers of half precision', () => {
    // 1, -2, 0.5, the smallest positive number, infinity, NaN.
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x0001, 0x7c00, 0x7e00);
    const stored = new Float32Array(6);
    new Uint16Array(stored.buffer).set(halves);
    const bytes = files.written((f) => f.create_dataset({ name: 'a', data: stored }));
    const half = patch(
      bytes,
      '11201f00040000000000200017080017' + '7f000000',
      '11200f0002000000000010000a05000a' + '0f000000',
    );
    const numbers = arrayAt(files.open(half), 'a').read();
    expect([...numbers]).toEqual([1, -2, 0.5, 2 ** -24, Infinity, Number.NaN]);
  });

  it('returns strings of fixed and of variable length', () => {
    const root = writeAndOpen((f) => {
      f.create_dataset({ name: 'variable', data: ['größer', '', 'x'.repeat(5000)] });
      f.create_dataset({ name: 'fixed', data: ['é', 'two', 'three'], dtype: 'S5' });
      f.create_dataset({ name: 'ascii', data: ['a', 'b', 'c', 'd'], dtype: 'A3', shape: [2, 2] });
      f.create_dataset({ name: 'single', data: 'a session', shape: [] });
    });
    expect(arrayAt(root, 'variable').type).toBe('text');
    expect(arrayAt(root, 'variable').read()).toEqual(['größer', '', 'x'.repeat(5000)]);
    expect(arrayAt(root, 'variable').read(1, 2)).toEqual(['']);
    expect(arrayAt(root, 'fixed').read()).toEqual(['é', 'two', 'three']);
    expect(arrayAt(root, 'ascii').read(1)).toEqual(['c', 'd']);
    expect([arrayAt(root, 'single').shape, arrayAt(root, 'single').read()]).toEqual([
      [],
      ['a session'],
    ]);
  });

  it('gives a single value the shape [], and has the attributes of groups and arrays', () => {
    const root = writeAndOpen((f) => {
      const data = f.create_group('series').create_dataset({ name: 'data', data: 2.5, shape: [] });
      data.create_attribute('unit', 'volts');
      data.create_attribute('conversion', 1e-3, [], '<d');
      data.create_attribute('grid', Int32Array.of(3, 4));
      data.create_attribute('labels', ['x', 'y']);
      (f.get('series') as Group).create_attribute('neurodata_type', 'TimeSeries', [], 'S10');
      f.create_attribute('where', [data.create_reference()]);
    });
    const data = arrayAt(root, 'series/data');
    expect([data.shape, [...data.read()]]).toEqual([[], [2.5]]);
    expect(data.read(1)).toHaveLength(0);
    expect(data.attributes).toEqual({
      unit: 'volts',
      conversion: 1e-3,
      grid: [3, 4],
      labels: ['x', 'y'],
    });
    expect((nodeAt(root, 'series') as GroupNode).attributes).toEqual({
      neurodata_type: 'TimeSeries',
    });
    // Attributes that are references are skipped.
    expect(root.attributes).toEqual({});
  });

  it('is read by row, whatever its chunks', () => {
    const shape = [23, 17, 3];
    const data = Float64Array.from({ length: elementCount(shape) }, (_, n) => n / 4);
    const chunkings = [undefined, [1, 1, 1], [4, 5, 2], [23, 1, 3], [7, 17, 3], [30, 20, 5]];
    const root = writeAndOpen((f) => {
      for (const [n, chunks] of chunkings.entries()) {
        const maxshape = [null, null, null];
        const compressed = n % 2 === 1 && { compression: 4 };
        const layout = chunks ? { chunks, maxshape, ...compressed } : {};
        f.create_dataset({ name: `${n}`, data, shape, ...layout });
      }
    });
    for (const n of chunkings.keys()) {
      const node = arrayAt(root, `${n}`);
      expect(node.read(), `chunks ${n}`).toEqual(data);
      for (const [from, to] of [
        [0, 1],
        [3, 9],
        [22, 23],
        [5, 5],
        [20, 99],
      ] as const)
        expect(node.read(from, to)).toEqual(data.slice(from * 51, to * 51));
    }
  });

  it('is read completely and in part where it is larger than a tile', () => {
    const data = Int32Array.from({ length: 6_000_000 }, (_, n) => (n * 7919) % 1_000_003);
    const root = writeAndOpen((f) => {
      f.create_dataset({ name: 'long', data });
      f.create_dataset({ name: 'wide', data, shape: [2, 3_000_000], chunks: [2, 100_000] });
    });
    const isEqual = (values: ReturnType<ArrayNode['read']>, expected: Int32Array) =>
      Buffer.from(Int32Array.from(values as Int32Array).buffer).equals(
        Buffer.from(expected.slice().buffer),
      );
    for (const name of ['long', 'wide'])
      expect(isEqual(arrayAt(root, name).read(), data)).toBe(true);
    expect(isEqual(arrayAt(root, 'wide').read(1, 2), data.slice(3_000_000))).toBe(true);
    expect(arrayAt(root, 'long').read(4_194_300, 4_194_310)).toEqual(
      data.slice(4_194_300, 4_194_310),
    );
  });

  it('follows links, and says where a broken link points', () => {
    const root = writeAndOpen((f) => {
      f.create_group('a')
        .create_group('b')
        .create_dataset({ name: 'data', data: [1, 2] });
      f.create_soft_link('/a/b', 'soft');
      f.create_hard_link('/a/b/data', 'hard');
      f.create_soft_link('/no/such/place', 'broken');
      f.create_external_link('movie.h5', '/frames', 'external');
      f.create_hard_link('/a', 'a/b/up');
      f.create_soft_link('/', 'a/b/top');
    });
    expect([...root.members.keys()]).toEqual(['a', 'broken', 'external', 'hard', 'soft']);
    expect([...arrayAt(root, 'soft/data').read()]).toEqual([1, 2]);
    expect([...arrayAt(root, 'hard').read()]).toEqual([1, 2]);
    const readMessage = (path: string) => errorMessage(() => arrayAt(root, path).read());
    expect(readMessage('broken')).toBe(
      'broken of X cannot be read: it is a link to /no/such/place, which does not exist.',
    );
    expect(readMessage('external')).toBe(
      'external of X cannot be read: it is a link to /frames in another file, movie.h5.',
    );
    for (const name of ['up', 'top'])
      expect(readMessage(`a/b/${name}`)).toBe(
        `a/b/${name} of X cannot be read: it is a link back to an enclosing group.`,
      );
  });

  it('rejects records and references only when they are read', () => {
    const root = writeAndOpen((f) => {
      const columns = new Map<string, GuessableDataTypes>([
        ['start', Int32Array.of(1, 2)],
        ['count', Int32Array.of(3, 4)],
      ]);
      f.create_dataset({ name: 'records', data: columns });
      const reference = (f.get('records') as Dataset).create_reference();
      f.create_dataset({ name: 'references', data: [reference] });
    });
    expect(arrayAt(root, 'records').shape).toEqual([2]);
    expect(errorMessage(() => arrayAt(root, 'records').read())).toBe(
      'records of X cannot be read: it contains records of several fields: save an array for each field.',
    );
    expect(errorMessage(() => arrayAt(root, 'references').read())).toBe(
      'references of X cannot be read: it contains references to other arrays: name those arrays instead.',
    );
  });

  it('can be read alternately with other files', () => {
    const roots = [1, 2, 3].map((n) =>
      writeAndOpen((f) => f.create_dataset({ name: 'a', data: [n, n + 1] })),
    );
    for (const row of [0, 1])
      for (const [n, root] of roots.entries())
        expect([...arrayAt(root, 'a').read(row, row + 1)]).toEqual([n + 1 + row]);
  });

  it('is not read after it has changed or was closed', () => {
    const path = files.file(files.written((f) => f.create_dataset({ name: 'a', data: [1, 2] })));
    const before = openHdf5At(path, 'X');
    writeFileSync(
      path,
      files.written((f) => f.create_dataset({ name: 'a', data: [7, 8, 9] })),
    );
    expect(errorMessage(() => arrayAt(before.root, 'a').read())).toBe(
      'a of X cannot be read: it has changed since it was opened.',
    );
    const after = openHdf5At(path, 'X');
    expect([...arrayAt(after.root, 'a').read()]).toEqual([7, 8, 9]);
    before.close();
    expect([...arrayAt(after.root, 'a').read()]).toEqual([7, 8, 9]);
    after.close();
    expect(errorMessage(() => arrayAt(after.root, 'a').read())).toBe(
      'a of X cannot be read: the file has been closed.',
    );
  });

  it.each<[string, (path: string) => string, string]>([
    ['that does not exist', (path) => `${path}.none`, 'there is no such file'],
    ['that is a folder', () => files.folder, 'it is a folder, not a file'],
    ['of another format', () => files.file(Buffer.from('t,neuron\n')), 'it is not an HDF5 file'],
    [
      'that is cut short',
      (path) => files.file(readFileSync(path).subarray(0, 1500)),
      'it is cut short',
    ],
  ])('is rejected with a sentence: a path %s', (_, pathOf, reason) => {
    const path = files.file(files.written((f) => f.create_dataset({ name: 'a', data: [1, 2] })));
    expect(errorMessage(() => openHdf5At(pathOf(path), 'X'))).toBe(`X cannot be read: ${reason}.`);
  });
});

describe('an NWB file', () => {
  it('is a tree of its groups', () => {
    const { root, close } = openHdf5At(NWB);
    expect(root.attributes.neurodata_type).toBe('NWBFile');
    expect(arrayAt(root, 'session_start_time').read()).toEqual(['2017-02-28T00:00:00-06:00']);
    const units = nodeAt(root, 'units') as GroupNode;
    expect(units.attributes.colnames).toEqual([
      'depth',
      'quality',
      'cell_type',
      'spike_times',
      'electrodes',
    ]);
    const times = arrayAt(units, 'spike_times');
    expect(times.shape).toEqual([1679]);
    expect([...times.read(0, 2)]).toEqual([372.7602499999996, 392.8397059999998]);
    expect(times.read().at(-1)).toBe(1460.7240679999995);
    expect([...arrayAt(units, 'spike_times_index').read()]).toEqual([1679]);
    expect(arrayAt(root, 'intervals/trials/type').read(0, 1)).toEqual(['lick right']);
    const licks = arrayAt(root, 'acquisition/lick_times/lick_left_times/data');
    expect(licks.attributes).toMatchObject({ conversion: 1, unit: 'a.u.' });
    close();
  });
});

describe('damaged HDF5 files', () => {
  it('that put the library into an endless loop are stopped, and other files are read on', () => {
    const good = files.written((f) => f.create_dataset({ name: 'a', data: ['one', 'two'] }));
    const bad = Buffer.from(good);
    // A string of no size: the library looks at the same offset again and again.
    bad.fill(0, bad.indexOf('GCOL') + 16, bad.indexOf('GCOL') + 32);
    const root = files.open(bad, 0.3);
    expect(errorMessage(() => arrayAt(root, 'a').read())).toBe(
      'a of X cannot be read: the HDF5 library did not finish within 1 s.',
    );
    expect(errorMessage(() => arrayAt(root, 'a').read())).toBe(
      'a of X cannot be read: the file is damaged at a.',
    );
    expect(arrayAt(files.open(good), 'a').read()).toEqual(['one', 'two']);
  });

  it('let the process exit, and print nothing', () => {
    const good = files.written((f) => f.create_dataset({ name: 'a', data: ['one', 'two'] }));
    const bad = Buffer.from(good);
    bad.fill(0, bad.indexOf('GCOL') + 16, bad.indexOf('GCOL') + 32);
    const program = fileURLToPath(
      new URL('../../../dist/test/formats/hdf5/read-member.js', import.meta.url),
    );
    const paths = [bad, good.subarray(0, 1000), good].map((bytes) => files.file(bytes));
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...paths], {
      encoding: 'utf8',
    });
    expect([status, stdout, stderr]).toEqual([0, 'RecordingError\nRecordingError\none,two\n', '']);
  });

  it('that claim more than they can contain are rejected before memory is allocated', () => {
    const data = new Uint8Array(12345);
    const bytes = files.written((f) =>
      f.create_dataset({ name: 'a', data, chunks: [100], compression: 4 }),
    );
    const altered = Buffer.from(bytes);
    const length = Buffer.from('3930000000000000', 'hex');
    let offset = altered.indexOf(length);
    for (; offset >= 0; offset = altered.indexOf(length, offset + 1))
      altered.writeBigUInt64LE(2n ** 40n, offset);
    expect(errorMessage(() => arrayAt(files.open(altered), 'a').read())).toBe(
      `a of X cannot be read: its shape [1099511627776] needs 1099511627776 bytes, more than a file of ${altered.length} bytes can contain.`,
    );
  });

  /** Reads everything in a node; returns how many errors there were. */
  function readAll(node: DataNode, label: string): number {
    const countErrors = (read: () => number) => {
      let count = 0;
      const message = errorMessage(() => {
        count = read();
      });
      if (message === 'no complaint') return count;
      expect(message, label).toMatch(/^(\S.* of )?X cannot be read: .*[^.]\.$/s);
      return 1;
    };
    if (node.kind === 'array') {
      return countErrors(() => {
        expect(node.read(), label).toHaveLength(elementCount(node.shape));
        return 0;
      });
    }
    return countErrors(() => {
      const inside = node.kind === 'group' ? [...node.members.values()] : node.items;
      return inside.reduce((sum, member) => sum + readAll(member, label), 0);
    });
  }

  it('are read or rejected with a sentence, and never end the process', () => {
    const original = new Uint8Array(readFileSync(NWB));
    const random = new HostRandom(11);
    const path = join(files.folder, 'damaged.nwb');
    const outcomes = { complete: 0, partial: 0, rejected: 0 };
    const copies = THOROUGH ? 150 : 50;
    for (let n = 0; n < copies; n++) {
      writeFileSync(path, damage(original, random));
      let errors = 0;
      const message = errorMessage(() => {
        const { root, close } = openHdf5At(path, 'X', 0.5);
        errors = readAll(root, `copy ${n}`);
        close();
      });
      // One array of the undamaged file contains references, which is an error too.
      if (message === 'no complaint') outcomes[errors > 1 ? 'partial' : 'complete'] += 1;
      else outcomes.rejected += 1;
      expect(message, `copy ${n}`).toMatch(
        /^no complaint$|^(\S.* of )?X cannot be read: .*[^.]\.$/s,
      );
    }
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(copies / 8);
  }, 240_000);
});

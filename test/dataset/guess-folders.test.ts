import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/formats/npy.js';
import { openDataset } from '../../src/node/dataset.js';
import { spikeTimes, useFolders } from '../helpers/dataset.js';

const writeFolder = useFolders();

describe('a folder of suite2p', () => {
  const FILES = {
    'spks.npy': encodeNpy(Float32Array.of(0, 2, 0, 1, 5, 5, 0, 0, 0, 0, 0, 3), [3, 4]),
    'iscell.npy': encodeNpy(Float64Array.of(1, 0.9, 0, 0.1, 1, 0.8), [3, 2]),
  };
  /** What Python writes of {'fs': rate}, after the beginning of a .npy file. */
  const settings = (key: number[], value: number[]) =>
    Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0x80, 4, ...key, ...value, 0x2e);
  const float = (value: number) => {
    const bytes = new Uint8Array(9);
    bytes[0] = 0x47;
    new DataView(bytes.buffer).setFloat64(1, value);
    return [...bytes];
  };

  it.each<[string, Uint8Array]>([
    ['a float, protocol 4', settings([0x8c, 2, 0x66, 0x73, 0x94], float(20))],
    ['a float, protocol 2', settings([0x58, 2, 0, 0, 0, 0x66, 0x73, 0x71, 5], float(20))],
    ['a whole number', settings([0x8c, 2, 0x66, 0x73, 0x94], [0x4b, 20])],
  ])('has the events of its cells, at the rate in ops.npy: %s', async (_, ops) => {
    const folder = writeFolder({ ...FILES, 'ops.npy': ops });
    const { recording, guessed } = await openDataset(folder);
    expect(guessed).toBe(true);
    expect(spikeTimes(recording.trials[0]!)).toEqual([[0.05, 0.15], [0.15]]);
    expect(recording.trials[0]!.duration).toBeCloseTo(0.2, 9);
  });

  it('needs a rate, and files of the same regions', async () => {
    await expect(openDataset(writeFolder(FILES))).rejects.toThrow(
      'its ops.npy does not give the rate of frames (fs): put a dataset.yaml there',
    );
    const cells = encodeNpy(Float64Array.of(1, 0.9), [1, 2]);
    await expect(openDataset(writeFolder({ ...FILES, 'iscell.npy': cells }))).rejects.toThrow(
      'spks.npy has shape [3, 4], but iscell.npy has 1 regions',
    );
  });
});

describe('what is no data', () => {
  it.each<[string, string | Uint8Array, string]>([
    [
      'session.nwb',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      'is a pointer of Git LFS, not the data: fetch them with git lfs pull.',
    ],
    [
      'spikes.csv',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      'is a pointer of Git LFS',
    ],
    ['s.mat', '/annex/objects/MD5E-s12--9a.mat\n', 'is a pointer of git-annex'],
    ['s.npz', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0), 'is compressed with gzip: unpack it first'],
    ['s.h5', '<!DOCTYPE html>\n<html><body>Sign in</body></html>', 'is a web page, not the data'],
  ])('is named: %s', async (name, bytes, sentence) => {
    await expect(openDataset(join(writeFolder({ [name]: bytes }), name))).rejects.toThrow(
      `${name} ${sentence}`,
    );
  });

  it('is named: a Zarr store', async () => {
    const folder = writeFolder({ '.zgroup': '{"zarr_format": 2}' });
    await expect(openDataset(folder)).rejects.toThrow('is a Zarr store, which cannot be read');
  });
});

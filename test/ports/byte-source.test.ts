import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { diskSource } from '../../src/node/disk-source.js';
import { type ByteSource, memorySource, readAllBytes } from '../../src/ports/byte-source.js';
import { FileError, SourceError } from '../../src/ports/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
/** Writes a new file and returns its path. */
function fileOf(bytes: Uint8Array): string {
  count += 1;
  const path = join(folder, `${count}.bin`);
  writeFileSync(path, bytes);
  return path;
}

const BYTES = Uint8Array.from({ length: 10 }, (_, n) => n * n);
const SOURCES: Readonly<Record<string, (bytes: Uint8Array) => ByteSource>> = {
  memory: (bytes) => memorySource('spikes.npy', bytes),
  disk: (bytes) => diskSource(fileOf(bytes), 'spikes.npy'),
};

describe.each(Object.entries(SOURCES))('a source on %s', (_, createSource) => {
  it('has a name and a size', () => {
    const source = createSource(BYTES);
    expect([source.name, source.size]).toEqual(['spikes.npy', 10]);
  });

  it('reads ranges, the complete file and empty ranges', () => {
    const source = createSource(BYTES);
    expect(source.read(0, 3)).toEqual(Uint8Array.of(0, 1, 4));
    expect(source.read(7, 3)).toEqual(Uint8Array.of(49, 64, 81));
    expect(source.read(0, 10)).toEqual(BYTES);
    expect(readAllBytes(source)).toEqual(BYTES);
    expect(source.read(10, 0)).toEqual(new Uint8Array());
    expect(readAllBytes(createSource(new Uint8Array()))).toEqual(new Uint8Array());
  });

  it('rejects ranges that are out of bounds', () => {
    const source = createSource(BYTES);
    for (const [offset, length] of [
      [8, 3],
      [11, 0],
      [-1, 2],
      [2, -1],
    ] as const) {
      const range = `bytes ${offset} to ${offset + length}`;
      expect(() => source.read(offset, length), range).toThrow(SourceError);
      expect(() => source.read(offset, length), range).toThrow(
        `${range} were requested, but it has 10 bytes`,
      );
    }
  });

  it('returns new bytes with each read, which the caller may change', () => {
    const source = createSource(BYTES.slice());
    const read = source.read(2, 4);
    read.fill(0);
    expect(read.buffer.byteLength).toBe(4);
    expect(source.read(2, 4)).toEqual(Uint8Array.of(4, 9, 16, 25));
  });
});

describe('a source in memory', () => {
  it('encodes a text as UTF-8', () => {
    const source = memorySource('a.csv', 'é');
    expect([source.size, [...readAllBytes(source)]]).toEqual([2, [0xc3, 0xa9]]);
  });

  it('reads only its part of a larger buffer', () => {
    const source = memorySource('a.bin', BYTES.subarray(4, 6));
    expect(readAllBytes(source)).toEqual(Uint8Array.of(16, 25));
    expect(() => source.read(0, 3)).toThrow(SourceError);
  });
});

describe('a source on disk', () => {
  it('is named by its path unless another name is given', () => {
    const path = fileOf(BYTES);
    expect(diskSource(path).name).toBe(path);
  });

  it.each<[string, (path: string) => void]>([
    ['shrinks', (path) => truncateSync(path, 4)],
    ['grows', (path) => appendFileSync(path, 'more')],
    ['is replaced by one of the same size', (path) => renameSync(fileOf(BYTES), path)],
  ])('rejects every read after its file %s', (_, change) => {
    const path = fileOf(BYTES);
    const source = diskSource(path);
    expect(source.read(0, 4)).toEqual(BYTES.slice(0, 4));
    change(path);
    for (const length of [0, 2, 10]) {
      expect(() => source.read(0, length)).toThrow(SourceError);
      expect(() => source.read(0, length)).toThrow(/^it has changed since it was opened$/);
    }
    expect(() => readAllBytes(source)).toThrow(FileError);
    expect(() => readAllBytes(source)).toThrow(
      `${path} cannot be read: it has changed since it was opened.`,
    );
  });

  it('rejects every read after its file was removed', () => {
    const path = fileOf(BYTES);
    const source = diskSource(path, 'spikes.npy');
    rmSync(path);
    expect(() => source.read(0, 0)).toThrow(/^there is no such file$/);
    expect(() => readAllBytes(source)).toThrow('spikes.npy cannot be read: there is no such file.');
  });

  it('is not created for a missing file or a folder', () => {
    expect(() => diskSource(join(folder, 'none.npy'))).toThrow(SourceError);
    expect(() => diskSource(join(folder, 'none.npy'))).toThrow(/^there is no such file$/);
    expect(() => diskSource(folder)).toThrow(/^it is a folder, not a file$/);
    expect(() => diskSource(join(fileOf(BYTES), 'a.npy'))).toThrow(/^part of its path is a file$/);
  });
});

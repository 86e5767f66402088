import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { diskFolder } from '../../src/node/disk-source.js';
import { type ByteSource, readAllBytes } from '../../src/ports/byte-source.js';
import { SourceError } from '../../src/ports/errors.js';
import { type Folder, joinPath, memoryFolder } from '../../src/ports/folder.js';

const root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(root, { recursive: true }));

const FILES: Readonly<Record<string, string>> = {
  'trials.csv': 'start,stop\n',
  'dataset.yaml': 'spikes: {}\n',
  'probe/spikes.npy': 'spikes',
  'probe/raw/lfp.npy': 'lfp',
};
for (const [path, text] of Object.entries(FILES)) {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

const FOLDERS: Readonly<Record<string, Folder>> = {
  memory: memoryFolder('data/session', FILES),
  disk: diskFolder(root),
};

const text = (source: ByteSource) => new TextDecoder().decode(readAllBytes(source));

describe.each(Object.entries(FOLDERS))('a folder on %s', (_, folder) => {
  it('has the last part of its path as its title', () => {
    expect(folder.title).toBe(basename(folder.name));
  });

  it('lists only the files directly inside it, sorted', () => {
    expect(folder.list()).toEqual(['dataset.yaml', 'trials.csv']);
  });

  it('has its files and those in its subfolders', () => {
    for (const path of Object.keys(FILES)) expect(folder.has(path), path).toBe(true);
    for (const path of ['none.csv', 'probe/none.npy', 'spikes.npy', 'trials.csv.gz'])
      expect(folder.has(path), path).toBe(false);
  });

  it('opens its files and those in its subfolders, and names them by their path', () => {
    for (const [path, contents] of Object.entries(FILES)) {
      const source = folder.open(path);
      expect(text(source)).toBe(contents);
      expect(source.name).toBe(`${folder.name}/${path}`);
    }
  });

  it('resolves . and .. in a path', () => {
    for (const path of ['./trials.csv', 'probe/../trials.csv', 'probe/raw/../../trials.csv']) {
      expect(folder.has(path), path).toBe(true);
      expect(text(folder.open(path)), path).toBe('start,stop\n');
    }
  });

  it('rejects a file that does not exist', () => {
    for (const path of ['none.csv', 'probe/none.npy', 'nowhere/spikes.npy']) {
      expect(() => folder.open(path), path).toThrow(SourceError);
      expect(() => folder.open(path), path).toThrow(/^there is no such file$/);
    }
  });
});

describe('a folder on disk', () => {
  it('can be left through .. and absolute paths', () => {
    const probe = diskFolder(join(root, 'probe'));
    expect(probe.has('../trials.csv')).toBe(true);
    expect(text(probe.open('../trials.csv'))).toBe('start,stop\n');
    const absolute = join(root, 'dataset.yaml');
    expect(text(probe.open(absolute))).toBe('spikes: {}\n');
    expect(probe.open(absolute).name).toBe(absolute);
  });

  it('does not open a folder as a file', () => {
    expect(() => diskFolder(root).open('probe')).toThrow(/^it is a folder, not a file$/);
  });

  it('finds files that are written after it was created', () => {
    const folder = diskFolder(join(root, 'probe'));
    expect(folder.has('new.npy')).toBe(false);
    writeFileSync(join(root, 'probe', 'new.npy'), 'new');
    expect(folder.list()).toEqual(['new.npy', 'spikes.npy']);
    expect(text(folder.open('new.npy'))).toBe('new');
  });
});

describe('a folder in memory', () => {
  it('cannot be left through ..', () => {
    const folder = memoryFolder('data', FILES);
    expect(folder.has('../trials.csv')).toBe(true);
    expect(folder.has('../../other/trials.csv')).toBe(false);
  });

  it('holds bytes as well as texts', () => {
    const folder = memoryFolder('data', { 'a.bin': Uint8Array.of(0, 255) });
    expect(readAllBytes(folder.open('a.bin'))).toEqual(Uint8Array.of(0, 255));
  });
});

describe('pathIn', () => {
  it.each([
    ['data', 'a.npy', 'data/a.npy'],
    ['data/', 'a.npy', 'data/a.npy'],
    ['', 'a.npy', 'a.npy'],
    ['.', 'a.npy', 'a.npy'],
    ['data', '/lab/a.npy', '/lab/a.npy'],
  ])('joins folder "%s" and file "%s" to "%s"', (name, file, expected) => {
    expect(joinPath({ name }, file)).toBe(expected);
  });
});

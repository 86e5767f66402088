import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { diskStore } from '../../src/node/disk-store.js';
import { readText } from '../../src/ports/run-store.js';

const root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('a store on disk', () => {
  it('is a folder that exists from its first file on', async () => {
    const path = join(root, 'runs', 'first');
    const store = diskStore(path);
    expect(store.name).toBe(path);
    expect(await store.list()).toEqual([]);
    expect(existsSync(path)).toBe(false);
    await store.write('figures/losses.svg', '<svg/>');
    expect(readdirSync(join(path, 'figures'))).toEqual(['losses.svg']);
  });

  it('says where a file cannot be written: part of its path is a file', async () => {
    writeFileSync(join(root, 'figures'), '');
    const store = diskStore(root);
    const path = join(root, 'figures', 'losses.svg');
    for (const write of [
      () => store.write('figures/losses.svg', '<svg/>'),
      () => store.append('figures/losses.svg', 'a line'),
    ])
      await expect(write()).rejects.toThrow(
        expect.objectContaining({
          name: 'FileError',
          message: `${path} cannot be written: part of its path is a file.`,
        }),
      );
    await expect(diskStore(join(root, 'figures')).list()).rejects.toThrow(
      `${join(root, 'figures')} cannot be read: part of its path is a file.`,
    );
  });

  it('keeps a folder that is in the way of a file, and removes its temporary file', async () => {
    const folder = join(root, 'occupied');
    mkdirSync(join(folder, 'last.safetensors', 'inside'), { recursive: true });
    const store = diskStore(folder);
    await expect(store.write('last.safetensors', 'weights')).rejects.toThrow(
      `${join(folder, 'last.safetensors')} cannot be written: it is a folder. Its previous contents are unchanged.`,
    );
    expect(readdirSync(folder)).toEqual(['last.safetensors']);
    expect(readdirSync(join(folder, 'last.safetensors'))).toEqual(['inside']);
  });

  it('does not read a folder as a file', async () => {
    mkdirSync(join(root, 'folder'));
    await expect(diskStore(root).read('folder')).rejects.toThrow(
      `${join(root, 'folder')} cannot be read: it is a folder.`,
    );
  });

  it('overwrites what a crash has left of an earlier write', async () => {
    const store = diskStore(join(root, 'crashed'));
    await store.write('run.json', 'old');
    writeFileSync(join(root, 'crashed', '.run.json.part'), 'half of a new ver');
    await store.write('run.json', 'new');
    expect(await readText(store, 'run.json')).toBe('new');
    expect(await store.list()).toEqual(['run.json']);
  });
});

import { execFileSync } from 'node:child_process';
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

  it('needs a path, as an empty one would be the current folder', () => {
    for (const path of ['', ' '])
      expect(() => diskStore(path)).toThrow(
        'The path of a folder is empty: name the folder, or write . for the current one.',
      );
  });

  it.skipIf(!existsSync('/proc/self'))('says at once where no folder can be made', async () => {
    await expect(diskStore('/proc/none/run').write('a', 'b')).rejects.toThrow(
      /^\/proc\/none\/run.* cannot be written: /,
    );
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

describe('files that are written together', () => {
  it('replace others, and remove those that no longer belong to them', async () => {
    const store = diskStore(join(root, 'together'));
    await store.writeTogether({ 'a.json': '1', 'figures/b.svg': '1', 'figures/c.svg': '1' });
    await store.writeTogether({ 'a.json': '2', 'figures/b.svg': '2' }, ['figures/c.svg', 'none']);
    expect(await readText(store, 'a.json')).toBe('2');
    expect(await store.within('figures').list()).toEqual(['b.svg']);
    expect(readdirSync(join(root, 'together'))).toEqual(['a.json', 'figures']);
  });

  it('change nothing where one of them cannot be written', async () => {
    const folder = join(root, 'refused');
    const store = diskStore(folder);
    await store.writeTogether({ a: '1', b: '1' });
    mkdirSync(join(folder, 'c'));
    await expect(store.writeTogether({ a: '2', c: '2', b: '2' })).rejects.toThrow(
      `${join(folder, 'c')} cannot be written: it is a folder.`,
    );
    expect(await readText(store, 'a')).toBe('1');
    expect(readdirSync(folder)).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['../victim', 'inside'],
    ['inside', '../victim'],
    ['/etc/victim', 'inside'],
    ['C:\\victim', 'inside'],
  ])('are finished only inside their folder, whatever a journal says: %s', async (from, to) => {
    const folder = mkdtempSync(join(root, 'journal-'));
    writeFileSync(join(root, 'victim'), 'precious');
    const part = (path: string) => path.replace(/[^/\\]+$/, '.$&.part');
    writeFileSync(
      join(folder, '.change.json'),
      JSON.stringify({ renames: [[part(from), to]], removed: [] }),
    );
    await expect(diskStore(folder).list()).rejects.toThrow(
      `${join(folder, '.change.json')} is not the record of a change that was interrupted: remove it, and go on.`,
    );
    writeFileSync(
      join(folder, '.change.json'),
      JSON.stringify({ renames: [], removed: [from, to] }),
    );
    await expect(diskStore(folder).list()).rejects.toThrow('is not the record of a change');
    expect(existsSync(join(root, 'victim'))).toBe(true);
  });

  it('leave no parts of processes that were killed', async () => {
    const folder = join(root, 'parts');
    const store = diskStore(folder);
    await store.write('last.safetensors', '1');
    const ended = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' });
    writeFileSync(join(folder, `.last.safetensors.${ended.trim()}.part`), 'half');
    writeFileSync(join(folder, `.last.safetensors.${process.ppid}.part`), 'of one that runs');
    await store.write('last.safetensors', '2');
    expect(readdirSync(folder).sort()).toEqual([
      `.last.safetensors.${process.ppid}.part`,
      'last.safetensors',
    ]);
  });
});

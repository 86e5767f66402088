import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { diskStore } from '../../src/node/disk-store.js';
import { FileError } from '../../src/ports/errors.js';
import { expectEmpty, memoryStore, type RunStore, readText } from '../../src/ports/run-store.js';

const root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
/** Creates an empty store of each kind. The folder of a disk store does not exist yet. */
const STORES: Readonly<Record<string, () => RunStore>> = {
  memory: () => memoryStore('run'),
  disk: () => {
    count += 1;
    return diskStore(join(root, `run-${count}`));
  },
};

describe.each(Object.entries(STORES))('a store on %s', (_, createStore) => {
  it('reads the bytes and texts that were written', async () => {
    const store = createStore();
    await store.write('weights.bin', Uint8Array.of(0, 255, 7));
    await store.write('notes.txt', 'größer');
    expect(await store.read('weights.bin')).toEqual(Uint8Array.of(0, 255, 7));
    expect(await readText(store, 'notes.txt')).toBe('größer');
  });

  it('replaces a file with each write, also by a shorter one', async () => {
    const store = createStore();
    await store.write('run.json', 'a long first version');
    await store.write('run.json', 'short');
    expect(await readText(store, 'run.json')).toBe('short');
    await store.write('run.json', '');
    expect(await store.read('run.json')).toEqual(new Uint8Array());
  });

  it('appends lines to new and to existing files', async () => {
    const store = createStore();
    await store.append('metrics.jsonl', '{"step":1}');
    await store.append('metrics.jsonl', '{"step":2}');
    expect(await readText(store, 'metrics.jsonl')).toBe('{"step":1}\n{"step":2}\n');
    await store.write('log.txt', 'first\n');
    await store.append('log.txt', 'é');
    expect(await readText(store, 'log.txt')).toBe('first\né\n');
  });

  it('has no file that was not written', async () => {
    const store = createStore();
    expect(await store.read('run.json')).toBeUndefined();
    expect(await readText(store, 'figures/losses.svg')).toBeUndefined();
    expect(await store.list()).toEqual([]);
  });

  it('lists its files and folders sorted, and leaves no temporary files', async () => {
    const store = createStore();
    await store.write('run.json', '{}');
    await store.write('figures/losses.svg', '<svg/>');
    await store.write('figures/scores.svg', '<svg/>');
    await store.append('metrics.jsonl', '{}');
    expect(await store.list()).toEqual(['figures', 'metrics.jsonl', 'run.json']);
  });

  it('removes files, and folders with their contents, but not what has a longer name', async () => {
    const store = createStore();
    for (const path of ['a', 'ab', 'c/d', 'c/e/f', 'cd/g']) await store.write(path, path);
    await store.remove('a');
    await store.remove('c');
    expect(await store.list()).toEqual(['ab', 'cd']);
    expect(await store.read('c/e/f')).toBeUndefined();
    expect(await readText(store, 'cd/g')).toBe('cd/g');
  });

  it('does nothing where a file to be removed does not exist', async () => {
    const store = createStore();
    await store.write('a', 'kept');
    await store.remove('b');
    await store.remove('b/c');
    expect(await store.list()).toEqual(['a']);
  });

  it('has a store for every folder inside it, which shares its files', async () => {
    const store = createStore();
    const figures = store.within('results').within('figures');
    await figures.write('losses.svg', '<svg/>');
    expect(figures.name).toBe(`${store.name}/results/figures`);
    expect(await figures.list()).toEqual(['losses.svg']);
    expect(await store.within('results/figures').list()).toEqual(['losses.svg']);
    expect(await readText(store, 'results/figures/losses.svg')).toBe('<svg/>');
    expect(await store.list()).toEqual(['results']);
    await store.write('results/figures/scores.svg', '<svg/>');
    await figures.remove('losses.svg');
    expect(await figures.list()).toEqual(['scores.svg']);
    expect(await store.within('other').list()).toEqual([]);
  });

  it('shares no memory with the bytes that are written and read', async () => {
    const store = createStore();
    for (const bytes of [Uint8Array.of(1, 2, 3), Buffer.from([1, 2, 3])]) {
      await store.write('a', bytes);
      bytes.fill(9);
      const read = await store.read('a');
      expect(read).toEqual(Uint8Array.of(1, 2, 3));
      read!.fill(7);
      expect(await store.read('a')).toEqual(Uint8Array.of(1, 2, 3));
    }
  });

  it('writes only the bytes of a view, not all of its buffer', async () => {
    const store = createStore();
    await store.write('a', Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 3));
    expect(await store.read('a')).toEqual(Uint8Array.of(2, 3));
  });

  it('is protected by expectEmpty once it has a file', async () => {
    const store = createStore();
    await expect(expectEmpty(store)).resolves.toBeUndefined();
    await store.write('run.json', '{}');
    const rejected = expectEmpty(store);
    await expect(rejected).rejects.toThrow(FileError);
    await expect(rejected).rejects.toThrow(
      `${store.name} is not empty: choose another folder, or set force (--force on the command line) to write into it anyway.`,
    );
    await expect(expectEmpty(store, true)).resolves.toBeUndefined();
    await expect(expectEmpty(store.within('new'))).resolves.toBeUndefined();
  });
});

describe('memory stores', () => {
  it('have separate files', async () => {
    const stores = [memoryStore('a'), memoryStore('a')] as const;
    await stores[0].write('run.json', '{}');
    expect(await stores[1].list()).toEqual([]);
  });
});

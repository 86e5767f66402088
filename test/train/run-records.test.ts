import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diskStore } from '../../src/node/disk-store.js';
import { memoryStore, type RunStore } from '../../src/ports/run-store.js';
import { RunRecords } from '../../src/train/run-records.js';

async function withFiles(store: RunStore, ...paths: string[]): Promise<RunRecords> {
  for (const path of paths) await store.write(path, '');
  return new RunRecords(store);
}

const figure = (name: string) => [`figures/${name}.svg`, `figures/${name}.csv`];

describe('the records of a run', () => {
  it('are cleared with the figures of its report, and without files of others', async () => {
    const store = memoryStore();
    const records = await withFiles(
      store,
      'report.html',
      'notes.txt',
      ...['losses', 'clamped-raster', 'scatter-running-speed', 'learnt'].flatMap(figure),
      ...figure('my-own'),
      'figures/attention.svg',
      'figures/decoded-place.csv',
      'figures/talk.key',
    );
    await store.write('run.json', '{"fingerprint": "of an earlier version"}');
    expect(await records.clear()).toEqual(['report.html', 'run.json']);
    expect(await store.list()).toEqual(['figures', 'notes.txt']);
    expect(await store.within('figures').list()).toEqual([
      'attention.svg',
      'decoded-place.csv',
      'my-own.csv',
      'my-own.svg',
      'talk.key',
    ]);
  });

  it.each([
    ['without a run.json', undefined],
    ['with a run.json of something else', '{"name": "my run along the river"}'],
    ['with a run.json that is no JSON', 'my run'],
  ])('are not cleared %s, as files of those names may be something else', async (_, facts) => {
    const store = memoryStore();
    const files = ['baselines/notes.txt', 'decoded.csv', 'labels/mine.csv', 'probes/a.npz'];
    const records = await withFiles(store, ...files);
    if (facts !== undefined) await store.write('run.json', facts);
    const before = await store.list();
    await expect(records.clear()).rejects.toThrow(
      /^memory holds baselines, decoded\.csv, labels and \d more, which a run would replace, but no run\.json of a run, so they may be something else: choose another folder, or move them away\.$/,
    );
    expect(await store.list()).toEqual(before);
  });

  it('remove the folder of figures where it holds nothing else, on disk too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'neuroformer-'));
    const store = diskStore(folder);
    const records = await withFiles(store, ...['losses', 'raster', 'psth'].flatMap(figure));
    expect(await records.staleFigures(['losses', 'raster'])).toEqual([
      'figures/psth.svg',
      'figures/psth.csv',
    ]);
    await store.write('run.json', '{"fingerprint": "of an earlier version"}');
    await records.clear();
    expect(await store.list()).toEqual([]);
    writeFileSync(join(folder, 'figures'), 'a file by that name');
    await records.clear();
    expect(await store.list()).toEqual(['figures']);
    rmSync(folder, { recursive: true });
  });
});

/** Dataset folders made for a test. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { stringify } from 'yaml';
import { openDataset } from '../../src/node/dataset.js';
import type { Trial } from '../../src/recording/recording.js';

export type TestFiles = Readonly<Record<string, Uint8Array | string>>;

/** Makes folders of files that are gone after the tests. */
export function useFolders(): (files: TestFiles) => string {
  const root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
  afterAll(() => rmSync(root, { recursive: true }));
  return (files) => {
    const folder = mkdtempSync(join(root, 'd'));
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
    return folder;
  };
}

/** Opens a dataset of these files and this description. */
export function opener(writeFolder: (files: TestFiles) => string, shared: TestFiles = {}) {
  return (description: object | string, files: TestFiles = {}) => {
    const text = typeof description === 'string' ? description : stringify(description);
    return openDataset(writeFolder({ ...shared, ...files, 'dataset.yaml': text }));
  };
}

/** The spike times of each neuron of a trial, rounded to microseconds. */
export function spikeTimes({ spikes }: Trial): number[][] {
  if (!('times' in spikes)) throw new Error('these are counts');
  return spikes.times.map((times) => Array.from(times, (time) => Number(time.toFixed(6))));
}

/** The counts of each neuron of a trial. */
export function spikeCounts({ spikes }: Trial): number[][] {
  if (!('counts' in spikes)) throw new Error('these are times');
  return spikes.counts.map((row) => Array.from(row));
}

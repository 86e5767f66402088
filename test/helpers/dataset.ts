/** Dataset folders for tests. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { stringify } from 'yaml';
import { openDataset } from '../../src/node/dataset.js';
import type { Trial } from '../../src/recording/recording.js';

/** Contents of files by name. */
export type TestFiles = Readonly<Record<string, Uint8Array | string>>;

/**
 * Returns a function that writes files into a new folder. The folders are removed after the tests.
 */
export function useFolders(): (files: TestFiles) => string {
  const root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
  afterAll(() => rmSync(root, { recursive: true }));
  return (files) => {
    const folder = mkdtempSync(join(root, 'd'));
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
    return folder;
  };
}

/**
 * Returns a function that opens a dataset of a description, files of its own, and files shared by
 * all datasets.
 */
export function datasetOpener(writeFolder: (files: TestFiles) => string, shared: TestFiles = {}) {
  return (description: object | string, files: TestFiles = {}) => {
    const text = typeof description === 'string' ? description : stringify(description);
    return openDataset(writeFolder({ ...shared, ...files, 'dataset.yaml': text }));
  };
}

/** Spike times of each neuron in a trial, rounded to microseconds. */
export function spikeTimes({ spikes }: Trial): number[][] {
  if (!('times' in spikes)) throw new Error('The trial has counts, not times.');
  return spikes.times.map((times) => Array.from(times, (time) => Number(time.toFixed(6))));
}

/** Spike counts of each neuron in a trial. */
export function spikeCounts({ spikes }: Trial): number[][] {
  if (!('counts' in spikes)) throw new Error('The trial has times, not counts.');
  return spikes.counts.map((row) => Array.from(row));
}

/** Files of runs on disk. */

import { basename, dirname } from 'node:path';
import { expect } from 'vitest';
import { diskStore } from '../../src/node/disk-store.js';
import { type Checkpoint, readCheckpoint } from '../../src/train/checkpoint.js';
import { isReportFigure } from '../../src/train/run-records.js';

/** Reads the checkpoint at a path. */
export function checkpointAt(path: string): Promise<Checkpoint> {
  return readCheckpoint(diskStore(dirname(path)), basename(path));
}

/** Expects that a later report or run would know each of these files as a report's figure. */
export function expectKnownFigures(files: readonly string[]): void {
  const names = files.map((file) => file.replace(/\.(svg|csv)$/, ''));
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !isReportFigure(name))).toEqual([]);
}

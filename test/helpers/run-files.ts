/** Files of runs on disk. */

import { basename, dirname } from 'node:path';
import { diskStore } from '../../src/node/disk-store.js';
import { type Checkpoint, readCheckpoint } from '../../src/train/checkpoint.js';

/** Reads the checkpoint at a path. */
export function checkpointAt(path: string): Promise<Checkpoint> {
  return readCheckpoint(diskStore(dirname(path)), basename(path));
}

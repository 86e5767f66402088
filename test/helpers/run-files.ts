/** Files of runs on disk, by path. */

import { basename, dirname } from 'node:path';
import { diskStore } from '../../src/node/disk-store.js';
import { type Checkpoint, readCheckpoint } from '../../src/train/checkpoint.js';

/** The checkpoint in a file. */
export function checkpointAt(path: string): Promise<Checkpoint> {
  return readCheckpoint(diskStore(dirname(path)), basename(path));
}

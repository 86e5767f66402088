/** Runs as commands name them: folders on disk. */

import { diskStore } from '../node/disk-store.js';
import { openDataset } from '../node.js';
import { type OpenedRun, openRun } from '../train/open-run.js';

/**
 * Opens the run in a folder.
 *
 * @param data where its data are now; default: where the run found them.
 * @throws FileError where the folder holds no run, or the data are not those it was trained on.
 */
export function openRunFolder(
  folder: string,
  data?: string,
  which?: 'best' | 'last',
): Promise<OpenedRun> {
  return openRun(diskStore(folder), (location) => openDataset(data ?? location), which);
}

/** Opening the run folder that a command names. */

import { diskStore } from '../node/disk-store.js';
import { openDataset } from '../node.js';
import { type OpenedRun, openRun } from '../train/open-run.js';

/**
 * Opens the run in a folder.
 *
 * @param data path of its data. Default: the path the run recorded.
 * @param which the weights to read, see `openRun`.
 * @throws FileError where the folder holds no run, or the data are not those it was trained on.
 */
export function openRunFolder(
  folder: string,
  data?: string,
  which?: 'best' | 'last',
): Promise<OpenedRun> {
  return openRun(diskStore(folder), (location) => openDataset(data ?? location), which);
}

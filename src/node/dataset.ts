/** Datasets on disk, by path. */

import { existsSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { type Dataset, openDataset as openIn } from '../dataset/dataset.js';
import type { Folder } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import { diskFolder } from './disk-source.js';

/**
 * Opens a dataset: a folder, its dataset.yaml, or a file that needs none, by path or as a folder of sources.
 *
 * @throws RecordingError or ConfigError naming the file or key that does not do.
 */
export async function openDataset(where: string | Folder, file?: string): Promise<Dataset> {
  if (typeof where !== 'string') return openIn(where, file);
  if (!existsSync(where))
    throw new RecordingError(`${where} cannot be read: there is no such file or folder.`);
  const dataset = statSync(where).isDirectory()
    ? await openIn(diskFolder(where), file)
    : await openIn(diskFolder(dirname(where)), basename(where));
  return { ...dataset, location: resolve(dataset.path) };
}

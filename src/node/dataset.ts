/** Datasets on disk, by path. */

import { existsSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { type Dataset, type OpenOptions, openDataset as openInFolder } from '../dataset/dataset.js';
import type { Folder } from '../ports/folder.js';
import { RecordingError } from '../recording/errors.js';
import { diskFolder } from './disk-source.js';

/**
 * Opens a dataset on disk.
 *
 * @param location the path of a folder, of its dataset.yaml, or of a data file that needs no
 *   description; or a folder of sources.
 * @param file the file in the folder to open; default: what the folder contains.
 * @param options how it is read, beside what its dataset.yaml says.
 * @throws RecordingError or ConfigError naming the file or key that is wrong.
 */
export async function openDataset(
  location: string | Folder,
  file?: string,
  options: OpenOptions = {},
): Promise<Dataset> {
  if (typeof location !== 'string') return openInFolder(location, file, options);
  if (!existsSync(location))
    throw new RecordingError(`${location} cannot be read: there is no such file or folder.`);
  const dataset = statSync(location).isDirectory()
    ? await openInFolder(diskFolder(location), file, options)
    : await openInFolder(diskFolder(dirname(location)), basename(location), options);
  return { ...dataset, location: resolve(dataset.path) };
}

/** The folder of a run that a command names: opening the run in it, and training one into it. */

import { existsSync } from 'node:fs';
import type { Dataset } from '../dataset/dataset.js';
import { configuredVariables } from '../neuroformer/variables.js';
import { diskStore } from '../node/disk-store.js';
import { createEngine, openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import { RecordingError } from '../recording/errors.js';
import { type TrainRequest, trainRun } from '../stages/train.js';
import { type OpenedRun, openRun } from '../train/open-run.js';
import { printNext, printStopped, type TerminalWatcher } from './terminal.js';

/** The option of commands that open a run. */
export const DATA_OPTION = ['--data <path>', 'path to the data, if it has moved'] as const;

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
  return openRun(diskStore(folder), (location) => openRunData(data, location), which);
}

/**
 * Opens the data of a run.
 *
 * @param data their path, if it is given. @param location the path that the run recorded.
 * @throws RecordingError where there are none.
 */
export function openRunData(data: string | undefined, location: string): Promise<Dataset> {
  if (data === undefined && !existsSync(location))
    throw new RecordingError(
      `${location} is what the run was trained on, and it is not there: if it has moved, give its path with --data.`,
    );
  return openDataset(data ?? location);
}

/** The options of commands that start a run. */
export interface RunOptions {
  data?: string;
  config?: string;
  out?: string;
  set?: string[];
  force?: boolean;
}

/** Trains on the data, and into the folder, that the options name. */
export async function startRun(
  request: Omit<TrainRequest, 'dataset' | 'store'>,
  { data, out, force }: RunOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const store = diskStore(out!);
  await expectEmpty(store, force);
  const dataset = await openDataset(data!);
  await trainAndPrint({ ...request, dataset, store, ...(force && { force }) }, watcher);
}

/** Trains a run, and prints what to do next or, if it was stopped, how to resume it. */
export async function trainAndPrint(
  request: TrainRequest,
  watcher: TerminalWatcher,
): Promise<void> {
  const { stopped, progress } = await trainRun(request, { engine: createEngine, watcher });
  watcher.close();
  const folder = request.store.name;
  if (stopped === 'interrupted') printStopped(progress.step, folder);
  else if (configuredVariables(request.config).some(({ setting }) => setting.predict))
    printNext('decode', folder, '--baselines');
  else printNext('generate', folder);
}

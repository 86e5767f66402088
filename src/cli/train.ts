/** The command `train`: trains a model on a recording, or resumes a run. */

import type { Command } from 'commander';
import { diskStore } from '../node/disk-store.js';
import { openDataset } from '../node.js';
import { UsageError } from '../stages/errors.js';
import { readCheckpoint } from '../train/checkpoint.js';
import { LAST_CHECKPOINT, RunRecords } from '../train/run-records.js';
import { commandLine, PROGRAM } from './called-as.js';
import { SET_OPTION } from './options.js';
import { type RunOptions, startRun, trainAndPrint } from './run-folder.js';
import { readNewSettings } from './settings.js';
import { print, runCommand, type TerminalWatcher } from './terminal.js';

interface TrainOptions extends RunOptions {
  resume?: string;
}

/** Adds the command `train`. */
export function addTrain(program: Command): void {
  program
    .command('train')
    .description('train a model on a recording')
    .option('--data <path>', 'dataset folder, or a file such as session.nwb')
    .option('--config <file>', 'YAML file: the model, and how it is trained under "training"')
    .option('--out <folder>', 'folder for the run')
    .option(...SET_OPTION)
    .option('--resume <folder>', 'resume a run from its last checkpoint')
    .option('--force', 'write into a folder that is not empty')
    .addHelpText(
      'after',
      `\nExamples:\n  ${PROGRAM} train --data data/hub --config hub.yaml --out runs/hub\n  ${PROGRAM} train --resume runs/hub`,
    )
    .action((options: TrainOptions) => runCommand((watcher) => trainCommand(options, watcher)));
}

async function trainCommand(options: TrainOptions, watcher: TerminalWatcher): Promise<void> {
  if (options.resume !== undefined) {
    const conflict = (['config', 'out', 'set', 'force'] as const).find((name) => name in options);
    if (conflict)
      throw new UsageError(
        `A run is resumed with its own settings: --${conflict} cannot be combined with --resume. To change them, use: ${commandLine('finetune', options.resume)}`,
      );
    const store = diskStore(options.resume);
    const { training, data } = await new RunRecords(store).readFacts();
    const { config } = await readCheckpoint(store, LAST_CHECKPOINT);
    const dataset = await openDataset(options.data ?? data);
    await trainAndPrint({ dataset, store, config, settings: training, resume: true }, watcher);
    return;
  }
  const missing = (['data', 'config', 'out'] as const).find((name) => options[name] === undefined);
  if (missing) throw new UsageError(`train needs --${missing} (or --resume with a run folder).`);
  const { config, notes, settings } = readNewSettings(options.config, options.set);
  for (const note of notes) print(note);
  await startRun({ config, settings }, options, watcher);
}

/** The command `train`: trains a model on a recording, or resumes a run. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { diskStore } from '../node/disk-store.js';
import { openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import { UsageError } from '../stages/errors.js';
import { readCheckpoint } from '../train/checkpoint.js';
import { LAST_CHECKPOINT, RunRecords } from '../train/run-records.js';
import { commandLine, PROGRAM } from './called-as.js';
import { CONFIG_FILE, defaultFolder, type InitOptions, initFolder, initOptions } from './init.js';
import { SET_OPTION } from './options.js';
import { openRunData, type RunOptions, startRun, trainAndPrint } from './run-folder.js';
import { readNewSettings } from './settings.js';
import { print, runCommand, type TerminalWatcher } from './terminal.js';

interface TrainOptions extends RunOptions, InitOptions {
  resume?: string;
}

/** The folder of a run within one that `init` wrote. */
const RUN_FOLDER = 'run';

/** Adds the command `train`. */
export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description('train a model on a recording')
    .argument('[path]', 'a folder that init wrote, or a recording, for which init proposes a model')
    .option('--data <path>', 'dataset folder, or a file such as session.nwb')
    .option('--config <file>', 'YAML file: the model, and how it is trained under "training"')
    .option('--out <folder>', 'folder for the run (default: run, in the folder of init)')
    .option(...SET_OPTION)
    .option('--resume <folder>', 'resume a run from its last checkpoint')
    .option('--force', 'write into a folder that is not empty');
  for (const option of initOptions()) command.addOption(option);
  command
    .addHelpText(
      'after',
      `\nExamples:\n  ${PROGRAM} train neuroformer-session\n  ${PROGRAM} train session.nwb --minutes 5\n  ${PROGRAM} train --data data/hub --config hub.yaml --out runs/hub\n  ${PROGRAM} train --resume runs/hub`,
    )
    .action((path: string | undefined, options: TrainOptions) =>
      runCommand(async (watcher) => {
        if (path !== undefined && options.data !== undefined)
          throw new UsageError(`train has two recordings, ${path} and --data: give one of them.`);
        if (options.config !== undefined) refuseInitOptions(options, options.config);
        if (options.resume !== undefined || path === undefined)
          return trainCommand(options, watcher);
        if (options.config !== undefined) return trainCommand({ ...options, data: path }, watcher);
        return trainCommand({ ...options, ...(await fitted(path, options, watcher)) }, watcher);
      }),
    );
}

/** The data, configuration and run of a folder that `init` wrote, or of a recording alone. */
async function fitted(
  path: string,
  options: TrainOptions,
  watcher: TerminalWatcher,
): Promise<Required<Pick<RunOptions, 'data' | 'config' | 'out'>>> {
  const isFitted = existsSync(join(path, CONFIG_FILE));
  const folder = isFitted ? path : defaultFolder(path);
  const config = join(folder, CONFIG_FILE);
  const out = options.out ?? join(folder, RUN_FOLDER);
  await expectEmpty(diskStore(out), options.force);
  if (existsSync(config)) {
    refuseInitOptions(options, config);
    if (!isFitted) print(`The configuration is ${config}.`);
  } else {
    if (!existsSync(path)) await openDataset(path);
    print(`There is no configuration for ${path}: one is proposed in ${folder}.`);
    await initFolder(path, folder, options, watcher);
  }
  return { data: folder, config, out };
}

/** The option, such as --minutes, that asks for a proposal: it does nothing for a configuration. */
function initOptionIn(options: TrainOptions): string | undefined {
  const given = initOptions().find((option) => option.attributeName() in options);
  return given?.long;
}

/** @throws UsageError where an option asks for another configuration than there is. */
function refuseInitOptions(options: TrainOptions, config: string): void {
  const given = initOptionIn(options);
  if (given === undefined) return;
  throw new UsageError(
    `${given} is for a new configuration, but ${config} is there: change that file, or write another one with: ${commandLine('init')} and --out.`,
  );
}

async function trainCommand(options: TrainOptions, watcher: TerminalWatcher): Promise<void> {
  if (options.resume !== undefined) {
    const own = (['config', 'out', 'set', 'force'] as const).find((name) => name in options);
    const conflict = own === undefined ? initOptionIn(options) : `--${own}`;
    if (conflict)
      throw new UsageError(
        `A run is resumed with its own settings: ${conflict} cannot be combined with --resume. To change them, use: ${commandLine('finetune', options.resume)} with --data, --out and --set.`,
      );
    const store = diskStore(options.resume);
    const { training, data } = await new RunRecords(store).readFacts();
    const { config } = await readCheckpoint(store, LAST_CHECKPOINT);
    const dataset = await openRunData(options.data, data);
    await trainAndPrint({ dataset, store, config, settings: training, resume: true }, watcher);
    return;
  }
  const missing = (['data', 'config', 'out'] as const).find((name) => options[name] === undefined);
  if (missing)
    throw new UsageError(
      `train needs a recording, or a folder that init wrote: ${commandLine('train', 'session.nwb')}. Or give --data, --config and --out (--${missing} is missing), or --resume with a run folder.`,
    );
  const { config, notes, settings } = readNewSettings(options.config, options.set);
  for (const note of notes) print(note);
  await startRun({ config, settings }, options, watcher);
}

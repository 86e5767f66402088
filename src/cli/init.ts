/** The command `init`: writes a configuration that is fitted to a recording. */

import { basename, dirname, extname, join, relative } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { diskStore } from '../node/disk-store.js';
import { createEngine, openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import type { Recording } from '../recording/recording.js';
import { possiblePurposes, type Task } from '../setup/proposal.js';
import { StoppedError } from '../stages/errors.js';
import { DEFAULT_MINUTES, init } from '../stages/init.js';
import { formatCount, formatDuration } from '../text/format.js';
import { PROGRAM } from './called-as.js';
import { parseCount, parseNames, parsePositive } from './options.js';
import { print, printNext, runCommand, type TerminalWatcher } from './terminal.js';

/** What a configuration is fitted to, besides the recording. */
export interface InitOptions {
  task?: Task;
  decode?: string[];
  minutes?: number;
  trials?: string;
  maxNeurons?: number;
  force?: boolean;
}

/** The file in a folder that `init` wrote by which `train` knows it. */
export const CONFIG_FILE = 'config.yaml';

/** The option that chooses the trials of a file without a description. */
export function trialsOption(): Option {
  return new Option(
    '--trials <table>',
    'of an NWB file: the table of intervals whose rows are the trials',
  );
}

/** Options of commands that propose a configuration. */
export function initOptions(): Option[] {
  return [
    new Option(
      '--decode <names>',
      'variables to decode, such as x,y (default: all that vary)',
    ).argParser(parseNames),
    new Option(
      '--task <task>',
      'what the model is for (default: decode, or else generate)',
    ).choices(['decode', 'generate', 'wiring']),
    new Option(
      '--minutes <n>',
      `how long training may take on this computer (default: ${DEFAULT_MINUTES})`,
    ).argParser(parsePositive),
    trialsOption(),
    new Option(
      '--max-neurons <n>',
      'read only so many neurons, those with the most spikes (default: all)',
    ).argParser(parseCount),
  ];
}

/** Adds the command `init`. */
export function addInit(program: Command): void {
  const command = program
    .command('init')
    .description('write a folder with a configuration that fits a recording, to train by')
    .argument('<path>', 'dataset folder, or a file: NWB, MATLAB, HDF5, NumPy, CSV')
    .option('--out <folder>', 'the folder (default: neuroformer-<name of the recording>)')
    .option('--force', 'write into a folder that is not empty');
  for (const option of initOptions()) command.addOption(option);
  command
    .addHelpText(
      'after',
      `\nExamples:\n  ${PROGRAM} init session.nwb\n  ${PROGRAM} init session.nwb --decode position,speed --minutes 30 --out first\n  ${PROGRAM} init session.nwb --trials recognition_table --decode old_new`,
    )
    .action((path: string, options: InitOptions & { out?: string }) =>
      runCommand(async (watcher) => {
        const folder = options.out ?? defaultFolder(path);
        await initFolder(path, folder, options, watcher);
        printNext('train', folder);
      }),
    );
}

/** The folder for a recording that has none. */
export function defaultFolder(path: string): string {
  const isDescription = /^dataset\.ya?ml$/i.test(basename(path));
  const named = isDescription ? dirname(path) : path;
  const name = basename(named, isDescription ? '' : extname(named)) || 'recording';
  return `neuroformer-${name}`;
}

/**
 * Writes `dataset.yaml` and `config.yaml` into a folder, and prints what they are for.
 *
 * @throws FileError where the folder holds anything, unless `force` is set.
 */
export async function initFolder(
  path: string,
  folder: string,
  { task, decode, minutes, trials, maxNeurons, force = false }: InitOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const store = diskStore(folder);
  await expectEmpty(store, force);
  const dataset = await openDataset(path, undefined, {
    ...(trials !== undefined && { trials }),
    ...(maxNeurons !== undefined && { maxNeurons }),
  });
  for (const note of dataset.notes) print(`Note: ${note}`);
  const asked =
    task === undefined && decode === undefined ? await ask(dataset.recording) : undefined;
  const settings = {
    ...(task !== undefined && { task }),
    ...(decode !== undefined && { task: 'decode' as const, variables: decode }),
    ...asked,
    ...(minutes !== undefined && { minutes }),
    force,
  };
  const from = (reference: string) => join(relative(folder, dirname(dataset.path)), reference);
  const { proposal, updates, seconds } = await init(dataset, store, settings, from, {
    engine: createEngine,
    watcher,
  });
  watcher.close();
  for (const note of proposal.notes) print(`Note: ${note}`);
  print(
    `A model to ${proposal.purpose}, ${formatCount(updates)} updates, about ${formatDuration(seconds)} on this computer.`,
  );
  print(`Written: ${join(folder, 'dataset.yaml')}, ${join(folder, CONFIG_FILE)}`);
}

/** Asks at a terminal what the model is for; undefined where nobody can be asked. */
async function ask(
  recording: Recording,
): Promise<{ task: Task; variables?: string[] } | undefined> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  const purposes = possiblePurposes(recording);
  print('What should the model do?');
  for (const [n, { words }] of purposes.entries()) print(`  ${n + 1}  ${words}`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question('A number, or the names of variables to decode [1]: ');
    const text = answer.trim() || '1';
    const chosen = purposes[Number(text) - 1];
    const names = text.split(',').map((name) => name.trim());
    return chosen ? { task: chosen.task } : { task: 'decode', variables: names.filter(Boolean) };
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw new StoppedError('Nothing was written.');
    throw error;
  } finally {
    terminal.close();
  }
}

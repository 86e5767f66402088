/**
 * The command `labels`: how much labeled data decoding needs, with and without pretraining on
 * spikes, and with and without networks.
 */

import { type Command, Option } from 'commander';
import { createEngine } from '../node.js';
import type { LabelsSettings } from '../stages/label-draws.js';
import { compareLabels } from '../stages/labels.js';
import { PROGRAM } from './called-as.js';
import { parseCount, parsePositive, parseShares } from './options.js';
import { DATA_OPTION, openRunFolder } from './run-folder.js';
import { print, printNext, runCommand, type TerminalWatcher } from './terminal.js';

interface LabelsOptions extends LabelsSettings {
  readonly data?: string;
}

/** Shares of the labeled windows to train on by default. */
const DEFAULT_SHARES = '0.01,0.05,0.1,1';

/** Adds the command `labels`. */
export function addLabels(program: Command): void {
  program
    .command('labels')
    .description(
      'measure how much labeled data decoding needs, with and without pretraining on spikes',
    )
    .argument('<run>', 'run folder, whose data, model and training settings are used')
    .option(...DATA_OPTION)
    .addOption(
      new Option('--shares <list>', 'shares of the labeled windows to train on')
        .argParser(parseShares)
        .default(parseShares(DEFAULT_SHARES), DEFAULT_SHARES),
    )
    .option('--draws <n>', 'number of draws of labels, each with its own seed', parseCount, 5)
    .option('--stretch <s>', 'seconds of the stretches of time that have labels', parsePositive, 3)
    .option('--updates <n>', 'updates of each model on labeled windows', parseCount, 200)
    .option('--pretrainings <n>', 'number of networks pretrained on spikes alone', parseCount, 1)
    .option(
      '--pretraining <n>',
      'updates of each on spikes alone (default: as many as the run had)',
      parseCount,
    )
    .addHelpText(
      'after',
      `\nExample:\n  ${PROGRAM} labels runs/hd --draws 5\n\nTrained models are kept in <run>/labels. After a stop, run the same command again to continue.`,
    )
    .action((folder: string, options: LabelsOptions) =>
      runCommand((watcher) => labelsCommand(folder, options, watcher)),
    );
}

async function labelsCommand(
  folder: string,
  options: LabelsOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const run = await openRunFolder(folder, options.data, 'last');
  await compareLabels(run, options, { engine: createEngine, watcher });
  watcher.close();
  print(`Written to ${folder}/labels.json and labels.csv.`);
  printNext('report', folder);
}

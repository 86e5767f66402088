/** `labels`: how much labelled data decoding needs, from a model that has learned spikes against one that has not. */

import { type Command, Option } from 'commander';
import { createEngine } from '../node.js';
import { compareLabels, type LabelsSettings } from '../stages/labels.js';
import { parseCount, parseShare } from './options.js';
import { openRunFolder } from './run-folder.js';
import { print, runCommand, type TerminalWatcher } from './terminal.js';

interface LabelsOptions extends LabelsSettings {
  readonly data?: string;
}

/** Shares of the labelled windows that are tried unless others are named. */
const DEFAULT_SHARES = '0.01,0.05,0.1,1';

export function addLabels(program: Command): void {
  program
    .command('labels')
    .description(
      'how much labelled data decoding needs: pre-trained on spikes against from scratch',
    )
    .argument('<run>', 'the folder of a run, whose data, model and training are used')
    .option('--data <path>', 'where its data are now')
    .addOption(
      new Option('--shares <list>', 'of the labelled windows')
        .argParser(shares)
        .default(shares(DEFAULT_SHARES), DEFAULT_SHARES),
    )
    .option('--seeds <n>', 'models of each kind, differing in their seed', parseCount, 5)
    .option('--updates <n>', 'with labels, of each model', parseCount, 200)
    .option(
      '--pretraining <n>',
      "updates on spikes alone; default: as many as the run's",
      parseCount,
    )
    .addHelpText(
      'after',
      '\nExample:\n  neuroformer labels runs/hd --seeds 5\n\nWhat is trained stays in <run>/labels; stopped, it goes on where it was.',
    )
    .action((folder: string, options: LabelsOptions) =>
      runCommand((watcher) => labels(folder, options, watcher)),
    );
}

/** Shares in rising order: '0.01,0.1,1'. */
function shares(text: string): number[] {
  return text
    .split(',')
    .map(parseShare)
    .sort((p, q) => p - q);
}

async function labels(
  folder: string,
  options: LabelsOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const run = await openRunFolder(folder, options.data, 'last');
  await compareLabels(run, options, { engine: createEngine, watcher });
  watcher.close();
  print(`Written to ${folder}/labels.json; neuroformer report ${folder} draws the curve.`);
}

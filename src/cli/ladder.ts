/** The command `ladder components`: what each part of a model adds to its predictions. */

import type { Command } from 'commander';
import { diskStore } from '../node/disk-store.js';
import { createEngine, openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import { UsageError } from '../stages/errors.js';
import { LADDER_PAGE, ladderComponents } from '../stages/ladder-components.js';
import { parseCount, SET_OPTION } from './options.js';
import type { RunOptions } from './run-folder.js';
import { readNewSettings } from './settings.js';
import { print, runCommand, type TerminalWatcher } from './terminal.js';

interface LadderOptions extends RunOptions {
  readonly seeds: number;
  readonly resume?: boolean;
}

const EXAMPLE =
  '\nExample:\n  neuroformer ladder components --data data/visual --config data/visual/config.yaml --out runs/ladder';

/** Adds the command `ladder`. */
export function addLadder(program: Command): void {
  const ladder = program
    .command('ladder')
    .description('train a model with one more of its parts on each rung, on one split')
    .addHelpText('after', EXAMPLE);
  ladder
    .command('components')
    .description('what the past, the stimulus, behavior and contrast add to predicting spikes')
    .option('--data <path>', 'dataset folder, or a file such as session.nwb')
    .option('--config <file>', 'YAML file of the model with all of its parts')
    .option('--out <folder>', 'folder for the models and the results')
    .option('--seeds <n>', 'number of models of each rung, each with its own seed', parseCount, 3)
    .option(...SET_OPTION)
    .option('--resume', 'go on in a folder where the command was stopped')
    .option('--force', 'write into a folder that is not empty')
    .addHelpText(
      'after',
      `${EXAMPLE}\n\nAfter a stop, run the same command with --resume: trained models are kept.`,
    )
    .action((options: LadderOptions) =>
      runCommand((watcher) => componentsCommand(options, watcher)),
    );
}

async function componentsCommand(options: LadderOptions, watcher: TerminalWatcher): Promise<void> {
  const missing = (['data', 'config', 'out'] as const).find((name) => options[name] === undefined);
  if (missing) throw new UsageError(`ladder components needs --${missing}.`);
  const { config, notes, settings } = readNewSettings(options.config, options.set);
  for (const note of notes) print(note);
  const store = diskStore(options.out!);
  if (!options.resume) await expectEmpty(store, options.force);
  const dataset = await openDataset(options.data!);
  const seeds = Array.from({ length: options.seeds }, (_, n) => n + 1);
  const request = { dataset, store, config, settings, seeds };
  await ladderComponents(request, { engine: createEngine, watcher });
  watcher.close();
  print(`Written to ${options.out}/${LADDER_PAGE}, ladder.json and ladder.csv.`);
}

/**
 * The command `ladder`: what each part of a model adds to its predictions (`ladder components`),
 * and what each of its stages says of behavior (`ladder probes`).
 */

import type { Command } from 'commander';
import { diskStore } from '../node/disk-store.js';
import { createEngine, openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import { probeTable } from '../report/probes.js';
import { UsageError } from '../stages/errors.js';
import { LADDER_PAGE, ladderComponents } from '../stages/ladder-components.js';
import { ladderProbes, type ProbeSettings } from '../stages/ladder-probes.js';
import { alignedTable } from '../text/table.js';
import { PROGRAM } from './called-as.js';
import { parseCount, SET_OPTION } from './options.js';
import { DATA_OPTION, openRunFolder, type RunOptions } from './run-folder.js';
import { readNewSettings } from './settings.js';
import { print, printNext, runCommand, type TerminalWatcher } from './terminal.js';

interface LadderOptions extends RunOptions {
  readonly seeds: number;
  readonly resume?: boolean;
}

const COMPONENTS_EXAMPLE = `  ${PROGRAM} ladder components --data data/visual --config data/visual/config.yaml --out runs/ladder`;
const PROBES_EXAMPLE = `  ${PROGRAM} ladder probes runs/first --seeds 3`;

/** Adds the command `ladder`. */
export function addLadder(program: Command): void {
  const ladder = program
    .command('ladder')
    .description('compare models with one more part each, or the stages of one model')
    .addHelpText('after', `\nExamples:\n${COMPONENTS_EXAMPLE}\n${PROBES_EXAMPLE}`);
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
      `\nExample:\n${COMPONENTS_EXAMPLE}\n\nAfter a stop, run the same command with --resume: trained models are kept.`,
    )
    .action((options: LadderOptions) =>
      runCommand((watcher) => componentsCommand(options, watcher)),
    );
  ladder
    .command('probes')
    .description('how well a ridge regression reads behavior from each stage of a trained model')
    .argument('<run>', 'run folder of a model that was trained on spikes alone')
    .option(...DATA_OPTION)
    .option(
      '--seeds <n>',
      'number of models: the run, and others with the next seeds',
      parseCount,
      1,
    )
    .addHelpText(
      'after',
      `\nExample:\n${PROBES_EXAMPLE}\n\nModels with other seeds are trained as the run was and kept in <run>/probes. After a stop, run the same command\nagain to continue.`,
    )
    .action((folder: string, options: ProbeSettings & { data?: string }) =>
      runCommand(async (watcher) => {
        const run = await openRunFolder(folder, options.data, 'last');
        const results = await ladderProbes(run, options, { engine: createEngine, watcher });
        watcher.close();
        const { head, rows } = probeTable(results);
        print(alignedTable([head, ...rows]));
        print(`Written to ${folder}/probes.json and probes.csv.`);
        printNext('report', folder);
      }),
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

/**
 * The command `explain`: reads what a model depends on, in the film (`explain stimulus`) or in the
 * spikes of other neurons (`explain connectivity`, also `connectivity`).
 */

import { type Command, Option } from 'commander';
import { createEngine } from '../node.js';
import type { ConnectivitySettings } from '../probe/connectivity.js';
import { type Part, SPLIT_PARTS } from '../recording/splits.js';
import { stimulusTable, stimulusVerdict } from '../report/stimulus.js';
import { attentionVerdict, scoreTable } from '../report/wiring.js';
import { explainConnectivity } from '../stages/explain-connectivity.js';
import { explainStimulus } from '../stages/explain-stimulus.js';
import { alignedTable } from '../text/table.js';
import { PROGRAM } from './called-as.js';
import { parseCount, parseWhole } from './options.js';
import { DATA_OPTION, openRunFolder } from './run-folder.js';
import { print, printNext, runCommand } from './terminal.js';

/** Adds the command `explain`. */
export function addExplain(program: Command): void {
  const explain = program
    .command('explain')
    .description('read what a model depends on: the film, or the spikes of other neurons')
    .addHelpText(
      'after',
      `\nExamples:\n  ${PROGRAM} explain stimulus runs/visual\n  ${PROGRAM} explain connectivity runs/hub`,
    );
  addStimulus(explain);
  addConnectivity(explain);
}

/** Adds the command `stimulus`. */
function addStimulus(explain: Command): void {
  explain
    .command('stimulus')
    .description('read which part of the film, or which input, each neuron depends on')
    .argument('<run>', 'run folder')
    .option(...DATA_OPTION)
    .addOption(
      new Option('--part <name>', 'part of the split that the model reads')
        .choices([...SPLIT_PARTS, 'all'])
        .default('test'),
    )
    .option('--windows <n>', 'number of windows to read attention from', parseCount, 1536)
    .option(
      '--seed <n>',
      'random seed of windows and spikes, and of the untrained control',
      parseWhole,
      1,
    )
    .addHelpText('after', `\nExample:\n  ${PROGRAM} explain stimulus runs/visual`)
    .action(
      (
        folder: string,
        options: { data?: string; part: Part | 'all'; windows: number; seed: number },
      ) =>
        runCommand(async (watcher) => {
          const run = await openRunFolder(folder, options.data);
          const results = await explainStimulus(run, options, { engine: createEngine, watcher });
          watcher.close();
          const table = stimulusTable(results);
          if (table)
            print(`${alignedTable([table.head, ...table.rows])}\n${stimulusVerdict(results)}`);
          print(
            `${results.maps.length} maps written to ${folder}/stimulus.npz, stimulus.csv and stimulus.json.`,
          );
          printNext('report', folder);
        }),
    );
}

/** Adds the command `connectivity`. */
export function addConnectivity(program: Command): void {
  program
    .command('connectivity')
    .description(
      'read directed connectivity from attention, coupling and by ablation, with controls',
    )
    .argument('<run>', 'run folder')
    .option(...DATA_OPTION)
    .option('--windows <n>', 'number of windows to read attention from', parseCount, 4000)
    .option('--ablation-windows <n>', 'number of windows for ablation', parseCount, 4000)
    .option('--seed <n>', 'random seed of the windows and of the untrained control', parseWhole, 1)
    .option('--glm', 'also fit a Poisson GLM to the spikes: minutes')
    .addHelpText('after', `\nExample:\n  ${PROGRAM} connectivity runs/hub --windows 8000`)
    .action((folder: string, options: { data?: string } & ConnectivitySettings) =>
      runCommand(async (watcher) => {
        const run = await openRunFolder(folder, options.data);
        const { maps } = await explainConnectivity(run, options, {
          engine: createEngine,
          watcher,
        });
        watcher.close();
        const table = scoreTable(maps);
        if (table) print(`${alignedTable([table.head, ...table.rows])}\n${attentionVerdict(maps)}`);
        print(
          `${maps.length} maps written to ${folder}/connectivity.npz, connectivity.csv and connectivity.json.`,
        );
        printNext('report', folder);
      }),
    );
}

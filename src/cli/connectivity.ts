/** The command `connectivity`: reads what a model depends on, and compares it with correlations. */

import type { Command } from 'commander';
import { createEngine } from '../node.js';
import { attentionVerdict, scoreTable } from '../report/report.js';
import { explain } from '../stages/explain.js';
import { alignedTable } from '../text/table.js';
import { parseCount, parseWhole } from './options.js';
import { DATA_OPTION, openRunFolder } from './run-folder.js';
import { print, runCommand } from './terminal.js';

/** Adds the command `connectivity`. */
export function addConnectivity(program: Command): void {
  program
    .command('connectivity')
    .description('read directed connectivity from attention and by ablation, with controls')
    .argument('<run>', 'run folder')
    .option(...DATA_OPTION)
    .option('--windows <n>', 'number of windows to read attention from', parseCount, 4000)
    .option('--ablation-windows <n>', 'number of windows for ablation', parseCount, 4000)
    .option('--seed <n>', 'random seed of the windows and of the untrained control', parseWhole, 1)
    .addHelpText('after', '\nExample:\n  neuroformer connectivity runs/hub --windows 8000')
    .action(
      (
        folder: string,
        options: { data?: string; windows: number; ablationWindows: number; seed: number },
      ) =>
        runCommand(async (watcher) => {
          const run = await openRunFolder(folder, options.data);
          const { maps } = await explain(run, options, { engine: createEngine, watcher });
          watcher.close();
          const table = scoreTable(maps);
          if (table)
            print(`${alignedTable([table.head, ...table.rows])}\n${attentionVerdict(maps)}`);
          print(`${maps.length} maps written to ${folder}/connectivity.npz and connectivity.json.`);
        }),
    );
}

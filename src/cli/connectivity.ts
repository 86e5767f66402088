/** `connectivity` and `report`: what a run's model depends on, and everything about the run on one page. */

import type { Command } from 'commander';
import { createEngine } from '../node.js';
import { attentionVerdict, scoreTable } from '../report/report.js';
import { explain } from '../stages/explain.js';
import { REPORT_PATH, report } from '../stages/report.js';
import { alignedTable } from '../text/table.js';
import { parseCount, parseWhole } from './options.js';
import { openRunFolder } from './run-folder.js';
import { print, runCommand } from './terminal.js';

export function addConnectivity(program: Command): void {
  program
    .command('connectivity')
    .description("directed connectivity from a run's attention and by ablation, with controls")
    .argument('<run>', 'the folder of a run')
    .option('--data <path>', 'where its data are now')
    .option('--windows <n>', 'windows read for attention', parseCount, 4000)
    .option('--ablation-windows <n>', 'windows read for ablation', parseCount, 4000)
    .option('--seed <n>', 'of the windows and of the untrained control', parseWhole, 1)
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

export function addReport(program: Command): void {
  program
    .command('report')
    .description(
      'one HTML page about a run: what ran, what it learned, decoded, generated and explained',
    )
    .argument('<run>', 'the folder of a run')
    .option('--data <path>', 'where its data are now')
    .addHelpText('after', '\nExample:\n  neuroformer report runs/hub')
    .action((folder: string, options: { data?: string }) =>
      runCommand(async () => {
        await report(await openRunFolder(folder, options.data));
        print(
          `The report is ${folder}/${REPORT_PATH}; its figures and their numbers are in ${folder}/figures.`,
        );
      }),
    );
}

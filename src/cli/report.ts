/** The command `report`: shows a run on one page. */

import type { Command } from 'commander';
import { REPORT_PATH, report } from '../stages/report.js';
import { PROGRAM } from './called-as.js';
import { DATA_OPTION, openRunFolder } from './run-folder.js';
import { print, runCommand } from './terminal.js';

/** Adds the command `report`. */
export function addReport(program: Command): void {
  program
    .command('report')
    .description(
      'write an HTML page about a run: training, decoding, generated spikes, connectivity',
    )
    .argument('<run>', 'run folder')
    .option(...DATA_OPTION)
    .addHelpText('after', `\nExample:\n  ${PROGRAM} report runs/hub`)
    .action((folder: string, options: { data?: string }) =>
      runCommand(async () => {
        const { warnings } = await report(await openRunFolder(folder, options.data));
        for (const sentence of warnings) print(sentence);
        print(
          `The report is ${folder}/${REPORT_PATH}. Its figures and their numbers are in ${folder}/figures.`,
        );
      }),
    );
}

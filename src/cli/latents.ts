/** The command `latents`: what latents that a contrastive loss aligned say of behavior. */

import type { Command } from 'commander';
import { createEngine } from '../node.js';
import { latentTable, latentVerdict } from '../report/latents.js';
import { readLatents } from '../stages/latents.js';
import { alignedTable } from '../text/table.js';
import { PROGRAM } from './called-as.js';
import { DATA_OPTION, openRunFolder } from './run-folder.js';
import { print, printNext, runCommand } from './terminal.js';

/** Adds the command `latents`. */
export function addLatents(program: Command): void {
  program
    .command('latents')
    .description('measure what latents that a contrastive loss aligned say of behavior')
    .argument('<run>', 'run folder, whose configuration has contrastive on')
    .option(...DATA_OPTION)
    .addHelpText(
      'after',
      `\nExample:\n  ${PROGRAM} latents runs/contrast\n\nModels beside the run are trained as it was and kept in <run>/latents: without the contrastive loss, and with\nthe aligned variable shuffled. After a stop, run the same command again to continue.`,
    )
    .action((folder: string, options: { data?: string }) =>
      runCommand(async (watcher) => {
        const run = await openRunFolder(folder, options.data, 'last');
        const results = await readLatents(run, { engine: createEngine, watcher });
        watcher.close();
        const { head, rows } = latentTable(results);
        print(`${alignedTable([head, ...rows])}\n${latentVerdict(results)}`);
        print(`Written to ${folder}/latents.npz, latents.csv and latents.json.`);
        printNext('report', folder);
      }),
    );
}

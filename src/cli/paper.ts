/** The command `paper`: what the paper says, and what is measured. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { diskStore } from '../node/disk-store.js';
import { createEngine, openDataset } from '../node.js';
import type { PaperContext } from '../paper/claim.js';
import { CLAIMS } from '../paper/claims.js';
import { PAPER_PAGE, runCurve, runPaper } from '../paper/run-paper.js';
import { expectEmpty } from '../ports/run-store.js';
import { UsageError } from '../stages/errors.js';
import { PROGRAM } from './called-as.js';
import { parseCount, parsePositive } from './options.js';
import { print, runCommand, type TerminalWatcher } from './terminal.js';

interface PaperOptions {
  readonly out: string;
  readonly seeds: number;
  readonly full?: boolean;
  readonly budgets?: readonly number[];
  readonly resume?: boolean;
  readonly force?: boolean;
}

/** Adds the command `paper`. */
export function addPaper(program: Command): void {
  program
    .command('paper')
    .description(
      'repeat the paper’s demonstrations on simulated recordings, beside baselines (about an hour on two cores)',
    )
    .argument('[claims...]', `claims to test: ${CLAIMS.map(({ name }) => name).join(', ')}`)
    .option('--out <folder>', 'folder for the data, the models and the page', 'runs/paper')
    .option('--seeds <n>', 'number of repetitions, each with its own seed', parseCount, 3)
    .option('--full', 'train for ten times as long, as is sensible on a GPU')
    .option(
      '--budgets <list>',
      'instead of claims, train models of the film with so many TFLOP, such as 0.1,0.3,1,3',
      parseBudgets,
    )
    .option(
      '--resume',
      'go on in a folder where the command was stopped, or add claims to its page',
    )
    .option('--force', 'write into a folder that is not empty')
    .addHelpText(
      'after',
      `\nExample:\n  ${PROGRAM} paper fields --out runs/paper\n\nWithout claims, all are tested one after the other; each alone takes up to 15 minutes.`,
    )
    .action((names: string[], options: PaperOptions) =>
      runCommand((watcher) => paper(names, options, watcher)),
    );
}

async function paper(
  names: readonly string[],
  { out, seeds, full = false, budgets, resume, force }: PaperOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const unknown = names.find((name) => CLAIMS.every((claim) => claim.name !== name));
  if (unknown !== undefined)
    throw new UsageError(
      `There is no claim ${unknown}: the claims are ${CLAIMS.map(({ name }) => name).join(', ')}.`,
    );
  if (budgets && names.length > 0)
    throw new UsageError('--budgets is about models of the film: leave out the names of claims.');
  const store = diskStore(out);
  if (!resume) await expectEmpty(store, force);
  const claims = CLAIMS.filter(({ name }) => names.length === 0 || names.includes(name));
  const context: PaperContext = {
    store,
    openDataset: (path) => openDataset(join(out, path)),
    seeds: Array.from({ length: seeds }, (_, n) => n + 1),
    full,
    engine: createEngine,
    watcher,
  };
  if (budgets) await runCurve(budgets, CLAIMS, context);
  else await runPaper(claims, CLAIMS, context);
  watcher.close();
  print(`The page is ${join(out, PAPER_PAGE)}; its figures and numbers are beside it.`);
}

/** @throws InvalidArgumentError where it is not a list of positive numbers. */
function parseBudgets(list: string): number[] {
  return list.split(',').map((text) => parsePositive(text));
}

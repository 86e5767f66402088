/**
 * The command `demo`: simulates a small network, trains on it, generates spikes, reads connectivity
 * and reports.
 */

import type { Command } from 'commander';
import { diskStore } from '../node/disk-store.js';
import { createEngine, openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import { attentionVerdict, scoreTable } from '../report/wiring.js';
import { type DemoSettings, runDemo } from '../stages/demo.js';
import { REPORT_PATH } from '../stages/report.js';
import { formatDuration } from '../text/format.js';
import { alignedTable } from '../text/table.js';
import { commandLine, PROGRAM } from './called-as.js';
import { parseCount, parsePositive, parseWhole } from './options.js';
import { print, printStopped, runCommand, type TerminalWatcher } from './terminal.js';

interface DemoOptions extends DemoSettings {
  readonly out: string;
  readonly force?: boolean;
}

/** Adds the command `demo`. */
export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'simulate a small network, train on it, generate spikes, read connectivity, report (about 15 s)',
    )
    .option('--out <folder>', 'folder for the data, the run and the report', 'runs/demo')
    .option('--neurons <n>', 'number of neurons, a multiple of three', parseCount, 36)
    .option('--steps <n>', 'training updates', parseCount, 640)
    .option('--trials <n>', 'number of trials to generate', parseCount, 20)
    .option('--seconds <s>', 'length of each generated trial in seconds', parsePositive, 8)
    .option('--seed <n>', 'random seed of network, activity and model', parseWhole, 1)
    .option('--force', 'write into a folder that is not empty')
    .addHelpText('after', `\nExample:\n  ${PROGRAM} demo --out runs/demo2 --seed 2`)
    .action((options: DemoOptions) => runCommand((watcher) => demo(options, watcher)));
}

async function demo(
  { out, force = false, ...settings }: DemoOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const startTime = performance.now();
  const store = diskStore(out);
  await expectEmpty(store, force);
  const openData = () => openDataset(`${out}/data`);
  const results = await runDemo(store, settings, openData, { engine: createEngine, watcher });
  watcher.close();
  if ('stoppedAt' in results) {
    printStopped(results.stoppedAt, out);
    return;
  }
  const { maps } = results;
  const table = scoreTable(maps)!;
  print(`\n${alignedTable([table.head, ...table.rows])}\n\n${attentionVerdict(maps)}`);
  const elapsed = formatDuration((performance.now() - startTime) / 1000);
  print(`\nDone in ${elapsed}. The report is ${out}/${REPORT_PATH}`);
  print(`Next, with a recording of your own: ${commandLine('inspect', 'session.nwb')}`);
}

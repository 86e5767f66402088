/** `demo`: simulate a small hub network, train on it, generate, explain, report. */

import type { Command } from 'commander';
import { diskStore } from '../node/disk-store.js';
import { createEngine, openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import { attentionVerdict, scoreTable } from '../report/report.js';
import { type DemoSettings, demoStage } from '../stages/demo.js';
import { REPORT_PATH } from '../stages/report.js';
import { formatDuration } from '../text/format.js';
import { alignedTable } from '../text/table.js';
import { parseCount, parsePositive, parseWhole } from './options.js';
import { print, printStopped, runCommand, type TerminalWatcher } from './terminal.js';

interface DemoOptions extends DemoSettings {
  readonly out: string;
  readonly force?: boolean;
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'simulate a small network, train, generate, read connectivity and report: a quarter of a minute',
    )
    .option('--out <folder>', 'where everything goes', 'runs/demo')
    .option('--neurons <n>', 'of the network, in three groups', parseCount, 36)
    .option('--steps <n>', 'updates of training', parseCount, 640)
    .option('--trials <n>', 'trials to generate', parseCount, 20)
    .option('--seconds <s>', 'of each generated trial', parsePositive, 8)
    .option('--seed <n>', 'of network, activity and model', parseWhole, 1)
    .option('--force', 'write into a folder that holds something')
    .addHelpText('after', '\nExample:\n  neuroformer demo --out runs/demo2 --seed 2')
    .action((options: DemoOptions) => runCommand((watcher) => demo(options, watcher)));
}

async function demo(
  { out, force = false, ...stage }: DemoOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const began = performance.now();
  const store = diskStore(out);
  await expectEmpty(store, force);
  const data = () => openDataset(`${out}/data`);
  const results = await demoStage(store, stage, data, { engine: createEngine, watcher });
  watcher.close();
  if ('stoppedAt' in results) {
    printStopped(results.stoppedAt, out);
    return;
  }
  const { maps } = results;
  const table = scoreTable(maps)!;
  print(`\n${alignedTable([table.head, ...table.rows])}\n\n${attentionVerdict(maps)}`);
  const took = formatDuration((performance.now() - began) / 1000);
  print(`\nDone in ${took}. The report is ${out}/${REPORT_PATH}`);
}

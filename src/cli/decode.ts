/** `decode`: behavior read from spikes by a run's model, with scores and baselines. */

import { type Command, Option } from 'commander';
import { createEngine } from '../node.js';
import { type Part, SPLIT_PARTS } from '../recording/splits.js';
import { decodingTables, describeIntervals } from '../report/decoded.js';
import { decode } from '../stages/decode.js';
import { decodedFileName } from '../stages/result-files.js';
import { grouped } from '../text/format.js';
import { alignedTable } from '../text/table.js';
import { parseCount, parsePositive, parseWhole } from './options.js';
import { openRunFolder } from './run-folder.js';
import { print, runCommand, type TerminalWatcher } from './terminal.js';

interface DecodeOptions {
  data?: string;
  part: Part | 'all';
  baselines?: boolean;
  bin?: number;
  history?: number[];
  block: number;
  seed: number;
}

export function addDecode(program: Command): void {
  program
    .command('decode')
    .description("decode behavior with a run's model, and score it beside baselines")
    .argument('<run>', 'the folder of a run')
    .option('--data <path>', 'where its data are now')
    .addOption(
      new Option('--part <name>', 'which part of the split')
        .choices([...SPLIT_PARTS, 'all'])
        .default('test'),
    )
    .option(
      '--baselines',
      'also fit mean, ridge, lasso and Bayes, and train MLP and GRUs, on the same windows',
    )
    .option(
      '--bin <s>',
      'seconds of a bin of the linear baselines; default: the step of decoding',
      parsePositive,
    )
    .option(
      '--history <list>',
      'bins they look back, such as 10,30; default: 10, and as many as a window holds',
      counts,
    )
    .option('--block <s>', 'seconds of a block of the bootstrap', parsePositive, 10)
    .option('--seed <n>', 'of the bootstrap', parseWhole, 1)
    .addHelpText('after', '\nExample:\n  neuroformer decode runs/ca1 --baselines')
    .action((folder: string, options: DecodeOptions) =>
      runCommand((watcher) => decodeCommand(folder, options, watcher)),
    );
}

/** Numbers in rising order: '10,30'. */
function counts(text: string): number[] {
  return text
    .split(',')
    .map(parseCount)
    .sort((p, q) => p - q);
}

async function decodeCommand(
  folder: string,
  options: DecodeOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const run = await openRunFolder(folder, options.data);
  const { history, ...rest } = options;
  const settings = { ...rest, ...(history && { histories: history }) };
  const results = await decode(run, settings, { engine: createEngine, watcher });
  watcher.close();
  for (const { title, head, rows } of decodingTables(results))
    print(`${title}\n${alignedTable([head, ...rows])}\n`);
  for (const note of results.notes) print(note);
  const written = decodedFileName(options.part);
  print(
    `${grouped(results.refs.length)} moments of the ${options.part} part. ${describeIntervals(results)}\nWritten to ${folder}/${written}.csv, ${written}.nwb and ${written}.json.`,
  );
}

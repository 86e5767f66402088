/** The command `decode`: behavior decoded from spikes, with scores and baselines. */

import { type Command, Option } from 'commander';
import { createEngine } from '../node.js';
import { type Part, SPLIT_PARTS } from '../recording/splits.js';
import { decodingTables, describeIntervals } from '../report/decoded.js';
import { decodedAnswers } from '../report/decoded-answers.js';
import { decode } from '../stages/decode.js';
import { UsageError } from '../stages/errors.js';
import { decodedFileName } from '../stages/result-files.js';
import { formatCount } from '../text/format.js';
import { alignedTable } from '../text/table.js';
import { describePart } from '../train/open-run.js';
import { describeWeights } from '../train/weights.js';
import { PROGRAM } from './called-as.js';
import { parseCount, parseCounts, parsePositive, parseWhole } from './options.js';
import { DATA_OPTION, openRunFolder } from './run-folder.js';
import { print, printNext, runCommand, type TerminalWatcher } from './terminal.js';

interface DecodeOptions {
  data?: string;
  part: Part | 'all';
  baselines?: boolean;
  tokenBaselines?: boolean;
  ensemble?: number;
  when?: string;
  bin?: number;
  history?: number[];
  block: number;
  seed: number;
}

/** Adds the command `decode`. */
export function addDecode(program: Command): void {
  program
    .command('decode')
    .description('decode behavior with a trained model and score it, optionally against baselines')
    .argument('<run>', 'run folder')
    .option(...DATA_OPTION)
    .addOption(
      new Option('--part <name>', 'part of the split to decode')
        .choices([...SPLIT_PARTS, 'all'])
        .default('test'),
    )
    .option(
      '--baselines',
      'also fit mean, ridge, lasso, GLM and Bayes decoders, and train an MLP and two GRUs on spike counts, on the same windows; where the model reads a stimulus, also decode from it alone, and train the model with spikes alone',
    )
    .option(
      '--token-baselines',
      "also train the original's baselines, an MLP and two GRUs instead of attention, each as long as the model",
    )
    .option(
      '--ensemble <n>',
      'also decode the mean of n models: this one and others trained with other seeds',
      parseCount,
    )
    .option(
      '--bin <s>',
      'bin width of the spike counts that baselines read, in seconds (default: the time step of decoding)',
      parsePositive,
    )
    .option(
      '--history <list>',
      'bins of history that baselines read, such as 10,30 (default: 10, and as many as a window spans)',
      parseCounts,
    )
    .option(
      '--when <condition>',
      'also score the moments by themselves at which a variable fulfills this, such as "speed > 2" or "|velocity| > 2"',
    )
    .option('--block <s>', 'length of a bootstrap block in seconds', parsePositive, 10)
    .option('--seed <n>', 'random seed of the bootstrap', parseWhole, 1)
    .addHelpText('after', `\nExample:\n  ${PROGRAM} decode runs/ca1 --baselines`)
    .action((folder: string, options: DecodeOptions) =>
      runCommand((watcher) => decodeCommand(folder, options, watcher)),
    );
}

async function decodeCommand(
  folder: string,
  options: DecodeOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const ofBaselines = (['bin', 'history'] as const).find((name) => options[name] !== undefined);
  if (ofBaselines !== undefined && !options.baselines)
    throw new UsageError(`--${ofBaselines} goes with --baselines: it says what they read.`);
  const run = await openRunFolder(folder, options.data);
  const { history, ...rest } = options;
  const settings = { ...rest, ...(history && { histories: history }) };
  const results = await decode(run, settings, { engine: createEngine, watcher });
  watcher.close();
  for (const { title, head, rows } of decodingTables(results))
    print(`${title}\n${alignedTable([head, ...rows])}\n`);
  for (const note of results.notes) print(note);
  const name = decodedFileName(options.part);
  print(
    `${formatCount(results.refs.length)} time points of ${describePart(options.part)}, decoded with ${describeWeights(results.weights)}. ${describeIntervals(results)}\nWritten to ${folder}/${name}.csv, ${name}.nwb and ${name}.json.`,
  );
  for (const { asked, answer } of decodedAnswers(results)) print(`${asked}: ${answer}`);
  printNext('report', folder);
}

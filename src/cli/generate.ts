/** The command `generate`: trials of spikes drawn from a run's model. */

import { type Command, Option } from 'commander';
import { createEngine } from '../node.js';
import { SPLIT_PARTS } from '../recording/splits.js';
import { describeRateScores, rateTable } from '../report/rates.js';
import { UsageError } from '../stages/errors.js';
import {
  describeOneWindowAhead,
  describeRates,
  type GenerateSettings,
  generate,
  SCORE_AMOUNTS,
} from '../stages/generate.js';
import { scoreRates, trialsToScore } from '../stages/rates.js';
import { formatCount } from '../text/format.js';
import { alignedTable } from '../text/table.js';
import type { OpenedRun } from '../train/open-run.js';
import { PROGRAM } from './called-as.js';
import {
  parseCount,
  parseNeurons,
  parseNonNegative,
  parsePositive,
  parseRates,
  parseShare,
  parseWhole,
} from './options.js';
import { DATA_OPTION, openRunFolder } from './run-folder.js';
import { print, printNext, runCommand, type TerminalWatcher } from './terminal.js';

interface GenerateOptions
  extends Pick<
    GenerateSettings,
    'trials' | 'seconds' | 'past' | 'part' | 'seed' | 'silent' | 'drive' | 'score'
  > {
  data?: string;
  temperature: number;
  timeTemperature: number;
  topK?: number;
  topP?: number;
  greedy?: boolean;
  baselines?: boolean;
  condition?: string;
}

/** Adds the command `generate`. */
export function addGenerate(program: Command): void {
  program
    .command('generate')
    .description('generate trials of spikes with a trained model')
    .argument('<run>', 'run folder')
    .option(...DATA_OPTION)
    .option('--trials <n>', 'number of trials, drawn in parallel', parseCount, 20)
    .option('--seconds <s>', 'length of each trial in seconds', parsePositive, 8)
    .addOption(
      new Option(
        '--past <source>',
        "spikes in the past window: the model's own, or the recorded ones",
      )
        .choices(['own', 'recorded'])
        .default('own'),
    )
    .addOption(
      new Option('--part <name>', 'part of the split in which trials start')
        .choices([...SPLIT_PARTS, 'all'])
        .default('all'),
    )
    .option(
      '--temperature <t>',
      'sampling temperature of neurons; 0 takes the most likely',
      parseNonNegative,
      1,
    )
    .option('--time-temperature <t>', 'sampling temperature of spike times', parseNonNegative, 1)
    .option('--top-k <n>', 'draw only from the n most likely neurons', parseCount)
    .option(
      '--top-p <p>',
      'draw only from the most likely neurons whose probabilities add up to p',
      parseShare,
    )
    .addOption(
      new Option('--greedy', 'always take the most likely neuron and time').conflicts([
        'temperature',
        'timeTemperature',
      ]),
    )
    .option(
      '--silent <list>',
      'neurons to silence in the model, by index from 0, such as 5,6',
      parseNeurons,
    )
    .option(
      '--drive <list>',
      'neurons to drive in the model, by index from 0, with rates in Hz, such as 5:40,6:40',
      parseRates,
    )
    .addOption(
      new Option(
        '--score <amount>',
        'score windows drawn from the recorded past: none, up to 1,000 or up to 10,000',
      )
        .choices([...SCORE_AMOUNTS])
        .default('quick'),
    )
    .option(
      '--baselines',
      'also score rates against recorded trials, beside PSTH, history models and GLMs',
    )
    .option(
      '--condition <name>',
      'with --baselines: the trials of this stimulus (default: the one with most repeats)',
    )
    .option('--seed <n>', 'random seed', parseWhole, 1)
    .addHelpText(
      'after',
      `\nExamples:\n  ${PROGRAM} generate runs/hub --trials 20 --seconds 32\n  ${PROGRAM} generate runs/hub --silent 5,6\n  ${PROGRAM} generate runs/visual --baselines`,
    )
    .action((folder: string, options: GenerateOptions) =>
      runCommand((watcher) => generateCommand(folder, options, watcher)),
    );
}

async function generateCommand(
  folder: string,
  options: GenerateOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  if (options.condition !== undefined && !options.baselines)
    throw new UsageError(
      '--condition goes with --baselines: it chooses the trials that are scored.',
    );
  const run = await openRunFolder(folder, options.data);
  // Before anything is drawn and written.
  if (options.baselines) trialsToScore(run, options);
  const temperature = (value: number) => (options.greedy ? 0 : value);
  const settings = {
    ...options,
    id: {
      temperature: temperature(options.temperature),
      ...(options.topK !== undefined && { topK: options.topK }),
      ...(options.topP !== undefined && { topP: options.topP }),
    },
    time: { temperature: temperature(options.timeTemperature) },
  };
  const context = { engine: createEngine, watcher };
  const { scores, clamped, ahead } = await generate(run, settings, context);
  watcher.close();
  const name = clamped ? 'clamped' : 'generated';
  if (clamped)
    print(`${clamped} The generated spikes are the model's prediction, not a recording.`);
  print(
    `${scores.trials} trials of ${scores.seconds.toFixed(1)} s, ${formatCount(scores.spikes)} spikes. ${describeRates(scores)} Written to ${folder}/${name}.npz, ${name}.nwb and ${name}.json.`,
  );
  if (ahead) print(describeOneWindowAhead(ahead));
  if (options.baselines) await scoreAndPrintRates(run, options, watcher);
  printNext('report', folder);
}

/** Scores rates beside baselines, and prints the table. */
async function scoreAndPrintRates(
  run: OpenedRun,
  { condition, seed }: Pick<GenerateOptions, 'condition' | 'seed'>,
  watcher: TerminalWatcher,
): Promise<void> {
  const settings = { ...(condition !== undefined && { condition }), ...(seed && { seed }) };
  const rates = await scoreRates(run, settings, { engine: createEngine, watcher });
  watcher.close();
  const { head, rows } = rateTable(rates);
  print(`${alignedTable([head, ...rows])}\n${describeRateScores(rates)}`);
  for (const note of rates.notes) print(note);
}

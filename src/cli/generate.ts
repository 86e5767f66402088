/** `generate`: trials drawn from a run's model. */

import { type Command, Option } from 'commander';
import { createEngine } from '../node.js';
import { SPLIT_PARTS } from '../recording/splits.js';
import {
  describeAhead,
  describeRates,
  type GenerateSettings,
  generate,
} from '../stages/generate.js';
import { grouped } from '../text/format.js';
import {
  parseCount,
  parseNeurons,
  parseNonNegative,
  parsePositive,
  parseRates,
  parseShare,
  parseWhole,
} from './options.js';
import { openRunFolder } from './run-folder.js';
import { print, runCommand, type TerminalWatcher } from './terminal.js';

interface GenerateOptions
  extends Pick<
    GenerateSettings,
    'trials' | 'seconds' | 'past' | 'part' | 'seed' | 'silent' | 'drive'
  > {
  data?: string;
  temperature: number;
  timeTemperature: number;
  topK?: number;
  topP?: number;
  greedy?: boolean;
}

export function addGenerate(program: Command): void {
  program
    .command('generate')
    .description("draw trials of spikes from a run's model")
    .argument('<run>', 'the folder of a run')
    .option('--data <path>', 'where its data are now')
    .option('--trials <n>', 'trials, drawn at the same time', parseCount, 20)
    .option('--seconds <s>', 'of each trial', parsePositive, 8)
    .addOption(
      new Option('--past <whose>', 'whose spikes the past holds')
        .choices(['own', 'recorded'])
        .default('own'),
    )
    .addOption(
      new Option('--part <name>', 'which part of the split trials begin in')
        .choices([...SPLIT_PARTS, 'all'])
        .default('all'),
    )
    .option('--temperature <t>', 'of the neurons drawn; 0 takes the likeliest', parseNonNegative, 1)
    .option('--time-temperature <t>', 'of the times drawn', parseNonNegative, 1)
    .option('--top-k <n>', 'only the n likeliest neurons', parseCount)
    .option('--top-p <p>', 'only the likeliest neurons that share p of the probability', parseShare)
    .option('--greedy', 'the likeliest neuron and time always')
    .option(
      '--silent <list>',
      'neurons kept silent, by their places from 0, such as 5,6: an experiment in the model',
      parseNeurons,
    )
    .option(
      '--drive <list>',
      'neurons made to fire at rates in Hz, by their places, such as 5:40,6:40',
      parseRates,
    )
    .option('--seed <n>', 'of the draws', parseWhole, 1)
    .addHelpText(
      'after',
      '\nExamples:\n  neuroformer generate runs/hub --trials 20 --seconds 32\n  neuroformer generate runs/hub --silent 5,6',
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
  const run = await openRunFolder(folder, options.data);
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
  if (clamped) print(`${clamped} What was drawn is the model's prediction.`);
  print(
    `${scores.trials} trials of ${scores.seconds.toFixed(1)} s, ${grouped(scores.spikes)} spikes. ${describeRates(scores)} Written to ${folder}/${name}.npz, ${name}.nwb and ${name}.json.`,
  );
  if (ahead) print(describeAhead(ahead));
}

/** The command `finetune`: trains a model that starts from another one. */

import { basename, dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { parseConfig } from '../neuroformer/config.js';
import { diskStore } from '../node/disk-store.js';
import { isRecord } from '../text/schema.js';
import { readModelFile } from '../train/checkpoint.js';
import { RunRecords } from '../train/run-records.js';
import {
  parseTrainSettings,
  splitToChange,
  splitWithSeed,
  type TrainSettings,
} from '../train/settings.js';
import { PROGRAM } from './called-as.js';
import { collectSetting } from './options.js';
import { type RunOptions, startRun } from './run-folder.js';
import { readSettings } from './settings.js';
import { print, runCommand, type TerminalWatcher } from './terminal.js';

/** Adds the command `finetune`. */
export function addFinetune(program: Command): void {
  program
    .command('finetune')
    .description('train a model that starts from another one')
    .argument('<from>', 'run folder, or a weights file')
    .requiredOption('--data <path>', 'dataset folder, or a file such as session.nwb (required)')
    .requiredOption('--out <folder>', 'folder for the run (required)')
    .option(
      '--config <file>',
      'YAML file: changes to the model, and how it is trained under "training"',
    )
    .option('--set <key=value>', 'change a setting; repeatable', collectSetting)
    .option('--force', 'write into a folder that is not empty')
    .addHelpText(
      'after',
      `\nExample:\n  ${PROGRAM} finetune runs/spikes --data data/lab --config speed.yaml --out runs/speed --set training.freeze=[tok_emb]`,
    )
    .action((from: string, options: RunOptions) =>
      runCommand((watcher) => finetuneCommand(from, options, watcher)),
    );
}

async function finetuneCommand(
  from: string,
  options: RunOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const isFile = from.endsWith('.safetensors');
  const store = diskStore(isFile ? dirname(from) : from);
  const records = isFile ? undefined : new RunRecords(store);
  const weights = (await records?.weightsPath()) ?? basename(from);
  const initialModel = await readModelFile(store, weights);
  const earlier = await records?.readFacts();
  const { config, notes, settings, setsSplit } = readSettings(
    options.config,
    options.set ?? [],
    ({ model, training }) => ({
      ...parseConfig(merged({ ...initialModel.config }, model)),
      settings: settingsAfter(earlier?.training, training),
      setsSplit: isRecord(training) && 'split' in training,
    }),
  );
  const earlierNotes = new Set(initialModel.config && parseConfig(initialModel.config).notes);
  for (const note of notes) if (!earlierNotes.has(note)) print(note);
  if (earlier) describeSplit(store.name, settings, earlier.training, setsSplit);
  const initialModelPath = isFile ? from : `${from}/${weights}`;
  await startRun({ config, settings, initialModel, initialModelPath }, options, watcher);
}

/**
 * Training settings, with the split and the spacing of windows taken from an earlier run unless
 * they are set.
 */
function settingsAfter(earlier: TrainSettings | undefined, training: unknown): TrainSettings {
  if (!earlier || !isRecord(training)) return parseTrainSettings(training);
  const { every } = earlier;
  const changes = isRecord(training.split) ? training.split : {};
  const kept = { split: splitToChange(earlier, changes), ...(every !== undefined && { every }) };
  return parseTrainSettings(merged(kept, training));
}

/** Prints whether the split is that of the earlier run. */
function describeSplit(
  name: string,
  settings: TrainSettings,
  earlier: TrainSettings,
  setsSplit: boolean,
): void {
  if (!isDeepStrictEqual(settings.split, splitWithSeed(earlier)))
    print(
      `The split differs from that of ${name}. On the same recording, that model may have been trained on windows that are now test windows.`,
    );
  else if (!setsSplit) print(`The split is that of ${name}; set training.split for another one.`);
}

/** `base` with the values of `changes`, merged key by key at every depth. */
function merged(
  base: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    const current = result[key];
    result[key] = isRecord(current) && isRecord(value) ? merged(current, value) : value;
  }
  return result;
}

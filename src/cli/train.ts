/** The commands `train` and `finetune`: train a model from scratch, or from another model. */

import { basename, dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { parseConfig } from '../neuroformer/config.js';
import { diskStore } from '../node/disk-store.js';
import { createEngine, openDataset } from '../node.js';
import { expectEmpty } from '../ports/run-store.js';
import { UsageError } from '../stages/errors.js';
import { type TrainRequest, trainStage } from '../stages/train.js';
import { isRecord } from '../text/schema.js';
import { readCheckpoint, readModelFile } from '../train/checkpoint.js';
import { LAST_CHECKPOINT, RunRecords } from '../train/run-records.js';
import { parseTrainSettings, splitWithSeed, type TrainSettings } from '../train/settings.js';
import { collectSetting, readSettings } from './options.js';
import { print, printStopped, runCommand, type TerminalWatcher } from './terminal.js';

interface TrainOptions {
  data?: string;
  config?: string;
  out?: string;
  set?: string[];
  resume?: string;
  force?: boolean;
}

/** Adds the commands `train` and `finetune`. */
export function addTrain(program: Command): void {
  program
    .command('train')
    .description('train a model on a recording')
    .option('--data <path>', 'dataset folder, or a file such as session.nwb')
    .option('--config <file>', 'YAML file: the model, and how it is trained under "training"')
    .option('--out <folder>', 'folder for the run')
    .option(
      '--set <key=value>',
      'change a setting, such as training.steps=500; repeatable',
      collectSetting,
    )
    .option('--resume <folder>', 'resume a run from its last checkpoint')
    .option('--force', 'write into a folder that is not empty')
    .addHelpText(
      'after',
      '\nExamples:\n  neuroformer train --data data/hub --config hub.yaml --out runs/hub\n  neuroformer train --resume runs/hub',
    )
    .action((options: TrainOptions) => runCommand((watcher) => trainCommand(options, watcher)));
  program
    .command('finetune')
    .description('train a model that starts from another one')
    .argument('<from>', 'run folder, or a weights file')
    .requiredOption('--data <path>', 'dataset folder, or a file such as session.nwb')
    .requiredOption('--out <folder>', 'folder for the run')
    .option(
      '--config <file>',
      'YAML file: changes to the model, and how it is trained under "training"',
    )
    .option('--set <key=value>', 'change a setting; repeatable', collectSetting)
    .option('--force', 'write into a folder that is not empty')
    .addHelpText(
      'after',
      '\nExample:\n  neuroformer finetune runs/spikes --data data/lab --config speed.yaml --out runs/speed --set training.freeze=[tok_emb]',
    )
    .action((from: string, options: TrainOptions) =>
      runCommand((watcher) => finetuneCommand(from, options, watcher)),
    );
}

async function trainCommand(options: TrainOptions, watcher: TerminalWatcher): Promise<void> {
  if (options.resume !== undefined) {
    const conflict = (['config', 'out', 'set', 'force'] as const).find((name) => name in options);
    if (conflict)
      throw new UsageError(
        `A run is resumed with its own settings: --${conflict} cannot be combined with --resume. To change them, use: neuroformer finetune ${options.resume}`,
      );
    const store = diskStore(options.resume);
    const { training, data } = await new RunRecords(store).readFacts();
    const initialModel = await readCheckpoint(store, LAST_CHECKPOINT);
    const dataset = await openDataset(options.data ?? data);
    const { config } = initialModel;
    await run({ dataset, store, config, settings: training, initialModel, resume: true }, watcher);
    return;
  }
  const missing = (['data', 'config', 'out'] as const).find((name) => options[name] === undefined);
  if (missing) throw new UsageError(`train needs --${missing} (or --resume with a run folder).`);
  const { model, training } = readSettings(options.config, options.set);
  const { config, notes } = parseConfig(model);
  for (const note of notes) print(note);
  const settings = parseTrainSettings(training);
  await startRun({ config, settings }, options, watcher);
}

async function finetuneCommand(
  from: string,
  options: TrainOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const isFile = from.endsWith('.safetensors');
  const store = diskStore(isFile ? dirname(from) : from);
  const records = isFile ? undefined : new RunRecords(store);
  const weights = (await records?.weightsPath()) ?? basename(from);
  const initialModel = await readModelFile(store, weights);
  const { model, training } = readSettings(options.config, options.set);
  const { config, notes } = parseConfig(merged({ ...initialModel.config }, model));
  const earlierNotes = new Set(initialModel.config && parseConfig(initialModel.config).notes);
  for (const note of notes) if (!earlierNotes.has(note)) print(note);
  const settings = records ? await sameSplitAs(records, training) : parseTrainSettings(training);
  const initialModelPath = isFile ? from : `${from}/${weights}`;
  await startRun({ config, settings, initialModel, initialModelPath }, options, watcher);
}

/** Trains on the data, and into the folder, that the options name. */
async function startRun(
  request: Omit<TrainRequest, 'dataset' | 'store'>,
  { data, out, force }: TrainOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const store = diskStore(out!);
  await expectEmpty(store, force);
  const dataset = await openDataset(data!);
  await run({ ...request, dataset, store, force: true }, watcher);
}

async function run(request: TrainRequest, watcher: TerminalWatcher): Promise<void> {
  const { stopped, progress } = await trainStage(request, { engine: createEngine, watcher });
  watcher.close();
  if (stopped === 'interrupted') printStopped(progress.step, request.store.name);
}

/**
 * Training settings, with the split and the spacing of windows taken from a run unless they are
 * set.
 */
async function sameSplitAs(records: RunRecords, training: unknown): Promise<TrainSettings> {
  // Throws, because these are not settings.
  if (!isRecord(training)) return parseTrainSettings(training);
  const { training: earlier } = await records.readFacts();
  const split = splitWithSeed(earlier);
  const settings = parseTrainSettings(
    merged({ split, ...(earlier.every !== undefined && { every: earlier.every }) }, training),
  );
  const { name } = records.store;
  if (!isDeepStrictEqual(settings.split, split))
    print(
      `The split differs from that of ${name}. On the same recording, that model may have been trained on windows that are now test windows.`,
    );
  else if (!('split' in training))
    print(`The split is that of ${name}; set training.split for another one.`);
  return settings;
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

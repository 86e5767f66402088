/** `train` and `finetune`: a model from a recording, or from another model. */

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

export function addTrain(program: Command): void {
  program
    .command('train')
    .description('train a model on a recording')
    .option('--data <path>', 'a dataset folder, or a file such as session.nwb')
    .option('--config <file>', 'YAML: the model, and its training under "training"')
    .option('--out <folder>', 'where the run goes')
    .option(
      '--set <key=value>',
      'one setting, such as training.steps=500; may be repeated',
      collectSetting,
    )
    .option('--resume <folder>', 'go on with a run from its last checkpoint')
    .option('--force', 'write into a folder that holds something')
    .addHelpText(
      'after',
      '\nExamples:\n  neuroformer train --data data/hub --config hub.yaml --out runs/hub\n  neuroformer train --resume runs/hub',
    )
    .action((options: TrainOptions) => runCommand((watcher) => trainCommand(options, watcher)));
  program
    .command('finetune')
    .description('train a model that begins from another')
    .argument('<from>', 'a run folder, or a file of weights')
    .requiredOption('--data <path>', 'a dataset folder, or a file such as session.nwb')
    .requiredOption('--out <folder>', 'where the run goes')
    .option(
      '--config <file>',
      'YAML: what differs from the model before; its training under "training"',
    )
    .option('--set <key=value>', 'one setting; may be repeated', collectSetting)
    .option('--force', 'write into a folder that holds something')
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
    const other = (['config', 'out', 'set', 'force'] as const).find((name) => name in options);
    if (other)
      throw new UsageError(
        `A run is resumed as it was begun: --${other} does not go with --resume. To go on differently: neuroformer finetune ${options.resume}.`,
      );
    const store = diskStore(options.resume);
    const { training, data } = await new RunRecords(store).readFacts();
    const before = await readCheckpoint(store, LAST_CHECKPOINT);
    const dataset = await openDataset(options.data ?? data);
    const stage = { dataset, store, config: before.config, settings: training, before };
    await run({ ...stage, resume: true }, watcher);
    return;
  }
  const missing = (['data', 'config', 'out'] as const).find((name) => options[name] === undefined);
  if (missing) throw new UsageError(`train needs --${missing} (or --resume with a run's folder).`);
  const { model, training } = readSettings(options.config, options.set);
  const { config, notes } = parseConfig(model);
  for (const note of notes) print(note);
  const settings = parseTrainSettings(training);
  await begin({ config, settings }, options, watcher);
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
  const before = await readModelFile(store, weights);
  const { model, training } = readSettings(options.config, options.set);
  const { config, notes } = parseConfig(merged({ ...before.config }, model));
  const known = new Set(before.config && parseConfig(before.config).notes);
  for (const note of notes) if (!known.has(note)) print(note);
  const settings = records ? await sameSplitAs(records, training) : parseTrainSettings(training);
  const path = isFile ? from : `${from}/${weights}`;
  await begin({ config, settings, initialModel: before, initialModelPath: path }, options, watcher);
}

/** Trains on the data and into the folder that the options name. */
async function begin(
  stage: Omit<TrainRequest, 'dataset' | 'store'>,
  { data, out, force }: TrainOptions,
  watcher: TerminalWatcher,
): Promise<void> {
  const store = diskStore(out!);
  await expectEmpty(store, force);
  const dataset = await openDataset(data!);
  await run({ ...stage, dataset, store, force: true }, watcher);
}

async function run(stage: TrainRequest, watcher: TerminalWatcher): Promise<void> {
  const { stopped, progress } = await trainStage(stage, { engine: createEngine, watcher });
  watcher.close();
  if (stopped === 'interrupted') printStopped(progress.step, stage.store.name);
}

/** Training settings, with the windows and the split of a run where they say none: what it was trained on stays so. */
async function sameSplitAs(records: RunRecords, training: unknown): Promise<TrainSettings> {
  // What are no settings at all is refused there.
  if (!isRecord(training)) return parseTrainSettings(training);
  const before = (await records.readFacts()).training;
  const split = splitWithSeed(before);
  const settings = parseTrainSettings(
    merged({ split, ...(before.every !== undefined && { every: before.every }) }, training),
  );
  const { name } = records.store;
  if (!isDeepStrictEqual(settings.split, split))
    print(
      `The split is not that of ${name}: of the same recording, that model may have learned windows that are for testing now.`,
    );
  else if (!('split' in training))
    print(`Windows are dealt out as in ${name}; training.split says otherwise.`);
  return settings;
}

/** `after` over `before`, key by key at every depth. */
function merged(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result = { ...before };
  for (const [key, value] of Object.entries(after)) {
    const old = result[key];
    result[key] = isRecord(old) && isRecord(value) ? merged(old, value) : value;
  }
  return result;
}

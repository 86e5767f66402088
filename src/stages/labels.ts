/**
 * The labels stage: how much labeled data decoding needs, with models pretrained on spikes and
 * models from scratch.
 */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { scoreVariable } from '../analyze/decoding-scores.js';
import { predictedVariables, recordedValues } from '../probe/decode.js';
import type { LabelRun } from '../probe/results.js';
import { formatCount, formatPercent } from '../text/format.js';
import { readCheckpoint, readModelFile } from '../train/checkpoint.js';
import { type OpenedRun, openRun, windowsInPart } from '../train/open-run.js';
import { LAST_CHECKPOINT } from '../train/run-records.js';
import { splitWithSeed, type TrainSettings } from '../train/settings.js';
import { totalUpdates } from '../train/trainer.js';
import { type StageOptions, stageContext } from './context.js';
import { decodeRun } from './decode-methods.js';
import { UsageError } from './errors.js';
import { writeLabels } from './result-files.js';
import { trainOnce } from './train-once.js';

/** Which models to train and compare. */
export interface LabelsSettings {
  /** Shares of the labeled windows to train on, ascending. */
  readonly shares: readonly number[];
  /** Number of models of each kind, trained with seeds 1, 2 and so on. */
  readonly seeds: number;
  /** Updates of each model on labeled windows. */
  readonly updates: number;
  /** Updates of each pretrained model on spikes alone. Default: as many as the run had. */
  readonly pretraining?: number;
}

/**
 * Trains models on shares of the labeled windows, and writes their test scores into the run's store
 * after each seed.
 *
 * Models that are already trained are not trained again.
 *
 * @param run opened with its last weights: models are compared by their last weights, because the
 *   best weights were
 * selected on validation windows.
 * @throws UsageError where the model decodes no variable, or there are no test windows;
 *   StoppedError where the
 * watcher stops training.
 */
export async function compareLabels(
  run: OpenedRun,
  settings: LabelsSettings,
  options: StageOptions,
): Promise<void> {
  const context = { run, ...stageContext(options) };
  const { watcher } = context;
  if (predictedVariables(run.layout).length === 0)
    throw new UsageError(
      'This model decodes no variables: set predict: true for one under modalities, then train or fine-tune a model.',
    );
  if (run.split.test.length === 0)
    throw new UsageError('The test part has no windows to score the models on.');
  const { seeds, updates, shares } = settings;
  const pretraining =
    settings.pretraining ?? totalUpdates(run.facts.training, run.split.train.length);
  const models = 2 * shares.length;
  watcher.note(
    `For each of ${seeds} seeds: ${formatCount(pretraining)} updates on spikes alone, then ${models} models with ${formatCount(updates)} updates on labels. ${formatCount(seeds * (pretraining + models * updates))} updates in total.`,
  );
  const variables = recordedValues(run.layout, run.windows, []).map(({ name, kind }) => ({
    name,
    kind,
  }));
  const test = windowsInPart(run.split, 'test');
  const { progress } = await readCheckpoint(run.records.store, LAST_CHECKPOINT);
  const whole = {
    updates: progress.step,
    scores: scoreAll(await decodeRun(run, test, "the run's own model", context)),
    finetuned: run.facts.from !== undefined,
  };
  const runs: LabelRun[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const spikes = await trainOnSpikes(context, seed, pretraining);
    for (const share of shares) {
      for (const from of ['pretrained', 'scratch'] as const) {
        const model = { seed, share, from, updates, pretraining, spikes };
        runs.push(await trainOnLabels(context, model));
        watcher.note(describeRun(runs.at(-1)!));
      }
    }
    // Written after each seed, so that the first results can be seen while others are still in
    // training.
    await writeLabels(run.records.store, { updates, pretraining, variables, runs, whole });
  }
}

/** What all models of the stage have in common. */
interface Context extends Required<StageOptions> {
  readonly run: OpenedRun;
}

function scoreAll(decoded: readonly DecodedVariable[]): LabelRun['scores'] {
  return Object.fromEntries(decoded.map((variable) => [variable.name, scoreVariable(variable)]));
}

function describeRun({ seed, share, windows, from, scores }: LabelRun): string {
  const headlines = Object.entries(scores).map(([name, variableScores]) => {
    const [key, value] = Object.entries(variableScores)[0]!;
    return `${name} ${key} ${value.toFixed(3)}`;
  });
  return `seed ${seed}, ${formatPercent(share)} (${windows} windows), ${from}: ${headlines.join(', ')}`;
}

/** Trains a model in a folder of the run's store, unless it is trained already. */
async function trainIn(
  context: Context,
  folder: string,
  settings: TrainSettings,
  updates: number,
  initialModelPath?: string,
): Promise<void> {
  const { run } = context;
  const { store } = run.records;
  const { config, dataset } = run;
  const request = { dataset, store: store.within(folder), config, settings, quiet: true };
  const initial = initialModelPath !== undefined && {
    initialModel: await readModelFile(store, initialModelPath),
    initialModelPath,
  };
  await trainOnce({ ...request, ...initial }, updates, context);
}

/**
 * The run's settings with another seed but the same split. Nothing is frozen, because weights start
 * at random.
 */
function withSeed({ facts: { training } }: OpenedRun, seed: number): TrainSettings {
  return { ...training, seed, split: splitWithSeed(training), freeze: [] };
}

/** Trains a model on spikes alone. Returns the path of its weights in the run's store. */
async function trainOnSpikes(context: Context, seed: number, updates: number): Promise<string> {
  const folder = `labels/spikes-${updates}-seed${seed}`;
  const settings = {
    ...withSeed(context.run, seed),
    steps: updates,
    share: 1,
    losses: ['id', 'time'],
  };
  await trainIn(context, folder, settings, updates);
  return `${folder}/${LAST_CHECKPOINT}`;
}

/** Trains a model on a share of the labeled windows, and scores it on the test windows. */
async function trainOnLabels(
  context: Context,
  {
    seed,
    share,
    from,
    updates,
    pretraining,
    spikes,
  }: Pick<LabelRun, 'seed' | 'share' | 'from'> & {
    updates: number;
    pretraining: number;
    spikes: string;
  },
): Promise<LabelRun> {
  const { run } = context;
  // The folder's name contains all that may differ, so that no model is mistaken for another.
  const origin = from === 'pretrained' ? `pretrained-${pretraining}` : from;
  const folder = `labels/${origin}-${share}-${updates}-seed${seed}`;
  // Shares are taken of what the run itself was trained on.
  const seeded = withSeed(run, seed);
  const settings = { ...seeded, steps: updates, share: seeded.share * share };
  await trainIn(context, folder, settings, updates, from === 'pretrained' ? spikes : undefined);
  const opened = await openRun(run.records.store.within(folder), run.dataset, 'last');
  const refs = windowsInPart(run.split, 'test');
  const decoded = await decodeRun(opened, refs, `${from}, seed ${seed}`, context);
  return { seed, share, windows: opened.split.train.length, from, scores: scoreAll(decoded) };
}

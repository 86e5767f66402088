/** The stage of labels: how much labelled data decoding needs, pre-trained on spikes against from scratch. */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { scoreVariable } from '../analyze/decoding-scores.js';
import { predictedVariables, recordedValues } from '../probe/decode.js';
import type { LabelRun } from '../probe/results.js';
import { grouped, percent } from '../text/format.js';
import { readCheckpoint, readModelFile } from '../train/checkpoint.js';
import { type OpenedRun, openRun, windowsInPart } from '../train/open-run.js';
import { LAST_CHECKPOINT } from '../train/run-records.js';
import { splitWithSeed, type TrainSettings } from '../train/settings.js';
import { totalUpdates } from '../train/trainer.js';
import { type StageOptions, stageContext } from './context.js';
import { decodeRun } from './decode.js';
import { UsageError } from './errors.js';
import { writeLabels } from './result-files.js';
import { trainOnce } from './train-once.js';

export interface LabelsSettings {
  /** Shares of the labelled windows, rising. */
  readonly shares: readonly number[];
  /** Models of each kind, differing in their seed. */
  readonly seeds: number;
  /** With labels, of each model. */
  readonly updates: number;
  /** Updates on spikes alone; default: as many as the run's. */
  readonly pretraining?: number;
}

/**
 * Trains models on shares of the labels and writes their scores into the run's store, after each seed.
 *
 * @param run with its last weights, as those of the models it is compared with: no windows chose them.
 */
export async function compareLabels(
  run: OpenedRun,
  settings: LabelsSettings,
  options: StageOptions,
): Promise<void> {
  const context = { run, ...stageContext(options) };
  const { watcher } = context;
  if (predictedVariables(run.layout).length === 0)
    throw new UsageError('This model decodes nothing: name variables with predict: true.');
  if (run.split.test.length === 0)
    throw new UsageError('The test part has no windows, so that nothing could be scored on it.');
  const { seeds, updates, shares } = settings;
  const pretraining =
    settings.pretraining ?? totalUpdates(run.facts.training, run.split.train.length);
  const models = 2 * shares.length;
  watcher.note(
    `${seeds} times ${grouped(pretraining)} updates on spikes alone, then ${models} models of ${grouped(updates)} with labels: ${grouped(seeds * (pretraining + models * updates))} updates in all.`,
  );
  const variables = recordedValues(run.layout, run.windows, []).map(({ name, kind }) => ({
    name,
    kind,
  }));
  const test = windowsInPart(run.split, 'test');
  const { progress } = await readCheckpoint(run.records.store, LAST_CHECKPOINT);
  const whole = {
    updates: progress.step,
    scores: scoresBy(await decodeRun(run, test, 'the run itself', context)),
    finetuned: run.facts.from !== undefined,
  };
  const runs: LabelRun[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const spikes = await trainOnSpikes(context, seed, pretraining);
    for (const share of shares) {
      for (const from of ['pretrained', 'scratch'] as const) {
        const own = { seed, share, from, updates, pretraining, spikes };
        runs.push(await trainOnLabels(context, own));
        watcher.note(describeRun(runs.at(-1)!));
      }
    }
    // After each seed, so that what there is can be looked at while the others are trained.
    await writeLabels(run.records.store, { updates, pretraining, variables, runs, whole });
  }
}

/** What every model of the stage shares. */
interface Context extends Required<StageOptions> {
  readonly run: OpenedRun;
}

function scoresBy(decoded: readonly DecodedVariable[]): LabelRun['scores'] {
  return Object.fromEntries(decoded.map((own) => [own.name, scoreVariable(own)]));
}

function describeRun({ seed, share, windows, from, scores }: LabelRun): string {
  const firstScores = Object.entries(scores).map(([name, own]) => {
    const [key, value] = Object.entries(own)[0]!;
    return `${name} ${key} ${value.toFixed(3)}`;
  });
  return `seed ${seed}, ${percent(share)} (${windows} windows), ${from}: ${firstScores.join(', ')}`;
}

/** Trains one of the models in its folder of the run's store, unless it is trained already. */
async function trainIn(
  context: Context,
  folder: string,
  settings: TrainSettings,
  updates: number,
  from?: string,
): Promise<void> {
  const { run } = context;
  const { store } = run.records;
  const before = from !== undefined && { before: await readModelFile(store, from), from };
  const { config, dataset } = run;
  const stage = { dataset, store: store.within(folder), config, settings, quiet: true, ...before };
  await trainOnce(stage, updates, context);
}

/** The run's settings with another seed, which must not deal its test windows out anew. Initial weights must learn. */
function withShare({ facts: { training } }: OpenedRun, seed: number): TrainSettings {
  return { ...training, seed, split: splitWithSeed(training), freeze: [] };
}

/** A model of spikes alone; the file of its weights in the run's store. */
async function trainOnSpikes(context: Context, seed: number, updates: number): Promise<string> {
  const folder = `labels/spikes-${updates}-seed${seed}`;
  const settings = {
    ...withShare(context.run, seed),
    steps: updates,
    share: 1,
    losses: ['id', 'time'],
  };
  await trainIn(context, folder, settings, updates);
  return `${folder}/${LAST_CHECKPOINT}`;
}

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
  // The name says all that may differ, so that what was trained otherwise is never taken for it.
  const before = from === 'pretrained' ? `pretrained-${pretraining}` : from;
  const folder = `labels/${before}-${share}-${updates}-seed${seed}`;
  // What the run's own share is, is what all labelled data are here.
  const own = withShare(run, seed);
  const settings = { ...own, steps: updates, share: own.share * share };
  await trainIn(context, folder, settings, updates, from === 'pretrained' ? spikes : undefined);
  const opened = await openRun(run.records.store.within(folder), run.dataset, 'last');
  const refs = windowsInPart(run.split, 'test');
  const decoded = await decodeRun(opened, refs, `${from}, seed ${seed}`, context);
  return { seed, share, windows: opened.split.train.length, from, scores: scoresBy(decoded) };
}

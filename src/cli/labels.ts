/** `labels`: how much labelled data decoding needs, from a model that has learnt spikes against one that has not. */

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { valuesOf } from '../analyze/decoding-scores.js';
import { createEngine, type Engine } from '../node.js';
import { type DecodedVariable, decodedOf, truthOf } from '../probe/decode.js';
import type { LabelRun } from '../report/labels.js';
import { decodeRun } from '../stages/decode.js';
import { writeLabels } from '../stages/result-files.js';
import { say } from '../stages/train.js';
import { trainOnce } from '../stages/train-once.js';
import { grouped, percent } from '../text/format.js';
import { readCheckpoint, readModelFile } from '../train/checkpoint.js';
import { RunFolder } from '../train/run-records.js';
import { splitOf, type TrainSettings } from '../train/settings.js';
import { stepsOf } from '../train/trainer.js';
import { type OpenedRun, openRun, partOf } from '../train/training-data.js';
import { count, probability } from './options.js';
import { guarded, UsageError } from './terminal.js';

interface LabelsOptions {
  data?: string;
  shares: number[];
  seeds: number;
  updates: number;
  pretraining?: number;
}

/** Shares of the labelled windows that are tried unless others are named. */
const USUAL_SHARES = '0.01,0.05,0.1,1';

export function addLabels(program: Command): void {
  program
    .command('labels')
    .description(
      'how much labelled data decoding needs: pre-trained on spikes against from scratch',
    )
    .argument('<run>', 'the folder of a run, whose data, model and training are used')
    .option('--data <path>', 'where its data are now')
    .addOption(
      new Option('--shares <list>', 'of the labelled windows')
        .argParser(shares)
        .default(shares(USUAL_SHARES), USUAL_SHARES),
    )
    .option('--seeds <n>', 'models of each kind, differing in their seed', count, 5)
    .option('--updates <n>', 'with labels, of each model', count, 200)
    .option('--pretraining <n>', "updates on spikes alone; default: as many as the run's", count)
    .addHelpText(
      'after',
      '\nExample:\n  neuroformer labels runs/hd --seeds 5\n\nWhat is trained stays in <run>/labels; stopped, it goes on where it was.',
    )
    .action((folder: string, options: LabelsOptions) => guarded(() => labels(folder, options)));
}

/** Shares in rising order: '0.01,0.1,1'. */
function shares(text: string): number[] {
  return text
    .split(',')
    .map(probability)
    .sort((p, q) => p - q);
}

async function labels(folder: string, options: LabelsOptions): Promise<void> {
  // The last weights, as those of the models it is compared with: no windows chose them.
  const run = await openRun(folder, { data: options.data, weights: 'last' });
  if (decodedOf(run.layout).length === 0)
    throw new UsageError('This model decodes nothing: name variables with predict: true.');
  if (run.split.test.length === 0)
    throw new UsageError('The test part has no windows, so that nothing could be scored on it.');
  const { seeds, updates } = options;
  const engine = await createEngine();
  const pretraining = options.pretraining ?? stepsOf(run.facts.training, run.split.train.length);
  const models = 2 * options.shares.length;
  say(
    `${seeds} times ${grouped(pretraining)} updates on spikes alone, then ${models} models of ${grouped(updates)} with labels: ${grouped(seeds * (pretraining + models * updates))} updates in all.`,
  );
  const variables = truthOf(run.layout, run.windows, []).map(({ name, kind }) => ({ name, kind }));
  const test = partOf(run.split, 'test');
  const whole = {
    updates: readCheckpoint(run.folder.last).progress.step,
    scores: scoresBy(await decodeRun(engine, run, test, 'the run itself')),
    finetuned: run.facts.from !== undefined,
  };
  const runs: LabelRun[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const spikes = await pretrained(run, seed, pretraining);
    for (const share of options.shares) {
      for (const from of ['pretrained', 'scratch'] as const) {
        runs.push(await labelled(engine, run, { seed, share, from, updates, pretraining, spikes }));
        say(inWords(runs.at(-1)!));
      }
    }
    // After each seed, so that what there is can be looked at while the others are trained.
    writeLabels(folder, { updates, pretraining, variables, runs, whole });
  }
  engine.dispose();
  say(`Written to ${folder}/labels.json; neuroformer report ${folder} draws the curve.`);
}

function scoresBy(decoded: readonly DecodedVariable[]): LabelRun['scores'] {
  return Object.fromEntries(decoded.map((own) => [own.name, valuesOf(own)]));
}

function inWords({ seed, share, windows, from, scores }: LabelRun): string {
  const found = Object.entries(scores).map(([name, own]) => {
    const [key, value] = Object.entries(own)[0]!;
    return `${name} ${key} ${value.toFixed(3)}`;
  });
  return `seed ${seed}, ${percent(share)} (${windows} windows), ${from}: ${found.join(', ')}`;
}

/** Trains one of the models in its folder under the run's. */
function train(
  run: OpenedRun,
  out: string,
  settings: TrainSettings,
  steps: number,
  from?: string,
): Promise<void> {
  const before = from === undefined ? {} : { before: readModelFile(from), from };
  const { config, dataset } = run;
  return trainOnce({ data: dataset, out, config, settings, quiet: true, ...before }, steps);
}

/** The run's settings with another seed, which must not deal its test windows out anew. Initial weights must learn. */
function settingsOf({ facts: { training } }: OpenedRun, seed: number): TrainSettings {
  return { ...training, seed, split: splitOf(training), freeze: [] };
}

/** A model of spikes alone; the file of its weights. */
async function pretrained(run: OpenedRun, seed: number, steps: number): Promise<string> {
  const out = join(run.folder.path, 'labels', `spikes-${steps}-seed${seed}`);
  const settings = { ...settingsOf(run, seed), steps, share: 1, losses: ['id', 'time'] };
  await train(run, out, settings, steps);
  return new RunFolder(out).last;
}

async function labelled(
  engine: Engine,
  run: OpenedRun,
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
  // The name says all that may differ, so that what was trained otherwise is never taken for it.
  const before = from === 'pretrained' ? `pretrained-${pretraining}` : from;
  const out = join(run.folder.path, 'labels', `${before}-${share}-${updates}-seed${seed}`);
  // What the run's own share is, is what all labelled data are here.
  const own = settingsOf(run, seed);
  const settings = { ...own, steps: updates, share: own.share * share };
  await train(run, out, settings, updates, from === 'pretrained' ? spikes : undefined);
  const opened = await openRun(out, { data: run.dataset, weights: 'last' });
  const refs = partOf(run.split, 'test');
  const decoded = await decodeRun(engine, opened, refs, `${from}, seed ${seed}`);
  return {
    seed,
    share,
    windows: opened.split.train.length,
    from,
    scores: scoresBy(decoded),
  };
}

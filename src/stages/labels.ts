/**
 * The labels stage: how much labeled data decoding needs, with networks pretrained on spikes alone,
 * with networks from scratch, and without networks.
 */

import { crossValidatedRidge } from '../analyze/cross-validation.js';
import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { scoreVariable } from '../analyze/decoding-scores.js';
import { decodeColumns, regressionTargets } from '../analyze/regression-targets.js';
import { CannotFitError } from '../analyze/solver.js';
import { predictedVariables, recordedValues } from '../probe/decode.js';
import { LABEL_DECODERS, type LabelResults, type LabelRun } from '../probe/results.js';
import { stretchIndices } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { formatCount, formatPercent } from '../text/format.js';
import { readCheckpoint } from '../train/checkpoint.js';
import type { OpenedRun } from '../train/open-run.js';
import { LAST_CHECKPOINT } from '../train/run-records.js';
import { totalUpdates } from '../train/trainer.js';
import { type StageOptions, stageContext } from './context.js';
import { decodeRun } from './decode-methods.js';
import { UsageError } from './errors.js';
import {
  drawLabels,
  type Labels,
  type LabelsContext,
  type LabelsSettings,
  pretrainedFolder,
  testWindows,
  wholeSplit,
} from './label-draws.js';
import { allReaders, type Reader } from './label-readers.js';
import { writeLabels } from './result-files.js';
import { trainBeside } from './train-beside.js';

/**
 * Trains decoders on shares of the labeled windows, and writes their test scores into the run's
 * store after each draw of labels.
 *
 * Models that are already trained are not trained again.
 *
 * @param run opened with its last weights: models are compared by their last weights, because the
 *   best weights were selected on validation windows.
 * @throws UsageError where the model decodes no variable, or there are no test windows;
 *   StoppedError where the watcher stops training.
 */
export async function compareLabels(
  run: OpenedRun,
  settings: LabelsSettings,
  options: StageOptions,
): Promise<LabelResults> {
  const { watcher } = stageContext(options);
  if (predictedVariables(run.layout).length === 0)
    throw new UsageError(
      'This model decodes no variables: set predict: true for one under modalities, then train or fine-tune a model.',
    );
  if (run.split.test.length === 0)
    throw new UsageError('The test part has no windows to score the models on.');
  const { draws, pretrainings, updates, shares, stretch } = settings;
  const pretraining =
    settings.pretraining ?? totalUpdates(run.facts.training, run.split.train.length);
  const context = { run, settings: { ...settings, pretraining }, ...stageContext(options) };
  const models = draws * shares.length * (pretrainings + 1);
  watcher.note(
    `${pretrainings} networks with ${formatCount(pretraining)} updates on spikes alone, and ${models} models with ${formatCount(updates)} updates on labels: ${formatCount(pretrainings * pretraining + models * updates)} updates in total.`,
  );
  if (run.config.readout)
    watcher.note(
      'The model has a readout, which decodes from spike counts beside the network, so that pretraining can hardly matter: for this comparison, train a run without readout in its configuration.',
    );
  const variables = recordedValues(run.layout, run.windows, []).map(({ name, kind }) => ({
    name,
    kind,
  }));
  const { progress } = await readCheckpoint(run.records.store, LAST_CHECKPOINT);
  const own = await decodeRun(run, testWindows(context), "the run's own model", context);
  const whole = {
    updates: progress.step,
    scores: scoreAll(own),
    finetuned: run.facts.from !== undefined,
  };
  const split = wholeSplit(context);
  const labels = drawLabels(context, split);
  const readers = await allReaders(context, labels, split.train);
  const runs: LabelRun[] = [];
  const results = { weights: run.weights, updates, stretch, pretraining, variables, runs, whole };
  const add = (label: Labels, result: Pick<LabelRun, 'from' | 'scores' | 'network'>) => {
    const { draw, share, windows } = label;
    runs.push({ draw, share, windows: windows.length, ...result });
    watcher.note(describeRun(runs.at(-1)!));
  };
  for (const label of labels) {
    for (const { from, network, features } of readers) {
      const decoded = await ridgeOnRows(context, label, features);
      if (decoded) add(label, { from, scores: scoreAll(decoded), ...(network && { network }) });
      else watcher.note(`${LABEL_DECODERS[from]} is left out: too few windows have labels.`);
    }
    for (let network = 1; network <= pretrainings; network++) {
      const decoded = await decodeTrained(context, label, network);
      add(label, { from: 'pretrained', network, scores: scoreAll(decoded) });
    }
    add(label, { from: 'scratch', scores: scoreAll(await decodeTrained(context, label)) });
    // Written after each draw, so that the first results can be seen while others are still in
    // training.
    await writeLabels(run.records.store, results);
  }
  return results;
}

function scoreAll(decoded: readonly DecodedVariable[]): LabelRun['scores'] {
  return Object.fromEntries(decoded.map((variable) => [variable.name, scoreVariable(variable)]));
}

function describeRun({ draw, network, share, windows, from, scores }: LabelRun): string {
  const headlines = Object.entries(scores).map(([name, variableScores]) => {
    const [key, value] = Object.entries(variableScores)[0]!;
    return `${name} ${key} ${value.toFixed(3)}`;
  });
  const seed = network === undefined ? '' : `, network ${network}`;
  return `draw ${draw}, ${formatPercent(share)} (${windows} windows), ${LABEL_DECODERS[from]}${seed}: ${headlines.join(', ')}`;
}

/**
 * Decodes the test windows by ridge, fitted to windows with labels; stretches are held out together
 * to choose the penalties. Undefined where too few windows have labels.
 */
async function ridgeOnRows(
  context: LabelsContext,
  labels: Labels,
  features: Reader['features'],
): Promise<DecodedVariable[] | undefined> {
  const { run, settings } = context;
  const truth = (part: readonly WindowRef[]) => recordedValues(run.layout, run.windows, part);
  const refs = labels.windows;
  const targets = truth(refs).map(regressionTargets);
  const { train, test } = features(labels);
  try {
    const { model } = await crossValidatedRidge(
      train,
      targets.flatMap(({ columns }) => columns),
      stretchIndices(refs, settings.stretch),
    );
    return decodeColumns(targets, truth(testWindows(context)), model.predict(test));
  } catch (error) {
    if (error instanceof CannotFitError) return undefined;
    throw error;
  }
}

/**
 * Trains a model on windows with labels, and decodes the test windows.
 *
 * @param network the seed of the pretrained network that it starts from. Default: random weights
 */
async function decodeTrained(
  context: LabelsContext,
  { draw, share }: Labels,
  network?: number,
): Promise<DecodedVariable[]> {
  const { run, settings } = context;
  const { updates, pretraining, stretch } = settings;
  // The folder's name contains all that may differ, so that no model is mistaken for another.
  const origin = network === undefined ? 'scratch' : `pretrained-${pretraining}-seed${network}`;
  const folder = `labels/${origin}-${share}-of-${stretch}s-${updates}-draw${draw}`;
  const variation = {
    settings: { seed: draw, steps: updates, share, stretch },
    ...(network !== undefined && {
      initialModelPath: `${pretrainedFolder(context, network)}/${LAST_CHECKPOINT}`,
    }),
    weights: 'last',
  } as const;
  const opened = await trainBeside(run, folder, variation, context);
  return decodeRun(opened, testWindows(context), `${origin}, draw ${draw}`, context);
}

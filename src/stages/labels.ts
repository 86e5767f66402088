/**
 * The labels stage: how much labeled data decoding needs, with networks pretrained on spikes alone,
 * with networks from scratch, and without networks.
 */

import { crossValidatedRidge } from '../analyze/cross-validation.js';
import { commonStep, type DecodedVariable } from '../analyze/decoded-variable.js';
import { scoreVariable } from '../analyze/decoding-scores.js';
import { laggedCounts } from '../analyze/lagged.js';
import { decodeColumns, regressionTargets } from '../analyze/regression-targets.js';
import { CannotFitError } from '../analyze/solver.js';
import { type SparseRows, selectRows } from '../analyze/sparse-rows.js';
import { predictedVariables, recordedValues } from '../probe/decode.js';
import { LABEL_DECODERS, type LabelResults, type LabelRun } from '../probe/results.js';
import { joinStages, stageFeatures } from '../probe/stage-features.js';
import { untrainedModel } from '../probe/untrained.js';
import { stretchIndices, thinTraining } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { formatCount, formatPercent } from '../text/format.js';
import { readCheckpoint } from '../train/checkpoint.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun, windowsInPart } from '../train/open-run.js';
import { LAST_CHECKPOINT } from '../train/run-records.js';
import { totalUpdates } from '../train/trainer.js';
import { prepareTrainingData } from '../train/training-data.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { decodeRun } from './decode-methods.js';
import { UsageError } from './errors.js';
import { writeLabels } from './result-files.js';
import { trainBeside } from './train-beside.js';

/** Which models to train and compare. */
export interface LabelsSettings {
  /** Shares of the labeled windows to train on, ascending. */
  readonly shares: readonly number[];
  /** Number of draws of labels. */
  readonly draws: number;
  /** Number of networks that are pretrained, with seeds 1, 2 and so on. */
  readonly pretrainings: number;
  /** Updates of each model on labeled windows. */
  readonly updates: number;
  /** Seconds of the stretches of time that have labels. */
  readonly stretch: number;
  /** Updates of each pretrained network on spikes alone. Default: as many as the run had. */
  readonly pretraining?: number;
}

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
  const labels = drawLabels(context);
  const features = await allFeatures(context, labels);
  const runs: LabelRun[] = [];
  const results = { weights: run.weights, updates, stretch, pretraining, variables, runs, whole };
  const add = (label: Labels, result: Pick<LabelRun, 'from' | 'scores' | 'network'>) => {
    const { draw, share, windows } = label;
    runs.push({ draw, share, windows: windows.length, ...result });
    watcher.note(describeRun(runs.at(-1)!));
  };
  for (const label of labels) {
    for (const { from, network, rows } of features) {
      const decoded = await ridgeOnRows(context, label, rows);
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

/** What all decoders of the stage have in common. */
interface Context extends Required<StageOptions> {
  readonly run: OpenedRun;
  readonly settings: Required<LabelsSettings>;
}

/** One draw of labels. */
interface Labels {
  readonly draw: number;
  readonly share: number;
  /** The windows that have labels. */
  readonly windows: readonly WindowRef[];
}

/** Every draw of every share of all training windows, as training with that seed draws it. */
function drawLabels({ run, settings }: Context): Labels[] {
  const { shares, draws, stretch } = settings;
  const { dataset, config, tokenizer, facts } = run;
  const whole = { ...facts.training, share: 1 };
  const { split } = prepareTrainingData(dataset.recording, config, whole, tokenizer);
  return Array.from({ length: draws }, (_, n) => n + 1).flatMap((draw) =>
    shares.map((share) => ({
      draw,
      share,
      windows: thinTraining(split, { recent: 1, share, stretch, seed: draw }).train,
    })),
  );
}

function testWindows({ run }: Context): readonly WindowRef[] {
  return windowsInPart(run.split, 'test');
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

/** Rows of the windows that any draw gave labels, and of the test windows. */
interface FeatureRows {
  readonly from: LabelRun['from'];
  readonly network?: number;
  readonly rows: {
    /** The row of each window in `labeled`. */
    readonly rowOf: ReadonlyMap<WindowRef, number>;
    readonly labeled: SparseRows;
    readonly test: SparseRows;
  };
}

/** Everything that ridge reads: spike counts, and stages of networks with and without training. */
async function allFeatures(context: Context, labels: readonly Labels[]): Promise<FeatureRows[]> {
  const { run, settings } = context;
  const labeled = [...new Set(labels.flatMap(({ windows }) => windows))];
  const rowOf = new Map(labeled.map((ref, row) => [ref, row]));
  const test = testWindows(context);
  const bins = countBins(run);
  const counts = (refs: readonly WindowRef[]) => laggedCounts(run.windows, refs, bins);
  const features: FeatureRows[] = [
    { from: 'counts', rows: { rowOf, labeled: counts(labeled), test: counts(test) } },
  ];
  for (let network = 1; network <= settings.pretrainings; network++) {
    const spikes = await trainOnSpikes(context, network);
    for (const from of ['frozen', 'untrained'] as const) {
      const refs = [...labeled, ...test];
      const all = await readStages(context, spikes, from, network, refs);
      const rows = [...refs.keys()];
      features.push({
        from,
        network,
        rows: {
          rowOf,
          labeled: selectRows(all, rows.slice(0, labeled.length)),
          test: selectRows(all, rows.slice(labeled.length)),
        },
      });
    }
  }
  return features;
}

/** Bins of the counts that ridge reads: those of the time step, as far back as windows reach. */
function countBins({ windows, split }: OpenedRun) {
  const { current, past } = windows.settings;
  const span = current + past;
  const bin = Math.min(commonStep(split.train) ?? current, span);
  return { bin, count: Math.max(1, Math.round(span / bin)) };
}

/** The stages of a pretrained network, or of one with the initial weights that it started from. */
function readStages(
  { engine: source, watcher }: Context,
  spikes: OpenedRun,
  from: 'frozen' | 'untrained',
  seed: number,
  refs: readonly WindowRef[],
): Promise<SparseRows> {
  const { layout, windows } = spikes;
  const activity = `reading the stages of network ${seed}, ${from}`;
  return stoppable(watcher, (stopping) =>
    withEngine(source, async (engine) => {
      using loaded =
        from === 'frozen' ? await loadModel(engine, spikes) : untrainedModel(engine, layout, seed);
      const inputs = { engine, model: loaded.model, layout, windows };
      const stages = await stageFeatures(inputs, refs, (done) =>
        stopping.progress({ activity, done, total: refs.length, unit: 'windows' }),
      );
      return joinStages(stages);
    }),
  );
}

/**
 * Decodes the test windows by ridge, fitted to windows with labels; stretches are held out together
 * to choose the penalties. Undefined where too few windows have labels.
 */
async function ridgeOnRows(
  context: Context,
  { windows: refs }: Labels,
  { rowOf, labeled, test }: FeatureRows['rows'],
): Promise<DecodedVariable[] | undefined> {
  const { run, settings } = context;
  const truth = (part: readonly WindowRef[]) => recordedValues(run.layout, run.windows, part);
  const targets = truth(refs).map(regressionTargets);
  const rows = selectRows(
    labeled,
    refs.map((ref) => rowOf.get(ref)!),
  );
  try {
    const { model } = await crossValidatedRidge(
      rows,
      targets.flatMap(({ columns }) => columns),
      stretchIndices(refs, settings.stretch),
    );
    return decodeColumns(targets, truth(testWindows(context)), model.predict(test));
  } catch (error) {
    if (error instanceof CannotFitError) return undefined;
    throw error;
  }
}

/** The folder, in the run's store, of a network that is trained on spikes alone. */
function pretrainedFolder({ settings: { pretraining } }: Context, network: number): string {
  return `labels/spikes-${pretraining}-seed${network}`;
}

/** Trains a network on spikes alone. */
function trainOnSpikes(context: Context, network: number): Promise<OpenedRun> {
  const { run, settings } = context;
  const training = { seed: network, steps: settings.pretraining, losses: ['id', 'time'] };
  const folder = pretrainedFolder(context, network);
  return trainBeside(run, folder, { settings: training, weights: 'last' }, context);
}

/**
 * Trains a model on windows with labels, and decodes the test windows.
 *
 * @param network the seed of the pretrained network that it starts from. Default: random weights
 */
async function decodeTrained(
  context: Context,
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

/**
 * The latents stage: what the latents of windows, which a contrastive loss aligned with a variable
 * or with the film, say of behavior in held-out windows, beside models without that loss.
 */

import { denseDesign, denseFeatures, type FeatureMatrix } from '../analyze/feature-matrix.js';
import { laggedCounts } from '../analyze/lagged.js';
import { PrincipalComponents } from '../analyze/principal-components.js';
import { neighborR2, ridgeR2 } from '../analyze/readout.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { withoutContrast } from '../neuroformer/rungs.js';
import { configuredVariables, isAligned } from '../neuroformer/variables.js';
import { Turns } from '../ports/turns.js';
import { type ActivityFeature, windowLatents } from '../probe/latents.js';
import type { LatentMethod, LatentResults } from '../probe/results.js';
import { untrainedModel } from '../probe/untrained.js';
import { shuffleVariables } from '../recording/shuffle-variables.js';
import type { WindowRef } from '../recording/windows.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun } from '../train/open-run.js';
import { totalUpdates } from '../train/trainer.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { UsageError } from './errors.js';
import { fitReadouts, type ReadoutWindows, readoutWindows, readParts } from './readout-windows.js';
import { writeLatents } from './result-files.js';
import { trainBeside } from './train-beside.js';

/** Training windows whose mean a value is read from. */
const NEIGHBORS = 25;
/** Folder of the models beside the run, in its store. */
const FOLDER = 'latents';

/** Latents that have no scores yet. */
type UnscoredLatents = Omit<LatentMethod, 'scores'>;

/**
 * Reads latents of a run's training and test windows, of models beside it and of spike counts, and
 * scores how well each recorded variable is read from them. Writes them into the run's store.
 *
 * Models beside the run are trained as it was: without the contrastive loss, and with the aligned
 * variables shuffled. Those that are trained already are not trained again.
 *
 * @param run opened with its last weights, as those of the models beside it are the last ones.
 * @throws UsageError where the run aligns no feature of the spikes, or there is nothing to read
 *   out; StoppedError where the watcher stops it; FileError where the store cannot be written.
 */
export async function readLatents(run: OpenedRun, options: StageOptions): Promise<LatentResults> {
  const context = stageContext(options);
  const { engine: source, watcher } = context;
  const { layout, config, facts, weights } = run;
  const feature = activityFeature(run);
  const aligned = alignedNames(run);
  const read = readoutWindows(run);
  const models = await trainControls(run, aligned.variables, context);
  const methods = await stoppable(watcher, (stopping) =>
    withEngine(source, async (engine) => {
      const latents = ({ layout, windows }: OpenedRun, model: Neuroformer, activity: string) => {
        const inputs = { engine, model, layout, windows };
        return readParts(read, activity, stopping, (refs, progress) =>
          windowLatents(inputs, feature, refs, progress),
        );
      };
      const of = async (beside: OpenedRun, activity: string) => {
        using loaded = await loadModel(engine, beside);
        return await latents(beside, loaded.model, activity);
      };
      const title = `aligned with ${aligned.names.join(' and ')}`;
      const rows: UnscoredLatents[] = [
        { name: 'aligned', title, kind: 'model', ...(await of(run, 'latents')) },
      ];
      for (const { name, title, opened } of models)
        rows.push({ name, title, kind: 'control', ...(await of(opened, `latents, ${title}`)) });
      using untrained = untrainedModel(engine, layout, facts.training.seed + 1);
      const ofUntrained = await latents(run, untrained.model, 'latents of an untrained model');
      rows.push({ name: 'untrained', title: 'untrained', kind: 'control', ...ofUntrained });
      const { columns } = rows[0]!.test;
      const unscored = [...rows, ...countLatents(run, feature, columns, read)];
      const scored: LatentMethod[] = [];
      const turns = new Turns(() =>
        stopping.progress({
          activity: 'latents, reading variables',
          done: scored.length,
          total: unscored.length,
          unit: 'methods',
        }),
      );
      for (const row of unscored) scored.push(await scoreLatents(row, read, turns));
      return scored;
    }),
  );
  const results: LatentResults = {
    feature,
    aligned: aligned.names,
    neighbors: NEIGHBORS,
    weights,
    updates: totalUpdates(facts.training, run.split.train.length),
    train: read.train.variables,
    test: read.test.variables,
    methods,
  };
  if (feature === 'id' && configuredVariables(config).some(({ setting }) => !setting.predict))
    watcher.note(
      'The feature id is read after the fusion, which has seen what it is aligned with: use eos, which is read before it.',
    );
  await writeLatents(run.records.store, results);
  return results;
}

/** @throws UsageError where no feature of the spikes is aligned. */
function activityFeature({ config: { contrastive } }: OpenedRun): ActivityFeature {
  if (!contrastive.contrastive)
    throw new UsageError(
      'This model aligns nothing: train one with contrastive: {contrastive: true, vars: [eos, {behavior: speed}]}.',
    );
  const feature = (['eos', 'id'] as const).find((name) => contrastive.vars.includes(name));
  if (feature) return feature;
  throw new UsageError(
    'This model aligns no feature of the spikes: add eos, read before the fusion, to contrastive.vars.',
  );
}

/** What the spikes are aligned with: variables by their names in the recording, and frames. */
function alignedNames({ config }: OpenedRun) {
  const variables = configuredVariables(config)
    .filter(({ group, name }) => isAligned(config, group, name))
    .map(({ name, setting }) => setting.data ?? name);
  const frames = config.contrastive.vars.includes('frames') ? ['frames'] : [];
  return { variables, names: [...variables, ...frames] };
}

/** The models beside the run, trained with its settings. */
async function trainControls(
  run: OpenedRun,
  aligned: readonly string[],
  context: Required<StageOptions>,
) {
  const { dataset, config, facts } = run;
  const { seed, losses } = facts.training;
  // The control keeps everything but the correspondence of the aligned variables with the spikes.
  const shuffled = {
    ...dataset,
    recording: shuffleVariables(dataset.recording, aligned, seed),
  };
  const rows = [
    {
      name: 'plain',
      title: 'without contrast',
      dataset,
      config: withoutContrast(config),
      losses: losses?.filter((loss) => loss !== 'clip'),
    },
    ...(aligned.length > 0
      ? [
          {
            name: 'shuffled',
            title: `aligned with shuffled ${aligned.join(' and ')}`,
            dataset: shuffled,
            config,
            losses,
          },
        ]
      : []),
  ];
  const models: { name: string; title: string; opened: OpenedRun }[] = [];
  for (const row of rows) {
    const { dataset, config, losses } = row;
    const opened = await trainBeside(
      run,
      `${FOLDER}/${row.name}`,
      {
        dataset,
        config,
        settings: { losses },
        note: `Training a model ${row.title}.`,
        weights: 'last',
      },
      context,
    );
    models.push({ ...row, opened });
  }
  return models;
}

/**
 * What needs no model: the square roots of the spike counts in the time that the feature sees, and
 * as many of their principal components as latents have numbers.
 */
function countLatents(
  { windows, config: { window } }: OpenedRun,
  feature: ActivityFeature,
  columns: number,
  { train, test }: ReadoutWindows,
): UnscoredLatents[] {
  const bin = feature === 'eos' ? window.curr : window.curr + window.prev;
  const counts = (refs: readonly WindowRef[]) =>
    denseFeatures(laggedCounts(windows, refs, { bin, count: 1 }));
  const [ofTrain, ofTest] = [counts(train.refs), counts(test.refs)];
  const components = new PrincipalComponents(ofTrain, columns);
  const project = (features: FeatureMatrix) => components.project(features);
  return [
    {
      name: 'components',
      title: 'principal components of the counts',
      kind: 'baseline',
      train: project(ofTrain),
      test: project(ofTest),
    },
    { name: 'counts', title: 'spike counts', kind: 'baseline', train: ofTrain, test: ofTest },
  ];
}

async function scoreLatents(
  latents: UnscoredLatents,
  { train, test, gap }: ReadoutWindows,
  turns: Turns,
): Promise<LatentMethod> {
  const fit = { features: latents.train, variables: train.variables };
  const score = { features: latents.test, variables: test.variables };
  const ridge = await fitReadouts(() =>
    ridgeR2(
      { ...fit, design: denseDesign(fit.features) },
      { ...score, design: denseDesign(score.features) },
      gap,
      turns,
    ),
  );
  const neighbors = await neighborR2(fit, score, NEIGHBORS, turns);
  const scores = test.variables.map(
    ({ name }, n) => [name, { ridge: ridge[n]!, neighbors: neighbors[n]! }] as const,
  );
  return { ...latents, scores: Object.fromEntries(scores) };
}

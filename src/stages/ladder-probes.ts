/**
 * The ladder of probes: how well each recorded variable is read, by a ridge regression, from the
 * stages of a model that was trained on spikes, beside the same stages of an untrained model.
 */

import { denseDesign } from '../analyze/feature-matrix.js';
import { laggedCounts } from '../analyze/lagged.js';
import { ridgeR2 } from '../analyze/readout.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { configuredVariables } from '../neuroformer/variables.js';
import type { Watcher } from '../ports/watcher.js';
import type { LadderRung, ProbeResults, ProbeRow } from '../probe/results.js';
import { type StageFeatures, type StageInputs, stageFeatures } from '../probe/stage-features.js';
import { untrainedModel } from '../probe/untrained.js';
import type { WindowRef } from '../recording/windows.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun } from '../train/open-run.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { UsageError } from './errors.js';
import { fitReadouts, type ReadoutWindows, readoutWindows, readParts } from './readout-windows.js';
import { writeProbes } from './result-files.js';
import { trainBeside } from './train-beside.js';

/** How many models to probe. */
export interface ProbeSettings {
  /**
   * Number of models: the run's own, then others that are trained as it was, each with the next
   * seed. Default 1.
   */
  readonly seeds?: number;
}

/** Folder of the models with other seeds, in the run's store. */
const FOLDER = 'probes';
/** Key and name of the spike counts, which need no model. */
export const COUNTS: LadderRung = { name: 'counts', title: 'spike counts' };

/**
 * Reads the recorded variables from the stages of a run's model, of an untrained one, and from
 * spike counts of the same windows. Writes R2 on test windows into the run's store.
 *
 * @param run opened with its last weights, as those of the models with other seeds are the last.
 * @throws UsageError where the model reads or predicts a variable, so that it would be found where
 *   it was put in, or there is nothing to read out; StoppedError where the watcher stops it; the
 *   same call goes on.
 */
export async function ladderProbes(
  run: OpenedRun,
  { seeds = 1 }: ProbeSettings,
  options: StageOptions,
): Promise<ProbeResults> {
  const context = stageContext(options);
  const { engine: source, watcher } = context;
  checkTrainedOnSpikes(run);
  const read = readoutWindows(run);
  const variables = read.test.variables.map(({ name }) => name);
  const first = run.facts.training.seed;
  const stages = new Map<string, string>();
  const rows: ProbeRow[] = [];
  for (let seed = first; seed < first + seeds; seed++) {
    const note = `Training a model with seed ${seed}.`;
    const variation = { settings: { seed }, note, weights: 'last' } as const;
    const opened =
      seed === first ? run : await trainBeside(run, `${FOLDER}/seed${seed}`, variation, context);
    const models = await stoppable(watcher, (stopping) =>
      withEngine(source, async (engine) => {
        const { layout, windows } = opened;
        const probe = (model: Neuroformer, name: string) => {
          const inputs = { engine, model, layout, windows };
          return probeStages(inputs, read, stopping, `${name}, seed ${seed}`);
        };
        using loaded = await loadModel(engine, opened);
        using untrained = untrainedModel(engine, opened.layout, seed + 1);
        return {
          trained: await probe(loaded.model, 'probes'),
          untrained: await probe(untrained.model, 'probes of an untrained model'),
        };
      }),
    );
    for (const [n, { name, title, scores }] of models.trained.entries()) {
      stages.set(name, title);
      rows.push({ seed, stage: name, trained: scores, untrained: models.untrained[n]!.scores });
    }
  }
  rows.push({ seed: first, stage: COUNTS.name, trained: await countScores(run, read) });
  const results: ProbeResults = {
    weights: run.weights,
    stages: [...Array.from(stages, ([name, title]) => ({ name, title })), COUNTS],
    variables,
    trained: read.train.refs.length,
    tested: read.test.refs.length,
    rows,
  };
  await writeProbes(run.records.store, results);
  return results;
}

/** @throws UsageError where the model was given a variable. */
function checkTrainedOnSpikes({ config, facts }: OpenedRun): void {
  const { losses } = facts.training;
  const given = configuredVariables(config).find(
    ({ name, setting }) => !setting.predict || !losses || losses.includes(name),
  );
  if (!given) return;
  const use = given.setting.predict ? 'predicts' : 'reads';
  throw new UsageError(
    `This model ${use} ${given.name}, so a probe may find what training put in: train one without it, or with training.losses: [id, time].`,
  );
}

/** R2 of every variable from each stage of a model. */
async function probeStages(
  inputs: StageInputs,
  windows: ReadoutWindows,
  watcher: Watcher,
  activity: string,
) {
  const { train, test, gap } = windows;
  const read = await readParts(windows, activity, watcher, (refs, progress) =>
    stageFeatures(inputs, refs, progress),
  );
  const design = ({ width, values }: StageFeatures) =>
    denseDesign({ rows: values.length / width, columns: width, values });
  const probed = [];
  for (const [n, stage] of read.train.entries()) {
    const r2 = await fitReadouts(() =>
      ridgeR2(
        { design: design(stage), variables: train.variables },
        { design: design(read.test[n]!), variables: test.variables },
        gap,
      ),
    );
    probed.push({ ...stage, scores: byVariable(test, r2) });
  }
  return probed;
}

/** R2 from the spike counts that the model reads, in bins as long as the current window. */
async function countScores(
  { windows, config: { window } }: OpenedRun,
  { train, test, gap }: ReadoutWindows,
): Promise<Record<string, number>> {
  const bins = { bin: window.curr, count: Math.max(1, Math.round(1 + window.prev / window.curr)) };
  const design = (refs: readonly WindowRef[]) => laggedCounts(windows, refs, bins);
  const r2 = await fitReadouts(() =>
    ridgeR2(
      { design: design(train.refs), variables: train.variables },
      { design: design(test.refs), variables: test.variables },
      gap,
    ),
  );
  return byVariable(test, r2);
}

function byVariable(
  { variables }: ReadoutWindows['test'],
  scores: readonly number[],
): Record<string, number> {
  return Object.fromEntries(variables.map(({ name }, n) => [name, scores[n]!]));
}

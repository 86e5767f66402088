/**
 * The ladder of components: trains a model with one more of its parts on each rung, and scores how
 * well each predicts spikes of the test part.
 */

import { bitsPerSpike, mixWithMean } from '../analyze/rate-scores.js';
import type { Dataset } from '../dataset/dataset.js';
import { Sampler } from '../generate/sampler.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { estimateTraining } from '../neuroformer/estimate.js';
import { componentRungs, type Rung } from '../neuroformer/rungs.js';
import type { RunStore } from '../ports/run-store.js';
import { timedProgress, type Watcher } from '../ports/watcher.js';
import { withFittingBatch } from '../probe/fitting-batch.js';
import { scoreWindows } from '../probe/generated.js';
import { expectedAhead, recordedCounts, recordedMeans } from '../probe/model-rates.js';
import type { LadderResults, LadderRun, RungScores } from '../probe/results.js';
import { scoreTokens } from '../probe/token-scores.js';
import type { WindowRef } from '../recording/windows.js';
import { renderPage } from '../report/html.js';
import { ladderSection } from '../report/ladder.js';
import { isRecord } from '../text/schema.js';
import { readCheckpoint } from '../train/checkpoint.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun, openRun } from '../train/open-run.js';
import { LAST_CHECKPOINT, RunRecords } from '../train/run-records.js';
import { splitWithSeed, type TrainSettings } from '../train/settings.js';
import { totalUpdates } from '../train/trainer.js';
import { prepareTrainingData } from '../train/training-data.js';
import { spreadWindows } from '../train/window-batches.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { UsageError } from './errors.js';
import { readRungScores, writeLadder, writeRungScores } from './result-files.js';
import { trainOnce } from './train-once.js';

/** What to climb. */
export interface LadderRequest {
  /** The data to train on. */
  readonly dataset: Dataset;
  /** Where the rungs' models and the results go. */
  readonly store: RunStore;
  /** The model with all of its parts. */
  readonly config: ModelConfig;
  /** How every rung is trained. */
  readonly settings: TrainSettings;
  /** The seeds that each rung is trained with. */
  readonly seeds: readonly number[];
}

/** Path of the page in the store. */
export const LADDER_PAGE = 'ladder.html';

/** Windows that are drawn or scored at once. */
const BATCH = 100;
/** Maximum number of test windows that are scored. */
const MAX_WINDOWS = 3000;
/** How often every window is drawn for its expected counts. */
const DRAWS = 2;

/**
 * Trains every rung with every seed, and writes the scores as ladder.json and ladder.csv after
 * each. Models that are trained already are not trained again. All rungs have the same split.
 *
 * @throws StoppedError where the watcher stops it; the same call goes on.
 */
export async function ladderComponents(
  request: LadderRequest,
  options: StageOptions,
): Promise<LadderResults> {
  const { dataset, store, config, seeds } = request;
  const { watcher } = stageContext(options);
  const rungs = componentRungs(config);
  const runs: LadderRun[] = [];
  const results: LadderResults = { rungs: rungs.map(({ name, title }) => ({ name, title })), runs };
  for (const seed of seeds) {
    for (const rung of rungs) {
      const run = await trainRung(request, rung, seed, options);
      runs.push(run);
      watcher.note(
        `${rung.title}, seed ${seed}: ${run.nats.toFixed(3)} nats a token, ${run.bits.toFixed(3)} bits a spike, set-F1 ${run.setF1.toFixed(3)}.`,
      );
      await writeLadder(store, results);
    }
  }
  const section = await ladderSection(results);
  await store.write(
    LADDER_PAGE,
    renderPage('A ladder of components', `${dataset.recording.name}.`, [section]),
  );
  return results;
}

/**
 * Trains a rung with a seed, in a folder of the store, and scores it; where that was done already,
 * reads its scores.
 *
 * @throws StoppedError where the watcher stops it; the same call goes on.
 */
export async function trainRung(
  { dataset, store, settings }: Omit<LadderRequest, 'config' | 'seeds'>,
  { name, title, config }: Rung,
  seed: number,
  options: StageOptions,
): Promise<LadderRun> {
  const context = stageContext(options);
  const seeded = { ...settings, seed, split: splitWithSeed(settings) };
  const data = prepareTrainingData(dataset.recording, config, seeded);
  const updates = totalUpdates(seeded, data.split.train.length);
  const rungStore = store.within(`rungs/${name}-seed${seed}`);
  const request = { dataset, store: rungStore, config, settings: seeded, quiet: true, force: true };
  await expectSameRun(rungStore, config, seeded);
  await trainOnce(request, updates, context, () =>
    context.watcher.note(`Training ${title.replace(/^\+/, 'with')}, seed ${seed}.`),
  );
  const known = await readRungScores(rungStore);
  // A model that has gone on training since it was scored is scored again.
  if (known?.updates === updates) return { name, seed, ...known };
  const run = await openRun(rungStore, dataset);
  const scores = { updates, ...(await scoreRung(run, seed, context)) };
  await writeRungScores(rungStore, scores);
  return { name, seed, ...scores };
}

/**
 * Protects a model that is kept from being trained on with other settings.
 *
 * @throws UsageError where there is one, and it has others.
 */
async function expectSameRun(
  store: RunStore,
  config: ModelConfig,
  settings: TrainSettings,
): Promise<void> {
  const records = new RunRecords(store);
  if (!(await records.hasCheckpoint())) return;
  const { training } = await records.readFacts();
  const { config: kept } = await readCheckpoint(store, LAST_CHECKPOINT);
  const changed = [
    ...differingKeys(training, settings).map((key) => `training.${key}`),
    ...differingKeys(kept, config),
  ];
  if (changed.length > 0)
    throw new UsageError(
      `${store.name} holds a model that was trained with another ${changed.join(', ')}: use the same settings again, or another folder.`,
    );
}

/** Keys whose values differ, as JSON has them, in whatever order their own keys are. */
function differingKeys(a: object, b: object): string[] {
  const sorted = (_: string, value: unknown) =>
    isRecord(value) ? Object.fromEntries(Object.entries(value).sort()) : value;
  const value = (from: object, key: string) =>
    JSON.stringify((from as Record<string, unknown>)[key], sorted);
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => value(a, key) !== value(b, key),
  );
}

/** The scores of a trained rung on its test windows. */
async function scoreRung(
  run: OpenedRun,
  seed: number,
  { engine: source, watcher }: Required<StageOptions>,
): Promise<Omit<RungScores, 'updates'>> {
  const size = Math.min(BATCH, run.split.test.length);
  const refs = spreadWindows(run.split.test, MAX_WINDOWS, size);
  return await stoppable(watcher, (stopping) =>
    withEngine(source, async (engine) => {
      using loaded = await loadModel(engine, run);
      const { model } = loaded;
      const { windows, layout, facts } = run;
      const { flops } = await estimateTraining(engine, layout, facts.training.batch);
      const tokens = await scoreTokens(engine, model, run, refs, size, stopping);
      const drawn = await withFittingBatch(size, async (fitting) => {
        using sampler = new Sampler(engine, model, layout, fitting, { seed });
        using rateSampler = new Sampler(engine, model, layout, fitting, { seed, endless: true });
        const progress = timedProgress(stopping, 'one window ahead', 'windows');
        const scores = await scoreWindows(sampler, windows, refs, fitting, progress);
        return { scores, bits: await rateBits(run, rateSampler, refs, fitting, stopping) };
      });
      const { setF1, shuffledSetF1 } = drawn.scores;
      return { flops, nats: tokens.bits * Math.LN2, bits: drawn.bits, setF1, shuffledSetF1 };
    }),
  );
}

/** Bits a spike of expected counts, beyond the mean rates of training. */
async function rateBits(
  { windows, split }: OpenedRun,
  sampler: Sampler,
  refs: readonly WindowRef[],
  size: number,
  watcher: Watcher,
): Promise<number> {
  const means = recordedMeans(windows, split.train);
  const progress = timedProgress(watcher, 'expected counts', 'windows');
  const expected = await expectedAhead(sampler, windows, refs, size, DRAWS, progress);
  return bitsPerSpike([recordedCounts(windows, refs)], [mixWithMean(expected, means)], means);
}

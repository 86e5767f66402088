/**
 * The ladder of components: trains a model with one more of its parts on each rung, and scores how
 * well each predicts spikes of the test part.
 */

import { bitsPerSpike, meanCounts, mixWithMean } from '../analyze/rate-scores.js';
import type { Dataset } from '../dataset/dataset.js';
import { Sampler } from '../generate/sampler.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { estimateTraining } from '../neuroformer/estimate.js';
import { componentRungs } from '../neuroformer/rungs.js';
import type { RunStore } from '../ports/run-store.js';
import { timedProgress, type Watcher } from '../ports/watcher.js';
import { scoreWindows } from '../probe/generated.js';
import { expectedAhead, recordedCounts } from '../probe/model-rates.js';
import type { LadderResults, LadderRun } from '../probe/results.js';
import { scoreTokens, tokenFrequencies } from '../probe/token-scores.js';
import type { WindowRef } from '../recording/windows.js';
import { renderPage } from '../report/html.js';
import { ladderSection } from '../report/ladder.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun, openRun } from '../train/open-run.js';
import { splitWithSeed, type TrainSettings } from '../train/settings.js';
import { totalUpdates } from '../train/trainer.js';
import { prepareTrainingData } from '../train/training-data.js';
import { spreadWindows, windowBatches } from '../train/window-batches.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { writeLadder } from './result-files.js';
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
  /** Number of models of each rung, trained with seeds 1, 2 and so on. */
  readonly seeds: number;
}

/** Path of the page in the store. */
export const LADDER_PAGE = 'ladder.html';

/** Windows that are drawn or scored at once. */
const BATCH = 100;
/** Maximum number of test windows that are scored. */
const MAX_WINDOWS = 3000;
/** Maximum number of training windows in which token frequencies are counted. */
const MAX_COUNTED_WINDOWS = 5000;
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
  const { dataset, store, config, settings, seeds } = request;
  const context = stageContext(options);
  const rungs = componentRungs(config);
  const split = splitWithSeed(settings);
  const results: LadderRun[] = [];
  const titles = rungs.map(({ name, title }) => ({ name, title }));
  for (let seed = 1; seed <= seeds; seed++) {
    for (const { name, title, config: rungConfig } of rungs) {
      const rungSettings = { ...settings, seed, split };
      const data = prepareTrainingData(dataset.recording, rungConfig, rungSettings);
      const updates = totalUpdates(rungSettings, data.split.train.length);
      const rungStore = store.within(`rungs/${name}-seed${seed}`);
      const model = { dataset, store: rungStore, config: rungConfig, settings: rungSettings };
      await trainOnce({ ...model, quiet: true, force: true }, updates, context, () =>
        context.watcher.note(`Training ${title.replace(/^\+/, 'with')}, seed ${seed}.`),
      );
      const run = await openRun(rungStore, dataset);
      const scores = await scoreRung(run, seed, context);
      results.push({ name, seed, updates, ...scores });
      context.watcher.note(
        `${title}, seed ${seed}: ${scores.nats.toFixed(3)} nats a token, ${scores.bits.toFixed(3)} bits a spike, set-F1 ${scores.setF1.toFixed(3)}.`,
      );
      await writeLadder(store, { rungs: titles, runs: results });
    }
  }
  const complete = { rungs: titles, runs: results };
  const section = await ladderSection(complete);
  await store.write(
    LADDER_PAGE,
    renderPage('A ladder of components', `${dataset.recording.name}.`, [section]),
  );
  return complete;
}

/** The scores of a trained rung on its test windows. */
async function scoreRung(
  run: OpenedRun,
  seed: number,
  { engine: source, watcher }: Required<StageOptions>,
): Promise<Omit<LadderRun, 'name' | 'seed' | 'updates'>> {
  const size = Math.min(BATCH, run.split.test.length);
  const refs = spreadWindows(run.split.test, MAX_WINDOWS, size);
  return await stoppable(watcher, (stopping) =>
    withEngine(source, async (engine) => {
      using loaded = await loadModel(engine, run);
      const { model } = loaded;
      const { windows, layout, facts } = run;
      const { flops } = await estimateTraining(engine, layout, facts.training.batch);
      const counted = every(run.split.train, MAX_COUNTED_WINDOWS);
      const frequencies = tokenFrequencies(windowBatches(windows, layout, counted, 1), layout);
      const batches = windowBatches(windows, layout, refs, size);
      const tokens = await scoreTokens(engine, model, layout, size, batches, frequencies);
      using sampler = new Sampler(engine, model, layout, size, { seed });
      const progress = timedProgress(stopping, 'one window ahead', 'windows');
      const { setF1, shuffledSetF1 } = await scoreWindows(sampler, windows, refs, size, progress);
      return {
        flops,
        nats: tokens.bits * Math.LN2,
        bits: await rateBits(run, sampler, refs, size, stopping),
        setF1,
        shuffledSetF1,
      };
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
  const { neurons } = windows.recording;
  const means = meanCounts([recordedCounts(windows, split.train)], neurons);
  const progress = timedProgress(watcher, 'expected counts', 'windows');
  const expected = await expectedAhead(sampler, windows, refs, size, DRAWS, progress);
  return bitsPerSpike([recordedCounts(windows, refs)], [mixWithMean(expected, means)], means);
}

/** Items at even distances, at most `count` of them. */
function every<T>(items: readonly T[], count: number): T[] {
  const stride = Math.ceil(items.length / count);
  return items.filter((_, n) => n % stride === 0);
}

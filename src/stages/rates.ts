/**
 * Scores the rates of a run's model against recorded trials, beside baselines: one window ahead of
 * the recorded past, and running freely.
 */

import type { RidgeStrengths } from '../analyze/glm-ridge.js';
import { Sampler } from '../generate/sampler.js';
import type { Engine } from '../gpu/engine.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { timedProgress, type Watcher } from '../ports/watcher.js';
import { withFittingBatch } from '../probe/fitting-batch.js';
import {
  type AlignedWindows,
  alignedWindows,
  expectedAhead,
  freeTrials,
  recordedCounts,
  recordedMeans,
  splitByTrial,
} from '../probe/model-rates.js';
import { type RateBaseline, rateBaselines } from '../probe/rate-baselines.js';
import { type RateMethod, type RateResults, RateScorer } from '../probe/rates.js';
import { type Part, SPLIT_PARTS, type Split } from '../recording/splits.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun } from '../train/open-run.js';
import { type StageOptions, stageContext, stoppable } from './context.js';
import { UsageError } from './errors.js';
import { writeRates } from './result-files.js';

/** Which trials to score, and how. */
export interface RateSettings {
  /**
   * Trials that show this stimulus. Default: the stimulus with most repeats among trials that are
   * not in the training part, or else the trials of the test part.
   */
  readonly condition?: string;
  /** How often each window is drawn one ahead, and each trial freely. Default: 10. */
  readonly draws?: number;
  /** Share of each neuron's mean rate that is mixed into rates. Default: 0.02. */
  readonly share?: number;
  /** Whether to fit the baselines as well. Default: true. */
  readonly baselines?: boolean;
  /** Penalties of GLMs by their names, as earlier results have them. Default: chosen anew. */
  readonly penalties?: Readonly<Record<string, RidgeStrengths>>;
  /** Seed of all draws. Default: 1. */
  readonly seed?: number;
}

const DEFAULTS = { draws: 10, share: 0.02, baselines: true, seed: 1 } as const;

/** Windows that are drawn at once, one ahead of the recorded past. */
const BATCH = 100;

/**
 * Scores rates, and writes them into the run's store as rates.json and rates.csv.
 *
 * @throws UsageError where there are no such trials, or they are too short; StoppedError where the
 *   watcher stops it.
 */
export async function scoreRates(
  run: OpenedRun,
  settings: RateSettings,
  options: StageOptions,
): Promise<RateResults> {
  const { engine: source, watcher } = stageContext(options);
  const complete = { ...DEFAULTS, ...settings };
  const { windows, split } = run;
  const { chosen, aligned } = trialsToScore(run, complete);
  const results = await stoppable(watcher, async (stopping) => {
    const means = recordedMeans(windows, split.train);
    const recorded = splitByTrial(recordedCounts(windows, aligned.refs), aligned);
    const window = windows.settings.current;
    const { draws, share, seed } = complete;
    const scorer = new RateScorer(recorded, means, { window, share, repeated: chosen.repeated });
    const model = await withEngine(source, (engine) =>
      drawRates(engine, run, aligned, draws, seed, stopping),
    );
    const scored = ({ ahead, free, ...facts }: RateBaseline): RateMethod => ({
      ...facts,
      ahead: scorer.score(ahead),
      free: free && scorer.score(free),
    });
    const methods = [scored({ name: 'Neuroformer', detail: `${draws} draws`, ...model })];
    const notes: string[] = [];
    if (complete.baselines) {
      const wholeTrials = trialsOfPart(split, 'train');
      if (wholeTrials.length === 0)
        notes.push(
          'Baselines are left out: they are fitted on trials that are in the training part as a whole; split by trials.',
        );
      else {
        const baselines = rateBaselines({
          windows,
          train: wholeTrials,
          validation: trialsOfPart(split, 'validation'),
          test: aligned,
          repeats: wholeTrials.filter((index) => chosen.isSameStimulus(index)),
          means,
          ...(complete.penalties && { penalties: complete.penalties }),
          seed,
          onFit: (activity) => stopping.progress({ activity: `fitting: ${activity}` }),
        });
        for await (const baseline of baselines) methods.push(scored(baseline));
      }
    }
    return {
      weights: run.weights,
      trials: chosen.title,
      count: chosen.trials.length,
      repeated: chosen.repeated,
      window,
      windows: aligned.count,
      draws,
      share,
      ...scorer.recorded(),
      methods,
      notes,
    };
  });
  await writeRates(run.records.store, results);
  return results;
}

/**
 * The trials that `scoreRates` scores.
 *
 * @throws UsageError where there are none, or they are too short.
 */
export function trialsToScore(
  run: OpenedRun,
  { condition }: Pick<RateSettings, 'condition'>,
): { readonly chosen: ChosenTrials; readonly aligned: AlignedWindows } {
  const chosen = chooseTrials(run, condition);
  const aligned = alignedWindows(run.windows, chosen.trials);
  if (aligned.count < 2)
    throw new UsageError(
      `${chosen.title} are too short to be scored: a window reads ${aligned.from.toFixed(2)} s back, and two windows more are needed.`,
    );
  return { chosen, aligned };
}

/** The model's expected counts in aligned windows: [windows, neurons] for each trial. */
async function drawRates(
  engine: Engine,
  run: OpenedRun,
  aligned: AlignedWindows,
  draws: number,
  seed: number,
  watcher: Watcher,
) {
  using loaded = await loadModel(engine, run);
  for (const note of loaded.notes) watcher.note(note);
  const { windows, layout } = run;
  const { model } = loaded;
  const ahead = await drawAhead(engine, model, run, aligned, draws, seed, watcher);
  using sampler = new Sampler(engine, model, layout, aligned.trials.length, { seed: seed + 1 });
  const progress = timedProgress(watcher, 'running freely', 'windows');
  const trials = await freeTrials(sampler, windows, aligned, draws, progress);
  const free = aligned.trials.map((_, n) => {
    const sum = new Float64Array(trials[0]![n]!.expected.length);
    for (const draw of trials)
      for (const [i, value] of draw[n]!.expected.entries()) sum[i]! += value / draws;
    return sum;
  });
  return { ahead, free };
}

async function drawAhead(
  engine: Engine,
  model: Neuroformer,
  { windows, layout }: OpenedRun,
  aligned: AlignedWindows,
  draws: number,
  seed: number,
  watcher: Watcher,
): Promise<Float64Array[]> {
  const { refs } = aligned;
  const expected = await withFittingBatch(Math.min(BATCH, refs.length), async (size) => {
    using sampler = new Sampler(engine, model, layout, size, { seed, endless: true });
    const progress = timedProgress(watcher, 'one window ahead', 'windows');
    return await expectedAhead(sampler, windows, refs, size, draws, progress);
  });
  return splitByTrial(expected, aligned);
}

/** The trials to score, and what they are called. */
interface ChosenTrials {
  readonly trials: readonly number[];
  readonly title: string;
  /** Whether all of them show the same stimulus. */
  readonly repeated: boolean;
  /** Whether another trial shows that stimulus. */
  isSameStimulus(trialIndex: number): boolean;
}

function chooseTrials(run: OpenedRun, condition: string | undefined): ChosenTrials {
  const { trials } = run.dataset.recording;
  const inTraining = new Set(run.split.train.map(({ trialIndex }) => trialIndex));
  const unseen = trials.flatMap((_, index) => (inTraining.has(index) ? [] : [index]));
  const byCondition = new Map<string, number[]>();
  for (const index of unseen) {
    const { condition: name } = trials[index]!;
    if (name !== undefined) byCondition.set(name, [...(byCondition.get(name) ?? []), index]);
  }
  if (condition !== undefined && !trials.some((trial) => trial.condition === condition)) {
    const known = [...new Set(trials.flatMap((trial) => trial.condition ?? []))];
    throw new UsageError(
      `There is no condition ${condition}: ${known.length > 0 ? `the recording has ${known.slice(0, 10).join(', ')}${known.length > 10 ? ' and more' : ''}` : 'the recording has none (trials.conditions in its dataset.yaml)'}.`,
    );
  }
  const mostRepeated = [...byCondition].reduce(
    (best, entry) => (entry[1].length > (best?.[1].length ?? 1) ? entry : best),
    undefined as [string, number[]] | undefined,
  );
  const name = condition ?? mostRepeated?.[0];
  if (name !== undefined) {
    const indices = byCondition.get(name) ?? [];
    if (indices.length === 0)
      throw new UsageError(
        `All trials of condition ${name} are in the training part: choose another, or split by trials so that some are not.`,
      );
    return {
      trials: indices,
      title: `${indices.length} trials of condition ${name}`,
      repeated: indices.length > 1,
      isSameStimulus: (index) => trials[index]!.condition === name,
    };
  }
  const test = trialsOfPart(run.split, 'test');
  if (test.length === 0)
    throw new UsageError(
      'There are no trials to score: split by trials, or name a condition whose trials are not in the training part.',
    );
  return {
    trials: test,
    title: `${test.length} ${test.length === 1 ? 'trial' : 'trials'} of the test part`,
    repeated: false,
    isSameStimulus: () => false,
  };
}

/** Trials that have windows in one part and in no other, by index. */
function trialsOfPart(split: Split, part: Part): number[] {
  const others = new Set(
    SPLIT_PARTS.filter((other) => other !== part).flatMap((other) =>
      split[other].map(({ trialIndex }) => trialIndex),
    ),
  );
  const trials = new Set(split[part].map(({ trialIndex }) => trialIndex));
  return [...trials].filter((index) => !others.has(index)).sort((p, q) => p - q);
}

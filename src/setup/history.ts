/**
 * How much of the past tells about the variables to decode, and which of them tuning curves read
 * best: fits classical decoders on training windows and looks at validation windows.
 */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { laggedCounts } from '../analyze/lagged.js';
import { choosePenalty } from '../analyze/penalties.js';
import { decodeColumns, regressionTargets } from '../analyze/regression-targets.js';
import { scoreClasses, scoreRegression } from '../analyze/scores.js';
import { CannotFitError } from '../analyze/solver.js';
import { type BaselineInputs, bayesBaselines, gapInWindows } from '../analyze/spike-baselines.js';
import { mean } from '../math/statistics.js';
import { recordedValues } from '../probe/decode.js';
import type { WindowRef } from '../recording/windows.js';
import type { TrainingData } from '../train/training-data.js';
import { spreadWindows } from '../train/window-batches.js';

/** What classical decoders say about a recording. */
export interface HistoryChoice {
  /** Seconds of spikes before the end of a window. */
  readonly seconds: number;
  /** How well ridge decodes the validation windows from each length, 1 at best. */
  readonly skills: readonly { readonly seconds: number; readonly skill: number }[];
  /** Variables that tuning curves (Poisson Bayes) decode better than ridge. */
  readonly tuned: readonly string[];
}

/** Lengths that are tried, seconds. */
export const HISTORIES = [0.25, 0.5, 1, 2, 3] as const;
/** A longer history has to be better by this. */
const MIN_GAIN = 0.01;
/** Bayes has to be better than ridge by this. */
const MIN_TUNING_GAIN = 0.02;
/** Ridge is fitted to at most so many counts and windows, which takes seconds. */
const [MAX_COUNTS, MAX_WINDOWS] = [1000, 4000];
/** Counts of each neuron over the history. */
const MAX_BINS = 10;
/** Without this many validation windows nothing is chosen. */
const MIN_WINDOWS = 20;

/**
 * Chooses the length of the past and the variables that tuning curves should decode. Test windows
 * take no part.
 *
 * @param data windows of at least the longest history
 * @param lengths those to try, ascending, seconds
 */
export async function chooseHistory(
  data: TrainingData,
  lengths: readonly number[],
): Promise<HistoryChoice> {
  const train = spreadWindows(data.split.train, MAX_WINDOWS, 1);
  const validation = spreadWindows(data.split.validation, MAX_WINDOWS, 1);
  const longest = lengths.at(-1)!;
  if (validation.length < MIN_WINDOWS) return { seconds: longest, skills: [], tuned: [] };
  const truth = (refs: readonly WindowRef[]) => recordedValues(data.layout, data.windows, refs);
  const neurons = data.windows.recording.neurons;
  const bins = Math.max(1, Math.min(MAX_BINS, Math.floor(MAX_COUNTS / neurons)));
  const tries: Try[] = [];
  for (const seconds of lengths) {
    const inputs = {
      windows: data.windows,
      truth,
      train,
      test: validation,
      bin: seconds / bins,
      histories: [bins],
    };
    const decoded = await ridge(inputs, bins);
    if (!decoded) continue;
    const skills = decoded.map(skillOf);
    tries.push({ seconds, skills, skill: mean(skills), inputs });
  }
  const best = tries.reduce((max, { skill }) => Math.max(max, skill), Number.NEGATIVE_INFINITY);
  const chosen = tries.find(({ skill }) => skill >= best - MIN_GAIN);
  if (!chosen) return { seconds: longest, skills: [], tuned: [] };
  const ridgeSkill = new Map(truth([]).map(({ name }, n) => [name, chosen.skills[n]!]));
  const tuned = new Set<string>();
  for (const bayes of bayesBaselines(chosen.inputs)) {
    const { variables = [] } = await bayes.decode();
    for (const variable of variables)
      if (skillOf(variable) > ridgeSkill.get(variable.name)! + MIN_TUNING_GAIN)
        tuned.add(variable.name);
  }
  return {
    seconds: chosen.seconds,
    skills: tries.map(({ seconds, skill }) => ({ seconds, skill })),
    tuned: [...tuned],
  };
}

/** What ridge decodes from a length of the past. */
interface Try {
  readonly seconds: number;
  /** How well it decodes each variable. */
  readonly skills: readonly number[];
  /** Their mean. */
  readonly skill: number;
  readonly inputs: BaselineInputs;
}

/** The validation windows as ridge decodes them; undefined where it cannot be fitted. */
async function ridge(
  inputs: BaselineInputs,
  count: number,
): Promise<DecodedVariable[] | undefined> {
  const { windows, truth, train, test, bin } = inputs;
  const targets = truth(train).map(regressionTargets);
  try {
    const { model } = await choosePenalty(
      'ridge',
      laggedCounts(windows, train, { bin, count }),
      targets.flatMap(({ columns }) => columns),
      { gap: gapInWindows(inputs, count) },
    );
    const columns = model.predict(laggedCounts(windows, test, { bin, count }));
    return decodeColumns(targets, truth(test), columns);
  } catch (error) {
    if (error instanceof CannotFitError) return undefined;
    throw error;
  }
}

/** How well a variable is decoded: R2, the mean cosine of an angle's error, or F1 of classes. */
export function skillOf(variable: DecodedVariable): number {
  if (variable.kind === 'class') return scoreClasses(variable.truth, variable.predicted).f1;
  const { truth, predicted, period } = variable;
  if (period === undefined) return scoreRegression(truth, predicted).r2;
  const errors = truth.map((value, n) => (2 * Math.PI * (value - predicted[n]!)) / period);
  return mean(errors.map(Math.cos));
}

/** Which variables of a recording can be decoded, and as what. */

import { fullTurn, isPerTrial, summarizeVariable } from '../analyze/overview.js';
import { RecordingError } from '../recording/errors.js';
import { type Recording, variableNames } from '../recording/recording.js';
import { formatCount, formatList } from '../text/format.js';

/** A variable to decode. */
export interface Target {
  readonly name: string;
  readonly objective: 'regression' | 'circular' | 'classification';
  /** The full turn of an angle, in its unit. */
  readonly period?: number;
  /** Whether it has one value in each trial. */
  readonly perTrial: boolean;
  /** Usual seconds between samples; undefined for one value per trial. */
  readonly step?: number;
}

/** What was chosen, and why something was not. */
export interface TargetChoice {
  readonly targets: readonly Target[];
  /** A sentence about each variable that could have been meant and is left out. */
  readonly notes: readonly string[];
}

/** A variable of numbers with at most so many values is one of classes, if all are whole. */
const MAX_CLASSES = 12;
/** Labels of more classes than this are names, such as those of files. */
const MAX_LABELS = 50;
/** A class has at least so many trials, or seconds of samples, on average. */
const MIN_PER_CLASS = 5;
/** More variables than this are not decoded unless they are named. */
const MAX_TARGETS = 8;

/**
 * Chooses the variables to decode.
 *
 * @param named those that the user names. Default: all that vary and can be decoded; of variables
 *   over time and values per trial, which need different windows, those over time.
 * @throws RecordingError where a named variable does not exist or cannot be decoded, or two named
 *   ones need different windows.
 */
export function chooseTargets(recording: Recording, named?: readonly string[]): TargetChoice {
  const names = variableNames(recording);
  if (named) {
    const missing = named.find((name) => !names.includes(name));
    if (missing !== undefined)
      throw new RecordingError(
        `The recording has no variable ${missing} to decode; it has ${formatList(names, 20) || 'none'}.`,
      );
  }
  const judged = (named ?? names).map((name) => judge(recording, name));
  const unusable = judged.filter((item): item is Unusable => 'reason' in item);
  if (named && unusable.length > 0) throw new RecordingError(unusable[0]!.reason);
  const usable = judged.filter((item): item is Target => !('reason' in item));
  const overTime = usable.filter(({ perTrial }) => !perTrial);
  const perTrial = usable.filter((target) => target.perTrial);
  if (named && overTime.length > 0 && perTrial.length > 0)
    throw new RecordingError(
      `${perTrial[0]!.name} has one value per trial and ${overTime[0]!.name} changes within trials: they need different windows, so decode one of the two with a model of its own.`,
    );
  const [chosen, others] = overTime.length > 0 ? [overTime, perTrial] : [perTrial, []];
  const targets = named ? chosen : chosen.slice(0, MAX_TARGETS);
  const left = [...chosen.slice(targets.length), ...others].map(({ name }) => name);
  return {
    targets,
    notes: [
      ...unusable.map(({ reason }) => reason),
      ...(left.length > 0 ? [`Not decoded unless named: ${formatList(left, 20)}.`] : []),
    ],
  };
}

/** Why a variable cannot be decoded, in a sentence. */
interface Unusable {
  readonly reason: string;
}

function judge(recording: Recording, name: string): Target | Unusable {
  const trials = recording.trials.filter(({ variables }) => variables[name]);
  const series = trials.map(({ variables }) => variables[name]!);
  const perTrial = isPerTrial(name, recording.trials);
  const values = series.flatMap(({ values: all }) =>
    perTrial ? [(all as ArrayLike<number | string>)[0]!] : Array.from<number | string>(all),
  );
  const distinct = new Set(values);
  if (distinct.size < 2)
    return { reason: `${name} is always ${values[0] ?? 'missing'}: there is nothing to decode.` };
  const summary = summarizeVariable(name, undefined, recording.trials);
  // A single sample in each trial has no step.
  const step = perTrial ? undefined : summary.step || 1;
  const kind = { perTrial, ...(step !== undefined && { step }) };
  const isText = typeof values[0] === 'string';
  const areWhole = values.every((value) => Number.isInteger(Number(value)));
  if (isText || (areWhole && distinct.size <= MAX_CLASSES)) {
    const seconds = perTrial ? values.length : values.length * step!;
    return distinct.size > MAX_LABELS || seconds / distinct.size < MIN_PER_CLASS
      ? {
          reason: `${name} has ${formatCount(distinct.size)} different values in ${perTrial ? `${values.length} trials` : `${Math.round(seconds)} s`}, too few of each to learn from.`,
        }
      : { name, objective: 'classification', ...kind };
  }
  const period = series[0]!.period ?? (summary.range && fullTurn(summary.range));
  return period === undefined
    ? { name, objective: 'regression', ...kind }
    : { name, objective: 'circular', period, ...kind };
}

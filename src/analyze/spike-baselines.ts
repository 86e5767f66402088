/**
 * Decoders that labs already use, fitted to spike counts of the windows that the model reads:
 * ridge, lasso and least squares on lagged counts, and Bayes with Poisson spikes.
 */

import { mean } from '../math/statistics.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import { formatSeconds } from '../text/format.js';
import { chooseBayes, type WindowCounts } from './bayes.js';
import { commonStep, type DecodedVariable } from './decoded-variable.js';
import { laggedCounts } from './lagged.js';
import { choosePenalty, tryPenalties } from './penalties.js';
import { CannotFitError, fitLeastSquares, fitRidge, type SparseRows } from './regression.js';
import { decodeColumns, regressionTargets } from './regression-targets.js';

/** What one baseline decoded. */
export interface BaselineResult {
  /** Name of the decoder in tables, such as 'ridge, 0.5 s'. */
  readonly name: string;
  /** The settings chosen on training windows; or, without variables, why it cannot be fitted. */
  readonly detail: string;
  /** Undefined where the decoder cannot be fitted on these windows. */
  readonly variables: readonly DecodedVariable[] | undefined;
}

/** The result of a decoder; or, if it cannot be fitted, the reason. */
function attempt(name: string, decode: () => Omit<BaselineResult, 'name'>): BaselineResult {
  try {
    return { name, ...decode() };
  } catch (error) {
    if (error instanceof CannotFitError)
      return { name, detail: error.message, variables: undefined };
    throw error;
  }
}

/** What baselines are fitted on and decode. */
export interface BaselineInputs {
  readonly windows: Windows;
  /** The true values of the variables at the ends of windows; `predicted` is ignored. */
  readonly truth: (refs: readonly WindowRef[]) => DecodedVariable[];
  /** Windows to fit on. */
  readonly train: readonly WindowRef[];
  /** Windows to decode. */
  readonly test: readonly WindowRef[];
  /** Seconds per bin of counts. */
  readonly bin: number;
  /** Numbers of bins that decoders look back, ascending; there is one ridge for each. */
  readonly histories: readonly number[];
}

/** Penalties that a ridge may have. */
const PENALTIES = [0, 1, 2, 3, 4, 5, 6].map((power) => 10 ** power);

/**
 * Fits each baseline on the training windows and decodes the test windows.
 *
 * All variables and histories of the ridge share one penalty: the one with the least error,
 * relative to each variable's variance, of the shortest history on the last fifth of the training
 * windows.
 */
export function* spikeBaselines(inputs: BaselineInputs): Generator<BaselineResult> {
  const { windows, truth, train, test, bin, histories } = inputs;
  const trainTargets = truth(train).map(regressionTargets);
  const testTruth = truth(test);
  const targets = trainTargets.flatMap(({ columns }) => columns);
  const decoded = (columns: readonly ArrayLike<number>[]) =>
    decodeColumns(trainTargets, testTruth, columns);
  let penalty: number | undefined;
  for (const count of histories) {
    const lags = { bin, count };
    const trainDesign = laggedCounts(windows, train, lags);
    const testDesign = laggedCounts(windows, test, lags);
    const gap = gapInWindows(inputs, count);
    const seconds = formatSeconds(count * bin);
    yield attempt(`ridge, ${seconds}`, () => {
      penalty ??= commonPenalty(trainDesign, targets, gap);
      const ridge = fitRidge(trainDesign, targets, penalty);
      return {
        detail: `penalty ${penalty}`,
        variables: decoded(ridge.predict(testDesign)),
      };
    });
    if (count !== histories.at(-1)) continue;
    yield attempt(`lasso, ${seconds}`, () => {
      const { penalties, model } = choosePenalty('lasso', trainDesign, targets, { gap });
      const list = penalties.map((value) => value.toPrecision(2)).join(', ');
      return { detail: `penalty ${list}`, variables: decoded(model.predict(testDesign)) };
    });
    yield attempt(`GLM, identity link, ${seconds}`, () => ({
      detail: 'least squares',
      variables: decoded(fitLeastSquares(trainDesign, targets).predict(testDesign)),
    }));
  }
  yield* bayesBaselines(inputs);
}

/**
 * How many training windows end within so many bins. As a gap before held-out windows it keeps them
 * from sharing spikes.
 */
export function gapInWindows(
  { train, bin }: Pick<BaselineInputs, 'train' | 'bin'>,
  bins: number,
): number {
  return Math.ceil((bins * bin) / (commonStep(train) ?? bin) - 1e-9);
}

/**
 * Counts of each neuron in the time before the end of every window, one result per length.
 *
 * @param lengths in bins
 */
function countsBefore(
  { windows, bin }: BaselineInputs,
  refs: readonly WindowRef[],
  lengths: readonly number[],
): WindowCounts[] {
  return lengths.map((bins) => {
    const seconds = bins * bin;
    return {
      counts: laggedCounts(windows, refs, { bin: seconds, count: 1 }, (spikes) => spikes),
      seconds: Float64Array.from(refs, ({ end }) => Math.min(seconds, end)),
    };
  });
}

/**
 * Lengths of time over which a Bayes decoder may count spikes, as shares of the longest history.
 */
const HISTORY_SHARES = [1 / 12, 1 / 6, 1 / 3, 2 / 3, 1];

/**
 * Bayes decoders of each number and angle; nothing if there are only classes. Rates come either
 * from the bin that ends with a window (Zhang et al. 1998), or from all the seconds over which
 * spikes are counted, which accounts for their delay.
 */
export function* bayesBaselines(inputs: BaselineInputs): Generator<BaselineResult> {
  const trained = inputs.truth(inputs.train);
  const testTruth = inputs.truth(inputs.test);
  if (testTruth.every(({ kind }) => kind === 'class')) return;
  const { train, test, bin, histories } = inputs;
  const longest = histories.at(-1)!;
  const lengths = [
    ...new Set(HISTORY_SHARES.map((share) => Math.max(1, Math.round(share * longest)))),
  ];
  const trainCounts = countsBefore(inputs, train, lengths);
  const testCounts = countsBefore(inputs, test, lengths);
  const [oneBin] = countsBefore(inputs, train, [1]);
  for (const tuning of [oneBin, undefined]) {
    const rates = tuning ? `rates of ${bin} s` : 'rates of its window';
    yield attempt(`Poisson Bayes, ${rates}`, () => {
      const details: string[] = [];
      const variables = testTruth.flatMap((variable, n): DecodedVariable[] => {
        const known = trained[n]!;
        if (variable.kind === 'class' || known.kind === 'class') return [];
        const { decoder, window, setting } = chooseBayes(trainCounts, known.truth, {
          ...(variable.period !== undefined && { period: variable.period }),
          ...(tuning && { tuning }),
          gap: gapInWindows(inputs, longest),
        });
        const detail = `${formatSeconds(lengths[window]! * bin)}, ${setting.bins} bins`;
        details.push(testTruth.length > 1 ? `${variable.name} ${detail}` : detail);
        return [{ ...variable, predicted: decoder.decode(testCounts[window]!) }];
      });
      return { detail: details.join('; '), variables };
    });
  }
}

/** The penalty with the least sum of errors over all targets, each relative to its variance. */
function commonPenalty(design: SparseRows, targets: readonly Float64Array[], gap: number): number {
  const searches = tryPenalties('ridge', design, targets, { grid: PENALTIES, gap });
  const { penalties } = searches[0]!;
  const sums = penalties.map((_, n) =>
    searches.reduce((sum, { errors }, target) => sum + errors[n]! / variance(targets[target]!), 0),
  );
  return penalties[sums.indexOf(Math.min(...sums))]!;
}

/** The variance of a target; 1 if it is constant, so that errors can be divided by it. */
function variance(values: Float64Array): number {
  const center = mean(values);
  return mean(values.map((value) => (value - center) ** 2)) || 1;
}

/**
 * Decoders that labs already use, fitted to spike counts of the windows that the model reads:
 * ridge, lasso and least squares on lagged counts, and Bayes with Poisson spikes.
 */

import { mean } from '../math/statistics.js';
import { Turns } from '../ports/turns.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import { formatSeconds } from '../text/format.js';
import { chooseBayes, type WindowCounts } from './bayes.js';
import { commonStep, type DecodedVariable } from './decoded-variable.js';
import { laggedCounts } from './lagged.js';
import { choosePenalty, tryPenalties } from './penalties.js';
import { fitLeastSquares, fitRidge } from './regression.js';
import { decodeColumns, regressionTargets } from './regression-targets.js';
import { CannotFitError } from './solver.js';
import type { SparseRows } from './sparse-rows.js';

/** What one baseline decoded. */
export interface BaselineResult {
  /** Name of the decoder in tables, such as 'ridge, 0.5 s'. */
  readonly name: string;
  /** The settings chosen on training windows; or, without variables, why it cannot be fitted. */
  readonly detail: string;
  /** Undefined where the decoder cannot be fitted on these windows. */
  readonly variables: readonly DecodedVariable[] | undefined;
}

/** A baseline that can be fitted. */
export interface SpikeBaseline {
  /** Its name in tables. */
  readonly name: string;
  /** Fits it on the training windows and decodes the test windows. */
  decode(turns?: Turns): Promise<BaselineResult>;
}

/** A baseline whose result is the reason where it cannot be fitted. */
function baseline(
  name: string,
  decode: (turns: Turns) => Promise<Omit<BaselineResult, 'name'>>,
): SpikeBaseline {
  return {
    name,
    async decode(turns = new Turns()) {
      try {
        return { name, ...(await decode(turns)) };
      } catch (error) {
        if (error instanceof CannotFitError)
          return { name, detail: error.message, variables: undefined };
        throw error;
      }
    },
  };
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
 * The baselines, in the order in which they are to be fitted.
 *
 * All variables and histories of the ridge share one penalty: the one with the least error,
 * relative to each variable's variance, of the shortest history on the last fifth of the training
 * windows.
 */
export function spikeBaselines(inputs: BaselineInputs): SpikeBaseline[] {
  const { windows, truth, train, test, bin, histories } = inputs;
  const trainTargets = truth(train).map(regressionTargets);
  const testTruth = truth(test);
  const targets = trainTargets.flatMap(({ columns }) => columns);
  const decoded = (columns: readonly ArrayLike<number>[]) =>
    decodeColumns(trainTargets, testTruth, columns);
  let penalty: number | undefined;
  const linear = histories.flatMap((count): SpikeBaseline[] => {
    const lags = { bin, count };
    const seconds = formatSeconds(count * bin);
    const gap = gapInWindows(inputs, count);
    let designs: { train: SparseRows; test: SparseRows } | undefined;
    const read = () => {
      designs ??= {
        train: laggedCounts(windows, train, lags),
        test: laggedCounts(windows, test, lags),
      };
      return designs;
    };
    const ridge = baseline(`ridge, ${seconds}`, async (turns) => {
      const design = read();
      penalty ??= await commonPenalty(design.train, targets, gap, turns);
      const model = await fitRidge(design.train, targets, penalty, turns);
      return { detail: `penalty ${penalty}`, variables: decoded(model.predict(design.test)) };
    });
    if (count !== histories.at(-1)) return [ridge];
    const lasso = baseline(`lasso, ${seconds}`, async (turns) => {
      const design = read();
      const fit = await choosePenalty('lasso', design.train, targets, { gap }, turns);
      const list = fit.penalties.map((value) => value.toPrecision(2)).join(', ');
      return { detail: `penalty ${list}`, variables: decoded(fit.model.predict(design.test)) };
    });
    const glm = baseline(`GLM, identity link, ${seconds}`, async (turns) => {
      const design = read();
      const model = await fitLeastSquares(design.train, targets, turns);
      return { detail: 'least squares', variables: decoded(model.predict(design.test)) };
    });
    return [ridge, lasso, glm];
  });
  return [...linear, ...bayesBaselines(inputs)];
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
export function bayesBaselines(inputs: BaselineInputs): SpikeBaseline[] {
  const trained = inputs.truth(inputs.train);
  const testTruth = inputs.truth(inputs.test);
  if (testTruth.every(({ kind }) => kind === 'class')) return [];
  const { train, test, bin, histories } = inputs;
  const longest = histories.at(-1)!;
  const lengths = [
    ...new Set(HISTORY_SHARES.map((share) => Math.max(1, Math.round(share * longest)))),
  ];
  // Where counts are of one bin, both are the same.
  return (longest > 1 ? [true, false] : [false]).map((isShort) =>
    baseline(`Poisson Bayes, rates of ${isShort ? `${bin} s` : 'its window'}`, async (turns) => {
      const trainCounts = countsBefore(inputs, train, lengths);
      const testCounts = countsBefore(inputs, test, lengths);
      const tuning = isShort ? countsBefore(inputs, train, [1])[0] : undefined;
      const details: string[] = [];
      const variables: DecodedVariable[] = [];
      for (const [n, variable] of testTruth.entries()) {
        const known = trained[n]!;
        if (variable.kind === 'class' || known.kind === 'class') continue;
        const candidates = {
          ...(variable.period !== undefined && { period: variable.period }),
          ...(tuning && { tuning }),
          gap: gapInWindows(inputs, longest),
        };
        const fit = await chooseBayes(trainCounts, known.truth, candidates, turns);
        const detail = `${formatSeconds(lengths[fit.window]! * bin)}, ${fit.setting.bins} bins`;
        details.push(testTruth.length > 1 ? `${variable.name} ${detail}` : detail);
        variables.push({ ...variable, predicted: fit.decoder.decode(testCounts[fit.window]!) });
      }
      return { detail: details.join('; '), variables };
    }),
  );
}

/** The penalty with the least sum of errors over all targets, each relative to its variance. */
async function commonPenalty(
  design: SparseRows,
  targets: readonly Float64Array[],
  gap: number,
  turns: Turns,
): Promise<number> {
  const searches = await tryPenalties('ridge', design, targets, { grid: PENALTIES, gap }, turns);
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

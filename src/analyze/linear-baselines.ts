/** Decoders that labs use already, on the same windows: the mean, ridge and lasso on lagged counts, Bayes. */

import { mean } from '../math/statistics.js';
import { Scale } from '../recording/scales.js';
import type { ClassValue } from '../recording/vocabularies.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import { formatSeconds } from '../text/format.js';
import { chooseBayes, type WindowCounts } from './bayes.js';
import { commonStep, type DecodedVariable } from './decoded-variable.js';
import { laggedCounts } from './lagged.js';
import { choosePenalty, tryPenalties } from './penalties.js';
import { fitRidge, type SparseRows, UnfitError } from './regression.js';

/** What one decoder made of the windows. */
export interface BaselineResult {
  readonly name: string;
  /** What was chosen for it on training windows; or why they do not allow it. */
  readonly detail: string;
  /** Undefined where there is nothing to decode with. */
  readonly variables: readonly DecodedVariable[] | undefined;
}

/** What a decoder gives, or why these windows do not allow it. */
function attempted(name: string, make: () => Omit<BaselineResult, 'name'>): BaselineResult {
  try {
    return { name, ...make() };
  } catch (error) {
    if (error instanceof UnfitError) return { name, detail: error.message, variables: undefined };
    throw error;
  }
}

export interface BaselineInputs {
  readonly windows: Windows;
  /** What is to be decoded, as it was when some windows ended. */
  readonly truth: (refs: readonly WindowRef[]) => DecodedVariable[];
  readonly train: readonly WindowRef[];
  readonly test: readonly WindowRef[];
  /** Seconds of a bin of counts. */
  readonly bin: number;
  /** Bins of history, the fewest first: a ridge for each. */
  readonly histories: readonly number[];
}

/** Penalties of ridges, in powers of ten. */
const PENALTIES = [0, 1, 2, 3, 4, 5, 6].map((power) => 10 ** power);

/**
 * Fits each decoder on training windows and decodes the test windows.
 *
 * One penalty does for all variables and histories of the ridge: the one with the least error, in variances, of the
 * shortest history on the last fifth of the training windows.
 */
export function* linearBaselines(inputs: BaselineInputs): Generator<BaselineResult> {
  const { windows, truth, train, test, bin, histories } = inputs;
  const known = truth(train).map(regressionTargets);
  const asked = truth(test);
  yield predictMean(known, asked);
  const targets = known.flatMap(({ columns }) => columns);
  const decoded = (columns: readonly ArrayLike<number>[]) => {
    let next = 0;
    return asked.map((variable, n) => {
      const own = columns.slice(next, next + known[n]!.columns.length);
      next += own.length;
      return known[n]!.read(variable, own);
    });
  };
  let penalty: number | undefined;
  for (const count of histories) {
    const lags = { bin, count };
    const design = laggedCounts(windows, train, lags);
    const asking = laggedCounts(windows, test, lags);
    const gap = gapInWindows(inputs, count);
    const seconds = formatSeconds(count * bin);
    yield attempted(`ridge, ${seconds}`, () => {
      penalty ??= commonPenalty(design, targets, gap);
      const ridge = fitRidge(design, targets, penalty);
      return { detail: `penalty ${penalty}`, variables: decoded(ridge.predict(asking)) };
    });
    if (count !== histories.at(-1)) continue;
    yield attempted(`lasso, ${seconds}`, () => {
      const { penalties, model } = choosePenalty('lasso', design, targets, { gap });
      const range = penalties.map((own) => own.toPrecision(2)).join(', ');
      return { detail: `penalty ${range}`, variables: decoded(model.predict(asking)) };
    });
  }
  yield* poissonBayes(inputs, known, asked);
}

/** A variable of the training windows as columns of numbers of size one, and how they become the variable again. */
interface Targets {
  readonly truth: DecodedVariable;
  readonly columns: readonly Float64Array[];
  read(asked: DecodedVariable, columns: readonly ArrayLike<number>[]): DecodedVariable;
}

function regressionTargets(truth: DecodedVariable): Targets {
  if (truth.kind === 'class') {
    const classes = [...new Set(truth.truth)];
    return {
      truth,
      columns: classes.map((value) => Float64Array.from(truth.truth, (v) => Number(v === value))),
      read(asked, columns) {
        const predicted: ClassValue[] = asked.truth.length
          ? Array.from(columns[0]!, (_, row) => {
              const scores = columns.map((column) => column[row]!);
              return classes[scores.indexOf(Math.max(...scores))]!;
            })
          : [];
        return { ...(asked as typeof truth), predicted };
      },
    };
  }
  const scale = Scale.of([...truth.truth], truth.period);
  const encoded = Array.from(truth.truth, (value) => scale.encode(value));
  return {
    truth,
    columns: encoded[0]!.map((_, n) => Float64Array.from(encoded, (parts) => parts[n]!)),
    read(asked, columns) {
      const predicted = Float64Array.from(columns[0]!, (_, row) =>
        scale.decode(columns.map((column) => column[row]!)),
      );
      return { ...(asked as typeof truth), predicted };
    },
  };
}

/** What is always said: the mean, an angle's mean direction, the most frequent class. */
function predictMean(known: readonly Targets[], asked: readonly DecodedVariable[]): BaselineResult {
  const variables = asked.map((variable, n) => {
    const { columns, read } = known[n]!;
    const means = columns.map((column) => {
      return new Float64Array(variable.truth.length).fill(mean(column));
    });
    return read(variable, means);
  });
  return { name: 'mean', detail: 'of training', variables };
}

/** How many training windows end within so many bins: left out before those held out, none shares spikes with them. */
function gapInWindows({ train, bin }: BaselineInputs, bins: number): number {
  return Math.ceil((bins * bin) / (commonStep(train) ?? bin) - 1e-9);
}

/** Counts of each neuron in the last seconds before every window's end, of several lengths. */
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

/** Shares of the longest history that a Bayes decoder may count spikes over. */
const HISTORY_SHARES = [1 / 12, 1 / 6, 1 / 3, 2 / 3, 1];

/**
 * Each number and angle on its own; nothing where there is none. Rates are taken from the bin that ends with a window
 * (Zhang et al. 1998), or from all the seconds that spikes are counted over, which knows how far behind they are.
 */
function* poissonBayes(
  inputs: BaselineInputs,
  known: readonly Targets[],
  asked: readonly DecodedVariable[],
): Generator<BaselineResult> {
  if (asked.every(({ kind }) => kind === 'class')) return;
  const { train, test, bin, histories } = inputs;
  const longest = histories.at(-1)!;
  const lengths = [
    ...new Set(HISTORY_SHARES.map((share) => Math.max(1, Math.round(share * longest)))),
  ];
  const fitted = countsBefore(inputs, train, lengths);
  const asking = countsBefore(inputs, test, lengths);
  const [oneBin] = countsBefore(inputs, train, [1]);
  for (const tuning of [oneBin, undefined]) {
    const rates = tuning ? `rates of ${bin} s` : 'rates of its window';
    yield attempted(`Poisson Bayes, ${rates}`, () => {
      const details: string[] = [];
      const variables = asked.flatMap((variable, n): DecodedVariable[] => {
        const { truth } = known[n]!;
        if (variable.kind === 'class' || truth.kind === 'class') return [];
        const { decoder, window, setting } = chooseBayes(fitted, truth.truth, {
          ...(variable.period !== undefined && { period: variable.period }),
          ...(tuning && { tuning }),
          gap: gapInWindows(inputs, longest),
        });
        const own = `${formatSeconds(lengths[window]! * bin)}, ${setting.bins} bins`;
        details.push(asked.length > 1 ? `${variable.name} ${own}` : own);
        return [{ ...variable, predicted: decoder.decode(asking[window]!) }];
      });
      return { detail: details.join('; '), variables };
    });
  }
}

function commonPenalty(design: SparseRows, targets: readonly Float64Array[], gap: number): number {
  const tried = tryPenalties('ridge', design, targets, { grid: PENALTIES, gap });
  const sums = tried[0]!.penalties.map((_, n) =>
    tried.reduce((sum, { errors }, target) => sum + errors[n]! / variance(targets[target]!), 0),
  );
  return tried[0]!.penalties[sums.indexOf(Math.min(...sums))]!;
}

function variance(values: Float64Array): number {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** 2)) || 1;
}

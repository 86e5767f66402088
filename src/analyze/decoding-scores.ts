/** Scores of decoded variables with bootstrap intervals. */

import { deviation } from '../math/statistics.js';
import { bootstrapScores, type Resampling, type Score } from './bootstrap.js';
import type { DecodedVariable } from './decoded-variable.js';
import {
  type CircularScores,
  type ClassScores,
  type RegressionScores,
  scoreCircular,
  scoreClasses,
  scoreRegression,
} from './scores.js';

/** The scores of one variable, by the keys of `SCORE_COLUMNS`. */
export type Scores = Readonly<Record<string, Score>>;

/** How windows are resampled; see `bootstrapScores`. */
export type Blocks = Pick<Resampling, 'segments' | 'block' | 'seed'>;

const BOOTSTRAP_REPEATS = 1000;

/** What the scorer of each kind of variable returns. */
interface ScoresByKind {
  number: RegressionScores;
  angle: CircularScores;
  class: ClassScores;
}

/** A score as a column of tables. */
export interface ScoreColumn<Key extends string = string> {
  /** Its key in `Scores`. */
  readonly key: Key;
  /** Its heading. */
  readonly title: string;
  /** Whether it is in the variable's own unit. */
  readonly hasUnit?: boolean;
}

/** The scores of each kind of variable, the most telling first. Errors of angles are in degrees. */
export const SCORE_COLUMNS: {
  readonly [Kind in DecodedVariable['kind']]: readonly ScoreColumn<
    string & keyof ScoresByKind[Kind]
  >[];
} = {
  number: [
    { key: 'r', title: 'r' },
    { key: 'r2', title: 'R2' },
    { key: 'rmse', title: 'RMSE', hasUnit: true },
    { key: 'median', title: 'median error', hasUnit: true },
  ],
  angle: [
    { key: 'median', title: 'median error (deg)' },
    { key: 'mean', title: 'mean error (deg)' },
    { key: 'signed', title: 'bias (deg)' },
    { key: 'aligned', title: 'median error without bias (deg)' },
  ],
  class: [
    { key: 'accuracy', title: 'accuracy' },
    { key: 'f1', title: 'F1' },
  ],
};

/** The scores of one variable with their intervals; see `bootstrapScores`. */
export function scoreWithIntervals(variable: DecodedVariable, blocks: Blocks): Scores {
  return namedScores(variable, resample(blocks, rowScorer(variable)));
}

/**
 * The same, and by how much the first of the scores differs from that of another decoder, with the
 * interval of that difference. Both are scored in the same resamplings: what makes some stretches
 * hard for any decoder cancels, so that a difference may be certain where intervals overlap.
 *
 * @returns the scores, and the first score of `other` minus theirs
 */
export function scoreBeside(
  variable: DecodedVariable,
  other: DecodedVariable,
  blocks: Blocks,
): { readonly scores: Scores; readonly otherMinusThis: Score } {
  const [score, scoreOther] = [rowScorer(variable), rowScorer(other)];
  const [otherMinusThis, ...scores] = resample(blocks, (rows) => {
    const values = score(rows);
    return [scoreOther(rows)[0]! - values[0]!, ...values];
  });
  return { scores: namedScores(variable, scores), otherMinusThis: otherMinusThis! };
}

function resample(blocks: Blocks, scores: (rows: readonly number[]) => readonly number[]): Score[] {
  return bootstrapScores({ repeats: BOOTSTRAP_REPEATS, ...blocks }, scores);
}

/** Scores by the keys of `SCORE_COLUMNS`, in whose order they are. */
function namedScores({ kind }: DecodedVariable, scores: readonly Score[]): Scores {
  return Object.fromEntries(SCORE_COLUMNS[kind].map(({ key }, n) => [key, scores[n]!] as const));
}

/** The scores of one variable without intervals, by the keys of `SCORE_COLUMNS`. */
export function scoreVariable(variable: DecodedVariable): Record<string, number> {
  const rows = Array.from({ length: variable.truth.length }, (_, n) => n);
  const values = rowScorer(variable)(rows);
  return Object.fromEntries(
    SCORE_COLUMNS[variable.kind].map(({ key }, n) => [key, values[n]!] as const),
  );
}

/**
 * Where a number varies by less than this share of what it varies by in all rows, it rests: noise
 * around a rest is not what is decoded, and R2, which divides by it, would be astronomical.
 */
const STILL = 1e-3;

/**
 * A function that scores some rows of a variable. It returns all scores in the order of
 * `SCORE_COLUMNS`.
 */
function rowScorer(variable: DecodedVariable): (rows: readonly number[]) => number[] {
  if (variable.kind === 'class') {
    const { truth, predicted } = variable;
    // Whoever always says the only class there is would be right.
    if (truth.every((label) => label === truth[0]))
      return () => SCORE_COLUMNS.class.map(() => Number.NaN);
    return (rows) => {
      const select = <T>(values: readonly T[]) => rows.map((row) => values[row]!);
      const scores = scoreClasses(select(truth), select(predicted));
      return SCORE_COLUMNS.class.map(({ key }) => scores[key]);
    };
  }
  const { truth, predicted, period } = variable;
  const still = period === undefined ? STILL * deviation(truth) : 0;
  return (rows) => {
    const select = (values: Float64Array, factor: number) => {
      const selected = new Float64Array(rows.length);
      for (let n = 0; n < rows.length; n++) selected[n] = values[rows[n]!]! * factor;
      return selected;
    };
    if (period === undefined) {
      const scores = scoreRegression(select(truth, 1), select(predicted, 1), still);
      return SCORE_COLUMNS.number.map(({ key }) => scores[key]);
    }
    const degrees = 360 / period;
    const scores = scoreCircular(select(truth, degrees), select(predicted, degrees), 360);
    return SCORE_COLUMNS.angle.map(({ key }) => scores[key]);
  };
}

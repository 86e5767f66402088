/**
 * The decoders of a table of scores: which is the model, which are baselines, what chance is, and
 * how their scores are written and compared.
 */

import type { Score } from '../analyze/bootstrap.js';
import { CHANCE } from '../analyze/chance.js';
import type { ScoreColumn, Scores } from '../analyze/decoding-scores.js';
import type { DecodedResults, MethodScores } from '../probe/results.js';
import { formatDecimals, NO_SCORE } from '../text/format.js';

/** Where the scores of a variable are in those of a method: of all moments, or of some. */
export type ScoresOf = (method: MethodScores) => Scores | undefined;

/** Whether a decoder is at chance. */
export function isChance({ name }: MethodScores): boolean {
  return name.startsWith(CHANCE);
}

/** Whether a decoder is the run's model, or another of its kind. */
export function isOfModel({ name }: MethodScores, methods: readonly MethodScores[]): boolean {
  const own = methods[0]!.name;
  return name === own || name.startsWith(`${own}, `);
}

/** Whether more of a score is better; else it is an error. */
export function isHigherBetter({ key }: ScoreColumn): boolean {
  return ['r', 'r2', 'accuracy', 'f1'].includes(key);
}

/** Methods that have a score, the best first. */
export function ranked(
  methods: readonly MethodScores[],
  column: ScoreColumn,
  scoresOf: ScoresOf,
): MethodScores[] {
  const value = (method: MethodScores) => scoresOf(method)?.[column.key]?.value ?? Number.NaN;
  const sign = isHigherBetter(column) ? -1 : 1;
  return methods
    .filter((method) => Number.isFinite(value(method)))
    .sort((p, q) => sign * (value(p) - value(q)));
}

/**
 * The best score at chance; undefined where no decoder at chance has one. A correlation is at least
 * 0, which it would be if drawn often enough.
 */
export function chanceScore(
  methods: readonly MethodScores[],
  column: ScoreColumn,
  scoresOf: ScoresOf,
): number | undefined {
  const [best] = ranked(methods.filter(isChance), column, scoresOf);
  const value = best && scoresOf(best)?.[column.key]?.value;
  return value !== undefined && column.key === 'r' ? Math.max(0, value) : value;
}

/** The decoder with the best score that is neither the model nor at chance. */
export function bestBaseline(
  methods: readonly MethodScores[],
  column: ScoreColumn,
  scoresOf: ScoresOf,
): MethodScores | undefined {
  const baselines = methods.filter((method) => !isOfModel(method, methods) && !isChance(method));
  return ranked(baselines, column, scoresOf)[0];
}

/**
 * By how much the model's first score of a variable is better than a decoder's, negative where
 * it is worse; undefined where the two were not compared.
 *
 * @param column the first of the variable's kind
 */
export function modelAdvantage(
  { modelMinusThis }: MethodScores,
  name: string,
  column: ScoreColumn,
): Score | undefined {
  const difference = modelMinusThis?.[name];
  return !difference || isHigherBetter(column) ? difference : negated(difference);
}

/** With fewer blocks than these, intervals are rough, and tell nothing apart. */
const [ROUGH_BLOCKS, FEW_BLOCKS] = [10, 4];

/** Whether intervals, where there are any, come from blocks enough to tell scores apart. */
export function tellsApart({ blocks }: Pick<DecodedResults, 'blocks'>): boolean {
  return blocks < 2 || blocks >= FEW_BLOCKS;
}

/** What to make of intervals from few blocks; empty where there are enough, or no intervals. */
export function describeFewBlocks({
  blocks,
  block,
}: Pick<DecodedResults, 'blocks' | 'block'>): string {
  if (blocks < 2 || blocks >= ROUGH_BLOCKS) return '';
  return blocks < FEW_BLOCKS
    ? `The intervals come from ${blocks} blocks of ${block} s, too few to tell anything apart.`
    : `The intervals come from ${blocks} blocks of ${block} s, so they are rough.`;
}

/** A score, such as a difference, with the other sign. */
export function negated({ value, low, high }: Score): Score {
  return { value: -value, low: -high, high: -low };
}

/** A score with its interval, if it has one; a dash if there is no score. */
export function describeScore(score: Score | undefined, digits: number): string {
  if (!score || !Number.isFinite(score.value)) return NO_SCORE;
  const { value, low, high } = score;
  const text = formatDecimals(value, digits);
  if (!Number.isFinite(low)) return text;
  return `${text} (${formatDecimals(low, digits)} to ${formatDecimals(high, digits)})`;
}

/** What decoding came to, in a sentence or two for each variable. */

import type { Score } from '../analyze/bootstrap.js';
import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { SCORE_COLUMNS, type ScoreColumn } from '../analyze/decoding-scores.js';
import type { DecodedResults, MethodScores } from '../probe/results.js';
import { describePart } from '../train/open-run.js';
import {
  bestBaseline,
  chanceScore,
  describeFewBlocks,
  describeScore,
  isHigherBetter,
  isOfModel,
  modelAdvantage,
  negated,
  type ScoresOf,
  tellsApart,
} from './decoders.js';
import type { Answer } from './html.js';
import { scoreAsStart } from './spread.js';
import { withUnit } from './theme.js';

/** How well each variable is decoded, beside chance and the best baseline. */
export function decodedAnswers(decoded: DecodedResults): Answer[] {
  return decoded.variables.map((variable) => decodedAnswer(variable, decoded));
}

function decodedAnswer({ name, kind }: DecodedVariable, results: DecodedResults): Answer {
  const { methods, part, when, units } = results;
  const isTold = tellsApart(results);
  const [model] = methods as [MethodScores, ...MethodScores[]];
  const [column] = SCORE_COLUMNS[kind] as [ScoreColumn, ...ScoreColumn[]];
  const scoresOf: ScoresOf = ({ scores }) => scores[name];
  const describe = (score: Score | undefined) => describeScore(score, kind === 'angle' ? 1 : 3);
  const asked = `Decode ${withUnit(name, units[name])} from ${model.detail}, in ${describePart(part)}`;
  const score = scoresOf(model)?.[column.key];
  if (!score || !Number.isFinite(score.value))
    return { asked, answer: `There is no ${column.title}: what was recorded does not vary.` };
  const others = methods
    .filter((method) => method !== model && isOfModel(method, methods))
    .map((method) => `; ${method.name}: ${describe(scoresOf(method)?.[column.key])}`);
  const chance = chanceScore(methods, column, scoresOf);
  const besideChance =
    chance === undefined
      ? ''
      : `, ${CHANCE_ORDERS[isTold ? compare(score, pointScore(chance), column) : 'unknown']} chance (${describe({ value: chance, low: Number.NaN, high: Number.NaN })})`;
  const best = bestBaseline(methods, column, scoresOf);
  const other = best && scoresOf(best)![column.key]!;
  const beside =
    best &&
    (besideBaseline(modelAdvantage(best, name, column), describe, isTold) ??
      (isTold ? BASELINE_ORDERS[compare(score, other!, column)] : undefined));
  return {
    asked,
    answer: [
      `${scoreAsStart(column.title)} ${describe(score)}${besideChance}${others.join('')}.`,
      other
        ? `The best baseline is ${best.name}, ${describe(other)}${beside ? `: ${beside}` : ''}.`
        : 'No baseline stands beside it: `decode --baselines` adds them.',
      describeFewBlocks(results),
      ...(when
        ? [`Where ${when.condition}: ${describe(model.conditional?.[name]?.[column.key])}.`]
        : []),
    ]
      .filter(Boolean)
      .join(' '),
  };
}

/**
 * Whether the model is ahead of a baseline, and by how much; undefined where the two were not
 * compared on the same stretches.
 */
function besideBaseline(
  advantage: Score | undefined,
  describe: (score: Score) => string,
  isTold: boolean,
): string | undefined {
  if (!advantage || !Number.isFinite(advantage.low)) return undefined;
  const { value, low, high } = advantage;
  const isAhead = value >= 0;
  const text = isAhead
    ? `the model is ahead by ${describe(advantage)}`
    : `the model is behind by ${describe(negated(advantage))}`;
  return isTold && low <= 0 && high >= 0 ? `${text}, so the two are not told apart` : text;
}

/** A score without an interval of its own: that of chance shows what any score varies by. */
function pointScore(value: number): Score {
  return { value, low: value, high: value };
}

/** Whether a score is better than another beyond both intervals. */
type Order = 'better' | 'worse' | 'overlapping' | 'unknown';

const CHANCE_ORDERS: Readonly<Record<Order, string>> = {
  better: 'better than',
  worse: 'worse than',
  overlapping: 'not told from',
  unknown: 'beside',
};
const BASELINE_ORDERS: Readonly<Record<Order, string>> = {
  better: 'the model is ahead',
  worse: 'the model is behind',
  overlapping: 'the intervals overlap',
  unknown: 'there are no intervals to compare',
};

function compare(score: Score, other: Score, column: ScoreColumn): Order {
  if (![score.low, score.high, other.low, other.high].every(Number.isFinite)) return 'unknown';
  const [above, below] = isHigherBetter(column)
    ? (['better', 'worse'] as const)
    : (['worse', 'better'] as const);
  if (score.low > other.high) return above;
  return score.high < other.low ? below : 'overlapping';
}

/**
 * The report's section on decoded behavior: recorded and decoded values, and scores beside the
 * baselines.
 */

import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { SCORE_COLUMNS, type ScoreColumn, type Scores } from '../analyze/decoding-scores.js';
import type { DecodedResults, MethodScores } from '../probe/results.js';
import { formatCount } from '../text/format.js';
import { describePart } from '../train/open-run.js';
import { describeWeights } from '../train/weights.js';
import { decodedAnswers } from './decoded-answers.js';
import { decodedFigures } from './decoded-figures.js';
import { describeFewBlocks, describeScore, modelAdvantage } from './decoders.js';
import type { Section, Table } from './html.js';
import { withUnit } from './theme.js';

/**
 * Renders the section: a table of scores per variable, and figures of recorded against decoded
 * values.
 */
export async function decodedSection(decoded: DecodedResults): Promise<Section> {
  const { refs, part, weights, trained, notes } = decoded;
  return {
    title: 'Decoded behavior',
    text: [
      `${formatCount(refs.length)} time points of ${describePart(part)}, decoded with ${describeWeights(weights)}. All methods were trained on the same ${formatCount(trained)} windows. ${describeIntervals(decoded)}`,
      ...notes,
    ],
    tables: decodingTables(decoded),
    figures: await decodedFigures(decoded),
    answers: decodedAnswers(decoded),
  };
}

/** What the intervals in the tables mean, in sentences. */
export function describeIntervals(results: DecodedResults): string {
  const { block, blocks, methods } = results;
  if (blocks < 2)
    return `The time points span no more than one block of ${block} s, so there are no intervals.`;
  const sentences = [
    `Parentheses give 95% intervals of a bootstrap over blocks of ${block} s.`,
    'They show how much a score depends on the stretch of time, not on the training seed.',
  ];
  if (methods.some(({ modelMinusThis }) => modelMinusThis))
    sentences.push(
      'By how much the model is ahead is resampled with both decoders on the same stretches, so it may be certain where intervals overlap.',
    );
  return [...sentences, describeFewBlocks(results)].filter(Boolean).join(' ');
}

/**
 * One table per variable, with the scores of every method; where some moments are scored by
 * themselves, one more for these. Then by how much the model is ahead of each of the others.
 */
export function decodingTables(results: DecodedResults): Table[] {
  const { variables, units, methods, when, refs } = results;
  const scores = variables.flatMap((variable) => {
    const { name, kind } = variable;
    const title = kind === 'number' ? withUnit(name, units[name]) : name;
    const all = scoresTable(title, variable, methods, ({ scores }) => scores[name]);
    if (!when) return [all];
    const share = `${formatCount(when.windows)} of ${formatCount(refs.length)} time points`;
    const some = `${title}, where ${when.condition} (${share})`;
    return [all, scoresTable(some, variable, methods, ({ conditional }) => conditional?.[name])];
  });
  return [...scores, ...advantageTables(results)];
}

/** Variables that fit side by side. */
const MAX_COLUMNS = 4;

/** By how much the model is ahead of each of the other methods, a column for each variable. */
function advantageTables({ variables, methods }: DecodedResults): Table[] {
  const compared = methods.filter(({ modelMinusThis }) => modelMinusThis);
  if (compared.length === 0) return [];
  const groups = Array.from({ length: Math.ceil(variables.length / MAX_COLUMNS) }, (_, n) =>
    variables.slice(n * MAX_COLUMNS, (n + 1) * MAX_COLUMNS),
  );
  return groups.map((group) => ({
    title: 'By how much the model is ahead',
    head: ['of', ...group.map(({ name, kind }) => `${name}, ${SCORE_COLUMNS[kind][0]!.title}`)],
    rows: compared.map((method) => [
      method.name,
      ...group.map(({ name, kind }) =>
        describeScore(
          modelAdvantage(method, name, SCORE_COLUMNS[kind][0]!),
          kind === 'angle' ? 1 : 3,
        ),
      ),
    ]),
  }));
}

function scoresTable(
  title: string,
  { kind }: DecodedVariable,
  methods: readonly MethodScores[],
  scoresOf: (method: MethodScores) => Scores | undefined,
): Table {
  const columns = SCORE_COLUMNS[kind];
  const digits = columns.map((column) =>
    scoreDigits(
      column,
      kind,
      methods.map((method) => scoresOf(method)?.[column.key]?.value ?? Number.NaN),
    ),
  );
  return {
    title,
    head: ['decoder', '', ...columns.map((column) => column.title)],
    rows: methods.map((method) => [
      method.name,
      method.detail,
      ...columns.map(({ key }, n) => describeScore(scoresOf(method)?.[key], digits[n]!)),
    ]),
  };
}

/**
 * Decimals of a column of scores. The variable's unit may be any, so in it the smallest value gets
 * three significant digits.
 */
function scoreDigits(
  { hasUnit }: ScoreColumn,
  kind: DecodedVariable['kind'],
  scores: readonly number[],
): number {
  if (kind === 'angle') return 1;
  const smallest = Math.min(...scores.filter((score) => score > 0));
  if (!hasUnit || !Number.isFinite(smallest)) return 3;
  return Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(smallest))));
}

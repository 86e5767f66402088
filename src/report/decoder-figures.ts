/** The figures of decoders: the score of each with its interval, beside chance. */

import type { Score } from '../analyze/bootstrap.js';
import type { DecodedVariable } from '../analyze/decoded-variable.js';
import { SCORE_COLUMNS } from '../analyze/decoding-scores.js';
import type { DecodedResults, MethodScores } from '../probe/results.js';
import { chanceScore, isChance, isHigherBetter, isOfModel, ranked } from './decoders.js';
import { dotPlot } from './dot-plot.js';
import { draw, type Figure } from './draw.js';
import { ROLES, withUnit } from './theme.js';

/**
 * A figure for each variable and, where some moments are scored by themselves, one more for these;
 * none where the model is the only decoder.
 */
export function decoderFigures(decoded: DecodedResults): Promise<Figure>[] {
  const { variables, methods, when } = decoded;
  if (methods.filter((method) => !isChance(method)).length < 2) return [];
  return [
    ...variables.map((variable) => scoresFigure(variable, decoded, false)),
    ...(when ? variables.map((variable) => scoresFigure(variable, decoded, true)) : []),
  ];
}

const MODEL = { name: 'model', color: ROLES.model } as const;
const BASELINE = { name: 'baseline', color: ROLES.baseline } as const;

/** Errors beyond so many times the error at chance are drawn at the end of the axis. */
const MAX_ERROR = 1.5;

/** Scores that differ less than this share of their distance to chance have an axis without it. */
const MIN_SPREAD = 0.3;

/** Every decoder's score of a variable with its interval, the best first. */
function scoresFigure(
  { name, kind }: DecodedVariable,
  { methods, units, when }: DecodedResults,
  conditional: boolean,
): Promise<Figure> {
  const columns = SCORE_COLUMNS[kind].filter(({ key }) => SHOWN_SCORES[kind].includes(key));
  const scoresOf = (method: MethodScores) =>
    (conditional ? method.conditional : method.scores)?.[name];
  const decoders = methods.filter((method) => !isChance(method));
  const rows = ranked(decoders, columns[0]!, scoresOf).map((method) => ({
    decoder: method.name,
    kind: (isOfModel(method, methods) ? MODEL : BASELINE).name,
    ...Object.fromEntries(
      columns.flatMap(({ key }) => {
        const { value, low, high } = scoresOf(method)![key]!;
        return [
          [key, value],
          [lowField(key), low],
          [highField(key), high],
        ];
      }),
    ),
  }));
  const moments = conditional ? `, where ${when!.condition}` : '';
  return draw(
    {
      name: conditional ? `scores-${name}-when` : `scores-${name}`,
      title: `Decoders of ${name}${moments}`,
      caption:
        'Best first, lines are 95% intervals. Chance is the better of the two decoders at chance in the table, of r at least 0.',
    },
    rows,
    dotPlot({
      rows,
      label: 'decoder',
      kind: 'kind',
      series: [MODEL, BASELINE],
      emphasized: rows.filter(({ kind }) => kind === MODEL.name).map(({ decoder }) => decoder),
      panels: columns.map((column) => {
        const scores = decoders.flatMap((method) => scoresOf(method)?.[column.key] ?? []);
        const chance = chanceScore(methods, column, scoresOf);
        const domain = scoresDomain(scores, chance, isHigherBetter(column));
        return {
          field: column.key,
          title: column.hasUnit ? withUnit(column.title, units[name]) : column.title,
          interval: [lowField(column.key), highField(column.key)] as const,
          ...(chance !== undefined && { reference: { value: chance, name: 'chance' } }),
          ...(domain && { domain }),
        };
      }),
    }),
  );
}

/** The scores that figures show: how a number follows and how far it is off. */
const SHOWN_SCORES: Readonly<Record<DecodedVariable['kind'], readonly string[]>> = {
  number: ['r', 'rmse'],
  angle: ['median', 'mean'],
  class: ['accuracy', 'f1'],
};

const lowField = (key: string) => `${key}_low`;
const highField = (key: string) => `${key}_high`;

/** Ends of an axis on which scores can be told apart; undefined where the usual ones will do. */
function scoresDomain(
  scores: readonly Score[],
  chance: number | undefined,
  isHigherBetter: boolean,
): readonly [number, number] | undefined {
  const ends = scores.flatMap((score) => Object.values(score)).filter(Number.isFinite);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (chance === undefined) return undefined;
  if (!isHigherBetter)
    return high > MAX_ERROR * chance ? [Math.min(0, low), MAX_ERROR * chance] : undefined;
  const isFar = low > chance && high - low < MIN_SPREAD * (high - chance);
  const margin = 0.06 * (high - low);
  return isFar ? [low - margin, high + margin] : undefined;
}

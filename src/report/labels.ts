/** How much labelled data decoding needs: fine-tuned from spikes alone against trained from scratch. */

import { SCORE_NAMES } from '../analyze/decoding-scores.js';
import { mean } from '../math/statistics.js';
import type { LabelResults, LabelRun, LabelVariable, ScoreValues } from '../probe/results.js';
import { decimals, grouped, percent } from '../text/format.js';
import { COLORS, draw, type Figure } from './draw.js';
import type { Section } from './html.js';

const FROM = ['pretrained', 'scratch'] as const;

export async function labelsSection(results: LabelResults): Promise<Section> {
  const { variables, updates, pretraining, runs, whole } = results;
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  return {
    title: 'Labelled data',
    text: [
      `Each model was trained for ${grouped(updates)} updates on a share of the labelled windows, once from scratch and once from a model that had learnt spikes alone for ${grouped(pretraining)} updates, ${seeds} seeds each. A seed sets the weights, the windows drawn and their order. All are scored on the same test windows.`,
      `With all labels, the run itself was trained for ${grouped(whole.updates)} updates, ${whole.finetuned ? 'after those of the run it began from' : 'from scratch'}. Where that is much better, it is time and not labels that the models from scratch lacked after ${grouped(updates)}.`,
    ],
    tables: variables.map((variable) => ({
      title: variable.name,
      caption: `${headlineScore(variable)}: the mean over seeds, with the lowest and the highest.`,
      head: ['labelled windows', ...FROM],
      rows: [
        ...labeledShares(runs).map((share) => [
          `${percent(share)} (${grouped(runs.find((run) => run.share === share)!.windows)})`,
          ...FROM.map((from) => spread(scoresAtShare(results, variable, share, from))),
        ]),
        [
          `all, ${grouped(whole.updates)} updates`,
          '',
          spread([headlineValue(whole.scores, variable)]),
        ],
      ],
    })),
    figures: await Promise.all(variables.map((variable) => curveFigure(results, variable))),
  };
}

/** The score a variable is judged by: the first of its kind. */
function headlineScore({ kind }: LabelVariable): string {
  return SCORE_NAMES[kind][0]![1];
}

function headlineValue(scores: ScoreValues, { name, kind }: LabelVariable): number {
  return scores[name]![SCORE_NAMES[kind][0]![0]]!;
}

function labeledShares(runs: readonly LabelRun[]): number[] {
  return [...new Set(runs.map(({ share }) => share))].sort((p, q) => p - q);
}

function scoresAtShare(
  { runs }: LabelResults,
  variable: LabelVariable,
  share: number,
  from: LabelRun['from'],
): number[] {
  return runs
    .filter((run) => run.share === share && run.from === from)
    .map(({ scores }) => headlineValue(scores, variable));
}

/** The mean of several numbers with the least and the most of them. */
function spread(values: readonly number[]): string {
  if (values.length === 0) return '';
  const digits = Math.max(...values.map(Math.abs)) < 2 ? 3 : 1;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (values.length === 1) return decimals(low, digits);
  return `${decimals(mean(values), digits)} (${decimals(low, digits)} to ${decimals(high, digits)})`;
}

function curveFigure(results: LabelResults, variable: LabelVariable): Promise<Figure> {
  const { updates, scores: full } = results.whole;
  const rows = results.runs.map(({ seed, share, from, scores }) => ({
    share: 100 * share,
    from,
    seed,
    score: headlineValue(scores, variable),
  }));
  const x = {
    field: 'share',
    type: 'quantitative',
    title: 'labelled windows (%)',
    scale: { type: 'log' },
    axis: { values: labeledShares(results.runs).map((share) => 100 * share), grid: false },
  };
  const color = {
    field: 'from',
    type: 'nominal',
    title: null,
    scale: { domain: FROM, range: [COLORS.generated, COLORS.recorded] },
  };
  const y = (more: object) => ({
    field: 'score',
    type: 'quantitative',
    title: headlineScore(variable),
    scale: { zero: false },
    ...more,
  });
  return draw(
    {
      name: `labels-${variable.name.replace(/\W+/g, '-')}`,
      title: `${variable.name}, by how much of it was labelled`,
      caption: `A point for each seed; lines through their means. Dashed: the run itself, ${grouped(updates)} updates with all labels.`,
    },
    rows,
    {
      width: 340,
      height: 220,
      layer: [
        {
          data: { values: [{ score: headlineValue(full, variable) }] },
          mark: { type: 'rule', strokeDash: [4, 3], color: COLORS.recorded },
          encoding: { y: y({}) },
        },
        {
          mark: { type: 'line', strokeWidth: 1.6 },
          encoding: { x, y: y({ aggregate: 'mean' }), color },
        },
        {
          mark: { type: 'point', filled: true, size: 30, opacity: 0.7 },
          encoding: { x, y: y({}), color },
        },
      ],
    },
  );
}

/**
 * The report's section on labeled data: models pretrained on spikes against models trained from
 * scratch.
 */

import { SCORE_COLUMNS } from '../analyze/decoding-scores.js';
import type { LabelResults, LabelRun, LabelVariable, ScoreValues } from '../probe/results.js';
import { formatCount, formatPercent } from '../text/format.js';
import { COLORS, draw, type Figure } from './draw.js';
import type { Section } from './html.js';
import { describeSpread } from './spread.js';

const ORIGINS = ['pretrained', 'scratch'] as const;

/** Renders the section: a table of scores and a learning curve per variable. */
export async function labelsSection(results: LabelResults): Promise<Section> {
  const { variables, updates, pretraining, runs, whole } = results;
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  return {
    title: 'Labeled data',
    text: [
      `Models were trained for ${formatCount(updates)} updates on a share of the labeled windows: from scratch, and after pretraining on spikes alone for ${formatCount(pretraining)} updates, with ${seeds} seeds each. A seed sets the initial weights, which windows are drawn and their order. All models are scored on the same test windows.`,
      `The run itself was trained on all labels for ${formatCount(whole.updates)} updates, ${whole.finetuned ? 'in addition to those of the run it was fine-tuned from' : 'from scratch'}. Where it is much better than models from scratch, what these lacked after ${formatCount(updates)} updates was training, not labels.`,
    ],
    tables: variables.map((variable) => ({
      title: variable.name,
      caption: `${headlineTitle(variable)}: mean over seeds (lowest to highest).`,
      head: ['labeled windows', ...ORIGINS],
      rows: [
        ...labeledShares(runs).map((share) => [
          `${formatPercent(share)} (${formatCount(runs.find((run) => run.share === share)!.windows)})`,
          ...ORIGINS.map((from) => describeSpread(scoresAtShare(results, variable, share, from))),
        ]),
        [
          `all, ${formatCount(whole.updates)} updates`,
          '',
          describeSpread([headlineValue(whole.scores, variable)]),
        ],
      ],
    })),
    figures: await Promise.all(variables.map((variable) => curveFigure(results, variable))),
  };
}

/** Title of the score that a variable is judged by, the first of its kind. */
function headlineTitle({ kind }: LabelVariable): string {
  return SCORE_COLUMNS[kind][0]!.title;
}

function headlineValue(scores: ScoreValues, { name, kind }: LabelVariable): number {
  return scores[name]![SCORE_COLUMNS[kind][0]!.key]!;
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

/** Scores over the share of labeled windows. */
function curveFigure(results: LabelResults, variable: LabelVariable): Promise<Figure> {
  const { updates, scores: runScores } = results.whole;
  const rows = results.runs.map(({ seed, share, from, scores }) => ({
    share: 100 * share,
    from,
    seed,
    score: headlineValue(scores, variable),
  }));
  const x = {
    field: 'share',
    type: 'quantitative',
    title: 'labeled windows (%)',
    scale: { type: 'log' },
    axis: { values: labeledShares(results.runs).map((share) => 100 * share), grid: false },
  };
  const color = {
    field: 'from',
    type: 'nominal',
    title: null,
    scale: { domain: ORIGINS, range: [COLORS.generated, COLORS.recorded] },
  };
  const y = (options: object) => ({
    field: 'score',
    type: 'quantitative',
    title: headlineTitle(variable),
    scale: { zero: false },
    ...options,
  });
  return draw(
    {
      name: `labels-${variable.name.replace(/\W+/g, '-')}`,
      title: `${variable.name}, by share of labeled windows`,
      caption: `One point per seed; lines connect the means. Dashed: the run itself, ${formatCount(updates)} updates on all labels.`,
    },
    rows,
    {
      width: 340,
      height: 220,
      layer: [
        {
          data: { values: [{ score: headlineValue(runScores, variable) }] },
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

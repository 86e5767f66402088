/** How much labelled data decoding needs: fine-tuned from spikes alone against trained from scratch. */

import type { DecodedVariable } from '../analyze/decode.js';
import { SCORES } from '../analyze/decoding-scores.js';
import { mean } from '../data/statistics.js';
import { grouped, percent } from '../words.js';
import { COLORS, draw, type Figure } from './draw.js';
import type { Section } from './html.js';

/** One training run: how it began, on what share of the labelled windows, and what it decodes of the test part. */
export interface LabelRun {
  readonly seed: number;
  readonly share: number;
  /** Windows with labels it was trained on. */
  readonly windows: number;
  readonly from: 'pretrained' | 'scratch';
  /** By variable. */
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** What `labels` left in a run's folder. */
export interface LabelResults {
  readonly updates: number;
  readonly pretraining: number;
  readonly variables: readonly { readonly name: string; readonly kind: DecodedVariable['kind'] }[];
  readonly runs: readonly LabelRun[];
}

const FROM = ['pretrained', 'scratch'] as const;

export async function labelsSection(results: LabelResults): Promise<Section> {
  const { variables, updates, pretraining, runs } = results;
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  return {
    title: 'Labelled data',
    text: [
      `Each model was trained for ${grouped(updates)} updates on a share of the labelled windows, once from scratch and once from a model that had learnt spikes alone for ${grouped(pretraining)} updates, ${seeds} seeds each. A seed sets the weights, the windows drawn and their order. All are scored on the same test windows.`,
    ],
    tables: variables.map((variable) => ({
      title: variable.name,
      caption: `${titleOf(variable)}: the mean over seeds, with the lowest and the highest.`,
      head: ['labelled windows', ...FROM],
      rows: sharesOf(runs).map((share) => [
        `${percent(share)} (${grouped(runs.find((run) => run.share === share)!.windows)})`,
        ...FROM.map((from) => spread(valuesOf(results, variable, share, from))),
      ]),
    })),
    figures: await Promise.all(variables.map((variable) => curveFigure(results, variable))),
  };
}

/** The score a variable is judged by: the first of its kind. */
function titleOf({ kind }: LabelResults['variables'][number]): string {
  return SCORES[kind][0]![1];
}

function sharesOf(runs: readonly LabelRun[]): number[] {
  return [...new Set(runs.map(({ share }) => share))].sort((p, q) => p - q);
}

function valuesOf(
  { runs }: LabelResults,
  { name, kind }: LabelResults['variables'][number],
  share: number,
  from: LabelRun['from'],
): number[] {
  const key = SCORES[kind][0]![0];
  return runs
    .filter((run) => run.share === share && run.from === from)
    .map(({ scores }) => scores[name]![key]!);
}

/** The mean of several numbers with the least and the most of them. */
function spread(values: readonly number[]): string {
  if (values.length === 0) return '';
  const digits = Math.max(...values.map(Math.abs)) < 2 ? 3 : 1;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${mean(values).toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}

function curveFigure(
  results: LabelResults,
  variable: LabelResults['variables'][number],
): Promise<Figure> {
  const key = SCORES[variable.kind][0]![0];
  const rows = results.runs.map(({ seed, share, from, scores }) => ({
    share: 100 * share,
    from,
    seed,
    score: scores[variable.name]![key]!,
  }));
  const x = {
    field: 'share',
    type: 'quantitative',
    title: 'labelled windows (%)',
    scale: { type: 'log' },
    axis: { values: sharesOf(results.runs).map((share) => 100 * share), grid: false },
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
    title: titleOf(variable),
    scale: { zero: false },
    ...more,
  });
  return draw(
    {
      name: `labels-${variable.name.replace(/\W+/g, '-')}`,
      title: `${variable.name}, by how much of it was labelled`,
      caption: 'A point for each seed; lines through their means.',
    },
    rows,
    {
      width: 340,
      height: 220,
      layer: [
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

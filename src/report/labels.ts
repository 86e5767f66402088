/**
 * The report's section on labeled data: networks pretrained on spikes, networks from scratch, and
 * ridge on both or on spike counts, or on slow features of them.
 */

import { SCORE_COLUMNS } from '../analyze/decoding-scores.js';
import { mean } from '../math/statistics.js';
import {
  LABEL_DECODERS,
  type LabelResults,
  type LabelRun,
  type LabelVariable,
  type ScoreValues,
} from '../probe/results.js';
import { formatCount, formatPercent } from '../text/format.js';
import { draw, type Figure } from './draw.js';
import type { Answer, Section } from './html.js';
import { describeSpread, scoreAsStart } from './spread.js';
import { FULL_WIDTH, figureSize, INK, OTHER, REFERENCE_MARK, ROLES } from './theme.js';

const DECODERS = Object.keys(LABEL_DECODERS) as LabelRun['from'][];
/** How a decoder is drawn. */
interface DecoderStyle {
  readonly color: string;
  readonly isDashed: boolean;
  readonly shape: 'circle' | 'triangle-up';
}

/**
 * How the decoders are drawn: networks that are trained on labels, networks that are not, and none.
 * What was not pretrained is hollow and dashed; what reads slow features is a triangle.
 */
const DECODER_STYLES: Readonly<Record<LabelRun['from'], DecoderStyle>> = {
  pretrained: { color: ROLES.model, isDashed: false, shape: 'circle' },
  scratch: { color: ROLES.model, isDashed: true, shape: 'circle' },
  frozen: { color: OTHER, isDashed: false, shape: 'circle' },
  slow: { color: OTHER, isDashed: false, shape: 'triangle-up' },
  untrained: { color: OTHER, isDashed: true, shape: 'circle' },
  slowUntrained: { color: OTHER, isDashed: true, shape: 'triangle-up' },
  counts: { color: ROLES.baseline, isDashed: false, shape: 'circle' },
  slowCounts: { color: ROLES.baseline, isDashed: false, shape: 'triangle-up' },
};

/** Renders the section: a table of scores and a learning curve per variable. */
export async function labelsSection(results: LabelResults): Promise<Section> {
  const { variables, updates, pretraining, runs, stretch, whole } = results;
  const draws = new Set(runs.map(({ draw }) => draw)).size;
  const networks = new Set(runs.flatMap(({ network }) => network ?? [])).size;
  return {
    title: 'Labeled data',
    text: [
      `Labels are known in stretches of ${stretch} s, drawn ${draws === 1 ? 'once' : `${draws} times`}. ${networks === 1 ? 'One network was' : `${formatCount(networks)} networks were`} first trained on spikes alone for ${formatCount(pretraining)} updates. Then all of it is trained on the labels for ${formatCount(updates)} updates, beside the same network from scratch; or it stays as it is, and ridge reads its stages, beside those of the same network before training. Ridge on spike counts needs no network. Slow features are directions of the last stage, or of the counts, that keep their values for longest, found in training windows without labels; ridge reads the slowest one for every ten windows with labels that share no spikes. The penalties of ridge are chosen on windows with labels alone. All are scored on the same test windows.`,
      `The run itself was trained on all labels for ${formatCount(whole.updates)} updates, ${whole.finetuned ? 'in addition to those of the run it was fine-tuned from' : 'from scratch'}. Where it is much better than models from scratch, what these lacked after ${formatCount(updates)} updates was training, not labels.`,
    ],
    tables: variables.map((variable) => ({
      title: variable.name,
      caption: `${headlineTitle(variable)}: mean over draws and networks (lowest to highest).`,
      head: ['decoder', ...labeledShares(runs).map((share) => describeShare(runs, share))],
      rows: [
        ...presentDecoders(runs).map((from) => [
          LABEL_DECODERS[from],
          ...labeledShares(runs).map((share) =>
            describeSpread(scoresAtShare(results, variable, share, from)),
          ),
        ]),
        [
          `the run, ${formatCount(whole.updates)} updates on all labels`,
          ...labeledShares(runs).map((share) =>
            share === 1 ? describeSpread([headlineValue(whole.scores, variable)]) : '',
          ),
        ],
      ],
    })),
    figures: await Promise.all(variables.map((variable) => curveFigure(results, variable))),
    answers: variables.map((variable) => labelAnswer(results, variable)),
  };
}

/** The decoders that were scored; slow features, for example, need trials longer than a window. */
function presentDecoders(runs: readonly LabelRun[]): LabelRun['from'][] {
  return DECODERS.filter((decoder) => runs.some(({ from }) => from === decoder));
}

/** What pretraining gives with the fewest labels, beside no pretraining and no network. */
function labelAnswer(results: LabelResults, variable: LabelVariable): Answer {
  const [share] = labeledShares(results.runs) as [number, ...number[]];
  const described = (['slow', 'pretrained', 'scratch', 'counts'] as const).flatMap((from) => {
    const spread = describeSpread(scoresAtShare(results, variable, share, from));
    return spread ? [`${LABEL_DECODERS[from]} ${spread}`] : [];
  });
  return {
    asked: `Decode ${variable.name} with ${formatPercent(share)} of the labels`,
    answer: `${scoreAsStart(headlineTitle(variable))}, mean (lowest to highest): ${described.join('; ')}. The run, with all labels: ${describeSpread([headlineValue(results.whole.scores, variable)])}.`,
  };
}

/** A share with the number of its windows, which differs between draws. */
function describeShare(runs: readonly LabelRun[], share: number): string {
  const windows = runs.filter((run) => run.share === share).map((run) => run.windows);
  return `${formatPercent(share)} (${formatCount(Math.round(mean(windows)))} windows)`;
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

/** Decoders stand side by side at each share: the next is drawn at so many times the share. */
const DODGE = 1.05;
/** Room at the ends of the axis, as a factor of the share. */
const MARGIN = 1.35;

/** Scores over the share of labeled windows. */
function curveFigure(results: LabelResults, variable: LabelVariable): Promise<Figure> {
  const { updates, scores: runScores } = results.whole;
  const rows = results.runs.map(({ draw, network = '', share, from, scores }) => ({
    share: 100 * share,
    from: LABEL_DECODERS[from],
    draw,
    network,
    score: headlineValue(scores, variable),
  }));
  const present = presentDecoders(results.runs);
  const names = present.map((from) => LABEL_DECODERS[from]);
  const shares = labeledShares(results.runs).map((share) => 100 * share);
  const x = {
    field: 'place',
    type: 'quantitative',
    title: 'labeled windows (%)',
    scale: { type: 'log', domain: [shares[0]! / MARGIN, shares.at(-1)! * MARGIN], nice: false },
    axis: { values: shares, grid: false },
  };
  const styles = present.map((from) => DECODER_STYLES[from]);
  const style = (range: readonly unknown[]) => ({
    field: 'from',
    type: 'nominal',
    scale: { domain: names, range },
    legend: { columns: 2 },
  });
  const colors = styles.map(({ color }) => color);
  const titlesOf = (isDashed: boolean) => names.filter((_, n) => styles[n]!.isDashed === isDashed);
  const y = (options: object) => ({
    field: 'score',
    type: 'quantitative',
    title: headlineTitle(variable),
    scale: { zero: false },
    ...options,
  });
  const whole = { values: [{ score: headlineValue(runScores, variable) }] };
  return draw(
    {
      name: `labels-${variable.name}`,
      title: `${variable.name}, by share of labeled windows`,
      caption: `One point per draw and network; lines connect the means; decoders stand side by side; what was not pretrained is hollow and dashed, triangles read slow features. Gray: the run itself, ${formatCount(updates)} updates on all labels.`,
    },
    rows,
    {
      ...figureSize(FULL_WIDTH, 340),
      transform: [
        {
          calculate: `datum.share * pow(${DODGE}, indexof(${JSON.stringify(names)}, datum.from) - ${(names.length - 1) / 2})`,
          as: 'place',
        },
      ],
      layer: [
        { data: whole, mark: REFERENCE_MARK, encoding: { y: y({}) } },
        {
          data: whole,
          // At the left, where there are few labels, curves are far from the run.
          mark: { type: 'text', text: 'the run', align: 'left', dx: 8, dy: -8, color: INK.muted },
          encoding: { y: y({}), x: { value: 0 } },
        },
        // By filters, since the symbols of a legend of dashes would be dashed.
        ...[false, true].map((isDashed) => ({
          transform: [{ filter: { field: 'from', oneOf: titlesOf(isDashed) } }],
          mark: { type: 'line', ...(isDashed && { strokeDash: [5, 4] }) },
          encoding: { x, y: y({ aggregate: 'mean' }), stroke: style(colors) },
        })),
        {
          mark: { type: 'point', size: 36, opacity: 0.9, strokeWidth: 1.5 },
          encoding: {
            x,
            y: y({}),
            shape: style(styles.map(({ shape }) => shape)),
            fill: style(styles.map(({ color, isDashed }) => (isDashed ? 'white' : color))),
            stroke: style(colors),
          },
        },
      ],
    },
  );
}

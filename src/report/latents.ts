/** The section on latents: what they say of behavior in held-out windows, and how they look. */

import { PrincipalComponents } from '../analyze/principal-components.js';
import type { RecordedVariable } from '../analyze/readout.js';
import { wrapToTurn } from '../math/angles.js';
import { largestBy } from '../math/statistics.js';
import type { LatentMethod, LatentResults } from '../probe/results.js';
import { formatCount, formatDecimals } from '../text/format.js';
import { describeWeights } from '../train/weights.js';
import { pickEvenly } from '../train/window-batches.js';
import { CYCLIC, colorBar, colorScale, SEQUENTIAL_POINTS } from './colors.js';
import { draw, type Figure } from './draw.js';
import type { Answer, Section, Table } from './html.js';
import { fieldName, panelWidth, withUnit, wrapped } from './theme.js';

/** Test windows that a figure shows at most. */
const MAX_POINTS = 600;

const KINDS = { model: 'model', control: 'control', baseline: 'spikes alone' } as const;

/** Renders the section: a table of scores, and a figure for each variable. */
export async function latentsSection(results: LatentResults): Promise<Section> {
  const { feature, updates, weights, methods, aligned } = results;
  const [{ train, test }] = methods as [LatentMethod, ...LatentMethod[]];
  const place = feature === 'eos' ? 'of EOS, before the fusion,' : 'after the decoder';
  return {
    title: 'Latents',
    text: [
      `A latent is the feature of a window ${place} as the contrastive loss compares it: projected, and of length 1. Those of ${describeWeights(weights)} were aligned with ${aligned.join(' and ')} for ${formatCount(updates)} updates. Readouts were fitted on ${formatCount(train.rows)} training windows and scored on ${formatCount(test.rows)} test windows.`,
      latentVerdict(results),
    ],
    tables: [latentTable(results)],
    figures: await Promise.all(
      shownVariables(results).map((variable) => latentsFigure(results, variable)),
    ),
    answers: shownVariables(results).map(({ name }) => latentAnswer(results, name)),
  };
}

/** R2 of a variable read from the run's latents, beside the best of what stands beside them. */
function latentAnswer({ methods }: LatentResults, variable: string): Answer {
  const [own, ...others] = methods as [LatentMethod, ...LatentMethod[]];
  const best = largestBy(others, (method) => bestR2(method, variable));
  return {
    asked: `Read ${variable} from the latents of held-out windows`,
    answer: `R2 ${formatDecimals(bestR2(own, variable), 2)}; the mean of the variable has 0${best ? `, and the best beside it, ${best.title}, ${formatDecimals(bestR2(best, variable), 2)}` : ''}.`,
  };
}

/** The better of the two readings of a variable. */
function bestR2({ scores }: LatentMethod, variable: string): number {
  return Math.max(scores[variable]!.ridge, scores[variable]!.neighbors);
}

/** R2 of every variable, a row for each kind of latents. */
export function latentTable({ methods, test, neighbors }: LatentResults): Table {
  return {
    title: 'Variables read from latents of test windows',
    caption: `R2 of ridge regression, and of the mean over the ${neighbors} nearest training windows. 0 is the mean of the variable.`,
    head: [
      'latents',
      '',
      'numbers',
      ...test.flatMap(({ name }) => [`${name}, ridge`, 'neighbors']),
    ],
    rows: methods.map(({ title, kind, test: { columns }, scores }) => [
      title,
      KINDS[kind],
      `${columns}`,
      ...test.flatMap(({ name }) => {
        const { ridge, neighbors: nearest } = scores[name]!;
        return [formatDecimals(ridge, 2), formatDecimals(nearest, 2)];
      }),
    ]),
  };
}

/** Difference of two R2 that says nothing. */
const TOLERANCE = 0.02;

/** What the scores of the aligned variables say, in plain words; empty if none was aligned. */
export function latentVerdict({ aligned, methods, test }: LatentResults): string {
  const sentences = test
    .filter(({ name }) => aligned.includes(name))
    .map(({ name }) => {
      const best = (method: LatentMethod) => bestR2(method, name);
      const [own, ...others] = methods as [LatentMethod, ...LatentMethod[]];
      const above = others.filter((method) => best(own) > best(method) + TOLERANCE);
      const notAbove = others.filter((method) => !above.includes(method));
      const list = (part: readonly LatentMethod[]) =>
        part.map((method) => `${method.title} (${formatDecimals(best(method), 2)})`).join(', ');
      if (best(own) <= 0)
        return `Latents aligned with ${name} do not say it in windows that were held out: R2 ${formatDecimals(best(own), 2)}, where the mean of the variable has 0.`;
      const facts = `Latents aligned with ${name} say it in windows that were held out: R2 ${formatDecimals(best(own), 2)}.`;
      const better = above.length > 0 ? ` Less is said by: ${list(above)}.` : '';
      const worse = notAbove.length > 0 ? ` As much or more is said by: ${list(notAbove)}.` : '';
      return `${facts}${better}${worse}`;
    });
  return sentences.length > 0
    ? `${sentences.join(' ')} The alignment was told the variable in training; shuffled, it was told another moment's.`
    : '';
}

/** What figures are colored by: the variables that were aligned, or else all. */
function shownVariables({ aligned, test }: LatentResults): readonly RecordedVariable[] {
  const chosen = test.filter(({ name }) => aligned.includes(name));
  return chosen.length > 0 ? chosen : test;
}

/** The first two principal components of each kind of latents, colored by a variable. */
function latentsFigure(
  { methods }: LatentResults,
  { name, values, period, unit }: RecordedVariable,
): Promise<Figure> {
  const windows = pickEvenly([...values.keys()], Math.min(MAX_POINTS, values.length));
  // The components of the counts are those of the method before them.
  const shown = methods.filter((method) => method.name !== 'counts');
  const rows = shown.flatMap(({ title, train, test }) => {
    const components = new PrincipalComponents(train, 2);
    const { columns, values: points } = components.project(test);
    return windows.map((n) => ({
      latents: title,
      component_1: points[n * columns]!,
      component_2: columns > 1 ? points[n * columns + 1]! : 0,
      [name]: period === undefined ? values[n]! : wrapToTurn(values[n]!, period),
    }));
  });
  const axis = (field: string, title: string) => ({
    field,
    type: 'quantitative',
    title,
    scale: { zero: false },
    axis: { grid: false, labels: false, ticks: false, minExtent: 0 },
  });
  const size = panelWidth(COLUMNS) - BAR_WIDTH / COLUMNS + 30;
  const range = [Math.min(...values), Math.max(...values)] as const;
  const color = {
    field: fieldName(name),
    type: 'quantitative',
    scale:
      period === undefined
        ? colorScale(SEQUENTIAL_POINTS, ...range)
        : colorScale(CYCLIC, 0, period),
    legend: colorBar(withUnit(name, unit), size),
  };
  return draw(
    {
      name: `latents-${name}`,
      title: `Latents, by ${name}`,
      caption: `One point per test window (${windows.length}): the first two principal components of the latents, fitted to training windows. Their axes have no unit.`,
    },
    rows,
    {
      columns: COLUMNS,
      concat: shown.map(({ title }) => ({
        title: { text: wrapped(title, 20), fontWeight: 'normal' },
        width: size,
        height: size,
        transform: [{ filter: { field: 'latents', equal: title } }],
        mark: { type: 'point', filled: true, size: 16, opacity: 0.8 },
        encoding: {
          x: axis('component_1', 'component 1'),
          y: axis('component_2', 'component 2'),
          color,
        },
      })),
    },
  );
}

/** Panels in a row, and pixels for the scale of colors beside them. */
const [COLUMNS, BAR_WIDTH] = [3, 80];

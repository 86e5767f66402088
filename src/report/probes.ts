/** The section on a ladder of probes: what each stage of a model says of behavior. */

import type { ProbeResults, ProbeRow } from '../probe/results.js';
import { formatCount } from '../text/format.js';
import { COLORS, draw, type Figure } from './draw.js';
import type { Section, Table } from './html.js';
import { describeSpread } from './spread.js';

/** Renders the section: a table with a row per stage, and a figure with a panel per variable. */
export async function probesSection(results: ProbeResults): Promise<Section> {
  const { trained, tested } = results;
  return {
    title: 'Behavior in the stages of the model',
    text: [
      `A ridge regression reads each variable from the state of a model that was trained on spikes: from the mean over the window's tokens and from EOS. It was fitted on ${formatCount(trained)} training windows and scored on ${formatCount(tested)} test windows. An untrained model of the same shape passes on some of the spikes' information; what training adds is the difference.`,
    ],
    tables: [probeTable(results)],
    figures: [await probesFigure(results)],
  };
}

/** R2 by stage, of trained models and of untrained ones. */
export function probeTable({ stages, variables, rows }: ProbeResults): Table {
  const seeds = new Set(rows.map(({ seed }) => seed)).size;
  return {
    title: 'R2 on test windows',
    caption: `${seeds === 1 ? 'One model.' : `Mean over ${seeds} models (lowest to highest).`} Spike counts are of the same windows and need no model.`,
    head: ['stage', ...variables.flatMap((name) => [name, 'untrained'])],
    rows: stages.map(({ name, title }) => {
      const ofStage = rows.filter(({ stage }) => stage === name);
      const cell = (model: 'trained' | 'untrained', variable: string) =>
        describeSpread(
          ofStage.flatMap((row) => row[model]?.[variable] ?? []),
          2,
        );
      return [title, ...variables.flatMap((v) => [cell('trained', v), cell('untrained', v)])];
    }),
  };
}

/** Bars of trained and untrained models side by side, a panel for each variable. */
function probesFigure({ stages, variables, rows }: ProbeResults): Promise<Figure> {
  const titles = new Map(stages.map(({ name, title }) => [name, title]));
  const points = variables.flatMap((variable) =>
    rows.flatMap((row: ProbeRow) =>
      (['untrained', 'trained'] as const).flatMap((model) => {
        const r2 = row[model]?.[variable];
        if (r2 === undefined) return [];
        const needsNoModel = row.untrained === undefined;
        return [
          {
            variable,
            stage: titles.get(row.stage)!,
            model: needsNoModel ? 'no model' : model,
            seed: row.seed,
            r2,
          },
        ];
      }),
    ),
  );
  const order = ['untrained', 'trained', 'no model'];
  const position = {
    x: {
      field: 'stage',
      type: 'nominal',
      sort: stages.map(({ title }) => title),
      title: null,
      axis: { labelAngle: -30 },
    },
    xOffset: { field: 'model', sort: order },
  };
  const color = {
    field: 'model',
    type: 'nominal',
    title: null,
    scale: { domain: order, range: ['#b8c0c8', COLORS.generated, COLORS.recorded] },
  };
  return draw(
    {
      name: 'probes',
      title: 'What each stage says of behavior',
      caption:
        'R2 of ridge regression on test windows: bars are means over models, points are models.',
    },
    points,
    {
      facet: { field: 'variable', type: 'nominal', title: null, sort: variables },
      columns: 3,
      spec: {
        width: 200,
        height: 180,
        layer: [
          {
            mark: { type: 'bar' },
            encoding: {
              ...position,
              y: { field: 'r2', aggregate: 'mean', type: 'quantitative', title: 'R2' },
              color,
            },
          },
          {
            mark: { type: 'point', filled: true, size: 14, color: '#222' },
            encoding: { ...position, y: { field: 'r2', type: 'quantitative', title: 'R2' } },
          },
        ],
      },
    },
  );
}

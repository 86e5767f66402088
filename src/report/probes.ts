/** The section on a ladder of probes: what each stage of a model says of behavior. */

import { largestBy, mean } from '../math/statistics.js';
import type { ProbeResults } from '../probe/results.js';
import { formatCount } from '../text/format.js';
import { dotPlot } from './dot-plot.js';
import { draw, type Figure } from './draw.js';
import type { Answer, Section, Table } from './html.js';
import { describeSpread } from './spread.js';
import { ROLES } from './theme.js';

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
    answers: results.variables.map((variable) => probeAnswer(results, variable)),
  };
}

/** The stage that says most of a variable, beside the same untrained and beside spike counts. */
function probeAnswer({ stages, rows }: ProbeResults, variable: string): Answer {
  const scores = stages.map(({ name, title }) => {
    const ofStage = rows.filter(({ stage }) => stage === name);
    const r2 = (model: 'trained' | 'untrained') =>
      ofStage.flatMap((row) => row[model]?.[variable] ?? []);
    return { title, trained: r2('trained'), untrained: r2('untrained') };
  });
  const counts = scores.find(({ untrained }) => untrained.length === 0);
  const best = largestBy(
    scores.filter(({ untrained }) => untrained.length > 0),
    ({ trained }) => mean(trained),
  )!;
  return {
    asked: `Read ${variable} from the stages of the model`,
    answer: `Most is in ${best.title}: R2 ${describeSpread(best.trained, 2)}, untrained ${describeSpread(best.untrained, 2)}${counts ? `; spike counts, which need no model, have ${describeSpread(counts.trained, 2)}` : ''}.`,
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

/** R2 of trained and of untrained models, a line for each stage and a panel for each variable. */
function probesFigure({ stages, variables, rows }: ProbeResults): Promise<Figure> {
  const points = stages.flatMap(({ name, title }) =>
    rows
      .filter(({ stage }) => stage === name)
      .flatMap(({ seed, ...row }) =>
        (['trained', 'untrained'] as const).flatMap((model) => {
          const scores = row[model];
          if (!scores) return [];
          const needsNoModel = row.untrained === undefined;
          return [{ stage: title, model: needsNoModel ? 'no model' : model, seed, ...scores }];
        }),
      ),
  );
  return draw(
    {
      name: 'probes',
      title: 'What each stage says of behavior',
      caption: 'R2 of ridge regression on test windows; large points are means over models.',
    },
    points,
    dotPlot({
      rows: points,
      label: 'stage',
      kind: 'model',
      series: [
        { name: 'trained', color: ROLES.model },
        { name: 'untrained', color: ROLES.baseline, hollow: true },
        { name: 'no model', color: ROLES.baseline },
      ],
      repeated: new Set(rows.map(({ seed }) => seed)).size > 1,
      panels: variables.map((variable) => ({
        field: variable,
        title: `R2 of ${variable}`,
        reference: { value: 0, name: 'mean' },
      })),
    }),
  );
}

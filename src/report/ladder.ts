/** The section on a ladder of components: what each part of a model adds. */

import { mean } from '../math/statistics.js';
import { formatFlops } from '../neuroformer/estimate.js';
import type { LadderResults, LadderRun, LadderRung } from '../probe/results.js';
import { dotPlot } from './dot-plot.js';
import { draw, type Figure } from './draw.js';
import type { Answer, Section } from './html.js';
import { describeSpread } from './spread.js';
import { ROLES } from './theme.js';

/** The scores of a model, as the page names them and as results do. */
const SCORES = [
  ['nats a token', 'nats'],
  ['bits a spike', 'bits'],
  ['set-F1', 'setF1'],
] as const;

/** Renders the section: a table with a row per rung, and a figure of each score. */
export async function ladderSection(results: LadderResults): Promise<Section> {
  const { rungs, runs } = results;
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  const shuffled = runs.map(({ shuffledSetF1 }) => shuffledSetF1);
  return {
    title: 'Components',
    text: [
      `Each rung is a model of its own with one more part, trained on the same windows and scored on the same test windows, with ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}. Lower is better for nats, higher for the others.`,
      `Bits a spike compare expected counts, one window ahead of the recorded past, with each neuron's mean rate. Sets of neurons drawn at another moment have a set-F1 of ${describeSpread(shuffled)}.`,
    ],
    tables: [
      {
        title: 'Scores of the test part',
        caption: 'Mean over seeds (lowest to highest).',
        head: ['rung', ...SCORES.map(([title]) => title), 'training'],
        rows: rungs.map(({ name, title }) => {
          const ofRung = runs.filter((run) => run.name === name);
          const scores = SCORES.map(([, key]) => ofRung.map((run) => run[key]));
          return [
            title,
            ...scores.map((values) => describeSpread(values, 3)),
            trainingCost(ofRung),
          ];
        }),
      },
    ],
    figures: [await ladderFigure(results)],
    answers: [ladderAnswer(results)],
  };
}

/** The bits a spike of every rung. */
function ladderAnswer({ rungs, runs }: LadderResults): Answer {
  const describe = ({ name, title }: LadderRung) =>
    `${title} ${describeSpread(
      runs.filter((run) => run.name === name).map(({ bits }) => bits),
      3,
    )}`;
  return {
    asked: 'What each part of the model adds',
    answer: `Bits a spike beyond the mean rates, which have 0: ${rungs.map(describe).join('; ')}.`,
  };
}

function trainingCost(runs: readonly LadderRun[]): string {
  const [run] = runs;
  return run ? formatFlops(run.updates * run.flops) : '';
}

/** One point per seed and rung, and their mean, for each of the scores. */
function ladderFigure({ rungs, runs }: LadderResults): Promise<Figure> {
  const rows = rungs.flatMap(({ name, title }) =>
    runs.filter((run) => run.name === name).map((run) => ({ rung: title, kind: 'model', ...run })),
  );
  const shuffled = mean(runs.map(({ shuffledSetF1 }) => shuffledSetF1));
  return draw(
    {
      name: 'ladder',
      title: 'What each part adds',
      caption:
        'Small points are seeds, large ones their means. Chance: sets of neurons drawn at another moment. Bits are beyond the mean rates.',
    },
    rows,
    dotPlot({
      rows,
      label: 'rung',
      kind: 'kind',
      series: [{ name: 'model', color: ROLES.model }],
      repeated: true,
      panels: SCORES.map(([title, field]) => ({
        field,
        title,
        ...(field === 'setF1' && { reference: { value: shuffled, name: 'chance' } }),
        ...(field === 'bits' && { reference: { value: 0, name: 'mean rates' } }),
      })),
    }),
  );
}

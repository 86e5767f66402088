/** The section on a ladder of components: what each part of a model adds. */

import { formatFlops } from '../neuroformer/estimate.js';
import type { LadderResults, LadderRun } from '../probe/results.js';
import { COLORS, draw, type Figure, seedsPanel } from './draw.js';
import type { Section } from './html.js';
import { describeSpread } from './spread.js';

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
  };
}

function trainingCost(runs: readonly LadderRun[]): string {
  const [run] = runs;
  return run ? formatFlops(run.updates * run.flops) : '';
}

/** One point per seed and rung, for each of the scores. */
function ladderFigure({ rungs, runs }: LadderResults): Promise<Figure> {
  const titles = new Map(rungs.map(({ name, title }) => [name, title]));
  const rows = runs.map((run) => ({ rung: titles.get(run.name)!, ...run }));
  const x = {
    field: 'rung',
    type: 'nominal',
    sort: null,
    title: null,
    axis: { labelAngle: -30 },
  };
  return draw(
    {
      name: 'ladder',
      title: 'What each part adds',
      caption: 'One point per seed; lines connect the means.',
    },
    rows,
    {
      hconcat: SCORES.map(([title, field]) =>
        seedsPanel({ field, title, x, color: COLORS.generated }, { width: 200, height: 200 }),
      ),
    },
  );
}

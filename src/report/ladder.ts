/** The section on a ladder of components: what each part of a model adds. */

import { formatFlops } from '../neuroformer/estimate.js';
import type { LadderResults, LadderRun } from '../probe/results.js';
import { COLORS, draw, type Figure } from './draw.js';
import type { Section } from './html.js';
import { describeSpread } from './spread.js';

/** Renders the section: a table with a row per rung, and a figure of each score. */
export async function ladderSection(results: LadderResults): Promise<Section> {
  const { rungs, runs } = results;
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  const of = (name: string, value: (run: LadderRun) => number) =>
    runs.filter((run) => run.name === name).map(value);
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
        head: ['rung', 'nats a token', 'bits a spike', 'set-F1', 'training'],
        rows: rungs.map(({ name, title }) => [
          title,
          describeSpread(
            of(name, ({ nats }) => nats),
            3,
          ),
          describeSpread(
            of(name, ({ bits }) => bits),
            3,
          ),
          describeSpread(
            of(name, ({ setF1 }) => setF1),
            3,
          ),
          trainingCost(runs.filter((run) => run.name === name)),
        ]),
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
  const scores = [
    ['nats a token', 'nats'],
    ['bits a spike', 'bits'],
    ['set-F1', 'setF1'],
  ] as const;
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
      hconcat: scores.map(([title, field]) => {
        const y = (options: object) => ({
          field,
          type: 'quantitative',
          title,
          scale: { zero: false },
          ...options,
        });
        return {
          width: 200,
          height: 200,
          layer: [
            {
              mark: { type: 'line', strokeWidth: 1.6, color: COLORS.generated },
              encoding: { x, y: y({ aggregate: 'mean' }) },
            },
            {
              mark: { type: 'point', filled: true, size: 36, color: COLORS.generated },
              encoding: { x, y: y({}) },
            },
          ],
        };
      }),
    },
  );
}

/** The claim that a contrastive loss orders latents by what the activity is aligned with. */

import { mean } from '../../math/statistics.js';
import type { LatentResults } from '../../probe/results.js';
import { latentsSection } from '../../report/latents.js';
import { describeSpread } from '../../report/spread.js';
import { readLatents } from '../../stages/latents.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredTable,
  ofSeed,
  type PaperContext,
  scoresOf,
  trainingAmount,
} from '../claim.js';
import { trainedModel, visualData } from '../models.js';
import { SPIKE_MODEL } from '../spike-model.js';

/** What latents say of the variable that they were aligned with. */
export const latents: Claim = {
  name: 'latents',
  title: 'Latents',
  says: 'a contrastive loss between activity and behavior orders the latents of windows by behavior.',
  measure,
};

/** Work of the training of a model, in floating-point operations. */
const FLOPS = 1.1e11;
/** R2 from which on latents are ordered by speed. */
const ORDERED = 0.7;
/** What the activity is aligned with. */
const ALIGNED = 'speed';

/** Aligns the state of EOS before the fusion with speed, which nothing else reads. */
const MODEL = {
  ...SPIKE_MODEL,
  layers: { encoder: 1, state: 1, state_history: 0, stimulus: 0 },
  window: { curr: 0.25, prev: 0.05 },
  block_size: { id: 60, prev_id: 19 },
  modalities: {
    behavior: { n_layers: 0, window: 0.05, variables: { [ALIGNED]: { dt: 0.05 } } },
  },
  contrastive: {
    contrastive: true,
    vars: ['eos', { behavior: ALIGNED }],
    clip_embd: 16,
    clip_temp: 0.1,
  },
  loss: { gamma: 0.5 },
};

async function measure(context: PaperContext): Promise<Findings> {
  const bySeed: LatentResults[] = [];
  for (const seed of context.seeds) {
    const { dataset, training } = await visualData(context, seed, 2);
    const run = await trainedModel(context, {
      path: `models/latents-seed${seed}`,
      dataset,
      model: MODEL,
      training: { ...training, batch: 64, every: 0.05, rate: 0.01, validate_every: 0, seed },
      flops: trainingAmount(context, FLOPS),
    });
    bySeed.push(await readLatents(run, context));
  }
  const table = latentsTable(bySeed);
  const { figures = [] } = await latentsSection(bySeed[0]!);
  const shown = figures.map((figure) => ofSeed(figure, context.seeds[0]!));
  return { ...judgeLatents(table), tables: [table], figures: shown };
}

function latentsTable(bySeed: readonly LatentResults[]): MeasuredTable {
  const [{ methods, neighbors, test }] = bySeed as [LatentResults];
  const rows = methods.map(({ name, title, kind }) => {
    const ofMethod = bySeed.map((results) => results.methods.find((m) => m.name === name)!);
    return {
      title,
      kind,
      scores: test.flatMap((variable) =>
        (['ridge', 'neighbors'] as const).map((readout) =>
          ofMethod.map(({ scores }) => scores[variable.name]![readout]),
        ),
      ),
    };
  });
  return {
    title: 'Variables read from latents of windows of 0.25 s, on held-out trials',
    caption: `R2 of ridge regression and of the mean over the ${neighbors} nearest training windows. Behavior matters twice as much for these spikes as in the other demonstrations. Nothing but the contrastive loss reads speed.`,
    columns: test.flatMap(({ name }) => [
      { title: `${name}, ridge` },
      { title: `${name}, neighbors` },
    ]),
    rows,
  };
}

/**
 * What the table of `latents` says of speed, by the better readout of each kind of latents in every
 * seed.
 */
export function judgeLatents(table: MeasuredTable): Judgment {
  const column = table.columns.findIndex(({ title }) => title === `${ALIGNED}, ridge`);
  const best = (title: string) => {
    const [ridge, neighbors] = [scoresOf(table, title, column), scoresOf(table, title, column + 1)];
    return ridge.map((r2, n) => Math.max(r2, neighbors[n]!));
  };
  const [own, ...beside] = table.rows as [MeasuredTable['rows'][0], ...MeasuredTable['rows']];
  const scores = best(own.title);
  const isAbove = (title: string) => best(title).every((r2, n) => scores[n]! > r2);
  const controls = beside.filter(({ kind }) => kind === 'control');
  const baselines = beside.filter(({ kind }) => kind === 'baseline');
  const isOrdered = scores.every((r2) => r2 >= ORDERED) && controls.every((c) => isAbove(c.title));
  const beatsBaselines = baselines.every(({ title }) => isAbove(title));
  const describe = (title: string) => `R2 ${describeSpread(best(title), 2)}`;
  /** R2 of all other variables, of every seed and readout. */
  const rest = own.scores.filter((_, n) => n !== column && n !== column + 1).flat();
  const notBeaten = baselines.filter(({ title }) => !isAbove(title));
  const strongest = baselines.reduce((p, q) => (mean(best(q.title)) > mean(best(p.title)) ? q : p));
  return {
    verdict: !isOrdered ? 'does not hold' : beatsBaselines ? 'holds' : 'partly',
    measured: `${ALIGNED} from latents: ${describe(own.title)}`,
    baseline: `${strongest.title}: ${describe(strongest.title)}`,
    remarks: [
      isOrdered
        ? `Latents are ordered by ${ALIGNED} in trials that were held out, more than those of the same model without contrast and than those that were aligned with shuffled ${ALIGNED}.`
        : `Latents are not more ordered by ${ALIGNED} than those of the models beside them in every seed.`,
      beatsBaselines
        ? 'They say more of it than the spike counts and their principal components do.'
        : `Not in every seed do they say more of it than ${notBeaten.map(({ title }) => title).join(' and ')}, which were not told it.`,
      ...(rest.length > 0
        ? [
            `Of what was not aligned, where the animal looks, R2 is ${Math.max(...rest).toFixed(2)} at most.`,
          ]
        : []),
    ],
  };
}

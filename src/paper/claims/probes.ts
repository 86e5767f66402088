/** The claim that the stages of a model that predicts spikes hold more and more of behavior. */

import type { ProbeResults } from '../../probe/results.js';
import type { Figure } from '../../report/draw.js';
import { probesSection } from '../../report/probes.js';
import { describeSpread } from '../../report/spread.js';
import { COUNTS, ladderProbes } from '../../stages/ladder-probes.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredRow,
  type MeasuredTable,
  ofSeed,
  type PaperContext,
  scoresOf,
  trainingAmount,
} from '../claim.js';
import { trainedModel, visualData } from '../models.js';
import { SPIKE_MODEL } from '../spike-model.js';

/** What the stages of a model say of behavior. */
export const probes: Claim = {
  name: 'probes',
  title: 'Behavior in the stages of the model',
  says: 'trained on spikes alone, each stage of the model holds more of behavior than the one before.',
  measure,
};

/** Which model is probed: one that reads spikes, or one that also sees the film. */
type ProbedKind = 'spikes' | 'film';

const KIND_TITLES: Readonly<Record<ProbedKind, string>> = {
  spikes: 'without film',
  film: 'with film',
};

/** Work of the training of a model, in floating-point operations. */
const FLOPS = 1.2e11;
/** The variable that is judged. */
const VARIABLE = 'speed';
/** R2 that training has to add to a stage in every seed. */
const LEARNED = 0.1;

const MODEL = {
  ...SPIKE_MODEL,
  layers: { encoder: 0, state: 1, state_history: 1, stimulus: 0 },
  window: { curr: 0.05, prev: 0.95 },
  block_size: { id: 19, prev_id: 160 },
  loss: { mu: 0.6 },
};

async function measure(context: PaperContext): Promise<Findings> {
  const spikes = await probeModels(context, 'spikes');
  const film = await probeModels(context, 'film');
  const table = probesTable({ spikes, film });
  const figures = await Promise.all([
    kindFigure(spikes, 'spikes', context),
    kindFigure(film, 'film', context),
  ]);
  return { ...judgeProbes(table), tables: [table], figures };
}

/** The probes of a model of each seed. */
async function probeModels(context: PaperContext, kind: ProbedKind): Promise<ProbeResults[]> {
  const bySeed: ProbeResults[] = [];
  for (const seed of context.seeds) {
    const { dataset, training, model } = await visualData(context, seed, 2);
    const withFilm = {
      layers: { ...MODEL.layers, stimulus: 1 },
      window: { ...MODEL.window, frame: 0.2 },
      frame_encoder: model.frame_encoder,
    };
    const run = await trainedModel(context, {
      path: `models/probes-${kind}-seed${seed}`,
      dataset,
      model: kind === 'film' ? { ...MODEL, ...withFilm } : MODEL,
      training: { ...training, rate: 0.01, validate_every: 0, seed },
      flops: trainingAmount(context, FLOPS),
    });
    bySeed.push(await ladderProbes(run, {}, context));
  }
  return bySeed;
}

async function kindFigure(
  [results]: readonly ProbeResults[],
  kind: ProbedKind,
  { seeds }: PaperContext,
): Promise<Figure> {
  const { figures = [] } = await probesSection(results!);
  const [figure] = figures as [Figure];
  return { ...ofSeed(figure, seeds[0]!, `model ${KIND_TITLES[kind]}`), name: kind };
}

/** The title of the row of a stage. */
function rowTitle(stage: string, kind: ProbedKind): string {
  return `${stage}, ${KIND_TITLES[kind]}`;
}

function probesTable(byKind: Readonly<Record<ProbedKind, readonly ProbeResults[]>>): MeasuredTable {
  const [{ variables }] = byKind.spikes as [ProbeResults];
  const row = (
    title: string,
    kind: MeasuredRow['kind'],
    bySeed: readonly ProbeResults[],
    stage: string,
  ): MeasuredRow => {
    const found = bySeed.map(({ rows }) => rows.find((candidate) => candidate.stage === stage)!);
    return {
      title,
      kind,
      scores: variables.flatMap((name) => [
        found.map(({ trained }) => trained[name]!),
        found.flatMap(({ untrained }) => untrained?.[name] ?? []),
      ]),
    };
  };
  const ofKind = (kind: ProbedKind) =>
    byKind[kind]
      [0]!.stages.filter(({ name }) => name !== COUNTS.name)
      .map(({ name, title }) => row(rowTitle(title, kind), 'model', byKind[kind], name));
  return {
    title: 'Variables read from the stages of models of spikes, on held-out trials',
    caption:
      'R2 of ridge regression on the mean over the window’s tokens and on EOS, 64 numbers. Untrained: the same stage of a model with random weights. Spike counts: 20 bins of 50 ms of all neurons, the same spikes. Behavior matters twice as much for these spikes as in the other demonstrations.',
    columns: variables.flatMap((name) => [{ title: name }, { title: 'untrained' }]),
    rows: [
      ...ofKind('spikes'),
      ...ofKind('film'),
      row(COUNTS.title, 'baseline', byKind.spikes, COUNTS.name),
    ],
  };
}

/** What the table of `probes` says of speed. */
export function judgeProbes(table: MeasuredTable): Judgment {
  const column = table.columns.findIndex(({ title }) => title === VARIABLE);
  const trained = (title: string) => scoresOf(table, title, column);
  const untrained = (title: string) => scoresOf(table, title, column + 1);
  const stages = (kind: ProbedKind) =>
    table.rows.filter(({ title }) => title.endsWith(`, ${KIND_TITLES[kind]}`));
  const isLearned = (title: string) =>
    trained(title).every((r2, n) => r2 >= untrained(title)[n]! + LEARNED);
  const rises = (kind: ProbedKind) =>
    stages(kind).every(
      ({ title }, n, all) =>
        n === 0 || trained(title).every((r2, seed) => r2 > trained(all[n - 1]!.title)[seed]!),
    );
  const kinds = ['spikes', 'film'] as const;
  const learned = kinds.filter((kind) => stages(kind).every(({ title }) => isLearned(title)));
  const rising = kinds.filter(rises);
  const describe = (scores: readonly number[]) => `R2 ${describeSpread(scores, 2)}`;
  const last = (kind: ProbedKind) => stages(kind).at(-1)!.title;
  return {
    verdict:
      learned.length === kinds.length && rising.length === kinds.length
        ? 'holds'
        : learned.length > 0
          ? 'partly'
          : 'does not hold',
    measured: kinds
      .map(
        (kind) =>
          `${VARIABLE} from the last stage ${KIND_TITLES[kind]}: ${describe(trained(last(kind)))}, untrained ${describe(untrained(last(kind)))}`,
      )
      .join('; '),
    baseline: `ridge on spike counts: ${describe(trained(COUNTS.title))}`,
    remarks: kinds.flatMap((kind) => [
      `Model ${KIND_TITLES[kind]}: ${rising.includes(kind) ? 'each stage holds more than the one before in every seed' : 'not each stage holds more than the one before in every seed'}.`,
      learned.includes(kind)
        ? `Model ${KIND_TITLES[kind]}: training adds to every stage, by at least ${LEARNED} in every seed.`
        : `Model ${KIND_TITLES[kind]}: training does not add ${LEARNED} to every stage in every seed; what an untrained model passes on is not learned.`,
    ]),
  };
}

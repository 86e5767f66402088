/** The claim that attention finds the input that drives each neuron. */

import { drivenDataset } from '../../dataset/simulated.js';
import { type MapWithControls, withControls } from '../../probe/stimulus.js';
import { describeSpread } from '../../report/spread.js';
import { simulateInputs } from '../../simulate/inputs.js';
import { explainStimulus } from '../../stages/explain-stimulus.js';
import { readStimulus } from '../../stages/result-files.js';
import { simulationProgress } from '../../stages/simulate.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredRow,
  type MeasuredTable,
  type PaperContext,
  scoresOf,
  trainingAmount,
} from '../claim.js';
import { type SimulatedData, simulatedOnce, trainedModel } from '../models.js';
import { controlsFigure } from '../table-figure.js';

/** Which input drives each neuron. */
export const inputs: Claim = {
  name: 'inputs',
  title: 'One input for each neuron',
  says: 'where each neuron is driven by one of as many inputs, attention finds which one.',
  measure,
};

/** Neurons, and inputs. The paper has 1,000 of each. */
const NEURONS = 100;
/** Length of the recordings. After a minute of them the trunk has learned less. */
const SECONDS = 600;
/** Inputs are found if the largest value of a map is right for this share of the neurons, */
const FOUND = 0.6;
/** and this much less often in each control. */
const ABOVE_CONTROL = 0.2;

/** Which attention a model has: the trunk's, as in the paper, or also a query for each neuron. */
type AttentionKind = 'trunk' | 'queries';

/** Work of the training of a model, in floating-point operations. */
const FLOPS: Readonly<Record<AttentionKind, number>> = { trunk: 1e12, queries: 8e11 };

/** The rows of the table: a reading of a model of one kind. */
const READINGS: readonly (readonly [name: string, kind: AttentionKind, title: string])[] = [
  ['trunk', 'trunk', 'trunk attention'],
  ['trunkgradient', 'trunk', 'trunk gradient x attention, when the neuron fires'],
  ['trunkgradientany', 'trunk', 'trunk gradient x attention, at any time'],
  ['occlusion', 'trunk', 'occlusion, model without queries'],
  ['queries', 'queries', 'attention of neuron queries'],
  ['queriesgradient', 'queries', 'gradient x attention of neuron queries'],
  ['occlusion', 'queries', 'occlusion, model with queries'],
  ['correlation', 'queries', 'cross-correlation'],
];

async function measure(context: PaperContext): Promise<Findings> {
  const maps: Record<AttentionKind, (readonly MapWithControls[])[]> = { trunk: [], queries: [] };
  for (const kind of ['trunk', 'queries'] as const)
    for (const seed of context.seeds) maps[kind].push(await readMaps(context, kind, seed));
  const table = inputsTable(maps);
  const figure = await controlsFigure(
    { name: 'scores', title: 'Inputs that maps find' },
    table,
    'share of neurons whose input is the largest',
    ['untrained', 'other neuron'],
  );
  return { ...judgeInputs(table), tables: [table], figures: [figure] };
}

/** The simulated recording of a seed. */
function inputsData(context: PaperContext, seed: number): Promise<SimulatedData> {
  return simulatedOnce(context, `data/inputs-seed${seed}`, () => {
    context.watcher.note(`Simulating neurons and inputs, seed ${seed}.`);
    const settings = { neurons: NEURONS, seconds: SECONDS, seed };
    return drivenDataset(simulateInputs(settings, simulationProgress(context.watcher)));
  });
}

/** The maps of a model of a kind and a seed. */
async function readMaps(
  context: PaperContext,
  kind: AttentionKind,
  seed: number,
): Promise<readonly MapWithControls[]> {
  const { dataset, model, training } = await inputsData(context, seed);
  // With neuron queries the trunk would have nothing left to learn. Without times and positions of
  // the spikes before, what it gathers of the inputs stands out more.
  const ofTrunk = {
    model: { ...model, neuron_queries: null, wave_emb: false, temp_emb: false, pos_emb: false },
    training: { ...training, rate: 0.005, losses: ['id'] },
  };
  // At twice the rate, neuron queries of one seed of three learned nothing.
  const ofQueries = { model, training: { ...training, rate: 0.01 } };
  const request = kind === 'trunk' ? ofTrunk : ofQueries;
  const run = await trainedModel(context, {
    path: `models/inputs-${kind}-seed${seed}`,
    dataset,
    model: request.model,
    training: { ...request.training, validate_every: 0, seed },
    flops: trainingAmount(context, FLOPS[kind]),
  });
  // Reading the maps takes as long as training, so it is not repeated either.
  const kept = await readStimulus(run.records.store);
  const { maps } = kept ?? (await explainStimulus(run, {}, context));
  return withControls(maps);
}

function inputsTable(
  maps: Readonly<Record<AttentionKind, readonly (readonly MapWithControls[])[]>>,
): MeasuredTable {
  return {
    title: `Maps of ${NEURONS} inputs against the one that drives each of ${NEURONS} neurons`,
    caption: `Share of neurons whose input has the largest value of the neuron’s map, or one of the five largest; by chance ${1 / NEURONS} and ${5 / NEURONS}. Untrained: the same reading of a model with random weights. Other neuron: the map of when a neuron fires, with the attention and the gradient of another one.`,
    columns: [
      { title: 'largest' },
      { title: 'untrained' },
      { title: 'other neuron' },
      { title: 'among five' },
    ],
    rows: READINGS.map(([name, kind, title]): MeasuredRow => {
      const found = maps[kind].map((ofSeed) => ofSeed.find(({ map }) => map.name === name)!);
      return {
        title,
        kind: found[0]!.map.kind === 'spikes' ? 'baseline' : 'model',
        scores: [
          found.map(({ map }) => map.inputs!.top1),
          found.flatMap(({ untrained }) => untrained?.inputs?.top1 ?? []),
          found.flatMap(({ other }) => other?.inputs?.top1 ?? []),
          found.map(({ map }) => map.inputs!.top5),
        ],
      };
    }),
  };
}

/** What the table of `inputs` says. */
export function judgeInputs(table: MeasuredTable): Judgment {
  const titles = (kind: AttentionKind) =>
    READINGS.filter(
      ([name, of]) => of === kind && name !== 'occlusion' && name !== 'correlation',
    ).map(([, , title]) => title);
  const isFound = (title: string) => {
    const controls = [1, 2].map((column) => scoresOf(table, title, column));
    return scoresOf(table, title).every(
      (share, n) =>
        share >= FOUND && controls.every((control) => share >= (control[n] ?? 0) + ABOVE_CONTROL),
    );
  };
  const share = (title: string, column = 0) => describeSpread(scoresOf(table, title, column), 2);
  const [, whenFiring, anyTime] = titles('trunk') as [string, string, string];
  const [queries, queriesGradient] = titles('queries') as [string, string];
  const byQueries = titles('queries').some(isFound);
  const best = READINGS.at(-1)![2];
  return {
    verdict: isFound(anyTime)
      ? 'holds'
      : byQueries || isFound(whenFiring)
        ? 'partly'
        : 'does not hold',
    measured: `gradient x attention of the trunk: ${share(whenFiring)} when the neuron fires, ${share(anyTime)} at any time; of neuron queries: ${share(queriesGradient)}, their attention: ${share(queries)}`,
    baseline: `${best}: ${share(best)}`,
    remarks: [
      `When a neuron fires, its input is strong, so attention to that input differs whatever the model has learned. Gradient x attention of the trunk then finds ${share(whenFiring)} of the inputs, ${share(whenFiring, 2)} with the gradient of another neuron and ${share(whenFiring, 1)} untrained: only what is above both is evidence.`,
      isFound(anyTime)
        ? 'At any time it finds them as well: the trunk has learned which input drives which neuron.'
        : `At any time, whatever fires, it finds ${share(anyTime)}: the trunk has hardly learned which input drives which neuron.`,
      byQueries
        ? 'With a query for every neuron, which the paper does not have, attention finds the inputs without waiting for spikes.'
        : 'Not even a query for every neuron finds the inputs in every seed.',
      'The cross-correlation of spikes and inputs needs no model.',
    ],
  };
}

/** The claim that pretraining on spikes makes few labels suffice. */

import { mean } from '../../math/statistics.js';
import { parseConfig } from '../../neuroformer/config.js';
import { spikesOnly } from '../../neuroformer/rungs.js';
import { LABEL_DECODERS, type LabelResults, type LabelRun } from '../../probe/results.js';
import { labelsSection } from '../../report/labels.js';
import { describeSpread } from '../../report/spread.js';
import { compareLabels } from '../../stages/labels.js';
import { readLabels } from '../../stages/result-files.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredRow,
  type MeasuredTable,
  ofSeed,
  type PaperContext,
  type RowKind,
  scoresOf,
  trainingAmount,
} from '../claim.js';
import { trainedModel, visualData } from '../models.js';

/** Behavior that is known for a hundredth of the time. */
export const labels: Claim = {
  name: 'labels',
  title: 'Few labels',
  says: 'pretrained on spikes, the model decodes speed with 1 % of the labels better than from scratch with 10 %.',
  measure,
};

/** Work of the training of the run itself, in floating-point operations. */
const FLOPS = 1.2e11;
/** A network trains on spikes alone for so many times as long. */
const PRETRAINING = 4;
/** Updates of each model on labels. */
const UPDATES = 188;
const DRAWS = 5;
/** Seconds of the stretches that have labels. */
const STRETCH = 3;
const SHARES = [0.01, 0.1];
/** Behavior has to matter for spikes, if a network is to learn it from spikes alone. */
const MODULATION = 2;
const RATE = 0.01;

const VARIABLES = ['speed', 'phi', 'theta'];
const DECODERS = Object.keys(LABEL_DECODERS) as LabelRun['from'][];
const KINDS: Readonly<Record<LabelRun['from'], RowKind>> = {
  frozen: 'model',
  slow: 'model',
  pretrained: 'model',
  scratch: 'baseline',
  untrained: 'control',
  slowUntrained: 'control',
  counts: 'baseline',
  slowCounts: 'baseline',
};

async function measure(context: PaperContext): Promise<Findings> {
  const bySeed: LabelResults[] = [];
  for (const seed of context.seeds) bySeed.push(await labelsOfSeed(context, seed));
  const tables = VARIABLES.map(
    (variable): MeasuredTable => ({
      title: variable,
      caption: `Correlation of decoded and true values on test trials, mean of ${DRAWS} draws of labels; each seed is a simulation and a pretrained network of its own.`,
      columns: SHARES.map((share) => ({ title: `${100 * share} % of labels, r` })),
      rows: DECODERS.map(
        (from): MeasuredRow => ({
          title: LABEL_DECODERS[from],
          kind: KINDS[from],
          scores: SHARES.map((share) =>
            bySeed.map((results) => meanScore(results, from, share, variable)),
          ),
        }),
      ),
    }),
  );
  const { figures = [] } = await labelsSection(bySeed[0]!);
  const shown = figures.slice(0, 1).map((figure) => ofSeed(figure, context.seeds[0]!));
  return { ...judgeLabels(tables), tables, figures: shown };
}

/** All decoders of a seed; scored once, then read from the store. */
async function labelsOfSeed(context: PaperContext, seed: number): Promise<LabelResults> {
  const { dataset, model, training } = await visualData(context, seed, MODULATION, 'decode.yaml');
  // A readout of counts would decode without anything that pretraining could help.
  const config = spikesOnly(parseConfig({ ...model, readout: null }).config);
  const run = await trainedModel(context, {
    path: `models/labels-seed${seed}`,
    dataset,
    model: config,
    training: { ...training, seed, rate: RATE, validate_every: 0 },
    flops: trainingAmount(context, FLOPS),
  });
  const stored = await readLabels(run.records.store);
  if (stored && stored.runs.length === DRAWS * SHARES.length * DECODERS.length) return stored;
  const settings = {
    shares: SHARES,
    draws: DRAWS,
    stretch: STRETCH,
    updates: UPDATES,
    // A network of its own for each seed.
    pretrainings: 1,
    pretraining: PRETRAINING * run.facts.training.steps!,
  };
  return compareLabels(run, settings, context);
}

function meanScore(
  { runs }: LabelResults,
  from: LabelRun['from'],
  share: number,
  variable: string,
): number {
  const chosen = runs.filter((run) => run.from === from && run.share === share);
  return mean(chosen.map(({ scores }) => scores[variable]!.r!));
}

/** What the tables say: the claim is about the first of them, speed. */
export function judgeLabels([table, ...gaze]: readonly MeasuredTable[]): Judgment {
  const r = (from: LabelRun['from'], column: number) =>
    scoresOf(table!, LABEL_DECODERS[from], column);
  const [few, more] = [0, 1];
  const isAhead = (from: LabelRun['from'], other: LabelRun['from']) =>
    r(from, few).every((value, n) => value > r(other, more)[n]!);
  const describe = (from: LabelRun['from'], column: number) =>
    `r = ${describeSpread(r(from, column), 2)}`;
  const frozen = isAhead('frozen', 'scratch');
  const slow = isAhead('slow', 'scratch');
  const tuned = isAhead('pretrained', 'scratch');
  /** Whether pretraining helps where as many labels are known, in every seed. */
  const helps = [few, more].every((column) =>
    r('frozen', column).every((value, n) => value > r('scratch', column)[n]!),
  );
  return {
    verdict:
      (slow || frozen) && tuned ? 'holds' : slow || frozen || helps ? 'partly' : 'does not hold',
    measured: (['slow', 'frozen', 'pretrained'] as const)
      .map((from) => `${LABEL_DECODERS[from]}, 1 %: ${describe(from, few)}`)
      .join('; '),
    baseline: `${LABEL_DECODERS.scratch}, 10 %: ${describe('scratch', more)}; ${LABEL_DECODERS.counts}, 10 %: ${describe('counts', more)}`,
    remarks: [
      `Frozen and read by its slowest feature, which is found without labels, the network with 1 % of the labels is ${slow ? 'ahead of' : 'not ahead of'} the one from scratch with 10 % in every seed. The slowest feature of the untrained network gives ${describe('slowUntrained', few)}, and that of counts ${describe('slowCounts', few)}.`,
      `Frozen and read by ridge, the network with 1 % of the labels is ${frozen ? 'ahead of' : 'not ahead of'} the one from scratch with 10 % in every seed, and ${isAhead('frozen', 'counts') ? 'ahead of' : 'not ahead of'} ridge on counts with 10 %.`,
      `With as many labels, it is ${helps ? 'ahead' : 'not ahead'} of the one from scratch in every seed, with 1 % and with 10 %.`,
      `Fine-tuned as a whole, as in the paper, it is ${tuned ? 'ahead of that in every seed' : 'not ahead of that in every seed'}.`,
      `Untrained, the same network gives ridge ${describe('untrained', few)} with 1 %: the rest was learned from spikes.`,
      ...gaze.map((variable) => {
        const [frozen, counts] = (['frozen', 'counts'] as const).map((from) =>
          describeSpread(scoresOf(variable, LABEL_DECODERS[from], more), 2),
        );
        return `${variable.title} with 10 %: ridge has r = ${frozen} on the frozen network, and ${counts} on counts.`;
      }),
      'Behavior matters twice as much for the spikes here as in the other demonstrations, so that a network can learn it from spikes alone.',
    ],
  };
}

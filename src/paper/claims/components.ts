/** The claim that every part of the model improves its predictions of spikes. */

import { parseConfig } from '../../neuroformer/config.js';
import { componentRungs } from '../../neuroformer/rungs.js';
import type { LadderRun } from '../../probe/results.js';
import { describeSpread } from '../../report/spread.js';
import { trainRung } from '../../stages/ladder-components.js';
import { parseTrainSettings } from '../../train/settings.js';
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
import { FILM_MODEL_TITLES, filmModel } from '../film-models.js';
import { type SimulatedData, visualData } from '../models.js';

/** The parts of a model that predict spikes. */
export const components: Claim = {
  name: 'components',
  title: 'Components',
  says: 'the past, the stimulus, behavior and the contrastive loss each improve the prediction of spikes.',
  measure,
};

/** Updates of every rung. */
const UPDATES = 1000;
/** Nats a token by which the film should improve the state alone. */
const FILM_GAIN = 0.2;
/** What the model reads of behavior. */
const BEHAVIOR = { dt: 0.05 };

/** A configuration with behavior as input, and with contrast. */
function completeModel(model: Record<string, unknown>): object {
  return {
    ...model,
    modalities: {
      behavior: {
        n_layers: 1,
        window: 0.05,
        variables: { speed: BEHAVIOR, phi: BEHAVIOR, theta: BEHAVIOR },
      },
    },
    contrastive: {
      contrastive: true,
      vars: ['id', 'frames', { behavior: 'speed' }],
      clip_embd: 16,
      clip_temp: 0.1,
    },
    loss: { gamma: 0.2 },
  };
}

/** How a ladder's models read past and film: `queries` attends to the past, as the paper does. */
type LadderKind = 'attention' | 'queries' | 'heads';

const TITLES: Readonly<Record<LadderKind, string>> = {
  ...FILM_MODEL_TITLES,
  queries: 'neuron queries',
};

/** The part that a rung has more than the one below, and the kind of its model. */
interface LadderRung {
  readonly part: string;
  readonly kind: LadderKind;
}

const rungsOf = (kind: LadderKind, ...parts: string[]): LadderRung[] =>
  parts.map((part) => ({ part, kind }));

/** The rungs of each ladder above the state alone. */
const LADDERS: Readonly<Record<LadderKind, readonly LadderRung[]>> = {
  attention: rungsOf('attention', 'past', 'stimulus'),
  // Without film it is the paper's model.
  queries: [
    ...rungsOf('attention', 'past'),
    ...rungsOf('queries', 'stimulus', 'behavior', 'contrast'),
  ],
  heads: rungsOf('heads', 'past', 'stimulus', 'behavior', 'contrast'),
};
const KINDS = Object.keys(LADDERS) as LadderKind[];
/** The rung below all others. */
const STATE = 'state alone';

/** The configuration of a kind, without behavior and contrast. */
function ladderModel(
  data: Pick<SimulatedData, 'model'>,
  kind: LadderKind,
): Record<string, unknown> {
  if (kind !== 'queries') return filmModel(data, kind);
  const { spike_history, ...rest } = data.model;
  return { ...rest, layers: { encoder: 0, state: 1, state_history: 1, stimulus: 0 } };
}

async function measure(context: PaperContext): Promise<Findings> {
  const rungs = new Map(
    KINDS.flatMap((kind) => LADDERS[kind].map((rung) => [rowTitle(rung), rung] as const)),
  );
  const rows = [await rungRow(context, STATE, { part: 'state', kind: 'heads' })];
  for (const [title, rung] of rungs) rows.push(await rungRow(context, title, rung));
  const table: MeasuredTable = {
    title: 'What each part adds, one window ahead of the recorded past',
    caption:
      'Each row is a model of its own, with the parts of the rows above it that are of the same kind. Those with neuron queries alone attend to the past, as the paper’s do. Nats of the next token: lower is better. Bits a spike of expected counts, above each neuron’s mean rate. F1 of the set of neurons that fire in a window of 50 ms.',
    columns: [
      { title: 'nats a token', digits: 3 },
      { title: 'bits a spike' },
      { title: 'set-F1', digits: 3 },
    ],
    rows,
  };
  return { ...judgeComponents(table), tables: [table], figures: [] };
}

function rowTitle({ part, kind }: LadderRung): string {
  return `+ ${part}, ${TITLES[kind]}`;
}

/** A rung of a kind of model, trained and scored with each seed. */
async function rungRow(
  context: PaperContext,
  title: string,
  { part, kind }: LadderRung,
): Promise<MeasuredRow> {
  const runs: LadderRun[] = [];
  for (const seed of context.seeds) {
    const { dataset, training, ...data } = await visualData(context, seed);
    const { config } = parseConfig(completeModel(ladderModel(data, kind)));
    const settings = parseTrainSettings({ ...training, steps: trainingAmount(context, UPDATES) });
    const store = context.store.within(`models/components-${kind}-data${seed}`);
    const rung = componentRungs(config).find((candidate) => candidate.name === part)!;
    runs.push(await trainRung({ dataset, store, settings }, rung, seed, context));
  }
  const scores = (['nats', 'bits', 'setF1'] as const).map((key) => runs.map((run) => run[key]));
  return { title, kind: 'model', scores };
}

/** By how many nats a part improves the rung below it, with each seed. */
interface Step {
  readonly part: string;
  readonly gain: readonly number[];
}

/** What the table of `components` says. */
export function judgeComponents(table: MeasuredTable): Judgment {
  const nats = (title: string) => scoresOf(table, title);
  const gains = (below: string, title: string) =>
    nats(below).map((value, n) => value - nats(title)[n]!);
  const steps = (kind: LadderKind): Step[] => {
    const titles = [STATE, ...LADDERS[kind].map(rowTitle)];
    return LADDERS[kind].map(({ part }, n) => ({ part, gain: gains(titles[n]!, titles[n + 1]!) }));
  };
  const helps = ({ gain }: Step) => gain.every((value) => value > 0);
  const film = (kind: LadderKind) => gains(STATE, rowTitle({ part: 'stimulus', kind }));
  /** Whether past and film help in every seed, and by as much as they should. */
  const works = (kind: LadderKind) =>
    steps(kind).slice(0, 2).every(helps) && film(kind).every((gain) => gain >= FILM_GAIN);
  const complete = KINDS.filter((kind) => LADDERS[kind].some(({ part }) => part === 'contrast'));
  const describe = (gain: readonly number[]) => `${describeSpread(gain, 3)} nats`;
  return {
    verdict: !complete.some(works)
      ? 'does not hold'
      : works('attention') && complete.some((kind) => steps(kind).every(helps))
        ? 'holds'
        : 'partly',
    measured: KINDS.map(
      (kind) => `past and film: ${describe(film(kind))} better with ${TITLES[kind]}`,
    )
      .reverse()
      .join('; '),
    baseline: `${STATE}: ${describe(nats(STATE))} a token`,
    remarks: KINDS.map((kind) => {
      const parts = steps(kind).map(
        (step) =>
          `${step.part} is ${describe(step.gain)} better${helps(step) ? '' : ', not in every seed'}`,
      );
      return `With ${TITLES[kind]}: ${parts.join('; ')}.`;
    }),
  };
}

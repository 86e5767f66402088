/** The claim that every part of the model improves its predictions of spikes. */

import { parseConfig } from '../../neuroformer/config.js';
import { componentRungs } from '../../neuroformer/rungs.js';
import type { LadderRun } from '../../probe/results.js';
import type { Figure } from '../../report/draw.js';
import { describeSpread } from '../../report/spread.js';
import { OTHER, ROLES } from '../../report/theme.js';
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
import { columnScores, scoresFigure } from '../table-figure.js';

/** The parts of a model that predict spikes. */
export const components: Claim = {
  name: 'components',
  title: 'Components',
  says: 'the past, the stimulus, behavior and the contrastive loss each improve the prediction of spikes.',
  measure,
};

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
    loss: { gamma: 0.1 },
  };
}

/** How a ladder's models read past and film: `queries` attends to the past, as the paper does. */
type LadderKind = 'attention' | 'queries' | 'heads';

const TITLES: Readonly<Record<LadderKind, string>> = {
  attention: FILM_MODEL_TITLES.attention,
  queries: 'neuron queries',
  heads: FILM_MODEL_TITLES.heads,
};
const KINDS = Object.keys(TITLES) as LadderKind[];
const COLORS: Readonly<Record<LadderKind, string>> = {
  attention: ROLES.baseline,
  queries: OTHER,
  heads: ROLES.model,
};
/** Updates of every rung. */
const UPDATES = 1000;

/** What each rung has more than the one below it. */
const PARTS = ['past', 'stimulus', 'behavior', 'contrast'] as const;
type Part = (typeof PARTS)[number];
/** The rungs of every ladder, by their names in `componentRungs`. */
const RUNGS = ['state', ...PARTS] as const;
type RungName = (typeof RUNGS)[number];
const rungTitle = (rung: RungName) => (rung === 'state' ? 'state alone' : `+ ${rung}`);

/** The configuration of a kind, without behavior and contrast. */
function ladderModel(
  data: Pick<SimulatedData, 'model'>,
  kind: LadderKind,
): Record<string, unknown> {
  if (kind !== 'queries') return filmModel(data, kind);
  const { spike_history, ...rest } = data.model;
  return { ...rest, layers: { encoder: 0, state: 1, state_history: 1, stimulus: 0 } };
}

/** The ladder whose model a rung is, as ladders share what they have below the film. */
function ownerOf(kind: LadderKind, name: RungName): LadderKind {
  return name === 'state' || (name === 'past' && kind === 'queries') ? 'attention' : kind;
}

async function measure(context: PaperContext): Promise<Findings> {
  const tables = {} as Record<LadderKind, MeasuredTable>;
  for (const kind of KINDS) tables[kind] = await climb(context, kind);
  return {
    ...judgeComponents(tables),
    tables: Object.values(tables),
    figures: [await laddersFigure(tables)],
  };
}

/** All ladders in one figure. */
function laddersFigure(tables: Readonly<Record<LadderKind, MeasuredTable>>): Promise<Figure> {
  const panels = ['nats a token', 'bits a spike'];
  return scoresFigure(
    { name: 'ladders', title: 'What each part adds' },
    KINDS.flatMap((kind) =>
      tables[kind].rows.map((row) => ({
        method: row.title,
        series: TITLES[kind],
        scores: columnScores(tables[kind], row, panels),
      })),
    ),
    KINDS.map((kind) => ({ name: TITLES[kind], color: COLORS[kind] })),
    panels,
  );
}

/** What each rung of a ladder scores. */
async function climb(context: PaperContext, kind: LadderKind): Promise<MeasuredTable> {
  const rows: MeasuredRow[] = [];
  for (const name of RUNGS) rows.push(await rungRow(context, kind, name));
  return {
    title: `What each part adds to a model with ${TITLES[kind]}`,
    caption:
      'One window ahead of the recorded past; each row is a model of its own, with the parts of the rows above it. Nats of the next token: lower is better. Bits a spike of expected counts, above each neuron’s mean rate. F1 of the set of neurons that fire in a window of 50 ms.',
    columns: [
      { title: 'nats a token', digits: 3 },
      { title: 'bits a spike' },
      { title: 'set-F1', digits: 3 },
    ],
    rows,
  };
}

/** A rung of a kind of model, trained and scored with each seed. */
async function rungRow(
  context: PaperContext,
  kind: LadderKind,
  name: RungName,
): Promise<MeasuredRow> {
  const owner = ownerOf(kind, name);
  const runs: LadderRun[] = [];
  for (const seed of context.seeds) {
    const { dataset, training, ...data } = await visualData(context, seed);
    const { config } = parseConfig(completeModel(ladderModel(data, owner)));
    const settings = parseTrainSettings({ ...training, steps: trainingAmount(context, UPDATES) });
    const store = context.store.within(`models/components-${owner}-data${seed}`);
    const rung = componentRungs(config).find((candidate) => candidate.name === name)!;
    runs.push(await trainRung({ dataset, store, settings }, rung, seed, context));
  }
  const scores = (['nats', 'bits', 'setF1'] as const).map((key) => runs.map((run) => run[key]));
  return { title: rungTitle(name), kind: 'model', scores };
}

/** By how many nats a part improves the rung below it, with each seed. */
interface Step {
  readonly part: Part;
  readonly gain: readonly number[];
}

/** What the tables of `components` say, one of each ladder. */
export function judgeComponents(tables: Readonly<Record<LadderKind, MeasuredTable>>): Judgment {
  const nats = (kind: LadderKind, rung: RungName) => scoresOf(tables[kind], rungTitle(rung));
  const gains = (kind: LadderKind, below: RungName, rung: RungName) =>
    nats(kind, below).map((value, n) => value - nats(kind, rung)[n]!);
  const steps = (kind: LadderKind): Step[] =>
    PARTS.map((part, n) => ({ part, gain: gains(kind, RUNGS[n]!, part) }));
  const helps = ({ gain }: Step) => gain.every((value) => value > 0);
  const film = (kind: LadderKind) => gains(kind, 'state', 'stimulus');
  const isFilmSeen = (kind: LadderKind) => film(kind).every((gain) => gain >= FILM_GAIN);
  const inOrder = (kind: LadderKind) => steps(kind).every(helps);
  const works = (kind: LadderKind) => isFilmSeen(kind) && steps(kind).slice(0, 2).every(helps);
  const describe = (gain: readonly number[]) => `${describeSpread(gain, 3)} nats`;
  return {
    verdict:
      isFilmSeen('attention') && inOrder('attention')
        ? 'holds'
        : KINDS.some((kind) => works(kind) || inOrder(kind))
          ? 'partly'
          : 'does not hold',
    measured: KINDS.map(
      (kind) => `past and film: ${describe(film(kind))} better with ${TITLES[kind]}`,
    )
      .reverse()
      .join('; '),
    baseline: `${rungTitle('state')}: ${describe(nats('attention', 'state'))} a token`,
    remarks: KINDS.map((kind) => {
      const parts = steps(kind).map((step) => {
        const exception = helps(step) ? '' : ', not in every seed';
        return `${step.part} ${describeSpread(step.gain, 3)}${exception}`;
      });
      return `Nats a token that each part gains with ${TITLES[kind]}: ${parts.join('; ')}.`;
    }),
  };
}

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
import { FILM_MODEL_TITLES, type FilmModelKind, filmModel } from '../film-models.js';
import { visualData } from '../models.js';

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
    loss: { mu: 0.5, gamma: 0.2 },
  };
}

async function measure(context: PaperContext): Promise<Findings> {
  const heads = await ladder(context, 'heads', [
    'state',
    'past',
    'stimulus',
    'behavior',
    'contrast',
  ]);
  const attention = await ladder(context, 'attention', ['past', 'stimulus']);
  const table: MeasuredTable = {
    title: 'What each part adds, one window ahead of the recorded past',
    caption:
      'Each row is a model of its own, with the parts of the rows above it. Nats of the next token: lower is better. Bits a spike of expected counts, above each neuron’s mean rate. F1 of the set of neurons that fire in a window of 50 ms.',
    columns: [
      { title: 'nats a token', digits: 3 },
      { title: 'bits a spike' },
      { title: 'set-F1', digits: 3 },
    ],
    rows: [...heads, ...attention],
  };
  return { ...judgeComponents(table), tables: [table], figures: [] };
}

/** The title of a rung's row. */
function rowTitle(rung: string, kind: FilmModelKind): string {
  return rung === 'state' ? 'state alone' : `+ ${rung}, ${FILM_MODEL_TITLES[kind]}`;
}

/** A row for each of some rungs of a kind of model. */
async function ladder(
  context: PaperContext,
  kind: FilmModelKind,
  names: readonly string[],
): Promise<MeasuredRow[]> {
  const runs: LadderRun[] = [];
  for (const seed of context.seeds) {
    const { dataset, training, ...data } = await visualData(context, seed);
    const { config } = parseConfig(completeModel(filmModel(data, kind)));
    const steps = trainingAmount(context, UPDATES);
    const settings = parseTrainSettings({ ...training, steps });
    const store = context.store.within(`models/components-${kind}-data${seed}`);
    for (const rung of componentRungs(config))
      if (names.includes(rung.name))
        runs.push(await trainRung({ dataset, store, settings }, rung, seed, context));
  }
  return names.map((rung) => {
    const ofRung = runs.filter(({ name }) => name === rung);
    const scores = (['nats', 'bits', 'setF1'] as const).map((key) => ofRung.map((run) => run[key]));
    return { title: rowTitle(rung, kind), kind: 'model', scores };
  });
}

/** What the table of `components` says. */
export function judgeComponents(table: MeasuredTable): Judgment {
  const nats = (rung: string, kind: FilmModelKind) => scoresOf(table, rowTitle(rung, kind));
  const state = nats('state', 'heads');
  /** By how much a rung is better than another in each seed, in nats. */
  const gains = (rung: string, below: readonly number[], kind: FilmModelKind) =>
    nats(rung, kind).map((value, n) => below[n]! - value);
  const kinds = ['attention', 'heads'] as const;
  const inOrder = (kind: FilmModelKind) =>
    [...gains('past', state, kind), ...gains('stimulus', nats('past', kind), kind)].every(
      (gain) => gain > 0,
    );
  const film = (kind: FilmModelKind) => gains('stimulus', state, kind);
  const holds = (kind: FilmModelKind) =>
    inOrder(kind) && film(kind).every((gain) => gain >= FILM_GAIN);
  const later = (['behavior', 'contrast'] as const).map((rung) => {
    const below = nats(rung === 'behavior' ? 'stimulus' : 'behavior', 'heads');
    return { rung, gain: gains(rung, below, 'heads') };
  });
  const describe = (gain: readonly number[]) => `${describeSpread(gain, 3)} nats`;
  const doNotHelp = later.filter(({ gain }) => gain.some((value) => value <= 0));
  return {
    verdict: !holds('heads')
      ? 'does not hold'
      : holds('attention') && doNotHelp.length === 0
        ? 'holds'
        : 'partly',
    measured: `past and film: ${describe(film('heads'))} better with ${FILM_MODEL_TITLES.heads}, ${describe(film('attention'))} with ${FILM_MODEL_TITLES.attention}`,
    baseline: `state alone: ${describe(state)} a token`,
    remarks: [
      ...kinds.map((kind) => {
        const order = inOrder(kind)
          ? 'each of the two helps in every seed'
          : 'not each of the two helps in every seed';
        return `Past and film with ${FILM_MODEL_TITLES[kind]}: ${order}.`;
      }),
      ...later.map(
        ({ rung, gain }) =>
          `Adding ${rung}: ${describe(gain)} better; ${gain.every((value) => value > 0) ? 'it helps in every seed' : 'it does not help in every seed'}.`,
      ),
    ],
  };
}

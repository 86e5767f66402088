/** The claim that attention to a film shows which part of it each neuron depends on. */

import { type MapWithControls, withControls } from '../../probe/stimulus.js';
import type { Figure } from '../../report/draw.js';
import { describeSpread } from '../../report/spread.js';
import { mapsFigure } from '../../report/stimulus-figures.js';
import { explainStimulus } from '../../stages/explain-stimulus.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredRow,
  type MeasuredTable,
  ofSeed,
  type PaperContext,
  scoresOf,
} from '../claim.js';
import { FILM_MODEL_TITLES, type FilmModelKind, filmRun } from '../film-models.js';
import { controlsFigure } from '../table-figure.js';

/** Maps follow the fields if they correlate at least this much in every seed, */
const FOLLOWS = 0.65;
/** and those of an untrained model at most this much. */
const UNTRAINED = 0.2;

/** Where in the film neurons look. */
export const fields: Claim = {
  name: 'fields',
  title: 'Receptive fields',
  says: 'attention to the film shows which part of it each neuron depends on.',
  measure,
};

/** Maps by the name of their reading, seed by seed. */
type MapsBySeed = readonly (readonly MapWithControls[])[];

async function measure(context: PaperContext): Promise<Findings> {
  const figures: Figure[] = [];
  const read = async (kind: FilmModelKind): Promise<MapsBySeed> => {
    const bySeed: (readonly MapWithControls[])[] = [];
    for (const seed of context.seeds) {
      const run = await filmRun(context, kind, seed);
      const results = await explainStimulus(run, {}, context);
      bySeed.push(withControls(results.maps));
      if (bySeed.length > 1) continue;
      const figure = await mapsFigure(results, run.dataset.truth?.fields);
      const shown = ofSeed(figure, seed, `model with ${FILM_MODEL_TITLES[kind]}`);
      figures.push({ ...shown, name: `${figure.name}-${kind}` });
    }
    return bySeed;
  };
  const table = fieldTable(await read('attention'), await read('heads'));
  const scores = await controlsFigure(
    { name: 'scores', title: 'Agreement with the true fields' },
    table,
    'r with the true field',
    ['untrained', 'other field'],
  );
  return { ...judgeFields(table), tables: [table], figures: [scores, ...figures] };
}

const TRUNK = ['trunk attention', 'trunk gradient x attention'];
const OCCLUSION = 'occlusion, the same model';
const QUERIES = 'attention of neuron queries';
const SQUARE = 'average of the squared film';

function fieldTable(attention: MapsBySeed, heads: MapsBySeed): MeasuredTable {
  const row = (title: string, bySeed: MapsBySeed, name: string): MeasuredRow => {
    const found = bySeed.map((maps) => maps.find(({ map }) => map.name === name)!);
    return {
      title,
      kind: found[0]!.map.kind === 'spikes' ? 'baseline' : 'model',
      scores: [
        found.map(({ map }) => map.fields!.r),
        found.flatMap(({ untrained }) => untrained?.fields?.r ?? []),
        found.map(({ map }) => map.fields!.otherField),
        found.map(({ map }) => map.fields!.pixelsOff),
      ],
    };
  };
  return {
    title: 'Maps of the film against the true receptive fields',
    caption:
      'r: correlation over places of a neuron’s map with its field, mean over 60 neurons. Untrained: the same reading of a model with random weights. Other field: with that of another neuron. Pixels off: from the largest place of the map to the center of the field, median; the film has 16 x 16 pixels.',
    columns: [
      { title: 'r' },
      { title: 'untrained' },
      { title: 'other field' },
      { title: 'pixels off', digits: 1 },
    ],
    rows: [
      row(TRUNK[0]!, attention, 'trunk'),
      row(TRUNK[1]!, attention, 'trunkgradient'),
      row(OCCLUSION, attention, 'occlusion'),
      row(QUERIES, heads, 'queries'),
      row('occlusion, the model with queries', heads, 'occlusion'),
      row('input gradients, the model with queries', heads, 'gradient'),
      row('spike-triggered average', heads, 'average'),
      row(SQUARE, heads, 'square'),
    ],
  };
}

/** What the table of `fields` says. */
export function judgeFields(table: MeasuredTable): Judgment {
  const follows = (title: string) =>
    scoresOf(table, title).every((r) => r >= FOLLOWS) &&
    scoresOf(table, title, 1).every((r) => r <= UNTRAINED);
  const byAttention = TRUNK.some(follows);
  const byQueries = follows(QUERIES);
  const r = (title: string) => `r = ${describeSpread(scoresOf(table, title), 2)}`;
  return {
    verdict: byAttention ? 'holds' : byQueries ? 'partly' : 'does not hold',
    measured: `${TRUNK[0]}: ${r(TRUNK[0]!)}; neuron queries: ${r(QUERIES)}`,
    baseline: `${SQUARE}: ${r(SQUARE)}`,
    remarks: [
      byAttention
        ? 'The attention of the trunk follows the fields.'
        : 'The attention of the trunk does not follow the fields: a query does not know which neuron comes next, so what it gathers has to serve all neurons at once.',
      `Occlusion of the same model: ${r(OCCLUSION)}.${!byAttention && follows(OCCLUSION) ? ' So it has learned where neurons look, and its attention does not show it.' : ''}`,
      byQueries
        ? 'With a query for every neuron, which the paper does not have, attention follows the fields. Occlusion and input gradients of the same model follow them better, and work for every architecture.'
        : 'Not even a query for every neuron follows them in every seed.',
      `The classical average of the squared film needs no model: ${r(SQUARE)}.`,
    ],
  };
}

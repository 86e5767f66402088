/** The section on connectivity: maps of all pairs, their scores, and what they say. */

import type { EdgeScores } from '../analyze/edges.js';
import { largestBy } from '../math/statistics.js';
import type { Connectivity, ConnectivityMap } from '../probe/connectivity.js';
import type { Truth, Wiring } from '../simulate/truth.js';
import { formatCount, formatScore } from '../text/format.js';
import type { Figure } from './draw.js';
import type { Answer, Section, Table } from './html.js';
import { mapFigures, type NamedMap } from './maps.js';

const METHOD_KINDS = {
  model: 'model',
  control: 'control',
  correlation: 'spikes only',
} as const;

/** Maps that are drawn, in this order, and what their numbers are. Coupling is beside the truth. */
export const DRAWN_MAPS = {
  coupling: 'log odds per spike',
  attention: 'attention per spike',
  learnt: 'attention per spike',
  ablation: 'drop of log p (nats)',
  pearson50: 'correlation r',
  lagged: 'correlation r',
  lagged40: 'correlation r',
  glm: 'log rate per spike',
} as const;

/** The section on connectivity. @param truth what is known of a simulated recording */
export async function wiringSection(
  connectivity: Connectivity,
  { wiring }: Truth = {},
): Promise<Section> {
  const { maps, neurons } = connectivity;
  const drawn = Object.entries(DRAWN_MAPS).flatMap(([name, quantity]) =>
    maps.filter((map) => map.name === name).map((map) => ({ ...map, quantity })),
  );
  const figures: Figure[] = await mapFigures(
    [...(wiring ? [trueWeights(wiring)] : []), ...drawn],
    neurons,
    wiring,
  );
  const table = scoreTable(maps);
  return {
    title: 'Connectivity',
    text: [
      describeReadings(connectivity),
      ...(table
        ? [attentionVerdict(maps)]
        : ['The true wiring is unknown, so the maps have no scores.']),
    ],
    tables: table ? [table] : [],
    figures,
    answers: [wiringAnswer(connectivity)],
  };
}

/** How well the model's best map finds the strong edges, beside controls and spikes alone. */
function wiringAnswer({ maps, neurons }: Connectivity): Answer {
  const asked = `Who drives whom among ${neurons} neurons`;
  const isSigned = hasInhibition(maps);
  const scored = maps.flatMap(({ scores, ...map }) => {
    if (!scores) return [];
    const judged = judgedScores(scores, isSigned);
    return Number.isFinite(judged.auroc) ? [{ ...map, ...judged }] : [];
  });
  const best = (kind: ConnectivityMap['kind']) =>
    largestBy(
      scored.filter((map) => map.kind === kind),
      ({ auroc }) => auroc,
    );
  const [model, spikes] = [best('model'), best('correlation')];
  if (!model)
    return {
      asked,
      answer: maps.some(({ scores }) => scores)
        ? 'The true wiring has no strong edges to find.'
        : 'The truth is not known, so the maps have no scores: they show what the model depends on.',
    };
  const control = model.name === 'attention' ? 'untrained' : `${model.name}untrained`;
  const untrained = scored.find(({ name }) => name === control);
  const describe = ({ auroc, direction }: JudgedScores) =>
    `AUROC ${auroc.toFixed(3)}, direction ${formatScore(direction)}`;
  return {
    asked,
    answer: [
      `${model.title} of the model finds the strong edges with ${describe(model)}; chance is 0.5${untrained ? `, and an untrained model has ${untrained.auroc.toFixed(3)}` : ''}.`,
      ...(spikes ? [`The best of spikes alone is ${spikes.title}: ${describe(spikes)}.`] : []),
    ].join(' '),
  };
}

/** The true weights as a map. */
export function trueWeights({ weights }: Wiring): NamedMap {
  return { name: 'weights', title: 'True weights', quantity: 'weight', values: weights };
}

/** What the maps were read from, in sentences. */
function describeReadings({ maps, windows, ablationWindows }: Connectivity): string {
  const read = [
    ...(windows > 0 ? [`attention from ${formatCount(windows)} windows`] : []),
    ...(ablationWindows > 0 ? [`ablation from ${formatCount(ablationWindows)}`] : []),
    ...(maps.some(({ name }) => name === 'coupling')
      ? ['coupling from the weights of the spike history']
      : []),
  ].join(', ');
  return `Read were ${read}. They show what the model depends on, not what causes what. Spikes of one time bin have no order, so attention and ablation were read again with ties in another order.`;
}

/** The scores of every connectivity map against the true wiring; undefined if that is unknown. */
export function scoreTable(maps: readonly ConnectivityMap[]): Table | undefined {
  const scored = maps.flatMap((map) => (map.scores ? [{ ...map, scores: map.scores }] : []));
  if (scored.length === 0) return undefined;
  const columns = hasInhibition(maps) ? SIGNED_COLUMNS : COLUMNS;
  return {
    title: 'Maps against the true wiring',
    caption: columns === COLUMNS ? CAPTION : SIGNED_CAPTION,
    head: ['map', '', ...columns.map(([title]) => title)],
    rows: scored.map(({ title, kind, scores }) => [
      title,
      METHOD_KINDS[kind],
      ...columns.map(([, key]) => (key in scores ? formatScore(scores[key]!) : NO_SCORE)),
    ]),
  };
}

/** The score of a map that cannot have it. */
const NO_SCORE = '–';

type ScoreColumn = readonly [title: string, key: keyof EdgeScores];

const CAPTION =
  'AUROC: probability that a strong edge ranks above another pair, over all pairs and over pairs within groups. Direction: share of strong one-way edges whose direction the map gets right. Hubs: share of hubs among equally many sources with the largest column sums. r2 and Spearman: correlation with the weights of all pairs.';
const COLUMNS: readonly ScoreColumn[] = [
  ['AUROC', 'auroc'],
  ['within groups', 'aurocWithin'],
  ['direction', 'direction'],
  ['hubs', 'hubRecall'],
  ['r2', 'r2'],
  ['Spearman', 'spearman'],
];

const SIGNED_CAPTION =
  'AUROC: probability that a strong edge of either sign is larger in magnitude than a pair without a connection. Excitation, inhibition: probability that an edge of that sign ranks above such a pair, or below it. Sign: share of strong edges whose sign the map gets right; attention has none. Direction: share of strong one-way edges that are larger in magnitude than the pair in the other direction. r2 and Spearman: correlation with the weights of all pairs.';
const SIGNED_COLUMNS: readonly ScoreColumn[] = [
  ['AUROC', 'aurocMagnitude'],
  ['excitation', 'aurocExcitatory'],
  ['inhibition', 'aurocInhibitory'],
  ['sign', 'signAccuracy'],
  ['direction', 'directionMagnitude'],
  ['r2', 'r2'],
  ['Spearman', 'spearman'],
];

/** Whether some strong edges inhibit, so that maps are scored by their magnitudes. */
function hasInhibition(maps: readonly ConnectivityMap[]): boolean {
  return maps.some(({ scores }) => Number.isFinite(scores?.aurocInhibitory));
}

/**
 * Whether attention beats Pearson correlation, whether it is better than that of an untrained
 * model, and what coupling finds; empty if maps have no scores.
 */
export function attentionVerdict(maps: readonly ConnectivityMap[]): string {
  const isSigned = hasInhibition(maps);
  const scores = (name: string) => {
    const found = maps.find((map) => map.name === name)?.scores;
    return found && judgedScores(found, isSigned);
  };
  const [attention, coupling] = [scores('attention'), scores('coupling')];
  const pearsons = [scores('pearson10'), scores('pearson50')].flatMap((s) => (s ? [s] : []));
  if (![attention, coupling].some(Boolean) || pearsons.length === 0) return '';
  if ([attention, coupling].some((s) => s && ![s.auroc, s.direction].every(Number.isFinite)))
    return 'The true wiring has no strong one-way edges to score the maps by.';
  return [
    ...(attention ? [compareWithPearson('Attention', attention, pearsons)] : []),
    ...(attention ? compareWithLagged(maps, attention, isSigned) : []),
    ...compareWithUntrained(maps, isSigned),
    ...(coupling && !attention ? [compareWithPearson('Coupling', coupling, pearsons)] : []),
    ...bestSentence(maps, attention ?? coupling!, isSigned),
  ].join(' ');
}

/** The scores that a verdict is about. */
interface JudgedScores {
  readonly auroc: number;
  readonly direction: number;
}

function judgedScores(scores: EdgeScores, isSigned: boolean): JudgedScores {
  return isSigned
    ? { auroc: scores.aurocMagnitude, direction: scores.directionMagnitude }
    : { auroc: scores.auroc, direction: scores.direction };
}

function compareWithPearson(
  name: string,
  map: JudgedScores,
  pearsons: readonly JudgedScores[],
): string {
  const auroc = Math.max(...pearsons.map((s) => s.auroc));
  const direction = Math.max(...pearsons.map((s) => s.direction));
  const beats = map.auroc > auroc && map.direction > direction;
  const numbers = `AUROC of strong edges ${map.auroc.toFixed(3)} against ${auroc.toFixed(3)}, direction ${map.direction.toFixed(3)} against ${direction.toFixed(3)}`;
  return `${name} ${beats ? 'beats' : 'does not beat'} Pearson correlation on both: ${numbers}.`;
}

function compareWithLagged(
  maps: readonly ConnectivityMap[],
  attention: JudgedScores,
  isSigned: boolean,
): string[] {
  const lagged = maps.find(({ name }) => name === (isSigned ? 'lagged40' : 'lagged'));
  const { auroc = Number.NaN } = lagged?.scores ? judgedScores(lagged.scores, isSigned) : {};
  if (!lagged || !Number.isFinite(auroc)) return [];
  const range = lagged.title.replace('Lagged, ', '');
  return [
    `Lagged correlation, the ${range}, ${compareAuroc(auroc, attention.auroc)} (AUROC ${auroc.toFixed(3)}).`,
  ];
}

/** Sentences where attention tells no more than that of an untrained model. */
function compareWithUntrained(maps: readonly ConnectivityMap[], isSigned: boolean): string[] {
  const [attention, untrained] = ['attention', 'untrained'].map(
    (wanted) => maps.find(({ name }) => name === wanted)?.scores,
  );
  if (!attention || !untrained) return [];
  const [of, against] = [judgedScores(attention, isSigned), judgedScores(untrained, isSigned)];
  if (of.auroc > against.auroc + AUROC_TOLERANCE) return [];
  const sentence = `It is no better than the attention of an untrained model (AUROC ${of.auroc.toFixed(3)} and ${against.auroc.toFixed(3)})`;
  if (!isSigned) return [`${sentence}: what it finds here was not learned.`];
  const [excitation, control] = [attention.aurocExcitatory, untrained.aurocExcitatory];
  return [
    `${sentence}, since it has no sign.`,
    ...(excitation > control + AUROC_TOLERANCE
      ? [
          `Of connections that excite it finds more (AUROC ${excitation.toFixed(3)} and ${control.toFixed(3)}).`,
        ]
      : []),
  ];
}

/** A sentence on the map that finds the edges best, where it is not the one that is judged. */
function bestSentence(
  maps: readonly ConnectivityMap[],
  judged: JudgedScores,
  isSigned: boolean,
): string[] {
  const candidates = maps.flatMap(({ title, kind, scores }) =>
    scores && kind !== 'control' ? [{ title, scores, ...judgedScores(scores, isSigned) }] : [],
  );
  const best = candidates.reduce((p, q) => (q.auroc > p.auroc ? q : p));
  if (best.auroc <= judged.auroc + AUROC_TOLERANCE) return [];
  const { signAccuracy } = best.scores;
  const sign = isSigned && signAccuracy !== undefined ? `, sign ${signAccuracy.toFixed(3)}` : '';
  return [
    `Best here: ${best.title} (AUROC ${best.auroc.toFixed(3)}, direction ${best.direction.toFixed(3)}${sign}).`,
  ];
}

/** Difference of two AUROCs that says nothing. */
const AUROC_TOLERANCE = 0.005;

/** How well a map does beside attention, by their AUROCs. */
function compareAuroc(other: number, attention: number): string {
  if (other > attention + AUROC_TOLERANCE) return 'does better';
  return other < attention - AUROC_TOLERANCE ? 'does worse' : 'does as well';
}

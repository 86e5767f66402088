/** The claim that attention shows directed connectivity in simulated networks with hubs. */

import type { EdgeScores } from '../../analyze/edges.js';
import { mean } from '../../math/statistics.js';
import type { ConnectivityMap } from '../../probe/connectivity.js';
import type { ConnectivityResults } from '../../probe/results.js';
import type { DotSeries } from '../../report/dot-plot.js';
import type { Figure } from '../../report/draw.js';
import { mapFigures } from '../../report/maps.js';
import { describeSpread } from '../../report/spread.js';
import { OTHER, ROLES } from '../../report/theme.js';
import { DRAWN_MAPS, trueWeights } from '../../report/wiring.js';
import { explainConnectivity } from '../../stages/explain-connectivity.js';
import { readConnectivity } from '../../stages/result-files.js';
import { capitalize } from '../../text/format.js';
import type { OpenedRun } from '../../train/open-run.js';
import {
  type Claim,
  type Findings,
  type Judgment,
  type MeasuredRow,
  type MeasuredTable,
  type PaperContext,
  type RowKind,
  scoresOf,
} from '../claim.js';
import { type HubNetworkKind, hubRun } from '../hub-networks.js';
import { columnScores, scoresFigure } from '../table-figure.js';

/** Which neuron drives which. */
export const wiring: Claim = {
  name: 'wiring',
  title: 'Connectivity',
  says: 'attention shows directed connectivity in simulated networks with hubs.',
  measure,
};

/** Attention finds the hubs' connections if AUROC and direction are at least this in every seed. */
const FINDS = 0.95;
/** It has learned something if its AUROC is above that of an untrained model by at least this. */
const LEARNED = 0.02;

const HUBS: HubNetworkKind = { name: 'hubs', title: 'hubs that excite', wiring: {} };
/** Networks of other wiring, each with its seed; no setting was chosen on them. */
const OTHERS: readonly { readonly kind: HubNetworkKind; readonly seed: number }[] = [
  {
    kind: { name: 'inhibition', title: 'every second hub inhibits', wiring: { inhibition: 0.5 } },
    seed: 101,
  },
  { kind: { name: 'weak', title: 'weights halved', wiring: { strength: 0.5 } }, seed: 102 },
  { kind: { name: 'slow', title: 'delays of 6 to 14 ms', wiring: { delays: [6, 14] } }, seed: 103 },
  {
    kind: { name: 'sparse', title: 'hubs reach 30% of their group', wiring: { density: 0.3 } },
    seed: 104,
  },
  {
    kind: {
      name: 'mixed',
      title: 'all four at once',
      wiring: { inhibition: 0.5, strength: 0.5, delays: [6, 14], density: 0.3 },
    },
    seed: 105,
  },
];

/** Rows of tables: their titles, kinds, and the maps that they are of. */
const ROWS = {
  attention: { title: 'attention', kind: 'model', map: 'attention' },
  untrained: { title: 'attention, untrained model', kind: 'control', map: 'untrained' },
  coupling: { title: 'coupling', kind: 'model', map: 'coupling' },
  uncoupled: { title: 'coupling, untrained model', kind: 'control', map: 'couplinguntrained' },
  pearson: { title: 'Pearson, 10 ms', kind: 'baseline', map: 'pearson10' },
  lagged: { title: 'lagged, extreme of 1 to 10 ms', kind: 'baseline', map: 'lagged10' },
  laggedLong: { title: 'lagged, extreme of 1 to 40 ms', kind: 'baseline', map: 'lagged40' },
} as const satisfies Record<string, { title: string; kind: RowKind; map: string }>;
type RowName = keyof typeof ROWS;

const COLUMNS: readonly { title: string; key: keyof EdgeScores; digits: number }[] = [
  { title: 'AUROC', key: 'aurocMagnitude', digits: 3 },
  { title: 'excitation', key: 'aurocExcitatory', digits: 3 },
  { title: 'inhibition', key: 'aurocInhibitory', digits: 3 },
  { title: 'sign', key: 'signAccuracy', digits: 3 },
  { title: 'direction', key: 'directionMagnitude', digits: 3 },
];
const [AUROC, EXCITATION, SIGN, DIRECTION] = [0, 1, 3, 4];

async function measure(context: PaperContext): Promise<Findings> {
  const hubs: ConnectivityResults[] = [];
  for (const seed of context.seeds)
    hubs.push(await connectivityOnce(context, HUBS, 'attention', seed, seed));
  const tables = [
    edgeTable(
      `Hubs that excite, seeds ${context.seeds.join(', ')}`,
      ['attention', 'untrained', 'pearson', 'lagged', 'laggedLong'],
      hubs,
    ),
  ];
  const maps: Figure[] = [];
  for (const { kind, seed } of OTHERS) {
    const results: ConnectivityResults[] = [];
    for (const model of context.seeds)
      results.push(await connectivityOnce(context, kind, 'coupling', seed, model));
    // Attention costs as much again, and one model shows whether it tells what spikes cannot.
    results.push(await connectivityOnce(context, kind, 'attention', seed, context.seeds[0]!));
    tables.push(edgeTable(`${capitalize(kind.title)}, seed ${seed}`, OTHER_ROWS, results));
    if (kind.name === 'mixed' || kind.name === 'inhibition')
      maps.push(...(await couplingFigures(context, kind, seed, results[0]!)));
  }
  return { ...judgeWiring(tables), tables, figures: [await networksFigure(tables), ...maps] };
}

/** Rows of the tables that their figure shows. */
const DRAWN: Partial<Readonly<Record<RowName, Omit<DotSeries, 'name'>>>> = {
  attention: { color: ROLES.model },
  untrained: { color: ROLES.model, hollow: true },
  coupling: { color: OTHER },
  lagged: { color: ROLES.baseline },
};

/** All networks in one figure. */
function networksFigure(tables: readonly MeasuredTable[]): Promise<Figure> {
  const panels = ['AUROC', 'direction'];
  const series = Object.entries(DRAWN).map(([name, dots]) => ({
    name: ROWS[name as RowName].title,
    ...dots,
  }));
  return scoresFigure(
    { name: 'scores', title: 'Connections that are found' },
    tables.flatMap((table) =>
      table.rows
        .filter(({ title }) => series.some(({ name }) => name === title))
        .map((row) => ({
          method: table.title,
          series: row.title,
          scores: columnScores(table, row, panels),
        })),
    ),
    series,
    panels,
  );
}

const OTHER_ROWS: readonly RowName[] = [
  'coupling',
  'uncoupled',
  'attention',
  'untrained',
  'lagged',
  'laggedLong',
];

/** The connectivity of a trained model, computed once and kept in its folder. */
async function connectivityOnce(
  context: PaperContext,
  network: HubNetworkKind,
  kind: 'attention' | 'coupling',
  networkSeed: number,
  modelSeed: number,
): Promise<ConnectivityResults> {
  const run: OpenedRun = await hubRun(context, network, kind, {
    network: networkSeed,
    model: modelSeed,
  });
  const { store } = run.records;
  const { neurons } = run.dataset.recording;
  // Ablation is not reported: one batch of windows is enough.
  return (
    (await readConnectivity(store, neurons)) ??
    (await explainConnectivity(run, { ablationWindows: 1 }, context))
  );
}

/** The scores of maps, a row for each name and a score for each result that has the map. */
function edgeTable(
  title: string,
  names: readonly RowName[],
  results: readonly ConnectivityResults[],
): MeasuredTable {
  const rows = names.map((name): MeasuredRow => {
    const { title, kind, map } = ROWS[name];
    const all = results.flatMap(({ maps }) => maps.filter((found) => found.name === map));
    // What spikes alone tell is the same for every model of a network.
    const isRepeated = kind === 'baseline' && new Set(all.map(firstScore)).size === 1;
    const found = isRepeated ? all.slice(0, 1) : all;
    return { title, kind, scores: COLUMNS.map(({ key }) => mapScores(found, key)) };
  });
  return {
    title,
    caption:
      'AUROC: probability that a strong connection of either sign is larger in magnitude than a pair without a connection. Excitation, inhibition: that a connection of that sign ranks above such a pair, or below it. Sign: share of connections whose sign is right. Direction: share of one-way connections that are larger than the pair in the other direction.',
    columns: COLUMNS.map(({ title, digits }) => ({ title, digits })),
    rows,
  };
}

function firstScore({ scores }: ConnectivityMap): number {
  return scores!.aurocMagnitude;
}

/** A score of each map; empty where the maps cannot have it, or the network has no such edges. */
function mapScores(maps: readonly ConnectivityMap[], key: keyof EdgeScores): number[] {
  return maps.flatMap(({ scores }) => {
    const score = scores?.[key];
    return typeof score === 'number' && Number.isFinite(score) ? [score] : [];
  });
}

/** True weights and coupling of one network. */
async function couplingFigures(
  context: PaperContext,
  kind: HubNetworkKind,
  seed: number,
  { maps, neurons }: ConnectivityResults,
): Promise<Figure[]> {
  const { truth } = await context.openDataset(`data/${kind.name}-seed${seed}`);
  const coupling = maps.find(({ name }) => name === 'coupling')!;
  const drawn = [trueWeights(truth!.wiring!), { ...coupling, quantity: DRAWN_MAPS.coupling }];
  return mapFigures(
    drawn.map((map) => ({
      ...map,
      name: `${kind.name}-${map.name}`,
      title: `${map.title}: ${kind.title}`,
    })),
    neurons,
    truth!.wiring,
  );
}

/** The mean score of a row, with its range over seeds. */
function describeScore(table: MeasuredTable, { title }: { title: string }, column = AUROC): string {
  return describeSpread(scoresOf(table, title, column), 3);
}

/** Whether attention finds the connections in every seed, and an untrained model does not. */
function isFound(table: MeasuredTable): boolean {
  const attention = (column: number) => scoresOf(table, ROWS.attention.title, column);
  const untrained = scoresOf(table, ROWS.untrained.title, AUROC);
  return (
    [AUROC, DIRECTION].every((column) => attention(column).every((score) => score >= FINDS)) &&
    attention(AUROC).every((score, n) => score >= untrained[n]! + LEARNED)
  );
}

/** What the tables of `wiring` say: first that of hubs, then those of other wiring. */
export function judgeWiring(tables: readonly MeasuredTable[]): Judgment {
  const [hubs, ...others] = tables as [MeasuredTable, ...MeasuredTable[]];
  const failing = others.filter((table) => !isFound(table));
  return {
    verdict: !isFound(hubs) ? 'does not hold' : failing.length > 0 ? 'partly' : 'holds',
    measured: `attention, hubs: AUROC ${describeScore(hubs, ROWS.attention)}, direction ${describeScore(hubs, ROWS.attention, DIRECTION)}`,
    baseline: `lagged correlation of 1 to 10 ms: ${describeScore(hubs, ROWS.lagged)}; untrained attention: ${describeScore(hubs, ROWS.untrained)}`,
    remarks: [
      failing.length > 0
        ? `Attention does not find the connections in ${failing.length} of ${others.length} networks of other wiring: ${failing.map(describeAttention).join('; ')}.`
        : 'Attention also finds the connections in all networks of other wiring.',
      ...others.map(compareCoupling),
    ],
  };
}

function describeAttention(table: MeasuredTable): string {
  const score = (row: { title: string }, column?: number) => describeScore(table, row, column);
  return `${table.title.toLowerCase()} (AUROC ${score(ROWS.attention)}, untrained ${score(ROWS.untrained)}; of connections that excite ${score(ROWS.attention, EXCITATION)})`;
}

/** How coupling compares with the better of both lagged correlations, in a sentence. */
function compareCoupling(table: MeasuredTable): string {
  const auroc = ({ title }: { title: string }) => mean(scoresOf(table, title, AUROC));
  const lagged = Math.max(auroc(ROWS.lagged), auroc(ROWS.laggedLong));
  const comparison = auroc(ROWS.coupling) >= lagged ? 'no worse than' : 'not as good as';
  return `${table.title}: coupling has AUROC ${describeScore(table, ROWS.coupling)} and sign ${describeScore(table, ROWS.coupling, SIGN)}, ${comparison} lagged correlation (${lagged.toFixed(3)}).`;
}

/**
 * What models of the film learn with more and more training: their predictions, their maps of the
 * film and the trials they generate, for the paper's attention and for the optional heads.
 */

import { withControls } from '../probe/stimulus.js';
import { scoreTokens } from '../probe/token-scores.js';
import { draw, type Figure } from '../report/draw.js';
import type { Section } from '../report/html.js';
import { describeSpread } from '../report/spread.js';
import { POINT_SIZE, panelWidth, ROLES } from '../report/theme.js';
import { explainStimulus } from '../stages/explain-stimulus.js';
import { scoreRates } from '../stages/rates.js';
import { formatFacts, readJsonResults } from '../stages/stored-results.js';
import { toCsv } from '../text/table.js';
import { withEngine } from '../train/engine-source.js';
import { loadModel, type OpenedRun } from '../train/open-run.js';
import { spreadWindows } from '../train/window-batches.js';
import type { PaperContext } from './claim.js';
import { FILM_MODEL_TITLES, type FilmModelKind, filmRun } from './film-models.js';

/** What a model has learned from so much training. */
export interface CurvePoint {
  readonly kind: FilmModelKind;
  readonly seed: number;
  /** Work of the training, in units of 1e12 floating-point operations. */
  readonly tflop: number;
  /** Mean of -log p of the true next token of test windows, in nats. */
  readonly nats: number;
  /** Correlation of the model's map of the film with the true fields, mean over neurons. */
  readonly fields: number;
  /** Bits a spike of expected counts one window ahead. */
  readonly bits: number;
  /** PSTH r of trials that run freely, in bins of 200 ms. */
  readonly psth: number;
  /** Mean rate of a neuron in these trials, as a share of the recorded one. */
  readonly rate: number;
}

/** The scores of a point, as the page and the files name them. */
const SCORES = [
  ['nats', 'nats a token', 3],
  ['fields', 'r of maps with fields', 2],
  ['bits', 'bits a spike, one window ahead', 2],
  ['psth', 'PSTH r, running freely', 2],
  ['rate', 'generated over recorded rate', 2],
] as const;

/** The map of a model that is scored: the attention it has. */
const MAPS: Readonly<Record<FilmModelKind, string>> = { attention: 'trunk', heads: 'queries' };
/** Windows that maps are read from. */
const MAP_WINDOWS = 384;
const DRAWS = 2;
/** Test windows whose tokens are scored, and how many at once. */
const [MAX_WINDOWS, BATCH] = [3000, 100];

const FILE = 'curve.json';

/**
 * Measures every kind of model with every seed after so much training, unless it is measured
 * already, and writes curve.json and curve.csv after each.
 *
 * @param tflops work of the training, in units of 1e12 floating-point operations.
 * @throws StoppedError where the watcher stops it; the same call goes on.
 */
export async function measureCurve(
  context: PaperContext,
  tflops: readonly number[],
): Promise<void> {
  const { store, watcher } = context;
  const points = [...((await readCurve(context)) ?? [])];
  for (const tflop of tflops)
    for (const seed of context.seeds)
      for (const kind of ['heads', 'attention'] as const) {
        const isThere = points.some(
          (point) => point.kind === kind && point.seed === seed && point.tflop === tflop,
        );
        if (isThere) continue;
        const run = await filmRun(context, kind, seed, tflop);
        const point = { kind, seed, tflop, ...(await scorePoint(context, run, kind)) };
        points.push(point);
        watcher.note(
          `${tflop} TFLOP, seed ${seed}, ${FILM_MODEL_TITLES[kind]}: ${SCORES.map(([key, title, digits]) => `${title} ${point[key].toFixed(digits)}`).join(', ')}.`,
        );
        await store.writeTogether({ [FILE]: formatFacts(points), 'curve.csv': toCsv(points) });
      }
}

async function scorePoint(context: PaperContext, run: OpenedRun, kind: FilmModelKind) {
  const { maps } = await explainStimulus(run, { windows: MAP_WINDOWS }, context);
  const { map } = withControls(maps).find((entry) => entry.map.name === MAPS[kind])!;
  const rates = await scoreRates(run, { draws: DRAWS, baselines: false }, context);
  const { ahead, free } = rates.methods[0]!;
  return {
    nats: await testNats(context, run),
    fields: map.fields!.r,
    bits: ahead.bits,
    psth: free!.psth.at(-1)!.r,
    rate: free!.rate / rates.rate,
  };
}

/** Nats a token of the test part. */
function testNats(context: PaperContext, run: OpenedRun): Promise<number> {
  const { test } = run.split;
  return withEngine(context.engine, async (engine) => {
    using loaded = await loadModel(engine, run);
    const size = Math.min(BATCH, test.length);
    const refs = spreadWindows(test, MAX_WINDOWS, size);
    const { bits } = await scoreTokens(engine, loaded.model, run, refs, size, context.watcher);
    return bits * Math.LN2;
  });
}

/**
 * The points that are in the store; undefined if there are none.
 *
 * @throws FileError where the file is damaged.
 */
export function readCurve({
  store,
}: Pick<PaperContext, 'store'>): Promise<readonly CurvePoint[] | undefined> {
  return readJsonResults<readonly CurvePoint[]>(
    store,
    FILE,
    (points) => points.length > 0,
    'is damaged: remove it, and run paper again with --resume and --budgets; models are kept',
  );
}

/** The section of the page on what more training gives. */
export async function curveSection(points: readonly CurvePoint[]): Promise<Section> {
  const tflops = [...new Set(points.map(({ tflop }) => tflop))].sort((p, q) => p - q);
  const kinds = ['attention', 'heads'] as const;
  return {
    title: 'How much training it takes',
    text: [
      'The same models with less and more training. Maps are of the attention that each model has: of the trunk just before a neuron fires, or of the neuron’s own query.',
    ],
    tables: [
      {
        title: 'What is learned with more training',
        caption: 'Mean over seeds (lowest to highest). TFLOP: 1e12 floating-point operations.',
        head: ['model', 'TFLOP', ...SCORES.map(([, title]) => title)],
        rows: kinds.flatMap((kind) =>
          tflops.flatMap((tflop) => {
            const ofRow = points.filter((point) => point.kind === kind && point.tflop === tflop);
            if (ofRow.length === 0) return [];
            const cells = SCORES.map(([key, , digits]) =>
              describeSpread(
                ofRow.map((point) => point[key]),
                digits,
              ),
            );
            return [[FILM_MODEL_TITLES[kind], `${tflop}`, ...cells]];
          }),
        ),
      },
    ],
    figures: [await curveFigure(points)],
  };
}

/** A line for each kind of model, a point for each seed. */
function curveFigure(points: readonly CurvePoint[]): Promise<Figure> {
  const rows = points.map(({ kind, ...point }) => ({ model: FILM_MODEL_TITLES[kind], ...point }));
  const kinds = Object.values(FILM_MODEL_TITLES);
  const x = {
    field: 'tflop',
    type: 'quantitative',
    title: 'training (TFLOP)',
    scale: { type: 'log' },
    axis: { values: [...new Set(points.map(({ tflop }) => tflop))] },
  };
  const color = {
    field: 'model',
    type: 'nominal',
    scale: { domain: kinds, range: [ROLES.baseline, ROLES.model] },
  };
  return draw(
    {
      name: 'curve',
      title: 'What is learned with more training',
      caption: 'One point per seed; lines connect the means.',
    },
    rows,
    {
      columns: 2,
      concat: SCORES.slice(0, 4).map(([field, title]) => {
        const y = { field, type: 'quantitative', title, scale: { zero: false } };
        return {
          width: panelWidth(2),
          height: 200,
          layer: [
            { mark: 'line', encoding: { x, y: { ...y, aggregate: 'mean' }, color } },
            {
              mark: { type: 'point', filled: true, size: POINT_SIZE / 2 },
              encoding: { x, y, color },
            },
          ],
        };
      }),
    },
  );
}

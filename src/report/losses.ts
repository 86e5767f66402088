/** The figures of losses over updates: those of spikes, and those of decoded variables. */

import type { ModelConfig } from '../neuroformer/config.js';
import { lossWeights } from '../neuroformer/losses.js';
import { configuredVariables, isClassified } from '../neuroformer/variables.js';
import type { MetricLine } from '../train/run-records.js';
import { draw, type Figure } from './draw.js';
import { AXIS_WIDTH, panelWidth, REFERENCE_MARK, ROLES } from './theme.js';

/** A loss as figures and tables show it: without its weight in the total. */
export interface ShownLoss {
  /** Its name in the metrics. */
  readonly name: string;
  readonly title: string;
  /** Its unit; nats are shown in bits as well. */
  readonly unit: string;
  /** Its weight in the total. */
  readonly weight: number;
  /** Whether it is of a decoded variable. */
  readonly ofVariable: boolean;
}

const PER_TOKEN = 'nats per token';

/** The losses that some metrics have, spikes first; the total is not among them. */
export function shownLosses(metrics: readonly MetricLine[], config: ModelConfig): ShownLoss[] {
  const weights = lossWeights(config);
  const ofSpikes = [
    { name: 'id', title: 'next neuron', unit: PER_TOKEN, weight: weights.id },
    { name: 'time', title: 'its time', unit: PER_TOKEN, weight: weights.time },
    { name: 'clip', title: 'contrast', unit: 'nats per window', weight: weights.contrastive },
  ].map((loss) => ({ ...loss, ofVariable: false }));
  const ofVariables = configuredVariables(config).map(({ name, setting }) => ({
    name,
    title: name,
    unit: isClassified(setting) ? 'nats per window' : 'mean squared error',
    weight: config.loss.variables[name] ?? 1,
    ofVariable: true,
  }));
  const logged = new Set(metrics.flatMap(({ losses }) => Object.keys(losses)));
  return [...ofSpikes, ...ofVariables].filter(({ name, weight }) => logged.has(name) && weight > 0);
}

/**
 * Losses over updates, of training batches and, if there are any, of validation windows.
 *
 * @param used the update whose weights the report is about, if it is known
 */
export function lossFigures(
  metrics: readonly MetricLine[],
  config: ModelConfig,
  used: number | undefined,
): Promise<Figure[]> {
  const losses = shownLosses(metrics, config);
  const isValidated = metrics.some(({ kind }) => kind === 'validation');
  const curves = `Means over the training batches since the previous point${isValidated ? ', and over the validation windows' : ''}, without the weights in the total; the first updates may be above the axis.${used === undefined ? '' : ` The dashed line marks the weights that were used, of update ${used}.`}`;
  const ofSpikes = losses.filter(({ ofVariable }) => !ofVariable);
  const ofVariables = losses.filter(({ ofVariable }) => ofVariable);
  return Promise.all([
    ...(ofSpikes.length > 0
      ? [
          curvesFigure(metrics, ofSpikes, used, {
            name: 'losses',
            title: 'Losses of spikes',
            caption: `${curves} A token is a spike or the end of a window; 1 nat is 1.44 bits.`,
          }),
        ]
      : []),
    ...(ofVariables.length > 0
      ? [
          curvesFigure(metrics, ofVariables, used, {
            name: 'losses-decoding',
            title: 'Losses of decoded variables',
            caption: `${curves} ${describeErrors(config)}`,
          }),
        ]
      : []),
  ]);
}

function describeErrors({ rules }: ModelConfig): string {
  return rules.standardized
    ? 'Squared errors are of variables whose variance in training is 1: always to say their mean has an error of 1, of angles 2.'
    : 'Squared errors are in the units of the variables.';
}

/** Panels in a row. */
const COLUMNS = 2;
const PANEL_HEIGHT = 170;

function curvesFigure(
  metrics: readonly MetricLine[],
  losses: readonly ShownLoss[],
  used: number | undefined,
  facts: Omit<Figure, 'svg' | 'csv'>,
): Promise<Figure> {
  const rows = losses.flatMap(({ name, title, unit, weight }) =>
    metrics.flatMap(({ step, kind, losses: logged }) =>
      logged[name] === undefined
        ? []
        : [
            {
              update: step,
              windows: kind === 'train' ? 'training' : 'validation',
              loss: title,
              value: logged[name] / weight,
              unit,
            },
          ],
    ),
  );
  const color = rows.some(({ windows }) => windows === 'validation')
    ? { field: 'windows', type: 'nominal', scale: WINDOW_COLORS }
    : { value: ROLES.model };
  return draw(facts, rows, {
    columns: COLUMNS,
    concat: losses.map((loss) => {
      const values = shownValues(rows.filter((row) => row.loss === loss.title));
      return lossPanel(loss, { domain: withMargin(values), used, color });
    }),
  });
}

const WINDOW_COLORS = { domain: ['training', 'validation'], range: ['#eab394', ROLES.model] };

/** Shares of the updates that are left out at the beginning, if that leaves enough points. */
const SKIPPED_SHARE = 0.04;
const MIN_POINTS = 20;

/** The values that an axis has to hold: the first updates would leave nothing of the others. */
function shownValues(rows: readonly { readonly update: number; readonly value: number }[]) {
  const last = Math.max(...rows.map(({ update }) => update));
  const late = rows.filter(({ update }) => update >= SKIPPED_SHARE * last);
  return (late.length < MIN_POINTS ? rows : late).map(({ value }) => value);
}

function withMargin(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.04 * (high - low) || 0.5;
  return [low - margin, high + margin];
}

interface PanelStyle {
  /** Ends of the axis. */
  readonly domain: readonly [number, number];
  /** The update whose weights were used, if it is known. */
  readonly used: number | undefined;
  /** The encoding of colors. */
  readonly color: object;
}

/** Curves of one loss; nats have a second axis in bits. */
function lossPanel({ title, unit }: ShownLoss, { domain, used, color }: PanelStyle): object {
  const x = {
    field: 'update',
    type: 'quantitative',
    title: 'update',
    scale: { nice: false, zero: true, padding: 5 },
    axis: { tickCount: 4 },
  };
  const y = {
    field: 'value',
    type: 'quantitative',
    title: unit,
    scale: { domain, nice: false },
  };
  const isNats = unit.startsWith('nats');
  const curves = [
    { mark: { type: 'line', clip: true }, encoding: { x, y, color } },
    {
      // A short run may have a single validation, which would not show as a line.
      transform: [{ filter: { field: 'windows', equal: 'validation' } }],
      mark: { type: 'point', filled: true, size: 30, opacity: 1, clip: true },
      encoding: { x, y, color },
    },
    {
      data: { values: used === undefined ? [] : [{ update: used }] },
      mark: REFERENCE_MARK,
      encoding: { x },
    },
  ];
  return {
    width: panelWidth(COLUMNS) - (isNats ? AXIS_WIDTH - 6 : 0),
    height: PANEL_HEIGHT,
    title,
    transform: [{ filter: { field: 'loss', equal: title } }],
    layer: [{ layer: curves }, ...(isNats ? [bitsAxis(x, y, domain)] : [])],
    resolve: { scale: { y: 'independent' } },
  };
}

/** An invisible layer that only brings in the second axis. */
function bitsAxis(
  x: object,
  y: { readonly title: string },
  domain: readonly [number, number],
): object {
  const inBits = domain.map((nats) => nats / Math.LN2);
  return {
    data: { values: [{ update: 0, value: inBits[0] }] },
    mark: { type: 'point', opacity: 0 },
    encoding: {
      x,
      y: {
        ...y,
        title: y.title.replace('nats', 'bits'),
        scale: { domain: inBits, nice: false },
        axis: { orient: 'right', grid: false },
      },
    },
  };
}

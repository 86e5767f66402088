/** The figures of a report. */

import {
  type Around,
  histogram,
  interspikeIntervals,
  type SpikeSegment,
  timeCourse,
  within,
} from '../analyze/spike-trains.js';
import { median } from '../math/statistics.js';
import type { MetricLine } from '../train/run-records.js';
import { COLORS, draw, type Figure } from './draw.js';
import { pngDataUrl, type Rgb } from './png.js';

const SOURCES = ['recorded', 'generated'] as const;
const color = {
  field: 'source',
  type: 'nominal',
  title: null,
  scale: { domain: SOURCES, range: SOURCES.map((source) => COLORS[source]) },
};

/** Rows of what was recorded and of what was generated, each made in the same way and named. */
function rowsOfBoth<T, R extends object>(
  recorded: T,
  generated: T,
  rowsOf: (given: T) => readonly R[],
): (R & { source: string })[] {
  const named = (source: string, given: T) => rowsOf(given).map((row) => ({ source, ...row }));
  return [...named('recorded', recorded), ...named('generated', generated)];
}

/** How well recorded and generated numbers agree, in words. */
export function describeCorrelation(r: number): string {
  return Number.isFinite(r)
    ? `r = ${r.toFixed(3)} between the two`
    : 'there is no r, as one of them does not vary';
}

/** Losses over updates, in training and, where there are any, on the validation windows. */
export function lossFigure(metrics: readonly MetricLine[]): Promise<Figure> {
  const validated = metrics.some(({ kind }) => kind === 'validation');
  const rows = metrics.flatMap(({ step, kind, losses }) => {
    // With one loss the total is that loss.
    const parts = Object.keys(losses).length === 2 ? { loss: losses.loss! } : losses;
    return Object.entries(parts).map(([name, value]) => ({
      step,
      windows: kind === 'train' ? 'training' : 'validation',
      loss: name === 'loss' ? 'total' : name,
      value,
    }));
  });
  return draw(
    {
      name: 'losses',
      title: 'Losses',
      caption: `Each loss as it enters the total, over updates: means over the training batches since the last point${validated ? ', and over the validation windows' : ''}.`,
    },
    rows,
    {
      width: 220,
      height: 150,
      facet: { field: 'loss', type: 'nominal', title: null, columns: 3 },
      spec: {
        width: 210,
        height: 150,
        layer: [
          { mark: { type: 'line', strokeWidth: 1.5 } },
          // A single validation, as a short training has, is no line.
          {
            transform: [{ filter: { field: 'windows', equal: 'validation' } }],
            mark: { type: 'point', filled: true, size: 12, opacity: 1 },
          },
        ],
        encoding: {
          x: { field: 'step', type: 'quantitative', title: 'update' },
          y: { field: 'value', type: 'quantitative', title: 'loss', scale: { zero: false } },
          color: {
            field: 'windows',
            type: 'nominal',
            title: null,
            legend: validated ? {} : null,
            scale: { domain: ['training', 'validation'], range: ['#9aa7b4', COLORS.generated] },
          },
        },
      },
      // Each with an axis of its own: a row that is not full would have one with nothing above it.
      resolve: { scale: { y: 'independent' }, axis: { x: 'independent' } },
      columns: 3,
    },
  );
}

/** Spikes of one stretch, recorded above and generated below. */
export function rasterFigure(
  recorded: SpikeSegment,
  generated: SpikeSegment,
  seconds: number,
  past: 'own' | 'recorded',
): Promise<Figure> {
  const rows = rowsOfBoth(recorded, generated, ({ times, from, to }) =>
    times.flatMap((train, neuron) =>
      within(train, from, Math.min(to, from + seconds)).map((time) => ({
        neuron,
        time: Number((time - from).toFixed(4)),
      })),
    ),
  );
  const neurons = recorded.times.length;
  return draw(
    {
      name: 'raster',
      title: 'Spikes',
      caption: `The first ${seconds} s of one trial as recorded, and as the model drew them, each window from ${past === 'own' ? 'its own' : 'the recorded'} spikes before.`,
    },
    rows,
    {
      facet: { row: { field: 'source', type: 'nominal', title: null, sort: SOURCES } },
      spec: {
        width: 680,
        height: Math.max(110, Math.min(260, 4 * neurons)),
        mark: { type: 'tick', orient: 'vertical', thickness: 1, bandSize: 0 },
        encoding: {
          x: {
            field: 'time',
            type: 'quantitative',
            title: 'time (s)',
            scale: { domain: [0, seconds], nice: false },
          },
          y: {
            field: 'neuron',
            type: 'quantitative',
            title: 'neuron',
            scale: { domain: [-1, neurons], nice: false },
            axis: { grid: false },
          },
          // Few spikes of many neurons would not be seen at the height of a neuron.
          size: { value: Math.max(rows.length < 2000 ? 4 : 2, Math.min(6, 240 / neurons)) },
          color: { ...color, legend: null },
        },
      },
    },
  );
}

/** Rates of every neuron, generated against recorded. */
export function rateFigure(
  recorded: Float64Array,
  generated: Float64Array,
  r: number,
): Promise<Figure> {
  const rows = Array.from(recorded, (rate, neuron) => ({
    neuron,
    recorded: rate,
    generated: generated[neuron]!,
  }));
  const most = Math.max(...recorded, ...generated) * 1.05;
  const axis = (field: string) => ({
    field,
    type: 'quantitative',
    title: `${field} rate (Hz)`,
    scale: { domain: [0, most], nice: false },
  });
  return draw(
    {
      name: 'rates',
      title: 'Firing rates',
      caption: `A point for each of ${recorded.length} neurons, with the line of equal rates; ${describeCorrelation(r)}.`,
    },
    rows,
    {
      width: 260,
      height: 260,
      layer: [
        {
          mark: { type: 'rule', color: '#bbb', strokeDash: [4, 3] },
          encoding: {
            x: { datum: 0, type: 'quantitative' },
            y: { datum: 0, type: 'quantitative' },
            x2: { datum: most },
            y2: { datum: most },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 36, color: COLORS.generated, opacity: 0.8 },
          encoding: { x: axis('recorded'), y: axis('generated') },
        },
      ],
    },
  );
}

/** Intervals between a neuron's spikes. */
export function intervalFigure(
  recorded: readonly SpikeSegment[],
  generated: readonly SpikeSegment[],
  dt: number,
): Promise<Figure> {
  const bins = 40;
  // Whole time steps, as many as reach to twice the median interval.
  const wanted = (2 * median(interspikeIntervals(recorded)) || 0.4) / bins;
  const width = Math.max(0.01, Math.ceil(wanted / dt) * dt);
  const rows = rowsOfBoth(recorded, generated, (segments) =>
    Array.from(histogram(interspikeIntervals(segments), width, bins), (share, n) => ({
      interval: Number((n * width).toFixed(3)),
      share,
    })),
  );
  return draw(
    {
      name: 'intervals',
      title: 'Intervals between spikes',
      caption: `Share of all intervals between a neuron’s spikes, in bins of ${Math.round(1000 * width)} ms.`,
    },
    rows,
    {
      width: 300,
      height: 200,
      mark: { type: 'line', interpolate: 'step-after', strokeWidth: 1.5 },
      encoding: {
        x: { field: 'interval', type: 'quantitative', title: 'interval (s)' },
        y: { field: 'share', type: 'quantitative', title: 'share of intervals' },
        color,
      },
    },
  );
}

/** The mean rate over trials, from their starts. */
export function timeCourseFigure(
  recorded: readonly SpikeSegment[],
  generated: readonly SpikeSegment[],
  bin: number,
  r: number,
): Promise<Figure> {
  const rows = rowsOfBoth(recorded, generated, (segments) =>
    Array.from(timeCourse(segments, bin), (rate, n) => ({
      time: Number((n * bin).toFixed(4)),
      rate,
    })),
  );
  return draw(
    {
      name: 'psth',
      title: 'Rates over time',
      caption: `Mean rate of a neuron over ${recorded.length} trials from their starts (PSTH), in bins of ${bin} s; ${describeCorrelation(r)}.`,
    },
    rows,
    {
      width: 420,
      height: 160,
      mark: { type: 'line', strokeWidth: 1.5 },
      encoding: {
        x: { field: 'time', type: 'quantitative', title: 'time from start (s)' },
        y: { field: 'rate', type: 'quantitative', title: 'rate (Hz)', scale: { zero: false } },
        color,
      },
    },
  );
}

/** The mean rate of some neurons around another's spikes. */
export function spikeTriggeredFigure(
  recorded: Float64Array,
  generated: Float64Array,
  { before, bin }: Around,
  caption: string,
): Promise<Figure> {
  const rows = rowsOfBoth(recorded, generated, (rates) =>
    Array.from(rates, (rate, n) => ({
      time: Number((1000 * (n * bin - before)).toFixed(3)),
      rate,
    })),
  );
  return draw({ name: 'around', title: 'Rates around spikes (PSTH)', caption }, rows, {
    width: 300,
    height: 200,
    mark: { type: 'line', interpolate: 'step-after', strokeWidth: 1.5 },
    encoding: {
      x: { field: 'time', type: 'quantitative', title: 'time from the spike (ms)' },
      y: { field: 'rate', type: 'quantitative', title: 'rate (Hz)', scale: { zero: true } },
      color,
    },
  });
}

/** A map of pairs to show: [target x source]. */
export interface NamedMap {
  readonly name: string;
  readonly title: string;
  readonly values: Float64Array;
}

/** Neurons past which the cells of a map are a picture instead of rectangles. */
const MAX_CELLS_AS_RECTANGLES = 64;
const MAP_PIXELS = 230;

/** Maps of all pairs in one order, each with its own colours. */
export function mapFigures(maps: readonly NamedMap[], neurons: number): Promise<Figure[]> {
  return Promise.all(maps.map((map) => mapFigure(map, neurons)));
}

async function mapFigure({ name, title, values }: NamedMap, neurons: number): Promise<Figure> {
  const rows = Array.from(values, (value, at) => ({
    target: Math.floor(at / neurons),
    source: at % neurons,
    value,
  })).filter(({ target, source }) => target !== source);
  const signed = values.some((value) => value < 0);
  // A few extreme pairs must not leave all others one colour.
  const sizes = rows.map(({ value }) => Math.abs(value)).sort((p, q) => p - q);
  const most = sizes[Math.floor(0.995 * (sizes.length - 1))] || 1;
  const scale = signed
    ? { scheme: 'redblue', reverse: true, domain: [-most, most], clamp: true }
    : { scheme: 'viridis', domain: [0, most], clamp: true };
  const color = {
    field: 'value',
    type: 'quantitative',
    title: null,
    scale,
    legend: { gradientLength: MAP_PIXELS, format: '.2~f' },
  };
  const facts = {
    name,
    title,
    caption: 'Row: target, column: source. Colours end at the 99.5th percentile.',
  };
  if (neurons <= MAX_CELLS_AS_RECTANGLES) return draw(facts, rows, cells(title, neurons, color));
  const { scheme } = await import('vega');
  const paint = scheme(signed ? 'redblue' : 'viridis') as unknown as (share: number) => string;
  const url = pngDataUrl(neurons, neurons, Math.ceil(600 / neurons), (source, target) => {
    if (source === target) return [255, 255, 255];
    const share = values[target * neurons + source]! / most;
    const clamped = Math.max(signed ? -1 : 0, Math.min(1, share));
    return parseColor(paint(signed ? (1 - clamped) / 2 : clamped));
  });
  return draw(facts, rows, picture(title, neurons, url, color));
}

/** A rectangle for each pair. */
function cells(title: string, neurons: number, color: object): object {
  const axis = (field: string) => ({
    field,
    type: 'ordinal',
    title: field,
    axis: {
      values: Array.from({ length: 7 }, (_, n) => Math.floor((n * neurons) / 6)),
      ticks: false,
      labelAngle: 0,
      domain: false,
    },
  });
  return {
    width: MAP_PIXELS,
    height: MAP_PIXELS,
    title,
    mark: { type: 'rect' },
    encoding: { x: axis('source'), y: axis('target'), color },
  };
}

/** One picture of all pairs, with axes around it and the colours beside it. */
function picture(title: string, neurons: number, url: string, color: object): object {
  const axis = (field: string) => ({
    field: 'middle',
    type: 'quantitative',
    title: field,
    scale: { domain: [0, neurons], nice: false, reverse: field === 'target' },
    axis: { grid: false },
  });
  return {
    width: MAP_PIXELS,
    height: MAP_PIXELS,
    title,
    layer: [
      {
        // Invisible: it is there for its colours' legend.
        mark: { type: 'point', opacity: 0 },
        data: { values: [{ middle: neurons / 2, value: 0 }] },
        encoding: { x: axis('source'), y: axis('target'), color },
      },
      {
        mark: { type: 'image', width: MAP_PIXELS, height: MAP_PIXELS },
        data: { values: [{ middle: neurons / 2, url }] },
        encoding: { x: axis('source'), y: axis('target'), url: { field: 'url', type: 'nominal' } },
      },
    ],
  };
}

/** The numbers of a colour as Vega writes it: rgb(1, 2, 3) or #010203. */
function parseColor(text: string): Rgb {
  const parts = text.startsWith('#')
    ? [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16))
    : (text.match(/[\d.]+/g) ?? []).map(Number);
  return [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0];
}

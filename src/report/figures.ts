/** The figures of a report: losses, rasters, rates, intervals, PSTHs and maps of pairs. */

import {
  histogram,
  interspikeIntervals,
  type PeriSpikeWindow,
  psth,
  type SpikeSegment,
  spikeTimesBetween,
} from '../analyze/spike-trains.js';
import { median } from '../math/statistics.js';
import type { MetricLine } from '../train/run-records.js';
import { schemeColors } from './colors.js';
import { COLORS, draw, type Figure } from './draw.js';
import { pngDataUrl } from './png.js';

const SOURCES = ['recorded', 'generated'] as const;
const color = {
  field: 'source',
  type: 'nominal',
  title: null,
  scale: { domain: SOURCES, range: SOURCES.map((source) => COLORS[source]) },
};

/**
 * Makes rows of recorded and of generated data in the same way, and labels each row with its
 * source.
 */
function rowsBySource<T, R extends object>(
  recorded: T,
  generated: T,
  makeRows: (data: T) => readonly R[],
): (R & { source: string })[] {
  const labeled = (source: string, data: T) => makeRows(data).map((row) => ({ source, ...row }));
  return [...labeled('recorded', recorded), ...labeled('generated', generated)];
}

/** The correlation of recorded and generated numbers, as the end of a sentence. */
export function describeCorrelation(r: number): string {
  return Number.isFinite(r)
    ? `r = ${r.toFixed(3)} between the two`
    : 'r is undefined, because one of the two does not vary';
}

/** Training losses over updates, and validation losses if there are any. */
export function lossFigure(metrics: readonly MetricLine[]): Promise<Figure> {
  const isValidated = metrics.some(({ kind }) => kind === 'validation');
  const rows = metrics.flatMap(({ step, kind, losses }) => {
    // With one loss, the total is that loss.
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
      caption: `Losses over updates, weighted as in the total: means over the training batches since the previous point${isValidated ? ', and over the validation windows' : ''}.`,
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
          // A short run may have a single validation, which would not show as a line.
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
            legend: isValidated ? {} : null,
            scale: { domain: ['training', 'validation'], range: ['#9aa7b4', COLORS.generated] },
          },
        },
      },
      // Every panel has its own x axis: a shared one would be missing below an incomplete last row.
      resolve: { scale: { y: 'independent' }, axis: { x: 'independent' } },
      columns: 3,
    },
  );
}

/**
 * Spikes of one trial, recorded above and generated below.
 *
 * @param seconds shown, from the start of each segment.
 * @param past whose spikes the past window held when the trial was generated.
 */
export function rasterFigure(
  recorded: SpikeSegment,
  generated: SpikeSegment,
  seconds: number,
  past: 'own' | 'recorded',
): Promise<Figure> {
  const rows = rowsBySource(recorded, generated, ({ times, from, to }) =>
    times.flatMap((train, neuron) =>
      spikeTimesBetween(train, from, Math.min(to, from + seconds)).map((time) => ({
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
      caption: `The first ${seconds} s of one trial, recorded and generated. Each window was generated from the ${past === 'own' ? 'generated' : 'recorded'} spikes before it.`,
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
          // Ticks as tall as a neuron's row would be too small to see where there are few spikes of
          // many neurons.
          size: { value: Math.max(rows.length < 2000 ? 4 : 2, Math.min(6, 240 / neurons)) },
          color: { ...color, legend: null },
        },
      },
    },
  );
}

/**
 * Firing rates in Hz, generated against recorded, one point per neuron.
 *
 * @param r their correlation.
 */
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
  const maxRate = Math.max(...recorded, ...generated) * 1.05;
  const axis = (field: string) => ({
    field,
    type: 'quantitative',
    title: `${field} rate (Hz)`,
    scale: { domain: [0, maxRate], nice: false },
  });
  return draw(
    {
      name: 'rates',
      title: 'Firing rates',
      caption: `One point for each of ${recorded.length} neurons; the dashed line marks equal rates; ${describeCorrelation(r)}.`,
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
            x2: { datum: maxRate },
            y2: { datum: maxRate },
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

/**
 * Histograms of interspike intervals.
 *
 * @param dt time step of the model in seconds, of which bins are a multiple.
 */
export function intervalFigure(
  recorded: readonly SpikeSegment[],
  generated: readonly SpikeSegment[],
  dt: number,
): Promise<Figure> {
  const bins = 40;
  // The bins reach to twice the median interval, and their width is a multiple of the time step.
  const idealWidth = (2 * median(interspikeIntervals(recorded)) || 0.4) / bins;
  const width = Math.max(0.01, Math.ceil(idealWidth / dt) * dt);
  const rows = rowsBySource(recorded, generated, (segments) =>
    Array.from(histogram(interspikeIntervals(segments), width, bins), (share, n) => ({
      interval: Number((n * width).toFixed(3)),
      share,
    })),
  );
  return draw(
    {
      name: 'intervals',
      title: 'Interspike intervals',
      caption: `Share of all interspike intervals, in bins of ${Math.round(1000 * width)} ms.`,
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

/**
 * The PSTH: mean rate over trials from their starts, in bins of `bin` seconds.
 *
 * @param r correlation of the two curves.
 */
export function psthFigure(
  recorded: readonly SpikeSegment[],
  generated: readonly SpikeSegment[],
  bin: number,
  r: number,
): Promise<Figure> {
  const rows = rowsBySource(recorded, generated, (segments) =>
    Array.from(psth(segments, bin), (rate, n) => ({
      time: Number((n * bin).toFixed(4)),
      rate,
    })),
  );
  return draw(
    {
      name: 'psth',
      title: 'Rates over time',
      caption: `Mean rate per neuron over ${recorded.length} trials from their starts (PSTH), in bins of ${bin} s; ${describeCorrelation(r)}.`,
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

/** The mean rate in Hz of some neurons around the spikes of another, in bins. */
export function spikeTriggeredFigure(
  recorded: Float64Array,
  generated: Float64Array,
  { before, bin }: PeriSpikeWindow,
  caption: string,
): Promise<Figure> {
  const rows = rowsBySource(recorded, generated, (rates) =>
    Array.from(rates, (rate, n) => ({
      time: Number((1000 * (n * bin - before)).toFixed(3)),
      rate,
    })),
  );
  return draw({ name: 'around', title: 'Spike-triggered rates', caption }, rows, {
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

/** A map of all pairs of neurons, to be drawn. */
export interface NamedMap {
  /** Name of the figure. */
  readonly name: string;
  readonly title: string;
  /** [target x source]; the diagonal is not drawn. */
  readonly values: Float64Array;
}

/** Neurons above which a map is drawn as an image instead of one rectangle per pair. */
const MAX_CELLS_AS_RECTANGLES = 64;
const MAP_PIXELS = 230;

/** Draws maps of all pairs, each with its own color scale. */
export function mapFigures(maps: readonly NamedMap[], neurons: number): Promise<Figure[]> {
  return Promise.all(maps.map((map) => mapFigure(map, neurons)));
}

async function mapFigure({ name, title, values }: NamedMap, neurons: number): Promise<Figure> {
  const rows = Array.from(values, (value, index) => ({
    target: Math.floor(index / neurons),
    source: index % neurons,
    value,
  })).filter(({ target, source }) => target !== source);
  const isSigned = values.some((value) => value < 0);
  // Colors are clipped at a percentile, so that a few extreme pairs do not leave all others in one
  // color.
  const magnitudes = rows.map(({ value }) => Math.abs(value)).sort((p, q) => p - q);
  const limit = magnitudes[Math.floor(0.995 * (magnitudes.length - 1))] || 1;
  const scale = isSigned
    ? { scheme: 'redblue', reverse: true, domain: [-limit, limit], clamp: true }
    : { scheme: 'viridis', domain: [0, limit], clamp: true };
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
    caption: 'Rows: targets; columns: sources. Colors are clipped at the 99.5th percentile.',
  };
  if (neurons <= MAX_CELLS_AS_RECTANGLES)
    return draw(facts, rows, rectangleSpec(title, neurons, color));
  const paint = await schemeColors(isSigned ? 'redblue' : 'viridis');
  const url = pngDataUrl(neurons, neurons, Math.ceil(600 / neurons), (source, target) => {
    if (source === target) return [255, 255, 255];
    const share = values[target * neurons + source]! / limit;
    const clamped = Math.max(isSigned ? -1 : 0, Math.min(1, share));
    return paint(isSigned ? (1 - clamped) / 2 : clamped);
  });
  return draw(facts, rows, imageSpec(title, neurons, url, color));
}

/** A specification with one rectangle per pair. */
function rectangleSpec(title: string, neurons: number, color: object): object {
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

/** A specification with one image of all pairs, between axes and beside a color legend. */
function imageSpec(title: string, neurons: number, url: string, color: object): object {
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
        // Invisible; it only brings in the color legend.
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

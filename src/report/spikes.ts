/** The figures of recorded and generated spikes: rasters, rates, intervals and PSTHs. */

import {
  histogram,
  interspikeIntervals,
  type PeriSpikeWindow,
  psth,
  type SpikeSegment,
  spikeTimesBetween,
} from '../analyze/spike-trains.js';
import { median } from '../math/statistics.js';
import type { Wiring } from '../simulate/truth.js';
import { capitalize } from '../text/format.js';
import { draw, type Figure } from './draw.js';
import {
  AXIS_WIDTH,
  equalityLayer,
  FULL_WIDTH,
  figureSize,
  HALF_WIDTH,
  INK,
  POINT_SIZE,
  REFERENCE_MARK,
  ROLES,
  SMALL_POINT_SIZE,
} from './theme.js';

const SOURCES = [
  { source: 'recorded', color: ROLES.truth },
  { source: 'generated', color: ROLES.model },
] as const;
const color = {
  field: 'source',
  type: 'nominal',
  scale: {
    domain: SOURCES.map(({ source }) => source),
    range: SOURCES.map((entry) => entry.color),
  },
};

/** What is known of neurons: which are hubs, and how many groups of equal size they form. */
export type NeuronMarks = Pick<Wiring, 'hubs' | 'groups'>;

/** Height of the figures that stand side by side. */
const HEIGHT = 280;

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

/** Where between groups of neurons a line is to be drawn. */
export function groupBoundaries(neurons: number, { groups }: NeuronMarks): number[] {
  return Array.from({ length: groups - 1 }, (_, n) => ((n + 1) * neurons) / groups);
}

/** What the marks in a figure are, as a sentence with a space before; empty without marks. */
export function describeMarks(marks: NeuronMarks | undefined): string {
  const parts = [
    ...((marks?.groups ?? 1) > 1 ? ['lines separate groups'] : []),
    ...((marks?.hubs.length ?? 0) > 0 ? ['triangles mark hubs'] : []),
  ];
  return parts.length > 0 ? ` ${capitalize(parts.join(', '))}.` : '';
}

/** A panel with a tick for each spike, and a row for each neuron. */
export function rasterPanel(panel: {
  readonly rows: readonly { readonly neuron: number; readonly time: number }[];
  readonly neurons: number;
  readonly seconds: number;
  readonly color: string;
  readonly title?: string;
  readonly timeTitle?: string;
  readonly marks?: NeuronMarks | undefined;
}): object {
  const { rows, neurons, seconds, title, timeTitle, marks } = panel;
  const width = FULL_WIDTH - AXIS_WIDTH - 24;
  const height = Math.max(130, Math.min(240, 5 * neurons));
  const y = {
    field: 'neuron',
    type: 'quantitative',
    title: 'neuron',
    scale: { domain: [-0.5, neurons - 0.5], nice: false },
    axis: { grid: false, tickMinStep: 1 },
  };
  const markData = (values: readonly number[]) => ({
    values: values.map((neuron) => ({ neuron })),
  });
  return {
    width,
    height,
    ...(title && { title: { text: title, color: panel.color } }),
    layer: [
      {
        data: { values: rows },
        mark: {
          type: 'tick',
          orient: 'vertical',
          thickness: 2,
          opacity: 1,
          color: panel.color,
          // Ticks as tall as a neuron's row would be too small to see where spikes are few.
          size: Math.max(rows.length < 2000 ? 5 : 2.5, Math.min(8, height / neurons)),
        },
        encoding: {
          x: {
            field: 'time',
            type: 'quantitative',
            title: timeTitle ?? null,
            scale: { domain: [0, seconds], nice: false },
            axis: { tickCount: 8, ...(timeTitle ? {} : { labels: false }) },
          },
          y,
        },
      },
      ...(marks
        ? [
            {
              data: markData(groupBoundaries(neurons, marks).map((at) => at - 0.5)),
              mark: { type: 'rule', color: INK.reference, strokeWidth: 1 },
              encoding: { y },
            },
            {
              data: markData(marks.hubs),
              mark: {
                type: 'point',
                shape: 'triangle-left',
                filled: true,
                size: 50,
                opacity: 1,
                color: INK.text,
              },
              encoding: { y, x: { value: width + 7 } },
            },
          ]
        : []),
    ],
  };
}

/** The rows of a segment's first seconds, a spike each. */
function spikeRows({ times, from, to }: SpikeSegment, seconds: number) {
  return times.flatMap((train, neuron) =>
    spikeTimesBetween(train, from, Math.min(to, from + seconds)).map((time) => ({
      neuron,
      time: Number((time - from).toFixed(4)),
    })),
  );
}

/**
 * Spikes of one trial, recorded above and generated below.
 *
 * @param seconds shown, from the start of each segment.
 * @param past whose spikes the past window held when the trial was generated.
 * @param marks hubs and groups, if they are known.
 */
export function rasterFigure(
  recorded: SpikeSegment,
  generated: SpikeSegment,
  seconds: number,
  past: 'own' | 'recorded',
  marks?: NeuronMarks,
): Promise<Figure> {
  const rows = rowsBySource(recorded, generated, (segment) => spikeRows(segment, seconds));
  const neurons = recorded.times.length;
  return draw(
    {
      name: 'raster',
      title: 'Spikes',
      caption: `The first ${seconds} s of one trial, recorded and generated. Each window was generated from the ${past === 'own' ? 'generated' : 'recorded'} spikes before it.${describeMarks(marks)}`,
    },
    rows,
    {
      vconcat: SOURCES.map(({ source, color }, n) =>
        rasterPanel({
          rows: rows.filter((row) => row.source === source),
          neurons,
          seconds,
          color,
          title: source,
          ...(n > 0 && { timeTitle: 'time (s)' }),
          marks,
        }),
      ),
      spacing: 10,
    },
  );
}

/** Neurons of which large points would hide one another. */
const MANY_NEURONS = 150;

/**
 * Firing rates in Hz, generated against recorded, one point per neuron.
 *
 * @param r their correlation.
 * @param hubs neurons that are marked.
 */
export function rateFigure(
  recorded: Float64Array,
  generated: Float64Array,
  r: number,
  hubs: readonly number[] = [],
): Promise<Figure> {
  const rows = Array.from(recorded, (rate, neuron) => ({
    neuron,
    recorded: rate,
    generated: generated[neuron]!,
    ...(hubs.length > 0 && { hub: hubs.includes(neuron) }),
  }));
  const limit = Math.max(...recorded, ...generated) * 1.05;
  const axis = (field: string) => ({
    field,
    type: 'quantitative',
    title: `${field} rate (Hz)`,
    scale: { domain: [0, limit], nice: false },
  });
  const shape = {
    shape: {
      condition: { test: 'datum.hub', value: 'triangle-up' },
      value: 'circle',
    },
  };
  return draw(
    {
      name: 'rates',
      title: 'Firing rates',
      caption: `One point for each of ${recorded.length} neurons${hubs.length > 0 ? ', triangles for hubs' : ''}; the dashed line marks equal rates; ${describeCorrelation(r)}.`,
    },
    rows,
    {
      ...figureSize(HALF_WIDTH, HEIGHT),
      layer: [
        equalityLayer(0, limit),
        {
          mark: {
            type: 'point',
            filled: true,
            size: recorded.length > MANY_NEURONS ? SMALL_POINT_SIZE : POINT_SIZE,
            color: ROLES.model,
            opacity: recorded.length > MANY_NEURONS ? 0.4 : 0.7,
          },
          encoding: { x: axis('recorded'), y: axis('generated'), ...shape },
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
      ...figureSize(HALF_WIDTH, HEIGHT),
      layer: [
        {
          data: { values: withLastStep(rows, 'interval', width) },
          mark: { type: 'line', interpolate: 'step-after' },
          encoding: {
            x: { field: 'interval', type: 'quantitative', title: 'interspike interval (s)' },
            y: {
              field: 'share',
              type: 'quantitative',
              title: 'share of intervals',
              axis: { format: '.2~%' },
            },
            color,
          },
        },
      ],
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
      title: 'PSTH',
      caption: `Peristimulus time histogram: rate in bins of ${bin} s from the start of a trial, mean over ${recorded.length} trials and all neurons; ${describeCorrelation(r)}.`,
    },
    rows,
    {
      ...figureSize(FULL_WIDTH, 240),
      mark: { type: 'line' },
      encoding: {
        x: {
          field: 'time',
          type: 'quantitative',
          title: 'time from the start of the trial (s)',
          axis: { tickCount: 8 },
        },
        y: { field: 'rate', type: 'quantitative', title: 'rate (Hz)', scale: { zero: false } },
        color,
      },
    },
  );
}

/**
 * Rows of bins for lines of steps, which are drawn from the start of a bin to that of the next: the
 * last bins end too.
 *
 * @param field where a bin starts
 */
function withLastStep<R extends { readonly source: string }>(
  rows: readonly R[],
  field: keyof R,
  width: number,
): R[] {
  const last = new Map(rows.map((row) => [row.source, row]));
  return [
    ...rows,
    ...[...last.values()].map((row) => ({ ...row, [field]: Number(row[field]) + width })),
  ];
}

/** The mean rate in Hz of some neurons around the spikes of another, in bins. */
export function spikeTriggeredFigure(
  recorded: Float64Array,
  generated: Float64Array,
  { before, after, bin }: PeriSpikeWindow,
  caption: string,
): Promise<Figure> {
  const [unit, units] = before + after < 1 ? (['ms', 1000] as const) : (['s', 1] as const);
  const field = `time_${unit}`;
  const rows = rowsBySource(recorded, generated, (rates) =>
    Array.from(rates, (rate, n) => ({
      [field]: Number((units * (n * bin - before)).toFixed(6)),
      rate,
    })),
  );
  const x = { field, type: 'quantitative', title: `time from the spike (${unit})` };
  return draw({ name: 'around', title: 'Spike-triggered rates', caption }, rows, {
    ...figureSize(HALF_WIDTH, HEIGHT),
    layer: [
      { data: { values: [{ [field]: 0 }] }, mark: REFERENCE_MARK, encoding: { x } },
      {
        data: { values: withLastStep(rows, field, units * bin) },
        mark: { type: 'line', interpolate: 'step-after' },
        encoding: {
          x,
          y: { field: 'rate', type: 'quantitative', title: 'rate (Hz)', scale: { zero: true } },
          color,
        },
      },
    ],
  });
}

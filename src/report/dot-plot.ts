/**
 * Plots of scores: a line for each method, a dot for each score, and panels of several scores side
 * by side.
 */

import {
  axisTexts,
  FULL_WIDTH,
  fieldName,
  INK,
  indexAmong,
  LINE_HEIGHT,
  LINE_WIDTH,
  PANEL_GAP,
  POINT_SIZE,
  REFERENCE_MARK,
  SMALL_POINT_SIZE,
  textWidth,
  wrapped,
} from './theme.js';

/** One of the kinds of dots, told apart by color and by whether they are filled. */
export interface DotSeries {
  /** Its name in the legend and in the rows. */
  readonly name: string;
  readonly color: string;
  readonly hollow?: boolean;
}

/** One panel of a plot: one score. */
export interface DotPanel {
  /** Field of the rows that has the score. */
  readonly field: string;
  /** Title of its axis, with the unit. */
  readonly title: string;
  /** Fields of the ends of its interval; without them there is none. */
  readonly interval?: readonly [low: string, high: string];
  /** A line to compare with, such as chance, and its name; beyond the axis it is an arrow. */
  readonly reference?: { readonly value: number; readonly name: string };
  /** Ends of the axis; dots beyond them are drawn at the end, as triangles. */
  readonly domain?: readonly [number, number];
}

/** What is drawn. */
export interface DotPlot {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Field of the rows that has the label of their line. */
  readonly label: string;
  /** Field of the rows that has the name of their series. */
  readonly kind: string;
  readonly series: readonly DotSeries[];
  readonly panels: readonly DotPanel[];
  /** Labels that are set bold. */
  readonly emphasized?: readonly string[];
  /** Whether a label and a series have several rows: then their mean is drawn as well. */
  readonly repeated?: boolean;
}

/** Characters in a line of a label. */
const LABEL_CHARACTERS = 30;
/** Pixels between labels and the plot. */
const LABEL_PADDING = 10;
/** Height of a line of the plot at least. */
const ROW_HEIGHT = 24;
/** Pixels of an axis that labels at its ends may need on each side. */
const END_WIDTH = 28;
/** How much larger than others hollow dots are. */
const HOLLOW_SIZE = 1.8;
/** Pixels of an entry of the legend beside its text. */
const LEGEND_SYMBOL_WIDTH = 24;
/** Pixels between the plot and the name of a reference; width of the arrow beside it. */
const [TEXT_RISE, ARROW_WIDTH] = [3, 9];
/** Pixels of an axis for each of its labels. */
const TICK_WIDTH = 52;

/** The specification of a plot, labels from top to bottom in the order of the rows. */
export function dotPlot(plot: DotPlot): object {
  const { rows, panels, emphasized = [] } = plot;
  const labels = [...new Set(rows.map((row) => String(row[plot.label])))];
  const lines = labels.map((label) => wrapped(label, LABEL_CHARACTERS));
  const widths = lines.flatMap((part, n) =>
    part.map((line) => textWidth(line, { isBold: emphasized.includes(labels[n]!) })),
  );
  const labelWidth = Math.max(...widths) + LABEL_PADDING;
  const gap = PANEL_GAP + END_WIDTH;
  const width = (FULL_WIDTH - labelWidth - 2 * END_WIDTH + gap) / panels.length - gap;
  const mostLines = Math.max(...lines.map(({ length }) => length));
  const size = {
    width: Math.floor(width),
    height: labels.length * Math.max(ROW_HEIGHT, mostLines * LINE_HEIGHT + 4),
  };
  return {
    hconcat: panels.map((panel, n) => ({
      ...size,
      transform: [{ filter: { field: fieldName(panel.field), valid: true } }],
      layer: panelLayers(panel, plot, labelAxis(labels, lines, plot, n === 0), {
        width: size.width,
        legendColumns: legendColumns(plot.series, FULL_WIDTH - labelWidth),
      }),
    })),
    spacing: gap,
  };
}

/** The vertical axis: a line for each label. Only the first panel has texts. */
function labelAxis(
  labels: readonly string[],
  lines: readonly (readonly string[])[],
  { label: field, emphasized = [] }: DotPlot,
  hasTexts: boolean,
): object {
  const index = indexAmong(labels);
  const isEmphasized = JSON.stringify(labels.map((label) => emphasized.includes(label)));
  const texts = {
    ...axisTexts(lines, index),
    labelFontWeight: {
      condition: { test: `${isEmphasized}[${index}]`, value: 'bold' },
      value: 'normal',
    },
  };
  return {
    field,
    type: 'nominal',
    sort: labels,
    title: null,
    scale: { domain: labels },
    axis: {
      grid: true,
      ticks: false,
      domain: false,
      minExtent: 0,
      labelPadding: LABEL_PADDING,
      ...(hasTexts ? texts : { labels: false }),
    },
  };
}

interface PanelSize {
  readonly width: number;
  readonly legendColumns: number;
}

/** How many entries of the legend fit into a line: all, or some in columns. */
function legendColumns(series: readonly DotSeries[], width: number): number {
  const widths = series.map(({ name }) => textWidth(name) + LEGEND_SYMBOL_WIDTH);
  const total = widths.reduce((sum, entry) => sum + entry, 0);
  return total <= width ? series.length : Math.max(2, Math.floor(width / Math.max(...widths)));
}

/** The encodings that the layers of a panel share. */
function panelEncodings(panel: DotPanel, plot: DotPlot, size: PanelSize) {
  const { series } = plot;
  const { title, domain } = panel;
  const styled = (value: (entry: DotSeries) => string) => ({
    field: plot.kind,
    type: 'nominal',
    scale: { domain: series.map(({ name }) => name), range: series.map(value) },
    legend: series.length > 1 ? { columns: size.legendColumns } : null,
  });
  return {
    stroke: styled(({ color }) => color),
    fill: styled(({ color, hollow }) => (hollow ? 'transparent' : color)),
    x: (field: string, options: object = {}) => ({
      field: fieldName(field),
      type: 'quantitative',
      title,
      scale: domain ? { domain, nice: false, clamp: true } : { zero: false, padding: 10 },
      axis: { tickCount: Math.max(2, Math.floor(size.width / TICK_WIDTH)), labelOverlap: true },
      ...options,
    }),
  };
}

function panelLayers(panel: DotPanel, plot: DotPlot, y: object, size: PanelSize): object[] {
  const { field, interval, reference, domain } = panel;
  const { x, stroke, fill } = panelEncodings(panel, plot, size);
  /** Dots of some rows; hollow ones are larger, to be seen around others at the same place. */
  const dots = (filter: string, shape: string, options: object = {}) =>
    [false, true].map((isHollow) => ({
      transform: [{ filter: `(${filter}) && ${isOfSeries(plot, isHollow)}` }],
      mark: { ...DOT, shape, size: (isHollow ? HOLLOW_SIZE : 1) * POINT_SIZE },
      encoding: { y, fill, stroke, x: x(field, options) },
    }));
  const value = `datum[${JSON.stringify(field)}]`;
  const [low, high] = domain ?? [-Number.MAX_VALUE, Number.MAX_VALUE];
  const line = interval && {
    mark: { type: 'rule', strokeWidth: LINE_WIDTH },
    encoding: { y, stroke, x: x(interval[0]), x2: { field: fieldName(interval[1]) } },
  };
  const single = {
    mark: { ...DOT, size: SMALL_POINT_SIZE / 2 },
    encoding: { y, stroke, x: x(field) },
  };
  return [
    ...(reference ? referenceLayers(reference, domain, x) : []),
    ...(line ? [line] : []),
    ...(plot.repeated
      ? [single, ...dots('true', 'circle', { aggregate: 'mean' })]
      : [
          ...dots(`${value} >= ${low} && ${value} <= ${high}`, 'circle'),
          ...dots(`${value} < ${low}`, 'triangle-left'),
          ...dots(`${value} > ${high}`, 'triangle-right'),
        ]),
  ];
}

const DOT = { type: 'point', strokeWidth: LINE_WIDTH, opacity: 1 } as const;

/** A test for rows of series that are hollow, or that are not. */
function isOfSeries({ series, kind }: DotPlot, isHollow: boolean): string {
  const names = series.filter(({ hollow = false }) => hollow === isHollow).map(({ name }) => name);
  return `indexof(${JSON.stringify(names)}, datum[${JSON.stringify(kind)}]) >= 0`;
}

/** A dashed line across all rows with its name above; beyond the axis, its value and an arrow. */
function referenceLayers(
  { value, name }: { readonly value: number; readonly name: string },
  [low, high]: readonly [number, number] = [value, value],
  x: (name: string) => object,
): object[] {
  const data = { values: [{ reference: value }] };
  const above = (mark: object, y: number) => ({
    data,
    mark: { color: INK.muted, ...mark },
    encoding: { x: x('reference'), y: { value: y } },
  });
  const text = { type: 'text', text: name, baseline: 'bottom' };
  if (value >= low && value <= high)
    return [
      { data, mark: REFERENCE_MARK, encoding: { x: x('reference') } },
      above(text, -TEXT_RISE),
    ];
  const side = value < low ? 'left' : 'right';
  const number = `${Number(value.toPrecision(2))}`.replace('-', '−');
  const shift = value < low ? ARROW_WIDTH : -ARROW_WIDTH;
  return [
    above(
      { type: 'point', shape: `triangle-${side}`, filled: true, size: 60, opacity: 1 },
      -TEXT_RISE - 6,
    ),
    above({ ...text, text: `${name} ${number}`, align: side, dx: shift }, -TEXT_RISE),
  ];
}

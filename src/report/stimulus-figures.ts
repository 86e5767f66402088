/**
 * The figures of stimuli: maps of the film for single neurons, and how well every reading agrees
 * with the truth.
 */

import type { StimulusResults } from '../probe/results.js';
import { type StimulusMap, seenFields, withControls } from '../probe/stimulus.js';
import { pixelCount, placeAt, placeCount, type StimulusGrid } from '../probe/stimulus-grid.js';
import type { FieldTruth } from '../simulate/truth.js';
import { schemeColors } from './colors.js';
import { COLORS, draw, type Figure } from './draw.js';
import { pngDataUrl, type Rgb } from './png.js';

/** Neurons that are drawn at most: those with the most spikes. */
const SHOWN_NEURONS = 12;
/** Width of all maps of a reading, and of one, in units of the drawing. */
const ROW_WIDTH = 720;
const PANEL_WIDTH = 56;
/** How much higher than a panel a row is: what is left is a gap. */
const PITCH = 1.08;
/** The color of pixels that no place of a map covers. */
const UNCOVERED: Rgb = [235, 235, 235];
const OUTLINE_COLOR = '#ff4a1c';
/** Pixels with more than this share of the largest energy are inside a field. */
const OUTLINE_SHARE = 0.5;

/**
 * Maps of the neurons with the most spikes: a column for each neuron, a row for each reading.
 *
 * @param fields true fields, to be outlined
 */
export async function mapsFigure(
  results: StimulusResults,
  fields: FieldTruth | undefined,
): Promise<Figure> {
  const { grid, spikes, names } = results;
  const [, height, width] = grid.film;
  // Wide films need wide panels, of which fewer fit.
  const panelWidth = PANEL_WIDTH * Math.max(1, Math.min(4, width / height / 2));
  const panelHeight = (panelWidth * height) / width;
  const neurons = [...spikes.keys()]
    .sort((p, q) => spikes[q]! - spikes[p]!)
    .slice(0, Math.min(SHOWN_NEURONS, Math.floor(ROW_WIDTH / panelWidth)));
  const maps = results.maps.filter((map) => map.kind !== 'control');
  const paint = await schemeColors('viridis');
  const inGrid = <T>(draw: (map: StimulusMap, neuron: number, row: number, column: number) => T) =>
    maps.flatMap((map, row) => neurons.map((neuron, column) => draw(map, neuron, row, column)));
  const position = {
    x: panelAxis(
      neurons.map((neuron) => names?.[neuron] ?? `${neuron}`),
      { field: 'x', title: 'neuron' },
    ),
    y: panelAxis(
      maps.map(({ title }) => title),
      { field: 'y', title: null, reverse: true },
    ),
  };
  const panels = inGrid((map, neuron, row, column) => ({
    x: column + 0.5,
    y: row + 0.5,
    url: panelImage(shareMap(map, neuron, grid), grid, paint),
  }));
  const outlines = inGrid((_, neuron, row, column) =>
    (fields ? outline(fields, neuron) : []).map(({ x, y, x2, y2 }) => ({
      x: column + inPanel(x / width),
      x2: column + inPanel(x2 / width),
      y: row + inPanel(y / height),
      y2: row + inPanel(y2 / height),
    })),
  ).flat();
  return draw(
    {
      name: 'stimulus-maps',
      title: 'Maps of the film',
      caption: `The ${neurons.length} neurons with the most spikes. Each map as a share of its largest value, from 0 up; gray where no place is.${fields ? ' Outlined: where a field as the film shows it has more than half of its largest energy.' : ''}`,
    },
    inGrid((map, neuron) => mapRows(map, neuron, grid)).flat(),
    {
      width: neurons.length * PITCH * panelWidth,
      height: maps.length * PITCH * panelHeight,
      layer: [
        {
          // Invisible; it only brings in the color legend.
          mark: { type: 'point', opacity: 0 },
          data: { values: [{ x: 0.5, y: 0.5, share: 0 }] },
          encoding: { ...position, color: SHARE_COLORS },
        },
        {
          mark: { type: 'image', width: panelWidth, height: panelHeight, aspect: false },
          data: { values: panels },
          encoding: { ...position, url: { field: 'url', type: 'nominal' } },
        },
        {
          mark: { type: 'rule', color: OUTLINE_COLOR, strokeWidth: 1.2, strokeCap: 'round' },
          data: { values: outlines },
          encoding: { ...position, x2: { field: 'x2' }, y2: { field: 'y2' } },
        },
      ],
    },
  );
}

const SHARE_COLORS = {
  field: 'share',
  type: 'quantitative',
  title: 'share',
  scale: { scheme: 'viridis', domain: [0, 1] },
  legend: { gradientLength: 120, values: [0, 0.5, 1] },
};

/** An axis along panels, each of which is one long, with a label in the middle of each. */
function panelAxis(
  labels: readonly string[],
  { field, title, reverse = false }: { field: string; title: string | null; reverse?: boolean },
): object {
  return {
    field,
    type: 'quantitative',
    title,
    scale: { domain: [0, labels.length], nice: false, reverse },
    axis: {
      values: labels.map((_, n) => n + 0.5),
      labelExpr: `${JSON.stringify(labels)}[floor(datum.value)]`,
      labelOverlap: false,
      grid: false,
      ticks: false,
      domain: false,
    },
  };
}

/** A share of a panel as a share of its row or column, which has gaps beside it. */
function inPanel(share: number): number {
  return 0.5 + (share - 0.5) / PITCH;
}

/** The map of one neuron as shares of its largest value, below 0 as 0. */
function shareMap({ values, pixels }: StimulusMap, neuron: number, grid: StimulusGrid) {
  const size = pixels ? pixelCount(grid) : placeCount(grid);
  const map = (pixels ?? values).subarray(neuron * size, (neuron + 1) * size);
  const largest = Math.max(0, ...map) || 1;
  return { isFine: pixels !== undefined, shares: map.map((value) => Math.max(0, value) / largest) };
}

/** A map as an image of the film's pixels. */
function panelImage(
  { isFine, shares }: ReturnType<typeof shareMap>,
  grid: StimulusGrid,
  paint: (share: number) => Rgb,
): string {
  const [, height, width] = grid.film;
  const scale = Math.ceil((2 * PANEL_WIDTH) / width);
  return pngDataUrl(width, height, scale, (x, y) => {
    const index = isFine ? y * width + x : placeAt(grid, x, y);
    return index === undefined ? UNCOVERED : paint(shares[index]!);
  });
}

/** The numbers of a neuron's map: of each place or, where it is that fine, of each pixel. */
function mapRows(map: StimulusMap, neuron: number, grid: StimulusGrid): object[] {
  const { isFine, shares } = shareMap(map, neuron, grid);
  const columns = isFine ? grid.film[2] : grid.places[2];
  return Array.from(shares, (share, n) => ({
    map: map.name,
    neuron,
    of: isFine ? 'pixel' : 'place',
    row: Math.floor(n / columns),
    column: n % columns,
    share: Number(share.toFixed(3)),
  }));
}

/** The edges between pixels inside a field and those outside it, in pixels of the film. */
function outline(fields: FieldTruth, neuron: number) {
  const { height, width } = fields;
  const energy = seenFields(fields).subarray(
    neuron * height * width,
    (neuron + 1) * height * width,
  );
  const threshold = OUTLINE_SHARE * Math.max(...energy);
  const isInside = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && energy[y * width + x]! > threshold;
  const edges: { x: number; y: number; x2: number; y2: number }[] = [];
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      if (isInside(x - 1, y) !== isInside(x, y)) edges.push({ x, y, x2: x, y2: y + 1 });
      if (isInside(x, y - 1) !== isInside(x, y)) edges.push({ x, y, x2: x + 1, y2: y });
    }
  }
  return edges;
}

/** What a map comes from, by its kind. */
export const SOURCES = { model: 'model', control: 'control', spikes: 'spikes alone' } as const;
const UNTRAINED = 'untrained model';

const SERIES = [
  { source: SOURCES.model, color: COLORS.generated },
  { source: UNTRAINED, color: '#9aa7b4' },
  { source: SOURCES.control, color: COLORS.other },
  { source: SOURCES.spikes, color: COLORS.recorded },
];

/** The score of every map, with that of the untrained model below. */
export function scoresFigure({ kind, grid, spikes, maps }: StimulusResults): Promise<Figure> {
  const isFilm = kind === 'film';
  const rows = withControls(maps).flatMap(({ map, untrained }) => [
    scoreRow(map.title, SOURCES[map.kind], map),
    ...(untrained ? [scoreRow(map.title, UNTRAINED, untrained)] : []),
  ]);
  const series = SERIES.filter(({ source }) => rows.some((row) => row.source === source));
  const shared = {
    y: {
      field: 'map',
      type: 'nominal',
      title: null,
      sort: rows.map(({ map }) => map),
      axis: { ticks: false, domain: false },
    },
    yOffset: { field: 'isUntrained', type: 'nominal' },
    color: {
      field: 'source',
      type: 'nominal',
      title: null,
      scale: {
        domain: series.map(({ source }) => source),
        range: series.map(({ color }) => color),
      },
    },
  };
  const x = (field: string) => ({
    field,
    type: 'quantitative',
    title: isFilm ? 'r with the true field' : 'share of neurons',
    scale: isFilm ? { domainMax: 1, clamp: true } : { domain: [0, 1] },
  });
  const layer = isFilm
    ? [
        {
          mark: { type: 'rule', strokeWidth: 1.5, opacity: 0.6 },
          encoding: { ...shared, x: x('low'), x2: { field: 'high' } },
        },
        {
          mark: { type: 'point', filled: true, size: 60, opacity: 1 },
          encoding: { ...shared, x: x('r') },
        },
      ]
    : [
        { mark: { type: 'bar' }, encoding: { ...shared, x: x('top1') } },
        {
          data: { values: [{ chance: 1 / placeCount(grid) }] },
          mark: { type: 'rule', strokeDash: [4, 3], color: '#555' },
          encoding: { x: x('chance') },
        },
      ];
  return draw(
    {
      name: 'stimulus-scores',
      title: isFilm ? 'Agreement with the true fields' : 'Inputs that maps find',
      caption: isFilm
        ? `Correlation over places of a neuron's map and its field, mean over ${spikes.length} neurons; lines are one deviation over neurons to each side.`
        : `Share of ${spikes.length} neurons whose input has the largest value of their map; dashed: by chance.`,
    },
    rows,
    {
      width: 380,
      height: { step: 13 },
      transform: [{ calculate: `datum.source === '${UNTRAINED}'`, as: 'isUntrained' }],
      layer,
    },
  );
}

/** A row of the chart: a score and, of fields, one deviation to each side. */
function scoreRow(map: string, source: string, { fields, inputs }: StimulusMap) {
  if (!fields) return { map, source, ...inputs };
  const { r, deviation } = fields;
  return { map, source, r, low: r - deviation, high: r + deviation };
}

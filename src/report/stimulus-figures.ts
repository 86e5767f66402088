/**
 * The figures of stimuli: maps of the film for single neurons, and how well every reading agrees
 * with the truth.
 */

import type { StimulusResults } from '../probe/results.js';
import { type StimulusMap, seenFields, withControls } from '../probe/stimulus.js';
import { pixelCount, placeAt, placeCount, type StimulusGrid } from '../probe/stimulus-grid.js';
import type { FieldTruth } from '../simulate/truth.js';
import { colorAt, colorBar, colorScale, SEQUENTIAL } from './colors.js';
import { type DotSeries, dotPlot } from './dot-plot.js';
import { draw, type Figure } from './draw.js';
import { pngDataUrl, type Rgb } from './png.js';
import { axisTexts, FULL_WIDTH, ROLES, textWidth, wrapped } from './theme.js';

/** Neurons that are drawn at most. */
const SHOWN_NEURONS = 8;
/** Characters in a line of the name of a reading. */
const LABEL_CHARACTERS = 18;
/** Width of the scale of colors with its labels. */
const BAR_WIDTH = 90;
/** Width of a map of a square film; wide films need wide maps, of which fewer fit. */
const PANEL_WIDTH = 56;
/** How much higher than a panel a row is: what is left is a gap. */
const PITCH = 1.08;
/** The color of pixels that no place of a map covers. */
const UNCOVERED: Rgb = [235, 235, 235];
/** Pixels with more than this share of the largest energy are inside a field. */
const OUTLINE_SHARE = 0.5;

/**
 * Maps of the neurons with the most spikes: a column for each neuron, a row for each reading. Where
 * it is known which cells are simple and which complex, as many of each are drawn: they are found
 * by different readings.
 *
 * @param fields true fields, to be outlined
 */
export function mapsFigure(
  results: StimulusResults,
  fields: FieldTruth | undefined,
): Promise<Figure> {
  const { grid, spikes, names } = results;
  const [, height, width] = grid.film;
  const maps = results.maps.filter((map) => map.kind !== 'control');
  const titles = maps.map(({ title }) => title);
  const labelWidth = Math.max(
    ...titles.flatMap((title) => wrapped(title, LABEL_CHARACTERS)).map((line) => textWidth(line)),
  );
  const rowWidth = FULL_WIDTH - labelWidth - BAR_WIDTH;
  const leastWidth = PITCH * PANEL_WIDTH * Math.max(1, Math.min(4, width / height / 2));
  const limit = Math.min(SHOWN_NEURONS, Math.floor(rowWidth / leastWidth));
  const { neurons, words } = shownNeurons(spikes, fields, limit);
  const panelWidth = Math.min(100, rowWidth / neurons.length / PITCH);
  const panelHeight = (panelWidth * height) / width;
  const inGrid = <T>(draw: (map: StimulusMap, neuron: number, row: number, column: number) => T) =>
    maps.flatMap((map, row) => neurons.map((neuron, column) => draw(map, neuron, row, column)));
  const position = {
    x: panelAxis(
      neurons.map((neuron) => names?.[neuron] ?? `${neuron}`),
      { field: 'x', title: 'neuron' },
    ),
    y: panelAxis(titles, { field: 'y', title: null, reverse: true }),
  };
  const panels = inGrid((map, neuron, row, column) => ({
    x: column + 0.5,
    y: row + 0.5,
    url: panelImage(shareMap(map, neuron, grid), grid),
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
      caption: `${words} Each map as a share of its largest value, from 0 up; gray where no place is.${fields ? ' Outlined: the true field, where it has more than half of its largest energy in the film.' : ''}`,
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
          encoding: {
            ...position,
            color: {
              field: 'share',
              type: 'quantitative',
              scale: colorScale(SEQUENTIAL, 0, 1),
              legend: {
                ...colorBar('share of the largest value', maps.length * PITCH * panelHeight),
                format: '%',
              },
            },
          },
        },
        {
          mark: { type: 'image', width: panelWidth, height: panelHeight, aspect: false },
          data: { values: panels },
          encoding: { ...position, url: { field: 'url', type: 'nominal' } },
        },
        // A dark line in a light one is seen on any color.
        ...OUTLINE_STYLES.map((style) => ({
          mark: { type: 'rule', strokeCap: 'round', ...style },
          data: { values: outlines },
          encoding: { ...position, x2: { field: 'x2' }, y2: { field: 'y2' } },
        })),
      ],
    },
  );
}

/** The neurons with the most spikes, of each kind of cell where it is known; and what they are. */
function shownNeurons(
  spikes: readonly number[],
  fields: FieldTruth | undefined,
  limit: number,
): { neurons: number[]; words: string } {
  const sorted = [...spikes.keys()].sort((p, q) => spikes[q]! - spikes[p]!);
  const [simple, complex] = [0, 1].map((kind) =>
    sorted.filter((neuron) => fields?.complex[neuron] === kind).slice(0, Math.floor(limit / 2)),
  ) as [number[], number[]];
  if (simple.length === 0 || complex.length === 0) {
    const neurons = sorted.slice(0, limit);
    return { neurons, words: `The ${neurons.length} neurons with the most spikes.` };
  }
  return {
    neurons: [...simple, ...complex],
    words: `${simple.length} simple and then ${complex.length} complex cells, of each kind those with the most spikes.`,
  };
}

const OUTLINE_STYLES = [
  { color: 'white', strokeWidth: 4 },
  { color: ROLES.truth, strokeWidth: 1.8 },
] as const;

/** An axis along panels, each of which is one long, with a label in the middle of each. */
function panelAxis(
  labels: readonly string[],
  { field, title, reverse = false }: { field: string; title: string | null; reverse?: boolean },
): object {
  const lines = labels.map((label) => (field === 'y' ? wrapped(label, LABEL_CHARACTERS) : label));
  return {
    field,
    type: 'quantitative',
    title,
    scale: { domain: [0, labels.length], nice: false, reverse },
    axis: {
      values: labels.map((_, n) => n + 0.5),
      tickCount: labels.length,
      ...axisTexts(lines, 'floor(datum.value)'),
      labelOverlap: false,
      grid: false,
      ticks: false,
      domain: false,
      minExtent: 0,
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
function panelImage({ isFine, shares }: ReturnType<typeof shareMap>, grid: StimulusGrid): string {
  const [, height, width] = grid.film;
  const scale = Math.ceil((2 * PANEL_WIDTH) / width);
  return pngDataUrl(width, height, scale, (x, y) => {
    const index = isFine ? y * width + x : placeAt(grid, x, y);
    return index === undefined ? UNCOVERED : colorAt(SEQUENTIAL, shares[index]!);
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

const SERIES: readonly DotSeries[] = [
  { name: SOURCES.model, color: ROLES.model },
  { name: UNTRAINED, color: ROLES.model, hollow: true },
  { name: SOURCES.control, color: ROLES.baseline, hollow: true },
  { name: SOURCES.spikes, color: ROLES.baseline },
];

/** The score of every map, with that of the untrained model beside. */
export function scoresFigure({ kind, grid, spikes, maps }: StimulusResults): Promise<Figure> {
  const isFilm = kind === 'film';
  const rows = withControls(maps).flatMap(({ map, untrained }) => [
    scoreRow(map.title, SOURCES[map.kind], map),
    ...(untrained ? [scoreRow(map.title, UNTRAINED, untrained)] : []),
  ]);
  const hits = ['top1', 'top5'] as const;
  const lows = rows.map((row) => ('low' in row ? row.low : 0));
  return draw(
    {
      name: 'stimulus-scores',
      title: isFilm ? 'Agreement with the true fields' : 'Inputs that maps find',
      caption: isFilm
        ? `Correlation over places of a neuron's map and its field, mean over ${spikes.length} neurons; lines are one deviation over neurons to each side.`
        : `Share of ${spikes.length} neurons whose input has the largest value of their map, or is among the five largest.`,
    },
    rows,
    dotPlot({
      rows,
      label: 'map',
      kind: 'source',
      series: SERIES.filter(({ name }) => rows.some(({ source }) => source === name)),
      panels: isFilm
        ? [
            {
              field: 'r',
              title: 'r with the true field',
              interval: ['low', 'high'] as const,
              domain: [Math.min(-0.2, ...lows), 1] as const,
              reference: { value: 0, name: 'chance' },
            },
          ]
        : hits.map((field, n) => ({
            field,
            title: n === 0 ? 'largest' : 'among the five largest',
            reference: { value: (n === 0 ? 1 : 5) / placeCount(grid), name: 'chance' },
          })),
    }),
  );
}

/** A row of the chart: a score and, of fields, one deviation to each side. */
function scoreRow(map: string, source: string, { fields, inputs }: StimulusMap) {
  if (!fields) return { map, source, ...inputs };
  const { r, deviation } = fields;
  return { map, source, r, low: r - deviation, high: r + deviation };
}

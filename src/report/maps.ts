/** The figures of all pairs of neurons. */

import { colorAt, colorBar, colorScale, DIVERGING, POSITIVE } from './colors.js';
import { draw, type Figure } from './draw.js';
import { pngDataUrl, type Rgb } from './png.js';
import { describeMarks, groupBoundaries, type NeuronMarks } from './spikes.js';
import { INK, wrapped } from './theme.js';

/** A map of all pairs of neurons, to be drawn. */
export interface NamedMap {
  /** Name of the figure. */
  readonly name: string;
  readonly title: string;
  /** What its numbers are, with their unit. */
  readonly quantity: string;
  /** [target x source]; the diagonal is not drawn. */
  readonly values: Float64Array;
}

/** Side of a map in the drawing, and in pixels of its image at least. */
const [MAP_SIZE, IMAGE_SIZE] = [206, 600];
/** The color of the diagonal. */
const DIAGONAL: Rgb = [214, 218, 222];
/** Characters in a line of the title. */
const TITLE_CHARACTERS = 36;
/** Pixels above a map for the marks of hubs. */
const MARK_HEIGHT = 12;

/**
 * Draws maps of all pairs, each with its own color scale.
 *
 * @param marks hubs and groups, if they are known.
 */
export function mapFigures(
  maps: readonly NamedMap[],
  neurons: number,
  marks?: NeuronMarks,
): Promise<Figure[]> {
  return Promise.all(maps.map((map) => mapFigure(map, neurons, marks)));
}

function mapFigure(
  { name, title, quantity, values }: NamedMap,
  neurons: number,
  marks: NeuronMarks | undefined,
): Promise<Figure> {
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
  const [stops, low] = isSigned ? [DIVERGING, -limit] : [POSITIVE, 0];
  const url = pngDataUrl(neurons, neurons, Math.ceil(IMAGE_SIZE / neurons), (source, target) =>
    source === target
      ? DIAGONAL
      : colorAt(stops, (values[target * neurons + source]! - low) / (limit - low)),
  );
  const axis = (field: 'source' | 'target') => ({
    field,
    type: 'quantitative',
    title: `${field} neuron`,
    // A neuron's cell is centered on its index.
    scale: { domain: [-0.5, neurons - 0.5], nice: false, reverse: field === 'target' },
    axis: { grid: false, tickMinStep: 1 },
  });
  const axes = { x: axis('source'), y: axis('target') };
  const middle = neurons / 2 - 0.5;
  return draw(
    {
      name,
      title,
      caption: `Rows: targets; columns: sources. Colors are clipped at the 99.5th percentile.${describeMarks(marks)}`,
    },
    rows,
    {
      width: MAP_SIZE,
      height: MAP_SIZE,
      view: { stroke: INK.reference },
      title: { text: wrapped(title, TITLE_CHARACTERS), offset: MARK_HEIGHT + 4 },
      layer: [
        {
          // Invisible; it only brings in the color legend.
          mark: { type: 'point', opacity: 0 },
          data: { values: [{ source: middle, target: middle, value: 0 }] },
          encoding: {
            ...axes,
            color: {
              field: 'value',
              type: 'quantitative',
              scale: colorScale(stops, low, limit),
              legend: colorBar(quantity, MAP_SIZE),
            },
          },
        },
        {
          mark: { type: 'image', width: MAP_SIZE, height: MAP_SIZE },
          data: { values: [{ source: middle, target: middle, url }] },
          encoding: { ...axes, url: { field: 'url', type: 'nominal' } },
        },
        ...(marks ? markLayers(neurons, marks, axes) : []),
      ],
    },
  );
}

/** Lines between groups, and triangles above the columns of hubs. */
function markLayers(
  neurons: number,
  marks: NeuronMarks,
  { x, y }: { readonly x: object; readonly y: object },
): object[] {
  const boundaries = groupBoundaries(neurons, marks).map((at) => at - 0.5);
  const rule = { type: 'rule', color: INK.muted, strokeWidth: 1, strokeDash: [2, 2] };
  const values = (field: 'source' | 'target', numbers: readonly number[]) => ({
    values: numbers.map((number) => ({ [field]: number })),
  });
  return [
    { data: values('source', boundaries), mark: rule, encoding: { x } },
    { data: values('target', boundaries), mark: rule, encoding: { y } },
    {
      data: values('source', marks.hubs),
      mark: {
        type: 'point',
        shape: 'triangle-down',
        filled: true,
        size: 45,
        opacity: 1,
        color: INK.text,
      },
      encoding: { x, y: { value: 2 - MARK_HEIGHT / 2 } },
    },
  ];
}

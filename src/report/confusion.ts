/** The figure of a decoded variable of classes: how often each was decoded as each. */

import type { DecodedClasses } from '../analyze/decoded-variable.js';
import { colorBar, colorScale, SEQUENTIAL } from './colors.js';
import { draw, type Figure } from './draw.js';
import {
  axisTexts,
  FONT_SIZE,
  FULL_WIDTH,
  HALF_WIDTH,
  INK,
  indexAmong,
  textWidth,
} from './theme.js';

/** How often each class was decoded as each, with a row for every pair of classes. */
export function confusionRows({ truth, predicted }: DecodedClasses) {
  const numeric = [...truth, ...predicted].every((value) => typeof value === 'number');
  const classes = [...new Set([...truth, ...predicted])].sort((p, q) =>
    numeric ? Number(p) - Number(q) : String(p).localeCompare(String(q), 'en', { numeric: true }),
  );
  const indices = new Map(classes.map((value, n) => [value, n]));
  const counts = new Float64Array(classes.length ** 2);
  const totals = new Float64Array(classes.length);
  for (const [n, value] of truth.entries()) {
    const row = indices.get(value)!;
    counts[row * classes.length + indices.get(predicted[n]!)!]! += 1;
    totals[row]! += 1;
  }
  const names = classes.map(String);
  const rows = names.flatMap((actual, row) =>
    names.map((decoded, column) => {
      const windows = counts[row * classes.length + column]!;
      return { true: actual, decoded, windows, share: windows / Math.max(1, totals[row]!) };
    }),
  );
  return { classes: names, rows, totals };
}

/** Above so many classes, numbers in the cells cannot be read. */
const MAX_NUMBERED_CLASSES = 16;
/** Classes up to which the figure is half as wide. */
const MAX_HALF_CLASSES = 5;
/** Width of the scale of colors, and side of a cell at most. */
const [BAR_WIDTH, CELL_SIZE] = [110, 46];
/** Side of all cells at least. */
const MIN_PLOT = 180;
/** Characters of the name of a class. */
const MAX_CLASS_NAME = 18;
/** Shares above which a cell is so dark that its number is white. */
const DARK_SHARE = 0.5;

/** How the windows of each class were decoded. */
export function confusionFigure(variable: DecodedClasses): Promise<Figure> {
  const { name } = variable;
  const { classes, rows, totals } = confusionRows(variable);
  const names = classes.map(shortName);
  const counted = names.map((text, n) => `${text} (${totals[n]})`);
  const width = classes.length <= MAX_HALF_CLASSES ? HALF_WIDTH : FULL_WIDTH;
  const labelWidth = Math.max(...counted.map((text) => textWidth(text)));
  const plot = Math.min(
    width - labelWidth - BAR_WIDTH,
    Math.max(MIN_PLOT, CELL_SIZE * classes.length),
  );
  const cell = plot / classes.length;
  const fits = names.every((text) => textWidth(text) < cell);
  return draw(
    {
      name: `confusion-${name}`,
      title: `Confusion of ${name}`,
      caption: `How the windows of each recorded class were decoded, in percent of its windows, of which there are as many as stand in parentheses. All correct would be 100 on the diagonal.`,
    },
    rows,
    {
      width: plot,
      height: plot,
      encoding: {
        x: classAxis('decoded', `decoded ${name}`, classes, names, {
          labelAngle: fits ? 0 : -40,
          orient: 'bottom',
        }),
        y: classAxis('true', `recorded ${name}`, classes, counted),
      },
      layer: [
        {
          mark: { type: 'rect', stroke: INK.grid },
          encoding: {
            color: {
              field: 'share',
              type: 'quantitative',
              scale: colorScale(SEQUENTIAL, 0, 1),
              legend: { ...colorBar('share of the class', plot), format: '%' },
            },
          },
        },
        ...(classes.length <= MAX_NUMBERED_CLASSES ? [percentLayer(cell)] : []),
      ],
    },
  );
}

function shortName(text: string): string {
  return text.length > MAX_CLASS_NAME ? `${text.slice(0, MAX_CLASS_NAME - 1)}…` : text;
}

/** An axis of classes with texts of their own. */
function classAxis(
  field: string,
  title: string,
  classes: readonly string[],
  texts: readonly string[],
  options: object = {},
): object {
  return {
    field,
    type: 'nominal',
    sort: classes,
    scale: { domain: classes, paddingInner: 0.03, paddingOuter: 0 },
    title,
    axis: {
      ...axisTexts(texts, indexAmong(classes)),
      domain: false,
      ticks: false,
      labelPadding: 6,
      minExtent: 0,
      grid: false,
      ...options,
    },
  };
}

/** The percentages in cells that are not empty. */
function percentLayer(cell: number): object {
  return {
    transform: [
      { filter: 'datum.windows > 0' },
      { calculate: 'round(100 * datum.share)', as: 'percent' },
    ],
    mark: { type: 'text', fontSize: Math.min(FONT_SIZE, Math.floor(0.42 * cell)) },
    encoding: {
      text: { field: 'percent', type: 'nominal' },
      color: {
        condition: { test: `datum.share > ${DARK_SHARE}`, value: 'white' },
        value: INK.text,
      },
    },
  };
}

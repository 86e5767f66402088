/**
 * The design that all figures share: what colors stand for, sizes, fonts and lines. A figure is as
 * wide as a column or as half of one, so that its text is equally large in all of them.
 */

/**
 * What a mark is of. The three stay apart for eyes that do not tell red from green or yellow from
 * blue, and in print without colors.
 */
export const ROLES = {
  /** What was recorded, or is known to be true. */
  truth: '#1f2933',
  /** What the model says. */
  model: '#c94a10',
  /** What stands beside the model: simpler methods and controls. */
  baseline: '#3f98d4',
} as const;

/** A fourth color, for what is neither; its marks differ in shape as well. */
export const OTHER = '#1d8a69';

/** Colors of what is no data: text, references such as chance, grids. */
export const INK = {
  text: '#20262d',
  muted: '#57606a',
  reference: '#7d8590',
  grid: '#e6e9ec',
} as const;

/** Width of a figure that fills the column, in pixels. */
export const FULL_WIDTH = 720;
/** Width of a figure of which two stand side by side. */
export const HALF_WIDTH = 352;
/** Size of all text: 11 pixels where a full figure is 600 pixels wide. */
export const FONT_SIZE = 14;
/** Pixels from a line of text to the next. */
export const LINE_HEIGHT = 16;
/** Pixels between panels. */
export const PANEL_GAP = 24;
/** Width of lines of data. */
export const LINE_WIDTH = 2;
/** Area of a point of data, and of one among many. */
export const [POINT_SIZE, SMALL_POINT_SIZE] = [64, 18];

/** A line that marks a reference: chance, equality, zero. */
export const REFERENCE_MARK = {
  type: 'rule',
  color: INK.reference,
  strokeDash: [5, 4],
  strokeWidth: 1.5,
} as const;

/** The dashed diagonal on which two numbers are equal. */
export function equalityLayer(low: number, high: number): object {
  return {
    data: { values: [{}] },
    mark: REFERENCE_MARK,
    encoding: {
      x: { datum: low, type: 'quantitative' },
      y: { datum: low, type: 'quantitative' },
      x2: { datum: high },
      y2: { datum: high },
    },
  };
}

/** Pixels left of a panel for the labels of its vertical axis, so that panels are aligned. */
const LABEL_EXTENT = 44;
const TITLE_PADDING = 6;
/** Pixels left of a panel for its vertical axis: labels and title. */
export const AXIS_WIDTH = LABEL_EXTENT + TITLE_PADDING + FONT_SIZE + 4;
/** Pixels right of a panel that a label at the end of its horizontal axis may need. */
const END_WIDTH = 16;

/** Vega's settings. A limit of 0 is none: Vega would cut long labels off. */
export const VEGA_CONFIG = {
  background: 'white',
  padding: 4,
  font: "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif",
  axis: {
    labelColor: INK.text,
    titleColor: INK.text,
    labelFontSize: FONT_SIZE,
    titleFontSize: FONT_SIZE,
    titleFontWeight: 'normal',
    titlePadding: TITLE_PADDING,
    gridColor: INK.grid,
    domainColor: INK.reference,
    tickColor: INK.reference,
    labelLimit: 0,
    titleLimit: 0,
    labelPadding: 5,
    tickCount: 5,
  },
  axisX: { grid: false, labelFlush: false },
  axisY: { minExtent: LABEL_EXTENT },
  legend: {
    orient: 'top',
    title: null,
    labelColor: INK.text,
    titleColor: INK.text,
    labelFontSize: FONT_SIZE,
    titleFontSize: FONT_SIZE,
    titleFontWeight: 'normal',
    labelLimit: 0,
    titleLimit: 0,
    symbolSize: 90,
    symbolStrokeWidth: 2.5,
    offset: 6,
  },
  title: {
    fontSize: FONT_SIZE,
    fontWeight: 'bold',
    color: INK.text,
    anchor: 'start',
    frame: 'group',
    offset: 8,
    limit: 0,
  },
  view: { stroke: null },
  concat: { spacing: PANEL_GAP },
  line: { strokeWidth: LINE_WIDTH },
  text: { fontSize: FONT_SIZE, color: INK.text },
} as const;

/** Roughly how many pixels wide a text is; no font that may stand in is much wider. */
export function textWidth(text: string, { size = FONT_SIZE, isBold = false } = {}): number {
  return (isBold ? 0.68 : 0.6) * size * text.length;
}

/** The size of a figure without panels, of which axes and legends are a part. */
export function figureSize(width: number, height: number): object {
  return { width, height, autosize: { type: 'fit', contains: 'padding' } };
}

/** Width of each panel where so many stand side by side in a full figure, each with its axis. */
export function panelWidth(columns: number): number {
  return Math.floor((FULL_WIDTH - (columns - 1) * PANEL_GAP) / columns) - AXIS_WIDTH - END_WIDTH;
}

/** A field's name as a specification has it: `gaze.x` would be read as a path. */
export function fieldName(name: string): string {
  return name.replaceAll(/[.[\]'"\\]/g, '\\$&');
}

/** The name of a quantity with its unit, if that is known. */
export function withUnit(name: string, unit: string | undefined): string {
  return unit ? `${name} (${unit})` : name;
}

/** A text in lines of at most so many characters, broken between words. */
export function wrapped(text: string, characters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= characters)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/**
 * What an axis needs to write texts of its own; several are lines, of which the middle is beside
 * the tick of a vertical axis.
 *
 * @param index expression for the index of a value's text
 */
export function axisTexts(texts: readonly (string | readonly string[])[], index: string): object {
  const counts = texts.map((text) => (typeof text === 'string' ? 1 : text.length));
  return {
    labelExpr: `${JSON.stringify(texts)}[${index}]`,
    labelLineHeight: LINE_HEIGHT,
    labelOffset: {
      condition: [...new Set(counts)].map((count) => ({
        test: `${JSON.stringify(counts)}[${index}] === ${count}`,
        value: (-LINE_HEIGHT * (count - 1)) / 2,
      })),
      value: 0,
    },
  };
}

/** The index of an axis' value among some, as an expression. */
export function indexAmong(values: readonly string[]): string {
  return `indexof(${JSON.stringify(values)}, datum.value)`;
}

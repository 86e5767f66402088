/** Tables of what was measured, as figures. */

import { type DotSeries, dotPlot } from '../report/dot-plot.js';
import { draw, type Figure } from '../report/draw.js';
import { OTHER, ROLES } from '../report/theme.js';
import type { MeasuredRow, MeasuredTable, RowKind } from './claim.js';

/** Dots of a kind of row; those of controls are hollow. */
const KINDS: Readonly<Record<RowKind, Omit<DotSeries, 'name'>>> = {
  model: { color: ROLES.model },
  baseline: { color: ROLES.baseline },
  control: { color: ROLES.baseline, hollow: true },
  ceiling: { color: ROLES.truth },
};
/** Dots of columns that are controls. */
const CONTROLS: readonly Omit<DotSeries, 'name'>[] = [
  { color: ROLES.model, hollow: true },
  { color: OTHER, hollow: true },
];

/** What a figure says of itself. */
type FigureFacts = Pick<Figure, 'name' | 'title'>;

/** Scores that are drawn as dots of a series. */
export interface DrawnScores {
  /** Label of their line. */
  readonly method: string;
  readonly series: string;
  /** For each panel, a score per seed; empty where there is none. */
  readonly scores: readonly (readonly number[])[];
}

/** Draws columns of a table, a panel each, with a line for each of its methods. */
export function tableFigure(
  facts: FigureFacts,
  table: MeasuredTable,
  columns: readonly string[],
): Promise<Figure> {
  const drawn = table.rows.map((row) => ({
    method: row.title,
    series: row.kind,
    scores: columnScores(table, row, columns),
  }));
  return scoresFigure(facts, drawn, kindSeries(table), columns);
}

/**
 * Draws the first column of a table with others that are its controls, in one panel.
 *
 * @param axis title of the axis. @param controls titles of up to two columns.
 */
export function controlsFigure(
  facts: FigureFacts,
  table: MeasuredTable,
  axis: string,
  controls: readonly string[],
): Promise<Figure> {
  const drawn = table.rows.flatMap((row) => [
    { method: row.title, series: row.kind, scores: row.scores.slice(0, 1) },
    ...controls.map((control) => ({
      method: row.title,
      series: control,
      scores: columnScores(table, row, [control]),
    })),
  ]);
  const series = controls.map((name, n) => ({ name, ...CONTROLS[n]! }));
  return scoresFigure(facts, drawn, [...kindSeries(table), ...series], [axis]);
}

/** The scores of a row in the columns with these titles. */
export function columnScores(
  table: MeasuredTable,
  { scores }: MeasuredRow,
  columns: readonly string[],
): (readonly number[])[] {
  return columns.map(
    (title) => scores[table.columns.findIndex((column) => column.title === title)]!,
  );
}

/** The series of the kinds of row that a table has. */
function kindSeries({ rows }: MeasuredTable): DotSeries[] {
  const shown = Object.entries(KINDS).filter(([name]) => rows.some(({ kind }) => kind === name));
  return shown.map(([name, dots]) => ({ name, ...dots }));
}

/**
 * Draws a dot for each seed, and their mean. Methods without a score are left out.
 *
 * @param panels titles of the axes.
 */
export function scoresFigure(
  facts: FigureFacts,
  drawn: readonly DrawnScores[],
  series: readonly DotSeries[],
  panels: readonly string[],
): Promise<Figure> {
  const rows = drawn.flatMap(({ method, series, scores }) =>
    Array.from({ length: Math.max(...scores.map(({ length }) => length)) }, (_, seed) => ({
      method,
      series,
      ...Object.fromEntries(panels.map((title, n) => [title, scores[n]![seed] ?? null])),
    })),
  );
  return draw(
    { ...facts, caption: 'Small points are seeds, large ones their means.' },
    rows,
    dotPlot({
      rows,
      label: 'method',
      kind: 'series',
      series,
      repeated: true,
      panels: panels.map((title) => ({ field: title, title })),
    }),
  );
}

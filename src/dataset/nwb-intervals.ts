/** The tables of intervals in an NWB file, one of which may be read as the trials. */

import { RecordingError } from '../recording/errors.js';
import { MAX_OVERLAP } from '../recording/recording.js';
import { formatList } from '../text/format.js';
import { arrayMember, isOfType, isReadable, type NamedGroup } from './nwb-groups.js';

/** A table of intervals, as `inspect` lists it. */
export interface IntervalTable {
  /** Its name in the file. */
  readonly name: string;
  /** How many intervals it has. */
  readonly rows: number;
  /** Columns with one value per row. */
  readonly columns: readonly IntervalColumn[];
}

/** A column of a table of intervals. */
export interface IntervalColumn {
  /** Its name in the file. */
  readonly name: string;
  /** How many different values it has. */
  readonly distinct: number;
}

/** The tables of intervals in a file, by their use. */
export interface ChosenTables {
  /** The one whose rows are the trials. */
  readonly trials: NamedGroup | undefined;
  /** Those that are named intervals of the session. */
  readonly others: readonly NamedGroup[];
  /** The stages of the session, which are neither. */
  readonly epochs: NamedGroup | undefined;
}

/** The table that is read as the trials unless another one is chosen. */
const TRIALS_PATH = 'intervals/trials';

/**
 * Finds the tables of intervals that have rows, and which of them are the trials.
 *
 * @param chosen the name or path of the table whose rows are the trials. Default: that which NWB
 *   calls trials.
 * @throws RecordingError where there is no table of that name, or several.
 */
export function chooseTables(
  groups: readonly NamedGroup[],
  file: string,
  chosen?: string,
): ChosenTables {
  const tables = groups.filter((table) => isOfType(table, 'TimeIntervals') && rowCount(table) > 0);
  const trials =
    chosen === undefined
      ? tables.find(({ path }) => path === TRIALS_PATH)
      : findTable(tables, file, chosen);
  // Epochs are stages of a session that their tags tell apart: all of them are no one interval.
  const isEpochs = (table: NamedGroup) => table !== trials && table.name === 'epochs';
  return {
    trials,
    others: tables.filter((table) => table !== trials && !isEpochs(table) && hasStops(table)),
    epochs: tables.find(isEpochs),
  };
}

function findTable(tables: readonly NamedGroup[], file: string, chosen: string): NamedGroup {
  const named = tables.filter(({ name, path }) => path === chosen || name === chosen);
  if (named.length === 1) return named[0]!;
  const paths = (named.length > 1 ? named : tables).map(({ path }) => path);
  throw new RecordingError(
    named.length > 1
      ? `${file} has ${named.length} tables of intervals called ${chosen}: choose one by its path, ${formatList(paths, 8)}.`
      : `${file} has no table of intervals called ${chosen} whose rows could be trials; it has ${formatList(paths, 8) || 'none'}.`,
  );
}

/** How many intervals a table has; 0 where it is no table of intervals. */
function rowCount({ group }: NamedGroup): number {
  return arrayMember(group, 'start_time')?.shape[0] ?? 0;
}

/** Whether a table of intervals says when they stop. */
export function hasStops({ group }: NamedGroup): boolean {
  return arrayMember(group, 'stop_time') !== undefined;
}

/** Whether a row starts before the one before it in time has stopped. */
export function haveOverlaps({ group }: NamedGroup): boolean {
  const [starts, stops] = ['start_time', 'stop_time'].map((name) =>
    Array.from<unknown, number>(arrayMember(group, name)?.read() ?? [], Number),
  );
  const rows = starts!.map((start, n) => ({ start, stop: stops![n] ?? start }));
  rows.sort((p, q) => p.start - q.start);
  return rows.slice(1).some(({ start }, n) => start < rows[n]!.stop - MAX_OVERLAP);
}

/** What a table holds beside its times. */
export function describeTable(table: NamedGroup): IntervalTable {
  const rows = rowCount(table);
  const columns = [...table.group.members].flatMap(([name, node]) => {
    if (node.kind !== 'array' || ['id', 'start_time', 'stop_time'].includes(name)) return [];
    if (node.shape.length !== 1 || node.shape[0] !== rows || !isReadable(node)) return [];
    return [{ name, distinct: new Set<unknown>(node.read()).size }];
  });
  return { name: table.name, rows, columns };
}

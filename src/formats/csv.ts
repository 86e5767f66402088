/** Text tables (CSV, TSV and the like) as a group with an array for each column. */

import { type CsvError, parse } from 'csv-parse/sync';
import { RecordingError } from '../recording/errors.js';
import type { ArrayNode, GroupNode } from './nodes.js';

/** The delimiter is guessed from so much of the text. */
const MAX_GUESS_CHARACTERS = 2 ** 17;
/** A table is decoded into one string, which has to fit into memory. */
const MAX_TEXT_BYTES = 2 ** 28;

/**
 * Reads a table whose values are separated by commas, semicolons, tabs or spaces.
 *
 * The first row names the columns, unless it contains numbers; columns without names are `column0`,
 * `column1` and so on. Further rows above the numbers are units, which become attributes, or parts
 * of the names, as in DeepLabCut's tables. A column whose fields are all numbers or empty becomes
 * numbers, with NaN for what is missing; any other becomes text, and so do integers that float64
 * would round. A column of numbers with a few fields that are none cannot be read: the error names
 * the first of them. Tables with semicolons may use a decimal comma.
 *
 * @param name what messages call the table.
 * @throws RecordingError where it is not a table or its rows differ in length.
 */
export function parseCsv(bytes: Uint8Array, name = 'The table'): GroupNode {
  const readError = (reason: string) => new RecordingError(`${name} cannot be read: ${reason}.`);
  if (bytes.length > MAX_TEXT_BYTES)
    throw readError(
      `it is a table of ${(bytes.length / 2 ** 20).toFixed(0)} MiB; save it as .npz, NWB or HDF5`,
    );
  if (bytes.includes(0)) throw readError('it contains bytes that are not text');
  const text = new TextDecoder().decode(bytes);
  const delimiter = guessDelimiter(text);
  const singleSpaced = delimiter === ' ' ? text.replace(/^ +| +$/gm, '').replace(/ +/g, ' ') : text;
  const fields = parseRows(singleSpaced, delimiter, readError);
  const rows = delimiter === ';' ? fields.map((row) => row.map(withDecimalPoint)) : fields;
  const [head = []] = rows;
  if (rows.length === 0) throw readError('it is empty');
  if (head.length > MAX_COLUMNS)
    throw readError(
      `it has ${head.length} columns, more than ${MAX_COLUMNS}; save it as .npz, NWB or HDF5, or turn rows into columns`,
    );
  const { names, units, count } = readHead(rows);
  const lineOf = (row: number) => {
    const lines = parseRows(singleSpaced, delimiter, readError, true) as unknown as CsvLine[];
    return lines[count + row]!.info.lines;
  };
  const columns = head.map((_, n): [string, ArrayNode] => {
    const fields = rows.slice(count).map((row) => row[n]!);
    const column = { name: names[n]!, unit: units[n], fields };
    return [names[n]!, columnNode(column, (row) => `${name}, line ${lineOf(row)}`)];
  });
  return { kind: 'group', members: new Map(columns), attributes: {} };
}

/** A row as csv-parse gives it with information on it. */
interface CsvLine {
  readonly info: { readonly lines: number };
}

/** Columns of a table; each is an array of its own. */
const MAX_COLUMNS = 20_000;
/** At most so many rows stand above the values. */
const MAX_HEAD_ROWS = 4;
/** The share of the fields of a column, from which on the others are odd. */
const MOSTLY = 0.95;
/** Columns with fewer fields have no usual kind of field. */
const MIN_USUAL = 20;

/** The rows above the values: names of the columns, and their units. */
interface TableHead {
  readonly names: readonly string[];
  /** Empty texts where there are none. */
  readonly units: readonly string[];
  /** How many rows there are. */
  readonly count: number;
}

function readHead(rows: readonly (readonly string[])[]): TableHead {
  const [head = [], second] = rows;
  const noUnits = head.map(() => '');
  const hasNames = isPandasHeader(head) || head.some((field) => field !== '' && !isNumber(field));
  if (!hasNames) return { names: head.map((_, n) => `column${n}`), units: noUnits, count: 0 };
  const count = countHeadRows(rows);
  if (count === 2 && second!.every((field) => UNIT.test(field)))
    return { names: uniqueNames(head), units: second!.map(bareUnit), count };
  const parts = rows
    .slice(0, count)
    // A row with the same text throughout, such as who scored a video, names no column.
    .filter((row, n) => n === count - 1 || new Set(row.slice(1)).size > 1);
  const joined = head.map((_, n) =>
    parts
      .map((row) => row[n]!)
      .filter((part) => part !== '')
      .join('_'),
  );
  return { names: uniqueNames(joined), units: noUnits, count };
}

/** Rows without a number in any column that consists of numbers below them. */
function countHeadRows(rows: readonly (readonly string[])[]): number {
  const body = rows.slice(MAX_HEAD_ROWS);
  if (body.length < MAX_HEAD_ROWS) return 1;
  const numeric = rows[0]!
    .map((_, n) => n)
    .filter(
      (n) =>
        body.filter((row) => isNumber(row[n]!) || row[n] === '').length >= MOSTLY * body.length &&
        body.some((row) => isNumber(row[n]!)),
    );
  if (numeric.length === 0) return 1;
  const isHead = (row: readonly string[]) =>
    numeric.every((n) => !isNumber(row[n]!)) && numeric.some((n) => row[n] !== '');
  const end = rows.slice(0, MAX_HEAD_ROWS).findIndex((row) => !isHead(row));
  return end < 0 ? 1 : Math.max(1, end);
}

/** What may stand for a unit below a name; columns without a unit have none or a dash. */
const UNIT =
  /^([([]?(s|sec|secs|seconds?|ms|us|µs|min|h|hz|khz|mm|cm|m|um|µm|px|pixels?|deg|degrees?|°|rad|v|mv|uv|µv|%|a\.?u\.?|n\/a|id|#|index|frames?|samples?|count|counts|none|[a-zµ°%]{1,4}\/[a-z]{1,3}\^?2?)[)\]]?|-|)$/i;

function bareUnit(field: string): string {
  return /^(-|id|#|index|none|n\/a)$/i.test(field) ? '' : field.replace(/^[([]|[)\]]$/g, '');
}

/**
 * Guesses the delimiter: the first of tab, semicolon and comma that occurs in the first row.
 * Without any of them it is a space if the first two rows have equally many words, else a comma.
 */
function guessDelimiter(text: string): string {
  // Delimiters and line breaks inside quotes are part of a field.
  const unquoted = text.slice(0, MAX_GUESS_CHARACTERS).replace(/"[^"]*"/g, '""');
  const lines = unquoted
    .split(/\r?\n|\r/, 50)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const [line0 = '', line1 = ''] = lines.map((line) => line.trim());
  const mark = ['\t', ';', ','].find((candidate) => line0.includes(candidate));
  if (mark) return mark;
  const wordCount = (line: string) => line.split(/ +/).length;
  return wordCount(line0) > 1 && wordCount(line0) === wordCount(line1) ? ' ' : ',';
}

/** Replaces the decimal comma of a number by a point. */
function withDecimalPoint(field: string): string {
  return /^[+-]?\d*,\d+(e[+-]?\d+)?$/i.test(field) ? field.replace(',', '.') : field;
}

function parseRows(
  text: string,
  delimiter: string,
  readError: (reason: string) => RecordingError,
  info = false,
): string[][] {
  try {
    return parse(text, {
      info,
      bom: true,
      delimiter,
      skip_empty_lines: true,
      comment: '#',
      comment_no_infix: true,
      trim: true,
    });
  } catch (error) {
    const { message } = error as CsvError;
    throw readError(`it is not a complete table (${message})`);
  }
}

/** What programs write for a missing number. */
const MISSING_VALUES = /^(nan|na|n\/a|null|none)?$/i;

/** Whether a field is an integer that float64 would round. */
function isUnsafeInteger(field: string): boolean {
  return /^[+-]?\d{16,}$/.test(field) && !Number.isSafeInteger(Number(field));
}

function isNumber(field: string): boolean {
  return MISSING_VALUES.test(field) ? field !== '' : !Number.isNaN(Number(field));
}

/**
 * Whether the first row is a header although it contains numbers: pandas writes an unnamed index
 * column and then the columns 0, 1, 2, ...
 */
function isPandasHeader([indexName, ...names]: readonly string[]): boolean {
  return indexName === '' && names.length > 0 && names.every((field, n) => field === `${n}`);
}

/** The names of the columns; an empty or repeated name becomes `column` with its index. */
function uniqueNames(head: readonly string[]): string[] {
  return head.map((field, n) => (field && head.indexOf(field) === n ? field : `column${n}`));
}

interface TableColumn {
  readonly name: string;
  readonly unit: string | undefined;
  readonly fields: readonly string[];
}

/** @param place names a row of the column, for a message. */
function columnNode(
  { name, unit, fields }: TableColumn,
  place: (row: number) => string,
): ArrayNode {
  // An integer that float64 would round is an id, such as that of a neuron: it stays text.
  const isNumeric = (field: string) => field === '' || (isNumber(field) && !isUnsafeInteger(field));
  const odd = fields.flatMap((field, row) => (isNumeric(field) ? [] : [row]));
  const attributes = unit === undefined || unit === '' ? {} : { unit };
  const shape = [fields.length];
  if (odd.length > 0 && fields.length >= MIN_USUAL && odd.length <= (1 - MOSTLY) * fields.length)
    return {
      kind: 'array',
      type: 'number',
      shape,
      attributes,
      read: () => {
        throw new RecordingError(
          `${place(odd[0]!)}: the column ${name} has ${JSON.stringify(fields[odd[0]!])}, but numbers elsewhere (${odd.length} of ${fields.length} fields are none): correct it, or leave the field empty.`,
        );
      },
    };
  const numbers =
    odd.length === 0
      ? Float64Array.from(fields, (field) =>
          MISSING_VALUES.test(field) ? Number.NaN : Number(field),
        )
      : undefined;
  return {
    kind: 'array',
    type: numbers ? 'number' : 'text',
    shape,
    attributes,
    read: (from = 0, to = fields.length) => (numbers ?? fields).slice(from, to) as Float64Array,
  };
}

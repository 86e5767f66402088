/** Text tables (CSV, TSV and the like) as a group with an array for each column. */

import { type CsvError, parse } from 'csv-parse/sync';
import { RecordingError } from '../recording/errors.js';
import type { ArrayNode, GroupNode } from './nodes.js';

/** A table is decoded into one string, which has to fit into memory. */
const MAX_TEXT_BYTES = 2 ** 28;

/**
 * Reads a table whose values are separated by commas, semicolons, tabs or spaces.
 *
 * The first row names the columns, unless it contains numbers; columns without names are `column0`,
 * `column1` and so on. A column whose fields are all numbers or empty becomes numbers, with NaN for
 * what is missing; any other becomes text, and so do integers that float64 would round. Tables with
 * semicolons may use a decimal comma.
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
  const hasNames = isPandasHeader(head) || head.some((field) => field !== '' && !isNumber(field));
  const names = hasNames ? uniqueNames(head) : head.map((_, n) => `column${n}`);
  const body = hasNames ? rows.slice(1) : rows;
  const columns = names.map((key, n): [string, ArrayNode] => [
    key,
    columnNode(body.map((row) => row[n]!)),
  ]);
  return { kind: 'group', members: new Map(columns), attributes: {} };
}

/**
 * Guesses the delimiter: the first of tab, semicolon and comma that occurs in the first row.
 * Without any of them it is a space if the first two rows have equally many words, else a comma.
 */
function guessDelimiter(text: string): string {
  const lines = text.split('\n', 50).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  // Delimiters inside quotes are part of a field.
  const [line0 = '', line1 = ''] = lines.map((line) => line.trim().replace(/"[^"]*"/g, ''));
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
): string[][] {
  try {
    return parse(text, {
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

function columnNode(fields: readonly string[]): ArrayNode {
  // An integer that float64 would round is an id, such as that of a neuron: it stays text.
  const isNumeric = fields.every(
    (field) => field === '' || (isNumber(field) && !isUnsafeInteger(field)),
  );
  const numbers = isNumeric
    ? Float64Array.from(fields, (field) =>
        MISSING_VALUES.test(field) ? Number.NaN : Number(field),
      )
    : undefined;
  return {
    kind: 'array',
    type: isNumeric ? 'number' : 'text',
    shape: [fields.length],
    attributes: {},
    read: (from = 0, to = fields.length) => (numbers ?? fields).slice(from, to) as Float64Array,
  };
}

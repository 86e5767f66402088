/** Tables as text: values between commas, semicolons, tabs or spaces, as a group with an array for each column. */

import { type CsvError, parse } from 'csv-parse/sync';
import { RecordingError } from '../recording/errors.js';
import type { ArrayNode, GroupNode } from './nodes.js';

/** Text is one string in memory. */
const MAX_TEXT_BYTES = 2 ** 28;

/**
 * Reads a table. Columns go by the names in its first row, or where that holds numbers by `column0`, `column1` and so
 * on; a column of numbers alone, empty fields as NaN, is an array of numbers, any other of texts, as are integers past
 * those a number keeps. Between semicolons
 * numbers may have a decimal comma, for which such tables have semicolons.
 *
 * @throws RecordingError where it is no table, or its rows differ in length.
 */
export function parseCsv(bytes: Uint8Array, name = 'The table'): GroupNode {
  const refuse = (reason: string) => new RecordingError(`${name} cannot be read: ${reason}.`);
  if (bytes.length > MAX_TEXT_BYTES)
    throw refuse(
      `it is a table of ${(bytes.length / 2 ** 20).toFixed(0)} MiB; save it as .npz, NWB or HDF5`,
    );
  if (bytes.includes(0)) throw refuse('it holds bytes that are no text');
  const text = new TextDecoder().decode(bytes);
  const delimiter = guessDelimiter(text);
  const single = delimiter === ' ' ? text.replace(/^ +| +$/gm, '').replace(/ +/g, ' ') : text;
  const found = parseRows(single, delimiter, refuse);
  const rows = delimiter === ';' ? found.map((row) => row.map(withPoint)) : found;
  const [head = []] = rows;
  if (rows.length === 0) throw refuse('it is empty');
  const named = isNumbered(head) || head.some((field) => field !== '' && !isNumber(field));
  const names = named ? uniqueNames(head) : head.map((_, n) => `column${n}`);
  const body = named ? rows.slice(1) : rows;
  const columns = names.map((key, n): [string, ArrayNode] => [
    key,
    columnNode(body.map((row) => row[n]!)),
  ]);
  return { kind: 'group', members: new Map(columns), attributes: {} };
}

/** What stands between values: the first of these that the first row has, spaces only if the second has as many. */
function guessDelimiter(text: string): string {
  const lines = text.split('\n', 50).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  // Marks within quotes are part of a field.
  const [first = '', second = ''] = lines.map((line) => line.trim().replace(/"[^"]*"/g, ''));
  const mark = ['\t', ';', ','].find((own) => first.includes(own));
  if (mark) return mark;
  const words = (line: string) => line.split(/ +/).length;
  return words(first) > 1 && words(first) === words(second) ? ' ' : ',';
}

/** A number with a decimal comma as one with a point. */
function withPoint(field: string): string {
  return /^[+-]?\d*,\d+(e[+-]?\d+)?$/i.test(field) ? field.replace(',', '.') : field;
}

function parseRows(
  text: string,
  delimiter: string,
  refuse: (reason: string) => RecordingError,
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
    throw refuse(`it is no whole table (${message})`);
  }
}

/** What tables write where there is no number. */
const MISSING_VALUES = /^(nan|na|n\/a|null|none)?$/i;

function isTooLong(field: string): boolean {
  return /^[+-]?\d{16,}$/.test(field) && !Number.isSafeInteger(Number(field));
}

function isNumber(field: string): boolean {
  return MISSING_VALUES.test(field) ? field !== '' : !Number.isNaN(Number(field));
}

/** Columns that go by 0, 1, 2 after one without a name: a table with its index, as pandas writes it. */
function isNumbered([first, ...others]: readonly string[]): boolean {
  return first === '' && others.length > 0 && others.every((field, n) => field === `${n}`);
}

/** Names of columns; one without a name or with that of another gets its place. */
function uniqueNames(head: readonly string[]): string[] {
  return head.map((field, n) => (field && head.indexOf(field) === n ? field : `column${n}`));
}

function columnNode(fields: readonly string[]): ArrayNode {
  // An integer that a number would not keep is a name, such as that of a neuron.
  const numeric = fields.every((field) => field === '' || (isNumber(field) && !isTooLong(field)));
  const numbers = numeric
    ? Float64Array.from(fields, (field) =>
        MISSING_VALUES.test(field) ? Number.NaN : Number(field),
      )
    : undefined;
  return {
    kind: 'array',
    type: numeric ? 'number' : 'text',
    shape: [fields.length],
    attributes: {},
    read: (from = 0, to = fields.length) => (numbers ?? fields).slice(from, to) as Float64Array,
  };
}

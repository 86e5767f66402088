/**
 * References to arrays, as a dataset.yaml writes them: `file`, `file#path`, and either with an
 * `[index]`.
 *
 * A path is names with slashes between them. In a list, a name is an index from 0, or row and
 * column as in `3,0`. `*` stands for any index of a list, or for any letters of a name, so that
 * `acquisition/Activity_*` is one node per neuron. An index follows NumPy: `[:,1]` is the second
 * column, `[1:]` is all but the first row.
 */

import { EXTENSIONS } from '../formats/extensions.js';
import { type ArrayNode, type DataNode, elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';
import { formatCount } from '../text/format.js';
import { matchesPattern } from '../text/pattern.js';

/** An array that has been read, or the part of it that an index selects. */
export interface ArrayValues {
  readonly shape: readonly number[];
  /** In C order. */
  readonly data: Numbers | string[];
}

/** A parsed reference. */
export interface Reference {
  /** The file's path, relative to the dataset's folder. */
  readonly file: string;
  /** Names on the way to the array; empty for a file that is a single array. */
  readonly path: readonly string[];
  /** One item per axis, where the reference has an index. */
  readonly index: readonly IndexItem[] | undefined;
  /** With an index: the path if that is part of the last name, as in a variable `speed[0]`. */
  readonly literalPath?: readonly string[];
}

/**
 * One index of an axis, or a range of them: `from` up to but not including `to`, by default to the
 * end.
 */
type IndexItem = number | { readonly from: number; readonly to: number | undefined };

/**
 * A file may be called `mouse#3.nwb`, so its name ends with the first extension of a supported
 * format.
 */
const FILE_PATTERN = new RegExp(`^(.*?\\.(?:${EXTENSIONS.join('|')}))(?:#(.*))?$`, 'is');

/** Characters of a reference. */
const MAX_REFERENCE = 4096;

/**
 * Parses a reference. Nothing is opened.
 *
 * @throws RecordingError where its index is malformed, or it is too long.
 */
export function parseReference(text: string): Reference {
  if (text.length > MAX_REFERENCE)
    throw new RecordingError(
      `The reference ${text.slice(0, 40)}… has ${formatCount(text.length)} characters: it should have at most ${formatCount(MAX_REFERENCE)}.`,
    );
  // NWB names may contain brackets; only digits, colons and commas in them make an index.
  const [, location = text, index] = /^(.*?)\[([\d\s:,-]*)\]$/.exec(text) ?? [];
  const [, file = '', path = ''] =
    FILE_PATTERN.exec(location) ?? /^([^#]*)#?(.*)$/s.exec(location) ?? [];
  const namesOf = (joined: string) => joined.split('/').filter((name) => name !== '');
  return {
    file: file.trim(),
    path: namesOf(path),
    index: index === undefined ? undefined : index.split(',').map((item) => indexItem(item, text)),
    ...(index !== undefined && { literalPath: namesOf(`${path}[${index}]`) }),
  };
}

function indexItem(item: string, text: string): IndexItem {
  const [, from = '', colon, to = ''] = /^\s*(\d*)\s*(:?)\s*(\d*)\s*$/.exec(item) ?? [];
  if (colon === undefined || (!colon && from === '')) {
    throw new RecordingError(
      `${text}: "[${item}]" is not an index; write indices from 0, such as [:,1] for the second column or [1:] for all but the first row.`,
    );
  }
  if (!colon) return Number(from);
  return { from: Number(from), to: to === '' ? undefined : Number(to) };
}

/** Whether a path may match several arrays, because a name in it contains `*`. */
export function isPattern({ path }: Pick<Reference, 'path'>): boolean {
  return path.some((name) => name.includes('*'));
}

/**
 * The node to which a path leads if every name in it is meant as it is written, also one that
 * contains a star.
 */
export function findLiteral(root: DataNode, path: readonly string[]): DataNode | undefined {
  if (path.length === 0) return root;
  if (root.kind !== 'group') return undefined;
  for (let length = path.length; length > 0; length--) {
    const member = root.members.get(path.slice(0, length).join('/'));
    const found = member && findLiteral(member, path.slice(length));
    if (found) return found;
  }
  return undefined;
}

/**
 * Finds the nodes that a path leads to.
 *
 * @returns nodes in the order of list items, or of names compared by the numbers in them; undefined
 *   for a list item that lacks the rest of the path, as an empty cell does, and for a plain path
 *   that leads nowhere.
 */
export function findNodes(root: DataNode, path: readonly string[]): (DataNode | undefined)[] {
  const [name, ...rest] = path;
  if (name === undefined) return [root];
  if (root.kind === 'group') {
    // A column may be called 'speed (cm/s)': the longest name that exists is the one meant.
    for (let length = path.length; length > 1; length--) {
      const member = root.members.get(path.slice(0, length).join('/'));
      if (member) return findNodes(member, path.slice(length));
    }
  }
  return matchingChildren(root, name).flatMap((child) =>
    child ? findNodes(child, rest) : [undefined],
  );
}

/** A node that a pattern matches, and where. */
export interface GridMatch {
  /** Undefined for a list item that lacks the rest of the path. */
  readonly node: DataNode | undefined;
  /** For each `*` of the path: the list that it goes through, or all names that it matches. */
  readonly stars: readonly {
    /** The index of the item, in the order of the list. */
    readonly index: number;
    /** Lengths of the list's axes; names have one axis. */
    readonly shape: readonly number[];
  }[];
}

/** The row and the column of an item of a list: MATLAB's order is one column after the other. */
export function rowAndColumn({ index, shape: [rows = 1] }: GridMatch['stars'][number]) {
  return [index % rows, Math.floor(index / rows)] as const;
}

/** Finds the nodes that a pattern leads to, as `findNodes` does, with their index in each list. */
export function findGrid(root: DataNode, path: readonly string[]): GridMatch[] {
  const depth = path.findIndex((name) => name.includes('*'));
  if (depth < 0) return findNodes(root, path).map((node) => ({ node, stars: [] }));
  const [parent] = findNodes(root, path.slice(0, depth));
  if (!parent) return [{ node: undefined, stars: [] }];
  const children = matchingChildren(parent, path[depth]!);
  const shape = parent.kind === 'list' ? parent.shape : [children.length];
  return children.flatMap((child, index) => {
    const below = child ? findGrid(child, path.slice(depth + 1)) : [{ node: undefined, stars: [] }];
    return below.map(({ node, stars }) => ({ node, stars: [{ index, shape }, ...stars] }));
  });
}

function matchingChildren(node: DataNode, name: string): (DataNode | undefined)[] {
  if (node.kind === 'array') return [undefined];
  if (node.kind === 'list') {
    if (name === '*') return [...node.items];
    const [row = 0, column] = name.split(',').map(Number);
    if (column === undefined) return [node.items[row]];
    const rows = node.shape[0] ?? 0;
    // Items are in MATLAB's order: columns one after the other.
    return [row < rows ? node.items[row + column * rows] : undefined];
  }
  if (!name.includes('*')) return [node.members.get(name)];
  const names = [...node.members.keys()].filter((key) => matchesPattern(key, name));
  names.sort((p, q) => p.localeCompare(q, 'en', { numeric: true }));
  return names.map((key) => node.members.get(key));
}

/** The most values to read at once while columns are picked out of a wide array. */
const MAX_VALUES_PER_READ = 2 ** 21;

/**
 * Reads an array, or the part of it that an index selects. An axis indexed by a number is dropped
 * from the shape. Axes of length 1 need no item, and are dropped too.
 *
 * @param location the reference with its file and key; messages begin with it.
 * @throws RecordingError where the index does not fit the array.
 */
export function readValues(
  array: ArrayNode,
  index: readonly IndexItem[] | undefined,
  location: string,
): ArrayValues {
  if (!index) return { shape: array.shape, data: array.read() };
  const items = indexItems(array.shape, index, location);
  const [rowItem = { from: 0, to: 1 }, ...columnItems] = items;
  const rows = indexRange(rowItem);
  const rowLength = elementCount(array.shape.slice(1));
  const offsets = offsetsInRow(array.shape.slice(1), columnItems.map(indexRange));
  const shape = items.flatMap((item, axis) => {
    if (typeof item === 'number' || array.shape[axis] === 1) return [];
    return [item.to! - item.from];
  });
  const rowsPerRead = Math.max(1, Math.floor(MAX_VALUES_PER_READ / Math.max(1, rowLength)));
  let data: Numbers | string[] | undefined;
  for (let from = rows.from; from < rows.to; from += rowsPerRead) {
    const to = Math.min(rows.to, from + rowsPerRead);
    const chunk = array.read(from, to);
    data ??= allocateLike(chunk, (rows.to - rows.from) * offsets.length);
    let target = (from - rows.from) * offsets.length;
    for (let row = 0; row < to - from; row++)
      for (const offset of offsets) data[target++] = chunk[row * rowLength + offset]!;
  }
  return { shape, data: data ?? array.read(0, 0) };
}

/**
 * Completes an index to one item per axis, with both ends of every range, and checks it against the
 * shape.
 */
function indexItems(
  shape: readonly number[],
  index: readonly IndexItem[],
  location: string,
): IndexItem[] {
  const longAxes = shape.flatMap((length, axis) => (length === 1 ? [] : [axis]));
  const axes = index.length === shape.length ? shape.map((_, axis) => axis) : longAxes;
  if (index.length !== axes.length) {
    throw new RecordingError(
      `${location} has shape [${shape.join(', ')}], but its index has ${index.length} ${index.length === 1 ? 'item' : 'items'}: give one item per axis.`,
    );
  }
  return shape.map((length, axis) => {
    const n = axes.indexOf(axis);
    const item = n < 0 ? { from: 0, to: length } : index[n]!;
    const { from, to } = indexRange(item, length);
    if (from > to || to > length) {
      const invalid = typeof item === 'number' ? `index ${item}` : `range ${from}:${to}`;
      throw new RecordingError(
        `${location}: ${invalid} is outside axis ${axis}, which has length ${length}; indices start at 0.`,
      );
    }
    return typeof item === 'number' ? item : { from, to };
  });
}

function indexRange(item: IndexItem, length = 0): { from: number; to: number } {
  if (typeof item === 'number') return { from: item, to: item + 1 };
  return { from: item.from, to: item.to ?? length };
}

/**
 * Offsets, within one row in C order, of the values that the ranges select.
 *
 * @param shape lengths of the axes after the first.
 * @param ranges one range for each of these axes.
 */
function offsetsInRow(
  shape: readonly number[],
  ranges: readonly { from: number; to: number }[],
): number[] {
  let offsets = [0];
  for (const [axis, { from, to }] of ranges.entries()) {
    const indices = Array.from({ length: to - from }, (_, n) => from + n);
    offsets = offsets.flatMap((offset) => indices.map((index) => offset * shape[axis]! + index));
  }
  return offsets;
}

/** An array of `length` values with the same type of elements. */
function allocateLike(like: Numbers | string[], length: number): Numbers | string[] {
  if (Array.isArray(like)) return new Array<string>(length);
  return new (like.constructor as new (length: number) => Numbers)(length);
}

/** The shape in the words of a message that says what was expected instead: "has shape [2, 3]". */
export function formatShape({ shape, data }: ArrayValues): string {
  return `${Array.isArray(data) ? 'contains text of' : 'has'} shape [${shape.join(', ')}]`;
}

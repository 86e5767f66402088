/**
 * Arrays by reference: `file`, `file#path`, and either with an `[index]`, as a dataset.yaml names them.
 *
 * A path is names with slashes between them; a list takes a number from 0, or row and column as `3,0`; `*` stands for
 * any number or any letters, so that `acquisition/Activity_*` is one part for each neuron. An index is NumPy's: `[:,1]`
 * for the second column, `[1:]` for all but the first place.
 */

import { type ArrayNode, type DataNode, elementCount, type Numbers } from '../formats/nodes.js';
import { RecordingError } from '../recording/errors.js';

/** A piece of an array, in C order. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Numbers | string[];
}

export interface Reference {
  readonly file: string;
  /** Empty for a file that is one array. */
  readonly path: readonly string[];
  readonly index: readonly IndexItem[] | undefined;
}

/** One place of an axis, or places from one up to another. */
type IndexItem = number | { readonly from: number; readonly to: number | undefined };

/** A file may be called `mouse#3.nwb`: its name ends with the first extension of a file that can be read. */
const FILE_PATTERN = /^(.*?\.(?:nwb|hdf5|hdf|h5|mat|npz|npy|csv|tsv|txt))(?:#(.*))?$/is;

/** @throws RecordingError where the index is none. */
export function parseReference(text: string): Reference {
  // NWB names may hold brackets; only what looks like an index is one.
  const [, whole = text, index] = /^(.*?)\[([\d\s:,-]*)\]$/.exec(text) ?? [];
  const [, file = '', path = ''] = FILE_PATTERN.exec(whole) ?? /^([^#]*)#?(.*)$/s.exec(whole) ?? [];
  return {
    file: file.trim(),
    path: path.split('/').filter((name) => name !== ''),
    index: index === undefined ? undefined : index.split(',').map((item) => indexItem(item, text)),
  };
}

function indexItem(item: string, text: string): IndexItem {
  const [, from = '', colon, to = ''] = /^\s*(\d*)\s*(:?)\s*(\d*)\s*$/.exec(item) ?? [];
  if (colon === undefined || (!colon && from === '')) {
    throw new RecordingError(
      `${text}: "[${item}]" should be places from 0, such as [:,1] for the second column or [1:] for all but the first.`,
    );
  }
  if (!colon) return Number(from);
  return { from: Number(from), to: to === '' ? undefined : Number(to) };
}

/** Whether a path stands for several arrays. */
export function isPattern({ path }: Reference): boolean {
  return path.some((name) => name.includes('*'));
}

/**
 * The parts a path leads to, in order. Of a pattern, undefined stands for what a list has no such part for, as an empty
 * cell has none.
 */
export function find(root: DataNode, path: readonly string[]): (DataNode | undefined)[] {
  const [name, ...rest] = path;
  if (name === undefined) return [root];
  if (root.kind === 'group') {
    // A column may be called 'speed (cm/s)': the longest name that is there is meant.
    for (let length = path.length; length > 1; length--) {
      const whole = root.members.get(path.slice(0, length).join('/'));
      if (whole) return find(whole, path.slice(length));
    }
  }
  return matchingChildren(root, name).flatMap((child) => (child ? find(child, rest) : [undefined]));
}

function matchingChildren(part: DataNode, name: string): (DataNode | undefined)[] {
  if (part.kind === 'array') return [undefined];
  if (part.kind === 'list') {
    if (name === '*') return [...part.items];
    const at = name.split(',').map(Number);
    const [row = 0, column] = at;
    if (column === undefined) return [part.items[row]];
    const rows = part.shape[0] ?? 0;
    // MATLAB's own order: columns one after the other.
    return [row < rows ? part.items[row + column * rows] : undefined];
  }
  if (!name.includes('*')) return [part.members.get(name)];
  const parts = name.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${parts.join('.*')}$`);
  const names = [...part.members.keys()].filter((key) => pattern.test(key));
  names.sort((p, q) => p.localeCompare(q, 'en', { numeric: true }));
  return names.map((key) => part.members.get(key));
}

/** Values read at once while a column is picked out of a wide array. */
const VALUES_PER_READ = 2 ** 21;

/**
 * Reads an array, or what an index picks of it. Axes of length 1 need no item.
 *
 * @throws RecordingError where the index does not fit; `where` begins its sentence.
 */
export function readValues(
  part: ArrayNode,
  index: readonly IndexItem[] | undefined,
  where: string,
): Values {
  if (!index) return { shape: part.shape, data: part.read() };
  const items = indexItems(part.shape, index, where);
  const [first = { from: 0, to: 1 }, ...rest] = items;
  const places = indexRange(first);
  const each = elementCount(part.shape.slice(1));
  const picked = offsetsInRow(part.shape.slice(1), rest.map(indexRange));
  const shape = items.flatMap((item, axis) => {
    if (typeof item === 'number' || part.shape[axis] === 1) return [];
    return [item.to! - item.from];
  });
  const step = Math.max(1, Math.floor(VALUES_PER_READ / Math.max(1, each)));
  const count = places.to - places.from;
  let data: Numbers | string[] | undefined;
  for (let from = places.from; from < places.to; from += step) {
    const to = Math.min(places.to, from + step);
    const piece = part.read(from, to);
    data ??= sameKind(piece, count * picked.length);
    let at = (from - places.from) * picked.length;
    for (let row = 0; row < to - from; row++)
      for (const offset of picked) data[at++] = piece[row * each + offset]!;
  }
  return { shape, data: data ?? part.read(0, 0) };
}

/** An item for every axis, within its length. */
function indexItems(
  shape: readonly number[],
  index: readonly IndexItem[],
  where: string,
): IndexItem[] {
  const long = shape.flatMap((length, axis) => (length === 1 ? [] : [axis]));
  const axes = index.length === shape.length ? shape.map((_, axis) => axis) : long;
  if (index.length !== axes.length) {
    throw new RecordingError(
      `${where} has the axes [${shape.join(', ')}], but its index has ${index.length} ${index.length === 1 ? 'item' : 'items'}: give one for each axis.`,
    );
  }
  return shape.map((length, axis) => {
    const n = axes.indexOf(axis);
    const item = n < 0 ? { from: 0, to: length } : index[n]!;
    const { from, to } = indexRange(item, length);
    if (from > to || to > length) {
      throw new RecordingError(
        `${where} has ${length} places along axis ${axis}, numbered from 0: there is no ${typeof item === 'number' ? item : `${from}:${to}`}.`,
      );
    }
    return typeof item === 'number' ? item : { from, to };
  });
}

function indexRange(item: IndexItem, length = 0): { from: number; to: number } {
  if (typeof item === 'number') return { from: item, to: item + 1 };
  return { from: item.from, to: item.to ?? length };
}

/** Where the places picked of the further axes stand within one place of the first. */
function offsetsInRow(
  shape: readonly number[],
  ranges: readonly { from: number; to: number }[],
): number[] {
  let offsets = [0];
  for (const [axis, { from, to }] of ranges.entries()) {
    const places = Array.from({ length: to - from }, (_, n) => from + n);
    offsets = offsets.flatMap((offset) => places.map((place) => offset * shape[axis]! + place));
  }
  return offsets;
}

function sameKind(like: Numbers | string[], length: number): Numbers | string[] {
  if (Array.isArray(like)) return new Array<string>(length);
  return new (like.constructor as new (length: number) => Numbers)(length);
}

/** Values of HDF5 datasets and attributes: bytes to numbers and texts, and rows of a dataset, a tile at a time. */

import type { Metadata } from 'h5wasm';
import {
  type Attributes,
  type DataNode,
  elementCount,
  type GroupNode,
  type Numbers,
} from '../nodes.js';
import { halfFloat, pastExact } from '../numbers.js';
import type { Hdf5File, NamedObject } from './file.js';
import type { ObjectInfo, StoredAttribute, StoredValues } from './library.js';
import { textFrom } from './text.js';

export type Values = Numbers | string[];
export type DatasetInfo = ObjectInfo & { readonly kind: 'dataset' };

/** How values are stored. */
export interface Type {
  readonly kind: 'number' | 'text';
  make(length: number): Values;
  /** @throws Error where a number cannot be kept. */
  decode(stored: StoredValues): Values;
}

/** HDF5's own numbers of its classes. */
export const CLASS = { integer: 0, float: 1, text: 3, compound: 6, reference: 7, enumeration: 8 };

const UNSUPPORTED_CLASSES: Readonly<Record<number, string>> = {
  2: 'times of a kind without a standard: save seconds as numbers',
  4: 'fields of bits: save integers',
  5: 'bytes without a meaning: save numbers or texts',
  6: 'records of several fields: save one array for each',
  7: 'references to other arrays: name those',
  9: 'lists of different lengths: save one after the other, and where each ends',
  10: 'small arrays as values: save them as further axes',
};

/** Blanks fill up to a fixed length. */
const PADDED_WITH_SPACES = 2;

/** How a dataset's values become ours, or else what they are. */
export function elementType(metadata: Metadata): Type | string {
  const { type, size } = metadata;
  if (type === CLASS.text) return textType(metadata);
  if (type === CLASS.float) return floatType(size);
  if (type === CLASS.integer) return integerType(size, metadata.signed);
  if (type === CLASS.enumeration && metadata.enum_type?.type === CLASS.integer) {
    const plain = integerType(size, metadata.signed);
    if (typeof plain === 'string' || metadata.littleEndian) return plain;
    // The library puts the bytes of plain numbers right, but not of these.
    return { ...plain, decode: (stored) => plain.decode(turned(stored as Uint8Array, size)) };
  }
  if (type === CLASS.compound && isComplex(metadata)) return 'complex numbers: save their parts';
  return UNSUPPORTED_CLASSES[type] ?? 'values of an unknown type';
}

function isComplex({ compound_type }: Metadata): boolean {
  const names = compound_type?.members.map(({ name }) => name).join();
  return names === 'real,imag' || names === 'r,i';
}

function textType({ size, vlen, strpad }: Metadata): Type {
  const decode = (stored: StoredValues) => {
    if (vlen || Array.isArray(stored)) return stored as string[];
    return Array.from({ length: stored.length / size }, (_, n) => {
      const text = textFrom(stored.subarray(n * size, (n + 1) * size));
      return strpad === PADDED_WITH_SPACES ? text.replace(/ +$/, '') : text;
    });
  };
  return { kind: 'text', make: (length) => new Array<string>(length), decode };
}

type Made = new (from: number | ArrayBuffer) => Numbers;

/** Bytes that are values as they stand. */
function plainType(made: Made): Type {
  return {
    kind: 'number',
    make: (length) => new made(length),
    decode: (stored) => new made((stored as Uint8Array<ArrayBuffer>).buffer),
  };
}

function floatType(size: number): Type | string {
  if (size === 8) return plainType(Float64Array);
  if (size === 4) return plainType(Float32Array);
  if (size !== 2) return `numbers of ${8 * size} bits, whose form is no standard: save float64`;
  const decode = (stored: StoredValues) =>
    Float32Array.from(new Uint16Array((stored as Uint8Array<ArrayBuffer>).buffer), halfFloat);
  return { ...plainType(Float32Array), decode };
}

function integerType(size: number, signed: boolean): Type | string {
  if (size === 1) return plainType(signed ? Int8Array : Uint8Array);
  if (size === 2) return plainType(signed ? Int16Array : Uint16Array);
  if (size === 4) return plainType(signed ? Int32Array : Uint32Array);
  if (size !== 8) return `integers of ${8 * size} bits: save int32 or float64`;
  const decode = (stored: StoredValues) => {
    const { buffer } = stored as Uint8Array<ArrayBuffer>;
    const low = new Uint32Array(buffer);
    const high = signed ? new Int32Array(buffer) : low;
    const numbers = new Float64Array(low.length / 2);
    for (let n = 0; n < numbers.length; n++) {
      const number = high[2 * n + 1]! * 2 ** 32 + low[2 * n]!;
      if (!Number.isSafeInteger(number)) throw new Error(tooLarge(buffer, n, signed));
      numbers[n] = number;
    }
    return numbers;
  };
  return { ...plainType(Float64Array), decode };
}

function tooLarge(buffer: ArrayBuffer, n: number, signed: boolean): string {
  const [number] = new (signed ? BigInt64Array : BigUint64Array)(buffer, 8 * n, 1);
  return pastExact(number!);
}

/** Every value's bytes in the other order. */
function turned(bytes: Uint8Array, size: number): Uint8Array {
  const result = bytes.slice();
  for (let at = 0; at < result.length; at += size) result.subarray(at, at + size).reverse();
  return result;
}

/** Attributes that are numbers or texts; one of the shape [] is a value, others are lists. */
export function attributesFrom(stored: readonly StoredAttribute[]): Attributes {
  const attributes: Record<string, Attributes[string]> = {};
  for (const { name, metadata, values } of stored) {
    const type = elementType(metadata);
    if (typeof type === 'string') continue;
    let list: (number | string)[];
    try {
      list = [...type.decode(values)];
    } catch {
      // Past the integers a number keeps exactly.
      continue;
    }
    attributes[name] = metadata.shape?.length === 0 ? list[0]! : list;
  }
  return attributes;
}

/** A group whose members are looked at when they are asked for. */
export function lazyGroup(
  attributes: Attributes,
  load: () => ReadonlyMap<string, DataNode>,
): GroupNode {
  let members: ReadonlyMap<string, DataNode> | undefined;
  return {
    kind: 'group',
    attributes,
    get members() {
      members ??= load();
      return members;
    },
  };
}

/** Bytes read at once, and chunks, of which each costs a search. */
const TILE_BYTES = 2 ** 24;
const TILE_CHUNKS = 4096;
/** What is read with one call. */
const MAX_CALL_BYTES = 2 ** 31;
const MAX_TEXTS = 2 ** 22;
/** Deflate makes at most this much of a byte. */
const MAX_DEFLATE_RATIO = 1032;
/** A text of any length takes so much in the file besides its letters, and is taken for so much where it is read. */
const TEXT_BYTES = 16;
const TEXT_WORK = 256;
/** A dataset may be larger than its file where it was never written; larger than this it is not believed. */
const UNWRITTEN_BYTES = 2 ** 26;
const UNWRITTEN_CHUNKS = 2 ** 16;
const BYTES_OF_CHUNK = 8;

/** Why a dataset's shape cannot be true, where it cannot. */
function impossibleShape(
  { metadata, filters }: DatasetInfo,
  fileBytes: number,
): string | undefined {
  const shape = metadata.shape ?? [];
  const { chunks, vlen } = metadata;
  const each = vlen ? TEXT_BYTES : metadata.size;
  const most = Math.max(UNWRITTEN_BYTES, fileBytes * (filters > 0 ? MAX_DEFLATE_RATIO : 1));
  const claimed = elementCount(shape) * each;
  const shown = `[${shape.join(', ')}]`;
  if (!(claimed <= most))
    return `its shape ${shown} needs ${claimed} bytes, which a file of ${fileBytes} cannot hold`;
  if (!chunks) return undefined;
  if (!(elementCount(chunks) * each <= most) || chunks.includes(0))
    return `its chunks of [${chunks.join(', ')}] are larger than a file of ${fileBytes} bytes can hold`;
  const count = elementCount(shape.map((length, axis) => Math.ceil(length / chunks[axis]!)));
  if (count > Math.max(UNWRITTEN_CHUNKS, fileBytes / BYTES_OF_CHUNK))
    return `its shape ${shown} needs ${count} chunks, which a file of ${fileBytes} bytes cannot hold`;
  return undefined;
}

/** A dataset, its type, and whether its axes are given in reverse, as MATLAB has them. */
export interface Dataset {
  readonly file: Hdf5File;
  readonly object: NamedObject;
  readonly info: DatasetInfo;
  readonly type: Type;
  readonly reversed: boolean;
}

/**
 * Values at places `from` up to `to` of the first axis (of the file's last, where reversed), in C order.
 *
 * @throws RecordingError where the file is damaged there.
 */
export function readRows(dataset: Dataset, from: number, to: number): Values {
  const { file, object, info, type, reversed } = dataset;
  const shape = info.metadata.shape ?? [0];
  const axis = reversed ? shape.length - 1 : 0;
  const places = shape[axis] ?? 1;
  const first = Math.min(Math.max(from, 0), places);
  const last = Math.min(Math.max(to, first), places);
  const count = [...shape];
  if (axis in count) count[axis] = last - first;
  const total = last === first ? 0 : elementCount(count);
  if (total === 0) return type.make(0);
  const lie = impossibleShape(info, file.size);
  if (lie !== undefined) throw file.refusal(object.label, lie);
  const bytes = total * info.metadata.size;
  if (bytes > MAX_CALL_BYTES || (type.kind === 'text' && total > MAX_TEXTS))
    throw file.refusal(object.label, `${total} values are too many to be read at once`);
  const offset = count.map((_, n) => (n === axis ? first : 0));
  try {
    return readBox(dataset, offset, count, total);
  } catch (error) {
    // An integer that no number keeps, or no memory for the values.
    if ((error as Error).name === 'RecordingError') throw error;
    throw file.refusal(object.label, (error as Error).message);
  }
}

function readBox(
  { file, object, info, type, reversed }: Dataset,
  offset: readonly number[],
  count: readonly number[],
  total: number,
): Values {
  const { metadata } = info;
  const strides = rowStrides(count, reversed);
  const load = (at: readonly number[], lengths: readonly number[]) =>
    type.decode(file.read(object, metadata, at, lengths));
  const tiles = splitIntoBoxes(offset, count, metadata);
  if (tiles.length === 1 && isInPlace(count, strides)) return load(offset, count);
  const values = type.make(total);
  for (const tile of tiles) {
    const at = tile.offset.reduce((sum, n, axis) => sum + (n - offset[axis]!) * strides[axis]!, 0);
    scatter(load(tile.offset, tile.count), tile.count, values, at, strides);
  }
  return values;
}

/** How far apart neighbours along each axis are. */
function rowStrides(count: readonly number[], reversed: boolean): number[] {
  return count.map((_, axis) =>
    elementCount(reversed ? count.slice(0, axis) : count.slice(axis + 1)),
  );
}

/** Whether a box's values, in its own order, are in order among values of these strides. */
function isInPlace(count: readonly number[], strides: readonly number[]): boolean {
  return count.every((n, axis) => n === 1 || strides[axis] === elementCount(count.slice(axis + 1)));
}

interface Box {
  readonly offset: readonly number[];
  readonly count: readonly number[];
}

/** Boxes that make up a box: of whole chunks, where it has any, and of no more than is read at once, where it can be. */
function splitIntoBoxes(
  offset: readonly number[],
  count: readonly number[],
  metadata: Metadata,
): Box[] {
  const { chunks, vlen } = metadata;
  const size = vlen ? TEXT_WORK : metadata.size;
  const step = count.map((_, axis) => chunks?.[axis] ?? 1);
  let room = Math.min(TILE_BYTES / (elementCount(step) * size), chunks ? TILE_CHUNKS : TILE_BYTES);
  for (let axis = step.length - 1; axis >= 0; axis--) {
    const [from, to] = [offset[axis]!, offset[axis]! + count[axis]!];
    const needed = Math.ceil(to / step[axis]!) - Math.floor(from / step[axis]!);
    const times = Math.max(1, Math.min(needed, Math.floor(room)));
    step[axis]! *= times;
    room /= times;
    if (times < needed) break;
  }
  let boxes: Box[] = [{ offset: [], count: [] }];
  for (const [axis, n] of count.entries()) {
    const spans = cutAxis(offset[axis]!, offset[axis]! + n, step[axis]!);
    boxes = boxes.flatMap((box) =>
      spans.map(([from, to]) => ({
        offset: [...box.offset, from],
        count: [...box.count, to - from],
      })),
    );
  }
  return boxes;
}

/** Cuts an axis at whole steps. */
function cutAxis(from: number, to: number, step: number): [number, number][] {
  const spans: [number, number][] = [];
  for (let at = from; at < to; at = spans.at(-1)![1])
    spans.push([at, Math.min(to, (Math.floor(at / step) + 1) * step)]);
  return spans;
}

/** Puts a tile's values where they belong. */
function scatter(
  tile: Values,
  count: readonly number[],
  values: Values,
  start: number,
  strides: readonly number[],
): void {
  if (isInPlace(count, strides)) {
    put(tile, values, start, 1);
    return;
  }
  const inner = count.length - 1;
  const length = count[inner]!;
  const place = count.map(() => 0);
  let at = start;
  for (let from = 0; from < tile.length; from += length) {
    const [first, last] = [from, from + length];
    const row = Array.isArray(tile) ? tile.slice(first, last) : tile.subarray(first, last);
    put(row, values, at, strides[inner]!);
    // On to the next row, as an odometer turns.
    for (let axis = inner - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      place[axis]! += 1;
      if (place[axis]! < count[axis]!) break;
      at -= place[axis]! * strides[axis]!;
      place[axis] = 0;
    }
  }
}

function put(row: Values, values: Values, at: number, stride: number): void {
  if (stride === 1 && !Array.isArray(row) && !Array.isArray(values)) values.set(row, at);
  else for (let n = 0; n < row.length; n++) values[at + n * stride] = row[n]!;
}

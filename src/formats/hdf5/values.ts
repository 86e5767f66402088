/**
 * Decodes the values of HDF5 datasets and attributes, and reads the rows of a dataset, a tile at a
 * time.
 */

import type { Metadata } from 'h5wasm';
import {
  type Attributes,
  type DataNode,
  elementCount,
  type GroupNode,
  type Numbers,
} from '../nodes.js';
import { halfFloat, unsafeIntegerReason } from '../numbers.js';
import type { Hdf5File, NamedObject } from './file.js';
import type { ObjectInfo, StoredAttribute, StoredValues } from './library.js';
import { decodeText } from './text.js';

/** Decoded values. */
export type Values = Numbers | string[];
/** The information about a path that leads to a dataset. */
export type DatasetInfo = ObjectInfo & { readonly kind: 'dataset' };

/** How to decode the values of one HDF5 type. */
export interface ElementType {
  /** Whether the values are numbers or strings. */
  readonly kind: 'number' | 'text';
  /** Allocates an array of values. */
  make(length: number): Values;
  /** Decodes stored values. @throws Error where float64 would round an integer. */
  decode(stored: StoredValues): Values;
}

/** A type whose values cannot be used. */
export interface UnsupportedType {
  /** What the values are, and what to save instead. */
  readonly unsupported: string;
}

/** HDF5's classes of types (H5T_class_t). */
export const H5T_CLASS = {
  integer: 0,
  float: 1,
  text: 3,
  compound: 6,
  reference: 7,
  enumeration: 8,
};

/** Classes that cannot be read: what they are, and what to save instead. */
const UNSUPPORTED_CLASSES: Readonly<Record<number, string>> = {
  2: 'times of a type without a standard: save seconds as numbers',
  4: 'bit fields: save integers',
  5: 'opaque bytes: save numbers or strings',
  6: 'records of several fields: save an array for each field',
  7: 'references to other arrays: name those arrays instead',
  9: 'lists of different lengths: save them one after the other, and where each ends',
  10: 'arrays as values: save them as further axes',
};

/** HDF5's H5T_STR_SPACEPAD: strings of fixed length are padded with blanks. */
const PADDED_WITH_SPACES = 2;

/** How to decode the values of a dataset, where they can be used. */
export function elementType(metadata: Metadata): ElementType | UnsupportedType {
  const { type, size } = metadata;
  if (type === H5T_CLASS.text) return textType(metadata);
  if (type === H5T_CLASS.float) return floatType(size);
  if (type === H5T_CLASS.integer) return integerType(size, metadata.signed);
  if (type === H5T_CLASS.enumeration && metadata.enum_type?.type === H5T_CLASS.integer) {
    const plain = integerType(size, metadata.signed);
    if ('unsupported' in plain || metadata.littleEndian) return plain;
    // The library swaps the bytes of plain big-endian numbers, but not those of enumerations.
    return { ...plain, decode: (stored) => plain.decode(swapBytes(stored as Uint8Array, size)) };
  }
  if (type === H5T_CLASS.compound && isComplex(metadata))
    return { unsupported: 'complex numbers: save their real and imaginary parts' };
  return { unsupported: UNSUPPORTED_CLASSES[type] ?? 'values of an unknown type' };
}

function isComplex({ compound_type }: Metadata): boolean {
  const names = compound_type?.members.map(({ name }) => name).join();
  return names === 'real,imag' || names === 'r,i';
}

function textType({ size, vlen, strpad }: Metadata): ElementType {
  const decode = (stored: StoredValues) => {
    if (vlen || Array.isArray(stored)) return stored as string[];
    return Array.from({ length: stored.length / size }, (_, n) => {
      const text = decodeText(stored.subarray(n * size, (n + 1) * size));
      return strpad === PADDED_WITH_SPACES ? text.replace(/ +$/, '') : text;
    });
  };
  return { kind: 'text', make: (length) => new Array<string>(length), decode };
}

type NumberArrayConstructor = new (from: number | ArrayBuffer) => Numbers;

/** A type that JavaScript has a typed array for, so that its bytes need no decoding. */
function plainType(NumberArray: NumberArrayConstructor): ElementType {
  return {
    kind: 'number',
    make: (length) => new NumberArray(length),
    decode: (stored) => new NumberArray((stored as Uint8Array<ArrayBuffer>).buffer),
  };
}

function floatType(size: number): ElementType | UnsupportedType {
  if (size === 8) return plainType(Float64Array);
  if (size === 4) return plainType(Float32Array);
  if (size !== 2) {
    const what = `floating-point numbers of ${8 * size} bits, which have no standard format`;
    return { unsupported: `${what}: save float64` };
  }
  const decode = (stored: StoredValues) =>
    Float32Array.from(new Uint16Array((stored as Uint8Array<ArrayBuffer>).buffer), halfFloat);
  return { ...plainType(Float32Array), decode };
}

function integerType(size: number, signed: boolean): ElementType | UnsupportedType {
  if (size === 1) return plainType(signed ? Int8Array : Uint8Array);
  if (size === 2) return plainType(signed ? Int16Array : Uint16Array);
  if (size === 4) return plainType(signed ? Int32Array : Uint32Array);
  if (size !== 8) return { unsupported: `integers of ${8 * size} bits: save int32 or float64` };
  const decode = (stored: StoredValues) => {
    const { buffer } = stored as Uint8Array<ArrayBuffer>;
    const low = new Uint32Array(buffer);
    const high = signed ? new Int32Array(buffer) : low;
    const numbers = new Float64Array(low.length / 2);
    for (let n = 0; n < numbers.length; n++) {
      const number = high[2 * n + 1]! * 2 ** 32 + low[2 * n]!;
      if (!Number.isSafeInteger(number)) throw new Error(unsafeReason(buffer, n, signed));
      numbers[n] = number;
    }
    return numbers;
  };
  return { ...plainType(Float64Array), decode };
}

/** The reason to reject the 64-bit integer at an index. */
function unsafeReason(buffer: ArrayBuffer, index: number, signed: boolean): string {
  const [value] = new (signed ? BigInt64Array : BigUint64Array)(buffer, 8 * index, 1);
  return unsafeIntegerReason(value!);
}

/** A copy of values with the bytes of each in reverse order. */
function swapBytes(bytes: Uint8Array, size: number): Uint8Array {
  const result = bytes.slice();
  for (let start = 0; start < result.length; start += size)
    result.subarray(start, start + size).reverse();
  return result;
}

/**
 * Decodes attributes that are numbers or strings and skips all others. An attribute of the shape []
 * becomes a value, any other a list.
 */
export function attributesFrom(stored: readonly StoredAttribute[]): Attributes {
  const attributes: Record<string, Attributes[string]> = {};
  for (const { name, metadata, values } of stored) {
    const type = elementType(metadata);
    if ('unsupported' in type) continue;
    let list: (number | string)[];
    try {
      list = [...type.decode(values)];
    } catch {
      // It contains an integer that float64 would round.
      continue;
    }
    attributes[name] = metadata.shape?.length === 0 ? list[0]! : list;
  }
  return attributes;
}

/** A group that loads its members when they are first used. */
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

/** Bytes that the library reads in one request. */
const TILE_BYTES = 2 ** 24;
/** Chunks that the library reads in one request, as it has to search for each. */
const TILE_CHUNKS = 4096;
/** The most that `readRows` returns at once. */
const MAX_RESULT_BYTES = 2 ** 31;
const MAX_RESULT_STRINGS = 2 ** 22;
/** The highest compression ratio of Deflate. */
const MAX_DEFLATE_RATIO = 1032;
/** Bytes that a string of variable length takes in the file, without its characters. */
const STRING_REFERENCE_BYTES = 16;
/** Bytes that a string of variable length counts for in a tile. */
const STRING_TILE_BYTES = 256;
/** A dataset that was never written may be larger than its file, but only up to these limits. */
const MAX_UNWRITTEN_BYTES = 2 ** 26;
const MAX_UNWRITTEN_CHUNKS = 2 ** 16;
/** Bytes that a chunk takes in the file at least. */
const MIN_CHUNK_BYTES = 8;

/**
 * Why the shape of a dataset is impossible in a file of this size; undefined where it is possible.
 */
function impossibleShape(
  { metadata, filters }: DatasetInfo,
  fileBytes: number,
): string | undefined {
  const shape = metadata.shape ?? [];
  const { chunks, vlen } = metadata;
  const valueBytes = vlen ? STRING_REFERENCE_BYTES : metadata.size;
  const maxBytes = Math.max(MAX_UNWRITTEN_BYTES, fileBytes * (filters > 0 ? MAX_DEFLATE_RATIO : 1));
  const neededBytes = elementCount(shape) * valueBytes;
  const shapeText = `[${shape.join(', ')}]`;
  if (!(neededBytes <= maxBytes))
    return `its shape ${shapeText} needs ${neededBytes} bytes, more than a file of ${fileBytes} bytes can contain`;
  if (!chunks) return undefined;
  if (!(elementCount(chunks) * valueBytes <= maxBytes) || chunks.includes(0))
    return `its chunks of [${chunks.join(', ')}] are larger than a file of ${fileBytes} bytes can contain`;
  const count = elementCount(shape.map((length, axis) => Math.ceil(length / chunks[axis]!)));
  if (count > Math.max(MAX_UNWRITTEN_CHUNKS, fileBytes / MIN_CHUNK_BYTES))
    return `its shape ${shapeText} needs ${count} chunks, more than a file of ${fileBytes} bytes can contain`;
  return undefined;
}

/** A dataset with what is needed to read it. */
export interface Hdf5Dataset {
  /** The file of the dataset. */
  readonly file: Hdf5File;
  /** The dataset as an object of the file. */
  readonly object: NamedObject;
  /** Its `object.info`. */
  readonly info: DatasetInfo;
  /** How to decode its values. */
  readonly type: ElementType;
  /** Whether its axes are in reverse order, as MATLAB stores them. */
  readonly reversed: boolean;
}

/**
 * Reads rows `from` up to `to`, in C order. Rows are along the first axis, or along the last axis
 * of the file where the axes are reversed. Rows that do not exist are skipped.
 *
 * @throws RecordingError where the file is damaged there, or where the values are too many.
 */
export function readRows(dataset: Hdf5Dataset, from: number, to: number): Values {
  const { file, object, info, type, reversed } = dataset;
  const shape = info.metadata.shape ?? [0];
  const rowAxis = reversed ? shape.length - 1 : 0;
  const rows = shape[rowAxis] ?? 1;
  const start = Math.min(Math.max(from, 0), rows);
  const end = Math.min(Math.max(to, start), rows);
  const count = [...shape];
  if (rowAxis in count) count[rowAxis] = end - start;
  const total = end === start ? 0 : elementCount(count);
  if (total === 0) return type.make(0);
  const problem = impossibleShape(info, file.size);
  if (problem !== undefined) throw file.readError(object.label, problem);
  const bytes = total * info.metadata.size;
  if (bytes > MAX_RESULT_BYTES || (type.kind === 'text' && total > MAX_RESULT_STRINGS))
    throw file.readError(object.label, `${total} values are too many to be read at once`);
  const offset = count.map((_, axis) => (axis === rowAxis ? start : 0));
  try {
    return readBlock(dataset, offset, count, total);
  } catch (error) {
    if ((error as Error).name === 'RecordingError') throw error;
    // An integer that float64 would round, or too little memory for the values.
    throw file.readError(object.label, (error as Error).message);
  }
}

/** Reads a block of a dataset tile by tile, in C order. */
function readBlock(
  { file, object, info, type, reversed }: Hdf5Dataset,
  offset: readonly number[],
  count: readonly number[],
  total: number,
): Values {
  const { metadata } = info;
  const strides = blockStrides(count, reversed);
  const load = (tileOffset: readonly number[], tileCount: readonly number[]) =>
    type.decode(file.read(object, metadata, tileOffset, tileCount));
  const tiles = splitIntoTiles(offset, count, metadata);
  if (tiles.length === 1 && isContiguous(count, strides)) return load(offset, count);
  const values = type.make(total);
  for (const tile of tiles) {
    const start = tile.offset.reduce(
      (sum, index, axis) => sum + (index - offset[axis]!) * strides[axis]!,
      0,
    );
    scatter(load(tile.offset, tile.count), tile.count, values, start, strides);
  }
  return values;
}

/**
 * How far apart neighbors along each axis of the file are in the result, which is in C order of the
 * reversed or unreversed axes.
 */
function blockStrides(count: readonly number[], reversed: boolean): number[] {
  return count.map((_, axis) =>
    elementCount(reversed ? count.slice(0, axis) : count.slice(axis + 1)),
  );
}

/** Whether the values of a block are contiguous and in C order, at these strides. */
function isContiguous(count: readonly number[], strides: readonly number[]): boolean {
  return count.every((n, axis) => n === 1 || strides[axis] === elementCount(count.slice(axis + 1)));
}

/** A block of a dataset. */
interface Block {
  readonly offset: readonly number[];
  readonly count: readonly number[];
}

/**
 * Splits a block into tiles. Where the dataset has chunks, a tile covers complete chunks, except at
 * the edges of the block. Where one chunk is not already larger, a tile stays within `TILE_BYTES`
 * and `TILE_CHUNKS`.
 */
function splitIntoTiles(
  offset: readonly number[],
  count: readonly number[],
  metadata: Metadata,
): Block[] {
  const { chunks, vlen } = metadata;
  const valueBytes = vlen ? STRING_TILE_BYTES : metadata.size;
  // A tile starts as one chunk (or value) and grows along the last axes first.
  const tile = count.map((_, axis) => chunks?.[axis] ?? 1);
  let growth = Math.min(
    TILE_BYTES / (elementCount(tile) * valueBytes),
    chunks ? TILE_CHUNKS : TILE_BYTES,
  );
  for (let axis = tile.length - 1; axis >= 0; axis--) {
    const [from, to] = [offset[axis]!, offset[axis]! + count[axis]!];
    const needed = Math.ceil(to / tile[axis]!) - Math.floor(from / tile[axis]!);
    const factor = Math.max(1, Math.min(needed, Math.floor(growth)));
    tile[axis]! *= factor;
    growth /= factor;
    if (factor < needed) break;
  }
  let tiles: Block[] = [{ offset: [], count: [] }];
  for (const [axis, length] of count.entries()) {
    const spans = cutAxis(offset[axis]!, offset[axis]! + length, tile[axis]!);
    tiles = tiles.flatMap((partial) =>
      spans.map(([from, to]) => ({
        offset: [...partial.offset, from],
        count: [...partial.count, to - from],
      })),
    );
  }
  return tiles;
}

/** Cuts a range of an axis at the multiples of `step`. */
function cutAxis(from: number, to: number, step: number): [number, number][] {
  const spans: [number, number][] = [];
  for (let start = from; start < to; start = spans.at(-1)![1])
    spans.push([start, Math.min(to, (Math.floor(start / step) + 1) * step)]);
  return spans;
}

/** Copies a tile, which is in C order, to its position among the values of the block. */
function scatter(
  tile: Values,
  count: readonly number[],
  values: Values,
  start: number,
  strides: readonly number[],
): void {
  if (isContiguous(count, strides)) {
    copyRow(tile, values, start, 1);
    return;
  }
  const lastAxis = count.length - 1;
  const rowLength = count[lastAxis]!;
  const index = count.map(() => 0);
  let target = start;
  for (let rowStart = 0; rowStart < tile.length; rowStart += rowLength) {
    const rowEnd = rowStart + rowLength;
    const row = Array.isArray(tile)
      ? tile.slice(rowStart, rowEnd)
      : tile.subarray(rowStart, rowEnd);
    copyRow(row, values, target, strides[lastAxis]!);
    // Advances the index to the next row, like an odometer.
    for (let axis = lastAxis - 1; axis >= 0; axis--) {
      target += strides[axis]!;
      index[axis]! += 1;
      if (index[axis]! < count[axis]!) break;
      target -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
}

function copyRow(row: Values, values: Values, target: number, stride: number): void {
  if (stride === 1 && !Array.isArray(row) && !Array.isArray(values)) values.set(row, target);
  else for (let n = 0; n < row.length; n++) values[target + n * stride] = row[n]!;
}

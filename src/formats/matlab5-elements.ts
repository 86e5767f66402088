/**
 * The elements of a MATLAB 5 file: a tag with a type and a length, followed by numbers, characters,
 * other elements or a compressed element. After MathWorks, 'MAT-File Format'.
 */

import { inflate, TooLargeError } from './inflate.js';
import { elementCount, type Numbers } from './nodes.js';
import { safeInteger, unsafeIntegerReason } from './numbers.js';

/**
 * Part of a file cannot be read. The message is only the reason: `matlab5.ts` completes the
 * sentence with the names of the variable and the file.
 */
export class UnreadableError extends Error {}

/**
 * Bytes with their byte order: those of the file, or those that a compressed element unpacks to.
 */
export interface EndianView {
  /** The bytes. */
  readonly view: DataView;
  /** Whether its numbers are little-endian. */
  readonly little: boolean;
}

/** Where the data of an element are. */
export interface Element {
  /** The bytes that contain the element. */
  readonly block: EndianView;
  /** How the data are stored: a number such as `MI_UINT8`. */
  readonly type: number;
  /** Byte offset of the data in `block`. */
  readonly offset: number;
  /** Bytes of data. */
  readonly length: number;
}

/** Type of an element: unsigned 8-bit integers. */
export const MI_UINT8 = 2;
/** Type of an element: an array of any class, made of further elements. */
export const MI_MATRIX = 14;
/** Type of an element: another element as a zlib stream. */
export const MI_COMPRESSED = 15;
const MI_UTF8 = 16;
const MI_UTF16 = 17;
const MI_UTF32 = 18;
/** A longer string is taken for damage. */
const MAX_TEXT_BYTES = 2 ** 24;
/** A longer shape, or other short list of numbers, is taken for damage. */
const MAX_LIST_BYTES = 256;

/** Wraps bytes without copying them. */
export function endianView(bytes: Uint8Array, little: boolean): EndianView {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), little };
}

/** The data of an element, without copying them. */
export function elementBytes({ block: { view }, offset, length }: Element): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}

/** Steps through consecutive elements, and never past the end of what contains them. */
export class Cursor {
  /** Byte offset of the next tag. */
  #position: number;

  /**
   * @param start byte offset of the first tag.
   * @param end byte offset after the last element.
   */
  constructor(
    readonly block: EndianView,
    start: number,
    readonly end: number,
  ) {
    this.#position = start;
  }

  /** Bytes from the next tag to the end. */
  get bytesLeft(): number {
    return this.end - this.#position;
  }

  /**
   * Returns the next element and moves past it.
   *
   * @throws UnreadableError where the element does not fit.
   */
  next(): Element {
    const { block, end } = this;
    if (this.bytesLeft < 8) throw cutShortError(8, this.bytesLeft);
    const word = block.view.getUint32(this.#position, block.little);
    // Up to four bytes of data fit into the tag, whose upper half then is their number.
    const small = word >>> 16;
    if (small > 4) throw new UnreadableError(`it contains an invalid tag. ${DAMAGED}`);
    const type = small > 0 ? word & 0xffff : word;
    const length = small > 0 ? small : block.view.getUint32(this.#position + 4, block.little);
    const offset = this.#position + (small > 0 ? 4 : 8);
    if (length > end - offset) throw cutShortError(length, end - offset);
    // All elements but matrices and compressed ones are padded to eight bytes; the last may not be.
    const padded =
      type === MI_MATRIX || type === MI_COMPRESSED ? length : 8 * Math.ceil(length / 8);
    this.#position = small > 0 ? this.#position + 8 : Math.min(end, offset + padded);
    return { block, type, offset, length };
  }
}

/** Follows the reason of an error where the bytes of a file are wrong. */
export const DAMAGED = 'The file is damaged: copy it again from its source';

function cutShortError(needed: number, bytesLeft: number): UnreadableError {
  return new UnreadableError(
    `an element needs ${needed} bytes, but only ${bytesLeft} are left. The file is cut short or damaged: copy it again from its source`,
  );
}

/** The error where the shape of an array does not match the number of its values. */
export function countMismatch(
  shape: readonly number[],
  needed: number,
  available: number,
  what = 'values',
): UnreadableError {
  return new UnreadableError(
    `its shape [${shape.join(', ')}] needs ${needed} ${what}, but ${available} follow. ${DAMAGED}`,
  );
}

/**
 * Unpacks a compressed element.
 *
 * @param maxBytes the most bytes it may unpack to.
 * @throws UnreadableError where it unpacks to more, or its data are damaged.
 */
export function unpackElement(element: Element, maxBytes: number): EndianView {
  const tooMuch =
    "it unpacks to more than 2 GiB, or 500 times its size. Save its variables without compression, as save(..., '-v6') does, or in several files";
  if (maxBytes < 1) throw new UnreadableError(tooMuch);
  try {
    return endianView(inflate(elementBytes(element), maxBytes), element.block.little);
  } catch (error) {
    if (error instanceof TooLargeError) throw new UnreadableError(tooMuch);
    throw new UnreadableError(
      `its compressed data cannot be unpacked (${(error as Error).message}). ${DAMAGED}`,
    );
  }
}

/** How to read one type of numbers. */
interface StoredType {
  readonly bytes: number;
  readonly make: (length: number) => Numbers;
  readonly read: (view: DataView, offset: number, little: boolean) => number;
}

/** A 64-bit integer as a number. @throws UnreadableError where float64 would round it. */
function toExactNumber(value: bigint): number {
  const number = safeInteger(value);
  if (number === undefined) throw new UnreadableError(unsafeIntegerReason(value));
  return number;
}

/**
 * The types of numbers. A type may be narrower than the class of the array: MATLAB stores doubles
 * that are small integers as bytes.
 */
const STORED_TYPES: Readonly<Record<number, StoredType>> = {
  1: { bytes: 1, make: (n) => new Int8Array(n), read: (v, i) => v.getInt8(i) },
  2: { bytes: 1, make: (n) => new Uint8Array(n), read: (v, i) => v.getUint8(i) },
  3: { bytes: 2, make: (n) => new Int16Array(n), read: (v, i, le) => v.getInt16(i, le) },
  4: { bytes: 2, make: (n) => new Uint16Array(n), read: (v, i, le) => v.getUint16(i, le) },
  5: { bytes: 4, make: (n) => new Int32Array(n), read: (v, i, le) => v.getInt32(i, le) },
  6: { bytes: 4, make: (n) => new Uint32Array(n), read: (v, i, le) => v.getUint32(i, le) },
  7: { bytes: 4, make: (n) => new Float32Array(n), read: (v, i, le) => v.getFloat32(i, le) },
  9: { bytes: 8, make: (n) => new Float64Array(n), read: (v, i, le) => v.getFloat64(i, le) },
  12: {
    bytes: 8,
    make: (n) => new Float64Array(n),
    read: (v, i, le) => toExactNumber(v.getBigInt64(i, le)),
  },
  13: {
    bytes: 8,
    make: (n) => new Float64Array(n),
    read: (v, i, le) => toExactNumber(v.getBigUint64(i, le)),
  },
};

function storedType({ type }: Element): StoredType {
  const stored = STORED_TYPES[type];
  if (!stored) throw new UnreadableError(`its numbers are of the unknown type ${type}. ${DAMAGED}`);
  return stored;
}

/** How many numbers an element contains; a fraction where the last one is incomplete. */
export function numberCount(element: Element): number {
  return element.length / storedType(element).bytes;
}

function allocate(make: StoredType['make'], count: number): Numbers {
  try {
    return make(count);
  } catch {
    throw new UnreadableError(`its ${count} values do not fit into memory`);
  }
}

/** Reads single numbers of an element by their index, which has to be valid. */
function numberReader(element: Element): (index: number) => number {
  const { bytes, read } = storedType(element);
  const { view, little } = element.block;
  return (index) => read(view, element.offset + index * bytes, little);
}

/** All numbers of a short list, such as a shape. @throws UnreadableError where it is too long. */
export function readList(element: Element): number[] {
  if (element.length > MAX_LIST_BYTES)
    throw new UnreadableError(`it contains a list that is too long. ${DAMAGED}`);
  const read = numberReader(element);
  return Array.from({ length: Math.floor(numberCount(element)) }, (_, n) => read(n));
}

/**
 * Reads rows `from` up to `to` of the first axis, in C order.
 *
 * @param element the numbers of the array, stored with the first axis varying fastest.
 * @param shape of the array.
 */
export function readRows(
  element: Element,
  shape: readonly number[],
  from: number,
  to: number,
): Numbers {
  const { bytes, make, read } = storedType(element);
  const { view, little } = element.block;
  const [rows = 0, ...axes] = shape;
  const columns = elementCount(axes);
  const numbers = allocate(make, (to - from) * columns);
  const indexInC = axes.length > 1 ? cOrderIndex(axes) : (column: number) => column;
  for (let column = 0; column < columns; column++) {
    let source = element.offset + (column * rows + from) * bytes;
    let target = indexInC(column);
    for (let row = from; row < to; row++) {
      numbers[target] = read(view, source, little);
      source += bytes;
      target += columns;
    }
  }
  return numbers;
}

/** Maps an index with the first axis varying fastest to the index with the last axis fastest. */
function cOrderIndex(axes: readonly number[]): (index: number) => number {
  const strides = axes.map((_, axis) => elementCount(axes.slice(axis + 1)));
  return (index) => {
    let quotient = index;
    let result = 0;
    for (const [axis, length] of axes.entries()) {
      result += (quotient % length) * strides[axis]!;
      quotient = Math.floor(quotient / length);
    }
    return result;
  };
}

/**
 * A sparse matrix, whose nonzero values are stored column by column (compressed sparse columns).
 */
export interface SparseMatrix {
  /** The row of each value. */
  readonly rows: Element;
  /** Column c contains the values from `starts[c]` up to `starts[c + 1]`. */
  readonly starts: Element;
  /** The nonzero values. */
  readonly values: Element;
}

/**
 * Reads rows `from` up to `to` of a sparse matrix as a dense one, in C order.
 *
 * @throws UnreadableError where the indices of the matrix are invalid.
 */
export function readSparseRows(
  sparse: SparseMatrix,
  [height, width]: readonly [number, number],
  from: number,
  to: number,
): Numbers {
  const readRow = numberReader(sparse.rows);
  const readStart = numberReader(sparse.starts);
  const readValue = numberReader(sparse.values);
  const count = Math.min(numberCount(sparse.rows), numberCount(sparse.values));
  const numbers = allocate(storedType(sparse.values).make, (to - from) * width);
  let n = readStart(0);
  for (let column = 0; column < width; column++) {
    const end = readStart(column + 1);
    // Without this check, columns that overlap could make the loop take forever.
    const inOrder = n >= 0 && n <= end && end <= count;
    if (!(inOrder && Number.isInteger(n) && Number.isInteger(end)))
      throw new UnreadableError(`its columns overlap. ${DAMAGED}`);
    for (; n < end; n++) {
      const row = readRow(n);
      if (!(Number.isInteger(row) && row >= 0 && row < height))
        throw new UnreadableError(`it has a value in row ${row + 1} of ${height}. ${DAMAGED}`);
      if (row >= from && row < to) numbers[(row - from) * width + column] = readValue(n);
    }
  }
  return numbers;
}

/** The characters of an element, which are stored as UTF-8 or as numbers of any width. */
function elementText(element: Element): string {
  if (element.length > MAX_TEXT_BYTES)
    throw new UnreadableError(`it contains ${element.length} bytes of text, which is too much`);
  if (element.type === MI_UTF8) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        elementBytes(element),
      );
    } catch {
      throw new UnreadableError(`its text is not valid UTF-8. ${DAMAGED}`);
    }
  }
  // UTF-16 and UTF-32 code units are stored as unsigned integers of 16 and 32 bits.
  const integerTypes: Readonly<Record<number, number>> = {
    [MI_UTF16]: 4,
    [MI_UTF32]: 6,
  };
  const { bytes, read } = storedType({
    ...element,
    type: integerTypes[element.type] ?? element.type,
  });
  const { view, little } = element.block;
  const pieces: string[] = [];
  let codes: number[] = [];
  for (let n = 0; n + bytes <= element.length; n += bytes) {
    const code = read(view, element.offset + n, little);
    if (!(Number.isInteger(code) && code >= 0 && code <= 0x10ffff))
      throw new UnreadableError(`its text contains an invalid character. ${DAMAGED}`);
    codes.push(code);
    if (codes.length === 4096 || n + 2 * bytes > element.length) {
      pieces.push(String.fromCodePoint(...codes));
      codes = [];
    }
  }
  return pieces.join('');
}

/**
 * The string in each row of a matrix of characters, which MATLAB stores column by column. A single
 * row keeps its trailing blanks; the rows of a matrix lose them.
 */
export function readTextRows(element: Element, rows: number, columns: number): string[] {
  const count = rows * columns;
  const text = elementText(element);
  // MATLAB counts a character beyond 16 bits as two, other programs as one or as its bytes.
  const characters = text.length === count ? text : [...text];
  const fits = characters.length === count || (rows === 1 && element.length === count);
  // SciPy writes some strings with a length but without characters.
  if (!fits && !(rows === 1 && text === ''))
    throw countMismatch([rows, columns], count, characters.length, 'characters');
  if (rows === 1) return [text];
  return Array.from({ length: rows }, (_, row) => {
    let line = '';
    let end = 0;
    for (let column = 0; column < columns; column++) {
      const character = characters[column * rows + row]!;
      line += character;
      if (character !== ' ' && character !== '\0') end = line.length;
    }
    return line.slice(0, end);
  });
}

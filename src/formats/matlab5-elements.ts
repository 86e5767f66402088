/** What a MATLAB 5 file is made of: tagged elements of numbers, letters or packed elements. After MathWorks, 'MAT-File Format'. */

import { inflate, TooLargeError } from './inflate.js';
import { elementCount, type Numbers } from './nodes.js';
import { exactNumber, pastExact } from './numbers.js';

/** What is wrong, as the end of a sentence whose beginning the reader knows. */
export class Flaw extends Error {}

/** A stretch of bytes in one byte order: the file, or what one of its elements unpacks to. */
export interface Block {
  readonly view: DataView;
  readonly little: boolean;
}

/** A place in a block that a tag gives a type and a length in bytes. */
export interface Element {
  readonly block: Block;
  readonly type: number;
  readonly at: number;
  readonly length: number;
}

export const BYTES = 2;
export const MATRIX = 14;
export const COMPRESSED = 15;
const UTF8 = 16;
const LETTERS_OF_TWO_BYTES = 17;
const LETTERS_OF_FOUR_BYTES = 18;
/** No text is longer, nor a list of axes and the like. */
const MAX_TEXT = 2 ** 24;
const MAX_LIST = 256;

/** Bytes as a block, without a copy. */
export function asBlock(bytes: Uint8Array, little: boolean): Block {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), little };
}

/** What an element holds, without a copy. */
export function elementBytes({ block: { view }, at, length }: Element): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

/** Goes from element to element, never past the end of what holds them. */
export class Cursor {
  #at: number;

  constructor(
    readonly block: Block,
    from: number,
    readonly end: number,
  ) {
    this.#at = from;
  }

  get left(): number {
    return this.end - this.#at;
  }

  next(): Element {
    const { block, end } = this;
    if (this.left < 8) throw cutShort(8, this.left);
    const word = block.view.getUint32(this.#at, block.little);
    // Up to four bytes stand in the tag itself, which then gives their number in its upper half.
    const small = word >>> 16;
    if (small > 4) throw new Flaw(`a tag in it makes no sense: ${DAMAGED}`);
    const type = small > 0 ? word & 0xffff : word;
    const length = small > 0 ? small : block.view.getUint32(this.#at + 4, block.little);
    const at = this.#at + (small > 0 ? 4 : 8);
    if (length > end - at) throw cutShort(length, end - at);
    // All but matrices and packed elements are filled up to eight bytes; the last may lack it.
    const whole = type === MATRIX || type === COMPRESSED ? length : 8 * Math.ceil(length / 8);
    this.#at = small > 0 ? this.#at + 8 : Math.min(end, at + whole);
    return { block, type, at, length };
  }
}

/** What to make of bytes that are not what they should be. */
export const DAMAGED = 'it is damaged, copy it again';

function cutShort(needed: number, left: number): Flaw {
  return new Flaw(
    `an element in it needs ${needed} bytes, but ${left} are left: it is cut short or damaged, copy it again`,
  );
}

/** What is wrong where a shape claims another number of things than there are. */
export function wrongCount(
  shape: readonly number[],
  needed: number,
  found: number,
  what = 'values',
): Flaw {
  return new Flaw(
    `its shape [${shape.join(', ')}] needs ${needed} ${what}, but ${found} follow: ${DAMAGED}`,
  );
}

/** What a compressed element holds, of `most` bytes at most. */
export function unpack(element: Element, most: number): Block {
  const tooMuch = 'it unpacks to more than 2 GiB: save its variables in several files';
  if (most < 1) throw new Flaw(tooMuch);
  try {
    return asBlock(inflate(elementBytes(element), most), element.block.little);
  } catch (error) {
    if (error instanceof TooLargeError) throw new Flaw(tooMuch);
    throw new Flaw(
      `what is packed in it cannot be unpacked (${(error as Error).message}): ${DAMAGED}`,
    );
  }
}

interface Stored {
  readonly bytes: number;
  readonly make: (length: number) => Numbers;
  readonly read: (view: DataView, at: number, little: boolean) => number;
}

/** An integer of 64 bits, exact or refused. */
function exact(value: bigint): number {
  const number = exactNumber(value);
  if (number === undefined) throw new Flaw(pastExact(value));
  return number;
}

/** How numbers are stored, which may be narrower than their class in MATLAB: doubles that are small integers are bytes. */
const STORED_TYPES: Readonly<Record<number, Stored>> = {
  1: { bytes: 1, make: (n) => new Int8Array(n), read: (v, at) => v.getInt8(at) },
  2: { bytes: 1, make: (n) => new Uint8Array(n), read: (v, at) => v.getUint8(at) },
  3: { bytes: 2, make: (n) => new Int16Array(n), read: (v, at, le) => v.getInt16(at, le) },
  4: { bytes: 2, make: (n) => new Uint16Array(n), read: (v, at, le) => v.getUint16(at, le) },
  5: { bytes: 4, make: (n) => new Int32Array(n), read: (v, at, le) => v.getInt32(at, le) },
  6: { bytes: 4, make: (n) => new Uint32Array(n), read: (v, at, le) => v.getUint32(at, le) },
  7: { bytes: 4, make: (n) => new Float32Array(n), read: (v, at, le) => v.getFloat32(at, le) },
  9: { bytes: 8, make: (n) => new Float64Array(n), read: (v, at, le) => v.getFloat64(at, le) },
  12: {
    bytes: 8,
    make: (n) => new Float64Array(n),
    read: (v, at, le) => exact(v.getBigInt64(at, le)),
  },
  13: {
    bytes: 8,
    make: (n) => new Float64Array(n),
    read: (v, at, le) => exact(v.getBigUint64(at, le)),
  },
};

function storedIn({ type }: Element): Stored {
  const stored = STORED_TYPES[type];
  if (!stored) throw new Flaw(`its numbers are stored as the unknown type ${type}: ${DAMAGED}`);
  return stored;
}

/** How many numbers an element holds. */
export function numbersIn(element: Element): number {
  return element.length / storedIn(element).bytes;
}

function room(make: Stored['make'], count: number): Numbers {
  try {
    return make(count);
  } catch {
    throw new Flaw(`its ${count} values do not fit into the memory: read fewer at a time`);
  }
}

/** The number at a place of an element, which must be one of its places. */
function reader(element: Element): (n: number) => number {
  const { bytes, read } = storedIn(element);
  const { view, little } = element.block;
  return (n) => read(view, element.at + n * bytes, little);
}

/** Every number of a short element. */
export function elementNumbers(element: Element): number[] {
  if (element.length > MAX_LIST) throw new Flaw(`a list in it is too long: ${DAMAGED}`);
  const read = reader(element);
  return Array.from({ length: Math.floor(numbersIn(element)) }, (_, n) => read(n));
}

/** Rows `from` up to `to` of numbers that are stored column after column, in C order. */
export function readRows(
  element: Element,
  shape: readonly number[],
  from: number,
  to: number,
): Numbers {
  const { bytes, make, read } = storedIn(element);
  const { view, little } = element.block;
  const [rows = 0, ...axes] = shape;
  const columns = elementCount(axes);
  const numbers = room(make, (to - from) * columns);
  const indexInC = axes.length > 1 ? inOrderOfC(axes) : (column: number) => column;
  for (let column = 0; column < columns; column++) {
    let at = element.at + (column * rows + from) * bytes;
    let place = indexInC(column);
    for (let row = from; row < to; row++) {
      numbers[place] = read(view, at, little);
      at += bytes;
      place += columns;
    }
  }
  return numbers;
}

/** Where element n of an order in which the first axis runs fastest stands in that in which the last does. */
function inOrderOfC(axes: readonly number[]): (n: number) => number {
  const strides = axes.map((_, axis) => elementCount(axes.slice(axis + 1)));
  return (n) => {
    let rest = n;
    let place = 0;
    for (const [axis, length] of axes.entries()) {
      place += (rest % length) * strides[axis]!;
      rest = Math.floor(rest / length);
    }
    return place;
  };
}

/** The columns of a sparse matrix: column c has the values and rows from `starts[c]` up to `starts[c + 1]`. */
export interface Sparse {
  readonly rows: Element;
  readonly starts: Element;
  readonly values: Element;
}

/** Rows `from` up to `to` of a sparse matrix, with its zeros. */
export function readSparseRows(
  sparse: Sparse,
  [height, width]: readonly [number, number],
  from: number,
  to: number,
): Numbers {
  const rowAt = reader(sparse.rows);
  const startAt = reader(sparse.starts);
  const read = reader(sparse.values);
  const most = Math.min(numbersIn(sparse.rows), numbersIn(sparse.values));
  const numbers = room(storedIn(sparse.values).make, (to - from) * width);
  let n = startAt(0);
  for (let column = 0; column < width; column++) {
    const end = startAt(column + 1);
    // Columns that go back would make the same values be gone through again and again.
    const inOrder = n >= 0 && n <= end && end <= most;
    if (!(inOrder && Number.isInteger(n) && Number.isInteger(end)))
      throw new Flaw(`its columns overlap: ${DAMAGED}`);
    for (; n < end; n++) {
      const row = rowAt(n);
      if (!(Number.isInteger(row) && row >= 0 && row < height))
        throw new Flaw(`it has a value in row ${row + 1} of ${height}: ${DAMAGED}`);
      if (row >= from && row < to) numbers[(row - from) * width + column] = read(n);
    }
  }
  return numbers;
}

/** The letters of an element, which are numbers of any width or UTF-8. */
function elementText(element: Element): string {
  if (element.length > MAX_TEXT) throw new Flaw(`it holds a text of ${element.length} bytes`);
  if (element.type === UTF8) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        elementBytes(element),
      );
    } catch {
      throw new Flaw(`its letters are not the UTF-8 they claim to be: ${DAMAGED}`);
    }
  }
  const same: Readonly<Record<number, number>> = {
    [LETTERS_OF_TWO_BYTES]: 4,
    [LETTERS_OF_FOUR_BYTES]: 6,
  };
  const { bytes, read } = storedIn({ ...element, type: same[element.type] ?? element.type });
  const { view, little } = element.block;
  const pieces: string[] = [];
  let letters: number[] = [];
  for (let n = 0; n + bytes <= element.length; n += bytes) {
    const letter = read(view, element.at + n, little);
    if (!(Number.isInteger(letter) && letter >= 0 && letter <= 0x10ffff))
      throw new Flaw(`it holds a letter that is none: ${DAMAGED}`);
    letters.push(letter);
    if (letters.length === 4096 || n + 2 * bytes > element.length) {
      pieces.push(String.fromCodePoint(...letters));
      letters = [];
    }
  }
  return pieces.join('');
}

/** The text of every row. Letters stand column after column, so those of a row stand apart. */
export function elementTexts(element: Element, rows: number, columns: number): string[] {
  const count = rows * columns;
  const text = elementText(element);
  // MATLAB counts a letter past 16 bits as two, other programs as one or as its bytes.
  const letters = text.length === count ? text : [...text];
  const fits = letters.length === count || (rows === 1 && element.length === count);
  // A text of SciPy may have a length and no letter.
  if (!fits && !(rows === 1 && text === ''))
    throw wrongCount([rows, columns], count, letters.length, 'letters');
  if (rows === 1) return [text];
  return Array.from({ length: rows }, (_, row) => {
    let line = '';
    let end = 0;
    for (let column = 0; column < columns; column++) {
      const letter = letters[column * rows + row]!;
      line += letter;
      if (letter !== ' ' && letter !== '\0') end = line.length;
    }
    return line.slice(0, end);
  });
}

/** MATLAB's files of level 5 (versions 5 to 7). After MathWorks, 'MAT-File Format', matfile_format.pdf; 7.3 is HDF5. */

import { RecordingError } from '../recording/errors.js';
import {
  asBlock,
  type Block,
  BYTES,
  COMPRESSED,
  Cursor,
  DAMAGED,
  type Element,
  elementBytes,
  elementNumbers,
  elementTexts,
  Flaw,
  MATRIX,
  numbersIn,
  readRows,
  readSparseRows,
  unpack,
  wrongCount,
} from './matlab5-elements.js';
import {
  type ArrayNode,
  type DataNode,
  elementCount,
  type GroupNode,
  type ListNode,
  type Numbers,
} from './nodes.js';

const HEADER_BYTES = 128;
/** No file is unpacked past this: a lying one must not fill the memory. */
const MAX_UNPACKED = 2 ** 31;
/** Neither are more arrays believed, each of which takes memory of its own, nor deeper nesting, nor longer names. */
const MAX_PARTS = 2 ** 21;
const MAX_DEPTH = 100;
const MAX_AXES = 32;
const MAX_NAME = 4096;
/** No sparse array is made dense past this many values at once. */
const MAX_DENSE = 2 ** 27;

const CELL = 1;
const STRUCT = 2;
const OBJECT = 3;
const CHAR = 4;
const SPARSE = 5;
const UINT64 = 15;
const FUNCTION = 16;
const OPAQUE = 17;
const LOGICAL = 0x200;
const COMPLEX = 0x800;

/** Classes whose form MathWorks keeps to itself: what they are, and what to save in place of x. */
const UNDOCUMENTED_CLASSES: Readonly<Record<string, readonly [string, string]>> = {
  string: ['MATLAB strings', 'cellstr(x)'],
  table: ['a table', `table2struct(x, 'ToScalar', true)`],
  timetable: ['a timetable', 'its columns as arrays and its times in seconds'],
  datetime: ['dates', 'posixtime(x), which is in seconds'],
  duration: ['durations', 'seconds(x)'],
  categorical: ['categories', 'cellstr(x)'],
  'containers.Map': ['a map', 'keys(x) and values(x)'],
};

/** What a matrix says before its values. */
interface Opened {
  readonly kind: number;
  readonly flags: number;
  readonly shape: readonly number[];
  readonly name: string;
  /** Stands at the values. */
  readonly rest: Cursor;
}

/**
 * Whether a file begins as those of MATLAB's level 5 do, which version 7.3 (HDF5) does not.
 *
 * @param bytes the file, or its first 520 bytes.
 */
export function isMatlab5(bytes: Uint8Array): boolean {
  return byteOrder(bytes) !== undefined && fileVersion(bytes) === 1 && !isHdf5(bytes);
}

/**
 * Reads the variables of a file of level 5, by name.
 *
 * Numbers keep MATLAB's shape, of two axes or more. A row of letters is one text of the shape [], a matrix of letters
 * a text per row without the blanks at its end, no letter the empty text. What cannot be used (complex numbers,
 * objects, ...) is refused when it is read, so that the rest of the file can be.
 *
 * @param name what complaints call it.
 * @throws RecordingError where it is no such file or damaged.
 */
export function parseMatlab(bytes: Uint8Array, name = 'The file'): GroupNode {
  if (!isMatlab5(bytes)) throw complaint(name, '', suggestFormat(bytes));
  return new Reader(name).file(asBlock(bytes, byteOrder(bytes) === 'little'));
}

function complaint(file: string, path: string, reason: string): RecordingError {
  const what = path === '' ? file : `Variable ${path} of ${file}`;
  return new RecordingError(`${what} cannot be read: ${reason}.`);
}

function byteOrder(bytes: Uint8Array): 'little' | 'big' | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const mark = String.fromCharCode(bytes[126]!, bytes[127]!);
  return mark === 'IM' ? 'little' : mark === 'MI' ? 'big' : undefined;
}

function fileVersion(bytes: Uint8Array): number {
  return bytes[byteOrder(bytes) === 'little' ? 125 : 124]!;
}

function isHdf5(bytes: Uint8Array): boolean {
  const begins = (text: string, at: number) =>
    [...text].every((letter, n) => bytes[at + n] === letter.charCodeAt(0));
  return begins('MATLAB 7.3', 0) || begins('\x89HDF\r\n', 0) || begins('\x89HDF\r\n', 512);
}

/** What a file is that is none of level 5. */
function suggestFormat(bytes: Uint8Array): string {
  const expected = `a MATLAB file of version 5 to 7 was expected, as save(..., '-v7') writes`;
  if (bytes.length === 0) return `it is empty, and ${expected}`;
  if (isHdf5(bytes)) return `it is HDF5, which MATLAB 7.3 files are too, and ${expected}`;
  if (isMatlab4(bytes)) return `it is a MATLAB file of version 4, and ${expected}`;
  if (byteOrder(bytes) === undefined) return `it is no MATLAB file or cut short, and ${expected}`;
  return `it is a MATLAB file of the unknown version ${fileVersion(bytes)}, and ${expected}`;
}

/** Version 4 has no header: its first variable has a type of four digits, a shape, a flag and the length of a name. */
function isMatlab4(bytes: Uint8Array): boolean {
  if (bytes.length < 20) return false;
  const { view } = asBlock(bytes, true);
  return [true, false].some((little) => {
    const type = view.getUint32(0, little);
    const known = type < 5000 && Math.floor(type / 100) % 10 === 0 && type % 10 < 3;
    const length = view.getUint32(16, little);
    return known && view.getUint32(12, little) < 2 && length > 0 && length < 256;
  });
}

class Reader {
  readonly #name: string;
  #unpackedLeft = MAX_UNPACKED;
  #nodesLeft = MAX_PARTS;

  constructor(name: string) {
    this.#name = name;
  }

  file(block: Block): GroupNode {
    const members = new Map<string, DataNode>();
    const cursor = new Cursor(block, HEADER_BYTES, block.view.byteLength);
    while (cursor.left > 0) {
      this.#within('', () => this.#charge(1));
      const opened = this.#within('', () => open(this.#matrix(cursor.next())));
      // Without a name: MATLAB's own store of what its objects hold.
      if (opened.name === '') continue;
      members.set(
        opened.name,
        this.#within(opened.name, () => this.#node(opened, opened.name, 0)),
      );
    }
    if (members.size === 0) throw new RecordingError(`${this.#name} holds no variable.`);
    return { kind: 'group', members, attributes: {} };
  }

  /** Says of what is wrong where it is. */
  #within<T>(path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof Flaw) throw complaint(this.#name, path, error.message);
      throw error;
    }
  }

  #matrix(element: Element): Element {
    if (element.type !== COMPRESSED) return element;
    const block = unpack(element, this.#unpackedLeft);
    this.#unpackedLeft -= block.view.byteLength;
    return new Cursor(block, 0, block.view.byteLength).next();
  }

  #node(opened: Opened, path: string, depth: number): DataNode {
    const { kind, flags, shape, rest } = opened;
    if (kind === CELL) return this.#cell(shape, rest, path, depth);
    if (kind === STRUCT) return this.#struct(shape, rest, path, depth);
    if (kind === CHAR) return this.#text(shape, rest, path);
    if (kind < SPARSE || kind > UINT64) return this.#closed(opened, path);
    if (flags & COMPLEX) return this.#refused(shape, path, 'complex numbers: save their parts');
    if (kind === SPARSE) return this.#sparse(opened, path);
    const count = elementCount(shape);
    if (count === 0) return this.#array('number', shape, path, () => new Float64Array());
    const element = rest.next();
    const found = numbersIn(element);
    if (found !== count) throw wrongCount(shape, count, found);
    const logical = (flags & LOGICAL) !== 0;
    return this.#array('number', shape, path, (from, to) => {
      const numbers = readRows(element, shape, from, to);
      return logical ? zerosAndOnes(numbers) : numbers;
    });
  }

  #array(
    type: ArrayNode['type'],
    shape: readonly number[],
    path: string,
    load: (from: number, to: number) => ReturnType<ArrayNode['read']>,
  ): ArrayNode {
    const places = shape[0] ?? 1;
    const read = (from = 0, to = places) => {
      const first = Math.min(Math.max(from, 0), places);
      const last = Math.min(Math.max(to, first), places);
      return this.#within(path, () => load(first, last));
    };
    return { kind: 'array', type, shape, attributes: NO_ATTRIBUTES, read };
  }

  #refused(shape: readonly number[], path: string, what: string): ArrayNode {
    return this.#array('number', shape, path, () => {
      throw new Flaw(`it holds ${what}`);
    });
  }

  #closed({ kind, shape, rest }: Opened, path: string): ArrayNode {
    if (kind === FUNCTION)
      return this.#refused(shape, path, `a function: save the values that it gives`);
    if (kind !== OBJECT && kind !== OPAQUE)
      return this.#refused(shape, path, `values of the unknown MATLAB class ${kind}`);
    // An object of the old kind has its class where a struct has its fields, a new one after its system's name.
    if (kind === OPAQUE) rest.next();
    const of = readName(rest.next());
    const [what, instead] = (Object.hasOwn(UNDOCUMENTED_CLASSES, of) &&
      UNDOCUMENTED_CLASSES[of]) || [`an object of class ${of}`, 'its values in a struct'];
    const save = instead.replace(/\bx\b/, () => path);
    return this.#refused(shape, path, `${what}, which only MATLAB can read: save ${save}`);
  }

  #text(shape: readonly number[], rest: Cursor, path: string): ArrayNode {
    const [rows, columns] = shape as [number, number];
    const count = elementCount(shape);
    if (count === 0) return this.#array('text', [], path, (from, to) => [''].slice(from, to));
    if (shape.length > 2)
      return this.#refused(shape, path, 'letters in three axes or more: save a cell of texts');
    const element = rest.next();
    return this.#array('text', rows === 1 ? [] : [rows], path, (from, to) =>
      elementTexts(element, rows, columns).slice(from, to),
    );
  }

  #sparse({ shape, rest, flags }: Opened, path: string): ArrayNode {
    const [height, width] = shape as [number, number];
    const [rows, starts, stored] = [rest.next(), rest.next(), rest.next()];
    const logical = (flags & LOGICAL) !== 0;
    // MATLAB calls logical values doubles here, but writes bytes.
    const values =
      logical && stored.length === numbersIn(rows) ? { ...stored, type: BYTES } : stored;
    const sparse = { rows, starts, values };
    if (shape.length !== 2 || numbersIn(sparse.starts) !== width + 1)
      throw new Flaw(`its columns do not fit its shape [${shape.join(', ')}]: ${DAMAGED}`);
    if (!Number.isInteger(numbersIn(sparse.values)) || !Number.isInteger(numbersIn(sparse.rows)))
      throw new Flaw(`its values are cut short: ${DAMAGED}`);
    return this.#array('number', shape, path, (from, to) => {
      const size = (to - from) * width;
      if (size > MAX_DENSE)
        throw new Flaw(
          `it holds a sparse array of ${size} values with its zeros, too many at once: save [row, column, value] = find(${path})`,
        );
      const numbers = readSparseRows(sparse, [height, width], from, to);
      return logical ? zerosAndOnes(numbers) : numbers;
    });
  }

  #cell(shape: readonly number[], rest: Cursor, path: string, depth: number): ListNode {
    const count = this.#expect(shape, 1, rest);
    const items: DataNode[] = [];
    for (let n = 1; n <= count; n++) items.push(this.#item(rest, `${path}{${n}}`, depth));
    return { kind: 'list', shape, items };
  }

  #struct(shape: readonly number[], rest: Cursor, path: string, depth: number): DataNode {
    const fields = this.#fields(rest);
    const count = this.#expect(shape, fields.length, rest);
    const groups: GroupNode[] = [];
    for (let n = 1; n <= count; n++) {
      const start = count === 1 ? path : `${path}(${n})`;
      const members = new Map<string, DataNode>();
      for (const field of fields) members.set(field, this.#item(rest, `${start}.${field}`, depth));
      groups.push({ kind: 'group', members, attributes: NO_ATTRIBUTES });
    }
    return count === 1 ? groups[0]! : { kind: 'list', shape, items: groups };
  }

  /** How many elements there are, once their parts are known to have room in what is left, and in the memory. */
  #expect(shape: readonly number[], each: number, { left }: Cursor): number {
    const count = elementCount(shape);
    if (8 * count * each > left) throw wrongCount(shape, count * each, left / 8, 'parts');
    this.#charge(count * Math.max(1, each));
    return count;
  }

  #charge(parts: number): void {
    this.#nodesLeft -= parts;
    if (this.#nodesLeft < 0) throw new Flaw(`it holds more than ${MAX_PARTS} arrays and names`);
  }

  /** Names of one width, filled up with zeros. */
  #fields(rest: Cursor): string[] {
    const [width = 0] = elementNumbers(rest.next());
    const names = rest.next();
    const count = names.length === 0 ? 0 : names.length / width;
    if (!(Number.isInteger(width) && Number.isInteger(count) && count >= 0))
      throw new Flaw(`the names of its fields have no length: ${DAMAGED}`);
    this.#charge(count);
    return Array.from({ length: count }, (_, n) =>
      readName({ ...names, at: names.at + n * width, length: width }),
    );
  }

  #item(rest: Cursor, path: string, depth: number): DataNode {
    return this.#within(path, () => {
      if (depth === MAX_DEPTH) throw new Flaw(`it is nested ${MAX_DEPTH} deep`);
      const element = rest.next();
      // An empty array is often left out.
      if (element.type === MATRIX && element.length === 0)
        return this.#array('number', [0, 0], path, () => new Float64Array());
      return this.#node(open(element), path, depth + 1);
    });
  }
}

function zerosAndOnes(numbers: Numbers): Numbers {
  for (let n = 0; n < numbers.length; n++) numbers[n] = Number(numbers[n] !== 0);
  return numbers;
}

const NO_ATTRIBUTES: ArrayNode['attributes'] = Object.freeze({});

/** Class, shape and name, with which all matrices begin. */
function open(element: Element): Opened {
  if (element.type !== MATRIX)
    throw new Flaw(`an element of type ${element.type} stands where an array should: ${DAMAGED}`);
  const rest = new Cursor(element.block, element.at, element.at + element.length);
  const [flags = 0, ...more] = elementNumbers(rest.next());
  if (more.length !== 1) throw new Flaw(`an array in it has no class: ${DAMAGED}`);
  const kind = flags & 0xff;
  // A new object has no shape.
  const shape = kind === OPAQUE ? [] : readShape(rest.next());
  return { kind, flags, shape, name: readName(rest.next()), rest };
}

function readShape(element: Element): number[] {
  if (element.length > 4 * MAX_AXES) throw new Flaw(`it has more than ${MAX_AXES} axes`);
  const shape = elementNumbers(element);
  // The empty too: who multiplies their axes must get a number.
  const largest = elementCount(shape.filter((n) => n !== 0));
  if (
    shape.length < 2 ||
    shape.some((n) => !(Number.isInteger(n) && n >= 0)) ||
    !Number.isSafeInteger(largest)
  )
    throw new Flaw(`it has the shape [${shape.join(', ')}]: ${DAMAGED}`);
  return shape;
}

function readName(element: Element): string {
  if (element.length > MAX_NAME) throw new Flaw(`it has a name of ${element.length} letters`);
  return new TextDecoder().decode(elementBytes(element)).split('\0', 1)[0]!;
}

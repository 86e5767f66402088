/**
 * Reads MATLAB files of level 5, which versions 5 to 7 write; files of version 7.3 are HDF5. After
 * MathWorks, 'MAT-File Format', matfile_format.pdf.
 */

import { RecordingError } from '../recording/errors.js';
import {
  Cursor,
  countMismatch,
  DAMAGED,
  type Element,
  type EndianView,
  elementBytes,
  endianView,
  MI_COMPRESSED,
  MI_MATRIX,
  MI_UINT8,
  numberCount,
  readList,
  readRows,
  readSparseRows,
  readTextRows,
  UnreadableError,
  unpackElement,
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
// Limits that keep a damaged or malicious file from filling the memory or the stack.

/** Bytes that the compressed elements of a file may unpack to. */
const MAX_UNPACKED_BYTES = 2 ** 31;
/** Arrays and names in a file. */
const MAX_NODES = 2 ** 21;
const MAX_DEPTH = 100;
const MAX_AXES = 32;
const MAX_NAME_BYTES = 4096;
/** Values of a sparse array that are read at once, zeros included. */
const MAX_DENSE_VALUES = 2 ** 27;

// Classes of arrays.
const CELL = 1;
const STRUCT = 2;
const OBJECT = 3;
const CHAR = 4;
const SPARSE = 5;
const UINT64 = 15;
const FUNCTION = 16;
const OPAQUE = 17;
// Flags of arrays.
const LOGICAL = 0x200;
const COMPLEX = 0x800;

/** Classes whose format is not documented: what they are, and what to save in place of x. */
const UNDOCUMENTED_CLASSES: Readonly<Record<string, readonly [string, string]>> = {
  string: ['MATLAB strings', 'cellstr(x)'],
  table: ['a table', `table2struct(x, 'ToScalar', true)`],
  timetable: ['a timetable', 'its columns as arrays and its times in seconds'],
  datetime: ['dates', 'posixtime(x), which is in seconds'],
  duration: ['durations', 'seconds(x)'],
  categorical: ['categories', 'cellstr(x)'],
  'containers.Map': ['a map', 'keys(x) and values(x)'],
};

/** The header of an array. */
interface MatrixHeader {
  /** Its class, such as CELL. */
  readonly mxClass: number;
  readonly flags: number;
  readonly shape: readonly number[];
  readonly name: string;
  /** Points at the first element after the header. */
  readonly rest: Cursor;
}

/**
 * Whether a file is a MATLAB file of level 5, by its header. A file of version 7.3 is not: it is
 * HDF5.
 *
 * @param bytes the file, or its first 520 bytes.
 */
export function isMatlab5(bytes: Uint8Array): boolean {
  return byteOrder(bytes) !== undefined && fileVersion(bytes) === 1 && !isHdf5(bytes);
}

/**
 * Reads the variables of a file of level 5, by name.
 *
 * Numbers keep MATLAB's shape, which has two axes or more. A row of characters is one string of the
 * shape []. A matrix of characters is a string per row, without its trailing blanks. An array of no
 * characters is the empty string. Arrays that cannot be used (complex numbers, objects, ...) throw
 * only when they are read, so that the rest of the file stays usable.
 *
 * @param name what messages call the file.
 * @throws RecordingError where the file has another format or is damaged.
 */
export function parseMatlab(bytes: Uint8Array, name = 'The file'): GroupNode {
  if (!isMatlab5(bytes)) throw readError(name, '', describeMismatch(bytes));
  return new MatlabReader(name).readFile(endianView(bytes, byteOrder(bytes) === 'little'));
}

function readError(file: string, path: string, reason: string): RecordingError {
  const subject = path === '' ? file : `Variable ${path} of ${file}`;
  return new RecordingError(`${subject} cannot be read: ${reason}.`);
}

function byteOrder(bytes: Uint8Array): 'little' | 'big' | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const indicator = String.fromCharCode(bytes[126]!, bytes[127]!);
  return indicator === 'IM' ? 'little' : indicator === 'MI' ? 'big' : undefined;
}

function fileVersion(bytes: Uint8Array): number {
  return bytes[byteOrder(bytes) === 'little' ? 125 : 124]!;
}

function isHdf5(bytes: Uint8Array): boolean {
  const hasText = (text: string, offset: number) =>
    [...text].every((character, n) => bytes[offset + n] === character.charCodeAt(0));
  return hasText('MATLAB 7.3', 0) || hasText('\x89HDF\r\n', 0) || hasText('\x89HDF\r\n', 512);
}

/** Why a file is not one of level 5: what it is instead, and what was expected. */
function describeMismatch(bytes: Uint8Array): string {
  const expected = `but a MATLAB file of version 5 to 7 was expected, as save(..., '-v7') writes it`;
  if (bytes.length === 0) return `it is empty, ${expected}`;
  if (isHdf5(bytes)) return `it is an HDF5 file, as MATLAB 7.3 files are, ${expected}`;
  if (isMatlab4(bytes)) return `it is a MATLAB file of version 4, ${expected}`;
  if (byteOrder(bytes) === undefined) return `it is cut short or not a MATLAB file, ${expected}`;
  return `it is a MATLAB file of the unknown version ${fileVersion(bytes)}, ${expected}`;
}

/**
 * Whether a file may be of version 4, which has no header. It begins with its first variable: a
 * type of four decimal digits, a shape, a flag and the length of the name.
 */
function isMatlab4(bytes: Uint8Array): boolean {
  if (bytes.length < 20) return false;
  const { view } = endianView(bytes, true);
  return [true, false].some((little) => {
    const type = view.getUint32(0, little);
    const isType = type < 5000 && Math.floor(type / 100) % 10 === 0 && type % 10 < 3;
    const nameLength = view.getUint32(16, little);
    return isType && view.getUint32(12, little) < 2 && nameLength > 0 && nameLength < 256;
  });
}

/** Reads one file, and counts what it uses of the limits above. */
class MatlabReader {
  readonly #name: string;
  #unpackedBytesLeft = MAX_UNPACKED_BYTES;
  #nodesLeft = MAX_NODES;

  constructor(name: string) {
    this.#name = name;
  }

  readFile(block: EndianView): GroupNode {
    const members = new Map<string, DataNode>();
    const cursor = new Cursor(block, HEADER_BYTES, block.view.byteLength);
    while (cursor.bytesLeft > 0) {
      this.#within('', () => this.#charge(1));
      const header = this.#within('', () => readHeader(this.#unpacked(cursor.next())));
      // MATLAB stores the contents of objects in an array without a name.
      if (header.name === '') continue;
      members.set(
        header.name,
        this.#within(header.name, () => this.#node(header, header.name, 0)),
      );
    }
    if (members.size === 0) throw new RecordingError(`${this.#name} contains no variables.`);
    return { kind: 'group', members, attributes: {} };
  }

  /** Runs `work`. @throws RecordingError naming the variable at `path` where it cannot be read. */
  #within<T>(path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof UnreadableError) throw readError(this.#name, path, error.message);
      throw error;
    }
  }

  /** The element itself, or the one it contains where it is compressed. */
  #unpacked(element: Element): Element {
    if (element.type !== MI_COMPRESSED) return element;
    const block = unpackElement(element, this.#unpackedBytesLeft);
    this.#unpackedBytesLeft -= block.view.byteLength;
    return new Cursor(block, 0, block.view.byteLength).next();
  }

  #node(header: MatrixHeader, path: string, depth: number): DataNode {
    const { mxClass, flags, shape, rest } = header;
    if (mxClass === CELL) return this.#cell(shape, rest, path, depth);
    if (mxClass === STRUCT) return this.#struct(shape, rest, path, depth);
    if (mxClass === CHAR) return this.#text(shape, rest, path);
    if (mxClass < SPARSE || mxClass > UINT64) return this.#undocumented(header, path);
    if (flags & COMPLEX)
      return this.#unusable(shape, path, 'complex numbers: save their real and imaginary parts');
    if (mxClass === SPARSE) return this.#sparse(header, path);
    const count = elementCount(shape);
    if (count === 0) return this.#array('number', shape, path, () => new Float64Array());
    const element = rest.next();
    const stored = numberCount(element);
    if (stored !== count) throw countMismatch(shape, count, stored);
    const isLogical = (flags & LOGICAL) !== 0;
    return this.#array('number', shape, path, (from, to) => {
      const numbers = readRows(element, shape, from, to);
      return isLogical ? toZerosAndOnes(numbers) : numbers;
    });
  }

  /** @param load reads a valid range of rows. */
  #array(
    type: ArrayNode['type'],
    shape: readonly number[],
    path: string,
    load: (from: number, to: number) => ReturnType<ArrayNode['read']>,
  ): ArrayNode {
    const rows = shape[0] ?? 1;
    const read = (from = 0, to = rows) => {
      const start = Math.min(Math.max(from, 0), rows);
      const end = Math.min(Math.max(to, start), rows);
      return this.#within(path, () => load(start, end));
    };
    return { kind: 'array', type, shape, attributes: NO_ATTRIBUTES, read };
  }

  /** An array that throws when it is read, as it contains `what`. */
  #unusable(shape: readonly number[], path: string, what: string): ArrayNode {
    return this.#array('number', shape, path, () => {
      throw new UnreadableError(`it contains ${what}`);
    });
  }

  /** A function or an object, which only MATLAB can read. */
  #undocumented({ mxClass, shape, rest }: MatrixHeader, path: string): ArrayNode {
    if (mxClass === FUNCTION)
      return this.#unusable(shape, path, 'a function: save the values it returns');
    if (mxClass !== OBJECT && mxClass !== OPAQUE)
      return this.#unusable(shape, path, `values of the unknown MATLAB class ${mxClass}`);
    // The class name of an old-style object stands where a struct has its fields. That of a new one
    // follows the name of the object system.
    if (mxClass === OPAQUE) rest.next();
    const className = readName(rest.next());
    const [what, instead] = (Object.hasOwn(UNDOCUMENTED_CLASSES, className) &&
      UNDOCUMENTED_CLASSES[className]) || [
      `an object of class ${className}`,
      'its values in a struct',
    ];
    const save = instead.replace(/\bx\b/, () => path);
    return this.#unusable(shape, path, `${what}, which only MATLAB can read: save ${save}`);
  }

  #text(shape: readonly number[], rest: Cursor, path: string): ArrayNode {
    const [rows, columns] = shape as [number, number];
    const count = elementCount(shape);
    if (count === 0) return this.#array('text', [], path, (from, to) => [''].slice(from, to));
    if (shape.length > 2)
      return this.#unusable(
        shape,
        path,
        'characters along three axes or more: save a cell array of character vectors',
      );
    const element = rest.next();
    return this.#array('text', rows === 1 ? [] : [rows], path, (from, to) =>
      readTextRows(element, rows, columns).slice(from, to),
    );
  }

  #sparse({ shape, rest, flags }: MatrixHeader, path: string): ArrayNode {
    const [height, width] = shape as [number, number];
    const [rows, starts, stored] = [rest.next(), rest.next(), rest.next()];
    const isLogical = (flags & LOGICAL) !== 0;
    // MATLAB labels the logical values of a sparse array as doubles, but writes bytes.
    const values =
      isLogical && stored.length === numberCount(rows) ? { ...stored, type: MI_UINT8 } : stored;
    const sparse = { rows, starts, values };
    if (shape.length !== 2 || numberCount(sparse.starts) !== width + 1)
      throw new UnreadableError(
        `its columns do not match its shape [${shape.join(', ')}]. ${DAMAGED}`,
      );
    if (
      !Number.isInteger(numberCount(sparse.values)) ||
      !Number.isInteger(numberCount(sparse.rows))
    )
      throw new UnreadableError(`its last value is cut short. ${DAMAGED}`);
    return this.#array('number', shape, path, (from, to) => {
      const count = (to - from) * width;
      if (count > MAX_DENSE_VALUES)
        throw new UnreadableError(
          `it contains a sparse array of ${count} values with its zeros, which is too many at once: save [row, column, value] = find(${path})`,
        );
      const numbers = readSparseRows(sparse, [height, width], from, to);
      return isLogical ? toZerosAndOnes(numbers) : numbers;
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
      const itemPath = count === 1 ? path : `${path}(${n})`;
      const members = new Map<string, DataNode>();
      for (const field of fields)
        members.set(field, this.#item(rest, `${itemPath}.${field}`, depth));
      groups.push({ kind: 'group', members, attributes: NO_ATTRIBUTES });
    }
    return count === 1 ? groups[0]! : { kind: 'list', shape, items: groups };
  }

  /**
   * The number of items in an array of cells or structs, with `parts` elements each.
   *
   * @throws UnreadableError where the bytes left in the file, or the limit of nodes, allow fewer.
   */
  #expect(shape: readonly number[], parts: number, { bytesLeft }: Cursor): number {
    const count = elementCount(shape);
    if (8 * count * parts > bytesLeft)
      throw countMismatch(shape, count * parts, bytesLeft / 8, 'elements');
    this.#charge(count * Math.max(1, parts));
    return count;
  }

  /** Counts nodes against their limit. */
  #charge(nodes: number): void {
    this.#nodesLeft -= nodes;
    if (this.#nodesLeft < 0)
      throw new UnreadableError(`it contains more than ${MAX_NODES} arrays and names`);
  }

  /** The names of a struct's fields, which are stored with a fixed width and padded with zeros. */
  #fields(rest: Cursor): string[] {
    const [width = 0] = readList(rest.next());
    const names = rest.next();
    const count = names.length === 0 ? 0 : names.length / width;
    if (!(Number.isInteger(width) && Number.isInteger(count) && count >= 0))
      throw new UnreadableError(`the names of its fields have no valid length. ${DAMAGED}`);
    this.#charge(count);
    return Array.from({ length: count }, (_, n) =>
      readName({ ...names, offset: names.offset + n * width, length: width }),
    );
  }

  #item(rest: Cursor, path: string, depth: number): DataNode {
    return this.#within(path, () => {
      if (depth === MAX_DEPTH)
        throw new UnreadableError(`it is nested more than ${MAX_DEPTH} levels deep`);
      const element = rest.next();
      // Empty arrays are often written as an element without data.
      if (element.type === MI_MATRIX && element.length === 0)
        return this.#array('number', [0, 0], path, () => new Float64Array());
      return this.#node(readHeader(element), path, depth + 1);
    });
  }
}

/** Replaces every nonzero number by 1, in place. */
function toZerosAndOnes(numbers: Numbers): Numbers {
  for (let n = 0; n < numbers.length; n++) numbers[n] = Number(numbers[n] !== 0);
  return numbers;
}

const NO_ATTRIBUTES: ArrayNode['attributes'] = Object.freeze({});

/** Reads the class, shape and name, with which every array begins. */
function readHeader(element: Element): MatrixHeader {
  if (element.type !== MI_MATRIX)
    throw new UnreadableError(
      `it has an element of type ${element.type} where an array should be. ${DAMAGED}`,
    );
  const rest = new Cursor(element.block, element.offset, element.offset + element.length);
  const [flags = 0, ...more] = readList(rest.next());
  if (more.length !== 1)
    throw new UnreadableError(`it contains an array without a class. ${DAMAGED}`);
  const mxClass = flags & 0xff;
  // New-style objects have no shape.
  const shape = mxClass === OPAQUE ? [] : readShape(rest.next());
  return { mxClass, flags, shape, name: readName(rest.next()), rest };
}

function readShape(element: Element): number[] {
  if (element.length > 4 * MAX_AXES) throw new UnreadableError(`it has more than ${MAX_AXES} axes`);
  const shape = readList(element);
  // An empty array also has to have axes whose product is a safe integer.
  const product = elementCount(shape.filter((n) => n !== 0));
  if (
    shape.length < 2 ||
    shape.some((n) => !(Number.isInteger(n) && n >= 0)) ||
    !Number.isSafeInteger(product)
  )
    throw new UnreadableError(`it has the invalid shape [${shape.join(', ')}]. ${DAMAGED}`);
  return shape;
}

function readName(element: Element): string {
  if (element.length > MAX_NAME_BYTES)
    throw new UnreadableError(`it has a name of ${element.length} bytes. ${DAMAGED}`);
  return new TextDecoder().decode(elementBytes(element)).split('\0', 1)[0]!;
}

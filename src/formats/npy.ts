/**
 * Reads and writes NumPy's .npy arrays:
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

import type { ByteSource } from '../ports/byte-source.js';
import { RecordingError } from '../recording/errors.js';
import { type ArrayNode, elementCount } from './nodes.js';
import { halfFloat, safeInteger, unsafeIntegerReason } from './numbers.js';

/** An array in C order, in whatever order and byte order the file stores it. */
export interface NpyArray {
  /** Length of each axis, slowest first; [] for a single value. */
  readonly shape: readonly number[];
  /** Numbers, with booleans as 0 and 1, or strings. */
  readonly data: Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array | string[];
}

type ReadElement = (view: DataView, offset: number, little: boolean) => number | string;
type AllocateArray = (length: number) => NpyArray['data'];

/** How to read one type of values. */
interface ElementType {
  readonly bytes: number;
  readonly make: AllocateArray;
  readonly read: ReadElement;
}

/** '\x93NUMPY', with which every .npy file begins. */
export const NPY_MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Makes the error of a file from the reason why it cannot be read. */
type ErrorFactory = (reason: string) => RecordingError;

/** A header that claims more elements is taken for damage. */
const MAX_ELEMENTS = 2 ** 31;

const f64: AllocateArray = (n) => new Float64Array(n);

/** A 64-bit integer as a number. @throws RecordingError where float64 would round it. */
function toExactNumber(value: bigint): number {
  const number = safeInteger(value);
  if (number === undefined) throw new RecordingError(unsafeIntegerReason(value));
  return number;
}

const TYPES: Readonly<Record<string, ElementType>> = {
  b1: { bytes: 1, make: (n) => new Uint8Array(n), read: (v, i) => Number(v.getUint8(i) !== 0) },
  u1: { bytes: 1, make: (n) => new Uint8Array(n), read: (v, i) => v.getUint8(i) },
  i1: { bytes: 1, make: (n) => new Int32Array(n), read: (v, i) => v.getInt8(i) },
  u2: { bytes: 2, make: (n) => new Uint32Array(n), read: (v, i, le) => v.getUint16(i, le) },
  i2: { bytes: 2, make: (n) => new Int32Array(n), read: (v, i, le) => v.getInt16(i, le) },
  u4: { bytes: 4, make: (n) => new Uint32Array(n), read: (v, i, le) => v.getUint32(i, le) },
  i4: { bytes: 4, make: (n) => new Int32Array(n), read: (v, i, le) => v.getInt32(i, le) },
  u8: { bytes: 8, make: f64, read: (v, i, le) => toExactNumber(v.getBigUint64(i, le)) },
  i8: { bytes: 8, make: f64, read: (v, i, le) => toExactNumber(v.getBigInt64(i, le)) },
  f2: {
    bytes: 2,
    make: (n) => new Float32Array(n),
    read: (v, i, le) => halfFloat(v.getUint16(i, le)),
  },
  f4: { bytes: 4, make: (n) => new Float32Array(n), read: (v, i, le) => v.getFloat32(i, le) },
  f8: { bytes: 8, make: f64, read: (v, i, le) => v.getFloat64(i, le) },
};

/** NumPy's types that cannot be spikes or samples: what they are, and what to save instead. */
const UNSUPPORTED_TYPES: Readonly<Record<string, string>> = {
  O: 'Python objects, which only Python can read: save plain arrays',
  c: 'complex numbers: save their real and imaginary parts',
  M: 'dates: save seconds as numbers',
  m: 'time differences: save seconds as numbers',
  V: 'records of several fields: save an array for each field',
  f: 'long doubles, whose format depends on the platform: save float64',
};

/** The parsed header of a file. */
interface Header {
  readonly shape: readonly number[];
  readonly type: ElementType;
  readonly little: boolean;
  /** Whether the first axis varies fastest. */
  readonly fortran: boolean;
  /** Byte offset of the values. */
  readonly start: number;
}

/**
 * Reads a .npy file.
 *
 * @param name what messages call the array.
 * @throws RecordingError where it is not a .npy file, is cut short, or has a type that cannot be
 *   used.
 */
export function parseNpy(bytes: Uint8Array, name = 'The array'): NpyArray {
  const readError = errorFactory(name);
  const header = readHeader(bytes, bytes.length, readError);
  const { shape, start } = header;
  return { shape, data: decode(header, bytes.subarray(start), elementCount(shape), readError) };
}

/**
 * Opens a .npy file. Reading rows of an array in C order reads only their bytes; an array in
 * Fortran order is always read completely.
 *
 * @param name what messages call the array.
 * @throws RecordingError as `parseNpy` does.
 */
export function openNpy(source: ByteSource, name = source.name): ArrayNode {
  const readError = errorFactory(name);
  const { size } = source;
  const read = (offset: number, length: number) => {
    try {
      return source.read(offset, length);
    } catch (error) {
      throw readError((error as Error).message);
    }
  };
  const header = readHeader(read(0, Math.min(size, MAX_HEADER_BYTES)), size, readError);
  const { shape, start, type, fortran } = header;
  const [rows = 1, ...rowShape] = shape;
  const rowSize = elementCount(rowShape);
  return {
    kind: 'array',
    type: Array.isArray(type.make(0)) ? 'text' : 'number',
    shape,
    attributes: {},
    read(from = 0, to = rows) {
      if (fortran && shape.length > 1) {
        const count = elementCount(shape);
        const all = decode(header, read(start, count * type.bytes), count, readError);
        return all.slice(from * rowSize, to * rowSize);
      }
      const count = (to - from) * rowSize;
      const bytes = read(start + from * rowSize * type.bytes, count * type.bytes);
      return decode({ ...header, fortran: false }, bytes, count, readError);
    },
  };
}

/** Longer headers do not occur: a header has a type, an order and a shape. */
const MAX_HEADER_BYTES = 65_536;

function errorFactory(name: string): ErrorFactory {
  return (reason) => new RecordingError(`${name} cannot be read: ${reason}.`);
}

/**
 * @param bytes the beginning of the file, with at least its header.
 * @param size bytes of the complete file.
 */
function readHeader(bytes: Uint8Array, size: number, readError: ErrorFactory): Header {
  if (bytes.length < 10 || NPY_MAGIC.some((byte, n) => bytes[n] !== byte))
    throw readError('it is not a .npy file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3) throw readError(`it has the unknown version ${major}`);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw readError('it is cut short in its header');
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > bytes.length) throw readError('it is cut short in its header');
  const header = new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(
    bytes.subarray(start, start + length),
  );
  const { descr, fortran, shape } = parseHeader(header, readError);
  const { little, type } = parseDescr(descr, readError);
  const count = elementCount(shape);
  if (count > MAX_ELEMENTS)
    throw readError(`its header claims ${count} elements, which is too many`);
  if (count > 0 && type.bytes === 0)
    throw readError(`its type ${descr} is of text without characters, so it contains no values`);
  const available = size - start - length;
  if (count * type.bytes !== available) {
    throw readError(
      `its shape [${shape.join(', ')}] needs ${count * type.bytes} bytes, but ${available} follow the header`,
    );
  }
  return { shape, type, little, fortran, start: start + length };
}

function decode(
  { shape, type, little, fortran }: Header,
  bytes: Uint8Array,
  count: number,
  readError: ErrorFactory,
): NpyArray['data'] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = type.make(count);
  const storedIndex = fortran ? fortranIndex(shape) : (n: number) => n;
  try {
    for (let n = 0; n < count; n++) data[n] = type.read(view, storedIndex(n) * type.bytes, little);
  } catch (error) {
    if (error instanceof RecordingError) throw readError(error.message);
    throw error;
  }
  return data as NpyArray['data'];
}

/** Maps an index in C order to the index in Fortran order. */
function fortranIndex(shape: readonly number[]): (index: number) => number {
  const strides: number[] = [];
  let stride = 1;
  for (const length of shape) {
    strides.push(stride);
    stride *= length;
  }
  return (index) => {
    let quotient = index;
    let result = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      result += (quotient % shape[axis]!) * strides[axis]!;
      quotient = Math.floor(quotient / shape[axis]!);
    }
    return result;
  };
}

/** Parses the header, which is a Python dictionary with the keys descr, fortran_order and shape. */
function parseHeader(header: string, readError: ErrorFactory) {
  const isRecord = /'descr':\s*\[/.test(header);
  if (isRecord) throw readError(`it contains ${UNSUPPORTED_TYPES.V}`);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const list = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || list === undefined)
    throw readError('its header lacks the type, the order or the shape');
  // Python 2 writes the lengths as 3L.
  const lengths = list.split(',').map((length) => length.trim().replace(/L$/, ''));
  const shape = lengths.filter((length) => length !== '').map(Number);
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0))
    throw readError(`its header has the invalid shape (${list})`);
  return { descr, fortran: order === 'True', shape };
}

/** Parses a NumPy type such as '<f8': byte order, kind and size. */
function parseDescr(
  descr: string,
  readError: ErrorFactory,
): { little: boolean; type: ElementType } {
  const [, order = '', kind = '', digits = ''] = /^([<>|=]?)([a-zA-Z])(\d*)/.exec(descr) ?? [];
  const little = order !== '>';
  const type = TYPES[`${kind}${digits}`];
  if (type) return { little, type };
  const size = Number(digits);
  if (kind === 'U') {
    const read: ReadElement = (view, offset, le) => {
      let text = '';
      for (let n = 0; n < size; n++) {
        const code = view.getUint32(offset + 4 * n, le);
        if (code > 0x10ffff) throw new RecordingError('its text contains an invalid character');
        if (code !== 0) text += String.fromCodePoint(code);
      }
      return text;
    };
    return { little, type: { bytes: 4 * size, make: (n) => new Array<string>(n), read } };
  }
  if (kind === 'S' || kind === 'a') {
    const read: ReadElement = (view, offset) => {
      let text = '';
      for (let n = 0; n < size; n++) text += String.fromCharCode(view.getUint8(offset + n));
      return text.replace(/\0+$/, '');
    };
    return { little, type: { bytes: size, make: (n) => new Array<string>(n), read } };
  }
  throw readError(
    `it contains ${UNSUPPORTED_TYPES[kind] ?? `values of the unknown type ${descr}`}`,
  );
}

const WRITABLE_TYPES = [
  [Float64Array, '<f8'],
  [Float32Array, '<f4'],
  [Int32Array, '<i4'],
  [Uint32Array, '<u4'],
  [Uint8Array, '|u1'],
] as const;

/**
 * Writes an array as a .npy file of version 1.
 *
 * @param data the values in C order.
 */
export function encodeNpy(
  data: Exclude<NpyArray['data'], string[]>,
  shape: readonly number[] = [data.length],
): Uint8Array {
  const descr = WRITABLE_TYPES.find(([type]) => data instanceof type)![1];
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const bytes = new Uint8Array(10 + length + data.byteLength);
  bytes.set([...NPY_MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, length, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + length);
  return bytes;
}

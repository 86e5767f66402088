/** NumPy's .npy arrays. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */

import type { ByteSource } from '../ports/byte-source.js';
import { RecordingError } from '../recording/errors.js';
import { type ArrayNode, elementCount } from './nodes.js';
import { exactNumber, halfFloat, pastExact } from './numbers.js';

/** An array in C order, whatever order and byte order the file has. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** Numbers, with booleans as 0 and 1; or texts. */
  readonly data: Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array | string[];
}

type Read = (view: DataView, at: number, little: boolean) => number | string;
type Make = (length: number) => Exclude<NpyArray['data'], string[]> | string[];

interface Type {
  readonly bytes: number;
  readonly make: Make;
  readonly read: Read;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
type Refuse = (reason: string) => RecordingError;

/** No array is believed to be larger. */
const MAX_ELEMENTS = 2 ** 31;

const f64: Make = (n) => new Float64Array(n);

/** An integer of 64 bits, exact or refused. */
function exact(value: bigint): number {
  const number = exactNumber(value);
  if (number === undefined) throw new RecordingError(pastExact(value));
  return number;
}

const TYPES: Readonly<Record<string, Type>> = {
  b1: { bytes: 1, make: (n) => new Uint8Array(n), read: (v, at) => Number(v.getUint8(at) !== 0) },
  u1: { bytes: 1, make: (n) => new Uint8Array(n), read: (v, at) => v.getUint8(at) },
  i1: { bytes: 1, make: (n) => new Int32Array(n), read: (v, at) => v.getInt8(at) },
  u2: { bytes: 2, make: (n) => new Uint32Array(n), read: (v, at, le) => v.getUint16(at, le) },
  i2: { bytes: 2, make: (n) => new Int32Array(n), read: (v, at, le) => v.getInt16(at, le) },
  u4: { bytes: 4, make: (n) => new Uint32Array(n), read: (v, at, le) => v.getUint32(at, le) },
  i4: { bytes: 4, make: (n) => new Int32Array(n), read: (v, at, le) => v.getInt32(at, le) },
  u8: { bytes: 8, make: f64, read: (v, at, le) => exact(v.getBigUint64(at, le)) },
  i8: { bytes: 8, make: f64, read: (v, at, le) => exact(v.getBigInt64(at, le)) },
  f2: {
    bytes: 2,
    make: (n) => new Float32Array(n),
    read: (v, at, le) => halfFloat(v.getUint16(at, le)),
  },
  f4: { bytes: 4, make: (n) => new Float32Array(n), read: (v, at, le) => v.getFloat32(at, le) },
  f8: { bytes: 8, make: f64, read: (v, at, le) => v.getFloat64(at, le) },
};

/** Types that NumPy writes and that cannot be spikes or samples, and why. */
const UNSUPPORTED_TYPES: Readonly<Record<string, string>> = {
  O: 'Python objects, which only Python can read: save plain arrays',
  c: 'complex numbers: save their parts',
  M: 'dates: save seconds as numbers',
  m: 'time differences: save seconds as numbers',
  V: 'records of several fields: save one array for each',
  f: 'long doubles, whose form depends on the computer: save float64',
};

/** What a file says of its array: where its bytes start, and how they are to be read. */
interface Header {
  readonly shape: readonly number[];
  readonly type: Type;
  readonly little: boolean;
  readonly fortran: boolean;
  readonly start: number;
}

/**
 * Reads one array.
 *
 * @param name what complaints call it.
 * @throws RecordingError where it is no .npy file, cut short, or of a type that cannot be used.
 */
export function parseNpy(bytes: Uint8Array, name = 'The array'): NpyArray {
  const refuse = refusal(name);
  const header = readHeader(bytes, bytes.length, refuse);
  const { shape, start } = header;
  return { shape, data: decode(header, bytes.subarray(start), elementCount(shape), refuse) };
}

/** Of a file no more is read than the places asked for, where they lie side by side. */
export function openNpy(source: ByteSource, name = source.name): ArrayNode {
  const refuse = refusal(name);
  const { size } = source;
  const read = (offset: number, length: number) => {
    try {
      return source.read(offset, length);
    } catch (error) {
      throw refuse((error as Error).message);
    }
  };
  const header = readHeader(read(0, Math.min(size, MAX_HEADER_BYTES)), size, refuse);
  const { shape, start, type, fortran } = header;
  const [places = 1, ...rest] = shape;
  return {
    kind: 'array',
    type: Array.isArray(type.make(0)) ? 'text' : 'number',
    shape,
    attributes: {},
    read(from = 0, to = places) {
      const each = elementCount(rest);
      if (fortran && shape.length > 1) {
        const count = elementCount(shape);
        const all = decode(header, read(start, count * type.bytes), count, refuse);
        return all.slice(from * each, to * each);
      }
      const count = (to - from) * each;
      const bytes = read(start + from * each * type.bytes, count * type.bytes);
      return decode({ ...header, fortran: false }, bytes, count, refuse);
    },
  };
}

/** Headers are at most this long: a name, a type and a shape. */
const MAX_HEADER_BYTES = 65_536;

function refusal(name: string): Refuse {
  return (reason) => new RecordingError(`${name} cannot be read: ${reason}.`);
}

/**
 * @param bytes the start of the file.
 * @param size bytes the file has in all.
 */
function readHeader(bytes: Uint8Array, size: number, refuse: Refuse): Header {
  if (bytes.length < 10 || MAGIC.some((byte, n) => bytes[n] !== byte))
    throw refuse('it is no .npy file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3) throw refuse(`it has the unknown version ${major}`);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw refuse('it is cut short in its header');
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > bytes.length) throw refuse('it is cut short in its header');
  const header = new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(
    bytes.subarray(start, start + length),
  );
  const { descr, fortran, shape } = parseHeader(header, refuse);
  const { little, type } = parseDescr(descr, refuse);
  const count = elementCount(shape);
  if (count > MAX_ELEMENTS) throw refuse(`its header claims ${count} elements`);
  const available = size - start - length;
  if (count * type.bytes !== available) {
    throw refuse(
      `its shape [${shape.join(', ')}] needs ${count * type.bytes} bytes, but ${available} follow the header`,
    );
  }
  return { shape, type, little, fortran, start: start + length };
}

function decode(
  { shape, type, little, fortran }: Header,
  bytes: Uint8Array,
  count: number,
  refuse: Refuse,
): NpyArray['data'] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = type.make(count);
  const indexInC = fortran ? columnMajor(shape) : (n: number) => n;
  try {
    for (let n = 0; n < count; n++) data[n] = type.read(view, indexInC(n) * type.bytes, little);
  } catch (error) {
    if (error instanceof RecordingError) throw refuse(error.message);
    throw error;
  }
  return data as NpyArray['data'];
}

/** Where element n in C order stands in Fortran order. */
function columnMajor(shape: readonly number[]): (n: number) => number {
  const strides: number[] = [];
  let stride = 1;
  for (const length of shape) {
    strides.push(stride);
    stride *= length;
  }
  return (n) => {
    let rest = n;
    let place = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return place;
  };
}

/** The header is a Python dictionary of three known keys. */
function parseHeader(header: string, refuse: Refuse) {
  const fields = /'descr':\s*\[/.test(header);
  if (fields) throw refuse(`it holds ${UNSUPPORTED_TYPES.V}`);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const list = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || list === undefined)
    throw refuse('its header does not say type, order and shape');
  const parts = list.split(',').map((part) => part.trim().replace(/L$/, ''));
  const shape = parts.filter((part) => part !== '').map(Number);
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0))
    throw refuse(`its header gives the shape (${list})`);
  return { descr, fortran: order === 'True', shape };
}

function parseDescr(descr: string, refuse: Refuse): { little: boolean; type: Type } {
  const [, order = '', kind = '', digits = ''] = /^([<>|=]?)([a-zA-Z])(\d*)/.exec(descr) ?? [];
  const little = order !== '>';
  const type = TYPES[`${kind}${digits}`];
  if (type) return { little, type };
  const size = Number(digits);
  if (kind === 'U') {
    const read: Read = (view, at, le) => {
      let text = '';
      for (let n = 0; n < size; n++) {
        const point = view.getUint32(at + 4 * n, le);
        if (point > 0x10ffff) throw new RecordingError('it holds a letter that is none');
        if (point !== 0) text += String.fromCodePoint(point);
      }
      return text;
    };
    return { little, type: { bytes: 4 * size, make: (n) => new Array<string>(n), read } };
  }
  if (kind === 'S' || kind === 'a') {
    const read: Read = (view, at) => {
      let text = '';
      for (let n = 0; n < size; n++) text += String.fromCharCode(view.getUint8(at + n));
      return text.replace(/\0+$/, '');
    };
    return { little, type: { bytes: size, make: (n) => new Array<string>(n), read } };
  }
  throw refuse(`it holds ${UNSUPPORTED_TYPES[kind] ?? `values of the unknown type ${descr}`}`);
}

const WRITABLE_TYPES = [
  [Float64Array, '<f8'],
  [Float32Array, '<f4'],
  [Int32Array, '<i4'],
  [Uint32Array, '<u4'],
  [Uint8Array, '|u1'],
] as const;

/** One array as a .npy file. */
export function encodeNpy(
  data: Exclude<NpyArray['data'], string[]>,
  shape: readonly number[] = [data.length],
): Uint8Array {
  const descr = WRITABLE_TYPES.find(([type]) => data instanceof type)![1];
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const bytes = new Uint8Array(10 + length + data.byteLength);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, length, true);
  bytes.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + length);
  return bytes;
}

/** NumPy's .npy arrays and .npz archives. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */

import { crc32 } from 'node:zlib';
import { unzipSync, zipSync } from 'fflate';
import { RecordingError } from './errors.js';

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
/** No array is believed to be larger. */
const MAX_ELEMENTS = 2 ** 31;

const f64: Make = (n) => new Float64Array(n);

/** An integer of 64 bits, exact or refused. */
function exact(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new RecordingError(
      `it holds ${value}, which is past the integers a number keeps exactly`,
    );
  return number;
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
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
    read: (v, at, le) => half(v.getUint16(at, le)),
  },
  f4: { bytes: 4, make: (n) => new Float32Array(n), read: (v, at, le) => v.getFloat32(at, le) },
  f8: { bytes: 8, make: f64, read: (v, at, le) => v.getFloat64(at, le) },
};

/** Types that NumPy writes and that cannot be spikes or samples, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  O: 'Python objects, which only Python can read: save plain arrays',
  c: 'complex numbers: save their parts',
  M: 'dates: save seconds as numbers',
  m: 'time differences: save seconds as numbers',
  V: 'records of several fields: save one array for each',
  f: 'long doubles, whose form depends on the computer: save float64',
};

/**
 * Reads one array.
 *
 * @param name what complaints call it.
 * @throws RecordingError where it is no .npy file, cut short, or of a type that cannot be used.
 */
export function parseNpy(bytes: Uint8Array, name = 'The array'): NpyArray {
  const refuse = (reason: string) => new RecordingError(`${name} cannot be read: ${reason}.`);
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
  const { little, type } = typeOf(descr, refuse);
  const count = shape.reduce((product, n) => product * n, 1);
  if (count > MAX_ELEMENTS) throw refuse(`its header claims ${count} elements`);
  const available = bytes.length - start - length;
  if (count * type.bytes !== available) {
    throw refuse(
      `its shape [${shape.join(', ')}] needs ${count * type.bytes} bytes, but ${available} follow the header`,
    );
  }
  const data = type.make(count);
  const placeOf = fortran ? columnMajor(shape) : (n: number) => n;
  try {
    for (let n = 0; n < count; n++) {
      const at = start + length + placeOf(n) * type.bytes;
      data[n] = type.read(view, at, little);
    }
  } catch (error) {
    if (error instanceof RecordingError) throw refuse(error.message);
    throw error;
  }
  return { shape, data: data as NpyArray['data'] };
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

type Refuse = (reason: string) => RecordingError;

/** The header is a Python dictionary of three known keys. */
function parseHeader(header: string, refuse: Refuse) {
  const fields = /'descr':\s*\[/.test(header);
  if (fields) throw refuse(`it holds ${REFUSED.V}`);
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

function typeOf(descr: string, refuse: Refuse): { little: boolean; type: Type } {
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
  throw refuse(`it holds ${REFUSED[kind] ?? `values of the unknown type ${descr}`}`);
}

const WRITTEN = [
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
  const descr = WRITTEN.find(([type]) => data instanceof type)![1];
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

/** No archive is unpacked past this: a lying one must not fill the memory. */
const MAX_UNPACKED = 2 ** 32;

/**
 * Reads every array of an archive, by name.
 *
 * @throws RecordingError where it is no .npz file or one of its arrays cannot be read.
 */
export function parseNpz(bytes: Uint8Array, name = 'The archive'): Map<string, NpyArray> {
  let files: Record<string, Uint8Array>;
  let total = 0;
  try {
    files = unzipSync(bytes, {
      filter: ({ originalSize }) => {
        total += originalSize;
        return total <= MAX_UNPACKED;
      },
    });
  } catch (error) {
    throw new RecordingError(
      `${name} cannot be read: it is no whole .npz file (${(error as Error).message}).`,
    );
  }
  if (total > MAX_UNPACKED)
    throw new RecordingError(`${name} cannot be read: it claims to unpack to ${total} bytes.`);
  const sums = checksums(bytes);
  const arrays = Object.entries(files).filter(([file]) => file.endsWith('.npy'));
  if (arrays.length === 0) throw new RecordingError(`${name} holds no array.`);
  const damaged = arrays.find(([file, data]) => sums.get(file) !== crc32(data));
  if (damaged)
    throw new RecordingError(
      `${name} cannot be read: ${damaged[0]} in it is damaged, its checksum does not fit.`,
    );
  return new Map(
    arrays.map(([file, data]) => {
      const key = file.slice(0, -'.npy'.length);
      return [key, parseNpy(data, `Array ${key} of ${name}`)];
    }),
  );
}

/** The checksum of every file, from the archive's central directory, which the unpacking does not look at. */
function checksums(bytes: Uint8Array): Map<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<string, number>();
  let end = bytes.length - 22;
  while (end > 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  let at = end < 0 ? 0 : view.getUint32(end + 16, true);
  while (at + 46 <= bytes.length && view.getUint32(at, true) === 0x02014b50) {
    const length = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + length));
    found.set(name, view.getUint32(at + 16, true));
    at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
}

/** Arrays as an archive, packed. */
export function encodeNpz(
  arrays: Readonly<
    Record<string, { data: Exclude<NpyArray['data'], string[]>; shape?: readonly number[] }>
  >,
): Uint8Array {
  const files = Object.entries(arrays).map(([key, { data, shape }]) => [
    `${key}.npy`,
    encodeNpy(data, shape),
  ]);
  return zipSync(Object.fromEntries(files), { level: 6, mtime: new Date('1980-01-02') });
}

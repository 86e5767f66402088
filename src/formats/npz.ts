/** Reads and writes NumPy's .npz archives: zip files with a .npy file for each array. */

import { Inflate, zipSync } from 'fflate';
import type { ByteSource } from '../ports/byte-source.js';
import { SourceError } from '../ports/errors.js';
import { RecordingError } from '../recording/errors.js';
import { crc32 } from './checksums.js';
import { isBomb } from './inflate.js';
import { type GroupNode, unreadableNode } from './nodes.js';
import { encodeNpy, type NpyArray, openNpy, parseNpy } from './npy.js';

/**
 * Reads all arrays of an archive, by name.
 *
 * @param name what messages call the archive.
 * @throws RecordingError where it is not an .npz file or one of its arrays cannot be read.
 */
export function parseNpz(bytes: Uint8Array, name = 'The archive'): Map<string, NpyArray> {
  return new Map(
    readDirectory(bytes, name).map((entry) => {
      const array = arrayName(entry, name);
      return [entry.key, named(array, () => parseNpy(readWhole(bytes, entry), array))];
    }),
  );
}

/**
 * Opens an archive as a group of arrays, each of which is unpacked when it is first read. One that
 * cannot be used, such as one of Python objects, throws only then.
 *
 * @param name what messages call the archive.
 * @throws RecordingError where it is not an .npz file.
 */
export function openNpz(bytes: Uint8Array, name = 'The archive'): GroupNode {
  const members = readDirectory(bytes, name).map((entry) => {
    try {
      const array = arrayName(entry, name);
      return [entry.key, named(array, () => openNpy(entrySource(bytes, entry), array))] as const;
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      return [entry.key, unreadableNode(error)] as const;
    }
  });
  return { kind: 'group', members: new Map(members), attributes: {} };
}

/** What messages call an array. */
function arrayName({ key }: Entry, archive: string): string {
  return `Array ${key} of ${archive}`;
}

function readWhole(bytes: Uint8Array, entry: Entry): Uint8Array {
  const source = entrySource(bytes, entry);
  return source.read(0, source.size);
}

/** Names the array in an error of its source. */
function named<T>(array: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new RecordingError(`${array} cannot be read: ${error.message}.`);
  }
}

/** A .npy file in an archive, as the archive's directory describes it. */
interface Entry {
  /** The name of its array. */
  readonly key: string;
  /** 0 where it is stored, 8 where it is deflated. */
  readonly method: number;
  readonly packedSize: number;
  readonly size: number;
  readonly crc: number;
  /** Where its own header is. */
  readonly header: number;
}

const DIRECTORY_ENTRY = 0x02014b50;
const DIRECTORY_END = 0x06054b50;
const LOCAL_HEADER = 0x04034b50;
const [STORED, DEFLATED] = [0, 8];
/** Stands for a size in a record of its own (ZIP64). */
const IN_EXTRA = 0xffffffff;

/**
 * Lists the .npy files of an archive. @throws RecordingError where it is no zip file, or has none.
 */
function readDirectory(bytes: Uint8Array, name: string): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damaged = (reason: string) =>
    new RecordingError(`${name} cannot be read: it is not a complete .npz file (${reason}).`);
  // The end record is at least 22 bytes long. Its signature is searched backwards.
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== DIRECTORY_END) end -= 1;
  if (end < 0) throw damaged('invalid zip data');
  const entries: Entry[] = [];
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  for (let n = 0; at + 46 <= end && view.getUint32(at, true) === DIRECTORY_ENTRY; n++) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      view.getUint16(at + offset, true),
    ) as [number, number, number];
    const file = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const method = view.getUint16(at + 10, true);
    const crc = view.getUint32(at + 16, true);
    const [packedSize, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const header = view.getUint32(at + 42, true);
    if ([packedSize, size, header].includes(IN_EXTRA))
      throw new RecordingError(
        `${name} cannot be read: its file ${file} has more than 4 GB. Save it as a .npy file.`,
      );
    if (file.endsWith('.npy'))
      entries.push({ key: file.slice(0, -'.npy'.length), method, packedSize, size, crc, header });
    at += 46 + nameLength + extraLength + commentLength;
    if (at > end) throw damaged(`its directory ends within file ${n + 1} of ${count}`);
  }
  if (entries.length === 0) throw new RecordingError(`${name} contains no arrays.`);
  return entries;
}

/**
 * The .npy file of an entry. Its beginning is unpacked by itself; the whole, with its checksum,
 * when more is read.
 *
 * @throws SourceError where it is damaged, or is packed in an unknown way.
 */
function entrySource(bytes: Uint8Array, entry: Entry): ByteSource {
  const { key, method, packedSize, size, crc, header } = entry;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header + 30 > bytes.length || view.getUint32(header, true) !== LOCAL_HEADER)
    throw new SourceError('it is not where the directory of the archive says');
  const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
  if (start + packedSize > bytes.length) throw new SourceError('the archive is cut short');
  if (method !== STORED && method !== DEFLATED)
    throw new SourceError(`it is packed by method ${method}, which is not supported`);
  if (isBomb(packedSize, size))
    throw new SourceError(`it claims to unpack from ${packedSize} to ${size} bytes`);
  const packed = bytes.subarray(start, start + packedSize);
  let whole: Uint8Array | undefined;
  const unpack = () => {
    const data = method === STORED ? packed : inflateRaw(packed, size);
    if (data.length !== size || crc32(data) !== crc)
      throw new SourceError('it is damaged, as its checksum does not match');
    return data;
  };
  return {
    name: `${key}.npy`,
    size,
    read(offset, length) {
      const end = offset + length;
      const isBeginning = method === DEFLATED && !whole && end <= BEGINNING_BYTES && end < size;
      if (isBeginning) return inflateRaw(packed, end).slice(offset, end);
      whole ??= unpack();
      return whole.slice(offset, end);
    },
  };
}

/** Headers are within this many bytes. */
const BEGINNING_BYTES = 2 ** 16;
/** Packed bytes that are unpacked at a time: the first, and as many more each time. */
const FIRST_PIECE_BYTES = 1024;

/** The first bytes of a deflated file: fewer where it has fewer, or is damaged. */
function inflateRaw(packed: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(length);
  let filled = 0;
  const stream = new Inflate((piece) => {
    data.set(piece.subarray(0, length - filled), filled);
    filled = Math.min(length, filled + piece.length);
  });
  try {
    for (let at = 0, step = FIRST_PIECE_BYTES; at < packed.length && filled < length; step *= 2) {
      stream.push(packed.subarray(at, at + step), at + step >= packed.length);
      at += step;
    }
  } catch {
    // What is missing, or the checksum, shows the damage.
  }
  return data.subarray(0, filled);
}

/** An array to be written. */
export interface NpzEntry {
  readonly data: Exclude<NpyArray['data'], string[]>;
  /** Default: one axis. */
  readonly shape?: readonly number[];
}

/**
 * Writes arrays as a compressed archive. The same arrays give the same bytes.
 *
 * @param arrays by name.
 */
export function encodeNpz(arrays: Readonly<Record<string, NpzEntry>>): Uint8Array {
  const files = Object.entries(arrays).map(([key, { data, shape }]) => [
    `${key}.npy`,
    encodeNpy(data, shape),
  ]);
  // Zip files contain local times, so a date in UTC would depend on the time zone.
  return zipSync(Object.fromEntries(files), { level: 6, mtime: new Date(1980, 0, 2) });
}

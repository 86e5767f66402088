/** Reads and writes NumPy's .npz archives: zip files with a .npy file for each array. */

import { unzipSync, zipSync } from 'fflate';
import { RecordingError } from '../recording/errors.js';
import { crc32 } from './checksums.js';
import { type ArrayNode, elementCount, type GroupNode, unreadableNode } from './nodes.js';
import { encodeNpy, type NpyArray, parseNpy } from './npy.js';

/** Bytes that an archive may unpack to, so that a malicious one cannot fill the memory. */
const MAX_UNPACKED_BYTES = 2 ** 32;

/**
 * Reads all arrays of an archive, by name.
 *
 * @param name what messages call the archive.
 * @throws RecordingError where it is not an .npz file or one of its arrays cannot be read.
 */
export function parseNpz(bytes: Uint8Array, name = 'The archive'): Map<string, NpyArray> {
  return new Map(
    unpackArrays(bytes, name).map(([key, data]) => [
      key,
      parseNpy(data, `Array ${key} of ${name}`),
    ]),
  );
}

/**
 * Opens an archive as a group of arrays. An array that cannot be used, such as one of Python
 * objects, throws only when it is read.
 *
 * @param name what messages call the archive.
 * @throws RecordingError where it is not an .npz file.
 */
export function openNpz(bytes: Uint8Array, name = 'The archive'): GroupNode {
  const arrays = unpackArrays(bytes, name).map(([key, data]): [string, ArrayNode] => {
    try {
      return [key, arrayNode(parseNpy(data, `Array ${key} of ${name}`))];
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      return [key, unreadableNode(error)];
    }
  });
  return { kind: 'group', members: new Map(arrays), attributes: {} };
}

function arrayNode({ shape, data }: NpyArray): ArrayNode {
  const [rows = 1, ...rowShape] = shape;
  const rowSize = elementCount(rowShape);
  return {
    kind: 'array',
    type: Array.isArray(data) ? 'text' : 'number',
    shape,
    attributes: {},
    read: (from = 0, to = rows) => data.slice(from * rowSize, to * rowSize),
  };
}

/** Unpacks the .npy file of each array. @throws RecordingError where a checksum does not match. */
function unpackArrays(bytes: Uint8Array, name: string): [key: string, bytes: Uint8Array][] {
  let files: Record<string, Uint8Array>;
  let total = 0;
  try {
    files = unzipSync(bytes, {
      filter: ({ originalSize }) => {
        total += originalSize;
        return total <= MAX_UNPACKED_BYTES;
      },
    });
  } catch (error) {
    throw new RecordingError(
      `${name} cannot be read: it is not a complete .npz file (${(error as Error).message}).`,
    );
  }
  if (total > MAX_UNPACKED_BYTES)
    throw new RecordingError(
      `${name} cannot be read: it claims to unpack to ${total} bytes, which is too much.`,
    );
  const sums = checksums(bytes);
  const arrays = Object.entries(files).filter(([file]) => file.endsWith('.npy'));
  if (arrays.length === 0) throw new RecordingError(`${name} contains no arrays.`);
  const damaged = arrays.find(([file, data]) => sums.get(file) !== crc32(data));
  if (damaged)
    throw new RecordingError(
      `${name} cannot be read: its file ${damaged[0]} is damaged, as its checksum does not match.`,
    );
  return arrays.map(([file, data]) => [file.slice(0, -'.npy'.length), data]);
}

/** The CRC-32 of each file, from the central directory of the archive; fflate does not check it. */
function checksums(bytes: Uint8Array): Map<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sums = new Map<string, number>();
  // The end record is at least 22 bytes long. Its signature is searched backwards.
  let end = bytes.length - 22;
  while (end > 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  let entry = end < 0 ? 0 : view.getUint32(end + 16, true);
  while (entry + 46 <= bytes.length && view.getUint32(entry, true) === 0x02014b50) {
    const nameLength = view.getUint16(entry + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(entry + 46, entry + 46 + nameLength));
    sums.set(name, view.getUint32(entry + 16, true));
    entry += 46 + nameLength + view.getUint16(entry + 30, true) + view.getUint16(entry + 32, true);
  }
  return sums;
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

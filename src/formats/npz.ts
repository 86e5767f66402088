/** NumPy's .npz archives: a zip file with a .npy file for each array. */

import { unzipSync, zipSync } from 'fflate';
import { RecordingError } from '../recording/errors.js';
import { crc32 } from './checksums.js';
import { type ArrayNode, elementCount, type GroupNode, unreadableNode } from './nodes.js';
import { encodeNpy, type NpyArray, parseNpy } from './npy.js';

/** No archive is unpacked past this: a lying one must not fill the memory. */
const MAX_UNPACKED = 2 ** 32;

/**
 * Reads every array of an archive, by name.
 *
 * @throws RecordingError where it is no .npz file or one of its arrays cannot be read.
 */
export function parseNpz(bytes: Uint8Array, name = 'The archive'): Map<string, NpyArray> {
  return new Map(
    unpacked(bytes, name).map(([key, data]) => [key, parseNpy(data, `Array ${key} of ${name}`)]),
  );
}

/**
 * An archive as parts; an array that cannot be used, such as one of Python objects, says so when it is read.
 *
 * @throws RecordingError where it is no .npz file.
 */
export function openNpz(bytes: Uint8Array, name = 'The archive'): GroupNode {
  const parts = unpacked(bytes, name).map(([key, data]): [string, ArrayNode] => {
    try {
      return [key, asNode(parseNpy(data, `Array ${key} of ${name}`))];
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      return [key, unreadableNode(error)];
    }
  });
  return { kind: 'group', members: new Map(parts), attributes: {} };
}

function asNode({ shape, data }: NpyArray): ArrayNode {
  const [places = 1, ...rest] = shape;
  const each = elementCount(rest);
  return {
    kind: 'array',
    type: Array.isArray(data) ? 'text' : 'number',
    shape,
    attributes: {},
    read: (from = 0, to = places) => data.slice(from * each, to * each),
  };
}

/** The .npy file of each array, checked against its checksum. */
function unpacked(bytes: Uint8Array, name: string): [key: string, bytes: Uint8Array][] {
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
  return arrays.map(([file, data]) => [file.slice(0, -'.npy'.length), data]);
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

/**
 * The safetensors file format: the header's length in eight bytes (little endian), a JSON header,
 * then raw data. https://github.com/huggingface/safetensors#format
 */

import { elementCount, formatShape, type Shape } from '../tensor/tensor.js';

/** The elements of a HostTensor, in row-major order. */
export type HostData = Float32Array | Int32Array | Uint32Array;

/** A tensor on the host. */
export interface HostTensor {
  /** The element type, as the file format names it. */
  readonly dtype: 'F32' | 'I32' | 'U32';
  /** The length of each axis. */
  readonly shape: Shape;
  /** The elements, of the type that `dtype` says. */
  readonly data: HostData;
}

/** The contents of a safetensors file. */
export interface Safetensors {
  /** The tensors by name. */
  readonly tensors: Map<string, HostTensor>;
  /** The header's free text, by key. */
  readonly metadata: Record<string, string>;
}

/** A safetensors file is damaged, or tensors cannot be written to one. */
export class SafetensorsError extends Error {
  /** 'SafetensorsError'. */
  override name = 'SafetensorsError';
}

/** The format's own limit on the header's length in bytes. */
const MAX_HEADER = 100_000_000;

const TYPES = { F32: Float32Array, I32: Int32Array, U32: Uint32Array } as const;

/**
 * The safetensors file of these tensors, in their order. The data start at a multiple of 8 bytes.
 *
 * @throws SafetensorsError where a tensor's shape does not fit its data.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let end = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    if (data.length !== elementCount(shape)) {
      throw new SafetensorsError(
        `Tensor ${name} has shape ${formatShape(shape)}, but ${data.length} elements.`,
      );
    }
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const paddedLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + paddedLength + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(paddedLength), true);
  file.fill(0x20, 8, 8 + paddedLength);
  file.set(json, 8);
  let offset = 8 + paddedLength;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}

/**
 * Reads a safetensors file with tensors of type F32, I32 and U32.
 *
 * @throws SafetensorsError where the file is cut short, or its header is invalid or does not
 *   describe the data.
 */
export function decodeSafetensors(file: Uint8Array): Safetensors {
  if (file.length < 8)
    throw new SafetensorsError(
      `The file has ${file.length} bytes, too few for a safetensors file.`,
    );
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER || Number(length) > file.length - 8) {
    throw new SafetensorsError(
      `The header should be ${length} bytes long, but only ${file.length - 8} follow: the file is cut short or is not a safetensors file.`,
    );
  }
  const start = 8 + Number(length);
  const header = parseHeader(file.subarray(8, start));
  const tensors = new Map<string, HostTensor>();
  let metadata: Record<string, string> = {};
  const ranges: [number, number][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = readMetadata(entry);
      continue;
    }
    const { dtype, shape, begin, end } = readEntry(name, entry, file.length - start);
    // Not file.slice, which for a Node Buffer returns a view of memory shared with other buffers.
    const bytes = Uint8Array.prototype.slice.call(file, start + begin, start + end);
    tensors.set(name, { dtype, shape, data: new TYPES[dtype](bytes.buffer) });
    ranges.push([begin, end]);
  }
  checkCover(ranges, file.length - start);
  return { tensors, metadata };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new SafetensorsError(
      'The header is not valid JSON: the file is damaged or is not a safetensors file.',
    );
  }
  if (!isRecord(header)) throw new SafetensorsError('The header is not a JSON object.');
  return header;
}

function readMetadata(entry: unknown): Record<string, string> {
  if (!isRecord(entry) || !Object.values(entry).every((value) => typeof value === 'string')) {
    throw new SafetensorsError('The metadata are not an object of strings.');
  }
  return entry as Record<string, string>;
}

function readEntry(name: string, entry: unknown, available: number) {
  const invalid = (problem: string) => new SafetensorsError(`Tensor ${name}: ${problem}.`);
  if (!isRecord(entry)) throw invalid('its entry is not an object');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(TYPES, dtype)) {
    throw invalid(
      `type ${JSON.stringify(dtype)} is not supported, only ${Object.keys(TYPES).join(', ')}`,
    );
  }
  const isSize = (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(isSize))
    throw invalid('its shape is not a list of non-negative integers');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    throw invalid('its data_offsets are not two non-negative integers');
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > available) {
    throw invalid(
      `its data are bytes ${begin} to ${end}, but the file has only ${available}: it is cut short or damaged`,
    );
  }
  if (end - begin !== 4 * elementCount(shape)) {
    throw invalid(
      `its shape ${formatShape(shape)} needs ${4 * elementCount(shape)} bytes, but it has ${end - begin}`,
    );
  }
  return { dtype: dtype as keyof typeof TYPES, shape: shape as number[], begin, end };
}

/** The format allows no unused bytes between tensors and no overlaps. */
function checkCover(ranges: [number, number][], available: number): void {
  ranges.sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  let covered = 0;
  for (const [begin, end] of ranges) {
    if (begin !== covered)
      throw new SafetensorsError(
        `The data have a gap or an overlap at byte ${begin}: the file is damaged.`,
      );
    covered = end;
  }
  if (covered !== available) {
    throw new SafetensorsError(
      `The header describes ${covered} bytes of data, but the file has ${available}.`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

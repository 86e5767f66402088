/**
 * The safetensors file format: eight bytes of header length (little endian), a JSON header, raw data.
 * https://github.com/huggingface/safetensors#format
 */

import { elementCount, formatShape, type Shape } from '../tensor/tensor.js';

export type HostData = Float32Array | Int32Array | Uint32Array;

/** A named tensor on the host. */
export interface HostTensor {
  readonly dtype: 'F32' | 'I32' | 'U32';
  readonly shape: Shape;
  readonly data: HostData;
}

/** What a file holds. */
export interface Safetensors {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Record<string, string>;
}

/** The file is cut short, or its header does not describe it. */
export class SafetensorsError extends Error {
  override name = 'SafetensorsError';
}

/** No sane header is larger; it keeps a lying length from being believed. The format's own limit. */
const MAX_HEADER = 100_000_000;

const TYPES = { F32: Float32Array, I32: Int32Array, U32: Uint32Array } as const;

/** A file of these tensors, in their order; data start at a multiple of 8 bytes. */
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
        `Tensor ${name} of shape ${formatShape(shape)} has ${data.length} elements.`,
      );
    }
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + padded + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.fill(0x20, 8, 8 + padded);
  file.set(json, 8);
  let at = 8 + padded;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

/** @throws SafetensorsError naming what is wrong: the file is cut short, or its header lies. */
export function decodeSafetensors(file: Uint8Array): Safetensors {
  if (file.length < 8)
    throw new SafetensorsError(
      `The file has ${file.length} bytes: too short for a safetensors file.`,
    );
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER || Number(length) > file.length - 8) {
    throw new SafetensorsError(
      `The header claims ${length} bytes, but only ${file.length - 8} follow: the file is cut short or is no safetensors file.`,
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
    // Not file.slice: a Node Buffer's is a view of memory that is not all its own.
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
      'The header is no valid JSON: the file is damaged or is no safetensors file.',
    );
  }
  if (!isRecord(header)) throw new SafetensorsError('The header is no JSON object.');
  return header;
}

function readMetadata(entry: unknown): Record<string, string> {
  if (!isRecord(entry) || !Object.values(entry).every((value) => typeof value === 'string')) {
    throw new SafetensorsError('The metadata are not strings by name.');
  }
  return entry as Record<string, string>;
}

function readEntry(name: string, entry: unknown, available: number) {
  const wrong = (what: string) => new SafetensorsError(`Tensor ${name}: ${what}.`);
  if (!isRecord(entry)) throw wrong('its entry is no object');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(TYPES, dtype)) {
    throw wrong(
      `type ${JSON.stringify(dtype)} is not supported, only ${Object.keys(TYPES).join(', ')}`,
    );
  }
  const whole = (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(whole))
    throw wrong('its shape is no list of whole numbers');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(whole))
    throw wrong('its data_offsets are no two whole numbers');
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > available) {
    throw wrong(
      `its data run from byte ${begin} to ${end}, but the file holds ${available}: it is cut short or damaged`,
    );
  }
  if (end - begin !== 4 * elementCount(shape)) {
    throw wrong(
      `its shape ${formatShape(shape)} needs ${4 * elementCount(shape)} bytes, but it has ${end - begin}`,
    );
  }
  return { dtype: dtype as keyof typeof TYPES, shape: shape as number[], begin, end };
}

/** The format allows neither holes nor overlaps. */
function checkCover(ranges: [number, number][], available: number): void {
  ranges.sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  let covered = 0;
  for (const [begin, end] of ranges) {
    if (begin !== covered)
      throw new SafetensorsError(
        `The data have a hole or overlap at byte ${begin}: the file is damaged.`,
      );
    covered = end;
  }
  if (covered !== available) {
    throw new SafetensorsError(
      `The header describes ${covered} bytes of data, but the file holds ${available}.`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

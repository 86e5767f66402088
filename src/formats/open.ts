/** Files of any format that is read, told apart by what they begin with. */

import type { ByteSource } from '../ports/byte-source.js';
import { RecordingError } from '../recording/errors.js';
import { parseCsv } from './csv.js';
import { isMatlab5, parseMatlab } from './matlab5.js';
import type { DataNode } from './nodes.js';
import { openNpy } from './npy.js';
import { openNpz } from './npz.js';

/** A file's contents; closed when nothing more is read of it. */
export interface OpenedFile {
  readonly root: DataNode;
  close(): void;
}

/** What is read whole is at most this many bytes; HDF5 and .npy files are read by range. */
const MAX_READ_ALL_BYTES = 2 ** 31;
const HEAD_BYTES = 4096;
/** An HDF5 file begins with this, or has it after a block of the user's own, as MATLAB's have. */
const HDF5 = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const HDF5_OFFSETS = [0, 512, 1024, 2048];

/**
 * Opens a file of any format that is read: NumPy, MATLAB, HDF5 and NWB, CSV.
 *
 * @param name what messages call it.
 * @throws RecordingError where it is of none of these formats, or damaged.
 */
export async function openFile(source: ByteSource, name = source.name): Promise<OpenedFile> {
  const head = readRange(source, name, Math.min(source.size, HEAD_BYTES));
  const begins = (at: number, bytes: readonly number[]) =>
    bytes.every((byte, n) => head[at + n] === byte);
  if (HDF5_OFFSETS.some((at) => begins(at, HDF5))) {
    // The library is large: nobody who opens no such file should wait for it.
    const { openHdf5, prepareHdf5 } = await import('./hdf5/open.js');
    await prepareHdf5();
    return openHdf5(source, name);
  }
  if (begins(0, [0x93, 0x4e, 0x55])) return held(openNpy(source, name));
  const whole = () => readAll(source, name);
  if (begins(0, [0x50, 0x4b])) return held(openNpz(whole(), name));
  if (isMatlab5(head)) return held(parseMatlab(whole(), name));
  if (/\.(csv|tsv|txt)$/i.test(source.name)) return held(parseCsv(whole(), name));
  if (/\.mat$/i.test(source.name)) return held(parseMatlab(head, name));
  throw new RecordingError(
    `${name} cannot be read: it is not an NWB, HDF5, MATLAB, .npy, .npz or CSV file, by what it begins with.`,
  );
}

function held(root: DataNode): OpenedFile {
  return { root, close() {} };
}

function readRange(source: ByteSource, name: string, length: number): Uint8Array {
  try {
    return source.read(0, length);
  } catch (error) {
    throw new RecordingError(`${name} cannot be read: ${(error as Error).message}.`);
  }
}

function readAll(source: ByteSource, name: string): Uint8Array {
  const { size } = source;
  if (size > MAX_READ_ALL_BYTES) {
    throw new RecordingError(
      `${name} cannot be read: it has ${(size / 2 ** 30).toFixed(1)} GiB, and such files are read whole; save it as NWB or HDF5, which are read in pieces.`,
    );
  }
  return readRange(source, name, size);
}

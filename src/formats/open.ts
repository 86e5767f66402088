/**
 * Opens data files of all supported formats. They are recognized by their first bytes, and text
 * tables by their name.
 */

import type { ByteSource } from '../ports/byte-source.js';
import { RecordingError } from '../recording/errors.js';
import { parseCsv } from './csv.js';
import { TABLE_EXTENSIONS } from './extensions.js';
import { isMatlab5, parseMatlab } from './matlab5.js';
import type { DataNode } from './nodes.js';
import { NPY_MAGIC, openNpy } from './npy.js';
import { openNpz } from './npz.js';

/** The contents of a file. Close it when nothing more will be read. */
export interface OpenedFile {
  /** The top of its tree: a group, or the array of a .npy file. */
  readonly root: DataNode;
  /** Frees the file; its arrays can no longer be read if it is an HDF5 file. */
  close(): void;
}

/** The largest file of a format that is read completely; HDF5 and .npy files are read by range. */
const MAX_READ_ALL_BYTES = 2 ** 31;
const HEAD_BYTES = 4096;
/** An HDF5 file begins with this, or has it after a user block, as MATLAB's files do. */
const HDF5_SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const HDF5_SIGNATURE_OFFSETS = [0, 512, 1024, 2048];

const GZIP_MAGIC = [0x1f, 0x8b];
/** Texts that are often found where data should be, by how they begin. */
const STRANGERS = [
  {
    pattern: /^version https:\/\/git-lfs/,
    sentence: 'is a pointer of Git LFS, not the data: fetch them with git lfs pull.',
  },
  {
    pattern: /^(\.\.\/)*\.?\/?(\.git\/)?annex\/objects\//,
    sentence:
      'is a pointer of git-annex, not the data: fetch them with git annex get or datalad get.',
  },
  {
    pattern: /^\s*<(!doctype html|html)/i,
    sentence: 'is a web page, not the data: its download may have needed a login.',
  },
] as const;

const TABLE_NAME = new RegExp(`\\.(${TABLE_EXTENSIONS.join('|')})$`, 'i');

/**
 * Opens a data file: HDF5, NWB, MATLAB, .npy, .npz or a text table. Text tables have to be named
 * .csv, .tsv or .txt.
 *
 * @param name what messages call the file.
 * @throws RecordingError where it has none of these formats, or is damaged.
 */
export async function openFile(source: ByteSource, name = source.name): Promise<OpenedFile> {
  const head = readRange(source, name, Math.min(source.size, HEAD_BYTES));
  const hasBytes = (offset: number, bytes: readonly number[]) =>
    bytes.every((byte, n) => head[offset + n] === byte);
  if (HDF5_SIGNATURE_OFFSETS.some((offset) => hasBytes(offset, HDF5_SIGNATURE))) {
    // The library is large, so it is loaded only for files that need it.
    const { openHdf5, prepareHdf5 } = await import('./hdf5/open.js');
    await prepareHdf5();
    return openHdf5(source, name);
  }
  const beginning = new TextDecoder().decode(head);
  const stranger = STRANGERS.find(({ pattern }) => pattern.test(beginning));
  if (stranger) throw new RecordingError(`${name} ${stranger.sentence}`);
  if (hasBytes(0, GZIP_MAGIC))
    throw new RecordingError(
      `${name} is compressed with gzip: unpack it first, such as with gunzip.`,
    );
  if (hasBytes(0, NPY_MAGIC)) return inMemory(openNpy(source, name));
  const bytes = () => readAll(source, name);
  if (hasBytes(0, [0x50, 0x4b])) return inMemory(openNpz(bytes(), name));
  if (isMatlab5(head)) return inMemory(parseMatlab(bytes(), name));
  if (TABLE_NAME.test(source.name)) return inMemory(parseCsv(bytes(), name));
  if (/\.mat$/i.test(source.name)) return inMemory(parseMatlab(head, name));
  throw new RecordingError(
    `${name} cannot be read: by its first bytes it is not an NWB, HDF5, MATLAB, .npy or .npz file, and by its name not a text table (.csv, .tsv or .txt).`,
  );
}

/** A file that is already in memory or needs no closing. */
function inMemory(root: DataNode): OpenedFile {
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
      `${name} cannot be read: it has ${(size / 2 ** 30).toFixed(1)} GiB, and files of its format have to fit into memory; save it as NWB or HDF5, which are read in parts.`,
    );
  }
  return readRange(source, name, size);
}

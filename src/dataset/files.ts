/** The files of a dataset: opened by what they begin with, and read by reference. */

import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseCsv } from '../formats/csv.js';
import { isMatlab5, parseMatlab } from '../formats/matlab5.js';
import { openNpy } from '../formats/npy.js';
import { openNpz } from '../formats/npz.js';
import type { ArrayPart, Numbers, Part } from '../formats/parts.js';
import { RecordingError, reasonOf } from '../recording/errors.js';
import { find, isPattern, parseReference, readValues, type Values } from './reference.js';

/** A file's contents; closed when nothing more is read of it. */
export interface OpenedFile {
  readonly root: Part;
  close(): void;
}

/** What is read whole is at most this many bytes; HDF5 and .npy files are read by range. */
const MOST = 2 ** 31;
/** An HDF5 file begins with this, or has it after a block of the user's own, as MATLAB's have. */
const HDF5 = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Opens a file of any format that is read: NumPy, MATLAB, HDF5 and NWB, CSV.
 *
 * @param name what complaints call it.
 * @throws RecordingError where it is none of them, or damaged.
 */
export async function openFile(path: string, name = path): Promise<OpenedFile> {
  const head = headOf(path, name);
  const begins = (at: number, bytes: readonly number[]) =>
    bytes.every((byte, n) => head[at + n] === byte);
  if ([0, 512, 1024, 2048].some((at) => begins(at, HDF5))) {
    // The library is large: nobody who opens no such file should wait for it.
    const { openHdf5 } = await import('../formats/hdf5/hdf5.js');
    return openHdf5(path, name);
  }
  if (begins(0, [0x93, 0x4e, 0x55])) return held(openNpy(path, name));
  const whole = () => readWhole(path, name);
  if (begins(0, [0x50, 0x4b])) return held(openNpz(whole(), name));
  if (isMatlab5(head)) return held(parseMatlab(whole(), name));
  if (/\.(csv|tsv|txt)$/i.test(path)) return held(parseCsv(whole(), name));
  if (/\.mat$/i.test(path)) return held(parseMatlab(head, name));
  throw new RecordingError(
    `${name} cannot be read: it is no NWB, HDF5, MATLAB, .npy, .npz or CSV file, by what it begins with.`,
  );
}

function held(root: Part): OpenedFile {
  return { root, close() {} };
}

function headOf(path: string, name: string): Uint8Array {
  const head = new Uint8Array(4096);
  try {
    if (statSync(path).isDirectory()) throw new RecordingError(`${name} is a folder, not a file.`);
    const file = openSync(path, 'r');
    const length = readSync(file, head);
    closeSync(file);
    return head.subarray(0, length);
  } catch (error) {
    if (error instanceof RecordingError) throw error;
    throw new RecordingError(`${name} cannot be read: ${reasonOf(error, 'file')}.`);
  }
}

function readWhole(path: string, name: string): Uint8Array {
  const { size } = statSync(path);
  if (size > MOST) {
    throw new RecordingError(
      `${name} cannot be read: it has ${(size / 2 ** 30).toFixed(1)} GiB, and such files are read whole; save it as NWB or HDF5, which are read in pieces.`,
    );
  }
  return readFileSync(path);
}

/** Files of one folder by name; each is opened once. */
export class Files {
  readonly #folder: string;
  readonly #label: string;
  readonly #opened = new Map<string, OpenedFile>();

  private constructor(folder: string, label: string) {
    this.#folder = folder;
    this.#label = label;
  }

  /**
   * Opens every file that references name.
   *
   * @param label the file the references stand in, for complaints.
   */
  static async open(
    folder: string,
    label: string,
    references: readonly { key: string; text: string }[],
  ): Promise<Files> {
    const files = new Files(folder, label);
    try {
      for (const { key, text } of references) {
        const { file } = parseReference(text);
        if (files.#opened.has(file)) continue;
        files.#opened.set(file, await openFile(resolve(folder, file), `${label}: ${key}: ${file}`));
      }
      return files;
    } catch (error) {
      files.close();
      throw error;
    }
  }

  get folder(): string {
    return this.#folder;
  }

  close(): void {
    for (const file of this.#opened.values()) file.close();
  }

  /** One array; nothing of it is read yet. */
  part(key: string, text: string): ArrayPart {
    const reference = parseReference(text);
    const [part, ...more] = this.#find(key, text);
    if (more.length > 0 || isPattern(reference))
      throw this.#complaint(key, text, 'names several arrays, but one is needed here');
    return this.#array(key, text, part);
  }

  isPattern(text: string): boolean {
    return isPattern(parseReference(text));
  }

  /** One array, or what the reference's index picks of it; of a pattern, the single value of each. */
  values(key: string, text: string): Values {
    const { index } = parseReference(text);
    if (this.isPattern(text)) return this.#joined(key, text);
    return readValues(this.part(key, text), index, this.#where(key, text));
  }

  /** Single values, such as a field of every struct, as one array. */
  #joined(key: string, text: string): Values {
    const found = this.list(key, text);
    const single = found.map((values) =>
      values?.data.length === 1 ? values.data[0]! : Number.NaN,
    );
    if (found.some((values) => values && values.data.length > 1))
      throw this.#complaint(key, text, 'names several arrays, but one is needed here');
    const texts = single.some((value) => typeof value === 'string');
    // What is missing among texts is one without letters.
    const worded = (value: number | string) => (Number.isNaN(value) ? '' : String(value));
    const data = texts ? single.map(worded) : Float64Array.from(single as number[]);
    return { shape: [data.length], data };
  }

  /** An array of numbers along one axis. */
  numbers(key: string, text: string): Numbers {
    const { shape, data } = this.values(key, text);
    // Tables keep integers past those that numbers keep as texts; as a time, one that is near does.
    if (Array.isArray(data) && data.every((value) => /^[+-]?\d+$/.test(value)))
      return Float64Array.from(data, Number);
    if (Array.isArray(data) || !isLine(shape)) {
      throw new RecordingError(
        `${this.#where(key, text)} should be numbers along one axis, but is [${shape.join(', ')}]${Array.isArray(data) ? ' of texts' : ''}.`,
      );
    }
    return data;
  }

  /** Numbers along one axis that are read piece by piece, by range where the file allows it. */
  line(key: string, text: string): { length: number; read(from: number, to: number): Numbers } {
    const part = this.part(key, text);
    if (parseReference(text).index || part.shape.length !== 1 || part.type !== 'number') {
      const whole = this.numbers(key, text);
      return { length: whole.length, read: (from, to) => whole.slice(from, to) };
    }
    return { length: part.shape[0]!, read: (from, to) => part.read(from, to) as Numbers };
  }

  /** Every array a pattern stands for, or the one a plain reference names; undefined for what a list has none of. */
  list(key: string, text: string): (Values | undefined)[] {
    const { index } = parseReference(text);
    const parts = this.#find(key, text);
    if (parts.every((part) => part === undefined))
      throw this.#complaint(key, text, 'names nothing that is there');
    return parts.map((part) =>
      part
        ? readValues(this.#array(key, text, part), emptied(part) ? undefined : index, text)
        : undefined,
    );
  }

  #find(key: string, text: string): (Part | undefined)[] {
    const reference = parseReference(text);
    const { file, path } = reference;
    const { root } = this.#opened.get(file)!;
    const parts = find(root, path);
    if (parts.length > 0 && (isPattern(reference) || parts[0])) return parts;
    const { depth, known } = knownAt(root, path);
    const where = path.slice(0, depth).join('/');
    throw new RecordingError(
      `${this.#label}: ${key}: ${file} has no ${path.slice(0, depth + 1).join('/')}; ${where ? `${where} holds` : 'it holds'} ${listed(known)}.`,
    );
  }

  #array(key: string, text: string, part: Part | undefined): ArrayPart {
    if (part?.kind === 'array') return part;
    const inside = part?.kind === 'group' ? listed([...part.members.keys()]) : 'a list';
    throw this.#complaint(key, text, `is no array but holds ${inside}: name one after the #`);
  }

  #complaint(key: string, text: string, what: string): RecordingError {
    return new RecordingError(`${this.#where(key, text)} ${what}.`);
  }

  #where(key: string, text: string): string {
    return `${this.#label}: ${key}: ${text}`;
  }
}

/** An index picks nothing of an array without values, whatever its axes. */
function emptied(part: Part): boolean {
  return part.kind === 'array' && part.shape.includes(0);
}

export function isLine(shape: readonly number[]): boolean {
  return shape.filter((n) => n !== 1).length <= 1;
}

/** How far a path can be followed, and what is there. */
function knownAt(root: Part, path: readonly string[]): { depth: number; known: string[] } {
  let depth = 0;
  while (depth < path.length && find(root, path.slice(0, depth + 1)).some((part) => part))
    depth += 1;
  const [part] = find(root, path.slice(0, depth));
  if (part?.kind === 'group') return { depth, known: [...part.members.keys()] };
  if (part?.kind === 'list') return { depth, known: [`a list of ${part.items.length}`] };
  return { depth, known: [`an array of [${part?.shape.join(', ') ?? ''}]`] };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12);
  const more = names.length - shown.length;
  return `${shown.join(', ') || 'nothing'}${more > 0 ? ` and ${more} more` : ''}`;
}

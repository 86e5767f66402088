/** An HDF5 file: looks up its objects and reads blocks of its datasets, through the library. */

import type { Metadata } from 'h5wasm';
import type { ByteSource } from '../../ports/byte-source.js';
import { RecordingError } from '../../recording/errors.js';
import { elementCount } from '../nodes.js';
import type { LibraryFile, LibraryRequest, ObjectInfo, StoredValues } from './library.js';
import { isLibraryRunning, sendRequest } from './thread.js';

/**
 * How long the library may compute for one request before it counts as hanging. The slowest
 * requests take a tenth of it.
 */
const MAX_REQUEST_SECONDS = 3;
/** Reading gets additional time at this speed; unpacking is five times as fast. */
const BYTES_PER_SECOND = 5e7;
/** Paths that are looked up in one request, which takes far less than a second. */
const MAX_PATHS_PER_REQUEST = 200;
/** Objects of a file that are listed; 100,000 would take a minute. */
const MAX_LISTED = 10_000;
/** Memory of the library itself. */
const LIBRARY_BYTES = 2 ** 29;
/** Additional memory per byte of the file: a compressed chunk takes several times its size. */
const MEMORY_PER_FILE_BYTE = 8;

let filesOpened = 0;

/** An object of a file: what a path leads to. */
export interface NamedObject {
  /** Absolute path in the file. */
  readonly path: string;
  /** What messages call the object; empty for the file itself. */
  readonly label: string;
  /** What the path leads to. */
  readonly info: ObjectInfo;
}

/** An open file. */
export class Hdf5File {
  /** What messages call the file. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly #source: ByteSource;
  readonly #libraryFile: LibraryFile;
  readonly #seconds: number;
  /** Why the file can no longer be read; undefined while it can. */
  #closedBecause: string | undefined;
  /** Objects listed so far. */
  #listed = 0;

  /** @param seconds how long the library may compute for one request. */
  constructor(source: ByteSource, name: string, seconds = MAX_REQUEST_SECONDS) {
    this.name = name;
    this.size = source.size;
    this.#source = source;
    this.#seconds = seconds;
    filesOpened += 1;
    const memory = LIBRARY_BYTES + MEMORY_PER_FILE_BYTE * source.size;
    this.#libraryFile = { id: filesOpened, size: source.size, memory };
  }

  /** The error that an object of the file cannot be read, to be thrown by the caller. */
  readError(label: string, reason: string): RecordingError {
    const subject = label === '' ? this.name : `${label} of ${this.name}`;
    return new RecordingError(`${subject} cannot be read: ${reason}.`);
  }

  /**
   * Looks up what paths lead to.
   *
   * @param toLabel gives what messages call a path; default: the path without its first slash.
   */
  lookUp(
    paths: readonly string[],
    toLabel: (path: string) => string = (path) => path.slice(1),
  ): NamedObject[] {
    const objects: NamedObject[] = [];
    for (let start = 0; start < paths.length; start += MAX_PATHS_PER_REQUEST) {
      const batch = paths.slice(start, start + MAX_PATHS_PER_REQUEST);
      const infos = this.#request<ObjectInfo[]>('', { operation: 'describe', paths: batch });
      for (const [n, info] of infos.entries())
        objects.push({ path: batch[n]!, label: toLabel(batch[n]!), info });
    }
    return objects;
  }

  /**
   * The objects in a group, by name.
   *
   * @param toLabel gives what messages call a name; default: its path in the file.
   * @param mayBeMany whether any number of them is usual, as of MATLAB's structs and references.
   * @throws RecordingError where the objects of the file are too many, as where links lead to the
   *   same ones again and again.
   */
  members(
    { path, label }: NamedObject,
    toLabel?: (name: string) => string,
    mayBeMany = false,
  ): Map<string, NamedObject> {
    const names = this.#request<string[]>(label, { operation: 'names', path });
    if (!mayBeMany) this.#listed += names.length;
    if (this.#listed > MAX_LISTED)
      throw this.readError(
        label,
        `the file has more than ${MAX_LISTED} objects, each of them counted by every link that leads to it`,
      );
    const prefix = path === '/' ? path : `${path}/`;
    const objects = this.lookUp(
      names.map((name) => `${prefix}${name}`),
      toLabel && ((memberPath) => toLabel(memberPath.slice(prefix.length))),
    );
    return new Map(objects.map((member, n) => [names[n]!, member]));
  }

  /**
   * Reads a block of a dataset, with the axes in the order of the file. Every chunk that the block
   * touches is unpacked completely.
   *
   * @param offset index of the first value along each axis.
   * @param count number of values along each axis.
   */
  read(
    { path, label }: NamedObject,
    metadata: Metadata,
    offset: readonly number[],
    count: readonly number[],
  ): StoredValues {
    const { size, vlen, chunks } = metadata;
    const request = { operation: 'read', path, metadata: { size, vlen }, offset, count } as const;
    const bytes = size * Math.max(elementCount(count), elementCount(chunks ?? []));
    return this.#request(label, request, bytes / BYTES_PER_SECOND);
  }

  /** Closes the file; objects that are read afterwards throw. */
  close(): void {
    if (isLibraryRunning() && this.#closedBecause === undefined)
      sendRequest({ file: this.#libraryFile, operation: 'close' }, this.#source, this.#seconds);
    this.#closedBecause ??= 'the file has been closed';
  }

  #request<T>(label: string, request: RequestBody, moreSeconds = 0): T {
    if (this.#closedBecause !== undefined) throw this.readError(label, this.#closedBecause);
    try {
      // Fails where the file has changed.
      this.#source.read(0, 0);
    } catch (error) {
      throw this.readError(label, (error as Error).message);
    }
    const response = sendRequest(
      { ...request, file: this.#libraryFile },
      this.#source,
      this.#seconds + moreSeconds,
    );
    // A file that has broken the library would break it again with every request.
    if (response.broken)
      this.#closedBecause = `the file is damaged${label === '' ? '' : ` at ${label}`}`;
    if ('value' in response) return response.value as T;
    throw this.readError(label, response.reason);
  }
}

/** A request without its file. Omit on the union itself would merge its members. */
type RequestBody = LibraryRequest extends infer Q
  ? Q extends LibraryRequest
    ? Omit<Q, 'file'>
    : never
  : never;

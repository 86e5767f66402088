/**
 * The HDF5 library (h5wasm) behind requests and responses. A damaged file can make it hang or
 * crash, so `thread.ts` runs it on a thread of its own, where that does no harm.
 */

import type { Metadata, ready } from 'h5wasm';
import { decodeText } from './text.js';

/** The loaded h5wasm module. */
export type Library = Awaited<typeof ready>;

/** Reads bytes of the requested file. @throws Error with the reason where they cannot be read. */
export type ReadBytes = (offset: number, length: number) => Uint8Array;

/** The file that a request is about. */
export interface LibraryFile {
  /** A number that is never reused for another file. */
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  /** Bytes of memory that the library may use in total while it reads the file. */
  readonly memory: number;
}

/**
 * What the library can be asked to do with a file: list the `names` in a group, `describe` what
 * paths lead to, `read` a block of a dataset, or `close` the file. The first request opens it.
 */
export type LibraryRequest = { readonly file: LibraryFile } & (
  | { readonly operation: 'names'; readonly path: string }
  | { readonly operation: 'describe'; readonly paths: readonly string[] }
  | {
      readonly operation: 'read';
      readonly path: string;
      readonly metadata: Pick<Metadata, 'size' | 'vlen'>;
      readonly offset: readonly number[];
      readonly count: readonly number[];
    }
  | { readonly operation: 'close' }
);

/** Values as stored: little-endian bytes, or strings where those are of variable length. */
export type StoredValues = Uint8Array | string[];

/** An attribute of a group or a dataset. */
export interface StoredAttribute {
  readonly name: string;
  /** Type and shape. */
  readonly metadata: Metadata;
  /** All values. */
  readonly values: StoredValues;
}

/**
 * What a path leads to. Two paths with the same address lead to the same object. `filters` is the
 * number of its filters, such as compression.
 */
export type ObjectInfo =
  | { kind: 'group'; address: string; attributes: StoredAttribute[] }
  | {
      kind: 'dataset';
      address: string;
      attributes: StoredAttribute[];
      metadata: Metadata;
      filters: number;
    }
  | { kind: 'unreadable'; reason: string };

/**
 * The result of a request, or the reason why it failed.
 *
 * `mustRecycle` means that the library should be replaced by a new one: its memory has grown, which
 * never shrinks, or its failures have leaked. `broken` means that it has crashed.
 */
export type LibraryResponse = ({ readonly value: unknown } | { readonly reason: string }) & {
  readonly mustRecycle: boolean;
  readonly broken: boolean;
};

/** Every failed call leaks a little of the library's stack. */
const MAX_FAILURES = 500;
/** The library is replaced once its memory is larger. */
const MAX_LIBRARY_BYTES = 2 ** 29;
/** Larger attributes are skipped, as no metadata that we use is so large. */
const MAX_ATTRIBUTE_BYTES = 2 ** 24;
/** POSIX error number: input/output error. */
const EIO = 29;

/** The part of Emscripten's file system that is used here; h5wasm's types omit it. */
interface VirtualDisk {
  createFile(folder: string, name: string, properties: object, read: boolean, write: boolean): Node;
  unlink(path: string): void;
  write(stream: { fd: number }, buffer: Int8Array, offset: number, length: number): number;
  ErrnoError: new (code: number) => Error;
}

interface Node {
  stream_ops: object;
}

/**
 * The library with its open files. It reads files only through `readBytes`, prints nothing, and its
 * memory does not grow beyond what each request allows.
 */
export class LibrarySession {
  readonly #library: Library;
  readonly #readBytes: ReadBytes;
  readonly #handles = new Map<number, bigint>();
  /** The file of the current request. */
  #file: LibraryFile = { id: -1, size: 0, memory: 0 };
  /** What the library has printed during the current call: its errors. */
  #printed = '';
  #failures = 0;
  /** Whether it was denied memory during the current call. */
  #wasDeniedMemory = false;
  /** Why reading its file failed during the current call. */
  #readFailure: string | undefined;
  #isBroken = false;

  /** @param readBytes reads the file of the current request. */
  constructor(library: Library, readBytes: ReadBytes) {
    this.#library = library;
    this.#readBytes = readBytes;
    const disk = library.FS as unknown as VirtualDisk;
    disk.write = ({ fd }, buffer, offset, length) => {
      if (fd > 2) throw new disk.ErrnoError(EIO);
      this.#printed += decodeText(new Uint8Array(buffer.buffer, offset, length).slice());
      return length;
    };
    this.#limitMemory();
  }

  /** Carries out a request. It never throws. */
  respond(request: LibraryRequest): LibraryResponse {
    let result: { value: unknown } | { reason: string };
    this.#file = request.file;
    try {
      result = { value: this.#result(request) };
    } catch (error) {
      result = { reason: (error as Error).message };
    }
    const mustRecycle =
      this.#failures > MAX_FAILURES || this.#library.HEAPU8.length > MAX_LIBRARY_BYTES;
    return { ...result, mustRecycle, broken: this.#isBroken };
  }

  #result(request: LibraryRequest): unknown {
    if (request.operation === 'close') return this.#close(request.file.id);
    const file = this.#handle();
    if (request.operation === 'describe')
      return request.paths.map((path) => this.#info(file, path));
    if (request.operation === 'read') return this.#read(file, request);
    return this.#checked(() => this.#library.get_names(file, request.path, false));
  }

  /**
   * Limits the library's memory: growth beyond the limit of the current request fails as it does on
   * a computer whose memory is full.
   */
  #limitMemory(): void {
    const session = this;
    const { grow } = WebAssembly.Memory.prototype;
    WebAssembly.Memory.prototype.grow = function (pages) {
      if (this.buffer !== session.#library.HEAPU8.buffer) return grow.call(this, pages);
      session.#wasDeniedMemory = true;
      const bytes = this.buffer.byteLength + Number(pages) * 65536;
      if (bytes > session.#file.memory) throw new RangeError('the file needs too much memory');
      const previousPages = grow.call(this, pages);
      session.#wasDeniedMemory = false;
      return previousPages;
    };
  }

  /**
   * Runs one call of the library.
   *
   * @param hasFailed whether a result means failure; default: whether the library printed an error.
   * @throws Error with the reason where the call fails or the library crashes.
   */
  #checked<T>(call: () => T, hasFailed: (result: T) => boolean = () => this.#printed !== ''): T {
    this.#printed = '';
    this.#wasDeniedMemory = false;
    this.#readFailure = undefined;
    try {
      const result = call();
      if (!hasFailed(result)) return result;
    } catch (error) {
      this.#isBroken ||= error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    }
    this.#failures += 1;
    if (this.#readFailure !== undefined) throw new Error(this.#readFailure);
    if (this.#wasDeniedMemory) throw new Error('it needs more memory than there is, or is damaged');
    throw new Error(parseReason(this.#printed));
  }

  #path(id: number): string {
    return `/${id}.h5`;
  }

  /** The library's handle of the requested file, which is opened on first use. */
  #handle(): bigint {
    const { id, size } = this.#file;
    const existing = this.#handles.get(id);
    if (existing !== undefined) return existing;
    const disk = this.#library.FS as unknown as VirtualDisk;
    const node = disk.createFile('/', `${id}.h5`, {}, true, false);
    Object.defineProperty(node, 'usedBytes', { get: () => size });
    node.stream_ops = {
      ...node.stream_ops,
      read: (_: object, buffer: Int8Array, offset: number, length: number, position: number) => {
        const count = Math.min(length, Math.max(0, size - position));
        try {
          if (count > 0) buffer.set(this.#readBytes(position, count), offset);
        } catch (error) {
          this.#readFailure = (error as Error).message;
          throw new disk.ErrnoError(EIO);
        }
        return count;
      },
    };
    try {
      const { H5F_ACC_RDONLY } = this.#library;
      const file = this.#checked(() =>
        this.#library.open(this.#path(id), H5F_ACC_RDONLY, false, -1, -1),
      );
      this.#handles.set(id, file);
      return file;
    } catch (error) {
      disk.unlink(this.#path(id));
      throw error;
    }
  }

  #close(id: number): void {
    const file = this.#handles.get(id);
    this.#handles.delete(id);
    if (file === undefined) return;
    // A file that cannot be closed keeps its memory until the library is replaced.
    if (this.#library.close_file(file) < 0) this.#failures = Number.POSITIVE_INFINITY;
    (this.#library.FS as unknown as VirtualDisk).unlink(this.#path(id));
  }

  /**
   * Reads values through the library's memory.
   *
   * @param read writes the values to an address and returns a negative status where it fails.
   * @param release frees the strings that `read` has allocated.
   */
  #values(
    { size, vlen }: Pick<Metadata, 'size' | 'vlen'>,
    count: number,
    read: (pointer: bigint) => number,
    release: (pointer: bigint) => number,
  ): StoredValues {
    const library = this.#library;
    const pointer = library._malloc(size * count);
    if (pointer === 0) throw new Error('it needs more memory than there is');
    try {
      library.HEAPU8.fill(0, pointer, pointer + size * count);
      // A successful call may print errors of attempts that it did not need, so only its status
      // counts. After a failure no strings are released, as their addresses may be invalid.
      this.#checked(
        () => read(BigInt(pointer)),
        (status) => status < 0,
      );
      const bytes = library.HEAPU8.slice(pointer, pointer + size * count);
      if (!vlen) return bytes;
      const texts = [...new Uint32Array(bytes.buffer)].map((address) =>
        address === 0
          ? ''
          : decodeText(library.HEAPU8.subarray(address, library.HEAPU8.indexOf(0, address))),
      );
      this.#checked(() => release(BigInt(pointer)));
      return texts;
    } finally {
      library._free(pointer);
    }
  }

  /** The attributes that are numbers or strings; references, records and the like are skipped. */
  #attributes(file: bigint, path: string): StoredAttribute[] {
    const library = this.#library;
    const { H5T_INTEGER, H5T_FLOAT, H5T_STRING, H5T_ENUM } = library.H5T_class_t;
    const usable: number[] = [H5T_INTEGER, H5T_FLOAT, H5T_STRING, H5T_ENUM].map(
      ({ value }) => value,
    );
    const names = this.#checked(() => library.get_attribute_names(file, path));
    return names.flatMap((name) => {
      const metadata = this.#checked(() => library.get_attribute_metadata(file, path, name));
      const { type, size, shape } = metadata;
      const count = (shape ?? [0]).reduce((product, n) => product * n, 1);
      if (!usable.includes(type) || count === 0 || count * size > MAX_ATTRIBUTE_BYTES) return [];
      const values = this.#values(
        metadata,
        count,
        (pointer) => library.get_attribute_data(file, path, name, pointer),
        (pointer) => library.reclaim_vlen_memory(file, path, name, pointer),
      );
      return [{ name, metadata, values }];
    });
  }

  /**
   * Whether a path leads to a group or a dataset.
   *
   * @throws Error where it leads to neither; for a link, the message says where it points.
   */
  #kind(file: bigint, path: string): number {
    const library = this.#library;
    let reason = 'it is neither a group nor a dataset';
    try {
      const kind = this.#checked(() => library.get_type(file, path));
      if (kind === library.H5G_GROUP || kind === library.H5G_DATASET) return kind;
    } catch (error) {
      reason = (error as Error).message;
      if (this.#isBroken) throw error;
    }
    const { filename, obj_path } = this.#checked(() => library.get_external_link(file, path));
    if (filename !== undefined)
      throw new Error(`it is a link to ${obj_path} in another file, ${filename}`);
    const target = this.#checked(() => library.get_symbolic_link(file, path));
    throw new Error(target === null ? reason : `it is a link to ${target}, which does not exist`);
  }

  #info(file: bigint, path: string): ObjectInfo {
    const library = this.#library;
    try {
      const kind = this.#kind(file, path);
      const reference = this.#checked(() => library.create_object_reference(file, path));
      const address = [...reference].join(' ');
      const attributes = this.#attributes(file, path);
      if (kind === library.H5G_GROUP) return { kind: 'group', address, attributes };
      const metadata = this.#checked(() => library.get_dataset_metadata(file, path));
      const filters = metadata.chunks
        ? this.#checked(() => library.get_dataset_filters(file, path)).length
        : 0;
      return { kind: 'dataset', address, attributes, metadata, filters };
    } catch (error) {
      if (this.#isBroken) throw error;
      return { kind: 'unreadable', reason: (error as Error).message };
    }
  }

  #read(file: bigint, request: LibraryRequest & { operation: 'read' }): StoredValues {
    const library = this.#library;
    const { path, metadata } = request;
    const [offset, count] = [request.offset.map(BigInt), request.count.map(BigInt)];
    const size = request.count.reduce((product, n) => product * n, 1);
    if (count.length === 0) {
      return this.#values(
        metadata,
        size,
        (pointer) => library.get_dataset_data(file, path, null, null, null, pointer),
        (pointer) => library.reclaim_vlen_memory(file, path, '', pointer),
      );
    }
    const strides = count.map(() => 1n);
    return this.#values(
      metadata,
      size,
      (pointer) => library.get_dataset_data(file, path, count, offset, strides, pointer),
      (pointer) => library.reclaim_vlen_memory_count(file, path, '', pointer, count),
    );
  }
}

/**
 * The reason of a failure from what the library printed: a stack of errors, of which the deepest
 * says what is wrong.
 */
function parseReason(printed: string): string {
  const [, filter] = /required filter '(.*)' is not registered/.exec(printed) ?? [];
  if (filter !== undefined)
    return `it is compressed with ${filter}, which is not supported: save it with gzip or uncompressed`;
  if (/truncated file/.test(printed)) return 'it is cut short';
  const reason = [...printed.matchAll(/ line \d+ in \w+\(\): (.+)/g)].at(-1)?.[1];
  if (reason === undefined) return 'it is damaged';
  if (reason === 'file signature not found') return 'it is not an HDF5 file';
  return `it is damaged or of an unsupported kind (HDF5 says "${reason}")`;
}

/** Size of a cached block. The library reads a file's metadata in many small pieces. */
const BLOCK_BYTES = 2 ** 16;
const MAX_BLOCKS = 64;

/** Caches the blocks of files that were used last. Long reads bypass the cache. */
export class BlockCache {
  readonly #blocks = new Map<string, Uint8Array>();

  /** @param read reads `length` bytes at `offset` of the file `id`, all within the file. */
  constructor(readonly read: (id: number, offset: number, length: number) => Uint8Array) {}

  /** Reads bytes of a file, all within the file, through the cache. */
  bytes({ id, size }: LibraryFile, offset: number, length: number): Uint8Array {
    if (length > 4 * BLOCK_BYTES) return this.read(id, offset, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const position = offset + done;
      const start = position - (position % BLOCK_BYTES);
      const block = this.#block(id, start, Math.min(BLOCK_BYTES, size - start));
      const part = block.subarray(position - start, position - start + length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return bytes;
  }

  /** Drops the blocks of a file. */
  drop(id: number): void {
    for (const key of [...this.#blocks.keys()])
      if (key.startsWith(`${id} `)) this.#blocks.delete(key);
  }

  #block(id: number, start: number, length: number): Uint8Array {
    const key = `${id} ${start}`;
    const block = this.#blocks.get(key) ?? this.read(id, start, length);
    // The map keeps the order of insertion: the block used last is at its end.
    this.#blocks.delete(key);
    this.#blocks.set(key, block);
    if (this.#blocks.size > MAX_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value!);
    return block;
  }
}

/**
 * The HDF5 library (h5wasm) as something that answers questions about files, and that may hang or break at a damaged one:
 * `thread.ts` asks it on a thread of its own, where that does no harm.
 */

import type { Metadata, ready } from 'h5wasm';
import { textFrom } from './text.js';

export type Library = Awaited<typeof ready>;

/** Reads bytes of the file that a question is about. @throws Error with the reason where they cannot be read. */
export type ReadBytes = (offset: number, length: number) => Uint8Array;

/** The file a question is about. */
export interface QuestionedFile {
  /** A number that no other file had before. */
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  /** Bytes of memory the library may take for it. */
  readonly memory: number;
}

export type Question = { readonly file: QuestionedFile } & (
  | { readonly ask: 'names'; readonly path: string }
  | { readonly ask: 'describe'; readonly paths: readonly string[] }
  | {
      readonly ask: 'read';
      readonly path: string;
      readonly metadata: Pick<Metadata, 'size' | 'vlen'>;
      readonly offset: readonly number[];
      readonly count: readonly number[];
    }
  | { readonly ask: 'close' }
);

/** Bytes, least significant first, or texts where these have no fixed length. */
export type StoredValues = Uint8Array | string[];

export interface StoredAttribute {
  readonly name: string;
  readonly metadata: Metadata;
  readonly values: StoredValues;
}

/** What a name leads to. The address tells whether two names lead to the same. */
export type ObjectInfo =
  | { kind: 'group'; address: string; attributes: StoredAttribute[] }
  | {
      kind: 'dataset';
      address: string;
      attributes: StoredAttribute[];
      metadata: Metadata;
      filters: number;
    }
  | { kind: 'refused'; reason: string };

/**
 * What came of a question. `mustRecycle` where the library's memory has grown, which never shrinks, or where it keeps a
 * little of every failure; `broken` where it cannot go on.
 */
export type Answer = ({ readonly value: unknown } | { readonly reason: string }) & {
  readonly mustRecycle: boolean;
  readonly broken: boolean;
};

/** A failed call keeps a little of the library's stack. */
const MAX_FAILURES = 500;
const MAX_LIBRARY_BYTES = 2 ** 29;
/** Attributes larger than this say nothing of an array. */
const MAX_ATTRIBUTE_BYTES = 2 ** 24;
/** POSIX error number: input/output error. */
const EIO = 29;

/** As much of Emscripten's file system as is used here, which h5wasm's types leave out. */
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
 * A session with the library: its files are read through `readBytes`, it prints nothing, opens nothing else, and its memory
 * grows no further than each question allows.
 */
export class LibrarySession {
  readonly #library: Library;
  readonly #readBytes: ReadBytes;
  readonly #open = new Map<number, bigint>();
  /** The file of the question that is being answered, and the memory it allows. */
  #file: QuestionedFile = { id: -1, size: 0, memory: 0 };
  /** What the library printed of errors during one call. */
  #printed = '';
  #failures = 0;
  /** Whether it was denied memory, and why a read of its file failed. */
  #wasDeniedMemory = false;
  #readFailure: string | undefined;
  #isBroken = false;

  /** @param readBytes reads the file of the question that is being answered. */
  constructor(library: Library, readBytes: ReadBytes) {
    this.#library = library;
    this.#readBytes = readBytes;
    const disk = library.FS as unknown as VirtualDisk;
    disk.write = ({ fd }, buffer, offset, length) => {
      if (fd > 2) throw new disk.ErrnoError(EIO);
      this.#printed += textFrom(new Uint8Array(buffer.buffer, offset, length).slice());
      return length;
    };
    this.#limitMemory();
  }

  answer(question: Question): Answer {
    let result: { value: unknown } | { reason: string };
    this.#file = question.file;
    try {
      result = { value: this.#result(question) };
    } catch (error) {
      result = { reason: (error as Error).message };
    }
    const mustRecycle =
      this.#failures > MAX_FAILURES || this.#library.HEAPU8.length > MAX_LIBRARY_BYTES;
    return { ...result, mustRecycle, broken: this.#isBroken };
  }

  #result(question: Question): unknown {
    if (question.ask === 'close') return this.#close(question.file.id);
    const file = this.#handle();
    if (question.ask === 'describe') return question.paths.map((path) => this.#info(file, path));
    if (question.ask === 'read') return this.#read(file, question);
    return this.#checked(() => this.#library.get_names(file, question.path, false));
  }

  /** The library learns that memory is short as on any computer that is full. */
  #limitMemory(): void {
    const session = this;
    const { grow } = WebAssembly.Memory.prototype;
    WebAssembly.Memory.prototype.grow = function (pages) {
      if (this.buffer !== session.#library.HEAPU8.buffer) return grow.call(this, pages);
      session.#wasDeniedMemory = true;
      const bytes = this.buffer.byteLength + Number(pages) * 65536;
      if (bytes > session.#file.memory) throw new RangeError('the file needs too much memory');
      const before = grow.call(this, pages);
      session.#wasDeniedMemory = false;
      return before;
    };
  }

  /** One call of the library, which has failed where it breaks, prints an error, or `failed` says so. */
  #checked<T>(call: () => T, failed: (result: T) => boolean = () => this.#printed !== ''): T {
    this.#printed = '';
    this.#wasDeniedMemory = false;
    this.#readFailure = undefined;
    try {
      const result = call();
      if (!failed(result)) return result;
    } catch (error) {
      this.#isBroken ||= error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    }
    this.#failures += 1;
    if (this.#readFailure !== undefined) throw new Error(this.#readFailure);
    if (this.#wasDeniedMemory)
      throw new Error('it needs more memory at once than there is, or is damaged');
    throw new Error(reasonIn(this.#printed));
  }

  #path(id: number): string {
    return `/${id}.h5`;
  }

  /** The library's handle of the questioned file, which is opened on first use. */
  #handle(): bigint {
    const { id, size } = this.#file;
    const known = this.#open.get(id);
    if (known !== undefined) return known;
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
      this.#open.set(id, file);
      return file;
    } catch (error) {
      disk.unlink(this.#path(id));
      throw error;
    }
  }

  #close(id: number): void {
    const file = this.#open.get(id);
    this.#open.delete(id);
    if (file === undefined) return;
    // What cannot be closed stays in the library's memory until that is made anew.
    if (this.#library.close_file(file) < 0) this.#failures = Number.POSITIVE_INFINITY;
    (this.#library.FS as unknown as VirtualDisk).unlink(this.#path(id));
  }

  /** Values that one call writes from an address on, and another gives back where they are texts. */
  #values(
    { size, vlen }: Pick<Metadata, 'size' | 'vlen'>,
    count: number,
    read: (pointer: bigint) => number,
    giveBack: (pointer: bigint) => number,
  ): StoredValues {
    const library = this.#library;
    const pointer = library._malloc(size * count);
    if (pointer === 0) throw new Error('it needs more memory than there is');
    try {
      library.HEAPU8.fill(0, pointer, pointer + size * count);
      // It may print complaints of what it then does not need. Texts of a failed read are not given back: they may be none.
      this.#checked(
        () => read(BigInt(pointer)),
        (status) => status < 0,
      );
      const bytes = library.HEAPU8.slice(pointer, pointer + size * count);
      if (!vlen) return bytes;
      const texts = [...new Uint32Array(bytes.buffer)].map((at) =>
        at === 0 ? '' : textFrom(library.HEAPU8.subarray(at, library.HEAPU8.indexOf(0, at))),
      );
      this.#checked(() => giveBack(BigInt(pointer)));
      return texts;
    } finally {
      library._free(pointer);
    }
  }

  /** Attributes that are numbers and texts; references, records and the like are of no use here. */
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

  /** Whether a name leads to a group or an array; of a link that leads to neither, the error says where it should. */
  #kind(file: bigint, path: string): number {
    const library = this.#library;
    let reason = 'it is neither a group nor an array';
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
    throw new Error(target === null ? reason : `it is a link to ${target}, which leads nowhere`);
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
      return { kind: 'refused', reason: (error as Error).message };
    }
  }

  #read(file: bigint, question: Question & { ask: 'read' }): StoredValues {
    const library = this.#library;
    const { path, metadata } = question;
    const [offset, count] = [question.offset.map(BigInt), question.count.map(BigInt)];
    const size = question.count.reduce((product, n) => product * n, 1);
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

/** The reason in what the library printed: the deepest of its errors says what is wrong, the others in doing what. */
function reasonIn(printed: string): string {
  const [, filter] = /required filter '(.*)' is not registered/.exec(printed) ?? [];
  if (filter !== undefined)
    return `it is packed with ${filter}, which cannot be unpacked here: save it with gzip or unpacked`;
  if (/truncated file/.test(printed)) return 'it is cut short';
  const reason = [...printed.matchAll(/ line \d+ in \w+\(\): (.+)/g)].at(-1)?.[1];
  if (reason === undefined) return 'it is damaged';
  if (reason === 'file signature not found') return 'it is not an HDF5 file';
  return `it is damaged, or of a kind that cannot be read (HDF5 says "${reason}")`;
}

/** Bytes kept of what was read last, in blocks: the library asks for its metadata in many small pieces. */
const BLOCK_BYTES = 2 ** 16;
const MAX_BLOCKS = 64;

/** Reads in whole blocks, the last of which are kept; what is longer than some blocks is read as it is. */
export class BlockCache {
  readonly #blocks = new Map<string, Uint8Array>();

  /** @param read reads `length` bytes from `offset` of the file called `id`, all of which are there. */
  constructor(readonly read: (id: number, offset: number, length: number) => Uint8Array) {}

  bytes({ id, size }: QuestionedFile, offset: number, length: number): Uint8Array {
    if (length > 4 * BLOCK_BYTES) return this.read(id, offset, length);
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const place = offset + at;
      const start = place - (place % BLOCK_BYTES);
      const block = this.#block(id, start, Math.min(BLOCK_BYTES, size - start));
      const part = block.subarray(place - start, place - start + length - at);
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** Forgets a file. */
  drop(id: number): void {
    for (const key of [...this.#blocks.keys()])
      if (key.startsWith(`${id} `)) this.#blocks.delete(key);
  }

  #block(id: number, start: number, length: number): Uint8Array {
    const key = `${id} ${start}`;
    const block = this.#blocks.get(key) ?? this.read(id, start, length);
    // The one used last stands at the end.
    this.#blocks.delete(key);
    this.#blocks.set(key, block);
    if (this.#blocks.size > MAX_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value!);
    return block;
  }
}

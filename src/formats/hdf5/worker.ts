/**
 * The HDF5 library (h5wasm) on a thread of its own, where it may hang or break without harm; hdf5-file.ts asks it.
 *
 * The functions here go to that thread as text, so that no file has to be found for it: they may name one another and
 * JavaScript's own objects, but nothing else from outside of them, save types.
 */

import type { Metadata, ready } from 'h5wasm/node';

type Library = Awaited<typeof ready>;

/** The file a question is about. */
export interface Source {
  readonly path: string;
  /** The path, a zero, and what tells this state of the file from what the path may hold at other times. */
  readonly key: string;
  /** Bytes the library may take for it. */
  readonly memory: number;
}

export type Question = { readonly source: Source } & (
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
export type Stored = Uint8Array | string[];

export interface StoredAttribute {
  readonly name: string;
  readonly metadata: Metadata;
  readonly values: Stored;
}

/** What a name leads to. The address tells whether two names lead to the same. */
export type Described =
  | { kind: 'group'; address: string; attributes: StoredAttribute[] }
  | {
      kind: 'dataset';
      address: string;
      attributes: StoredAttribute[];
      metadata: Metadata;
      filters: number;
    }
  | { kind: 'refused'; reason: string };

/** The thread is worn where its memory has grown, which never shrinks; broken where the library cannot go on. */
export type Answer = ({ readonly value: unknown } | { readonly reason: string }) & {
  readonly worn: boolean;
  readonly broken: boolean;
};

/** What the thread keeps in mind. */
interface Session {
  readonly hdf5: Library;
  readonly files: Map<string, bigint>;
  /** The only file it may open, and the most memory it may take. */
  path: string;
  memory: number;
  /** What the library printed of errors during one call; it is silent otherwise. */
  words: string;
  failures: number;
  /** Whether it was denied memory. */
  full: boolean;
  broken: boolean;
}

/** Letters up to the first zero: UTF-8, or Latin-1 where they are none. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const letters = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(letters);
  } catch {
    return new TextDecoder('latin1').decode(letters);
  }
}

/**
 * A session whose library prints nothing, opens no file but the one asked for (which could name others), and grows no
 * further than it may.
 */
function sessionOf(library: Library): Session {
  const session: Session = {
    hdf5: library,
    files: new Map(),
    path: '',
    memory: 0,
    words: '',
    failures: 0,
    full: false,
    broken: false,
  };
  const disk = library.FS as unknown as {
    write(stream: { fd: number }, buffer: Int8Array, offset: number, length: number): number;
    open(path: string, ...args: unknown[]): unknown;
    ErrnoError: new (code: number) => Error;
  };
  const { open } = disk;
  const denied = 2;
  disk.write = ({ fd }, buffer, offset, length) => {
    if (fd > 2) throw new disk.ErrnoError(denied);
    session.words += textOf(new Uint8Array(buffer.buffer, offset, length).slice());
    return length;
  };
  disk.open = (path, ...args) => {
    if (path !== session.path) throw new disk.ErrnoError(denied);
    return open(path, ...args);
  };
  const { grow } = WebAssembly.Memory.prototype;
  WebAssembly.Memory.prototype.grow = function (pages) {
    // Thrown here or by the memory itself, the library learns of it as of any computer that is full.
    session.full = true;
    if (this.buffer.byteLength + pages * 65536 > session.memory) throw new RangeError('too much');
    const before = grow.call(this, pages);
    session.full = false;
    return before;
  };
  return session;
}

/** One call of the library, which has failed where it breaks, prints an error, or `failed` says so. */
function checked<T>(
  session: Session,
  call: () => T,
  failed: (result: T) => boolean = () => session.words !== '',
): T {
  session.words = '';
  session.full = false;
  try {
    const result = call();
    if (!failed(result)) return result;
  } catch (error) {
    session.broken ||= error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  }
  session.failures += 1;
  if (session.full) throw new Error('it needs more memory at once than there is, or is damaged');
  throw new Error(sentenceOf(session.words));
}

/** What the library printed, in a sentence: the deepest of its errors says what is wrong, the others in doing what. */
function sentenceOf(words: string): string {
  const [, filter] = /required filter '(.*)' is not registered/.exec(words) ?? [];
  if (filter !== undefined)
    return `it is packed with ${filter}, which cannot be unpacked here: save it with gzip or unpacked`;
  if (/truncated file/.test(words)) return 'it is cut short';
  const reason = [...words.matchAll(/ line \d+ in \w+\(\): (.+)/g)].at(-1)?.[1];
  if (reason === undefined) return 'it is damaged';
  if (reason === 'file signature not found') return 'it is no HDF5 file';
  return `it is damaged, or of a kind that cannot be read (HDF5 says "${reason}")`;
}

function closeFile(session: Session, key: string): void {
  const file = session.files.get(key);
  session.files.delete(key);
  if (file === undefined) return;
  // What cannot be closed is still there when the file is opened anew: a new thread must do that.
  const closed = session.hdf5.close_file(file) >= 0;
  if (!closed) session.failures = Number.POSITIVE_INFINITY;
}

function fileOf(session: Session, { path, key, memory }: Source): bigint {
  session.path = path;
  session.memory = memory;
  const known = session.files.get(key);
  if (known !== undefined) return known;
  // The library would take a file that was written anew for the one it still has open.
  for (const other of session.files.keys())
    if (other.startsWith(`${path}\0`)) closeFile(session, other);
  const { hdf5: library } = session;
  const file = checked(session, () => library.open(path, library.H5F_ACC_RDONLY, false, -1, -1));
  session.files.set(key, file);
  return file;
}

/** Values that one call of the library writes from an address on, and another gives back where they are texts. */
function valuesOf(
  session: Session,
  { size, vlen }: Pick<Metadata, 'size' | 'vlen'>,
  count: number,
  read: (pointer: bigint) => number,
  giveBack: (pointer: bigint) => number,
): Stored {
  const { hdf5: library } = session;
  const pointer = library._malloc(size * count);
  if (pointer === 0) throw new Error('it needs more memory than there is');
  try {
    library.HEAPU8.fill(0, pointer, pointer + size * count);
    // It may grumble at what it then does not need. Texts of a read that failed are not given back: they may be none.
    checked(
      session,
      () => read(BigInt(pointer)),
      (status) => status < 0,
    );
    const bytes = library.HEAPU8.slice(pointer, pointer + size * count);
    if (!vlen) return bytes;
    const texts = [...new Uint32Array(bytes.buffer)].map((at) =>
      at === 0 ? '' : textOf(library.HEAPU8.subarray(at, library.HEAPU8.indexOf(0, at))),
    );
    checked(session, () => giveBack(BigInt(pointer)));
    return texts;
  } finally {
    library._free(pointer);
  }
}

/** Numbers and texts; what else there is (references, records, ...) says nothing to us. */
function attributesOf(session: Session, file: bigint, path: string): StoredAttribute[] {
  const { hdf5: library } = session;
  const found: StoredAttribute[] = [];
  for (const name of checked(session, () => library.get_attribute_names(file, path))) {
    const metadata = checked(session, () => library.get_attribute_metadata(file, path, name));
    const { type, size, shape } = metadata;
    const { H5T_INTEGER, H5T_FLOAT, H5T_STRING, H5T_ENUM } = library.H5T_class_t;
    if (![H5T_INTEGER, H5T_FLOAT, H5T_STRING, H5T_ENUM].some(({ value }) => value === type))
      continue;
    const count = (shape ?? [0]).reduce((product, n) => product * n, 1);
    if (count === 0 || count * size > 2 ** 24) continue;
    const values = valuesOf(
      session,
      metadata,
      count,
      (pointer) => library.get_attribute_data(file, path, name, pointer),
      (pointer) => library.reclaim_vlen_memory(file, path, name, pointer),
    );
    found.push({ name, metadata, values });
  }
  return found;
}

/** Whether a name leads to a group or an array; of a link that leads to neither, the error says where it should. */
function kindOf(session: Session, file: bigint, path: string): number {
  const { hdf5: library } = session;
  let reason = 'it is neither a group nor an array';
  try {
    const kind = checked(session, () => library.get_type(file, path));
    if (kind === library.H5G_GROUP || kind === library.H5G_DATASET) return kind;
  } catch (error) {
    reason = (error as Error).message;
    if (session.broken) throw error;
  }
  const { filename, obj_path } = checked(session, () => library.get_external_link(file, path));
  if (filename !== undefined)
    throw new Error(`it is a link to ${obj_path} in another file, ${filename}`);
  const target = checked(session, () => library.get_symbolic_link(file, path));
  throw new Error(target === null ? reason : `it is a link to ${target}, which leads nowhere`);
}

function describe(session: Session, file: bigint, path: string): Described {
  const { hdf5: library } = session;
  const ask = <T>(call: () => T) => checked(session, call);
  try {
    const kind = kindOf(session, file, path);
    const address = [...ask(() => library.create_object_reference(file, path))].join(' ');
    const attributes = attributesOf(session, file, path);
    if (kind === library.H5G_GROUP) return { kind: 'group', address, attributes };
    const metadata = ask(() => library.get_dataset_metadata(file, path));
    const filters = metadata.chunks ? ask(() => library.get_dataset_filters(file, path)).length : 0;
    return { kind: 'dataset', address, attributes, metadata, filters };
  } catch (error) {
    if (session.broken) throw error;
    return { kind: 'refused', reason: (error as Error).message };
  }
}

function read(session: Session, file: bigint, question: Question & { ask: 'read' }): Stored {
  const { hdf5: library } = session;
  const { path, metadata } = question;
  const [offset, count] = [question.offset.map(BigInt), question.count.map(BigInt)];
  const size = question.count.reduce((product, n) => product * n, 1);
  if (count.length === 0) {
    return valuesOf(
      session,
      metadata,
      size,
      (pointer) => library.get_dataset_data(file, path, null, null, null, pointer),
      (pointer) => library.reclaim_vlen_memory(file, path, '', pointer),
    );
  }
  const strides = count.map(() => 1n);
  return valuesOf(
    session,
    metadata,
    size,
    (pointer) => library.get_dataset_data(file, path, count, offset, strides, pointer),
    (pointer) => library.reclaim_vlen_memory_count(file, path, '', pointer, count),
  );
}

function resultOf(session: Session, question: Question): unknown {
  const { source, ask } = question;
  if (ask === 'close') return closeFile(session, source.key);
  const file = fileOf(session, source);
  if (ask === 'describe') return question.paths.map((path) => describe(session, file, path));
  if (ask === 'read') return read(session, file, question);
  return checked(session, () => session.hdf5.get_names(file, question.path, false));
}

function answerTo(session: Session, question: Question): Answer {
  let result: { value: unknown } | { reason: string };
  try {
    result = { value: resultOf(session, question) };
  } catch (error) {
    result = { reason: (error as Error).message };
  }
  // A failed call keeps a little of the stack.
  const worn = session.failures > 500 || session.hdf5.HEAPU8.length > 2 ** 29;
  return { ...result, worn, broken: session.broken };
}

/** Answers questions for ever. The bell is 0 while it waits for one, and is set to 1 by who has sent one. */
function serve(
  library: Library,
  bell: Int32Array,
  port: MessagePort,
  receive: (port: MessagePort) => { message: Question } | undefined,
): void {
  const session = sessionOf(library);
  for (;;) {
    Atomics.store(bell, 0, 0);
    Atomics.notify(bell, 0);
    let question = receive(port);
    for (; question === undefined; question = receive(port)) Atomics.wait(bell, 0, 0);
    const answer = answerTo(session, question.message);
    const bytes = 'value' in answer && answer.value instanceof Uint8Array ? [answer.value] : [];
    port.postMessage(
      answer,
      bytes.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }
}

const FUNCTIONS = [
  textOf,
  sessionOf,
  checked,
  sentenceOf,
  closeFile,
  fileOf,
  valuesOf,
  attributesOf,
  kindOf,
  describe,
  read,
  resultOf,
  answerTo,
  serve,
];

/**
 * The program of the thread, which finds its library, bell and port in workerData. A thread that prints keeps the
 * process from ending: it prints nothing.
 */
export const PROGRAM = `
console.log = console.warn = console.error = () => {};
const { receiveMessageOnPort, workerData } = require('node:worker_threads');
${FUNCTIONS.join('\n')}
import(workerData.hdf5)
  .then(({ ready }) => ready)
  .then((library) => serve(library, workerData.bell, workerData.port, receiveMessageOnPort));
`;

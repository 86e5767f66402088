/** Where a run keeps its files: a folder on disk, the browser's file system (OPFS), or memory. */

import { bytesOf } from './byte-source.js';
import { FileError } from './errors.js';

/**
 * Files by path, with `/` between folders. `write` is atomic: a reader finds the old or the new
 * contents of a file, also after a crash, and never a part of them.
 */
export interface RunStore {
  /** What messages call the store. */
  readonly name: string;
  /**
   * Writes a file, replacing its previous contents.
   *
   * @throws FileError where it cannot be written.
   */
  write(path: string, data: Uint8Array | string): Promise<void>;
  /**
   * Writes files that belong together, and removes others, as one change: where it fails, nothing
   * has changed, and a crash leaves the old or the new files, never some of each. In a browser, a
   * crash while the files are replaced may still leave some of each.
   *
   * @param files contents by path.
   * @param removed paths of files that are no longer among them.
   * @throws FileError where a file cannot be written.
   */
  writeTogether(files: FileContents, removed?: readonly string[]): Promise<void>;
  /** Appends a line to a file. @throws FileError where it cannot be written. */
  append(path: string, line: string): Promise<void>;
  /**
   * A file's bytes; undefined where there is no file.
   *
   * @throws FileError where it cannot be read.
   */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /**
   * Names of the files and folders at the top of the store, sorted; empty before the first write.
   */
  list(): Promise<string[]>;
  /**
   * Removes a file, or a folder with its contents; does nothing where it does not exist.
   *
   * @throws FileError where it cannot be removed.
   */
  remove(path: string): Promise<void>;
  /**
   * Keeps other processes, pages and calls from training into the store, until it is released. A
   * lock whose process has ended is taken over.
   *
   * @throws FileError where the store is locked, with the words for whoever holds it.
   */
  lock(): Promise<StoreLock>;
  /** The store of a folder inside this one. */
  within(folder: string): RunStore;
}

/** Contents of files, by path. */
export type FileContents = Readonly<Record<string, Uint8Array | string>>;

/** A lock on a store. */
export interface StoreLock {
  /** What happened to an earlier lock, as a sentence; absent if there was none. */
  readonly note?: string;
  /** Unlocks the store. */
  release(): Promise<void>;
}

/**
 * A file's text; undefined where there is no file.
 *
 * @throws FileError where it cannot be read.
 */
export async function readText(store: RunStore, path: string): Promise<string | undefined> {
  const bytes = await store.read(path);
  return bytes && new TextDecoder().decode(bytes);
}

/**
 * Protects existing results from being overwritten.
 *
 * @param force allows a store that is not empty.
 * @throws FileError where the store is not empty.
 */
export async function expectEmpty(store: RunStore, force = false): Promise<void> {
  if (force || (await store.list()).length === 0) return;
  throw new FileError(
    `${store.name} is not empty: choose another folder, or set force (--force on the command line) to write into it anyway.`,
  );
}

/**
 * The error of a store that is locked.
 *
 * @param store its name.
 * @param holder whoever trains into it.
 * @param addition a further sentence. Default: none.
 */
export function lockedError(store: string, holder: string, addition = ''): FileError {
  return new FileError(
    `${store} is in use: ${holder} trains into it. Wait for it to end, stop it, or choose another folder.${addition && ` ${addition}`}`,
  );
}

/**
 * A store in memory, which is lost when the program ends.
 *
 * @param name what messages call it.
 */
export function memoryStore(name = 'memory'): RunStore {
  return new MemoryStore(name, '', new Map(), new Set());
}

class MemoryStore implements RunStore {
  readonly name: string;
  readonly #prefix: string;
  readonly #files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Prefixes of the stores that are locked. */
  readonly #locked: Set<string>;

  constructor(
    name: string,
    prefix: string,
    files: Map<string, Uint8Array<ArrayBuffer>>,
    locked: Set<string>,
  ) {
    this.name = name;
    this.#prefix = prefix;
    this.#files = files;
    this.#locked = locked;
  }

  async write(path: string, data: Uint8Array | string): Promise<void> {
    // A copy: slice() of a Node Buffer would share its memory.
    this.#files.set(this.#prefix + path, new Uint8Array(bytesOf(data)));
  }

  async writeTogether(files: FileContents, removed: readonly string[] = []): Promise<void> {
    for (const [path, data] of Object.entries(files)) await this.write(path, data);
    for (const path of removed) await this.remove(path);
  }

  async append(path: string, line: string): Promise<void> {
    const before = this.#files.get(this.#prefix + path) ?? new Uint8Array();
    const added = new TextEncoder().encode(`${line}\n`);
    const bytes = new Uint8Array(before.length + added.length);
    bytes.set(before);
    bytes.set(added, before.length);
    this.#files.set(this.#prefix + path, bytes);
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#files.get(this.#prefix + path)?.slice();
  }

  async list(): Promise<string[]> {
    const paths = [...this.#files.keys()].filter((path) => path.startsWith(this.#prefix));
    const names = paths.map((path) => path.slice(this.#prefix.length).split('/')[0]!);
    return [...new Set(names)].sort();
  }

  async remove(path: string): Promise<void> {
    const removed = this.#prefix + path;
    for (const file of [...this.#files.keys()])
      if (file === removed || file.startsWith(`${removed}/`)) this.#files.delete(file);
  }

  async lock(): Promise<StoreLock> {
    if (this.#locked.has(this.#prefix)) throw lockedError(this.name, 'another call');
    this.#locked.add(this.#prefix);
    return { release: async () => void this.#locked.delete(this.#prefix) };
  }

  within(folder: string): RunStore {
    const prefix = `${this.#prefix}${folder}/`;
    return new MemoryStore(`${this.name}/${folder}`, prefix, this.#files, this.#locked);
  }
}

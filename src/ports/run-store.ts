/** Where a run keeps its files: a folder on disk, the browser's own file system, or memory. */

import { FileError } from './errors.js';

/** Files and folders by path; a reader, or a crash at any moment, finds a file as it was or as it is, never half of it. */
export interface RunStore {
  /** What messages call it. */
  readonly name: string;
  /** Writes a file whole, in place of what was there. @throws FileError where it cannot be written. */
  write(path: string, data: Uint8Array | string): Promise<void>;
  /** Adds a line at the end of a file. @throws FileError where it cannot be written. */
  append(path: string, line: string): Promise<void>;
  /** A file's bytes; undefined where there is none. @throws FileError where it cannot be read. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Names of the files and folders in it, sorted; none where nothing was written yet. */
  list(): Promise<string[]>;
  /** Removes a file, or a folder with all it holds, where it is there. @throws FileError where that is not allowed. */
  remove(path: string): Promise<void>;
  /** The store of a folder in it. */
  within(folder: string): RunStore;
}

/** A file's text; undefined where there is none. @throws FileError where it cannot be read. */
export async function readText(store: RunStore, path: string): Promise<string | undefined> {
  const bytes = await store.read(path);
  return bytes && new TextDecoder().decode(bytes);
}

/**
 * Makes sure that new results replace nothing.
 *
 * @throws FileError where the store holds something and `force` does not allow to write into it.
 */
export async function expectEmpty(store: RunStore, force = false): Promise<void> {
  if (force || (await store.list()).length === 0) return;
  throw new FileError(
    `${store.name} holds something already: name another folder, or say --force to write into it.`,
  );
}

/** A store that lasts as long as the program. */
export function memoryStore(name = 'memory'): RunStore {
  return new MemoryStore(name, '', new Map());
}

class MemoryStore implements RunStore {
  readonly name: string;
  readonly #prefix: string;
  readonly #files: Map<string, Uint8Array<ArrayBuffer>>;

  constructor(name: string, prefix: string, files: Map<string, Uint8Array<ArrayBuffer>>) {
    this.name = name;
    this.#prefix = prefix;
    this.#files = files;
  }

  async write(path: string, data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data.slice();
    this.#files.set(this.#prefix + path, bytes as Uint8Array<ArrayBuffer>);
  }

  async append(path: string, line: string): Promise<void> {
    const before = this.#files.get(this.#prefix + path) ?? new Uint8Array();
    const after = new TextEncoder().encode(`${line}\n`);
    const both = new Uint8Array(before.length + after.length);
    both.set(before);
    both.set(after, before.length);
    this.#files.set(this.#prefix + path, both);
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#files.get(this.#prefix + path)?.slice();
  }

  async list(): Promise<string[]> {
    const inside = [...this.#files.keys()].filter((path) => path.startsWith(this.#prefix));
    return [
      ...new Set(inside.map((path) => path.slice(this.#prefix.length).split('/')[0]!)),
    ].sort();
  }

  async remove(path: string): Promise<void> {
    const whole = this.#prefix + path;
    for (const file of [...this.#files.keys()])
      if (file === whole || file.startsWith(`${whole}/`)) this.#files.delete(file);
  }

  within(folder: string): RunStore {
    return new MemoryStore(`${this.name}/${folder}`, `${this.#prefix}${folder}/`, this.#files);
  }
}

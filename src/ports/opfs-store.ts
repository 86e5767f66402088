/**
 * A run store in the origin private file system (OPFS, https://fs.spec.whatwg.org) of a browser.
 * It survives reloads and needs no permission. It works in a page and, better, in a worker.
 */

import { FileError, reasonFor } from './errors.js';
import { type FileContents, lockedError, type RunStore, type StoreLock } from './run-store.js';

/**
 * The store of a folder in the origin private file system. The folder is created with its first
 * file.
 *
 * @param path folder names joined by slashes, such as 'runs/first'.
 */
export function opfsStore(path: string): RunStore {
  return new OpfsStore(path.split('/').filter((part) => part !== ''));
}

class OpfsStore implements RunStore {
  readonly name: string;
  readonly #parts: readonly string[];

  constructor(parts: readonly string[]) {
    this.name = parts.join('/');
    this.#parts = parts;
  }

  write(path: string, data: Uint8Array | string): Promise<void> {
    return this.writeTogether({ [path]: data });
  }

  /** The browser copies each file on opening, and replaces it when the copy is closed. */
  async writeTogether(files: FileContents, removed: readonly string[] = []): Promise<void> {
    const discard: (() => Promise<void>)[] = [];
    const replace: (() => Promise<void>)[] = [];
    try {
      for (const [path, data] of Object.entries(files)) {
        await this.#attempt(path, 'written', 'Its previous contents are unchanged.', async () => {
          const isNew = (await this.#file(path, false)) === undefined;
          if (isNew) discard.push(() => this.remove(path));
          const file = await this.#file(path);
          const copy = await file!.createWritable();
          discard.unshift(() => copy.abort());
          await copy.write(data as Uint8Array<ArrayBuffer> | string);
          replace.push(() => this.#attempt(path, 'written', undefined, () => copy.close()));
        });
      }
    } catch (error) {
      for (const step of discard) await step().catch(() => {});
      throw error;
    }
    for (const step of replace) await step();
    for (const path of removed) await this.remove(path);
  }

  async append(path: string, line: string): Promise<void> {
    await this.#attempt(path, 'written', undefined, async () => {
      const file = await this.#file(path);
      const { size } = await file!.getFile();
      const writable = await file!.createWritable({ keepExistingData: true });
      await replaceFile(writable, { type: 'write', position: size, data: `${line}\n` });
    });
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#attempt(path, 'read', undefined, async () => {
      const file = await this.#file(path, false);
      return file && new Uint8Array(await (await file.getFile()).arrayBuffer());
    });
  }

  list(): Promise<string[]> {
    return this.#attempt('', 'read', undefined, async () => {
      const folder = await this.#folder(this.#parts, false);
      const names: string[] = [];
      if (folder) for await (const name of folder.keys()) names.push(name);
      return names.sort();
    });
  }

  async remove(path: string): Promise<void> {
    await this.#attempt(path, 'removed', undefined, async () => {
      const [folders, name] = this.#split(path);
      const folder = await this.#folder(folders, false);
      await folder?.removeEntry(name, { recursive: true }).catch(undefinedIfMissing);
    });
  }

  lock(): Promise<StoreLock> {
    return new Promise((resolve, reject) => {
      const request = navigator.locks.request(
        `neuroformer ${this.name}`,
        { ifAvailable: true },
        (lock) => {
          if (!lock) throw lockedError(this.name, 'another page or worker');
          return new Promise<void>((unlock) => {
            const release = async () => {
              unlock();
              await request;
            };
            resolve({ release });
          });
        },
      );
      request.catch(reject);
    });
  }

  within(folder: string): RunStore {
    return new OpfsStore([...this.#parts, ...folder.split('/')]);
  }

  #split(path: string): [folders: string[], name: string] {
    const parts = [...this.#parts, ...path.split('/')];
    return [parts.slice(0, -1), parts.at(-1)!];
  }

  /** The handle of a file; undefined where it does not exist and `create` is false. */
  async #file(path: string, create = true): Promise<FileSystemFileHandle | undefined> {
    const [folders, name] = this.#split(path);
    const folder = await this.#folder(folders, create);
    return folder?.getFileHandle(name, { create }).catch(undefinedIfMissing);
  }

  async #folder(
    parts: readonly string[],
    create: boolean,
  ): Promise<FileSystemDirectoryHandle | undefined> {
    let folder: FileSystemDirectoryHandle | undefined = await navigator.storage.getDirectory();
    for (const part of parts)
      folder = await folder?.getDirectoryHandle(part, { create }).catch(undefinedIfMissing);
    return folder;
  }

  /**
   * Runs an operation on `path`.
   *
   * @throws FileError naming the path; `addition` follows the reason.
   */
  async #attempt<T>(
    path: string,
    operation: 'written' | 'read' | 'removed',
    addition: string | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const name = path === '' ? this.name : `${this.name}/${path}`;
      const sentence = `${name} cannot be ${operation}: ${reasonFor(error)}.`;
      throw new FileError(addition === undefined ? sentence : `${sentence} ${addition}`);
    }
  }
}

/**
 * Writes to the browser's copy of a file, which replaces the file only if all of it succeeds. A
 * copy that is neither closed nor discarded would keep its lock on the file.
 */
async function replaceFile(
  writable: FileSystemWritableFileStream,
  data: FileSystemWriteChunkType,
): Promise<void> {
  try {
    await writable.write(data);
  } catch (error) {
    await writable.abort();
    throw error;
  }
  await writable.close();
}

/** Turns the error of a missing entry into undefined and rethrows any other. */
function undefinedIfMissing(error: unknown): undefined {
  if ((error as Error).name === 'NotFoundError') return undefined;
  throw error;
}

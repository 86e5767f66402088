/** HDF5 files that tests write, and what they hold once opened. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { File, ready } from 'h5wasm/node';
import { expect } from 'vitest';
import { sourceIn } from '../../src/dataset/files.js';
import { openHdf5 } from '../../src/formats/hdf5/open.js';
import type { ArrayNode, DataNode, GroupNode } from '../../src/formats/nodes.js';
import { diskFolder } from '../../src/node/disk-source.js';

/** Opens the file at a path, as datasets do. */
export function openHdf5At(path: string, name = path, seconds?: number) {
  return openHdf5(sourceIn(diskFolder(dirname(path)), basename(path), name), name, seconds);
}

/** Files in a folder of their own, opened and removed together. */
export class Hdf5Files {
  readonly folder = mkdtempSync(join(tmpdir(), 'hdf5-'));
  readonly #opened: { close(): void }[] = [];
  #count = 0;

  static async create(): Promise<Hdf5Files> {
    await ready;
    return new Hdf5Files();
  }

  remove(): void {
    for (const file of this.#opened) file.close();
    rmSync(this.folder, { recursive: true });
  }

  /** The path of a file of these bytes. */
  file(bytes: Uint8Array): string {
    this.#count += 1;
    const path = join(this.folder, `${this.#count}.h5`);
    writeFileSync(path, bytes);
    return path;
  }

  /** The bytes of a file as the library writes it, in the oldest form, which has no checksums. */
  written(write: (root: File) => void): Buffer {
    const path = join(this.folder, 'written.h5');
    const root = new File(path, 'w', { libver: ['earliest', 'latest'] });
    write(root);
    root.close();
    return readFileSync(path);
  }

  /** Opens bytes, which complaints call X. */
  open(bytes: Uint8Array, seconds?: number): GroupNode {
    const found = openHdf5At(this.file(bytes), 'X', seconds);
    this.#opened.push(found);
    return found.root;
  }
}

/** The part at a path, by names and numbers. */
export function at(part: DataNode, path: string): DataNode {
  let found: DataNode = part;
  for (const name of path.split('/'))
    found =
      found.kind === 'list' ? found.items[Number(name)]! : (found as GroupNode).members.get(name)!;
  return found;
}

export function array(part: DataNode, path: string): ArrayNode {
  return at(part, path) as ArrayNode;
}

/** What reading a part complains of. */
export function complaint(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect((error as Error).name, `${error}`).toBe('RecordingError');
    return (error as Error).message;
  }
  return 'no complaint';
}

/** HDF5 files for tests: writing them, opening them, and finding nodes in them. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { File, ready } from 'h5wasm/node';
import { expect } from 'vitest';
import { openSource } from '../../src/dataset/files.js';
import { openHdf5 } from '../../src/formats/hdf5/open.js';
import type { ArrayNode, DataNode, GroupNode } from '../../src/formats/nodes.js';
import { diskFolder } from '../../src/node/disk-source.js';

/**
 * Opens the file at a path, as datasets do.
 *
 * @param name in messages.
 * @param seconds that the library may take per call.
 */
export function openHdf5At(path: string, name = path, seconds?: number) {
  return openHdf5(openSource(diskFolder(dirname(path)), basename(path), name), name, seconds);
}

/** Test files in a temporary folder, which are closed and removed together. */
export class Hdf5Files {
  readonly folder = mkdtempSync(join(tmpdir(), 'hdf5-'));
  readonly #opened: { close(): void }[] = [];
  #count = 0;

  /** Waits for the HDF5 library, and creates the folder. */
  static async create(): Promise<Hdf5Files> {
    await ready;
    return new Hdf5Files();
  }

  /** Closes all files and removes the folder. */
  remove(): void {
    for (const file of this.#opened) file.close();
    rmSync(this.folder, { recursive: true });
  }

  /** Writes bytes to a new file. Returns its path. */
  file(bytes: Uint8Array): string {
    this.#count += 1;
    const path = join(this.folder, `${this.#count}.h5`);
    writeFileSync(path, bytes);
    return path;
  }

  /** The bytes of a file that the library wrote in its oldest format, which has no checksums. */
  written(write: (root: File) => void): Buffer {
    const path = join(this.folder, 'written.h5');
    const root = new File(path, 'w', { libver: ['earliest', 'latest'] });
    write(root);
    root.close();
    return readFileSync(path);
  }

  /** Opens bytes as a file, named X in messages. */
  open(bytes: Uint8Array, seconds?: number): GroupNode {
    const file = openHdf5At(this.file(bytes), 'X', seconds);
    this.#opened.push(file);
    return file.root;
  }
}

/** The node at a path below another, by names of members and indices of list items. */
export function nodeAt(root: DataNode, path: string): DataNode {
  let node: DataNode = root;
  for (const name of path.split('/'))
    node =
      node.kind === 'list' ? node.items[Number(name)]! : (node as GroupNode).members.get(name)!;
  return node;
}

/** The array at a path below a node. */
export function arrayAt(root: DataNode, path: string): ArrayNode {
  return nodeAt(root, path) as ArrayNode;
}

/** The message of the RecordingError that reading throws. */
export function errorMessage(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect((error as Error).name, `${error}`).toBe('RecordingError');
    return (error as Error).message;
  }
  return 'no complaint';
}

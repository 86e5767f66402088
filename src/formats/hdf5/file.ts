/** An HDF5 file: what its names lead to, and boxes of its arrays, asked of the library. */

import type { Metadata } from 'h5wasm';
import type { ByteSource } from '../../ports/byte-source.js';
import { RecordingError } from '../../recording/errors.js';
import { elementCount } from '../nodes.js';
import type { ObjectInfo, Question, QuestionedFile, StoredValues } from './library.js';
import { answerTo, isRunning } from './thread.js';

/** How long the library may compute at one question before it counts as hanging; the slowest take a tenth of it. */
const PATIENCE_SECONDS = 3;
/** What is read takes longer: unpacking has five times this speed. */
const BYTES_PER_SECOND = 5e7;
/** Names looked at with one question, far from a second's work. */
const NAMES_AT_ONCE = 200;
/** The library's own memory, and what it may take for a file beyond: a packed chunk takes several times its size. */
const LIBRARY_BYTES = 2 ** 29;
const MEMORY_PER_BYTE = 8;

let filesOpened = 0;

/** A name in a file and what it leads to. */
export interface NamedObject {
  readonly path: string;
  /** What messages call it; empty for the file. */
  readonly label: string;
  readonly info: ObjectInfo;
}

/** A file; its parts are named by their paths in it. */
export class Hdf5File {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly #source: ByteSource;
  readonly #questioned: QuestionedFile;
  readonly #seconds: number;
  /** Why nothing more is read of it. */
  #closedBecause: string | undefined;

  /** @param seconds how long the library may compute at one question. */
  constructor(source: ByteSource, name: string, seconds = PATIENCE_SECONDS) {
    this.name = name;
    this.size = source.size;
    this.#source = source;
    this.#seconds = seconds;
    filesOpened += 1;
    const memory = LIBRARY_BYTES + MEMORY_PER_BYTE * source.size;
    this.#questioned = { id: filesOpened, size: source.size, memory };
  }

  refusal(label: string, reason: string): RecordingError {
    const what = label === '' ? this.name : `${label} of ${this.name}`;
    return new RecordingError(`${what} cannot be read: ${reason}.`);
  }

  /** What names lead to; `labelled` gives what messages call a path. */
  lookUp(
    paths: readonly string[],
    labelled: (path: string) => string = (path) => path.slice(1),
  ): NamedObject[] {
    const objects: NamedObject[] = [];
    for (let at = 0; at < paths.length; at += NAMES_AT_ONCE) {
      const some = paths.slice(at, at + NAMES_AT_ONCE);
      const infos = this.#ask<ObjectInfo[]>('', { ask: 'describe', paths: some });
      for (const [n, info] of infos.entries())
        objects.push({ path: some[n]!, label: labelled(some[n]!), info });
    }
    return objects;
  }

  /** What a group holds, by name. */
  members(
    { path, label }: NamedObject,
    labelled?: (name: string) => string,
  ): Map<string, NamedObject> {
    const names = this.#ask<string[]>(label, { ask: 'names', path });
    const start = path === '/' ? path : `${path}/`;
    const objects = this.lookUp(
      names.map((name) => `${start}${name}`),
      labelled && ((inside) => labelled(inside.slice(start.length))),
    );
    return new Map(objects.map((member, n) => [names[n]!, member]));
  }

  /** A box of an array, in the file's own order of axes; of a chunk it touches, all is unpacked. */
  read(
    { path, label }: NamedObject,
    metadata: Metadata,
    offset: readonly number[],
    count: readonly number[],
  ): StoredValues {
    const { size, vlen, chunks } = metadata;
    const question = { ask: 'read', path, metadata: { size, vlen }, offset, count } as const;
    const bytes = size * Math.max(elementCount(count), elementCount(chunks ?? []));
    return this.#ask(label, question, bytes / BYTES_PER_SECOND);
  }

  close(): void {
    if (isRunning() && this.#closedBecause === undefined)
      answerTo({ file: this.#questioned, ask: 'close' }, this.#source, this.#seconds);
    this.#closedBecause ??= 'it has been closed';
  }

  #ask<T>(label: string, question: Unsent, moreSeconds = 0): T {
    if (this.#closedBecause !== undefined) throw this.refusal(label, this.#closedBecause);
    try {
      this.#source.read(0, 0);
    } catch (error) {
      throw this.refusal(label, (error as Error).message);
    }
    const answer = answerTo(
      { ...question, file: this.#questioned },
      this.#source,
      this.#seconds + moreSeconds,
    );
    // A file that has broken the library once would at every question.
    if (answer.broken) this.#closedBecause = `it is damaged${label === '' ? '' : ` at ${label}`}`;
    if ('value' in answer) return answer.value as T;
    throw this.refusal(label, answer.reason);
  }
}

/** A question before its file is named; one type of each kind, which Omit of the union would lose. */
type Unsent = Question extends infer Q ? (Q extends Question ? Omit<Q, 'file'> : never) : never;

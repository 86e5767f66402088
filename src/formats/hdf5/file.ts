/** An HDF5 file as a thread of its own reads it: questions go to the thread, and this one waits for the answers. */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import type { Metadata } from 'h5wasm/node';
import { RecordingError, reasonOf } from '../../recording/errors.js';
import { sizeOf } from '../parts.js';
import {
  type Answer,
  type Described,
  PROGRAM,
  type Question,
  type Source,
  type Stored,
} from './worker.js';

/** How long the library may compute at one question before it counts as hanging; the slowest take a tenth of it. */
const PATIENCE_SECONDS = 3;
/** To start it takes a third of a second. */
const START_SECONDS = 10;
/** What it reads takes longer: unpacking has five times this speed. */
const BYTES_PER_SECOND = 5e7;
/** Where it waits more than it computes, for a disk that is far or asleep or for its turn, it has so many times that. */
const WAITING = 20;
/** How often the clocks are looked at. */
const TICK_MILLISECONDS = 100;
/** Names looked at with one question, far from a second's work. */
const AT_ONCE = 200;
/** The library's own memory, and what it may take for a file beyond: a packed chunk takes several times its size. */
const MEMORY_BYTES = 2 ** 29;
const MEMORY_PER_BYTE = 8;

/**
 * The library runs in a thread because damaged files make it loop for ever, which only ending the thread stops. It
 * also loads there while this thread waits, so that reading is no asynchronous matter.
 */
class Thread {
  readonly #bell = new Int32Array(new SharedArrayBuffer(4));
  readonly #port: MessagePort;
  readonly #worker: Worker;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    Atomics.store(this.#bell, 0, 1);
    this.#worker = new Worker(PROGRAM, {
      eval: true,
      workerData: { hdf5: import.meta.resolve('h5wasm/node'), bell: this.#bell, port: port2 },
      transferList: [port2],
      stdout: true,
      stderr: true,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    // What ends the thread is seen by its silence.
    this.#worker.on('error', () => {});
    this.#worker.unref();
    this.#port.unref();
    if (!this.#waits(START_SECONDS)) {
      this.end();
      throw new Error('The HDF5 library (h5wasm) did not start.');
    }
  }

  /** Undefined where no answer came in time. */
  ask(question: Question, seconds: number): Answer | undefined {
    // In this order: the thread may have answered before the message is sent for good.
    Atomics.store(this.#bell, 0, 1);
    this.#port.postMessage(question);
    Atomics.notify(this.#bell, 0);
    if (!this.#waits(seconds)) return undefined;
    return receiveMessageOnPort(this.#port)?.message;
  }

  /** Waits for the bell. What the process computes meanwhile is what the thread does, for nothing else in it runs. */
  #waits(seconds: number): boolean {
    const from = performance.now();
    const before = process.cpuUsage();
    while (Atomics.wait(this.#bell, 0, 1, TICK_MILLISECONDS) === 'timed-out') {
      const { user, system } = process.cpuUsage(before);
      if (user + system > 1e6 * seconds) return false;
      if (performance.now() - from > 1e3 * seconds * WAITING) return false;
    }
    return true;
  }

  end(): void {
    this.#port.close();
    void this.#worker.terminate();
  }
}

let thread: Thread | undefined;

/** All files share one thread, which starts at the first question and anew after it has ended. */
function answerTo(question: Question, seconds: number): Answer {
  thread ??= new Thread();
  const answer = thread.ask(question, seconds) ?? {
    reason: `the HDF5 library did not come to an end with it within ${Math.ceil(seconds)} seconds`,
    worn: true,
    broken: true,
  };
  if (answer.worn || answer.broken) {
    thread.end();
    thread = undefined;
  }
  return answer;
}

/** A name in a file and what it leads to. */
export interface Found {
  readonly path: string;
  /** What complaints call it; empty for the file. */
  readonly label: string;
  readonly described: Described;
}

/** A file on disk; its parts are named by their paths in it. */
export class Hdf5File {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly #source: Source;
  readonly #seconds: number;
  /** Why nothing more is read of it. */
  #over: string | undefined;

  /** @param seconds how long the library may compute at one question. */
  constructor(path: string, name: string, seconds = PATIENCE_SECONDS) {
    this.name = name;
    this.#seconds = seconds;
    const whole = resolve(path);
    const { size, key } = this.#onDisk(whole);
    this.size = size;
    this.#source = { path: whole, key, memory: MEMORY_BYTES + MEMORY_PER_BYTE * size };
  }

  refusal(label: string, reason: string): RecordingError {
    const what = label === '' ? this.name : `${label} of ${this.name}`;
    return new RecordingError(`${what} cannot be read: ${reason}.`);
  }

  /** What the names lead to; `labelled` says what complaints call a path. */
  describe(
    paths: readonly string[],
    labelled: (path: string) => string = (path) => path.slice(1),
  ): Found[] {
    const found: Found[] = [];
    for (let at = 0; at < paths.length; at += AT_ONCE) {
      const some = paths.slice(at, at + AT_ONCE);
      const all = this.#ask<Described[]>('', { ask: 'describe', paths: some });
      for (const [n, described] of all.entries())
        found.push({ path: some[n]!, label: labelled(some[n]!), described });
    }
    return found;
  }

  /** What a group holds, by name. */
  members({ path, label }: Found, labelled?: (name: string) => string): Map<string, Found> {
    const names = this.#ask<string[]>(label, { ask: 'names', path });
    const start = path === '/' ? path : `${path}/`;
    const found = this.describe(
      names.map((name) => `${start}${name}`),
      labelled && ((inside) => labelled(inside.slice(start.length))),
    );
    return new Map(found.map((member, n) => [names[n]!, member]));
  }

  /** A box of an array, in the file's own order of axes; of a chunk it touches, all is unpacked. */
  read(
    { path, label }: Found,
    metadata: Metadata,
    offset: readonly number[],
    count: readonly number[],
  ): Stored {
    const { size, vlen, chunks } = metadata;
    const question = { ask: 'read', path, metadata: { size, vlen }, offset, count } as const;
    const bytes = size * Math.max(sizeOf(count), sizeOf(chunks ?? []));
    return this.#ask(label, question, bytes / BYTES_PER_SECOND);
  }

  close(): void {
    if (thread && this.#over === undefined)
      answerTo({ source: this.#source, ask: 'close' }, this.#seconds);
    this.#over ??= 'it has been closed';
  }

  #ask<T>(label: string, question: Unsent, more = 0): T {
    if (this.#over !== undefined) throw this.refusal(label, this.#over);
    if (this.#onDisk(this.#source.path).key !== this.#source.key)
      throw this.refusal(label, 'it has changed since it was opened');
    const answer = answerTo({ ...question, source: this.#source }, this.#seconds + more);
    // A file that has broken the library once would at every question.
    if (answer.broken) this.#over = `it is damaged${label === '' ? '' : ` at ${label}`}`;
    if ('value' in answer) return answer.value as T;
    throw this.refusal(label, answer.reason);
  }

  #onDisk(path: string): { size: number; key: string } {
    try {
      const stat = statSync(path, { bigint: true });
      const { size, mtimeNs, ino } = stat;
      if (!stat.isFile()) throw this.refusal('', 'it is no file');
      return { size: Number(size), key: `${path}\0${size} ${mtimeNs} ${ino}` };
    } catch (error) {
      if (error instanceof RecordingError) throw error;
      throw this.refusal('', reasonOf(error, 'file'));
    }
  }
}

/** A question before its file is named; one type of each kind, which Omit of the union would lose. */
type Unsent = Question extends infer Q ? (Q extends Question ? Omit<Q, 'source'> : never) : never;

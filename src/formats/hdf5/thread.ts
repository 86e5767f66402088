/** Who answers questions about HDF5 files: the library on a thread of its own, or, where no thread can be waited for, here. */

import type { ByteSource } from '../../ports/byte-source.js';
import {
  ANSWER,
  BYTES,
  decodeMessage,
  Exchange,
  encodeMessage,
  MAX_TURN_BYTES,
  NEXT,
  PART,
  QUESTION,
  READ,
  REFUSED,
} from './exchange.js';
import { type Answer, BlockCache, LibrarySession, type Question } from './library.js';
import {
  canStartWhileWaiting,
  canWait,
  processSeconds,
  type StartedWorker,
  startWorker,
} from './platform.js';

/** Starting takes a third of a second. */
const START_SECONDS = 10;
/**
 * Where the library waits more than it computes, for a disk that is far or for its turn, it has so many times the seconds
 * of a question.
 */
const WAITING_FACTOR = 20;
/** How often the clocks are looked at while waiting. */
const TICK_MILLISECONDS = 100;
const MAX_HEAP_MEGABYTES = 1024;
const NO_BYTES = new Uint8Array();

/**
 * The library's thread. It is one of its own because damaged files make the library loop for ever, which only ending the
 * thread stops; this thread waits for each answer, so that reading is synchronous.
 */
class LibraryThread {
  readonly #exchange = new Exchange();
  readonly #worker: StartedWorker;

  constructor() {
    this.#exchange.pass(NEXT, NO_BYTES);
    const url = new URL('./hdf5-worker.js', import.meta.url);
    this.#worker = startWorker(
      url,
      this.#exchange.buffer,
      MAX_HEAP_MEGABYTES,
      // Bundlers look for these very words.
      () => new Worker(new URL('./hdf5-worker.js', import.meta.url), { type: 'module' }),
    );
  }

  /** Waits until the library is loaded; only where a thread starts meanwhile. */
  waitForStart(): void {
    if (this.#listen(START_SECONDS)) return;
    this.end();
    throw new Error('The HDF5 library (h5wasm) did not start.');
  }

  /** The same without blocking this thread. */
  async started(): Promise<void> {
    for (let left = 1000 * START_SECONDS; left > 0 && this.#exchange.state !== ANSWER; left -= 5)
      await new Promise((resolve) => setTimeout(resolve, 5));
    this.waitForStart();
  }

  /** Undefined where no answer came in time. */
  ask(question: Question, source: ByteSource, seconds: number): Answer | undefined {
    const message = encodeMessage(question);
    if (message.length > MAX_TURN_BYTES)
      return { reason: 'its names are too long', mustRecycle: false, broken: false };
    this.#exchange.pass(QUESTION, message);
    const answer = this.#listen(seconds, source);
    return answer && decodeMessage<Answer>(answer);
  }

  end(): void {
    this.#worker.terminate();
  }

  /**
   * Reads the source for the library until it answers. What the process computes meanwhile is what the library does, for
   * nothing else in it runs.
   */
  #listen(seconds: number, source?: ByteSource): Uint8Array<ArrayBuffer> | undefined {
    const parts: Uint8Array[] = [];
    const began = performance.now();
    const before = processSeconds();
    for (;;) {
      const { state } = this.#exchange;
      if (state === READ) this.#read(source!);
      else if (state === PART) {
        parts.push(this.#exchange.data());
        this.#exchange.pass(NEXT, NO_BYTES);
      } else if (state === ANSWER) {
        return joined([...parts, this.#exchange.data()]);
      } else if (!this.#exchange.wait(state, TICK_MILLISECONDS)) {
        const used = processSeconds();
        if (used !== undefined && used - before! > seconds) return undefined;
        if (performance.now() - began > 1e3 * seconds * WAITING_FACTOR) return undefined;
      }
    }
  }

  #read(source: ByteSource): void {
    const [offset, length] = decodeMessage<[number, number]>(this.#exchange.data());
    try {
      this.#exchange.pass(BYTES, source.read(offset, length));
    } catch (error) {
      this.#exchange.pass(REFUSED, new TextEncoder().encode((error as Error).message));
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The library on this thread: for pages that cannot wait for another. A file that makes it loop hangs the page's worker. */
class LibraryHere {
  readonly #session: LibrarySession;
  readonly #cache: BlockCache;
  #source: ByteSource | undefined;
  #question: Question | undefined;

  constructor(library: ConstructorParameters<typeof LibrarySession>[0]) {
    this.#cache = new BlockCache((_, offset, length) => this.#source!.read(offset, length));
    this.#session = new LibrarySession(library, (offset, length) =>
      this.#cache.bytes(this.#question!.file, offset, length),
    );
  }

  ask(question: Question, source: ByteSource): Answer {
    this.#source = source;
    this.#question = question;
    const answer = this.#session.answer(question);
    if (question.ask === 'close') this.#cache.drop(question.file.id);
    return answer;
  }

  end(): void {}
}

/** All files share one library, which is started at the first question and anew after it was ended. */
let host: LibraryThread | LibraryHere | undefined;

/** Makes the library ready; a page has to call it before it opens a file, as nothing starts there while it waits. */
export async function prepareHdf5(): Promise<void> {
  if (host || (canWait() && canStartWhileWaiting())) return;
  if (canWait()) {
    const thread = new LibraryThread();
    await thread.started();
    host = thread;
    return;
  }
  const { ready } = await import('h5wasm');
  host = new LibraryHere(await ready);
}

function expectHost(): LibraryThread | LibraryHere {
  if (host) return host;
  if (!canWait() || !canStartWhileWaiting())
    throw new Error('The HDF5 library is not loaded: await prepareHdf5() before a file is opened.');
  const thread = new LibraryThread();
  thread.waitForStart();
  host = thread;
  return thread;
}

/**
 * What the library says to a question.
 *
 * @param seconds how long it may compute.
 */
export function answerTo(question: Question, source: ByteSource, seconds: number): Answer {
  const answer = expectHost().ask(question, source, seconds) ?? {
    reason: `the HDF5 library did not finish with it within ${Math.ceil(seconds)} seconds`,
    mustRecycle: true,
    broken: true,
  };
  if (answer.mustRecycle || answer.broken) {
    host?.end();
    host = undefined;
  }
  return answer;
}

/** Whether a library is running that may have files open. */
export function isRunning(): boolean {
  return host !== undefined;
}

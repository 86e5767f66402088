/**
 * Runs the HDF5 library: on a thread of its own, or on the calling thread where that cannot wait
 * for another one.
 */

import type { ByteSource } from '../../ports/byte-source.js';
import {
  decodeMessage,
  Exchange,
  encodeMessage,
  FILE_BYTES,
  MAX_TURN_BYTES,
  NEXT_PART,
  READ_FAILED,
  READ_FILE,
  REQUEST,
  RESPONSE,
  RESPONSE_PART,
} from './exchange.js';
import {
  BlockCache,
  type LibraryRequest,
  type LibraryResponse,
  LibrarySession,
} from './library.js';
import {
  canBlock,
  canStartWorkerWhileBlocked,
  processSeconds,
  type StartedWorker,
  startWorker,
} from './platform.js';

/** How long the library may take to start; it usually takes a third of a second. */
const MAX_START_SECONDS = 10;
/**
 * A request also times out after this many times its limit of computing time, as the library may
 * wait for a slow disk or a busy processor. Pages have no other clock; in Node, the time counts
 * from the last time that the library asked for a part of the file.
 */
const WALL_TIME_FACTOR = 20;
/** How often the timeouts are checked while waiting. */
const TICK_MILLISECONDS = 100;
const MAX_HEAP_MEGABYTES = 1024;
const NO_BYTES = new Uint8Array();

/**
 * The library on a thread of its own. A damaged file can put the library into an endless loop,
 * which only terminating its thread stops. The calling thread blocks until each response is there,
 * so that reading is synchronous.
 */
class LibraryThread {
  readonly #exchange = new Exchange();
  readonly #worker: StartedWorker;

  constructor() {
    this.#exchange.pass(NEXT_PART, NO_BYTES);
    const url = new URL('./hdf5-worker.js', import.meta.url);
    this.#worker = startWorker(
      url,
      this.#exchange.buffer,
      MAX_HEAP_MEGABYTES,
      // Bundlers recognize a worker by exactly this expression.
      () => new Worker(new URL('./hdf5-worker.js', import.meta.url), { type: 'module' }),
    );
  }

  /** Blocks until the library is loaded; only where a thread can start in the meantime. */
  waitForStart(): void {
    if (this.#receive(MAX_START_SECONDS)) return;
    this.terminate();
    throw new Error('The HDF5 library (h5wasm) did not start.');
  }

  /** Waits until the library is loaded, without blocking the calling thread. */
  async untilStarted(): Promise<void> {
    const pollMilliseconds = 5;
    let polls = (1000 * WALL_TIME_FACTOR * MAX_START_SECONDS) / pollMilliseconds;
    for (; polls > 0 && this.#exchange.state !== RESPONSE; polls--)
      await new Promise((resolve) => setTimeout(resolve, pollMilliseconds));
    this.waitForStart();
  }

  /** Sends a request. Returns the response; undefined where it takes too long. */
  request(
    request: LibraryRequest,
    source: ByteSource,
    seconds: number,
  ): LibraryResponse | undefined {
    const message = encodeMessage(request);
    if (message.length > MAX_TURN_BYTES)
      return { reason: 'its names are too long', mustRecycle: false, broken: false };
    this.#exchange.pass(REQUEST, message);
    const response = this.#receive(seconds, source);
    return response && decodeMessage<LibraryResponse>(response);
  }

  terminate(): void {
    this.#worker.terminate();
  }

  /**
   * Reads the source for the library until the response is complete, and returns the response.
   * Undefined where the library computes for more than `seconds`, by the clock and by the processor
   * time of the process: other processes slow the one down, other threads add to the other.
   */
  #receive(seconds: number, source?: ByteSource): Uint8Array<ArrayBuffer> | undefined {
    const parts: Uint8Array[] = [];
    const startTime = performance.now();
    let lastTime = startTime;
    const startSeconds = processSeconds();
    for (;;) {
      const { state } = this.#exchange;
      if (state === READ_FILE) {
        this.#read(source!);
        lastTime = performance.now();
      } else if (state === RESPONSE_PART) {
        parts.push(this.#exchange.data());
        this.#exchange.pass(NEXT_PART, NO_BYTES);
      } else if (state === RESPONSE) {
        return concatenate([...parts, this.#exchange.data()]);
      } else if (!this.#exchange.wait(state, TICK_MILLISECONDS)) {
        const now = performance.now();
        const used = processSeconds();
        const isOver = (from: number, limit: number) => now - from > 1e3 * limit;
        if (used !== undefined && used - startSeconds! > seconds && isOver(startTime, seconds))
          return undefined;
        const from = used === undefined ? startTime : lastTime;
        if (isOver(from, seconds * WALL_TIME_FACTOR)) return undefined;
      }
    }
  }

  #read(source: ByteSource): void {
    const [offset, length] = decodeMessage<[number, number]>(this.#exchange.data());
    try {
      this.#exchange.pass(FILE_BYTES, source.read(offset, length));
    } catch (error) {
      this.#exchange.pass(READ_FAILED, new TextEncoder().encode((error as Error).message));
    }
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * The library on the calling thread, for pages that cannot block. A file that puts the library into
 * an endless loop hangs the page's worker.
 */
class LocalLibrary {
  readonly #session: LibrarySession;
  readonly #cache: BlockCache;
  #source: ByteSource | undefined;
  #request: LibraryRequest | undefined;

  constructor(library: ConstructorParameters<typeof LibrarySession>[0]) {
    this.#cache = new BlockCache((_, offset, length) => this.#source!.read(offset, length));
    this.#session = new LibrarySession(library, (offset, length) =>
      this.#cache.bytes(this.#request!.file, offset, length),
    );
  }

  request(request: LibraryRequest, source: ByteSource): LibraryResponse {
    this.#source = source;
    this.#request = request;
    const response = this.#session.respond(request);
    if (request.operation === 'close') this.#cache.drop(request.file.id);
    return response;
  }

  terminate(): void {}
}

/**
 * The library that all files share. It starts with the first request, and again with the first
 * request after it was terminated.
 */
let library: LibraryThread | LocalLibrary | undefined;

/**
 * Loads the library. A page has to await this before it opens a file, as a page cannot start a
 * thread while it is blocked; in Node, the first file starts the library.
 */
export async function prepareHdf5(): Promise<void> {
  if (library || (canBlock() && canStartWorkerWhileBlocked())) return;
  if (canBlock()) {
    const thread = new LibraryThread();
    await thread.untilStarted();
    library = thread;
    return;
  }
  const { ready } = await import('h5wasm');
  library = new LocalLibrary(await ready);
}

/** The running library, which is started where that is possible. */
function requireLibrary(): LibraryThread | LocalLibrary {
  if (library) return library;
  if (!canBlock() || !canStartWorkerWhileBlocked())
    throw new Error('The HDF5 library is not loaded: await prepareHdf5() before opening a file.');
  const thread = new LibraryThread();
  thread.waitForStart();
  library = thread;
  return thread;
}

/**
 * Sends a request to the library and waits for the response.
 *
 * @param source the file of the request.
 * @param seconds how long the library may compute; after that its thread is terminated, and the
 *   response says so.
 */
export function sendRequest(
  request: LibraryRequest,
  source: ByteSource,
  seconds: number,
): LibraryResponse {
  const response = requireLibrary().request(request, source, seconds) ?? {
    reason: `the HDF5 library did not finish within ${Math.ceil(seconds)} s`,
    mustRecycle: true,
    broken: true,
  };
  if (response.mustRecycle || response.broken) {
    library?.terminate();
    library = undefined;
  }
  return response;
}

/** Whether the library is running, so that it may have files open. */
export function isLibraryRunning(): boolean {
  return library !== undefined;
}

/** A worker that has the memory to itself, for pages that cannot share memory. */

import { createMemory, growMemory } from './device-memory.js';
import { PAGE_BYTES } from './layout.js';
import type { WorkerRequest } from './messages.js';
import { describeFailure, Runner } from './run-list.js';
import type { WorkerPort } from './worker-port.js';

/** Serves the requests of a PrivateExecutor, one after another. */
export class PrivateWorker {
  readonly #port: WorkerPort;
  readonly #memory: WebAssembly.Memory;
  readonly #runner: Runner;
  #hasFailed = false;

  /**
   * Creates the memory and reports its largest size to the main thread.
   *
   * @throws RangeError where the host grants none of the limits.
   */
  constructor(port: WorkerPort, pageLimits: readonly number[]) {
    const { memory, maxPages } = createMemory(pageLimits, false);
    this.#port = port;
    this.#memory = memory;
    this.#runner = new Runner(memory, 0);
    port.send({ kind: 'ready', maxPages });
  }

  /** Serves one request. The first one that fails is reported, and all after it are ignored. */
  serve(request: WorkerRequest): void {
    if (this.#hasFailed) return;
    try {
      this.#serve(request);
    } catch (error) {
      this.#hasFailed = true;
      this.#port.send({ kind: 'failed', failure: describeFailure(error, this.#runner.kernel) });
    }
  }

  #serve(request: WorkerRequest): void {
    switch (request.kind) {
      case 'grow': {
        const pages = growMemory(this.#memory, request.minPages, request.preferredPages);
        this.#port.send({ kind: 'grown', pages });
        return;
      }
      case 'kernel':
        this.#runner.addKernel(request.id, request.bytes);
        return;
      case 'write': {
        const { address, bytes, end } = request;
        if (this.#reaches(end)) new Uint8Array(this.#memory.buffer).set(bytes, address);
        return;
      }
      case 'list':
        if (this.#reaches(request.end)) this.#runList(request);
        return;
      case 'read': {
        const { id, address, bytes } = request;
        const data = this.#memory.buffer.slice(address, address + bytes) as ArrayBuffer;
        this.#port.send({ kind: 'read', id, data }, [data]);
        return;
      }
    }
  }

  /**
   * Whether the memory reaches an address. It does not where the host had no room for the buffer
   * there.
   */
  #reaches(end: number): boolean {
    return end <= this.#memory.buffer.byteLength;
  }

  #runList({ words, start, commands }: Extract<WorkerRequest, { kind: 'list' }>): void {
    const { buffer } = this.#memory;
    new Int32Array(buffer).set(words, start);
    this.#runner.run({ start, commands, threads: 1, pages: buffer.byteLength / PAGE_BYTES });
  }
}

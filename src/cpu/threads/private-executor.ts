/**
 * One worker with a memory of its own, for pages that may not share memory. Everything travels by message, in order: the
 * main thread keeps the addresses, the worker the bytes.
 */

import {
  type Command,
  type ExecutableKernel,
  type Executor,
  listWords,
  writeList,
} from './executor.js';
import { Heap } from './heap.js';
import { startWorker, type WorkerFactory, type WorkerHandle } from './host.js';
import type * as p from './protocol.js';

const PAGE = 65536;
const INITIAL_PAGES = 64;
const GROWTH = 16 * 2 ** 20;

export class PrivateExecutor implements Executor {
  readonly threads = 1;
  readonly heap: Heap;
  readonly failed: Promise<p.Failure>;
  #worker: WorkerHandle | undefined;
  #pages = INITIAL_PAGES;
  #kernels = 0;
  #scratch = { address: 0, stride: 0 };
  #reads = 0;
  readonly #waiting = new Map<number, (data: ArrayBuffer) => void>();
  #fail: (failure: p.Failure) => void = () => {};

  static async start(maxPages: number, factory?: WorkerFactory): Promise<PrivateExecutor> {
    const executor = new PrivateExecutor(maxPages);
    await executor.#start(maxPages, factory);
    return executor;
  }

  private constructor(maxPages: number) {
    this.heap = new Heap(1 << 20, (end) => this.#growTo(end, maxPages));
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  #start(maxPages: number, factory: WorkerFactory | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#worker = startWorker(
        {
          answer: (answer) => (answer.kind === 'ready' ? resolve() : this.#answer(answer)),
          broke: (text) => {
            this.#end({ kernel: -1, access: -1, index: 0, count: 0, text });
            reject(new Error(`The worker of the CPU device did not start: ${text}`));
          },
        },
        factory,
      );
      this.#worker.send({ kind: 'private', initialPages: INITIAL_PAGES, maxPages });
    });
  }

  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel {
    const id = this.#kernels++;
    this.#worker?.send({ kind: 'kernel', id, bytes });
    if (scratch > this.#scratch.stride) {
      if (this.#scratch.stride > 0) this.heap.release(this.#scratch.address);
      const block = this.heap.allocate(scratch);
      if (!block) throw new Error('There is no room for a kernel’s own memory.');
      this.#scratch = { address: block.address, stride: scratch };
    }
    return { id, address: 0, bytes: bytes.length };
  }

  submit(commands: readonly Command[]): void {
    if (commands.length === 0 || !this.#worker) return;
    const block = this.heap.allocate(4 * listWords(commands));
    if (!block) {
      this.#end({
        kernel: -1,
        access: -1,
        index: 0,
        count: 0,
        text: 'no memory is left for commands',
      });
      return;
    }
    const words = new Int32Array(listWords(commands));
    const start = block.address / 4;
    writeList(words, 0, start, commands, 1, this.#scratch);
    this.#worker.send({ kind: 'list', words, commands: commands.length, start }, [words.buffer]);
    // Messages are served in order, so whoever gets this memory next writes it after the list has run.
    this.heap.release(block.address);
  }

  write(address: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const copy = bytes.slice();
    this.#worker?.send({ kind: 'write', address, bytes: copy }, [copy.buffer]);
  }

  read(address: number, bytes: number): Promise<ArrayBuffer> {
    const id = this.#reads++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#worker?.hold(true);
      this.#worker?.send({ kind: 'read', id, address, bytes });
    });
  }

  async settled(): Promise<void> {
    await this.read(0, 0);
  }

  release(address: number): void {
    this.heap.release(address);
  }

  takeTimes(): { elapsed: number; waited: number } {
    return { elapsed: 0, waited: 0 };
  }

  close(): void {
    this.#worker?.stop();
    this.#worker = undefined;
    this.#waiting.clear();
  }

  #answer(answer: p.Answer): void {
    if (answer.kind === 'failed') this.#end(answer.failure);
    if (answer.kind !== 'read') return;
    this.#waiting.get(answer.id)?.(answer.data);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker?.hold(false);
  }

  #end(failure: p.Failure): void {
    if (!this.#worker) return;
    this.close();
    this.#fail(failure);
  }

  #growTo(end: number, maxPages: number): boolean {
    const now = this.#pages * PAGE;
    if (end <= now) return true;
    const most = maxPages * PAGE;
    if (end > most) return false;
    const pages = Math.ceil((Math.min(most, Math.max(end, now + GROWTH)) - now) / PAGE);
    this.#worker?.send({ kind: 'grow', pages });
    this.#pages += pages;
    return true;
  }
}

/**
 * One worker with a memory of its own, for pages that may not share memory. Everything travels by message, in order: the
 * main thread keeps the addresses, the worker the bytes.
 *
 * Whether the host has room for a larger memory is known only when the worker has tried. Until it answers, the main
 * thread goes on as if there were; what it sends meanwhile for a buffer that was refused, the worker passes over.
 */

import { DeviceMemory, PAGE_LIMITS } from './device-memory.js';
import type { Allocation, Command, ExecutableKernel, Executor } from './executor.js';
import { startWorkers, type WorkerHandle, type WorkerStarter } from './host.js';
import { PAGE_BYTES, RESERVE_BYTES, RESERVE_START } from './layout.js';
import { type Failure, failure, type WorkerReply } from './messages.js';
import type { TestHooks } from './test-hooks.js';
import { accessEnd, listWords, writeList } from './write-list.js';

/** A block of which it is not known yet whether the memory reaches to its end. */
interface Ungranted {
  readonly address: number;
  readonly end: number;
  resolve(isGranted: boolean): void;
}

/** Runs commands on one worker. */
export class PrivateExecutor implements Executor {
  readonly threads = 1;
  /** Everything is served in order, a read after all that was sent before it. */
  readonly submitted = 0;
  readonly failed: Promise<Failure>;
  readonly #memory: DeviceMemory;
  /** `undefined` once the executor is closed. */
  #worker: WorkerHandle | undefined;
  /** Pages that the memory is known to have, and requests for more that are not answered yet. */
  #grantedPages: number;
  #growths = 0;
  #ungranted: Ungranted[] = [];
  #kernels = 0;
  #sentReads = 0;
  readonly #reads = new Map<number, (data: ArrayBuffer) => void>();
  #fail: (failure: Failure) => void = () => {};

  /** @throws Error where the worker cannot be started, or the host has no room for its memory. */
  static async start(starter: WorkerStarter, hooks: TestHooks = {}): Promise<PrivateExecutor> {
    let executor: PrivateExecutor | undefined;
    let maxPages = 0;
    const events = {
      onReply: (answer: WorkerReply) => {
        if (answer.kind === 'ready') maxPages = answer.maxPages!;
        else if (executor) executor.#onReply(answer);
      },
      onCrash: (text: string) => {
        if (executor) executor.#lose(failure(text));
      },
    };
    const pageLimits = hooks.maxPages ? [hooks.maxPages] : PAGE_LIMITS;
    const [worker] = await startWorkers([{ kind: 'private', pageLimits }], events, starter);
    executor = new PrivateExecutor(maxPages, worker!);
    return executor;
  }

  private constructor(maxPages: number, worker: WorkerHandle) {
    this.#worker = worker;
    this.#memory = new DeviceMemory(maxPages, (minPages, preferredPages) =>
      this.#grow(minPages, preferredPages),
    );
    this.#grantedPages = this.#memory.pages;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  get maxPages(): number {
    return this.#memory.maxPages;
  }

  get usedBytes(): number {
    return this.#memory.usedBytes;
  }

  allocate(bytes: number): Allocation | undefined {
    const block = this.#memory.allocate(bytes);
    if (!block) return undefined;
    const { address } = block;
    const isGranted = address + bytes <= this.#grantedPages * PAGE_BYTES;
    return isGranted ? block : { ...block, granted: this.#grant(address, bytes) };
  }

  release(address: number): void {
    // Messages are served in order, so whoever gets this memory next writes it after everything sent before.
    this.#memory.release(address);
  }

  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel {
    const old = this.#memory.reserveScratch(scratch, 1);
    if (old !== undefined) this.release(old);
    const { address, stride } = this.#memory.scratch;
    this.#need(address, stride, 'no memory is left for the kernels');
    const id = this.#kernels++;
    this.#worker?.send({ kind: 'kernel', id, bytes });
    return { id, address: 0, bytes: bytes.length };
  }

  submit(commands: readonly Command[]): void {
    if (commands.length === 0 || !this.#worker) return;
    const words = new Int32Array(listWords(commands));
    const address = this.#listAddress(words.byteLength);
    if (address === undefined) {
      this.#lose(failure('no memory is left for commands'));
      return;
    }
    const start = address / 4;
    writeList(words, 0, start, commands, 1, this.#memory.scratch);
    const end = this.#neededEnd(accessEnd(commands));
    this.#worker.send({ kind: 'list', words, commands: commands.length, start, end }, [
      words.buffer,
    ]);
  }

  /** Where a list is put: no other list is there when it runs. */
  #listAddress(bytes: number): number | undefined {
    if (bytes <= RESERVE_BYTES) return RESERVE_START;
    const block = this.#memory.allocate(bytes);
    if (!block) return undefined;
    this.#need(block.address, bytes, 'no memory is left for commands');
    this.release(block.address);
    return block.address;
  }

  write(address: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const copy = bytes.slice();
    const end = this.#neededEnd(address + bytes.length);
    this.#worker?.send({ kind: 'write', address, bytes: copy, end }, [copy.buffer]);
  }

  read(address: number, bytes: number): Promise<ArrayBuffer> {
    const id = this.#sentReads++;
    return new Promise((resolve) => {
      this.#reads.set(id, resolve);
      this.#worker?.hold(true);
      this.#worker?.send({ kind: 'read', id, address, bytes });
    });
  }

  takeTimes(): { elapsed: number; waited: number } {
    return { elapsed: 0, waited: 0 };
  }

  close(): void {
    this.#worker?.stop();
    this.#worker = undefined;
    this.#reads.clear();
    for (const { resolve } of this.#ungranted.splice(0)) resolve(false);
  }

  #onReply(answer: WorkerReply): void {
    if (answer.kind === 'failed') this.#lose(answer.failure);
    if (answer.kind === 'grown') this.#onGrown(answer.pages);
    if (answer.kind !== 'read') return;
    this.#reads.get(answer.id)?.(answer.data);
    this.#reads.delete(answer.id);
    if (this.#reads.size === 0) this.#worker?.hold(false);
  }

  /** Asks the worker to make its memory grow, and counts on it. */
  #grow(minPages: number, preferredPages: number): number {
    this.#growths++;
    this.#worker?.send({ kind: 'grow', minPages, preferredPages });
    return preferredPages;
  }

  #onGrown(pages: number): void {
    this.#grantedPages = pages;
    this.#growths--;
    const isFinal = this.#growths === 0;
    if (isFinal) this.#memory.pages = pages;
    const waiting = this.#ungranted;
    this.#ungranted = [];
    for (const each of waiting) {
      const isGranted = each.end <= pages * PAGE_BYTES;
      if (isGranted || isFinal) each.resolve(isGranted);
      else this.#ungranted.push(each);
    }
  }

  /** Whether the memory will have reached the end of a block. */
  #grant(address: number, bytes: number): Promise<boolean> {
    const end = address + bytes;
    return new Promise((resolve) => this.#ungranted.push({ address, end, resolve }));
  }

  /**
   * How far the memory must reach for something that is done up to an address: to the end of the block there, where that
   * is not granted yet. Such blocks lie above all others.
   */
  #neededEnd(end: number): number {
    let needed = end;
    for (const block of this.#ungranted)
      if (block.address < end) needed = Math.max(needed, block.end);
    return needed;
  }

  /** Loses the device where the memory turns out not to reach the end of a block that the device itself needs. */
  #need(address: number, bytes: number, text: string): void {
    if (address + bytes <= this.#grantedPages * PAGE_BYTES) return;
    this.#grant(address, bytes).then((isGranted) => {
      if (!isGranted) this.#lose(failure(text));
    });
  }

  #lose(reason: Failure): void {
    if (!this.#worker) return;
    this.close();
    this.#fail(reason);
  }
}

/**
 * An executor with one worker that has the memory to itself, for pages that cannot share memory.
 * Everything goes by message, in order. The main thread keeps account of the addresses; the worker
 * has the bytes.
 *
 * Whether the host has room for a larger memory is known only after the worker has tried to grow
 * it. Until the worker answers, the main thread assumes that there is room. The worker skips
 * everything that was sent meanwhile for a buffer that turned out not to fit.
 */

import { DeviceMemory, PAGE_LIMITS } from './device-memory.js';
import type { Allocation, Command, ExecutableKernel, Executor } from './executor.js';
import { startWorkers, type WorkerHandle, type WorkerStarter } from './host.js';
import { PAGE_BYTES, RESERVE_BYTES, RESERVE_START } from './layout.js';
import { type Failure, failure, type WorkerReply } from './messages.js';
import type { TestHooks } from './test-hooks.js';
import { accessEnd, listWords, writeList } from './write-list.js';

/** A block whose end the memory may not reach. */
interface PendingGrant {
  readonly address: number;
  readonly end: number;
  resolve(isGranted: boolean): void;
}

/** Runs commands on one worker. */
export class PrivateExecutor implements Executor {
  /** The worker is the only thread. */
  readonly threads = 1;
  /** Always 0: requests are served in order, so a read follows everything sent before it. */
  readonly submitted = 0;
  readonly failed: Promise<Failure>;
  readonly #memory: DeviceMemory;
  /** `undefined` once the executor is closed. */
  #worker: WorkerHandle | undefined;
  /**
   * The size that the memory is known to have, in pages, and the number of unanswered requests to
   * grow.
   */
  #grantedPages: number;
  #pendingGrowths = 0;
  #pendingGrants: PendingGrant[] = [];
  #kernelCount = 0;
  #nextReadId = 0;
  readonly #reads = new Map<number, (data: ArrayBuffer) => void>();
  #fail: (failure: Failure) => void = () => {};

  /**
   * Starts the worker.
   *
   * @throws Error where the worker cannot be started, or the host has no room for its memory.
   */
  static async start(starter: WorkerStarter, hooks: TestHooks = {}): Promise<PrivateExecutor> {
    let executor: PrivateExecutor | undefined;
    let maxPages = 0;
    const events = {
      onReply: (reply: WorkerReply) => {
        if (reply.kind === 'ready') maxPages = reply.maxPages!;
        else if (executor) executor.#onReply(reply);
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
    return isGranted ? block : { ...block, granted: this.#awaitGrant(address, bytes) };
  }

  release(address: number): void {
    // Messages are served in order, so the next owner of this block writes it after all work sent
    // before.
    this.#memory.release(address);
  }

  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel {
    const oldAddress = this.#memory.reserveScratch(scratch, 1);
    if (oldAddress !== undefined) this.release(oldAddress);
    const { address, stride } = this.#memory.scratch;
    this.#requireGrant(address, stride, 'no memory is left for the kernels');
    const id = this.#kernelCount++;
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
    const end = this.#requiredEnd(accessEnd(commands));
    this.#worker.send({ kind: 'list', words, commands: commands.length, start, end }, [
      words.buffer,
    ]);
  }

  /** Where a list is put. No other list is there when it runs. */
  #listAddress(bytes: number): number | undefined {
    if (bytes <= RESERVE_BYTES) return RESERVE_START;
    const block = this.#memory.allocate(bytes);
    if (!block) return undefined;
    this.#requireGrant(block.address, bytes, 'no memory is left for commands');
    this.release(block.address);
    return block.address;
  }

  write(address: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const copy = bytes.slice();
    const end = this.#requiredEnd(address + bytes.length);
    this.#worker?.send({ kind: 'write', address, bytes: copy, end }, [copy.buffer]);
  }

  read(address: number, bytes: number): Promise<ArrayBuffer> {
    const id = this.#nextReadId++;
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
    for (const { resolve } of this.#pendingGrants.splice(0)) resolve(false);
  }

  #onReply(reply: WorkerReply): void {
    if (reply.kind === 'failed') this.#lose(reply.failure);
    if (reply.kind === 'grown') this.#onGrown(reply.pages);
    if (reply.kind !== 'read') return;
    this.#reads.get(reply.id)?.(reply.data);
    this.#reads.delete(reply.id);
    if (this.#reads.size === 0) this.#worker?.hold(false);
  }

  /** Asks the worker to grow its memory, and assumes that it will. */
  #grow(minPages: number, preferredPages: number): number {
    this.#pendingGrowths++;
    this.#worker?.send({ kind: 'grow', minPages, preferredPages });
    return preferredPages;
  }

  #onGrown(pages: number): void {
    this.#grantedPages = pages;
    this.#pendingGrowths--;
    const isFinal = this.#pendingGrowths === 0;
    if (isFinal) this.#memory.pages = pages;
    const waiting = this.#pendingGrants;
    this.#pendingGrants = [];
    for (const grant of waiting) {
      const isGranted = grant.end <= pages * PAGE_BYTES;
      if (isGranted || isFinal) grant.resolve(isGranted);
      else this.#pendingGrants.push(grant);
    }
  }

  /** Whether the memory will have reached the end of a block, once the worker has answered. */
  #awaitGrant(address: number, bytes: number): Promise<boolean> {
    const end = address + bytes;
    return new Promise((resolve) => this.#pendingGrants.push({ address, end, resolve }));
  }

  /**
   * The address that the memory must reach for work that uses memory up to `end`. Where `end` is in
   * a block that is not granted yet, that is the end of the block. Such blocks are above all
   * others.
   */
  #requiredEnd(end: number): number {
    let required = end;
    for (const block of this.#pendingGrants)
      if (block.address < end) required = Math.max(required, block.end);
    return required;
  }

  /**
   * Loses the device if the memory turns out not to reach the end of a block that the device itself
   * needs.
   */
  #requireGrant(address: number, bytes: number, text: string): void {
    if (address + bytes <= this.#grantedPages * PAGE_BYTES) return;
    this.#awaitGrant(address, bytes).then((isGranted) => {
      if (!isGranted) this.#lose(failure(text));
    });
  }

  #lose(reason: Failure): void {
    if (!this.#worker) return;
    this.close();
    this.#fail(reason);
  }
}

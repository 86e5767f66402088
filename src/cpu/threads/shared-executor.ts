/**
 * An executor with several threads over one shared memory. The main thread publishes lists of
 * commands and continues. The workers run the lists in order, each command by all of them
 * (list-ring.ts). The main thread never blocks and never polls: where a result is awaited, the
 * worker that finishes it sends a message.
 *
 * This file keeps what cannot be done yet: lists for which there is no slot or no room, writes to
 * memory that lists in flight may still read, blocks that those lists still use, and whoever awaits
 * their end. Such writes are sent with the next list, as copies at its start. A list of its own for
 * each write would cost more.
 */

import { createMemory, DeviceMemory, growMemory, PAGE_LIMITS } from './device-memory.js';
import type { Allocation, Command, ExecutableKernel, Executor } from './executor.js';
import { Governor, type ThreadChooser } from './governor.js';
import { startWorkers, type WorkerHandle, type WorkerStarter } from './host.js';
import { CONTROL_BYTES, RESERVE_BYTES, RESERVE_START } from './layout.js';
import { ListPublisher, MAX_IN_FLIGHT } from './list-ring.js';
import { type Failure, failure, type WorkerReply } from './messages.js';
import { RoundRobinChooser, type TestHooks } from './test-hooks.js';
import { listSignature, listWords, writeList } from './write-list.js';

type Copy = Extract<Command, { kind: 'copy' }>;

/** A list of commands or a write. It is in the backlog until it can be published or done. */
type Work =
  | {
      readonly kind: 'list';
      readonly copies: readonly Copy[];
      readonly commands: readonly Command[];
    }
  | { readonly kind: 'write'; readonly address: number; readonly bytes: Uint8Array };

/** The most writes that are sent with one list, which must find room in the memory. */
const MAX_COPIES = 256;

interface InFlight {
  readonly list: number;
  readonly signature: number;
  /** Byte address of the block that holds its commands. */
  readonly address: number;
}

/** Something to do once a given amount of work is done. */
interface Deferred {
  readonly work: number;
  run(): void;
}

/** What is dropped when the executor is closed. */
interface Resources {
  readonly memory: WebAssembly.Memory;
  readonly ring: ListPublisher;
  readonly workers: readonly WorkerHandle[];
  /** Views of the memory, renewed when it grows. */
  words: Int32Array;
  bytes: Uint8Array;
}

/** Runs commands on threads that share the memory with the main thread. */
export class SharedExecutor implements Executor {
  readonly threads: number;
  readonly failed: Promise<Failure>;
  readonly #memory: DeviceMemory;
  readonly #chooser: ThreadChooser;
  /** `undefined` once the executor is closed. */
  #resources: Resources | undefined;
  #kernelCount = 0;
  /**
   * How many lists and writes were submitted, and how many of them are done. Those between are in
   * flight or in the backlog.
   */
  #submitted = 0;
  #done = 0;
  /** Published lists that are not known to be finished, oldest first. */
  #inFlight: InFlight[] = [];
  #threadsInFlight = 0;
  #backlog: Work[] = [];
  /**
   * Writes that are sent with the next list: from where they wait in memory to their destination.
   */
  #copies: Copy[] = [];
  /** Blocks to free and results to read, each ordered by the work they wait for. */
  #releases: Deferred[] = [];
  #reads: Deferred[] = [];
  #times = { elapsed: 0, waited: 0 };
  #fail: (failure: Failure) => void = () => {};

  /**
   * Starts the workers.
   *
   * @throws Error where they cannot be started, or the host has no room for the memory.
   */
  static async start(
    threads: number,
    starter: WorkerStarter,
    hooks: TestHooks = {},
  ): Promise<SharedExecutor> {
    const limits = hooks.maxPages ? [hooks.maxPages] : PAGE_LIMITS;
    const { memory, maxPages } = createMemory(limits, true);
    const control = new Int32Array(memory.buffer, 0, CONTROL_BYTES / 4);
    const ring = new ListPublisher(control, threads, hooks.firstList);
    const executor = new SharedExecutor(threads, maxPages, hooks.listsPerTurn);
    const messages = Array.from({ length: threads }, (_, thread) => {
      return { kind: 'shared', memory, thread, delay: hooks.delay } as const;
    });
    const events = {
      onReply: (reply: WorkerReply) => executor.#onReply(reply),
      onCrash: (text: string) => executor.#lose(failure(text)),
    };
    const workers = await startWorkers(messages, events, starter);
    executor.#resources = { memory, ring, workers, ...newViews(memory) };
    return executor;
  }

  private constructor(threads: number, maxPages: number, listsPerTurn: number | undefined) {
    this.threads = threads;
    this.#memory = new DeviceMemory(maxPages, (minPages, preferredPages) =>
      this.#grow(minPages, preferredPages),
    );
    this.#chooser = listsPerTurn
      ? new RoundRobinChooser(threads, listsPerTurn)
      : new Governor(threads);
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  get submitted(): number {
    return this.#submitted + (this.#copies.length > 0 ? 1 : 0);
  }

  get maxPages(): number {
    return this.#memory.maxPages;
  }

  get usedBytes(): number {
    return this.#memory.usedBytes;
  }

  allocate(bytes: number): Allocation | undefined {
    this.#collectFinished();
    return this.#memory.allocate(bytes);
  }

  release(address: number): void {
    this.#collectFinished();
    if (this.#isIdle()) this.#memory.release(address);
    else defer(this.#releases, this.submitted, () => this.#memory.release(address));
  }

  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel {
    const block = this.allocate(bytes.length);
    if (!block) throw new Error('There is no room for another kernel.');
    const { address } = block;
    try {
      const oldAddress = this.#memory.reserveScratch(scratch, this.threads);
      if (oldAddress !== undefined) this.release(oldAddress);
    } catch (error) {
      this.#memory.release(address);
      throw error;
    }
    this.#resources?.bytes.set(bytes, address);
    return { id: this.#kernelCount++, address, bytes: bytes.length };
  }

  submit(commands: readonly Command[]): void {
    if (commands.length > 0) this.#addList(commands);
  }

  write(address: number, bytes: Uint8Array): void {
    const resources = this.#resources;
    if (!resources || bytes.length === 0) return;
    this.#collectFinished();
    if (this.#isIdle()) {
      resources.bytes.set(bytes, address);
      return;
    }
    // Running lists may read the old bytes. The new ones wait in a block of their own, and the
    // threads copy them.
    const staging = this.#memory.allocate(bytes.length);
    if (!staging) {
      // Where there is no room for that, they wait in the backlog, and so does everything after
      // them.
      this.#flushCopies();
      this.#add({ kind: 'write', address, bytes: bytes.slice() });
      return;
    }
    resources.bytes.set(bytes, staging.address);
    this.#copies.push({ kind: 'copy', from: staging.address, to: address, bytes: bytes.length });
    this.release(staging.address);
    if (this.#copies.length === MAX_COPIES) this.#flushCopies();
  }

  read(address: number, bytes: number, after = this.submitted): Promise<ArrayBuffer> {
    return new Promise((resolve) => {
      const read = () => {
        const copy = this.#resources?.bytes.slice(address, address + bytes);
        if (copy) resolve(copy.buffer as ArrayBuffer);
      };
      if (after > this.#submitted) this.#flushCopies();
      this.#collectFinished();
      if (after <= this.#done) read();
      else {
        defer(this.#reads, after, read);
        this.#requestMessage();
      }
    });
  }

  takeTimes(): { elapsed: number; waited: number } {
    const times = this.#times;
    this.#times = { elapsed: 0, waited: 0 };
    return times;
  }

  close(): void {
    for (const worker of this.#resources?.workers ?? []) worker.stop();
    this.#resources = undefined;
    this.#inFlight = [];
    this.#backlog = [];
    this.#copies = [];
    this.#releases = [];
    this.#reads = [];
  }

  #isIdle(): boolean {
    return this.#done === this.submitted;
  }

  /** Submits a list, with the pending writes at its start. */
  #addList(commands: readonly Command[]): void {
    const copies = this.#copies;
    this.#copies = [];
    this.#add({ kind: 'list', copies, commands });
  }

  /** Submits the pending writes as a list of their own, where no other list may follow. */
  #flushCopies(): void {
    if (this.#copies.length > 0) this.#addList([]);
  }

  #add(work: Work): void {
    if (!this.#resources) return;
    this.#collectFinished();
    this.#submitted++;
    this.#backlog.push(work);
    this.#publishBacklog();
    if (this.#backlog.length > 0) this.#requestMessage();
  }

  /** Publishes or does as much of the backlog as is possible now, in order. */
  #publishBacklog(): void {
    while (this.#backlog.length > 0) {
      const [work] = this.#backlog as [Work];
      const isProcessed = work.kind === 'list' ? this.#publish(work) : this.#write(work);
      if (!isProcessed) return;
      this.#backlog.shift();
    }
  }

  /**
   * Publishes a list if it can be published now.
   *
   * @returns whether it was.
   */
  #publish({ copies, commands: listCommands }: Extract<Work, { kind: 'list' }>): boolean {
    const resources = this.#resources;
    const isEmpty = this.#inFlight.length === 0;
    if (!resources || this.#inFlight.length >= MAX_IN_FLIGHT) return false;
    const commands = [...copies, ...listCommands];
    // Whether data was written directly or is copied with the list depends on timing; it is the
    // same list.
    const signature = listSignature(listCommands);
    const threads = this.#chooser.next(signature, isEmpty ? undefined : this.#threadsInFlight);
    if (!isEmpty && threads !== this.#threadsInFlight) return false;
    const address = this.#listBlock(4 * listWords(commands));
    if (address === undefined) {
      // Lists in flight will free their blocks; without any, there will never be room.
      if (isEmpty) this.#lose(failure('no memory is left for commands'));
      return false;
    }
    const start = address / 4;
    const { scratch, pages } = this.#memory;
    writeList(resources.words, start, start, commands, threads, scratch);
    const list = resources.ring.publish({ start, commands: commands.length, threads, pages });
    this.#threadsInFlight = threads;
    this.#inFlight.push({ list, signature, address });
    return true;
  }

  /** Room for a list: in the heap, or in the reserve for one list where the heap is full. */
  #listBlock(bytes: number): number | undefined {
    const block = this.#memory.allocate(bytes);
    if (block) return block.address;
    return this.#inFlight.length === 0 && bytes <= RESERVE_BYTES ? RESERVE_START : undefined;
  }

  /**
   * Writes the bytes if nothing is running that may read the old ones.
   *
   * @returns whether they were written.
   */
  #write({ address, bytes }: Extract<Work, { kind: 'write' }>): boolean {
    if (this.#inFlight.length > 0) return false;
    this.#resources?.bytes.set(bytes, address);
    this.#finishWork();
    return true;
  }

  /** Handles all lists that have finished since the last call. */
  #collectFinished(): void {
    const ring = this.#resources?.ring;
    while (ring && this.#inFlight.length > 0 && ring.isFinished(this.#inFlight[0]!.list)) {
      const { list, signature, address } = this.#inFlight.shift()!;
      const { threads, elapsed, waited } = ring.times(list);
      this.#chooser.report(signature, threads, elapsed, waited);
      this.#times.elapsed += elapsed / 1000;
      this.#times.waited += waited / 1000;
      if (address !== RESERVE_START) this.#memory.release(address);
      this.#finishWork();
    }
    if (this.#copies.length > 0 && this.#done === this.#submitted) this.#applyCopies();
  }

  /** Does the pending writes at once: nothing reads the old bytes any more. */
  #applyCopies(): void {
    for (const { from, to, bytes } of this.#copies)
      this.#resources?.bytes.copyWithin(to, from, from + bytes);
    this.#copies = [];
    this.#submitted++;
    this.#finishWork();
  }

  #finishWork(): void {
    this.#done++;
    for (const deferred of [this.#reads, this.#releases])
      while (deferred.length > 0 && deferred[0]!.work <= this.#done) deferred.shift()!.run();
  }

  /** Asks for a message when the next work is done that something here waits for. */
  #requestMessage(): void {
    const list = this.#awaitedList();
    if (!this.#resources || list === undefined) return;
    const { workers, ring } = this.#resources;
    workers[0]!.hold(true);
    if (!ring.requestMessage(list)) queueMicrotask(() => this.#onFinished());
  }

  #awaitedList(): number | undefined {
    if (this.#backlog.length > 0) return this.#inFlight[0]?.list;
    const [next] = this.#reads;
    return next && this.#inFlight[next.work - this.#done - 1]?.list;
  }

  #onFinished(): void {
    if (!this.#resources) return;
    this.#collectFinished();
    this.#publishBacklog();
    if (this.#reads.length > 0 || this.#backlog.length > 0) this.#requestMessage();
    else this.#resources.workers[0]!.hold(false);
  }

  #onReply(reply: WorkerReply): void {
    if (reply.kind === 'finished') this.#onFinished();
    if (reply.kind === 'failed') this.#lose(reply.failure);
  }

  /** Loses the device: nothing more is run, and `failed` resolves with the reason. */
  #lose(reason: Failure): void {
    if (!this.#resources) return;
    this.close();
    this.#fail(reason);
  }

  #grow(minPages: number, preferredPages: number): number {
    const resources = this.#resources;
    if (!resources) return this.#memory.pages;
    const pages = growMemory(resources.memory, minPages, preferredPages);
    Object.assign(resources, newViews(resources.memory));
    return pages;
  }
}

/** Inserts something to do into a queue ordered by work, after all entries for the same work. */
function defer(waiting: Deferred[], work: number, run: () => void): void {
  const index = waiting.findLastIndex((entry) => entry.work <= work) + 1;
  waiting.splice(index, 0, { work, run });
}

function newViews({ buffer }: WebAssembly.Memory): Pick<Resources, 'words' | 'bytes'> {
  return { words: new Int32Array(buffer), bytes: new Uint8Array(buffer) };
}

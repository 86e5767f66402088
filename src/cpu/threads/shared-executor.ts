/**
 * Threads over one shared memory. The main thread publishes lists of commands and goes on; the workers run them in order,
 * each command by all of them (list-ring.ts). The main thread never waits and never asks: where someone awaits a result,
 * the worker that finishes it sends a message.
 *
 * What is kept here is what cannot be done yet: lists for which there is no slot or no room, writes to memory that lists
 * in flight may still read, blocks that they still use, and whoever waits for their end. Such writes go along with the
 * next list, as copies at its beginning: a list of their own each would have to be written and handed over.
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

/** Commands or a write; in the backlog until it can be published, or done. */
type Work =
  | {
      readonly kind: 'list';
      readonly copies: readonly Copy[];
      readonly commands: readonly Command[];
    }
  | { readonly kind: 'write'; readonly address: number; readonly bytes: Uint8Array };

/** More do not go along with one list, which must find room in the memory. */
const MAX_COPIES = 256;

interface InFlight {
  readonly list: number;
  readonly signature: number;
  /** The block where its commands lie. */
  readonly address: number;
}

/** Something to be done once so much work is done. */
interface Deferred {
  readonly work: number;
  run(): void;
}

/** What is let go when the executor is closed. */
interface Shared {
  readonly memory: WebAssembly.Memory;
  readonly ring: ListPublisher;
  readonly workers: readonly WorkerHandle[];
  /** Views of the memory, made anew when it has grown. */
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
  #shared: Shared | undefined;
  #kernels = 0;
  /** How much work was submitted so far, and how much of it is done: what is in flight, and the backlog, lie between. */
  #submitted = 0;
  #done = 0;
  /** Published, and not known to be finished. */
  #inFlight: InFlight[] = [];
  #threadsInFlight = 0;
  #backlog: Work[] = [];
  /** Writes that go along with the next list: from where they wait in the memory to where they belong. */
  #copies: Copy[] = [];
  /** Blocks to be given back, and results to be read, each in the order of their work. */
  #releases: Deferred[] = [];
  #reads: Deferred[] = [];
  #times = { elapsed: 0, waited: 0 };
  #fail: (failure: Failure) => void = () => {};

  /** @throws Error where the workers cannot be started, or the host has no room for the memory. */
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
      onReply: (answer: WorkerReply) => executor.#onReply(answer),
      onCrash: (text: string) => executor.#lose(failure(text)),
    };
    const workers = await startWorkers(messages, events, starter);
    executor.#shared = { memory, ring, workers, ...newViews(memory) };
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
    this.#collect();
    return this.#memory.allocate(bytes);
  }

  release(address: number): void {
    this.#collect();
    if (this.#isIdle()) this.#memory.release(address);
    else defer(this.#releases, this.submitted, () => this.#memory.release(address));
  }

  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel {
    const block = this.allocate(bytes.length);
    if (!block) throw new Error('There is no room for another kernel.');
    const { address } = block;
    try {
      const old = this.#memory.reserveScratch(scratch, this.threads);
      if (old !== undefined) this.release(old);
    } catch (error) {
      this.#memory.release(address);
      throw error;
    }
    this.#shared?.bytes.set(bytes, address);
    return { id: this.#kernels++, address, bytes: bytes.length };
  }

  submit(commands: readonly Command[]): void {
    if (commands.length > 0) this.#addList(commands);
  }

  write(address: number, bytes: Uint8Array): void {
    const shared = this.#shared;
    if (!shared || bytes.length === 0) return;
    this.#collect();
    if (this.#isIdle()) {
      shared.bytes.set(bytes, address);
      return;
    }
    // What runs now may read the old bytes. The new ones wait beside them, and are copied by the threads.
    const aside = this.#memory.allocate(bytes.length);
    if (!aside) {
      // Where there is no room they wait here, and what comes after them waits, too.
      this.#sendCopies();
      this.#add({ kind: 'write', address, bytes: bytes.slice() });
      return;
    }
    shared.bytes.set(bytes, aside.address);
    this.#copies.push({ kind: 'copy', from: aside.address, to: address, bytes: bytes.length });
    this.release(aside.address);
    if (this.#copies.length === MAX_COPIES) this.#sendCopies();
  }

  read(address: number, bytes: number, after = this.submitted): Promise<ArrayBuffer> {
    return new Promise((resolve) => {
      const read = () => {
        const copy = this.#shared?.bytes.slice(address, address + bytes);
        if (copy) resolve(copy.buffer as ArrayBuffer);
      };
      if (after > this.#submitted) this.#sendCopies();
      this.#collect();
      if (after <= this.#done) read();
      else {
        defer(this.#reads, after, read);
        this.#requestNotice();
      }
    });
  }

  takeTimes(): { elapsed: number; waited: number } {
    const times = this.#times;
    this.#times = { elapsed: 0, waited: 0 };
    return times;
  }

  close(): void {
    for (const worker of this.#shared?.workers ?? []) worker.stop();
    this.#shared = undefined;
    this.#inFlight = [];
    this.#backlog = [];
    this.#copies = [];
    this.#releases = [];
    this.#reads = [];
  }

  #isIdle(): boolean {
    return this.#done === this.submitted;
  }

  /** Adds a list, and the writes that came before it. */
  #addList(commands: readonly Command[]): void {
    const copies = this.#copies;
    this.#copies = [];
    this.#add({ kind: 'list', copies, commands });
  }

  /** A list of their own, where no other may follow. */
  #sendCopies(): void {
    if (this.#copies.length > 0) this.#addList([]);
  }

  #add(work: Work): void {
    if (!this.#shared) return;
    this.#collect();
    this.#submitted++;
    this.#backlog.push(work);
    this.#publishBacklog();
    if (this.#backlog.length > 0) this.#requestNotice();
  }

  /** Publishes what can be published now, in order. */
  #publishBacklog(): void {
    while (this.#backlog.length > 0) {
      const [work] = this.#backlog as [Work];
      const isTaken = work.kind === 'list' ? this.#publish(work) : this.#write(work);
      if (!isTaken) return;
      this.#backlog.shift();
    }
  }

  /** @returns whether the list was published. */
  #publish({ copies, commands: own }: Extract<Work, { kind: 'list' }>): boolean {
    const shared = this.#shared;
    const isEmpty = this.#inFlight.length === 0;
    if (!shared || this.#inFlight.length >= MAX_IN_FLIGHT) return false;
    const commands = [...copies, ...own];
    // Whether what it reads was written before or goes along is up to chance: it is the same list.
    const signature = listSignature(own);
    const threads = this.#chooser.next(signature, isEmpty ? undefined : this.#threadsInFlight);
    if (!isEmpty && threads !== this.#threadsInFlight) return false;
    const address = this.#listBlock(4 * listWords(commands));
    if (address === undefined) {
      // What is in flight gives its blocks back.
      if (isEmpty) this.#lose(failure('no memory is left for commands'));
      return false;
    }
    const start = address / 4;
    const { scratch, pages } = this.#memory;
    writeList(shared.words, start, start, commands, threads, scratch);
    const list = shared.ring.publish({ start, commands: commands.length, threads, pages });
    this.#threadsInFlight = threads;
    this.#inFlight.push({ list, signature, address });
    return true;
  }

  /** Room for a list: in the heap, or in what is kept back for one list where the heap is full. */
  #listBlock(bytes: number): number | undefined {
    const block = this.#memory.allocate(bytes);
    if (block) return block.address;
    return this.#inFlight.length === 0 && bytes <= RESERVE_BYTES ? RESERVE_START : undefined;
  }

  /** @returns whether the bytes were written: not while something runs that may read the old ones. */
  #write({ address, bytes }: Extract<Work, { kind: 'write' }>): boolean {
    if (this.#inFlight.length > 0) return false;
    this.#shared?.bytes.set(bytes, address);
    this.#finishWork();
    return true;
  }

  /** Looks at what has finished since the last look. */
  #collect(): void {
    const ring = this.#shared?.ring;
    while (ring && this.#inFlight.length > 0 && ring.isFinished(this.#inFlight[0]!.list)) {
      const { list, signature, address } = this.#inFlight.shift()!;
      const { threads, elapsed, waited } = ring.times(list);
      this.#chooser.report(signature, threads, elapsed, waited);
      this.#times.elapsed += elapsed / 1000;
      this.#times.waited += waited / 1000;
      if (address !== RESERVE_START) this.#memory.release(address);
      this.#finishWork();
    }
    if (this.#copies.length > 0 && this.#done === this.#submitted) this.#makeCopies();
  }

  /** Writes what waits beside its place: nothing reads the old bytes any more. */
  #makeCopies(): void {
    for (const { from, to, bytes } of this.#copies)
      this.#shared?.bytes.copyWithin(to, from, from + bytes);
    this.#copies = [];
    this.#submitted++;
    this.#finishWork();
  }

  #finishWork(): void {
    this.#done++;
    for (const deferred of [this.#reads, this.#releases])
      while (deferred.length > 0 && deferred[0]!.work <= this.#done) deferred.shift()!.run();
  }

  /** Asks to be told when the next work is done that something here waits for. */
  #requestNotice(): void {
    const list = this.#awaitedList();
    if (!this.#shared || list === undefined) return;
    const { workers, ring } = this.#shared;
    workers[0]!.hold(true);
    if (!ring.requestMessage(list)) queueMicrotask(() => this.#onNotice());
  }

  #awaitedList(): number | undefined {
    if (this.#backlog.length > 0) return this.#inFlight[0]?.list;
    const [next] = this.#reads;
    return next && this.#inFlight[next.work - this.#done - 1]?.list;
  }

  #onNotice(): void {
    if (!this.#shared) return;
    this.#collect();
    this.#publishBacklog();
    if (this.#reads.length > 0 || this.#backlog.length > 0) this.#requestNotice();
    else this.#shared.workers[0]!.hold(false);
  }

  #onReply(answer: WorkerReply): void {
    if (answer.kind === 'finished') this.#onNotice();
    if (answer.kind === 'failed') this.#lose(answer.failure);
  }

  /** The device is lost: nothing more is run, and whoever waits is told through `failed`. */
  #lose(reason: Failure): void {
    if (!this.#shared) return;
    this.close();
    this.#fail(reason);
  }

  #grow(minPages: number, preferredPages: number): number {
    const shared = this.#shared;
    if (!shared) return this.#memory.pages;
    const pages = growMemory(shared.memory, minPages, preferredPages);
    Object.assign(shared, newViews(shared.memory));
    return pages;
  }
}

/** Keeps what is to be done after some work behind all that comes before it. */
function defer(waiting: Deferred[], work: number, run: () => void): void {
  const index = waiting.findLastIndex((other) => other.work <= work) + 1;
  waiting.splice(index, 0, { work, run });
}

function newViews({ buffer }: WebAssembly.Memory): Pick<Shared, 'words' | 'bytes'> {
  return { words: new Int32Array(buffer), bytes: new Uint8Array(buffer) };
}

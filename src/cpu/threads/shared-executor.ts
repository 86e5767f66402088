/**
 * Threads over one shared memory. The main thread writes lists of commands there and goes on; the workers run them in
 * order, each command by all of them. The main thread never waits and never asks: where someone awaits a result, the
 * worker that finishes it sends a message.
 */

import {
  type Command,
  type ExecutableKernel,
  type Executor,
  listWords,
  writeList,
} from './executor.js';
import { type Chooser, Governor, Turns } from './governor.js';
import { Heap } from './heap.js';
import { startWorker, type WorkerFactory, type WorkerHandle } from './host.js';
import * as p from './protocol.js';

const PAGE = 65536;
const INITIAL_PAGES = 64;
/** The memory grows by at least this much, so that it does not grow often. */
const GROWTH = 16 * 2 ** 20;

interface Waiter {
  readonly list: number;
  resolve(): void;
}

/** What is to be done when a list is finished. */
interface InFlight {
  readonly list: number;
  readonly kind: number;
  readonly address: number;
}

export class SharedExecutor implements Executor {
  readonly threads: number;
  readonly heap: Heap;
  readonly failed: Promise<p.Failure>;
  readonly #memory: WebAssembly.Memory;
  readonly #governor: Chooser;
  #workers: WorkerHandle[] = [];
  #words: Int32Array;
  #bytes: Uint8Array;
  #kernels = 0;
  #scratch = { address: 0, stride: 0 };
  #published = 0;
  #collected = 0;
  /**
   * Published and not known to be finished. All of them have the same threads: one that has no part in a list would
   * begin the next before the others are done with it, and its end could be told after the next one's.
   */
  #inFlight: InFlight[] = [];
  #threadsInFlight = 0;
  /** What could not be published yet, since too much is in flight or with other threads. */
  #backlog: (readonly Command[])[] = [];
  /** Addresses that go back once a list is finished. */
  #released: { list: number; address: number }[] = [];
  #waiters: Waiter[] = [];
  #times = { elapsed: 0, waited: 0 };
  #fail: (failure: p.Failure) => void = () => {};
  #hasEnded = false;

  static async start(
    threads: number,
    maxPages: number,
    factory?: WorkerFactory,
    delay?: p.Delay,
  ): Promise<SharedExecutor> {
    const executor = new SharedExecutor(threads, maxPages, delay?.change);
    await executor.#startWorkers(factory, delay);
    return executor;
  }

  private constructor(threads: number, maxPages: number, change?: number) {
    this.threads = threads;
    this.#governor = change ? new Turns(threads, change) : new Governor(threads);
    this.#memory = new WebAssembly.Memory({
      initial: INITIAL_PAGES,
      maximum: maxPages,
      shared: true,
    });
    this.#words = new Int32Array(this.#memory.buffer);
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#words[p.ACTIVE] = threads;
    // Room below for the offsets that instructions add: see MAX_OFFSET in storage.ts.
    this.heap = new Heap(Math.max(p.CONTROL_BYTES, 1 << 20), (end) => this.#growTo(end, maxPages));
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  async #startWorkers(
    factory: WorkerFactory | undefined,
    delay: p.Delay | undefined,
  ): Promise<void> {
    const memory = this.#memory;
    const ready = Array.from({ length: this.threads }, (_, thread) => {
      return new Promise<void>((resolve, reject) => {
        const worker = startWorker(
          {
            answer: (answer) => (answer.kind === 'ready' ? resolve() : this.#answer(answer)),
            broke: (text) => {
              this.#broke(text);
              reject(new Error(`A worker of the CPU device did not start: ${text}`));
            },
          },
          factory,
        );
        worker.hold(true);
        worker.send({ kind: 'shared', memory, thread, delay });
        this.#workers.push(worker);
      });
    });
    try {
      await Promise.all(ready);
    } catch (error) {
      this.close();
      throw error;
    }
    for (const worker of this.#workers) worker.hold(false);
  }

  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel {
    const block = this.heap.allocate(bytes.length);
    if (!block) throw new Error('There is no room for another kernel.');
    this.#bytes.set(bytes, block.address);
    if (scratch > this.#scratch.stride) this.#growScratch(scratch);
    return { id: this.#kernels++, address: block.address, bytes: bytes.length };
  }

  /** Every thread's own memory: as much as the kernel that needs most. */
  #growScratch(bytes: number): void {
    // A cache line more, so that threads do not write to each other's.
    const stride = Math.ceil(bytes / 64 + 1) * 64;
    const block = this.heap.allocate(stride * this.threads);
    if (!block) throw new Error('There is no room for the threads’ own memory.');
    if (this.#scratch.stride > 0) this.release(this.#scratch.address);
    this.#scratch = { address: block.address, stride };
  }

  submit(commands: readonly Command[]): void {
    if (this.#hasEnded || commands.length === 0) return;
    this.#collect();
    this.#backlog.push(commands);
    this.#publishBacklog();
    if (this.#backlog.length > 0) this.#want();
  }

  #publishBacklog(): void {
    while (this.#backlog.length > 0 && this.#inFlight.length < p.RING_SLOTS - 1) {
      const { threads } = this.#governor;
      if (this.#inFlight.length > 0 && threads !== this.#threadsInFlight) return;
      this.#publish(this.#backlog.shift()!, threads);
    }
  }

  #publish(commands: readonly Command[], threads: number): void {
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
    const start = block.address / 4;
    const kind = writeList(this.#words, start, start, commands, threads, this.#scratch);
    const list = (this.#published + 1) | 0;
    const slot = this.#slot(list);
    const words = this.#words;
    // A thread that had no part in lists for long may be looking at this slot for an older one: see its #run.
    Atomics.store(words, slot + p.SLOT_LIST, list - 1);
    words[slot + p.SLOT_START] = start;
    words[slot + p.SLOT_COMMANDS] = commands.length;
    words[slot + p.SLOT_LEFT] = 0;
    words[slot + p.SLOT_ELAPSED] = 0;
    words[slot + p.SLOT_WAITED] = 0;
    Atomics.store(words, slot + p.SLOT_THREADS, threads);
    Atomics.store(words, slot + p.SLOT_LIST, list);
    this.#published = list;
    this.#threadsInFlight = threads;
    this.#inFlight.push({ list, kind, address: block.address });
    const active = words[p.ACTIVE]!;
    Atomics.store(words, p.ACTIVE, threads);
    Atomics.store(words, p.PUBLISHED, list);
    if (threads > active) Atomics.notify(words, p.ACTIVE);
    Atomics.notify(words, p.PUBLISHED);
  }

  write(address: number, bytes: Uint8Array): void {
    if (this.#hasEnded || bytes.length === 0) return;
    this.#collect();
    if (this.#inFlight.length === 0 && this.#backlog.length === 0) {
      this.#bytes.set(bytes, address);
      return;
    }
    // What runs now may read the old bytes: the new ones wait aside.
    const aside = this.heap.allocate(bytes.length);
    if (!aside) {
      this.#end({
        kernel: -1,
        access: -1,
        index: 0,
        count: 0,
        text: 'no memory is left for a write',
      });
      return;
    }
    this.#bytes.set(bytes, aside.address);
    this.submit([{ kind: 'copy', from: aside.address, to: address, bytes: bytes.length }]);
    this.release(aside.address);
  }

  async read(address: number, bytes: number): Promise<ArrayBuffer> {
    await this.settled();
    return this.#bytes.slice(address, address + bytes).buffer as ArrayBuffer;
  }

  settled(): Promise<void> {
    this.#collect();
    if (this.#inFlight.length === 0 && this.#backlog.length === 0) return Promise.resolve();
    const list = (this.#published + this.#backlog.length) | 0;
    return new Promise((resolve) => {
      this.#waiters.push({ list, resolve });
      this.#want();
    });
  }

  release(address: number): void {
    this.#collect();
    if (this.#inFlight.length === 0 && this.#backlog.length === 0) this.heap.release(address);
    else this.#released.push({ list: (this.#published + this.#backlog.length) | 0, address });
  }

  takeTimes(): { elapsed: number; waited: number } {
    const times = this.#times;
    this.#times = { elapsed: 0, waited: 0 };
    return times;
  }

  close(): void {
    this.#hasEnded = true;
    Atomics.store(this.#words, p.STATE, p.CLOSING);
    Atomics.notify(this.#words, p.PUBLISHED);
    Atomics.notify(this.#words, p.ACTIVE);
    for (const worker of this.#workers) worker.stop();
    this.#workers = [];
    this.#waiters = [];
  }

  /** Looks at what has finished since the last look. */
  #collect(): void {
    const finished = Atomics.load(this.#words, p.FINISHED);
    while (this.#inFlight.length > 0 && ((this.#inFlight[0]!.list - finished) | 0) <= 0) {
      const { list, kind, address } = this.#inFlight.shift()!;
      const slot = this.#slot(list);
      const elapsed = this.#words[slot + p.SLOT_ELAPSED]!;
      const waited = this.#words[slot + p.SLOT_WAITED]!;
      this.#governor.report(kind, this.#words[slot + p.SLOT_THREADS]!, elapsed, waited);
      this.#times.elapsed += elapsed / 1000;
      this.#times.waited += waited / 1000;
      this.heap.release(address);
      this.#collected = list;
    }
    const isDone = (list: number) => ((list - this.#collected) | 0) <= 0;
    while (this.#released.length > 0 && isDone(this.#released[0]!.list))
      this.heap.release(this.#released.shift()!.address);
    const ready = this.#waiters.filter((w) => isDone(w.list));
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter((w) => !isDone(w.list));
    for (const waiter of ready) waiter.resolve();
  }

  /** Asks to be told when the next list is finished that somebody waits for. */
  #want(): void {
    const [first] = this.#inFlight;
    if (!first || this.#hasEnded) return;
    const wanted = this.#backlog.length > 0 ? first.list : this.#waiters[0]?.list;
    if (wanted === undefined) return;
    this.#workers[0]?.hold(true);
    Atomics.store(this.#words, p.WANTED, wanted);
    // It may have finished just before: then nobody says so.
    const finished = Atomics.load(this.#words, p.FINISHED);
    const isLate = ((finished - wanted) | 0) >= 0;
    if (isLate && Atomics.compareExchange(this.#words, p.WANTED, wanted, 0) === wanted)
      queueMicrotask(() => this.#finished());
  }

  #answer(answer: p.Answer): void {
    if (this.#hasEnded) return;
    if (answer.kind === 'finished') this.#finished();
    if (answer.kind === 'failed') this.#end(answer.failure);
  }

  #finished(): void {
    if (this.#hasEnded) return;
    this.#collect();
    this.#publishBacklog();
    if (this.#waiters.length > 0 || this.#backlog.length > 0) this.#want();
    else this.#workers[0]?.hold(false);
  }

  #broke(text: string): void {
    this.#end({ kernel: -1, access: -1, index: 0, count: 0, text });
  }

  /** The device is lost: nothing more is run, and whoever waits is told through `failed`. */
  #end(failure: p.Failure): void {
    if (this.#hasEnded) return;
    this.close();
    this.#fail(failure);
  }

  #growTo(end: number, maxPages: number): boolean {
    const now = this.#memory.buffer.byteLength;
    if (end <= now) return true;
    const most = maxPages * PAGE;
    if (end > most) return false;
    const target = Math.min(most, Math.max(end, now + GROWTH));
    try {
      this.#memory.grow(Math.ceil((target - now) / PAGE));
    } catch {
      return false;
    }
    this.#words = new Int32Array(this.#memory.buffer);
    this.#bytes = new Uint8Array(this.#memory.buffer);
    return true;
  }

  #slot(list: number): number {
    return p.RING + ((list >>> 0) % p.RING_SLOTS) * p.SLOT_WORDS;
  }
}

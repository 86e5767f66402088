/**
 * A worker thread of the device, in Node and in pages alike. With a shared memory it takes part in every list that is
 * published, and sleeps between them; with a memory of its own it runs what it is sent.
 */

import { type NodeThreads, nodeModule } from './node.js';
import * as p from './protocol.js';
import { BadIndex, Runner, Stopped } from './run-list.js';

/** How long a worker spins for the next list before it sleeps, in milliseconds. */
const SPIN_MILLISECONDS = 0.05;
const LOOKS_PER_CLOCK = 64;

interface Port {
  send(answer: p.Answer, transfer?: ArrayBuffer[]): void;
  receive(handle: (message: p.Start | p.Request) => void): void;
  end(): void;
}

connect((port, start) => {
  if (start.kind === 'private') servePrivately(port, start.initialPages, start.maxPages);
  else {
    port.send({ kind: 'ready' });
    new SharedWorker(port, start).serve();
    port.end();
  }
});

/** Waits for the first message, which says what kind of worker this is. */
function connect(begin: (port: Port, start: p.Start) => void): void {
  const port = openPort();
  let isStarted = false;
  let handle: (message: p.Request) => void = () => {};
  port.receive((message) => {
    if (isStarted) {
      handle(message as p.Request);
      return;
    }
    isStarted = true;
    begin({ ...port, receive: (next) => (handle = next) }, message as p.Start);
  });
}

function openPort(): Port {
  const parent = nodeModule<NodeThreads>('worker_threads')?.parentPort;
  if (parent)
    return {
      send: (answer, transfer = []) => parent.postMessage(answer, transfer),
      receive: (handle) => parent.on('message', handle),
      end: () => parent.close(),
    };
  const scope = globalThis as unknown as DedicatedWorker;
  return {
    send: (answer, transfer = []) => scope.postMessage(answer, transfer),
    receive: (handle) => {
      scope.onmessage = ({ data }) => handle(data);
    },
    end: () => scope.close(),
  };
}

/** What is used here of a page's worker: the types of pages do not go with Node's. */
interface DedicatedWorker {
  postMessage(message: unknown, transfer: Transferable[]): void;
  close(): void;
  onmessage: (event: { data: p.Start | p.Request }) => void;
}

/** A worker beside others, over a memory that they share with the main thread. */
class SharedWorker {
  readonly #port: Port;
  readonly #thread: number;
  readonly #runner: Runner;
  readonly #words: Int32Array;
  #seen: number;

  constructor(port: Port, { memory, thread, delay }: Extract<p.Start, { kind: 'shared' }>) {
    this.#port = port;
    this.#thread = thread;
    this.#runner = new Runner(memory, thread, delay?.thread === thread ? holdUp(delay) : undefined);
    this.#words = this.#runner.words;
    this.#seen = Atomics.load(this.#words, p.FINISHED);
  }

  /** Takes part in lists until the device is closed or fails. */
  serve(): void {
    try {
      while (this.#next()) this.#run();
    } catch (error) {
      if (!(error instanceof Stopped)) this.#fail(error);
    }
  }

  /** Waits for a list that has not been seen; false where there will be none. */
  #next(): boolean {
    const words = this.#words;
    for (;;) {
      if (Atomics.load(words, p.STATE) !== p.RUNNING) return false;
      if (Atomics.load(words, p.PUBLISHED) !== this.#seen) return true;
      // One thread too many sleeps until more are wanted; whoever is wanted, until there is a list.
      const active = Atomics.load(words, p.ACTIVE);
      if (this.#thread >= active) Atomics.wait(words, p.ACTIVE, active);
      else this.#sleepUntilPublished();
    }
  }

  #sleepUntilPublished(): void {
    const words = this.#words;
    const start = performance.now();
    do {
      for (let look = 0; look < LOOKS_PER_CLOCK; look++)
        if (Atomics.load(words, p.PUBLISHED) !== this.#seen) return;
    } while (performance.now() - start < SPIN_MILLISECONDS);
    Atomics.wait(words, p.PUBLISHED, this.#seen);
  }

  #run(): void {
    const words = this.#words;
    // Lists that are finished had no part for this thread; their slots may be others' by now.
    const finished = Atomics.load(words, p.FINISHED);
    if (((this.#seen - finished) | 0) < 0) this.#seen = finished;
    if (Atomics.load(words, p.PUBLISHED) === this.#seen) return;
    const list = (this.#seen + 1) | 0;
    const slot = p.RING + ((list >>> 0) % p.RING_SLOTS) * p.SLOT_WORDS;
    const threads = Atomics.load(words, slot + p.SLOT_THREADS);
    if (Atomics.load(words, slot + p.SLOT_LIST) !== list) return;
    this.#seen = list;
    if (this.#thread < threads) this.#takePart(slot, threads);
  }

  #takePart(slot: number, threads: number): void {
    const words = this.#words;
    const start = performance.now();
    const waited = this.#runner.run(
      words[slot + p.SLOT_START]!,
      words[slot + p.SLOT_COMMANDS]!,
      threads,
    );
    Atomics.add(words, slot + p.SLOT_WAITED, Math.round(1000 * waited));
    if (this.#thread === 0)
      Atomics.store(words, slot + p.SLOT_ELAPSED, Math.round(1000 * (performance.now() - start)));
    // Whoever leaves last says so: nobody reads the list any more.
    if (Atomics.add(words, slot + p.SLOT_LEFT, 1) !== threads - 1) return;
    Atomics.store(words, p.FINISHED, this.#seen);
    const wanted = Atomics.load(words, p.WANTED);
    if (wanted !== 0 && ((this.#seen - wanted) | 0) >= 0) {
      Atomics.compareExchange(words, p.WANTED, wanted, 0);
      this.#port.send({ kind: 'finished' });
    }
  }

  #fail(error: unknown): void {
    const words = this.#words;
    // The first to fail is the one that is told of.
    if (Atomics.compareExchange(words, p.STATE, p.RUNNING, p.FAILED) !== p.RUNNING) return;
    this.#port.send({ kind: 'failed', failure: failureOf(error, this.#runner.kernel) });
    Atomics.notify(words, p.PUBLISHED);
    Atomics.notify(words, p.ACTIVE);
  }
}

/** A worker with a memory of its own, where no memory can be shared. */
function servePrivately(port: Port, initial: number, maximum: number): void {
  const memory = new WebAssembly.Memory({ initial, maximum });
  const runner = new Runner(memory, 0);
  let hasFailed = false;
  const serve = (request: p.Request) => {
    runner.refresh();
    switch (request.kind) {
      case 'grow':
        memory.grow(request.pages);
        return;
      case 'kernel':
        runner.addKernel(request.id, request.bytes);
        return;
      case 'write':
        new Uint8Array(memory.buffer).set(request.bytes, request.address);
        return;
      case 'list':
        runner.words.set(request.words, request.start);
        runner.run(request.start, request.commands, 1);
        return;
      case 'read': {
        const data = memory.buffer.slice(request.address, request.address + request.bytes);
        port.send({ kind: 'read', id: request.id, data: data as ArrayBuffer }, [
          data as ArrayBuffer,
        ]);
        return;
      }
    }
  };
  port.receive((request) => {
    if (hasFailed) return;
    try {
      serve(request as p.Request);
    } catch (error) {
      hasFailed = true;
      port.send({ kind: 'failed', failure: failureOf(error, runner.kernel) });
    }
  });
  port.send({ kind: 'ready' });
}

function failureOf(error: unknown, kernel: number): p.Failure {
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof BadIndex)) return { kernel, access: -1, index: 0, count: 0, text };
  const { access, index, count } = error;
  return { kernel, access, index, count, text };
}

/** Sleeps at one barrier in `every`, as a thread does that the system has taken its core from. */
function holdUp({ every, milliseconds, seed }: p.Delay): () => void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    if ((state >>> 8) % every === 0) Atomics.wait(sleeper, 0, 0, milliseconds);
  };
}

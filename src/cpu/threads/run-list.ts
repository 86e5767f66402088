/**
 * What a thread does with a list of commands: takes chunks of the first until none are left, waits until the others are
 * done with theirs, and goes on to the next. Which thread runs which workgroup is up to chance; what it computes is not,
 * since workgroups do not see each other's work within a command.
 */

import * as p from './protocol.js';

/** A kernel's function: context, own memory, first workgroup and the one after the last, workgroups along x, y, z. */
export type Run = (
  context: number,
  scratch: number,
  first: number,
  end: number,
  x: number,
  y: number,
  z: number,
) => void;

/** An index outside its array, met by a checked kernel. */
export class BadIndex extends Error {
  constructor(
    readonly access: number,
    readonly index: number,
    readonly count: number,
  ) {
    super('an index is outside its array');
  }
}

/** Another thread has failed, or the device is being closed: there is nothing left to do. */
export class Stopped extends Error {}

/** How long a thread spins at a barrier before it sleeps, in milliseconds; and how long at most it sleeps on. */
const SPIN_MILLISECONDS = 0.02;
const NAP_MILLISECONDS = 100;
const LOOKS_PER_CLOCK = 64;

/** One thread's view of the memory and of the kernels. */
export class Runner {
  /** The kernel that runs now, for messages. */
  kernel = -1;
  #words: Int32Array;
  #bytes: Uint8Array;
  readonly #memory: WebAssembly.Memory;
  readonly #thread: number;
  readonly #kernels = new Map<number, Run>();
  /** For tests: called at each barrier. */
  readonly #atBarrier: (() => void) | undefined;

  constructor(memory: WebAssembly.Memory, thread: number, atBarrier?: () => void) {
    this.#memory = memory;
    this.#thread = thread;
    this.#words = new Int32Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#atBarrier = atBarrier;
  }

  get words(): Int32Array {
    return this.#words;
  }

  /** Compiles a kernel's module. V8 compiles the same bytes once for all threads of a process. */
  addKernel(id: number, bytes: Uint8Array<ArrayBuffer>): Run {
    const report = (access: number, index: number, count: number) => {
      throw new BadIndex(access, index >>> 0, count >>> 0);
    };
    const module = new WebAssembly.Module(bytes);
    const imports = { device: { memory: this.#memory, report } };
    const run = new WebAssembly.Instance(module, imports).exports.run as Run;
    this.#kernels.set(id, run);
    return run;
  }

  /** The memory may have grown: a view of the old one does not see what was added. */
  refresh(): void {
    if (this.#bytes.byteLength === this.#memory.buffer.byteLength) return;
    this.#words = new Int32Array(this.#memory.buffer);
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  /**
   * Runs a list with `threads` threads, of which this is one.
   *
   * @returns milliseconds spent waiting for others.
   * @throws Stopped, BadIndex, or what a kernel throws.
   */
  run(start: number, commands: number, threads: number): number {
    this.refresh();
    let waited = 0;
    for (let n = 0; n < commands; n++) {
      const command = start + n * p.COMMAND_WORDS;
      if (threads === 1) this.#chunk(command, 0, this.#words[command + p.TOTAL]!);
      else waited += this.#share(command);
    }
    this.kernel = -1;
    return waited;
  }

  #share(command: number): number {
    const words = this.#words;
    const total = words[command + p.TOTAL]!;
    const chunk = words[command + p.CHUNK]!;
    let done = 0;
    for (;;) {
      const first = Atomics.add(words, command + p.NEXT, chunk);
      if (first >= total) break;
      const end = Math.min(total, first + chunk);
      this.#chunk(command, first, end);
      done = Atomics.add(words, command + p.DONE, end - first) + end - first;
    }
    this.#atBarrier?.();
    if (done === total) {
      if (Atomics.load(words, p.SLEEPERS) > 0) Atomics.notify(words, command + p.DONE);
      return 0;
    }
    return this.#await(command + p.DONE, total);
  }

  /** Spins for some microseconds, then sleeps until the last thread is done: it may need this core. */
  #await(at: number, total: number): number {
    const words = this.#words;
    if (Atomics.load(words, at) >= total) return 0;
    const start = performance.now();
    for (;;) {
      for (let look = 0; look < LOOKS_PER_CLOCK; look++)
        if (Atomics.load(words, at) >= total) return performance.now() - start;
      if (performance.now() - start > SPIN_MILLISECONDS) break;
    }
    Atomics.add(words, p.SLEEPERS, 1);
    try {
      for (;;) {
        const now = Atomics.load(words, at);
        if (now >= total) return performance.now() - start;
        if (Atomics.load(words, p.STATE) !== p.RUNNING) throw new Stopped();
        Atomics.wait(words, at, now, NAP_MILLISECONDS);
      }
    } finally {
      Atomics.sub(words, p.SLEEPERS, 1);
    }
  }

  #chunk(command: number, first: number, end: number): void {
    const words = this.#words;
    switch (words[command + p.KIND]) {
      case p.RUN: {
        const id = words[command + p.KERNEL]!;
        this.kernel = id;
        const run = this.#kernels.get(id) ?? this.#load(command, id);
        const stride = words[command + p.SCRATCH_STRIDE]!;
        run(
          words[command + p.CONTEXT]!,
          words[command + p.SCRATCH]! + stride * this.#thread,
          first,
          end,
          words[command + p.COUNT_X]!,
          words[command + p.COUNT_Y]!,
          words[command + p.COUNT_Z]!,
        );
        return;
      }
      case p.COPY:
      case p.CLEAR:
        this.#move(command, first, end);
        return;
      case p.STAMP: {
        const at = (words[command + p.TO]! >>> 0) / 4;
        const nanoseconds = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
        words[at] = Number(BigInt.asIntN(32, nanoseconds));
        words[at + 1] = Number(BigInt.asIntN(32, nanoseconds >> 32n));
        return;
      }
    }
  }

  #load(command: number, id: number): Run {
    const from = this.#words[command + p.MODULE]! >>> 0;
    const bytes = this.#bytes.slice(from, from + this.#words[command + p.MODULE_BYTES]!);
    return this.addKernel(id, bytes as Uint8Array<ArrayBuffer>);
  }

  #move(command: number, first: number, end: number): void {
    const words = this.#words;
    const bytes = words[command + p.BYTES]! >>> 0;
    const begin = first * p.PIECE_BYTES;
    const stop = Math.min(bytes, end * p.PIECE_BYTES);
    const to = words[command + p.TO]! >>> 0;
    if (words[command + p.KIND] === p.CLEAR) {
      this.#bytes.fill(0, to + begin, to + stop);
      return;
    }
    const from = words[command + p.FROM]! >>> 0;
    this.#bytes.copyWithin(to + begin, from + begin, from + stop);
  }
}

/**
 * What a thread does with a list of commands: it runs one after the other, each together with the list's other threads.
 * Which thread runs which workgroup is up to chance; what it computes is not, since workgroups do not see each other's
 * work within a command.
 */

import { claimChunk, completeUnits, waitUntilDone, wakeSleepers } from './barrier.js';
import * as w from './layout.js';
import type { PublishedList } from './list-ring.js';
import { type Failure, failure } from './messages.js';

/** A kernel's function: context, own memory, first workgroup and the one after the last, workgroups along x, y, z. */
type Run = (
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

/** What the main thread is told of an error. @param kernel the one that ran; -1 for none. */
export function describeFailure(error: unknown, kernel: number): Failure {
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof BadIndex)) return failure(text, kernel);
  const { access, index, count } = error;
  return { text, kernel, access, index, count };
}

/** One thread's view of the memory and of the kernels. */
export class Runner {
  /** The number of the kernel that runs now, for messages; -1 for none. */
  kernel = -1;
  #words: Int32Array;
  #bytes: Uint8Array;
  readonly #memory: WebAssembly.Memory;
  readonly #thread: number;
  readonly #kernels = new Map<number, Run>();
  readonly #onBarrier: (() => void) | undefined;

  /** @param onBarrier for tests: called at each barrier. */
  constructor(memory: WebAssembly.Memory, thread: number, onBarrier?: () => void) {
    this.#memory = memory;
    this.#thread = thread;
    this.#words = new Int32Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#onBarrier = onBarrier;
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

  /**
   * Runs a list.
   *
   * @returns milliseconds spent waiting for others.
   * @throws BadIndex, or what a kernel throws.
   */
  run({ start, commands, threads, pages }: PublishedList): number {
    this.#refresh(pages * w.PAGE_BYTES);
    let waited = 0;
    for (let n = 0; n < commands; n++) {
      const command = start + n * w.COMMAND_WORDS;
      if (threads === 1) this.#runChunk(command, 0, this.#words[command + w.TOTAL]!);
      else waited += this.#share(command);
    }
    this.kernel = -1;
    return waited;
  }

  /**
   * The memory may have grown, and a view of the old one does not see what was added. Where another thread has made it
   * grow, this one may hear of it a moment later.
   */
  #refresh(bytes: number): void {
    if (this.#bytes.byteLength >= bytes) return;
    let { buffer } = this.#memory;
    while (buffer.byteLength < bytes) ({ buffer } = this.#memory);
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  #share(command: number): number {
    const words = this.#words;
    const total = words[command + w.TOTAL]!;
    const chunk = words[command + w.CHUNK]!;
    let isLast = false;
    for (;;) {
      const first = claimChunk(words, command);
      if (first < 0) break;
      const end = Math.min(total, first + chunk);
      this.#runChunk(command, first, end);
      isLast = completeUnits(words, command, end - first);
    }
    this.#onBarrier?.();
    if (!isLast) return waitUntilDone(words, command);
    wakeSleepers(words, command);
    return 0;
  }

  #runChunk(command: number, first: number, end: number): void {
    this.kernel = this.#words[command + w.KERNEL]!;
    switch (this.#words[command + w.KIND]) {
      case w.RUN:
        this.#runKernel(command, first, end);
        return;
      case w.COPY:
      case w.CLEAR:
        this.#copyOrClear(command, first, end);
        return;
      case w.TIMESTAMP:
        this.#stamp(command);
        return;
    }
  }

  #runKernel(command: number, first: number, end: number): void {
    const words = this.#words;
    const run = this.#kernels.get(this.kernel) ?? this.#load(command);
    const stride = words[command + w.SCRATCH_STRIDE]!;
    run(
      words[command + w.CONTEXT]!,
      words[command + w.SCRATCH]! + stride * this.#thread,
      first,
      end,
      words[command + w.COUNT_X]!,
      words[command + w.COUNT_Y]!,
      words[command + w.COUNT_Z]!,
    );
  }

  #load(command: number): Run {
    const address = this.#words[command + w.MODULE]! >>> 0;
    const bytes = this.#bytes.slice(address, address + this.#words[command + w.MODULE_BYTES]!);
    return this.addKernel(this.kernel, bytes as Uint8Array<ArrayBuffer>);
  }

  #copyOrClear(command: number, first: number, end: number): void {
    const words = this.#words;
    const bytes = words[command + w.BYTES]! >>> 0;
    const begin = first * w.PIECE_BYTES;
    const stop = Math.min(bytes, end * w.PIECE_BYTES);
    const to = words[command + w.TO]! >>> 0;
    if (words[command + w.KIND] === w.CLEAR) {
      this.#bytes.fill(0, to + begin, to + stop);
      return;
    }
    const from = words[command + w.FROM]! >>> 0;
    this.#bytes.copyWithin(to + begin, from + begin, from + stop);
  }

  #stamp(command: number): void {
    const index = (this.#words[command + w.TO]! >>> 0) / 4;
    const nanoseconds = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
    this.#words[index] = Number(BigInt.asIntN(32, nanoseconds));
    this.#words[index + 1] = Number(BigInt.asIntN(32, nanoseconds >> 32n));
  }
}

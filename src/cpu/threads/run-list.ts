/**
 * Runs a list of commands on one thread: one command after another, each together with the list's
 * other threads. Which thread runs which workgroup depends on timing. The results do not, since
 * workgroups do not see each other's work within a command.
 */

import { claimChunk, completeUnits, waitUntilDone, wakeSleepers } from './barrier.js';
import * as w from './layout.js';
import type { PublishedList } from './list-ring.js';
import { type Failure, failure } from './messages.js';

/**
 * A kernel's exported function: addresses of its context and of the thread's scratch memory, the
 * range of workgroups to run, and the workgroup counts along x, y and z.
 */
type KernelFunction = (
  context: number,
  scratch: number,
  start: number,
  end: number,
  x: number,
  y: number,
  z: number,
) => void;

/** Thrown where a checked kernel meets an index outside its array. */
export class BadIndex extends Error {
  constructor(
    readonly access: number,
    readonly index: number,
    readonly count: number,
  ) {
    super('an index is outside its array');
  }
}

/**
 * Describes an error for the main thread.
 *
 * @param kernel id of the kernel that was running; -1 if none was.
 */
export function describeFailure(error: unknown, kernel: number): Failure {
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof BadIndex)) return failure(text, kernel);
  const { access, index, count } = error;
  return { text, kernel, access, index, count };
}

/** One thread's views of the memory, and its compiled kernels. */
export class Runner {
  /** Id of the kernel that is running, for messages; -1 if none is. */
  kernel = -1;
  #words: Int32Array;
  #bytes: Uint8Array;
  readonly #memory: WebAssembly.Memory;
  readonly #thread: number;
  readonly #kernels = new Map<number, KernelFunction>();
  readonly #onBarrier: (() => void) | undefined;

  /** @param onBarrier called at each barrier; for tests. */
  constructor(memory: WebAssembly.Memory, thread: number, onBarrier?: () => void) {
    this.#memory = memory;
    this.#thread = thread;
    this.#words = new Int32Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#onBarrier = onBarrier;
  }

  /** Compiles a kernel's module. V8 compiles the same bytes once for all threads of a process. */
  addKernel(id: number, bytes: Uint8Array<ArrayBuffer>): KernelFunction {
    const report = (access: number, index: number, count: number) => {
      throw new BadIndex(access, index >>> 0, count >>> 0);
    };
    const module = new WebAssembly.Module(bytes);
    const imports = { device: { memory: this.#memory, report } };
    const run = new WebAssembly.Instance(module, imports).exports.run as KernelFunction;
    this.#kernels.set(id, run);
    return run;
  }

  /**
   * Runs a list.
   *
   * @returns milliseconds spent waiting for other threads.
   * @throws BadIndex where a checked kernel meets an index outside its array; RuntimeError where a
   *   kernel traps.
   */
  run({ start, commands, threads, pages }: PublishedList): number {
    this.#refreshViews(pages * w.PAGE_BYTES);
    let waited = 0;
    for (let n = 0; n < commands; n++) {
      const command = start + n * w.COMMAND_WORDS;
      if (threads === 1) this.#runChunk(command, 0, this.#words[command + w.TOTAL]!);
      else waited += this.#runShared(command);
    }
    this.kernel = -1;
    return waited;
  }

  /**
   * Renews the views if the memory has grown: a view of the old buffer does not include the new
   * pages. Where another thread made it grow, this thread may learn of it a moment later, so it
   * waits.
   */
  #refreshViews(bytes: number): void {
    if (this.#bytes.byteLength >= bytes) return;
    let { buffer } = this.#memory;
    while (buffer.byteLength < bytes) ({ buffer } = this.#memory);
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  #runShared(command: number): number {
    const words = this.#words;
    const total = words[command + w.TOTAL]!;
    const chunk = words[command + w.CHUNK]!;
    let isLast = false;
    for (;;) {
      const start = claimChunk(words, command);
      if (start < 0) break;
      const end = Math.min(total, start + chunk);
      this.#runChunk(command, start, end);
      isLast = completeUnits(words, command, end - start);
    }
    this.#onBarrier?.();
    if (!isLast) return waitUntilDone(words, command);
    wakeSleepers(words, command);
    return 0;
  }

  #runChunk(command: number, start: number, end: number): void {
    this.kernel = this.#words[command + w.KERNEL]!;
    switch (this.#words[command + w.KIND]) {
      case w.RUN:
        this.#runKernel(command, start, end);
        return;
      case w.COPY:
      case w.CLEAR:
        this.#copyOrClear(command, start, end);
        return;
      case w.TIMESTAMP:
        this.#writeTimestamp(command);
        return;
    }
  }

  #runKernel(command: number, start: number, end: number): void {
    const words = this.#words;
    const run = this.#kernels.get(this.kernel) ?? this.#loadKernel(command);
    const stride = words[command + w.SCRATCH_STRIDE]!;
    run(
      words[command + w.CONTEXT]!,
      words[command + w.SCRATCH]! + stride * this.#thread,
      start,
      end,
      words[command + w.COUNT_X]!,
      words[command + w.COUNT_Y]!,
      words[command + w.COUNT_Z]!,
    );
  }

  #loadKernel(command: number): KernelFunction {
    const address = this.#words[command + w.MODULE]! >>> 0;
    const bytes = this.#bytes.slice(address, address + this.#words[command + w.MODULE_BYTES]!);
    return this.addKernel(this.kernel, bytes as Uint8Array<ArrayBuffer>);
  }

  #copyOrClear(command: number, start: number, end: number): void {
    const words = this.#words;
    const bytes = words[command + w.BYTES]! >>> 0;
    const startByte = start * w.PIECE_BYTES;
    const endByte = Math.min(bytes, end * w.PIECE_BYTES);
    const to = words[command + w.TO]! >>> 0;
    if (words[command + w.KIND] === w.CLEAR) {
      this.#bytes.fill(0, to + startByte, to + endByte);
      return;
    }
    const from = words[command + w.FROM]! >>> 0;
    this.#bytes.copyWithin(to + startByte, from + startByte, from + endByte);
  }

  #writeTimestamp(command: number): void {
    const index = (this.#words[command + w.TO]! >>> 0) / 4;
    const nanoseconds = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
    this.#words[index] = Number(BigInt.asIntN(32, nanoseconds));
    this.#words[index + 1] = Number(BigInt.asIntN(32, nanoseconds >> 32n));
  }
}

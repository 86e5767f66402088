/** What runs commands on a memory: threads that share it, or one worker that has it to itself. */

import type { Failure } from './messages.js';

/** A command with addresses in place of buffers. */
export type Command =
  | {
      readonly kind: 'run';
      readonly kernel: ExecutableKernel;
      /** Address and size of every binding, by turns: the first words of the kernel's context. */
      readonly slots: readonly number[];
      /** The words that follow them. */
      readonly immediates: Int32Array;
      readonly grid: readonly [number, number, number];
    }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number; readonly bytes: number }
  | { readonly kind: 'clear'; readonly to: number; readonly bytes: number }
  | { readonly kind: 'timestamp'; readonly to: number };

export interface ExecutableKernel {
  readonly id: number;
  /** Where its module lies in the memory, where threads look for it there. */
  readonly address: number;
  /** Of the module. */
  readonly bytes: number;
}

/** A block of the device's memory. */
export interface Allocation {
  readonly address: number;
  /** How many of its bytes, from its beginning, may hold what was there before; those beyond are zero. */
  readonly staleBytes: number;
  /**
   * Where it cannot be known at once: whether the host had room for it. A block that it had no room for is taken back;
   * commands and writes to it are passed over.
   */
  readonly granted?: Promise<boolean>;
}

export interface Executor {
  readonly threads: number;
  /** How much work was submitted so far: a moment to read after. */
  readonly submitted: number;
  /** Pages of the memory at most. */
  readonly maxPages: number;
  /** Bytes of the memory in use. */
  readonly usedBytes: number;
  /** Resolves when the device cannot go on, with the reason. */
  readonly failed: Promise<Failure>;
  /** A block of at least so many bytes; `undefined` where there is no room. */
  allocate(bytes: number): Allocation | undefined;
  /** Gives a block back once everything submitted before has run. */
  release(address: number): void;
  /**
   * @param scratch bytes of memory that each thread needs for it.
   * @throws Error where there is no room; then nothing has changed.
   */
  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel;
  /** Runs commands after everything before them; returns at once. */
  submit(commands: readonly Command[]): void;
  /** Writes bytes after everything submitted before. They are taken before this returns. */
  write(address: number, bytes: Uint8Array): void;
  /**
   * Bytes as the work up to a moment leaves them, where nothing later changes them. Never settles once the executor is
   * closed or has failed.
   *
   * @param after what `submitted` was at that moment; default: everything submitted before.
   */
  read(address: number, bytes: number, after?: number): Promise<ArrayBuffer>;
  /** Milliseconds that lists took, and that threads waited in them, summed, since the last call; 0 where not measured. */
  takeTimes(): { elapsed: number; waited: number };
  /** Ends the workers and lets go of the memory. */
  close(): void;
}

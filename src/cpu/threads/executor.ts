/**
 * The interface of what runs commands on a memory: threads that share it, or one worker that owns
 * it.
 */

import type { Failure } from './messages.js';

/** A command with addresses in place of buffers. */
export type Command =
  | {
      readonly kind: 'run';
      readonly kernel: ExecutableKernel;
      /** Address and size of each binding, alternating: the first words of the kernel's context. */
      readonly slots: readonly number[];
      /** The words of the context after the slots. */
      readonly immediates: Int32Array;
      readonly grid: readonly [number, number, number];
    }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number; readonly bytes: number }
  | { readonly kind: 'clear'; readonly to: number; readonly bytes: number }
  | { readonly kind: 'timestamp'; readonly to: number };

/** A kernel that was added to an executor. */
export interface ExecutableKernel {
  /** Index of the kernel among those added to the executor. */
  readonly id: number;
  /** Byte address of the module in shared memory, where every thread can read it. */
  readonly address: number;
  /** Size of the module in bytes. */
  readonly bytes: number;
}

/** A block of the device's memory. */
export interface Allocation {
  readonly address: number;
  /** How many bytes at the start of the block may hold old data. The bytes after them are zero. */
  readonly staleBytes: number;
  /**
   * Present where the host has not yet confirmed the memory: resolves with whether it had room. A
   * block for which it had none is taken back, and commands and writes that use it are skipped.
   */
  readonly granted?: Promise<boolean>;
}

/** Runs commands, and allocates, writes and reads the memory that they work on. */
export interface Executor {
  /** How many threads can run commands. */
  readonly threads: number;
  /**
   * How many lists and writes have been submitted so far. A later `read` can refer to this point.
   */
  readonly submitted: number;
  /** The largest size that the memory can have, in pages. */
  readonly maxPages: number;
  /** Bytes of the memory in use. */
  readonly usedBytes: number;
  /** Resolves with the reason when the device cannot continue. */
  readonly failed: Promise<Failure>;
  /** Allocates a block of at least `bytes` bytes; returns `undefined` where there is no room. */
  allocate(bytes: number): Allocation | undefined;
  /** Frees a block once everything submitted before this call has run. */
  release(address: number): void;
  /**
   * Adds a compiled kernel.
   *
   * @param bytes the WebAssembly module.
   * @param scratch bytes of scratch memory that each thread needs to run it.
   * @throws Error where there is no room; nothing has changed then.
   */
  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel;
  /** Runs commands after everything submitted before them. Returns at once. */
  submit(commands: readonly Command[]): void;
  /** Writes bytes after everything submitted before. The bytes are copied before this returns. */
  write(address: number, bytes: Uint8Array): void;
  /**
   * Reads bytes as they are once the work submitted up to some point is done, provided that no
   * later work changes them. Never settles once the executor is closed or has failed.
   *
   * @param after the value of `submitted` at that point. Default: everything submitted before this
   *   call.
   */
  read(address: number, bytes: number, after?: number): Promise<ArrayBuffer>;
  /**
   * Milliseconds that lists took, and milliseconds that threads waited in them (summed over
   * threads), since the last call. Both are 0 where this is not measured.
   */
  takeTimes(): { elapsed: number; waited: number };
  /** Terminates the workers and drops the memory. */
  close(): void;
}

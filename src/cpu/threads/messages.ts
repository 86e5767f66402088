/** The messages between the main thread and its workers. */

import type { Delay } from './test-hooks.js';

/** The first message to a worker. */
export type StartMessage = SharedStart | PrivateStart;

/** Starts a worker that shares the memory with others. */
export interface SharedStart {
  readonly kind: 'shared';
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly delay?: Delay | undefined;
}

/** Starts a worker that has the memory to itself and creates it. */
export interface PrivateStart {
  readonly kind: 'private';
  /** Maximum sizes of the memory to try, in pages, largest first. */
  readonly pageLimits: readonly number[];
}

/**
 * What the main thread asks of a worker that has the memory to itself. Requests are served in
 * order. `end` is the address that the memory must reach. If it does not, the host had no room for
 * a buffer that the request uses, and the request is skipped.
 */
export type WorkerRequest =
  /** Sizes in pages: the one that is required, and the one that is tried first. */
  | { readonly kind: 'grow'; readonly minPages: number; readonly preferredPages: number }
  | { readonly kind: 'kernel'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: 'write';
      readonly address: number;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly end: number;
    }
  | {
      readonly kind: 'list';
      readonly words: Int32Array<ArrayBuffer>;
      readonly commands: number;
      /** Index of the word in memory where the list is put. */
      readonly start: number;
      readonly end: number;
    }
  | {
      readonly kind: 'read';
      readonly id: number;
      readonly address: number;
      readonly bytes: number;
    };

/** What a worker answers. */
export type WorkerReply =
  /** `maxPages` is the largest size of the memory that a private worker has created. */
  | { readonly kind: 'ready'; readonly maxPages?: number }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /**
   * The size of the memory after a request to grow, in pages. It is too small where the host
   * refused.
   */
  | { readonly kind: 'grown'; readonly pages: number }
  | { readonly kind: 'read'; readonly id: number; readonly data: ArrayBuffer };

/** Why a device is lost. */
export interface Failure {
  readonly text: string;
  /** Id of the kernel that failed; -1 if no kernel was running. */
  readonly kernel: number;
  /**
   * Set where a checked kernel met an index outside its array: the id of the access (otherwise -1),
   * the index, and the number of elements.
   */
  readonly access: number;
  readonly index: number;
  readonly count: number;
}

/** A failure that has nothing to do with an index. */
export function failure(text: string, kernel = -1): Failure {
  return { text, kernel, access: -1, index: 0, count: 0 };
}

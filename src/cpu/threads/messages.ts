/** The messages between the main thread and its workers. */

import type { Delay } from './test-hooks.js';

/** What a worker is told when it starts. */
export type StartMessage = SharedStart | PrivateStart;

/** A worker that shares the memory with others. */
export interface SharedStart {
  readonly kind: 'shared';
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly delay?: Delay | undefined;
}

/** A worker that makes a memory of its own. */
export interface PrivateStart {
  readonly kind: 'private';
  /** How many pages the memory may have at most: the largest that the host grants. */
  readonly pageLimits: readonly number[];
}

/**
 * What the main thread asks of a worker with a memory of its own. Requests are served in order. `end` is how far the
 * memory must reach: where it does not, the host had no room for a buffer of the request's, which is passed over.
 */
export type WorkerRequest =
  /** Pages that the memory must have, and that would be better. */
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
      /** The word of the memory where the list is put. */
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
  /** `maxPages` of a memory of the worker's own. */
  | { readonly kind: 'ready'; readonly maxPages?: number }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** How many pages the memory has after a request to grow; fewer where the host refused. */
  | { readonly kind: 'grown'; readonly pages: number }
  | { readonly kind: 'read'; readonly id: number; readonly data: ArrayBuffer };

/** Why a device is lost. */
export interface Failure {
  readonly text: string;
  /** The number of the kernel that failed; -1 where it was none. */
  readonly kernel: number;
  /** Of an index outside its array, in the checked mode: which access it was, or -1; the index; and the array's count. */
  readonly access: number;
  readonly index: number;
  readonly count: number;
}

/** A failure that is not of an index. */
export function failure(text: string, kernel = -1): Failure {
  return { text, kernel, access: -1, index: 0, count: 0 };
}

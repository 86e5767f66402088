/**
 * What main thread and workers agree on: where in the shared memory the words lie by which they talk, and how a list of
 * commands is written there. All numbers are words (4 bytes) of one Int32Array over the memory, unless said otherwise.
 */

/** RUNNING, CLOSING or FAILED. */
export const STATE = 0;
/** How many lists were published so far, and how many of them are finished. Both only grow, and wrap. */
export const PUBLISHED = 1;
export const FINISHED = 2;
/** The list whose end the main thread wants to be told of, or 0. */
export const WANTED = 3;
/** How many workers may take part in lists; those with a higher number sleep on this word. */
export const ACTIVE = 4;
/** How many workers sleep at a barrier, so that nobody is woken in vain. */
export const SLEEPERS = 5;
/** Set by the first worker that fails; what failed follows. */
export const FAILED_KERNEL = 8;
export const FAILED_ACCESS = 9;
export const FAILED_INDEX = 10;
export const FAILED_COUNT = 11;
export const FAILED_TEXT_BYTES = 12;
export const FAILED_TEXT = 64;
export const MAX_TEXT_BYTES = 512;

export const RUNNING = 0;
export const CLOSING = 1;
export const FAILED = 2;

/** Lists in flight: a ring of slots. */
export const RING = 256;
export const RING_SLOTS = 32;
export const SLOT_WORDS = 16;
/** In a slot: the number of its list, */
export const SLOT_LIST = 0;
/** where the list begins, and how many commands it has, */
export const SLOT_START = 1;
export const SLOT_COMMANDS = 2;
/** how many threads take part, and how many of them are done with it, */
export const SLOT_THREADS = 3;
export const SLOT_LEFT = 4;
/** and microseconds: from its first command to its last, and spent waiting, summed over threads. */
export const SLOT_ELAPSED = 5;
export const SLOT_WAITED = 6;

/** Words of a command. */
export const COMMAND_WORDS = 16;
export const KIND = 0;
/** RUN: the kernel's number, the byte address of its context, workgroups in all and along x, y and z. */
export const KERNEL = 1;
export const CONTEXT = 2;
export const TOTAL = 3;
export const COUNT_X = 4;
export const COUNT_Y = 5;
export const COUNT_Z = 6;
/** How many workgroups a thread takes at once; the next that nobody has taken; how many are done. */
export const CHUNK = 7;
export const NEXT = 8;
export const DONE = 9;
/** Where the kernel's module lies, in bytes, and its length. */
export const MODULE = 10;
export const MODULE_BYTES = 11;
/** Byte address of the first thread's own memory, and bytes from one thread's to the next. */
export const SCRATCH = 12;
export const SCRATCH_STRIDE = 13;
/** COPY and CLEAR: byte addresses and bytes. TOTAL is then a number of pieces. */
export const FROM = 4;
export const TO = 5;
export const BYTES = 6;

export const RUN = 0;
export const COPY = 1;
export const CLEAR = 2;
/** Writes the time, in nanoseconds, as 64 bits at TO. */
export const STAMP = 3;

/** Bytes that one thread copies or clears at once. */
export const PIECE_BYTES = 1 << 18;

/** Bytes from the memory's start to where buffers may lie. */
export const CONTROL_BYTES = 1 << 16;

/** What a worker is told when it starts. */
export type Start =
  | {
      readonly kind: 'shared';
      readonly memory: WebAssembly.Memory;
      readonly thread: number;
      /** For tests: this thread now and then sleeps at a barrier. */
      readonly delay?: Delay | undefined;
    }
  | { readonly kind: 'private'; readonly initialPages: number; readonly maxPages: number };

/** How a test holds a worker up: one barrier in `every`, by `seed`, for `milliseconds`, until `until` in epoch time. */
export interface Delay {
  readonly thread: number;
  readonly every: number;
  readonly milliseconds: number;
  readonly seed: number;
  /** How often, in lists, another number of threads is chosen; never, unless given. */
  readonly change?: number | undefined;
}

/** What the main thread asks of a worker with a memory of its own; in order. */
export type Request =
  | { readonly kind: 'grow'; readonly pages: number }
  | { readonly kind: 'kernel'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'write'; readonly address: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: 'list';
      readonly words: Int32Array<ArrayBuffer>;
      readonly commands: number;
      readonly start: number;
    }
  | {
      readonly kind: 'read';
      readonly id: number;
      readonly address: number;
      readonly bytes: number;
    };

/** What a worker answers. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'read'; readonly id: number; readonly data: ArrayBuffer };

/** Why a device is lost. */
export interface Failure {
  /** The kernel's number, -1 where it was none. */
  readonly kernel: number;
  /** Of an index outside its array, in the checked mode: which access, the index, and the array's count. */
  readonly access: number;
  readonly index: number;
  readonly count: number;
  readonly text: string;
}

/**
 * The layout of the shared memory, and of a list of commands in it. All indices and offsets are in
 * words (4 bytes) of one Int32Array over the memory, unless stated otherwise. list-ring.ts and
 * barrier.ts say who writes which word, and when.
 */

import { HEAP_START } from '../wasm/address-space.js';

/** Bytes of a page of WebAssembly memory. */
export const PAGE_BYTES = 65536;

// Control words

/** The id of the list that was published last. */
export const PUBLISHED = 1;
/** The id of the list that was finished last. */
export const FINISHED = 2;
/** The id of the list whose end the main thread wants a message about; 0 for none. */
export const AWAITED = 3;
/**
 * How many threads take part in the lists in flight. Threads whose index is at least this sleep on
 * this word.
 */
export const ACTIVE_THREADS = 4;
/** How many threads sleep at a barrier. Where it is 0, no thread needs to be woken. */
export const SLEEPERS = 5;

// Lists in flight: a ring of slots

/** Index of the ring's first word. */
export const RING = 256;
/** How many slots the ring has. */
export const RING_SLOTS = 32;
/** Words of a slot. */
export const SLOT_WORDS = 16;
/** The id of the slot's list; 0 while the slot is being rewritten. */
export const SLOT_LIST = 0;
/** Index of the list's first word. */
export const SLOT_START = 1;
/** How many commands the list has. */
export const SLOT_COMMANDS = 2;
/** How many threads take part in the list. */
export const SLOT_THREADS = 3;
/** How many of these threads are done with the list. */
export const SLOT_THREADS_DONE = 4;
/** Microseconds from the first command to the last. */
export const SLOT_ELAPSED = 5;
/** Microseconds that threads spent waiting, summed over threads. */
export const SLOT_WAITED = 6;
/** Lower bound of the memory's size, in pages: a thread's view of the memory may be older. */
export const SLOT_PAGES = 7;

// A command

/** Words of a command. */
export const COMMAND_WORDS = 16;
/** RUN, COPY, CLEAR or TIMESTAMP. */
export const KIND = 0;
/** RUN: the kernel's id; -1 in all other commands. */
export const KERNEL = 1;
/** RUN: byte address of the context, which holds the kernel's bindings and immediates. */
export const CONTEXT = 2;
/** How many units the command consists of: workgroups, or pieces to copy or clear. */
export const TOTAL = 3;
/** RUN: workgroups along x. */
export const COUNT_X = 4;
/** RUN: workgroups along y. */
export const COUNT_Y = 5;
/** RUN: workgroups along z. */
export const COUNT_Z = 6;
/** COPY: byte address of the source. It shares its word with COUNT_X. */
export const FROM = 4;
/** COPY, CLEAR and TIMESTAMP: byte address of the destination. It shares its word with COUNT_Y. */
export const TO = 5;
/** COPY and CLEAR: how many bytes. It shares its word with COUNT_Z. */
export const BYTES = 6;
/** How many units a thread claims at a time. */
export const CHUNK = 7;
/** The first unit that no thread has claimed. */
export const NEXT = 8;
/** How many units are done. */
export const DONE = 9;
/** RUN: byte address of the kernel's module. */
export const MODULE = 10;
/** RUN: bytes of the kernel's module. */
export const MODULE_BYTES = 11;
/** RUN: byte address of the first thread's scratch memory. */
export const SCRATCH = 12;
/** RUN: bytes from one thread's scratch memory to the next. */
export const SCRATCH_STRIDE = 13;

/** KIND of a command that runs a kernel. */
export const RUN = 0;
/** KIND of a command that copies memory. */
export const COPY = 1;
/** KIND of a command that fills memory with zeros. */
export const CLEAR = 2;
/** KIND of a command that writes the time, in nanoseconds, as 64 bits at TO. */
export const TIMESTAMP = 3;

/**
 * Bytes that are copied or cleared as one unit. Claiming one costs little beside this much work.
 */
export const PIECE_BYTES = 1 << 18;

/** Bytes of the control words and the ring. */
export const CONTROL_BYTES = 1 << 16;
/** Byte address of the space for one list when the heap is full: between the ring and the heap. */
export const RESERVE_START = CONTROL_BYTES;
/** Bytes of that space. */
export const RESERVE_BYTES = HEAP_START - RESERVE_START;

/**
 * Where things lie in the shared memory, and how a list of commands is written there. All numbers are words (4 bytes) of
 * one Int32Array over the memory, unless said otherwise. Who writes which word, and when, is in list-ring.ts and
 * barrier.ts.
 */

import { HEAP_START } from '../wasm/address-space.js';

/** Bytes of a page of WebAssembly's memory. */
export const PAGE_BYTES = 65536;

// Control words

/** The list that was published last, and the one that was finished last. */
export const PUBLISHED = 1;
export const FINISHED = 2;
/** The list of whose end the main thread wants to be told; 0 for none. */
export const AWAITED = 3;
/** How many threads take part in the lists in flight: those whose number is as high, or higher, sleep on this word. */
export const ACTIVE_THREADS = 4;
/** How many threads sleep at a barrier, so that nobody is woken in vain. */
export const SLEEPERS = 5;

// Lists in flight: a ring of slots

export const RING = 256;
export const RING_SLOTS = 32;
export const SLOT_WORDS = 16;
/** The number of the slot's list; 0 while the slot is being rewritten. */
export const SLOT_LIST = 0;
/** The list's first word, and how many commands it has. */
export const SLOT_START = 1;
export const SLOT_COMMANDS = 2;
/** How many threads take part, and how many of them have left. */
export const SLOT_THREADS = 3;
export const SLOT_THREADS_DONE = 4;
/** Microseconds from the first command to the last. */
export const SLOT_ELAPSED = 5;
/** Microseconds that threads spent waiting, summed. */
export const SLOT_WAITED = 6;
/** Pages that the memory has at least: a thread's view of it may be older. */
export const SLOT_PAGES = 7;

// A command

export const COMMAND_WORDS = 16;
/** RUN, COPY, CLEAR or STAMP. */
export const KIND = 0;
/** The kernel's number; -1 for what runs none. */
export const KERNEL = 1;
/** RUN: byte address of the kernel's bindings and immediates. */
export const CONTEXT = 2;
/** Into how many units the command can be cut: workgroups, or pieces to copy or clear. */
export const TOTAL = 3;
/** RUN: workgroups along x, y and z. */
export const COUNT_X = 4;
export const COUNT_Y = 5;
export const COUNT_Z = 6;
/** COPY, CLEAR and STAMP: byte addresses and bytes, in the same words as the counts of RUN. */
export const FROM = 4;
export const TO = 5;
export const BYTES = 6;
/** How many units a thread takes at once, the next unit that nobody has taken, and how many are done. */
export const CHUNK = 7;
export const NEXT = 8;
export const DONE = 9;
/** RUN: byte address of the kernel's module, and its bytes. */
export const MODULE = 10;
export const MODULE_BYTES = 11;
/** RUN: byte address of the first thread's own memory, and bytes from one thread's to the next. */
export const SCRATCH = 12;
export const SCRATCH_STRIDE = 13;

export const RUN = 0;
export const COPY = 1;
export const CLEAR = 2;
/** Writes the time, in nanoseconds, as 64 bits at TO. */
export const TIMESTAMP = 3;

/** Bytes that are copied or cleared as one unit: large enough that claiming it costs nothing beside it. */
export const PIECE_BYTES = 1 << 18;

/** Bytes of the control words and the ring. */
export const CONTROL_BYTES = 1 << 16;
/** Where one list lies when the heap has no room for it: between the ring and the heap. */
export const RESERVE_START = CONTROL_BYTES;
export const RESERVE_BYTES = HEAP_START - RESERVE_START;

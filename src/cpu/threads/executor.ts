/** What runs commands on a memory: threads that share it, or one worker that has it to itself. */

import type { Heap } from './heap.js';
import * as p from './protocol.js';

/** A command with addresses in place of buffers. */
export type Command =
  | {
      readonly kind: 'run';
      readonly kernel: ExecutableKernel;
      /** Address and size of every binding, and the immediates after them: 32-bit words. */
      readonly slots: readonly number[];
      readonly immediates: Int32Array;
      readonly grid: readonly [number, number, number];
    }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number; readonly bytes: number }
  | { readonly kind: 'clear'; readonly to: number; readonly bytes: number }
  | { readonly kind: 'stamp'; readonly to: number };

export interface ExecutableKernel {
  readonly id: number;
  /** Where its module lies in the memory, where threads look for it there. */
  readonly address: number;
  readonly bytes: number;
}

export interface Executor {
  readonly threads: number;
  readonly heap: Heap;
  /** Resolves when the device cannot go on, with the reason. */
  readonly failed: Promise<p.Failure>;
  addKernel(bytes: Uint8Array<ArrayBuffer>, scratch: number): ExecutableKernel;
  /** Runs commands after everything before them; returns at once. */
  submit(commands: readonly Command[]): void;
  /** Writes bytes after everything submitted before. They are taken before this returns. */
  write(address: number, bytes: Uint8Array): void;
  /** Bytes as everything submitted before leaves them. */
  read(address: number, bytes: number): Promise<ArrayBuffer>;
  /** Resolves when everything submitted before has run. */
  settled(): Promise<void>;
  /** Gives an address back once everything submitted before has run. */
  release(address: number): void;
  /** Milliseconds that lists took, and that threads waited in them, since the last call. */
  takeTimes(): { elapsed: number; waited: number };
  close(): void;
}

/** Words that a list takes. */
export function listWords(commands: readonly Command[]): number {
  let words = commands.length * p.COMMAND_WORDS;
  for (const c of commands) if (c.kind === 'run') words += c.slots.length + c.immediates.length;
  return words;
}

/**
 * Writes a list as its threads read it: the commands, then the contexts of those that run kernels.
 *
 * @param at where in `words` it begins.
 * @param start the word of the memory that this is.
 * @returns a number that lists of the same commands share.
 */
export function writeList(
  words: Int32Array,
  at: number,
  start: number,
  commands: readonly Command[],
  threads: number,
  scratch: { address: number; stride: number },
): number {
  words.fill(0, at, at + commands.length * p.COMMAND_WORDS);
  let context = commands.length * p.COMMAND_WORDS;
  let kind = commands.length;
  for (const [n, command] of commands.entries()) {
    const own = at + n * p.COMMAND_WORDS;
    const total = writeCommand(words, own, command, 4 * (start + context), scratch);
    words[own + p.TOTAL] = total;
    words[own + p.CHUNK] = Math.max(1, Math.floor(total / (8 * threads)));
    kind = (Math.imul(kind, 31) + Math.imul(words[own + p.KERNEL]!, 7) + total) | 0;
    if (command.kind !== 'run') continue;
    for (const word of command.slots) words[at + context++] = word;
    words.set(command.immediates, at + context);
    context += command.immediates.length;
  }
  return kind;
}

/** @returns into how many parts a command can be cut. */
function writeCommand(
  words: Int32Array,
  at: number,
  command: Command,
  context: number,
  scratch: { address: number; stride: number },
): number {
  switch (command.kind) {
    case 'run': {
      const [x, y, z] = command.grid;
      words[at + p.KIND] = p.RUN;
      words[at + p.KERNEL] = command.kernel.id;
      words[at + p.CONTEXT] = context;
      words[at + p.COUNT_X] = x;
      words[at + p.COUNT_Y] = y;
      words[at + p.COUNT_Z] = z;
      words[at + p.MODULE] = command.kernel.address;
      words[at + p.MODULE_BYTES] = command.kernel.bytes;
      words[at + p.SCRATCH] = scratch.address;
      words[at + p.SCRATCH_STRIDE] = scratch.stride;
      return x * y * z;
    }
    case 'copy':
    case 'clear':
      words[at + p.KIND] = command.kind === 'copy' ? p.COPY : p.CLEAR;
      words[at + p.KERNEL] = -1;
      if (command.kind === 'copy') words[at + p.FROM] = command.from;
      words[at + p.TO] = command.to;
      words[at + p.BYTES] = command.bytes;
      return Math.ceil(command.bytes / p.PIECE_BYTES);
    case 'stamp':
      words[at + p.KIND] = p.STAMP;
      words[at + p.KERNEL] = -1;
      words[at + p.TO] = command.to;
      return 1;
  }
}

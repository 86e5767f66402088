/** Encodes commands as the words that threads read (layout.ts). */

import type { Command } from './executor.js';
import * as w from './layout.js';

/**
 * How many chunks a command is cut into for each of its threads. The chunk that ends last is what
 * the others wait for: at most an eighth of a thread's share. Many more chunks would cost as many
 * claims, and each claim takes the cache line that all threads want.
 */
const CHUNKS_PER_THREAD = 8;

/**
 * The threads' scratch memory: byte address of the first thread's, and bytes from one to the next.
 */
export interface Scratch {
  readonly address: number;
  readonly stride: number;
}

/** How many words a list needs. */
export function listWords(commands: readonly Command[]): number {
  let words = commands.length * w.COMMAND_WORDS;
  for (const command of commands)
    if (command.kind === 'run') words += command.slots.length + command.immediates.length;
  return words;
}

/**
 * Writes a list: its commands, then the contexts of those that run kernels.
 *
 * @param index where in `words` the list starts.
 * @param wordAddress the same position as a word index of the memory in which the list will run.
 * @param threads how many threads will run it.
 */
export function writeList(
  words: Int32Array,
  index: number,
  wordAddress: number,
  commands: readonly Command[],
  threads: number,
  scratch: Scratch,
): void {
  words.fill(0, index, index + commands.length * w.COMMAND_WORDS);
  let context = commands.length * w.COMMAND_WORDS;
  for (const [n, command] of commands.entries()) {
    const offset = index + n * w.COMMAND_WORDS;
    const total = countUnits(command);
    writeCommand(words, offset, command, 4 * (wordAddress + context), scratch);
    words[offset + w.TOTAL] = total;
    words[offset + w.CHUNK] = Math.max(1, Math.floor(total / (CHUNKS_PER_THREAD * threads)));
    if (command.kind !== 'run') continue;
    for (const word of command.slots) words[index + context++] = word;
    words.set(command.immediates, index + context);
    context += command.immediates.length;
  }
}

function writeCommand(
  words: Int32Array,
  index: number,
  command: Command,
  context: number,
  scratch: Scratch,
): void {
  switch (command.kind) {
    case 'run': {
      const [x, y, z] = command.grid;
      words[index + w.KIND] = w.RUN;
      words[index + w.KERNEL] = command.kernel.id;
      words[index + w.CONTEXT] = context;
      words[index + w.COUNT_X] = x;
      words[index + w.COUNT_Y] = y;
      words[index + w.COUNT_Z] = z;
      words[index + w.MODULE] = command.kernel.address;
      words[index + w.MODULE_BYTES] = command.kernel.bytes;
      words[index + w.SCRATCH] = scratch.address;
      words[index + w.SCRATCH_STRIDE] = scratch.stride;
      return;
    }
    case 'copy':
    case 'clear':
      words[index + w.KIND] = command.kind === 'copy' ? w.COPY : w.CLEAR;
      words[index + w.KERNEL] = -1;
      if (command.kind === 'copy') words[index + w.FROM] = command.from;
      words[index + w.TO] = command.to;
      words[index + w.BYTES] = command.bytes;
      return;
    case 'timestamp':
      words[index + w.KIND] = w.TIMESTAMP;
      words[index + w.KERNEL] = -1;
      words[index + w.TO] = command.to;
      return;
  }
}

/** How many units a command can be cut into: workgroups, or pieces of memory. */
function countUnits(command: Command): number {
  switch (command.kind) {
    case 'run': {
      const [x, y, z] = command.grid;
      return x * y * z;
    }
    case 'copy':
    case 'clear':
      return Math.ceil(command.bytes / w.PIECE_BYTES);
    case 'timestamp':
      return 1;
  }
}

/** A number that is the same for all lists of the same commands. */
export function listSignature(commands: readonly Command[]): number {
  let signature = commands.length;
  for (const command of commands) {
    const kernel = command.kind === 'run' ? command.kernel.id : -1;
    signature = (Math.imul(signature, 31) + Math.imul(kernel, 7) + countUnits(command)) | 0;
  }
  return signature;
}

/** The highest address that commands read or write, plus one. */
export function accessEnd(commands: readonly Command[]): number {
  let end = 0;
  for (const command of commands) end = Math.max(end, commandEnd(command));
  return end;
}

function commandEnd(command: Command): number {
  switch (command.kind) {
    case 'run': {
      let end = 0;
      for (let n = 0; n < command.slots.length; n += 2)
        end = Math.max(end, command.slots[n]! + command.slots[n + 1]!);
      return end;
    }
    case 'copy':
      return Math.max(command.from, command.to) + command.bytes;
    case 'clear':
      return command.to + command.bytes;
    case 'timestamp':
      return command.to + 8;
  }
}

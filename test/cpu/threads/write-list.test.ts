import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/cpu/threads/executor.js';
import * as w from '../../../src/cpu/threads/layout.js';
import {
  accessEnd,
  listSignature,
  listWords,
  writeList,
} from '../../../src/cpu/threads/write-list.js';

const run = (grid: readonly [number, number, number], id = 3): Command => ({
  kind: 'run',
  kernel: { id, address: 4096, bytes: 100 },
  slots: [2048, 64, 8192, 256],
  immediates: Int32Array.of(9, 8),
  grid,
});
const clear: Command = { kind: 'clear', to: 1 << 20, bytes: 5 * w.PIECE_BYTES - 4 };
const scratch = { address: 512, stride: 128 };

describe('a list', () => {
  it('consists of its commands, then the contexts of its kernels', () => {
    const commands = [run([8, 4, 2]), clear, run([1, 1, 1])];
    const words = new Int32Array(100).fill(-1);
    expect(listWords(commands)).toBe(3 * w.COMMAND_WORDS + 12);
    writeList(words, 10, 1000, commands, 2, scratch);
    const word = (command: number, n: number) => words[10 + command * w.COMMAND_WORDS + n];
    const contexts = 3 * w.COMMAND_WORDS;
    expect([word(0, w.KIND), word(0, w.KERNEL), word(0, w.TOTAL)]).toEqual([w.RUN, 3, 64]);
    expect([word(0, w.CONTEXT), word(2, w.CONTEXT)]).toEqual(
      [contexts, contexts + 6].map((n) => 4 * (1000 + n)),
    );
    expect([...words.subarray(10 + contexts, 10 + contexts + 6)]).toEqual([
      2048, 64, 8192, 256, 9, 8,
    ]);
    // A partial last piece counts as one, and all words of a command are overwritten.
    expect([word(1, w.KIND), word(1, w.TOTAL), word(1, w.NEXT), word(1, w.DONE)]).toEqual([
      w.CLEAR,
      5,
      0,
      0,
    ]);
    expect(words[9]).toBe(-1);
  });

  it('is divided into eight chunks per thread, or into single units', () => {
    const chunk = (groups: number, threads: number) => {
      const words = new Int32Array(100);
      writeList(words, 0, 0, [run([groups, 1, 1])], threads, scratch);
      return words[w.CHUNK];
    };
    expect([chunk(1600, 4), chunk(1600, 1), chunk(31, 4), chunk(0, 4)]).toEqual([50, 200, 1, 1]);
  });

  it('has a signature that depends on kernels and grids but not on addresses', () => {
    const signature = (...commands: Command[]) => listSignature(commands);
    const moved = { ...run([2, 1, 1]), slots: [0, 4] } as Command;
    expect(signature(run([2, 1, 1]))).toBe(signature(moved));
    const signatures = [
      signature(run([2, 1, 1])),
      signature(run([3, 1, 1])),
      signature(run([2, 1, 1], 4)),
      signature(run([2, 1, 1]), run([2, 1, 1])),
    ];
    expect(new Set(signatures).size).toBe(signatures.length);
  });
});

describe('accessEnd', () => {
  it('is the end of the last byte that a command reads or writes', () => {
    expect(accessEnd([])).toBe(0);
    expect(accessEnd([run([1, 1, 1])])).toBe(8192 + 256);
    expect(accessEnd([clear, run([1, 1, 1])])).toBe((1 << 20) + 5 * w.PIECE_BYTES - 4);
    expect(accessEnd([{ kind: 'copy', from: 900, to: 100, bytes: 8 }])).toBe(908);
    expect(accessEnd([{ kind: 'timestamp', to: 16 }])).toBe(24);
  });
});

import { afterEach, describe, expect, it, vi } from 'vitest';
import * as w from '../../../src/cpu/threads/layout.js';
import { BadIndex, describeFailure, Runner } from '../../../src/cpu/threads/run-list.js';
import { compileEntry, readShader } from '../../../src/cpu/wasm/compile.js';

afterEach(() => vi.restoreAllMocks());

/** A kernel that does nothing. */
function emptyKernel(maxPages: number): Uint8Array<ArrayBuffer> {
  const program = readShader('@compute @workgroup_size(1) fn main() {}');
  const options = { isShared: false, isChecked: false, maxPages };
  return compileEntry(program, program.entries[0]!, options).bytes;
}

/** Writes the words of a command at `index`. */
function writeCommand(
  words: Int32Array,
  index: number,
  command: Readonly<Record<number, number>>,
): void {
  for (const [word, value] of Object.entries(command)) words[index + Number(word)] = value;
}

describe('a list', () => {
  it('uses all of a memory that has grown, even if a thread sees the growth late', () => {
    const [small, large] = [
      new SharedArrayBuffer(w.PAGE_BYTES),
      new SharedArrayBuffer(2 * w.PAGE_BYTES),
    ];
    let reads = 0;
    const memory = {
      get buffer() {
        return reads++ < 4 ? small : large;
      },
    };
    const runner = new Runner(memory as unknown as WebAssembly.Memory, 0);
    const words = new Int32Array(large);
    const last = words.length - 1;
    words[last] = 7;
    writeCommand(words, 0, { [w.KIND]: w.CLEAR, [w.TO]: 4 * last, [w.BYTES]: 4, [w.TOTAL]: 1 });
    runner.run({ start: 0, commands: 1, threads: 1, pages: 2 });
    expect(words[last]).toBe(0);
  });

  it('attributes an error to the kernel that runs, not to one that ran before', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const runner = new Runner(memory, 0);
    runner.addKernel(7, emptyKernel(1));
    const words = new Int32Array(memory.buffer);
    writeCommand(words, 0, { [w.KIND]: w.RUN, [w.KERNEL]: 7, [w.TOTAL]: 1, [w.COUNT_X]: 1 });
    writeCommand(words, w.COMMAND_WORDS, {
      [w.KIND]: w.COPY,
      [w.KERNEL]: -1,
      [w.BYTES]: 4,
      [w.TOTAL]: 1,
    });
    const kernels: number[] = [];
    vi.spyOn(Uint8Array.prototype, 'copyWithin').mockImplementation(() => {
      kernels.push(runner.kernel);
      throw new Error('no copy');
    });
    const list = { start: 0, commands: 2, threads: 1, pages: 1 };
    expect(() => runner.run(list)).toThrow('no copy');
    expect(kernels).toEqual([-1]);
    // An invalid module is an error of its kernel.
    writeCommand(words, 0, { [w.KERNEL]: 8, [w.MODULE]: 1024, [w.MODULE_BYTES]: 8 });
    expect(() => runner.run(list)).toThrow(WebAssembly.CompileError);
    expect(runner.kernel).toBe(8);
  });
});

describe('describeFailure', () => {
  it('copies the fields of an error, or takes a string as its text', () => {
    expect(describeFailure(new BadIndex(3, 9, 8), 2)).toEqual({
      text: 'an index is outside its array',
      kernel: 2,
      access: 3,
      index: 9,
      count: 8,
    });
    expect(describeFailure('broken', -1)).toEqual({
      text: 'broken',
      kernel: -1,
      access: -1,
      index: 0,
      count: 0,
    });
  });
});

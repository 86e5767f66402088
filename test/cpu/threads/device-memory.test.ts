import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMemory, DeviceMemory, growMemory } from '../../../src/cpu/threads/device-memory.js';
import { PAGE_BYTES } from '../../../src/cpu/threads/layout.js';
import { HEAP_START } from '../../../src/cpu/wasm/address-space.js';

afterEach(() => vi.restoreAllMocks());

/** Makes the host refuse memories whose maximum is more than `pages`. */
function refuseMemories(pages: number): void {
  const { Memory } = WebAssembly;
  vi.spyOn(WebAssembly, 'Memory').mockImplementation(function memory(descriptor) {
    if (descriptor.maximum! > pages) throw new RangeError('could not allocate memory');
    return new Memory(descriptor);
  });
}

describe('a new memory', () => {
  it('has the largest maximum that the host allows', () => {
    refuseMemories(20_000);
    for (const isShared of [true, false]) {
      const { memory, maxPages } = createMemory([65536, 32768, 16384], isShared);
      expect(maxPages).toBe(16384);
      expect(memory.buffer.byteLength).toBe(64 * PAGE_BYTES);
    }
  });

  it('cannot be created where the host refuses every maximum', () => {
    refuseMemories(100);
    expect(() => createMemory([65536, 32768], true)).toThrow(
      new RangeError('could not allocate memory'),
    );
  });
});

describe('growth', () => {
  it('reaches the preferred size, or else the required size, or fails', () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 10 });
    expect(growMemory(memory, 3, 6)).toBe(6);
    expect(growMemory(memory, 8, 12)).toBe(8);
    expect(growMemory(memory, 11, 12)).toBe(8);
    expect(memory.buffer.byteLength).toBe(8 * PAGE_BYTES);
  });

  it('is requested with the required and a preferred size, up to the limit', () => {
    const requests: [number, number][] = [];
    const memory = new DeviceMemory(400, (required, preferred) => {
      requests.push([required, preferred]);
      return preferred;
    });
    expect(memory.pages).toBe(64);
    const heapPages = HEAP_START / PAGE_BYTES;
    memory.allocate((64 - heapPages) * PAGE_BYTES);
    memory.allocate(PAGE_BYTES);
    memory.allocate(256 * PAGE_BYTES);
    expect(requests).toEqual([
      [65, 320],
      [321, 400],
    ]);
    expect(memory.allocate(100 * PAGE_BYTES)).toBeUndefined();
    expect(requests).toHaveLength(2);
  });
});

describe('the scratch memory of threads', () => {
  it('is as large as the kernel that needs most requires, and gives its old block back', () => {
    const memory = new DeviceMemory(64, () => 64);
    expect(memory.reserveScratch(0, 3)).toBeUndefined();
    expect(memory.usedBytes).toBe(0);
    expect(memory.reserveScratch(100, 3)).toBeUndefined();
    const { address, stride } = memory.scratch;
    expect(stride).toBe(128);
    expect(memory.usedBytes).toBe(512);
    expect(memory.reserveScratch(128, 3)).toBeUndefined();
    expect(memory.reserveScratch(129, 3)).toBe(address);
    expect(memory.scratch.stride).toBe(256);
  });

  it('is kept where there is no room for a larger one', () => {
    const memory = new DeviceMemory(64, () => 64);
    memory.reserveScratch(100, 2);
    const { scratch, usedBytes } = memory;
    expect(() => memory.reserveScratch(64 * PAGE_BYTES, 2)).toThrow(
      'There is no room for the threads’ own memory.',
    );
    expect(memory.scratch).toEqual(scratch);
    expect(memory.usedBytes).toBe(usedBytes);
  });
});

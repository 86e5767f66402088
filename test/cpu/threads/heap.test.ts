import { describe, expect, it } from 'vitest';
import { Heap } from '../../../src/cpu/threads/heap.js';

const UNIT = 256;
const START = 4 * UNIT;

/** A heap that can grow up to `limit`, the ends of its growths, and its current end. */
function newHeap(limit = Number.POSITIVE_INFINITY, start = START) {
  const ends: number[] = [];
  const heap = new Heap(start, (end) => {
    if (end <= limit) ends.push(end);
    return end <= limit;
  });
  return { heap, ends, end: () => ends.at(-1) ?? start };
}

/** Allocates blocks of the given numbers of units and returns their addresses. */
function allocateUnits(heap: Heap, ...units: number[]): number[] {
  return units.map((count) => heap.allocate(count * UNIT)!.address);
}

/** All permutations of 0 to n - 1. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((order) =>
    Array.from({ length: n }, (_, i) => [...order.slice(0, i), n - 1, ...order.slice(i)]),
  );
}

describe('a block', () => {
  it('begins at a multiple of 256, even if the heap does not', () => {
    const { heap, end } = newHeap(undefined, 1000);
    const addresses = [0, 1, 255, 256, 257, 4096].map((bytes) => heap.allocate(bytes)!.address);
    expect(addresses).toEqual([1024, 1280, 1536, 1792, 2048, 2560]);
    expect(end()).toBe(2560 + 4096);
  });

  it('adds its size in units to the used bytes', () => {
    const { heap } = newHeap();
    const [p, q] = [heap.allocate(0)!, heap.allocate(300)!];
    expect(heap.used).toBe(UNIT + 2 * UNIT);
    heap.release(p.address);
    heap.release(q.address);
    expect(heap.used).toBe(0);
  });

  it('is the smallest free block that is large enough, and the first of equals', () => {
    const { heap, end } = newHeap();
    // Free blocks of 8, 3, 5 and 3 units, separated by blocks in use.
    const addresses = allocateUnits(heap, 8, 1, 3, 1, 5, 1, 3, 1);
    for (const n of [0, 2, 4, 6]) heap.release(addresses[n]!);
    expect(allocateUnits(heap, 3, 3, 4)).toEqual([addresses[2], addresses[6], addresses[4]]);
    // The rest of the blocks of 5 and 8 units.
    expect(allocateUnits(heap, 1, 7)).toEqual([addresses[4]! + 4 * UNIT, addresses[0]]);
    expect(end()).toBe(START + 23 * UNIT);
  });

  it('can be released only once, and only by its address', () => {
    const { heap } = newHeap();
    const [p] = allocateUnits(heap, 4);
    expect(() => heap.release(p! + UNIT)).toThrow(`No block begins at ${p! + UNIT}.`);
    heap.release(p!);
    expect(() => heap.release(p!)).toThrow(`No block begins at ${p}.`);
  });
});

describe('adjacent free blocks', () => {
  it.each(permutations(4).map((order) => [order.join()]))(
    'become one block in whatever order they are released: %s',
    (order) => {
      const { heap, ends } = newHeap();
      const addresses = allocateUnits(heap, 1, 2, 3, 4);
      for (const n of order.split(',')) heap.release(addresses[Number(n)]!);
      const growths = ends.length;
      expect(heap.allocate(10 * UNIT)).toEqual({ address: START, staleBytes: 10 * UNIT });
      expect(ends).toHaveLength(growths);
    },
  );

  it('are not merged across a block in use', () => {
    const { heap, end } = newHeap();
    const addresses = allocateUnits(heap, 2, 1, 2);
    heap.release(addresses[0]!);
    heap.release(addresses[2]!);
    expect(allocateUnits(heap, 2, 2)).toEqual([addresses[0], addresses[2]]);
    expect(end()).toBe(START + 5 * UNIT);
  });
});

describe('growth', () => {
  it('is as large as the block needs', () => {
    const { heap, ends } = newHeap();
    allocateUnits(heap, 3, 2);
    expect(ends).toEqual([START + 3 * UNIT, START + 5 * UNIT]);
  });

  it('extends the free block at the end; only the old part of it is stale', () => {
    const { heap, ends } = newHeap();
    const addresses = allocateUnits(heap, 2, 3);
    heap.release(addresses[1]!);
    expect(heap.allocate(8 * UNIT)).toEqual({ address: addresses[1], staleBytes: 3 * UNIT });
    expect(ends.at(-1)).toBe(START + 10 * UNIT);
    expect(heap.allocate(UNIT)).toEqual({ address: START + 10 * UNIT, staleBytes: 0 });
  });

  it('that fails changes nothing', () => {
    const { heap, end } = newHeap(START + 10 * UNIT);
    const addresses = allocateUnits(heap, 4, 4);
    heap.release(addresses[1]!);
    expect(heap.allocate(7 * UNIT)).toBeUndefined();
    expect([end(), heap.used]).toEqual([START + 8 * UNIT, 4 * UNIT]);
    expect(heap.allocate(6 * UNIT)).toEqual({ address: addresses[1], staleBytes: 4 * UNIT });
    expect(heap.allocate(1)).toBeUndefined();
    heap.release(addresses[0]!);
    expect(heap.allocate(4 * UNIT)).toEqual({ address: START, staleBytes: 4 * UNIT });
  });

  it('reaches past 2 GiB and up to 4 GiB, with addresses that stay positive', () => {
    const { heap, end } = newHeap(2 ** 32);
    const half = 2 ** 31;
    expect(heap.allocate(half)?.address).toBe(START);
    expect(heap.allocate(half - START)?.address).toBe(half + START);
    expect(end()).toBe(2 ** 32);
    expect(heap.allocate(1)).toBeUndefined();
  });
});

describe('a truncation', () => {
  it('removes free memory at the end, and nothing else', () => {
    const { heap, ends } = newHeap();
    const addresses = allocateUnits(heap, 2, 3, 4);
    heap.truncate(START);
    heap.release(addresses[2]!);
    heap.truncate(START + 7 * UNIT);
    expect(heap.allocate(2 * UNIT)).toEqual({ address: START + 5 * UNIT, staleBytes: 2 * UNIT });
    const growths = ends.length;
    expect(heap.allocate(UNIT)).toEqual({ address: START + 7 * UNIT, staleBytes: 0 });
    expect(ends).toHaveLength(growths + 1);
  });

  it('within a used block removes nothing of it', () => {
    const { heap } = newHeap();
    const addresses = allocateUnits(heap, 2, 3);
    heap.release(addresses[1]!);
    heap.truncate(START + UNIT);
    expect(heap.used).toBe(2 * UNIT);
    expect(heap.allocate(UNIT)).toEqual({ address: START + 2 * UNIT, staleBytes: 0 });
  });
});

/** A seeded generator of random numbers from 0 to 1. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A simple model of the heap, which records which units are in use. */
class Model {
  /** 1 for each unit that is in use. */
  readonly #isUsed = new Int32Array(1 << 16);
  readonly blocks: { address: number; units: number }[] = [];
  /** The number of units in use. */
  units = 0;
  /** The largest number of units that were in use. */
  peak = 0;
  /** The number of units that were ever used: the end of the heap. */
  #reached = 0;

  /**
   * Records an allocation.
   *
   * @throws Error where the block overlaps another, or its stale part has the wrong size.
   */
  allocate(bytes: number, { address, staleBytes }: { address: number; staleBytes: number }): void {
    const units = Math.max(1, Math.ceil(bytes / UNIT));
    const start = (address - START) / UNIT;
    if (!Number.isInteger(start) || start < 0) throw new Error(`A block begins at ${address}.`);
    for (let n = start; n < start + units; n++) {
      if (this.#isUsed[n] !== 0) throw new Error(`Unit ${n} is in two blocks.`);
      this.#isUsed[n] = 1;
    }
    const staleUnits = Math.max(0, Math.min(units, this.#reached - start));
    if (staleBytes !== staleUnits * UNIT)
      throw new Error(`${staleBytes} bytes are stale, not ${staleUnits * UNIT}.`);
    this.#reached = Math.max(this.#reached, start + units);
    this.blocks.push({ address, units });
    this.units += units;
    this.peak = Math.max(this.peak, this.units);
  }

  /** Records the release of block n and returns its address. */
  release(n: number): number {
    const { address, units } = this.blocks[n]!;
    this.blocks[n] = this.blocks.at(-1)!;
    this.blocks.pop();
    const start = (address - START) / UNIT;
    this.#isUsed.fill(0, start, start + units);
    this.units -= units;
    return address;
  }

  /** The address of the best fit: the first of the smallest gaps, or the gap at the end. */
  bestFit(units: number): number {
    let best = { start: -1, length: Number.POSITIVE_INFINITY };
    let start = 0;
    for (let n = 0; n <= this.#reached; n++) {
      if (n < this.#reached && this.#isUsed[n] === 0) continue;
      const length = n - start;
      if (length >= units && length < best.length) best = { start, length };
      if (n < this.#reached) start = n + 1;
    }
    // Without a fit, the heap extends the gap at its end.
    return START + UNIT * (best.start >= 0 ? best.start : start);
  }
}

describe('100,000 allocations and releases', () => {
  for (const seed of [1, 2, 3]) {
    it(`never overlap, lose no memory, and end in one free block: seed ${seed}`, () => {
      const random = uniform(seed);
      const { heap, ends, end } = newHeap();
      const model = new Model();
      for (let step = 0; step < 100_000; step++) {
        // The heap fills and empties in waves.
        const isGrowing = random() < 0.5 + 0.2 * Math.sin(step / 3000);
        if (model.blocks.length === 0 || (isGrowing && model.units < 20_000)) {
          // Sizes like those of tensors: many small and few large ones, over four powers of ten.
          const bytes = Math.floor(10 ** (1 + 4 * random()));
          const expected = step % 64 === 0 ? model.bestFit(Math.ceil(bytes / UNIT)) : undefined;
          const block = heap.allocate(bytes)!;
          if (expected !== undefined) expect(block.address).toBe(expected);
          model.allocate(bytes, block);
        } else heap.release(model.release(Math.floor(random() * model.blocks.length)));
        if (step % 1000 === 0) expect(heap.used).toBe(model.units * UNIT);
      }
      const extent = end() - START;
      expect(model.peak).toBeGreaterThan(1000);
      expect(extent).toBeLessThan(1.5 * model.peak * UNIT);
      while (model.blocks.length > 0) heap.release(model.release(0));
      expect(heap.used).toBe(0);
      const growths = ends.length;
      expect(heap.allocate(extent)).toEqual({ address: START, staleBytes: extent });
      expect(ends).toHaveLength(growths);
    });
  }
});

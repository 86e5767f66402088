import { describe, expect, it } from 'vitest';
import { Heap } from '../../../src/cpu/threads/heap.js';

const UNIT = 256;
const START = 4 * UNIT;

/** A heap that may grow up to an address, the ends that it was granted, and how far it reaches now. */
function newHeap(limit = Number.POSITIVE_INFINITY, start = START) {
  const ends: number[] = [];
  const heap = new Heap(start, (end) => {
    if (end <= limit) ends.push(end);
    return end <= limit;
  });
  return { heap, ends, end: () => ends.at(-1) ?? start };
}

/** Addresses of blocks of so many units each. */
function allocateUnits(heap: Heap, ...units: number[]): number[] {
  return units.map((count) => heap.allocate(count * UNIT)!.address);
}

/** All orders of 0 to n - 1. */
function orders(n: number): number[][] {
  if (n === 0) return [[]];
  return orders(n - 1).flatMap((order) =>
    Array.from({ length: n }, (_, at) => [...order.slice(0, at), n - 1, ...order.slice(at)]),
  );
}

describe('a block', () => {
  it('begins at a multiple of 256, also where the heap does not', () => {
    const { heap, end } = newHeap(undefined, 1000);
    const addresses = [0, 1, 255, 256, 257, 4096].map((bytes) => heap.allocate(bytes)!.address);
    expect(addresses).toEqual([1024, 1280, 1536, 1792, 2048, 2560]);
    expect(end()).toBe(2560 + 4096);
  });

  it('counts with what it takes', () => {
    const { heap } = newHeap();
    const [p, q] = [heap.allocate(0)!, heap.allocate(300)!];
    expect(heap.used).toBe(UNIT + 2 * UNIT);
    heap.release(p.address);
    heap.release(q.address);
    expect(heap.used).toBe(0);
  });

  it('is the smallest of the free ones that is large enough, the first of equals', () => {
    const { heap, end } = newHeap();
    // Free blocks of 8, 3, 5 and 3 units, kept apart by one.
    const made = allocateUnits(heap, 8, 1, 3, 1, 5, 1, 3, 1);
    for (const n of [0, 2, 4, 6]) heap.release(made[n]!);
    expect(allocateUnits(heap, 3, 3, 4)).toEqual([made[2], made[6], made[4]]);
    // What is left of the blocks of 8 and 5.
    expect(allocateUnits(heap, 1, 7)).toEqual([made[4]! + 4 * UNIT, made[0]]);
    expect(end()).toBe(START + 23 * UNIT);
  });

  it('is released once, and by its own address', () => {
    const { heap } = newHeap();
    const [p] = allocateUnits(heap, 4);
    expect(() => heap.release(p! + UNIT)).toThrow(`No block begins at ${p! + UNIT}.`);
    heap.release(p!);
    expect(() => heap.release(p!)).toThrow(`No block begins at ${p}.`);
  });
});

describe('neighbors', () => {
  it.each(orders(4).map((order) => [order.join()]))(
    'become one block in whatever order they come back: %s',
    (order) => {
      const { heap, ends } = newHeap();
      const made = allocateUnits(heap, 1, 2, 3, 4);
      for (const n of order.split(',')) heap.release(made[Number(n)]!);
      const grown = ends.length;
      expect(heap.allocate(10 * UNIT)).toEqual({ address: START, staleBytes: 10 * UNIT });
      expect(ends).toHaveLength(grown);
    },
  );

  it('stay apart where something between them is in use', () => {
    const { heap, end } = newHeap();
    const made = allocateUnits(heap, 2, 1, 2);
    heap.release(made[0]!);
    heap.release(made[2]!);
    expect(allocateUnits(heap, 2, 2)).toEqual([made[0], made[2]]);
    expect(end()).toBe(START + 5 * UNIT);
  });
});

describe('growth', () => {
  it('goes just as far as the block needs', () => {
    const { heap, ends } = newHeap();
    allocateUnits(heap, 3, 2);
    expect(ends).toEqual([START + 3 * UNIT, START + 5 * UNIT]);
  });

  it('begins at the free block at the end, of which only so much is stale', () => {
    const { heap, ends } = newHeap();
    const made = allocateUnits(heap, 2, 3);
    heap.release(made[1]!);
    expect(heap.allocate(8 * UNIT)).toEqual({ address: made[1], staleBytes: 3 * UNIT });
    expect(ends.at(-1)).toBe(START + 10 * UNIT);
    expect(heap.allocate(UNIT)).toEqual({ address: START + 10 * UNIT, staleBytes: 0 });
  });

  it('that fails changes nothing', () => {
    const { heap, end } = newHeap(START + 10 * UNIT);
    const made = allocateUnits(heap, 4, 4);
    heap.release(made[1]!);
    expect(heap.allocate(7 * UNIT)).toBeUndefined();
    expect([end(), heap.used]).toEqual([START + 8 * UNIT, 4 * UNIT]);
    expect(heap.allocate(6 * UNIT)).toEqual({ address: made[1], staleBytes: 4 * UNIT });
    expect(heap.allocate(1)).toBeUndefined();
    heap.release(made[0]!);
    expect(heap.allocate(4 * UNIT)).toEqual({ address: START, staleBytes: 4 * UNIT });
  });

  it('goes past 2 GiB and up to 4 GiB without a sign', () => {
    const { heap, end } = newHeap(2 ** 32);
    const half = 2 ** 31;
    expect(heap.allocate(half)?.address).toBe(START);
    expect(heap.allocate(half - START)?.address).toBe(half + START);
    expect(end()).toBe(2 ** 32);
    expect(heap.allocate(1)).toBeUndefined();
  });
});

describe('a cut', () => {
  it('takes away what is free at the end, and no more', () => {
    const { heap, ends } = newHeap();
    const made = allocateUnits(heap, 2, 3, 4);
    heap.truncate(START);
    heap.release(made[2]!);
    heap.truncate(START + 7 * UNIT);
    expect(heap.allocate(2 * UNIT)).toEqual({ address: START + 5 * UNIT, staleBytes: 2 * UNIT });
    const grown = ends.length;
    expect(heap.allocate(UNIT)).toEqual({ address: START + 7 * UNIT, staleBytes: 0 });
    expect(ends).toHaveLength(grown + 1);
  });

  it('within a block takes away none of it', () => {
    const { heap } = newHeap();
    const made = allocateUnits(heap, 2, 3);
    heap.release(made[1]!);
    heap.truncate(START + UNIT);
    expect(heap.used).toBe(2 * UNIT);
    expect(heap.allocate(UNIT)).toEqual({ address: START + 2 * UNIT, staleBytes: 0 });
  });
});

/** Numbers from 0 to 1 by a seed. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What the heap should be: whose every unit is. */
class Model {
  readonly #owner = new Int32Array(1 << 16);
  readonly blocks: { address: number; units: number }[] = [];
  /** Units in use now, and the most that ever were. */
  units = 0;
  peak = 0;
  #reached = 0;

  /** Takes note of a block. @throws Error where it is another's, or stale to another extent than it says. */
  take(bytes: number, { address, staleBytes }: { address: number; staleBytes: number }): void {
    const units = Math.max(1, Math.ceil(bytes / UNIT));
    const first = (address - START) / UNIT;
    if (!Number.isInteger(first) || first < 0) throw new Error(`A block begins at ${address}.`);
    for (let n = first; n < first + units; n++) {
      if (this.#owner[n] !== 0) throw new Error(`Unit ${n} has two owners.`);
      this.#owner[n] = 1;
    }
    const wasReached = Math.max(0, Math.min(units, this.#reached - first));
    if (staleBytes !== wasReached * UNIT)
      throw new Error(`${staleBytes} bytes are stale, not ${wasReached}.`);
    this.#reached = Math.max(this.#reached, first + units);
    this.blocks.push({ address, units });
    this.units += units;
    this.peak = Math.max(this.peak, this.units);
  }

  /** Gives up one of the blocks. */
  give(n: number): number {
    const { address, units } = this.blocks[n]!;
    this.blocks[n] = this.blocks.at(-1)!;
    this.blocks.pop();
    const first = (address - START) / UNIT;
    this.#owner.fill(0, first, first + units);
    this.units -= units;
    return address;
  }

  /** Where the best fit for so many units is: the first of the smallest gaps, or at the end of all. */
  bestFit(units: number): number {
    let best = { first: -1, length: Number.POSITIVE_INFINITY };
    let first = 0;
    for (let n = 0; n <= this.#reached; n++) {
      if (n < this.#reached && this.#owner[n] === 0) continue;
      const length = n - first;
      if (length >= units && length < best.length) best = { first, length };
      if (n < this.#reached) first = n + 1;
    }
    // A gap at the end is made longer.
    return START + UNIT * (best.first >= 0 ? best.first : first);
  }
}

describe('100,000 allocations and releases', () => {
  for (const seed of [1, 2, 3]) {
    it(`never hand out what is in use, lose nothing, and leave one block: seed ${seed}`, () => {
      const random = uniform(seed);
      const { heap, ends, end } = newHeap();
      const model = new Model();
      for (let step = 0; step < 100_000; step++) {
        // It fills and empties in waves.
        const isGrowing = random() < 0.5 + 0.2 * Math.sin(step / 3000);
        if (model.blocks.length === 0 || (isGrowing && model.units < 20_000)) {
          // Sizes as tensors have them: many small ones, few large, over four powers of ten.
          const bytes = Math.floor(10 ** (1 + 4 * random()));
          const expected = step % 64 === 0 ? model.bestFit(Math.ceil(bytes / UNIT)) : undefined;
          const block = heap.allocate(bytes)!;
          if (expected !== undefined) expect(block.address).toBe(expected);
          model.take(bytes, block);
        } else heap.release(model.give(Math.floor(random() * model.blocks.length)));
        if (step % 1000 === 0) expect(heap.used).toBe(model.units * UNIT);
      }
      const extent = end() - START;
      expect(model.peak).toBeGreaterThan(1000);
      expect(extent).toBeLessThan(1.5 * model.peak * UNIT);
      while (model.blocks.length > 0) heap.release(model.give(0));
      expect(heap.used).toBe(0);
      const grown = ends.length;
      expect(heap.allocate(extent)).toEqual({ address: START, staleBytes: extent });
      expect(ends).toHaveLength(grown);
    });
  }
});

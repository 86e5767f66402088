/**
 * An allocator for the device's memory. It takes the free block that fits best, and joins freed
 * blocks with their free neighbors. So a long run that allocates the same sizes again and again is
 * given the same blocks again.
 *
 * `allocate` and `release` take time in proportion to the number of free blocks. There are few
 * where sizes repeat.
 */

/**
 * Every block starts at a multiple of this. No two blocks share a cache line, and no WGSL type
 * needs a larger alignment.
 */
const ALIGNMENT = 256;

interface Block {
  readonly address: number;
  readonly bytes: number;
}

/** An allocated block. */
export interface HeapBlock {
  readonly address: number;
  /**
   * How many bytes at the start of the block were allocated before. The bytes after them were never
   * used and are zero.
   */
  readonly staleBytes: number;
}

/** Allocates addresses. The heap never reads or writes the memory itself. */
export class Heap {
  /** Sorted by address; no two are adjacent. */
  readonly #free: Block[] = [];
  readonly #used = new Map<number, number>();
  readonly #grow: (end: number) => boolean;
  /** The end of all addresses ever allocated. Memory beyond it was never used and is zero. */
  #end: number;

  /**
   * @param start the lowest address to allocate.
   * @param grow makes the memory reach up to an address; returns false where it cannot.
   */
  constructor(start: number, grow: (end: number) => boolean) {
    this.#end = alignUp(start);
    this.#grow = grow;
  }

  /** Bytes in allocated blocks. */
  get used(): number {
    let sum = 0;
    for (const bytes of this.#used.values()) sum += bytes;
    return sum;
  }

  /** Allocates a block of at least `bytes` bytes; returns `undefined` where there is no room. */
  allocate(bytes: number): HeapBlock | undefined {
    const size = alignUp(Math.max(bytes, 1));
    const index = this.#bestFit(size);
    if (index >= 0) {
      const { address, bytes: blockBytes } = this.#free[index]!;
      const remainder = { address: address + size, bytes: blockBytes - size };
      this.#free.splice(index, 1, ...(remainder.bytes > 0 ? [remainder] : []));
      this.#used.set(address, size);
      return { address, staleBytes: size };
    }
    return this.#extend(size);
  }

  #extend(size: number): HeapBlock | undefined {
    // A free block at the very end is extended rather than left as a gap.
    const last = this.#free.at(-1);
    const extendsLast = last !== undefined && last.address + last.bytes === this.#end;
    const address = extendsLast ? last.address : this.#end;
    if (!this.#grow(address + size)) return undefined;
    if (extendsLast) this.#free.pop();
    this.#end = address + size;
    this.#used.set(address, size);
    return { address, staleBytes: extendsLast ? last.bytes : 0 };
  }

  /**
   * Frees a block.
   *
   * @throws Error where no block starts at `address`.
   */
  release(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new Error(`No block begins at ${address}.`);
    this.#used.delete(address);
    const next = this.#free.findIndex((block) => block.address > address);
    const index = next < 0 ? this.#free.length : next;
    const before = this.#free[index - 1];
    const after = this.#free[index];
    const mergesBefore = before !== undefined && before.address + before.bytes === address;
    const mergesAfter = after !== undefined && address + bytes === after.address;
    const merged = {
      address: mergesBefore ? before.address : address,
      bytes: bytes + (mergesBefore ? before.bytes : 0) + (mergesAfter ? after.bytes : 0),
    };
    const replaced = Number(mergesBefore) + Number(mergesAfter);
    this.#free.splice(mergesBefore ? index - 1 : index, replaced, merged);
  }

  /** Forgets the free memory beyond `end`, where the memory turned out to be smaller. */
  truncate(end: number): void {
    const last = this.#free.at(-1);
    if (!last || last.address + last.bytes !== this.#end || this.#end <= end) return;
    this.#free.pop();
    const start = Math.min(this.#end, Math.max(last.address, end));
    if (start > last.address)
      this.#free.push({ address: last.address, bytes: start - last.address });
    this.#end = start;
  }

  /** The index of the smallest free block that is large enough, or -1. */
  #bestFit(size: number): number {
    let best = -1;
    for (const [index, { bytes }] of this.#free.entries())
      if (bytes >= size && (best < 0 || bytes < this.#free[best]!.bytes)) best = index;
    return best;
  }
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

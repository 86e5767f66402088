/**
 * Memory for buffers: addresses in the device's memory, handed out by the best fit among free blocks, which join their
 * neighbors when they come back. So a long run that asks for the same sizes again finds them again.
 *
 * Both `allocate` and `release` take time in proportion to the number of free blocks, of which there are few where sizes
 * repeat.
 */

/** Every block begins at a multiple of this: no two share a cache line, and no type asks for more. */
const ALIGNMENT = 256;

interface Block {
  readonly address: number;
  readonly bytes: number;
}

/** A block that was handed out. */
export interface HeapBlock {
  readonly address: number;
  /** How many of its bytes, from its beginning, were another's before; those beyond are untouched, and zero. */
  readonly staleBytes: number;
}

/** The addresses of a memory, which it does not touch itself. */
export class Heap {
  /** By address; no two touch. */
  readonly #free: Block[] = [];
  readonly #used = new Map<number, number>();
  readonly #grow: (end: number) => boolean;
  /** The end of what was ever handed out: beyond it the memory is untouched, and zero. */
  #end: number;

  /**
   * @param start the first address.
   * @param grow makes the memory reach up to an address; false where it cannot.
   */
  constructor(start: number, grow: (end: number) => boolean) {
    this.#end = aligned(start);
    this.#grow = grow;
  }

  /** Bytes in use. */
  get used(): number {
    let sum = 0;
    for (const bytes of this.#used.values()) sum += bytes;
    return sum;
  }

  /** A block of at least so many bytes; `undefined` where there is no room. */
  allocate(bytes: number): HeapBlock | undefined {
    const wanted = aligned(Math.max(bytes, 1));
    const fitting = this.#bestFit(wanted);
    if (fitting >= 0) {
      const { address, bytes: all } = this.#free[fitting]!;
      const rest = { address: address + wanted, bytes: all - wanted };
      this.#free.splice(fitting, 1, ...(rest.bytes > 0 ? [rest] : []));
      this.#used.set(address, wanted);
      return { address, staleBytes: wanted };
    }
    return this.#extend(wanted);
  }

  #extend(wanted: number): HeapBlock | undefined {
    // A free block at the very end is made longer rather than left behind.
    const last = this.#free.at(-1);
    const isOpen = last !== undefined && last.address + last.bytes === this.#end;
    const address = isOpen ? last.address : this.#end;
    if (!this.#grow(address + wanted)) return undefined;
    if (isOpen) this.#free.pop();
    this.#end = address + wanted;
    this.#used.set(address, wanted);
    return { address, staleBytes: isOpen ? last.bytes : 0 };
  }

  /** @throws Error where no block begins there. */
  release(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new Error(`No block begins at ${address}.`);
    this.#used.delete(address);
    const next = this.#free.findIndex((block) => block.address > address);
    const index = next < 0 ? this.#free.length : next;
    const before = this.#free[index - 1];
    const after = this.#free[index];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + bytes === after.address;
    const joined = {
      address: joinsBefore ? before.address : address,
      bytes: bytes + (joinsBefore ? before.bytes : 0) + (joinsAfter ? after.bytes : 0),
    };
    const replaced = Number(joinsBefore) + Number(joinsAfter);
    this.#free.splice(joinsBefore ? index - 1 : index, replaced, joined);
  }

  /** Forgets what is free beyond an address, where the memory turned out to end. */
  truncate(end: number): void {
    const last = this.#free.at(-1);
    if (!last || last.address + last.bytes !== this.#end || this.#end <= end) return;
    this.#free.pop();
    const start = Math.min(this.#end, Math.max(last.address, end));
    if (start > last.address)
      this.#free.push({ address: last.address, bytes: start - last.address });
    this.#end = start;
  }

  /** The smallest free block that is large enough, or -1. */
  #bestFit(wanted: number): number {
    let best = -1;
    for (const [n, { bytes }] of this.#free.entries())
      if (bytes >= wanted && (best < 0 || bytes < this.#free[best]!.bytes)) best = n;
    return best;
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

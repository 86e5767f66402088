/**
 * The memory of a device as the main thread sees it, whether it is shared or a worker's own: how far it reaches, what of
 * it is handed out, and the threads' own parts.
 */

import { HEAP_START } from '../wasm/address-space.js';
import { Heap, type HeapBlock } from './heap.js';
import { PAGE_BYTES } from './layout.js';
import type { Scratch } from './write-list.js';

/** Room for the control words, and for the buffers of a small program. */
const INITIAL_PAGES = 64;
/** The memory grows by at least 16 MiB, so that it does not grow often. */
const GROWTH_PAGES = 256;
/** Threads' own memories begin at multiples of two cache lines, which processors fetch together: none waits for another. */
const SCRATCH_ALIGNMENT = 128;

/**
 * How many pages a memory may have at most, the most first. 65536 are all that 32-bit addresses reach; hosts that reserve
 * the address space beforehand, as they do for memory that is shared, may not have as much.
 */
export const PAGE_LIMITS: readonly number[] = [65536, 32768, 16384];

/**
 * A WebAssembly memory with the highest of the limits that the host grants.
 *
 * @throws RangeError where it grants none.
 */
export function createMemory(
  limits: readonly number[],
  isShared: boolean,
): { memory: WebAssembly.Memory; maxPages: number } {
  let refusal: unknown = new RangeError('No limit of pages is given.');
  for (const maxPages of limits) {
    const initial = Math.min(INITIAL_PAGES, maxPages);
    try {
      const memory = new WebAssembly.Memory({ initial, maximum: maxPages, shared: isShared });
      return { memory, maxPages };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/**
 * Makes a memory grow.
 *
 * @param minPages pages that it must have.
 * @param preferredPages pages that would be better.
 * @returns how many it has now.
 */
export function growMemory(
  memory: WebAssembly.Memory,
  minPages: number,
  preferredPages: number,
): number {
  const pages = memory.buffer.byteLength / PAGE_BYTES;
  for (const target of [preferredPages, minPages]) {
    try {
      memory.grow(target - pages);
      return target;
    } catch {
      // Refused: less may be granted.
    }
  }
  return pages;
}

/** Which bytes of a memory are whose. */
export class DeviceMemory {
  readonly maxPages: number;
  readonly #heap: Heap;
  readonly #grow: (minPages: number, preferredPages: number) => number;
  #pages: number;
  #scratch: Scratch = { address: 0, stride: 0 };

  /** @param grow makes the memory grow, as `growMemory` does. */
  constructor(maxPages: number, grow: (minPages: number, preferredPages: number) => number) {
    this.maxPages = maxPages;
    this.#pages = Math.min(INITIAL_PAGES, maxPages);
    this.#grow = grow;
    this.#heap = new Heap(HEAP_START, (end) => this.#growTo(end));
  }

  /** How many pages the memory has. It may have fewer than were counted on, where the host is asked by message. */
  get pages(): number {
    return this.#pages;
  }

  set pages(pages: number) {
    this.#pages = pages;
    this.#heap.truncate(pages * PAGE_BYTES);
  }

  get usedBytes(): number {
    return this.#heap.used;
  }

  get scratch(): Scratch {
    return this.#scratch;
  }

  allocate(bytes: number): HeapBlock | undefined {
    return this.#heap.allocate(bytes);
  }

  release(address: number): void {
    this.#heap.release(address);
    this.#heap.truncate(this.#pages * PAGE_BYTES);
  }

  /**
   * Sees to it that each thread has so much memory of its own.
   *
   * @returns the address of the block that it replaces, where there was one: it is to be released once no list in flight
   *   uses it.
   * @throws Error where there is no room; then all is as before.
   */
  reserveScratch(bytes: number, threads: number): number | undefined {
    const { address: old, stride: oldStride } = this.#scratch;
    if (bytes <= oldStride) return undefined;
    const stride = Math.ceil(bytes / SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT;
    const block = this.allocate(stride * threads);
    if (!block) throw new Error('There is no room for the threads’ own memory.');
    this.#scratch = { address: block.address, stride };
    return oldStride > 0 ? old : undefined;
  }

  #growTo(end: number): boolean {
    const minPages = Math.ceil(end / PAGE_BYTES);
    if (minPages <= this.#pages) return true;
    if (minPages > this.maxPages) return false;
    const preferredPages = Math.min(this.maxPages, Math.max(minPages, this.#pages + GROWTH_PAGES));
    this.#pages = this.#grow(minPages, preferredPages);
    return minPages <= this.#pages;
  }
}

/**
 * A device's memory as the main thread sees it, whether it is shared or belongs to one worker: how
 * large it is, which ranges are allocated, and where each thread's scratch memory is.
 */

import { HEAP_START } from '../wasm/address-space.js';
import { Heap, type HeapBlock } from './heap.js';
import { PAGE_BYTES } from './layout.js';
import type { Scratch } from './write-list.js';

/** Enough for the control words and for the buffers of a small program. */
const INITIAL_PAGES = 64;
/** The memory grows by at least 16 MiB, so that it does not grow often. */
const GROWTH_PAGES = 256;
/**
 * The scratch memory of each thread starts at a multiple of two cache lines. Processors fetch lines
 * in pairs, and threads would slow each other down if they shared a pair.
 */
const SCRATCH_ALIGNMENT = 128;

/**
 * Maximum sizes of the memory to try, in pages, largest first. 65536 pages are all that 32-bit
 * addresses reach. A host that reserves the address space up front, as hosts do for shared memory,
 * may not have that much.
 */
export const PAGE_LIMITS: readonly number[] = [65536, 32768, 16384];

/**
 * Creates a WebAssembly memory with the highest of the limits that the host grants.
 *
 * @throws RangeError where the host grants none of them.
 */
export function createMemory(
  limits: readonly number[],
  isShared: boolean,
): { memory: WebAssembly.Memory; maxPages: number } {
  let lastError: unknown = new RangeError('No limit of pages is given.');
  for (const maxPages of limits) {
    const initial = Math.min(INITIAL_PAGES, maxPages);
    try {
      const memory = new WebAssembly.Memory({ initial, maximum: maxPages, shared: isShared });
      return { memory, maxPages };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      lastError = error;
    }
  }
  throw lastError;
}

/**
 * Grows a memory.
 *
 * @param minPages the size that is required, in pages.
 * @param preferredPages the size that is tried first, in pages.
 * @returns the size of the memory afterwards, in pages.
 */
export function growMemory(
  memory: WebAssembly.Memory,
  minPages: number,
  preferredPages: number,
): number {
  const pages = memory.buffer.byteLength / PAGE_BYTES;
  for (const pageTarget of [preferredPages, minPages]) {
    try {
      memory.grow(pageTarget - pages);
      return pageTarget;
    } catch {
      // The host refused; it may grant the smaller size.
    }
  }
  return pages;
}

/** Keeps account of a memory's size, its allocated blocks and the threads' scratch memory. */
export class DeviceMemory {
  /** The largest size that the memory can have, in pages. */
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

  /**
   * The memory's size in pages. Where the host is asked by message this is an assumption until the
   * host has answered, and it may turn out to be smaller.
   */
  get pages(): number {
    return this.#pages;
  }

  set pages(pages: number) {
    this.#pages = pages;
    this.#heap.truncate(pages * PAGE_BYTES);
  }

  /** Bytes in allocated blocks. */
  get usedBytes(): number {
    return this.#heap.used;
  }

  /** Where the threads' scratch memory is now. */
  get scratch(): Scratch {
    return this.#scratch;
  }

  /** Allocates a block of at least `bytes` bytes; returns `undefined` where there is no room. */
  allocate(bytes: number): HeapBlock | undefined {
    return this.#heap.allocate(bytes);
  }

  /** Frees the block that starts at `address`. */
  release(address: number): void {
    this.#heap.release(address);
    this.#heap.truncate(this.#pages * PAGE_BYTES);
  }

  /**
   * Gives every thread at least `bytes` of scratch memory.
   *
   * @returns the address of the block that the new one replaces, if there was one. The caller must
   *   release it once no list in flight uses it.
   * @throws Error where there is no room; nothing has changed then.
   */
  reserveScratch(bytes: number, threads: number): number | undefined {
    const { address: oldAddress, stride: oldStride } = this.#scratch;
    if (bytes <= oldStride) return undefined;
    const stride = Math.ceil(bytes / SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT;
    const block = this.allocate(stride * threads);
    if (!block) throw new Error('There is no room for the threads’ own memory.');
    this.#scratch = { address: block.address, stride };
    return oldStride > 0 ? oldAddress : undefined;
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

/**
 * Reading results back through pooled mappable buffers, so that a loss can be read without stalling
 * the queue.
 */

import { type BufferView, sizeClass } from './memory.js';

// GPUBufferUsage.MAP_READ | COPY_DST and GPUMapMode.READ as numbers: outside browsers the globals
// may be missing.
const STAGING_USAGE = 0x01 | 0x08;
const MAP_MODE_READ = 0x01;

/** One staging buffer with the copies of several views, back to back in the order of `views`. */
export interface StagingSlot {
  readonly buffer: GPUBuffer;
  /** Bytes of the buffer: a size class. */
  readonly capacity: number;
  readonly views: readonly BufferView[];
  /** Byte offset of each view's copy. */
  readonly offsets: readonly number[];
  /** Bytes in use. */
  readonly bytes: number;
}

/** Larger buffers are destroyed once they are read: what is read often is small. */
const MAX_KEPT_BYTES = 2 ** 26;

/** Mappable buffers by size class. Reading a slot frees its buffer for the next copy. */
export class StagingRing {
  readonly #device: GPUDevice;
  readonly #all = new Set<GPUBuffer>();
  readonly #free = new Map<number, GPUBuffer[]>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Encodes copies of `views` into a free staging buffer. */
  copy(encoder: GPUCommandEncoder, views: readonly BufferView[]): StagingSlot {
    const offsets: number[] = [];
    let bytes = 0;
    for (const view of views) {
      offsets.push(bytes);
      bytes += view.size;
    }
    const capacity = sizeClass(bytes);
    const buffer = this.#free.get(capacity)?.pop() ?? this.#create(capacity);
    for (const [index, view] of views.entries()) {
      encoder.copyBufferToBuffer(view.buffer, view.offset, buffer, offsets[index]!, view.size);
    }
    return { buffer, capacity, views, offsets, bytes };
  }

  /**
   * The copied bytes, one array buffer per view; frees the slot.
   *
   * @param settle waits for the mapping, and rejects where the device fails meanwhile.
   */
  async read(
    slot: StagingSlot,
    settle: <T>(promise: Promise<T>) => Promise<T>,
  ): Promise<ArrayBuffer[]> {
    try {
      await settle(slot.buffer.mapAsync(MAP_MODE_READ, 0, slot.bytes));
    } catch (error) {
      this.#destroy(slot.buffer);
      throw error;
    }
    const mapped = slot.buffer.getMappedRange(0, slot.bytes);
    const copies = slot.views.map((view, index) => {
      const offset = slot.offsets[index]!;
      return mapped.slice(offset, offset + view.size);
    });
    slot.buffer.unmap();
    if (slot.capacity > MAX_KEPT_BYTES) {
      this.#destroy(slot.buffer);
      return copies;
    }
    const list = this.#free.get(slot.capacity);
    if (list) list.push(slot.buffer);
    else this.#free.set(slot.capacity, [slot.buffer]);
    return copies;
  }

  /** Destroys the free buffers. */
  trim(): void {
    for (const buffers of this.#free.values()) for (const buffer of buffers) this.#destroy(buffer);
    this.#free.clear();
  }

  /** Destroys every buffer, read or not. */
  destroy(): void {
    for (const buffer of this.#all) buffer.destroy();
    this.#all.clear();
    this.#free.clear();
  }

  #create(capacity: number): GPUBuffer {
    const buffer = this.#device.createBuffer({ size: capacity, usage: STAGING_USAGE });
    this.#all.add(buffer);
    return buffer;
  }

  #destroy(buffer: GPUBuffer): void {
    buffer.destroy();
    this.#all.delete(buffer);
  }
}

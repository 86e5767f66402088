/** A cache of bind groups by layout and buffers. */

import type { Kernel } from './kernels.js';
import type { BufferView } from './memory.js';

/**
 * The cache is emptied when it reaches this size, so that it stays bounded where buffers never
 * repeat.
 */
const MAX_CACHED_GROUPS = 8192;

/** Creates each combination of bind group layout and buffer views once. */
export class BindGroupCache {
  readonly #device: GPUDevice;
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #ids = new WeakMap<GPUBuffer, number>();
  #nextId = 0;
  /** Bind groups created so far, for `EngineCounts`. */
  createdCount = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /**
   * The bind group of `buffers`, by binding name, for a kernel.
   *
   * @throws Error where a buffer of the kernel is missing, naming both.
   */
  get(kernel: Kernel, buffers: Readonly<Record<string, BufferView>>): GPUBindGroup {
    let key = kernel.layoutKey;
    for (const { name } of kernel.info.bindings) {
      const view = buffers[name];
      if (!view) throw new Error(`${kernel.name}: buffer ${name} is missing.`);
      key += `|${this.#bufferId(view.buffer)}:${view.offset}:${view.size}`;
    }
    let group = this.#groups.get(key);
    if (!group) {
      if (this.#groups.size >= MAX_CACHED_GROUPS) this.#groups.clear();
      group = this.#create(kernel, buffers);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Empties the cache. */
  clear(): void {
    this.#groups.clear();
  }

  #create(kernel: Kernel, buffers: Readonly<Record<string, BufferView>>): GPUBindGroup {
    this.createdCount += 1;
    return this.#device.createBindGroup({
      layout: kernel.layout,
      entries: kernel.info.bindings.map(({ name, binding }) => {
        const { buffer, offset, size } = buffers[name]!;
        return { binding, resource: { buffer, offset, size } };
      }),
    });
  }

  #bufferId(buffer: GPUBuffer): number {
    let id = this.#ids.get(buffer);
    if (id === undefined) {
      id = this.#nextId++;
      this.#ids.set(buffer, id);
    }
    return id;
  }
}

/** Bind groups by layout and buffers: made once, found again ever after. */

import type { Kernel } from './kernels.js';
import type { BufferView } from './memory.js';

/** Past this many the cache starts anew: a program whose buffers never repeat should not grow without end. */
const MAX_CACHED_GROUPS = 8192;

export class BindGroupCache {
  readonly #device: GPUDevice;
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #ids = new WeakMap<GPUBuffer, number>();
  #nextId = 0;
  createdCount = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** @throws Error naming the kernel and the buffer that is missing. */
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

/** Which buffers of a device exist. */

import { vi } from 'vitest';

/** Follows the buffers that a device creates from now on. */
export function watchBuffers(device: GPUDevice): {
  /** The buffers that were not destroyed. */
  readonly alive: ReadonlySet<GPUBuffer>;
  /** Ends it. */
  stop(): void;
} {
  const alive = new Set<GPUBuffer>();
  const create = device.createBuffer.bind(device);
  const spy = vi.spyOn(device, 'createBuffer').mockImplementation((descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      alive.delete(buffer);
      return destroy();
    };
    alive.add(buffer);
    return buffer;
  });
  return { alive, stop: () => spy.mockRestore() };
}

/** The queue: writes and command lists, in order. */

import { asBuffer } from './buffer.js';
import { bytesOf, CpuCommandBuffer } from './commands.js';
import type { CpuDevice } from './device.js';
import { domException, ensure } from './errors.js';
import { USAGE } from './limits.js';

export class CpuQueue implements GPUQueue {
  declare readonly __brand: 'GPUQueue';
  label = '';
  readonly #device: CpuDevice;

  constructor(device: CpuDevice) {
    this.#device = device;
  }

  submit(commandBuffers: Iterable<GPUCommandBuffer>): undefined {
    this.#device.errors.attempt('submit', () => {
      const all = [...commandBuffers].map((given) => {
        ensure(
          given instanceof CpuCommandBuffer,
          () => 'a command buffer is not one of a CPU device',
        );
        ensure(
          given.content !== undefined,
          () => 'a command buffer is invalid, or was submitted before',
        );
        return given;
      });
      for (const { content } of all) {
        for (const buffer of content!.buffers) buffer.checkUsableInSubmit();
        for (const group of content!.groups)
          for (const { buffer } of group.content.bound) buffer.checkUsableInSubmit();
      }
      const commands = all.flatMap((c) => c.content!.commands);
      for (const each of all) each.content = undefined;
      this.#device.submit(commands);
    });
    return undefined;
  }

  writeBuffer(
    buffer: GPUBuffer,
    bufferOffset: number,
    data: ArrayBufferView | ArrayBufferLike,
    dataOffset = 0,
    size?: number,
  ): undefined {
    const bytes = sourceBytes(data, dataOffset, size);
    const to = asBuffer(buffer);
    this.#device.errors.attempt('writeBuffer', () => {
      to.checkUsableInSubmit();
      to.checkUsage(USAGE.COPY_DST, 'COPY_DST');
      ensure(bufferOffset % 4 === 0, () => `bufferOffset ${bufferOffset} is not a multiple of 4`);
      ensure(
        bufferOffset + bytes.length <= to.size,
        () => `${bufferOffset} + ${bytes.length} bytes are past the buffer's ${to.size}`,
      );
      this.#device.write(to.address() + bufferOffset, bytes);
    });
    return undefined;
  }

  async onSubmittedWorkDone(): Promise<undefined> {
    await this.#device.settled();
    return undefined;
  }

  writeTexture(): never {
    throw new TypeError('writeTexture: a CPU device has no textures.');
  }

  copyExternalImageToTexture(): never {
    throw new TypeError('copyExternalImageToTexture: a CPU device has no textures.');
  }
}

/** @throws OperationError where the range is outside of the data, or no multiple of 4 bytes. */
function sourceBytes(
  data: ArrayBufferView | ArrayBufferLike,
  offset: number,
  size?: number,
): Uint8Array {
  const refuse = (why: string) => domException('OperationError', `writeBuffer: ${why}.`);
  let bytes: Uint8Array;
  try {
    bytes = bytesOf(data, offset, size);
  } catch {
    throw refuse('the data is shorter than what is to be written');
  }
  if (bytes.length % 4 !== 0) throw refuse(`${bytes.length} bytes are not a multiple of 4`);
  return bytes;
}

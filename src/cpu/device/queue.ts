/** The queue: runs command buffers and writes in order. */

import { asBuffer } from './buffer.js';
import { CpuCommandBuffer } from './command-encoder.js';
import type { DeviceContext } from './device-context.js';
import { checkSameDevice, domException, ensure } from './errors.js';
import { USAGE } from './flags.js';
import { bytesIn, unsigned } from './numbers.js';

/** The only queue of a device. */
export class CpuQueue implements GPUQueue {
  declare readonly __brand: 'GPUQueue';
  label: string;
  readonly #context: DeviceContext;

  constructor(context: DeviceContext, label: string) {
    this.#context = context;
    this.label = label;
  }

  /**
   * Runs command buffers.
   *
   * @throws TypeError where one of them was not created by a CPU device.
   */
  submit(commandBuffers: Iterable<GPUCommandBuffer>): undefined {
    const buffers = [...commandBuffers].map(asCommandBuffer);
    const contents = buffers.map(({ content }) => content);
    // Valid or not, none of them can be submitted again.
    for (const buffer of buffers) buffer.content = undefined;
    this.#context.errors.attempt('submit', () => {
      ensure(new Set(buffers).size === buffers.length, () => 'a command buffer occurs twice');
      for (const buffer of buffers) checkSameDevice(this.#context, buffer, 'command buffer');
      const commands = contents.flatMap((content) => {
        ensure(content !== undefined, () => 'a command buffer is invalid, or was submitted before');
        for (const used of content.used) used.checkUsable();
        return content.commands;
      });
      this.#context.submit(commands);
      for (const content of contents) for (const used of content!.used) used.markUsed?.();
    });
    return undefined;
  }

  /**
   * Writes data to a buffer, after everything submitted before.
   *
   * @param dataOffset where to start in `data`: in elements for a typed array, in bytes otherwise.
   * @param size how much to write, in the same unit; default: up to the end of `data`.
   * @throws TypeError where the data is neither an ArrayBuffer nor a view, OperationError where the
   *   range exceeds it or is not a multiple of 4 bytes.
   */
  writeBuffer(
    buffer: GPUBuffer,
    bufferOffset: number,
    data: ArrayBufferView | ArrayBufferLike,
    dataOffset = 0,
    size?: number,
  ): undefined {
    const to = asBuffer(buffer);
    const offset = unsigned(bufferOffset, 'bufferOffset');
    const bytes = bytesIn(data, dataOffset, size, 'writeBuffer');
    if (bytes.length % 4 !== 0)
      throw domException(
        'OperationError',
        `writeBuffer: ${bytes.length} bytes are not a multiple of 4.`,
      );
    this.#context.errors.attempt('writeBuffer', () => {
      to.checkValid(this.#context);
      to.checkUsable();
      to.checkUsage(USAGE.COPY_DST, 'COPY_DST');
      ensure(offset % 4 === 0, () => `bufferOffset ${offset} is not a multiple of 4`);
      ensure(
        offset + bytes.length <= to.size,
        () =>
          `bufferOffset ${offset} and ${bytes.length} bytes exceed the buffer's ${to.size} bytes`,
      );
      this.#context.write(to.address + offset, bytes);
      to.markUsed();
    });
    return undefined;
  }

  /** Resolves when all submitted work is done, or when the device is lost. */
  async onSubmittedWorkDone(): Promise<undefined> {
    await this.#context.waitForWork();
    return undefined;
  }

  writeTexture(): never {
    throw new TypeError('writeTexture: a CPU device has no textures.');
  }

  copyExternalImageToTexture(): never {
    throw new TypeError('copyExternalImageToTexture: a CPU device has no textures.');
  }
}

/** @throws TypeError where it was not created by a CPU device. */
function asCommandBuffer(commands: GPUCommandBuffer): CpuCommandBuffer {
  if (commands instanceof CpuCommandBuffer) return commands;
  throw new TypeError('This command buffer was not created by a CPU device.');
}

/** The queue: writes and command lists, in order. */

import { asBuffer } from './buffer.js';
import { CpuCommandBuffer } from './command-encoder.js';
import type { DeviceContext } from './device-context.js';
import { checkSameDevice, domException, ensure } from './errors.js';
import { USAGE } from './flags.js';
import { bytesIn, unsigned } from './numbers.js';

/** The one queue of a device. */
export class CpuQueue implements GPUQueue {
  declare readonly __brand: 'GPUQueue';
  label: string;
  readonly #context: DeviceContext;

  constructor(context: DeviceContext, label: string) {
    this.#context = context;
    this.label = label;
  }

  /** @throws TypeError where something else than command buffers is given. */
  submit(commandBuffers: Iterable<GPUCommandBuffer>): undefined {
    const all = [...commandBuffers].map(asCommandBuffer);
    const contents = all.map(({ content }) => content);
    // Whatever comes of it, none of them can be submitted again.
    for (const each of all) each.content = undefined;
    this.#context.errors.attempt('submit', () => {
      ensure(new Set(all).size === all.length, () => 'a command buffer is given twice');
      for (const each of all) checkSameDevice(this.#context, each, 'command buffer');
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
   * @param dataOffset elements of a typed array, bytes of anything else; so is `size`.
   * @throws TypeError where the data is not bytes, OperationError where its range is outside of it or not a multiple of 4 bytes.
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
        () => `${offset} + ${bytes.length} bytes are past the buffer's ${to.size}`,
      );
      this.#context.write(to.address + offset, bytes);
      to.markUsed();
    });
    return undefined;
  }

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

/** @throws TypeError where it is not one of a CPU device. */
function asCommandBuffer(commands: GPUCommandBuffer): CpuCommandBuffer {
  if (commands instanceof CpuCommandBuffer) return commands;
  throw new TypeError('This command buffer was not made by a CPU device.');
}

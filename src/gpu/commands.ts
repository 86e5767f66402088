/** Lists of GPU commands and their encoding, shared by the engine's flush and by recorded steps. */

import type { Kernel } from './kernels.js';
import type { BufferView } from './memory.js';

/** One kernel over a grid of `x` by `y` workgroups. */
export interface Dispatch {
  readonly kind: 'dispatch';
  readonly kernel: Kernel;
  /** The bind group of the kernel's buffers, group 0. */
  readonly bindGroup: GPUBindGroup;
  /** The scalar parameters as `packParams` packs them. */
  readonly params: Uint32Array;
  readonly x: number;
  readonly y: number;
  /** Floating-point operations, for profiles; 0 where the op does not count them. */
  readonly flops: number;
  /** Bytes of the bound buffers, for profiles. */
  readonly bytes: number;
}

/** A copy of `from.size` bytes between buffers. */
export interface Copy {
  readonly kind: 'copy';
  readonly from: BufferView;
  readonly to: BufferView;
}

/** Sets a range of a buffer to zero. */
export interface Clear {
  readonly kind: 'clear';
  readonly view: BufferView;
}

/**
 * A command that an engine keeps until it is submitted, or for as long as a recorded step lives.
 */
export type Command = Dispatch | Copy | Clear;

/** The source of kernel parameters on devices without immediates. */
export interface ParamRing {
  /** Group 1, bound with a dynamic offset. */
  readonly bindGroup: GPUBindGroup;
  /** Byte offset of the parameters of the dispatch with this index in the command list. */
  offset(dispatchIndex: number): number;
}

/**
 * The queries that a dispatch's start and end times are written to, or undefined where it is not
 * timed.
 */
export type TimestampsFor = (dispatch: Dispatch) => GPUComputePassTimestampWrites | undefined;

/** `setImmediates` is newer than the published types. */
type ImmediatePass = GPUComputePassEncoder & {
  setImmediates(offset: number, data: Uint32Array): void;
};

/**
 * Encodes commands in order. Consecutive dispatches share a compute pass, unless dispatches are
 * timed: timestamps are written per pass, so each then gets its own.
 *
 * @param ring source of the parameters; undefined where they are passed as immediates.
 */
export function encodeCommands(
  encoder: GPUCommandEncoder,
  commands: readonly Command[],
  ring: ParamRing | undefined,
  timestampsFor?: TimestampsFor,
): void {
  let pass: GPUComputePassEncoder | undefined;
  let pipeline: GPUComputePipeline | undefined;
  let dispatches = 0;
  const endPass = () => {
    pass?.end();
    pass = undefined;
    pipeline = undefined;
  };
  for (const command of commands) {
    if (command.kind !== 'dispatch') {
      endPass();
      if (command.kind === 'copy') {
        const { from, to } = command;
        encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, from.size);
      } else {
        encoder.clearBuffer(command.view.buffer, command.view.offset, command.view.size);
      }
      continue;
    }
    if (timestampsFor) {
      endPass();
      const timestampWrites = timestampsFor(command);
      pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {});
    }
    pass ??= encoder.beginComputePass();
    if (command.kernel.pipeline !== pipeline) {
      pipeline = command.kernel.pipeline;
      pass.setPipeline(pipeline);
    }
    pass.setBindGroup(0, command.bindGroup);
    if (ring) pass.setBindGroup(1, ring.bindGroup, [ring.offset(dispatches)]);
    else if (command.params.length > 0) (pass as ImmediatePass).setImmediates(0, command.params);
    pass.dispatchWorkgroups(command.x, command.y);
    dispatches += 1;
  }
  endPass();
}

const SLOT_BYTES = 256;
/** Bytes of a slot that a kernel sees: at most 16 scalars. */
const BOUND_BYTES = 64;
// GPUBufferUsage.UNIFORM | COPY_DST by value: the global may be missing.
const UNIFORM_USAGE = 0x40 | 0x08;

/**
 * A uniform buffer of parameter slots, one per dispatch, 256 bytes apart (the alignment of dynamic
 * offsets).
 */
export class UniformRing implements ParamRing {
  readonly #device: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  #buffer: GPUBuffer | undefined;
  #bindGroup: GPUBindGroup | undefined;
  #slots = 0;

  constructor(device: GPUDevice, layout: GPUBindGroupLayout) {
    this.#device = device;
    this.#layout = layout;
  }

  /** @throws Error where `writeParams` has not run yet. */
  get bindGroup(): GPUBindGroup {
    if (!this.#bindGroup) throw new Error('The parameter ring was used before it was written.');
    return this.#bindGroup;
  }

  offset(dispatchIndex: number): number {
    return dispatchIndex * SLOT_BYTES;
  }

  /**
   * Writes the parameters of all dispatches, now: the queue runs the write before any later submit.
   */
  writeParams(commands: readonly Command[]): void {
    const dispatches = commands.filter((c) => c.kind === 'dispatch');
    if (dispatches.length === 0) return;
    if (dispatches.length > this.#slots) this.#grow(dispatches.length);
    const words = new Uint32Array((dispatches.length * SLOT_BYTES) / 4);
    for (const [index, dispatch] of dispatches.entries())
      words.set(dispatch.params, this.offset(index) / 4);
    this.#device.queue.writeBuffer(this.#buffer!, 0, words);
  }

  /** Destroys the buffer. */
  destroy(): void {
    this.#buffer?.destroy();
    this.#buffer = undefined;
    this.#bindGroup = undefined;
    this.#slots = 0;
  }

  #grow(slots: number): void {
    this.#buffer?.destroy();
    this.#slots = Math.max(64, 2 * slots);
    this.#buffer = this.#device.createBuffer({
      size: this.#slots * SLOT_BYTES,
      usage: UNIFORM_USAGE,
    });
    this.#bindGroup = this.#device.createBindGroup({
      layout: this.#layout,
      entries: [{ binding: 0, resource: { buffer: this.#buffer, size: BOUND_BYTES } }],
    });
  }
}

/** A command as one line of text, for DEBUG=3. */
export function describeCommand(command: Command): string {
  if (command.kind === 'dispatch') {
    const { kernel, params, x, y } = command;
    const floats = new Float32Array(params.buffer);
    const assignments = kernel.info.params.map(
      ({ name, type, offset }) => `${name}=${(type === 'f32' ? floats : params)[offset / 4]}`,
    );
    return `${kernel.name} [${x} x ${y}] ${assignments.join(' ')}`;
  }
  if (command.kind === 'copy') return `copy ${command.from.size} bytes`;
  return `clear ${command.view.size} bytes`;
}

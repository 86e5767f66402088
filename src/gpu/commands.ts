/** A flat list of GPU commands and its encoding: what an eager flush and a replayed step have in common. */

import type { Kernel } from './kernels.js';
import type { BufferView } from './memory.js';

export interface Dispatch {
  readonly kind: 'dispatch';
  readonly kernel: Kernel;
  readonly group: GPUBindGroup;
  readonly params: Uint32Array;
  readonly x: number;
  readonly y: number;
  /** Floating-point operations and bytes moved, for profiles; an op that knows no flops says 0. */
  readonly flops: number;
  readonly bytes: number;
}

export interface Copy {
  readonly kind: 'copy';
  readonly from: BufferView;
  readonly to: BufferView;
}

export interface Clear {
  readonly kind: 'clear';
  readonly view: BufferView;
}

export type Command = Dispatch | Copy | Clear;

/** Where a kernel's parameters come from when the device has no immediates. */
export interface ParamRing {
  readonly group: GPUBindGroup;
  /** Byte offset of the n-th dispatch's parameters. */
  offset(n: number): number;
}

/** Two timestamps around a dispatch, or none. */
export type TimestampsFor = (dispatch: Dispatch) => GPUComputePassTimestampWrites | undefined;

/** `setImmediates` is newer than the published types. */
type ImmediatePass = GPUComputePassEncoder & {
  setImmediates(offset: number, data: Uint32Array): void;
};

/**
 * Encodes commands in order. Neighbouring dispatches share a compute pass, unless each is timed in its own.
 *
 * @param ring parameters by dynamic offset; undefined where they travel as immediates.
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
    pass.setBindGroup(0, command.group);
    if (ring) pass.setBindGroup(1, ring.group, [ring.offset(dispatches)]);
    else if (command.params.length > 0) (pass as ImmediatePass).setImmediates(0, command.params);
    pass.dispatchWorkgroups(command.x, command.y);
    dispatches += 1;
  }
  endPass();
}

const SLOT_BYTES = 256;
/** Every slot is bound whole: at most 16 scalars. */
const BOUND_BYTES = 64;
// GPUBufferUsage.UNIFORM | COPY_DST by value: the global may be missing.
const UNIFORM = 0x40 | 0x08;

/** A uniform buffer of parameter slots, one per dispatch, 256 bytes apart. */
export class UniformRing implements ParamRing {
  readonly #device: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  #buffer: GPUBuffer | undefined;
  #group: GPUBindGroup | undefined;
  #slots = 0;
  created = 0;

  constructor(device: GPUDevice, layout: GPUBindGroupLayout) {
    this.#device = device;
    this.#layout = layout;
  }

  get group(): GPUBindGroup {
    if (!this.#group) throw new Error('The parameter ring was used before it was filled.');
    return this.#group;
  }

  offset(n: number): number {
    return n * SLOT_BYTES;
  }

  /** Writes the dispatches' parameters; the queue orders the write before the submit that reads it. */
  fill(commands: readonly Command[]): void {
    const dispatches = commands.filter((c) => c.kind === 'dispatch');
    if (dispatches.length === 0) return;
    if (dispatches.length > this.#slots) this.#grow(dispatches.length);
    const words = new Uint32Array((dispatches.length * SLOT_BYTES) / 4);
    for (const [n, dispatch] of dispatches.entries())
      words.set(dispatch.params, (n * SLOT_BYTES) / 4);
    this.#device.queue.writeBuffer(this.#buffer!, 0, words);
  }

  destroy(): void {
    this.#buffer?.destroy();
    this.#buffer = undefined;
    this.#group = undefined;
    this.#slots = 0;
  }

  #grow(slots: number): void {
    this.#buffer?.destroy();
    this.#slots = Math.max(64, 2 * slots);
    this.#buffer = this.#device.createBuffer({ size: this.#slots * SLOT_BYTES, usage: UNIFORM });
    this.#group = this.#device.createBindGroup({
      layout: this.#layout,
      entries: [{ binding: 0, resource: { buffer: this.#buffer, size: BOUND_BYTES } }],
    });
    this.created += 1;
  }
}

/** A command in one line, for DEBUG=3. */
export function describe(command: Command): string {
  if (command.kind === 'dispatch') {
    const { kernel, params, x, y } = command;
    const floats = new Float32Array(params.buffer);
    const shown = kernel.info.params.map(
      ({ name, type, offset }) => `${name}=${(type === 'f32' ? floats : params)[offset / 4]}`,
    );
    return `${kernel.name} [${x} x ${y}] ${shown.join(' ')}`;
  }
  if (command.kind === 'copy') return `copy ${command.from.size} bytes`;
  return `clear ${command.view.size} bytes`;
}

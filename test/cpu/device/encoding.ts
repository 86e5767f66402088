/** Cases that record commands with an encoder or a pass and finish it, and the kernel they run. */

import * as c from './calls.js';
import type { Setup } from './verdict.js';

/** The usage of a buffer for kernels and copies. */
export const DATA = c.STORAGE | c.COPY_SRC | c.COPY_DST;

/** A kernel that adds 1 to the first word of a buffer. */
export const ADD_ONE = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[0] += 1; }`;

/** Destroys a buffer or query set and returns it. */
export function destroyed<T extends { destroy(): void }>(resource: T): T {
  resource.destroy();
  return resource;
}

/** A case whose call records commands and finishes the encoder. */
export function finish(record: (encoder: GPUCommandEncoder, d: GPUDevice) => unknown): Setup {
  return (d) => () => {
    const encoder = d.createCommandEncoder();
    record(encoder, d);
    encoder.finish();
  };
}

/**
 * A case whose call records a pass and finishes the encoder; `prepare` creates the objects that the
 * pass needs and returns what records it.
 */
export function pass(prepare: (d: GPUDevice) => (p: GPUComputePassEncoder) => void): Setup {
  return (d) => {
    const record = prepare(d);
    return () => void c.encodePass(d, record);
  };
}

/** Cases of encoding: calls on an encoder or a pass, made and finished, and the kernels that they run. */

import * as c from './calls.js';
import type { Setup } from './verdict.js';

/** Usages of a buffer that kernels and copies use. */
export const DATA = c.STORAGE | c.COPY_SRC | c.COPY_DST;

/** Adds to the first word. */
export const ADD_ONE = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() { values[0] += 1; }`;

export function destroyed<T extends { destroy(): void }>(made: T): T {
  made.destroy();
  return made;
}

/** Calls on an encoder, and finishing it. */
export function finish(record: (encoder: GPUCommandEncoder, d: GPUDevice) => unknown): Setup {
  return (d) => () => {
    const encoder = d.createCommandEncoder();
    record(encoder, d);
    encoder.finish();
  };
}

/** Calls on a pass, with what they need made before; finishing the encoder. */
export function pass(prepare: (d: GPUDevice) => (p: GPUComputePassEncoder) => void): Setup {
  return (d) => {
    const record = prepare(d);
    return () => void c.encodePass(d, record);
  };
}

/** A kernel defined by the tests, which fills a tensor with one value. */

import { defineKernel, type Tensor } from '../../src/engine.js';

const WORKGROUP = 64;

/** The kernel; one invocation writes one element. */
export const FILL = defineKernel({
  name: 'test.fill',
  source: `
struct Params { n: u32, value: f32 }
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.n) {
    out[id.x] = params.value;
  }
}`,
  buffers: { out: 'read_write' },
  params: { n: 'u32', value: 'f32' },
});

/** Sets every element of a tensor to a value. */
export function fill(tensor: Tensor, value: number): void {
  const groups = Math.ceil(tensor.length / WORKGROUP);
  tensor.engine.dispatch(FILL, { out: tensor }, { n: tensor.length, value }, groups);
}

/** Short ways to what most cases need: buffers, small kernels, groups, a dispatch, and the bytes of a buffer. */

// WebGPU's flags by value: Node has no globals for them.
export const MAP_READ = 0x01;
export const MAP_WRITE = 0x02;
export const COPY_SRC = 0x04;
export const COPY_DST = 0x08;
export const INDEX = 0x10;
export const UNIFORM = 0x40;
export const STORAGE = 0x80;
export const INDIRECT = 0x100;
export const QUERY_RESOLVE = 0x200;
/** GPUMapMode */
export const READ = 1;
export const WRITE = 2;
/** GPUShaderStage */
export const VERTEX = 1;
export const COMPUTE = 4;

export function buffer(device: GPUDevice, size: number, usage: number): GPUBuffer {
  return device.createBuffer({ size, usage });
}

/** A storage buffer that can be copied to and from, holding words. */
export function words(device: GPUDevice, ...values: number[]): GPUBuffer {
  const made = buffer(device, 4 * values.length, STORAGE | COPY_SRC | COPY_DST);
  device.queue.writeBuffer(made, 0, Uint32Array.from(values));
  return made;
}

/** A buffer that no command can use. Its error is swallowed. */
export function invalidBuffer(device: GPUDevice): GPUBuffer {
  return swallow(device, () => buffer(device, 16, 0));
}

/** What `make` returns, without the validation error that it causes. */
export function swallow<T>(device: GPUDevice, make: () => T): T {
  device.pushErrorScope('validation');
  const made = make();
  device.popErrorScope().catch(() => {});
  return made;
}

/** The words of a buffer, which must have COPY_SRC, after everything submitted. */
export async function read(device: GPUDevice, from: GPUBuffer): Promise<number[]> {
  const staging = buffer(device, from.size, MAP_READ | COPY_DST);
  submit(device, (encoder) => encoder.copyBufferToBuffer(from, 0, staging, 0, from.size));
  await staging.mapAsync(READ);
  const values = [...new Uint32Array(staging.getMappedRange())];
  staging.destroy();
  return values;
}

/** Encodes and finishes. */
export function encode(
  device: GPUDevice,
  record: (encoder: GPUCommandEncoder) => void,
): GPUCommandBuffer {
  const encoder = device.createCommandEncoder();
  record(encoder);
  return encoder.finish();
}

/** Encodes, finishes and submits. */
export function submit(device: GPUDevice, record: (encoder: GPUCommandEncoder) => void): void {
  device.queue.submit([encode(device, record)]);
}

/** Encodes one pass and finishes. */
export function encodePass(
  device: GPUDevice,
  record: (pass: GPUComputePassEncoder) => void,
): GPUCommandBuffer {
  return encode(device, (encoder) => {
    const pass = encoder.beginComputePass();
    record(pass);
    pass.end();
  });
}

export function submitPass(device: GPUDevice, record: (pass: GPUComputePassEncoder) => void): void {
  device.queue.submit([encodePass(device, record)]);
}

/** A pipeline of a shader's only entry point. */
export function pipeline(
  device: GPUDevice,
  code: string,
  layout: GPUPipelineLayout | 'auto' = 'auto',
): GPUComputePipeline {
  return device.createComputePipeline({
    layout,
    compute: { module: device.createShaderModule({ code }) },
  });
}

/** A layout of buffers for the compute stage, bound from 0 on. */
export function groupLayout(
  device: GPUDevice,
  ...types: (GPUBufferBindingType | GPUBufferBindingLayout)[]
): GPUBindGroupLayout {
  return device.createBindGroupLayout({
    entries: types.map((type, binding) => ({
      binding,
      visibility: COMPUTE,
      buffer: typeof type === 'string' ? { type } : type,
    })),
  });
}

export function pipelineLayout(
  device: GPUDevice,
  bindGroupLayouts: (GPUBindGroupLayout | null)[],
  immediateSize = 0,
): GPUPipelineLayout {
  return device.createPipelineLayout({ bindGroupLayouts, immediateSize });
}

/** A group of buffers or ranges, bound from 0 on. */
export function group(
  device: GPUDevice,
  layout: GPUBindGroupLayout,
  ...resources: (GPUBuffer | GPUBufferBinding)[]
): GPUBindGroup {
  return device.createBindGroup({
    layout,
    entries: resources.map((resource, binding) => ({
      binding,
      resource: 'usage' in resource ? { buffer: resource } : resource,
    })),
  });
}

/** Adds to the first word for a while, then puts it into the second. */
const SLOW = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() {
  for (var n = 0u; n < 100000u; n++) { values[0] = values[0] + (n & 1u); }
  values[1] = values[0];
}`;

/** Submits a kernel that is still running when the next calls are made: it adds 50,000 to the first of two words. */
export function runSlowly(device: GPUDevice, values: GPUBuffer, times = 1): void {
  const slow = pipeline(device, SLOW);
  const bound = group(device, slow.getBindGroupLayout(0), values);
  submitPass(device, (pass) => {
    pass.setPipeline(slow);
    pass.setBindGroup(0, bound);
    for (let n = 0; n < times; n++) pass.dispatchWorkgroups(1);
  });
}

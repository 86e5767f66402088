/** Shorthands for WebGPU calls that most cases make: buffers, pipelines, groups, submits, reads. */

// WebGPU's flags by value, since Node has no globals for them. First the flags of GPUBufferUsage.
/** GPUBufferUsage.MAP_READ */
export const MAP_READ = 0x01;
/** GPUBufferUsage.MAP_WRITE */
export const MAP_WRITE = 0x02;
/** GPUBufferUsage.COPY_SRC */
export const COPY_SRC = 0x04;
/** GPUBufferUsage.COPY_DST */
export const COPY_DST = 0x08;
/** GPUBufferUsage.UNIFORM */
export const UNIFORM = 0x40;
/** GPUBufferUsage.STORAGE */
export const STORAGE = 0x80;
/** GPUBufferUsage.INDIRECT */
export const INDIRECT = 0x100;
/** GPUBufferUsage.QUERY_RESOLVE */
export const QUERY_RESOLVE = 0x200;
/** GPUMapMode.READ */
export const READ = 1;
/** GPUMapMode.WRITE */
export const WRITE = 2;
/** GPUShaderStage.VERTEX */
export const VERTEX = 1;
/** GPUShaderStage.COMPUTE */
export const COMPUTE = 4;

/** A buffer of `size` bytes with the given usage flags. */
export function buffer(device: GPUDevice, size: number, usage: number): GPUBuffer {
  return device.createBuffer({ size, usage });
}

/** A storage buffer of the given 32-bit words, which can be copied from and to. */
export function words(device: GPUDevice, ...values: number[]): GPUBuffer {
  const result = buffer(device, 4 * values.length, STORAGE | COPY_SRC | COPY_DST);
  device.queue.writeBuffer(result, 0, Uint32Array.from(values));
  return result;
}

/** An invalid buffer; the validation error of its creation is ignored. */
export function invalidBuffer(device: GPUDevice): GPUBuffer {
  return swallow(device, () => buffer(device, 16, 0));
}

/** Calls `create` and ignores the validation error that it causes. */
export function swallow<T>(device: GPUDevice, create: () => T): T {
  device.pushErrorScope('validation');
  const result = create();
  device.popErrorScope().catch(() => {});
  return result;
}

/** Reads the words of a buffer with COPY_SRC, after everything submitted so far. */
export async function read(device: GPUDevice, from: GPUBuffer): Promise<number[]> {
  const staging = buffer(device, from.size, MAP_READ | COPY_DST);
  submit(device, (encoder) => encoder.copyBufferToBuffer(from, 0, staging, 0, from.size));
  await staging.mapAsync(READ);
  const values = [...new Uint32Array(staging.getMappedRange())];
  staging.destroy();
  return values;
}

/** Records commands and finishes the encoder. */
export function encode(
  device: GPUDevice,
  record: (encoder: GPUCommandEncoder) => void,
): GPUCommandBuffer {
  const encoder = device.createCommandEncoder();
  record(encoder);
  return encoder.finish();
}

/** Records commands and submits them. */
export function submit(device: GPUDevice, record: (encoder: GPUCommandEncoder) => void): void {
  device.queue.submit([encode(device, record)]);
}

/** Records one compute pass and finishes the encoder. */
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

/** Records one compute pass and submits it. */
export function submitPass(device: GPUDevice, record: (pass: GPUComputePassEncoder) => void): void {
  device.queue.submit([encodePass(device, record)]);
}

/** The pipeline of a shader with one entry point. */
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

/** A bind group layout of buffers for the compute stage, at bindings 0, 1, ... */
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

/** A pipeline layout of bind group layouts and `immediateSize` bytes of immediates. */
export function pipelineLayout(
  device: GPUDevice,
  bindGroupLayouts: (GPUBindGroupLayout | null)[],
  immediateSize = 0,
): GPUPipelineLayout {
  return device.createPipelineLayout({ bindGroupLayouts, immediateSize });
}

/** A bind group of buffers or ranges of buffers, at bindings 0, 1, ... */
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

/** Adds 50,000 to the first word, one at a time, then copies it to the second. */
const SLOW = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main() {
  for (var n = 0u; n < 100000u; n++) { values[0] = values[0] + (n & 1u); }
  values[1] = values[0];
}`;

/**
 * Submits a kernel that is still running when the next calls are made. It adds 50,000 to the first
 * word of a buffer and copies it to the second, `times` times.
 */
export function runSlowly(device: GPUDevice, values: GPUBuffer, times = 1): void {
  const slowPipeline = pipeline(device, SLOW);
  const bindGroup = group(device, slowPipeline.getBindGroupLayout(0), values);
  submitPass(device, (pass) => {
    pass.setPipeline(slowPipeline);
    pass.setBindGroup(0, bindGroup);
    for (let n = 0; n < times; n++) pass.dispatchWorkgroups(1);
  });
}

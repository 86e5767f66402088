/** The features and limits of the device. */

/** All limits of WebGPU by name. */
export type Limits = Readonly<Record<Exclude<keyof GPUSupportedLimits, '__brand'>, number>>;

/**
 * The limits of the adapter. Those for textures and rendering are 0, since the device has neither.
 *
 * - Each binding takes two words of a kernel's context. 64 bindings of each kind are more than
 *   kernels use, and far from the most that would be possible.
 * - The size of a binding is a signed 32-bit word in kernels and a multiple of 4, so 2^31 - 4 is
 *   the largest.
 * - The offset of a binding is a multiple of 32, twice the largest alignment of a type.
 * - The invocations of a workgroup are a loop, and its memory is part of a thread's scratch memory,
 *   so there is no natural limit. The ones given are those of common GPUs.
 */
export const LIMITS: Limits = {
  maxTextureDimension1D: 0,
  maxTextureDimension2D: 0,
  maxTextureDimension3D: 0,
  maxTextureArrayLayers: 0,
  maxBindGroups: 4,
  maxBindGroupsPlusVertexBuffers: 4,
  maxBindingsPerBindGroup: 1000,
  maxDynamicUniformBuffersPerPipelineLayout: 8,
  maxDynamicStorageBuffersPerPipelineLayout: 8,
  maxSampledTexturesPerShaderStage: 0,
  maxSamplersPerShaderStage: 0,
  maxStorageBuffersPerShaderStage: 64,
  maxStorageBuffersInVertexStage: 0,
  maxStorageBuffersInFragmentStage: 0,
  maxStorageTexturesPerShaderStage: 0,
  maxStorageTexturesInVertexStage: 0,
  maxStorageTexturesInFragmentStage: 0,
  maxUniformBuffersPerShaderStage: 64,
  maxUniformBufferBindingSize: 65536,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
  minUniformBufferOffsetAlignment: 32,
  minStorageBufferOffsetAlignment: 32,
  maxVertexBuffers: 0,
  maxBufferSize: 2 ** 31,
  maxVertexAttributes: 0,
  maxVertexBufferArrayStride: 0,
  maxInterStageShaderVariables: 0,
  maxColorAttachments: 0,
  maxColorAttachmentBytesPerSample: 0,
  maxComputeWorkgroupStorageSize: 32768,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupsPerDimension: 65535,
  maxImmediateSize: 64,
};

/**
 * The default limits of WebGPU: what a device has if nothing is required and the adapter supports
 * it.
 */
const DEFAULTS: Partial<Limits> = {
  maxDynamicUniformBuffersPerPipelineLayout: 8,
  maxDynamicStorageBuffersPerPipelineLayout: 4,
  maxStorageBuffersPerShaderStage: 8,
  maxUniformBuffersPerShaderStage: 12,
  maxUniformBufferBindingSize: 65536,
  maxStorageBufferBindingSize: 134217728,
  minUniformBufferOffsetAlignment: 256,
  minStorageBufferOffsetAlignment: 256,
  maxBufferSize: 268435456,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
};

/** The features that can be required. */
export const FEATURES: readonly GPUFeatureName[] = ['timestamp-query'];

/**
 * Returns the limits of a device that was requested with `required`.
 *
 * @throws Error where a limit does not exist, or the adapter does not support the value.
 */
export function grantLimits(required: Readonly<Record<string, number | undefined>> = {}): Limits {
  const granted: Record<string, number> = { ...LIMITS, ...DEFAULTS };
  for (const [name, value] of Object.entries(required)) {
    if (value === undefined) continue;
    const supported = (LIMITS as Readonly<Record<string, number>>)[name];
    if (supported === undefined) throw new Error(`There is no limit ${name}.`);
    const isMinimum = name.startsWith('min');
    if (isMinimum && !isPowerOfTwo(value))
      throw new Error(`${name} cannot be ${value}: it must be a power of 2.`);
    if (isMinimum ? value < supported : value > supported)
      throw new Error(`${name} cannot be ${value}: this adapter has ${supported}.`);
    const current = granted[name]!;
    granted[name] = isMinimum ? Math.min(current, value) : Math.max(current, value);
  }
  return granted as Limits;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && value < 2 ** 32 && Number.isInteger(Math.log2(value));
}

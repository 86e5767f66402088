/** What the device can do: its features, and its limits. */

/** All limits by name. */
export type Limits = Readonly<Record<Exclude<keyof GPUSupportedLimits, '__brand'>, number>>;

/**
 * What the adapter has. Limits of textures and drawing are 0, since there is neither.
 *
 * - A binding is two words of a kernel's context: 64 of each kind are more than kernels use, not all that would go.
 * - Sizes of bindings are signed 32-bit words in kernels, and multiples of 4: 2^31 - 4 is the largest.
 * - Offsets of bindings are multiples of 32, twice the largest alignment of a type.
 * - Invocations of a workgroup are a loop, and its memory is a thread's: the limits are those of common GPUs.
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

/** What every device of WebGPU has at least: what one that asks for nothing gets, where the adapter has as much. */
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

/** The features that a device can be asked for. */
export const FEATURES: readonly GPUFeatureName[] = ['timestamp-query'];

/**
 * The limits of a device that was asked for with `required`.
 *
 * @throws Error naming a limit that there is not, or that the adapter does not reach.
 */
export function grantLimits(required: Readonly<Record<string, number | undefined>> = {}): Limits {
  const granted: Record<string, number> = { ...LIMITS, ...DEFAULTS };
  for (const [name, value] of Object.entries(required)) {
    if (value === undefined) continue;
    const best = (LIMITS as Readonly<Record<string, number>>)[name];
    if (best === undefined) throw new Error(`There is no limit ${name}.`);
    const isLeast = name.startsWith('min');
    if (isLeast && !isPowerOfTwo(value))
      throw new Error(`${name} cannot be ${value}: it must be a power of 2.`);
    if (isLeast ? value < best : value > best)
      throw new Error(`${name} cannot be ${value}: this adapter has ${best}.`);
    const before = granted[name]!;
    granted[name] = isLeast ? Math.min(before, value) : Math.max(before, value);
  }
  return granted as Limits;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && value < 2 ** 32 && Number.isInteger(Math.log2(value));
}

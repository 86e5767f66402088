/** Requesting a device from an adapter, and the facts about the device that are printed. */

import { UnsupportedError } from './errors.js';

/** Facts about the adapter and device in use. */
export interface DeviceFacts {
  /**
   * 'cpu' for the CPU device, 'software' for drivers that run on the CPU, else the adapter's name
   * ('nvidia', ...).
   */
  readonly vendor: string;
  /** The adapter's description, architecture and device, as far as it names them. */
  readonly description: string;
  /** Whether the adapter computes on the CPU. */
  readonly software: boolean;
  /** The device's enabled features, sorted. */
  readonly features: readonly string[];
  /** Whether scalar parameters are passed as immediates rather than through a uniform buffer. */
  readonly immediates: boolean;
  /** Whether kernels can be timed with timestamp queries. */
  readonly timestamps: boolean;
  /** Why this device was chosen, as text for the user. */
  readonly reason: string;
}

/** Features requested where the adapter offers them; none is required. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ['timestamp-query'];

/** Limits raised to the adapter's maximum: large models and long sequences need them. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

const REQUIRED_STORAGE_BUFFERS = 8;

/** A device with every feature and limit of the adapter that the engine can use. */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name];
  return adapter.requestDevice({
    label: 'neuroformer',
    requiredFeatures: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits,
  });
}

/**
 * The facts about a device.
 *
 * @param languageFeatures WGSL's language features, as `navigator.gpu.wgslLanguageFeatures` lists
 *   them.
 * @param reason why the device was chosen.
 */
export function deviceFacts(
  device: GPUDevice,
  languageFeatures: ReadonlySet<string> | undefined,
  reason: string,
): DeviceFacts {
  const info = device.adapterInfo;
  const software = isSoftware(info);
  const description = [info.description, info.architecture, info.device].filter(Boolean).join(', ');
  return {
    vendor: software && info.vendor !== 'cpu' ? 'software' : info.vendor,
    description: description || info.vendor || 'unnamed adapter',
    software,
    features: [...device.features].sort(),
    immediates: languageFeatures?.has('immediate_address_space') ?? false,
    timestamps: device.features.has('timestamp-query'),
    reason,
  };
}

/** Whether an adapter computes on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  const names = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return (
    info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render/i.test(names)
  );
}

/**
 * Checks the limits that every kernel relies on.
 *
 * @throws UnsupportedError where a limit is too low, naming it.
 */
export function checkLimits(limits: GPUSupportedLimits): void {
  if (limits.maxStorageBuffersPerShaderStage < REQUIRED_STORAGE_BUFFERS) {
    throw new UnsupportedError(
      `The device allows ${limits.maxStorageBuffersPerShaderStage} storage buffers per shader stage and ` +
        `the kernels bind ${REQUIRED_STORAGE_BUFFERS}: request it with ` +
        `requiredLimits: { maxStorageBuffersPerShaderStage: ${REQUIRED_STORAGE_BUFFERS} }.`,
    );
  }
}

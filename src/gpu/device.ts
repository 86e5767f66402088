/** What the engine asks of a GPU adapter, and what it found: facts that are printed, never assumed. */

import { UnsupportedError } from './errors.js';

/** Facts about the adapter and device in use. */
export interface DeviceFacts {
  /** 'cpu' for the CPU device, 'software' for drivers that run on the CPU, else the adapter's name ('nvidia', ...). */
  readonly vendor: string;
  readonly description: string;
  readonly software: boolean;
  readonly features: readonly string[];
  /** Whether per-dispatch scalars travel as immediates rather than through a uniform ring. */
  readonly immediates: boolean;
  readonly timestamps: boolean;
  /** Why this adapter was chosen, for people. */
  readonly reason: string;
}

/** Features taken where offered; none is required. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ['timestamp-query'];

/** Limits raised to what the adapter has: large models and long sequences need them. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

const REQUIRED_STORAGE_BUFFERS = 8;

/** A device with every useful feature and limit the adapter offers. */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {};
  for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name];
  return adapter.requestDevice({
    label: 'neuroformer',
    requiredFeatures: WANTED_FEATURES.filter((f) => adapter.features.has(f)),
    requiredLimits,
  });
}

/** Gathers the facts about a device; `reason` says why it is the one. */
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

/** @throws UnsupportedError where a device cannot run the kernels at all, saying which limit is short. */
export function checkLimits(limits: GPUSupportedLimits): void {
  if (limits.maxStorageBuffersPerShaderStage < REQUIRED_STORAGE_BUFFERS) {
    throw new UnsupportedError(
      `The device allows ${limits.maxStorageBuffersPerShaderStage} storage buffers per shader stage and ` +
        `the kernels bind ${REQUIRED_STORAGE_BUFFERS}: request it with ` +
        `requiredLimits: { maxStorageBuffersPerShaderStage: ${REQUIRED_STORAGE_BUFFERS} }.`,
    );
  }
}

/** Opens an engine on a GPU object or on the caller's device. */

import { checkLimits, requestDevice } from './device.js';
import { Engine } from './engine.js';
import { UnsupportedError } from './errors.js';
import type { EngineOptions, PlatformOptions } from './options.js';

/**
 * An engine on a device that it requests and destroys itself, or on `options.device`, which the
 * caller keeps.
 *
 * @throws UnsupportedError where there is no adapter, or the device's limits are below what the
 *   kernels need.
 */
export async function openEngine(options: EngineOptions & PlatformOptions): Promise<Engine> {
  const { device, gpu, ...rest } = options;
  const languageFeatures = (gpu ?? (globalThis.navigator as Navigator | undefined)?.gpu)
    ?.wgslLanguageFeatures;
  if (device) {
    const reason = options.reason ?? 'the caller passed it in';
    return new Engine(device, { ...rest, reason, borrowed: true, languageFeatures });
  }
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new UnsupportedError(
      'WebGPU found no adapter: check the graphics driver and the browser flags.',
    );
  }
  checkLimits(adapter.limits);
  const reason = options.reason ?? 'the preferred adapter';
  const ownDevice = await requestDevice(adapter);
  try {
    return new Engine(ownDevice, { ...rest, reason, borrowed: false, languageFeatures });
  } catch (error) {
    ownDevice.destroy();
    throw error;
  }
}

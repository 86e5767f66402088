/** SwiftShader as the only Vulkan driver of another program. */

import { dirname } from 'node:path';
import { withSwiftShader } from '../../src/node/swiftshader.js';

/** Runs `start` with the environment in which a program finds SwiftShader, and only that. */
export function withDriver<T>(start: (env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
  return withSwiftShader(() => {
    // Programs load libvulkan.so.1 by name, which SwiftShader brings along.
    const driver = dirname(process.env.VK_DRIVER_FILES!);
    const libraries = [driver, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
    return start({ ...process.env, LD_LIBRARY_PATH: libraries });
  });
}

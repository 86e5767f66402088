/**
 * SwiftShader, a Vulkan driver that runs on the CPU, from the npm package `@sparticuz/chromium`, unpacked once into the
 * user's cache folder. Linux x64 only. It is the other side of the tests, and a development dependency: what a user
 * without a GPU runs on is the CPU device (src/cpu).
 */

import { constants as fsConstants } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, constants as osConstants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';

const PACKAGE = '@sparticuz/chromium';
const ICD = 'vk_swiftshader_icd.json';
const LOADER = 'libvulkan.so.1';
/** glibc's RTLD_NODELETE: the library stays although Node, finding no addon in it, lets it go. */
const RTLD_NODELETE = 0x1000;

/** Why there is no SwiftShader here, in words for the user; undefined where there can be one. */
export function swiftShaderUnavailable(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `SwiftShader comes for Linux on x64, not for ${process.platform} on ${process.arch}`;
  }
  if (!packageFolder()) {
    return `the development package ${PACKAGE} is not installed: npm install --save-dev ${PACKAGE}@147.0.0 tar-fs`;
  }
  return undefined;
}

/**
 * Makes the next WebGPU instance of this process find SwiftShader, while `create` runs.
 *
 * @throws Error where it cannot be unpacked, naming the folder.
 */
export async function withSwiftShader<T>(create: () => Promise<T>): Promise<T> {
  const unavailable = swiftShaderUnavailable();
  if (unavailable) throw new Error(`No SwiftShader: ${unavailable}.`);
  const folder = await unpacked();
  loadVulkanLoader(join(folder, LOADER));
  const names = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = join(folder, ICD);
  try {
    return await create();
  } finally {
    for (const [n, name] of names.entries()) {
      if (before[n] === undefined) delete process.env[name];
      else process.env[name] = before[n];
    }
  }
}

function packageFolder(): string | undefined {
  const require = createRequire(import.meta.url);
  try {
    // The entry is <package>/build/cjs/index.cjs; the package does not export its package.json.
    return dirname(dirname(dirname(require.resolve(PACKAGE))));
  } catch {
    return undefined;
  }
}

/** The folder that holds the driver, unpacking it on first use. */
async function unpacked(): Promise<string> {
  const source = packageFolder()!;
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
  const archive = join(source, 'bin', 'swiftshader.tar.br');
  const roots = [process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), tmpdir()];
  let failure: unknown;
  for (const root of roots) {
    const folder = join(root, 'neuroformer-webgpu', `swiftshader-${version}`);
    try {
      if (!(await exists(join(folder, ICD)))) await unpack(archive, folder);
      return folder;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`SwiftShader could not be unpacked into ${roots.join(' or ')}: ${failure}`);
}

/** Unpacks beside the folder and renames, so that two processes at once do not see half of it. */
async function unpack(archive: string, folder: string): Promise<void> {
  const { default: tar } = await import('tar-fs');
  await mkdir(dirname(folder), { recursive: true });
  const partial = await mkdtemp(`${folder}-`);
  try {
    const bytes = await promisify(brotliDecompress)(await readFile(archive));
    await pipeline(Readable.from([bytes]), tar.extract(partial));
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!(await exists(join(folder, ICD)))) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path, fsConstants.R_OK)
    .then(() => stat(path))
    .then(
      (found) => found.size > 0,
      () => false,
    );
}

/** Dawn opens libvulkan.so.1 by name: where the system has none, the one already in memory is found instead. */
function loadVulkanLoader(path: string): void {
  const { RTLD_NOW, RTLD_GLOBAL } = osConstants.dlopen;
  try {
    process.dlopen({ exports: {} }, path, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  } catch (error) {
    // "Module did not self-register" is expected of a library that is no Node addon.
    if (!/self-register/.test(String(error))) throw error;
  }
}

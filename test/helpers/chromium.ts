/**
 * A headless Chromium whose WebGPU runs on SwiftShader, from npm alone: the browser and the libraries a bare
 * system lacks (NSS, NSPR, expat) are in the package `@sparticuz/chromium`, unpacked once into the user's cache folder.
 */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import packaged from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const PACKAGE = '@sparticuz/chromium';
/** The package is made for a service that sandboxes it; without one, root may start it only so. */
const FLAGS = ['--no-sandbox'];
const WITH_WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
/** Presents what WebGPU draws on a canvas without a GPU: all of the browser's drawing goes through SwiftShader's Vulkan. */
const WITH_CANVAS = [
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-angle=swiftshader',
];
const WITHOUT_WEBGPU = ['--disable-features=WebGPU', '--disable-blink-features=WebGPU'];

/**
 * Starts the browser. Its pages have WebGPU where their origin is secure, as http://localhost is; or have none.
 *
 * @param canvas whether pages draw with WebGPU, too.
 */
export async function launchChromium({ webgpu = true, canvas = false } = {}): Promise<Browser> {
  const folder = await unpacked();
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    headless: true,
    args: [...FLAGS, ...(webgpu ? WITH_WEBGPU : WITHOUT_WEBGPU), ...(canvas ? WITH_CANVAS : [])],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
      FONTCONFIG_PATH: join(folder, 'fonts'),
    },
  });
}

/** The folder that holds the browser, unpacking it on first use. */
async function unpacked(): Promise<string> {
  // The entry is <package>/build/cjs/index.cjs; the package does not export its package.json.
  const source = dirname(dirname(dirname(createRequire(import.meta.url).resolve(PACKAGE))));
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
  const caches = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(caches, 'neuroformer-webgpu', `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  // Unpacked beside the folder and renamed, so that nobody starts half a browser.
  const partial = await mkdtemp(`${folder}-`);
  try {
    await unpackInto(partial);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** The package unpacks into the system's temporary folder, and its libraries only where it believes it is needed. */
async function unpackInto(folder: string): Promise<void> {
  const wanted = { TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' };
  const before = Object.keys(wanted).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, wanted);
  try {
    await packaged.executablePath();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

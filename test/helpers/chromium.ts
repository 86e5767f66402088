/**
 * A headless Chromium from npm alone, whose WebGPU runs on SwiftShader.
 *
 * The package `@sparticuz/chromium` holds the browser and the libraries that a bare system lacks
 * (NSS, NSPR, expat). It is unpacked once, into the user's cache folder.
 */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import packaged from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const PACKAGE = '@sparticuz/chromium';
/**
 * The package is built for a service that sandboxes it; elsewhere, root can start it only without
 * its own sandbox.
 */
const FLAGS = ['--no-sandbox'];
const WITH_WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
/**
 * Presents what WebGPU draws on a canvas without a GPU: all of the browser's drawing goes through
 * SwiftShader's Vulkan.
 */
const WITH_CANVAS = [
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-angle=swiftshader',
];
const WITHOUT_WEBGPU = ['--disable-features=WebGPU', '--disable-blink-features=WebGPU'];

/**
 * Starts the browser.
 *
 * @param webgpu whether pages of secure origins, such as http://localhost, have WebGPU.
 * @param canvas whether pages draw on a canvas with it.
 */
export async function launchChromium({ webgpu = true, canvas = false } = {}): Promise<Browser> {
  const folder = await unpackedFolder();
  await findOwnFonts(folder);
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

/** Configures the fonts of the package where they are: it looks for them in /tmp alone. */
async function findOwnFonts(folder: string): Promise<void> {
  const file = join(folder, 'fonts', 'fonts.conf');
  const configuration = `<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;
  if ((await readFile(file, 'utf8')) === configuration) return;
  // Renamed, so that no browser reads a part of it.
  const partial = `${file}-${process.pid}`;
  await writeFile(partial, configuration);
  await rename(partial, file);
}

/** The folder of the unpacked browser; unpacks it on first use. */
async function unpackedFolder(): Promise<string> {
  // The package does not export its package.json, so it is found from the entry,
  // <package>/build/cjs/index.cjs.
  const source = dirname(dirname(dirname(createRequire(import.meta.url).resolve(PACKAGE))));
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
  const caches = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(caches, 'neuroformer-webgpu', `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  // Unpacked under another name and renamed, so that no test starts an incomplete browser.
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

/**
 * Unpacks into a folder. The package uses TMPDIR, and unpacks its libraries only if it detects AWS
 * Lambda.
 */
async function unpackInto(folder: string): Promise<void> {
  const overrides = { TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' };
  const originals = Object.keys(overrides).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, overrides);
  try {
    await packaged.executablePath();
  } finally {
    for (const [name, value] of originals) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/**
 * SwiftShader, a Vulkan driver that runs on the CPU, from the npm package `@sparticuz/chromium`. It
 * is unpacked once into the user's cache folder, and runs only on Linux x64. It is a development
 * dependency that the tests compare the CPU device (src/cpu) against; a user without a GPU runs on
 * the CPU device.
 */

import { constants as fsConstants } from 'node:fs';
import {
  access,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
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
/**
 * glibc's RTLD_NODELETE keeps the library loaded although Node closes it, as it finds no addon in
 * it.
 */
const RTLD_NODELETE = 0x1000;

/** Why SwiftShader cannot run here, in words for the user; undefined where it can. */
export function swiftShaderUnavailable(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `it runs only on Linux on x64, not on ${process.platform} on ${process.arch}`;
  }
  if (!packageFolder()) {
    return `the development package ${PACKAGE} is not installed: npm install --save-dev ${PACKAGE}@147.0.0 tar-fs`;
  }
  return undefined;
}

/**
 * Runs `create`; a WebGPU instance that it creates finds SwiftShader as its only Vulkan driver.
 *
 * @throws Error where SwiftShader cannot run here, or cannot be unpacked; the message names the
 *   folders tried.
 */
export async function withSwiftShader<T>(create: () => Promise<T>): Promise<T> {
  const unavailable = swiftShaderUnavailable();
  if (unavailable) throw new Error(`SwiftShader is not available: ${unavailable}.`);
  const folder = await driverFolder();
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
    // The package does not export its package.json; its entry is <package>/build/cjs/index.cjs.
    return dirname(dirname(dirname(require.resolve(PACKAGE))));
  } catch {
    return undefined;
  }
}

/** The folder of the driver, which is unpacked on first use. */
async function driverFolder(): Promise<string> {
  const source = packageFolder()!;
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
  const archive = join(source, 'bin', 'swiftshader.tar.br');
  const roots = [
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'neuroformer-webgpu'),
    join(tmpdir(), `neuroformer-webgpu-${process.getuid!()}`),
  ];
  const failures: string[] = [];
  for (const root of roots) {
    const folder = join(root, `swiftshader-${version}`);
    try {
      const isUsable = await expectOwn(folder).then(
        () => exists(join(folder, ICD)),
        () => false,
      );
      if (isUsable) return folder;
      await rm(folder, { recursive: true, force: true });
      await unpack(archive, folder);
      await expectOwn(folder);
      return folder;
    } catch (error) {
      failures.push(`${folder}: ${(error as Error).message}`);
    }
  }
  throw new Error(`SwiftShader could not be unpacked. ${failures.join('; ')}.`);
}

/**
 * Expects that nobody but this user, and root, can have written what is in a folder, or can put
 * something else in its place: a library runs with all rights of whoever loads it.
 *
 * @throws Error naming what others can write.
 */
export async function expectOwn(folder: string): Promise<void> {
  const uid = process.getuid!();
  const real = await realpath(folder);
  const inside = await readdir(real, { recursive: true });
  for (const path of [real, ...inside.map((name) => join(real, name))]) {
    const { uid: owner, mode } = await lstat(path);
    const isLink = (mode & fsConstants.S_IFMT) === fsConstants.S_IFLNK;
    if ((owner !== uid && owner !== 0) || isLink || (mode & WRITABLE_BY_OTHERS) !== 0)
      throw new Error(`others than you can write ${path}, so no library is loaded from there`);
  }
  // In a sticky folder, such as /tmp, only the owner of an entry can replace it.
  for (let path = dirname(real); ; path = dirname(path)) {
    const { uid: owner, mode } = await lstat(path);
    const isShared = (mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0;
    if ((owner !== uid && owner !== 0) || isShared)
      throw new Error(
        `others than you can replace what is in ${path}, so no library is loaded from there`,
      );
    if (path === dirname(path)) return;
  }
}

/** Bits of a mode: the group, or everyone, can write. */
const WRITABLE_BY_OTHERS = 0o022;
/** Bit of a mode: only its owner can remove or rename an entry of the folder. */
const STICKY = 0o1000;

/**
 * Unpacks into a temporary folder and renames it, so that another process never sees a part of the
 * driver.
 */
async function unpack(archive: string, folder: string): Promise<void> {
  const { default: tar } = await import('tar-fs');
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  const partial = await mkdtemp(`${folder}-`);
  try {
    const bytes = await promisify(brotliDecompress)(await readFile(archive));
    // As root, files would become those of whoever packed them.
    const [uid, gid] = [process.getuid!(), process.getgid!()];
    const unpacked = tar.extract(partial, {
      map: (header) => Object.assign(header, { uid, gid, mode: (header.mode ?? 0) & 0o700 }),
    });
    await pipeline(Readable.from([bytes]), unpacked);
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
      ({ size }) => size > 0,
      () => false,
    );
}

/**
 * Loads SwiftShader's libvulkan.so.1. Dawn opens that library by name, and finds the loaded one
 * where the system has none.
 */
function loadVulkanLoader(path: string): void {
  const { RTLD_NOW, RTLD_GLOBAL } = osConstants.dlopen;
  try {
    process.dlopen({ exports: {} }, path, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  } catch (error) {
    // "Module did not self-register" is expected, as the library is not a Node addon.
    if (!/self-register/.test(String(error))) throw error;
  }
}

/** Installs the compared libraries into their own folder, at the versions of its lock file. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The source folder of this file, which runs as dist/bench/peers/install.js. */
export const FOLDER = fileURLToPath(new URL('../../../bench/peers/', import.meta.url));

const require = createRequire(join(FOLDER, 'package.json'));

/**
 * Installs missing packages, about 330 MB on disk, without running their install scripts.
 *
 * @throws Error where npm fails.
 */
export function installPeers(): void {
  const lock = readFileSync(join(FOLDER, 'package-lock.json'), 'utf8');
  const packages = Object.keys(JSON.parse(lock).packages).filter((path) => path !== '');
  if (packages.every((path) => existsSync(join(FOLDER, path, 'package.json')))) return;
  console.error('installing the libraries to compare with (bench/peers/package.json) ...');
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0)
    throw new Error(
      'npm could not install the libraries to compare with; its messages are above. It needs the network once.',
    );
}

/** Loads a package from the folder. */
export function load<T>(name: string): T {
  return require(name) as T;
}

/** The version of an installed package. */
export function installedVersion(name: string): string {
  const path = join(FOLDER, 'node_modules', name, 'package.json');
  return JSON.parse(readFileSync(path, 'utf8')).version;
}

/** The path of a folder inside an installed package. */
export function packageFolder(name: string, folder: string): string {
  return join(FOLDER, 'node_modules', name, folder);
}

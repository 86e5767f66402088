/** The libraries beside ours: installed into a folder of their own, at the versions of its lock file. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The source folder: this file runs as dist/bench/peers/install.js. */
export const FOLDER = fileURLToPath(new URL('../../../bench/peers/', import.meta.url));

const require = createRequire(join(FOLDER, 'package.json'));

/**
 * Installs what is missing, about 330 MB on disk. No package's install script is run.
 *
 * @throws Error where npm does not succeed.
 */
export function installPeers(): void {
  const lock = readFileSync(join(FOLDER, 'package-lock.json'), 'utf8');
  const wanted = Object.keys(JSON.parse(lock).packages).filter((path) => path !== '');
  if (wanted.every((path) => existsSync(join(FOLDER, path, 'package.json')))) return;
  console.error('installing the libraries to compare with (bench/peers/package.json) ...');
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0)
    throw new Error(
      'npm could not install the libraries to compare with: see above. They need the network once.',
    );
}

/** A package of that folder. */
export function load<T>(name: string): T {
  return require(name) as T;
}

export function installedVersion(name: string): string {
  const path = join(FOLDER, 'node_modules', name, 'package.json');
  return JSON.parse(readFileSync(path, 'utf8')).version;
}

/** A folder of a package's files. */
export function packageFolder(name: string, inside: string): string {
  return join(FOLDER, 'node_modules', name, inside);
}

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectOwn, swiftShaderUnavailable } from '../../src/node/swiftshader.js';

describe.skipIf(swiftShaderUnavailable() !== undefined)('a folder to load a library from', () => {
  let root: string;
  let folder: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
    folder = join(root, 'cache', 'driver');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, 'lib.so'), '', { mode: 0o600 });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is one that its user alone can write', async () => {
    await expectOwn(folder);
  });

  it('is reached through a link that leads to such a folder', async () => {
    symlinkSync(folder, join(root, 'link'));
    await expectOwn(join(root, 'link'));
  });

  it.each([
    ['the folder', () => chmodSync(folder, 0o770), () => folder],
    ['a file in it', () => chmodSync(join(folder, 'lib.so'), 0o646), () => join(folder, 'lib.so')],
    [
      'the target of a link in it',
      () => symlinkSync('/tmp/other.so', join(folder, 'other.so')),
      () => join(folder, 'other.so'),
    ],
  ])('is refused where others can write %s', async (_, change, path) => {
    change();
    await expect(expectOwn(folder)).rejects.toThrow(
      `others than you can write ${path()}, so no library is loaded from there`,
    );
  });

  it('is refused where others can replace it, unless the folder around it is sticky', async () => {
    const around = join(root, 'cache');
    chmodSync(around, 0o777);
    await expect(expectOwn(folder)).rejects.toThrow(`replace what is in ${around}`);
    chmodSync(around, 0o1777);
    await expectOwn(folder);
  });
});

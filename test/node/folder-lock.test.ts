import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskStore } from '../../src/node/disk-store.js';

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'neuroformer-'));
  folder = join(root, 'run');
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a lock as a process writes it. */
function leaveLock(holder: object): void {
  mkdirSync(folder, { recursive: true });
  const facts = {
    pid: process.pid,
    host: hostname(),
    since: '2026-01-02T03:04:05.000Z',
    ...holder,
  };
  writeFileSync(join(folder, '.lock'), JSON.stringify(facts));
}

/** The number of a process that no longer runs. */
function endedProcess(): number {
  return Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
}

describe('a locked folder', () => {
  it('says which process locked it, and is no different otherwise', async () => {
    const lock = await diskStore(folder).lock();
    expect(JSON.parse(readFileSync(join(folder, '.lock'), 'utf8'))).toMatchObject({
      pid: process.pid,
      host: hostname(),
    });
    await diskStore(folder).write('run.json', '{}');
    expect(await diskStore(folder).list()).toEqual(['run.json']);
    await lock.release();
    expect(readdirSync(folder)).toEqual(['run.json']);
  });

  it('is gone on release where it did not exist before and holds nothing', async () => {
    await (await diskStore(folder).lock()).release();
    expect(existsSync(folder)).toBe(false);
    mkdirSync(folder);
    await (await diskStore(folder).lock()).release();
    expect(existsSync(folder)).toBe(true);
  });

  it('is refused to the same process, and to another one, until it is released', async () => {
    const lock = await diskStore(folder).lock();
    await expect(diskStore(folder).lock()).rejects.toThrow(
      new RegExp(
        `^${folder} is in use: process ${process.pid} of this computer \\(since .+\\) trains into it\\. Wait for it to end, stop it, or choose another folder\\.$`,
      ),
    );
    await lock.release();
    await (await diskStore(folder).lock()).release();
  });

  it('is refused while another process has it, and taken over when that was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    leaveLock({ pid: child.pid });
    await expect(diskStore(folder).lock()).rejects.toThrow(`process ${child.pid} of this computer`);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const lock = await diskStore(folder).lock();
    expect(lock.note).toBe(
      `${folder} was left locked by process ${child.pid}, which no longer runs: taken over.`,
    );
    await lock.release();
  });

  it('is taken over from an earlier process with the number of this one', async () => {
    leaveLock({});
    const lock = await diskStore(folder).lock();
    expect(lock.note).toContain(`process ${process.pid}, which no longer runs`);
    await lock.release();
  });

  it('is never taken over from another computer: whether it runs cannot be seen', async () => {
    leaveLock({ pid: endedProcess(), host: 'node-17' });
    await expect(diskStore(folder).lock()).rejects.toThrow(
      /process \d+ on node-17 \(since 2026-01-02T03:04:05.000Z\) trains into it\. .+ If it no longer runs, remove .+\.lock\.$/,
    );
  });

  it('is refused where the lock is none of ours', async () => {
    leaveLock({});
    writeFileSync(join(folder, '.lock'), 'something else');
    await expect(diskStore(folder).lock()).rejects.toThrow('another process');
    expect(readFileSync(join(folder, '.lock'), 'utf8')).toBe('something else');
  });
});

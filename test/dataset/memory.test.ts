import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { useFolders } from '../helpers/dataset.js';
import { THOROUGH } from '../helpers/thorough.js';

const writeFolder = useFolders();

/** Runs a compiled program of this folder in a process of its own; returns the JSON it prints. */
function run(program: string, ...args: string[]) {
  const file = fileURLToPath(new URL(`../../dist/test/dataset/${program}.js`, import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [file, ...args], { encoding: 'utf8' }));
}

/** The length of the recording. */
const SECONDS = 3600;
/** The memory that the process that reads it may use. */
const MEGABYTES = 1000;

describe.runIf(THOROUGH)(`${SECONDS / 60} minutes of 2,000 neurons`, () => {
  let path: string;
  let spikesWritten: number;
  beforeAll(() => {
    path = join(writeFolder({}), 'long.nwb');
    spikesWritten = run('write-long-recording', path, String(SECONDS)).spikes;
  });

  it(`are inspected and cut into windows with less than ${MEGABYTES} MB`, () => {
    const result = run('read-long-recording', path);
    expect(spikesWritten).toBeGreaterThan(9990 * SECONDS);
    expect(result.neurons).toBe(2000);
    expect(result.spikes).toBe(spikesWritten);
    expect(result.seconds).toBeCloseTo(SECONDS, 1);
    expect(result.windows).toBeGreaterThan(20 * SECONDS - 10);
    // Spikes after the end of the last complete window are in none.
    expect(result.spikesInWindows).toBeGreaterThan(0.999 * spikesWritten);
    expect(result.megabytes).toBeLessThan(MEGABYTES);
  });
});

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { useFolders } from '../helpers/dataset.js';
import { THOROUGH } from '../helpers/thorough.js';

const writeFolder = useFolders();
/** The URL of a compiled module, as a string literal of a script. */
const built = (file: string) =>
  JSON.stringify(fileURLToPath(new URL(`../../dist/src/${file}`, import.meta.url)));

/** Runs a script in a process of its own and returns the JSON that it prints. */
function run(script: string, ...args: string[]) {
  const options = ['--input-type=module', '-e', script, ...args];
  return JSON.parse(execFileSync(process.execPath, options, { encoding: 'utf8' }));
}

/** The length of the recording. */
const SECONDS = 3600;
/** The memory that the process that reads it may use. */
const MEGABYTES = 1000;

/** Writes an NWB file with 2,000 neurons of 1 to 9 Hz, and a running speed. */
const WRITE = `
const { writeFileSync } = await import('node:fs');
const { encodeNwb } = await import(${built('formats/write-nwb.js')});
const { HostRandom } = await import(${built('math/random.js')});
const random = new HostRandom(1);
const units = Array.from({ length: 2000 }, (_, neuron) => {
  const count = Math.round(${SECONDS} * (1 + (8 * neuron) / 1999));
  return Float64Array.from({ length: count }, () => ${SECONDS} * random.uniform()).sort();
});
const bytes = await encodeNwb({
  description: '2,000 neurons, random.',
  started: '2026-01-01T00:00:00Z',
  units,
  series: [{
    name: 'speed', description: '', unit: 'cm/s',
    data: Float64Array.from({ length: ${20 * SECONDS} }, (_, n) => Math.sin(n / 50)),
    timestamps: Float64Array.from({ length: ${20 * SECONDS} }, (_, n) => n / 20),
  }],
});
writeFileSync(process.argv[1], bytes);
console.log(JSON.stringify({ spikes: units.reduce((sum, times) => sum + times.length, 0) }));`;

/** Reads the file and cuts it into windows. */
const READ = `
const { openDataset } = await import(${built('node/dataset.js')});
const { summarizeRecording } = await import(${built('analyze/overview.js')});
const { Windows } = await import(${built('recording/windows.js')});
const { tokenizerFor, windowSettings } = await import(${built('neuroformer/batch.js')});
const { parseConfig } = await import(${built('neuroformer/config.js')});
const { recording } = await openDataset(process.argv[1]);
const { config } = parseConfig({ window: { curr: 0.05, prev: 0.15 }, block_size: { id: 700, prev_id: 1900 } });
const windows = new Windows(recording, windowSettings(config, tokenizerFor(config, recording)));
const refs = windows.windowsInTrial(0);
const spikesInWindows = refs.reduce((sum, ref) => sum + windows.spikes(ref).current, 0);
const { neurons, spikes, seconds } = summarizeRecording(recording);
const { maxRSS } = process.resourceUsage();
console.log(JSON.stringify({ neurons, spikes, seconds, windows: refs.length, spikesInWindows, megabytes: maxRSS / 1e3 }));`;

describe.runIf(THOROUGH)(`${SECONDS / 60} minutes of 2,000 neurons`, () => {
  let path: string;
  let spikesWritten: number;
  beforeAll(() => {
    path = join(writeFolder({}), 'long.nwb');
    spikesWritten = run(WRITE, path).spikes;
  });

  it(`are inspected and cut into windows with less than ${MEGABYTES} MB`, () => {
    const result = run(READ, path);
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

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The beginning of every program. */
const PREAMBLE = `
import { requestCpuDevice } from './index.js';
const device = await requestCpuDevice({ threads: 8 });
const code = \`
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3u) { values[id.x] = 1; }
@compute @workgroup_size(1) fn far(@builtin(workgroup_id) id: vec3u) {
  if (id.x == 5000) { values[values[0] << 29] = 1; }
}\`;
const module = device.createShaderModule({ code });
const buffer = device.createBuffer({ size: 65536, usage: 0x84 });
function run(entryPoint) {
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } });
  const layout = pipeline.getBindGroupLayout(0);
  const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(10000);
  pass.end();
  device.queue.submit([encoder.finish()]);
}
`;

describe('a process', () => {
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'neuroformer-process-'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    await build({
      entryPoints: [file('../../../src/cpu/index.ts'), file('../../../src/cpu/threads/worker.ts')],
      entryNames: '[name]',
      outdir: folder,
      bundle: true,
      platform: 'neutral',
      format: 'esm',
      external: ['node:*'],
      logLevel: 'silent',
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a program, which must exit by itself without an error, and returns its output. */
  async function output(program: string): Promise<string> {
    const path = join(folder, 'program.js');
    writeFileSync(path, PREAMBLE + program);
    const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 30_000 });
    return stdout.trim();
  }

  it('exits even if its device was not destroyed', async () => {
    expect(await output(`console.log('done');`)).toBe('done');
  });

  it('exits even if lists are in flight', async () => {
    expect(await output(`run('main'); console.log('done');`)).toBe('done');
  });

  it('does not exit while it waits for work', async () => {
    const program = `run('main'); await device.queue.onSubmittedWorkDone(); console.log('done');`;
    expect(await output(program)).toBe('done');
  });

  it('learns of a failure in any thread while it waits for work', async () => {
    const program = `
run('main');
run('far');
await device.queue.onSubmittedWorkDone();
console.log((await device.lost).message);`;
    for (let n = 0; n < 5; n++)
      expect(await output(program)).toBe('kernel far failed: memory access out of bounds');
  });

  it('exits after its device was destroyed during work', async () => {
    const program = `
for (let n = 0; n < 100; n++) run('main');
device.destroy();
console.log((await device.lost).reason);`;
    expect(await output(program)).toBe('destroyed');
  });
});
